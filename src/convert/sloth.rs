//! Sloth's definitions: files of `prometheus/v1`, and the PrometheusServiceLevel of Kubernetes. The two differ in how
//! they spell names of several words.

use super::draft::Draft;
use super::indicator::{self, Found, Part as Counts};
use super::part::{Part, Unclear};
use super::promql::parse;
use super::series::{Style, sum};
use super::{Reading, names, texts};
use crate::config::View;

const VERSION: &str = "prometheus/v1";

pub fn read(reading: &mut Reading<'_>, views: &[View<'_>]) -> Vec<Part> {
    views.iter().flat_map(|view| document(reading, *view)).collect()
}

fn document(reading: &mut Reading<'_>, view: View<'_>) -> Vec<Part> {
    let field = |name: &str| view.get(name).and_then(View::text);
    match (field("version"), field("apiVersion"), field("kind")) {
        (Some(VERSION), ..) => {
            reading.leave(view, "the file", &["version", "service", "labels", "slos"]);
            levels(reading, view)
        }
        (None, Some("sloth.slok.dev/v1"), Some("PrometheusServiceLevel")) => {
            let Some(spec) = view.get("spec") else {
                reading.fail(view.place(), "a PrometheusServiceLevel without `spec`");
                return Vec::new();
            };
            reading.leave(spec, "the service", &["service", "labels", "slos"]);
            levels(reading, spec)
        }
        (None, Some("sloth.slok.dev/v1"), Some("AlertWindows")) => {
            let text =
                "AlertWindows are not converted: the pairs of windows are Evenkeel's, scaled to the period";
            reading.note(view.place(), text);
            Vec::new()
        }
        (Some(version), None, None) if version.starts_with("prometheus/") => {
            reading.fail(view.place(), format!("`{version}` is not read, only {VERSION}"));
            Vec::new()
        }
        _ => {
            reading.skip(view);
            Vec::new()
        }
    }
}

fn levels(reading: &mut Reading<'_>, spec: View<'_>) -> Vec<Part> {
    let Some(service) = spec.get("service").and_then(View::text) else {
        reading.fail(spec.place(), "a definition without `service`");
        return Vec::new();
    };
    let labels = texts(spec.get("labels"));
    let mut parts = Vec::new();
    for slo in spec.get("slos").and_then(View::items).into_iter().flatten() {
        let (named, document) = reading.service(service, spec.place());
        parts.extend(document);
        parts.extend(level(reading, slo, service, named, &labels));
    }
    if parts.is_empty() {
        reading.note(spec.place(), format!("service `{service}` has no `slos`"));
    }
    parts
}

fn level(
    reading: &mut Reading<'_>,
    slo: View<'_>,
    service: &str,
    named: String,
    common: &[(String, String)],
) -> Option<Part> {
    let Some(name) = slo.get("name").and_then(View::text) else {
        reading.fail(slo.place(), "an SLO without `name`");
        return None;
    };
    let known = ["name", "objective", "description", "labels", "sli", "alerting"];
    reading.leave(slo, &format!("SLO `{name}`"), &known);
    let target = slo.get("objective").and_then(View::text);
    let wrong = target.is_none().then(|| Unclear::new(slo.place(), "there is no `objective`"));
    let own = texts(slo.get("labels"));
    let kept = common.iter().filter(|(key, _)| !own.iter().any(|(one, _)| one == key));
    let labels = kept.chain(&own).cloned().collect();
    let alerting = alerting(reading, slo, name);
    let given = reading.names.give("SLO", &format!("{}-{name}", names::label(service)));
    let draft = Draft {
        place: slo.place(),
        name: given,
        display_name: Some(name.to_owned()),
        labels,
        annotations: alerting.annotations,
        service: named,
        description: slo.get("description").and_then(View::text).map(str::to_owned),
        window: reading.window.to_owned(),
        target: target.unwrap_or("").to_owned(),
        found: indicator(slo),
        wrong: wrong.into_iter().collect(),
        pages: alerting.pages,
        tickets: alerting.tickets,
        comments: alerting.comments,
    };
    if draft.has_lost_its_alerts() {
        let text = format!(
            "SLO `{}` has no alerts: of the pairs that are not disabled none fits {}",
            draft.name, draft.window
        );
        reading.note(slo.place(), text);
    }
    Some(draft.part())
}

struct Alerting {
    pages: bool,
    tickets: bool,
    annotations: Vec<(String, String)>,
    comments: Vec<String>,
}

fn alerting(reading: &mut Reading<'_>, slo: View<'_>, level: &str) -> Alerting {
    let mut found = Alerting { pages: true, tickets: true, annotations: Vec::new(), comments: Vec::new() };
    let Some(view) = slo.get("alerting") else { return found };
    found.annotations = texts(view.get("annotations"));
    let known = ["name", "labels", "annotations", "page_alert", "pageAlert", "ticket_alert", "ticketAlert"];
    reading.leave(view, &format!("`alerting` of SLO `{level}`"), &known);
    if let Some(name) = view.get("name").and_then(View::text) {
        found.comments.push(format!("Its alert was called {name}; here an alert has the name of its SLO."));
    }
    let mut labels = texts(view.get("labels"));
    for (names, on) in [
        (["page_alert", "pageAlert"], &mut found.pages),
        (["ticket_alert", "ticketAlert"], &mut found.tickets),
    ] {
        let Some(alert) = names.into_iter().find_map(|name| view.get(name)) else { continue };
        *on = alert.get("disable").and_then(View::truth) != Some(true);
        labels.extend(texts(alert.get("labels")).into_iter().filter(|_| *on));
        for (key, text) in texts(alert.get("annotations")) {
            if !found.annotations.iter().any(|(one, _)| *one == key) {
                found.annotations.push((key, text));
            }
        }
    }
    if !labels.is_empty() {
        let labels: Vec<String> = labels.iter().map(|(key, text)| format!("{key}={text}")).collect();
        found.comments.push(format!("Labels of its alerts: {}.", labels.join(", ")));
        let text = "labels of alerts are left in a comment: routes go by slo, service, severity and the like";
        reading.note(view.place(), text);
    }
    found
}

fn indicator(slo: View<'_>) -> Result<Found, Vec<Unclear>> {
    let unclear = |view: View<'_>, why: &str| Err(vec![Unclear::new(view.place(), why)]);
    let Some(sli) = slo.get("sli") else { return unclear(slo, "there is no `sli`") };
    if let Some(plugin) = sli.get("plugin") {
        return unclear(plugin, "what a plugin makes of its options is not known here");
    }
    if let Some(raw) = sli.get("raw") {
        let Some(query) = either(raw, "error_ratio_query", "errorRatioQuery") else {
            return unclear(raw, "`raw` has no query");
        };
        let text = query.text().unwrap_or("");
        return parse(text).and_then(|expr| indicator::of_error_ratio(&expr)).map_err(|refusal| {
            vec![Unclear {
                place: query.place_of(refusal.at),
                why: refusal.why,
                query: Some(text.to_owned()),
            }]
        });
    }
    let Some(events) = sli.get("events") else { return unclear(sli, "`sli` has neither `events` nor `raw`") };
    let errors = either(events, "error_query", "errorQuery");
    let total = either(events, "total_query", "totalQuery");
    let (Some(errors), Some(total)) = (errors, total) else {
        return unclear(events, "`events` has no query of errors, or none of the total");
    };
    counts(Counts::Bad, errors, total, Style::Rates)
}

fn either<'v>(view: View<'v>, snake: &str, camel: &str) -> Option<View<'v>> {
    view.get(snake).or(view.get(camel))
}

/// Two queries; all that is wrong with either of them.
pub fn counts(part: Counts, counted: View<'_>, total: View<'_>, style: Style) -> Result<Found, Vec<Unclear>> {
    let mut wrong = Vec::new();
    let mut read = |view: View<'_>| {
        let text = view.text().unwrap_or("");
        match parse(text).and_then(|expr| sum(&expr, style)) {
            Ok(sum) => Some(sum),
            Err(refusal) => {
                let (place, query) = (view.place_of(refusal.at), Some(text.to_owned()));
                wrong.push(Unclear { place, why: refusal.why, query });
                None
            }
        }
    };
    let sums = (read(counted), read(total));
    let (Some(one), Some(all)) = sums else { return Err(wrong) };
    indicator::of_total(part, one, all).map_err(|refusal| {
        let both = format!("{}\nof\n{}", counted.text().unwrap_or(""), total.text().unwrap_or(""));
        vec![Unclear { place: counted.place(), why: refusal.why, query: Some(both) }]
    })
}
