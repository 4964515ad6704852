//! Who hears of a page that its receiver has not taken, and of a receiver that takes nothing. Pure: signs go in, what
//! to tell comes out, and time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::Fallback;
use crate::engine::{AlertSummary, Explain, Notification, NotificationId, Subject, Transition};
use crate::model::{Category, EventTime, Labels, Priority, Severity};

/// Episodes of which a fallback has heard and waits for the end; beyond it, the oldest key's end is not passed on.
const HANDED_MAX: usize = 10_000;

/// The annotation that names the receiver in whose stead somebody is told.
pub(super) const FROM: &str = "fallback_for";

/// What the senders tell.
pub(super) enum Sign {
    /// Goes to a receiver that has a fallback. Comes before anything can become of it.
    Asked {
        ticket: u64,
        notification: Arc<Notification>,
        fallback: Fallback,
        at: Instant,
        /// Is set where it ends before anybody else has to be told.
        over: Arc<AtomicBool>,
    },
    Settled {
        ticket: u64,
        refused: Option<String>,
    },
    Lane {
        receiver: String,
        fallback: String,
        label: String,
        key: String,
        wall_ns: u64,
        broken: bool,
    },
}

#[derive(Default)]
pub(super) struct Watch {
    pages: BTreeMap<u64, Page>,
    due: BTreeSet<(Instant, u64)>,
    /// By receiver and dedup key, the fallback that was told.
    handed: BTreeMap<(String, String), String>,
}

struct Page {
    notification: Arc<Notification>,
    fallback: Fallback,
    due: Instant,
    over: Arc<AtomicBool>,
}

impl Watch {
    pub fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// What a sign has for the fallback.
    pub fn hear(&mut self, sign: Sign) -> Option<Notification> {
        match sign {
            Sign::Asked { ticket, notification, fallback, at, over } => {
                let due = at + fallback.after;
                self.asked(ticket, Page { notification, fallback, due, over })
            }
            Sign::Settled { ticket, refused } => {
                let page = self.forget(ticket)?;
                Some(self.hand_over(page, &format!("could not be told ({})", refused?)))
            }
            Sign::Lane { receiver, fallback, label, key, wall_ns, broken } => {
                Some(paging(&receiver, fallback, &label, key, wall_ns, broken))
            }
        }
    }

    /// Pages whose time is up.
    pub fn overdue(&mut self, now: Instant) -> Vec<Notification> {
        let mut all = Vec::new();
        while let Some((_, ticket)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let Some(page) = self.forget(ticket) else { break };
            let after = spoken(page.fallback.after);
            all.push(self.hand_over(page, &format!("has not taken this page for {after}")));
        }
        all
    }

    fn asked(&mut self, ticket: u64, page: Page) -> Option<Notification> {
        let notification = Arc::clone(&page.notification);
        let episode = (notification.receiver.clone(), notification.dedup_key.clone());
        match notification.transition {
            Transition::Trigger | Transition::Escalate if waits_for(&notification) => {
                self.due.insert((page.due, ticket));
                self.pages.insert(ticket, page);
                None
            }
            Transition::Resolve => {
                self.forget_pages_of(&episode);
                let told = self.handed.remove(&episode)?;
                Some(Notification { receiver: told, ..(*notification).clone() })
            }
            Transition::Acknowledge => {
                let told = self.handed.get(&episode)?.clone();
                Some(Notification { receiver: told, ..(*notification).clone() })
            }
            Transition::Trigger | Transition::Escalate => None,
        }
    }

    fn forget(&mut self, ticket: u64) -> Option<Page> {
        let page = self.pages.remove(&ticket)?;
        self.due.remove(&(page.due, ticket));
        Some(page)
    }

    /// It is over before anybody had to be told.
    fn forget_pages_of(&mut self, (receiver, key): &(String, String)) {
        let of_it =
            |page: &Page| page.notification.receiver == *receiver && page.notification.dedup_key == *key;
        let over: Vec<u64> =
            self.pages.iter().filter(|(_, page)| of_it(page)).map(|(ticket, _)| *ticket).collect();
        for page in over.into_iter().filter_map(|ticket| self.forget(ticket)) {
            page.over.store(true, Relaxed);
        }
    }

    fn hand_over(&mut self, page: Page, why: &str) -> Notification {
        let Page { notification, fallback, .. } = page;
        let from = notification.receiver.clone();
        let mut notification = (*notification).clone();
        let text = format!("Receiver {from} {why}, so it comes to you. {}", notification.explain.text);
        notification.explain.text = text;
        let annotations = &mut notification.alert.annotations;
        if let Some(summary) = annotations.get_mut("summary") {
            *summary = format!("{summary} (instead of {from})");
        }
        annotations.insert(FROM.to_owned(), from.clone());
        self.handed.insert((from, notification.dedup_key.clone()), fallback.receiver.clone());
        if self.handed.len() > HANDED_MAX {
            self.handed.pop_first();
        }
        notification.receiver = fallback.receiver;
        notification
    }
}

/// Whether somebody else is told where nobody takes it.
pub(super) fn waits_for(notification: &Notification) -> bool {
    matches!(notification.transition, Transition::Trigger | Transition::Escalate)
        && notification.alert.severity == Severity::Page
}

/// An alert about ourselves, which no episode of the engine stands behind.
fn paging(
    receiver: &str,
    fallback: String,
    label: &str,
    key: String,
    wall_ns: u64,
    broken: bool,
) -> Notification {
    let (transition, text) = match broken {
        true => (Transition::Trigger, format!("Paging is broken: nothing gets through to {label}")),
        false => (Transition::Resolve, format!("Paging works again: {label}")),
    };
    let at = EventTime(wall_ns);
    let labels = [
        ("alertname", "evenkeel-paging-broken"),
        ("service", "evenkeel"),
        ("severity", Severity::Page.as_str()),
        ("receiver", receiver),
        ("integration", label),
    ];
    let labels: Labels =
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Notification {
        id: NotificationId(0),
        receiver: fallback,
        dedup_key: key,
        sequence: if broken { 1 } else { 2 },
        transition,
        at,
        crossed_at: at,
        started_at: at,
        alert: AlertSummary {
            id: String::new(),
            subject: Subject::Rule("evenkeel-paging-broken".to_owned()),
            service: "evenkeel".to_owned(),
            category: Category::Exception,
            priority: Priority::P2,
            severity: Severity::Page,
            condition: String::new(),
            labels,
            annotations: Labels::new(),
        },
        explain: Explain { text, burns: None },
    }
}

/// `2m`, `90s`
fn spoken(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{time:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::notification;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn asked(ticket: u64, transition: Transition, at: Instant) -> Sign {
        let fallback = Fallback { receiver: "second".to_owned(), after: 2 * MINUTE };
        let sequence = u32::try_from(ticket).unwrap();
        let notification = Arc::new(notification("K", sequence, transition));
        Sign::Asked { ticket, notification, fallback, at, over: Arc::default() }
    }

    #[test]
    fn a_page_that_is_not_taken_in_time_goes_to_the_fallback_and_so_does_its_end() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        assert_eq!(watch.hear(asked(1, Transition::Trigger, start)), None);
        assert_eq!(watch.deadline(), Some(start + 2 * MINUTE));
        assert!(watch.overdue(start + MINUTE).is_empty());
        let told = watch.overdue(start + 2 * MINUTE);
        assert_eq!((told.len(), &*told[0].receiver, &*told[0].dedup_key), (1, "second", "K"));
        assert_eq!(
            told[0].explain.text,
            "Receiver oncall has not taken this page for 2m, so it comes to you. 5.0 % of checkout requests fail"
        );
        assert_eq!(told[0].alert.labels, notification("K", 1, Transition::Trigger).alert.labels);
        assert_eq!(watch.hear(Sign::Settled { ticket: 1, refused: Some("late".to_owned()) }), None, "once");
        let end = watch.hear(asked(2, Transition::Resolve, start + 3 * MINUTE)).unwrap();
        assert_eq!((&*end.receiver, end.transition), ("second", Transition::Resolve));
        assert_eq!(watch.hear(asked(3, Transition::Resolve, start)), None, "it has heard of the end");
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn a_page_that_is_refused_does_not_wait_and_one_that_is_taken_stays_where_it_is() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        watch.hear(asked(1, Transition::Trigger, start));
        let told = watch.hear(Sign::Settled { ticket: 1, refused: Some("answered 401".to_owned()) }).unwrap();
        assert!(told.explain.text.starts_with("Receiver oncall could not be told (answered 401), so"));
        watch.hear(asked(2, Transition::Escalate, start));
        assert_eq!(watch.hear(Sign::Settled { ticket: 2, refused: None }), None);
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn what_is_no_page_or_over_in_time_is_nobody_elses_business() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        watch.hear(asked(1, Transition::Trigger, start));
        assert_eq!(watch.hear(asked(2, Transition::Resolve, start)), None);
        assert_eq!(watch.deadline(), None, "resolved before it was due");
        let mut ticket = notification("K", 3, Transition::Trigger);
        ticket.alert.severity = Severity::Ticket;
        let fallback = Fallback { receiver: "second".to_owned(), after: MINUTE };
        let notification = Arc::new(ticket);
        watch.hear(Sign::Asked { ticket: 3, notification, fallback, at: start, over: Arc::default() });
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn broken_paging_and_its_recovery_have_one_key() {
        let sign = |broken| Sign::Lane {
            receiver: "oncall".to_owned(),
            fallback: "second".to_owned(),
            label: "webhook 1 of oncall (host)".to_owned(),
            key: "k".to_owned(),
            wall_ns: 7,
            broken,
        };
        let mut watch = Watch::default();
        let [broken, works] = [true, false].map(|broken| watch.hear(sign(broken)).unwrap());
        assert_eq!((broken.transition, works.transition), (Transition::Trigger, Transition::Resolve));
        assert_eq!((&broken.dedup_key, &broken.alert.labels), (&works.dedup_key, &works.alert.labels));
        assert_eq!(
            broken.explain.text,
            "Paging is broken: nothing gets through to webhook 1 of oncall (host)"
        );
    }
}
