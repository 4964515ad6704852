//! `explain`: why a service level pages or does not, why an alert was told, for people.

use std::fmt::Write;

use serde_json::Value;

use super::args::{ExplainArgs, Explaining, Global, WhatIfArgs};
use super::show::{encoded, event, show, shown, text};
use super::{Exit, times};

pub(super) async fn explain(global: &Global, args: &ExplainArgs) -> Exit {
    match (&args.verb, &args.name) {
        (Some(Explaining::Event { sequence }), _) => event(global, *sequence).await,
        (Some(Explaining::Alert { id }), _) => alert(global, "alert", id).await,
        (Some(Explaining::Notification { key }), _) => alert(global, "notification", key).await,
        (None, Some(id)) if id.starts_with("alt_") => alert(global, "alert", id).await,
        (None, Some(name)) => slo(global, args, name).await,
        (None, None) => {
            eprintln!(
                "error: what is to be explained? The name of an SLO, the id of an alert, or one of `event`, `alert`, `notification`"
            );
            Exit::Usage
        }
    }
}

async fn alert(global: &Global, by: &str, which: &str) -> Exit {
    show(global, &format!("/api/v1/explain?{by}={}", encoded(which)), alert_lines).await
}

async fn slo(global: &Global, args: &ExplainArgs, name: &str) -> Exit {
    let at = match args.at.as_deref().map(times::instant).transpose() {
        Ok(at) => at.map_or(String::new(), |at| format!("&at={}", encoded(&at))),
        Err(mistake) => {
            eprintln!("error: {mistake}");
            return Exit::Usage;
        }
    };
    let paint = global.color.paint();
    let why_not = args.why_not;
    show(global, &format!("/api/v1/explain?slo={}{at}", encoded(name)), |answer| {
        let mut lines = String::new();
        let levels = array(&answer["levels"]);
        for level in levels {
            level_lines(&mut lines, answer, level, why_not, &|word| paint.word(word));
        }
        if levels.is_empty() {
            lines.push_str(&format!("{}: no group yet\n", text(&answer["slo"])));
        }
        if let Some(more) = answer["more_groups"].as_u64().filter(|more| *more > 0) {
            let _infallible = writeln!(lines, "and {more} more, which burn less");
        }
        data_lines(&mut lines, answer);
        lines
    })
    .await
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn level_lines(
    out: &mut String,
    answer: &Value,
    level: &Value,
    why_not: bool,
    paint: &dyn Fn(&str) -> String,
) {
    let verdict = match text(&level["verdict"]) {
        "paging" => "PAGING",
        "ticket" => "TICKET",
        "log" => "LOGGED",
        "no-data" => "NO DATA",
        _ => "NOT PAGING",
    };
    let mut line = |name: &str, said: &str| {
        let _infallible = writeln!(out, "{name:<12}{}", shown(said));
    };
    line(&paint(verdict), &format!("at {}  {}{}", text(&answer["at"]), text(&answer["slo"]), title(level)));
    line("", text(&level["text"]));
    line("rule", &format!("{}  {}", nearest(level), text(&answer["declared_at"])));
    for condition in array(&level["conditions"]) {
        let is_nearest = condition["condition"] == level["nearest"];
        if is_nearest || why_not || condition["holds"] == true {
            condition_lines(&mut line, condition);
        }
    }
    let left = percent(&level["budget_remaining"]);
    let lasts = level["exhausted_in_s"].as_u64();
    let lasts =
        lasts.map_or(String::new(), |seconds| format!(", gone in {} at this rate", times::span(seconds)));
    line("budget", &format!("{left} left of {}{lasts}", text(&answer["time_window"])));
    for reason in array(&level["reasons"]) {
        line("because", text(&reason["text"]));
    }
    clue_lines(&mut line, level);
    if let Some(alert) = level.get("alert").filter(|alert| !alert.is_null()) {
        let crossed =
            format!("crossed {}, decided {}", text(&alert["crossed_at"]), text(&alert["decided_at"]));
        line("journey", &format!("{}  {crossed}", text(&alert["id"])));
        for hop in array(&alert["hops"]) {
            line("", &hop_text(hop));
        }
        run_lines(&mut line, alert);
    }
    for held in array(&level["held_back"]) {
        line("held back", text(held));
    }
    let receivers: Vec<&str> = array(&level["receivers"]).iter().map(text).collect();
    let receivers = if receivers.is_empty() { "nobody".to_owned() } else { receivers.join(", ") };
    line(if level["alert"].is_object() { "told" } else { "would tell" }, &receivers);
}

fn title(level: &Value) -> String {
    let group: Vec<String> = level["group"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    let group = if group.is_empty() { String::new() } else { format!(" {{{}}}", group.join(", ")) };
    let target = level["target"].as_str().map_or(String::new(), |target| format!(" of {target}"));
    format!("{group}  objective {}{target}", text(&level["objective"]))
}

fn nearest(level: &Value) -> String {
    let found = array(&level["conditions"]).iter().find(|one| one["condition"] == level["nearest"]);
    let Some(found) = found else { return "none".to_owned() };
    let windows: Vec<&str> = array(&found["windows"]).iter().map(|one| text(&one["window"])).collect();
    if windows.is_empty() {
        let what = match text(&found["condition"]) {
            "no-data" => "no event comes",
            _ => "a sequential test of what fails",
        };
        return format!("{}: {what}", text(&found["condition"]));
    }
    let factor = found["factor"].as_str().unwrap_or("");
    format!(
        "{}: burn {} {factor} over {}",
        text(&found["condition"]),
        text(&found["op"]),
        windows.join(" and ")
    )
}

fn condition_lines(line: &mut dyn FnMut(&str, &str), condition: &Value) {
    let factor = condition["factor"].as_str().unwrap_or("");
    for window in array(&condition["windows"]) {
        let burn = text(&window["burn"]);
        let raw = text(&window["raw_burn"]);
        let scaled = if raw == burn {
            String::new()
        } else {
            format!("  ({raw} times, {} of it watched)", percent(&window["coverage"]))
        };
        line(
            &format!("  {}", text(&window["window"])),
            &format!(
                "{burn:>10} times  {:>8} bad of {:<10} needs {} than {factor}: {}{scaled}",
                window["bad"],
                window["total"],
                if condition["op"] == "over" { "more" } else { "less" },
                if window["holds"] == true { "yes" } else { "no" },
            ),
        );
    }
    if array(&condition["windows"]).is_empty() {
        let holds = if condition["holds"] == true { "holds" } else { "does not hold" };
        line(&format!("  {}", text(&condition["condition"])), holds);
    }
    if let Some(seconds) = condition["holds_in_s"].as_u64() {
        line(
            "",
            &format!("{} would hold in {} at this rate", text(&condition["condition"]), times::span(seconds)),
        );
    }
}

fn clue_lines(line: &mut dyn FnMut(&str, &str), clues: &Value) {
    let contributors: Vec<String> = array(&clues["contributors"])
        .iter()
        .map(|one| {
            let share = |part: &str, whole: &str| {
                one[part].as_u64().unwrap_or(0) * 100 / one[whole].as_u64().unwrap_or(1).max(1)
            };
            let (name, value) = (text(&one["attribute"]), text(&one["value"]));
            let (bad, good) = (share("bad", "bad_of"), share("good", "good_of"));
            format!("{name} {value}: {bad} % of the bad, {good} % of the good")
        })
        .collect();
    for (place, contributor) in contributors.iter().enumerate() {
        line(if place == 0 { "where" } else { "" }, contributor);
    }
    let traces: Vec<&str> = array(&clues["traces"]).iter().map(text).collect();
    if !traces.is_empty() {
        line("traces", &traces.join(" "));
    }
    if let Some(change) = clues.get("change").filter(|change| change.is_object()) {
        let before = change["before"].as_str().map_or(String::new(), |before| format!(" after {before}"));
        let until = change["before_bad_s"].as_u64();
        let until =
            until.map_or(String::new(), |seconds| format!(", {seconds} s before the first bad event kept"));
        let (service, version) = (text(&change["service"]), text(&change["version"]));
        line("change", &format!("{service} runs {version}{before} since {}{until}", text(&change["at"])));
    }
}

fn hop_text(hop: &Value) -> String {
    let took = hop["took_ms"].as_u64().map_or(String::new(), |ms| format!(" in {ms} ms"));
    let reason = hop["reason"].as_str().map_or(String::new(), |reason| format!(": {reason}"));
    format!(
        "#{} -> {}  asked {}, {}{took}{reason}",
        hop["sequence"],
        text(&hop["receiver"]),
        text(&hop["asked_at"]),
        text(&hop["state"]),
    )
}

fn data_lines(out: &mut String, answer: &Value) {
    let data = &answer["data"];
    let mut words = vec![format!("newest {}", data["newest"].as_str().unwrap_or("none"))];
    for (name, said) in [
        ("received", "received"),
        ("filtered", "filtered"),
        ("late", "late"),
        ("expired", "too late for every window"),
        ("excluded", "in times that do not count"),
        ("future", "ahead of our clock"),
    ] {
        if let Some(count) = data[name].as_u64().filter(|count| *count > 0) {
            words.push(format!("{count} {said}"));
        }
    }
    let _infallible = writeln!(out, "{:<12}{}", "data", words.join(", "));
    if answer["is_now"] == false {
        let _infallible = writeln!(
            out,
            "{:<12}counts of that time are told apart to {} s; what came late for it is in them; it can be asked from {} on",
            "",
            answer["resolution_s"],
            text(&answer["answerable"]["from"]),
        );
    }
}

fn alert_lines(alert: &Value) -> String {
    let mut out = String::new();
    let mut line = |name: &str, said: &str| {
        let _infallible = writeln!(out, "{name:<12}{}", shown(said));
    };
    let about = alert["slo"].as_str().unwrap_or(text(&alert["rule"]));
    line(
        &text(&alert["state"]).to_uppercase(),
        &format!(
            "{}  {} {}  {about}  {}",
            text(&alert["id"]),
            text(&alert["priority"]),
            text(&alert["severity"]),
            alert["declared_at"].as_str().unwrap_or("")
        ),
    );
    line("because", text(&alert["reason"]));
    line("key", text(&alert["dedup_key"]));
    for decision in array(&alert["decisions"]) {
        line(
            &format!("#{}", decision["sequence"]),
            &format!(
                "{}  {} {} {}",
                text(&decision["at"]),
                text(&decision["transition"]),
                text(&decision["priority"]),
                text(&decision["condition"])
            ),
        );
        line("", text(&decision["text"]));
        let evidence = array(&alert["evidence"]).iter().find(|one| one["sequence"] == decision["sequence"]);
        if let Some(evidence) = evidence {
            let shown = array(&evidence["conditions"]).iter();
            for condition in
                shown.filter(|one| one["condition"] == decision["condition"] || one["holds"] == true)
            {
                condition_lines(&mut line, condition);
            }
            line("budget", &format!("{} left", percent(&evidence["budget_remaining"])));
            clue_lines(&mut line, evidence);
        }
        for hop in array(&alert["hops"]).iter().filter(|hop| hop["sequence"] == decision["sequence"]) {
            line("", &hop_text(hop));
        }
    }
    run_lines(&mut line, alert);
    out
}

/// What ran about the alert, what is next, and what did not run.
fn run_lines(line: &mut impl FnMut(&str, &str), alert: &Value) {
    for run in array(&alert["runs"]) {
        let word = match text(&run["state"]) {
            "waits_for_approval" | "waiting" => "next",
            "refused" => "not run",
            "running" => "runs",
            _ => "ran",
        };
        line(word, &format!("{}  {}", text(&run["id"]), text(&run["text"])));
        if run["state"] == "waits_for_approval" {
            line("", &format!("`evenkeel runbook approve {}`", text(&run["id"])));
        }
    }
}

fn percent(share: &Value) -> String {
    let share: f64 = text(share).parse().unwrap_or(0.0);
    format!("{:.1} %", share * 100.0)
}

pub(super) async fn what_if(global: &Global, args: &WhatIfArgs) -> Exit {
    let from = match args.window.as_deref().map(|text| times::instant(&format!("-{text}"))).transpose() {
        Ok(from) => from.map_or(String::new(), |from| format!("&from={}", encoded(&from))),
        Err(_) => {
            eprintln!("error: --window is a stretch of time as 7d or 12h");
            return Exit::Usage;
        }
    };
    let path = format!("/api/v1/slos/{}/what-if?target={}{from}", encoded(&args.name), encoded(&args.target));
    show(global, &path, what_if_lines).await
}

fn what_if_lines(answer: &Value) -> String {
    let mut out = format!("{}  {} to {}\n", text(&answer["slo"]), text(&answer["from"]), text(&answer["to"]));
    for (name, side) in [("as it is", &answer["as_is"]), ("what if", &answer["what_if"])] {
        let _infallible = writeln!(
            out,
            "{name:<10}target {:<10} {:>5} pages {:>5} tickets   budget left {}{}",
            text(&side["target"]),
            side["pages"],
            side["tickets"],
            percent(&side["budget_remaining"]),
            if side["exhausted"] == true { ", spent" } else { "" },
        );
        for episode in array(&side["episodes"]) {
            let until = episode["closed_at"].as_str().unwrap_or("still open");
            let group: Vec<&str> =
                episode["group"].as_object().into_iter().flatten().map(|(_, value)| text(value)).collect();
            let line = format!(
                "{} to {until}  {} {} {}  {}",
                text(&episode["opened_at"]),
                text(&episode["severity"]),
                text(&episode["priority"]),
                text(&episode["condition"]),
                group.join(" "),
            );
            let _infallible = writeln!(out, "          {}", shown(line.trim_end()));
        }
    }
    if let Some(more) = answer["more_groups"].as_u64().filter(|more| *more > 0) {
        let _infallible = writeln!(out, "{more} groups with fewer bad events were left out");
    }
    for note in array(&answer["notes"]) {
        let _infallible = writeln!(out, "note      {}", shown(text(note)));
    }
    out
}
