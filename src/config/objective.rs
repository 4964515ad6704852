//! An SLO's target, its window and its budgeting method: the numbers that everything later divides by.

use super::Reading;
use super::indicator::number;
use super::node::{Node, Place, Scalar};
use super::quantity;
use super::reader::{self, Fields};
use crate::model::Parts;
use crate::slo::{Objective, ObjectiveError, TimeWindow};

const WINDOW_S_MIN: u64 = 300;
const WINDOW_S_MAX: u64 = 90 * 86_400;
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

pub(super) fn budgeting_method(ctx: &mut Reading<'_>, spec: Fields<'_>) {
    let Some(node) = spec.required(&mut ctx.report, "budgetingMethod") else { return };
    let words = [("Occurrences", true), ("Timeslices", false), ("RatioTimeslices", false)];
    if let Some(false) = reader::word(&mut ctx.report, node, "budgetingMethod", &words) {
        let shown = node.scalar().map_or("", Scalar::shown);
        let message = format!("`{shown}` is not supported yet");
        ctx.report.error_with("E0309", node.at, message, "`budgetingMethod: Occurrences` is");
    }
}

/// The one window of an SLO, and the place of its duration.
pub(super) fn time_window(ctx: &mut Reading<'_>, spec: Fields<'_>) -> Option<(TimeWindow, Place)> {
    let node = spec.required(&mut ctx.report, "timeWindow")?;
    let windows = reader::list(&mut ctx.report, node, "timeWindow");
    let [window] = windows else {
        if node.scalar().is_none() && node.entries().is_none() {
            let message = format!("an SLO has one time window, not {}", windows.len());
            ctx.report.error("E0308", spec.place_of("timeWindow"), message);
        }
        return None;
    };
    let known = ["duration", "isRolling", "calendar"];
    let fields = Fields::new(&mut ctx.report, window, "a time window", &known)?;
    let rolling = fields.truth(&mut ctx.report, "isRolling");
    let hint = "write `isRolling: true`";
    if fields.get("calendar").is_some() || rolling == Some(false) {
        let key = if fields.get("calendar").is_some() { "calendar" } else { "isRolling" };
        let message = "windows by the calendar are not supported yet";
        ctx.report.error_with("E0314", fields.place_of(key), message, hint);
        return None;
    }
    if fields.get("isRolling").is_none() {
        ctx.report.error_with("E0202", fields.at, "a time window needs `isRolling`", hint);
    }
    let node = fields.required(&mut ctx.report, "duration")?;
    let text = reader::text(&mut ctx.report, node, "duration")?;
    match quantity::openslo_seconds(text) {
        Ok(seconds) if (WINDOW_S_MIN..=WINDOW_S_MAX).contains(&seconds) => {
            Some((TimeWindow { seconds, text: text.to_owned() }, node.at))
        }
        Ok(_) => {
            ctx.report.error("E0308", node.at, format!("`{text}` is not from 5m to 90d"));
            None
        }
        Err(why) => {
            ctx.report.error("E0308", node.at, format!("`{text}` {why}"));
            None
        }
    }
}

/// The one objective of an SLO.
pub(super) fn single<'n>(ctx: &mut Reading<'_>, spec: Fields<'n>) -> Option<Fields<'n>> {
    let node = spec.required(&mut ctx.report, "objectives")?;
    let objectives = reader::list(&mut ctx.report, node, "objectives");
    match objectives {
        [] => {
            if node.scalar().is_none() && node.entries().is_none() {
                ctx.report.error("E0310", spec.place_of("objectives"), "an SLO needs an objective");
            }
            return None;
        }
        [_] => {}
        [_, second, ..] => {
            let message = "several objectives of one SLO are not supported yet";
            ctx.report.error_with("E0310", second.at, message, "make each an SLO of its own");
        }
    }
    let fields = Fields::new(&mut ctx.report, &objectives[0], "an objective", OBJECTIVE)?;
    for key in ["timeSliceTarget", "timeSliceWindow"] {
        if fields.get(key).is_some() {
            let message = format!("`{key}` belongs to Timeslices, which are not supported yet");
            ctx.report.error("E0314", fields.place_of(key), message);
        }
    }
    for key in ["indicator", "indicatorRef", "compositeWeight"] {
        if fields.get(key).is_some() {
            let message = format!("`{key}` of an objective makes a composite SLO, not supported yet");
            ctx.report.error("E0314", fields.place_of(key), message);
        }
    }
    Some(fields)
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
