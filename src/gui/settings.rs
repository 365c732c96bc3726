//! What the window remembers from one run to the next, in a small JSON file in the user's configuration folder.

use super::model::{SearchForm, ToyForm, TrainingForm};
use super::timeline::Follow;
use crate::dataset::Split;
use crate::error::Result;
use crate::files::{self, parse_json};
use crate::picture::{ColorMap, Tone};
use crate::playback::Rendition;
use crate::playback::mixer::Mix;
use egui::ThemePreference;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The settings. Fields missing from the file keep their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a file that people may edit")]
pub struct Settings {
    /// Version of the file's format.
    pub format: u32,
    /// `system`, `dark` or `light`.
    pub theme: Theme,
    /// Colours of the pictures.
    pub color_map: ColorMap,
    /// Their contrast.
    pub tone: Tone,
    /// The last mix.
    pub mix: Mix,
    /// Whose clock playback follows, how fast, and at which pitch.
    pub rendition: Rendition,
    /// How the view moves with the playhead.
    pub follow: Follow,
    /// Soundfont for the MIDI; `None` is the bundled one.
    pub soundfont: Option<PathBuf>,
    /// Scale of the whole window; 1 is normal.
    pub ui_scale: f32,
    /// Keys bound by the user: command → key, as `Ctrl+Shift+Z`.
    pub keys: BTreeMap<String, String>,
    /// Whether unmodified letters, digits and symbols trigger commands.
    pub single_keys: bool,
    /// Whether animations are turned off.
    pub reduced_motion: bool,
    /// Whether beats and bars are marked.
    pub beats: bool,
    /// Whether note onsets are marked.
    pub onsets: bool,
    /// Whether local cost and tempo ratio are shown.
    pub curves: bool,
    /// Whether the matrix shows accumulated costs.
    pub accumulated: bool,
    /// Whether the hash bits and their distances are shown.
    pub hash_bits: bool,
    /// Whether the matrix is that of the hash sequences.
    pub hamming_matrix: bool,
    /// Whether the output of the selected filter is drawn over the strips.
    pub activations: bool,
    /// Whether filters share one colour scale.
    pub shared_scale: bool,
    /// The hash model; `None` is the bundled one.
    pub hash_model: Option<PathBuf>,
    /// Whether the attention of the embedding networks is shown.
    pub attention: bool,
    /// The embedding model; `None` is the bundled one.
    pub embedding_model: Option<PathBuf>,
    /// Which works of a data set are compared.
    pub compared_split: Split,
    /// Whether scores and earlier decisions are hidden while a queue is judged.
    pub blind: bool,
    /// Confidences above this count as accepted, where decisions are counted.
    pub threshold: f32,
    /// The index to search.
    pub index: Option<PathBuf>,
    /// How it is searched, and how hits are listed.
    pub search: SearchForm,
    /// The current tab in the middle of the window.
    pub tab: Tab,
    /// The next training.
    pub training: TrainingForm,
    /// The next toy problem.
    pub toy: ToyForm,
    /// Which panels are shown, and their sizes.
    pub panels: Panels,
    /// Recent files, newest first.
    pub recent: Vec<PathBuf>,
}

/// A tab in the middle of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tab {
    /// The pair: strips, matrix, verdict.
    #[default]
    Audit,
    /// Inside the hash networks.
    Filters,
    /// Their training.
    Train,
    /// Many pairs, compared by their embeddings.
    Embedding,
    /// The toy problems of attention.
    Toy,
    /// A search of the index for the open music.
    Search,
}

/// The panels around the strips.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Panels {
    /// Whether the list of candidates is shown.
    pub list: bool,
    /// Its width in points.
    pub list_width: f32,
    /// Whether the matrix and the verdict are shown.
    pub inspector: bool,
    /// Their width in points.
    pub inspector_width: f32,
    /// The recording strip's share of the height of both strips.
    pub recording_share: f32,
}

impl Default for Panels {
    fn default() -> Self {
        Self { list: true, list_width: 230.0, inspector: true, inspector_width: 360.0, recording_share: 0.5 }
    }
}

/// Dark, light, or the system's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Theme {
    #[default]
    System,
    Dark,
    Light,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: 1,
            theme: Theme::System,
            color_map: ColorMap::default(),
            mix: Mix::default(),
            rendition: Rendition::default(),
            follow: Follow::default(),
            soundfont: None,
            ui_scale: 1.0,
            tone: Tone::default(),
            keys: BTreeMap::new(),
            single_keys: true,
            reduced_motion: false,
            beats: true,
            onsets: false,
            curves: true,
            accumulated: false,
            hash_bits: true,
            hamming_matrix: false,
            activations: false,
            shared_scale: false,
            hash_model: None,
            attention: true,
            embedding_model: None,
            compared_split: Split::Test,
            blind: false,
            threshold: 0.5,
            index: None,
            search: SearchForm::default(),
            tab: Tab::Audit,
            training: TrainingForm::default(),
            toy: ToyForm::default(),
            panels: Panels::default(),
            recent: Vec::new(),
        }
    }
}

impl From<Theme> for ThemePreference {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::System => Self::System,
            Theme::Dark => Self::Dark,
            Theme::Light => Self::Light,
        }
    }
}

impl Settings {
    /// How the view follows: with reduced motion it does not slide.
    pub fn follow_in_force(&self) -> Follow {
        if self.reduced_motion && self.follow == Follow::Centred { Follow::Page } else { self.follow }
    }

    /// The settings file, if the system has a place for it.
    pub fn file() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "antiphon").map(|dirs| dirs.config_dir().join("settings.json"))
    }

    /// Reads the file. If it is missing, the defaults apply. If it is damaged, every readable field is kept; a copy of
    /// the file goes beside it (`settings.json.damaged`) before anything overwrites it, and the remark returned says
    /// so.
    pub fn load(file: &Path) -> (Self, Option<String>) {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Err(error) => {
                let remark = format!("the settings can't be read, the defaults hold: {error}: {file:?}");
                return (Self::default(), Some(remark));
            }
        };
        let (settings, lost) = Self::parse(&bytes);
        let remark = lost.map(|lost| {
            let beside = file.with_extension("json.damaged");
            match std::fs::copy(file, &beside) {
                Ok(_) => format!("the settings file was damaged: {lost}; it is kept: {beside:?}"),
                Err(error) => {
                    format!("the settings file was damaged: {lost}; no copy could be kept ({error}): {file:?}")
                }
            }
        });
        (settings.limited(), remark)
    }

    /// Parses a file, and describes what could not be read.
    fn parse(bytes: &[u8]) -> (Self, Option<String>) {
        let error = match parse_json(bytes) {
            Ok(settings) => return (settings, None),
            Err(error) => error,
        };
        let Ok(fields) = parse_json::<serde_json::Map<String, Value>>(bytes) else {
            return (Self::default(), Some(format!("{error}, so the defaults hold")));
        };
        let reads = |(name, value): &(String, Value)| {
            let one = serde_json::Map::from_iter([(name.clone(), value.clone())]);
            serde_json::from_value::<Self>(Value::Object(one)).is_ok()
        };
        let (good, bad): (Vec<_>, Vec<_>) = fields.into_iter().partition(reads);
        let names: Vec<String> = bad.into_iter().map(|(name, _)| name).collect();
        let good = Value::Object(good.into_iter().collect());
        let lost = format!("{} could not be read and has its default", names.join(", "));
        serde_json::from_value(good).map_or_else(
            |error| (Self::default(), Some(format!("{error}, so the defaults hold"))),
            |settings| (settings, Some(lost)),
        )
    }

    /// Puts values that were edited out of range back into it.
    fn limited(mut self) -> Self {
        if !(0.5..=3.0).contains(&self.ui_scale) {
            self.ui_scale = 1.0;
        }
        self.rendition = self.rendition.at_speed(self.rendition.speed);
        self.tone = self.tone.limited();
        self.threshold = self.threshold.clamp(0.0, 1.0);
        // `clamp` does not handle NaN, but JSON has none.
        self.panels.recording_share = self.panels.recording_share.clamp(0.15, 0.85);
        let plain = Panels::default();
        for (width, usual) in
            [(&mut self.panels.list_width, plain.list_width), (&mut self.panels.inspector_width, plain.inspector_width)]
        {
            // More digits than an f32 holds are infinite.
            if !(0.0..=10_000.0).contains(width) {
                *width = usual;
            }
        }
        if !(-1.0..=1.0).contains(&self.mix.balance) {
            self.mix.balance = 0.0;
        }
        self
    }

    /// Writes the file, completely or not at all.
    pub fn save(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            files::create_folder(folder)?;
        }
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        files::write(file, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playback::SPEEDS;
    use proptest::prelude::*;

    /// Where each value in a document is.
    fn places(document: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        let fields = document.as_object().into_iter().flatten();
        fields.for_each(|(name, value)| places(value, &format!("{at}/{name}"), found));
    }

    fn in_range(settings: &Settings) -> bool {
        (0.5..=3.0).contains(&settings.ui_scale)
            && SPEEDS.contains(&settings.rendition.speed)
            && (0.2..=5.0).contains(&settings.tone.gamma)
            && (0.0..=0.9).contains(&settings.tone.dark)
            && (-1.0..=1.0).contains(&settings.mix.balance)
            && (0.0..=1.0).contains(&settings.threshold)
            && (0.15..=0.85).contains(&settings.panels.recording_share)
            && settings.panels.list_width.is_finite()
            && settings.panels.inspector_width.is_finite()
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_field_the_rest_is_read_and_all_is_in_range(at: prop::sample::Index, odd in 0_usize..12) {
            let mut document = serde_json::to_value(Settings { beats: false, ..Settings::default() }).expect("JSON");
            let mut all = Vec::new();
            places(&document, "", &mut all);
            let odd = ["null", "true", "-1", "-0.5", "1e39", "-1e308", "18446744073709551615", "\"\"", "\"x\"", "[]", "{}", "[[7]]"][odd];
            let place = &all[at.index(all.len())];
            *document.pointer_mut(place).expect("it is there") = serde_json::from_str(odd).expect("JSON");
            let (settings, _) = Settings::parse(document.to_string().as_bytes());
            prop_assert!(in_range(&settings.clone().limited()), "{odd} at {place}: {settings:?}");
            prop_assert!(!settings.beats || place.is_empty() || place == "/beats", "{odd} at {place}");
        }

        #[test]
        fn any_bytes_are_settings_or_the_defaults(bytes in prop::collection::vec(prop::sample::select(b"{}[]\":,0.e-9 tnxf\xff\\".to_vec()), 0..60)) {
            prop_assert!(in_range(&Settings::parse(&bytes).0.limited()));
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deeper/settings.json");
        let settings = Settings { theme: Theme::Light, ui_scale: 1.25, ..Settings::default() };
        settings.save(&file).expect("saved");
        assert_eq!(Settings::load(&file), (settings, None));
    }

    #[test]
    fn a_missing_file_and_odd_values_give_the_defaults() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.json");
        assert_eq!(Settings::load(&file), (Settings::default(), None));
        std::fs::write(&file, r#"{"ui_scale": 99, "mix": {"balance": 7}, "tone": {"gamma": -3}}"#).expect("written");
        assert_eq!(Settings::load(&file), (Settings::default(), None));
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_said_and_what_can_be_read_of_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.json");
        let beside = folder.path().join("settings.json.damaged");
        for text in ["", "{", "7", r#"{"theme": "light""#] {
            std::fs::write(&file, text).expect("written");
            let (settings, remark) = Settings::load(&file);
            assert_eq!(settings, Settings::default(), "{text}");
            assert!(remark.expect("a remark").contains("settings.json.damaged"), "{text}");
            assert_eq!(std::fs::read_to_string(&beside).expect("kept"), text);
        }
        // For example, a colour map from a later version.
        std::fs::write(&file, r#"{"theme": "light", "color_map": "turbo", "ui_scale": 1.5}"#).expect("written");
        let (settings, remark) = Settings::load(&file);
        assert_eq!(settings, Settings { theme: Theme::Light, ui_scale: 1.5, ..Settings::default() });
        assert!(remark.expect("a remark").contains("color_map could not be read"));
        // A folder in its place can neither be read nor copied.
        std::fs::remove_file(&file).expect("removed");
        std::fs::create_dir(&file).expect("a folder");
        let (settings, remark) = Settings::load(&file);
        assert!(settings == Settings::default() && remark.is_some_and(|remark| remark.contains("can't be read")));
    }
}
