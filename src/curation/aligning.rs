//! Aligns a list of pairs one after the other, for users with a list of candidates.

use super::item::Item;
use super::sources::Items;
use crate::alignment::Preset;
use crate::audio::Keep;
use crate::error::{Error, Result};
use crate::export;
use crate::job::Progress;
use crate::pair;
use crate::resumable::Resumable;
use crate::synth::SoundFont;
use crate::verdict;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The format named in the first line.
const FORMAT: &str = "alignment-list/1";

/// How a list is aligned.
#[derive(Debug, Clone, Copy)]
pub struct Aligning<'a> {
    /// Plays the MIDI files.
    pub font: &'a SoundFont,
    /// Which aligner.
    pub preset: Preset,
    /// Whether each line includes the `path`, some tens of kilobytes.
    pub paths: bool,
}

/// The result of aligning a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlignedList {
    /// Pairs aligned, in this run or an earlier one.
    pub aligned: usize,
    /// Those of them that count as matches.
    pub accepted: usize,
    /// Items that can't be aligned, with the reason.
    pub skipped: Vec<(String, String)>,
}

/// What a resumed run needs from a line.
#[derive(Deserialize)]
struct Done {
    item: String,
    #[serde(default)]
    accepted: bool,
    skipped: Option<String>,
}

/// Aligns every pair of `items`, on all cores, and adds a line for each to the file `out`, in the order in which they
/// finish: the document `alignment/1` with the `item`, without `seconds` and, unless asked for, without `path`; or, if
/// a file can't be used, `item`, `midi`, `audio` and `skipped`. Called again, it continues with the pairs that are
/// missing.
///
/// # Errors
/// [`Error::Io`]; [`Error::List`] if `out` holds lines of another kind or another process writes to it;
/// [`Error::Cancelled`], after which the same call continues. Pairs that can't be aligned are in the summary.
pub fn align_list(items: &Items, how: &Aligning<'_>, out: &Path, progress: &Progress) -> Result<AlignedList> {
    let Aligning { font, preset, paths } = how;
    let header = json!({
        "antiphon": env!("CARGO_PKG_VERSION"),
        "format": FORMAT,
        "parameters": { "preset": preset, "soundfont": font.name(), "paths": paths },
    });
    let (lines, done) = Resumable::open::<Done>(out, &header)?;
    let begun = !done.is_empty();
    let mut done: HashMap<String, Done> = done.into_iter().map(|line| (line.item.clone(), line)).collect();
    let left: Vec<usize> = (0..items.len()).filter(|&index| !done.contains_key(items.id(index))).collect();
    let ended = AtomicUsize::new(0);
    let new: Result<Vec<Done>> = left
        .par_iter()
        .with_max_len(1)
        .map(|&index| {
            let before = ended.load(Ordering::Relaxed) as f32 / left.len() as f32;
            // Progress within pairs that run at the same time can't be told apart: only finished pairs advance it.
            let here = progress.part(before, before);
            let item = items.item(index);
            let line = match one(&item, how, &here) {
                Ok(line) => line,
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => json!({
                    "item": item.id,
                    "midi": item.midi.to_string_lossy(),
                    "audio": item.audio.to_string_lossy(),
                    "skipped": error.to_string(),
                }),
            };
            lines.add(&line)?;
            progress.step(ended.fetch_add(1, Ordering::Relaxed) + 1, left.len())?;
            let skipped = line["skipped"].as_str().map(str::to_owned);
            Ok(Done { item: item.id, accepted: line["accepted"] == true, skipped })
        })
        .collect();
    if new.is_err() && !begun && ended.into_inner() == 0 {
        lines.remove();
    }
    done.extend(new?.into_iter().map(|line| (line.item.clone(), line)));
    let mut found = AlignedList::default();
    // In the order of the list; lines of pairs that are no longer in it don't count.
    for line in (0..items.len()).filter_map(|index| done.remove(items.id(index))) {
        if let Some(reason) = line.skipped {
            found.skipped.push((line.item, reason));
        } else {
            found.aligned += 1;
            found.accepted += usize::from(line.accepted);
        }
    }
    Ok(found)
}

fn one(item: &Item, how: &Aligning<'_>, progress: &Progress) -> Result<Value> {
    let midi = pair::load_midi(&item.midi, how.font, &progress.part(0.0, 0.3))?;
    let audio = pair::load_audio(&item.recording(), Keep::Analysis, &progress.part(0.3, 0.6))?;
    let alignment = verdict::align(&midi, &audio, how.preset, &progress.part(0.6, 1.0))?;
    let mut line = export::document(&midi, &audio, &alignment, how.preset, Some(how.font.name()), None);
    line["item"] = json!(item.id);
    if let Some(fields) = line.as_object_mut() {
        // The time a pair took while others ran says little.
        fields.remove("seconds");
        if !how.paths {
            fields.remove("path");
            for segment in fields.get_mut("segments").and_then(Value::as_array_mut).into_iter().flatten() {
                segment.as_object_mut().map(|segment| segment.remove("path"));
            }
        }
    }
    Ok(line)
}
