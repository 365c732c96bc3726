//! Pictures of matrices and of an alignment, for files and for the window; no window is needed.
//!
//! - [`ColorMap`], [`Contrast`] and [`Tone`]: from a value to a colour.
//! - [`Strip`]: constant-Q frames on the recording's clock, the MIDI's moved there through the time map.
//! - [`max_pool`] and [`similarity`]: a region of a matrix at the resolution of a picture. Pooling takes the largest
//!   value that falls into a pixel, so that a thin ridge is still visible when the whole song is shown.
//! - [`accumulated()`]: the cost of the best path to each cell.
//! - [`alignment_png()`]: the picture that `antiphon align -o` writes.
//! - [`Curves`]: local cost and tempo ratio, with beats and onsets on the recording's clock.
//! - [`panel_png()`]: one panel of the window as a picture.
//! - [`rank_curves_png()`]: the chart that `antiphon evaluate hash pairs --png` writes.
//! - [`histograms_png`]: distances of matching and of other steps.
//! - [`reliability_png()`]: whether probabilities mean what they say.
//! - [`funnel_png()`]: how many are left after each step of a collection.
//! - [`filter_sheet()`]: the filters of a network.
//! - [`axis`]: tick steps, clock texts, note names.

mod accumulated;
mod alignment_png;
pub mod axis;
mod colormap;
mod curves;
mod filter_sheet;
mod funnel;
mod histograms;
mod panel_png;
mod rank_curves;
mod raster;
mod reliability;
mod strip;
mod text;

pub use accumulated::accumulated;
pub use alignment_png::alignment_png;
pub use colormap::{ColorMap, Contrast, Tone};
pub use curves::Curves;
pub use filter_sheet::{FilterSheet, filter_sheet};
pub use funnel::{FunnelChart, funnel_png};
pub use histograms::{Histogram, histograms_png};
pub use panel_png::{Panel, panel_png};
pub use rank_curves::rank_curves_png;
pub use raster::{matrix_image, max_pool, similarity, strip_image};
pub use reliability::{Reliability, ReliabilityBin, reliability_png};
pub use strip::{Strip, transposed};
