//! `runbook`: runbooks and their runs, for people.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Exit;
use super::args::{Global, Output};
use super::client::{get, post};
use super::show::{encoded, list, listing, show, shown, text};
use super::times;
use crate::engine::RUN_STATES;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// One line each: how often it ran, and how often it helped
    List,
    /// The newest runs, also those that were refused
    Runs(RunsArgs),
    /// A runbook with its newest runs, or a run (run_…) with its steps and what they said
    Show {
        /// Of a runbook, or the id of a run: run_…
        name: String,
    },
    /// Run one now; ends with 1 if it is refused
    Run(RunArgs),
    /// Agree that a run begins
    Approve {
        /// Its id: run_…
        run: String,
    },
    /// Do not agree
    Deny {
        /// Its id: run_…
        run: String,
    },
    /// You have looked at a run that did not end well: its alert ends
    Settle {
        /// Its id: run_…
        run: String,
        /// What you found
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// A runbook that was stopped may start by itself again
    Resume {
        /// Its name
        runbook: String,
    },
}

#[derive(Args, Clone, Debug)]
pub(super) struct RunsArgs {
    /// Of this runbook alone
    #[arg(long, value_name = "NAME")]
    pub(super) runbook: Option<String>,

    /// In this state alone
    #[arg(long, value_parser = PossibleValuesParser::new(RUN_STATES))]
    pub(super) state: Option<String>,

    /// So many, 1,000 at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) limit: u32,
}

#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    /// Its name
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
        Verb::Runs(args) => runs(global, args).await,
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

async fn runs(global: &Global, args: &RunsArgs) -> Exit {
    let of = |name: &str, value: &Option<String>| {
        value.as_ref().map_or(String::new(), |value| format!("&{name}={}", encoded(value)))
    };
    let wanted = of("runbook", &args.runbook) + &of("state", &args.state);
    let answer = match get(global, &format!("/api/v1/runs?limit={}{wanted}", args.limit)).await {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    list(global, &answer, "runs", run_line);
    if let (Output::Human, Some(more @ 1..)) = (global.output, answer["more"].as_u64()) {
        println!("and {more} more, which --limit, --runbook and --state choose among");
    }
    Exit::Done
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
    let twice = args
        .params
        .iter()
        .enumerate()
        .find(|(place, (name, _))| args.params[..*place].iter().any(|(earlier, _)| earlier == name));
    if let Some((_, (name, _))) = twice {
        eprintln!("error: `--param {name}=…` stands there twice, and a parameter has one value");
        return Exit::Usage;
    }
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
    println!("{id}  {}", shown(said));
    Exit::Done
}

fn runbook_line(one: &Value) -> String {
    let number = |key: &str| one[key].as_u64().unwrap_or_default();
    let helped = one["helped_percent"].as_u64();
    let helped = helped.map_or_else(|| "not judged yet".to_owned(), |percent| format!("helped {percent} %"));
    let ended: String = [("failed", "failed"), ("timed_out", "timed out"), ("unknown", "unknown")]
        .into_iter()
        .filter(|(key, _)| number(key) > 0)
        .map(|(key, word)| format!(", {} {word}", number(key)))
        .collect();
    let mut line = format!(
        "{:<32} {}{ended}, {} in 7 days, {} refused, {helped}, saved {}",
        text(&one["name"]),
        counted(number("began")),
        number("runs_in_a_week"),
        number("refused"),
        times::span(number("saved_s")),
    );
    if let Some(why) = one["stopped_reason"].as_str() {
        line.push_str(&format!("; stopped until {}: {}", text(&one["stopped_until"]), shown(why)));
    } else if one["is_helping"] == json!(false) {
        line.push_str("; does not help any more");
    }
    line
}

fn counted(runs: u64) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

fn run_line(run: &Value) -> String {
    format!("{:<24} {} {}", text(&run["id"]), text(&run["asked_at"]), shown(text(&run["text"])))
}

fn runbook_lines(one: &Value) -> String {
    let list = |key: &str| {
        let items = one[key].as_array().into_iter().flatten();
        items.map(text).collect::<Vec<_>>().join(", ")
    };
    let mut lines = format!(
        "{}\n  {}\n  declared   {}\n  steps      {}\n  parameters {}\n  triggers   {}{}\n",
        runbook_line(one),
        shown(text(&one["description"])),
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
        shown(text(&run["text"])),
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
            lines.push_str(&format!("  {word:<10} {}\n", shown(value)));
        }
    }
    for (name, value) in run["parameters"].as_object().into_iter().flatten() {
        lines.push_str(&format!("  parameter  {name}={}\n", shown(text(value))));
    }
    for step in run["steps"].as_array().into_iter().flatten() {
        lines.push_str(&format!(
            "  {}  {}  {}  {}\n",
            text(&step["began_at"]),
            text(&step["name"]),
            text(&step["outcome"]),
            shown(text(&step["reason"])),
        ));
        for line in text(&step["output"]).lines() {
            lines.push_str(&format!("      {}\n", shown(line)));
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
    if dry["needs_approval"] == json!(true) {
        lines.push_str("  a run needs approval before it begins\n");
    }
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
                for name in step["secrets"].as_array().into_iter().flatten().map(text) {
                    lines.push_str(&format!("      secret   {name}\n"));
                }
                if let Some(user) = step["user"].as_str() {
                    lines.push_str(&format!("      user     {user}\n"));
                }
                lines.push_str(&format!("      stdin    {}\n", shown(text(&step["stdin"]).trim_end())));
            }
            None => {
                lines.push_str(&format!("      {} {}\n", text(&step["method"]), shown(text(&step["url"]))));
                for (name, value) in step["headers"].as_object().into_iter().flatten() {
                    lines.push_str(&format!("      {name}: {}\n", shown(text(value))));
                }
                if let Some(name) = step["secret_header"].as_str() {
                    lines.push_str(&format!("      {name}: (secret)\n"));
                }
                if step["signed"] == json!(true) {
                    lines.push_str("      signed with the step's secret_file\n");
                }
                lines.push_str(&format!("      {}\n", shown(text(&step["body"]))));
            }
        }
    }
    lines
}
