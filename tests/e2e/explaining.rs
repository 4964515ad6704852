//! `explain` and `slo what-if` of a running daemon: the same in the API and in the command, and over a restart.

use serde_json::Value;

use crate::kept::documents;
use crate::program::{Daemon, Ran, Scratch, program, ran, until};
use crate::sink::{Sink, send_outage, spans, wall_s};

fn evenkeel(daemon: &Daemon, args: &[&str]) -> Ran {
    ran(program().args(args).env("EVENKEEL_URL", daemon.url("")))
}

/// Scenario: an outage pages, the daemon is stopped and started.
/// Guarantees: the explanation names what decided, with the file's place, both windows and the way of the page; it is the
/// same after the restart; a notification leads to its alert.
#[tokio::test]
async fn a_page_is_explained_with_its_numbers_and_its_way_also_after_a_restart() {
    let mut sink = Sink::start().await;
    let (folder, documents) = (Scratch::new(), documents(&sink.url));
    let daemon = Daemon::start_on(&folder, &documents).await;
    send_outage(&daemon).await;
    let page = sink.next().await;
    until("the page is settled", || async {
        (daemon.counts().await["notifications"]["pending"] == 0).then_some(())
    })
    .await;
    let key = page.header("idempotency-key").to_owned();
    let of_alert = daemon.get(&format!("/api/v1/explain?notification={key}")).await;
    assert_eq!(
        (&of_alert["dedup_key"], &of_alert["hops"][0]["state"]),
        (&page.body["dedup_key"], &"delivered".into())
    );
    let decided = &of_alert["evidence"][0]["conditions"];
    let condition =
        decided.as_array().unwrap().iter().find(|one| one["condition"] == page.body["alert"]["condition"]);
    let windows = &condition.unwrap()["windows"];
    assert_eq!(windows[0]["burn"], page.body["explain"]["burn_long"], "the numbers are those of the page");
    assert_eq!(windows[1]["burn"], page.body["explain"]["burn_short"]);
    assert!(of_alert["declared_at"].as_str().unwrap().ends_with(".yaml:1:1"), "{of_alert}");

    let told = evenkeel(&daemon, &["explain", "shop-availability"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    for part in ["PAGING", "% of shop events fail", "times", "bad of", "budget", "-> oncall", "delivered in"]
    {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let id = of_alert["id"].as_str().unwrap();
    let of_id = evenkeel(&daemon, &["explain", id]);
    assert!(
        of_id.out.contains("trigger") && of_id.out.contains("needs more than 13.44: yes"),
        "{}",
        of_id.out
    );
    let explained = async |daemon: &Daemon| {
        let mut answer = daemon.get(&format!("/api/v1/explain?alert={id}")).await;
        // Each start has its documents in a folder of its own.
        answer.as_object_mut().unwrap().remove("declared_at");
        answer
    };
    let before = explained(&daemon).await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_on(&folder, &documents).await;
    assert_eq!(explained(&daemon).await, before);
}

/// Scenario: before the outage nobody was paged, and somebody asks for then; then for times and names that are not there.
/// Guarantees: the answer is of that time; what can not be answered is refused with what can.
#[tokio::test]
async fn why_not_is_answered_for_the_past_and_refused_beyond_it() {
    let daemon = Daemon::start(include_str!("shop.yaml")).await;
    let now = wall_s();
    let sent = daemon.export("traces", "application/json", spans(now - 3_000..now - 60, false)).await;
    assert_eq!(sent.0, 200);
    assert_eq!(daemon.export("traces", "application/json", spans(now - 60..now, true)).await.0, 200);
    let before: Value =
        daemon.get(&format!("/api/v1/explain?slo=shop-availability&at={}", rfc3339(now - 600))).await;
    let level = &before["levels"][0];
    assert_eq!((&level["verdict"], &before["is_now"]), (&"quiet".into(), &false.into()), "{before}");
    assert_eq!(level["conditions"][0]["windows"][0]["bad"], 0);
    assert_eq!(level["reasons"][0]["code"], "no_route", "there is no receiver in this set");
    let told = evenkeel(&daemon, &["explain", "--why-not", "shop-availability", "--at", "-10m"]);
    assert!(told.out.starts_with("NOT PAGING") && told.out.contains("3d"), "{}", told.out);

    let gone = daemon
        .status(&format!("/api/v1/explain?slo=shop-availability&at={}", rfc3339(now - 40 * 86_400)))
        .await;
    assert!(gone.0 == 404 && gone.1.contains("is not held any more"), "{gone:?}");
    let (code, text) = daemon.status("/api/v1/explain?slo=shop").await;
    assert!(code == 404 && text.contains("no SLO is called `shop`"), "{text}");
    for (query, part) in [
        ("", "ask for `slo=NAME`"),
        ("?slo=a&alert=b", "ask for `slo=NAME`"),
        ("?slo=shop-availability&at=yesterday", "`at` is a time as"),
        ("?what=ever", "there is no parameter `what`"),
    ] {
        let (code, text) = daemon.status(&format!("/api/v1/explain{query}")).await;
        assert!(code == 400 && text.contains(part), "{query}: {code} {text}");
    }
    let missing = evenkeel(&daemon, &["explain", "nothing"]);
    assert_eq!(missing.code, Some(1), "{}{}", missing.out, missing.err);
    assert_eq!(evenkeel(&daemon, &["explain"]).code, Some(2));
    assert_eq!(evenkeel(&daemon, &["explain", "shop-availability", "--at", "yesterday"]).code, Some(2));
}

/// Scenario: an outage that the target pages for; a lax target would not have.
#[tokio::test]
async fn what_if_compares_two_targets_over_what_is_held() {
    let mut sink = Sink::start().await;
    let daemon = Daemon::start(&documents(&sink.url)).await;
    send_outage(&daemon).await;
    sink.next().await;
    let tried = daemon.get("/api/v1/slos/shop-availability/what-if?target=0.5").await;
    assert_eq!((&tried["as_is"]["pages"], &tried["what_if"]["pages"]), (&1.into(), &0.into()), "{tried}");
    let told =
        evenkeel(&daemon, &["slo", "what-if", "shop-availability", "--target", "0.5", "--window", "1h"]);
    assert!(
        told.code == Some(0) && told.out.contains("target 0.999") && told.out.contains("target 0.5"),
        "{}",
        told.out
    );
    for (query, code) in [("target=1", 400), ("target=lots", 400), ("target=0.9&from=now", 400), ("", 400)] {
        let answer = daemon.status(&format!("/api/v1/slos/shop-availability/what-if?{query}")).await;
        assert_eq!(answer.0, code, "{query}: {}", answer.1);
    }
    assert_eq!(daemon.status("/api/v1/slos/none/what-if?target=0.9").await.0, 404);
}

fn rfc3339(seconds: u64) -> String {
    evenkeel::model::rfc3339(seconds * 1_000_000_000)
}
