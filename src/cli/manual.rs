//! `completions`, `man` and `config schema`: what the verbs, the flags and the configuration say of themselves.

use std::io::Write;

use clap::CommandFactory;

use super::{Cli, Exit};
use crate::config::SCHEMA;

pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "evenkeel", &mut script);
    written(&script)
}

pub(super) fn man(verb: Option<&str>) -> Exit {
    let mut command = Cli::command();
    command.build();
    if let Some(verb) = verb {
        let Some(found) = command.find_subcommand(verb) else {
            eprintln!("error: there is no verb {verb:?}\n  hint: evenkeel --help lists them");
            return Exit::Usage;
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page).and_then(|()| exit_status(&mut page)) {
        Ok(()) => written(&page),
        Err(error) => {
            eprintln!("error: make the manual page: {error}");
            Exit::OurFault
        }
    }
}

fn exit_status(page: &mut Vec<u8>) -> std::io::Result<()> {
    writeln!(page, ".SH \"EXIT STATUS\"")?;
    for (exit, meaning) in Exit::MEANINGS {
        writeln!(page, ".TP\n{}\n{}", exit as u8, meaning.replace('-', "\\-"))?;
    }
    Ok(())
}

pub(super) fn schema() -> Exit {
    written(SCHEMA.as_bytes())
}

/// A reader that goes away has read enough.
fn written(bytes: &[u8]) -> Exit {
    let _reader_gone = std::io::stdout().write_all(bytes);
    Exit::Done
}
