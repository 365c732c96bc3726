//! Which matches people have judged to be right: a queue of pairs, their decisions, and what follows from these.
//!
//! - [`Items`] holds the pairs to judge, from a search, a list, a table or a Lakh tree; a [`Queue`] walks through them.
//! - A [`Journal`] keeps every decision: one line each, on the disk before it counts. [`Table`] is its fold: the
//!   current state of each item. Undoing appends a line, too.
//! - [`evaluate`] judges the judges: precision and recall at a threshold, agreement of two curators. [`export`] writes
//!   the confirmed pairs in formats that other programs read, and reads them back.
//!
//! ```
//! use antiphon::curation::{Decision, Journal, Record};
//! # let folder = std::env::temp_dir().join(format!("antiphon-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! let mut journal = Journal::open(&folder.join("decisions.jsonl"), "ann")?;
//! journal.decide(Record::new("song.mid|take.ogg", Decision::Confirmed))?;
//! assert_eq!(journal.table().current("song.mid|take.ogg").unwrap().decision(), Some(Decision::Confirmed));
//! journal.undo()?;
//! assert!(journal.table().current("song.mid|take.ogg").is_none());
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # antiphon::Result::Ok(())
//! ```

mod aligning;
pub mod evaluate;
pub mod export;
mod item;
mod jams;
mod journal;
mod places;
mod queue;
pub mod sample;
mod sources;
mod table;
mod telling;

pub use aligning::{AlignedList, Aligning, align_list};
pub use item::Item;
pub use journal::{Batch, Journal};
pub use queue::{Arrangement, Order, Queue, QueueCounts, QueueFilter, State, arrange};
pub use sources::Items;
pub use table::{ItemRecords, Table};
pub use telling::telling_s;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a person thinks of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The MIDI file is this recording.
    Confirmed,
    /// It is not.
    Rejected,
    /// It is impossible to tell.
    Unsure,
    /// Left for later.
    Skipped,
}

impl Decision {
    /// All, in the order of their keys.
    pub const ALL: [Self; 4] = [Self::Confirmed, Self::Rejected, Self::Unsure, Self::Skipped];

    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Unsure => "unsure",
            Self::Skipped => "skipped",
        }
    }

    /// The inverse of [`name`](Self::name).
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }
}

/// Why a pair is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Another piece.
    WrongSong,
    /// The same piece in another version or structure.
    OtherVersion,
    /// The same in another key.
    WrongKey,
    /// The pair is right, the alignment is not.
    TimingOff,
    /// One side holds only a part.
    Partial,
    /// The MIDI file is too poor to use.
    BadMidi,
    /// The recording is too poor to use.
    BadAudio,
    /// Any other reason, given in the note. A reason unknown to this version counts as this one.
    #[serde(other)]
    Other,
}

impl Reason {
    /// All, in the order of their digits 1 to 8.
    pub const ALL: [Self; 8] = [
        Self::WrongSong,
        Self::OtherVersion,
        Self::WrongKey,
        Self::TimingOff,
        Self::Partial,
        Self::BadMidi,
        Self::BadAudio,
        Self::Other,
    ];

    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongSong => "wrong-song",
            Self::OtherVersion => "other-version",
            Self::WrongKey => "wrong-key",
            Self::TimingOff => "timing-off",
            Self::Partial => "partial",
            Self::BadMidi => "bad-midi",
            Self::BadAudio => "bad-audio",
            Self::Other => "other",
        }
    }

    /// A description for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::WrongSong => "wrong song",
            Self::OtherVersion => "other version or structure",
            Self::WrongKey => "wrong key",
            Self::TimingOff => "timing off",
            Self::Partial => "partial or cropped",
            Self::BadMidi => "bad MIDI",
            Self::BadAudio => "bad audio",
            Self::Other => "other",
        }
    }

    /// The inverse of [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// What a line of the journal does to its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Decides it: `"decision": "confirmed"`.
    Decided(Decision),
    /// Changes its note, flag or correction without a decision: `"decision": null`.
    Noted,
    /// Undoes the curator's last line about it: `"decision": "undone"`.
    Undone,
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Decided(decision) => to.serialize_str(decision.name()),
            Self::Noted => to.serialize_none(),
            Self::Undone => to.serialize_str("undone"),
        }
    }
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        match name.as_deref() {
            None => Ok(Self::Noted),
            Some("undone") => Ok(Self::Undone),
            Some(name) => Decision::named(name)
                .map(Self::Decided)
                .ok_or_else(|| serde::de::Error::custom(format!("unknown decision {name:?}"))),
        }
    }
}

/// How a person has changed an alignment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Correction {
    /// The MIDI sounds this many milliseconds later than the alignment says.
    pub offset_ms: f64,
    /// Moments that belong together, `[midi_s, audio_s]`, increasing in both.
    pub anchors: Vec<[f64; 2]>,
    /// The part of the recording, in seconds, to which the alignment applies.
    pub span: Option<[f64; 2]>,
}

impl Correction {
    /// Whether nothing is changed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A line of the journal: everything that holds for an item from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, in UTC: `2026-11-24T16:28:22.123Z`.
    pub at: String,
    /// Who.
    #[serde(default)]
    pub curator: String,
    /// The item's id in the queue, which is not empty.
    #[serde(deserialize_with = "named")]
    pub item: String,
    /// What the line does.
    #[serde(rename = "decision", default = "noted")]
    pub act: Act,
    /// Why it is rejected.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// In the curator's words.
    #[serde(default)]
    pub note: String,
    /// Whether it should be reviewed again.
    #[serde(default)]
    pub flag: bool,
    /// The aligner's confidence, 0..=1, higher is better.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// Which judge gave it, and what it saw: `1f6c02ab pair`. `None` if the queue does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// The order in which the queue was judged: the name of an [`Order`]. The top of an order by confidence is not a
    /// fair sample of the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The aligner's score, lower is better.
    #[serde(default)]
    pub score: Option<f64>,
    /// The values from which the search made its ranking: `hash_distance`, `embedding_distance`, `transpose`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, f64>,
    /// MD5 of the knots of the time map that was heard.
    #[serde(default)]
    pub map: Option<String>,
    /// How the alignment was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// The MIDI file, relative to the folder of the journal if possible.
    #[serde(default)]
    pub midi: Option<String>,
    /// The recording, likewise.
    #[serde(default)]
    pub audio: Option<String>,
    /// Whether score and earlier decisions were hidden from the curator.
    #[serde(default)]
    pub blind: bool,
    /// Whether the pair was neither shown nor heard: it could not be read, or was skipped before that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
    /// How long the item was open, in seconds.
    #[serde(default)]
    pub seconds: f64,
    /// The version of the program.
    #[serde(default)]
    pub antiphon: String,
}

fn noted() -> Act {
    Act::Noted
}

/// What has no name can't be found again, and no table could say it.
fn named<'a, D: Deserializer<'a>>(from: D) -> Result<String, D::Error> {
    let item = String::deserialize(from)?;
    if item.is_empty() { Err(serde::de::Error::custom("no item")) } else { Ok(item) }
}

impl Record {
    /// A decision made now; the journal adds the curator.
    pub fn new(item: impl Into<String>, decision: Decision) -> Self {
        Self {
            at: utc(SystemTime::now()),
            curator: String::new(),
            item: item.into(),
            act: Act::Decided(decision),
            reason: None,
            note: String::new(),
            flag: false,
            confidence: None,
            judge: None,
            order: None,
            score: None,
            parts: BTreeMap::new(),
            map: None,
            correction: None,
            midi: None,
            audio: None,
            blind: false,
            unseen: false,
            seconds: 0.0,
            antiphon: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The decision, if it is one.
    pub fn decision(&self) -> Option<Decision> {
        match self.act {
            Act::Decided(decision) => Some(decision),
            Act::Noted | Act::Undone => None,
        }
    }
}

/// The user's name in this system; call it only once.
pub fn user_name() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(std::env::var_os).find(|name| !name.is_empty());
    named.map_or_else(|| "anonymous".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// A time in UTC as written in the journal, to the millisecond.
pub(crate) fn utc(time: SystemTime) -> String {
    let passed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = ((passed.as_secs() / 86_400) as i64, passed.as_secs() % 86_400);
    // Days since 1970 to the calendar, by eras of 400 years that begin in March (Howard Hinnant, "chrono-compatible
    // low-level date algorithms", civil_from_days).
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", passed.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_are_written_in_utc() {
        let at = |seconds: u64, millis: u64| utc(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + millis));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_399, 7), "2000-02-28T23:59:59.007Z");
        assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_795_537_702, 123), "2026-11-24T16:28:22.123Z");
    }

    #[test]
    fn a_line_is_as_the_manual_says_and_old_lines_are_read() {
        let mut record = Record::new("a|b", Decision::Rejected);
        (record.reason, record.curator, record.confidence) = (Some(Reason::OtherVersion), "ann".into(), Some(0.25));
        let line = serde_json::to_value(&record).unwrap();
        assert!(line.get("judge").is_none() && line.get("order").is_none());
        (record.judge, record.order) = (Some("1f6c02ab pair".into()), Some("best".into()));
        let line_of_judge = serde_json::to_value(&record).unwrap();
        assert_eq!((&line_of_judge["judge"], &line_of_judge["order"]), (&"1f6c02ab pair".into(), &"best".into()));
        assert_eq!(serde_json::from_value::<Record>(line_of_judge).unwrap(), record);
        (record.judge, record.order) = (None, None);
        assert_eq!((&line["decision"], &line["reason"]), (&"rejected".into(), &"other-version".into()));
        assert_eq!(serde_json::from_value::<Record>(line).unwrap(), record);
        let least =
            r#"{"at": "2026-01-01T00:00:00Z", "item": "x", "decision": null, "reason": "too loud", "new": [1]}"#;
        let record: Record = serde_json::from_str(least).unwrap();
        assert_eq!((record.act, record.reason), (Act::Noted, Some(Reason::Other)));
        assert!(serde_json::from_str::<Record>(r#"{"at": "", "item": "x", "decision": "maybe"}"#).is_err());
        assert!(serde_json::from_str::<Record>(r#"{"at": "", "item": "", "decision": null}"#).is_err());
    }
}
