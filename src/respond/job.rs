//! What a lane does one at a time, the way in, and what is sent for it. Decides nothing about when.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::queue::{Key, Nature, Word};
use super::standing::Standing;
use super::target::{Sending, Target};
use super::ticket::Share;
use crate::engine::{Notification, Transition};
use crate::model::Severity;

pub(super) struct Job {
    /// `None`: what stands is said again.
    pub notification: Option<Arc<Notification>>,
    /// `None`: nobody waits for the outcome, and one attempt is enough.
    pub share: Option<Share>,
}

/// What comes in by a lane's door.
pub(super) enum Call {
    Send(Job),
    Aim(Box<Aim>),
}

/// Where a lane sends from now on what it has not sent yet, and who hears when that does not work.
pub(super) struct Aim {
    pub target: Target,
    pub fallback: Option<String>,
}

/// The way into a lane. Dropping it tells the lane to finish.
pub(super) struct LaneDoor(pub mpsc::UnboundedSender<Call>);

impl LaneDoor {
    /// Takes the notification in. Never blocks; what the lane can not hold, it says itself.
    pub fn offer(&self, notification: Arc<Notification>, share: Share) {
        let job = Job { notification: Some(notification), share: Some(share) };
        let _ = self.0.send(Call::Send(job)); // closed: the lane is gone, and the dropped share says so
    }

    pub fn resume(&self, notification: Arc<Notification>) {
        let _ = self.0.send(Call::Send(Job { notification: Some(notification), share: None }));
    }

    pub fn aim(&self, aim: Aim) {
        let _ = self.0.send(Call::Aim(Box::new(aim)));
    }
}

/// Who is to be woken goes first; who has slept through it may hear of its end later.
pub(crate) fn nature(notification: &Notification) -> Nature {
    let rank = match notification.alert.severity {
        Severity::Page => 0,
        Severity::Ticket => 2,
        Severity::Log => 4,
    };
    let (later, word) = match notification.transition {
        Transition::Trigger => (0, Word::Begins),
        Transition::Escalate => (0, Word::Changes),
        Transition::Acknowledge => (1, Word::Aside),
        Transition::Resolve => (1, Word::Ends),
    };
    Nature { rank: rank + later, word }
}

/// What to send for a job, nothing if this target does not hear of it.
pub(super) fn sending(
    target: &Target,
    standing: &mut Standing,
    key: &Key,
    job: &Job,
    attempt: u32,
    (now, wall_ns): (Instant, u64),
) -> Sending {
    if let Some(notification) = &job.notification
        && !target.hears(notification.transition)
    {
        if notification.transition == Transition::Resolve {
            standing.forget(key);
        }
        return Sending::default();
    }
    match &job.notification {
        Some(notification) if !target.hears_what_stands() => target.sending(notification, wall_ns),
        None if !target.hears_what_stands() => Sending::default(),
        notification => {
            if let Some(notification) = notification
                && (attempt == 1 || !standing.holds(key))
            {
                standing.apply(notification, now, wall_ns);
            }
            standing.message(key, wall_ns).map(|body| target.standing(body)).unwrap_or_default()
        }
    }
}
