//! `evenkeel.dev/exclusions`: times that do not count, as YAML within the annotation's text. All of its findings have
//! the annotation's place.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::metadata::Annotation;
use super::node::{Node, Place, Value};
use super::reader::{self, Fields};
use super::report::Report;
use super::{Reading, window, yaml};
use crate::slo::{Every, Exclusion, Recurrence, Stretch, When};

const EXCLUSIONS_MAX: usize = 100;
const LENGTH_S_MAX: u64 = 31 * 86_400;
const CODE: &str = "E0318";
const HINT: &str = "[{start: 2026-12-24T20:00:00Z, end: 2026-12-24T22:00:00Z, reason: …}, \
                    {start: 2026-11-29 02:00, end: 2026-11-29 04:00, rrule: FREQ=WEEKLY;BYDAY=SU, timeZone: Europe/Berlin, reason: …}]";

pub(super) fn read(ctx: &mut Reading<'_>, annotation: &Annotation<'_>) -> Vec<Exclusion> {
    let Some(node) = embedded(ctx, annotation) else { return Vec::new() };
    let nodes = reader::list(&mut ctx.report, &node, "exclusions");
    if nodes.len() > EXCLUSIONS_MAX {
        ctx.report.error("E0215", annotation.at, format!("an SLO has at most {EXCLUSIONS_MAX} exclusions"));
    }
    nodes.iter().take(EXCLUSIONS_MAX).filter_map(|node| exclusion(ctx, node)).collect()
}

/// The annotation's text as a tree of nodes whose places are the annotation's.
fn embedded(ctx: &mut Reading<'_>, annotation: &Annotation<'_>) -> Option<Node> {
    let mut inner = Report::default();
    let file = inner.add_file("exclusions", annotation.value);
    let (mut nodes, _) = yaml::parse(&mut inner, file, annotation.value);
    let findings = inner.finish();
    let wrong = findings.iter().find(|one| one.level == super::Level::Error);
    if let Some(wrong) = wrong {
        let message = format!("the exclusions are not readable: {}", wrong.message);
        ctx.report.error_with(CODE, annotation.at, message, HINT);
        return None;
    }
    if nodes.len() != 1 {
        ctx.report.error_with(CODE, annotation.at, "exclusions are a list", HINT);
        return None;
    }
    let mut node = nodes.remove(0);
    relocate(&mut node, annotation.at);
    Some(node)
}

fn relocate(node: &mut Node, at: Place) {
    node.at = at;
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter_mut().for_each(|item| relocate(item, at)),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                key.at = at;
                relocate(value, at);
            }
        }
    }
}

fn exclusion(ctx: &mut Reading<'_>, node: &Node) -> Option<Exclusion> {
    let known = ["start", "end", "rrule", "timeZone", "reason"];
    let fields = Fields::new(&mut ctx.report, node, "an exclusion", &known)?;
    let reason = fields.required_text(&mut ctx.report, "reason")?.to_owned();
    let zone = match fields.get("timeZone") {
        Some(node) => Some(window::time_zone(ctx, node, "timeZone")?),
        None => None,
    };
    let [start, end] = ["start", "end"].map(|key| {
        let node = fields.required(&mut ctx.report, key)?;
        instant(ctx, node, key, zone.as_ref())
    });
    let (start, end) = (start?, end?);
    let length_s = u64::try_from(end.timestamp().as_second() - start.timestamp().as_second()).unwrap_or(0);
    if !(1..=LENGTH_S_MAX).contains(&length_s) {
        ctx.report.error_with(CODE, fields.at, "an exclusion ends after its start, at most 31 days", HINT);
        return None;
    }
    let when = match fields.get("rrule") {
        None => {
            let second = |at: &Zoned| u64::try_from(at.timestamp().as_second()).unwrap_or(0);
            When::Once(Stretch { start_s: second(&start), end_s: second(&end) })
        }
        Some(node) => When::Again(recurrence(ctx, node, &start, zone, length_s)?),
    };
    Some(Exclusion { reason, when })
}

/// RFC 3339, or a wall clock of the exclusion's time zone.
fn instant(ctx: &mut Reading<'_>, node: &Node, name: &str, zone: Option<&TimeZone>) -> Option<Zoned> {
    let text = reader::text(&mut ctx.report, node, name)?;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.to_zoned(zone.cloned().unwrap_or(TimeZone::UTC)));
    }
    let Some(zone) = zone else {
        let message = format!("`{text}` is no instant: write it as 2026-12-24T20:00:00Z, or give `timeZone`");
        ctx.report.error_with(CODE, node.at, message, HINT);
        return None;
    };
    let local = window::local_time(ctx, node, name)?;
    zone.to_ambiguous_zoned(local).compatible().ok()
}

fn recurrence(
    ctx: &mut Reading<'_>,
    node: &Node,
    start: &Zoned,
    zone: Option<TimeZone>,
    length_s: u64,
) -> Option<Recurrence> {
    let text = reader::text(&mut ctx.report, node, "rrule")?;
    let first = Recurrence {
        first: start.datetime(),
        zone: zone.unwrap_or(TimeZone::UTC),
        length_s,
        every: Every::Day,
        interval: 1,
        by_day: Vec::new(),
        by_month_day: Vec::new(),
        until_s: None,
    };
    match rule(text, first) {
        Ok(recurrence) => Some(recurrence),
        Err(why) => {
            let hint =
                "read are FREQ (DAILY, WEEKLY, MONTHLY, YEARLY), INTERVAL, BYDAY, BYMONTHDAY and UNTIL";
            ctx.report.error_with(CODE, node.at, format!("the rule `{text}` {why}"), hint);
            None
        }
    }
}

fn rule(text: &str, mut rule: Recurrence) -> Result<Recurrence, String> {
    let mut frequency = None;
    for part in text.trim_start_matches("RRULE:").split(';').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or(format!("has `{part}`, which is no KEY=VALUE"))?;
        let wrong = || format!("has a bad value: {part}");
        match key {
            "FREQ" => {
                frequency = Some(match value {
                    "DAILY" => Every::Day,
                    "WEEKLY" => Every::Week,
                    "MONTHLY" => Every::Month,
                    "YEARLY" => Every::Year,
                    _ => return Err(wrong()),
                });
            }
            "INTERVAL" => rule.interval = value.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?,
            "BYDAY" => rule.by_day = value.split(',').map(by_day).collect::<Option<_>>().ok_or_else(wrong)?,
            "BYMONTHDAY" => {
                let day = |text: &str| text.parse::<i8>().ok().filter(|day| *day != 0 && day.abs() <= 31);
                rule.by_month_day = value.split(',').map(day).collect::<Option<_>>().ok_or_else(wrong)?;
            }
            "UNTIL" => rule.until_s = Some(until(value, &rule.zone).ok_or_else(wrong)?),
            "WKST" if value == "MO" => {}
            _ => return Err(format!("has {key}, which is not read")),
        }
    }
    rule.every = frequency.ok_or("needs FREQ")?;
    let nth = rule.by_day.iter().any(|(nth, _)| *nth != 0);
    if nth && !matches!(rule.every, Every::Month | Every::Year) {
        return Err("counts days of a week within a week: 2SU belongs to FREQ=MONTHLY".to_owned());
    }
    Ok(rule)
}

/// `SU`, `2SU`, `-1FR`
fn by_day(text: &str) -> Option<(i8, Weekday)> {
    let split = text.len().checked_sub(2)?;
    let (nth, day) = (text.get(..split)?, text.get(split..)?);
    let nth = if nth.is_empty() { 0 } else { nth.parse::<i8>().ok().filter(|n| *n != 0 && n.abs() <= 5)? };
    let day = match day {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    Some((nth, day))
}

/// `20261231T235959Z`, or `20261231` to its end.
fn until(text: &str, zone: &TimeZone) -> Option<u64> {
    let at = match text.len() {
        8 => {
            let end = format!("{text}T235959").parse::<jiff::civil::DateTime>().ok()?;
            zone.to_ambiguous_zoned(end).compatible().ok()?.timestamp()
        }
        _ => text.parse::<Timestamp>().ok()?,
    };
    u64::try_from(at.as_second()).ok()
}
