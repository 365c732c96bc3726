//! The parts of the window's settings, and of a session's queue, that the library keeps.

use antiphon::curation::{Arrangement, Items, Queue, Table, arrange};
use antiphon::job::Progress;
use antiphon::picture::{ColorMap, Tone};
use antiphon::playback::mixer::Mix;
use antiphon::playback::{Rendition, SPEEDS};
use serde::Deserialize;
use std::sync::{Arc, LazyLock};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Settings {
    mix: Mix,
    rendition: Rendition,
    tone: Tone,
    color_map: ColorMap,
    arrangement: Arrangement,
}

static QUEUE: LazyLock<Queue> = LazyLock::new(|| {
    let list = super::sample("queue/list.csv");
    let items = Items::read(&list, &Progress::silent()).expect("a sample");
    Queue::new(Arc::new(items), &Table::default(), &Progress::silent()).expect("a queue")
});

/// See the module.
pub fn check(bytes: &[u8]) {
    let Ok(Settings { mix, rendition, tone, color_map, arrangement }) = serde_json::from_slice(bytes) else { return };
    let gains = mix.gains();
    assert!(gains.midi.iter().chain(&gains.recording).all(|gain| (0.0..=1.5).contains(gain)), "{gains:?}");
    assert!(SPEEDS.contains(&rendition.at_speed(rendition.speed).speed));
    assert_eq!(tone.table(color_map).len(), 256);
    let shown = arrange(QUEUE.items(), QUEUE.states(), &arrangement, &Progress::silent()).expect("never cancelled");
    assert!(shown.iter().all(|&index| (index as usize) < QUEUE.items().len()));
}
