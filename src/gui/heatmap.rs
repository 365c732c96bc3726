//! [`Heatmap`]: a matrix too large for one texture, drawn as the tiles of a pyramid.
//!
//! A tile is 512 × 512 cells of a level; level `k` max-pools 2^k × 2^k cells of the matrix. Tiles are made in a job,
//! the visible ones first, and a coarser level stands in until they are ready. Frames only upload and draw. A job that
//! fails is reported once and not restarted until the user asks for it.

use super::command::{Command, Failure};
use super::model::LoadedRecording;
use super::theme;
use crate::error::{Error, Result};
use crate::features::Features;
use crate::job::{Job, Progress};
use crate::picture::{ColorMap, Contrast, Strip, Tone, matrix_image, max_pool, similarity, strip_image};
use egui::{ColorImage, Context, Painter, Rect, TextureFilter, TextureHandle, TextureOptions, TextureWrapMode, pos2};
use image::RgbaImage;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Side of a tile in cells.
const TILE: usize = 512;
/// The number of tiles kept as textures (1 MB each).
const KEPT: usize = 160;
/// Tiles per job: a zoomed view is complete after one or two.
const BATCH: usize = 4;

/// The matrix to show.
#[derive(Clone)]
pub(super) enum Matrix {
    /// Frames × bins, time to the right, low bins at the bottom.
    Strip(Arc<Strip>),
    /// Cosine similarity of MIDI frames (upwards) and recording frames (to the right); never held in memory as a whole.
    Similarity {
        /// The MIDI's features, in the key of the recording.
        midi: Arc<Features>,
        /// The recording, including its features.
        audio: Arc<LoadedRecording>,
    },
    /// MIDI (upwards) × recording (to the right), already pooled.
    Grid(Arc<Array2<f32>>),
}

impl Matrix {
    /// The number of cells to the right and upwards.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Strip(strip) => strip.values.dim(),
            Self::Similarity { midi, audio } => (audio.frames().nrows(), midi.frames.nrows()),
            Self::Grid(values) => (values.ncols(), values.nrows()),
        }
    }

    /// Whether both are the same matrix, not just equal ones.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Strip(a), Self::Strip(b)) => Arc::ptr_eq(a, b),
            (Self::Grid(a), Self::Grid(b)) => Arc::ptr_eq(a, b),
            (Self::Similarity { midi: a, audio: b }, Self::Similarity { midi: c, audio: d }) => {
                Arc::ptr_eq(a, c) && Arc::ptr_eq(b, d)
            }
            _ => false,
        }
    }

    fn pool(
        &self,
        across: &Range<usize>,
        up: &Range<usize>,
        size: (usize, usize),
        p: &Progress,
    ) -> Result<Array2<f32>> {
        match self {
            Self::Strip(strip) => Ok(max_pool(&strip.values.view(), across, up, size.0, size.1)),
            Self::Similarity { midi, audio } => {
                similarity(&midi.frames.view(), &audio.frames().view(), up, across, size.1, size.0, p)
            }
            Self::Grid(values) => Ok(max_pool(&values.view(), up, across, size.1, size.0)),
        }
    }

    fn image(&self, pooled: &Array2<f32>, table: &[[u8; 3]; 256], contrast: Contrast) -> RgbaImage {
        match self {
            Self::Strip(_) => strip_image(pooled, table, contrast),
            Self::Similarity { .. } | Self::Grid(_) => matrix_image(pooled, table, contrast),
        }
    }

    /// The coarsest level: the whole matrix in one tile.
    fn top_level(&self) -> u32 {
        let (across, up) = self.size();
        across.max(up).div_ceil(TILE).next_power_of_two().trailing_zeros()
    }
}

/// Level, column and row of a tile.
type Place = (u32, usize, usize);

/// The tiles of one job, and the contrast it used.
struct Batch {
    colours: (ColorMap, Tone),
    contrast: Contrast,
    tiles: Vec<(Place, ColorImage)>,
}

/// See the module.
pub(super) struct Heatmap {
    name: &'static str,
    matrix: Matrix,
    colours: (ColorMap, Tone),
    contrast: Option<Contrast>,
    tiles: BTreeMap<Place, (TextureHandle, u64)>,
    job: Option<Job<Batch>>,
    frame: u64,
    /// The tiles have outdated colours.
    stale: bool,
    /// A job has failed: no more are started.
    failed: bool,
    /// The number of retries the user had requested when the last job was started.
    attempt: u64,
}

impl Heatmap {
    /// Creates a picture of `matrix`; nothing is computed yet.
    pub(super) fn new(name: &'static str, matrix: Matrix, colours: (ColorMap, Tone)) -> Self {
        let (contrast, tiles, job) = (None, BTreeMap::new(), None);
        Self { name, matrix, colours, contrast, tiles, job, frame: 0, stale: false, failed: false, attempt: 0 }
    }

    /// Sets the matrix and its colours, keeping the tiles if the matrix is the same. Retries a failed picture when
    /// `attempt` has changed.
    pub(super) fn set(&mut self, matrix: &Matrix, colours: (ColorMap, Tone), attempt: u64) {
        if !self.matrix.is(matrix) {
            *self = Self { attempt, ..Self::new(self.name, matrix.clone(), colours) };
            return;
        }
        if self.attempt != attempt {
            (self.attempt, self.failed) = (attempt, false);
        }
        if self.colours != colours {
            // The old colours stay visible until the new ones are ready: no flicker while a slider is dragged.
            self.colours = colours;
            (self.contrast, self.stale) = (None, true);
        }
    }

    /// Whether any tile is ready.
    pub(super) fn begun(&self) -> bool {
        !self.tiles.is_empty()
    }

    /// Whether everything visible is ready at screen resolution.
    pub(super) fn complete(&self) -> bool {
        self.failed || (self.job.is_none() && !self.stale && !self.tiles.is_empty())
    }

    /// Draws the part `across` × `up` (in cells, fractions allowed) into `rect`.
    pub(super) fn paint(
        &mut self,
        painter: &Painter,
        rect: Rect,
        across: Range<f64>,
        up: Range<f64>,
        out: &mut Vec<Command>,
    ) {
        self.frame += 1;
        out.extend(self.collect(painter.ctx()));
        let (wide, high) = self.matrix.size();
        if wide == 0 || high == 0 || across.end <= across.start || up.end <= up.start {
            return;
        }
        let pixels = f64::from(painter.pixels_per_point());
        let cells_a_pixel = (across.end - across.start) / (f64::from(rect.width()) * pixels).max(1.0);
        let cells_up_a_pixel = (up.end - up.start) / (f64::from(rect.height()) * pixels).max(1.0);
        let finest = match self.matrix {
            // There are few bins: only the time axis selects a coarser level, which would pool bins away.
            Matrix::Strip(_) => cells_a_pixel,
            Matrix::Similarity { .. } | Matrix::Grid(_) => cells_a_pixel.max(cells_up_a_pixel),
        };
        let top = self.matrix.top_level();
        let level = (finest.max(1.0).log2().floor() as u32).min(top);
        let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
        let to_screen = |x: f64, y: f64| {
            let along = |v: f64, r: &Range<f64>| ((v - r.start) / (r.end - r.start)) as f32;
            pos2(rect.left() + along(x, &across) * rect.width(), rect.bottom() - along(y, &up) * rect.height())
        };
        // Coarse tiles first, so that fine ones are drawn over them.
        let mut missing = Vec::new();
        for level in (level..=top).rev() {
            for place in self.in_sight(level, &across, &up) {
                let (columns, rows) = self.cells(place);
                if let Some((texture, used)) = self.tiles.get_mut(&place) {
                    *used = self.frame;
                    let area = Rect::from_two_pos(
                        to_screen(columns.start as f64, rows.start as f64),
                        to_screen(columns.end as f64, rows.end as f64),
                    );
                    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                    painter.image(texture.id(), area, uv, theme::LIGHT);
                }
            }
        }
        for place in self.in_sight(top, &across, &up).into_iter().chain(self.in_sight(level, &across, &up)) {
            if (self.stale || !self.tiles.contains_key(&place)) && !missing.contains(&place) {
                missing.push(place);
            }
        }
        self.request(painter.ctx(), missing);
    }

    /// The range of cells of a tile: to the right and upwards.
    fn cells(&self, (level, column, row): Place) -> (Range<usize>, Range<usize>) {
        let (wide, high) = self.matrix.size();
        let side = TILE << level;
        let right = column * side..((column + 1) * side).min(wide);
        match self.matrix {
            Matrix::Strip(_) => (right, 0..high),
            Matrix::Similarity { .. } | Matrix::Grid(_) => (right, row * side..((row + 1) * side).min(high)),
        }
    }

    /// The tiles of a level that intersect a part.
    fn in_sight(&self, level: u32, across: &Range<f64>, up: &Range<f64>) -> Vec<Place> {
        let (wide, high) = self.matrix.size();
        let side = (TILE << level) as f64;
        let tiles = |part: &Range<f64>, size: usize| {
            let last = ((size as f64 / side).ceil() as usize).max(1);
            let from = ((part.start / side).floor().max(0.0) as usize).min(last);
            from..((part.end / side).ceil().max(0.0) as usize).min(last)
        };
        let rows = match self.matrix {
            Matrix::Strip(_) => 0..1,
            Matrix::Similarity { .. } | Matrix::Grid(_) => tiles(up, high),
        };
        tiles(across, wide).flat_map(|column| rows.clone().map(move |row| (level, column, row))).collect()
    }

    /// Collects the tiles of the job and evicts those unseen the longest. Returns a command that reports a failure.
    fn collect(&mut self, ctx: &Context) -> Option<Command> {
        let outcome = self.job.as_mut().and_then(Job::poll)?;
        self.job = None;
        let batch = match outcome {
            Ok(batch) => batch,
            // The visible tiles are requested again.
            Err(Error::Cancelled) => return None,
            Err(error) => {
                // The same cells would fail the same way in every frame.
                self.failed = true;
                return Some(Command::Failed(Failure::Picture, format!("{}: {error}", self.name)));
            }
        };
        if batch.colours != self.colours {
            return None;
        }
        if std::mem::take(&mut self.stale) {
            self.tiles.clear();
        }
        self.contrast = Some(batch.contrast);
        let options = TextureOptions {
            magnification: TextureFilter::Nearest,
            minification: TextureFilter::Linear,
            wrap_mode: TextureWrapMode::ClampToEdge,
            mipmap_mode: None,
        };
        for (place, image) in batch.tiles {
            let texture = ctx.load_texture(format!("{} {place:?}", self.name), image, options);
            self.tiles.insert(place, (texture, self.frame));
        }
        while self.tiles.len() > KEPT {
            let oldest = self.tiles.iter().min_by_key(|(_, (_, used))| *used).map(|(&place, _)| place);
            let Some(place) = oldest else { break };
            self.tiles.remove(&place);
        }
        ctx.request_repaint();
        None
    }

    /// Starts a job for the first of `missing`, unless one is running.
    fn request(&mut self, ctx: &Context, missing: Vec<Place>) {
        if missing.is_empty() || self.job.is_some() || self.failed {
            return;
        }
        let wanted: Vec<_> = missing.into_iter().take(BATCH).map(|place| (place, self.cells(place))).collect();
        let (matrix, colours, known) = (self.matrix.clone(), self.colours, self.contrast);
        let (map, tone) = colours;
        let wake = ctx.clone();
        self.job = Some(Job::start(
            self.name,
            move || wake.request_repaint(),
            move |progress| {
                let table = tone.table(map);
                let contrast = match known {
                    Some(contrast) => contrast,
                    None => contrast_of(&matrix, tone.dark, progress)?,
                };
                let mut tiles = Vec::new();
                for (place, (across, up)) in wanted {
                    let pooled_side = |cells: usize| cells.div_ceil(1 << place.0).max(1);
                    let high = match matrix {
                        Matrix::Strip(_) => up.len(),
                        Matrix::Similarity { .. } | Matrix::Grid(_) => pooled_side(up.len()),
                    };
                    let pooled = matrix.pool(&across, &up, (pooled_side(across.len()), high), progress)?;
                    let image = matrix.image(&pooled, &table, contrast);
                    let size = [image.width() as usize, image.height() as usize];
                    tiles.push((place, ColorImage::from_rgba_unmultiplied(size, image.as_raw())));
                }
                Ok(Batch { colours, contrast, tiles })
            },
        ));
    }
}

/// Estimates the contrast from the whole matrix at low resolution: a few outliers must not darken the rest.
fn contrast_of(matrix: &Matrix, dark: f32, progress: &Progress) -> Result<Contrast> {
    match matrix {
        Matrix::Strip(strip) => {
            let step = (strip.values.len() / 200_000).max(1);
            Ok(Contrast::percentiles(strip.values.iter().step_by(step).copied(), dark, 0.995))
        }
        Matrix::Grid(values) => {
            Ok(Contrast::percentiles(values.iter().step_by((values.len() / 200_000).max(1)).copied(), dark, 1.0))
        }
        Matrix::Similarity { midi, audio } => {
            // A sample of rows and columns: the ridge is thin, so the high end must come from individual cells.
            let take = |rows: usize| (0..rows).step_by((rows / 256).max(1));
            let mut values = Vec::new();
            for up in take(midi.frames.nrows()) {
                progress.step(up, midi.frames.nrows())?;
                values.extend(take(audio.frames().nrows()).map(|a| midi.frames.row(up).dot(&audio.frames().row(a))));
            }
            let contrast = Contrast::percentiles(values, dark, 0.995);
            Ok(Contrast { low: contrast.low, high: contrast.high.max(contrast.low + 0.1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Recording, Tags, Waveform};
    use crate::features::FrameTimes;
    use crate::pair::AudioSide;
    use std::path::PathBuf;

    fn matrix(frames: usize, other: usize) -> Matrix {
        let features = |rows| Features { frames: Array2::ones((rows, 4)), times: FrameTimes::Regular(0.05) };
        let recording = Recording {
            mono: Waveform { samples: Vec::new(), sample_rate: 22_050 },
            original: None,
            tags: Tags::default(),
            source_rate: 22_050,
            channels: 1,
            codec: "wav".into(),
            warning: None,
        };
        let side = AudioSide::from_features(PathBuf::new(), recording, features(frames));
        Matrix::Similarity { midi: Arc::new(features(other)), audio: Arc::new(LoadedRecording::new(side)) }
    }

    #[test]
    fn tiles_cover_the_matrix_once() {
        let map = Heatmap::new("test", matrix(8000, 5000), (ColorMap::Viridis, Tone::default()));
        for level in 0..=map.matrix.top_level() {
            let places = map.in_sight(level, &(0.0..8000.0), &(0.0..5000.0));
            let cells: usize = places.iter().map(|&p| map.cells(p)).map(|(a, b)| a.len() * b.len()).sum();
            assert_eq!(cells, 8000 * 5000, "level {level}");
        }
        assert_eq!(map.in_sight(map.matrix.top_level(), &(0.0..8000.0), &(0.0..5000.0)).len(), 1);
    }

    #[test]
    fn only_what_is_in_sight_is_made() {
        let map = Heatmap::new("test", matrix(8000, 5000), (ColorMap::Viridis, Tone::default()));
        assert_eq!(map.in_sight(0, &(600.0..1000.0), &(0.0..500.0)), [(0, 1, 0)]);
        assert!(map.in_sight(0, &(9000.0..9900.0), &(0.0..500.0)).is_empty());
    }

    #[test]
    fn a_picture_whose_job_panics_is_reported_once_and_made_again_when_asked() {
        // A MIDI whose number of bins differs from the recording's: the product of their frames panics.
        let Matrix::Similarity { midi, audio } = matrix(600, 600) else { unreachable!() };
        let fewer = Features { frames: Array2::ones((600, 3)), times: midi.times.clone() };
        let broken = Matrix::Similarity { midi: Arc::new(fewer), audio };
        let colours = (ColorMap::Viridis, Tone::default());
        let mut map = Heatmap::new("Drawing the test", broken.clone(), colours);
        let ctx = Context::default();
        let failures = |map: &mut Heatmap, attempt: u64| {
            let mut out = Vec::new();
            map.set(&broken, colours, attempt);
            while !map.failed {
                map.request(&ctx, vec![(0, 0, 0)]);
                out.extend(map.collect(&ctx));
                std::thread::yield_now();
            }
            // Frames continue; no job is started.
            for _ in 0..3 {
                map.request(&ctx, vec![(0, 0, 0)]);
                out.extend(map.collect(&ctx));
            }
            assert!(map.job.is_none() && map.complete());
            out
        };
        for attempt in 0..2 {
            let said = failures(&mut map, attempt);
            assert!(
                matches!(&said[..], [Command::Failed(Failure::Picture, text)] if text.starts_with("Drawing the test: internal error")),
                "{said:?}"
            );
        }
    }
}
