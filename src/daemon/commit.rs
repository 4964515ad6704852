//! The committer: one thread that writes groups down and then lets out what they decided. The ledger's loop never
//! waits for it while it has room: what comes meanwhile is the next group.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot};

use super::recorder::{Feed, Recorder, Shot};
use super::volume::Volume;
use crate::engine::{Ack, Answered, EventRecord, Fact, Image, Notification};
use crate::kafka::Outlet;
use crate::runbook::{StepCall, StepKey};
use crate::store::{Change, Failure, Sequence};

/// From one commit to the next, so that a flood of small requests shares them.
const PACE: Duration = Duration::from_millis(5);
/// Between two attempts to write after one has failed.
const RETRY: Duration = Duration::from_secs(1);
/// Between two attempts to have the reserve back.
const RESERVE_RETRY: Duration = Duration::from_secs(5);

/// A commit that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

/// A clock that wall clocks do not move.
#[derive(Debug)]
struct Began(Instant);

impl Default for Began {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Began {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Everything between two commits.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub sequence: Sequence,
    /// Empty where nothing changed.
    pub payload: Vec<u8>,
    pub image: Option<Image>,
    pub facts: Vec<Fact>,
    /// To be published.
    pub events: Vec<EventRecord>,
    pub notifications: Vec<Notification>,
    /// Calls of runbooks.
    pub steps: Vec<StepCall>,
    pub answers: Vec<(oneshot::Sender<Ack>, Ack)>,
    pub answered: Vec<(oneshot::Sender<Answered>, Answered)>,
    /// Who waits until everything before is done with.
    pub flushed: Vec<oneshot::Sender<()>>,
    /// What recordings have of it.
    pub strip: Vec<Shot>,
}

impl Group {
    /// Nobody waits for it.
    pub fn is_idle(&self) -> bool {
        self.facts.is_empty()
            && self.notifications.is_empty()
            && self.steps.is_empty()
            && self.answers.is_empty()
            && self.answered.is_empty()
            && self.flushed.is_empty()
            && self.events.is_empty()
    }
}

/// What leaves once a group is written down.
pub(super) enum Outgoing {
    Notification(Notification),
    Step(StepCall),
    /// It was not kept that it begins, so it does not.
    NotBegun(StepKey),
}

/// Where a state is kept.
pub(super) enum Keep {
    /// As long as the process lives.
    Memory,
    On {
        volume: Box<dyn Volume>,
        key: u64,
    },
}

/// How it is with the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Kept,
    /// The volume is full: what is decided is still kept, out of the reserve; nothing more is taken in.
    Full,
    /// Nothing can be kept: nothing is taken in, and pages go out all the same.
    Failing,
}

impl Condition {
    const ALL: [Self; 3] = [Self::Kept, Self::Full, Self::Failing];
}

/// What everybody may know of the committer.
#[derive(Debug, Default)]
pub(super) struct Health {
    condition: AtomicU8,
    reason: Mutex<String>,
    /// The next group is to bring an image of everything.
    wants_image: AtomicBool,
    /// A group is under way.
    busy: AtomicBool,
    /// Since when, in milliseconds of the clock below.
    busy_since: AtomicU64,
    began: Began,
    commits: AtomicU64,
    committed_bytes: AtomicU64,
    images: AtomicU64,
    failures: AtomicU64,
    state_bytes: AtomicU64,
}

/// For the metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateCounts {
    pub kept: bool,
    pub bytes: u64,
    pub commits: u64,
    pub committed_bytes: u64,
    pub images: u64,
    pub failures: u64,
}

impl Health {
    pub(super) fn condition(&self) -> Condition {
        let place = usize::from(self.condition.load(Ordering::Acquire));
        Condition::ALL.get(place).copied().unwrap_or(Condition::Failing)
    }

    /// Why what comes in is refused, if it is.
    pub(super) fn trouble(&self) -> Option<String> {
        match self.condition() {
            Condition::Kept => None,
            Condition::Full => Some(format!("the state volume is full ({})", self.reason())),
            Condition::Failing => Some(format!("the state can not be kept ({})", self.reason())),
        }
    }

    fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn snapshot(&self) -> StateCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StateCounts {
            kept: self.condition() == Condition::Kept,
            bytes: read(&self.state_bytes),
            commits: read(&self.commits),
            committed_bytes: read(&self.committed_bytes),
            images: read(&self.images),
            failures: read(&self.failures),
        }
    }

    pub(super) fn wants_image(&self) -> bool {
        self.wants_image.load(Ordering::Acquire)
    }

    /// It can be kept, and no write hangs.
    pub(super) fn is_well(&self) -> bool {
        let since = self.busy_since.load(Ordering::Relaxed);
        let hangs =
            self.is_busy() && self.began.elapsed_ms().saturating_sub(since) > HANGS.as_millis() as u64;
        self.condition() != Condition::Failing && !hangs
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    pub(super) fn set_busy(&self) {
        self.busy_since.store(self.began.elapsed_ms(), Ordering::Relaxed);
        self.busy.store(true, Ordering::Release);
    }

    pub(super) fn set_idle(&self) {
        self.busy.store(false, Ordering::Release);
    }

    fn set(&self, condition: Condition, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        self.condition.store(condition as u8, Ordering::Release);
    }
}

pub struct Committer {
    inbox: Receiver<Group>,
    keep: Keep,
    health: Arc<Health>,
    facts: broadcast::Sender<Fact>,
    /// When to try again, while it fails.
    retry_at: Option<Instant>,
    reserve_at: Option<Instant>,
    feed: Feed,
    outlet: Option<Outlet>,
}

impl Committer {
    pub(super) fn new(
        inbox: Receiver<Group>,
        keep: Keep,
        health: Arc<Health>,
        facts: broadcast::Sender<Fact>,
        (recorder, outlet): (Arc<Recorder>, Option<Outlet>),
    ) -> Self {
        Self { inbox, keep, health, facts, retry_at: None, reserve_at: None, feed: Feed(recorder), outlet }
    }

    /// What waits, for who commits by hand.
    #[cfg(test)]
    pub(super) fn take(&self) -> Option<Group> {
        self.inbox.try_recv().ok()
    }

    /// Until the loop is gone. `send` and `wake` must not block.
    pub fn run(self, send: impl Fn(Outgoing), wake: impl Fn()) {
        // Should it ever break off, the loop finds nobody there, and ends as well.
        let _last = Leaving { health: Arc::clone(&self.health), wake: &wake };
        self.work(&send, &wake);
    }

    fn work(mut self, send: &impl Fn(Outgoing), wake: &impl Fn()) {
        loop {
            let group = match self.inbox.recv_timeout(RETRY) {
                Ok(group) => group,
                Err(RecvTimeoutError::Timeout) => {
                    self.look_again(Instant::now());
                    if self.health.wants_image() {
                        wake();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let began = Instant::now();
            let kept = self.keep(&group, began);
            let wrote = !group.payload.is_empty() || group.image.is_some();
            self.release(group, kept, send);
            if wrote && matches!(self.keep, Keep::On { .. }) {
                std::thread::sleep(PACE.saturating_sub(began.elapsed()));
            }
            self.health.set_idle();
            wake();
        }
    }

    /// While nothing comes, whether the volume is well again: by our own clock, whatever the wall clock does.
    pub(super) fn look_again(&mut self, now: Instant) {
        match self.health.condition() {
            Condition::Failing => self.health.wants_image.store(true, Ordering::Release),
            Condition::Full | Condition::Kept => self.healed(now),
        }
    }

    /// Recordings and facts first, then notices, answers last. Of a group that is not kept nobody is told that it is: who waits is told
    /// to come again. But who is to be paged is paged, and perhaps again after a restart, with the same key. A runbook's step
    /// is not begun: after a restart nobody would know that it was.
    pub(super) fn release(&self, group: Group, kept: bool, send: &impl Fn(Outgoing)) {
        self.feed.0.offer(group.strip);
        if let Some(outlet) = &self.outlet {
            group.events.into_iter().for_each(|event| outlet.event(event));
            group.facts.iter().for_each(|fact| outlet.fact(fact));
        }
        for fact in group.facts {
            let _nobody_looks_on = self.facts.send(fact);
        }
        group.notifications.into_iter().map(Outgoing::Notification).for_each(send);
        let steps = group.steps.into_iter();
        steps
            .map(|step| if kept { Outgoing::Step(step) } else { Outgoing::NotBegun(step.key) })
            .for_each(send);
        if kept {
            for (reply, answered) in group.answered {
                let _gone = reply.send(answered);
            }
            for (reply, ack) in group.answers {
                let _gone = reply.send(ack);
            }
        }
        for reply in group.flushed {
            let _gone = reply.send(());
        }
    }

    /// Whether it lasts.
    pub(super) fn keep(&mut self, group: &Group, now: Instant) -> bool {
        let Keep::On { volume, key } = &mut self.keep else { return true };
        let volume = volume.as_mut();
        let image = group.image.as_ref();
        let written = match self.health.condition() {
            Condition::Failing => match image.filter(|image| image.is_full) {
                Some(image) => volume.begin_anew(*key, group.sequence, &image.written()),
                None => {
                    let due = self.retry_at.is_none_or(|at| at <= now);
                    self.health.wants_image.store(due, Ordering::Release);
                    return false;
                }
            },
            Condition::Kept | Condition::Full => {
                let mut written = commit(volume, group);
                if let Err(Failure::Full(reason)) = &written {
                    self.health.set(Condition::Full, reason);
                    tracing::error!(reason, "state.full");
                    volume.give_reserve_back();
                    self.reserve_at = Some(now + RESERVE_RETRY);
                    written = commit(volume, group);
                }
                written
            }
        };
        self.health.state_bytes.store(volume.bytes(), Ordering::Relaxed);
        if let Err(failure) = written {
            self.health.failures.fetch_add(1, Ordering::Relaxed);
            if self.health.condition() != Condition::Failing || self.health.reason() != failure.to_string() {
                tracing::error!(reason = failure.to_string(), "state.failing");
            }
            self.health.set(Condition::Failing, &failure.to_string());
            self.health.wants_image.store(false, Ordering::Release);
            self.retry_at = Some(now + RETRY);
            return false;
        }
        self.health.commits.fetch_add(1, Ordering::Relaxed);
        self.health.committed_bytes.fetch_add(group.payload.len() as u64, Ordering::Relaxed);
        self.health.images.fetch_add(u64::from(image.is_some()), Ordering::Relaxed);
        self.healed(now);
        true
    }

    /// After a write that came through.
    fn healed(&mut self, now: Instant) {
        let Keep::On { volume, .. } = &mut self.keep else { return };
        let is_soon = self.reserve_at.is_some_and(|at| now < at);
        match self.health.condition() {
            Condition::Kept if volume.holds_reserve() => return,
            Condition::Kept | Condition::Full if is_soon => return,
            Condition::Kept => {
                self.reserve_at = Some(now + RESERVE_RETRY);
                volume.take_reserve();
                return;
            }
            Condition::Full | Condition::Failing => {}
        }
        self.health.wants_image.store(false, Ordering::Release);
        self.retry_at = None;
        self.reserve_at = Some(now + RESERVE_RETRY);
        if volume.take_reserve() {
            self.health.set(Condition::Kept, "");
            tracing::info!("state.kept.again");
        } else {
            self.health.set(Condition::Full, "there is no room for the reserve");
        }
    }
}

struct Leaving<'w, W: Fn()> {
    health: Arc<Health>,
    wake: &'w W,
}

impl<W: Fn()> Drop for Leaving<'_, W> {
    fn drop(&mut self) {
        self.health.set_idle();
        (self.wake)();
    }
}

fn commit(volume: &mut dyn Volume, group: &Group) -> Result<(), Failure> {
    let mut change = Change::default();
    match &group.image {
        Some(image) => change.image = Some((group.sequence, image.written(), &image.gone, image.is_full)),
        None if group.payload.is_empty() => return Ok(()),
        None => change.groups.push((group.sequence, &group.payload)),
    }
    volume.commit(&change)
}
