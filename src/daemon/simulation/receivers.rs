//! Receivers with moods, and the lane of each: the real queue and back-off, the naive rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{Notification, NotificationId, Outcome};
use crate::respond::{Key, Queue, Retry, nature};
use crate::send::Chance;

const MS: u64 = 1_000_000;
const AT_ONCE_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// It takes the notification, and its answer is lost on the way.
    Mute,
    /// It asks to come again.
    Busy,
    /// It takes no connection.
    Dead,
    /// It will never take this one.
    Refuses,
}

impl Mood {
    pub(super) const ALL: [Self; 5] = [Self::Well, Self::Mute, Self::Busy, Self::Dead, Self::Refuses];

    fn hears(self) -> bool {
        matches!(self, Self::Well | Self::Mute)
    }
}

struct Running {
    key: Key,
    mood: Mood,
    /// When the answer is there.
    at: u64,
}

/// Of one receiver, as long as the process lives.
pub(super) struct Lane {
    queue: Queue<Arc<Notification>>,
    running: Vec<Running>,
    /// By key, what was asked for and is not settled, in order.
    asked: BTreeMap<String, Vec<u32>>,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self { queue: Queue::new(), running: Vec::new(), asked: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Something can be sent now, or is under way.
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        self.queue.is_ready(now.into()) || !self.running.is_empty()
    }

    pub(super) fn push(&mut self, notification: Notification) {
        let asked = self.asked.entry(notification.dedup_key.clone()).or_default();
        asked.push(notification.sequence);
        let key = notification.dedup_key.clone();
        self.queue.push(&key, nature(&notification), Arc::new(notification));
    }

    /// Begins what may be sent; `heard` is the receiver's ear.
    pub(super) fn start(
        &mut self,
        (now, now_ns): (Instant, u64),
        mood: Mood,
        chance: &mut Chance,
        mut heard: impl FnMut(&Notification),
    ) {
        while self.running.len() < AT_ONCE_MAX {
            let Some((key, job, _)) = self.queue.take(now.into()) else { return };
            if mood.hears() {
                let first = self.asked.get(&job.dedup_key).and_then(|asked| asked.first());
                assert_eq!(first, Some(&job.sequence), "{key}: sent before what came before it was settled");
                heard(job);
            }
            let took = if mood == Mood::Dead { 10_000 * MS } else { chance.below(400) * MS };
            self.running.push(Running { key, mood, at: now_ns + took });
        }
    }

    /// The answers that are there, and what became of which notifications.
    pub(super) fn answers(
        &mut self,
        (now, now_ns): (Instant, u64),
        drains: bool,
    ) -> Vec<(Arc<Notification>, Outcome)> {
        let mut settled = Vec::new();
        for Running { key, mood, .. } in self.running.extract_if(.., |one| drains || one.at <= now_ns) {
            let now = now.into();
            let (over, failed) = match mood {
                Mood::Well => (self.queue.finish(&key, now), None),
                Mood::Refuses => (self.queue.finish(&key, now), Some("refused")),
                Mood::Mute | Mood::Busy | Mood::Dead if drains => {
                    self.queue.abandon(&key);
                    continue;
                }
                Mood::Mute | Mood::Busy | Mood::Dead => {
                    let asked = (mood == Mood::Busy).then_some(Duration::from_secs(5));
                    (self.queue.again(&key, now, asked, &Retry::default()), Some("given up"))
                }
            };
            let Some(over) = over else { continue };
            let outcome = match failed {
                None => Outcome::Delivered { attempts: over.attempts },
                Some(reason) => Outcome::Failed { attempts: over.attempts, reason: reason.to_owned() },
            };
            if let Some(asked) = self.asked.get_mut(&over.job.dedup_key)
                && let Some(place) = asked.iter().position(|one| *one == over.job.sequence)
            {
                asked.remove(place);
            }
            settled.push((over.job, outcome));
        }
        settled
    }

    /// At a stop: what was tried before is not tried again.
    pub(super) fn close(&mut self) {
        self.queue.abandon_waiting();
    }
}

/// What a settled notification was.
pub(super) fn id_of(settled: &(Arc<Notification>, Outcome)) -> (NotificationId, Outcome) {
    (settled.0.id, settled.1.clone())
}
