//! PagerDuty, Opsgenie, Slack and signed webhooks of an Alertmanager file, a fallback, and signs of life.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Daemon, Scratch, program, ran, until};
use crate::sink::{Reply, Sink, send_outage, spans, wall_s};
use crate::{missing, shared};

const SHOP: &str = include_str!("shop.yaml");
const ROUTING_KEY: &str = "r0utingkey-r0utingkey-r0utingkey";
const API_KEY: &str = "api-key-of-opsgenie";
const SIGNING: &str = "a secret that signs";

/// Runs with these files beside the shop's service level, and the names of those to read.
async fn start(files: &[(&str, &str)]) -> Daemon {
    let scratch = Scratch::new();
    let mut args = vec!["-v".into(), "run".into()];
    for (name, text) in files.iter().chain(&[("shop.yaml", SHOP)]) {
        let path = scratch.write(name, text);
        if name.ends_with(".yaml") {
            args.extend(["-c".into(), path.into_os_string()]);
        }
    }
    Daemon::start_with(scratch, args).await
}

async fn recover(daemon: &Daemon) {
    let now = wall_s();
    assert_eq!(daemon.export("traces", "application/json", spans(now - 380..now, false)).await.0, 200);
}

fn assert_valid(schema: &str, body: &Value) {
    let Some(shared) = shared() else { return };
    let python = std::env::var_os("EVENKEEL_E2E_PYTHON").map(PathBuf::from);
    let checker = python.map(|python| python.with_file_name("check-jsonschema")).filter(|path| path.exists());
    let Some(checker) = checker else {
        return missing("EVENKEEL_E2E_PYTHON has no check-jsonschema beside it; tests/run prepares it");
    };
    let scratch = Scratch::new();
    let file = scratch.write("body.json", &body.to_string());
    let schema = shared.join("specs/wire").join(schema);
    let said = Command::new(checker).arg("--schemafile").arg(schema).arg(file).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

/// Scenario: an Alertmanager file with its own keys, addresses of `global` and keys in files; an outage begins and ends.
/// Guarantees: each service hears of both in its own form, by its own key, and no secret is in what the daemon tells.
#[tokio::test]
async fn services_of_an_alertmanager_file_hear_of_an_outage_in_their_own_words() {
    let (mut pagerduty, mut opsgenie) = (Sink::start().await, Sink::start().await);
    let (mut slack, mut signed) = (Sink::start().await, Sink::start().await);
    let alertmanager = format!(
        "global: {{pagerduty_url: '{}', opsgenie_api_url: '{}', slack_api_url: '{}'}}\n\
         route: {{receiver: oncall}}\n\
         receivers:\n\
         \x20 - name: oncall\n\
         \x20   pagerduty_configs: [{{routing_key_file: pagerduty.key, component: '{{{{ .CommonLabels.service }}}}'}}]\n\
         \x20   opsgenie_configs: [{{api_key_file: opsgenie.key, tags: 'shop, {{{{ .CommonLabels.severity }}}}'}}]\n\
         \x20   slack_configs: [{{channel: '#ops', send_resolved: true}}]\n\
         \x20   webhook_configs: [{{url: '{}', format: evenkeel, secret_file: signing.key, secret_id: k7}}]\n",
        pagerduty.url, opsgenie.url, slack.url, signed.url
    );
    let files = [
        ("am.yaml", &*alertmanager),
        ("pagerduty.key", ROUTING_KEY),
        ("opsgenie.key", API_KEY),
        ("signing.key", SIGNING),
    ];
    let daemon = start(&files).await;
    send_outage(&daemon).await;
    let event = pagerduty.next().await.body;
    assert_valid("pagerduty-events-v2.schema.json", &event);
    assert_eq!((&event["event_action"], &event["routing_key"]), (&json!("trigger"), &json!(ROUTING_KEY)));
    assert_eq!(event["payload"]["component"], "shop");
    let created = opsgenie.next().await;
    assert!(created.head.starts_with("post /hook/v2/alerts http"), "{}", created.head);
    assert_eq!(created.header("authorization"), format!("geniekey {API_KEY}"));
    assert_valid("opsgenie-create-alert.schema.json", &created.body);
    assert_eq!(
        (&created.body["alias"], &created.body["tags"]),
        (&event["dedup_key"], &json!(["shop", "page"]))
    );
    let message = slack.next().await.body;
    assert_eq!(
        (&message["channel"], &message["attachments"][0]["color"]),
        (&json!("#ops"), &json!("danger"))
    );
    let hook = signed.next().await;
    let signature = hook.header("evenkeel-signature");
    assert!(signature.starts_with("t=") && signature.contains(",kid=k7,v1="), "{signature}");
    let id = daemon.get("/api/v1/alerts").await["alerts"][0]["id"].as_str().unwrap().to_owned();
    let link = event["links"][0]["href"].as_str().unwrap();
    assert_eq!(link, daemon.url(&format!("/api/v1/alerts/{id}")), "where the alert is");

    recover(&daemon).await;
    let end = pagerduty.next().await.body;
    assert_eq!((&end["event_action"], &end["dedup_key"]), (&json!("resolve"), &event["dedup_key"]));
    let closed = opsgenie.next().await.head;
    let key = event["dedup_key"].as_str().unwrap().to_lowercase();
    assert!(
        closed.starts_with(&format!("post /hook/v2/alerts/{key}/close?identifiertype=alias ")),
        "{closed}"
    );
    assert_eq!(slack.next().await.body["attachments"][0]["color"], "good");
    assert_eq!(signed.next().await.body["transition"], "resolve");
    let settled = || async { (daemon.counts().await["notifications"]["delivered"] == 2).then_some(()) };
    until("both are delivered", settled).await;
    let told = [daemon.said(), daemon.text("/metrics").await, daemon.text("/api/v1/alerts").await].concat();
    for secret in [ROUTING_KEY, API_KEY, SIGNING] {
        assert!(!told.contains(secret), "{told}");
    }
    assert_eq!(daemon.stop().await, Some(0));
}

/// Scenario: the pager refuses; a fallback and a watcher outside are configured, and the watcher's address changes by a reload.
/// Guarantees: the fallback hears of page and end and is told in whose stead; the watcher hears signs of life, then the new
/// one does.
#[tokio::test]
async fn a_refused_page_goes_to_the_fallback_while_the_watcher_hears_signs_of_life() {
    let (pager, mut second) = (Sink::saying(&[Reply::Forbidden]).await, Sink::start().await);
    let (mut watcher, mut later) = (Sink::start().await, Sink::start().await);
    let (pager_url, second_url) = (pager.url.clone(), second.url.clone());
    let config = |watcher: &str| {
        format!(
            "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    heartbeat: {{url: '{watcher}', every: 5s}}\n    \
             route: {{receiver: oncall}}\n    receivers:\n      \
             - {{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}], fallback: {{receiver: second, after: 1h}}}}\n      \
             - {{name: second, webhook_configs: [{{url: '{}', format: evenkeel}}]}}\n",
            pager_url, second_url
        )
    };
    let daemon = start(&[("evenkeel.yaml", &config(&watcher.url))]).await;
    assert!(watcher.next().await.head.starts_with("get /hook http/1.1"));
    send_outage(&daemon).await;
    let page = second.next().await.body;
    let text = page["explain"]["text"].as_str().unwrap();
    assert!(text.starts_with("Receiver oncall could not be told (webhook 1 of oncall"), "{text}");
    assert_eq!(
        (&page["transition"], &page["alert"]["annotations"]["fallback_for"]),
        (&json!("trigger"), &json!("oncall"))
    );
    recover(&daemon).await;
    let end = second.next().await.body;
    assert_eq!((&end["transition"], &end["dedup_key"]), (&json!("resolve"), &page["dedup_key"]));
    let metrics = daemon.text("/metrics").await;
    let handed = r#"evenkeel_delivery_changes_total{receiver="oncall",what="handed_over"} 1"#;
    assert!(metrics.contains(handed), "{metrics}");
    assert!(metrics.contains(r#"evenkeel_heartbeats_total{outcome="taken"}"#), "{metrics}");

    daemon.scratch().write("evenkeel.yaml", &config(&later.url));
    let reloaded = ran(program().arg("reload").env("EVENKEEL_URL", daemon.url("")));
    assert_eq!((reloaded.code, &*reloaded.out), (Some(0), "heartbeat: changed\n"), "{}", reloaded.err);
    assert!(later.next().await.head.starts_with("get /hook http/1.1"));
    assert_eq!(daemon.stop().await, Some(0));
}
