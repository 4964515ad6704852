//! `backup`, `backup verify` and `restore`: copies of a state folder. They need no daemon, and a running one goes on.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Exit;
use super::args::{BackupArgs, BackupVerb, Global, Output, RestoreArgs};
use super::world::Machine;
use crate::config::load;
use crate::daemon::Refusal;
use crate::daemon::state::{self, Copied};

pub(super) fn backup(global: &Global, args: &BackupArgs) -> Exit {
    match (&args.verb, &args.target) {
        (Some(BackupVerb::Verify { folder }), _) => told(global, folder, "verified", state::verify(folder)),
        (None, Some(target)) => match data_dir(global, args.data_dir.as_ref()) {
            Ok(from) => told(global, target, "backed up", state::back_up(&from, target)),
            Err(exit) => exit,
        },
        (None, None) => {
            eprintln!("error: say where to: evenkeel backup FOLDER, or evenkeel backup verify FOLDER");
            Exit::Usage
        }
    }
}

pub(super) fn restore(global: &Global, args: &RestoreArgs) -> Exit {
    let to = match data_dir(global, args.data_dir.as_ref()) {
        Ok(to) => to,
        Err(exit) => return exit,
    };
    let looked = match state::verify(&args.folder) {
        Ok(copied) if copied.report.is_empty() => copied,
        other => return told(global, &args.folder, "not restored", other),
    };
    if args.dry_run {
        println!("{} would be put in the place of {}; nothing was changed", line(&looked), to.display());
        return Exit::Done;
    }
    match state::restore(&args.folder, &to) {
        Ok(before) => {
            let before =
                before.map_or(String::new(), |aside| format!("; what was there is in {}", aside.display()));
            println!("restored {} to {}{before}", line(&looked), to.display());
            Exit::Done
        }
        Err(refusal) => {
            eprintln!("error: {refusal}");
            Exit::NoState
        }
    }
}

/// Of the flag, or of the configuration.
fn data_dir(global: &Global, flag: Option<&PathBuf>) -> Result<PathBuf, Exit> {
    if let Some(data_dir) = flag {
        return Ok(data_dir.clone());
    }
    let loaded = load(&global.config, &Machine);
    super::check::tell(&loaded, false);
    loaded.config.map(|config| config.data_dir).ok_or(Exit::BadConfiguration)
}

fn told(global: &Global, folder: &Path, done: &str, copied: Result<Copied, Refusal>) -> Exit {
    let copied = match copied {
        Ok(copied) => copied,
        Err(refusal) => {
            eprintln!("error: {refusal}");
            return Exit::NoState;
        }
    };
    for damage in &copied.report {
        eprintln!("error: {}: {damage}", folder.display());
    }
    match global.output {
        Output::Human => println!("{done} {}: {}", folder.display(), line(&copied)),
        Output::Json | Output::Jsonl => println!(
            "{}",
            json!({
                "folder": folder, "sequence": copied.sequence, "groups": copied.groups, "bytes": copied.bytes,
                "slos": copied.slos, "items": copied.items, "damage": copied.report,
            })
        ),
    }
    if copied.report.is_empty() { Exit::Done } else { Exit::No }
}

fn line(copied: &Copied) -> String {
    format!(
        "a state of {} SLOs with {} items, group {} ({} after its image), {} KiB",
        copied.slos,
        copied.items,
        copied.sequence,
        copied.groups,
        copied.bytes / 1024
    )
}
