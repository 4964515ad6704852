//! `evenkeel.dev/…`: what Evenkeel adds to an OpenSLO document. Other people's annotations are none of ours.

use super::Reading;
use super::metadata::{Annotation, Metadata};
use super::quantity;
use super::suggest;
use crate::model::{Parts, Tier};
use crate::slo::Objective;

const PREFIX: &str = "evenkeel.dev/";
const OF_SLO: &[&str] =
    &["sla", "no-data", "group-by", "max-groups", "alert-preset", "min-bad", "exclusions", "budget-policy"];
const SLO_LATER: &[&str] = &["no-data", "group-by", "max-groups", "exclusions", "budget-policy"];
const OF_SERVICE: &[&str] = &["tier"];
const MIN_BAD_MAX: u64 = 1_000_000_000;

/// Which of the standard conditions an SLO has.
pub(super) struct OfSlo<'a, 'n> {
    pub sla: Option<(Objective, &'a Annotation<'n>)>,
    pub standard_conditions: bool,
    pub min_bad: Option<u64>,
}

pub(super) fn of_slo<'a, 'n>(ctx: &mut Reading<'_>, metadata: &'a Metadata<'n>) -> OfSlo<'a, 'n> {
    check_names(ctx, metadata, OF_SLO, "an SLO");
    for key in SLO_LATER {
        if let Some(annotation) = metadata.annotation(&format!("{PREFIX}{key}")) {
            ctx.report.not_yet("W0302", annotation.key_at, annotation.key);
        }
    }
    OfSlo {
        sla: metadata.annotation("evenkeel.dev/sla").and_then(|one| Some((sla(ctx, one)?, one))),
        standard_conditions: preset(ctx, metadata.annotation("evenkeel.dev/alert-preset")),
        min_bad: metadata.annotation("evenkeel.dev/min-bad").and_then(|one| min_bad(ctx, one)),
    }
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

fn min_bad(ctx: &mut Reading<'_>, annotation: &Annotation<'_>) -> Option<u64> {
    let digits = !annotation.value.is_empty() && annotation.value.bytes().all(|byte| byte.is_ascii_digit());
    let number = annotation.value.parse().ok().filter(|number| digits && (1..=MIN_BAD_MAX).contains(number));
    if number.is_none() {
        let message = format!("`{}` is no number of bad events from 1 to {MIN_BAD_MAX}", annotation.value);
        ctx.report.error("E0317", annotation.at, message);
    }
    number
}
