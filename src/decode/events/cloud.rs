//! CloudEvents 1.0 over Kafka: attributes in headers (binary), or all of it in JSON (structured), one or a list.

use std::borrow::Cow;

use super::mapping::TimeUnit;
use super::record::{Events, Head};
use super::severity;
use super::time::time_ns;
use super::value::Json;
use super::{RecordView, of_the_record};
use crate::decode::json::text::hex;
use crate::decode::{Limits, Malformed};

const PREFIX: &str = "ce_";
const STRUCTURED: &str = "application/cloudevents";

/// Attributes of the specification's own, and what OpenTelemetry calls them.
const NAMED: &[(&str, &str)] = &[
    ("id", "cloudevents.event_id"),
    ("source", "cloudevents.event_source"),
    ("specversion", "cloudevents.event_spec_version"),
    ("subject", "cloudevents.event_subject"),
    ("type", "cloudevents.event_type"),
];

/// Extensions that name the service, before the source does.
const SERVICE: [&str; 2] = ["service", "servicename"];

pub fn write(record: &RecordView<'_>, limits: Limits, events: &mut Events) -> Result<(), Malformed> {
    let content_type = content_type(record)?;
    let media = content_type.as_deref().unwrap_or_default();
    let is_binary = record.headers.iter().any(|(name, _)| attribute_of(name).is_some());
    if !media.starts_with(STRUCTURED) && is_binary {
        return Event::binary(record, content_type.as_deref(), limits)?.write(record, events);
    }
    if media.starts_with(STRUCTURED) && !media.ends_with("+json") {
        return Err(Malformed::Undecodable(format!("CloudEvents are read in JSON, not in `{media}`")));
    }
    match Json::parse(record.value, limits)? {
        Json::List(list) => {
            if list.len() as u64 > limits.items_max {
                return Err(Malformed::TooMuch(format!("{} items", limits.items_max)));
            }
            let mut list = list.into_iter().enumerate();
            list.try_for_each(|(index, value)| {
                let written = Event::structured(value).and_then(|event| event.write(record, events));
                written.map_err(|malformed| match malformed {
                    Malformed::Undecodable(why) => Malformed::Undecodable(format!("[{index}]: {why}")),
                    too_much @ Malformed::TooMuch(_) => too_much,
                })
            })
        }
        value => Event::structured(value)?.write(record, events),
    }
}

/// In small letters, without parameters.
fn content_type(record: &RecordView<'_>) -> Result<Option<String>, Malformed> {
    let mut named = record.headers.iter().rev().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let Some((name, value)) = named.next() else { return Ok(None) };
    let text = header_text(name, value)?;
    Ok(Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()))
}

fn attribute_of(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(PREFIX.len())?;
    (prefix.eq_ignore_ascii_case(PREFIX) && !name.is_empty()).then_some(name)
}

fn header_text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Malformed> {
    let not_utf8 = |_| Malformed::Undecodable(format!("the header `{}` is not UTF-8", name.escape_debug()));
    str::from_utf8(value).map_err(not_utf8)
}

struct Event<'a> {
    /// By their names in the specification.
    attributes: Vec<(Cow<'a, str>, Json<'a>)>,
    data: Option<Json<'a>>,
}

impl<'a> Event<'a> {
    fn binary(
        record: &RecordView<'a>,
        content_type: Option<&str>,
        limits: Limits,
    ) -> Result<Self, Malformed> {
        let mut attributes = Vec::new();
        for (header, value) in record.headers {
            if let Some(name) = attribute_of(header) {
                let text = Json::Text(Cow::Borrowed(header_text(header, value)?));
                attributes.push((Cow::Owned(name.to_ascii_lowercase()), text));
            }
        }
        Ok(Self { attributes, data: data_of(record.value, content_type, limits)? })
    }

    fn structured(value: Json<'a>) -> Result<Self, Malformed> {
        let Json::Object(fields) = value else {
            return Err(Malformed::Undecodable(format!("no CloudEvent: {}, not an object", value.kind())));
        };
        let (mut attributes, mut data) = (Vec::new(), None);
        for (name, value) in fields {
            match &*name {
                "data" => data = Some(value),
                "data_base64" => {}
                _ => attributes.push((name, value)),
            }
        }
        Ok(Self { attributes, data })
    }

    fn write(&self, record: &RecordView<'_>, events: &mut Events) -> Result<(), Malformed> {
        let version = self.required("specversion")?;
        if !version.strip_prefix("1.").is_some_and(|minor| minor.bytes().all(|b| b.is_ascii_digit())) {
            let shown = version.chars().take(16).collect::<String>();
            let message = format!("`specversion` is `{}`, only 1.0 is read", shown.escape_debug());
            return Err(Malformed::Undecodable(message));
        }
        self.required("id")?;
        let (source, event_name) = (self.required("source")?, self.required("type")?);
        let time_ns = match self.get("time") {
            Some(value) => time_ns("time", TimeUnit::Rfc3339, value)?,
            None => of_the_record(record),
        };
        let ids = self.get("traceparent").and_then(trace_ids);
        let (trace_id, span_id) = ids.as_ref().map_or((&[][..], &[][..]), |(trace, span)| (trace, span));
        let severity_text = self.get("severitytext").and_then(Json::scalar_text);
        let number = self.get("severitynumber").and_then(Json::scalar_text);
        let number = [&number, &severity_text].map(|text| text.as_deref().map_or(0, severity::number));
        let service = SERVICE.iter().find_map(|name| self.get(name)?.scalar_text());
        let in_parts = matches!(self.data, Some(Json::Object(_)));
        let head = Head {
            service: service.as_deref().filter(|text| !text.is_empty()).unwrap_or(last_segment(source)),
            time_ns,
            severity: number.into_iter().find(|number| *number != 0).unwrap_or(0),
            severity_text: severity_text.as_deref().unwrap_or_default(),
            body: self.data.as_ref().filter(|_| !in_parts),
            trace_id,
            span_id,
            event_name,
        };
        let names = self.attributes.iter().filter(|(name, _)| name != "time");
        let names: Vec<(Cow<'_, str>, &Json<'_>)> = names.map(|(name, value)| (named(name), value)).collect();
        let attributes = names.iter().map(|(name, value)| (&**name, *value));
        events.write(
            &head,
            attributes.chain(self.data.as_ref().filter(|_| in_parts).map(|data| ("data", data))),
        )
    }

    /// Of several of one name the last, as with attributes. Null is absent.
    fn get(&self, name: &str) -> Option<&Json<'a>> {
        let found = self.attributes.iter().rev().find(|(one, _)| one == name);
        found.map(|(_, value)| value).filter(|value| !matches!(value, Json::Null))
    }

    fn required(&self, name: &str) -> Result<&str, Malformed> {
        let why = match self.get(name) {
            None => "has none".to_owned(),
            Some(Json::Text(text)) if text.is_empty() => "has an empty one".to_owned(),
            Some(Json::Text(text)) => return Ok(text),
            Some(other) => format!("has {} there", other.kind()),
        };
        Err(Malformed::Undecodable(format!("a CloudEvent needs `{name}`, this {why}")))
    }
}

fn named(name: &str) -> Cow<'static, str> {
    match NAMED.iter().find(|(one, _)| *one == name) {
        Some((_, named)) => Cow::Borrowed(named),
        None => Cow::Owned(format!("cloudevents.{name}")),
    }
}

/// JSON is taken apart, text is kept; what is neither is not read. Without a type it is JSON if it reads as such.
fn data_of<'a>(
    value: &'a [u8],
    content_type: Option<&str>,
    limits: Limits,
) -> Result<Option<Json<'a>>, Malformed> {
    match content_type {
        _ if value.is_empty() => Ok(None),
        None => Ok(Json::parse(value, limits).ok()),
        Some(media) if media == "application/json" || media.ends_with("+json") || media == "text/json" => {
            Json::parse(value, limits).map(Some)
        }
        Some(media) if media.starts_with("text/") => {
            Ok(str::from_utf8(value).ok().map(|text| Json::Text(Cow::Borrowed(text))))
        }
        Some(_) => Ok(None),
    }
}

/// `checkout` of `https://shop.example/services/checkout?x`, of `/checkout/` and of `urn:shop:checkout`.
fn last_segment(source: &str) -> &str {
    let path = source.split(['?', '#']).next().unwrap_or_default();
    let between = if path.contains('/') { '/' } else { ':' };
    path.split(between).rfind(|segment| !segment.is_empty()).unwrap_or_default()
}

/// Of W3C's `traceparent`: `00-<32 digits>-<16 digits>-<2 digits>`. What is not well formed is no trace.
fn trace_ids(value: &Json<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let Json::Text(text) = value else { return None };
    let mut parts = text.split('-').map(hex);
    let (version, trace, span) = (parts.next()??, parts.next()??, parts.next()??);
    let is_id = |id: &[u8], len| id.len() == len && id.iter().any(|byte| *byte != 0);
    (version.len() == 1 && version != [0xff] && is_id(&trace, 16) && is_id(&span, 8)).then_some((trace, span))
}
