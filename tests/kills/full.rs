//! No room on the disk: one line says so, what is there is whole, and with room the same command comes to its end.
//!
//! A limit on the length of files (`ulimit -f`) stands for the full disk: anybody may set it, and it refuses the same
//! writes each time. One of a tmpfs needs rights that tests don't have.

use super::*;
use antiphon::session::Session;
use std::collections::BTreeSet;
use std::process::Output;

/// The bytes by which the limit counts.
const BLOCK: usize = 512;
/// So many limits are tried on a command.
const LIMITS: usize = 3;

/// Runs a command whose files may have so many blocks.
fn limited(blocks: usize, program: &str, arguments: &[&str]) -> Output {
    let script = r#"trap '' XFSZ; ulimit -f "$0"; exec "$@""#;
    Command::new("sh").args(["-c", script, &blocks.to_string(), program]).args(arguments).output().unwrap()
}

/// The limits at which one more of these files fits: none at first.
fn limits(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<usize> {
    let sizes = files.values().filter(|bytes| !bytes.is_empty()).map(|bytes| (bytes.len() - 1) / BLOCK);
    let all: Vec<usize> = std::iter::once(0).chain(sizes).collect::<BTreeSet<_>>().into_iter().collect();
    let step = if std::env::var_os("ANTIPHON_KILLS").is_some() { 1 } else { all.len().div_ceil(LIMITS) };
    all.into_iter().step_by(step).collect()
}

/// Whether a file is what it was, what it becomes, or has whole lines of that.
fn is_whole(name: &Path, bytes: &[u8], before: Option<&Vec<u8>>, right: Option<&Vec<u8>>) -> bool {
    if name.extension().is_some_and(|ending| ending == "json") {
        return serde_json::from_slice::<Value>(bytes).is_ok();
    }
    let grows = name.to_string_lossy().contains(".jsonl");
    before.is_some_and(|before| before == bytes)
        || right.is_some_and(|right| right == bytes)
        || (grows && (bytes.is_empty() || bytes.ends_with(b"\n")))
}

/// Runs a command at several limits. `result` is what has to be the same as undisturbed.
fn runs_full_and_again<T: PartialEq + std::fmt::Debug>(
    arguments: &[String],
    work: &Path,
    result: impl Fn(BTreeMap<PathBuf, Vec<u8>>) -> T,
) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let before = tree(work);
    put(work, &before);
    succeeds(&arguments);
    let right = tree(work);
    let outcome = result(right.clone());
    let mut refused = 0;
    for blocks in limits(&right) {
        put(work, &before);
        let output = limited(blocks, env!("CARGO_BIN_EXE_antiphon"), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        if code != Some(0) {
            refused += 1;
            let what = format!("{arguments:?} with {blocks} blocks, {code:?}: {said:?}");
            // Of several outputs, each that is left out is named.
            assert!(code == Some(1) && said.lines().count() == 1 || code == Some(2), "{what}");
            for line in said.lines() {
                assert!(line.starts_with("antiphon: ") && line.contains("too large") && line.ends_with('"'), "{what}");
            }
            for (name, bytes) in tree(work) {
                assert!(is_whole(&name, &bytes, before.get(&name), right.get(&name)), "{name:?} is cut: {what}");
            }
        }
        succeeds(&arguments);
        assert!(result(tree(work)) == outcome, "{arguments:?} after {blocks} blocks");
    }
    assert!(refused > 0, "{arguments:?} wrote nothing");
    eprintln!("{}: refused {refused} times", arguments[..2].join(" "));
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

/// A MIDI file and its recording, below `folder`.
fn pair(folder: &Path) -> [String; 2] {
    let (midi, sound) = tune(0);
    std::fs::write(folder.join("tune.mid"), midi).unwrap();
    wav(&folder.join("tune.wav"), sound);
    ["tune.mid", "tune.wav"].map(|name| path(folder, name))
}

#[test]
fn align_features_and_hash_leave_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let [midi, sound] = pair(folder.path());
    let work = folder.path().join("work");
    let (out, npy) = (path(&work, "out"), path(&work, "file.npy"));
    runs_full_and_again(&owned(&["align", &midi, &sound, "--listen", "-o", &out, "--quiet"]), &work, |mut all| {
        // It says how long it took.
        assert!(all.remove(Path::new("out/alignment.json")).is_some());
        all
    });
    runs_full_and_again(&owned(&["features", &midi, "-o", &npy]), &work, |all| all);
    put(&work, &BTreeMap::new());
    runs_full_and_again(&owned(&["hash", &midi, "-o", &npy]), &work, |all| all);
}

#[test]
fn index_leaves_no_half_segment() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = index_to_add_to(folder.path());
    let work = folder.path().join("work");
    runs_full_and_again(&arguments, &work, |all| all);
    std::fs::remove_dir_all(&work).unwrap();
    let build = arguments.into_iter().map(|word| if word == "add" { "build".to_owned() } else { word });
    let build: Vec<String> = build.chain(owned(&["--embedding", "statistics"])).collect();
    runs_full_and_again(&build, &work, |all| all);
}

/// The lines in any order.
fn sorted(files: BTreeMap<PathBuf, Vec<u8>>) -> BTreeMap<PathBuf, Vec<u8>> {
    let lines = |name: &Path| name.to_string_lossy().contains(".jsonl");
    files.into_iter().map(|(name, bytes)| if lines(&name) { (name, in_order(&bytes)) } else { (name, bytes) }).collect()
}

#[test]
fn match_leaves_no_half_line_and_no_file_unwritten() {
    let folder = tempfile::tempdir().unwrap();
    runs_full_and_again(&queries(folder.path()), &folder.path().join("work"), sorted);
}

#[test]
fn collect_leaves_no_half_line() {
    let folder = tempfile::tempdir().unwrap();
    runs_full_and_again(&collection(folder.path()), &folder.path().join("work"), sorted);
}

#[test]
fn train_leaves_whole_models_and_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    runs_full_and_again(&training(folder.path()), &folder.path().join("work"), |all| {
        let names: Vec<PathBuf> = all.keys().cloned().collect();
        (numbers(&all[&names[0]]), without_time(&all[&names[1]]), names)
    });
}

#[test]
fn dataset_leaves_whole_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let [midi, sound] = pair(folder.path());
    let (work, list) = (folder.path().join("work"), path(folder.path(), "list.jsonl"));
    let data = path(&work, "data");
    runs_full_and_again(&owned(&["dataset", "synthesize", &midi, "-o", &data, "--quiet"]), &work, |all| all);
    put(&work, &BTreeMap::new());
    std::fs::write(&list, json!({ "midi": midi, "audio": sound }).to_string() + "\n").unwrap();
    runs_full_and_again(&owned(&["dataset", "align", &list, "-o", &data, "--quiet"]), &work, |all| all);
}

#[test]
fn curate_loses_no_decision_and_leaves_whole_exports() {
    let folder = tempfile::tempdir().unwrap();
    let [midi, sound] = pair(folder.path());
    let journal = path(folder.path(), "decisions.jsonl");
    let decide =
        ["curate", "decide", &journal, "--item", "a", "--decision", "confirmed", "--midi", &midi, "--audio", &sound];
    succeeds(&decide);
    let before = std::fs::read(&journal).unwrap();
    // The first fits into the block, a later one does not.
    let mut acknowledged = 1;
    let failed = loop {
        let output = limited(1, env!("CARGO_BIN_EXE_antiphon"), &decide);
        if !output.status.success() {
            break String::from_utf8_lossy(&output.stderr).into_owned();
        }
        acknowledged += 1;
    };
    assert!(failed.lines().count() == 1 && failed.ends_with("decisions.jsonl\"\n"), "{failed:?}");
    let held = std::fs::read(&journal).unwrap();
    assert!(held.starts_with(&before) && without_time(&held).len() == acknowledged);
    succeeds(&decide);
    assert_eq!(without_time(&std::fs::read(&journal).unwrap()).len(), acknowledged + 1);

    let work = folder.path().join("work");
    let at = |name: &str| path(&work, name);
    let (csv, document, jams, pairs) = (at("d.csv"), at("d.json"), at("jams"), at("pairs.jsonl"));
    let (tree, aligned) = (at("tree"), at("aligned"));
    let export = ["curate", "export", &journal, "--csv", &csv, "--document", &document, "--jams", &jams];
    let more = ["--pairs", &pairs, "--tree", &tree, "--aligned", &aligned, "--quiet"];
    runs_full_and_again(&owned(&[&export[..], &more].concat()), &work, |all| all);
}

/// The window saves sessions, so the test saves one itself: in a process of its own, as the limit holds for all of it.
#[test]
fn a_session_stays_as_it_was() {
    const TO: &str = "ANTIPHON_TEST_SESSION";
    let text = |seconds: usize| {
        let view = vec![json!({ "path": "a.wav", "bytes": null, "md5": null }); 20];
        json!({ "format": 1, "saved_s": seconds, "midi": null, "recordings": view, "selected": null, "playhead_s": 0.0,
                "view_s": null, "bins": null })
    };
    if let Some(to) = std::env::var_os(TO) {
        let session: Session = serde_json::from_value(text(2)).unwrap();
        return session.save(Path::new(&to)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("work.antiphon");
    let session: Session = serde_json::from_value(text(1)).unwrap();
    session.save(&file).unwrap();
    let before = tree(folder.path());
    let this = std::env::current_exe().unwrap();
    for blocks in [0, 1, 2] {
        let saving =
            [&format!("{TO}={}", file.display()), this.to_str().unwrap(), "--exact", "full::a_session_stays_as_it_was"];
        let output = limited(blocks, "env", &saving);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("FileTooLarge"), "{said}");
        assert_eq!(tree(folder.path()), before);
    }
}
