//! How long each kind of work continues after it was asked to stop: at most 0.2 s is allowed. Ten minutes of music;
//! every kind is stopped at sixteen moments spread over its run.
#![expect(clippy::print_stdout, reason = "it reports")]

#[path = "tune.rs"]
mod tune;

use antiphon::alignment::Preset;
use antiphon::audio::{Keep, Original, Stereo};
use antiphon::job::{Job, Progress};
use antiphon::picture::{ColorMap, Panel, Tone, accumulated, alignment_png, panel_png};
use antiphon::playback::{Material, Rendition, Warp};
use antiphon::synth::{SoundFont, render};
use antiphon::{Result, export, pair};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tune::tune;

const MOMENTS: u32 = 16;
const SECONDS: u32 = 600;

/// Runs the work once to its end, and then stops it at moments along the way.
fn measure<T: Send + 'static>(what: &str, work: impl Fn(&Progress) -> Result<T> + Send + Sync + 'static) {
    let work = Arc::new(work);
    let start = || {
        let work = Arc::clone(&work);
        Job::start("a bench", || {}, move |progress| work(progress).map(drop))
    };
    let begun = Instant::now();
    start().join().expect("it ends");
    let whole = begun.elapsed();
    let mut longest = Duration::ZERO;
    for moment in 0..MOMENTS {
        let job = start();
        std::thread::sleep(whole * moment / MOMENTS);
        let told = Instant::now();
        job.progress().cancel();
        // The run may have ended by itself shortly before.
        drop(job.join());
        longest = longest.max(told.elapsed());
    }
    println!("{what:<28} {:6.0} ms, stopped within {:4.0} ms", whole.as_secs_f64() * 1e3, longest.as_secs_f64() * 1e3);
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let font = SoundFont::bundled().expect("the bundled font");
    let (song, take) = (folder.path().join("song.mid"), folder.path().join("take.wav"));
    let tune = tune(SECONDS);
    std::fs::write(&song, tune.to_bytes()).expect("written");
    let sound = render(&tune, &font, 44_100, &Progress::silent()).expect("rendered");
    let stereo = Arc::new(Stereo { left: sound.samples.clone(), right: sound.samples, sample_rate: 44_100 });
    std::fs::write(&take, export::wav(&stereo, &Progress::silent()).expect("a file")).expect("written");
    let silent = Progress::silent();
    let midi = Arc::new(pair::load_midi(&song, &font, &silent).expect("read"));
    let mix = stereo.left.iter().zip(&stereo.right).map(|(l, r)| 0.5 * (l + r)).collect();
    let original = Original { samples: Arc::new(mix), sample_rate: stereo.sample_rate };
    let audio = Arc::new(pair::load_audio(&take, Keep::Analysis, &silent).expect("read"));
    let aligned = Arc::new(pair::align(&midi, &audio, Preset::Antiphon, &silent).expect("aligned"));

    let (path, with) = (song.clone(), font.clone());
    measure("read a MIDI file", move |p| pair::load_midi(&path, &with, p));
    let path = take.clone();
    measure("read a recording", move |p| pair::load_audio(&path, Keep::Listening, p));
    let (m, a) = (Arc::clone(&midi), Arc::clone(&audio));
    measure("align", move |p| pair::align(&m, &a, Preset::Antiphon, p));
    let (m, a) = (Arc::clone(&midi), Arc::clone(&audio));
    measure("align as published", move |p| pair::align(&m, &a, Preset::Gen2, p));
    let (m, a) = (Arc::clone(&midi), Arc::clone(&audio));
    measure("accumulate the matrix", move |p| {
        accumulated(&m.features.frames.view(), &a.features.frames.view(), 1024, p)
    });
    let (m, a, al) = (Arc::clone(&midi), Arc::clone(&audio), Arc::clone(&aligned));
    measure("export the page", move |p| export::png(&alignment_png(&m, &a, &al, 2, p)?));
    let (m, a, al) = (Arc::clone(&midi), Arc::clone(&audio), Arc::clone(&aligned));
    measure("export the matrix", move |p| {
        export::png(&panel_png(Panel::Matrix, &m, &a, &al, (ColorMap::default(), Tone::default()), 2, p)?)
    });
    let (m, al, with, take) = (Arc::clone(&midi), Arc::clone(&aligned), font.clone(), original.clone());
    measure("export the sound", move |p| export::wav(&export::listen(&m, Some(&take), &al, &with, p)?, p));
    let (m, al, with, take) = (Arc::clone(&midi), Arc::clone(&aligned), font.clone(), original.clone());
    let material = move |p: &Progress| {
        let map = Some(Arc::new(al.map.clone()));
        Material::new(Some((Arc::new(m.midi.clone()), with.clone())), Some(&take), map, 48_000, p)
    };
    let made = Arc::new(material(&silent).expect("made"));
    measure("prepare to play", material);
    let slow = Rendition { warp: Warp::Recording, ..Rendition::default() };
    let ready = Arc::clone(&made);
    measure("prepare to play stretched", move |p| Arc::clone(&ready).programme(slow, 0.0, p).map(|_| ()));
    measure("stretch the recording", move |p| match Arc::clone(&made).programme(slow, 0.0, p)?.stretch {
        Some(stretch) => stretch.run(p),
        None => Ok(()),
    });
}
