//! An SLO's objectives and its budgeting method: the numbers that everything later divides by.

use super::Reading;
use super::indicator::number;
use super::node::{Node, Place, Scalar};
use super::quantity;
use super::reader::{self, Fields};
use crate::model::Parts;
use crate::slo::{Method, Objective, ObjectiveError, Slice, Window};

const OBJECTIVES_MAX: usize = 20;
const OBJECTIVE: &[&str] = &[
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
    "compositeWeight",
];

pub(super) fn budgeting_method(ctx: &mut Reading<'_>, spec: Fields<'_>) -> Option<Method> {
    let node = spec.required(&mut ctx.report, "budgetingMethod")?;
    let words =
        [Method::Occurrences, Method::Timeslices, Method::RatioTimeslices].map(|one| (one.as_str(), one));
    reader::word(&mut ctx.report, node, "budgetingMethod", &words)
}

/// The objectives of an SLO, those that are mappings.
pub(super) fn all<'n>(ctx: &mut Reading<'_>, spec: Fields<'n>) -> Vec<Fields<'n>> {
    let Some(node) = spec.required(&mut ctx.report, "objectives") else { return Vec::new() };
    let objectives = reader::list(&mut ctx.report, node, "objectives");
    if objectives.is_empty() && node.scalar().is_none() && node.entries().is_none() {
        ctx.report.error("E0310", spec.place_of("objectives"), "an SLO needs an objective");
    }
    if objectives.len() > OBJECTIVES_MAX {
        let message = format!("an SLO has at most {OBJECTIVES_MAX} objectives");
        ctx.report.error("E0215", spec.place_of("objectives"), message);
    }
    let fields = objectives.iter().take(OBJECTIVES_MAX);
    fields.filter_map(|node| Fields::new(&mut ctx.report, node, "an objective", OBJECTIVE)).collect()
}

/// What an objective's slices are like; `Some(None)` for a method that has none.
pub(super) fn slice(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    method: Method,
    window: &Window,
) -> Option<Option<Slice>> {
    let unused: &[&str] = match method {
        Method::Occurrences => &["timeSliceTarget", "timeSliceWindow"],
        Method::RatioTimeslices => &["timeSliceTarget"],
        Method::Timeslices => &[],
    };
    for key in unused.iter().filter(|key| fields.get(key).is_some()) {
        let message = format!("`{key}` means nothing for {}", method.as_str());
        ctx.report.warn("W0301", fields.place_of(key), message, "");
    }
    if method == Method::Occurrences {
        return Some(None);
    }
    let target = match method {
        Method::Timeslices => fields
            .required(&mut ctx.report, "timeSliceTarget")
            .and_then(|node| slice_target(ctx, node))
            .map(Some),
        _ => Some(None),
    };
    let seconds =
        fields.required(&mut ctx.report, "timeSliceWindow").and_then(|node| slice_window(ctx, node, window));
    Some(Some(Slice { seconds: seconds?, target: target? }))
}

fn slice_target(ctx: &mut Reading<'_>, node: &Node) -> Option<Parts> {
    let scalar = number(ctx, node, "timeSliceTarget")?;
    let why = match quantity::share(&scalar.text) {
        Ok(share) if (Parts(1)..=Parts::ONE).contains(&share) => return Some(share),
        Ok(_) => "is not above 0 and up to 1",
        Err(why) => why,
    };
    ctx.report.error("E0320", node.at, format!("`timeSliceTarget: {}` {why}", scalar.shown()));
    None
}

/// A duration, or a number of minutes.
fn slice_window(ctx: &mut Reading<'_>, node: &Node, window: &Window) -> Option<u64> {
    let text = reader::text(&mut ctx.report, node, "timeSliceWindow")?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = if digits { format!("{text}m") } else { text.to_owned() };
    let wrong = match quantity::openslo_seconds(&minutes) {
        Ok(seconds) if seconds > window.nominal_s() => "is longer than the time window".to_owned(),
        Ok(seconds) => {
            if !window.nominal_s().is_multiple_of(seconds) {
                let message = format!("the time window is no whole number of slices of {minutes}");
                ctx.report.warn("W0313", node.at, message, "the last slice of it is cut short");
            }
            return Some(seconds);
        }
        Err(why) => why.to_owned(),
    };
    ctx.report.error("E0320", node.at, format!("`timeSliceWindow: {text}` {wrong}"));
    None
}

/// OpenSLO's `compositeWeight`; 1 where it is not given.
pub(super) fn weight(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Parts> {
    let Some(node) = fields.get("compositeWeight") else { return Some(Parts::ONE) };
    let scalar = number(ctx, node, "compositeWeight")?;
    let why = match quantity::share(&scalar.text) {
        Ok(weight) if weight > Parts(0) && weight <= Parts(1_000_000 * Parts::ONE.0) => return Some(weight),
        Ok(_) => "is not above 0 and up to 1000000",
        Err(why) => why,
    };
    ctx.report.error("E0321", node.at, format!("`compositeWeight: {}` {why}", scalar.shown()));
    None
}

/// `target` or `targetPercent`, and its place.
pub(super) fn target(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<(Objective, Place)> {
    let (node, percent) = match (fields.get("target"), fields.get("targetPercent")) {
        (Some(node), None) => (node, false),
        (None, Some(node)) => (node, true),
        (Some(_), Some(_)) => {
            let at = fields.place_of("targetPercent");
            ctx.report.error("E0307", at, "`target` and `targetPercent` exclude each other");
            return None;
        }
        (None, None) => {
            ctx.report.error("E0202", fields.at, "an objective needs `target` or `targetPercent`");
            return None;
        }
    };
    let scalar = number(ctx, node, if percent { "targetPercent" } else { "target" })?;
    if percent { target_percent(ctx, node, scalar) } else { target_share(ctx, node, scalar) }
}

fn target_share(ctx: &mut Reading<'_>, node: &Node, scalar: &Scalar) -> Option<(Objective, Place)> {
    let shown = scalar.shown();
    let why = match quantity::share(&scalar.text).map(|share| (share, Objective::new(share))) {
        Ok((_, Ok(objective))) => return Some((objective, node.at)),
        Ok((_, Err(ObjectiveError::Zero))) => "is not a number between 0 and 1",
        Ok((Parts::ONE, Err(_))) => "leaves no budget: the target is below 1",
        Ok((_, Err(_))) => "is not a number between 0 and 1",
        Err("is not a decimal number" | "is negative") => "is not a number between 0 and 1",
        Err(why) => why,
    };
    let as_percent = scalar.text.trim_end_matches('%').trim_end();
    let hint = match quantity::percent(as_percent).map(Objective::new) {
        Ok(Ok(objective)) if as_percent != scalar.text || objective.target() > Parts(10_000_000) => {
            format!("write `target: {}` or `targetPercent: {as_percent}`", exact(objective.target()))
        }
        _ => "write `target: 0.999` or `targetPercent: 99.9`".to_owned(),
    };
    ctx.report.error_with("E0307", node.at, format!("`{shown}` {why}"), hint);
    None
}

fn target_percent(ctx: &mut Reading<'_>, node: &Node, scalar: &Scalar) -> Option<(Objective, Place)> {
    let shown = scalar.shown();
    let (why, hint) = match quantity::percent(&scalar.text).map(|share| (share, Objective::new(share))) {
        Ok((Parts(share), Ok(objective))) => {
            if share <= 10_000_000 {
                let message = format!("`targetPercent: {shown}` is a percentage of 1 or less");
                let hint = format!("did you mean `target: {shown}`?");
                ctx.report.warn("W0303", node.at, message, &hint);
            }
            return Some((objective, node.at));
        }
        Ok((Parts::ONE, Err(_))) => ("leaves no budget: the target is below 100", ""),
        Ok((_, Err(_))) => ("is not a number between 0 and 100", ""),
        Err(_) if scalar.text.ends_with('%') => ("is not a number", "leave the percent sign out"),
        Err(why) => (why, ""),
    };
    let message = format!("`{shown}` {why}");
    match hint {
        "" => ctx.report.error("E0307", node.at, message),
        hint => ctx.report.error_with("E0307", node.at, message, hint),
    }
    None
}

/// All nine digits of a share, as far as they are not zeros.
fn exact(Parts(share): Parts) -> String {
    format!("{}.{:09}", share / 1_000_000_000, share % 1_000_000_000).trim_end_matches('0').to_owned()
}
