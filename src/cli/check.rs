//! `check`, and the loading of a configuration that every other verb shares.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Exit;
use super::args::{CheckArgs, Global, Output};
use super::count::counted;
use super::world::Machine;
use super::{replay, times};
use crate::config::{Diagnostic, Level, Loaded, World, load, render};
use crate::recording;

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
        eprintln!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
        return Exit::BadConfiguration;
    }
    if let (Some(config), false) = (&loaded.config, global.quiet) {
        let slos = config.plan.slos.len();
        let runbooks = match config.plan.runbooks.len() {
            0 => String::new(),
            number => format!("{}, ", counted(number, "runbook")),
        };
        let (slos, receivers) = (counted(slos, "SLO"), counted(config.receivers.len(), "receiver"));
        eprintln!("ok: {slos}, {runbooks}{receivers}, {}", counted(warnings, "warning"));
    }
    if let (Some(config), false) = (loaded.config, args.replay.is_empty()) {
        match kept(&args.replay, &config.data_dir) {
            Ok(files) => match replay::differs(global, files, Arc::new(config.plan)) {
                Exit::Done => {}
                otherwise => return otherwise,
            },
            Err(why) => {
                eprintln!("error: {why}");
                return Exit::Usage;
            }
        }
    }
    if warnings > 0 && args.deny_warnings { Exit::OnlyWarnings } else { Exit::Done }
}

/// Files as they are named; those of a state's recorder for `last-7d`.
fn kept(asked: &[PathBuf], data_dir: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for one in asked {
        let back = one.to_str().and_then(|text| text.strip_prefix("last-")).and_then(times::seconds);
        let Some(seconds) = back else {
            files.push(one.clone());
            continue;
        };
        let folder = data_dir.join(recording::FOLDER);
        let since = SystemTime::now().checked_sub(Duration::from_secs(seconds));
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let is_recent = |path: &Path| {
            let written = std::fs::metadata(path).and_then(|about| about.modified()).ok();
            written.zip(since).is_none_or(|(written, since)| written >= since)
        };
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        found.retain(|path| crate::replay::is_recording(path) && is_recent(path));
        if found.is_empty() {
            return Err(format!("{} holds no recording of that time", folder.display()));
        }
        found.sort();
        files.append(&mut found);
    }
    match files.iter().find(|file| !crate::replay::is_recording(file)) {
        Some(other) => Err(format!(
            "{} is no recording (.ekrec); `evenkeel replay` tells what a configuration makes of OTLP files",
            other.display()
        )),
        None => Ok(files),
    }
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
