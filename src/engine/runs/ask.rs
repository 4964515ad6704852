//! What people ask for: to run, to agree or not, to have seen, to go on.

use borsh::{BorshDeserialize, BorshSerialize};

use super::advance::{CHANGED, find};
use super::decide::{id_of, proposed};
use super::{Run, RunFact, RunWhat, Runs, State};
use crate::engine::alerts::AlertRecord;
use crate::engine::fact::Subject;
use crate::engine::plan::Plan;
use crate::model::{Now, SECOND_NS};
use crate::runbook::{Approval, Occasion, Params};

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Ask {
    Start {
        runbook: String,
        params: Params,
        /// `alt_…`; empty: about none.
        alert: String,
        by: String,
    },
    Approve {
        run: String,
        by: String,
        /// Of the signed link, which says nobody's name: until when it is good, in seconds since 1970.
        link_until_s: Option<u64>,
    },
    Deny {
        run: String,
        by: String,
    },
    /// Somebody has looked at a run that did not end well.
    Settle {
        run: String,
        by: String,
        note: String,
    },
    /// A runbook that was stopped may start by itself again.
    Resume {
        runbook: String,
        by: String,
    },
}

/// What came of it, as it is told once it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The run's id, or the runbook's name.
    Done(String),
    Refused(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotFound(String),
    /// It is not in a state for that.
    Conflict(String),
    Forbidden(String),
    Invalid(String),
}

impl Runs {
    pub(in crate::engine) fn asked(
        &self,
        plan: &Plan,
        now: Now,
        ask: &Ask,
        alert: Option<&AlertRecord>,
    ) -> Result<RunFact, Refusal> {
        match ask {
            Ask::Start { runbook, params, alert: wanted, by } => {
                if !wanted.is_empty() && alert.is_none() {
                    return Err(Refusal::NotFound(format!("there is no alert {wanted}")));
                }
                self.start(plan, now, (runbook, params, by), alert)
            }
            Ask::Approve { run, by, link_until_s } => {
                let run = self.waiting_for_approval(run, now)?;
                may_approve(plan, run, by, link_until_s.is_some())?;
                let is_of_before = link_until_s.is_some_and(|until_s| {
                    run.approval_until().is_none_or(|until| until.0 / SECOND_NS != until_s)
                });
                if is_of_before {
                    return Err(Refusal::Forbidden("the link is of an earlier request".to_owned()));
                }
                if let Some(why) = self.is_stopped(&run.runbook, now).filter(|_| run.by.is_empty()) {
                    return Err(Refusal::Conflict(why));
                }
                if find(plan, run).is_none() {
                    return Err(Refusal::Conflict(CHANGED.to_owned()));
                }
                let (by, via) = if link_until_s.is_some() { ("link", "link") } else { (&**by, "api") };
                Ok(RunFact::of(run, RunWhat::Approved { by: by.to_owned(), via }))
            }
            Ask::Deny { run, by } => {
                let run = self.waiting_for_approval(run, now)?;
                may_approve(plan, run, by, false)?;
                let why = format!("{by} does not want it");
                Ok(RunFact::of(run, RunWhat::Denied { by: by.clone(), why }))
            }
            Ask::Settle { run, by, note } => {
                let run = self.found(run)?;
                if !run.waits_for_a_person() {
                    return Err(Refusal::Conflict(format!("{} waits for nobody", run.id)));
                }
                Ok(RunFact::of(run, RunWhat::Settled { by: by.clone(), note: note.clone() }))
            }
            Ask::Resume { runbook, by } => {
                let book = self.books.get(runbook);
                if !book.is_some_and(|book| book.stopped.is_some() || book.is_reported) {
                    known(plan, runbook)?;
                    return Err(Refusal::Conflict(format!("{runbook} is not stopped")));
                }
                let (run, target) = (String::new(), String::new());
                Ok(RunFact {
                    run,
                    runbook: runbook.clone(),
                    target,
                    what: RunWhat::Resumed { by: by.clone() },
                })
            }
        }
    }

    fn start(
        &self,
        plan: &Plan,
        now: Now,
        (name, given, by): (&str, &Params, &str),
        alert: Option<&AlertRecord>,
    ) -> Result<RunFact, Refusal> {
        let runbook = known(plan, name)?;
        let occasion = alert.map_or_else(Occasion::default, AlertRecord::occasion);
        let values = runbook.values(given, &occasion).map_err(Refusal::Invalid)?;
        let target = runbook.target_of(&values, &occasion).to_owned();
        if let Some(why) = self.is_busy(runbook, &target) {
            return Err(Refusal::Conflict(why));
        }
        if let Some(why) = runbook.refusal("", &values, &occasion) {
            return Err(Refusal::Invalid(why));
        }
        if !self.has_room(now) {
            return Err(Refusal::Conflict("too many runs are under way, wait or need a person".to_owned()));
        }
        let number = (self.last_ask + 1).to_string();
        let id = id_of(&[&occasion.dedup_key, name, "person", &number, &now.0.to_string()]);
        let (subject, group) = match alert {
            Some(alert) => (alert.subject.clone(), alert.group.clone()),
            None => (Subject::Runbook(name.to_owned()), Default::default()),
        };
        let mut run = Run { id, runbook: name.to_owned(), target, subject, group, ..Run::empty(now) };
        (run.identity, run.length) = (runbook.identity, runbook.steps.len() as u32);
        (run.params, run.occasion, run.by) = (values, occasion, by.to_owned());
        // Who may agree has agreed by asking.
        if let Some(approval) = &runbook.approval {
            match is_among(approval, by) {
                true => run.approved_by = Some(by.to_owned()),
                false => run.state = State::Asked { until: now.plus_ns(approval.expires_s * SECOND_NS) },
            }
        }
        Ok(proposed(run))
    }

    fn found(&self, id: &str) -> Result<&Run, Refusal> {
        self.run(id).ok_or_else(|| Refusal::NotFound(format!("there is no run {id}")))
    }

    fn waiting_for_approval(&self, id: &str, now: Now) -> Result<&Run, Refusal> {
        let run = self.found(id)?;
        match &run.state {
            State::Asked { until } if now < *until => Ok(run),
            State::Asked { .. } => Err(Refusal::Conflict(format!("nobody approved {id} in time"))),
            State::Refused { why } => Err(Refusal::Conflict(format!("{id} is not to run: {why}"))),
            _ => Err(Refusal::Conflict(format!("{id} waits for nobody's approval"))),
        }
    }
}

fn known<'p>(plan: &'p Plan, name: &str) -> Result<&'p crate::runbook::Runbook, Refusal> {
    let found = plan.runbooks.iter().find(|one| one.runbook.name == name);
    found.map(|one| &one.runbook).ok_or_else(|| Refusal::NotFound(format!("there is no runbook {name}")))
}

/// No names: whoever may operate.
fn is_among(approval: &Approval, by: &str) -> bool {
    approval.by.is_empty() || approval.by.iter().any(|one| one == by)
}

fn may_approve(plan: &Plan, run: &Run, by: &str, is_link: bool) -> Result<(), Refusal> {
    let Some(approval) = &known(plan, &run.runbook)?.approval else { return Ok(()) };
    if is_link && !approval.by.is_empty() {
        let text = format!(
            "{} is approved by {} alone, and a link says nobody's name",
            run.runbook,
            approval.by.join(", ")
        );
        return Err(Refusal::Forbidden(text));
    }
    if is_link || is_among(approval, by) {
        return Ok(());
    }
    Err(Refusal::Forbidden(format!("{} is approved by {} alone", run.runbook, approval.by.join(", "))))
}
