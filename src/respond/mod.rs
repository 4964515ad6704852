//! Notification senders. Each integration of each receiver has its own lane: a bounded queue, a task,
//! its own retries; so a slow or dead receiver delays no other.
//!
//! What this folder does not do: it decides nothing about who is told what (that is routing), keeps
//! nothing on disk, and follows no redirect. Every notification ends in exactly one call of `settled`,
//! except those that [`Responder::drain`] names as left: they are still open, to be sent after a restart.

mod body;
mod bucket;
mod cloudevents;
mod cut;
mod fallback;
mod guard;
mod health;
mod heartbeat;
mod identity;
mod integration;
mod job;
mod labels;
mod lane;
mod meter;
mod opsgenie;
mod pagerduty;
mod post;
mod queue;
mod retry;
mod secret;
mod sign;
mod slack;
mod standing;
mod target;
mod template;
#[cfg(test)]
pub(crate) mod tests;
mod ticket;
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::engine::{Notification, NotificationId, Outcome};
use fallback::{Sign, Watch};
use job::{Aim, LaneDoor};
use lane::{Lane, Reporter};
use target::Target;
use ticket::{Book, Ticket, Watched};

pub use guard::{client, client_trusting, open_client};
pub use heartbeat::{BeatCounts, Heart, Heartbeat};
pub(crate) use identity::hex;
pub use integration::{
    Authorization, Fallback, Integration, Receiver, Service, SigningKey, Webhook, WebhookFormat,
};
pub use meter::{Meters, ReceiverCounts};
pub use opsgenie::{JIRA_URL, OPSGENIE_URL, Opsgenie, Product, Responder as OpsgenieResponder};
pub use pagerduty::{PAGERDUTY_URL, PagerDuty, PagerDutyImage, PagerDutyLink};
pub use retry::Retry;
pub use secret::{SECRET_BYTES_MAX, Secret};
pub use slack::Slack;
pub use template::{TEMPLATE_FIELDS, Template};
pub use ticket::Drained;
#[cfg(test)]
pub(crate) use {
    job::nature,
    queue::{Key, Queue},
};
pub(crate) use {
    post::{cause, wall_ns},
    secret::without,
    sign::{HEADER as SIGNATURE_HEADER, signature},
};

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
    /// Notifications that one lane holds before it makes room.
    pub open_max: usize,
    /// The pause of a lane whose service takes no more and does not say for how long.
    pub throttled: Duration,
    /// How long nothing gets through before that is told.
    pub broken_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            answer_within: Duration::from_secs(10),
            resend: Duration::from_secs(60),
            resend_resolved: Duration::from_secs(300),
            open_max: 10_000,
            throttled: Duration::from_secs(5),
            broken_after: Duration::from_secs(300),
        }
    }
}

/// The running lanes of all receivers.
pub struct Responder {
    senders: Arc<Senders>,
    watching: JoinHandle<()>,
}

/// What the task that watches for fallbacks shares with whoever asks.
struct Senders {
    receivers: RwLock<BTreeMap<String, Doors>>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
    book: Arc<Book>,
    client: reqwest::Client,
    pace: Pace,
    /// What links begin with.
    external_url: RwLock<String>,
    signs: mpsc::UnboundedSender<Sign>,
    tickets: AtomicU64,
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
        let (signs, seen) = mpsc::unbounded_channel();
        let senders = Arc::new(Senders {
            receivers: RwLock::default(),
            lanes: Mutex::default(),
            book: Arc::new(Book::new(Meters::default(), settled)),
            client,
            pace,
            external_url: RwLock::new(external_url.clone()),
            signs,
            tickets: AtomicU64::new(0),
        });
        let watching = tokio::spawn(watch(seen, Arc::downgrade(&senders)));
        let responder = Self { senders, watching };
        responder.reconfigure(receivers, external_url);
        responder
    }

    /// What is the same goes on as it is, with links that begin with `external_url`. What waits for a receiver goes where that is now; the lane of an integration
    /// that is gone sends what it has not tried yet, then ends. The names of receivers that are new or changed.
    pub fn reconfigure(&self, receivers: Vec<Receiver>, external_url: String) -> Vec<String> {
        self.senders.book.meters.keep(receivers.iter().map(|receiver| receiver.name.clone()));
        let leads_elsewhere = self.senders.lead_to(external_url);
        let mut known = self.senders.receivers.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let mut begun = Vec::new();
        for receiver in receivers {
            let doors = match before.remove(&receiver.name) {
                Some(doors) if doors.receiver == receiver && !leads_elsewhere => doors,
                Some(doors) if doors.receiver == receiver => self.senders.open(Some(doors), receiver),
                held => {
                    begun.push(receiver.name.clone());
                    self.senders.open(held, receiver)
                }
            };
            known.insert(doors.receiver.name.clone(), doors);
        }
        begun
    }

    /// What links begin with.
    pub fn external_url(&self) -> String {
        self.senders.external_url()
    }

    /// Puts the notification into the queues of its receiver. Never blocks: what does not fit is
    /// settled as failed. A receiver that tells nobody on purpose has heard everything there is to hear.
    pub fn notify(&self, notification: Notification) {
        if self.senders.book.is_draining() {
            return self.senders.book.leave(Some(notification.id));
        }
        self.senders.tell(notification, true);
    }

    /// Takes up an episode that was open before a restart: Alertmanager goes on hearing of it, nobody
    /// else hears anything, and nothing is settled. `last` is the episode's last transition but
    /// acknowledgement.
    pub fn resume(&self, last: Notification) {
        let last = Arc::new(last);
        let receivers = self.senders.receivers.read().unwrap_or_else(PoisonError::into_inner);
        for door in receivers.get(&last.receiver).iter().flat_map(|doors| &doors.lanes) {
            door.resume(Arc::clone(&last));
        }
    }

    /// A handle on the counters that outlives `drain`.
    pub fn meters(&self) -> Meters {
        self.senders.book.meters.clone()
    }

    /// How many notifications there are that were not tried once, by integrations. Wakes when there are none.
    pub fn untried(&self) -> watch::Receiver<usize> {
        self.senders.book.untried()
    }

    /// Sends what was not tried yet, tries nothing again, and ends after `deadline` at the latest.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.watching.abort();
        let book = &self.senders.book;
        book.begin_drain();
        // Closes the queues, which is what the lanes wait for.
        std::mem::take(&mut *self.senders.receivers.write().unwrap_or_else(PoisonError::into_inner));
        let deadline = Instant::now() + deadline;
        let lanes = std::mem::take(&mut *self.senders.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        for mut lane in lanes {
            if tokio::time::timeout_at(deadline, &mut lane).await.is_err() {
                lane.abort();
                let _ = lane.await; // cancelled: its notifications are in the book as left
            }
        }
        book.drained()
    }
}

impl Senders {
    fn external_url(&self) -> String {
        self.external_url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether links led elsewhere before.
    fn lead_to(&self, external_url: String) -> bool {
        let mut known = self.external_url.write().unwrap_or_else(PoisonError::into_inner);
        let differs = *known != external_url;
        *known = external_url;
        differs
    }

    /// `held` are the lanes that the receiver had: each takes up its own integration, or one that is new.
    fn open(&self, held: Option<Doors>, receiver: Receiver) -> Doors {
        let held =
            held.into_iter().flat_map(|doors| doors.receiver.integrations.into_iter().zip(doors.lanes));
        let mut held: Vec<(Integration, LaneDoor)> = held.collect();
        let mut lanes: Vec<Option<LaneDoor>> = receiver.integrations.iter().map(|_| None).collect();
        // The same one first, then one of its kind, then any: what waits for a pager does not become a chat's.
        let alike: [fn(&Integration, &Integration) -> bool; 3] =
            [|a, b| a == b, |a, b| a.service.name() == b.service.name(), |_, _| true];
        for is_alike in alike {
            for (lane, one) in lanes.iter_mut().zip(&receiver.integrations).filter(|(lane, _)| lane.is_none())
            {
                if let Some(place) = held.iter().position(|(other, _)| is_alike(other, one)) {
                    *lane = Some(held.remove(place).1);
                }
            }
        }
        let lanes = lanes.into_iter().enumerate();
        let lanes = lanes.map(|(index, door)| self.lane(door, index, &receiver)).collect();
        Doors { lanes, receiver }
    }

    fn lane(&self, held: Option<LaneDoor>, index: usize, receiver: &Receiver) -> LaneDoor {
        let integration = receiver.integrations[index].clone();
        let target = Target::new(integration, index, &receiver.name, &self.external_url());
        let fallback = receiver.fallback.as_ref().map(|fallback| fallback.receiver.clone());
        if let Some(door) = held {
            door.aim(Aim { target, fallback });
            return door;
        }
        let meter = self.book.meters.of(&receiver.name);
        let reporter = Reporter { receiver: receiver.name.clone(), fallback, signs: self.signs.clone() };
        let (door, task) = Lane::open(target, self.client.clone(), self.pace, meter, reporter);
        let mut tasks = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(task));
        door
    }

    /// `asked` by who is told what became of it, or our own idea.
    fn tell(&self, notification: Notification, asked: bool) {
        let notification = Arc::new(notification);
        let receivers = self.receivers.read().unwrap_or_else(PoisonError::into_inner);
        let doors = receivers.get(&notification.receiver);
        let watched = doors.and_then(|doors| doors.receiver.fallback.clone()).map(|fallback| {
            let ticket = self.tickets.fetch_add(1, Relaxed);
            let at = Instant::now();
            let stead =
                fallback::waits_for(&notification).then(|| (fallback.receiver.clone(), at + fallback.after));
            let (notification, over) = (Arc::clone(&notification), Arc::default());
            let asked = Sign::Asked { ticket, notification, fallback, at, over: Arc::clone(&over) };
            let _ = self.signs.send(asked);
            Watched { ticket, signs: self.signs.clone(), stead, over }
        });
        let ticket = Ticket::new(&notification, asked, watched, Arc::clone(&self.book));
        match doors {
            None => ticket.share().failed(0, format!("no receiver is named {:?}", notification.receiver)),
            Some(doors) if doors.lanes.is_empty() && !doors.receiver.not_in_effect.is_empty() => {
                let kinds = doors.receiver.not_in_effect.join(", ");
                ticket
                    .share()
                    .failed(0, format!("nobody was told: {kinds} of the receiver can not be sent to yet"));
            }
            Some(doors) => {
                doors.lanes.iter().for_each(|door| door.offer(Arc::clone(&notification), ticket.share()));
            }
        }
    }

    fn hand_over(&self, notification: Notification) {
        if let Some(from) = notification.alert.annotations.get(fallback::FROM) {
            self.book.meters.of(from).handed_over.add(1);
        }
        self.tell(notification, false);
    }
}

/// Hands over what its receivers do not take, for as long as there is anybody to hand it over.
async fn watch(mut seen: mpsc::UnboundedReceiver<Sign>, senders: Weak<Senders>) {
    let mut watch = Watch::default();
    loop {
        let wake = watch.deadline();
        let due = async {
            match wake {
                Some(wake) => tokio::time::sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        let told = tokio::select! {
            sign = seen.recv() => match sign {
                Some(sign) => watch.hear(sign).into_iter().collect(),
                None => return,
            },
            () = due => watch.overdue(Instant::now()),
        };
        let Some(senders) = senders.upgrade() else { return };
        told.into_iter().for_each(|notification| senders.hand_over(notification));
    }
}
