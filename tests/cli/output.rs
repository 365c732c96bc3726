//! What remains after a command fails: nothing that was not there before.

use super::{DEMO_MIDI, RIGHT, antiphon, path, text};
use antiphon::collect::{Collecting, collect};
use antiphon::error::Error;
use antiphon::job::Progress;
use antiphon::synth::SoundFont;
use std::path::Path;

/// Files and folders in `folder`.
fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("listed").count()
}

#[test]
fn a_command_that_fails_leaves_no_empty_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| path(folder.path(), name);
    let (missing, noise, empty, index) = (at("missing"), at("noise.mp3"), at("empty.jsonl"), at("index"));
    let (nowhere, none) = (at("missing/list.jsonl"), at("none"));
    std::fs::write(&noise, [0x55; 500]).expect("written");
    std::fs::write(&empty, b"").expect("written");
    std::fs::create_dir(&none).expect("a folder");
    assert!(antiphon(&["index", "synthesize", "-o", &index, "--entries", "5", "--quiet"]).status.success());
    // Neither exists, nor does the folder above.
    let out = at("new/out");
    let (model, list, picture) = (at("new/out/m.safetensors"), at("new/out/pairs.jsonl"), at("new/out/x.png"));
    let array = at("new/out/x.npy");

    let commands: [&[&str]; 37] = [
        &["align", &missing, RIGHT, "-o", &out],
        &["align", DEMO_MIDI, &noise, "-o", &out],
        &["align", DEMO_MIDI, RIGHT, "-o", &out, "--soundfont", &missing],
        &["features", &missing, "-o", &array],
        &["hash", &missing, "-o", &array],
        &["embed", &missing, "-o", &array],
        &["index", "build", &missing, "--index", &out],
        &["index", "build", &none, "--index", &out],
        &["index", "build", &noise, "--index", &out, "--embedding", "statistics"],
        &["index", "build", RIGHT, "--index", &out, "--model", &missing],
        &["index", "build", RIGHT, "--index", &out, "--soundfont", &missing],
        &["index", "build", "--catalogue", &missing, "--index", &out],
        &["index", "add", RIGHT, "--index", &out],
        &["index", "remove", RIGHT, "--index", &out],
        &["match", DEMO_MIDI, "--index", &missing, "-o", &out],
        &["match", &missing, "--index", &index, "-o", &out],
        &["match", &none, "--index", &index, "-o", &out],
        &["match", "--merge", &missing, "-o", &out],
        &["collect", "--midi", &missing, "--audio", RIGHT, "-o", &list],
        &["collect", "--midi", DEMO_MIDI, "--audio", &none, "-o", &list],
        &["collect", "--midi", DEMO_MIDI, "--audio", RIGHT, "--catalogue", &missing, "-o", &list],
        &["dataset", "synthesize", &missing, "-o", &out],
        &["dataset", "synthesize", DEMO_MIDI, "-o", &out, "--seconds", "1"],
        &["dataset", "align", &missing, "-o", &out],
        &["dataset", "align", &none, "-o", &out],
        &["train", "hash", "--data", &missing, "-o", &model],
        &["train", "embed", "--data", &missing, "-o", &model],
        &["toy", "table", "-o", &out, "--lengths", "1"],
        &["evaluate", "hash", "pairs", &none, "--cache", &out, "--png", &picture],
        &["evaluate", "hash", "dataset", &missing, "--png", &picture],
        &["evaluate", "embed", "pairs", &none, "--cache", &out],
        &["evaluate", "embed", "dataset", &missing, "--png", &picture],
        &["evaluate", "search", &none, "--index", &index, "--png", &picture],
        &["curate", "export", &missing, "--jams", &out],
        &["curate", "export", &empty, "--jams", &out, "--pairs", &nowhere],
        &["curate", "export", &missing, "--tree", &out],
        &["curate", "export", &missing, "--aligned", &out],
    ];
    let before = count(folder.path());
    for arguments in commands {
        let output = antiphon(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
        assert_eq!(count(folder.path()), before, "{arguments:?}: {}", text(&output.stderr));
    }
    // A folder that was there stays, as empty as it was.
    std::fs::create_dir_all(&out).expect("folders");
    for arguments in commands {
        assert_eq!(antiphon(arguments).status.code(), Some(1), "{arguments:?}");
        assert_eq!(count(Path::new(&out)), 0, "{arguments:?}");
    }
}

#[test]
fn a_collection_that_is_stopped_at_once_leaves_no_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let (font, stopped) = (SoundFont::bundled().expect("a soundfont"), Progress::silent());
    stopped.cancel();
    let what = Collecting::new(vec![DEMO_MIDI.into()], vec![RIGHT.into()], &font);
    assert!(matches!(collect(&what, &folder.path().join("pairs.jsonl"), &stopped), Err(Error::Cancelled)));
    assert_eq!(count(folder.path()), 0);
}

#[cfg(unix)]
#[test]
fn a_table_that_is_stopped_in_its_first_epoch_leaves_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = path(folder.path(), "new/table");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_antiphon"))
        .args(["toy", "table", "-o", &out, "--lengths", "100", "--quiet"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    while !Path::new(&out).exists() {
        assert!(child.try_wait().expect("asked").is_none(), "it ended before it had begun");
    }
    let stop = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(stop.expect("kill").success());
    assert_eq!(child.wait().expect("ended").code(), Some(1));
    assert_eq!(count(folder.path()), 0);
}
