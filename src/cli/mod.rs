//! The command line: what the verbs are called, and what each does.

mod args;
mod check;
mod client;
mod demo;
mod run;
mod show;
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
    BadConfiguration = 78,
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
