//! [`Segment`]: a part of an index, mapped.

use super::Entry;
use super::format::SegmentRecord;
use super::mapped::Mapped;
use crate::error::{Error, Result};
use crate::features::WIDE_BINS;
use crate::files::hex;
use half::f16;
use std::path::{Path, PathBuf};

/// Values of a row are filled up to a multiple of this, so that the kernels need no remainder.
pub(crate) const STRIDE: usize = 16;

/// Names of a segment's files, in the order in which they are written.
pub(crate) const FILES: [&str; 9] = [
    "ids.bin",
    "entries.jsonl",
    "lines.u64",
    "embeddings.f16",
    "rows.u64",
    "codes.u32",
    "steps.u64",
    "levels.u8",
    "frames.u64",
];

/// Entries that were written together.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) record: SegmentRecord,
    folder: PathBuf,
    stride: usize,
    maps: [Mapped; FILES.len()],
}

impl Segment {
    /// Maps the files of a segment below `folder`; `dimension` is that of the embeddings.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Index`] when sizes are not those that the numbers of entries, codes, … need, or places of
    /// entries don't ascend.
    pub(crate) fn open(folder: &Path, record: &SegmentRecord, dimension: usize) -> Result<Self> {
        let folder = folder.join("segments").join(&record.name);
        let refused = |name: &str, reason: String| Error::Index { reason, path: folder.join(name) };
        let stride = dimension.next_multiple_of(STRIDE);
        let open = |name: &str| {
            let file = record.file(name).ok_or_else(|| refused(name, "not named in index.json".into()))?;
            Mapped::open(&folder.join(name), file.bytes)
        };
        let maps: Vec<Mapped> = FILES.iter().map(|name| open(name)).collect::<Result<_>>()?;
        let maps = <[Mapped; FILES.len()]>::try_from(maps).map_err(|_| refused("", "files are missing".into()))?;
        let segment = Self { record: record.clone(), folder: folder.clone(), stride, maps };
        let places = |count: u64| Some(8 * (count.checked_add(1)?));
        let expected = [
            record.entries.checked_mul(16),
            None,
            places(record.entries),
            record.embeddings.checked_mul(2 * stride as u64),
            places(record.entries),
            record.codes.checked_mul(4),
            places(record.entries),
            record.frames.checked_mul(WIDE_BINS as u64),
            places(record.entries),
        ];
        for ((name, expected), map) in FILES.iter().zip(expected).zip(&segment.maps) {
            let found = map.bytes().len() as u64;
            // The lines are checked by their places.
            if *name != "entries.jsonl" && expected != Some(found) {
                let expected = expected.map_or("more than there can be".into(), |bytes| bytes.to_string());
                return Err(refused(name, format!("{found} bytes, {expected} needed")));
            }
        }
        let ends =
            [(2, segment.maps[1].bytes().len() as u64), (4, record.embeddings), (6, record.codes), (8, record.frames)];
        for (file, end) in ends {
            let places: &[u64] = segment.maps[file].numbers();
            let fine = places.first() == Some(&0)
                && places.last() == Some(&end)
                && places.windows(2).all(|pair| pair[0] <= pair[1]);
            if !fine {
                return Err(refused(FILES[file], format!("places don't ascend from 0 to {end}")));
            }
        }
        Ok(segment)
    }

    /// Number of entries, removed ones too.
    pub(crate) fn len(&self) -> usize {
        self.record.entries as usize
    }

    pub(crate) fn is_removed(&self, entry: usize) -> bool {
        self.record.removed.binary_search(&(entry as u32)).is_ok()
    }

    /// MD5 of an entry's file.
    pub(crate) fn id(&self, entry: usize) -> &[u8] {
        &self.maps[0].bytes()[16 * entry..16 * entry + 16]
    }

    fn places(&self, file: usize, entry: usize) -> std::ops::Range<usize> {
        let places: &[u64] = self.maps[file].numbers();
        places[entry] as usize..places[entry + 1] as usize
    }

    /// The bytes of an entry's line.
    pub(crate) fn line(&self, entry: usize) -> &[u8] {
        &self.maps[1].bytes()[self.places(2, entry)]
    }

    /// What is known of an entry.
    ///
    /// # Errors
    /// [`Error::Index`] when its line is damaged.
    pub(crate) fn entry(&self, entry: usize) -> Result<Entry> {
        let damaged = |reason| Error::Index { reason, path: self.folder.join(FILES[1]) };
        let found: Entry = serde_json::from_slice(self.line(entry))
            .map_err(|error| damaged(format!("entry {entry} is damaged: {error}")))?;
        if found.md5 != hex(self.id(entry)) {
            return Err(damaged(format!("entry {entry} has another MD5 than ids.bin")));
        }
        Ok(found)
    }

    /// All embeddings, rows of [`Segment::stride`] values.
    pub(crate) fn embeddings(&self) -> &[u16] {
        self.maps[3].numbers()
    }

    /// Values from row to row.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Rows of an entry.
    pub(crate) fn rows(&self, entry: usize) -> std::ops::Range<usize> {
        self.places(4, entry)
    }

    /// Codes of an entry.
    pub(crate) fn codes(&self, entry: usize) -> &[u32] {
        &self.maps[5].numbers()[self.places(6, entry)]
    }

    /// Levels of an entry, (frames × [`WIDE_BINS`]).
    pub(crate) fn levels(&self, entry: usize) -> &[u8] {
        let frames = self.places(8, entry);
        &self.maps[7].bytes()[frames.start * WIDE_BINS..frames.end * WIDE_BINS]
    }

    /// Number of frames of an entry.
    pub(crate) fn frames(&self, entry: usize) -> usize {
        self.places(8, entry).len()
    }

    /// Whether all embeddings are numbers, for verification: what is not would be passed over by a scan.
    pub(crate) fn embeddings_are_finite(&self) -> bool {
        self.embeddings().iter().all(|&bits| f16::from_bits(bits).is_finite())
    }
}
