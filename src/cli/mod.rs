//! The command line: what the verbs are called, and what each does.

/// As in the standard library, but without its panic where the reader has gone away (`| head`).
macro_rules! print {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _reader_gone = write!(std::io::stdout(), $($words)*);
    }};
}

/// [`print!`] with the end of a line.
macro_rules! println {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _reader_gone = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// [`print!`] to standard error.
macro_rules! eprint {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _reader_gone = write!(std::io::stderr(), $($words)*);
    }};
}

/// [`println!`] to standard error.
macro_rules! eprintln {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _reader_gone = writeln!(std::io::stderr(), $($words)*);
    }};
}

mod args;
mod backup;
mod banner;
mod bar;
mod check;
mod client;
mod count;
mod demo;
mod doctor;
mod explain;
mod init;
mod manual;
mod paint;
mod reach;
mod record;
mod replay;
mod run;
mod runbooks;
mod show;
mod slos;
mod suggest;
mod times;
mod trial;
mod world;

use std::process::ExitCode;

pub use args::{Cli, Output};

/// Exit codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    No = 1,
    Usage = 2,
    OnlyWarnings = 3,
    Unreachable = 69,
    OurFault = 70,
    NoState = 74,
    NotPermitted = 77,
    BadConfiguration = 78,
}

impl Exit {
    /// For the manual. docs/exit-status.md says the same.
    const MEANINGS: [(Self, &str); 9] = [
        (Self::Done, "done, or yes"),
        (Self::No, "no: what was asked for is not there or does not hold"),
        (Self::Usage, "the command line has a mistake, or the daemon can not read what was asked"),
        (Self::OnlyWarnings, "warnings alone, and `--deny-warnings`"),
        (Self::Unreachable, "not to be reached: no daemon answers, or a port that `run` is to take is taken"),
        (Self::OurFault, "a fault of ours; please report it"),
        (Self::NoState, "the state can not be read or kept"),
        (Self::NotPermitted, "not permitted: the token's role, or a port that this user may not take"),
        (Self::BadConfiguration, "the configuration has mistakes"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Does what the command line asks. What went wrong has been told when it returns.
pub fn run(cli: Cli) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime does not start: {error}");
            return Exit::OurFault;
        }
    };
    runtime.block_on(args::dispatch(cli))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_exit_code_and_its_meaning() {
        let document = include_str!("../../docs/exit-status.md");
        for (exit, meaning) in Exit::MEANINGS {
            let row = format!("| {} | {meaning}", exit as u8);
            assert!(document.contains(&row), "docs/exit-status.md lacks: {row}");
        }
        let rows = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| code"));
        assert_eq!(rows.count(), Exit::MEANINGS.len());
    }
}
