//! OpenSLO's documents: those of ours as they are, and queries to Prometheus as expressions.

use std::collections::BTreeMap;

use super::cel;
use super::draft::{indicator_spec, limit};
use super::indicator::{self, Found, Indicator, Part as Counts};
use super::out::Out;
use super::part::{Part, Unclear};
use super::promql::{Form, Refusal, parse};
use super::series::{Counted, Style, piece, sum};
use super::sloth::counts;
use super::{Reading, names};
use crate::config::View;

const VERSION: &str = "openslo/v1";
const AS_THEY_ARE: &[&str] = &["Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"];

/// What indicators and references of a set need to know of other documents.
#[derive(Default)]
struct Known<'v> {
    /// Types of DataSources.
    types: BTreeMap<&'v str, &'v str>,
    slis: BTreeMap<&'v str, Result<Converted, Vec<Unclear>>>,
}

/// The `spec` of an indicator as it is now.
#[derive(Clone)]
struct Converted {
    spec: Out,
    limit: Option<(&'static str, String)>,
    group_by: Vec<String>,
}

pub fn read(reading: &mut Reading<'_>, files: &[Vec<View<'_>>]) -> Vec<Vec<Part>> {
    let mut known = Known::default();
    let all = files.iter().flatten().copied().filter(|view| field(*view, "apiVersion") == Some(VERSION));
    for view in all.clone().filter(|view| field(*view, "kind") == Some("DataSource")) {
        if let (Some(name), Some(of)) = (name(view), view.at(&["spec", "type"]).and_then(View::text)) {
            known.types.insert(name, of);
        }
    }
    for view in all.filter(|view| field(*view, "kind") == Some("SLI")) {
        if let (Some(name), Some(spec)) = (name(view), view.get("spec")) {
            let converted = converted(&known, spec);
            known.slis.insert(name, converted);
        }
    }
    let of_file =
        |views: &Vec<View<'_>>| views.iter().filter_map(|view| document(reading, &known, *view)).collect();
    files.iter().map(of_file).collect()
}

fn field<'v>(view: View<'v>, name: &str) -> Option<&'v str> {
    view.get(name).and_then(View::text)
}

fn name(view: View<'_>) -> Option<&str> {
    view.at(&["metadata", "name"]).and_then(View::text)
}

fn document(reading: &mut Reading<'_>, known: &Known<'_>, view: View<'_>) -> Option<Part> {
    let (version, kind) = (field(view, "apiVersion").unwrap_or(""), field(view, "kind").unwrap_or(""));
    if version != VERSION {
        if version.starts_with("openslo") {
            reading.fail(view.place(), format!("{kind} of `{version}` is not read, only {VERSION}"));
        } else {
            reading.skip(view);
        }
        return None;
    }
    let mut part = Part::new(Out::copied(view), view.place());
    match kind {
        "SLO" => level(known, view, &mut part),
        "SLI" => match known.slis.get(name(view).unwrap_or("")) {
            Some(Ok(converted)) => part.document.set("spec", converted.spec.clone()),
            Some(Err(unclear)) => part.refusals = unclear.clone(),
            None => {}
        },
        "DataSource" => {
            reading.note(view.place(), "a DataSource is left out: Evenkeel counts what arrives here");
            return None;
        }
        kind if AS_THEY_ARE.contains(&kind) => {}
        kind => {
            reading.fail(view.place(), format!("`{kind}` is no kind of {VERSION}"));
            return None;
        }
    }
    tame_names(reading, view, kind, &mut part);
    Some(part)
}

fn level(known: &Known<'_>, view: View<'_>, part: &mut Part) {
    let Some(spec) = view.get("spec") else { return };
    let mut group_by = Vec::new();
    let Some(out) = part.document.get_mut("spec") else { return };
    let common = holder(known, spec, out, &mut group_by, &mut part.refusals);
    let objectives: Vec<View<'_>> =
        spec.get("objectives").and_then(View::items).into_iter().flatten().collect();
    let outs = out.get_mut("objectives").map(Out::items_mut).unwrap_or_default();
    for (objective, out) in objectives.into_iter().zip(outs) {
        let own = holder(known, objective, out, &mut group_by, &mut part.refusals);
        if let Some((op, limit)) = own.or_else(|| common.clone()) {
            out.set("op", Out::text(op));
            out.set("value", Out::bare(limit));
        }
    }
    if out.get("budgetingMethod").is_none() {
        out.set("budgetingMethod", Out::text("Occurrences"));
        part.comments.push("budgetingMethod was not given.".to_owned());
    }
    if let (Some(metadata), false) = (part.document.get_mut("metadata"), group_by.is_empty()) {
        let mut annotations = metadata.get("annotations").cloned().unwrap_or(Out::map([]));
        annotations.set("evenkeel.dev/group-by", Out::text(group_by.join(",")));
        metadata.set("annotations", annotations);
    }
}

/// The indicator of an SLO or of one objective: put in place; what it asks of the objectives is returned.
fn holder(
    known: &Known<'_>,
    view: View<'_>,
    out: &mut Out,
    group_by: &mut Vec<String>,
    refusals: &mut Vec<Unclear>,
) -> Option<(&'static str, String)> {
    let of_inline = view.at(&["indicator", "spec"]).map(|spec| converted(known, spec));
    let reference = view.get("indicatorRef");
    let of_reference = reference.and_then(|view| known.slis.get(view.text()?).cloned());
    let is_inline = of_inline.is_some();
    match of_inline.or(of_reference)? {
        Ok(found) => {
            if let (Some(indicator), true) = (out.get_mut("indicator"), is_inline) {
                indicator.set("spec", found.spec);
            }
            group_by.extend(found.group_by);
            found.limit
        }
        Err(unclear) if is_inline => {
            refusals.extend(unclear);
            None
        }
        Err(_) => {
            let name = reference.and_then(View::text).unwrap_or("");
            let place = reference.map_or_else(|| view.place(), View::place);
            refusals.push(Unclear::new(place, format!("its SLI `{name}` is not converted")));
            None
        }
    }
}

fn converted(known: &Known<'_>, spec: View<'_>) -> Result<Converted, Vec<Unclear>> {
    let as_it_is = || Ok(Converted { spec: Out::copied(spec), limit: None, group_by: Vec::new() });
    let sources = ["good", "bad", "total", "raw"];
    let ratio = spec.get("ratioMetric");
    let given: Vec<(&str, View<'_>)> = match (ratio, spec.at(&["thresholdMetric", "metricSource"])) {
        (Some(ratio), None) => {
            let of = |name| Some((name, ratio.at(&[name, "metricSource"])?));
            sources.into_iter().filter_map(of).collect()
        }
        (None, Some(source)) => vec![("threshold", source)],
        _ => return as_it_is(),
    };
    if given.iter().all(|(_, source)| is(known, *source, "evenkeel")) {
        return as_it_is();
    }
    let mut queries = Vec::new();
    for (name, source) in &given {
        queries.push((*name, query(known, *source)?));
    }
    let counter = ratio.and_then(|ratio| ratio.get("counter")).and_then(View::truth) == Some(true);
    let style = if counter { Style::Plain } else { Style::Rates };
    let found = match queries[..] {
        [("good", good), ("total", total)] => counts(Counts::Good, good, total, style),
        [("bad", bad), ("total", total)] => counts(Counts::Bad, bad, total, style),
        [("good", good), ("bad", bad)] => both(good, bad, style),
        [("raw", query)] => {
            let success = ratio.and_then(|ratio| field(ratio, "rawType")) == Some("success");
            raw(query, success)
        }
        [("threshold", query)] => return gauge(query),
        _ => return as_it_is(), // the reader of our documents says what is wrong
    }?;
    let limit = limit(&found.indicator).map(|(op, limit)| (op, limit.to_owned()));
    let mut out = indicator_spec(&found.indicator);
    if let (Some(description), Out::Map(fields)) = (spec.get("description"), &mut out) {
        fields.insert(0, ("description".to_owned(), Out::copied(description)));
    }
    Ok(Converted { spec: out, limit, group_by: found.group_by })
}

fn is(known: &Known<'_>, source: View<'_>, of: &str) -> bool {
    type_of(known, source).is_some_and(|one| one.eq_ignore_ascii_case(of))
}

fn type_of<'v>(known: &Known<'v>, source: View<'v>) -> Option<&'v str> {
    field(source, "type").or_else(|| known.types.get(field(source, "metricSourceRef")?).copied())
}

/// The query of a source that asks Prometheus, or something with its language.
fn query<'v>(known: &Known<'v>, source: View<'v>) -> Result<View<'v>, Vec<Unclear>> {
    let unclear = |why: String| Err(vec![Unclear::new(source.place(), why)]);
    let of = type_of(known, source);
    let speaks = ["prometheus", "victoriametrics", "mimir", "thanos", "cortex", "amp"];
    let lower = of.unwrap_or("").to_ascii_lowercase().replace(['-', '_', ' '], "");
    match of {
        None => return unclear("the type of its metricSource is not told".to_owned()),
        Some(of) if !speaks.iter().any(|one| lower.contains(one)) => {
            return unclear(format!("metrics of type `{of}` are not read"));
        }
        Some(_) => {}
    }
    let queries = ["query", "promql"].into_iter().find_map(|name| source.at(&["spec", name]));
    match queries.filter(|view| view.text().is_some()) {
        Some(query) => Ok(query),
        None => unclear("its metricSource has no `spec.query`".to_owned()),
    }
}

fn of_text(view: View<'_>, refusal: Refusal) -> Vec<Unclear> {
    let query = view.text().map(str::to_owned);
    vec![Unclear { place: view.place_of(refusal.at), why: refusal.why, query }]
}

fn both(good: View<'_>, bad: View<'_>, style: Style) -> Result<Found, Vec<Unclear>> {
    let read = |view: View<'_>| {
        let sum = parse(view.text().unwrap_or("")).and_then(|expr| sum(&expr, style));
        sum.map_err(|refusal| of_text(view, refusal))
    };
    indicator::of_both(read(good)?, read(bad)?).map_err(|refusal| of_text(good, refusal))
}

/// A quotient of counts, or a gauge that holds a ratio.
fn raw(query: View<'_>, success: bool) -> Result<Found, Vec<Unclear>> {
    let refused = |refusal| of_text(query, refusal);
    let expr = parse(query.text().unwrap_or("")).map_err(refused)?;
    match &expr.form {
        Form::Selector(selector) if selector.range.is_none() => {
            let piece = piece(selector, expr.at).map_err(refused)?;
            let metrics = cel::expression(&[piece], &[]).map_err(refused)?;
            Ok(Found { indicator: Indicator::Raw { metrics, success }, group_by: Vec::new() })
        }
        Form::Binary { op: "/", matching: false, left, right } if success => {
            let sums = sum(left, Style::Rates).and_then(|left| Ok((left, sum(right, Style::Rates)?)));
            let (good, total) = sums.map_err(refused)?;
            indicator::of_total(Counts::Good, good, total).map_err(refused)
        }
        _ if success => Err(refused(Refusal::new(expr.at, "it is no quotient of two counts"))),
        _ => indicator::of_error_ratio(&expr).map_err(refused),
    }
}

/// Points of one metric, compared with what the objectives say.
fn gauge(query: View<'_>) -> Result<Converted, Vec<Unclear>> {
    let refused = |refusal| of_text(query, refusal);
    let expr = parse(query.text().unwrap_or("")).map_err(refused)?;
    let why = match &expr.form {
        Form::Selector(selector) if selector.range.is_none() => {
            let piece = piece(selector, expr.at).map_err(refused)?;
            if piece.counted != Counted::Itself {
                return Err(refused(Refusal::new(expr.at, "a part of a histogram is no value to compare")));
            }
            let metrics = cel::expression(&[piece], &[]).map_err(refused)?;
            let indicator = Indicator::Threshold { metrics, op: "lte", limit: String::new() };
            return Ok(Converted { spec: indicator_spec(&indicator), limit: None, group_by: Vec::new() });
        }
        Form::Call { name, .. } if name == "histogram_quantile" => {
            "a quantile says nothing of each event: take a threshold of the histogram itself".to_owned()
        }
        form => format!("{} is no selector of a metric", super::series::described(form)),
    };
    Err(refused(Refusal::new(expr.at, why)))
}

/// Names of OpenSLO's labels are those of Kubernetes; references follow.
fn tame_names(reading: &mut Reading<'_>, view: View<'_>, kind: &str, part: &mut Part) {
    let renamed = ["SLO", "SLI", "Service"].contains(&kind);
    if let (Some(name), true) = (name(view), renamed) {
        let label = names::label(name);
        if label != name {
            reading.note(view.place(), format!("{kind} `{name}` is called `{label}`"));
            if let Some(metadata) = part.document.get_mut("metadata") {
                metadata.set("name", Out::text(label));
                if metadata.get("displayName").is_none() {
                    metadata.set("displayName", Out::text(name));
                }
            }
        }
    }
    let Some(spec) = part.document.get_mut("spec").filter(|_| kind == "SLO") else { return };
    rename(spec, "service");
    rename(spec, "indicatorRef");
    if let Some(metadata) = spec.get_mut("indicator").and_then(|indicator| indicator.get_mut("metadata")) {
        rename(metadata, "name");
    }
    for objective in spec.get_mut("objectives").map(Out::items_mut).unwrap_or_default() {
        rename(objective, "indicatorRef");
    }
}

fn rename(out: &mut Out, field: &str) {
    if let Some(name) = out.get(field).and_then(Out::as_text).map(names::label) {
        out.set(field, Out::text(name));
    }
}
