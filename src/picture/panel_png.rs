//! [`panel_png`]: one panel of the window as a picture for a paper or a report.

use super::accumulated::accumulated;
use super::alignment_png::{GUTTER, INK, MARGIN, PAPER, Page, WARNING};
use super::colormap::{ColorMap, Contrast, Tone};
use super::curves::Curves;
use super::raster::{matrix_image, max_pool, similarity};
use super::strip::{Strip, transposed};
use crate::alignment::Alignment;
use crate::error::Result;
use crate::job::Progress;
use crate::pair::{AudioSide, MidiSide};
use image::{Rgba, RgbaImage};
use serde::{Deserialize, Serialize};

/// The content of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Panel {
    /// The recording's constant-Q transform.
    Recording,
    /// The MIDI's, on the recording's clock.
    Midi,
    /// The distance matrix with the path.
    Matrix,
    /// The accumulated matrix with the path.
    Accumulated,
    /// Local cost and tempo ratio.
    Curves,
}

impl Panel {
    /// All panels.
    pub const ALL: [Self; 5] = [Self::Recording, Self::Midi, Self::Matrix, Self::Accumulated, Self::Curves];

    /// Its name, also that of its file without the extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Midi => "midi",
            Self::Matrix => "matrix",
            Self::Accumulated => "accumulated",
            Self::Curves => "cost and tempo",
        }
    }
}

const WIDTH: u32 = 900;
const LINE: Rgba<u8> = Rgba([40, 96, 176, 255]);
const BAR: Rgba<u8> = Rgba([176, 112, 24, 255]);

/// Draws the panel with its axes, `scale` × 900 pixels wide; passages that should not be trusted are marked red.
pub fn panel_png(
    panel: Panel,
    midi: &MidiSide,
    audio: &AudioSide,
    alignment: &Alignment,
    (map, tone): (ColorMap, Tone),
    scale: u32,
    progress: &Progress,
) -> Result<RgbaImage> {
    let scale = scale.clamp(1, 8);
    let height = match panel {
        Panel::Recording | Panel::Midi => 240,
        Panel::Matrix | Panel::Accumulated => 720,
        Panel::Curves => 160,
    };
    let (x, y, width) = (MARGIN + GUTTER, MARGIN, WIDTH - 2 * MARGIN - GUTTER);
    let size = (WIDTH * scale, (height + 2 * MARGIN + 24) * scale);
    let mut page = Page { image: RgbaImage::from_pixel(size.0, size.1, PAPER), scale };
    let recording = Strip::of(&audio.features);
    let moved = transposed(&midi.features, alignment.transpose);
    let seconds = recording.seconds();
    match panel {
        Panel::Recording => page.strip_in(&recording, (map, tone), (x, y, width, height)),
        Panel::Midi => {
            let strip = Strip::in_audio_time(&moved, &alignment.segments, recording.values.nrows(), recording.frame_s);
            page.strip_in(&strip, (map, tone), (x, y, width, height));
        }
        Panel::Matrix | Panel::Accumulated => {
            let (wide, high) = ((width * scale) as usize, (height * scale) as usize);
            let (score, heard) = (moved.frames.view(), audio.features.frames.view());
            let (rows, columns) = (0..score.nrows(), 0..heard.nrows());
            let near = if panel == Panel::Matrix {
                similarity(&score, &heard, &rows, &columns, high, wide, progress)?
            } else {
                let grid = accumulated(&score, &heard, wide.max(high), progress)?;
                max_pool(&grid.view(), &(0..grid.nrows()), &(0..grid.ncols()), high, wide)
            };
            let contrast = Contrast::percentiles(near.iter().step_by(7).copied(), tone.dark, 0.999);
            page.paste(&matrix_image(&near, &tone.table(map), contrast), x, y);
            let midi_s = moved.times.seconds(rows.len() as f64);
            page.path(&alignment.segments, (x, y, width, height), seconds, midi_s);
            page.time_axis(x, y + height, width, seconds);
            page.midi_axis(x, y, height, midi_s);
        }
        Panel::Curves => {
            let heard = &audio.features.frames;
            let curves = Curves::new(&alignment.segments, &midi.midi, &moved, heard, recording.frame_s);
            page.curves(&curves, (x, y, width, height));
            page.time_axis(x, y + height, width, seconds);
        }
    }
    if seconds > 0.0 {
        for &(from, to) in &alignment.unreliable {
            page.mark(x, y + height, width, from / seconds, to / seconds);
        }
    }
    Ok(page.image)
}

impl Page {
    /// Draws the cost as bars in the upper half, the tempo ratio as a line in the lower half.
    fn curves(&mut self, curves: &Curves, (x, y, width, height): (u32, u32, u32, u32)) {
        let (half, frames) = (height / 2 - 4, curves.cost.len());
        self.text_to(x - 6, y + half / 2, "cost", INK);
        self.text_to(x - 6, y + height - half / 2, "tempo", INK);
        for edge in [y + half, y + height - 1] {
            self.fill(x, edge, width, 1, INK);
        }
        let (most, whole) = (curves.highest_cost(), curves.whole_tempo());
        for column in 0..width {
            let from = column as usize * frames / width as usize;
            let to = ((column as usize + 1) * frames / width as usize).max(from + 1).min(frames);
            if from >= to {
                continue;
            }
            let cost = curves.cost[from..to].iter().copied().fold(f32::NAN, f32::max) / most;
            if cost.is_finite() {
                let tall = (cost.clamp(0.0, 1.0) * half as f32) as u32;
                self.fill(x + column, y + half - tall, 1, tall, BAR);
            }
            let tempo = curves.tempo[from..to].iter().sum::<f32>() / (to - from) as f32;
            let octaves = (tempo.max(1e-6) / whole).log2().clamp(-1.0, 1.0);
            let middle = y + height - half / 2;
            self.fill(x + column, (middle as f32 - octaves * half as f32 / 2.0) as u32, 1, 2, LINE);
        }
        self.text(x + 4, y + 2, &format!("0 to {most:.2}"), WARNING);
        self.text(x + 4, y + half + 10, &format!("x {whole:.2}"), LINE);
    }
}
