//! Maps values to colours, so that equal steps look equal and a colour-blind reader loses nothing.
//!
//! Each map is a few knots with straight lines between them; the greatest deviation from the published tables of 256
//! colours is 1/255 per channel. Viridis and magma are by S. van der Walt and N. Smith (CC0); cividis is by J. Nuñez,
//! C. Anderton and R. Renslow, "Optimizing colormaps with consideration for color vision deficiency" (2018).

use serde::{Deserialize, Serialize};

/// A colour map for values from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMap {
    /// Dark violet through green to yellow.
    #[default]
    Viridis,
    /// Black through purple to cream.
    Magma,
    /// Dark blue to yellow; looks the same to most colour-blind eyes.
    Cividis,
    /// Black to white.
    Grey,
}

/// Knots: index in a table of 256; red, green, blue.
type Knots = &'static [(u8, [u8; 3])];

const VIRIDIS: Knots = &[
    (0, [0x44, 0x01, 0x54]),
    (20, [0x48, 0x1d, 0x6f]),
    (35, [0x46, 0x30, 0x7e]),
    (59, [0x3d, 0x4d, 0x8a]),
    (93, [0x2d, 0x70, 0x8e]),
    (132, [0x1f, 0x94, 0x8c]),
    (147, [0x1f, 0xa2, 0x87]),
    (162, [0x2a, 0xb0, 0x7f]),
    (179, [0x44, 0xbf, 0x70]),
    (198, [0x6c, 0xcd, 0x5a]),
    (223, [0xaa, 0xdc, 0x32]),
    (237, [0xd0, 0xe1, 0x1c]),
    (244, [0xe2, 0xe4, 0x18]),
    (253, [0xf8, 0xe6, 0x21]),
    (255, [0xfd, 0xe7, 0x25]),
];

const MAGMA: Knots = &[
    (0, [0x00, 0x00, 0x04]),
    (7, [0x03, 0x03, 0x0f]),
    (20, [0x0e, 0x0b, 0x2b]),
    (38, [0x25, 0x12, 0x55]),
    (48, [0x36, 0x10, 0x6b]),
    (58, [0x47, 0x10, 0x78]),
    (75, [0x62, 0x19, 0x80]),
    (105, [0x91, 0x2b, 0x81]),
    (133, [0xbf, 0x3a, 0x77]),
    (152, [0xdc, 0x48, 0x69]),
    (168, [0xef, 0x5d, 0x5e]),
    (182, [0xf8, 0x76, 0x5c]),
    (195, [0xfc, 0x8e, 0x64]),
    (213, [0xfe, 0xb0, 0x78]),
    (239, [0xfd, 0xe0, 0xa1]),
    (255, [0xfc, 0xfd, 0xbf]),
];

const CIVIDIS: Knots = &[
    (0, [0x00, 0x22, 0x4e]),
    (20, [0x00, 0x30, 0x70]),
    (23, [0x01, 0x32, 0x71]),
    (29, [0x14, 0x36, 0x70]),
    (41, [0x29, 0x3f, 0x6e]),
    (65, [0x44, 0x4f, 0x6c]),
    (102, [0x66, 0x69, 0x70]),
    (130, [0x7e, 0x7d, 0x78]),
    (163, [0x9e, 0x96, 0x76]),
    (199, [0xc3, 0xb3, 0x69]),
    (226, [0xe0, 0xcb, 0x56]),
    (244, [0xf5, 0xdc, 0x41]),
    (251, [0xfd, 0xe3, 0x34]),
    (255, [0xfe, 0xe8, 0x38]),
];

const GREY: Knots = &[(0, [0x00, 0x00, 0x00]), (255, [0xff, 0xff, 0xff])];

impl ColorMap {
    /// All maps, in the order of a menu.
    pub const ALL: [Self; 4] = [Self::Viridis, Self::Magma, Self::Cividis, Self::Grey];

    /// Its name in a menu.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "Viridis",
            Self::Magma => "Magma",
            Self::Cividis => "Cividis",
            Self::Grey => "Grey",
        }
    }

    /// What it looks like, for a tooltip.
    pub fn about(self) -> &'static str {
        match self {
            Self::Viridis => "Colours from violet over green to yellow",
            Self::Magma => "Colours from black over purple to cream",
            Self::Cividis => "Colours from blue to yellow, made for colour-blind eyes",
            Self::Grey => "From black to white",
        }
    }

    /// The 256 colours, red, green, blue.
    pub fn table(self) -> [[u8; 3]; 256] {
        let knots = match self {
            Self::Viridis => VIRIDIS,
            Self::Magma => MAGMA,
            Self::Cividis => CIVIDIS,
            Self::Grey => GREY,
        };
        let mut table = [[0; 3]; 256];
        for pair in knots.windows(2) {
            let ((from, a), (to, b)) = (pair[0], pair[1]);
            for index in from..=to {
                let along = f32::from(index - from) / f32::from(to - from);
                for channel in 0..3 {
                    let (a, b) = (f32::from(a[channel]), f32::from(b[channel]));
                    table[usize::from(index)][channel] = (a + (b - a) * along).round() as u8;
                }
            }
        }
        table
    }
}

/// How values are spread over the colours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tone {
    /// Exponent on 0..=1: below 1 brightens faint values, above 1 suppresses them.
    pub gamma: f32,
    /// Share of the values that is shown as the first colour.
    pub dark: f32,
    /// Whether the colours are reversed.
    pub inverted: bool,
}

impl Default for Tone {
    fn default() -> Self {
        Self { gamma: 1.0, dark: 0.3, inverted: false }
    }
}

impl Tone {
    /// The same limited to a sensible range: gamma 0.2 to 5, 0 to 90 % dark.
    #[must_use]
    pub(crate) fn limited(self) -> Self {
        let sane = |x: f32, plain: f32| if x.is_finite() && x > 0.0 { x } else { plain };
        Self { gamma: sane(self.gamma, 1.0).clamp(0.2, 5.0), dark: self.dark.clamp(0.0, 0.9), ..self }
    }

    /// The colours of `map` in this tone.
    pub fn table(self, map: ColorMap) -> [[u8; 3]; 256] {
        let plain = map.table();
        let gamma = self.limited().gamma;
        std::array::from_fn(|i| {
            let along = (i as f32 / 255.0).powf(gamma);
            let along = if self.inverted { 1.0 - along } else { along };
            plain[(along * 255.0).round() as usize]
        })
    }
}

/// The values shown as the darkest and the brightest colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// At or below this: the first colour.
    pub low: f32,
    /// At or above this: the last colour.
    pub high: f32,
}

impl Contrast {
    /// From the lower to the higher of the given percentiles, in 0..=1, so that a few outliers do not darken the rest.
    /// Values that are not finite do not count.
    pub(crate) fn percentiles(values: impl IntoIterator<Item = f32>, low: f32, high: f32) -> Self {
        let mut sorted: Vec<f32> = values.into_iter().filter(|v| v.is_finite()).collect();
        if sorted.is_empty() {
            return Self { low: 0.0, high: 1.0 };
        }
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |p: f32| sorted[((sorted.len() - 1) as f32 * p.clamp(0.0, 1.0)).round() as usize];
        Self { low: at(low), high: at(high) }
    }

    /// Index into a table of 256 colours. Values that are not finite are dark.
    pub(crate) fn index(self, value: f32) -> usize {
        let range = self.high - self.low;
        if range <= 0.0 {
            return if value > self.low { 255 } else { 0 };
        }
        // `as` turns NaN into 0.
        ((value - self.low) / range * 255.0).round().clamp(0.0, 255.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours of the published tables between our knots (matplotlib 3.11.2, `colormaps[name].colors`, × 255, rounded).
    #[test]
    fn maps_are_within_one_of_the_published_tables() {
        for (map, index, colour) in PUBLISHED {
            let ours = map.table()[*index];
            for channel in 0..3 {
                assert!(ours[channel].abs_diff(colour[channel]) <= 1, "{map:?} at {index}: {ours:?}, {colour:?}");
            }
        }
    }

    #[test]
    fn brightness_rises_along_every_map() {
        for map in ColorMap::ALL {
            let light = |c: [u8; 3]| 0.2126 * f32::from(c[0]) + 0.7152 * f32::from(c[1]) + 0.0722 * f32::from(c[2]);
            let table = map.table();
            assert!(table.windows(2).all(|pair| light(pair[1]) >= light(pair[0]) - 0.8), "{map:?}");
        }
    }

    #[test]
    fn contrast_ignores_what_is_not_finite() {
        let contrast = Contrast::percentiles([f32::NAN, 0.0, 1.0, 2.0, f32::INFINITY], 0.0, 1.0);
        assert_eq!(contrast, Contrast { low: 0.0, high: 2.0 });
        assert_eq!([contrast.index(-3.0), contrast.index(1.0), contrast.index(9.0)], [0, 128, 255]);
        assert_eq!(contrast.index(f32::NAN), 0);
        assert_eq!(Contrast::percentiles([], 0.0, 1.0).index(2.0), 255);
    }

    #[test]
    fn tone_lifts_and_inverts() {
        let plain = ColorMap::Grey.table();
        assert_eq!(Tone::default().table(ColorMap::Grey), plain);
        let lifted = Tone { gamma: 0.5, ..Tone::default() }.table(ColorMap::Grey);
        assert!((1..255).all(|i| lifted[i][0] >= plain[i][0]) && lifted[64][0] > 120);
        let inverted = Tone { inverted: true, ..Tone::default() }.table(ColorMap::Grey);
        assert!((0..256).all(|i| inverted[i] == plain[255 - i]));
    }

    const PUBLISHED: &[(ColorMap, usize, [u8; 3])] = &[
        (ColorMap::Viridis, 0, [68, 1, 84]),
        (ColorMap::Viridis, 10, [71, 16, 99]),
        (ColorMap::Viridis, 27, [72, 38, 119]),
        (ColorMap::Viridis, 50, [65, 66, 135]),
        (ColorMap::Viridis, 77, [52, 96, 141]),
        (ColorMap::Viridis, 115, [37, 132, 142]),
        (ColorMap::Viridis, 140, [30, 156, 137]),
        (ColorMap::Viridis, 155, [36, 170, 131]),
        (ColorMap::Viridis, 170, [53, 183, 121]),
        (ColorMap::Viridis, 190, [90, 200, 100]),
        (ColorMap::Viridis, 210, [137, 213, 72]),
        (ColorMap::Viridis, 230, [189, 223, 38]),
        (ColorMap::Viridis, 240, [216, 226, 25]),
        (ColorMap::Viridis, 248, [236, 229, 27]),
        (ColorMap::Viridis, 255, [253, 231, 37]),
        (ColorMap::Magma, 0, [0, 0, 4]),
        (ColorMap::Magma, 10, [5, 4, 22]),
        (ColorMap::Magma, 27, [22, 15, 59]),
        (ColorMap::Magma, 50, [57, 15, 110]),
        (ColorMap::Magma, 77, [101, 26, 128]),
        (ColorMap::Magma, 115, [161, 48, 126]),
        (ColorMap::Magma, 140, [202, 62, 114]),
        (ColorMap::Magma, 155, [224, 76, 103]),
        (ColorMap::Magma, 170, [241, 96, 93]),
        (ColorMap::Magma, 190, [251, 133, 96]),
        (ColorMap::Magma, 210, [254, 170, 116]),
        (ColorMap::Magma, 230, [254, 207, 146]),
        (ColorMap::Magma, 240, [253, 226, 163]),
        (ColorMap::Magma, 248, [252, 240, 178]),
        (ColorMap::Magma, 255, [252, 253, 191]),
        (ColorMap::Cividis, 0, [0, 34, 78]),
        (ColorMap::Cividis, 10, [0, 42, 95]),
        (ColorMap::Cividis, 27, [15, 53, 112]),
        (ColorMap::Cividis, 50, [52, 69, 108]),
        (ColorMap::Cividis, 77, [80, 87, 108]),
        (ColorMap::Cividis, 115, [114, 114, 116]),
        (ColorMap::Cividis, 140, [136, 133, 120]),
        (ColorMap::Cividis, 155, [150, 144, 119]),
        (ColorMap::Cividis, 170, [165, 156, 116]),
        (ColorMap::Cividis, 190, [186, 172, 109]),
        (ColorMap::Cividis, 210, [207, 189, 98]),
        (ColorMap::Cividis, 230, [229, 207, 82]),
        (ColorMap::Cividis, 240, [240, 216, 70]),
        (ColorMap::Cividis, 248, [249, 224, 58]),
        (ColorMap::Cividis, 255, [254, 232, 56]),
    ];
}
