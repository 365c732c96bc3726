//! [`funnel_png()`]: how many are left after each step.

use super::alignment_png::{FAINT, INK, MARGIN, PAPER, Page};
use super::text::{CELL, elide};
use image::{Rgba, RgbaImage};

const WIDTH: u32 = 640;
/// The distance between bars, and the height of a bar.
const STEP: u32 = 34;
const BAR: u32 = 16;
const HEAD: u32 = 24;
const KEPT: Rgba<u8> = Rgba([40, 96, 176, 255]);
const LOST: Rgba<u8> = Rgba([222, 228, 238, 255]);

/// Steps that leave fewer and fewer.
#[derive(Debug, Clone)]
pub struct FunnelChart<'a> {
    /// The heading.
    pub title: &'a str,
    /// The label of each step, and how many it leaves.
    pub steps: &'a [(&'a str, usize)],
}

/// Draws funnels one below another: for each step a centred bar, its width proportional to the count, on top of the one
/// of the step before; with the count and its share of that step. 640 pixels wide.
pub fn funnel_png(funnels: &[FunnelChart<'_>]) -> RgbaImage {
    let tall = |funnel: &FunnelChart<'_>| HEAD + STEP * funnel.steps.len() as u32 + MARGIN;
    let height = MARGIN + funnels.iter().map(tall).sum::<u32>();
    let mut page = Page { image: RgbaImage::from_pixel(WIDTH, height, PAPER), scale: 1 };
    let mut top = MARGIN;
    for funnel in funnels {
        page.funnel(funnel, top);
        top += tall(funnel);
    }
    page.image
}

impl Page {
    fn funnel(&mut self, funnel: &FunnelChart<'_>, top: u32) {
        let inner = WIDTH - 2 * MARGIN;
        self.text(MARGIN, top, &elide(funnel.title, (inner / CELL) as usize), INK);
        let most = funnel.steps.iter().map(|step| step.1).max().unwrap_or(0).max(1);
        // Anything that exists at all is visible.
        let wide = |count: usize| {
            let share = count as f64 / most as f64 * f64::from(inner);
            (share.round() as u32).max(u32::from(count > 0))
        };
        let mut before: Option<usize> = None;
        for (index, &(name, count)) in funnel.steps.iter().enumerate() {
            let y = top + HEAD + index as u32 * STEP;
            self.text(MARGIN, y, name, INK);
            let mut said = count.to_string();
            if let Some(before) = before.filter(|&before| before > 0) {
                said = format!("{said} ({:.1} %)", 100.0 * count as f64 / before as f64);
            }
            self.text_to(WIDTH - MARGIN, y, &said, FAINT);
            for (count, colour) in [(before.unwrap_or(count), LOST), (count, KEPT)] {
                self.fill(MARGIN + (inner - wide(count)) / 2, y + 11, wide(count), BAR, colour);
            }
            before = Some(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_wide_as_their_shares_and_one_of_many_is_seen() {
        let steps = [("found", 100_000), ("named", 50_000), ("aligned", 1), ("none", 0)];
        let picture = funnel_png(&[FunnelChart { title: "MIDI files", steps: &steps }]);
        let widths: Vec<u32> = (0..4)
            .map(|index| {
                let row = MARGIN + HEAD + index * STEP + 11 + BAR / 2;
                (0..WIDTH).filter(|&x| *picture.get_pixel(x, row) == KEPT).count() as u32
            })
            .collect();
        let inner = WIDTH - 2 * MARGIN;
        assert_eq!(widths, [inner, inner / 2, 1, 0]);
        let title = "a title that does not fit into the width of the picture".repeat(4);
        assert_eq!(funnel_png(&[FunnelChart { title: &title, steps: &[] }]).width(), WIDTH);
        assert_eq!(funnel_png(&[]).height(), MARGIN);
    }
}
