//! [`reliability_png()`]: whether probabilities mean what they say, and how they are distributed.

use super::alignment_png::{FAINT, INK, MARGIN, PAPER, Page};
use super::text::{CELL, elide, width};
use image::{Rgba, RgbaImage};

/// Pixels at scale 1: the width of a diagram, the space left of it, above it and between its parts, and the size with
/// everything.
const WIDE: u32 = 400;
const HIGH: u32 = 240;
const LOW: u32 = 96;
const LEFT: u32 = 56;
const HEAD: u32 = 34;
const GAP: u32 = 64;
const CELL_SIZE: (u32, u32) = (LEFT + WIDE + MARGIN, HEAD + HIGH + GAP + LOW + 52);
const COLUMNS: usize = 2;
const SCALE: u32 = 2;
/// The smallest share that is shown.
const LEAST: f64 = 0.001;
const GRID: Rgba<u8> = Rgba([224, 224, 224, 255]);
const TRUE: Rgba<u8> = Rgba([0, 114, 178, 255]);
const WRONG: Rgba<u8> = Rgba([213, 94, 0, 255]);

/// Pairs whose probabilities lie in the same tenth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Their mean probability.
    pub said: f64,
    /// Share of true pairs, which together weigh as much as the wrong ones.
    pub was: f64,
    /// Number of true pairs and of wrong ones.
    pub counts: (usize, usize),
}

/// A judge's probabilities for pairs, and the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability<'a> {
    /// The heading.
    pub title: String,
    /// The tenths, without empty ones.
    pub bins: Vec<ReliabilityBin>,
    /// Shares of the true pairs, and of the wrong ones, by probability: equal intervals from 0 to 1.
    pub shares: [&'a [f64]; 2],
}

/// Draws the reliability diagram of each, with the diagonal on which probabilities mean what they say and the counts of
/// each tenth; below it the distribution of the probabilities of true and of wrong pairs, each side's as shares of its
/// own, on a logarithmic scale. Two side by side.
pub fn reliability_png(all: &[Reliability<'_>]) -> RgbaImage {
    let columns = all.len().clamp(1, COLUMNS) as u32;
    let rows = all.len().div_ceil(COLUMNS).max(1) as u32;
    let size = (columns * CELL_SIZE.0 + MARGIN, rows * CELL_SIZE.1 + MARGIN);
    let mut page = Page { image: RgbaImage::from_pixel(size.0 * SCALE, size.1 * SCALE, PAPER), scale: SCALE };
    for (place, one) in all.iter().enumerate() {
        let (column, row) = ((place % COLUMNS) as u32, (place / COLUMNS) as u32);
        page.reliability(one, column * CELL_SIZE.0 + LEFT, MARGIN + row * CELL_SIZE.1);
    }
    page.image
}

impl Page {
    fn reliability(&mut self, of: &Reliability<'_>, left: u32, top: u32) {
        self.text(left, top, &elide(&of.title, (WIDE / CELL) as usize), INK);
        self.text(left, top + 16, "share of true pairs, both sides weighing the same", FAINT);
        self.diagram(of, left, top + HEAD);
        self.spread(of.shares, left, top + HEAD + HIGH + GAP);
    }

    fn diagram(&mut self, of: &Reliability<'_>, left: u32, top: u32) {
        let x_of = |p: f64| left + (p.clamp(0.0, 1.0) * f64::from(WIDE)).round() as u32;
        let y_of = |p: f64| top + ((1.0 - p.clamp(0.0, 1.0)) * f64::from(HIGH)).round() as u32;
        for tenth in 0..=10_u32 {
            let p = f64::from(tenth) / 10.0;
            self.fill(x_of(p), top, 1, HIGH, GRID);
            if tenth % 2 == 0 {
                self.fill(left, y_of(p), WIDE, 1, GRID);
                self.text_to(left - 6, y_of(p) - CELL / 2, &format!("{p:.1}"), INK);
            }
        }
        for dot in (0..=WIDE).step_by(4) {
            let p = f64::from(dot) / f64::from(WIDE);
            self.fill(x_of(p), y_of(p), 2, 1, FAINT);
        }
        self.frame(left, top, HIGH);
        let mut before: Option<(u32, u32)> = None;
        for bin in &of.bins {
            let (x, y) = (x_of(bin.said), y_of(bin.was));
            if let Some(from) = before {
                self.line(from, (x, y));
            }
            before = Some((x, y));
            self.fill(x.saturating_sub(3), y.saturating_sub(3), 7, 7, INK);
        }
        let below = top + HIGH + 6;
        for (line, (name, colour)) in [("true", TRUE), ("wrong", WRONG)].into_iter().enumerate() {
            let y = below + 12 * line as u32;
            self.text_to(left - 6, y, name, colour);
            for bin in &of.bins {
                let tenth = ((bin.said * 10.0) as u32).min(9);
                let count = if line == 0 { bin.counts.0 } else { bin.counts.1 }.to_string();
                let middle = left + tenth * WIDE / 10 + WIDE / 20;
                self.text(middle.saturating_sub(width(&count, 1) / 2), y, &count, colour);
            }
        }
    }

    fn spread(&mut self, shares: [&[f64]; 2], left: u32, top: u32) {
        let tall_of =
            |share: f64| ((share.max(LEAST) / LEAST).log10() / -LEAST.log10() * f64::from(LOW)).round() as u32;
        for share in [1.0, 0.1, 0.01, 0.001] {
            let y = top + LOW - tall_of(share).min(LOW);
            self.fill(left, y, WIDE, 1, GRID);
            self.text_to(left - 6, y - CELL / 2, &format!("{}%", 100.0 * share), INK);
        }
        for (side, (shares, colour)) in shares.iter().zip([TRUE, WRONG]).enumerate() {
            let step = WIDE / shares.len().max(1) as u32;
            let bar = (step / 2).saturating_sub(1).max(1);
            for (at, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                // A share below the smallest one shown still gets a visible foot.
                let tall = tall_of(*share).clamp(1, LOW);
                self.fill(left + at as u32 * step + side as u32 * bar + 1, top + LOW - tall, bar, tall, colour);
            }
        }
        self.frame(left, top, LOW);
        for tenth in (0..=10_u32).step_by(2) {
            let text = format!("{:.1}", f64::from(tenth) / 10.0);
            let middle = left + tenth * WIDE / 10;
            self.text(middle - width(&text, 1) / 2, top + LOW + 6, &text, INK);
        }
        self.text(left, top - 14, "share of", FAINT);
        self.text(left + 9 * CELL, top - 14, "true", TRUE);
        self.text(left + 14 * CELL, top - 14, "and", FAINT);
        self.text(left + 18 * CELL, top - 14, "wrong pairs", WRONG);
        self.text_to(left + WIDE, top + LOW + 20, "probability that the two belong together, at even odds", FAINT);
    }

    /// The left and the lower edge.
    fn frame(&mut self, left: u32, top: u32, high: u32) {
        self.fill(left, top, 1, high, INK);
        self.fill(left, top + high, WIDE, 1, INK);
    }

    fn line(&mut self, from: (u32, u32), to: (u32, u32)) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        for step in 0..=steps {
            let at = |a: u32, b: u32| {
                (f64::from(a) + (f64::from(b) - f64::from(a)) * f64::from(step) / f64::from(steps)).round() as u32
            };
            self.fill(at(from.0, to.0), at(from.1, to.1), 1, 1, INK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_bars_stand_where_the_numbers_are() {
        let bins = [(0.05, 0.0, (0, 40)), (0.5, 1.0, (3, 0)), (0.95, 0.5, (20, 1))];
        let bins = bins.map(|(said, was, counts)| ReliabilityBin { said, was, counts }).to_vec();
        let (mut right, mut wrong) = ([0.0; 20], [0.0; 20]);
        (right[19], wrong[0]) = (1.0, 0.01);
        let title = "a title that is longer than what there is room for".repeat(3);
        let picture = reliability_png(&[Reliability { title, bins, shares: [&right, &wrong] }]);
        let at = |x: u32, y: u32| *picture.get_pixel(x * SCALE, y * SCALE);
        let top = MARGIN + HEAD;
        assert_eq!(at(LEFT + 200, top), INK, "half, and all were true");
        assert_eq!(at(LEFT + 380, top + HIGH / 2), INK);
        // Halfway from the second point to the third.
        assert_eq!(at(LEFT + 290, top + HIGH / 4), INK);
        let bottom = top + HIGH + GAP + LOW;
        let column = |x: u32, colour: Rgba<u8>| (bottom - LOW..bottom).filter(|&y| at(x, y) == colour).count() as u32;
        // All true pairs are in the last twentieth; a hundredth of the wrong ones is a third of the way up.
        assert_eq!(column(LEFT + 384, TRUE), LOW);
        assert_eq!(column(LEFT + 14, WRONG), LOW / 3);
        assert_eq!(column(LEFT + 200, TRUE) + column(LEFT + 200, WRONG), 0);
        assert_eq!(reliability_png(&[]).height(), (CELL_SIZE.1 + MARGIN) * SCALE);
    }
}
