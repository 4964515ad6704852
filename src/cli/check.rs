//! `check`, and the loading of a configuration that every other verb shares.

use std::path::PathBuf;

use super::Exit;
use super::args::{CheckArgs, Global, Output};
use super::world::Machine;
use crate::config::{Diagnostic, Level, Loaded, World, load, render};

pub(super) fn check(global: &Global, args: &CheckArgs) -> Exit {
    let paths = if args.paths.is_empty() { &global.config } else { &args.paths };
    if paths.is_empty() {
        eprintln!("error: nothing to check\n  hint: evenkeel check PATH… or -c PATH");
        return Exit::Usage;
    }
    let loaded = load(paths, &Machine);
    let (errors, warnings) = (loaded.errors(), loaded.warnings());
    match global.output {
        Output::Human => tell(&loaded, global.verbose > 0),
        Output::Json | Output::Jsonl => print_json(&loaded, global.output),
    }
    if errors > 0 {
        eprintln!("{errors} errors, {warnings} warnings");
        return Exit::BadConfiguration;
    }
    if let (Some(config), false) = (&loaded.config, global.quiet) {
        let slos = config.plan.slos.len();
        eprintln!("ok: {slos} SLOs, {} receivers, {warnings} warnings", config.receivers.len());
    }
    if warnings > 0 && args.deny_warnings { Exit::OnlyWarnings } else { Exit::Done }
}

/// Findings to standard error; notes only when asked for.
pub(super) fn tell(loaded: &Loaded, notes: bool) {
    tell_findings(&loaded.findings, notes);
}

pub(super) fn tell_findings(findings: &[Diagnostic], notes: bool) {
    let mut findings = findings.to_vec();
    findings.retain(|finding| notes || finding.level != Level::Note);
    if !findings.is_empty() {
        eprint!("{}", render(&findings, &|file| Machine.read(&PathBuf::from(file)).ok()));
    }
}

fn print_json(loaded: &Loaded, output: Output) {
    let shown = loaded.findings.iter().map(|one| {
        let level = match one.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        serde_json::json!({
            "level": level, "code": one.code, "message": one.message, "file": one.file,
            "line": one.line, "column": one.column, "hint": one.hint,
        })
    });
    match output {
        Output::Jsonl => shown.for_each(|one| println!("{one}")),
        Output::Human | Output::Json => {
            println!("{}", serde_json::json!({ "findings": shown.collect::<Vec<_>>() }));
        }
    }
}
