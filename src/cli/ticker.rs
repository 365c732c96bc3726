//! Progress of a command, reported line by line where no terminal shows a bar: in logs, in scripts, in a batch system.

use antiphon::job::{Job, Progress};
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Silence after which a line is due.
const EVERY: Duration = Duration::from_secs(10);
/// Time between two checks of the clock, and thus how soon the ticker ends.
const LOOK: Duration = Duration::from_millis(100);

/// The number of lines the command has printed itself. As long as it prints, nobody needs a sign of life.
static SAID: AtomicU64 = AtomicU64::new(0);
/// Whether the result is being printed: no progress line may follow.
static ANSWERED: AtomicBool = AtomicBool::new(false);
/// The running ticker; dropping it would end it.
static TICKER: Mutex<Option<Job<()>>> = Mutex::new(None);

/// Records that the command has printed a line itself.
pub(super) fn said() {
    SAID.fetch_add(1, Ordering::Relaxed);
}

/// Records that the command is printing its result.
pub(super) fn answered() {
    ANSWERED.store(true, Ordering::Relaxed);
}

/// Reports `progress` every ten seconds, changed or not, until it is cancelled or the result is printed.
pub(super) fn start(progress: &Progress) {
    let (progress, began) = (progress.clone(), Instant::now());
    let job = Job::start(
        "ticker",
        || {},
        move |ticking| {
            let mut silence = Silence::default();
            while !progress.is_cancelled() && !ANSWERED.load(Ordering::Relaxed) {
                ticking.step(0, 1)?;
                let said = SAID.load(Ordering::Relaxed);
                if let Some(line) = silence.line(began.elapsed(), said, progress.fraction()) {
                    // If it can't be shown, work continues.
                    drop(writeln!(std::io::stderr(), "{line}"));
                }
                std::thread::sleep(LOOK);
            }
            Ok(())
        },
    );
    if let Ok(mut ticker) = TICKER.lock() {
        *ticker = Some(job);
    }
}

/// Tracks how long nothing was printed.
#[derive(Debug, Default)]
struct Silence {
    /// When the last line was printed, measured from the start.
    since: Duration,
    /// The number of lines the command had printed by then.
    said: u64,
}

impl Silence {
    /// The line due `now`, if any.
    fn line(&mut self, now: Duration, said: u64, fraction: f32) -> Option<String> {
        if said != self.said {
            (self.since, self.said) = (now, said);
        }
        if now < self.since + EVERY {
            return None;
        }
        self.since = now;
        Some(format!("antiphon: {} %, {}", (100.0 * fraction) as u32, spoken(now.as_secs())))
    }
}

/// Formats a duration for people.
fn spoken(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_ten_seconds_moved_or_not() {
        let mut silence = Silence::default();
        let mut lines = Vec::new();
        for tenth in 0..=350 {
            let now = Duration::from_millis(100 * tenth);
            lines.extend(silence.line(now, 0, if tenth < 150 { 0.034 } else { 0.5 }));
        }
        assert_eq!(lines, ["antiphon: 3 %, 10 s", "antiphon: 50 %, 20 s", "antiphon: 50 %, 30 s"]);
    }

    #[test]
    fn what_the_command_says_itself_counts_as_a_line() {
        let mut silence = Silence::default();
        let mut at = |seconds, said| silence.line(Duration::from_secs(seconds), said, 0.5).is_some();
        assert!(!at(9, 0) && !at(9, 1) && !at(18, 1) && at(19, 1));
        assert!(!at(28, 2) && !at(37, 2) && at(38, 2));
    }

    #[test]
    fn times_are_told_as_long_as_they_matter() {
        let told = [45, 130, 3600 + 3 * 60 + 59].map(spoken);
        assert_eq!(told, ["45 s", "2 min 10 s", "1 h 3 min"]);
    }
}
