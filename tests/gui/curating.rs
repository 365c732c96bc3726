//! Curation in the window: by keyboard alone, without losing anything, and back to the item that was decided.

use super::{empty, pair, settle, window};
use antiphon::curation::{Arrangement, Decision, Item, Items, Journal, Order, Queue, QueueFilter, Reason, State};
use antiphon::gui::{Aligned, App, Arrival, Command, Curate, Model, OpenedQueue, ReadyPair, Theme};
use antiphon::job::Progress;
use antiphon::session::{Session, autosave_of};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn items(count: usize) -> Arc<Items> {
    Arc::new(Items::from_list((0..count).map(|i| Item {
        id: format!("{i}"),
        midi: format!("/music/{i}.mid").into(),
        audio: format!("/music/{i}.wav").into(),
        title: format!("Song {i}"),
        confidence: Some(1.0 - i as f64 / count as f64),
        judge: Some("1f6c02ab pair".into()),
        ..Item::default()
    })))
}

fn opened(folder: &Path, count: usize) -> OpenedQueue {
    let journal = Journal::open(&folder.join("decisions.jsonl"), "ann").unwrap();
    let queue = Queue::new(items(count), journal.table(), &Progress::silent()).unwrap();
    OpenedQueue { queue, journal, item: None, obstacle: None }
}

/// A model with a queue in which nothing is ready.
fn curating(folder: &Path, count: usize) -> Model {
    let mut model = empty(Theme::Dark);
    model.receive(Arrival::Queue(Ok(Box::new(opened(folder, count)))), 0.0);
    model
}

/// Supplies the pair of an item, as its job would.
fn bring(model: &mut Model, index: usize) {
    let made = pair::pair(6, &format!("/music/{index}.wav"));
    let aligned = Aligned::new(made.alignment, &made.midi, &made.recording);
    let ready = ReadyPair { midi: Arc::new(made.midi), recording: made.recording, aligned, material: None };
    model.receive(Arrival::Pair(index, Ok(Box::new(ready))), 0.0);
}

/// Judges the item as a person does: once it is ready and has been drawn.
fn decide(model: &mut Model, command: Command, now: f64) {
    if model.aligned().is_none() {
        bring(model, current(model));
    }
    model.collect(now);
    model.collect(now);
    model.apply(command, now);
}

/// A queue in the middle of being judged, nothing left to load.
fn judging(folder: &Path, theme: Theme) -> Model {
    let mut model = empty(theme);
    model.receive(Arrival::Queue(Ok(Box::new(opened(folder, 12)))), 0.0);
    for (i, command) in [
        Command::Confirm,
        Command::Curate(Curate::Reject(Reason::WrongKey)),
        Command::Confirm,
        Command::Skip,
        Command::Unsure,
    ]
    .into_iter()
    .enumerate()
    {
        decide(&mut model, command, i as f64 * 12.0);
    }
    for index in 5..9 {
        bring(&mut model, index);
    }
    model.apply(Command::Curate(Curate::Write("the bridge comes twice".into())), 60.0);
    model.apply(Command::PlayPause, 60.0);
    model.apply(Command::Curate(Curate::AddAnchor(4.0, 6.5)), 60.0);
    while !model.idle() || model.curating().unwrap().journal().unwritten() > 0 {
        model.collect(60.0);
        std::thread::yield_now();
    }
    // They are about files that do not exist.
    while let Some(problem) = model.problems().first().map(|problem| problem.id) {
        model.apply(Command::Dismiss(problem), 60.0);
    }
    model
}

fn current(model: &Model) -> usize {
    model.curating().unwrap().queue().current().unwrap()
}

fn state(model: &Model, index: usize) -> State {
    model.curating().unwrap().queue().state(index)
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

#[test]
fn a_hundred_decisions_by_the_keyboard_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 120);
    for index in 0..2 {
        bring(&mut model, index);
    }
    let mut harness = window(model);
    harness.run_steps(2);
    let mut waits = Vec::new();
    for i in 0..100 {
        assert_eq!(current(harness.state().model()), i);
        let key = [Key::A, Key::X, Key::U, Key::S][i % 4];
        let pressed = Instant::now();
        harness.key_press(key);
        while current(harness.state().model()) == i || !harness.state().model().transport().playing() {
            harness.step();
        }
        waits.push(pressed.elapsed().as_secs_f64());
        let model = harness.state_mut().model_mut();
        assert!(model.aligned().is_some(), "{i} is not there");
        // What a job would have supplied meanwhile.
        bring(model, i + 2);
    }
    waits.sort_by(f64::total_cmp);
    eprintln!(
        "from the key to the next pair playing: median {:.1} ms, longest {:.1} ms",
        waits[50] * 1e3,
        waits[99] * 1e3
    );
    let counts = harness.state().model().curating().unwrap().queue().counts();
    assert_eq!(counts.of(State::Confirmed), 25);
    assert_eq!((counts.decided(), counts.of(State::Skipped)), (75, 25));
    harness.state_mut().model_mut().leave();
    let (records, remarks) = Journal::read(&folder.path().join("decisions.jsonl")).unwrap();
    assert!(records.len() == 100 && remarks.is_empty());
    for (i, record) in records.iter().enumerate() {
        assert_eq!((record.item.as_str(), record.decision()), (i.to_string().as_str(), Some(Decision::ALL[i % 4])));
        assert_eq!(record.map.as_ref().map(String::len), Some(32));
        assert!(record.confidence.is_some() && record.score.is_some() && record.midi.is_some() && !record.blind);
        assert_eq!((record.judge.as_deref(), record.order.as_deref()), (Some("1f6c02ab pair"), Some("best")));
    }
}

#[test]
fn a_key_that_is_held_down_decides_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 9);
    for index in 0..9 {
        bring(&mut model, index);
    }
    let mut harness = window(model);
    harness.run_steps(3);
    let hold = |harness: &mut Harness<'static, App>, key| {
        for _ in 0..30 {
            let (pressed, repeat, modifiers) = (true, false, Modifiers::NONE);
            let event = egui::Event::Key { key, physical_key: None, pressed, repeat, modifiers };
            harness.input_mut().events.push(event);
            harness.run_steps(2);
        }
        let (pressed, repeat, modifiers) = (false, false, Modifiers::NONE);
        harness.input_mut().events.push(egui::Event::Key { key, physical_key: None, pressed, repeat, modifiers });
        harness.run_steps(2);
    };
    for (key, decided) in [(Key::A, 1), (Key::X, 2), (Key::U, 3), (Key::S, 4)] {
        hold(&mut harness, key);
        let model = harness.state().model();
        assert_eq!((current(model), model.curating().unwrap().journal().table().records().count()), (decided, decided));
    }
    // The reason is asked for once, and the key that asked does not answer.
    hold(&mut harness, Key::R);
    assert!(harness.state().model().curating().unwrap().choosing_reason());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    // Steps repeat: from pair to pair, but without a decision.
    hold(&mut harness, Key::K);
    let model = harness.state().model();
    assert_eq!((current(model), model.curating().unwrap().journal().table().records().count()), (0, 4));
}

#[test]
fn a_pair_that_nobody_has_seen_is_not_decided() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 4);
    for command in [Command::Confirm, Command::Unsure, Command::Curate(Curate::Reject(Reason::BadAudio))] {
        model.apply(command, 0.0);
        assert_eq!((current(&model), model.status()), (0, "Not decided: this pair is still being read"));
    }
    bring(&mut model, 0);
    bring(&mut model, 1);
    // Two presses in one frame: the second was meant for the pair that the first has left.
    model.collect(0.0);
    model.collect(0.0);
    model.apply(Command::Confirm, 0.0);
    model.apply(Command::Confirm, 0.0);
    assert_eq!((current(&model), model.status()), (1, "Not decided: this pair has only just come"));
    model.collect(0.1);
    model.collect(0.2);
    model.apply(Command::Confirm, 0.2);
    assert_eq!((current(&model), state(&model, 1)), (2, State::Confirmed));
    assert!(!model.curating().unwrap().journal().table().current("1").unwrap().unseen);
    // Skipping is no judgement.
    model.apply(Command::Skip, 0.3);
    assert_eq!((current(&model), state(&model, 2)), (3, State::Skipped));
}

#[test]
fn an_item_whose_file_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 3);
    let error = |file: &str| antiphon::Error::Decode { reason: "unknown format".into(), path: file.into() };
    model.receive(Arrival::Pair(0, Err(error("/music/0.wav"))), 0.0);
    bring(&mut model, 1);
    let mut harness = window(model);
    harness.run_steps(3);
    let said = "0.wav: can't decode audio: unknown format";
    // In the strips and under the list.
    let strips = |harness: &Harness<'static, App>| {
        harness
            .query_all_by_role(Role::Image)
            .filter(|node| node.accesskit_node().value().as_deref() == Some(said))
            .count()
    };
    assert_eq!(strips(&harness), 2);
    assert!(harness.query_by_label(said).is_some());
    // The next one is there; back at the first, it says so again.
    press(&mut harness, Modifiers::NONE, Key::J);
    assert_eq!((current(harness.state().model()), strips(&harness)), (1, 0));
    press(&mut harness, Modifiers::NONE, Key::K);
    assert_eq!((current(harness.state().model()), strips(&harness)), (0, 2));
    // Tried again, it is waited for.
    let problem = harness.state().model().problems()[0].id;
    harness.state_mut().model_mut().apply(Command::Retry(problem), 0.0);
    harness.run_steps(2);
    assert_eq!(strips(&harness), 0);
    // One that was mended is used, and says what was mended.
    let made = pair::pair(6, "/music/0.wav");
    let mut recording = made.recording;
    recording.side.recording.warning = Some("cut short: 6.0 of 9.0 s".into());
    let aligned = Aligned::new(made.alignment, &made.midi, &recording);
    let ready = ReadyPair { midi: Arc::new(made.midi), recording, aligned, material: None };
    harness.state_mut().model_mut().receive(Arrival::Pair(0, Ok(Box::new(ready))), 0.0);
    harness.run_steps(2);
    assert!(harness.query_by_label("cut short: 6.0 of 9.0 s").is_some());
}

#[test]
fn rows_that_a_list_leaves_out_are_named_when_it_opens() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("list.csv");
    std::fs::write(&source, "midi,audio\na.mid,a.ogg\nb.mid\n").unwrap();
    let mut model = empty(Theme::Dark);
    model.apply(Command::Curate(Curate::Open(source, None)), 0.0);
    while model.curating().is_none() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    let said = "list.csv: left out: row 3: missing field `audio`";
    assert!(model.problems().iter().any(|problem| problem.text == said), "{:?}", model.problems());
}

#[test]
fn it_plays_from_the_most_telling_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 3);
    let made = pair::pair(30, "/music/0.wav");
    let mut aligned = Aligned::new(made.alignment, &made.midi, &made.recording);
    let (frame_s, cost) = (aligned.curves.frame_s, &mut aligned.curves.cost);
    let at = (40.0 / frame_s) as usize;
    cost[at..at + (5.0 / frame_s) as usize].fill(0.95);
    let ready = ReadyPair { midi: Arc::new(made.midi), recording: made.recording, aligned, material: None };
    model.receive(Arrival::Pair(0, Ok(Box::new(ready))), 0.0);
    assert!(model.transport().playing());
    assert!((model.transport().position(0.0) - 38.5).abs() < 1.0, "{}", model.transport().position(0.0));
}

#[test]
fn typing_a_note_decides_nothing_and_the_note_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 3);
    bring(&mut model, 0);
    model.apply(Command::PlayPause, 0.0);
    let mut harness = window(model);
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::N);
    let field = || "Note about this pair";
    assert!(harness.get_by_label(field()).accesskit_node().is_focused());
    for key in [Key::A, Key::X, Key::U, Key::S, Key::Space, Key::R, Key::Num1, Key::J, Key::Q] {
        harness.key_press(key);
    }
    harness.get_by_label(field()).type_text("a x u s space");
    harness.run_steps(3);
    let model = harness.state().model();
    assert_eq!(model.curating().unwrap().note(), "a x u s space");
    assert!(!model.transport().playing() && current(model) == 0);
    assert_eq!(model.curating().unwrap().queue().counts().of(State::Unreviewed), 3);
    // Left without a decision, its note is in the journal all the same.
    press(&mut harness, Modifiers::NONE, Key::Enter);
    press(&mut harness, Modifiers::NONE, Key::J);
    let model = harness.state().model();
    assert_eq!(current(model), 1);
    let record = model.curating().unwrap().journal().table().current("0").unwrap();
    assert_eq!((record.note.as_str(), record.decision()), ("a x u s space", None));
}

#[test]
fn a_figure_after_r_says_why_and_any_other_key_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 4);
    bring(&mut model, 0);
    let mut harness = window(model);
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::R);
    assert!(harness.query_by_label("Reject: timing off").is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Reject: timing off").is_none());
    assert_eq!(current(harness.state().model()), 0);
    press(&mut harness, Modifiers::NONE, Key::R);
    press(&mut harness, Modifiers::NONE, Key::Num4);
    let model = harness.state().model();
    let record = model.curating().unwrap().journal().table().current("0").unwrap();
    assert_eq!((record.decision(), record.reason), (Some(Decision::Rejected), Some(Reason::TimingOff)));
    assert_eq!(current(model), 1);
    assert!(model.status().starts_with("Rejected (timing off): Song 0. 2 of 4: Song 1"), "{}", model.status());
}

#[test]
fn decisions_are_taken_back_to_any_depth_and_lead_back_to_their_item() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 6);
    for (command, decision) in
        [(Command::Confirm, State::Confirmed), (Command::Unsure, State::Unsure), (Command::Reject, State::Rejected)]
    {
        let index = current(&model);
        decide(&mut model, command, 1.0);
        assert_eq!(state(&model, index), decision);
    }
    model.apply(Command::Flag, 2.0);
    // A change of the view belongs to its pair, and is undone first.
    bring(&mut model, 3);
    model.apply(Command::ZoomIn, 3.0);
    model.apply(Command::Undo, 4.0);
    assert!(model.view().is_fit() && model.curating().unwrap().flag());
    model.apply(Command::Undo, 4.0);
    assert!(!model.curating().unwrap().flag() && current(&model) == 3);
    for index in [2, 1, 0] {
        model.apply(Command::Undo, 5.0);
        assert_eq!((current(&model), state(&model, index)), (index, State::Unreviewed));
    }
    assert!(!model.can_undo());
    for (index, decision) in [(0, State::Confirmed), (1, State::Unsure)] {
        model.apply(Command::Redo, 6.0);
        assert_eq!((current(&model), state(&model, index)), (index, decision));
    }
    // Another run continues with the decisions of this one.
    model.leave();
    drop(model);
    let mut model = curating(folder.path(), 6);
    assert_eq!(current(&model), 2);
    model.apply(Command::Undo, 0.0);
    assert_eq!((current(&model), state(&model, 1)), (1, State::Unreviewed));
}

#[test]
fn blindness_hides_the_score_and_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 3);
    bring(&mut model, 0);
    let mut harness = window(model);
    harness.run_steps(2);
    assert!(harness.query_by_label("Song 0, unreviewed, confidence 1.00").is_some());
    assert!(harness.query_by_label_contains("confidence: a match").is_some());
    harness.state_mut().model_mut().apply(Command::Blind, 0.0);
    harness.run_steps(2);
    assert!(harness.query_by_label("Song 0").is_some());
    assert!(harness.query_by_label_contains("confidence: a match").is_none());
    press(&mut harness, Modifiers::NONE, Key::A);
    let model = harness.state().model();
    assert!(model.curating().unwrap().journal().table().current("0").unwrap().blind);
}

#[test]
fn orders_and_filters_and_the_threshold_work_by_label() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 10);
    for command in [Command::Confirm, Command::Reject, Command::Confirm] {
        decide(&mut model, command, 0.0);
    }
    let at = *model.curating().unwrap().at_threshold();
    assert_eq!((at.true_positives, at.false_positives), (2, 1));
    model.apply(Command::Curate(Curate::Threshold(0.95)), 0.0);
    assert_eq!(model.curating().unwrap().at_threshold().precision.value, Some(1.0));
    let filter = QueueFilter { state: Some(State::Confirmed), ..QueueFilter::default() };
    model.apply(Command::Curate(Curate::Arrange(Arrangement { order: Order::Listed, filter })), 0.0);
    while model.curating().unwrap().queue().shown().len() != 2 {
        model.collect(0.0);
        std::thread::yield_now();
    }
    let mut harness = window(model);
    harness.run_steps(2);
    for label in ["Order of the queue", "Which are shown", "Search in the queue", "Accept above", "2 confirmed"] {
        assert!(harness.query_all_by_label(label).next().is_some(), "{label}");
    }
    harness.get_by_label("Song 2, confirmed, confidence 0.80").click();
    harness.run_steps(3);
    assert_eq!(current(harness.state().model()), 2);
}

#[test]
fn a_crash_leads_back_to_the_same_item() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("pairs.csv");
    let rows: Vec<String> = (0..9).map(|i| format!("{i}.mid,{i}.wav,{}", 1.0 - f64::from(i) / 10.0)).collect();
    std::fs::write(&list, format!("midi,audio,confidence\n{}\n", rows.join("\n"))).unwrap();
    let until = |model: &mut Model, now: f64, done: &dyn Fn(&Model) -> bool| {
        for _ in 0..20_000_000_u64 {
            model.collect(now);
            if done(model) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("it never came");
    };
    let mut model = empty(Theme::Dark);
    model.keep_in(folder.path().to_path_buf());
    model.apply(Command::Open(vec![list.clone()]), 0.0);
    until(&mut model, 0.0, &|model| model.curates());
    for _ in 0..5 {
        decide(&mut model, Command::Confirm, 1.0);
    }
    let saved = |model: &Model| model.curating().unwrap().journal().written() == 5;
    until(&mut model, 1.0, &saved);
    let filter = QueueFilter { text: "wav".into(), ..QueueFilter::default() };
    let arrangement = Arrangement { order: Order::Random { seed: 4 }, filter };
    model.apply(Command::Curate(Curate::Arrange(arrangement.clone())), 1.0);
    let arranged = |model: &Model| *model.curating().unwrap().queue().arrangement() == arrangement;
    until(&mut model, 1.0, &arranged);
    let shown = model.curating().unwrap().queue().shown().to_vec();
    let beside = autosave_of(&folder.path().join("unsaved.json"));
    let written = serde_json::to_value(&arrangement).unwrap();
    let as_left = |queue: antiphon::session::QueueRef| {
        queue.item.is_some() && queue.source.md5.is_some() && queue.arrangement == written
    };
    let knows = |_: &Model| Session::read(&beside).is_ok_and(|session| session.queue.is_some_and(as_left));
    until(&mut model, 5.0, &knows);
    let item = model.curating().unwrap().item().unwrap().to_owned();
    // The program is killed here: nothing is closed properly.
    drop(model);
    let mut model = empty(Theme::Dark);
    model.keep_in(folder.path().to_path_buf());
    model.apply(Command::Recover(antiphon::gui::Recover::Autosave), 0.0);
    until(&mut model, 0.0, &|model| model.curates());
    assert!(arranged(&model), "order and filter come back, too");
    assert_eq!(model.curating().unwrap().queue().shown(), shown);
    assert_eq!(model.curating().unwrap().item(), Some(item.as_str()));
    assert_eq!(model.curating().unwrap().queue().counts().of(State::Confirmed), 5);
}

#[test]
fn anchors_are_set_dragged_forgotten_taken_back_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 3);
    bring(&mut model, 0);
    model.apply(Command::PlayPause, 0.0);
    let base = model.aligned().unwrap().alignment.map.clone();
    let realigned = |model: &mut Model| {
        while !model.running().iter().all(|job| !job.name.contains("anchors")) {
            model.collect(0.0);
            std::thread::yield_now();
        }
        model.collect(0.0);
    };
    // By ear, 100 ms later is right here.
    model.apply(Command::Seek(6.0), 0.0);
    model.apply(Command::MuchLater, 0.0);
    model.apply(Command::Anchor, 0.0);
    realigned(&mut model);
    let anchor = model.correction().unwrap().anchors[0];
    assert!((anchor[1] - 6.0).abs() < 1e-6 && model.offset_ms().abs() < 1e-9);
    let through = |model: &Model, [midi_s, audio_s]: [f64; 2]| {
        (model.aligned().unwrap().alignment.map.to_audio(antiphon::midi::MidiTime(midi_s)).0 - audio_s).abs() < 1e-6
    };
    assert!(through(&model, anchor));
    model.apply(Command::Curate(Curate::AddAnchor(anchor[0] + 1.0, anchor[1] - 1.0)), 0.0);
    assert_eq!(model.correction().unwrap().anchors.len(), 1, "it would cross");
    model.apply(Command::Curate(Curate::MoveAnchor(0, anchor[0], anchor[1] + 0.2)), 10.0);
    realigned(&mut model);
    assert!(through(&model, [anchor[0], anchor[1] + 0.2]));
    model.apply(Command::Undo, 20.0);
    realigned(&mut model);
    assert!(through(&model, anchor));
    model.apply(Command::SetLoop(Some((2.0, 9.0))), 20.0);
    model.apply(Command::Span, 20.0);
    model.apply(Command::Confirm, 21.0);
    let record = model.curating().unwrap().journal().table().current("0").unwrap();
    let correction = record.correction.clone().unwrap();
    assert_eq!((correction.anchors.len(), correction.span), (1, Some([2.0, 9.0])));
    // Back at the item, the correction is restored, and can be removed.
    model.apply(Command::PreviousCandidate, 22.0);
    realigned(&mut model);
    assert!(through(&model, anchor));
    model.apply(Command::ForgetAnchors, 23.0);
    assert_eq!(model.aligned().unwrap().alignment.map, base);
}

#[test]
fn an_anchor_is_set_and_dragged_in_the_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 3);
    bring(&mut model, 0);
    model.apply(Command::PlayPause, 0.0);
    let mut harness = window(model);
    settle(&mut harness);
    let rect = harness.get_by_role_and_label(Role::Image, "Distance matrix").rect();
    let button = |harness: &mut Harness<'static, App>, pos, pressed, modifiers| {
        let button = egui::PointerButton::Primary;
        harness.input_mut().events.push(egui::Event::ModifiersChanged(modifiers));
        harness.input_mut().events.push(egui::Event::PointerButton { pos, button, pressed, modifiers });
        harness.run_steps(2);
    };
    let at = rect.center();
    harness.hover_at(at);
    harness.run_steps(1);
    button(&mut harness, at, true, Modifiers::ALT);
    button(&mut harness, at, false, Modifiers::NONE);
    assert_eq!(harness.state().model().correction().unwrap().anchors.len(), 1);
    let before = harness.state().model().correction().unwrap().anchors[0];
    button(&mut harness, at, true, Modifiers::NONE);
    harness.hover_at(at + egui::vec2(20.0, -10.0));
    harness.run_steps(2);
    button(&mut harness, at + egui::vec2(20.0, -10.0), false, Modifiers::NONE);
    let after = harness.state().model().correction().unwrap().anchors[0];
    assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
}

#[test]
fn decisions_are_exported_from_the_window_and_are_equal_when_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 4);
    for command in [Command::Confirm, Command::Reject, Command::Unsure] {
        decide(&mut model, command, 1.0);
    }
    let out = folder.path().join("out");
    model.apply(Command::Curate(Curate::ExportTo(out.clone())), 2.0);
    while !out.join("jams").exists() || model.running().iter().any(|job| job.name.starts_with("Exporting")) {
        model.collect(2.0);
        std::thread::yield_now();
    }
    let table = model.curating().unwrap().journal().table();
    let original = antiphon::curation::export::judgements(table);
    for name in ["decisions.csv", "decisions.json"] {
        let (again, _) = antiphon::curation::export::read(&out.join(name)).unwrap();
        assert_eq!(antiphon::curation::export::moved(&again, &out, folder.path()), original, "{name}");
    }
    assert_eq!(std::fs::read_to_string(out.join("confirmed.jsonl")).unwrap().lines().count(), 1);
    assert_eq!(std::fs::read_dir(out.join("jams")).unwrap().count(), 3);
}

/// A queue of files that do not exist, opened from its path.
fn open(model: &mut Model, path: &Path) {
    model.apply(Command::Open(vec![path.to_path_buf()]), 0.0);
    while !model.curates() {
        model.collect(0.0);
        assert!(
            model.problems().iter().all(|problem| !problem.text.contains("can't read list")),
            "{:?}",
            model.problems()
        );
        std::thread::yield_now();
    }
}

#[test]
fn every_export_of_decisions_opens_again_with_its_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 5);
    decide(&mut model, Command::Confirm, 1.0);
    model.apply(Command::Curate(Curate::Write("out of tune".into())), 1.0);
    decide(&mut model, Command::Curate(Curate::Reject(Reason::WrongKey)), 2.0);
    decide(&mut model, Command::Unsure, 3.0);
    let out = folder.path().join("out");
    model.apply(Command::Curate(Curate::ExportTo(out.clone())), 4.0);
    while !out.join("jams").exists() || model.running().iter().any(|job| job.name.starts_with("Exporting")) {
        model.collect(4.0);
        std::thread::yield_now();
    }
    model.apply(Command::CloseQueue, 5.0);
    let jams = std::fs::read_dir(out.join("jams")).unwrap().next().unwrap().unwrap().path();
    let journal = folder.path().join("decisions.jsonl");
    for (path, counts) in [
        (out.join("decisions.csv"), [1, 1, 1]),
        (out.join("decisions.json"), [1, 1, 1]),
        (journal.clone(), [1, 1, 1]),
        (jams, [0, 0, 0]),
    ] {
        let mut model = empty(Theme::Dark);
        open(&mut model, &path);
        let curating = model.curating().unwrap();
        let found = curating.queue().counts();
        let found = [State::Confirmed, State::Rejected, State::Unsure].map(|state| found.of(state));
        if counts == [0, 0, 0] {
            assert_eq!(found.iter().sum::<usize>(), 1, "{path:?}");
            continue;
        }
        assert_eq!(found, counts, "{path:?}");
        let rejected = curating.journal().table().current("1").unwrap();
        assert_eq!((rejected.reason, rejected.note.as_str()), (Some(Reason::WrongKey), "out of tune"), "{path:?}");
        assert_eq!((rejected.curator.as_str(), curating.queue().items().len()), ("ann", 3), "{path:?}");
        let index = curating.queue().items().find("1").unwrap();
        assert_eq!(curating.queue().items().item(index).midi, Path::new("/music/1.mid"), "{path:?}");
    }
    // An opened journal takes decisions itself: no second one was created beside it.
    assert!(!folder.path().join("decisions.decisions.jsonl").exists());
    // Opened again, nothing is duplicated, and what was undone meanwhile stays undone.
    let count = || std::fs::read_to_string(out.join("decisions.decisions.jsonl")).unwrap().lines().count();
    assert_eq!(count(), 3);
    let mut model = empty(Theme::Dark);
    open(&mut model, &out.join("decisions.csv"));
    assert_eq!(count(), 3);
}

#[test]
fn a_locked_journal_opens_the_queue_to_look_at_and_another_one_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("pairs.csv");
    std::fs::write(&list, "midi,audio\n/music/0.mid,/music/0.wav\n/music/1.mid,/music/1.wav\n").unwrap();
    let beside = folder.path().join("pairs.decisions.jsonl");
    let mut theirs = Journal::open(&beside, "bob").unwrap();
    theirs.decide(antiphon::curation::Record::new("/music/0.mid|/music/0.wav", Decision::Confirmed)).unwrap();
    let mut model = empty(Theme::Light);
    open(&mut model, &list);
    assert!(model.curating().unwrap().obstacle().unwrap().contains("another Antiphon works with it"));
    assert_eq!((current(&model), state(&model, 0)), (1, State::Confirmed));
    let mut harness = window(model);
    harness.run_steps(3);
    for label in ["Decisions can’t be saved", "Another journal…", "Only look"] {
        assert!(harness.query_all_by_label(label).next().is_some(), "{label}");
    }
    harness.get_by_label("Only look").click();
    harness.run_steps(3);
    let model = harness.state_mut().model_mut();
    assert!(model.overlay().is_none() && model.curates());
    // It can be seen and heard; a decision asks again, and is not recorded.
    decide(model, Command::Confirm, 1.0);
    assert_eq!((model.overlay(), state(model, 1)), (Some(antiphon::gui::Overlay::Journal), State::Unreviewed));
    model.apply(Command::Curate(Curate::Write("lost?".into())), 1.0);
    assert_eq!(model.curating().unwrap().note(), "");
    model.apply(Command::Curate(Curate::JournalTo(folder.path().join("mine.jsonl"))), 1.0);
    assert!(model.overlay().is_none() && model.curating().unwrap().obstacle().is_none(), "{:?}", model.problems());
    decide(model, Command::Confirm, 2.0);
    model.leave();
    let items: Vec<String> =
        Journal::read(&folder.path().join("mine.jsonl")).unwrap().0.into_iter().map(|record| record.item).collect();
    assert_eq!(items, ["/music/0.mid|/music/0.wav", "/music/1.mid|/music/1.wav"]);
    assert_eq!(Journal::read(&beside).unwrap().0.len(), 1, "theirs is as it was");
}

#[test]
fn what_can_not_be_read_is_a_line_and_can_be_decided_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path(), 2);
    while model.problems().is_empty() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    assert!(model.problems()[0].can_retry());
    model.apply(Command::Confirm, 0.0);
    assert!(model.status().starts_with("Not confirmed: this pair can't be read"), "{}", model.status());
    assert_eq!((current(&model), state(&model, 0)), (0, State::Unreviewed));
    model.apply(Command::Curate(Curate::Reject(Reason::BadMidi)), 0.0);
    assert_eq!(state(&model, 0), State::Rejected);
    assert!(model.status().contains("neither shown nor heard"), "{}", model.status());
    assert!(model.curating().unwrap().journal().table().current("0").unwrap().unseen);
    assert_eq!(current(&model), 1);
    model.apply(Command::Skip, 0.0);
    assert!(model.status().ends_with("Nothing is left to decide"), "{}", model.status());
    model.apply(Command::CloseQueue, 0.0);
    assert!(model.curating().is_none());
}

/// Writes pictures of a queue into the target folder, for a person to look at.
#[test]
#[ignore = "makes pictures to look at"]
fn pictures_of_the_queue() {
    for (theme, name) in [(Theme::Dark, "queue_dark"), (Theme::Light, "queue_light")] {
        let folder = tempfile::tempdir().unwrap();
        let mut harness = window(judging(folder.path(), theme));
        settle(&mut harness);
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
        harness.render().unwrap().save(file).unwrap();
    }
}
