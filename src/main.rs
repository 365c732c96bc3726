//! The command line: parse arguments, call the library, print. `antiphon --help` lists the commands; the README's manual
//! says what each writes.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
