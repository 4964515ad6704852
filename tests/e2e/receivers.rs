//! Who is told, and that nobody waits for anybody else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Daemon, assert_books_balance, until};
use crate::sink::{Reply, Sink, send_outage, spans, wall_s};

const SHOP: &str = include_str!("shop.yaml");

/// Far below the ten seconds that a receiver may take to answer.
const PROMPT: Duration = Duration::from_secs(3);

/// The documents, with webhooks of these names, and this below `alerting`.
async fn start(documents: &str, sinks: &[(&str, &Sink)], route: &str) -> Daemon {
    let mut text = format!("{documents}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n");
    text.push_str(&format!("    route: {route}\n    receivers:\n"));
    for (name, sink) in sinks {
        let hook = format!("webhook_configs: [{{url: '{}', format: evenkeel}}]", sink.url);
        text.push_str(&format!("      - {{name: {name}, {hook}}}\n"));
    }
    Daemon::start(&text).await
}

async fn recover(daemon: &Daemon) {
    let now = wall_s();
    let recovered = spans(now - 380..now, false);
    assert_eq!(daemon.export("traces", "application/json", recovered).await.0, 200);
}

/// Scenario: two receivers of one alert; one takes the connection and never answers.
/// Guarantees: the other one hears of trigger and resolve at once, the silent one is left pending and is
/// told of nothing out of order, and the end of the daemon does not wait for it.
#[tokio::test]
async fn a_receiver_that_never_answers_delays_nobody() {
    let mut silent = Sink::saying(&[Reply::Silence]).await;
    let mut healthy = Sink::start().await;
    let route = "{receiver: healthy, routes: [{receiver: silent, continue: true}, {receiver: healthy}]}";
    let daemon = start(SHOP, &[("silent", &silent), ("healthy", &healthy)], route).await;
    for transition in ["trigger", "resolve"] {
        let begin = Instant::now();
        match transition {
            "trigger" => send_outage(&daemon).await,
            _ => recover(&daemon).await,
        }
        let post = healthy.next().await;
        assert_eq!(post.body["transition"], transition);
        assert!(post.at - begin < PROMPT, "{transition} took {:?}", post.at - begin);
    }
    assert_eq!(silent.next().await.body["transition"], "trigger");
    assert!(silent.is_quiet(), "the resolve waits behind the trigger");

    let delivered = || async {
        let counts = daemon.counts().await;
        (counts["notifications"]["delivered"] == 2).then_some(counts)
    };
    let counts = until("both are settled", delivered).await;
    let told = &counts["notifications"];
    assert_eq!((&told["triggered"], &told["resolved"]), (&json!(2), &json!(2)), "{told}");
    assert_eq!((&told["pending"], &told["failed"]), (&json!(2), &json!(0)), "{told}");
    let alerts = daemon.get("/api/v1/alerts").await;
    let receivers = &alerts["alerts"][0]["receivers"];
    assert_eq!(receivers["healthy"], "delivered", "{alerts}");
    assert_ne!(receivers["silent"], "delivered", "{alerts}");

    let begin = Instant::now();
    assert_eq!(daemon.stop().await, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
}

/// Scenario: a receiver that is busy twice and says for how long.
/// Guarantees: it is asked again after that time and not before, with the same key and the same words,
/// and what it took once is not sent again.
#[tokio::test]
async fn a_busy_receiver_gets_the_same_page_again_when_it_asked_for_it() {
    let waits = [2, 1];
    let replies = [Reply::Busy { retry_after_s: 2 }, Reply::Busy { retry_after_s: 1 }, Reply::Ok];
    let mut sink = Sink::saying(&replies).await;
    let daemon = start(SHOP, &[("oncall", &sink)], "{receiver: oncall}").await;
    send_outage(&daemon).await;
    let mut before = sink.next().await;
    let key = before.body["dedup_key"].as_str().unwrap().to_owned();
    assert_eq!(before.header("idempotency-key"), format!("{key}:1"));
    for wait in waits {
        let again = sink.next().await;
        let pause = again.at - before.at;
        assert!(pause >= Duration::from_secs(wait), "came back after {pause:?}, asked for {wait} s");
        assert_eq!(again.header("idempotency-key"), before.header("idempotency-key"));
        assert_eq!(again.body, before.body);
        before = again;
    }
    recover(&daemon).await;
    let resolve = sink.next().await;
    assert_eq!(resolve.body["transition"], "resolve", "the page was not sent a fourth time");
    assert_eq!(resolve.header("idempotency-key"), format!("{key}:2"));
    let settled = || async {
        let counts = daemon.counts().await;
        (counts["notifications"]["pending"] == 0).then_some(counts)
    };
    let told = &until("all is settled", settled).await["notifications"];
    assert_eq!((&told["delivered"], &told["failed"]), (&json!(2), &json!(0)), "{told}");
    assert!(sink.is_quiet());
}

/// Scenario: one outage of a service of tier 2, which pages, and of one of tier 3, which opens a ticket.
/// Guarantees: each goes where its labels lead, both to the route that says `continue`, none to the rest.
#[tokio::test]
async fn pages_and_tickets_go_to_their_own_receivers() {
    let office =
        SHOP.replace("shop-availability", "office-availability").replace("service: shop", "service: office");
    let tier = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: office, annotations: {evenkeel.dev/tier: '3'}}\n";
    let documents = format!("{SHOP}---\n{office}---\n{tier}");
    let (mut rest, mut audit) = (Sink::start().await, Sink::start().await);
    let (mut oncall, mut chat) = (Sink::start().await, Sink::start().await);
    let route = "{receiver: rest, routes: [\
                 {receiver: audit, continue: true, matchers: ['severity=~\"page|ticket\"']}, \
                 {receiver: oncall, matchers: ['severity=\"page\"', 'service=\"shop\"']}, \
                 {receiver: chat, matchers: ['severity=\"ticket\"', 'slo!=\"shop-availability\"']}]}";
    let sinks = [("rest", &rest), ("audit", &audit), ("oncall", &oncall), ("chat", &chat)];
    let daemon = start(&documents, &sinks, route).await;
    let pair = |body: &Value| (body["alert"]["slo"].clone(), body["alert"]["severity"].clone());
    let (page, ticket) =
        ((json!("shop-availability"), json!("page")), (json!("office-availability"), json!("ticket")));
    for transition in ["trigger", "resolve"] {
        match transition {
            "trigger" => send_outage(&daemon).await,
            _ => recover(&daemon).await,
        }
        for (sink, expected) in [(&mut oncall, &page), (&mut chat, &ticket)] {
            let post = sink.next().await;
            assert_eq!((pair(&post.body), &post.body["transition"]), (expected.clone(), &json!(transition)));
        }
        let mut both = [pair(&audit.next().await.body), pair(&audit.next().await.body)];
        both.sort_by_key(|(slo, _)| slo.to_string());
        assert_eq!(both, [ticket.clone(), page.clone()]);
    }
    let settled = || async {
        let counts = daemon.counts().await;
        (counts["notifications"]["pending"] == 0).then_some(counts)
    };
    let counts = until("all is settled", settled).await;
    assert_books_balance(&counts);
    assert_eq!(counts["notifications"]["delivered"], 8, "{counts}");
    assert!([&mut rest, &mut audit, &mut oncall, &mut chat].into_iter().all(|sink| sink.is_quiet()));
}
