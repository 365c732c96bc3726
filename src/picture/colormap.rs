//! From a value to a colour, so that equal steps look equal and a colour-blind reader loses nothing.
//!
//! Each map is a few knots with straight lines between them; the greatest distance to the published tables of 256
//! colours is 1/255 a channel. Viridis and magma are by S. van der Walt and N. Smith (CC0); cividis is by J. Nuñez,
//! C. Anderton and R. Renslow, "Optimizing colormaps with consideration for color vision deficiency" (PLoS ONE, 2018).

use serde::{Deserialize, Serialize};

/// A choice of colours for values from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMap {
    /// Dark violet over green to yellow.
    #[default]
    Viridis,
    /// Black over purple to cream.
    Magma,
    /// Dark blue to yellow; the same to most colour-blind eyes.
    Cividis,
    /// Black to white.
    Grey,
}

/// Knots: index in a table of 256, colour as 0xRRGGBB.
type Knots = &'static [(u8, u32)];

const VIRIDIS: Knots = &[
    (0, 0x440154),
    (20, 0x481d6f),
    (35, 0x46307e),
    (59, 0x3d4d8a),
    (93, 0x2d708e),
    (132, 0x1f948c),
    (147, 0x1fa287),
    (162, 0x2ab07f),
    (179, 0x44bf70),
    (198, 0x6ccd5a),
    (223, 0xaadc32),
    (237, 0xd0e11c),
    (244, 0xe2e418),
    (253, 0xf8e621),
    (255, 0xfde725),
];

const MAGMA: Knots = &[
    (0, 0x000004),
    (7, 0x03030f),
    (20, 0x0e0b2b),
    (38, 0x251255),
    (48, 0x36106b),
    (58, 0x471078),
    (75, 0x621980),
    (105, 0x912b81),
    (133, 0xbf3a77),
    (152, 0xdc4869),
    (168, 0xef5d5e),
    (182, 0xf8765c),
    (195, 0xfc8e64),
    (213, 0xfeb078),
    (239, 0xfde0a1),
    (255, 0xfcfdbf),
];

const CIVIDIS: Knots = &[
    (0, 0x00224e),
    (20, 0x003070),
    (23, 0x013271),
    (29, 0x143670),
    (41, 0x293f6e),
    (65, 0x444f6c),
    (102, 0x666970),
    (130, 0x7e7d78),
    (163, 0x9e9676),
    (199, 0xc3b369),
    (226, 0xe0cb56),
    (244, 0xf5dc41),
    (251, 0xfde334),
    (255, 0xfee838),
];

const GREY: Knots = &[(0, 0x000000), (255, 0xffffff)];

impl ColorMap {
    /// All of them, in the order of a menu.
    pub const ALL: [Self; 4] = [Self::Viridis, Self::Magma, Self::Cividis, Self::Grey];

    /// Its name, as a menu shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "Viridis",
            Self::Magma => "Magma",
            Self::Cividis => "Cividis",
            Self::Grey => "Grey",
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
                for (channel, shift) in [16, 8, 0].into_iter().enumerate() {
                    let (a, b) = ((a >> shift & 0xff) as f32, (b >> shift & 0xff) as f32);
                    table[usize::from(index)][channel] = (a + (b - a) * along).round() as u8;
                }
            }
        }
        table
    }
}

/// Which values are shown as the darkest and the brightest colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// At or below this: the first colour.
    pub low: f32,
    /// At or above this: the last colour.
    pub high: f32,
}

impl Contrast {
    /// From the lowest to the highest percentile given, in 0..=1, so that a few odd values do not darken the rest.
    /// Values that are not finite do not count.
    pub fn percentiles(values: impl IntoIterator<Item = f32>, low: f32, high: f32) -> Self {
        let mut sorted: Vec<f32> = values.into_iter().filter(|v| v.is_finite()).collect();
        if sorted.is_empty() {
            return Self { low: 0.0, high: 1.0 };
        }
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |p: f32| sorted[((sorted.len() - 1) as f32 * p.clamp(0.0, 1.0)).round() as usize];
        Self { low: at(low), high: at(high) }
    }

    /// Index into a table of 256 colours. What is not finite is dark.
    pub fn index(&self, value: f32) -> usize {
        let range = self.high - self.low;
        if range <= 0.0 {
            return if value > self.low { 255 } else { 0 };
        }
        // `as` takes NaN to 0.
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
