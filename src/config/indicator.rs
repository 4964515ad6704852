//! An SLI: `ratioMetric` or `thresholdMetric`, inline or as a document of its own, compiled for items.
//! Knows no objective apart from a threshold's `op` and `value`.

use super::node::{Node, Scalar};
use super::quantity;
use super::reader::{self, Fields, wrong_type};
use super::set::{Kind, Set};
use super::{Reading, annotations, expression, metadata, references};
use crate::classify::Measure;
use crate::engine::{Indicator, Operator, Selector};
use crate::model::{ItemKind, Parts};

const SIGNALS: &[&str] = &["spans", "logs", "metrics", "events"];
const OPERATORS: &[(&str, Operator)] =
    &[("lte", Operator::Lte), ("gte", Operator::Gte), ("lt", Operator::Lt), ("gt", Operator::Gt)];

/// The `spec` of an SLI, inline below `indicator` or by `indicatorRef`. `holder` is an SLO's spec or an objective.
pub(super) fn find<'s>(ctx: &mut Reading<'_>, set: &'s Set, holder: Fields<'s>) -> Option<Fields<'s>> {
    match (holder.get("indicator"), holder.get("indicatorRef")) {
        (Some(node), None) => inline(ctx, node),
        (None, Some(node)) => referred(ctx, set, node),
        (Some(_), Some(_)) => {
            let at = holder.place_of("indicatorRef");
            ctx.report.error("E0304", at, "`indicator` and `indicatorRef` exclude each other");
            None
        }
        (None, None) => None,
    }
}

/// An SLI together with the objective that says what is good.
pub(super) fn read(
    ctx: &mut Reading<'_>,
    set: &Set,
    sli: Fields<'_>,
    objective: Fields<'_>,
) -> Option<Indicator> {
    match (sli.get("ratioMetric"), sli.get("thresholdMetric")) {
        (Some(node), None) => {
            for key in ["op", "value"] {
                if objective.get(key).is_some() {
                    let message = format!("`{key}` belongs to a threshold and means nothing for a ratio");
                    ctx.report.warn("W0301", objective.place_of(key), message, "");
                }
            }
            ratio(ctx, set, node)
        }
        (None, Some(node)) => threshold(ctx, set, node, objective),
        (Some(_), Some(_)) => {
            let at = sli.place_of("thresholdMetric");
            ctx.report.error("E0304", at, "an indicator is `ratioMetric` or `thresholdMetric`, not both");
            None
        }
        (None, None) => {
            ctx.report.error("E0202", sli.at, "an indicator needs `ratioMetric` or `thresholdMetric`");
            None
        }
    }
}

fn inline<'n>(ctx: &mut Reading<'_>, node: &'n Node) -> Option<Fields<'n>> {
    let fields = Fields::new(&mut ctx.report, node, "an indicator", &["metadata", "spec"])?;
    if let Some(node) = fields.get("metadata") {
        let metadata = metadata::inner(ctx, node);
        annotations::none(ctx, &metadata, "an SLI");
    }
    let spec = fields.required(&mut ctx.report, "spec")?;
    sli_spec(ctx, spec)
}

/// The `spec` of an SLI.
pub(super) fn sli_spec<'n>(ctx: &mut Reading<'_>, spec: &'n Node) -> Option<Fields<'n>> {
    let known = ["description", "ratioMetric", "thresholdMetric"];
    Fields::new(&mut ctx.report, spec, "an indicator's spec", &known)
}

/// The document's own mistakes are found where it is read by itself.
fn referred<'s>(ctx: &mut Reading<'_>, set: &'s Set, node: &Node) -> Option<Fields<'s>> {
    let name = reader::text(&mut ctx.report, node, "indicatorRef")?;
    let Some(document) = set.named(Kind::Sli, name) else {
        references::unresolved(ctx, set, node, Kind::Sli, name);
        return None;
    };
    sli_spec(ctx, document.node.get("spec")?)
}

/// For an SLI document that no SLO refers to: its mistakes are told all the same.
pub(super) fn check(ctx: &mut Reading<'_>, set: &Set, spec: Fields<'_>) {
    match (spec.get("ratioMetric"), spec.get("thresholdMetric")) {
        (Some(node), None) => drop(ratio(ctx, set, node)),
        (None, Some(node)) => drop(metric_source(ctx, set, node, true)),
        (Some(_), Some(_)) => {
            let at = spec.place_of("thresholdMetric");
            ctx.report.error("E0304", at, "an indicator is `ratioMetric` or `thresholdMetric`, not both");
        }
        (None, None) => {
            ctx.report.error("E0202", spec.at, "an indicator needs `ratioMetric` or `thresholdMetric`");
        }
    }
}

fn ratio(ctx: &mut Reading<'_>, set: &Set, node: &Node) -> Option<Indicator> {
    let known = ["counter", "good", "bad", "total", "raw", "rawType"];
    let fields = Fields::new(&mut ctx.report, node, "a ratio", &known)?;
    if fields.truth(&mut ctx.report, "counter") == Some(false) {
        ctx.report.note("N0301", fields.place_of("counter"), "items are counted, whatever `counter` says");
    }
    if fields.get("raw").is_some() || fields.get("rawType").is_some() {
        return raw(ctx, set, fields);
    }
    let [good, bad, total] = ["good", "bad", "total"].map(|key| {
        let node = fields.get(key)?;
        Some(metric_source(ctx, set, node, false))
    });
    let foreign = |one: &Option<Option<Source>>| matches!(one, Some(Some(Source::Foreign)));
    if [&good, &bad, &total].into_iter().any(foreign) {
        return Some(Indicator::Foreign);
    }
    let [good, bad, total] = [good, bad, total]
        .map(|one| one.map(|one| one.and_then(Source::selected).map(|(selector, _)| selector)));
    if let [Some(Some(one)), Some(Some(other)), None]
    | [Some(Some(one)), None, Some(Some(other))]
    | [None, Some(Some(one)), Some(Some(other))] = [&good, &bad, &total]
        && one.kind != other.kind
        && [one.kind, other.kind].contains(&ItemKind::Metric)
    {
        let hint = "a counter counts for itself, beside no spans or logs";
        ctx.report.error_with("E0302", fields.at, "a ratio of `metrics` is one of `metrics` alone", hint);
        return None;
    }
    match (good, bad, total) {
        (Some(good), None, Some(total)) => Some(Indicator::GoodOfTotal { good: good?, total: total? }),
        (None, Some(bad), Some(total)) => Some(Indicator::BadOfTotal { bad: bad?, total: total? }),
        (Some(good), Some(bad), None) => Some(Indicator::GoodAndBad { good: good?, bad: bad? }),
        (Some(_), Some(_), Some(_)) => {
            let message = "`good`, `bad` and `total` together say one thing twice";
            ctx.report.error_with("E0304", fields.place_of("total"), message, "leave one of the three out");
            None
        }
        _ => {
            let hint = "`good` and `total`, `bad` and `total`, or `good` and `bad`";
            ctx.report.error_with("E0304", fields.at, "a ratio needs two of `good`, `bad` and `total`", hint);
            None
        }
    }
}

/// A ratio that is computed elsewhere.
fn raw(ctx: &mut Reading<'_>, set: &Set, fields: Fields<'_>) -> Option<Indicator> {
    for key in ["good", "bad", "total"] {
        if fields.get(key).is_some() {
            let message = format!("`raw` is a ratio by itself: `{key}` has no place beside it");
            ctx.report.error("E0304", fields.place_of(key), message);
            return None;
        }
    }
    let words = [("success", true), ("failure", false)];
    let success = fields
        .required(&mut ctx.report, "rawType")
        .and_then(|node| reader::word(&mut ctx.report, node, "rawType", &words));
    let source = fields.required(&mut ctx.report, "raw").and_then(|node| metric_source(ctx, set, node, true));
    match source? {
        Source::Foreign => Some(Indicator::Foreign),
        Source::Selected(of, Some(Measured::Value(measure))) => {
            Some(Indicator::Raw { of, measure, success: success? })
        }
        Source::Selected(..) => {
            ctx.report.error("E0304", fields.place_of("raw"), "`age` is no ratio: it belongs to a threshold");
            None
        }
    }
}

fn threshold(ctx: &mut Reading<'_>, set: &Set, node: &Node, fields: Fields<'_>) -> Option<Indicator> {
    let source = metric_source(ctx, set, node, true);
    if matches!(source, Some(Source::Foreign)) {
        return Some(Indicator::Foreign);
    }
    let op = match fields.get("op") {
        Some(node) => reader::word(&mut ctx.report, node, "op", OPERATORS),
        None => {
            let message = "a threshold's objective needs `op`: lte, gte, lt or gt";
            ctx.report.error("E0313", fields.at, message);
            None
        }
    };
    let limit = match fields.get("value") {
        Some(node) => limit(ctx, node),
        None => {
            ctx.report.error("E0313", fields.at, "a threshold's objective needs `value`");
            None
        }
    };
    let ((of, measured), op, (limit, negative)) = (source?.selected()?, op?, limit?);
    // One division of two exact doubles gives the double nearest to what the document says.
    let size = limit.0 as f64 / Parts::ONE.0 as f64;
    let limit = if negative { -size } else { size };
    match measured? {
        Measured::Value(measure) => Some(Indicator::Threshold { of, measure, op, limit }),
        Measured::Age => Some(Indicator::Freshness { of, op, limit }),
    }
}

/// What a metricSource selects.
enum Source {
    Selected(Selector, Option<Measured>),
    /// Another system's, which nobody reads here.
    Foreign,
}

enum Measured {
    Value(Measure),
    /// Seconds since the newest item that is selected.
    Age,
}

impl Source {
    fn selected(self) -> Option<(Selector, Option<Measured>)> {
        if let Self::Selected(selector, measured) = self { Some((selector, measured)) } else { None }
    }
}

/// The limit's size, and whether it lies below zero.
fn limit(ctx: &mut Reading<'_>, node: &Node) -> Option<(Parts, bool)> {
    let scalar = number(ctx, node, "value")?;
    let (digits, negative) = match scalar.text.strip_prefix('-') {
        Some(rest) if !rest.starts_with('-') => (rest, true),
        _ => (&*scalar.text, false),
    };
    match quantity::share(digits) {
        Ok(limit) => Some((limit, negative && limit > Parts(0))),
        Err(why) => {
            let message = format!("`{}` {why}", scalar.shown());
            ctx.report.error_with("E0313", node.at, message, "`duration` is in seconds: 0.5 is 500 ms");
            None
        }
    }
}

/// A scalar where a number belongs: quoted ones are texts.
pub(super) fn number<'n>(ctx: &mut Reading<'_>, node: &'n Node, name: &str) -> Option<&'n Scalar> {
    let scalar = node.scalar().filter(|scalar| scalar.is_bare() || scalar.written.is_some());
    if scalar.is_none() {
        wrong_type(&mut ctx.report, node, &format!("`{name}` is a number without quotes"));
    }
    scalar
}

fn metric_source(ctx: &mut Reading<'_>, set: &Set, node: &Node, measured: bool) -> Option<Source> {
    let outer = Fields::new(&mut ctx.report, node, "a metric", &["metricSource"])?;
    let node = outer.required(&mut ctx.report, "metricSource")?;
    let known = ["type", "metricSourceRef", "spec"];
    let source = Fields::new(&mut ctx.report, node, "a metricSource", &known)?;
    if !source_type(ctx, set, source) {
        return Some(Source::Foreign);
    }
    let spec = source.required(&mut ctx.report, "spec")?;
    let known: &[&str] = match measured {
        true => &["spans", "logs", "metrics", "events", "value"],
        false => &["spans", "logs", "metrics", "events"],
    };
    let spec = Fields::new(&mut ctx.report, spec, "a metricSource's spec", known)?;
    let given: Vec<&str> = SIGNALS.iter().copied().filter(|key| spec.get(key).is_some()).collect();
    let [signal] = given[..] else {
        let message = match given.is_empty() {
            true => "a metricSource's spec needs `spans`, `logs`, `metrics` or `events`".to_owned(),
            false => format!("a metricSource has one signal, not {}", given.join(" and ")),
        };
        ctx.report.error("E0302", spec.at, message);
        return None;
    };
    let kind = match signal {
        "spans" => ItemKind::Span,
        "logs" => ItemKind::Log,
        "metrics" => ItemKind::Metric,
        _ => ItemKind::Event,
    };
    let predicate = spec.get(signal).and_then(|node| expression::predicate(ctx, node, signal, Some(kind)));
    let is_age = |node: &Node| node.scalar().is_some_and(|scalar| scalar.text.trim() == "age");
    let measure = match (measured, spec.get("value")) {
        (false, _) => None,
        (true, Some(node)) if is_age(node) => Some(Measured::Age),
        (true, None) if kind == ItemKind::Metric => {
            Measure::compile("value", Some(kind), &mut ctx.wanted).ok().map(Measured::Value)
        }
        (true, _) => spec
            .required(&mut ctx.report, "value")
            .and_then(|node| expression::measure(ctx, node, "value", Some(kind)))
            .map(Measured::Value),
    };
    (!measured || measure.is_some()).then_some(())?;
    Some(Source::Selected(Selector { kind, predicate: predicate? }, measure))
}

/// `type: evenkeel`, or a DataSource that says so. False where it is another system's, whose `spec` is not ours to judge.
fn source_type(ctx: &mut Reading<'_>, set: &Set, source: Fields<'_>) -> bool {
    let reference = source.text(&mut ctx.report, "metricSourceRef").zip(source.get("metricSourceRef"));
    let document = reference.and_then(|(name, node)| {
        let document = set.named(Kind::DataSource, name);
        if document.is_none() {
            references::unresolved(ctx, set, node, Kind::DataSource, name);
        }
        document
    });
    let inherited = document.and_then(|document| document.node.get("spec")?.get("type"));
    let Some(node) = source.get("type").or(inherited) else {
        if reference.is_none() {
            ctx.report.error_with(
                "E0202",
                source.at,
                "a metricSource needs `type`",
                "write `type: evenkeel`",
            );
        }
        return true;
    };
    if let Some(text) =
        reader::text(&mut ctx.report, node, "type").filter(|t| !t.eq_ignore_ascii_case("evenkeel"))
    {
        let message = format!("metrics of type `{text}` are not read here: this SLO counts nothing");
        let hint = "`type: evenkeel` counts the spans, logs and metrics that arrive here";
        ctx.report.warn("W0305", node.at, message, hint);
        return false;
    }
    true
}
