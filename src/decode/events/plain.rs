//! A JSON object that is an event by a mapping.

use std::borrow::Cow;

use super::mapping::{Attributes, FieldOrConstant, Mapping};
use super::record::{Events, Head};
use super::severity;
use super::time::time_ns;
use super::value::Json;
use super::{RecordView, of_the_record};
use crate::decode::{Limits, Malformed};

pub fn write(
    record: &RecordView<'_>,
    mapping: &Mapping,
    limits: Limits,
    events: &mut Events,
) -> Result<(), Malformed> {
    let value = Json::parse(record.value, limits)?;
    let Json::Object(fields) = &value else {
        return Err(Malformed::Undecodable(format!("the record is {}, not an object", value.kind())));
    };
    let time = mapping.time.as_ref().and_then(|time| Some((time, value.find(time.field.as_str())?)));
    let time_ns = match time {
        Some((time, value)) => time_ns(time.field.as_str(), time.unit, value)?,
        None => of_the_record(record),
    };
    let (number, severity_text) = match mapping.severity.as_ref() {
        Some(source) => severity_of(source, &value),
        None => (0, None),
    };
    let service = text_of(&mapping.service, &value);
    let name = mapping.name.as_ref().and_then(|source| text_of(source, &value));
    let head = Head {
        service: service.as_deref().unwrap_or_default(),
        time_ns,
        severity: number,
        severity_text: severity_text.as_deref().unwrap_or_default(),
        body: mapping.body.as_ref().and_then(|path| value.find(path.as_str())),
        event_name: name.as_deref().unwrap_or_default(),
        ..Head::default()
    };
    match &mapping.attributes {
        Attributes::All => events.write(&head, fields.iter().map(|(name, value)| (&**name, value))),
        Attributes::Named(named) => {
            let found = named.iter().filter_map(|(name, path)| Some((&**name, value.find(path.as_str())?)));
            events.write(&head, found)
        }
    }
}

/// Where the field is absent, empty or no scalar, the constant.
fn text_of<'v>(source: &'v FieldOrConstant, value: &'v Json<'_>) -> Option<Cow<'v, str>> {
    let found = source.field.as_ref().and_then(|path| value.find(path.as_str())?.scalar_text());
    found.filter(|text| !text.is_empty()).or_else(|| source.value.as_deref().map(Cow::Borrowed))
}

fn severity_of<'v>(source: &'v FieldOrConstant, value: &'v Json<'_>) -> (u8, Option<Cow<'v, str>>) {
    let text = text_of(source, value);
    (text.as_deref().map_or(0, severity::number), text)
}
