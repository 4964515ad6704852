//! Arguments in, exit code out.

use std::process::ExitCode;

use evenkeel::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::of(std::env::args_os())).into()
}
