//! `antiphon collect`: from names to pairs, resuming a run that was stopped or killed, and unusable files.

use super::{antiphon, fails, path, text};
use antiphon::curation::Items;
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::synth::{SoundFont, render};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A MIDI file of a tune that is different for each seed: eight bars of one voice above a bass.
fn tune(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let mut track = Vec::new();
    for _ in 0..32 {
        let (high, low) = (60 + next(24) as u8, 36 + next(20) as u8);
        // A quarter or an eighth of 96 ticks a quarter note, at 120 a minute.
        let length = if next(2) == 0 { 96 } else { 48 };
        track.extend([0, 0x90, high, 90, 0, 0x90, low, 80, length, 0x80, high, 0, 0, 0x80, low, 0]);
    }
    track.extend(b"\0\xff\x2f\0");
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    bytes
}

/// The sound of a MIDI file.
fn sound(midi: &[u8]) -> Vec<u8> {
    let (midi, font) = (Midi::parse(midi).expect("MIDI"), SoundFont::bundled().expect("a soundfont"));
    let wave = render(&midi, &font, 22_050, &Progress::silent()).expect("rendered");
    let samples: Vec<i16> = wave.samples.iter().map(|x| (x * 20_000.0).clamp(-32_768.0, 32_767.0) as i16).collect();
    super::wav(&samples)
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("written");
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("read");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Songs whose names are spelt differently: `The Alphas/Alpha_Song (0).mid` and `Alphas - Alpha song.wav`.
fn corpus(folder: &Path, songs: std::ops::Range<u32>) {
    let name = |number: u32| ["Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot"][number as usize];
    for number in songs {
        let midi = tune(number);
        write(&folder.join(format!("midi/The {0}s/{0}_Song ({number}).mid", name(number))), &midi);
        write(&folder.join(format!("audio/{0}s - {0} song.wav", name(number))), &sound(&midi));
    }
}

fn collect<'a>(midi: &'a str, audio: &'a str, list: &'a str) -> Vec<&'a str> {
    vec!["collect", "--midi", midi, "--audio", audio, "-o", list]
}

#[test]
fn names_in_any_form_and_short_ones_are_found_and_what_is_odd_is_said_once() {
    use unicode_normalization::UnicodeNormalization as _;
    let folder = tempfile::tempdir().expect("a folder");
    let names = [
        "Чайковский - Йод",
        "ガンダム - ずっと",
        "한국 - 사랑",
        "Ελύτης - Ήλιος",
        "U2 - One",
        "Cornelius - !",
        "Prince - 1999",
    ];
    for (number, name) in (70..).zip(names) {
        let [composed, decomposed] = [name.nfc().collect::<String>(), name.nfd().collect()];
        let mut midi = tune(number);
        let sound = sound(&midi);
        if name.starts_with('U') {
            // A velocity that no MIDI file may have.
            midi[22 + 3] = 200;
        }
        let [of_midi, of_audio] = if number % 2 == 0 { [&composed, &decomposed] } else { [&decomposed, &composed] };
        write(&folder.path().join(format!("midi/{of_midi}.mid")), &midi);
        write(&folder.path().join(format!("audio/{of_audio}.wav")), &sound);
        for kind in ["midi/", "audio/"] {
            write(
                &folder.path().join(format!("{kind}._{of_midi}.{}", if kind == "midi/" { "mid" } else { "wav" })),
                b"\0\x05\x16\x07",
            );
        }
    }
    std::fs::write(folder.path().join("c.csv"), "path;artist\n;nobody\naudio/x.wav;x\n").expect("written");
    let at = |name: &str| path(folder.path(), name);
    let (midi, audio, list, catalogue) = (at("midi"), at("audio"), at("pairs.jsonl"), at("c.csv"));
    let output =
        antiphon(&[&collect(&midi, &audio, &list)[..], &["--json", "--quiet", "--catalogue", &catalogue]].concat());
    let said: Vec<String> = text(&output.stderr).lines().map(str::to_owned).collect();
    let mended = "track 1: 1 data bytes above 127 were brought into range";
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with(&format!("antiphon: {mended}: ")) && said[0].ends_with("U2 - One.mid\""), "{said:?}");
    assert_eq!(said[1], format!("antiphon: skipped: row 2: missing field `path`: {catalogue:?}"));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["funnel"]["accepted"], 7, "{document:#}");
    assert_eq!(
        (&document["funnel"]["midi"]["files"], &document["warnings"][0]["warning"]),
        (&7.into(), &mended.into())
    );
    let odd: Vec<Value> = lines(Path::new(&list)).into_iter().filter(|pair| !pair["warning"].is_null()).collect();
    assert_eq!((odd.len(), &odd[0]["warning"]), (1, &format!("MIDI: {mended}").into()));
}

#[test]
fn names_and_sound_make_pairs_that_a_queue_and_a_data_set_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    corpus(folder.path(), 0..3);
    // The name matches, the sound does not.
    write(&at("audio/Delta/Wrong.wav"), &sound(&tune(40)));
    write(&at("midi/Delta/Wrong.mid"), &tune(41));
    // Whoever plays it: by title alone.
    write(&at("midi/Composer - Nocturne.mid"), &tune(50));
    write(&at("audio/Pianist - Nocturne.wav"), &sound(&tune(50)));
    // A copy, a file without a name, and what can't be read on either side.
    write(&at("midi/copies/1.mid"), &tune(0));
    write(&at("midi/17.mid"), &tune(60));
    write(&at("midi/broken.mid"), b"MThd");
    write(&at("audio/broken.wav"), &[0x55; 100]);
    let (midi, audio, list) =
        (path(folder.path(), "midi"), path(folder.path(), "audio"), path(folder.path(), "out/pairs.jsonl"));
    let png = path(folder.path(), "funnel.png");
    let output = antiphon(&[&collect(&midi, &audio, &list)[..], &["--json", "--funnel", &png]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("broken.mid") && said.contains("broken.wav") && said.lines().count() == 2, "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let funnel = &document["funnel"];
    let side = |name: &str| {
        ["files", "unique", "named", "titled", "matched", "aligned"]
            .map(|step| funnel[name][step].as_u64().expect("a count"))
    };
    assert_eq!(document["format"], "collect/1");
    assert_eq!(side("midi"), [8, 6, 5, 5, 4, 3]);
    assert_eq!(side("audio"), [6, 5, 5, 5, 4, 3]);
    assert_eq!((&funnel["candidates"], &funnel["accepted"], &funnel["songs"]), (&4.into(), &3.into(), &3.into()));
    assert!(image::open(&png).expect("a picture").width() == 640);

    // A list of pairs for a queue.
    let items = Items::read(Path::new(&list), &Progress::silent()).expect("a list");
    assert_eq!(items.len(), 3);
    for number in 0..3 {
        let item = items.item(number);
        assert!(item.midi.is_file() && item.audio.is_file() && item.confidence.expect("one") > 0.5, "{item:?}");
        assert!(item.title.to_lowercase().contains("song"), "{item:?}");
        assert!(item.judge.as_deref().is_some_and(|judge| judge.ends_with(" pair")), "{item:?}");
    }
    // And for a data set, with the splits of the list.
    let splits = |out: &str| -> BTreeSet<(String, String)> {
        let document = std::fs::read(Path::new(out).join("dataset.json")).expect("written");
        let document: Value = serde_json::from_slice(&document).expect("JSON");
        let works = document["works"].as_array().expect("works").iter();
        works.map(|work| (work["id"].as_str().expect("an id").into(), work["split"].to_string())).collect()
    };
    let mut rows = lines(Path::new(&list));
    for (row, split) in rows.iter_mut().zip(["develop", "test", "valid"]) {
        row["split"] = split.into();
    }
    let texts: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(at("out/own.jsonl"), texts.join("\n")).expect("written");
    for (name, rows) in [("out/pairs.jsonl", lines(Path::new(&list))), ("out/own.jsonl", rows)] {
        let out = path(folder.path(), &format!("{name}.data"));
        let output = antiphon(&["dataset", "align", &path(folder.path(), name), "-o", &out, "--quiet"]);
        assert!(text(&output.stdout).starts_with("3 pairs made"), "{} {}", text(&output.stdout), text(&output.stderr));
        let expected =
            rows.iter().map(|row| (row["midi_md5"].as_str().expect("MD5").to_owned(), row["split"].to_string()));
        assert_eq!(splits(&out), expected.collect(), "{name}");
    }

    // By title alone one more, and only what is new is aligned.
    let output = antiphon(&[&collect(&midi, &audio, &list)[..], &["--by-title", "2"]].concat());
    let said = text(&output.stdout);
    assert!(said.contains("pairs: 5 whose names match, 4 accepted (1 aligned now), of 4 songs"), "{said}");
    let by_title: Vec<Value> = lines(Path::new(&list)).into_iter().filter(|row| row["found_by"] == "title").collect();
    assert!(by_title.len() == 1 && by_title[0]["audio"] == "../audio/Pianist - Nocturne.wav", "{by_title:?}");
}

#[test]
fn a_catalogue_says_what_recordings_are_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    write(&at("midi/Alphas - Alpha Song.mid"), &tune(0));
    write(&at("audio/0001.wav"), &sound(&tune(0)));
    let (midi, audio, list) =
        (path(folder.path(), "midi"), path(folder.path(), "audio"), path(folder.path(), "pairs.jsonl"));
    let said = |more: &[&str]| text(&antiphon(&[&collect(&midi, &audio, &list)[..], more].concat()).stdout);
    assert!(said(&[]).contains("0 whose names match"), "{}", said(&[]));
    assert!(std::fs::read(&list).expect("a list without pairs").is_empty());
    let (table, rows) = (path(folder.path(), "c.csv"), path(folder.path(), "c.jsonl"));
    std::fs::write(&table, "path,artist,title\naudio/0001.wav,The Alphas,\"Alpha, Song\"\n").expect("written");
    std::fs::write(&rows, "{\"path\": \"audio/0001.wav\", \"artist\": \"Alphas\", \"title\": \"Alpha Song\"}\n")
        .expect("written");
    for (file, now) in [(&table, 1), (&rows, 0)] {
        let said = said(&["--catalogue", file]);
        assert!(said.contains(&format!("1 accepted ({now} aligned now)")), "{said}");
    }
}

/// The number of complete lines.
fn ends(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

/// Starts to collect, stops it when it has aligned `pairs`, and starts over if it finished before it could be stopped.
fn stopped(arguments: &[&str], list: &Path, pairs: usize, stop: impl Fn(&mut Child)) {
    for _ in 0..10 {
        let mut child = started(arguments, list, pairs);
        stop(&mut child);
        child.wait().expect("ended");
        if !list.exists() {
            return;
        }
        std::fs::remove_dir_all(list.parent().expect("a folder")).expect("removed");
    }
    panic!("it was done before it could be stopped, ten times");
}

/// Starts to collect and lets it run until it has aligned `pairs`, or has finished.
fn started(arguments: &[&str], list: &Path, pairs: usize) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_antiphon"))
        .args(arguments)
        // One pair after the other, so that some are left.
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let journal = list.with_file_name("pairs.jsonl.alignments");
    while ends(&std::fs::read(&journal).unwrap_or_default()) <= pairs {
        if child.try_wait().expect("asked").is_some() {
            break;
        }
        std::thread::yield_now();
    }
    child
}

/// Resumes after a stop: nothing is aligned twice, and the list equals that of an uninterrupted run.
fn goes_on(folder: &Path, arguments: &[&str], list: &Path) {
    let journal = list.with_file_name("pairs.jsonl.alignments");
    let before = std::fs::read(&journal).expect("a journal");
    let whole = before.iter().rposition(|&byte| byte == b'\n').expect("a line") + 1;
    let there = ends(&before) - 1;
    assert!((1..6).contains(&there), "{there}");
    assert!(!list.exists());
    let output = antiphon(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains(&format!("6 accepted ({} aligned now)", 6 - there)), "{there}: {said}");
    let after = std::fs::read(&journal).expect("a journal");
    assert_eq!(after[..whole], before[..whole]);
    let pairs: Vec<(String, String)> =
        lines(&journal)[1..].iter().map(|line| (line["midi_md5"].to_string(), line["audio_md5"].to_string())).collect();
    assert_eq!((pairs.len(), pairs.iter().collect::<BTreeSet<_>>().len()), (6, 6));
    let other = folder.join("other/pairs.jsonl");
    let (midi, audio, fresh) = (path(folder, "midi"), path(folder, "audio"), path(folder, "other/pairs.jsonl"));
    assert!(antiphon(&collect(&midi, &audio, &fresh)).status.success());
    assert_eq!(std::fs::read(list).expect("a list"), std::fs::read(other).expect("a list"));
}

#[test]
fn a_process_that_is_killed_goes_on_without_aligning_a_pair_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    corpus(folder.path(), 0..6);
    let (midi, audio, list) =
        (path(folder.path(), "midi"), path(folder.path(), "audio"), path(folder.path(), "out/pairs.jsonl"));
    let (arguments, place) = (collect(&midi, &audio, &list), folder.path().join("out/pairs.jsonl"));
    // On Unix this is SIGKILL.
    stopped(&arguments, &place, 2, |child| child.kill().expect("killed"));
    // As if it had been in the middle of writing.
    let journal = folder.path().join("out/pairs.jsonl.alignments");
    let mut bytes = std::fs::read(&journal).expect("a journal");
    bytes.extend(b"{\"midi_md5\": \"0123");
    std::fs::write(&journal, bytes).expect("written");
    goes_on(folder.path(), &arguments, &place);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    corpus(folder.path(), 0..6);
    let (midi, audio, list) =
        (path(folder.path(), "midi"), path(folder.path(), "audio"), path(folder.path(), "out/pairs.jsonl"));
    let (arguments, place) = (collect(&midi, &audio, &list), folder.path().join("out/pairs.jsonl"));
    stopped(&arguments, &place, 1, |child| {
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
        let code = child.wait().expect("ended").code();
        assert_eq!(code, Some(i32::from(!place.exists())), "cancelled, or done just before");
    });
    goes_on(folder.path(), &arguments, &place);
}

#[test]
fn what_is_missing_or_in_the_way_gets_one_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("midi/a.mid"), &tune(0));
    write(&folder.path().join("audio/a.wav"), &sound(&tune(0)));
    let (midi, audio, list) =
        (path(folder.path(), "midi"), path(folder.path(), "audio"), path(folder.path(), "pairs.jsonl"));
    fails(&collect(&audio, &audio, &list), "no MIDI files below");
    fails(&collect(&midi, &midi, &list), "no recordings below");
    fails(&collect(&midi, "no such folder", &list), "no such folder");
    std::fs::write(folder.path().join("c.jsonl"), "{}\n").expect("written");
    let catalogue = path(folder.path(), "c.jsonl");
    fails(&[&collect(&midi, &audio, &list)[..], &["--catalogue", &catalogue]].concat(), "line 1: missing field `path`");
    fails(&collect(&midi, &audio, &path(folder.path(), "midi/a.mid/out")), "can't create the folder");
    std::fs::write(folder.path().join("pairs.jsonl.alignments"), "{\"format\": \"other/1\"}\n").expect("written");
    fails(&collect(&midi, &audio, &list), "it was begun with");
    assert!(!folder.path().join("pairs.jsonl").exists());
}
