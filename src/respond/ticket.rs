//! From the parts of a notification, one for each integration, to its one outcome.
//! A part that is dropped unsaid is left over while draining, and a failure at any other time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::time::Instant;

use super::fallback::Sign;
use super::meter::{Meter, Meters};
use crate::engine::{Notification, NotificationId, Outcome};

/// What all notifications share: where outcomes go, and what shutdown leaves behind.
pub(super) struct Book {
    pub meters: Meters,
    settled: Box<dyn Fn(NotificationId, Outcome) + Send + Sync>,
    draining: AtomicBool,
    left: Mutex<Vec<NotificationId>>,
    /// Shares whose first attempt is not over.
    untried: watch::Sender<usize>,
}

/// What a shutdown leaves unsent, in order of the ids. None of these was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    pub left: Vec<NotificationId>,
}

/// One notification under way. Settles when its last share is gone.
pub(super) struct Ticket {
    /// `None`: nobody asked for it but we ourselves.
    id: Option<NotificationId>,
    watched: Option<Watched>,
    meter: Arc<Meter>,
    book: Arc<Book>,
    parts: Mutex<Parts>,
}

/// Who watches whether it is taken.
pub(super) struct Watched {
    pub ticket: u64,
    pub signs: UnboundedSender<Sign>,
    /// Who is told instead where it is not, and by when.
    pub stead: Option<(String, Instant)>,
    /// It ended before anybody else had to be told.
    pub over: Arc<AtomicBool>,
}

#[derive(Default)]
struct Parts {
    given: u32,
    said: u32,
    attempts: u32,
    reasons: Vec<String>,
}

/// One integration's part of a notification.
pub(super) struct Share {
    ticket: Arc<Ticket>,
    /// Its first attempt is not over.
    untried: AtomicBool,
}

impl Book {
    pub fn new(meters: Meters, settled: impl Fn(NotificationId, Outcome) + Send + Sync + 'static) -> Self {
        let settled = Box::new(settled);
        Self {
            meters,
            settled,
            draining: AtomicBool::new(false),
            left: Mutex::default(),
            untried: watch::Sender::new(0),
        }
    }

    /// How many shares there are whose first attempt is not over. Wakes at none alone.
    pub fn untried(&self) -> watch::Receiver<usize> {
        self.untried.subscribe()
    }

    fn one_more_is_untried(&self) {
        self.untried.send_if_modified(|untried| {
            *untried += 1;
            false
        });
    }

    fn one_less_is_untried(&self) {
        self.untried.send_if_modified(|untried| {
            *untried -= 1;
            *untried == 0
        });
    }

    pub fn begin_drain(&self) {
        self.draining.store(true, SeqCst);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    pub fn leave(&self, id: Option<NotificationId>) {
        lock(&self.left).extend(id);
    }

    pub fn drained(&self) -> Drained {
        let mut left = std::mem::take(&mut *lock(&self.left));
        left.sort_unstable();
        Drained { left }
    }
}

impl Ticket {
    pub fn new(
        notification: &Notification,
        asked: bool,
        watched: Option<Watched>,
        book: Arc<Book>,
    ) -> Arc<Self> {
        let meter = book.meters.of(&notification.receiver);
        let id = asked.then_some(notification.id);
        Arc::new(Self { id, watched, meter, book, parts: Mutex::default() })
    }

    pub fn share(self: &Arc<Self>) -> Share {
        lock(&self.parts).given += 1;
        self.book.one_more_is_untried();
        Share { ticket: Arc::clone(self), untried: AtomicBool::new(true) }
    }
}

impl Ticket {
    /// With the name of who was told instead: of a failure at once, else once the time is up.
    fn handed_over(&self, reason: String, has_failed: bool) -> String {
        let watched = self.watched.as_ref().filter(|watched| !watched.over.load(SeqCst));
        let stead = watched.and_then(|watched| watched.stead.as_ref());
        match stead.filter(|(_, due)| has_failed || Instant::now() >= *due) {
            Some((receiver, _)) => format!("{reason}; handed over to {receiver}"),
            None => reason,
        }
    }
}

impl Share {
    pub fn delivered(self, attempts: u32) {
        self.say(attempts, None);
    }

    /// `reason` names the integration.
    pub fn failed(self, attempts: u32, reason: String) {
        self.say(attempts, Some(reason));
    }

    /// An attempt failed, and another follows.
    pub fn trying(&self, attempts: u32, reason: String) {
        self.is_tried();
        if let Some(id) = self.ticket.id {
            let reason = self.ticket.handed_over(reason, false);
            (self.ticket.book.settled)(id, Outcome::Trying { attempts, reason });
        }
    }

    fn say(self, attempts: u32, reason: Option<String>) {
        let mut parts = lock(&self.ticket.parts);
        parts.said += 1;
        parts.attempts = parts.attempts.saturating_add(attempts);
        parts.reasons.extend(reason);
    }

    fn is_tried(&self) {
        if self.untried.swap(false, SeqCst) {
            self.ticket.book.one_less_is_untried();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.is_tried();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut parts = std::mem::take(self.parts.get_mut().unwrap_or_else(PoisonError::into_inner));
        if parts.said < parts.given {
            if self.book.draining.load(SeqCst) {
                return self.book.leave(self.id);
            }
            parts.reasons.push("its integration is no more".to_owned());
        }
        let attempts = parts.attempts;
        let reason = (!parts.reasons.is_empty()).then(|| parts.reasons.join("; "));
        if let Some(Watched { ticket, signs, .. }) = &self.watched {
            let _ = signs.send(Sign::Settled { ticket: *ticket, refused: reason.clone() });
        }
        let outcome = match reason {
            None => {
                self.meter.delivered.add(1);
                Outcome::Delivered { attempts }
            }
            Some(reason) => {
                self.meter.failed.add(1);
                Outcome::Failed { attempts, reason: self.handed_over(reason, true) }
            }
        };
        if let Some(id) = self.id {
            (self.book.settled)(id, outcome);
        }
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 20;
        if self.left.is_empty() {
            return f.write_str("all notifications were sent");
        }
        let shown: Vec<String> = self.left.iter().take(SHOWN_MAX).map(|id| id.0.to_string()).collect();
        let more = if self.left.len() > SHOWN_MAX { ", …" } else { "" };
        write!(f, "{} not sent: {}{more}", self.left.len(), shown.join(", "))
    }
}

/// These locks guard plain counts that are whole at any moment, so a poisoned one is as good as new.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
