//! Edge: files of OTLP export requests through the engine, by the event clock instead of ours. It reads and keeps
//! time; what is decided, the engine decides.
//!
//! One thread reads records, any number fold them ahead, and the caller's applies them in their order: the same bytes
//! whatever the number of workers.

mod clock;
mod frames;
mod lines;
mod progress;
mod record;
mod recordings;
mod source;
mod survey;
mod workers;

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::view::Counts;
use crate::engine::{Batch, Fact, Plan};
use crate::model::EventTime;
use clock::EventClock;
pub use progress::Progress;
pub use record::{Broken, RECORD_BYTES_MAX};
pub use recordings::{Heard, Notice, Played, Recordings, play};
pub use source::{Unusable, check, is_recording};
pub use survey::{Survey, survey};
use workers::Folded;

/// Threads that fold.
pub const WORKERS_MAX: usize = 64;

/// What is to be replayed, and how far.
#[derive(Clone, Debug)]
pub struct Replay {
    pub plan: Arc<Plan>,
    pub files: Vec<PathBuf>,
    /// Ends before the first request with an event after this time, and with time itself at it.
    pub until: Option<EventTime>,
    pub workers: usize,
    pub progress: Arc<Progress>,
}

/// How it went to the end.
#[derive(Debug)]
pub struct Replayed {
    pub counts: Counts,
    pub requests: u64,
    pub items: u64,
}

/// Hands out every fact in order; who has seen enough breaks. At a broken record it ends, and nothing after it counts.
pub fn replay(replay: &Replay, each: &mut dyn FnMut(&Fact) -> ControlFlow<()>) -> Result<Replayed, Broken> {
    let Replay { plan, until, .. } = replay;
    let mut clock = EventClock::new(plan.clone());
    let (mut requests, mut items, mut seen) = (0, 0, ControlFlow::Continue(()));
    workers::fold_all(replay, &mut |folded| {
        let Folded { batch, again } = folded?;
        if until.is_some_and(|until| batch.newest.is_some_and(|newest| newest > until)) {
            return Ok(ControlFlow::Break(()));
        }
        requests += 1;
        items += batch.items;
        replay.progress.add_items(batch.items);
        clock.apply(match again {
            Some(again) => again.fold(plan, clock.time().or(batch.newest))?,
            None => batch,
        });
        seen = clock.take_facts().try_for_each(|fact| each(&fact));
        Ok(seen)
    })?;
    if seen.is_continue() {
        clock.finish(*until);
        let _enough = clock.take_facts().try_for_each(|fact| each(&fact));
    }
    Ok(Replayed { counts: clock.counts(), requests, items })
}

/// Hands out every request, folded, in order; nothing is decided.
pub fn requests(replay: &Replay, each: &mut dyn FnMut(Batch)) -> Result<(), Broken> {
    let mut newest = None;
    workers::fold_all(replay, &mut |folded| {
        let Folded { batch, again } = folded?;
        let clock = newest.or(batch.newest);
        newest = newest.max(batch.newest);
        replay.progress.add_items(batch.items);
        each(match again {
            Some(again) => again.fold(&replay.plan, clock)?,
            None => batch,
        });
        Ok(ControlFlow::Continue(()))
    })
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests with {} items", self.requests, self.items)
    }
}
