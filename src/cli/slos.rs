//! `slo list`, `slo show`, `slo report`: service levels for people.

use std::fmt::Write;

use serde_json::Value;

use super::args::{Global, ReportArgs, SloShowArgs};
use super::show::{encoded, listing, show, shown, text};
use super::{Exit, times};

/// Groups that are shown of each objective, those with the least budget first.
const GROUPS_MAX: usize = 20;

pub(super) async fn list(global: &Global) -> Exit {
    let paint = global.color.paint();
    listing(global, "/api/v1/slos", "slos", |slo| {
        let mut lines = String::new();
        for objective in slo["objectives"].as_array().into_iter().flatten() {
            let groups = worst_first(objective);
            let (shown, rest) = groups.split_at(groups.len().min(GROUPS_MAX));
            for group in shown {
                let _infallible = writeln!(
                    lines,
                    "{:<32} {} target {:<8} sli {:<9} budget left {:<9} of {}{}",
                    title(slo, objective, group),
                    paint.word(&format!("{:<9}", text(&group["state"]))),
                    target(objective),
                    text(&group["sli"]),
                    text(&group["budget"]["remaining"]),
                    text(&slo["time_window"]),
                    exhaustion(group),
                );
            }
            if !rest.is_empty() {
                let _infallible = writeln!(lines, "  and {} more groups", rest.len());
            }
            if groups.is_empty() {
                let _infallible = writeln!(lines, "{:<32} no group yet", text(&slo["name"]));
            }
        }
        lines
    })
    .await
}

/// `checkout`, `checkout/fast`, `checkout/fast (http.route=/pay)`
fn title(slo: &Value, objective: &Value, group: &Value) -> String {
    let several = slo["objectives"].as_array().is_some_and(|all| all.len() > 1);
    let name = if text(&objective["name"]).is_empty() { target(objective) } else { text(&objective["name"]) };
    let name = if several { format!("{}/{name}", text(&slo["name"])) } else { text(&slo["name"]).to_owned() };
    match group_text(group) {
        group if group.is_empty() => name,
        group => format!("{name} ({group})"),
    }
}

fn group_text(group: &Value) -> String {
    let parts = group["group"].as_object().into_iter().flatten();
    let parts: Vec<String> = parts.map(|(name, value)| format!("{name}={}", shown(text(value)))).collect();
    parts.join(", ")
}

fn target(objective: &Value) -> &str {
    objective["target"].as_str().or(objective["composite"].as_str()).unwrap_or("")
}

fn exhaustion(group: &Value) -> String {
    match group["budget"]["exhausted_in_s"].as_u64() {
        None => String::new(),
        Some(0) => ", that is all of it".to_owned(),
        Some(seconds) => format!(", gone in {}", times::span(seconds)),
    }
}

fn worst_first(objective: &Value) -> Vec<&Value> {
    let mut groups: Vec<&Value> = objective["groups"].as_array().into_iter().flatten().collect();
    let left = |group: &Value| text(&group["budget"]["remaining"]).parse::<f64>().unwrap_or(1.0);
    groups.sort_by(|a, b| left(a).total_cmp(&left(b)));
    groups
}

pub(super) async fn show_one(global: &Global, args: &SloShowArgs) -> Exit {
    let path = format!("/api/v1/slos/{}", encoded(&args.name));
    let Some(at) = &args.at else { return show(global, &path, slo_lines).await };
    match times::instant(at) {
        Ok(at) => show(global, &format!("{path}?at={}", encoded(&at)), known_lines).await,
        Err(mistake) => {
            eprintln!("evenkeel: --at: {mistake}");
            Exit::Usage
        }
    }
}

fn known_lines(answer: &Value) -> String {
    let known = answer["as_known"].as_array().cloned().unwrap_or_default();
    if known.is_empty() {
        return "nothing is remembered of that time: each hour is kept for two days, each day for a month\n"
            .to_owned();
    }
    let mut lines = String::new();
    for one in &known {
        let group = group_text(one);
        let _infallible = writeln!(
            lines,
            "{} {}{} as known at {}: {} good, {} bad, {} of the budget left, seen {} of the window; {} good and {} bad came later",
            text(&answer["name"]),
            text(&one["objective"]),
            if group.is_empty() { String::new() } else { format!(" ({group})") },
            text(&one["at"]),
            one["good"],
            one["bad"],
            text(&one["remaining"]),
            text(&one["coverage"]),
            one["late_good"],
            one["late_bad"],
        );
    }
    lines
}

fn slo_lines(slo: &Value) -> String {
    let mut lines = format!(
        "{}\n  service    {} (tier {})\n  window     {}, {}, seen {} of it\n",
        text(&slo["name"]),
        text(&slo["service"]),
        slo["tier"],
        text(&slo["time_window"]),
        text(&slo["budgeting_method"]),
        text(&slo["coverage"]),
    );
    if !slo["period"].is_null() {
        let (start, end) = (text(&slo["period"]["start"]), text(&slo["period"]["end"]));
        let _infallible = writeln!(lines, "  period     {start} to {end}");
    }
    for objective in slo["objectives"].as_array().into_iter().flatten() {
        let name = text(&objective["name"]);
        let name = if name.is_empty() { String::new() } else { format!(" {name}") };
        let _infallible = writeln!(lines, "  target    {name} {}", target(objective));
        sla_line(&mut lines, objective);
        for group in worst_first(objective).into_iter().take(GROUPS_MAX) {
            group_lines(&mut lines, objective, group);
        }
    }
    for one in slo["exclusions"].as_array().into_iter().flatten() {
        let _infallible = writeln!(
            lines,
            "  excluded   {} to {}: {} ({} good, {} bad)",
            text(&one["start"]),
            text(&one["end"]),
            shown(text(&one["reason"])),
            one["good"],
            one["bad"],
        );
    }
    let _infallible = write!(
        lines,
        "  injected   {} events of history\n  memory     {} bytes\n  declared   {}\n",
        slo["injected"],
        slo["bytes"],
        text(&slo["declared_at"])
    );
    lines
}

fn sla_line(lines: &mut String, objective: &Value) {
    if objective["sla"].is_null() {
        return;
    }
    let (target, margin) = (text(&objective["sla"]["target"]), text(&objective["sla"]["margin"]));
    let breach = match objective["sla"]["breach_in_s"].as_u64() {
        None => String::new(),
        Some(0) => ", breached".to_owned(),
        Some(seconds) => format!(", SLA breach in {}", times::span(seconds)),
    };
    let _infallible = writeln!(lines, "  sla        {target}, {margin} of its budget left{breach}");
}

fn group_lines(lines: &mut String, objective: &Value, group: &Value) {
    let of = group_text(group);
    if !of.is_empty() {
        let _infallible = writeln!(lines, "  group      {of}");
    }
    let _infallible = write!(
        lines,
        "  state      {}\n  {:<10} {} good, {} bad of {} (sli {})\n  budget     {} left, {} spent{}\n",
        text(&group["state"]),
        text(&objective["unit"]),
        group["good"],
        group["bad"],
        group["total"],
        text(&group["sli"]),
        text(&group["budget"]["remaining"]),
        text(&group["budget"]["spent"]),
        exhaustion(group),
    );
    if !group["sli_low"].is_null() && group["sli_low"] != group["sli_high"] {
        let (low, high) = (text(&group["sli_low"]), text(&group["sli_high"]));
        let _infallible =
            writeln!(lines, "  interval   sli between {low} and {high}, by the buckets of histograms");
    }
    for one in group["conditions"].as_array().into_iter().flatten() {
        let factor = one["factor"].as_str().map_or(String::new(), |factor| format!(", fires above {factor}"));
        let _infallible = writeln!(
            lines,
            "  {:<10} {:<8} burn {} and {}{factor} ({})",
            text(&one["condition"]),
            text(&one["state"]),
            text(&one["burn_long"]),
            text(&one["burn_short"]),
            text(&one["severity"]),
        );
    }
}

pub(super) async fn report(global: &Global, args: &ReportArgs) -> Exit {
    let mut query = Vec::new();
    for (name, time) in [("from", &args.from), ("to", &args.to)] {
        let Some(time) = time else { continue };
        match times::instant(time) {
            Ok(at) => query.push(format!("{name}={}", encoded(&at))),
            Err(mistake) => {
                eprintln!("evenkeel: --{name}: {mistake}");
                return Exit::Usage;
            }
        }
    }
    let path = format!("/api/v1/slos/{}/report?{}", encoded(&args.name), query.join("&"));
    let markdown = args.markdown;
    show(global, &path, move |report| report_lines(report, markdown)).await
}

fn report_lines(report: &Value, markdown: bool) -> String {
    let (head, sub) = if markdown { ("# ", "## ") } else { ("", "") };
    let mut lines = format!(
        "{head}{} of {}\n\n{} over {}, from {} to {}, as known at {}\n",
        text(&report["slo"]),
        text(&report["service"]),
        text(&report["budgeting_method"]),
        text(&report["time_window"]),
        text(&report["from"]),
        text(&report["to"]),
        text(&report["known_at"]),
    );
    for objective in report["objectives"].as_array().into_iter().flatten() {
        for group in objective["groups"].as_array().into_iter().flatten() {
            let of = group_text(group);
            let of = if of.is_empty() { String::new() } else { format!(" ({of})") };
            let _infallible = write!(lines, "\n{sub}{}{of}\n\n", text(&objective["name"]));
            report_group(&mut lines, objective, group, markdown);
        }
    }
    lines
}

fn report_group(lines: &mut String, objective: &Value, group: &Value, markdown: bool) {
    let unit = text(&objective["unit"]);
    let mut rows = vec![
        ("target".to_owned(), text(&objective["target"]).to_owned()),
        ("sli".to_owned(), text(&group["sli"]).to_owned()),
        (
            "between".to_owned(),
            format!("{} and {}, whatever was not seen", text(&group["sli_low"]), text(&group["sli_high"])),
        ),
        (unit.to_owned(), format!("{} good, {} bad of {}", group["good"], group["bad"], group["total"])),
        ("coverage".to_owned(), text(&group["coverage"]).to_owned()),
        (
            "budget".to_owned(),
            format!(
                "{} spent, {} left; {} spent of what came alone",
                text(&group["spent"]),
                text(&group["remaining"]),
                text(&group["raw_spent"])
            ),
        ),
    ];
    if let Some(sla) = objective["sla"].as_str() {
        rows.push(("sla".to_owned(), format!("{sla}, {} of its budget left", text(&group["sla_margin"]))));
    }
    table(
        lines,
        ["", ""],
        &rows.iter().map(|(a, b)| vec![a.clone(), b.clone()]).collect::<Vec<_>>(),
        markdown,
    );
    let hours: Vec<Vec<String>> = group["ledger"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            vec![
                text(&one["hour"]).to_owned(),
                one["good"].to_string(),
                one["bad"].to_string(),
                text(&one["spent"]).to_owned(),
            ]
        })
        .collect();
    if !hours.is_empty() {
        lines.push('\n');
        table(lines, ["hour", "good", "bad", "budget spent"], &hours, markdown);
    }
    let late: Vec<Vec<String>> = group["amendments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            vec![
                text(&one["known_at"]).to_owned(),
                text(&one["oldest"]).to_owned(),
                one["good"].to_string(),
                one["bad"].to_string(),
            ]
        })
        .collect();
    if !late.is_empty() {
        lines.push('\n');
        table(lines, ["known since", "about", "late good", "late bad"], &late, markdown);
    }
}

fn table<const N: usize>(lines: &mut String, head: [&str; N], rows: &[Vec<String>], markdown: bool) {
    if markdown {
        let _infallible = writeln!(lines, "| {} |", head.join(" | "));
        let _infallible = writeln!(lines, "|{}", "---|".repeat(N));
        for row in rows {
            let _infallible = writeln!(lines, "| {} |", row.join(" | "));
        }
        return;
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).chain([head[column].len()]).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}", padded.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    if head.iter().any(|one| !one.is_empty()) {
        let _infallible = writeln!(lines, "{}", line(head.to_vec()));
    }
    for row in rows {
        let _infallible = writeln!(lines, "{}", line(row.iter().map(String::as_str).collect()));
    }
}
