//! `evenkeel.dev/…`: what Evenkeel adds to an OpenSLO document. Other people's annotations are none of ours.

use super::Reading;
use super::metadata::{Annotation, Metadata};
use super::node::Place;
use super::quantity;
use super::{exclusions, suggest};
use crate::engine::GroupBy;
use crate::model::{Parts, Tier};
use crate::slo::{Exclusion, NoData, Objective, Together};

const PREFIX: &str = "evenkeel.dev/";
pub(super) const OF_SLO: &[&str] = &[
    "sla",
    "no-data",
    "group-by",
    "max-groups",
    "alert-preset",
    "alert-no-data",
    "min-bad",
    "low-traffic",
    "early-page",
    "composite",
    "exclusions",
    "budget-policy",
];
const SLO_LATER: &[&str] = &["budget-policy"];
pub(super) const OF_CONDITION: &[&str] = &["short-window"];
const GROUP_KEYS_MAX: usize = 8;
const GROUPS: usize = 1_000;
const GROUPS_MAX: usize = 10_000;
const EARLY_RATE: Parts = Parts(1);
const EARLY_FLOOR: Parts = Parts(1_000_000);
pub(super) const OF_SERVICE: &[&str] = &["tier"];
const MIN_BAD_MAX: u64 = 1_000_000_000;

/// What the annotations of an SLO say.
pub(super) struct OfSlo<'a, 'n> {
    pub sla: Option<(Objective, &'a Annotation<'n>)>,
    pub standard_conditions: bool,
    pub min_bad: Option<u64>,
    pub no_data: NoData,
    pub group_by: Option<GroupBy>,
    /// Seconds without an event after which somebody is told.
    pub alert_no_data: Option<u64>,
    pub chance: Option<Parts>,
    /// Rate of false alarms, and share of the budget that must be gone.
    pub early: Option<(Parts, Parts)>,
    pub composite: Option<(Together, Place)>,
    pub exclusions: Vec<Exclusion>,
}

pub(super) fn of_slo<'a, 'n>(ctx: &mut Reading<'_>, metadata: &'a Metadata<'n>) -> OfSlo<'a, 'n> {
    check_names(ctx, metadata, OF_SLO, "an SLO");
    for key in SLO_LATER {
        if let Some(annotation) = metadata.annotation(&format!("{PREFIX}{key}")) {
            ctx.report.not_yet("W0302", annotation.key_at, annotation.key);
        }
    }
    let ours = |key: &str| metadata.annotation(&format!("{PREFIX}{key}"));
    let together = [("max", Together::Max), ("weighted-sum", Together::WeightedSum)];
    let no_data = [("ignore", NoData::Ignore), ("good", NoData::Good), ("bad", NoData::Bad)];
    OfSlo {
        sla: ours("sla").and_then(|one| Some((sla(ctx, one)?, one))),
        standard_conditions: preset(ctx, ours("alert-preset")),
        min_bad: ours("min-bad").and_then(|one| whole(ctx, one, "number of bad events", MIN_BAD_MAX)),
        no_data: ours("no-data").and_then(|one| word(ctx, one, &no_data)).unwrap_or(NoData::Ignore),
        group_by: group_by(ctx, ours("group-by"), ours("max-groups")),
        alert_no_data: ours("alert-no-data").and_then(|one| duration(ctx, one)),
        chance: ours("low-traffic").and_then(|one| probability(ctx, one, one.value, "probability")),
        early: ours("early-page").and_then(|one| early(ctx, one)),
        composite: ours("composite").and_then(|one| Some((word(ctx, one, &together)?, one.at))),
        exclusions: ours("exclusions").map_or_else(Vec::new, |one| exclusions::read(ctx, one)),
    }
}

/// `evenkeel.dev/short-window` of a condition that looks back so far: `None` where it is wrong.
pub(super) fn short_window(
    ctx: &mut Reading<'_>,
    metadata: &Metadata<'_>,
    long_s: Option<u64>,
) -> Option<Option<u64>> {
    check_names(ctx, metadata, OF_CONDITION, "an AlertCondition");
    let Some(annotation) = metadata.annotation("evenkeel.dev/short-window") else { return Some(None) };
    let seconds = duration(ctx, annotation)?;
    if long_s.is_some_and(|long| seconds >= long) {
        let message =
            format!("the short window `{}` is not shorter than the lookbackWindow", annotation.value);
        ctx.report.error("E0317", annotation.at, message);
        return None;
    }
    Some(Some(seconds))
}

fn word<T: Copy>(ctx: &mut Reading<'_>, annotation: &Annotation<'_>, words: &[(&str, T)]) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == annotation.value).map(|(_, meaning)| *meaning);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` is not a value of `{}`", annotation.value, annotation.key);
        ctx.report.error_with("E0317", annotation.at, message, suggest::hint(annotation.value, &known));
    }
    found
}

fn duration(ctx: &mut Reading<'_>, annotation: &Annotation<'_>) -> Option<u64> {
    match quantity::openslo_seconds(annotation.value) {
        Ok(seconds) if seconds <= 90 * 86_400 => Some(seconds),
        Ok(_) => {
            let message = format!("`{}` is not from 1m to 90d", annotation.value);
            ctx.report.error("E0317", annotation.at, message);
            None
        }
        Err(why) => {
            ctx.report.error("E0317", annotation.at, format!("`{}` {why}", annotation.value));
            None
        }
    }
}

fn group_by(
    ctx: &mut Reading<'_>,
    annotation: Option<&Annotation<'_>>,
    max: Option<&Annotation<'_>>,
) -> Option<GroupBy> {
    let most = max.and_then(|one| whole(ctx, one, "number of groups", GROUPS_MAX as u64));
    let Some(annotation) = annotation else {
        if let Some(max) = max {
            let message = "`evenkeel.dev/max-groups` means nothing without `evenkeel.dev/group-by`";
            ctx.report.warn("W0312", max.key_at, message, "");
        }
        return None;
    };
    let names: Vec<&str> = annotation.value.split(',').map(str::trim).collect();
    let wrong = match names.len() {
        _ if names.iter().any(|name| name.is_empty()) => {
            Some("a group has names of attributes: \"http.route,tenant\"")
        }
        count if count > GROUP_KEYS_MAX => Some("a group has at most 8 attributes"),
        _ if (1..names.len()).any(|at| names[..at].contains(&names[at])) => {
            Some("an attribute is named twice")
        }
        _ => None,
    };
    if let Some(wrong) = wrong {
        ctx.report.error("E0317", annotation.at, wrong);
        return None;
    }
    let keys = names.into_iter().map(|name| ctx.key(annotation.at, name)).collect::<Option<_>>()?;
    Some(GroupBy { keys, max: most.map_or(GROUPS, |most| usize::try_from(most).unwrap_or(GROUPS)) })
}

fn probability(ctx: &mut Reading<'_>, annotation: &Annotation<'_>, text: &str, what: &str) -> Option<Parts> {
    let read = exponent(text).filter(|parts| (Parts(1)..Parts::ONE).contains(parts));
    if read.is_none() {
        let message = format!("`{text}` is no {what} from 1e-9 to below 1");
        ctx.report.error_with("E0317", annotation.at, message, "write \"1e-4\" or \"0.0001\"");
    }
    read
}

/// `0.0001` or `1e-4`, exactly.
fn exponent(text: &str) -> Option<Parts> {
    let (digits, power) = match text.split_once(['e', 'E']) {
        None => return quantity::share(text).ok(),
        Some((digits, power)) => (digits, power.strip_prefix('-')?.parse::<u32>().ok()?),
    };
    let Parts(parts) = quantity::share(digits).ok()?;
    let divisor = 10_u64.checked_pow(power)?;
    parts.is_multiple_of(divisor).then(|| Parts(parts / divisor))
}

/// `1e-9`, or `1e-9,0.1%` with the share of the budget that must be gone.
fn early(ctx: &mut Reading<'_>, annotation: &Annotation<'_>) -> Option<(Parts, Parts)> {
    if annotation.value == "on" {
        return Some((EARLY_RATE, EARLY_FLOOR));
    }
    let (rate, floor) = match annotation.value.split_once(',') {
        None => (annotation.value, None),
        Some((rate, floor)) => (rate.trim(), Some(floor.trim())),
    };
    let rate = probability(ctx, annotation, rate, "rate of false alarms an event");
    let floor = match floor {
        None => Some(EARLY_FLOOR),
        Some(text) => {
            let share =
                text.strip_suffix('%').map(str::trim_end).and_then(|text| quantity::percent(text).ok());
            if share.is_none() {
                let message = format!("`{text}` is no share of the budget");
                ctx.report.error_with("E0317", annotation.at, message, "write \"1e-9,0.1%\"");
            }
            share
        }
    };
    Some((rate?, floor?))
}

pub(super) fn tier(ctx: &mut Reading<'_>, metadata: &Metadata<'_>) -> Tier {
    check_names(ctx, metadata, OF_SERVICE, "a Service");
    let Some(annotation) = metadata.annotation("evenkeel.dev/tier") else { return Tier::Two };
    Tier::parse(annotation.value).unwrap_or_else(|| {
        let message = format!("`{}` is no tier", annotation.value);
        ctx.report.error_with(
            "E0317",
            annotation.at,
            message,
            "tiers are \"1\", \"2\" (the default) and \"3\"",
        );
        Tier::Two
    })
}

/// For documents that have no annotations of ours.
pub(super) fn none(ctx: &mut Reading<'_>, metadata: &Metadata<'_>, what: &str) {
    check_names(ctx, metadata, &[], what);
}

fn check_names(ctx: &mut Reading<'_>, metadata: &Metadata<'_>, known: &[&str], what: &str) {
    for Annotation { key, key_at, .. } in &metadata.annotations {
        if let Some(name) = key.strip_prefix("evenkeel/") {
            let message = format!("`{key}` is no annotation of Evenkeel");
            ctx.report.error_with("E0316", *key_at, message, format!("write `{PREFIX}{name}`"));
        }
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        if known.contains(&name) {
            continue;
        }
        let hint = match name {
            "tier" => "it belongs on the Service document".to_owned(),
            "short-window" => "it belongs on an AlertCondition".to_owned(),
            _ if OF_SLO.contains(&name) => "it belongs on an SLO document".to_owned(),
            _ if known.is_empty() => format!("{what} has no annotations of Evenkeel"),
            _ => suggest::hint(name, known),
        };
        ctx.report.error_with("E0316", *key_at, format!("unknown annotation `{key}` of {what}"), hint);
    }
}

fn sla(ctx: &mut Reading<'_>, annotation: &Annotation<'_>) -> Option<Objective> {
    let text = annotation.value;
    let problem = match quantity::percent(text) {
        Err(_) if text.trim_end().ends_with('%') => "is written without the percent sign",
        Err(why) => why,
        Ok(Parts(share)) if share <= 10_000_000 => "looks like a ratio; the SLA is a percentage above 1",
        Ok(share) => match Objective::new(share) {
            Ok(objective) => return Some(objective),
            Err(_) => "leaves no budget: the SLA is below 100",
        },
    };
    let message = format!("the SLA `{text}` {problem}");
    ctx.report.error_with("E0312", annotation.at, message, "write a percentage: \"99.5\"");
    None
}

fn preset(ctx: &mut Reading<'_>, annotation: Option<&Annotation<'_>>) -> bool {
    match annotation.map(|annotation| (annotation.value, annotation)) {
        None | Some(("mwmbr", _)) => true,
        Some(("none", _)) => false,
        Some((text, annotation)) => {
            let message = format!("`{text}` is no alert preset");
            let hint = suggest::hint(text, &["mwmbr", "none"]);
            ctx.report.error_with("E0317", annotation.at, message, hint);
            true
        }
    }
}

fn whole(ctx: &mut Reading<'_>, annotation: &Annotation<'_>, what: &str, max: u64) -> Option<u64> {
    let digits = !annotation.value.is_empty() && annotation.value.bytes().all(|byte| byte.is_ascii_digit());
    let number = annotation.value.parse().ok().filter(|number| digits && (1..=max).contains(number));
    if number.is_none() {
        let message = format!("`{}` is no {what} from 1 to {max}", annotation.value);
        ctx.report.error("E0317", annotation.at, message);
    }
    number
}
