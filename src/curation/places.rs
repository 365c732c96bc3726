//! Where the files of a decision are: paths that move with their list, and the folders of a Lakh tree.

use super::Record;
use crate::files::{plain, portable};
use std::path::Path;

/// The same records with paths relative to `to` instead of `from`.
pub fn moved(records: &[Record], from: &Path, to: &Path) -> Vec<Record> {
    let absolute = |folder: &Path| {
        // The folder of a bare file name is the current one.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf())
    };
    let (from, to) = (absolute(from), absolute(to));
    let moved = |path: &Option<String>| {
        let path = plain(&from.join(path.as_deref()?));
        Some(portable(&path, &to).to_string_lossy().into_owned())
    };
    records
        .iter()
        .map(|record| Record { midi: moved(&record.midi), audio: moved(&record.audio), ..record.clone() })
        .collect()
}

/// The folder of a track in a Lakh tree.
pub(super) fn track_folder(track: &str) -> String {
    let letters: Vec<char> = track.chars().collect();
    let of_msd = letters.len() == 18 && track.starts_with("TR") && letters[2..7].iter().all(char::is_ascii_uppercase);
    if of_msd {
        return format!("{}/{}/{}/{track}", letters[2], letters[3], letters[4]);
    }
    format!("{}/{track}", letters.iter().take(2).collect::<String>())
}
