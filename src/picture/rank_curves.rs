//! [`rank_curves_png()`]: what share of queries finds its answer among the first entries, as in the papers' figures.

use super::text;
use image::{Rgba, RgbaImage};

const WIDTH: u32 = 900;
const HEIGHT: u32 = 520;
/// Pixels around the chart: left, top, right and bottom.
const MARGIN: [u32; 4] = [70, 30, 30, 50];
const INK: Rgba<u8> = Rgba([40, 40, 40, 255]);
const GRID: Rgba<u8> = Rgba([220, 220, 220, 255]);
/// Distinguishable for colour-blind readers too (Okabe and Ito).
const COLOURS: [Rgba<u8>; 7] = [
    Rgba([0, 114, 178, 255]),
    Rgba([213, 94, 0, 255]),
    Rgba([0, 158, 115, 255]),
    Rgba([204, 121, 167, 255]),
    Rgba([230, 159, 0, 255]),
    Rgba([86, 180, 233, 255]),
    Rgba([0, 0, 0, 255]),
];

/// Draws, for each name, the share of its `ranks` (counted from 1) that is at most the number on the horizontal axis, 1
/// to `entries`, on a logarithmic scale.
pub fn rank_curves_png(curves: &[(String, Vec<usize>)], entries: usize) -> RgbaImage {
    let mut image = RgbaImage::from_pixel(WIDTH, HEIGHT, Rgba([255, 255, 255, 255]));
    let [left, top, right, bottom] = MARGIN.map(i64::from);
    let (wide, high) = (i64::from(WIDTH) - left - right, i64::from(HEIGHT) - top - bottom);
    let most = entries.max(2) as f64;
    let x_of = |rank: f64| left + (rank.ln() / most.ln() * wide as f64).round() as i64;
    let y_of = |part: f64| top + ((1.0 - part) * high as f64).round() as i64;
    for tenth in (0..=10).step_by(2) {
        let y = y_of(f64::from(tenth) / 10.0);
        text::fill(&mut image, left, y, wide as u32, 1, GRID);
        text::draw(&mut image, 20, y - 4, &format!("{:3} %", 10 * tenth), 1, INK);
    }
    for rank in (0..).map(|power| 10_usize.pow(power)).take_while(|&rank| rank <= entries) {
        let x = x_of(rank as f64);
        text::fill(&mut image, x, top, 1, high as u32, GRID);
        text::draw(&mut image, x - 4, top + high + 8, &rank.to_string(), 1, INK);
    }
    text::draw(&mut image, left, top + high + 28, "rank of the right answer, at most", 1, INK);
    for (number, (name, ranks)) in curves.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let mut ranks = ranks.clone();
        ranks.sort_unstable();
        let (mut x, mut y) = (x_of(1.0), y_of(0.0));
        for (found, &rank) in (1..).zip(&ranks) {
            let (next_x, next_y) =
                (x_of(rank.clamp(1, entries.max(1)) as f64), y_of(f64::from(found) / ranks.len() as f64));
            text::fill(&mut image, x, y, (next_x - x) as u32 + 2, 2, colour);
            text::fill(&mut image, next_x, next_y, 2, (y - next_y) as u32 + 2, colour);
            (x, y) = (next_x, next_y);
        }
        text::fill(&mut image, x, y, (left + wide - x) as u32, 2, colour);
        let line = top + high - 20 - 16 * (curves.len() - 1 - number) as i64;
        text::fill(&mut image, left + wide / 2, line + 3, 24, 2, colour);
        text::draw(&mut image, left + wide / 2 + 32, line, &text::elide(name, 46), 1, INK);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_curve_lies_along_the_top_and_a_hopeless_one_along_the_bottom() {
        let curves = [("perfect".into(), vec![1, 1, 1]), ("hopeless".into(), vec![500; 3])];
        let image = rank_curves_png(&curves, 500);
        let middle = MARGIN[0] + (WIDTH - MARGIN[0] - MARGIN[2]) / 3;
        assert_eq!(*image.get_pixel(middle, MARGIN[1]), COLOURS[0]);
        assert_eq!(*image.get_pixel(middle, HEIGHT - MARGIN[3]), COLOURS[1]);
        // No ranks, one entry: nothing to draw, and no failure.
        rank_curves_png(&[("none".into(), Vec::new()), ("beyond".into(), vec![9])], 1);
    }
}
