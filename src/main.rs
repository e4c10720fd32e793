//! Parses the arguments and runs one command. Exit status: 0 success, 1 failure, 2 bad usage or configuration.

use std::process::ExitCode;

fn main() -> ExitCode {
    assent::cli::run()
}
