//! `timeWindow` of an SLO: the last so many days, or a period by the calendar of a time zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Reading;
use super::node::{Node, Place};
use super::quantity;
use super::reader::{self, Fields};
use crate::slo::{Calendar, Step, Window};

const WINDOW_S_MIN: u64 = 300;
const WINDOW_S_MAX: u64 = 366 * 86_400;

/// The one window of an SLO, and the place of its duration.
pub(super) fn read(ctx: &mut Reading<'_>, spec: Fields<'_>) -> Option<(Window, Place)> {
    let Some(node) = spec.get("timeWindow") else {
        let message = "an SLO without `timeWindow`: the last 28 days are taken";
        ctx.report.warn("W0308", spec.at, message, "write `timeWindow: [{duration: 28d, isRolling: true}]`");
        return Some((Window::Rolling { seconds: 28 * 86_400, text: "28d".to_owned() }, spec.at));
    };
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
    match (rolling, fields.get("calendar")) {
        (Some(true), Some(_)) => {
            let at = fields.place_of("calendar");
            ctx.report.error("E0308", at, "a rolling window has no `calendar`");
            None
        }
        (Some(true), None) => rolling_window(ctx, fields),
        (Some(false) | None, Some(node)) => calendar_window(ctx, fields, node),
        (Some(false), None) => {
            let hint = "write `calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}`";
            let at = fields.place_of("isRolling");
            ctx.report.error_with("E0202", at, "a window that does not roll needs `calendar`", hint);
            None
        }
        (None, None) if fields.get("isRolling").is_some() => None,
        (None, None) => {
            let message = "a time window needs `isRolling` or `calendar`";
            ctx.report.error_with("E0202", fields.at, message, "write `isRolling: true`");
            None
        }
    }
}

fn rolling_window(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<(Window, Place)> {
    let node = fields.required(&mut ctx.report, "duration")?;
    let text = reader::text(&mut ctx.report, node, "duration")?;
    match quantity::openslo_seconds(text) {
        Ok(seconds) if (WINDOW_S_MIN..=WINDOW_S_MAX).contains(&seconds) => {
            Some((Window::Rolling { seconds, text: text.to_owned() }, node.at))
        }
        Ok(_) => {
            ctx.report.error("E0308", node.at, format!("`{text}` is not from 5m to 366d"));
            None
        }
        Err(why) => {
            ctx.report.error("E0308", node.at, format!("`{text}` {why}"));
            None
        }
    }
}

fn calendar_window(ctx: &mut Reading<'_>, fields: Fields<'_>, node: &Node) -> Option<(Window, Place)> {
    let duration = fields.required(&mut ctx.report, "duration");
    let step = duration.and_then(|node| {
        let text = reader::text(&mut ctx.report, node, "duration")?;
        let step = calendar_step(text).map_err(|why| {
            ctx.report.error("E0308", node.at, format!("`{text}` {why}"));
        });
        Some((step.ok()?, text.to_owned(), node.at))
    });
    let calendar = Fields::new(&mut ctx.report, node, "a calendar", &["startTime", "timeZone"])?;
    let anchor =
        calendar.required(&mut ctx.report, "startTime").and_then(|node| local_time(ctx, node, "startTime"));
    let zone =
        calendar.required(&mut ctx.report, "timeZone").and_then(|node| time_zone(ctx, node, "timeZone"));
    let ((step, text, at), anchor, zone) = (step?, anchor?, zone?);
    Some((Window::Calendar(Calendar { text, step, anchor, zone }), at))
}

/// A number of days, weeks, months, quarters or years.
fn calendar_step(text: &str) -> Result<Step, &'static str> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number = digits.parse::<u16>().ok().filter(|number| *number > 0);
    let step = match unit {
        "d" => number.map(Step::Days),
        "w" => number.and_then(|number| number.checked_mul(7)).map(Step::Days),
        "M" => number.map(Step::Months),
        "Q" => number.and_then(|number| number.checked_mul(3)).map(Step::Months),
        "Y" => number.and_then(|number| number.checked_mul(12)).map(Step::Months),
        "m" | "h" => return Err("is no period of a calendar: write 1d, 1w, 1M, 1Q or 1Y"),
        _ => return Err("is no duration: write 1d, 1w, 1M, 1Q or 1Y"),
    };
    match step {
        Some(step @ Step::Days(1..=366)) | Some(step @ Step::Months(1..=12)) => Ok(step),
        _ => Err("is not from 1d to 366d, or from 1M to 1Y"),
    }
}

/// A wall clock: `2026-01-01 00:00:00`, with a `T` or without a time too.
pub(super) fn local_time(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<DateTime> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let is_local = !text.ends_with(['Z', 'z']) && text.rfind(['+', '-']).is_none_or(|at| at < 10);
    let read = text.parse::<DateTime>().ok().filter(|_| is_local);
    if read.is_none() {
        let hint = "write it without a time zone, as the clock on the wall shows it: 2026-01-01 00:00:00";
        ctx.report.error_with("E0308", node.at, format!("`{text}` is no date and time"), hint);
    }
    read
}

pub(super) fn time_zone(ctx: &mut Reading<'_>, node: &Node, key: &str) -> Option<TimeZone> {
    let name = reader::text(&mut ctx.report, node, key)?;
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        let hint = "names of the IANA Time Zone Database are known: Europe/Berlin, America/New_York, UTC";
        ctx.report.error_with("E0308", node.at, format!("`{name}` is no time zone"), hint);
    }
    zone
}
