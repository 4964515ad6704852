//! OpenSLO documents: services with their tier, SLOs with everything they stand for, and the kinds that
//! are not read yet.

use std::collections::BTreeMap;

use super::node::Place;
use super::quantity::as_percent;
use super::reader::{self, Fields};
use super::set::{self, Document, Kind, Set};
use super::{Reading, annotations, indicator, metadata, objective};
use crate::engine::SloPlan;
use crate::model::Tier;
use crate::slo::{Objective, Slo, standard_conditions};

const DOCUMENT: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
const SLO: &[&str] = &[
    "description",
    "service",
    "indicator",
    "indicatorRef",
    "timeWindow",
    "budgetingMethod",
    "objectives",
    "alertPolicies",
];
const OWN_POLICIES: &str = "own alert policies are not supported yet";
const OWN_POLICIES_HINT: &str = "leave `alertPolicies` out to get the standard pairs, or set the annotation evenkeel.dev/alert-preset: none";

/// By name.
pub(super) fn read_all(ctx: &mut Reading<'_>, set: &Set) -> Vec<SloPlan> {
    let tiers = services(ctx, set);
    for document in set.of(Kind::Sli) {
        sli(ctx, set, document);
    }
    for document in set.of(Kind::DataSource) {
        data_source(ctx, document);
    }
    for document in set.of(Kind::Test) {
        ctx.report.note("N0201", document.at, "a Test document is kept for later, nothing runs it yet");
    }
    for kind in [Kind::AlertPolicy, Kind::AlertCondition, Kind::AlertNotificationTarget] {
        for document in set.of(kind) {
            ctx.report.error_with("E0315", document.at, OWN_POLICIES, OWN_POLICIES_HINT);
        }
    }
    set.of(Kind::Slo).into_iter().filter_map(|document| slo(ctx, set, document, &tiers)).collect()
}

fn services<'s>(ctx: &mut Reading<'_>, set: &'s Set) -> BTreeMap<&'s str, Tier> {
    let mut tiers = BTreeMap::new();
    for document in set.of(Kind::Service) {
        let Some(fields) = Fields::new(&mut ctx.report, &document.node, "a Service", DOCUMENT) else {
            continue;
        };
        let metadata = metadata::read(ctx, fields);
        let tier = annotations::tier(ctx, &metadata);
        if let Some(spec) = fields.get("spec")
            && let Some(spec) = Fields::new(&mut ctx.report, spec, "a Service's spec", &["description"])
        {
            spec.text(&mut ctx.report, "description");
        }
        tiers.insert(&*document.name, tier);
    }
    tiers
}

fn sli(ctx: &mut Reading<'_>, set: &Set, document: &Document) {
    let Some(fields) = Fields::new(&mut ctx.report, &document.node, "an SLI", DOCUMENT) else { return };
    let metadata = metadata::read(ctx, fields);
    annotations::none(ctx, &metadata, "an SLI");
    let spec = fields.required(&mut ctx.report, "spec").and_then(|spec| indicator::sli_spec(ctx, spec));
    if let Some(spec) = spec.filter(|_| !referred_to(set, &document.name)) {
        indicator::check(ctx, set, spec);
    }
}

/// An SLO that refers to an SLI compiles it, and so finds its mistakes.
fn referred_to(set: &Set, name: &str) -> bool {
    set.of(Kind::Slo).iter().any(|slo| {
        let reference = slo.node.get("spec").and_then(|spec| spec.get("indicatorRef"));
        reference.and_then(|node| node.scalar()).is_some_and(|scalar| scalar.text == name)
    })
}

fn data_source(ctx: &mut Reading<'_>, document: &Document) {
    let Some(fields) = Fields::new(&mut ctx.report, &document.node, "a DataSource", DOCUMENT) else { return };
    let metadata = metadata::read(ctx, fields);
    annotations::none(ctx, &metadata, "a DataSource");
    if let Some(spec) = fields.required(&mut ctx.report, "spec") {
        let known = ["description", "type", "connectionDetails"];
        if let Some(spec) = Fields::new(&mut ctx.report, spec, "a DataSource's spec", &known) {
            spec.required_text(&mut ctx.report, "type");
        }
    }
    ctx.report.note(
        "N0302",
        document.at,
        "a DataSource is read for its type alone: Evenkeel counts what arrives",
    );
}

fn slo(
    ctx: &mut Reading<'_>,
    set: &Set,
    document: &Document,
    tiers: &BTreeMap<&str, Tier>,
) -> Option<SloPlan> {
    let fields = Fields::new(&mut ctx.report, &document.node, "an SLO", DOCUMENT)?;
    let metadata = metadata::read(ctx, fields);
    let extras = annotations::of_slo(ctx, &metadata);
    let spec = fields.required(&mut ctx.report, "spec")?;
    let spec = Fields::new(&mut ctx.report, spec, "an SLO's spec", SLO)?;
    spec.text(&mut ctx.report, "description");
    let service = service(ctx, spec, tiers);
    objective::budgeting_method(ctx, spec);
    let window = objective::time_window(ctx, spec);
    alert_policies(ctx, spec);
    let single = objective::single(ctx, spec);
    let target = single.and_then(|single| objective::target(ctx, single));
    let display = single.and_then(|single| single.text(&mut ctx.report, "displayName"));
    let indicator = indicator::read(ctx, set, spec, single);
    if let (Some((objective, at)), Some((sla, annotation))) = (target, &extras.sla) {
        sla_is_looser(ctx, objective, at, *sla, annotation.at);
    }
    let (window, window_at) = window?;
    let (objective, _) = target?;
    let (service, tier) = service?;
    let conditions = match extras.standard_conditions {
        true => {
            let (conditions, notes) = standard_conditions(window.seconds, objective, tier, extras.min_bad);
            for note in notes {
                ctx.report.note("N0303", window_at, format!("{}: {}", note.pair, note.text));
            }
            if conditions.is_empty() {
                let message = "no standard burn-rate pair fits this window and target: this SLO never alerts";
                ctx.report.warn(
                    "W0304",
                    window_at,
                    message,
                    "-v tells what became of each pair; `evenkeel.dev/alert-preset: none` says that it is meant so",
                );
            }
            conditions
        }
        false => Vec::new(),
    };
    let slo = Slo {
        name: metadata.name.to_owned(),
        service: service.to_owned(),
        tier,
        objective_name: display.unwrap_or("").to_owned(),
        objective,
        sla: extras.sla.map(|(sla, _)| sla),
        window,
        conditions,
    };
    Some(SloPlan {
        identity: set::identity([Some(&document.node)]) ^ u64::from(tier.number()),
        indicator_identity: indicator_identity(set, spec, single),
        slo,
        indicator: indicator?,
        declared_at: ctx.report.locate(document.at),
    })
}

/// Of what says which events count and when they are good, in the SLO or where it refers to.
fn indicator_identity(set: &Set, spec: Fields<'_>, objective: Option<Fields<'_>>) -> u64 {
    let name = spec.get("indicatorRef").and_then(|node| node.scalar()).map(|scalar| scalar.text.as_str());
    let referred = name.and_then(|name| set.of(Kind::Sli).into_iter().find(|one| one.name == name));
    let own = spec.get("indicator").and_then(|indicator| indicator.get("spec"));
    let spec = own.or(referred.and_then(|sli| sli.node.get("spec")));
    let limit = |name| objective.and_then(|objective| objective.get(name));
    set::identity([spec, limit("op"), limit("value")])
}

fn service<'n>(
    ctx: &mut Reading<'_>,
    spec: Fields<'n>,
    tiers: &BTreeMap<&str, Tier>,
) -> Option<(&'n str, Tier)> {
    let name = spec.required_text(&mut ctx.report, "service")?;
    let at = spec.get("service").map_or(spec.at, |node| node.at);
    if name.is_empty() {
        ctx.report.error("E0214", at, "`service` is empty");
        return None;
    }
    let tier = tiers.get(name).copied();
    if tier.is_none() {
        let message = format!("no document declares the service `{name}`: it has tier 2");
        ctx.report.note("N0304", at, message);
    }
    Some((name, tier.unwrap_or(Tier::Two)))
}

fn alert_policies(ctx: &mut Reading<'_>, spec: Fields<'_>) {
    let Some(node) = spec.get("alertPolicies") else { return };
    if !reader::list(&mut ctx.report, node, "alertPolicies").is_empty() {
        ctx.report.error_with("E0315", spec.place_of("alertPolicies"), OWN_POLICIES, OWN_POLICIES_HINT);
    }
}

/// What we aim at must be stricter than what is promised, or the promise breaks before anybody is paged.
fn sla_is_looser(ctx: &mut Reading<'_>, objective: Objective, at: Place, sla: Objective, sla_at: Place) {
    if sla < objective {
        return;
    }
    let message = format!(
        "the target must be stricter than the SLA: {} here, {} promised at {}",
        as_percent(objective.target()),
        as_percent(sla.target()),
        ctx.report.locate(sla_at)
    );
    ctx.report.error_with("E0311", at, message, "raise the target, or lower the SLA annotation");
}
