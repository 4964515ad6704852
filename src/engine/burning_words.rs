//! What a notification of a service level says: words before jargon. Doubles are good enough to read.

use super::burning::condition;
use super::level::{Cx, Level, Reading};
use crate::alert::Step;
use crate::model::{Quotient, SECOND_NS};
use crate::slo::{Check, Method, duration_text};

pub(super) fn words(cx: Cx<'_>, level: &Level, step: &Step, place: Option<(usize, usize)>) -> String {
    let slo = &cx.plan.slo;
    let name = named(level, &slo.name);
    let Some((judge, index)) = place else { return format!("{name} is not watched as before.") };
    let left = 1.0 - approximate(level.budget(cx, judge).burn);
    let window = slo.window.text();
    if let Step::Close(_) = step {
        if matches!(condition(slo, judge, index).check, Check::NoData) {
            return format!(
                "{name} is heard of again: events come; {} of the {window} budget is left.",
                percent(left)
            );
        }
        return format!(
            "{name} recovered: no burn condition is true any more; {} of the {window} budget is left.",
            percent(left)
        );
    }
    let condition = condition(slo, judge, index);
    let (long, short) = level.condition(cx, judge, index);
    match &condition.check {
        Check::NoData => {
            format!("{name}: {}, so nobody knows how it does.", silence(level))
        }
        Check::Early(_) => {
            let hour = level.last_hour(cx, judge);
            format!(
                "{} of {} fail in the last hour; {}. {} of the {window} budget is left. A sequential test saw it before the windows did.",
                percent(share(&hour)),
                what_fails(cx, level),
                exhaustion(cx, level, judge, hour.raw),
                percent(left),
            )
        }
        Check::Burn { op, factor } => format!(
            "{} of {} fail; {}. {} of the {window} budget is left. Condition {}: burn {} {} {} times the allowed rate.",
            percent(share(&short)),
            what_fails(cx, level),
            exhaustion(cx, level, judge, short.raw),
            percent(left),
            condition.name,
            long.burn.decimal(),
            if op.is_upward() { "over" } else { "below" },
            factor.display(),
        ),
    }
}

/// `no event came for 10m`
pub(super) fn silence(level: &Level) -> String {
    let silent_s = level.newest().map_or(0, |newest| level.clock.since_ns(newest) / SECOND_NS);
    format!("no event came for {}", duration_text(silent_s / 60 * 60))
}

/// `checkout events`, `checkout slices of 1m`, with the group where there are several.
pub(super) fn what_fails(cx: Cx<'_>, level: &Level) -> String {
    let slo = &cx.plan.slo;
    let service = named(level, &slo.service);
    match (slo.method, slo.goals[0].slice) {
        (Method::Timeslices, Some(slice)) => format!("{service} slices of {}", duration_text(slice.seconds)),
        _ => format!("{service} events"),
    }
}

/// `checkout (http.route=/pay)`
fn named(level: &Level, name: &str) -> String {
    let parts: Vec<String> = level.group.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if parts.is_empty() { name.to_owned() } else { format!("{name} ({})", parts.join(", ")) }
}

pub(super) fn exhaustion(cx: Cx<'_>, level: &Level, judge: usize, burn: Quotient) -> String {
    let window = cx.plan.slo.window.text();
    let time = match level.exhausted_in_s(cx, level.budget(cx, judge).burn, burn) {
        None => return format!("at this rate the {window} allowance lasts"),
        Some(0) => return format!("the {window} allowance is spent"),
        Some(seconds) => seconds as f64 / 3_600.0,
    };
    let time = match time {
        hours if hours < 1.0 => format!("{:.0} min", (hours * 60.0).ceil()),
        hours if hours < 48.0 => format!("{hours:.1} h"),
        hours => format!("{:.1} d", hours / 24.0),
    };
    format!("at this rate the rest of the {window} allowance is gone in {time}")
}

pub(super) fn share(seen: &Reading) -> f64 {
    match seen.sli {
        Some(sli) => 1.0 - approximate(sli),
        None => seen.count.bad as f64 / (seen.count.total().max(1)) as f64,
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

pub(super) fn approximate(quotient: Quotient) -> f64 {
    quotient.rounded(1_000_000) as f64 / 1_000_000.0
}
