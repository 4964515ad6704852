//! What was decided about runs, in past tense.

use std::sync::Arc;

use serde::ser::SerializeMap;

use super::{Judgement, Measured, Run, State};
use crate::model::{EventTime, Now, rfc3339};
use crate::runbook::{Call, End, Outcome, StepCall, StepKey};

#[derive(Clone, Debug)]
pub struct RunFact {
    /// Empty where it is about the runbook.
    pub run: String,
    pub runbook: String,
    pub target: String,
    pub what: RunWhat,
}

#[derive(Clone, Debug)]
pub enum RunWhat {
    Proposed {
        run: Arc<Run>,
    },
    /// It is not to be. Without a run: one is there already, and that one stays.
    Refused {
        run: Option<Arc<Run>>,
        why: String,
    },
    Approved {
        by: String,
        via: &'static str,
    },
    Denied {
        by: String,
        why: String,
    },
    /// Before the call is made. With the clock of what the alert is about.
    StepBegan {
        step: Box<StepCall>,
        clock: EventTime,
        before: Option<Measured>,
    },
    StepEnded {
        key: StepKey,
        outcome: Outcome,
        /// The place of the next step, which attempt of it, and when.
        next: Option<(u32, u32, Now)>,
    },
    Ended {
        end: End,
        why: String,
        clock: EventTime,
    },
    Judged(Judgement),
    Stopped {
        until: Now,
        why: String,
    },
    Resumed {
        by: String,
    },
    NotHelping {
        why: String,
    },
    /// A person has looked at how it ended.
    Settled {
        by: String,
        note: String,
    },
}

impl PartialEq for RunFact {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl RunFact {
    pub(in crate::engine) fn of(run: &Run, what: RunWhat) -> Self {
        Self { run: run.id.clone(), runbook: run.runbook.clone(), target: run.target.clone(), what }
    }

    pub(in crate::engine) fn name(&self) -> &'static str {
        match self.what {
            RunWhat::Proposed { .. } => "run.proposed",
            RunWhat::Refused { .. } => "run.refused",
            RunWhat::Approved { .. } => "run.approved",
            RunWhat::Denied { .. } => "run.denied",
            RunWhat::StepBegan { .. } => "run.step_began",
            RunWhat::StepEnded { .. } => "run.step_ended",
            RunWhat::Ended { .. } => "run.ended",
            RunWhat::Judged(_) => "run.judged",
            RunWhat::Stopped { .. } => "runbook.stopped",
            RunWhat::Resumed { .. } => "runbook.resumed",
            RunWhat::NotHelping { .. } => "runbook.not_helping",
            RunWhat::Settled { .. } => "run.settled",
        }
    }

    pub(in crate::engine) fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("runbook", &self.runbook)?;
        if !self.run.is_empty() {
            map.serialize_entry("run", &self.run)?;
            map.serialize_entry("target", &self.target)?;
        }
        match &self.what {
            RunWhat::Proposed { run } => {
                map.serialize_entry("alert", &run.occasion.alert)?;
                map.serialize_entry("by", if run.by.is_empty() { "trigger" } else { &run.by })?;
                map.serialize_entry("parameters", &run.params)?;
                if let State::Asked { until } = run.state {
                    map.serialize_entry("needs_approval_until", &rfc3339(until.0))?;
                }
            }
            RunWhat::Refused { why, .. } | RunWhat::NotHelping { why } => {
                map.serialize_entry("reason", why)?
            }
            RunWhat::Approved { by, via } => {
                map.serialize_entry("by", by)?;
                map.serialize_entry("via", via)?;
            }
            RunWhat::Denied { by, why } => {
                map.serialize_entry("by", by)?;
                map.serialize_entry("reason", why)?;
            }
            RunWhat::StepBegan { step, .. } => {
                map.serialize_entry("key", &step.key.to_string())?;
                map.serialize_entry("step", &step.name)?;
                map.serialize_entry("kind", step.call.kind())?;
                match &step.call {
                    Call::Command(command) => map.serialize_entry("argv", &command.argv)?,
                    Call::Http(http) => map.serialize_entry("url", &http.url)?,
                }
            }
            RunWhat::StepEnded { key, outcome, .. } => {
                map.serialize_entry("key", &key.to_string())?;
                map.serialize_entry("outcome", outcome.end.as_str())?;
                map.serialize_entry("reason", &outcome.why)?;
            }
            RunWhat::Ended { end, why, .. } => {
                map.serialize_entry("outcome", end.as_str())?;
                map.serialize_entry("reason", why)?;
            }
            RunWhat::Judged(judgement) => {
                map.serialize_entry("verdict", judgement.verdict.as_str())?;
                map.serialize_entry("before", &judgement.before)?;
                map.serialize_entry("after", &judgement.after)?;
                map.serialize_entry("reason", &judgement.why)?;
            }
            RunWhat::Stopped { until, why } => {
                map.serialize_entry("until", &rfc3339(until.0))?;
                map.serialize_entry("reason", why)?;
            }
            RunWhat::Resumed { by } => map.serialize_entry("by", by)?,
            RunWhat::Settled { by, note } => {
                map.serialize_entry("by", by)?;
                map.serialize_entry("note", note)?;
            }
        }
        Ok(())
    }
}
