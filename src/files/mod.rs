//! Files: their kinds, names and content, and how they are written. No other part of the crate knows file extensions,
//! computes checksums, or writes files itself.
//!
//! | question | answer |
//! |---|---|
//! | What is this file, by its content? | [`Kind`] |
//! | What is it by its name, and which extensions are there? | [`is_audio_name`], [`is_midi_name`], [`AUDIO`], [`MIDI`]
//! |
//! | What is this that was taken for a recording? | `foreign` |
//! | Is a list a table, JSON lines or a document? | `Layout` |
//! | What does a table say, whichever spreadsheet wrote it? | `csv::Rows` |
//! | What are the rows of a list, and which of them could not be read? | `list::read` |
//! | What does JSON say, whichever program wrote it? | `json::parse`, `json::Lines` |
//! | Which files lie below a folder? | `walk`, `below` |
//! | Do two files have the same name? | [`name_key`], [`stem`] |
//! | What is its path, relative to a list that names it? | `portable`, `absolute` |
//! | Which file does a list of another system name? | `found` |
//! | Is it unchanged? | `md5`, `md5_of` |
//! | How is a file written whole or not at all? | [`write()`], [`create_folder`] |
//!
//! ```
//! use antiphon::files;
//! use std::path::Path;
//!
//! assert!(files::is_audio_name(Path::new("Take 1.FLAC")) && files::is_midi_name(Path::new("song.kar")));
//! // Systems write an accented letter as one character or as two.
//! assert_eq!(files::name_key("Ma\u{308}rz"), files::name_key("M\u{e4}rz"));
//! ```

pub(crate) mod csv;
mod foreign;
mod hash;
pub(crate) mod json;
mod kind;
mod layout;
pub(crate) mod list;
mod names;
mod paths;
mod text;
mod walk;
mod writing;

pub(crate) use foreign::{Foreign, HEAD_BYTES, foreign};
pub(crate) use hash::{Md5, hex, md5, md5_of, unhex};
pub use json::parse as parse_json;
pub use kind::{Kind, is_midi};
pub(crate) use layout::Layout;
pub use names::{
    AUDIO, LISTS, MIDI, SOUNDFONT, is_audio_name, is_decisions_name, is_document_name, is_midi_name, name_key, stem,
};
pub(crate) use names::{SESSION, ends_in, has_ending, is_apple_double, is_sound_name, same_place, search_key};
pub(crate) use paths::{absolute, any_path, found, plain, portable};
pub(crate) use walk::{Links, below, sides, walk};
pub(crate) use writing::sweep;
pub use writing::{create_folder, write};
