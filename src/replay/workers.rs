//! Records folded ahead, handed over in their order: record n goes to worker n modulo their number, and comes from
//! there. All queues are short, so the memory is that of a few requests a worker.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::record::{Broken, Place, Record};
use super::{Replay, source};
use crate::decode::signal_of;
use crate::engine::{Batch, Plan, Request, fold_replayed};
use crate::model::{EventTime, Now, Signal};

/// Records that may wait for a worker, and batches for the one who applies them.
const AHEAD_MAX: usize = 2;
/// Always the same, so that every replay hashes alike. Who replays a file has no stranger's names to fear.
const KEY: u64 = u64::from_be_bytes(*b"evenkeel");

/// What a worker made of a record.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) batch: Batch,
    /// The request holds items without a time, and only the event clock knows theirs.
    pub(super) again: Option<Again>,
}

/// A request that is to be folded by the clock.
#[derive(Debug)]
pub(super) struct Again {
    record: Record,
    signal: Signal,
}

type Work = Result<Record, Broken>;
type Done = Result<Folded, Broken>;

/// Until the records end, or `each` wants no more.
pub(super) fn fold_all(
    replay: &Replay,
    each: &mut dyn FnMut(Done) -> Result<ControlFlow<()>, Broken>,
) -> Result<(), Broken> {
    thread::scope(|scope| {
        let (mut to, mut from) = (Vec::new(), Vec::new());
        for _ in 0..replay.workers.max(1) {
            let (inbox, work) = sync_channel::<Work>(AHEAD_MAX);
            let (done, outbox) = sync_channel::<Done>(AHEAD_MAX);
            to.push(inbox);
            from.push(outbox);
            scope.spawn(move || fold_each(&replay.plan, &work, &done));
        }
        scope.spawn(move || read(replay, &to));
        // Who has ended has nothing more, and neither has anybody after it.
        for outbox in from.iter().cycle() {
            let Ok(done) = outbox.recv() else { break };
            if each(done)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

fn read(replay: &Replay, workers: &[SyncSender<Work>]) {
    let mut next = workers.iter().cycle();
    let mut hand = |work: Work| next.next().is_some_and(|worker| worker.send(work).is_ok());
    for file in &replay.files {
        let records = match source::records(file, &replay.progress) {
            Ok(records) => records,
            Err(error) => {
                let place = Place::of_file(file);
                hand(Err(place.unread(&error)));
                return;
            }
        };
        for record in records {
            if !hand(record) {
                return;
            }
        }
    }
}

fn fold_each(plan: &Plan, work: &Receiver<Work>, done: &SyncSender<Done>) {
    while let Ok(record) = work.recv() {
        if done.send(record.and_then(|record| fold(plan, record))).is_err() {
            return;
        }
    }
}

fn fold(plan: &Plan, record: Record) -> Done {
    // Where nothing tells the signal there is nothing to count: any does.
    let signal = signal_of(record.encoding, &record.body).map_err(|error| record.malformed(error))?;
    let signal = signal.unwrap_or(Signal::Metrics);
    let batch = fold_at(plan, &record, signal, EventTime::default())?;
    let again = (batch.timeless > 0).then_some(Again { record, signal });
    Ok(Folded { batch, again })
}

impl Again {
    /// `None` where no event has had a time yet: then it is that of 1970.
    pub(super) fn fold(&self, plan: &Plan, clock: Option<EventTime>) -> Result<Batch, Broken> {
        fold_at(plan, &self.record, self.signal, clock.unwrap_or_default())
    }
}

fn fold_at(plan: &Plan, record: &Record, signal: Signal, clock: EventTime) -> Result<Batch, Broken> {
    let Record { encoding, body, .. } = record;
    let request = Request { signal, encoding: *encoding, body, now: Now(clock.0) };
    fold_replayed(plan, KEY, &request).map_err(|error| record.malformed(error))
}
