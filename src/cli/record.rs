//! `record`: a recording of a running daemon into a file. What stands in the file is whole, however it ends.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::Exit;
use super::args::{Global, RecordArgs};
use super::client;
use crate::recording::Intake;

pub(super) async fn record(global: &Global, args: &RecordArgs) -> Exit {
    let mut answer = match client::open(global, "/api/v1/record").await {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.file);
    let mut intake = match file {
        Ok(file) => Intake::new(file),
        Err(error) => return unwritable(&args.file, &error),
    };
    if !global.quiet {
        eprintln!("recording to {}; Ctrl-C ends it", args.file.display());
    }
    let forever = Duration::from_secs(u64::from(u32::MAX));
    let mut over = std::pin::pin!(tokio::time::sleep(args.duration.unwrap_or(forever)));
    let broke = loop {
        let piece = tokio::select! {
            piece = answer.chunk() => piece,
            () = &mut over => break None,
            _ = tokio::signal::ctrl_c() => break None,
        };
        match piece {
            Ok(Some(piece)) => {
                if let Err(error) = intake.take(&piece) {
                    // What is there ends with a whole entry all the same.
                    let _as_far_as_it_goes = intake.finish();
                    return unwritable(&args.file, &error);
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let written = match intake.finish() {
        Ok(written) => written,
        Err(error) => return unwritable(&args.file, &error),
    };
    if !global.quiet {
        eprintln!("recorded {} groups in {} KiB", written.groups, written.bytes / 1024);
    }
    if let Some(error) = broke {
        eprintln!(
            "error: the daemon has gone away: {error}\n  hint: what came before is in {}",
            args.file.display()
        );
        return Exit::Unreachable;
    }
    if written.groups > 0 || written.images > 0 {
        return Exit::Done;
    }
    eprintln!("error: it was ended before the daemon had said anything: nothing is recorded");
    Exit::No
}

fn unwritable(file: &Path, error: &std::io::Error) -> Exit {
    eprintln!("error: {} can not be written: {error}", file.display());
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            eprintln!("  hint: a recording does not take another file's place: name a new one");
            Exit::Usage
        }
        _ => Exit::No,
    }
}
