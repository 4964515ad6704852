//! The schema against the code: every list of known fields, required fields and words that the readers
//! have is in the schema, and the schema has no others. Whether documents pass it is for the end-to-end tests.

#![allow(clippy::disallowed_methods, reason = "the cases are files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::seen::{self, Seen};
use super::{SCHEMA, World, annotations, load, set};

/// What the readers call a mapping, and its places in the schema.
const PLACES: &[(&str, &[&str])] = &[
    ("a document", &["config"]),
    ("spec", &["settings"]),
    ("listen", &["listen"]),
    ("tls", &["tls"]),
    ("limits", &["connection_limits", "rates", "limits"]),
    ("auth", &["auth"]),
    ("a token", &["token"]),
    ("a filter rule", &["filter_rule"]),
    ("a classification rule", &["classify_rule"]),
    ("`alert`", &["rule_alert"]),
    ("`flapping`", &["flapping"]),
    ("`explain`", &["explain"]),
    ("telemetry", &["telemetry"]),
    ("otlp", &["otlp"]),
    ("recorder", &["recorder"]),
    ("kafka", &["kafka"]),
    ("kafka.tls", &["kafka_tls"]),
    ("kafka.sasl", &["kafka_sasl"]),
    ("a topic", &["kafka_topic"]),
    ("a mapping", &["kafka_mapping"]),
    ("a mapped time", &["kafka_mapped_time"]),
    ("a mapped value", &["kafka_mapped_value"]),
    ("a mapped body", &["kafka_mapped_body"]),
    ("publish", &["kafka_publish"]),
    ("`publish.events`", &["kafka_events"]),
    ("what is published", &["kafka_told"]),
    ("alerting", &["alerting"]),
    ("a time interval", &["time_interval"]),
    ("the root route", &["route"]),
    ("a route", &["route"]),
    ("a receiver", &["receiver"]),
    ("a webhook", &["webhook"]),
    ("an Alertmanager", &["alertmanager"]),
    ("http_config", &["http_config"]),
    ("authorization", &["authorization"]),
    ("basic_auth", &["basic_auth"]),
    ("a PagerDuty integration", &["pagerduty"]),
    ("a link", &["pagerduty_link"]),
    ("an image", &["pagerduty_image"]),
    ("an Opsgenie integration", &["opsgenie"]),
    ("a responder", &["responder"]),
    ("a Slack integration", &["slack"]),
    ("a fallback", &["fallback"]),
    ("heartbeat", &["heartbeat"]),
    ("metadata", &["metadata"]),
    ("a Service", &["service"]),
    ("a Service's spec", &["service_spec"]),
    ("an SLO", &["slo"]),
    ("an SLO's spec", &["slo_spec"]),
    ("a time window", &["time_window"]),
    ("a calendar", &["calendar"]),
    ("an objective", &["objective"]),
    ("an SLI", &["sli"]),
    ("an indicator", &["indicator"]),
    ("an indicator's spec", &["indicator_spec"]),
    ("a ratio", &["ratio"]),
    ("a metric", &["counted_metric", "measured_metric"]),
    ("a metricSource", &["metric_source"]),
    ("a metricSource's spec", &["counted", "measured"]),
    ("a DataSource", &["data_source"]),
    ("a DataSource's spec", &["data_source_spec"]),
    ("an AlertPolicy", &["policy", "policy_ref"]),
    ("an AlertPolicy's spec", &["policy_spec"]),
    ("an AlertCondition", &["condition", "condition_ref"]),
    ("an AlertCondition's spec", &["condition_spec"]),
    ("a condition", &["burn"]),
    ("an AlertNotificationTarget", &["target", "target_ref"]),
    ("an AlertNotificationTarget's spec", &["target_spec"]),
    ("a Test", &["test"]),
    ("a Test's spec", &["test_spec"]),
    ("an entry of traffic", &["test_traffic"]),
    ("an entry of counts", &["test_counts"]),
    ("an expectation", &["test_expect"]),
    ("`event`", &["test_event"]),
    ("`never`", &["test_never"]),
    ("runbooks", &["runbooks"]),
    ("a Runbook", &["runbook"]),
    ("a Runbook's spec", &["runbook_spec"]),
    ("a trigger", &["runbook_trigger"]),
    ("a parameter", &["runbook_param"]),
    ("a runbook's limits", &["runbook_limits"]),
    ("blast_radius", &["runbook_blast_radius"]),
    ("breaker", &["runbook_breaker"]),
    ("a quiet time", &["runbook_quiet_time"]),
    ("approval", &["runbook_approval"]),
    ("a step", &["runbook_step"]),
    ("retry", &["runbook_retry"]),
    ("a command", &["runbook_command"]),
    ("a command's limits", &["runbook_bounds"]),
    ("a command's secret", &["runbook_secret"]),
    ("an http step", &["runbook_http"]),
    ("a cloudevent step", &["runbook_cloudevent"]),
    ("a rundeck step", &["runbook_rundeck"]),
    ("a stackstorm step", &["runbook_stackstorm"]),
    ("an ansible_rulebook step", &["runbook_ansible_rulebook"]),
    ("a github step", &["runbook_github"]),
    ("a kubernetes_job step", &["runbook_kubernetes_job"]),
];

/// Mappings that stand as text within an annotation: no schema looks into a text.
const IN_TEXT: &[&str] = &["an exclusion"];

/// Required in some cases alone, which the schema says otherwise.
const SOMETIMES: &[(&str, &[&str])] = &[
    ("a ratio", &["raw", "rawType"]),
    ("a metricSource", &["spec"]),
    ("a metricSource's spec", &["value"]),
    ("an objective", &["timeSliceTarget", "timeSliceWindow"]),
    ("a webhook", &["url"]),
    ("an Alertmanager", &["url"]),
    ("authorization", &["credentials"]),
    ("basic_auth", &["username"]),
    ("a PagerDuty integration", &["routing_key"]),
    ("an Opsgenie integration", &["api_key"]),
    ("a Slack integration", &["api_url"]),
    ("heartbeat", &["url"]),
    ("kafka.sasl", &["password"]),
    ("a topic", &["name", "signal", "mapping"]),
    ("a mapped value", &["field"]),
    ("an expectation", &["hits"]),
];

/// What no mistake has a file for.
const REST: &str = "
apiVersion: openslo/v1
kind: DataSource
metadata: {name: d}
spec: {type: evenkeel}
";

struct Disk;

impl World for Disk {
    fn read(&self, path: &Path) -> Result<String, String> {
        if path == Path::new("rest") {
            return Ok(REST.to_owned());
        }
        fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        if !pattern.display().to_string().contains('*') {
            return Ok(vec![pattern.to_owned()]);
        }
        let folder = fs::read_dir(pattern.parent().unwrap_or(pattern)).map_err(|error| error.to_string())?;
        Ok(folder.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
    }
}

/// What the readers ask for while they read the examples and every mistake that has a file.
fn asked() -> Seen {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for pattern in [
        "config/evenkeel.yaml",
        "config/runbooks/*.yaml",
        "config/tests/*.yaml",
        "tests/testdata/config/*.yaml",
    ] {
        for path in Disk.expand(&root.join(pattern)).expect("files") {
            if path.extension().is_some_and(|ending| ending == "yaml") {
                load(&[path], &Disk);
            }
        }
    }
    load(&[PathBuf::from("rest")], &Disk);
    seen::all()
}

fn definitions() -> serde_json::Map<String, Value> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    schema["$defs"].as_object().expect("definitions").clone()
}

fn names(of: &Value) -> BTreeSet<String> {
    match of {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn every_known_field_is_in_the_schema_and_no_other() {
    let (asked, schema) = (asked(), definitions());
    let places: BTreeMap<&str, &[&str]> = PLACES.iter().copied().collect();
    for (what, lists) in asked.fields.iter().filter(|(what, _)| !IN_TEXT.contains(&&***what)) {
        let places = places.get(&**what).unwrap_or_else(|| panic!("{what} has no place in the schema"));
        let there: BTreeSet<_> = places.iter().map(|place| names(&schema[*place]["properties"])).collect();
        assert_eq!(&there, lists, "{what}: the schema, then the code");
    }
    for (what, _) in PLACES {
        assert!(asked.fields.contains_key(*what), "nobody reads {what}");
    }
    let told: BTreeSet<&str> = PLACES.iter().flat_map(|(_, places)| places.iter().copied()).collect();
    let strict = schema.iter().filter(|(_, one)| one["additionalProperties"] == false);
    let strict: BTreeSet<&str> = strict.map(|(name, _)| &**name).collect();
    assert_eq!(strict, told, "definitions that know their fields, then those that the test knows");
}

/// Guarantees: the examples and mistakes together reach every place that reads a mapping.
#[test]
fn every_mapping_of_the_code_was_asked_for() {
    let asked = asked();
    let call = regex::Regex::new(r#"Fields::new\([^";]*"([^"]+)""#).expect("a pattern");
    let mut calls = 0;
    let mut missing = Vec::new();
    let folders = ["src/config", "src/config/runbooks"]
        .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    for entry in entries.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        for found in call.captures_iter(&text).filter(|_| !entry.path().ends_with("schema_tests.rs")) {
            calls += 1;
            missing.extend((!asked.fields.contains_key(&found[1])).then(|| found[1].to_owned()));
        }
    }
    assert!(calls > 35, "{calls} calls were found");
    assert!(missing.is_empty(), "no case has {missing:?}");
}

#[test]
fn what_is_required_is_required_by_the_schema() {
    let (asked, schema) = (asked(), definitions());
    let sometimes = |what: &str| -> BTreeSet<String> {
        let found = SOMETIMES.iter().filter(|(one, _)| *one == what).flat_map(|(_, names)| names.iter());
        found.map(|name| (*name).to_owned()).collect()
    };
    for (what, places) in PLACES {
        let place = &schema[places[0]];
        let in_schema: BTreeSet<String> = names(&place["required"]);
        let in_code: BTreeSet<String> = asked.required.get(*what).cloned().unwrap_or_default();
        assert_eq!(in_schema, &in_code - &sometimes(what), "{what}: the schema, then the code");
    }
}

#[test]
fn every_closed_list_of_words_is_in_the_schema_and_no_other() {
    let asked = asked();
    let schema = serde_json::from_str::<Value>(SCHEMA).expect("the schema is JSON");
    let mut there: BTreeMap<String, BTreeSet<BTreeSet<String>>> = BTreeMap::new();
    collect_words(&schema["$defs"], &mut there);
    let of_kinds: BTreeSet<String> = set::KINDS.iter().map(|(_, kind, _)| (*kind).to_owned()).collect();
    let kinds = there.remove("kind").expect("kinds");
    assert!(kinds.contains(&of_kinds), "{kinds:?}");
    for (name, lists) in asked.words.iter().filter(|(name, _)| *name != "kind") {
        assert_eq!(there.remove(name).as_ref(), Some(lists), "{name}: the schema, then the code");
    }
    there.retain(|name, _| !name.starts_with("evenkeel.dev/") && name != "apiVersion");
    assert_eq!(there, BTreeMap::new(), "words that nobody reads");
}

/// The words of fields that take one out of a list.
fn collect_words(schema: &Value, found: &mut BTreeMap<String, BTreeSet<BTreeSet<String>>>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, field) in properties {
            let words = if field["enum"].is_array() { &field["enum"] } else { &field["anyOf"][0]["enum"] };
            if words.is_array() {
                found.entry(name.clone()).or_default().insert(names(words));
            }
        }
    }
    match schema {
        Value::Object(fields) => {
            let told = fields.iter().filter(|(key, _)| !["if", "not"].contains(&&***key));
            told.for_each(|(_, value)| collect_words(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_words(value, found)),
        _ => {}
    }
}

#[test]
fn the_schema_knows_the_annotations() {
    let schema = definitions();
    let of = |place: &str| {
        let schema = &schema[place];
        let listed = names(&schema["propertyNames"]["anyOf"][0]["enum"]);
        assert_eq!(listed, names(&schema["properties"]), "{place}: names, then their meaning");
        listed
    };
    for (place, known) in [
        ("slo_annotations", annotations::OF_SLO),
        ("condition_annotations", annotations::OF_CONDITION),
        ("service_annotations", annotations::OF_SERVICE),
    ] {
        let known: BTreeSet<String> = known.iter().map(|name| format!("evenkeel.dev/{name}")).collect();
        assert_eq!(of(place), known, "{place}: the schema, then the code");
    }
}
