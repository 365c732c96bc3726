//! Sessions, autosave, recovery, folders and exports.

use super::{NAME, aligned, empty, window};
use antiphon::export::Artefact;
use antiphon::gui::{Arrival, Command, ExportOrder, Model, Overlay, Recover, Theme};
use antiphon::picture::Panel;
use antiphon::session::{Session, autosave_of};
use egui_kittest::kittest::Queryable;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Waits for jobs to end, at `now` seconds.
fn until(model: &mut Model, now: f64, mut done: impl FnMut(&Model) -> bool) {
    for _ in 0..20_000_000_u64 {
        model.collect(now);
        if done(model) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("it never came");
}

#[test]
fn what_a_crash_leaves_is_offered_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = aligned(Theme::Dark);
    model.keep_in(folder.path().to_path_buf());
    assert!(model.recovery().is_none());
    model.apply(Command::Seek(20.0), 0.0);
    model.apply(Command::ZoomIn, 0.0);
    let beside = autosave_of(&folder.path().join("unsaved.json"));
    until(&mut model, 2.0, |_| beside.exists());
    // The program is killed here. The next one finds it:
    drop(model);
    let mut model = empty(Theme::Dark);
    model.keep_in(folder.path().to_path_buf());
    assert_eq!(model.overlay(), Some(Overlay::Recovery));
    let mut harness = window(model);
    harness.run_steps(2);
    assert!(harness.query_by_label("A tune made for the tests.mid with 1 recording").is_some());
    harness.get_by_label_contains("Restore the work of").click();
    harness.run_steps(3);
    let model = harness.state().model();
    assert_eq!(model.candidates()[0].path, Path::new(NAME));
    assert!(model.recovery().is_none() && beside.exists());
}

#[test]
fn going_on_without_it_deletes_it_and_closing_in_order_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let beside = autosave_of(&folder.path().join("unsaved.json"));
    let mut model = aligned(Theme::Dark);
    model.keep_in(folder.path().to_path_buf());
    model.apply(Command::ZoomIn, 0.0);
    until(&mut model, 2.0, |_| beside.exists());
    let mut next = empty(Theme::Dark);
    next.keep_in(folder.path().to_path_buf());
    next.apply(Command::Recover(Recover::Neither), 0.0);
    assert!(!beside.exists() && next.recovery().is_none());
    model.apply(Command::ZoomIn, 5.0);
    until(&mut model, 9.0, |_| beside.exists());
    model.leave();
    assert!(!beside.exists());
}

#[test]
fn a_session_comes_back_with_its_files_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.mid");
    std::fs::write(&song, super::pair::tune(4).to_bytes()).unwrap();
    let mut model = empty(Theme::Dark);
    model.apply(Command::Open(vec![song.clone()]), 0.0);
    until(&mut model, 0.0, |model| model.midi().is_some());
    model.apply(Command::Seek(3.0), 0.0);
    let file = folder.path().join("work.json");
    model.apply(Command::SaveTo(file.clone()), 0.0);
    until(&mut model, 0.0, |model| model.session_file().is_some());
    let saved = Session::read(&file).unwrap();
    assert_eq!(saved.midi.as_ref().and_then(|midi| midi.md5.as_ref()).map(String::len), Some(32));
    assert!(std::fs::read_to_string(&file).unwrap().contains(r#""path": "song.mid""#));
    let mut other = empty(Theme::Dark);
    other.apply(Command::Open(vec![file.clone()]), 0.0);
    until(&mut other, 0.0, |model| model.midi().is_some() && model.session_file().is_some());
    assert_eq!(other.midi_path(), Some(song.as_path()));
    assert!((other.transport().position(0.0) - 3.0).abs() < 1e-9);
    assert_eq!(other.settings().recent[0], file);
}

#[test]
fn what_is_saved_beside_knows_the_contents_before_anything_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.mid");
    std::fs::write(&song, super::pair::tune(4).to_bytes()).unwrap();
    let mut model = empty(Theme::Dark);
    model.keep_in(folder.path().to_path_buf());
    model.apply(Command::Open(vec![song.clone()]), 0.0);
    until(&mut model, 0.0, |model| model.midi().is_some());
    model.apply(Command::ZoomIn, 1.0);
    let beside = autosave_of(&folder.path().join("unsaved.json"));
    let hashed =
        |_: &Model| Session::read(&beside).is_ok_and(|session| session.midi.is_some_and(|midi| midi.md5.is_some()));
    until(&mut model, 5.0, hashed);
    // Computed once: the next save has them at once.
    until(&mut model, 5.0, |model| model.session_now(5.0).midi.is_some_and(|midi| midi.md5.is_some()));
    let moved = folder.path().join("moved.mid");
    std::fs::rename(&song, &moved).unwrap();
    let opened = Session::open(&beside, &antiphon::job::Progress::silent()).unwrap();
    assert_eq!(opened.session.midi.unwrap().path, moved);
}

#[test]
fn a_dropped_folder_gives_its_files_sorted_and_names_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.wav", "a.ogg", "notes.txt", "deeper/c.mp3"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    let mut model = empty(Theme::Dark);
    model.apply(Command::Open(vec![folder.path().to_path_buf()]), 0.0);
    until(&mut model, 0.0, |model| !model.candidates().is_empty());
    let names: Vec<_> = model.candidates().iter().map(|c| c.path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["a.ogg", "b.wav", "c.mp3"]);
    assert!(model.problems()[0].text.ends_with("(1): notes.txt"), "{}", model.problems()[0].text);
}

#[test]
fn every_panel_is_exported_at_both_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = aligned(Theme::Dark);
    for scale in [1, 2] {
        let to = folder.path().join(scale.to_string());
        // Without the sound, which was not kept for this recording.
        let artefacts = Artefact::all().filter(|artefact| *artefact != Artefact::Listen).collect();
        let order = ExportOrder { artefacts, scale };
        model.apply(Command::ExportTo(order, Some(to.clone())), 0.0);
        until(&mut model, 0.0, |model| model.running().is_empty());
        assert!(model.problems().is_empty(), "{:?}", model.problems());
        let stem = Path::new(NAME).file_stem().unwrap().to_string_lossy().into_owned();
        for panel in Panel::ALL {
            let picture = image::open(to.join(format!("{stem} - {}.png", panel.name()))).unwrap().into_rgb8();
            assert_eq!(picture.width(), 900 * scale);
            let colours: BTreeSet<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
            assert!(colours.len() >= 4, "{panel:?} has {} colours", colours.len());
        }
        assert!(std::fs::read_to_string(to.join(format!("{stem} - alignment.csv"))).unwrap().lines().count() > 10);
        antiphon::midi::Midi::read(&to.join(format!("{stem} - aligned.mid"))).unwrap();
        let document = std::fs::read(to.join(format!("{stem} - alignment.json"))).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!((&document["format"], &document["seconds"]), (&"alignment/1".into(), &serde_json::Value::Null));
    }
    // The dialog, found by its label.
    let mut harness = window(model);
    harness.state_mut().model_mut().apply(Command::Export, 0.0);
    harness.run_steps(2);
    for label in ["Time map (CSV)", "Picture: matrix (PNG)", "Choose a folder…"] {
        assert!(harness.query_by_label(label).is_some(), "{label}");
    }
}

#[test]
fn recordings_that_are_not_selected_give_their_sound_back() {
    let mut model = empty(Theme::Dark);
    let ids: Vec<u64> = (0..12).map(|i| model.add(PathBuf::from(format!("/music/{i}.flac")))).collect();
    let in_memory =
        |model: &Model| -> Vec<usize> { (0..12).filter(|&i| model.candidates()[i].recording.is_some()).collect() };
    super::pair::bring(&mut model, ids[0], super::pair::pair(40, "/music/a.flac"));
    for &id in &ids[1..] {
        super::pair::bring_recording(&mut model, id, super::pair::pair(40, "/music/a.flac"));
    }
    model.apply(Command::Select(0), 0.0);
    // The selected one and those that follow it.
    assert_eq!(in_memory(&model), [0, 1, 2, 3]);
    let known = |candidate| matches!(model.state(candidate), super::State::Aligned(_));
    assert!(model.candidates().iter().all(known), "all keep their alignment");

    model.apply(Command::Seek(5.0), 0.0);
    let moment = model.midi_time(5.0).unwrap();
    model.apply(Command::Select(9), 1.0);
    // The one selected before stays.
    assert_eq!(in_memory(&model), [0]);
    assert!(model.aligned().is_none());
    assert!(!model.playable(), "nothing sounds that belongs to another recording");
    let again = super::pair::pair(40, "/music/a.flac").recording;
    model.receive(Arrival::Recording(ids[9], Ok(again)), 1.0);
    // Its pictures are made again from the alignment, which was kept.
    assert!(model.aligned().is_some_and(|aligned| !aligned.curves.cost.is_empty()));
    let back = model.midi_time(model.transport().position(1.0)).unwrap();
    assert!((back.0 - moment.0).abs() < 0.05, "{moment:?} {back:?}");

    // Undo brings the selection back, which is still in memory.
    model.apply(Command::Undo, 2.0);
    assert_eq!(model.selected(), Some(0));
    assert!(model.playable());
}

#[test]
fn cancel_all_stops_what_runs_and_what_waits() {
    let mut model = empty(Theme::Dark);
    let files = (0..30).map(|i| PathBuf::from(format!("/music/{i}.flac"))).collect();
    model.apply(Command::Open(files), 0.0);
    assert!(!model.running().is_empty() && model.waits());
    model.apply(Command::CancelAll, 0.0);
    assert!(model.running().is_empty() && !model.waits());
    let [problem] = model.problems() else { panic!("one line") };
    assert_eq!(problem.text, "cancelled: 30 recordings left alone");
    let id = problem.id;
    model.apply(Command::Retry(id), 0.0);
    assert!(!model.running().is_empty() && model.waits() && model.problems().is_empty());
}
