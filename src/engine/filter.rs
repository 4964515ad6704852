//! Which of the kept events somebody wants to see: an expression over what their records hold.

use super::plan::Plan;
use super::record::EventRecord;
use crate::classify::{ExprError, Predicate};
use crate::model::{Item, ItemKind, Origin, Slots, Value, Wanted};

/// Names that a record has beside those of an item. The words stand for themselves: `category == exception`.
const OWN: [&str; 7] = ["category", "rule", "service.name", "count", "informational", "warning", "exception"];

#[derive(Clone, Debug)]
pub struct EventFilter {
    predicate: Predicate,
    wanted: Wanted,
}

impl EventFilter {
    /// The error is a sentence with the place in the text.
    pub fn compile(plan: &Plan, text: &str) -> Result<Self, String> {
        let mut wanted = plan.wanted.clone();
        let predicate = Predicate::compile(text, None, &mut wanted).map_err(|errors| words(&errors))?;
        let known = |name: &str| {
            let (new, old) = (wanted.places(name), plan.wanted.places(name));
            new == old || OWN.contains(&name)
        };
        let unknown = wanted.names().map(|(name, _)| name).find(|name| !known(name)).map(str::to_owned);
        match unknown {
            None => Ok(Self { predicate, wanted }),
            Some(name) => Err(format!(
                "no event carries `{name}`: only the attributes that rules, service levels and keys name are read, \
                 beside name, kind, status, severity, body, duration, time, value, service.name, category, rule \
                 and count"
            )),
        }
    }

    pub fn matches(&self, record: &EventRecord) -> bool {
        let mut slots = Slots::with_len(self.wanted.len());
        for one in &record.attributes {
            let places = self.wanted.places(&one.name).unwrap_or_default();
            let slot = match one.origin {
                Origin::Nearest => places.nearest,
                Origin::Item => places.item,
                Origin::Resource => places.resource,
            };
            if let Some(slot) = slot {
                slots.set(slot, one.value.value());
            }
        }
        let count = i64::try_from(record.count).unwrap_or(i64::MAX);
        let own = [
            Value::Str(record.category.as_str()),
            Value::Str(&record.decided_by),
            Value::Str(&record.service),
            Value::Int(count),
            Value::Str(OWN[4]),
            Value::Str(OWN[5]),
            Value::Str(OWN[6]),
        ];
        for (name, value) in OWN.into_iter().zip(own) {
            if let Some(slot) = self.wanted.places(name).and_then(|places| places.nearest) {
                slots.set(slot, value);
            }
        }
        self.predicate.matches(&item(record, &slots), &mut 0)
    }
}

fn item<'r>(record: &'r EventRecord, slots: &'r Slots<'r>) -> Item<'r> {
    Item {
        kind: record.kind,
        time: Some(record.time),
        duration_ns: record.duration_ns,
        name: &record.name,
        span_kind: record.span_kind,
        status: record.status,
        severity: record.severity,
        body: record.body.as_deref().filter(|_| record.kind == ItemKind::Log).map(Value::Str),
        value: record.value,
        point: None,
        has_exception_event: record.has_exception_event,
        trace_id: &[],
        span_id: &[],
        service: &record.service,
        slots,
    }
}

fn words(errors: &[ExprError]) -> String {
    let each = errors.iter().map(|error| {
        let hint = error.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        format!("character {}: {}{hint}", error.at.start + 1, error.message)
    });
    each.collect::<Vec<_>>().join("; ")
}
