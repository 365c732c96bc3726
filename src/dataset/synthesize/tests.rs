use super::*;
use crate::dataset::effects::Effects;
use crate::dataset::mastering::Mastering;
use crate::dataset::take::{Drums, Singer};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

/// Notes as (tick in quarters, length in quarters, pitch), 120 quarters a minute, piano on channel 0.
fn midi(notes: &[(u8, u8, u8)]) -> Vec<u8> {
    let mut events: Vec<(u32, [u8; 3])> = Vec::new();
    for &(at, length, pitch) in notes {
        let at = u32::from(at);
        events.push((at * 48, [0x90, pitch, 90]));
        events.push(((at + u32::from(length)) * 48 - 1, [0x80, pitch, 0]));
    }
    events.sort_unstable();
    let (mut track, mut last) = (Vec::new(), 0);
    for (tick, message) in events {
        let delta = tick - last;
        last = tick;
        track.extend([0x80 | (delta >> 7) as u8, (delta & 0x7F) as u8]);
        track.extend(message);
    }
    track.extend([0, 0xFF, 0x2F, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x30MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    bytes
}

/// A melody that no other seed has.
fn melody(seed: u64) -> Vec<u8> {
    let mut random = Pcg64::seed_from_u64(seed);
    let notes: Vec<(u8, u8, u8)> = (0..60).map(|i| (i, 1, random.random_range(48..84))).collect();
    midi(&notes)
}

fn what(folder: &Path) -> Synthesis {
    Synthesis {
        sources: vec![folder.to_path_buf()],
        hold_out: Vec::new(),
        midi_font: Font::open(None).expect("bundled"),
        audio_fonts: vec![Font::open(None).expect("bundled")],
        test_font: None,
        seconds: 10.0,
        variants: 2,
        limit: None,
        seed: 1,
    }
}

fn corpus() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..4 {
        std::fs::write(folder.path().join(format!("song {seed}x.mid")), melody(seed)).expect("written");
    }
    folder
}

fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(Dataset::pairs_of(folder)).expect("listed").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    files.push(Dataset::document_of(folder));
    files
        .into_iter()
        .map(|f| (f.strip_prefix(folder).expect("below").into(), std::fs::read(&f).expect("read")))
        .collect()
}

#[test]
fn the_same_seed_makes_the_same_bytes_whatever_the_threads_and_the_interruptions() {
    let (midis, progress) = (corpus(), Progress::silent());
    let what = what(midis.path());
    let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let first = synthesize(&what, a.path(), &progress).expect("made");
    assert_eq!((first.made, first.kept, first.skipped.len()), (8, 0, 0), "{:?}", first.skipped);

    // On one thread, with a half-written pair in the way and one that is there already.
    let whole = bytes_of(a.path());
    std::fs::create_dir(Dataset::pairs_of(b.path())).expect("a folder");
    std::fs::write(b.path().join(&whole[0].0), &whole[0].1[..1000]).expect("written");
    std::fs::write(b.path().join(&whole[1].0), &whole[1].1).expect("written");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let second = one.install(|| synthesize(&what, b.path(), &progress)).expect("made");
    assert_eq!((second.made, second.kept), (7, 1));
    assert_eq!(bytes_of(b.path()), whole);

    // A longer run that is stopped after its first work: the document still has the earlier pairs of the others.
    let seen = Arc::new(OnceLock::<Progress>::new());
    let inside = Arc::clone(&seen);
    let stopped = Progress::new(move || {
        if let Some(progress) = inside.get().filter(|progress| progress.fraction() > 0.1) {
            progress.cancel();
        }
    });
    seen.set(stopped.clone()).expect("set once");
    let longer = Synthesis { variants: 3, ..what.clone() };
    assert!(matches!(one.install(|| synthesize(&longer, a.path(), &stopped)), Err(Error::Cancelled)));
    let variants = |data: &Dataset| data.all_works().iter().map(Work::variants).collect::<Vec<_>>();
    let after = variants(&Dataset::open(a.path()).expect("opened"));
    assert!(after.iter().all(|n| *n >= 2) && after.contains(&2), "{after:?}");

    let other = Synthesis { seed: 2, ..what };
    let error = synthesize(&other, a.path(), &progress).expect_err("another seed").to_string();
    assert!(error.contains("seed 1, now 2"), "{error}");
}

#[test]
fn stopped_before_its_first_pair_it_leaves_nothing() {
    let (midis, out) = (corpus(), tempfile::tempdir().expect("a folder"));
    let seen = Arc::new(OnceLock::<Progress>::new());
    let inside = Arc::clone(&seen);
    // All files are read and the document is written: from here on pairs are made.
    let stopped = Progress::new(move || {
        if let Some(progress) = inside.get().filter(|progress| progress.fraction() > 0.0495) {
            progress.cancel();
        }
    });
    seen.set(stopped.clone()).expect("set once");
    assert!(matches!(synthesize(&what(midis.path()), out.path(), &stopped), Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(out.path()).expect("listed").count(), 0);
}

#[test]
fn both_sides_sound_and_hold_the_same_frames() {
    let (midis, out) = (corpus(), tempfile::tempdir().expect("a folder"));
    let made = synthesize(&what(midis.path()), out.path(), &Progress::silent()).expect("made");
    for work in made.dataset.all_works() {
        for variant in 0..work.variants() {
            let pair = made.dataset.load(work, variant).expect("loaded");
            assert_eq!(pair.midi.nrows(), work.frames[variant]);
            assert_eq!((pair.midi.dim(), pair.midi.dim()), (pair.audio.dim(), pair.roll.dim()));
            assert!(pair.midi_time.windows(2).all(|w| w[0] < w[1]), "time advances");
            for side in [&pair.midi, &pair.audio] {
                assert!(side.iter().copied().fold(f32::MIN, f32::max) > -4.0, "silent");
            }
            let row = |m: &ndarray::Array2<f32>, i: usize| m.row(i).to_vec();
            assert!(pair.roll.rows().into_iter().filter(|r| r.sum() > 0.0).count() * 2 > pair.roll.nrows());
            assert_ne!(row(&pair.midi, 50), row(&pair.audio, 50));
        }
    }
}

#[test]
fn what_is_held_out_stays_out_under_any_name_and_in_any_key() {
    let (midis, held) = (corpus(), tempfile::tempdir().expect("a folder"));
    let transposed: Vec<u8> = Midi::parse(&melody(2)).expect("parsed").transposed(3).to_bytes();
    std::fs::write(held.path().join("unknown.mid"), transposed).expect("written");
    let found = Sources::find(&[midis.path().into()], &[held.path().into()], 0, &Progress::silent()).expect("found");
    assert_eq!((found.works.len(), found.held_out), (3, 1));
    assert!(found.works.iter().all(|work| !work.path.ends_with("song 2x.mid")));
}

#[test]
fn too_little_music_and_broken_files_are_named_and_the_rest_is_made() {
    let (midis, out) = (corpus(), tempfile::tempdir().expect("a folder"));
    std::fs::write(midis.path().join("short one.mid"), midi(&[(0, 1, 60), (1, 1, 64)])).expect("written");
    std::fs::write(midis.path().join("cut short.mid"), &melody(9)[..10]).expect("written");
    let what = Synthesis { variants: 1, ..what(midis.path()) };
    let made = synthesize(&what, out.path(), &Progress::silent()).expect("made");
    assert_eq!((made.made, made.skipped.len()), (4, 2), "{:?}", made.skipped);
    assert!(made.skipped.iter().any(|(p, why)| p.ends_with("short one.mid") && why.contains("too little music")));
    assert_eq!(made.dataset.all_works().iter().filter(|work| work.skipped.is_some()).count(), 1);
}

#[test]
fn a_test_font_that_training_uses_is_refused() {
    let what = what(Path::new("."));
    let what = Synthesis { test_font: Some(what.midi_font.clone()), ..what };
    let error = synthesize(&what, Path::new("nowhere"), &Progress::silent()).expect_err("the same font").to_string();
    assert!(error.contains("test soundfont \"bundled\""), "{error}");
}

#[test]
fn a_melody_is_sung_instead_of_played_or_over_it() {
    let notes: Vec<(u8, u8, u8)> = (0..40).map(|i| (2 * i, 1, 60 + i % 12)).collect();
    let midi = Midi::parse(&midi(&notes)).expect("parsed");
    let mut random = Pcg64::seed_from_u64(5);
    let cut = Cut::draw(&midi, 30.0, true, &mut random).expect("a part");
    let mut of = |singer: Singer| {
        let events = Arrangement { singer, ..plain(&mut random) }.events(&midi, &cut, &mut random);
        let channels = |command: u8| {
            let used = events.iter().filter(|event| event.2 == command).map(|event| event.1);
            used.collect::<std::collections::BTreeSet<u8>>().into_iter().collect::<Vec<_>>()
        };
        (channels(0x90), channels(0xE0))
    };
    assert_eq!(of(Singer::Nobody), (vec![0], vec![]));
    assert_eq!(of(Singer::Instead), (vec![0], vec![0]));
    assert_eq!(of(Singer::Over(1)), (vec![0, 1], vec![1]));
}

#[test]
fn louder_drums_are_everything_else_softer() {
    let mut random = Pcg64::seed_from_u64(6);
    let midi = Midi::parse(&melody(3)).expect("parsed");
    let cut = Cut::draw(&midi, 10.0, true, &mut random).expect("a part");
    let mut volumes = |drums: Drums| -> f64 {
        let arrangement = Arrangement { drums, ..plain(&mut random) };
        let all = (0..40).flat_map(|_| arrangement.events(&midi, &cut, &mut random));
        all.filter(|event| (event.2, event.3) == (0xB0, 7)).map(|event| f64::from(event.4)).sum()
    };
    assert!(volumes(Drums::Louder(12.0)) < 0.7 * volumes(Drums::AsWritten));
}

fn plain(random: &mut Pcg64) -> Arrangement {
    Arrangement {
        cents: 0.0,
        jitter_s: 0.0,
        velocity: 0.0,
        dropped: 0.0,
        sustained: false,
        drums: Drums::AsWritten,
        doubled: false,
        singer: Singer::Nobody,
        effects: Effects::draw(false, random),
        mastering: Mastering::draw(random),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        rng_seed: proptest::test_runner::RngSeed::Fixed(12),
        ..ProptestConfig::default()
    })]

    /// Single notes with rests between: each one's bin rises at the same frames in both renderings, except for the
    /// slower attack of the other instrument, which is the same for all notes.
    #[test]
    fn an_onset_is_at_the_same_frame_on_both_sides(seed: u64, pitches in prop::collection::vec(50_u8..80, 10..16)) {
        let notes: Vec<(u8, u8, u8)> = (0..).zip(&pitches).map(|(i, &pitch)| (4 * i, 2, pitch)).collect();
        let midi = Midi::parse(&midi(&notes)).expect("parsed");
        let (font, progress) = (SoundFont::bundled().expect("bundled"), Progress::silent());
        let mut random = Pcg64::seed_from_u64(seed);
        let cut = Cut::draw(&midi, 30.0, false, &mut random).expect("a part");
        let play = |score: &synth::Score| {
            let wave = synth::render_mono(score, &font, ANALYSIS_RATE, &progress).expect("rendered");
            log_constant_q(&wave, 0.0, &progress).expect("transformed")
        };
        // Another instrument, nothing else.
        let other = plain(&mut random).score(&midi, &cut, &mut random);
        let (written, sounding) = Transcription::AsWritten.score(&midi, &cut, &mut random);
        let pair = pair(sounding, &cut, play(&written), play(&other));
        let onset = |side: &ndarray::Array2<f32>, bin: usize, near: f64| {
            // The steepest rise within 0.3 s.
            let from = (near / FRAME_S) as usize;
            let frames = from.saturating_sub(6)..(from + 7).min(side.nrows() - 1);
            let rise = |i: usize| side[[i + 1, bin]].max(-6.0) - side[[i, bin]].max(-6.0);
            frames.max_by(|&a, &b| rise(a).total_cmp(&rise(b))).unwrap_or(from)
        };
        let mut delays = Vec::new();
        for (start, _, note) in cut.notes(&midi).filter(|n| n.0 > 0.5 && n.0 + 0.5 < cut.seconds) {
            let bin = usize::from(note.pitch - WIDE_FIRST_NOTE);
            let (a, b) = (onset(&pair.midi, bin, start), onset(&pair.audio, bin, start));
            delays.push(b as i64 - a as i64);
            // The roll begins there, and the clock of the file gives the time.
            let frame = (start / FRAME_S).ceil() as usize;
            prop_assert!(pair.roll[[frame, bin]] > 0.0);
            prop_assert!((f64::from(pair.midi_time[frame]) - note.start.0).abs() < 0.25);
        }
        delays.sort_unstable();
        let attack = delays.get(delays.len() / 2).copied().unwrap_or(0);
        prop_assert!((-2..=4).contains(&attack), "{delays:?}");
        prop_assert!(delays.iter().all(|d| (d - attack).abs() <= 4), "{delays:?}");
        prop_assert!(delays.iter().filter(|d| (**d - attack).abs() <= 2).count() * 4 >= delays.len() * 3, "{delays:?}");
    }
}
