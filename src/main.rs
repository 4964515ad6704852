//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use evenkeel::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse()).into()
}
