//! What each service is sent over a real socket, what its answers mean, and who is told instead.

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn pagerduty(url: &str) -> Integration {
    Integration::new(Service::PagerDuty(Box::new(PagerDuty::new(Secret::new(KEY)))), url)
}

fn slack(url: &str) -> Integration {
    Integration::new(Service::Slack(Box::default()), url)
}

fn opsgenie(product: Product, url: &str) -> Integration {
    let service = Opsgenie::new(product, Secret::new("genie-key"));
    Integration::new(Service::Opsgenie(Box::new(service)), url)
}

fn receiver(name: &str, integration: Integration, fallback: Option<(&str, u64)>) -> Receiver {
    let fallback = fallback.map(|(receiver, after)| Fallback {
        receiver: receiver.to_owned(),
        after: Duration::from_millis(after),
    });
    let (integrations, not_in_effect) = (vec![integration], Vec::new());
    Receiver { name: name.to_owned(), integrations, not_in_effect, fallback }
}

#[tokio::test]
async fn pagerduty_hears_every_transition_and_a_final_answer_is_not_asked_again() {
    let script =
        [Say::Full(429, "", "slow down"), Say::Status(202), Say::Status(202), Say::Full(400, "", "")];
    let mut server = Server::start(script).await;
    let mut world = World::new(FAST, [("oncall", vec![pagerduty(&server.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    for (sequence, transition) in [(2, Transition::Acknowledge), (3, Transition::Resolve)] {
        world.responder.notify(notification("K", sequence, transition));
    }
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 2 }));
    assert_eq!(world.next().await, (2, Outcome::Delivered { attempts: 1 }));
    assert!(matches!(world.next().await, (3, Outcome::Failed { attempts: 1, .. })));
    let mut actions = Vec::new();
    for _ in 0..4 {
        let seen = server.next().await.json();
        assert_eq!((&seen["routing_key"], &seen["dedup_key"]), (&KEY.into(), &"K".into()));
        actions.push(seen["event_action"].as_str().unwrap().to_owned());
    }
    assert_eq!(actions, ["trigger", "trigger", "acknowledge", "resolve"]);
}

/// Guarantees: what an answer repeats of our keys reaches neither outcome nor log.
#[tokio::test]
async fn an_answer_that_repeats_a_secret_is_shown_without_it() {
    let echo = "Invalid Routing Key 0123456789abcdef0123456789abcdef for /hooks/T0/secret";
    let server = Server::start([Say::Full(400, "", echo)]).await;
    let mut world = World::new(FAST, [("oncall", vec![pagerduty(&server.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    let reason = world.failure().await;
    assert!(
        reason.ends_with("400 Bad Request: Invalid Routing Key (secret) for /hooks/T0/secret"),
        "{reason}"
    );
    let server = Server::start([Say::Full(404, "", "no hook at /hooks/T0/secret")]).await;
    let url = format!("{}/hooks/T0/secret", server.url);
    let mut world = World::new(FAST, [("oncall", vec![slack(&url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    let reason = world.failure().await;
    assert!(reason.ends_with("404 Not Found: no hook at (secret)"), "{reason}");
}

#[tokio::test]
async fn opsgenie_is_called_by_its_paths_with_its_key_and_all_calls_of_an_escalation_count() {
    let mut server = Server::start([Say::Status(202), Say::Status(202), Say::Status(503)]).await;
    let base = format!("{}/base/", server.url);
    let mut world = World::new(FAST, [("oncall", vec![opsgenie(Product::Opsgenie, &base)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    world.responder.notify(notification("K", 2, Transition::Escalate));
    world.responder.notify(notification("K", 3, Transition::Resolve));
    for (id, attempts) in [(1, 1), (2, 2), (3, 1)] {
        assert_eq!(world.next().await, (id, Outcome::Delivered { attempts }));
    }
    let mut lines = Vec::new();
    for _ in 0..6 {
        let seen = server.next().await;
        assert_eq!(seen.header("authorization"), Some("geniekey genie-key"));
        lines.push(seen.head.lines().next().unwrap().to_owned());
    }
    assert_eq!(
        lines,
        [
            "post /base/v2/alerts http/1.1",
            "post /base/v2/alerts http/1.1",
            "put /base/v2/alerts/k/priority?identifiertype=alias http/1.1",
            "post /base/v2/alerts http/1.1",
            "put /base/v2/alerts/k/priority?identifiertype=alias http/1.1",
            "post /base/v2/alerts/k/close?identifiertype=alias http/1.1",
        ]
    );
}

#[tokio::test]
async fn slack_is_believed_when_it_says_ok() {
    let script = [
        Say::Full(200, "", "ok"),
        Say::Full(200, "", r#"{"ok":false,"error":"channel_not_found"}"#),
        Say::Flood(200),
        Say::Full(403, "", "invalid_token"),
    ];
    let server = Server::start(script).await;
    let mut world = World::new(FAST, [("oncall", vec![slack(&server.url)])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 1 }));
    for part in ["did not say ok: channel_not_found", "did not say ok: xxx", "403 Forbidden: invalid_token"] {
        world.responder.notify(notification("K", 2, Transition::Trigger));
        let reason = world.failure().await;
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn a_signed_webhook_can_be_checked_with_either_of_two_keys() {
    let mut server = Server::start([]).await;
    let key = |id: &str, secret: &str| SigningKey { id: id.to_owned(), secret: Secret::new(secret) };
    let signing = vec![key("new", "the new secret"), key("old", "the old secret")];
    let webhook = Webhook { format: WebhookFormat::Evenkeel, signing: signing.clone() };
    let basic = Authorization::Basic { username: "u".to_owned(), password: Secret::new("p") };
    let mut integration = Integration::new(Service::Webhook(webhook), &server.url);
    integration.authorization = Some(basic);
    let world = World::new(FAST, [("oncall", vec![integration])]);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    let seen = server.next().await;
    assert_eq!(seen.header("authorization"), Some("basic dtpw"), "lower case of dTpw");
    let prefix = "evenkeel-signature: ";
    let found: Vec<&str> = seen.head.lines().filter_map(|line| line.strip_prefix(prefix)).collect();
    let time = found[0].split([',', '=']).nth(1).unwrap().parse().unwrap();
    let expected = signing.iter().map(|key| sign::signature(key, time, seen.body.as_bytes()).unwrap());
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cloud_event_comes_as_one_document_or_with_its_attributes_as_headers() {
    let mut server = Server::start([]).await;
    let both = [WebhookFormat::CloudEvents, WebhookFormat::CloudEventsBinary];
    let both = both.map(|format| Integration::webhook(format, &server.url));
    let world = World::new(FAST, [("one", vec![both[0].clone()]), ("two", vec![both[1].clone()])]);
    world.responder.notify(to("one", notification("K", 1, Transition::Trigger)));
    let seen = server.next().await;
    assert_eq!(seen.header("content-type"), Some("application/cloudevents+json"));
    assert_eq!(seen.json()["data"]["dedup_key"], "K");
    world.responder.notify(to("two", notification("K", 1, Transition::Trigger)));
    let seen = server.next().await;
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("ce-type"), Some("dev.evenkeel.alert.trigger.v1"));
    assert_eq!((seen.header("ce-id"), &seen.json()["dedup_key"]), (Some("k:1"), &"K".into()));
}

/// Scenario: the burst of a bucket is spent on tickets; a ticket and then a page come while it is empty.
/// Guarantees: the page goes first.
#[tokio::test]
async fn a_page_does_not_wait_behind_tickets_for_its_token() {
    let mut server = Server::start(std::iter::repeat_n(Say::Full(200, "", "ok"), 100)).await;
    let world = World::new(FAST, [("oncall", vec![slack(&server.url)])]);
    let tell = |key: &str, severity| {
        let mut one = notification(key, 1, Transition::Trigger);
        one.alert.severity = severity;
        one.alert.labels.insert("alertname".to_owned(), key.to_owned());
        one.explain.text = key.to_owned();
        world.responder.notify(one);
    };
    (0..5).for_each(|number| tell(&format!("burst {number}"), Severity::Ticket));
    for _ in 0..5 {
        server.next().await;
    }
    tell("a ticket", Severity::Ticket);
    tell("a page", Severity::Page);
    for expected in ["a page", "a ticket"] {
        let seen = server.next().await.json();
        assert!(seen["text"].as_str().unwrap().ends_with(expected), "{seen}");
    }
}

/// Scenario: a receiver that hangs, with more than fits in its queue; one more alert opens and ends, one opens and stays.
/// Guarantees: the one that nobody needs to hear of makes room and is told as failed; the open one is kept and delivered.
#[tokio::test]
async fn a_full_queue_forgets_what_has_ended_and_keeps_what_is_open() {
    let mut server = Server::start(std::iter::repeat_n(Say::Hang, 16)).await;
    let pace = Pace { open_max: 2, answer_within: Duration::from_secs(2), ..FAST };
    let mut world = World::new(pace, [("oncall", vec![evenkeel(&server.url)])]);
    for sequence in 1..=16 {
        world.responder.notify(notification(&format!("hangs {sequence}"), sequence, Transition::Trigger));
    }
    for _ in 1..=16 {
        server.next().await;
    }
    world.responder.notify(notification("ended", 17, Transition::Trigger));
    world.responder.notify(notification("open", 18, Transition::Trigger));
    world.responder.notify(notification("ended", 19, Transition::Resolve));
    for id in [17, 19] {
        let (settled, outcome) = world.next().await;
        let Outcome::Failed { attempts: 0, reason } = outcome else { panic!("{outcome:?}") };
        assert_eq!(settled, id);
        assert!(reason.ends_with("the alert ended before anybody could be told"), "{reason}");
    }
    assert_eq!(world.responder.meters().snapshot()[0].collapsed, 1);
    let mut delivered = Vec::new();
    for _ in 0..17 {
        let (id, outcome) = world.next().await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        delivered.push(id);
    }
    delivered.sort_unstable();
    assert_eq!(delivered, (1..=16).chain([18]).collect::<Vec<_>>());
}

/// Scenario: a receiver hangs; its fallback does not; then the alert ends.
/// Guarantees: the fallback hears page and end, and is told in whose stead; only the receiver's own outcome counts.
#[tokio::test]
async fn a_page_that_hangs_goes_to_the_fallback_and_its_end_too() {
    let hangs = Server::start(std::iter::repeat_n(Say::Hang, 100)).await;
    let mut second = Server::start([]).await;
    let receivers = vec![
        receiver("oncall", evenkeel(&hangs.url), Some(("second", 50))),
        receiver("second", evenkeel(&second.url), None),
    ];
    let mut world = World::of(FAST, receivers);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    let page = second.next().await.json();
    assert_eq!((&page["dedup_key"], &page["transition"]), (&"K".into(), &"trigger".into()));
    let text = page["explain"]["text"].as_str().unwrap();
    assert!(text.starts_with("Receiver oncall has not taken this page for 50ms"), "{text}");
    world.responder.notify(notification("K", 2, Transition::Resolve));
    assert_eq!(second.next().await.json()["transition"], "resolve");
    assert!(world.settled.try_recv().is_err(), "oncall has not answered");
    let counts = world.responder.meters().snapshot();
    assert_eq!((counts[0].handed_over, counts[1].failed), (1, 0));
}

#[tokio::test]
async fn a_page_that_is_refused_goes_to_the_fallback_at_once() {
    let refuses = Server::start([Say::Status(401)]).await;
    let mut second = Server::start([]).await;
    let receivers = vec![
        receiver("oncall", evenkeel(&refuses.url), Some(("second", 3_600_000))),
        receiver("second", evenkeel(&second.url), None),
    ];
    let mut world = World::of(FAST, receivers);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    let failure = world.failure().await;
    assert!(failure.contains("answered 401") && failure.ends_with("; handed over to second"), "{failure}");
    let text = second.next().await.json()["explain"]["text"].to_string();
    assert!(text.contains("could not be told (webhook 1 of oncall"), "{text}");
}

/// Scenario: nothing gets through to a receiver, then it recovers.
/// Guarantees: its fallback hears of both, once each, under one key.
#[tokio::test]
async fn broken_paging_is_told_to_the_fallback_and_its_recovery_too() {
    let script = std::iter::repeat_n(Say::Status(503), 6);
    let broken = Server::start(script).await;
    let mut second = Server::start([]).await;
    let receivers = vec![
        receiver("oncall", evenkeel(&broken.url), Some(("second", 3_600_000))),
        receiver("second", evenkeel(&second.url), None),
    ];
    let pace = Pace { broken_after: Duration::from_millis(5), ..FAST };
    let mut world = World::of(pace, receivers);
    world.responder.notify(notification("K", 1, Transition::Trigger));
    let told = second.next().await.json();
    assert!(
        told["explain"]["text"].as_str().unwrap().starts_with("Paging is broken: nothing gets"),
        "{told}"
    );
    assert_eq!(world.next().await, (1, Outcome::Delivered { attempts: 7 }));
    let over = second.next().await.json();
    assert_eq!((&over["transition"], &over["dedup_key"]), (&"resolve".into(), &told["dedup_key"]));
    assert!(second.heard_nothing_more());
    assert_eq!(world.responder.meters().snapshot()[0].broken, 0);
}

#[tokio::test]
async fn links_lead_to_another_address_once_that_is_configured() {
    let mut server = Server::start([]).await;
    let webhook = Integration::webhook(WebhookFormat::Alertmanager, &server.url);
    let mut world = World::new(FAST, [("oncall", vec![webhook.clone()])]);
    let receivers = vec![receiver("oncall", webhook, None)];
    let elsewhere = "https://evenkeel.example".to_owned();
    assert_eq!(world.responder.reconfigure(receivers, elsewhere), Vec::<String>::new());
    world.responder.notify(notification("K1", 1, Transition::Trigger));
    world.next().await;
    let seen = server.next().await;
    assert!(seen.body.contains("https://evenkeel.example/api/v1/alerts/alt_1"), "{}", seen.body);
}
