//! `<LIST>.alignments`: the outcome of each pair that was aligned, so that none is aligned twice.
//!
//! See [`Resumable`].

use super::text::FoundBy;
use crate::error::Result;
use crate::resumable::Resumable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The format named in the first line.
const FORMAT: &str = "alignments/1";

/// MD5 of a MIDI file and of a recording.
pub(super) type Key = (String, String);

/// The outcome of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) midi_md5: String,
    pub(super) audio_md5: String,
    /// Where the files were and how they were found, for human readers.
    pub(super) midi: String,
    pub(super) audio: String,
    pub(super) found_by: FoundBy,
    pub(super) text_score: f32,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    Aligned {
        confidence: f64,
        /// Which judge gave it; lines of earlier versions don't say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judge: Option<String>,
        score: f64,
        transpose: i32,
        /// What is odd about the recording; lines of earlier versions don't say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warning: Option<String>,
    },
    /// One of the two can't be used.
    Skipped { skipped: String },
}

/// An open journal, locked against other processes.
#[derive(Debug)]
pub(super) struct Alignments {
    lines: Resumable,
    known: BTreeMap<Key, Outcome>,
}

impl Alignments {
    /// Opens the journal beside `list`, or creates it for alignments made with `parameters`.
    ///
    /// # Errors
    /// As [`Resumable::open`].
    pub(super) fn open(list: &Path, parameters: &Value) -> Result<Self> {
        let header = json!({ "format": FORMAT, "parameters": parameters });
        let (lines, known) = Resumable::open::<Line>(&Self::beside(list), &header)?;
        let known = known.into_iter().map(|line| ((line.midi_md5, line.audio_md5), line.outcome)).collect();
        Ok(Self { lines, known })
    }

    pub(super) fn beside(list: &Path) -> PathBuf {
        let mut name = list.file_name().unwrap_or_default().to_os_string();
        name.push(".alignments");
        list.with_file_name(name)
    }

    /// Removes the journal, unless there is something in it.
    pub(super) fn take_back(self) {
        if self.known.is_empty() {
            self.lines.remove();
        }
    }

    /// The outcome of a pair.
    pub(super) fn of(&self, key: &Key) -> Option<&Outcome> {
        self.known.get(key)
    }

    /// Records the outcome of a pair, and writes it.
    pub(super) fn add(&mut self, line: Line) -> Result<()> {
        self.lines.add(&line)?;
        self.known.insert((line.midi_md5, line.audio_md5), line.outcome);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, outcome: Outcome) -> Line {
        Line {
            midi_md5: format!("m{number}"),
            audio_md5: format!("a{number}"),
            midi: "x.mid".into(),
            audio: "x.ogg".into(),
            found_by: FoundBy::Title,
            text_score: 7.25,
            outcome,
        }
    }

    fn key(number: usize) -> Key {
        (format!("m{number}"), format!("a{number}"))
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_lines_and_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("pairs.jsonl");
        let outcomes = [
            Outcome::Aligned {
                confidence: 0.75,
                judge: Some("1f6c02ab pair".into()),
                score: 0.1 + 0.2,
                transpose: -2,
                warning: None,
            },
            Outcome::Skipped { skipped: "can't decode".into() },
        ];
        let mut journal = Alignments::open(&list, &json!({"font": "a"})).expect("begun");
        for (number, outcome) in outcomes.iter().enumerate() {
            journal.add(line(number, outcome.clone())).expect("written");
        }
        drop(journal);
        let path = Alignments::beside(&list);
        let whole = std::fs::read(&path).expect("read");
        let ends: Vec<usize> = (1..=whole.len()).filter(|&at| whole[at - 1] == b'\n').collect();
        assert_eq!(ends.len(), 3);
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("written");
            let mut journal = Alignments::open(&list, &json!({"font": "a"})).expect("opened");
            for (number, outcome) in outcomes.iter().enumerate() {
                let expected = Some(outcome).filter(|_| cut >= ends[number + 1]);
                assert_eq!(journal.of(&key(number)), expected, "cut at {cut}");
            }
            journal.add(line(9, outcomes[0].clone())).expect("written");
            drop(journal);
            let journal = Alignments::open(&list, &json!({"font": "a"})).expect("opened again");
            assert_eq!(journal.of(&key(9)), Some(&outcomes[0]), "cut at {cut}");
        }
    }

    #[test]
    fn other_parameters_damage_and_a_second_process_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("pairs.jsonl");
        let open = |font: &str| Alignments::open(&list, &json!({ "font": font }));
        let journal = open("a").expect("begun");
        let refused = |font: &str| open(font).expect_err("refused").to_string();
        assert!(refused("a").contains("another process works with it"));
        drop(journal);
        let said = refused("b");
        assert!(said.contains("begun with") && said.contains("\"font\":\"a\""), "{said}");
        let path = Alignments::beside(&list);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend(b"{broken}\n{}\n");
        std::fs::write(&path, bytes).expect("written");
        assert!(refused("a").contains("line 2: "), "{}", refused("a"));
    }
}
