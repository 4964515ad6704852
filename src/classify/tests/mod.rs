//! Expressions as their users meet them: text in, truth or a drawn mistake out.

mod index;
mod meaning;
mod mistakes;
mod rules;
mod twin;

use super::{ExprError, Measure, Predicate};
use crate::model::{EventTime, Item, ItemKind, Origin, Slots, SpanKind, SpanStatus, Value, Wanted};

/// An item whose attributes are given by name and place.
#[derive(Clone, Debug)]
struct Sample {
    item: Item<'static>,
    attributes: Vec<(&'static str, Value<'static>)>,
    resource: Vec<(&'static str, Value<'static>)>,
}

/// `GET /pay` of a server, 1.5 s long, failed.
fn span() -> Sample {
    Sample {
        item: Item {
            time: Some(EventTime(1_769_851_800_000_000_000)),
            duration_ns: Some(1_500_000_000),
            name: "GET /pay",
            span_kind: SpanKind::Server,
            status: SpanStatus::Error,
            ..empty(ItemKind::Span)
        },
        attributes: vec![
            ("http.response.status_code", Value::Int(503)),
            ("http.route", Value::Str("/pay")),
            ("ratio", Value::Double(0.25)),
            ("not.a.number", Value::Double(f64::NAN)),
            ("feature.enabled", Value::Bool(true)),
            ("feature.off", Value::Bool(false)),
            ("tags", Value::Other),
            ("name", Value::Str("an attribute")),
            ("big", Value::Int((1 << 53) + 1)),
        ],
        resource: vec![("service.name", Value::Str("checkout")), ("http.route", Value::Str("outer"))],
    }
}

fn log() -> Sample {
    let body = Some(Value::Str("No space left on größe"));
    let item = Item { severity: 17, body, name: "disk.full", ..empty(ItemKind::Log) };
    Sample { item, attributes: vec![("code", Value::Str("28"))], resource: Vec::new() }
}

fn metric() -> Sample {
    let item = Item { value: Some(0.5), name: "queue.length", ..empty(ItemKind::Metric) };
    Sample { item, attributes: Vec::new(), resource: Vec::new() }
}

static NO_SLOTS: std::sync::LazyLock<Slots<'static>> = std::sync::LazyLock::new(Slots::default);

fn empty(kind: ItemKind) -> Item<'static> {
    Item {
        kind,
        time: None,
        duration_ns: None,
        name: "",
        span_kind: SpanKind::default(),
        status: SpanStatus::default(),
        severity: 0,
        body: None,
        value: None,
        point: None,
        has_exception_event: false,
        trace_id: &[],
        span_id: &[],
        service: "unknown_service",
        slots: &NO_SLOTS,
    }
}

impl Sample {
    /// Fills the slots as decoding does, and hands the item to `see`.
    fn with<T>(&self, wanted: &Wanted, see: impl FnOnce(&Item<'_>) -> T) -> T {
        let find = |list: &[(&str, Value<'static>)], name: &str| {
            list.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
        };
        let mut slots = Slots::with_len(wanted.len());
        for (name, places) in wanted.names() {
            let (own, outer) = (find(&self.attributes, name), find(&self.resource, name));
            for (slot, value) in
                [(places.nearest, own.or(outer)), (places.item, own), (places.resource, outer)]
            {
                if let (Some(slot), Some(value)) = (slot, value) {
                    slots.set(slot, value);
                }
            }
        }
        see(&Item { slots: &slots, ..self.item.clone() })
    }
}

/// The truth of the expression and how many mismatches were counted on the way.
fn evaluate(text: &str, sample: &Sample) -> (bool, u64) {
    let mut wanted = Wanted::default();
    let predicate = match Predicate::compile(text, None, &mut wanted) {
        Ok(predicate) => predicate,
        Err(errors) => panic!("{}", drawn(text, &errors)),
    };
    let mut mismatches = 0;
    let truth = sample.with(&wanted, |item| predicate.matches(item, &mut mismatches));
    (truth, mismatches)
}

#[track_caller]
fn check(text: &str, sample: &Sample, expected: bool) {
    assert_eq!(evaluate(text, sample).0, expected, "{text}");
}

#[track_caller]
fn check_mismatches(text: &str, sample: &Sample, expected: u64) {
    assert_eq!(evaluate(text, sample), (false, expected), "{text}");
}

fn measured(text: &str, sample: &Sample) -> Option<f64> {
    let mut wanted = Wanted::default();
    let measure = Measure::compile(text, None, &mut wanted).expect("the measure is valid");
    sample.with(&wanted, |item| measure.of(item))
}

/// The expression, a line of carets and the message for each mistake, and its hint behind a dash.
fn drawn(text: &str, errors: &[ExprError]) -> String {
    let mut lines = vec![text.to_owned()];
    for error in errors {
        let before = " ".repeat(text[..error.at.start].chars().count());
        let carets = "^".repeat(text[error.at.clone()].chars().count().max(1));
        let hint = error.hint.as_ref().map_or(String::new(), |hint| format!(" -- {hint}"));
        lines.push(format!("{before}{carets} {}{hint}", error.message));
    }
    lines.join("\n")
}

#[test]
fn a_name_has_one_slot_for_each_place_it_is_looked_for() {
    let mut wanted = Wanted::default();
    let text = r#"a.b == 1 && a.b == 2 && attributes["a.b"] == 3 && resource["a.b"] == 4 && name == "x""#;
    Predicate::compile(text, None, &mut wanted).expect("valid");
    let names: Vec<_> = wanted.names().map(|(name, _)| name).collect();
    assert_eq!((names, wanted.len()), (vec!["a.b"], 3));
    assert_eq!(wanted.slot(Origin::Nearest, "a.b").0, 0);
}
