//! The Python equivalents, run beside a benchmark: `peers.py`, with the Python named by the environment variable
//! `PYTHON`, or `python3`.

use std::process::Command;

/// The CPU seconds of a peer, given its arguments; if it can't be run, a line says why.
pub(crate) fn seconds(arguments: &[&str]) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benches/peer/peers.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let output = match Command::new(&python).arg(script).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            println!("{}: {python} can't be started: {error}", arguments[0]);
            return None;
        }
    };
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let seconds = said.lines().last().and_then(|line| line.parse().ok());
    if seconds.is_none() {
        println!("{}: not run: {}", arguments[0], failed.lines().last().unwrap_or("it said nothing"));
    }
    seconds
}
