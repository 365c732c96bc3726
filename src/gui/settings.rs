//! What the window remembers from one run to the next, in a small JSON file of the user's configuration folder.

use super::timeline::Follow;
use crate::error::{Error, Result};
use crate::picture::ColorMap;
use crate::playback::mixer::Mix;
use eframe::egui::ThemePreference;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The settings. Fields that a file does not have keep their default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Version of the file's format.
    pub format: u32,
    /// `system`, `dark` or `light`.
    pub theme: Theme,
    /// Colours of the pictures.
    pub color_map: ColorMap,
    /// The last mix.
    pub mix: Mix,
    /// How the view moves with the playhead.
    pub follow: Follow,
    /// Soundfont for the MIDI; none is the bundled one.
    pub soundfont: Option<PathBuf>,
    /// Size of the whole window's contents; 1 is normal.
    pub ui_scale: f32,
}

/// Dark, light, or as the system is.
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
            follow: Follow::default(),
            soundfont: None,
            ui_scale: 1.0,
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
    /// The file, where the system has a place for it.
    pub fn file() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "antiphon").map(|dirs| dirs.config_dir().join("settings.json"))
    }

    /// Reads the file. One that is missing or unreadable gives the defaults: settings are never worth a failure.
    pub fn load(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut settings: Self = serde_json::from_str(&text).unwrap_or_default();
        if !(0.5..=3.0).contains(&settings.ui_scale) {
            settings.ui_scale = 1.0;
        }
        if !(-1.0..=1.0).contains(&settings.mix.balance) {
            settings.mix.balance = 0.0;
        }
        settings
    }

    /// Writes the file, beside it first, so that it is never half-written.
    pub fn save(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        }
        let beside = file.with_extension("json.new");
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        std::fs::write(&beside, text).map_err(Error::io("write", &beside))?;
        std::fs::rename(&beside, file).map_err(Error::io("write", file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deeper/settings.json");
        let settings = Settings { theme: Theme::Light, ui_scale: 1.25, ..Settings::default() };
        settings.save(&file).expect("saved");
        assert_eq!(Settings::load(&file), settings);
    }

    #[test]
    fn missing_broken_and_odd_files_give_the_defaults() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.json");
        assert_eq!(Settings::load(&file), Settings::default());
        for text in ["", "{", "[]", r#"{"ui_scale": 99, "mix": {"balance": 7}}"#] {
            std::fs::write(&file, text).expect("written");
            assert_eq!(Settings::load(&file), Settings::default(), "{text}");
        }
    }
}
