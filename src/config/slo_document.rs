//! OpenSLO documents: services with their tier, SLOs with everything they stand for.

use std::collections::BTreeMap;

use super::annotations::OfSlo;
use super::node::{Node, Place, Value};
use super::quantity::as_percent;
use super::reader::Fields;
use super::set::{self, Document, Kind, Set};
use super::{Reading, annotations, conditions, indicator, metadata, objective, policies, tracks, window};
use crate::engine::SloPlan;
use crate::model::Tier;
use crate::slo::{Composite, Goal, Objective, Slo, Together};

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
/// By name.
pub(super) fn read_all(ctx: &mut Reading<'_>, set: &Set) -> Vec<SloPlan> {
    let tiers = services(ctx, set);
    for document in set.of(Kind::Sli) {
        sli(ctx, set, document);
    }
    for document in set.of(Kind::DataSource) {
        data_source(ctx, document);
    }
    for kind in [Kind::AlertPolicy, Kind::AlertCondition, Kind::AlertNotificationTarget] {
        for document in set.of(kind) {
            policies::check(ctx, set, document);
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
    let names = |node: &Node| {
        let reference = node.get("indicatorRef").and_then(|node| node.scalar());
        reference.is_some_and(|scalar| scalar.text == name)
    };
    set.of(Kind::Slo).iter().filter_map(|slo| slo.node.get("spec")).any(|spec| {
        let objectives = spec.get("objectives").map(|node| &node.value);
        let of_objective = matches!(objectives, Some(Value::Sequence(list)) if list.iter().any(names));
        names(spec) || of_objective
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
    let method = objective::budgeting_method(ctx, spec);
    let window = window::read(ctx, spec);
    let policies = policies::of_slo(ctx, set, spec);
    let objectives = objective::all(ctx, spec);
    let tracks = tracks::read(ctx, set, spec, &objectives);
    let targets: Vec<_> = objectives.iter().map(|one| objective::target(ctx, *one)).collect();
    let slas = slas(ctx, &targets, extras.sla.as_ref());
    let weights: Vec<_> = objectives.iter().map(|one| objective::weight(ctx, *one)).collect();
    let (method, (window, window_at)) = (method?, window?);
    let slices: Vec<_> = objectives.iter().map(|one| objective::slice(ctx, *one, method, &window)).collect();
    composite_is_named(ctx, &objectives, &extras);
    let (tracks, (service, tier)) = (tracks?, service?);
    let mut goals = Vec::new();
    for (index, one) in objectives.iter().enumerate() {
        let name = one.text(&mut ctx.report, "displayName").unwrap_or("").to_owned();
        goals.push(Goal {
            name,
            track: tracks.of_objective[index],
            objective: targets[index]?.0,
            sla: slas[index],
            slice: slices[index]?,
            conditions: Vec::new(),
            weight: weights[index]?,
        });
    }
    (!goals.is_empty()).then_some(())?;
    let mut slo = Slo {
        name: metadata.name.to_owned(),
        service: service.to_owned(),
        tier,
        window,
        method,
        goals,
        composite: extras.composite.map(|(how, _)| Composite { how, conditions: Vec::new() }),
        no_data: extras.no_data,
        exclusions: extras.exclusions.clone(),
        chance: extras.chance,
        targets: policies.as_ref().map_or_else(Vec::new, |policies| policies.targets.clone()),
    };
    conditions::add(ctx, &mut slo, &extras, policies.as_ref(), window_at);
    let of_conditions = policies.as_ref().map_or_else(Vec::new, policies::Policies::annotations);
    let own = metadata.for_people(ctx);
    ctx.annotated.set_slo(metadata.name, own, of_conditions);
    let of_groups = metadata.annotation("evenkeel.dev/group-by").map_or("", |one| one.value);
    Some(SloPlan {
        identity: set::identity([Some(&document.node.deciding())])
            ^ u64::from(tier.number())
            ^ policies_identity(set, spec),
        indicator_identity: tracks.identity ^ set::digest([of_groups].into_iter()),
        slo,
        indicators: tracks.indicators,
        group_by: extras.group_by,
        declared_at: ctx.report.locate(document.at),
    })
}

/// What an SLO refers to is part of what it says.
fn policies_identity(set: &Set, spec: Fields<'_>) -> u64 {
    if spec.get("alertPolicies").is_none() {
        return 0;
    }
    let kinds = [Kind::AlertPolicy, Kind::AlertCondition, Kind::AlertNotificationTarget];
    let documents = kinds.into_iter().flat_map(|kind| set.of(kind));
    let nodes: Vec<_> = documents.map(|document| document.node.deciding()).collect();
    set::identity(nodes.iter().map(Some))
}

/// What is promised holds for every objective that is stricter.
fn slas(
    ctx: &mut Reading<'_>,
    targets: &[Option<(Objective, Place)>],
    sla: Option<&(Objective, &metadata::Annotation<'_>)>,
) -> Vec<Option<Objective>> {
    let Some((sla, annotation)) = sla else { return vec![None; targets.len()] };
    let known: Vec<_> = targets.iter().flatten().collect();
    let strictest = known.iter().max_by_key(|(objective, _)| *objective);
    if let Some((objective, at)) = strictest {
        sla_is_looser(ctx, *objective, *at, *sla, annotation.at);
    }
    let stricter = |target: &Option<(Objective, Place)>| {
        target.as_ref().filter(|(objective, _)| *sla < *objective).map(|_| *sla)
    };
    targets.iter().map(stricter).collect()
}

/// How several objectives are judged together is said, never guessed.
fn composite_is_named(ctx: &mut Reading<'_>, objectives: &[Fields<'_>], extras: &OfSlo<'_, '_>) {
    let weighted = objectives.iter().find(|one| one.get("compositeWeight").is_some());
    match (weighted, &extras.composite) {
        (Some(one), None) => {
            let message = "objectives with a weight are judged together; say how";
            let hint = "annotation evenkeel.dev/composite: \"weighted-sum\" or \"max\" (of the burn rates)";
            ctx.report.error_with("E0321", one.place_of("compositeWeight"), message, hint);
        }
        (Some(one), Some((Together::Max, _))) => {
            let message = "`compositeWeight` means nothing for the highest burn rate";
            ctx.report.warn("W0301", one.place_of("compositeWeight"), message, "");
        }
        (None, Some((_, at))) if objectives.len() == 1 => {
            ctx.report.error("E0321", *at, "a composite has several objectives");
        }
        _ => {}
    }
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
