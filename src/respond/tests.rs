//! The whole folder against real sockets: servers that answer from a script, pauses of milliseconds.
//! Where a pause matters it is asserted as a lower bound, or in `queue.rs` with a clock of our own.

pub(crate) mod server;
mod services;
mod wire;

use std::time::Duration;

use tokio::sync::mpsc;

use self::server::{Say, Server};
use super::*;
use crate::engine::{AlertSummary, Burns, Explain, Subject, Transition};
use crate::model::{Category, EventTime, Priority, SECOND_NS, Severity};

const STARTED_NS: u64 = 1_431_857_103 * SECOND_NS; // 2015-05-17 10:05:03 UTC

pub(crate) fn notification(key: &str, sequence: u32, transition: Transition) -> Notification {
    let labels = [("alertname", "ErrorBudgetBurn"), ("severity", "page"), ("slo", "checkout-availability")];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Notification {
        id: NotificationId(u64::from(sequence)),
        receiver: "oncall".to_owned(),
        dedup_key: key.to_owned(),
        sequence,
        transition,
        at: EventTime(STARTED_NS + 5_000_000),
        crossed_at: EventTime(STARTED_NS - SECOND_NS),
        started_at: EventTime(STARTED_NS),
        alert: AlertSummary {
            id: "alt_1".to_owned(),
            subject: Subject::Slo("checkout-availability".to_owned()),
            service: "checkout".to_owned(),
            category: Category::Exception,
            priority: Priority::P1,
            severity: Severity::Page,
            condition: "1h/5m".to_owned(),
            labels: labels.into_iter().map(owned).collect(),
            annotations: [owned(("runbook_url", "https://runbooks/checkout"))].into(),
        },
        explain: Explain {
            text: "5.0 % of checkout requests fail".to_owned(),
            burns: Some(Burns {
                long: "14.5".to_owned(),
                short: "50.3".to_owned(),
                budget_remaining: "0.61".to_owned(),
            }),
        },
    }
}

fn to(receiver: &str, mut notification: Notification) -> Notification {
    notification.receiver = receiver.to_owned();
    notification
}

/// Retries after 1 to 20 ms, for as long as a test takes.
const FAST: Pace = Pace {
    retry: Retry {
        base: Duration::from_millis(1),
        cap: Duration::from_millis(20),
        limit: Duration::from_secs(60),
    },
    answer_within: Duration::from_secs(30),
    resend: Duration::from_secs(3600),
    resend_resolved: Duration::from_secs(3600),
    open_max: 100,
    throttled: Duration::from_millis(5),
    broken_after: Duration::from_secs(3600),
};

fn evenkeel(url: &str) -> Integration {
    Integration::webhook(WebhookFormat::Evenkeel, url)
}

fn alertmanager(url: &str) -> Integration {
    Integration::new(Service::Alertmanager, url)
}

struct World {
    responder: Responder,
    settled: mpsc::UnboundedReceiver<(u64, Outcome)>,
}

impl World {
    fn new<const N: usize>(pace: Pace, receivers: [(&str, Vec<Integration>); N]) -> Self {
        let receivers = receivers.map(|(name, integrations)| Receiver {
            name: name.to_owned(),
            integrations,
            not_in_effect: Vec::new(),
            fallback: None,
        });
        Self::of(pace, receivers.into())
    }

    fn of(pace: Pace, receivers: Vec<Receiver>) -> Self {
        let (sender, settled) = mpsc::unbounded_channel();
        let told = move |id: NotificationId, outcome| {
            if !matches!(outcome, Outcome::Trying { .. }) {
                let _test_over = sender.send((id.0, outcome));
            }
        };
        let (client, external_url) = (client().unwrap(), "http://evenkeel:8080".to_owned());
        Self { responder: Responder::start_at(pace, receivers, client, external_url, told), settled }
    }

    fn reconfigure(&self, receivers: Vec<Receiver>) -> Vec<String> {
        self.responder.reconfigure(receivers, self.responder.external_url())
    }

    async fn next(&mut self) -> (u64, Outcome) {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, self.settled.recv()).await.expect("an outcome in time").expect("a sender")
    }

    async fn failure(&mut self) -> String {
        match self.next().await {
            (_, Outcome::Failed { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_webhook_gets_the_body_with_its_idempotency_key() {
    let mut server = Server::start([]).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&format!("{}/hook?a=b", server.url))])]);
    let trigger = notification("K1", 1, Transition::Trigger);
    world.responder.notify(trigger.clone());
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 1 }));
    let seen = server.next().await;
    assert!(seen.head.starts_with("post /hook?a=b http/1.1"), "{}", seen.head);
    assert_eq!(seen.idempotency_key(), "k1:1", "heads are in lower case here");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.body.as_bytes(), body::evenkeel(&trigger));
}

/// Scenario: the server fails in every way that may pass, then recovers; the resolve comes while the
/// trigger is still being tried.
/// Guarantees: both arrive, in order, each settled once.
#[tokio::test]
async fn a_resolve_waits_behind_a_trigger_that_is_still_being_tried() {
    let script = [
        Say::Status(500),
        Say::Status(503),
        Say::Reset,
        Say::Status(408),
        Say::Full(429, "Retry-After: 0\r\n", ""),
        Say::Flood(500),
        Say::Status(200),
        Say::Status(502),
    ];
    let mut server = Server::start(script).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&server.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    world.responder.notify(notification("K", 2, Transition::Resolve));
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 7 }));
    assert_eq!(world.next().await, (2, Outcome::Delivered { attempts: 2 }));
    for key in [["k:1"; 7].as_slice(), &["k:2"; 2]].concat() {
        assert_eq!(server.next().await.idempotency_key(), key);
    }
    let counts = world.responder.meters().snapshot().remove(0);
    assert_eq!((counts.attempts, counts.retried, counts.delivered, counts.failed), (9, 7, 2, 0));
    assert!(counts.last_success_ns.is_some());
    assert!(server.heard_nothing_more() && world.settled.try_recv().is_err());
}

#[tokio::test]
async fn one_key_that_hangs_delays_no_other_key() {
    let mut server = Server::start([Say::Hang]).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&server.url)])]);
    world.responder.notify(notification("hangs", 1, Transition::Trigger));
    assert_eq!(server.next().await.idempotency_key(), "hangs:1");
    for sequence in 2..40 {
        world.responder.notify(notification(&format!("key {sequence}"), sequence, Transition::Trigger));
    }
    for _ in 2..40 {
        assert!(matches!(world.next().await, (2..40, Outcome::Delivered { attempts: 1 })));
    }
}

#[tokio::test]
async fn a_dead_receiver_delays_no_other_receiver_nor_its_own_second_integration() {
    let dead = Server::start(std::iter::repeat_n(Say::Hang, 100)).await;
    let mut alive = Server::start([]).await;
    let mut world = World::new(
        FAST,
        [
            ("oncall", vec![evenkeel(&dead.url), evenkeel(&format!("{}/second", alive.url))]),
            ("chat", vec![evenkeel(&format!("{}/chat", alive.url))]),
        ],
    );
    for sequence in 1..=40 {
        world.responder.notify(notification(&format!("{sequence}"), sequence, Transition::Trigger));
        world
            .responder
            .notify(to("chat", notification(&format!("{sequence}"), 100 + sequence, Transition::Trigger)));
    }
    for _ in 1..=80 {
        alive.next().await;
    }
    for _ in 1..=40 {
        assert!(matches!(world.next().await, (101..=140, Outcome::Delivered { attempts: 1 })));
    }
    assert!(world.settled.try_recv().is_err(), "oncall is not done: one of its integrations hangs");
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let mut server = Server::start([Say::Full(429, "Retry-After: 1\r\n", "")]).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&server.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 2 }));
    let (first, second) = (server.next().await, server.next().await);
    assert!(second.at - first.at >= Duration::from_secs(1));
}

#[tokio::test]
async fn answers_that_will_not_change_are_final_and_say_which_integration_and_why() {
    let mut target = Server::start([]).await;
    let location: &'static str = format!("Location: {}\r\n", target.url).leak();
    let script = [
        Say::Full(404, "", "no such\r\nhook\x1b[0m"),
        Say::Flood(400),
        Say::Full(302, location, ""),
        Say::Full(307, location, ""),
    ];
    let server = Server::start(script).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&server.url)])]);
    for (sequence, reason) in [
        (1, "answered 404 Not Found: no such hook [0m".to_owned()),
        (2, format!("answered 400 Bad Request: {}…", "x".repeat(120))),
        (3, "answered 302 Found: redirects are not followed".to_owned()),
        (4, "answered 307 Temporary Redirect: redirects are not followed".to_owned()),
    ] {
        world.responder.notify(notification("K", sequence, Transition::Trigger));
        let reason = format!("webhook 1 of oncall (127.0.0.1): {reason}");
        assert_eq!(world.next().await, (u64::from(sequence), Outcome::Failed { attempts: 1, reason }));
    }
    assert!(target.heard_nothing_more());
    assert_eq!(world.responder.meters().snapshot()[0].failed, 4);
}

#[tokio::test]
async fn no_answer_and_no_connection_are_given_up_at_the_limit_without_telling_the_path() {
    let hangs = Server::start(std::iter::repeat_n(Say::Hang, 1000)).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limit = Retry { limit: Duration::from_millis(60), ..FAST.retry };
    let pace = Pace { retry: limit, answer_within: Duration::from_millis(300), ..FAST };
    let both = vec![evenkeel(&hangs.url), evenkeel(&format!("http://{closed}/secret"))];
    let mut world = World::new(pace, [("oncall", both)]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    world.responder.notify(notification("K", 2, Transition::Resolve));
    let reason = world.failure().await;
    for part in [
        "webhook 1 of oncall",
        "no answer within 300ms",
        "webhook 2 of oncall",
        "could not connect",
        "given up",
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(!reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn a_receiver_with_two_integrations_is_delivered_when_both_are() {
    let (first, second) = (Server::start([]).await, Server::start([Say::Status(500)]).await);
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&first.url), alertmanager(&second.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    assert_eq!(*world.responder.untried().borrow(), 2, "by each of the two");
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 3 }));
    assert_eq!(*world.responder.untried().borrow(), 0);
}

#[tokio::test]
async fn what_cannot_be_sent_is_settled_at_once() {
    let server = Server::start([Say::Hang]).await;
    let pace = Pace { open_max: 1, ..FAST };
    let bad = vec![evenkeel("ftp://example.com")];
    let receivers = [("oncall", vec![evenkeel(&server.url)]), ("bad", bad), ("nobody", vec![])];
    let mut world = World::new(pace, receivers);
    for (sequence, transition) in [(1, Transition::Trigger), (2, Transition::Acknowledge)] {
        world.responder.notify(notification("K", sequence, transition));
    }
    assert_eq!(world.failure().await, "webhook 1 of oncall (127.0.0.1): its queue is full");
    world.responder.notify(to("bad", notification("K", 3, Transition::Trigger)));
    assert!(world.failure().await.contains("ftp is neither http nor https"));
    world.responder.notify(to("gone", notification("K", 4, Transition::Trigger)));
    assert_eq!(world.failure().await, "no receiver is named \"gone\"");
    world.responder.notify(to("nobody", notification("K", 5, Transition::Trigger)));
    assert_eq!(world.next().await, (5, Outcome::Delivered { attempts: 0 }));
}

#[tokio::test]
async fn a_page_to_nobody_is_not_delivered() {
    let (sender, mut settled) = mpsc::unbounded_channel();
    let receiver = Receiver {
        name: "oncall".to_owned(),
        integrations: Vec::new(),
        not_in_effect: vec!["email_configs".to_owned()],
        fallback: None,
    };
    let told = move |_, outcome| drop(sender.send(outcome));
    let responder = Responder::start(vec![receiver], client().unwrap(), String::new(), told);
    responder.notify(notification("K", 1, Transition::Trigger));
    let reason = "nobody was told: email_configs of the receiver can not be sent to yet".to_owned();
    assert_eq!(settled.recv().await, Some(Outcome::Failed { attempts: 0, reason }));
}

#[tokio::test]
async fn transitions_that_an_integration_does_not_hear_of_are_settled_in_their_turn() {
    let mut server = Server::start([Say::Status(500)]).await;
    let format = WebhookFormat::Alertmanager;
    let webhook = Integration { send_resolved: false, ..Integration::webhook(format, &server.url) };
    let mut world = World::new(FAST, [("oncall", vec![webhook])]);
    for (sequence, transition) in
        [(1, Transition::Trigger), (2, Transition::Acknowledge), (3, Transition::Resolve)]
    {
        world.responder.notify(notification("K", sequence, transition));
    }
    for (id, attempts) in [(1, 2), (2, 0), (3, 0)] {
        assert_eq!(world.next().await, (id, Outcome::Delivered { attempts }));
    }
    assert_eq!(
        (server.next().await.json()["version"].clone(), server.next().await.json()["status"].clone()),
        ("4".into(), "firing".into())
    );
    assert!(server.heard_nothing_more());
}

#[tokio::test]
async fn alertmanager_goes_on_hearing_of_an_alert_until_a_while_after_its_end() {
    let mut server = Server::start([]).await;
    let pace = Pace { resend: Duration::from_millis(10), resend_resolved: Duration::from_millis(40), ..FAST };
    let mut world = World::new(pace, [("oncall", vec![alertmanager(&format!("{}/am/", server.url))])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    for _ in 0..5 {
        let seen = server.next().await;
        assert!(seen.head.starts_with("post /am/api/v2/alerts "), "{}", seen.head);
        assert_ne!(seen.json()[0]["endsAt"], "2015-05-17T10:05:03.005Z");
    }
    world.responder.notify(notification("K", 2, Transition::Resolve));
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 1 }));
    assert_eq!(world.next().await, (2, Outcome::Delivered { attempts: 1 }));
    let mut ends = Vec::new();
    while let Ok(Some(seen)) = tokio::time::timeout(Duration::from_millis(500), server.seen.recv()).await {
        ends.push(seen.json()[0]["endsAt"] == "2015-05-17T10:05:03.005Z");
    }
    let resolved = ends.iter().filter(|end| **end).count();
    assert!((1..=6).contains(&resolved), "{ends:?}");
    assert!(ends.is_sorted(), "nothing fires again after the resolve: {ends:?}");
}

#[tokio::test]
async fn a_resumed_episode_is_said_to_alertmanager_alone_and_settles_nothing() {
    let (mut webhook, mut server) = (Server::start([]).await, Server::start([]).await);
    let both = vec![evenkeel(&webhook.url), alertmanager(&server.url)];
    let mut world = World::new(FAST, [("oncall", both)]);
    world.responder.resume(notification("K", 1, Transition::Trigger));
    assert_eq!(server.next().await.json()[0]["startsAt"], "2015-05-17T10:05:03Z");
    assert_eq!(world.responder.drain(Duration::from_secs(20)).await.left, []);
    assert!(webhook.heard_nothing_more() && world.settled.try_recv().is_err());
}

/// Scenario: shutdown while one key waits for its retry with another job behind it, one request hangs,
/// and one was never tried.
/// Guarantees: what was never tried is sent, nothing is tried again, the rest is named and not settled.
#[tokio::test]
async fn draining_sends_what_is_fresh_and_names_what_is_left() {
    let mut server = Server::start([Say::Full(503, "Retry-After: 50\r\n", ""), Say::Hang]).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&server.url)])]);
    world.responder.notify(notification("waits", 1, Transition::Trigger));
    world.responder.notify(notification("waits", 2, Transition::Resolve));
    server.next().await;
    world.responder.notify(notification("hangs", 3, Transition::Trigger));
    server.next().await;
    world.responder.notify(notification("fresh", 4, Transition::Trigger));
    let drained = world.responder.drain(Duration::from_millis(500)).await;
    assert_eq!(drained.left, [1, 2, 3].map(NotificationId));
    assert_eq!(drained.to_string(), "3 not sent: 1, 2, 3");
    drop(world.responder);
    assert_eq!(world.settled.recv().await, Some((4, Outcome::Delivered { attempts: 1 })));
    assert_eq!(world.settled.recv().await, None, "nothing else is settled");
    assert_eq!(server.next().await.idempotency_key(), "fresh:4");
    assert!(server.heard_nothing_more());
}

/// Scenario: two pages wait for the second attempt in an hour, with a resolve behind one; the receiver gets another
/// address, then another integration before it.
/// Guarantees: nothing is given up or overtaken: what waited goes to the new address, in its order.
#[tokio::test]
async fn what_waits_goes_where_the_receiver_is_now() {
    let wait = Say::Full(503, "Retry-After: 3000\r\n", "");
    let (mut old, mut new) = (Server::start([wait.clone(), wait]).await, Server::start([]).await);
    let pace = Pace { retry: Retry { limit: Duration::from_secs(3600), ..FAST.retry }, ..FAST };
    let mut world = World::new(pace, [("oncall", vec![evenkeel(&old.url)])]);
    world.responder.notify(notification("a", 1, Transition::Trigger));
    world.responder.notify(notification("b", 2, Transition::Trigger));
    old.next().await;
    old.next().await;
    world.responder.notify(notification("a", 3, Transition::Resolve));
    let receiver = |integrations| Receiver {
        name: "oncall".to_owned(),
        integrations,
        not_in_effect: Vec::new(),
        fallback: None,
    };
    assert_eq!(world.reconfigure(vec![receiver(vec![evenkeel(&new.url)])]), ["oncall"]);
    let mut keys = Vec::new();
    let mut settled = Vec::new();
    for _ in 0..3 {
        keys.push(new.next().await.idempotency_key().to_owned());
        settled.push(world.next().await);
    }
    let place = |key: &str| keys.iter().position(|one| one == key);
    assert!(place("a:1") < place("a:3") && place("b:2").is_some(), "{keys:?}");
    settled.sort_by_key(|(id, _)| *id);
    let delivered = |id, attempts| (id, Outcome::Delivered { attempts });
    assert_eq!(settled, [delivered(1, 2), delivered(2, 2), delivered(3, 1)]);

    let mut first = Server::start([]).await;
    let both = vec![evenkeel(&first.url), evenkeel(&new.url)];
    assert_eq!(world.reconfigure(vec![receiver(both)]), ["oncall"]);
    world.responder.notify(notification("c", 4, Transition::Trigger));
    assert_eq!(world.next().await, delivered(4, 2));
    assert_eq!(first.next().await.idempotency_key(), "c:4");
    assert_eq!(new.next().await.idempotency_key(), "c:4");
    assert!(old.heard_nothing_more());
}

#[tokio::test]
async fn a_page_that_waits_for_a_receiver_that_is_taken_away_is_settled_as_failed() {
    let mut server = Server::start([Say::Full(503, "Retry-After: 50\r\n", "")]).await;
    let mut world = World::new(FAST, [("oncall", vec![evenkeel(&server.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    server.next().await;
    assert_eq!(world.reconfigure(Vec::new()), Vec::<String>::new());
    assert_eq!(world.failure().await, "its integration is no more");
}

#[tokio::test]
async fn each_attempt_that_failed_is_told_with_its_answer() {
    let server = Server::start([Say::Status(503), Say::Status(500)]).await;
    let (sender, mut told) = mpsc::unbounded_channel();
    let receiver = Receiver {
        name: "oncall".to_owned(),
        integrations: vec![evenkeel(&server.url)],
        not_in_effect: Vec::new(),
        fallback: None,
    };
    let tell = move |_, outcome| drop(sender.send(outcome));
    let responder = Responder::start_at(FAST, vec![receiver], client().unwrap(), String::new(), tell);
    responder.notify(notification("K", 1, Transition::Trigger));
    assert_eq!(*responder.untried().borrow(), 1);
    for (attempts, answer) in
        [(1, "answered 503 Service Unavailable"), (2, "answered 500 Internal Server Error")]
    {
        let reason = format!("webhook 1 of oncall (127.0.0.1): {answer}");
        assert_eq!(told.recv().await, Some(Outcome::Trying { attempts, reason }));
        assert_eq!(*responder.untried().borrow(), 0, "it was tried, and is not over");
    }
    assert_eq!(told.recv().await, Some(Outcome::Delivered { attempts: 3 }));
}

/// Scenario: a page waits for a pager whose key is wrong; the key is corrected, and the chat before it taken away.
/// Guarantees: what waited goes to the pager as it is now.
#[tokio::test]
async fn what_waits_for_an_integration_stays_with_its_kind() {
    let wait = Say::Full(503, "Retry-After: 3000\r\n", "");
    let (mut old, mut new, chat) =
        (Server::start([wait]).await, Server::start([]).await, Server::start([]).await);
    let pace = Pace { retry: Retry { limit: Duration::from_secs(3600), ..FAST.retry }, ..FAST };
    let mut world = World::new(pace, [("oncall", vec![alertmanager(&chat.url), evenkeel(&old.url)])]);
    world.responder.notify(notification("a", 1, Transition::Trigger));
    old.next().await;
    let integrations = vec![evenkeel(&new.url)];
    let receiver =
        Receiver { name: "oncall".to_owned(), integrations, not_in_effect: Vec::new(), fallback: None };
    world.reconfigure(vec![receiver]);
    assert_eq!(new.next().await.idempotency_key(), "a:1");
    assert!(matches!(world.next().await, (1, Outcome::Delivered { .. })));
}
