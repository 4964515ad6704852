//! What is merged with what: events in text, the records that remain of them.

use super::*;
use crate::model::SECOND_NS;

/// `kind@second fingerprint trace`, as one event of `shop`.
fn record(text: &str) -> EventRecord {
    let parts: Vec<&str> = text.split(' ').collect();
    let (kind, second) = parts[0].split_once('@').unwrap();
    let time = EventTime(second.parse::<u64>().unwrap() * SECOND_NS);
    let mut record = EventRecord::own(time, "name", format!("text of {}", parts[1]));
    let (kind, category, decider) = match kind {
        "span" => (ItemKind::Span, Category::Exception, Decider::ServerSpanError),
        "warned-span" => (ItemKind::Span, Category::Warning, Decider::OtherSpanError),
        "log" => (ItemKind::Log, Category::Exception, Decider::ErrorLog),
        _ => (ItemKind::Log, Category::Warning, Decider::WarningLog),
    };
    (record.kind, record.category, record.decider) = (kind, category, decider);
    record.fingerprint = parts[1].parse().unwrap();
    record.trace_id = parts.get(2).copied().unwrap_or("").to_owned();
    record.service = parts.get(3).copied().unwrap_or("shop").to_owned();
    record
}

/// What is kept, the last change last: category, events, logs taken in; and how many were merged.
fn kept(events: &[&str]) -> String {
    let mut all = Events::default();
    all.keep(events.iter().map(|text| record(text)).collect());
    let records = all.newest(None, 0, 100, |_| true);
    let shown =
        records.iter().map(|one| format!("{} {}x{} logs {}", one.category, one.kind, one.count, one.logs));
    let merged: u64 = all.merged().values().sum();
    let total: u64 = records.iter().map(|one| one.count + one.logs).sum();
    assert_eq!(total, events.len() as u64, "every event is in a record");
    assert_eq!(merged, total - records.len() as u64, "what has no record of its own is merged");
    format!("{}; merged {merged}", shown.collect::<Vec<_>>().join(", "))
}

#[test]
fn like_events_within_five_minutes_of_the_first_are_one_record() {
    assert_eq!(
        kept(&["span@0 1", "span@299 1", "span@100 1", "span@300 1"]),
        "exception spanx3 logs 0, exception spanx1 logs 0; merged 2"
    );
    assert_eq!(kept(&["span@0 1", "span@0 2"]), "exception spanx1 logs 0, exception spanx1 logs 0; merged 0");
}

#[test]
fn a_log_of_a_failed_spans_trace_goes_into_the_spans_record_whichever_comes_first() {
    assert_eq!(kept(&["span@0 1 t", "log@1 2 t"]), "exception spanx1 logs 1; merged 1");
    assert_eq!(kept(&["log@1 2 t", "log@2 2 t", "span@0 1 t"]), "exception spanx1 logs 2; merged 2");
    assert_eq!(
        kept(&["span@0 1 t", "log@1 2 t other"]),
        "exception spanx1 logs 0, exception logx1 logs 0; merged 0"
    );
    assert_eq!(
        kept(&["span@0 1 t", "log@400 2 t"]),
        "exception spanx1 logs 0, exception logx1 logs 0; merged 0"
    );
}

#[test]
fn the_likes_of_a_log_that_was_taken_in_follow_it() {
    let storm = ["span@0 1 t", "log@1 2 t", "span@2 1 u", "log@3 2 u", "log@4 2 v"];
    assert_eq!(kept(&storm), "exception spanx2 logs 3; merged 4");
}

#[test]
fn an_exception_log_raises_the_record_of_its_span() {
    assert_eq!(kept(&["warned-span@0 1 t", "log@1 2 t"]), "exception spanx1 logs 1; merged 1");
    assert_eq!(kept(&["span@0 1 t", "warning@1 2 t"]), "exception spanx1 logs 1; merged 1");
    assert_eq!(
        kept(&["warned-span@0 1 t", "log@1 2 t", "warned-span@2 1 u", "log@3 3 t"]),
        "exception spanx2 logs 2; merged 3"
    );
}

#[test]
fn what_leads_to_records_is_as_bounded_as_they_are() {
    let mut events = Events::default();
    for number in 1..=5_000 {
        events.keep(vec![record(&format!("log@0 {number} trace{number}"))]);
    }
    assert_eq!((events.alike.len(), events.traces.len()), (KEPT_MAX, KEPT_MAX));
    assert!(events.get(4_000).is_none() && events.get(4_001).is_some());
}
