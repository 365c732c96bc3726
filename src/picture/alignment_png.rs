//! [`alignment_png`]: one picture of an aligned pair that explains itself.

use super::axis::{clock_text, note_name, tick_step};
use super::colormap::{ColorMap, Contrast, Tone};
use super::raster::{matrix_image, max_pool, similarity, strip_image};
use super::strip::{Strip, transposed};
use super::text::{CELL, draw, elide, fill, width};
use crate::alignment::warp::TimeMap;
use crate::alignment::{Alignment, Segments, Verdict};
use crate::audio::AudioTime;
use crate::error::Result;
use crate::features::CqtParams;
use crate::job::Progress;
use crate::midi::MidiTime;
use crate::pair::{AudioSide, MidiSide};
use image::{Rgba, RgbaImage, imageops};
use std::path::Path;

// Sizes in pixels at scale 1.
const PAGE: (u32, u32) = (800, 990);
pub(super) const MARGIN: u32 = 16;
pub(super) const GUTTER: u32 = 56;
const STRIP_HEIGHT: u32 = 144;
const MATRIX_HEIGHT: u32 = 480;

pub(super) const PAPER: Rgba<u8> = Rgba([255, 255, 255, 255]);
pub(super) const INK: Rgba<u8> = Rgba([34, 34, 34, 255]);
pub(super) const FAINT: Rgba<u8> = Rgba([110, 110, 110, 255]);
pub(super) const WARNING: Rgba<u8> = Rgba([200, 60, 40, 255]);
const PATH: Rgba<u8> = Rgba([255, 255, 255, 255]);
const HALO: Rgba<u8> = Rgba([0, 0, 0, 255]);

/// Both constant-Q transforms on the recording's clock, the MIDI's moved there by the path; below them the distance
/// matrix (bright = near) with the path; above them file names, confidence and transposition. `scale` 1 is 800 pixels
/// wide, 2 twice that. Passages that should not be trusted are marked red below the strips.
pub fn alignment_png(
    midi: &MidiSide,
    audio: &AudioSide,
    alignment: &Alignment,
    scale: u32,
    progress: &Progress,
) -> Result<RgbaImage> {
    let scale = scale.clamp(1, 8);
    let moved = transposed(&midi.features, alignment.transpose);
    let recording = Strip::of(&audio.features);
    let score = Strip::in_audio_time(&moved, &alignment.segments, recording.values.nrows(), recording.frame_s);
    let mut page = Page { image: RgbaImage::from_pixel(PAGE.0 * scale, PAGE.1 * scale, PAPER), scale };

    page.heading(&midi.path, &audio.path, alignment);
    let (left, inner) = (MARGIN + GUTTER, PAGE.0 - 2 * MARGIN - GUTTER);
    let mut top = 84;
    for (name, strip) in [("recording", &recording), ("MIDI, in the recording's time", &score)] {
        page.text(left, top, name, INK);
        top += 14;
        page.strip(strip, left, top, inner, STRIP_HEIGHT);
        for &(from, to) in &alignment.unreliable {
            page.mark(left, top + STRIP_HEIGHT, inner, from / recording.seconds(), to / recording.seconds());
        }
        top += STRIP_HEIGHT + 30;
    }
    page.text(left, top, "distance of every pair of moments (bright = near) and the path", INK);
    top += 14;
    let height = MATRIX_HEIGHT;
    let (wide, high) = ((inner * scale) as usize, (height * scale) as usize);
    let (rows, columns) = (0..moved.frames.nrows(), 0..recording.values.nrows());
    let near = similarity(&moved.frames.view(), &audio.features.frames.view(), &rows, &columns, high, wide, progress)?;
    let contrast = Contrast::percentiles(near.iter().step_by(7).copied(), 0.3, 0.999);
    let picture = matrix_image(&near, &ColorMap::Viridis.table(), contrast);
    page.paste(&picture, left, top);
    let midi_s = moved.times.seconds(rows.len() as f64);
    page.path(&alignment.segments, (left, top, inner, height), recording.seconds(), midi_s);
    page.time_axis(left, top + height, inner, recording.seconds());
    page.midi_axis(left, top, height, midi_s);
    page.text(left + inner / 2 - 80, top + height + 18, "seconds of the recording", FAINT);
    Ok(page.image)
}

/// A picture on which lengths are given in pixels at scale 1.
pub(super) struct Page {
    pub(super) image: RgbaImage,
    pub(super) scale: u32,
}

impl Page {
    pub(super) fn text(&mut self, x: u32, y: u32, text: &str, colour: Rgba<u8>) {
        let s = self.scale;
        draw(&mut self.image, i64::from(x * s), i64::from(y * s), text, s, colour);
    }

    /// Text that ends at `right`.
    pub(super) fn text_to(&mut self, right: u32, y: u32, text: &str, colour: Rgba<u8>) {
        self.text(right.saturating_sub(width(text, 1)), y, text, colour);
    }

    pub(super) fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, colour: Rgba<u8>) {
        let s = self.scale;
        fill(&mut self.image, i64::from(x * s), i64::from(y * s), width * s, height * s, colour);
    }

    pub(super) fn paste(&mut self, picture: &RgbaImage, x: u32, y: u32) {
        imageops::replace(&mut self.image, picture, i64::from(x * self.scale), i64::from(y * self.scale));
    }

    fn heading(&mut self, midi: &Path, audio: &Path, alignment: &Alignment) {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let room = ((PAGE.0 - 2 * MARGIN) / CELL) as usize;
        self.text(MARGIN, 16, &elide(&format!("MIDI       {}", name(midi)), room), INK);
        self.text(MARGIN, 30, &elide(&format!("recording  {}", name(audio)), room), INK);
        let verdict = match alignment.verdict() {
            Verdict::Match => "a match",
            Verdict::NoMatch => "not a match",
            Verdict::CantTell => "can't tell",
        };
        let key = match alignment.transpose {
            0 => String::new(),
            moved => format!(", MIDI moved by {moved:+} semitones"),
        };
        self.text(MARGIN, 50, &format!("confidence {:.2}, {verdict}{key}", alignment.confidence), INK);
        if let Some(remark) = alignment.remarks.first() {
            self.text(MARGIN, 64, &elide(remark, room), FAINT);
        }
    }

    fn strip(&mut self, strip: &Strip, x: u32, y: u32, width: u32, height: u32) {
        self.strip_in(strip, (ColorMap::Viridis, Tone::default()), (x, y, width, height));
    }

    /// Draws a strip in these colours, with the names of its Cs on the left and times below, at x, y, width, height.
    pub(super) fn strip_in(
        &mut self,
        strip: &Strip,
        (map, tone): (ColorMap, Tone),
        (x, y, width, height): (u32, u32, u32, u32),
    ) {
        let (frames, bins) = strip.values.dim();
        let (wide, high) = ((width * self.scale) as usize, (height * self.scale) as usize);
        let contrast = Contrast::percentiles(strip.values.iter().step_by(5).copied(), tone.dark, 0.995);
        let pooled = max_pool(&strip.values.view(), &(0..frames), &(0..bins), wide, high);
        self.paste(&strip_image(&pooled, &tone.table(map), contrast), x, y);
        let lowest = CqtParams::default().first_note;
        for bin in (0..bins as u32).step_by(12) {
            let line = y + height - bin * height / bins.max(1) as u32;
            self.fill(x - 4, line - 1, 4, 1, INK);
            let label = note_name(lowest.saturating_add(bin as u8));
            self.text_to(x - 6, line - 8, &label, FAINT);
        }
        self.time_axis(x, y + height, width, strip.seconds());
    }

    pub(super) fn time_axis(&mut self, x: u32, y: u32, width: u32, seconds: f64) {
        if seconds <= 0.0 {
            return;
        }
        let step = tick_step(seconds, 10);
        for tick in 0..=(seconds / step) as u32 {
            let at = x + (f64::from(tick) * step / seconds * f64::from(width)) as u32;
            self.fill(at.min(x + width - 1), y, 1, 3, INK);
            let label = clock_text(f64::from(tick) * step, step);
            let half = super::text::width(&label, 1) / 2;
            if at + half <= PAGE.0 {
                self.text(at - half, y + 5, &label, FAINT);
            }
        }
    }

    pub(super) fn midi_axis(&mut self, x: u32, y: u32, height: u32, seconds: f64) {
        if seconds <= 0.0 {
            return;
        }
        let step = tick_step(seconds, 8);
        for tick in 0..=(seconds / step) as u32 {
            let at = y + height - (f64::from(tick) * step / seconds * f64::from(height)) as u32;
            self.fill(x - 4, at.max(y + 1) - 1, 4, 1, INK);
            self.text_to(x - 6, at.saturating_sub(8).max(y), &clock_text(f64::from(tick) * step, step), FAINT);
        }
        self.text_to(x - 6, y + height + 18, "MIDI", FAINT);
    }

    /// Draws a bar below a strip; `from` and `to` are fractions of its width.
    pub(super) fn mark(&mut self, x: u32, y: u32, width: u32, from: f64, to: f64) {
        let at = |fraction: f64| (fraction.clamp(0.0, 1.0) * f64::from(width)) as u32;
        self.fill(x + at(from), y, (at(to) - at(from)).max(1), 3, WARNING);
    }

    /// Draws the path of each segment, from its first to its last knot: a light line with a dark rim, so that it shows
    /// on every colour.
    pub(super) fn path(
        &mut self,
        played: &Segments,
        (x, y, width, height): (u32, u32, u32, u32),
        audio_s: f64,
        midi_s: f64,
    ) {
        let s = f64::from(self.scale);
        let at = |MidiTime(midi): MidiTime, AudioTime(audio): AudioTime| {
            let along = |t: f64, whole: f64| if whole > 0.0 { (t / whole).clamp(0.0, 1.0) } else { 0.0 };
            let px = f64::from(x) + along(audio, audio_s) * f64::from(width);
            let py = f64::from(y + height) - along(midi, midi_s) * f64::from(height);
            (px * s, py * s)
        };
        let points = |map: &TimeMap| map.knots().map(|(m, a)| at(m, a)).collect();
        let paths: Vec<Vec<(f64, f64)>> = played.maps().iter().map(points).collect();
        for (size, colour) in [(3 * self.scale, HALO), (self.scale, PATH)] {
            let half = i64::from(size / 2);
            for pair in paths.iter().flat_map(|points| points.windows(2)) {
                let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
                let steps = (bx - ax).abs().max((by - ay).abs()).ceil().max(1.0);
                for i in 0..=steps as u32 {
                    let along = f64::from(i) / steps;
                    let (px, py) = ((ax + (bx - ax) * along) as i64 - half, (ay + (by - ay) * along) as i64 - half);
                    fill(&mut self.image, px, py, size, size, colour);
                }
            }
        }
    }
}
