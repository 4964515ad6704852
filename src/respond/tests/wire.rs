//! Bodies against the services' own forms: schemas where EVENKEEL_SHARED has them, by a checker that is not ours, and
//! limits by hand for those that have no schema.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::super::words::Words;
use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Ordinary, empty, and with everything far too long, in every transition.
fn notifications() -> Vec<Notification> {
    let mut all = Vec::new();
    for transition in
        [Transition::Trigger, Transition::Escalate, Transition::Acknowledge, Transition::Resolve]
    {
        let ordinary = notification("KEY", 1, transition);
        let mut empty = ordinary.clone();
        empty.alert.service.clear();
        empty.alert.condition.clear();
        empty.alert.labels.clear();
        empty.alert.annotations.clear();
        empty.explain.text.clear();
        empty.explain.burns = None;
        all.extend([ordinary.clone(), empty]);
        for filler in ["x", "ä€𝄞", "\u{1}\"\\\n", "<@&>|*_`"] {
            let mut long = ordinary.clone();
            let text = filler.repeat(20_000);
            long.dedup_key = text.clone();
            long.alert.service = text.clone();
            long.alert.condition = text.clone();
            long.explain.text = text.clone();
            long.alert.subject = Subject::Rule(text.clone());
            for number in 0..60 {
                long.alert.labels.insert(format!("label{number}"), text.clone());
                long.alert.labels.insert(format!("{number}{text}"), text.clone());
            }
            long.alert.annotations.insert("summary".to_owned(), text.clone());
            long.alert.annotations.insert("description".to_owned(), text.clone());
            long.alert.annotations.insert("runbook_url".to_owned(), format!("https://h/{text}"));
            all.push(long);
        }
    }
    all
}

fn template(text: &str) -> Option<Template> {
    Some(Template::parse(text).expect("understood"))
}

/// With every field set out of what the alert has.
fn pagerduty() -> PagerDuty {
    let text = || template("{{ .CommonAnnotations.summary }}");
    let link = PagerDutyLink { href: template("https://h/x").unwrap(), text: text() };
    let image = PagerDutyImage { src: template("https://h/i.png").unwrap(), href: text(), alt: text() };
    PagerDuty {
        client: text(),
        client_url: text(),
        severity: template("{{ .CommonLabels.severity }}"),
        source: text(),
        component: text(),
        group: text(),
        class: text(),
        details: vec![("team".to_owned(), text().unwrap())],
        links: vec![link; 30],
        images: vec![image; 30],
        ..PagerDuty::new(Secret::new(KEY))
    }
}

fn opsgenie(product: Product) -> Opsgenie {
    let text = || template("{{ .CommonAnnotations.summary }}");
    let responder = OpsgenieResponder { kind: "team", who: ("name", template("ops").unwrap()) };
    Opsgenie {
        source: text(),
        entity: text(),
        note: text(),
        priority: template("{{ .CommonLabels.priority }}"),
        tags: template(&"a tag that is far longer than any tag has any right to be at all,".repeat(30)),
        actions: template(&"restart,".repeat(30)),
        details: vec![("team".to_owned(), text().unwrap())],
        responders: vec![responder; 70],
        ..Opsgenie::new(product, Secret::new("key"))
    }
}

fn words(notification: &Notification) -> Words<'_> {
    Words { notification, external_url: "http://evenkeel:8080" }
}

fn events() -> Vec<Vec<u8>> {
    let both = [pagerduty(), PagerDuty::new(Secret::new(KEY))];
    let all = notifications();
    all.iter().flat_map(|one| both.each_ref().map(|pagerduty| pagerduty.event(&words(one)).0)).collect()
}

fn creations() -> Vec<Value> {
    let products = [Product::Opsgenie, Product::JiraServiceManagement];
    let mut bodies = Vec::new();
    for notification in notifications() {
        for product in products {
            for one in [opsgenie(product), Opsgenie::new(product, Secret::new("key"))] {
                let calls = one.calls(&words(&notification)).0;
                bodies.extend(calls.into_iter().filter(|call| call.path.is_empty()).map(|call| call.body));
            }
        }
    }
    bodies
}

/// The checker that the end-to-end tests have prepared, and the schemas.
fn checker() -> Option<(PathBuf, PathBuf)> {
    let shared = std::env::var_os("EVENKEEL_SHARED").map(PathBuf::from);
    let python = std::env::var_os("EVENKEEL_E2E_PYTHON").map(PathBuf::from);
    let checker = python.map(|python| python.with_file_name("check-jsonschema")).filter(|path| path.exists());
    if shared.is_none() || checker.is_none() {
        eprintln!(
            "skipped: EVENKEEL_SHARED and EVENKEEL_E2E_PYTHON do not name schemas and a checker of them"
        );
    }
    Some((checker?, shared?.join("specs/wire")))
}

fn assert_valid(schema: &str, bodies: &[Vec<u8>]) {
    let Some((checker, schemas)) = checker() else { return };
    let folder = std::env::temp_dir().join(format!("evenkeel-wire-{}-{schema}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = bodies.iter().enumerate().map(|(number, body)| {
        let file = folder.join(format!("{number}.json"));
        std::fs::write(&file, body).unwrap();
        file
    });
    let files: Vec<PathBuf> = files.collect();
    let schema: &Path = &schemas.join(schema);
    let said = Command::new(checker).arg("--schemafile").arg(schema).args(files).output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

#[test]
fn every_event_for_pagerduty_is_what_its_schema_and_size_allow() {
    let events = events();
    assert!(events.iter().all(|event| event.len() <= 512 * 1024), "a body is too large");
    assert_valid("pagerduty-events-v2.schema.json", &events);
}

#[test]
fn every_alert_for_opsgenie_is_what_its_schema_and_size_allow() {
    let bodies = creations();
    for body in &bodies {
        let details = body["details"].as_object().unwrap();
        let chars = |text: &str| text.chars().count();
        let total: usize =
            details.iter().map(|(name, value)| chars(name) + chars(value.as_str().unwrap())).sum();
        assert!(total <= 8_000, "details of {total} characters");
    }
    let bodies: Vec<Vec<u8>> = bodies.iter().map(|body| body.to_string().into_bytes()).collect();
    assert_valid("opsgenie-create-alert.schema.json", &bodies);
}

#[test]
fn every_message_for_slack_keeps_the_limits_of_its_blocks() {
    let text = || template("{{ .CommonAnnotations.summary }}");
    let full = Slack {
        title: text(),
        text: text(),
        pretext: text(),
        footer: text(),
        color: text(),
        username: text(),
        ..Slack::default()
    };
    for notification in notifications() {
        for slack in [&full, &Slack::default()] {
            let message: Value = serde_json::from_slice(&slack.message(&words(&notification)).0).unwrap();
            let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
            assert!(units(&message["text"]) <= 4_000);
            let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
            assert!(blocks.len() <= 50);
            for block in blocks {
                let (fields, elements) = (block["fields"].as_array(), block["elements"].as_array());
                assert!(fields.is_none_or(|fields| fields.len() <= 10));
                let small = fields.into_iter().flatten().map(|field| (field, 2_000));
                let texts = block.get("text").into_iter().chain(elements.into_iter().flatten());
                for (text, max) in small.chain(texts.map(|text| (text, 3_000))) {
                    assert!((1..=max).contains(&units(&text["text"])), "{text}");
                }
            }
        }
    }
}

#[test]
fn an_event_for_pagerduty_says_what_happened_and_where_to_look() {
    let trigger = notification("K1", 1, Transition::Trigger);
    let (body, cut) = PagerDuty::new(Secret::new(KEY)).event(&words(&trigger));
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert!(!cut);
    assert_eq!(
        event,
        serde_json::json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "K1", "client": "Evenkeel",
            "client_url": "http://evenkeel:8080/api/v1/alerts/alt_1",
            "payload": {
                "summary": "[P1] checkout-availability: 5.0 % of checkout requests fail",
                "timestamp": "2015-05-17T10:05:03.005Z", "severity": "critical", "source": "checkout",
                "component": "checkout", "class": "1h/5m",
                "custom_details": {
                    "explain": "5.0 % of checkout requests fail", "service": "checkout", "priority": "P1",
                    "severity": "page", "condition": "1h/5m", "category": "exception",
                    "crossed_at": "2015-05-17T10:05:02Z", "burn_long": "14.5", "burn_short": "50.3",
                    "budget_remaining": "0.61", "alert_url": "http://evenkeel:8080/api/v1/alerts/alt_1",
                    "runbook_url": "https://runbooks/checkout", "label.alertname": "ErrorBudgetBurn",
                    "label.severity": "page", "label.slo": "checkout-availability",
                    "annotation.runbook_url": "https://runbooks/checkout",
                },
            },
            "links": [
                {"href": "https://runbooks/checkout", "text": "Runbook"},
                {"href": "http://evenkeel:8080/api/v1/alerts/alt_1", "text": "Alert in Evenkeel"},
            ],
        })
    );
    for (transition, action) in [(Transition::Acknowledge, "acknowledge"), (Transition::Resolve, "resolve")] {
        let later = notification("K1", 2, transition);
        let (body, _) = PagerDuty::new(Secret::new(KEY)).event(&words(&later));
        let expected = serde_json::json!({"routing_key": KEY, "event_action": action, "dedup_key": "K1"});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}

#[test]
fn what_is_cut_is_told_and_the_links_are_not_what_is_cut() {
    let mut long = notification("K1", 1, Transition::Trigger);
    long.explain.text = "x".repeat(20_000);
    let (body, cut) = PagerDuty::new(Secret::new(KEY)).event(&words(&long));
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert!(cut);
    assert_eq!(event["payload"]["custom_details"]["truncated"], serde_json::json!(["summary", "explain"]));
    assert_eq!(event["links"][0]["href"], "https://runbooks/checkout");
    let (calls, cut) = Opsgenie::new(Product::Opsgenie, Secret::new("key")).calls(&words(&long));
    let body = &calls[0].body;
    assert!(cut);
    assert_eq!(body["details"]["truncated"], "description, message, explain");
    let links = "…\nRunbook: https://runbooks/checkout\nAlert: http://evenkeel:8080/api/v1/alerts/alt_1";
    assert!(body["description"].as_str().unwrap().ends_with(links), "{body}");
    let (body, cut) = Slack::default().message(&words(&long));
    let context = serde_json::from_slice::<Value>(&body).unwrap()["attachments"][0]["blocks"][3].to_string();
    assert!(cut && context.contains("truncated: title, text"), "{context}");
}

#[test]
fn an_escalation_changes_the_priority_or_leaves_a_note_and_both_know_the_alert_by_its_key() {
    let escalate = notification("K1", 2, Transition::Escalate);
    let calls = |product| Opsgenie::new(product, Secret::new("key")).calls(&words(&escalate)).0;
    let [create, priority] = &calls(Product::Opsgenie)[..] else { panic!("two calls") };
    assert_eq!((&create.body["alias"], &create.body["priority"]), (&"K1".into(), &"P1".into()));
    assert_eq!((priority.put, &priority.path[..]), (true, &["K1".to_owned(), "priority".to_owned()][..]));
    assert_eq!(priority.body, serde_json::json!({"priority": "P1"}));
    let [_, note] = &calls(Product::JiraServiceManagement)[..] else { panic!("two calls") };
    assert_eq!((note.put, &*note.path[1]), (false, "notes"));
    assert_eq!(note.body["note"], "Escalated to P1. 5.0 % of checkout requests fail");
}
