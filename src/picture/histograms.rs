//! [`histograms_png`]: distances of matching and of other steps.

use super::alignment_png::{FAINT, INK, MARGIN, PAPER, Page};
use super::text::{CELL, elide};
use image::{Rgba, RgbaImage};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 160;
const MATCHING: Rgba<u8> = Rgba([40, 96, 176, 255]);
const DIFFERENT: Rgba<u8> = Rgba([176, 112, 24, 255]);

/// Two histograms over the same distances.
#[derive(Debug, Clone)]
pub struct Histogram<'a> {
    /// The heading.
    pub title: String,
    /// Counts of matching steps by distance.
    pub matching: &'a [u64],
    /// Counts of other steps by distance.
    pub different: &'a [u64],
}

/// Draws the histograms one below another, each side's counts as shares of its own total, with one vertical scale per
/// histogram; 640 pixels wide.
pub fn histograms_png(histograms: &[Histogram<'_>]) -> RgbaImage {
    let each = HEIGHT + 64;
    let size = (WIDTH, 2 * MARGIN + each * histograms.len().max(1) as u32);
    let mut page = Page { image: RgbaImage::from_pixel(size.0, size.1, PAPER), scale: 1 };
    for (index, histogram) in histograms.iter().enumerate() {
        page.histogram(histogram, MARGIN + index as u32 * each);
    }
    page.image
}

impl Page {
    fn histogram(&mut self, histogram: &Histogram<'_>, top: u32) {
        let inner = WIDTH - 2 * MARGIN;
        self.text(MARGIN, top, &elide(&histogram.title, (inner / CELL) as usize), INK);
        self.text(MARGIN, top + 14, "matching", MATCHING);
        self.text(MARGIN + 80, top + 14, "different", DIFFERENT);
        let shares = |counts: &[u64]| -> Vec<f64> {
            let sum = counts.iter().sum::<u64>().max(1) as f64;
            counts.iter().map(|&n| n as f64 / sum).collect()
        };
        let sides = [(shares(histogram.matching), MATCHING), (shares(histogram.different), DIFFERENT)];
        let most = sides.iter().flat_map(|(shares, _)| shares).copied().fold(1e-9, f64::max);
        let count = histogram.matching.len().max(histogram.different.len()).max(1) as u32;
        let (step, bottom) = (inner / count, top + 28 + HEIGHT);
        let bar = (step / 2).saturating_sub(1).max(1);
        for (side, (shares, colour)) in sides.iter().enumerate() {
            for (distance, share) in shares.iter().enumerate() {
                let tall = (share / most * f64::from(HEIGHT)).round() as u32;
                let x = MARGIN + distance as u32 * step + side as u32 * bar;
                self.fill(x, bottom - tall, bar, tall, *colour);
            }
        }
        self.fill(MARGIN, bottom, step * count, 1, INK);
        for distance in (0..count).step_by(4) {
            self.text(MARGIN + distance * step, bottom + 4, &distance.to_string(), FAINT);
        }
        self.text_to(WIDTH - MARGIN, bottom + 16, "bits that differ", FAINT);
        self.text_to(WIDTH - MARGIN, top + 14, &format!("highest {:.1} %", 100.0 * most), FAINT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_where_the_counts_are() {
        let (mut matching, mut different) = (vec![0; 33], vec![0; 33]);
        (matching[0], different[16]) = (5, 9);
        let title = "a title that is longer than a line of the picture can hold, so that it must be cut".repeat(3);
        let picture = histograms_png(&[Histogram { title, matching: &matching, different: &different }]);
        let columns = |colour: Rgba<u8>| -> Vec<u32> {
            let row = MARGIN + 28 + HEIGHT / 2;
            (0..picture.width()).filter(|&x| *picture.get_pixel(x, row) == colour).collect()
        };
        let step = (WIDTH - 2 * MARGIN) / 33;
        assert_eq!(columns(MATCHING).first(), Some(&MARGIN));
        assert!(columns(DIFFERENT).iter().all(|x| (MARGIN + 16 * step..MARGIN + 17 * step).contains(x)));
        assert!(!columns(DIFFERENT).is_empty());
        assert_eq!(histograms_png(&[]).width(), WIDTH);
    }
}
