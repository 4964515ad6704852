//! `traffic` and `counts` of a Test document: what comes, and how much of it.

use super::Reading;
use super::node::{Node, Value};
use super::quantity;
use super::reader::{self, Fields};
use super::suggest;
use super::trials::{Known, not_readable, seconds};
use crate::engine::{Indicator, SloPlan};
use crate::model::{Parts, Signal, SpanKind, parse_parts};
use crate::trial::{Attribute, Feed, Flow, RATE_MAX, Rate, Sample, Stretch, TIMELINE_S_MAX};

const TRAFFIC: &[&str] = &[
    "at",
    "for",
    "service",
    "rate",
    "bad",
    "signal",
    "name",
    "kind",
    "attributes",
    "bad_attributes",
    "duration",
    "bad_duration",
    "severity",
    "bad_severity",
    "body",
    "bad_body",
];
const OF_SPANS: &[&str] = &["kind", "duration", "bad_duration"];
const OF_LOGS: &[&str] = &["severity", "bad_severity", "body", "bad_body"];
/// `traffic` and `counts` of one test.
const ENTRIES_MAX: usize = 1_000;
const ERROR: i32 = 17;
const STATUS_CODE: &str = "http.response.status_code";

/// One after the other, but where one says when it begins. `None` where an entry has a mistake.
pub(super) fn traffic(ctx: &mut Reading<'_>, nodes: &[Node]) -> Option<Vec<Flow>> {
    let mut flows = Some(Vec::new());
    let mut end_s = 0;
    for node in bounded(ctx, nodes) {
        let flow = flow(ctx, node, &mut end_s);
        flows = flows.zip(flow).map(|(mut flows, flow)| {
            flows.push(flow);
            flows
        });
    }
    flows
}

pub(super) fn counts(ctx: &mut Reading<'_>, nodes: &[Node], known: Known<'_>) -> Option<Vec<Feed>> {
    let mut feeds = Some(Vec::new());
    let mut end_s = 0;
    for node in bounded(ctx, nodes) {
        let feed = feed(ctx, node, known, &mut end_s);
        feeds = feeds.zip(feed).map(|(mut feeds, feed)| {
            feeds.push(feed);
            feeds
        });
    }
    feeds
}

fn bounded<'n>(ctx: &mut Reading<'_>, nodes: &'n [Node]) -> &'n [Node] {
    if let Some(node) = nodes.get(ENTRIES_MAX) {
        ctx.report.error("E0608", node.at, format!("a list has at most {ENTRIES_MAX} entries"));
    }
    &nodes[..nodes.len().min(ENTRIES_MAX)]
}

fn flow(ctx: &mut Reading<'_>, node: &Node, end_s: &mut u64) -> Option<Flow> {
    let fields = Fields::new(&mut ctx.report, node, "an entry of traffic", TRAFFIC)?;
    let during = stretch(ctx, fields, end_s);
    let service = fields.required_text(&mut ctx.report, "service");
    let rate = fields.required(&mut ctx.report, "rate").and_then(|node| rate(ctx, node, "rate"));
    let share_bad = match fields.get("bad") {
        Some(node) => share(ctx, node),
        None => Some(Parts(0)),
    };
    let words = [("span", Signal::Traces), ("log", Signal::Logs)];
    let signal = fields.get("signal").map(|node| reader::word(&mut ctx.report, node, "signal", &words));
    let signal = signal.unwrap_or(Some(Signal::Traces))?;
    let others = if signal == Signal::Traces { OF_LOGS } else { OF_SPANS };
    for key in others.iter().filter(|key| fields.get(key).is_some()) {
        let kind = signal.item_kind();
        ctx.report.error("E0606", fields.place_of(key), format!("a {kind} has no `{key}`"));
    }
    let good = sample(ctx, fields, signal, service.unwrap_or_default());
    let bad = bad(ctx, fields, &good);
    let attributes = attributes(ctx, fields, "attributes")?;
    let bad_attributes = self::attributes(ctx, fields, "bad_attributes")?;
    let (mut good, mut bad) = (good?, bad?);
    overlay(&mut good.attributes, &attributes);
    overlay(&mut bad.attributes, &attributes);
    overlay(&mut bad.attributes, &bad_attributes);
    service?;
    Some(Flow { during: during?, rate: rate?, share_bad: share_bad?, good, bad })
}

/// When it begins and ends; the next one follows it.
fn stretch(ctx: &mut Reading<'_>, fields: Fields<'_>, end_s: &mut u64) -> Option<Stretch> {
    let length_s = fields.required(&mut ctx.report, "for").and_then(|node| seconds(ctx, node, "for"))?;
    if length_s == 0 {
        let at = fields.get("for").map_or(fields.at, |node| node.at);
        ctx.report.error("E0607", at, "`for` is no time at all");
        return None;
    }
    let from_s = match fields.get("at") {
        Some(node) => seconds(ctx, node, "at")?,
        None => *end_s,
    };
    let to_s = from_s + length_s;
    if to_s > TIMELINE_S_MAX {
        let message = format!("a test's timeline has at most {} days", TIMELINE_S_MAX / 86_400);
        ctx.report.error("E0608", fields.at, message);
        return None;
    }
    *end_s = to_s;
    Some(Stretch { from_s, to_s })
}

/// `100/s`, `0.5/m`, `3/h`, `1/d`
fn rate(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<Rate> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let rate = text.split_once('/').and_then(|(items, unit)| {
        let unit_s = match unit.trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        Some(Rate { items: parse_parts(items.trim()).ok()?, unit_s })
    });
    let Some(rate) = rate else {
        not_readable(ctx, node, name, text, "write 100/s, 0.5/m, 3/h or 0/s");
        return None;
    };
    if rate.items.0 > RATE_MAX.saturating_mul(rate.unit_s).saturating_mul(Parts::ONE.0) {
        ctx.report.error("E0608", node.at, format!("`{name}` is at most {RATE_MAX}/s"));
        return None;
    }
    Some(rate)
}

/// `5%`, or `0.05`.
fn share(ctx: &mut Reading<'_>, node: &Node) -> Option<Parts> {
    let text = reader::text(&mut ctx.report, node, "bad")?;
    let share = match text.strip_suffix('%') {
        Some(percent) => quantity::percent(percent.trim_end()),
        None => quantity::share(text),
    };
    match share {
        Ok(share) if share <= Parts::ONE => Some(share),
        Ok(_) => {
            ctx.report.error_with(
                "E0607",
                node.at,
                format!("`bad`: `{text}` is more than all"),
                "write 5% or 0.05",
            );
            None
        }
        Err(why) => {
            ctx.report.error_with("E0607", node.at, format!("`bad`: `{text}` {why}"), "write 5% or 0.05");
            None
        }
    }
}

/// The good item, without the attributes of the document.
fn sample(ctx: &mut Reading<'_>, fields: Fields<'_>, signal: Signal, service: &str) -> Option<Sample> {
    let mut sample = match signal {
        Signal::Logs => Sample::log(service),
        Signal::Traces | Signal::Metrics => Sample::span(service),
    };
    if signal == Signal::Traces {
        sample.attributes.push((STATUS_CODE.to_owned(), Attribute::Int(200)));
    }
    if let Some(name) = fields.text(&mut ctx.report, "name") {
        name.clone_into(&mut sample.name);
    }
    if let Some(node) = fields.get("kind") {
        let words = [
            ("server", SpanKind::Server),
            ("client", SpanKind::Client),
            ("producer", SpanKind::Producer),
            ("consumer", SpanKind::Consumer),
            ("internal", SpanKind::Internal),
        ];
        sample.kind = reader::word(&mut ctx.report, node, "kind", &words)?;
    }
    dressed(ctx, fields, sample, ["duration", "severity", "body"])
}

fn bad(ctx: &mut Reading<'_>, fields: Fields<'_>, good: &Option<Sample>) -> Option<Sample> {
    let mut bad = good.clone()?;
    bad.failed = true;
    if bad.signal == Signal::Logs {
        bad.severity = ERROR;
    } else {
        overlay(&mut bad.attributes, &[(STATUS_CODE.to_owned(), Some(Attribute::Int(500)))]);
    }
    dressed(ctx, fields, bad, ["bad_duration", "bad_severity", "bad_body"])
}

fn dressed(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    mut sample: Sample,
    [duration, severity, body]: [&str; 3],
) -> Option<Sample> {
    if let (Some(text), Some(node)) = (fields.text(&mut ctx.report, duration), fields.get(duration)) {
        let Some(ms) = quantity::prometheus_ms(text) else {
            not_readable(ctx, node, duration, text, "write 20ms, 1s or 1m30s");
            return None;
        };
        sample.duration_ns = ms.saturating_mul(1_000_000);
    }
    if fields.get(severity).is_some() {
        sample.severity = fields.whole(&mut ctx.report, severity, 1, 24)? as i32;
    }
    if let Some(text) = fields.text(&mut ctx.report, body) {
        text.clone_into(&mut sample.body);
    }
    Some(sample)
}

type Overlay = (String, Option<Attribute>);

/// Attributes with their values; one without a value takes a default away.
fn attributes(ctx: &mut Reading<'_>, fields: Fields<'_>, name: &str) -> Option<Vec<Overlay>> {
    let Some(node) = fields.get(name) else { return Some(Vec::new()) };
    let Some(entries) = node.entries() else {
        reader::wrong_type(&mut ctx.report, node, &format!("`{name}` is a mapping"));
        return None;
    };
    let mut all = Some(Vec::new());
    for (key, node) in entries {
        let Value::Scalar(scalar) = &node.value else {
            let rule = format!("attribute `{}` is a text, a number or a boolean", key.text);
            reader::wrong_type(&mut ctx.report, node, &rule);
            all = None;
            continue;
        };
        let text = || Attribute::Text(scalar.text.clone());
        let value = match (scalar.is_null(), scalar.is_bare(), scalar.truth()) {
            (true, ..) => None,
            (_, true, Some(truth)) => Some(Attribute::Bool(truth)),
            (_, true, None) if scalar.is_typed() => Some(match (scalar.text.parse(), scalar.text.parse()) {
                (Ok(number), _) => Attribute::Int(number),
                (_, Ok(number)) => Attribute::Double(number),
                _ => text(),
            }),
            _ => Some(text()),
        };
        if let Some(all) = &mut all {
            all.push((key.text.clone(), value));
        }
    }
    all
}

fn overlay(attributes: &mut Vec<(String, Attribute)>, over: &[Overlay]) {
    for (name, value) in over {
        attributes.retain(|(known, _)| known != name);
        attributes.extend(value.clone().map(|value| (name.clone(), value)));
    }
}

fn feed(ctx: &mut Reading<'_>, node: &Node, known: Known<'_>, end_s: &mut u64) -> Option<Feed> {
    let fields = Fields::new(
        &mut ctx.report,
        node,
        "an entry of counts",
        &["at", "for", "slo", "group", "good", "bad"],
    )?;
    let during = stretch(ctx, fields, end_s);
    let [good, bad] = ["good", "bad"].map(|name| match fields.get(name) {
        Some(node) => rate(ctx, node, name),
        None => Some(Rate::NONE),
    });
    if fields.get("good").is_none() && fields.get("bad").is_none() {
        let hint = "as in good: 100/s, bad: 0.01/s";
        ctx.report.error_with("E0202", fields.at, "an entry of counts needs `good` or `bad`", hint);
    }
    let name = fields.required_text(&mut ctx.report, "slo")?;
    let slo = slo(ctx, fields, name, known)?;
    let group = slo.map_or(Some(Vec::new()), |slo| group(ctx, fields, slo));
    Some(Feed { during: during?, slo: name.to_owned(), group: group?, good: good?, bad: bad? })
}

/// `Some(None)` where nobody can know whether there is one.
pub(super) fn slo<'k>(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    name: &str,
    known: Known<'k>,
) -> Option<Option<&'k SloPlan>> {
    let found = known.plan.slos.iter().find(|one| one.slo.name == name);
    if found.is_none() && known.complete {
        let at = fields.get("slo").map_or(fields.at, |node| node.at);
        unknown(ctx, at, "SLO", name, &known.plan.slos.iter().map(|one| &*one.slo.name).collect::<Vec<_>>());
        return None;
    }
    if let Some(slo) = found
        && fields.get("for").is_some()
        && slo.indicators.iter().any(|one| matches!(one, Indicator::Freshness { .. } | Indicator::Foreign))
    {
        let message = format!("`{name}` does not count events: nothing can be put into its windows");
        ctx.report.error_with("E0606", fields.place_of("slo"), message, "send it traffic instead");
        return None;
    }
    Some(found)
}

pub(super) fn unknown(ctx: &mut Reading<'_>, at: super::node::Place, what: &str, name: &str, known: &[&str]) {
    let hint = match known.is_empty() {
        true => "the configuration has none".to_owned(),
        false => suggest::hint(name, known),
    };
    ctx.report.error_with("E0604", at, format!("unknown {what} `{name}`"), hint);
}

/// The values of a group, in the order of the attributes that the service level is grouped by.
pub(super) fn group(ctx: &mut Reading<'_>, fields: Fields<'_>, slo: &SloPlan) -> Option<Vec<String>> {
    let keys: Vec<&str> =
        slo.group_by.iter().flat_map(|group_by| &group_by.keys).map(|key| &*key.name).collect();
    group_of(ctx, fields, &slo.slo.name, &keys)
}

/// Of an SLO or a rule by its name, which sets groups apart by these keys.
pub(super) fn group_of(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    name: &str,
    keys: &[&str],
) -> Option<Vec<String>> {
    let given = fields.get("group").and_then(Node::entries).unwrap_or_default();
    if let Some((key, _)) = given.iter().find(|(key, _)| !keys.contains(&&*key.text)) {
        let message = format!("`{name}` is not grouped by `{}`", key.text);
        let hint = match keys.is_empty() {
            true => "it has no groups".to_owned(),
            false => format!("it is grouped by {}", keys.join(", ")),
        };
        ctx.report.error_with("E0604", key.at, message, hint);
        return None;
    }
    let mut values = Vec::new();
    for key in keys {
        let node = given.iter().find(|(one, _)| one.text == *key).map(|(_, node)| node);
        let Some(node) = node else {
            let message = format!("`{name}` has groups: say which one");
            let shown: Vec<String> = keys.iter().map(|key| format!("{key}: …")).collect();
            let hint = format!("group: {{{}}}", shown.join(", "));
            ctx.report.error_with("E0604", fields.place_of("group"), message, hint);
            return None;
        };
        values.push(reader::text(&mut ctx.report, node, key)?.to_owned());
    }
    Some(values)
}
