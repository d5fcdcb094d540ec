//! The command `posbridge`: parse, log, dispatch, exit status.

use std::process::ExitCode;

use clap::Parser as _;
use posbridge::cli::{Cli, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.begin_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("posbridge: the system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.execute()) {
        Ok(status) => status.into(),
        // A reader that has seen enough, as in `posbridge log | head`.
        Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("posbridge: {failure}");
            ExitCode::FAILURE
        }
    }
}
