//! The Search tab: an index, the hits, and playing one after the other.

use super::{aligned, empty, settle, window};
use antiphon::alignment::Verdict;
use antiphon::gui::{App, Arrival, Command, HitOrder, Model, SearchForm, Searched, Tab, Theme};
use antiphon::hashing::Side;
use antiphon::index::{About, Entry, Index, synthesize};
use antiphon::job::Progress;
use antiphon::search::{Found, Hit, Stage, StageName};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::path::PathBuf;
use std::sync::Arc;

/// Hits for the open MIDI file: the best is certain, the others are not.
pub(super) fn found(model: &Model, count: usize) -> Searched {
    let hit = |at: usize| Hit {
        rank: at + 1,
        place: at,
        entry: Entry {
            md5: format!("{at:032x}"),
            side: Side::Audio,
            path: PathBuf::from(format!("/music/take {at}.ogg")),
            bytes: 1000,
            modified_ns: None,
            seconds: 100.0 + ((at * 7) % 31) as f64,
            tuning: None,
            warning: None,
            about: About {
                artist: at.is_multiple_of(2).then(|| format!("Artist {}", count - at)),
                title: Some(format!("Title {at}")),
                ..About::default()
            },
        },
        confidence: Some(if at == 0 { 0.91 } else { 0.4 / at as f64 }),
        verdict: Some(if at == 0 { Verdict::Match } else { Verdict::NoMatch }),
        judge: None,
        evidence: Vec::new(),
        score: Some(0.5),
        aligned: None,
        hash_distance: 6.0 + ((at * 5) % 17) as f32 / 2.0,
        embedding_distance: Some(0.4 + ((at * 3) % 11) as f32 / 20.0),
        transpose: i32::from(at == 1),
    };
    let stage = |name, looked_at, kept| Stage { name, looked_at, kept, keys: 1, seconds: 0.012 };
    let stages = vec![
        stage(StageName::Embedding, 1_000_000, 100_000),
        stage(StageName::Hash, 100_000, 250),
        stage(StageName::Alignment, 250, 25),
    ];
    let query = model.midi_path().expect("a MIDI file").to_path_buf();
    Searched {
        query,
        found: Found {
            hits: (0..count).map(hit).collect(),
            stages,
            remarks: Vec::new(),
            warning: None,
            threshold: 0.5,
            prior: 0.2,
        },
    }
}

pub(super) fn searched(theme: Theme, count: usize) -> Model {
    let mut model = aligned(theme);
    let found = found(&model, count);
    model.receive(Arrival::Found(Ok(found)), 0.0);
    model.apply(Command::SearchTab, 0.0);
    model
}

fn value(harness: &Harness<'static, App>, role: Role, label: &str) -> String {
    harness.get_by_role_and_label(role, label).accesskit_node().value().unwrap_or_default()
}

#[test]
fn an_index_is_opened_and_says_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    synthesize(&folder.path().join("small"), 30, None, 1, &Progress::silent()).unwrap();
    let mut model = empty(Theme::Dark);
    assert!(!model.searchable());
    model.receive(Arrival::Index(Ok(Arc::new(Index::open(&folder.path().join("small")).unwrap()))), 0.0);
    model.apply(Command::SearchTab, 0.0);
    // There is nothing to search for.
    assert!(!model.searchable());
    let mut harness = window(model);
    harness.run_steps(3);
    assert!(harness.query_by_label("Nothing has been looked for yet.").is_some());
    assert!(harness.query_by_label("small").is_some());
    // An index that is not one leaves a line with a retry.
    let mut model = empty(Theme::Dark);
    let refusal = Index::open(folder.path()).map(drop).unwrap_err();
    model.apply(Command::UseIndex(folder.path().into()), 0.0);
    model.receive(Arrival::Index(Err(refusal)), 0.0);
    assert!(model.problems().iter().any(antiphon::gui::Problem::can_retry), "{:?}", model.problems());
}

#[test]
fn hits_are_listened_to_by_the_arrow_keys_and_opened_by_enter() {
    let mut harness = window(searched(Theme::Dark, 8));
    settle(&mut harness);
    assert!(value(&harness, Role::List, "Hits").starts_with("8 hits"));
    harness.get_by_role_and_label(Role::List, "Hits").focus();
    harness.run_steps(2);
    for _ in 0..2 {
        harness.key_press(Key::ArrowDown);
        harness.run_steps(3);
    }
    let model = harness.state().model();
    assert_eq!(model.hit_row(), Some(1));
    let listened_to = model.candidate().expect("a recording").path.clone();
    assert_eq!(listened_to, PathBuf::from("/music/take 1.ogg"));
    // The next three are read ahead.
    let list: Vec<String> = model.candidates().iter().map(|c| c.path.display().to_string()).collect();
    assert!((1..=4).all(|at| list.contains(&format!("/music/take {at}.ogg"))), "{list:?}");
    assert!(value(&harness, Role::List, "Hits").starts_with("2, Title 1, confidence 0.40"));
    harness.key_press(Key::ArrowUp);
    harness.run_steps(3);
    assert_eq!(harness.state().model().hit_row(), Some(0));
    assert_eq!(harness.state().model().settings().tab, Tab::Search);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(harness.state().model().settings().tab, Tab::Audit);
}

#[test]
fn hits_are_sorted_and_filtered() {
    let mut model = searched(Theme::Dark, 40);
    let names =
        |model: &Model| -> Vec<usize> { (0..model.hit_count()).map(|row| model.hit(row).unwrap().rank).collect() };
    assert_eq!(names(&model), (1..=40).collect::<Vec<_>>());
    let form = SearchForm { order: HitOrder::Hash, ..SearchForm::default() };
    model.apply(Command::LookAtHit(3), 0.0);
    model.apply(Command::SearchHow(form.clone()), 0.0);
    let distances: Vec<f32> = (0..40).map(|row| model.hit(row).unwrap().hash_distance).collect();
    assert!(distances.is_sorted());
    // The selected hit stays selected.
    assert_eq!(model.hit_row().and_then(|row| model.hit(row)).map(|hit| hit.rank), Some(4));
    model.apply(Command::SearchHow(SearchForm { reversed: true, ..form.clone() }), 0.0);
    assert!((1..40).all(|row| model.hit(row - 1).unwrap().hash_distance >= model.hit(row).unwrap().hash_distance));
    model.apply(Command::SearchHow(SearchForm { filter: "ARTIST 4".into(), ..form }), 0.0);
    assert_eq!(names(&model).len(), 2, "artists 4 and 40");
}

#[test]
fn a_hundred_thousand_hits_draw_only_what_is_in_sight() {
    let mut harness = window(searched(Theme::Light, 100_000));
    harness.run_steps(3);
    let rows = harness
        .query_all_by_role(Role::Button)
        .filter(|node| node.accesskit_node().label().is_some_and(|label| label.contains("bits apart")));
    let count = rows.count();
    assert!((5..100).contains(&count), "{count}");
    // The last hit is reached by key.
    harness.get_by_role_and_label(Role::List, "Hits").focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowUp);
    harness.run_steps(4);
    assert_eq!(harness.state().model().hit_row(), Some(99_999));
    assert!(harness.query_all_by_label_contains("100000, ").next().is_some());
}

#[test]
fn searching_has_its_keys() {
    let mut harness = window(searched(Theme::Dark, 3));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    harness.run_steps(2);
    assert_eq!(harness.state().model().settings().tab, Tab::Audit);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num6);
    harness.run_steps(2);
    assert_eq!(harness.state().model().settings().tab, Tab::Search);
    assert!(value(&harness, Role::Image, "Scores by rank").starts_with("1, Artist 3: Title 0"));
    assert!(harness.query_by_label_contains("Vectors: 100000 of 1000000, 12 ms").is_some());
}

#[test]
fn an_index_asks_what_goes_where() {
    let mut model = empty(Theme::Dark);
    model.receive(Arrival::ToIndex(Ok(vec!["/music/Songs".into()])), 0.0);
    let mut harness = window(model);
    harness.run_steps(3);
    assert!(harness.query_by_label("/music/Songs.index").is_some());
    assert!(harness.query_by_label("To a new index").is_some());
    harness.get_by_label("Recordings and MIDI files").click();
    harness.run_steps(3);
    harness.state_mut().model_mut().receive(Arrival::IndexTo(Ok(vec!["/elsewhere/all.index".into()])), 0.0);
    harness.run_steps(3);
    let form = harness.state().model().index_form().unwrap().clone();
    assert_eq!((form.index, form.kinds), ("/elsewhere/all.index".into(), antiphon::index::Kinds::Both));
    // Nothing has begun yet.
    assert!(harness.state().model().settings().index.is_none() && !harness.state().model().indexes());
    harness.get_by_label("Cancel").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("To a new index").is_none());
}
