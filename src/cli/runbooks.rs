//! `runbook`: runbooks and their runs, for people.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Exit;
use super::args::{Global, Output};
use super::client::{get, post};
use super::show::{encoded, listing, show, text};
use super::times;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// One line each: how often it ran, and how often it helped
    List,
    /// The newest runs, also those that were refused
    Runs,
    /// A runbook with its newest runs, or a run (run_…) with its steps and what they said
    Show { name: String },
    /// Run one now; ends with 1 if it is refused
    Run(RunArgs),
    /// Agree that a run begins
    Approve { run: String },
    /// Do not agree
    Deny { run: String },
    /// You have looked at a run that did not end well: its alert ends
    Settle {
        run: String,
        /// What you found
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// A runbook that was stopped may start by itself again
    Resume { runbook: String },
}

#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    pub(super) runbook: String,

    /// The alert that it is about: alt_…
    #[arg(long, value_name = "ID", default_value = "")]
    pub(super) alert: String,

    /// A parameter; repeat it for more
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    pub(super) params: Vec<(String, String)>,

    /// Show what would be called, and call nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// `NAME=VALUE`
pub(super) fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn runbook(global: &Global, verb: &Verb) -> Exit {
    let wish = |id: &str, what: &str| format!("/api/v1/runs/{}/{what}", encoded(id));
    match verb {
        Verb::List => listing(global, "/api/v1/runbooks", "runbooks", runbook_line).await,
        Verb::Runs => listing(global, "/api/v1/runs", "runs", run_line).await,
        Verb::Show { name } if name.starts_with("run_") => {
            show(global, &format!("/api/v1/runs/{}", encoded(name)), run_lines).await
        }
        Verb::Show { name } => {
            show(global, &format!("/api/v1/runbooks/{}", encoded(name)), runbook_lines).await
        }
        Verb::Run(args) => run(global, args).await,
        Verb::Approve { run } => done(global, &wish(run, "approve"), json!({}), "is approved").await,
        Verb::Deny { run } => done(global, &wish(run, "deny"), json!({}), "is not to run").await,
        Verb::Settle { run, note } => {
            done(global, &wish(run, "settle"), json!({ "note": note }), "is settled").await
        }
        Verb::Resume { runbook } => {
            let path = format!("/api/v1/runbooks/{}/resume", encoded(runbook));
            done(global, &path, json!({}), "may start by itself again").await
        }
    }
}

async fn done(global: &Global, path: &str, body: Value, what: &str) -> Exit {
    match post(global, path, &body).await {
        Ok(answer) if global.output != Output::Human => println!("{answer}"),
        Ok(answer) => println!("{} {what}", text(&answer["done"])),
        Err(exit) => return exit,
    }
    Exit::Done
}

async fn run(global: &Global, args: &RunArgs) -> Exit {
    let parameters: Map<String, Value> =
        args.params.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let body = json!({ "parameters": parameters, "alert": args.alert, "dry_run": args.dry_run });
    let answer = match post(global, &format!("/api/v1/runbooks/{}/run", encoded(&args.runbook)), &body).await
    {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    if args.dry_run {
        match global.output {
            Output::Human => print!("{}", dry_lines(&answer)),
            _ => println!("{answer}"),
        }
        return Exit::Done;
    }
    if global.output != Output::Human {
        println!("{answer}");
        return Exit::Done;
    }
    let id = text(&answer["done"]);
    let state = get(global, &format!("/api/v1/runs/{}", encoded(id))).await;
    let said = state.as_ref().map_or("is asked for", |run| text(&run["text"]));
    println!("{id}  {}", said.escape_debug());
    Exit::Done
}

fn runbook_line(one: &Value) -> String {
    let number = |key: &str| one[key].as_u64().unwrap_or_default();
    let helped = one["helped_percent"].as_u64();
    let helped = helped.map_or_else(|| "not judged yet".to_owned(), |percent| format!("helped {percent} %"));
    let mut line = format!(
        "{:<32} {} runs, {} in 7 days, {} refused, {helped}, saved {}",
        text(&one["name"]),
        number("began"),
        number("runs_in_a_week"),
        number("refused"),
        times::span(number("saved_s")),
    );
    if let Some(why) = one["stopped_reason"].as_str() {
        line.push_str(&format!("; stopped until {}: {}", text(&one["stopped_until"]), why.escape_debug()));
    } else if one["is_helping"] == json!(false) {
        line.push_str("; does not help any more");
    }
    line
}

fn run_line(run: &Value) -> String {
    format!("{:<24} {} {}", text(&run["id"]), text(&run["asked_at"]), text(&run["text"]).escape_debug())
}

fn runbook_lines(one: &Value) -> String {
    let list = |key: &str| {
        let items = one[key].as_array().into_iter().flatten();
        items.map(text).collect::<Vec<_>>().join(", ")
    };
    let mut lines = format!(
        "{}\n  {}\n  declared   {}\n  steps      {}\n  parameters {}\n  triggers   {}{}\n",
        runbook_line(one),
        text(&one["description"]).escape_debug(),
        text(&one["declared_at"]),
        list("steps"),
        list("parameters"),
        one["triggers"],
        if one["needs_approval"] == json!(true) { "; a run needs approval" } else { "" },
    );
    lines.push_str(&format!(
        "  ended      {} succeeded, {} failed, {} timed out, {} unknown\n  judged     {} helped, {} did not help, {} worse, {} unclear\n",
        one["succeeded"], one["failed"], one["timed_out"], one["unknown"], one["helped"], one["did_not_help"],
        one["worse"], one["unclear"],
    ));
    for run in one["latest"].as_array().into_iter().flatten() {
        lines.push_str(&format!("  {}\n", run_line(run)));
    }
    lines
}

fn run_lines(run: &Value) -> String {
    let mut lines = format!(
        "{}  {}\n  asked      {} by {}\n",
        text(&run["id"]),
        text(&run["text"]).escape_debug(),
        text(&run["asked_at"]),
        text(&run["by"]),
    );
    for (word, key) in [
        ("alert", "alert"),
        ("approved by", "approved_by"),
        ("settled by", "settled_by"),
        ("ended", "ended_at"),
    ] {
        if let Some(value) = run[key].as_str().filter(|value| !value.is_empty()) {
            lines.push_str(&format!("  {word:<10} {}\n", value.escape_debug()));
        }
    }
    for (name, value) in run["parameters"].as_object().into_iter().flatten() {
        lines.push_str(&format!("  parameter  {name}={}\n", text(value).escape_debug()));
    }
    for step in run["steps"].as_array().into_iter().flatten() {
        lines.push_str(&format!(
            "  {}  {}  {}  {}\n",
            text(&step["began_at"]),
            text(&step["name"]),
            text(&step["outcome"]),
            text(&step["reason"]).escape_debug(),
        ));
        for line in text(&step["output"]).lines() {
            lines.push_str(&format!("      {}\n", line.escape_debug()));
        }
    }
    if run["needs_a_person"] == json!(true) {
        lines.push_str(&format!(
            "  next       look whether it was done, then `evenkeel runbook settle {}`\n",
            text(&run["id"])
        ));
    }
    lines
}

fn dry_lines(dry: &Value) -> String {
    let on =
        if text(&dry["target"]).is_empty() { String::new() } else { format!(" on {}", text(&dry["target"])) };
    let mut lines = format!("{}{on} would call, and calls nothing now:\n", text(&dry["runbook"]));
    for step in dry["steps"].as_array().into_iter().flatten() {
        lines.push_str(&format!("  {} ({})\n", text(&step["name"]), text(&step["kind"])));
        match step["argv"].as_array() {
            Some(argv) => {
                for (place, one) in argv.iter().enumerate() {
                    lines.push_str(&format!("      argv[{place}]  {one}\n"));
                }
                for (name, value) in step["environment"].as_object().into_iter().flatten() {
                    lines.push_str(&format!("      env      {name}={value}\n"));
                }
                lines.push_str(&format!("      stdin    {}\n", shown(text(&step["stdin"]).trim_end())));
            }
            None => {
                lines.push_str(&format!("      {} {}\n", text(&step["method"]), shown(text(&step["url"]))));
                for (name, value) in step["headers"].as_object().into_iter().flatten() {
                    lines.push_str(&format!("      {name}: {}\n", text(value).escape_debug()));
                }
                if let Some(name) = step["secret_header"].as_str() {
                    lines.push_str(&format!("      {name}: (secret)\n"));
                }
                lines.push_str(&format!("      {}\n", shown(text(&step["body"]))));
            }
        }
    }
    lines
}

/// Without what a terminal would act upon; quotes stay as they are.
fn shown(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).collect()
}
