//! Killed at random moments.
//!
//! A moment is a part, drawn by a fixed seed, of the time that an undisturbed run takes: only so is a process also hit
//! between two writes and within one. Where exactly it is hit depends on the machine; what has to be right does not.

use super::*;
use antiphon::curation::Journal;
use std::fmt::Debug;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Kills of each command in an ordinary run of the tests.
const FEW: usize = 2;
/// After this many in a row the command may come to its end.
const IN_A_ROW: usize = 4;
const SIGKILL: i32 = 9;

fn kills() -> usize {
    std::env::var("ANTIPHON_KILLS").map_or(FEW, |number| number.parse().unwrap())
}

/// The moments of one command.
struct Moments {
    random: Pcg64,
    whole: Duration,
    killed: usize,
    ended: usize,
}

impl Moments {
    fn new(whole: Duration) -> Self {
        Self { random: Pcg64::seed_from_u64(24), whole, killed: 0, ended: 0 }
    }

    /// Lets a process live until the next moment. Returns whether it was killed: it may have ended before.
    fn kill(&mut self, mut child: Child) -> bool {
        std::thread::sleep(self.whole.mul_f64(self.random.random_range(0.0..1.05)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let killed = status.signal() == Some(SIGKILL);
        assert!(killed || status.success(), "{status}");
        self.killed += usize::from(killed);
        self.ended += usize::from(!killed);
        killed
    }

    fn say(&self, command: &str) {
        eprintln!(
            "{command}: {} kills, {} ends before one, {:.2} s undisturbed",
            self.killed,
            self.ended,
            self.whole.as_secs_f64()
        );
    }
}

/// Kills a command again and again; whenever it then comes to its end, `result` of the folder it works in is that of an
/// undisturbed run.
fn kill_and_run_again<T: PartialEq + Debug>(arguments: &[String], work: &Path, result: impl Fn(&Path) -> T) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let before = tree(work);
    put(work, &before);
    let start = Instant::now();
    succeeds(&arguments);
    let mut moments = Moments::new(start.elapsed());
    let right = result(work);
    while moments.killed < kills() {
        put(work, &before);
        let mut in_a_row = 0;
        let begin = || program(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while in_a_row < IN_A_ROW && moments.killed < kills() && moments.kill(begin()) {
            in_a_row += 1;
        }
        if in_a_row == IN_A_ROW || moments.killed == kills() {
            succeeds(&arguments);
        }
        let found = result(work);
        assert!(found == right, "after {} kills: {}", moments.killed, difference(&found, &right));
    }
    moments.say(arguments[..2].join(" ").split(" --").next().unwrap());
}

/// The first difference, shortened.
fn difference(found: &impl Debug, right: &impl Debug) -> String {
    let (found, right) = (format!("{found:?}"), format!("{right:?}"));
    let at = found.bytes().zip(right.bytes()).position(|(a, b)| a != b).unwrap_or(found.len().min(right.len()));
    let part = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(200)..text.len().min(at + 300)]).into_owned()
    };
    format!("found …{}…, not …{}…", part(&found), part(&right))
}

#[test]
fn index_add_is_killed_and_comes_to_the_same_index() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = index_to_add_to(folder.path());
    let index = path(folder.path(), "work/index");
    // Byte for byte, and nothing else lies there.
    kill_and_run_again(&arguments, &folder.path().join("work"), |work| {
        succeeds(&["index", "verify", "--index", &index]);
        tree(work)
    });
}

#[test]
fn match_is_killed_and_comes_to_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = queries(folder.path());
    kill_and_run_again(&arguments, &folder.path().join("work"), |work| {
        let mut found = tree(work);
        for bytes in found.iter_mut().filter(|(name, _)| name.ends_with("matches.jsonl")).map(|(_, bytes)| bytes) {
            *bytes = in_order(bytes);
        }
        found
    });
}

#[test]
fn collect_is_killed_and_comes_to_the_same_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = collection(folder.path());
    kill_and_run_again(&arguments, &folder.path().join("work"), |work| {
        let found = tree(work);
        assert!(!found[Path::new("pairs.jsonl")].is_empty());
        found.into_iter().map(|(name, bytes)| (name, in_order(&bytes))).collect::<BTreeMap<_, _>>()
    });
}

#[test]
fn train_is_killed_and_comes_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = training(folder.path());
    kill_and_run_again(&arguments, &folder.path().join("work"), |work| {
        let found = tree(work);
        let names: Vec<PathBuf> = found.keys().cloned().collect();
        assert_eq!(names, [PathBuf::from("hash.safetensors"), PathBuf::from("training.jsonl")]);
        (numbers(&found[&names[0]]), without_time(&found[&names[1]]))
    });
}

/// A script that sends what is not in the journal yet, as one does after a kill.
#[test]
fn curate_decide_is_killed_and_loses_no_decision() {
    const LINES: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("decisions.jsonl");
    // Each sixth line takes back the one before.
    let act = |i: usize| ["confirmed", "rejected", "unsure", "skipped", "confirmed", "undone"][i % 6];
    let item = |i: usize| if i % 6 == 5 { i - 1 } else { i };
    let lines: Vec<String> =
        (0..LINES).map(|i| json!({ "item": item(i).to_string(), "decision": act(i) }).to_string() + "\n").collect();
    let stated = |i: usize| format!("{}: {}", item(i), if i % 6 == 5 { "unreviewed" } else { act(i) });
    let [input, output] = ["input", "output"].map(|name| folder.path().join(name));
    let begin = |from: usize| {
        std::fs::write(&input, lines[from..].concat()).unwrap();
        program(&["curate", "decide", journal.to_str().unwrap(), "--lines", "--curator", "ann"])
            .stdin(std::fs::File::open(&input).unwrap())
            .stdout(std::fs::File::create(&output).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let start = Instant::now();
    assert!(begin(0).wait().unwrap().success());
    let mut moments = Moments::new(start.elapsed());
    let right = without_time(&std::fs::read(&journal).unwrap());
    assert_eq!(right.len(), LINES);
    while moments.killed < kills() {
        std::fs::remove_file(&journal).unwrap();
        let mut from = 0;
        while from < LINES && moments.killed < kills() {
            let killed = moments.kill(begin(from));
            let said = std::fs::read_to_string(&output).unwrap();
            let acknowledged: Vec<&str> =
                said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).collect();
            assert_eq!(acknowledged, (from..from + acknowledged.len()).map(stated).collect::<Vec<_>>());
            let held = if journal.exists() { Journal::read(&journal).unwrap() } else { Default::default() };
            assert!(held.1.is_empty(), "{:?}", held.1);
            // One more may be on the disk and not be acknowledged yet.
            let written = held.0.len() - from;
            assert!(
                (acknowledged.len()..=acknowledged.len() + 1).contains(&written),
                "{written} written, {acknowledged:?}"
            );
            from += written;
            assert!(killed || from == LINES);
        }
        if from < LINES {
            assert!(begin(from).wait().unwrap().success());
        }
        assert_eq!(without_time(&std::fs::read(&journal).unwrap()), right);
        let opened = Journal::open(&journal, "ann").unwrap();
        let table = opened.table();
        for i in 0..LINES {
            let last = (i..LINES.min(i + 2)).rfind(|&j| item(j) == item(i)).unwrap();
            let state = table
                .current(&item(i).to_string())
                .and_then(antiphon::curation::Record::decision)
                .map_or("undone", |decision| decision.name());
            assert_eq!(state, act(last), "item {i}");
        }
    }
    assert!(!folder.path().join("decisions.jsonl.torn").exists());
    moments.say("curate decide");
}
