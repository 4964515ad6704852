//! Whether a run helped: the indicator before it and after it, by counts.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::{Run, RunFact, RunWhat, Runs, State, VERDICTS};
use crate::engine::plan::Plan;
use crate::model::{Now, Quotient, SECOND_NS};
use crate::runbook::End;

/// Before a run, so long is looked at: a longer time would have more of the good time before the trouble.
pub(in crate::engine) const BEFORE_S: u64 = 60;
/// Fewer bad events make nothing worse.
const BAD_MIN: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Verdict {
    Helped,
    DidNotHelp,
    Worse,
    /// Nothing came in by which it could be told.
    Unclear,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helped => "helped",
            Self::DidNotHelp => "did_not_help",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
        }
    }

    pub(in crate::engine) fn words(self) -> &'static str {
        match self {
            Self::Helped => "helped",
            Self::DidNotHelp => "did not help",
            Self::Worse => "made it worse",
            Self::Unclear => "unclear whether it helped",
        }
    }
}

/// Units of the indicator that the alert is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Measured {
    pub good: u64,
    pub bad: u64,
}

impl Measured {
    fn total(self) -> u128 {
        u128::from(self.good) + u128::from(self.bad)
    }

    /// The bad share of `self` is at most `over / under` of that of `other`.
    fn is_at_most(self, (over, under): (u128, u128), other: Self) -> bool {
        u128::from(self.bad) * other.total() * under <= u128::from(other.bad) * self.total() * over
    }

    /// As a decimal from 0 to 1.
    fn share(self) -> String {
        Quotient::new((u128::from(self.bad), 1), (self.total(), 1)).decimal()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    /// In the minute before the run.
    pub before: Measured,
    /// In the second half of the time that it was watched.
    pub after: Measured,
    pub why: String,
}

/// `closed`: the alert is over. `measured`: before and after, where the alert is about a service level.
pub(in crate::engine) fn judge(is_closed: bool, measured: Option<(Measured, Measured)>) -> Judgement {
    let Some((before, after)) = measured else {
        let (verdict, why) = match is_closed {
            true => (Verdict::Helped, "the alert is over"),
            false => (Verdict::DidNotHelp, "the alert is still open"),
        };
        let none = Measured::default();
        return Judgement { verdict, before: none, after: none, why: why.to_owned() };
    };
    let is_worse = after.bad >= BAD_MIN && !after.is_at_most((3, 2), before);
    let verdict = match () {
        () if after.total() == 0 || before.total() == 0 => Verdict::Unclear,
        () if is_worse => Verdict::Worse,
        () if is_closed || after.is_at_most((1, 2), before) => Verdict::Helped,
        () => Verdict::DidNotHelp,
    };
    let alert = if is_closed { "the alert is over" } else { "the alert is still open" };
    let why = format!("bad share {} before, {} after; {alert}", before.share(), after.share());
    Judgement { verdict, before, after, why }
}

impl Runs {
    /// Runs that have been watched for as long as they are to be.
    pub(in crate::engine) fn to_be_judged(&self, plan: &Plan, now: Now) -> Vec<&Run> {
        let is_due = |run: &&Run| {
            let may_have_done = matches!(run.state, State::Ended { end: End::Succeeded | End::Unknown, .. });
            let runbook = plan.runbooks.iter().find(|one| one.runbook.name == run.runbook);
            let (Some(ended), Some(one)) = (run.ended, runbook) else { return false };
            let is_over = ended.plus_ns(one.runbook.watch_s * SECOND_NS) <= now;
            may_have_done && run.judgement.is_none() && run.is_by_alert() && is_over
        };
        self.runs.iter().filter(is_due).collect()
    }

    /// Runs that are not watched to the end yet, and for long enough that harm can be told.
    pub(in crate::engine) fn watched(&self, plan: &Plan, now: Now) -> Vec<&Run> {
        let is_watched = |run: &&Run| {
            let may_have_done = matches!(run.state, State::Ended { end: End::Succeeded | End::Unknown, .. });
            let runbook = plan.runbooks.iter().find(|one| one.runbook.name == run.runbook);
            let (Some(ended), Some(one)) = (run.ended, runbook) else { return false };
            let since = ended.plus_ns(BEFORE_S * SECOND_NS)..ended.plus_ns(one.runbook.watch_s * SECOND_NS);
            may_have_done && run.judgement.is_none() && run.is_by_alert() && since.contains(&now)
        };
        self.runs.iter().filter(is_watched).collect()
    }

    /// What follows for the runbook from how runs of it ended and whether they helped.
    pub(in crate::engine) fn consequences(&self, plan: &Plan, now: Now, last: &RunFact) -> Vec<RunFact> {
        let Some(book) = self.books.get(&last.runbook) else { return Vec::new() };
        let Some(one) = plan.runbooks.iter().find(|one| one.runbook.name == last.runbook) else {
            return Vec::new();
        };
        let breaker = one.runbook.limits.breaker;
        let until = now.plus_ns(breaker.pause_s * SECOND_NS);
        let of_runbook =
            |what| RunFact { run: String::new(), runbook: last.runbook.clone(), target: String::new(), what };
        let mut facts = Vec::new();
        let is_stopped = book.stopped.as_ref().is_some_and(|(until, _)| now < *until);
        match &last.what {
            RunWhat::Judged(judgement) if judgement.verdict == Verdict::Worse && !is_stopped => {
                let why = format!("{} made it worse: {}", last.run, judgement.why);
                facts.push(of_runbook(RunWhat::Stopped { until, why }));
            }
            RunWhat::Ended { end, .. }
                if *end != End::Succeeded && !is_stopped && book.failures >= breaker.failures =>
            {
                let why = format!("{} runs in a row did not end well", book.failures);
                facts.push(of_runbook(RunWhat::Stopped { until, why }));
            }
            _ => {}
        }
        let helps_no_more = book.tally.helped > 0
            && book.verdicts.len() == VERDICTS
            && !book.verdicts.contains(&Verdict::Helped);
        if matches!(last.what, RunWhat::Judged(_)) && helps_no_more && !book.is_reported {
            let why = format!("it helped {} times, and none of the last {VERDICTS} times", book.tally.helped);
            facts.push(of_runbook(RunWhat::NotHelping { why }));
        }
        facts
    }
}
