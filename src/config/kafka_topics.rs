//! `kafka.topics`: what is read, in which format, from where on. Reads no record.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::kafka::{Format, Start, Topic, TopicName};
use super::kafka_mapping;
use super::kafka_names;
use super::node::{Node, Place};
use super::reader::{self, Fields};
use super::{Reading, quantity};
use crate::model::Signal;

const FIELDS: &[&str] = &["name", "pattern", "signal", "format", "mapping", "start", "tenant"];
const TOPICS_MAX: usize = 1_000;
const MS_NS: u64 = 1_000_000;

pub(super) fn read(ctx: &mut Reading<'_>, kafka: Fields<'_>, tenant: &str) -> Vec<Topic> {
    let nodes = kafka.list(&mut ctx.report, "topics");
    if let Some(node) = nodes.get(TOPICS_MAX) {
        ctx.report.error("E0215", node.at, format!("there are at most {TOPICS_MAX} topics"));
    }
    let mut first = BTreeMap::new();
    nodes.iter().take(TOPICS_MAX).filter_map(|node| topic(ctx, node, tenant, &mut first)).collect()
}

fn topic(
    ctx: &mut Reading<'_>,
    node: &Node,
    tenant: &str,
    first: &mut BTreeMap<String, Place>,
) -> Option<Topic> {
    let fields = Fields::new(&mut ctx.report, node, "a topic", FIELDS)?;
    let name = name(ctx, fields, first);
    let signal = signal(ctx, fields);
    let words = Shape::ALL.map(|one| (one.as_str(), one));
    let format = match fields.get("format") {
        None => Some(Shape::OtlpProto),
        Some(node) => reader::word(&mut ctx.report, node, "format", &words),
    };
    let start = start(ctx, fields);
    let tenant = of_tenant(ctx, fields, tenant);
    let format = format?;
    let signal = match (format.is_otlp(), signal) {
        (true, Ok(None)) => {
            fields.required(&mut ctx.report, "signal");
            None
        }
        (false, Ok(Some(signal @ (Signal::Traces | Signal::Metrics)))) => {
            let message = format!("records in `{}` are logs, not {signal}", format.as_str());
            ctx.report.error_with("E0222", fields.place_of("signal"), message, "leave `signal` out");
            None
        }
        (false, Ok(None)) => Some(Signal::Logs),
        (_, signal) => signal.ok().flatten(),
    };
    let format = with_mapping(ctx, fields, format)?;
    Some(Topic { name: name?, signal: signal?, format, start, tenant })
}

/// The word of a format, before what belongs to it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    OtlpProto,
    OtlpJson,
    CloudEvents,
    Json,
}

impl Shape {
    const ALL: [Self; 4] = [Self::OtlpProto, Self::OtlpJson, Self::CloudEvents, Self::Json];

    fn as_str(self) -> &'static str {
        match self {
            Self::OtlpProto => "otlp_proto",
            Self::OtlpJson => "otlp_json",
            Self::CloudEvents => "cloudevents",
            Self::Json => "json",
        }
    }

    fn is_otlp(self) -> bool {
        matches!(self, Self::OtlpProto | Self::OtlpJson)
    }
}

fn with_mapping(ctx: &mut Reading<'_>, fields: Fields<'_>, shape: Shape) -> Option<Format> {
    if shape != Shape::Json && fields.get("mapping").is_some() {
        let message = format!("`mapping` is for records in `json`, not in `{}`", shape.as_str());
        ctx.report.error("E0222", fields.place_of("mapping"), message);
    }
    Some(match shape {
        Shape::OtlpProto => Format::OtlpProto,
        Shape::OtlpJson => Format::OtlpJson,
        Shape::CloudEvents => Format::CloudEvents,
        Shape::Json => {
            let node = fields.required(&mut ctx.report, "mapping")?;
            Format::Json(Box::new(kafka_mapping::read(ctx, node)?))
        }
    })
}

fn name(ctx: &mut Reading<'_>, fields: Fields<'_>, first: &mut BTreeMap<String, Place>) -> Option<TopicName> {
    let (key, node) = match (fields.get("name"), fields.get("pattern")) {
        (Some(_), Some(_)) => {
            let at = fields.place_of("pattern");
            ctx.report.error("E0222", at, "`name` and `pattern` exclude each other");
            return None;
        }
        (None, Some(node)) => ("pattern", node),
        _ => ("name", fields.required(&mut ctx.report, "name")?),
    };
    let text = reader::text(&mut ctx.report, node, key)?;
    let read = match key {
        "name" => kafka_names::check(text).map(|()| TopicName::Name(text.to_owned())).map_err(str::to_owned),
        _ => kafka_names::pattern(text).map(TopicName::Pattern),
    };
    let name = match read {
        Ok(name) => name,
        Err(why) => {
            ctx.report.error("E0221", node.at, format!("`{key}`: `{text}` {why}"));
            return None;
        }
    };
    if let Some(before) = first.get(name.as_str()) {
        let message = format!("topic `{text}` is read already, on line {}", before.line);
        ctx.report.error("E0221", node.at, message);
        return None;
    }
    first.insert(name.as_str().to_owned(), node.at);
    Some(name)
}

/// The error has been told.
fn signal(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Result<Option<Signal>, ()> {
    let Some(node) = fields.get("signal") else { return Ok(None) };
    let words: Vec<(&str, Signal)> = Signal::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    reader::word(&mut ctx.report, node, "signal", &words).map(Some).ok_or(())
}

fn start(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Start {
    let Some(text) = fields.text(&mut ctx.report, "start") else { return Start::default() };
    let at = || {
        let time: Timestamp = text.parse().ok()?;
        u64::try_from(time.as_nanosecond()).ok()
    };
    let back = |text: &str| {
        let ms = quantity::prometheus_ms(text).filter(|ms| *ms > 0)?;
        ms.checked_mul(MS_NS)
    };
    let start = match text {
        "earliest" => Some(Start::Earliest),
        "latest" => Some(Start::Latest),
        _ => match text.strip_prefix('-') {
            Some(text) => back(text).map(Start::Back),
            None => at().map(Start::At),
        },
    };
    start.unwrap_or_else(|| {
        let message = format!("`{text}` is nothing to start from");
        let hint =
            "write earliest, latest, a time such as 2026-11-01T00:00:00Z, or a duration back such as -24h";
        ctx.report.error_with("E0217", fields.place_of("start"), message, hint);
        Start::default()
    })
}

fn of_tenant(ctx: &mut Reading<'_>, fields: Fields<'_>, configured: &str) -> Option<String> {
    let tenant = fields.text(&mut ctx.report, "tenant")?;
    if tenant != configured {
        let message = format!("`{tenant}` is not the tenant of this configuration, `{configured}`");
        let hint = "several tenants in one configuration come with a later version";
        ctx.report.error_with("E0222", fields.place_of("tenant"), message, hint);
    }
    Some(tenant.to_owned())
}
