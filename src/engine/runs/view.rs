//! What may be seen of runbooks and their runs: read-only, in the shapes of the API.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Book, Done, Refusal, Run, Runs, State, Tally, WEEK_NS, words};
use crate::engine::alerts::AlertRecord;
use crate::engine::plan::{Plan, RunbookPlan};
use crate::model::{Now, rfc3339};
use crate::runbook::{Call, CommandCall, Occasion, Params, StepKey};

/// One element of `GET /api/v1/runs`
#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    pub id: String,
    pub runbook: String,
    pub target: String,
    /// `waits_for_approval`, `waiting`, `running`, `succeeded`, `failed`, `timed_out`, `unknown` or `refused`
    pub state: &'static str,
    /// The whole of it in a sentence.
    pub text: String,
    pub parameters: Params,
    pub alert: Option<String>,
    pub service: String,
    /// What the page says.
    pub summary: String,
    /// `trigger`, or a person's name.
    pub by: String,
    pub approved_by: Option<String>,
    pub approval_until: Option<String>,
    pub asked_at: String,
    pub began_at: Option<String>,
    pub ended_at: Option<String>,
    pub steps: Vec<StepView>,
    /// `helped`, `did_not_help`, `worse`, `unclear`; nothing while it is watched, and where there is no alert.
    pub verdict: Option<&'static str>,
    pub verdict_reason: Option<String>,
    /// Somebody has to look at how it ended.
    pub needs_a_person: bool,
    pub settled_by: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    pub key: String,
    pub name: String,
    pub began_at: String,
    pub ended_at: Option<String>,
    /// `running`, `succeeded`, `failed`, `timed_out`, `unknown`
    pub outcome: &'static str,
    pub reason: String,
    pub output: String,
}

/// One element of `GET /api/v1/runbooks`
#[derive(Clone, Debug, Serialize)]
pub struct RunbookView {
    pub name: String,
    pub description: String,
    pub declared_at: String,
    pub triggers: usize,
    pub steps: Vec<String>,
    pub parameters: Vec<String>,
    pub needs_approval: bool,
    pub destructive: bool,
    #[serde(flatten)]
    pub tally: Tally,
    /// Percent of the runs that were judged; nothing where none was.
    pub helped_percent: Option<u64>,
    /// In the last seven days.
    pub runs_in_a_week: usize,
    /// What people would have needed for the runs that helped.
    pub saved_s: u64,
    pub stopped_until: Option<String>,
    pub stopped_reason: Option<String>,
    pub is_helping: bool,
}

impl Run {
    fn state_word(&self) -> &'static str {
        match &self.state {
            State::Asked { .. } => "waits_for_approval",
            State::Waiting => "waiting",
            State::Doing { .. } | State::Next { .. } => "running",
            State::Ended { end, .. } => end.as_str(),
            State::Refused { .. } => "refused",
        }
    }

    /// Without what its steps said, as lists have it.
    pub(in crate::engine) fn short_view(&self) -> RunView {
        self.view_with(|_| String::new())
    }

    pub(in crate::engine) fn view(&self) -> RunView {
        self.view_with(|done| done.outcome.output.clone())
    }

    fn view_with(&self, output: impl Fn(&Done) -> String) -> RunView {
        let time = |at: Now| rfc3339(at.0);
        let done = self.steps.iter().map(|done| StepView {
            key: done.key.to_string(),
            name: done.name.clone(),
            began_at: time(done.began),
            ended_at: Some(time(done.ended)),
            outcome: done.outcome.end.as_str(),
            reason: done.outcome.why.clone(),
            output: output(done),
        });
        let mut steps: Vec<StepView> = done.collect();
        if let State::Doing { since, step } = &self.state
            && !self.has_done_step()
        {
            steps.push(StepView {
                key: step.key.to_string(),
                name: step.name.clone(),
                began_at: time(*since),
                ended_at: None,
                outcome: "running",
                reason: String::new(),
                output: String::new(),
            });
        }
        RunView {
            id: self.id.clone(),
            runbook: self.runbook.clone(),
            target: self.target.clone(),
            state: self.state_word(),
            text: words::outcome(self),
            parameters: self.params.clone(),
            alert: Some(self.occasion.alert.clone()).filter(|alert| !alert.is_empty()),
            service: self.occasion.service.clone(),
            summary: self.occasion.summary.clone(),
            by: if self.by.is_empty() { "trigger".to_owned() } else { self.by.clone() },
            approved_by: self.approved_by.clone(),
            approval_until: self.approval_until().map(time),
            asked_at: time(self.asked),
            began_at: self.began.map(time),
            ended_at: self.ended.map(time),
            steps,
            verdict: self.judgement.as_ref().map(|one| one.verdict.as_str()),
            verdict_reason: self.judgement.as_ref().map(|one| one.why.clone()),
            needs_a_person: self.waits_for_a_person(),
            settled_by: self.settled_by.clone(),
        }
    }
}

/// Runs that are not done with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    pub for_approval: usize,
    pub waiting: usize,
    pub under_way: usize,
    pub need_a_person: usize,
}

impl Runs {
    pub(in crate::engine) fn counts(&self) -> RunCounts {
        let mut counts = RunCounts::default();
        for run in &self.runs {
            match run.state {
                State::Asked { .. } => counts.for_approval += 1,
                State::Waiting => counts.waiting += 1,
                State::Doing { .. } | State::Next { .. } => counts.under_way += 1,
                State::Ended { .. } | State::Refused { .. } => {}
            }
            counts.need_a_person += usize::from(run.waits_for_a_person());
        }
        counts
    }

    pub(in crate::engine) fn runbook_view(&self, one: &RunbookPlan, now: Now) -> RunbookView {
        let (none, runbook) = (Book::default(), &one.runbook);
        let book = self.books.get(&runbook.name).unwrap_or(&none);
        let stopped = book.stopped.as_ref().filter(|(until, _)| now < *until);
        RunbookView {
            name: runbook.name.clone(),
            description: runbook.description.clone(),
            declared_at: runbook.declared_at.clone(),
            triggers: runbook.triggers.len(),
            steps: runbook
                .steps
                .iter()
                .map(|step| format!("{} ({})", step.name, step.action.kind()))
                .collect(),
            parameters: runbook.params.iter().map(|param| param.name.clone()).collect(),
            needs_approval: runbook.approval.is_some(),
            destructive: runbook.is_destructive,
            tally: book.tally,
            helped_percent: book.tally.helped_percent(),
            runs_in_a_week: book.recent.iter().filter(|at| now.0 < at.0.saturating_add(WEEK_NS)).count(),
            saved_s: book.tally.helped.saturating_mul(runbook.manual_s),
            stopped_until: stopped.map(|(until, _)| rfc3339(until.0)),
            stopped_reason: stopped.map(|(_, why)| why.clone()),
            is_helping: !book.is_reported,
        }
    }
}

/// `POST /api/v1/runbooks/NAME/dry-run`: what would be called, step by step.
#[derive(Clone, Debug, Serialize)]
pub struct DryRun {
    pub runbook: String,
    pub target: String,
    pub parameters: Params,
    pub needs_approval: bool,
    pub steps: Vec<DryStep>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DryStep {
    pub name: String,
    pub kind: &'static str,
    #[serde(flatten)]
    pub call: CallView,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum CallView {
    Command {
        argv: Vec<String>,
        environment: BTreeMap<String, String>,
        /// Names alone.
        secrets: Vec<String>,
        stdin: String,
        user: Option<String>,
        folder: String,
    },
    Http {
        method: String,
        url: String,
        headers: BTreeMap<String, String>,
        /// The header that has a secret, which is not shown.
        secret_header: Option<String>,
        signed: bool,
        body: String,
    },
}

impl CallView {
    fn of(call: Call) -> Self {
        match call {
            Call::Command(CommandCall { argv, env, secrets, stdin, user, folder, .. }) => {
                Self::Command { argv, environment: env.into_iter().collect(), secrets, stdin, user, folder }
            }
            Call::Http(http) => Self::Http {
                method: http.method,
                url: http.url,
                headers: http.headers.into_iter().collect(),
                secret_header: http.secret_header.map(|(name, _)| name),
                signed: http.is_signed,
                body: http.body,
            },
        }
    }
}

impl Runs {
    pub(in crate::engine) fn dry_run(
        &self,
        plan: &Plan,
        (name, given): (&str, &Params),
        (wanted, alert): (&str, Option<&AlertRecord>),
    ) -> Result<DryRun, Refusal> {
        let Some(one) = plan.runbooks.iter().find(|one| one.runbook.name == name) else {
            return Err(Refusal::NotFound(format!("there is no runbook {name}")));
        };
        if !wanted.is_empty() && alert.is_none() {
            return Err(Refusal::NotFound(format!("there is no alert {wanted}")));
        }
        let (runbook, occasion) = (&one.runbook, alert.map_or_else(Occasion::default, AlertRecord::occasion));
        let parameters = runbook.values(given, &occasion).map_err(Refusal::Invalid)?;
        let mut steps = Vec::new();
        for step in 0..runbook.steps.len() as u32 {
            let key = StepKey { run: "run_dry".to_owned(), step, attempt: 1 };
            let Some(call) = runbook.call(key, &parameters, &occasion) else { break };
            let call = call.map_err(Refusal::Invalid)?;
            let kind = call.call.kind();
            steps.push(DryStep { name: call.name, kind, call: CallView::of(call.call) });
        }
        let target = runbook.target_of(&parameters, &occasion).to_owned();
        let needs_approval = runbook.approval.is_some();
        Ok(DryRun { runbook: name.to_owned(), target, parameters, needs_approval, steps })
    }
}
