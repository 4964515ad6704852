//! One classified event in full, for people to look at; and which events are alike.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::fold::shortened;
use super::mask;
use super::plan::Plan;
use crate::classify::Decider;
use crate::model::{
    Category, EventTime, Item, ItemKind, Origin, SECOND_NS, SpanKind, SpanStatus, Value, saved,
};

/// Events that are alike within this time are one record.
pub(super) const MERGE_NS: u64 = 300 * SECOND_NS;
/// Characters of a name, a body or an attribute that are kept.
const TEXT_MAX: usize = 256;
/// Attributes that are kept of one event.
const ATTRIBUTES_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct EventRecord {
    /// The record's own number; 0 until the ledger gives it.
    pub sequence: u64,
    /// Grows with every change of any record: the number of this one's last change.
    pub revision: u64,
    /// Of the event that the record began with.
    #[serde(serialize_with = "super::view::time")]
    pub time: EventTime,
    #[serde(serialize_with = "super::view::text")]
    pub kind: ItemKind,
    pub service: String,
    pub name: String,
    #[serde(serialize_with = "super::view::text")]
    pub category: Category,
    /// The rule, or `default:…`, that set the category.
    pub decided_by: String,
    #[serde(skip)]
    pub decider: Decider,
    #[serde(serialize_with = "status_word")]
    pub status: SpanStatus,
    #[serde(skip)]
    pub span_kind: SpanKind,
    #[serde(skip)]
    pub has_exception_event: bool,
    pub severity: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[borsh(serialize_with = "saved::write_measured", deserialize_with = "saved::read_measured")]
    pub value: Option<f64>,
    pub trace_id: String,
    pub span_id: String,
    /// The attributes that the configuration names.
    #[serde(serialize_with = "by_name")]
    pub attributes: Vec<Attribute>,
    /// Service levels that counted the first event, and whether as good.
    #[serde(serialize_with = "verdicts")]
    pub counted: Vec<(String, bool)>,
    /// Events in this record: like ones within five minutes.
    pub count: u64,
    #[serde(serialize_with = "super::view::time")]
    pub first_seen: EventTime,
    #[serde(serialize_with = "super::view::time")]
    pub last_seen: EventTime,
    /// What like events share; 0 where nothing is merged.
    #[serde(serialize_with = "hexadecimal")]
    pub fingerprint: u64,
    /// Log records of the same trace that were taken into this span's record.
    pub logs: u64,
    /// The body of the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Attribute {
    pub origin: Origin,
    pub name: String,
    pub value: Scalar,
}

/// An attribute's value, shortened.
#[derive(Clone, Debug, PartialEq, Serialize, BorshSerialize, BorshDeserialize)]
#[serde(untagged)]
pub enum Scalar {
    Text(String),
    Int(i64),
    Double(#[borsh(serialize_with = "saved::write_double", deserialize_with = "saved::read_double")] f64),
    Bool(bool),
    /// Bytes, an array or a map.
    Structured,
}

impl Scalar {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Str(text) => Self::Text(shortened(text, TEXT_MAX)),
            Value::Int(number) => Self::Int(number),
            Value::Double(number) => Self::Double(number),
            Value::Bool(truth) => Self::Bool(truth),
            Value::Other => Self::Structured,
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text),
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Structured => Value::Other,
        }
    }
}

impl EventRecord {
    /// A warning about ourselves. No sender's event, so it is in no count.
    pub(super) fn own(time: EventTime, name: &str, body: String) -> Self {
        Self {
            sequence: 0,
            revision: 0,
            time,
            kind: ItemKind::Event,
            service: "evenkeel".to_owned(),
            name: name.to_owned(),
            category: Category::Warning,
            decided_by: "evenkeel".to_owned(),
            decider: Decider::Nothing,
            status: SpanStatus::Unset,
            span_kind: SpanKind::Unspecified,
            has_exception_event: false,
            severity: 0,
            body: Some(body),
            duration_ns: None,
            value: None,
            trace_id: String::new(),
            span_id: String::new(),
            attributes: Vec::new(),
            counted: Vec::new(),
            count: 1,
            first_seen: time,
            last_seen: time,
            fingerprint: 0,
            logs: 0,
            log: None,
        }
    }

    pub(super) fn of(
        plan: &Plan,
        item: &Item<'_>,
        time: EventTime,
        (category, decider): (Category, Decider),
        counted: &[(u32, bool)],
    ) -> Self {
        Self {
            sequence: 0,
            revision: 0,
            time,
            kind: item.kind,
            service: shortened(item.service, TEXT_MAX),
            name: shortened(item.name, TEXT_MAX),
            category,
            decided_by: decider.name(&plan.rules).to_owned(),
            decider,
            status: item.status,
            span_kind: item.span_kind,
            has_exception_event: item.has_exception_event,
            severity: item.severity,
            body: item.body.map(body_text),
            duration_ns: item.duration_ns,
            value: item.value,
            trace_id: hex(item.trace_id),
            span_id: hex(item.span_id),
            attributes: attributes(plan, item),
            counted: counted
                .iter()
                .map(|(slo, good)| (plan.slos[*slo as usize].slo.name.clone(), *good))
                .collect(),
            count: 1,
            first_seen: time,
            last_seen: time,
            fingerprint: 0,
            logs: 0,
            log: None,
        }
    }

    /// Whether an event of that time may still be part of it.
    pub(super) fn reaches(&self, time: EventTime) -> bool {
        self.time.0.abs_diff(time.0) < MERGE_NS
    }

    pub(super) fn merge(&mut self, count: u64, first: EventTime, last: EventTime) {
        self.count += count;
        self.first_seen = self.first_seen.min(first);
        self.last_seen = self.last_seen.max(last);
    }

    /// Takes in log records of the same trace: one thing happened, not two.
    pub(super) fn absorb(&mut self, log: Self) {
        self.logs += log.count;
        self.category = self.category.max(log.category);
        self.log = log.body.or(self.log.take());
    }
}

fn attributes(plan: &Plan, item: &Item<'_>) -> Vec<Attribute> {
    let named = plan.wanted.names().flat_map(|(name, places)| {
        let each = [
            (Origin::Nearest, places.nearest),
            (Origin::Item, places.item),
            (Origin::Resource, places.resource),
        ];
        each.into_iter().filter_map(move |(origin, slot)| Some((name, origin, item.slots.get(slot?)?)))
    });
    named
        .take(ATTRIBUTES_MAX)
        .map(|(name, origin, value)| {
            let value = if mask::hides(&plan.masked, name) { mask::masked() } else { Scalar::of(value) };
            Attribute { origin, name: name.to_owned(), value }
        })
        .collect()
}

/// Like events: of one service and kind, decided by the same, with the same name or the same text but for
/// numbers and quoted parts, and the same status or band of severity.
pub(super) fn fingerprint(key: u64, item: &Item<'_>, decider: Decider, text: &mut String) -> u64 {
    text.clear();
    text.push_str(item.service);
    text.push('\0');
    match item.body {
        Some(Value::Str(body)) => blank(body, text),
        _ => text.push_str(item.name),
    }
    let number = match decider {
        Decider::Rule(place) => u64::from(place) + 8,
        Decider::ServerSpanError => 1,
        Decider::OtherSpanError => 2,
        Decider::SpanException => 3,
        Decider::ErrorLog => 4,
        Decider::WarningLog => 5,
        Decider::Nothing => 6,
    };
    let band = (item.severity.clamp(0, 24) as u64).div_ceil(4);
    let seed = key ^ (number << 24) ^ (band << 16) ^ ((item.status as u64) << 8) ^ item.kind as u64;
    xxh3_64_with_seed(text.as_bytes(), seed)
}

/// Words with a digit become `#`, quoted parts `""`; the rest stays. Looks at the beginning only.
fn blank(body: &str, out: &mut String) {
    let body = &body[..body.floor_char_boundary(TEXT_MAX)];
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' || first == '`' {
            let after = &rest[1..];
            if let Some(end) =
                after.find(first).filter(|_| first != '\'' || out.ends_with([' ', '=', ':', '(']))
            {
                out.push_str("\"\"");
                rest = &after[end + 1..];
                continue;
            }
        }
        let is_word = |one: char| one.is_alphanumeric() || matches!(one, '-' | '_' | '.');
        let end = rest.find(|one| !is_word(one)).unwrap_or(rest.len()).max(first.len_utf8());
        let word = &rest[..end];
        let is_hex = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if is_hex || word.bytes().any(|byte| byte.is_ascii_digit()) {
            out.push('#');
        } else {
            out.push_str(word);
        }
        rest = &rest[end..];
    }
}

fn body_text(body: Value<'_>) -> String {
    match body {
        Value::Str(text) => shortened(text, TEXT_MAX),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Other => "(structured)".to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn status_word<S: Serializer>(status: &SpanStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

fn hexadecimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:016x}"))
}

/// The nearest wins where one name was read from several places.
fn by_name<S: Serializer>(attributes: &[Attribute], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let mut last = "";
    for one in attributes.iter().filter(|one| std::mem::replace(&mut last, &one.name) != one.name) {
        map.serialize_entry(&one.name, &one.value)?;
    }
    map.end()
}

fn verdicts<S: Serializer>(counted: &[(String, bool)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counted.iter().map(|(slo, good)| (slo, if *good { "good" } else { "bad" })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_numbers_ids_and_quoted_parts_are_alike() {
        let blanked = |text| {
            let mut out = String::new();
            blank(text, &mut out);
            out
        };
        for (text, expected) in [
            ("took 12.5ms for user 42", "took # for user #"),
            ("id 7f3c9a10-aaaa-bbbb-cccc-0123456789ab gone", "id # gone"),
            ("no such file \"/var/a b\": ENOENT", "no such file \"\": ENOENT"),
            ("don't panic at='x y'", "don't panic at=\"\""),
            ("unclosed \"quote é", "unclosed \"quote é"),
            ("deadbeef feed", "# feed"),
            ("", ""),
        ] {
            assert_eq!(blanked(text), expected, "{text}");
        }
        assert!(blanked(&"é ".repeat(1_000)).len() <= TEXT_MAX);
    }
}
