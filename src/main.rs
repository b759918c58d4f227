//! The `altfill` program: parse, run, render, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    altfill::cli::main()
}
