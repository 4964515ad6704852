//! Notification senders. Each integration of each receiver has its own lane: a bounded queue, a task,
//! its own retries; so a slow or dead receiver delays no other.
//!
//! What this folder does not do: it decides nothing about who is told what (that is routing), keeps
//! nothing on disk, and follows no redirect. Every notification ends in exactly one call of `settled`,
//! except those that [`Responder::drain`] names as left: they are still open, to be sent after a restart.

mod body;
mod guard;
mod labels;
mod lane;
mod meter;
mod post;
mod queue;
mod retry;
mod standing;
mod target;
#[cfg(test)]
mod tests;
mod ticket;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::engine::{Notification, NotificationId, Outcome};
use lane::{Lane, LaneDoor};
use target::Target;
use ticket::{Book, Ticket};

pub use guard::{client, open_client};
pub use meter::{Meters, ReceiverCounts};
pub use retry::Retry;
pub use ticket::Drained;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WebhookFormat {
    #[default]
    Alertmanager,
    Evenkeel,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integration {
    Webhook {
        url: String,
        format: WebhookFormat,
        send_resolved: bool,
    },
    /// Alertmanager's API version 2; `url` is the address before `/api/v2/alerts`.
    Alertmanager {
        url: String,
        send_resolved: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    pub name: String,
    pub integrations: Vec<Integration>,
    /// Kinds that the configuration has and we can not send to yet.
    pub not_in_effect: Vec<String>,
}

/// A receiver while it runs.
struct Doors {
    lanes: Vec<LaneDoor>,
    receiver: Receiver,
}

/// How fast and how much; a value, so that tests need not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub retry: Retry,
    /// From the first byte out to the status line in.
    pub answer_within: Duration,
    /// How often Alertmanager hears of an alert that has not ended.
    pub resend: Duration,
    /// How long it goes on hearing of one that has.
    pub resend_resolved: Duration,
    /// Notifications that one lane holds before it refuses more.
    pub open_max: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            answer_within: Duration::from_secs(10),
            resend: Duration::from_secs(60),
            resend_resolved: Duration::from_secs(300),
            open_max: 10_000,
        }
    }
}

/// The running lanes of all receivers.
pub struct Responder {
    receivers: RwLock<BTreeMap<String, Doors>>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
    book: Arc<Book>,
    client: reqwest::Client,
    pace: Pace,
    external_url: String,
}

impl Responder {
    /// Starts the lanes; needs a tokio runtime. `client` should come from [`client`], which follows no
    /// redirect. `settled` is called from the lanes, or from within `notify`: it must not block.
    pub fn start(
        receivers: Vec<Receiver>,
        client: reqwest::Client,
        external_url: String,
        settled: impl Fn(NotificationId, Outcome) + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(Pace::default(), receivers, client, external_url, settled)
    }

    pub fn start_at(
        pace: Pace,
        receivers: Vec<Receiver>,
        client: reqwest::Client,
        external_url: String,
        settled: impl Fn(NotificationId, Outcome) + Send + Sync + 'static,
    ) -> Self {
        let book = Arc::new(Book::new(Meters::default(), settled));
        let (known, lanes) = (RwLock::default(), Mutex::default());
        let responder = Self { receivers: known, lanes, book, client, pace, external_url };
        responder.reconfigure(receivers);
        responder
    }

    /// What is the same goes on as it is; a lane that is gone delivers what it has taken, then ends.
    /// The names of receivers that began anew, and have heard of nothing that is open.
    pub fn reconfigure(&self, receivers: Vec<Receiver>) -> Vec<String> {
        self.book.meters.keep(receivers.iter().map(|receiver| receiver.name.clone()));
        let mut known = self.receivers.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let mut begun = Vec::new();
        for receiver in receivers {
            let same = before.remove(&receiver.name).filter(|doors| doors.receiver == receiver);
            let doors = same.unwrap_or_else(|| {
                begun.push(receiver.name.clone());
                self.open(receiver)
            });
            known.insert(doors.receiver.name.clone(), doors);
        }
        begun
    }

    fn open(&self, receiver: Receiver) -> Doors {
        let mut tasks = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        let mut lanes = Vec::new();
        for (index, integration) in receiver.integrations.iter().enumerate() {
            let target = Target::new(integration.clone(), index, &receiver.name, &self.external_url);
            let meter = self.book.meters.of(&receiver.name);
            let (door, task) = Lane::open(target, self.client.clone(), self.pace, meter);
            lanes.push(door);
            tasks.push(tokio::spawn(task));
        }
        Doors { lanes, receiver }
    }

    /// Puts the notification into the queues of its receiver. Never blocks: what does not fit is
    /// settled as failed. A receiver that tells nobody on purpose has heard everything there is to hear.
    pub fn notify(&self, notification: Notification) {
        if self.book.is_draining() {
            return self.book.leave(notification.id);
        }
        let ticket = Ticket::new(&notification, Arc::clone(&self.book));
        let receivers = self.receivers.read().unwrap_or_else(PoisonError::into_inner);
        match receivers.get(&notification.receiver) {
            None => ticket.share().failed(0, format!("no receiver is named {:?}", notification.receiver)),
            Some(doors) if doors.lanes.is_empty() && !doors.receiver.not_in_effect.is_empty() => {
                let kinds = doors.receiver.not_in_effect.join(", ");
                ticket
                    .share()
                    .failed(0, format!("nobody was told: {kinds} of the receiver can not be sent to yet"));
            }
            Some(doors) => {
                let notification = Arc::new(notification);
                doors.lanes.iter().for_each(|door| door.offer(Arc::clone(&notification), ticket.share()));
            }
        }
    }

    /// Takes up an episode that was open before a restart: Alertmanager goes on hearing of it, nobody
    /// else hears anything, and nothing is settled. `last` is the episode's last transition but
    /// acknowledgement.
    pub fn resume(&self, last: Notification) {
        let last = Arc::new(last);
        let receivers = self.receivers.read().unwrap_or_else(PoisonError::into_inner);
        for door in receivers.get(&last.receiver).iter().flat_map(|doors| &doors.lanes) {
            door.resume(Arc::clone(&last));
        }
    }

    /// A handle on the counters that outlives `drain`.
    pub fn meters(&self) -> Meters {
        self.book.meters.clone()
    }

    /// Sends what was not tried yet, tries nothing again, and ends after `deadline` at the latest.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.book.begin_drain();
        // Closes the queues, which is what the lanes wait for.
        self.receivers.write().unwrap_or_else(PoisonError::into_inner).clear();
        let deadline = tokio::time::Instant::now() + deadline;
        let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        for mut lane in lanes {
            if tokio::time::timeout_at(deadline, &mut lane).await.is_err() {
                lane.abort();
                let _ = lane.await; // cancelled: its notifications are in the book as left
            }
        }
        self.book.drained()
    }
}
