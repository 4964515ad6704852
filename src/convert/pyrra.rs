//! Pyrra's ServiceLevelObjective: selectors of metrics, which it makes the queries of.

use super::cel;
use super::decimal::{seconds, window};
use super::draft::Draft;
use super::indicator::{self, Found, Indicator, Part as Counts};
use super::part::{Part, Unclear};
use super::promql::{Form, Refusal, parse};
use super::series::{Counted, Piece, Sum, piece};
use super::{Reading, texts};
use crate::config::View;

/// Labels and attributes that tell what a service level belongs to, for Pyrra does not.
const SERVICE_LABELS: &[&str] = &["pyrra.dev/service", "service", "app.kubernetes.io/name", "app"];
const SERVICE_MATCHERS: &[&str] = &["job", "service.name", "service"];

pub fn read(reading: &mut Reading<'_>, views: &[View<'_>]) -> Vec<Part> {
    let mut parts = Vec::new();
    for view in views {
        let field = |name: &str| view.get(name).and_then(View::text);
        match (field("apiVersion"), field("kind")) {
            (Some("pyrra.dev/v1alpha1"), Some("ServiceLevelObjective")) => {
                parts.extend(level(reading, *view))
            }
            (Some(version), Some("ServiceLevelObjective")) if version.starts_with("pyrra.dev/") => {
                reading.fail(view.place(), format!("`{version}` is not read, only pyrra.dev/v1alpha1"));
            }
            _ => reading.skip(*view),
        }
    }
    parts
}

fn level(reading: &mut Reading<'_>, view: View<'_>) -> Vec<Part> {
    let name = view.at(&["metadata", "name"]).and_then(View::text);
    let (Some(name), Some(spec)) = (name, view.get("spec")) else {
        reading.fail(view.place(), "a ServiceLevelObjective without `metadata.name` or `spec`");
        return Vec::new();
    };
    let what = format!("SLO `{name}`");
    reading.leave(spec, &what, &["target", "window", "description", "indicator", "alerting"]);
    let mut wrong = Vec::new();
    let [target, given_window] = ["target", "window"].map(|name| {
        let text = spec.get(name).and_then(View::text);
        if text.is_none() {
            wrong.push(Unclear::new(spec.place(), format!("there is no `{name}`")));
        }
        text.unwrap_or("").to_owned()
    });
    let (found, pieces) = match spec.get("indicator") {
        Some(view) => indicator(view),
        None => (unclear(spec, "there is no `indicator`"), Vec::new()),
    };
    let mut labels = texts(view.at(&["metadata", "labels"]));
    let namespace = view.at(&["metadata", "namespace"]).and_then(View::text);
    labels.extend(namespace.map(|name| ("namespace".to_owned(), name.to_owned())));
    let mut annotations = texts(view.at(&["metadata", "annotations"]));
    annotations.retain(|(key, _)| !key.starts_with("kubectl.kubernetes.io/"));
    let (alerts, comments) = alerting(reading, spec, &what);
    let wish = service(&labels, &pieces).or(namespace.map(str::to_owned)).unwrap_or_else(|| name.to_owned());
    let (service, document) = reading.service(&wish, view.place());
    let given = reading.names.give("SLO", name);
    let display_name = Some(name.to_owned()).filter(|name| *name != given);
    let draft = Draft {
        place: view.place(),
        name: given,
        display_name,
        labels,
        annotations,
        service,
        description: spec.get("description").and_then(View::text).map(str::to_owned),
        window: window(&given_window).unwrap_or(given_window),
        target,
        found,
        wrong,
        pages: alerts,
        tickets: alerts,
        comments,
    };
    document.into_iter().chain([draft.part()]).collect()
}

fn service(labels: &[(String, String)], pieces: &[Piece]) -> Option<String> {
    let of_label = |key: &&str| labels.iter().find(|(one, _)| one == *key).map(|(_, text)| text.clone());
    let of_matcher = |key: &&str| {
        let mut matchers = pieces.iter().flat_map(|piece| &piece.matchers);
        matchers
            .find(|one| one.label == **key && one.op == super::promql::Op::Equal)
            .map(|one| one.value.clone())
    };
    SERVICE_LABELS.iter().find_map(of_label).or_else(|| SERVICE_MATCHERS.iter().find_map(of_matcher))
}

fn alerting(reading: &mut Reading<'_>, spec: View<'_>, what: &str) -> (bool, Vec<String>) {
    let mut comments = Vec::new();
    let Some(view) = spec.get("alerting") else { return (true, comments) };
    let known = ["disabled", "name", "burnrates", "absent", "absentName", "burnRateType"];
    reading.leave(view, &format!("`alerting` of {what}"), &known);
    let is = |name: &str, value: bool| view.get(name).and_then(View::truth) == Some(value);
    let on = !is("disabled", true) && !is("burnrates", false);
    if let Some(name) = view.get("name").and_then(View::text) {
        comments.push(format!("Its alert was called {name}; here an alert has the name of its SLO."));
    }
    if on && !is("absent", false) && view.get("absentName").is_some() {
        comments.push("Silence is told by the annotation evenkeel.dev/alert-no-data: 10m, say.".to_owned());
    }
    (on, comments)
}

fn unclear(view: View<'_>, why: &str) -> Result<Found, Vec<Unclear>> {
    Err(vec![Unclear::new(view.place(), why)])
}

/// The indicator, and the series that it is made of.
fn indicator(view: View<'_>) -> (Result<Found, Vec<Unclear>>, Vec<Piece>) {
    let kinds = ["ratio", "latency", "latencyNative", "bool_gauge"];
    let given: Vec<(&str, View<'_>)> =
        kinds.into_iter().filter_map(|kind| Some((kind, view.get(kind)?))).collect();
    let [(kind, of)] = given[..] else {
        return (
            unclear(view, "it is not exactly one of ratio, latency, latencyNative and bool_gauge"),
            Vec::new(),
        );
    };
    let mut pieces = Vec::new();
    let found = match kind {
        "ratio" => ratio(of, &mut pieces),
        "latency" => latency(of, &mut pieces),
        "latencyNative" => native(of, &mut pieces),
        _ => gauge(of, &mut pieces),
    };
    (found, pieces)
}

fn ratio(of: View<'_>, pieces: &mut Vec<Piece>) -> Result<Found, Vec<Unclear>> {
    let part = |name: &str| of.at(&[name, "metric"]).filter(|view| view.text() != Some(""));
    match (part("errors"), part("success"), part("total")) {
        (Some(errors), None, Some(total)) => of_total(Counts::Bad, of, errors, total, pieces),
        (None, Some(success), Some(total)) => of_total(Counts::Good, of, success, total, pieces),
        (Some(errors), Some(success), None) => {
            let (good, bad) = (series(of, success, pieces)?, series(of, errors, pieces)?);
            indicator::of_both(good, bad).map_err(|refusal| of_text(success, refusal))
        }
        _ => unclear(of, "a ratio has two of `errors`, `success` and `total`"),
    }
}

fn latency(of: View<'_>, pieces: &mut Vec<Piece>) -> Result<Found, Vec<Unclear>> {
    match (of.at(&["success", "metric"]), of.at(&["total", "metric"])) {
        (Some(success), Some(total)) => of_total(Counts::Good, of, success, total, pieces),
        _ => unclear(of, "a latency has `success` and `total`"),
    }
}

fn of_total(
    part: Counts,
    of: View<'_>,
    counted: View<'_>,
    total: View<'_>,
    pieces: &mut Vec<Piece>,
) -> Result<Found, Vec<Unclear>> {
    let (one, all) = (series(of, counted, pieces)?, series(of, total, pieces)?);
    indicator::of_total(part, one, all).map_err(|refusal| of_text(counted, refusal))
}

/// A native histogram has no bucket to name: the limit is a duration.
fn native(of: View<'_>, pieces: &mut Vec<Piece>) -> Result<Found, Vec<Unclear>> {
    let (Some(total), Some(latency)) = (of.at(&["total", "metric"]), of.get("latency")) else {
        return unclear(of, "a latencyNative has `total` and `latency`");
    };
    let Some(limit) = latency.text().and_then(seconds) else {
        return unclear(latency, "`latency` is no duration");
    };
    threshold(of, total, "lte", limit, pieces)
}

/// Each point is an event: good where the gauge is 1.
fn gauge(of: View<'_>, pieces: &mut Vec<Piece>) -> Result<Found, Vec<Unclear>> {
    match of.get("metric") {
        Some(metric) => threshold(of, metric, "gte", "1".to_owned(), pieces),
        None => unclear(of, "a bool_gauge has `metric`"),
    }
}

fn threshold(
    of: View<'_>,
    metric: View<'_>,
    op: &'static str,
    limit: String,
    pieces: &mut Vec<Piece>,
) -> Result<Found, Vec<Unclear>> {
    let Sum { plus, by, .. } = series(of, metric, pieces)?;
    if plus.iter().any(|piece| matches!(piece.counted, Counted::UpTo(_))) {
        return unclear(metric, "a bucket of a histogram has no limit of its own");
    }
    let metrics = cel::expression(&plus, &[]).map_err(|refusal| of_text(metric, refusal))?;
    let group_by = by.iter().map(|label| cel::name_of(label).to_owned()).collect();
    Ok(Found { indicator: Indicator::Threshold { metrics, op, limit }, group_by })
}

/// The series of a selector, told apart by the indicator's `grouping`.
fn series(of: View<'_>, metric: View<'_>, pieces: &mut Vec<Piece>) -> Result<Sum, Vec<Unclear>> {
    let text = metric.text().unwrap_or("");
    let selector = parse(text).and_then(|expr| match &expr.form {
        Form::Selector(selector) if selector.range.is_none() => piece(selector, expr.at),
        _ => Err(Refusal::new(expr.at, "it is no selector of a metric")),
    });
    let piece = selector.map_err(|refusal| of_text(metric, refusal))?;
    pieces.push(piece.clone());
    let grouping = of.get("grouping").and_then(View::items).into_iter().flatten();
    let by = grouping.filter_map(View::text).map(str::to_owned).collect();
    Ok(Sum { plus: vec![piece], minus: Vec::new(), by })
}

fn of_text(view: View<'_>, refusal: Refusal) -> Vec<Unclear> {
    let query = view.text().map(str::to_owned);
    vec![Unclear { place: view.place_of(refusal.at), why: refusal.why, query }]
}
