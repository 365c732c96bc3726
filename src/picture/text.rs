//! Text in pictures, with a bitmap font of 8 × 8 pixels (crate `font8x8`, MIT): readable at any scale, no font file.

use font8x8::UnicodeFonts;
use image::{Rgba, RgbaImage};

/// Pixels of a character at scale 1, in both directions.
pub(super) const CELL: u32 = 8;

/// Width of a text in pixels.
pub(super) fn width(text: &str, scale: u32) -> u32 {
    text.chars().count() as u32 * CELL * scale
}

/// Draws `text` with its upper left corner at (x, y). What lies outside the picture is left out, and a character that
/// the font lacks is drawn as `?`.
pub(super) fn draw(image: &mut RgbaImage, x: i64, y: i64, text: &str, scale: u32, colour: Rgba<u8>) {
    for (i, character) in text.chars().enumerate() {
        let left = x + i64::from(i as u32 * CELL * scale);
        for (row, bits) in glyph(character).into_iter().enumerate() {
            for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                let (px, py) = (left + i64::from(column * scale), y + i64::from(row as u32 * scale));
                fill(image, px, py, scale, scale, colour);
            }
        }
    }
}

/// Fills a rectangle, clipped to the picture.
pub(super) fn fill(image: &mut RgbaImage, x: i64, y: i64, width: u32, height: u32, colour: Rgba<u8>) {
    let clip = |from: i64, size: u32, limit: u32| {
        from.clamp(0, i64::from(limit)) as u32..(from + i64::from(size)).clamp(0, i64::from(limit)) as u32
    };
    for py in clip(y, height, image.height()) {
        for px in clip(x, width, image.width()) {
            image.put_pixel(px, py, colour);
        }
    }
}

/// Shortens a text in the middle to at most `most` characters, so that the start and the extension stay readable.
pub(super) fn elide(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let keep = most.saturating_sub(3);
    let (head, tail) = (keep.div_ceil(2), keep / 2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}...{end}")
}

fn glyph(character: char) -> [u8; 8] {
    font8x8::BASIC_FONTS
        .get(character)
        .or_else(|| font8x8::LATIN_FONTS.get(character))
        .or_else(|| font8x8::GREEK_FONTS.get(character))
        .or_else(|| font8x8::HIRAGANA_FONTS.get(character))
        .or_else(|| font8x8::BASIC_FONTS.get('?'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_in_the_picture_and_in_its_box() {
        let mut image = RgbaImage::new(40, 20);
        draw(&mut image, 4, 4, "Aé", 1, Rgba([255; 4]));
        draw(&mut image, -100, 300, "far outside", 2, Rgba([255; 4]));
        assert!(image.enumerate_pixels().any(|(_, _, p)| p[0] > 0));
        assert!(image.enumerate_pixels().all(|(x, y, p)| p[0] == 0 || ((4..20).contains(&x) && (4..12).contains(&y))));
        assert_eq!(width("Aé", 2), 32);
    }

    #[test]
    fn long_names_keep_start_and_extension() {
        assert_eq!(elide("a very long name of a song.mp3", 15), "a very...ng.mp3");
        assert_eq!(elide("short.mp3", 15), "short.mp3");
    }
}
