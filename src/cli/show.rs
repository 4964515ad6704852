//! `alert`, `tap`, `version`: what the API says, for people and for scripts.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use super::Exit;
use super::args::{Global, Output, TapArgs};
use super::client::get;

pub(super) fn version(global: &Global) -> Exit {
    match global.output {
        Output::Human => println!("evenkeel {}", env!("CARGO_PKG_VERSION")),
        Output::Json | Output::Jsonl => {
            println!("{}", serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }))
        }
    }
    Exit::Done
}

pub(super) async fn alert_list(global: &Global) -> Exit {
    let paint = global.color.paint();
    listing(global, "/api/v1/alerts", "alerts", |alert| {
        format!(
            "{:<24} {} {} {} {:<32} {:<9} since {}",
            text(&alert["id"]),
            paint.word(&format!("{:<6}", text(&alert["state"]))),
            paint.word(text(&alert["priority"])),
            paint.word(&format!("{:<7}", text(&alert["severity"]))),
            alert["slo"].as_str().unwrap_or(text(&alert["rule"])),
            text(&alert["condition"]),
            text(&alert["opened_at"]),
        )
    })
    .await
}

pub(super) async fn alert_show(global: &Global, id: &str) -> Exit {
    show(global, &format!("/api/v1/alerts/{}", encoded(id)), alert_lines).await
}

pub(super) async fn event(global: &Global, sequence: u64) -> Exit {
    show(global, &format!("/api/v1/events/{sequence}"), |answer| {
        let words = answer["explain"].as_array().into_iter().flatten();
        words.map(|line| format!("{}\n", shown(text(line)))).collect()
    })
    .await
}

pub(super) async fn rules(global: &Global) -> Exit {
    if global.output == Output::Human && !global.quiet {
        println!(
            "{:<32} {:<9} {:>12} {:>12} {:>7} {:>7}",
            "rule", "kind", "hits", "merged", "alerts", "pages"
        );
    }
    listing(global, "/api/v1/rules", "rules", |rule| {
        format!(
            "{:<32} {:<9} {:>12} {:>12} {:>7} {:>7}",
            text(&rule["name"]),
            text(&rule["kind"]),
            number(&rule["hits"]),
            number(&rule["merged"]),
            number(&rule["alerts"]),
            number(&rule["pages"]),
        )
    })
    .await
}

/// Without what a terminal would act upon; quotes stay as they are.
pub(super) fn shown(text: &str) -> String {
    const AS_THEY_ARE: [char; 3] = ['"', '\'', '\\'];
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(AS_THEY_ARE) {
        let plain = piece.strip_suffix(AS_THEY_ARE).unwrap_or(piece);
        shown.extend(plain.escape_debug());
        shown.push_str(&piece[plain.len()..]);
    }
    shown
}

/// A JSON value takes no width.
fn number(value: &Value) -> String {
    value.to_string()
}

pub(super) async fn listing(global: &Global, path: &str, key: &str, line: impl Fn(&Value) -> String) -> Exit {
    let answer = match get(global, path).await {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    list(global, &answer, key, line);
    Exit::Done
}

pub(super) fn list(global: &Global, answer: &Value, key: &str, line: impl Fn(&Value) -> String) {
    let none = Vec::new();
    let all = answer[key].as_array().unwrap_or(&none);
    match global.output {
        Output::Json => println!("{answer}"),
        Output::Jsonl => all.iter().for_each(|one| println!("{one}")),
        Output::Human if all.is_empty() => println!("no {key}"),
        Output::Human => all.iter().for_each(|one| println!("{}", line(one).trim_end())),
    }
}

pub(super) async fn show(global: &Global, path: &str, lines: impl Fn(&Value) -> String) -> Exit {
    match get(global, path).await {
        Ok(answer) if global.output == Output::Human => print!("{}", lines(&answer)),
        Ok(answer) => println!("{answer}"),
        Err(exit) => return exit,
    }
    Exit::Done
}

fn alert_lines(alert: &Value) -> String {
    let mut lines = format!(
        "{}  {}  {} {}  {}\n  because    {}\n  key        {}\n",
        text(&alert["id"]),
        text(&alert["state"]),
        text(&alert["priority"]),
        text(&alert["severity"]),
        alert["slo"].as_str().unwrap_or(text(&alert["rule"])),
        shown(text(&alert["reason"])),
        shown(text(&alert["dedup_key"])),
    );
    for (name, value) in alert["annotations"].as_object().into_iter().flatten() {
        lines.push_str(&format!("  {name:<10} {}\n", shown(text(value))));
    }
    for one in alert["decisions"].as_array().into_iter().flatten() {
        lines.push_str(&format!(
            "  {}  {} #{}  {} {}  {}\n      {}\n",
            text(&one["at"]),
            text(&one["transition"]),
            one["sequence"],
            text(&one["priority"]),
            text(&one["condition"]),
            shown(text(&one["reason"])),
            text(&one["text"]).lines().map(shown).collect::<Vec<_>>().join("\n      "),
        ));
    }
    for (receiver, telling) in alert["receivers"].as_object().into_iter().flatten() {
        lines.push_str(&format!("  {receiver:<10} {}\n", text(telling)));
    }
    for run in alert["runs"].as_array().into_iter().flatten() {
        lines.push_str(&format!("  {}  {}\n", text(&run["id"]), shown(text(&run["text"]))));
    }
    lines
}

/// Asks four times a second for what came since, and says what it could not show. Ends where its reader does.
pub(super) async fn tap(global: &Global, args: &TapArgs) -> Exit {
    const EACH: Duration = Duration::from_millis(250);
    let query = |name: &str, value: &Option<String>| {
        value.as_ref().map_or(String::new(), |one| format!("&{name}={}", encoded(one)))
    };
    let wanted = query("category", &args.category) + &query("where", &args.filter);
    let mut pace = tokio::time::interval(EACH);
    let (mut after, mut received, mut left) = (None, 0, args.count.unwrap_or(u64::MAX));
    while left > 0 {
        pace.tick().await;
        let limit = if after.is_none() { 10 } else { 1_000 };
        let path = format!("/api/v1/events?after={}&limit={limit}{wanted}", after.unwrap_or(0));
        let answer = match get(global, &path).await {
            Ok(answer) => answer,
            Err(exit) => return exit,
        };
        let none = Vec::new();
        let events = answer["events"].as_array().unwrap_or(&none);
        let shown = events.iter().take(usize::try_from(left).unwrap_or(usize::MAX));
        shown.for_each(|event| print_event(global, event));
        if std::io::stdout().flush().is_err() {
            return Exit::Done; // nobody reads on
        }
        left = left.saturating_sub(events.len() as u64);
        let total = answer["received"].as_u64().unwrap_or(0);
        let came = total.saturating_sub(received);
        if after.is_some() && came > events.len() as u64 && !global.quiet {
            let among = if args.filter.is_some() { "matching records" } else { "records" };
            eprintln!("shown {} {among} of {came} events", events.len());
        }
        (after, received) = (answer["sequence"].as_u64(), total);
    }
    Exit::Done
}

fn print_event(global: &Global, event: &Value) {
    if global.output != Output::Human {
        return println!("{event}");
    }
    let said = event["body"].as_str().or(event["name"].as_str()).unwrap_or("");
    println!(
        "{:>6} {} {} {:<6} {:<20} {}{} [{}]",
        number(&event["sequence"]),
        text(&event["time"]),
        global.color.paint().word(&format!("{:<13}", text(&event["category"]))),
        text(&event["kind"]),
        shown(text(&event["service"])),
        shown(said),
        event["count"]
            .as_u64()
            .filter(|count| *count > 1)
            .map_or(String::new(), |count| format!(" x{count}")),
        text(&event["decided_by"]),
    );
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

/// Percent-encodes what is not unreserved in a URL's path.
pub(super) fn encoded(part: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    part.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_a_terminal_would_act_upon_is_shown_and_quotes_are_as_they_are() {
        let said = "host=\"web-1\" is 'é' in C:\\x \u{1b}[2J\u{202e}\n";
        assert_eq!(shown(said), "host=\"web-1\" is 'é' in C:\\x \\u{1b}[2J\\u{202e}\\n");
    }
}
