//! Sessions, their autosaves, and the settings of the window.

use super::{FIRST, RECORDING, SECOND, sample, silent};
use antiphon::curation::{Arrangement, Order, QueueFilter, State};
use antiphon::session::{FileRef, Session, autosave_of};

#[test]
fn a_session_of_0_1_0_opens_with_its_files_and_its_place() {
    let opened = Session::open(&sample("session/work.json"), &silent()).unwrap();
    let session = opened.session;
    assert_eq!(session.saved_s, 1_796_000_000);
    assert_eq!(session.midi, Some(FileRef::of(&sample(FIRST), &silent()).unwrap()));
    assert_eq!(session.recordings.len(), 2);
    assert_eq!(session.recordings[0].path, sample("music/gone.wav"));
    assert_eq!(session.recordings[0].bytes, Some(4321));
    assert_eq!(session.recordings[1], FileRef::of(&sample(RECORDING), &silent()).unwrap());
    assert_eq!((session.selected, session.playhead_s), (Some(1), 4.25));
    assert_eq!((session.view_s, session.bins), (Some((2.5, 7.75)), Some((6.0, 30.5))));
    assert!(session.queue.is_none());
    assert_eq!(opened.remarks, ["gone.wav is missing"]);
}

#[test]
fn an_autosave_of_0_1_0_is_read_though_no_contents_were_known() {
    let session = Session::read(&autosave_of(&sample("session/unsaved.json"))).unwrap();
    let midi = session.midi.as_ref().unwrap();
    assert_eq!((&midi.path, midi.bytes, &midi.md5), (&sample(SECOND), None, &None));
    assert_eq!(session.recordings[0].path, sample(RECORDING));
    assert_eq!((session.selected, session.playhead_s, session.view_s), (Some(0), 6.5, None));
    assert_eq!(session.summary(), "Ann Other - Second Tune.mid with 1 recording");
}

#[test]
fn a_session_of_0_1_0_comes_back_to_the_item_of_its_queue() {
    let opened = Session::open(&sample("session/queue.json"), &silent()).unwrap();
    assert_eq!(opened.remarks, Vec::<String>::new());
    let queue = opened.session.queue.unwrap();
    assert_eq!(queue.source.path, sample("queue/list.csv"));
    assert_eq!(queue.journal.path, sample("curation/decisions.jsonl"));
    assert_eq!(queue.item.as_deref(), Some("b"));
    let arrangement: Arrangement = serde_json::from_value(queue.arrangement).unwrap();
    let filter = QueueFilter { state: Some(State::Unsure), flagged: true, text: "tune".into() };
    assert_eq!(arrangement, Arrangement { order: Order::Uncertain { threshold: 0.625 }, filter });
}

#[cfg(feature = "gui")]
mod window {
    use super::super::{copied, sample};
    use antiphon::dataset::Split;
    use antiphon::gui::{
        Follow, HitOrder, Model, Overlay, Panels, SearchForm, Settings, Tab, Theme, ToyForm, TrainingForm,
        TrainingPreset,
    };
    use antiphon::picture::{ColorMap, Tone};
    use antiphon::playback::device::Sound;
    use antiphon::playback::mixer::{Click, Listen, Mix};
    use antiphon::playback::{Rendition, Warp};
    use antiphon::toy::{Pooling, Problem};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn what_a_crash_of_0_1_0_has_left_is_offered() {
        let (_folder, session) = copied("session");
        let mut model = Model::new(Settings::default(), Sound::silent("this is a test"), Arc::new(|| {}));
        model.keep_in(session.clone());
        assert_eq!(model.overlay(), Some(Overlay::Recovery));
        let recovery = model.recovery().unwrap();
        assert_eq!(recovery.autosave, session.join("unsaved.json.autosave"));
        assert_eq!(recovery.session.summary(), "Ann Other - Second Tune.mid with 1 recording");
    }

    #[test]
    fn every_setting_of_0_1_0_is_as_it_was_left() {
        // Everything but `format`, which is that of this version.
        let expected = Settings {
            theme: Theme::Light,
            color_map: ColorMap::Cividis,
            tone: Tone { gamma: 1.5, dark: 0.25, inverted: true },
            mix: Mix {
                listen: Listen::Midi,
                balance: -0.25,
                split: false,
                midi_muted: true,
                recording_muted: true,
                click: Click::Onsets,
            },
            rendition: Rendition { warp: Warp::Recording, speed: 0.75, varispeed: true },
            follow: Follow::Centred,
            soundfont: Some("fonts/other.sf2".into()),
            ui_scale: 1.25,
            keys: BTreeMap::from([("Confirm".into(), "Ctrl+Shift+A".into())]),
            single_keys: false,
            reduced_motion: true,
            beats: false,
            onsets: true,
            curves: false,
            accumulated: true,
            hash_bits: false,
            hamming_matrix: true,
            activations: true,
            shared_scale: true,
            hash_model: Some("models/hash.safetensors".into()),
            attention: false,
            embedding_model: Some("models/embedding.safetensors".into()),
            compared_split: Split::Valid,
            blind: true,
            threshold: 0.75,
            index: Some("music.index".into()),
            search: SearchForm {
                top: 25,
                exhaustive: true,
                all_keys: true,
                order: HitOrder::Name,
                reversed: true,
                ..SearchForm::default()
            },
            tab: Tab::Search,
            training: TrainingForm {
                folders: vec!["pairs".into(), "more".into()],
                output: "mine.safetensors".into(),
                preset: TrainingPreset::Gen2,
                minutes: 12.5,
                seed: 7,
            },
            toy: ToyForm {
                problem: Problem::Multiplication,
                pooling: Pooling::Unweighted,
                varied: true,
                length: 500,
                learning_rate: 0.01,
                seed: 3,
            },
            panels: Panels {
                list: false,
                list_width: 200.0,
                inspector: false,
                inspector_width: 300.0,
                recording_share: 0.25,
            },
            recent: vec!["work.json".into(), "list.csv".into()],
            ..Settings::default()
        };
        assert_eq!(Settings::load(&sample("settings/settings.json")), (expected, None));
    }
}
