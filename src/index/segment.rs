//! [`Segment`]: a part of an index, mapped into memory.

use super::Entry;
use super::format::SegmentRecord;
use super::mapped::Mapped;
use crate::error::{Error, Result};
use crate::features::WIDE_BINS;
use crate::files::hex;
use half::f16;
use std::path::{Path, PathBuf};

/// Values of a row are padded to a multiple of this, so that the kernels need no remainder.
pub(crate) const STRIDE: usize = 16;

/// A file of a segment: one property of all entries, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// MD5 of its file, 16 bytes.
    Ids,
    /// A line of JSON.
    Lines,
    /// Where each line ends.
    LineEnds,
    /// Rows of f16, [`STRIDE`] of them or a multiple.
    Embeddings,
    /// Where the rows of each entry end.
    RowEnds,
    /// Codes, u32.
    Codes,
    /// Where the codes of each entry end.
    CodeEnds,
    /// Levels, [`WIDE_BINS`] bytes per frame.
    Levels,
    /// Where the frames of each entry end.
    FrameEnds,
}

impl Column {
    /// All columns, in the order in which they are written and numbered.
    pub(crate) const ALL: [Self; 9] = [
        Self::Ids,
        Self::Lines,
        Self::LineEnds,
        Self::Embeddings,
        Self::RowEnds,
        Self::Codes,
        Self::CodeEnds,
        Self::Levels,
        Self::FrameEnds,
    ];

    /// Those that hold an offset after each entry, and a 0 before the first.
    pub(crate) const ENDS: [Self; 4] = [Self::LineEnds, Self::RowEnds, Self::CodeEnds, Self::FrameEnds];

    /// Its file name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ids => "ids.bin",
            Self::Lines => "entries.jsonl",
            Self::LineEnds => "lines.u64",
            Self::Embeddings => "embeddings.f16",
            Self::RowEnds => "rows.u64",
            Self::Codes => "codes.u32",
            Self::CodeEnds => "steps.u64",
            Self::Levels => "levels.u8",
            Self::FrameEnds => "frames.u64",
        }
    }

    /// The size in bytes of this column in a segment with that many entries, rows of `stride` values, codes and frames;
    /// none if it overflows, and for lines, which have any length.
    fn bytes(self, record: &SegmentRecord, stride: usize) -> Option<u64> {
        match self {
            Self::Ids => record.entries.checked_mul(16),
            Self::Lines => None,
            Self::LineEnds | Self::RowEnds | Self::CodeEnds | Self::FrameEnds => {
                record.entries.checked_add(1)?.checked_mul(8)
            }
            Self::Embeddings => record.embeddings.checked_mul(2 * stride as u64),
            Self::Codes => record.codes.checked_mul(4),
            Self::Levels => record.frames.checked_mul(WIDE_BINS as u64),
        }
    }
}

/// Entries that were written together.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) record: SegmentRecord,
    folder: PathBuf,
    stride: usize,
    /// In the order of [`Column::ALL`].
    maps: [Mapped; Column::ALL.len()],
}

impl Segment {
    /// Maps the files of a segment below `folder`; the embeddings have `dimension` values.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Index`] if sizes do not match the numbers of entries, codes and so on, or offsets of
    /// entries don't ascend.
    pub(crate) fn open(folder: &Path, record: &SegmentRecord, dimension: usize) -> Result<Self> {
        let folder = folder.join("segments").join(&record.name);
        let refused = |name: &str, reason: String| Error::Index { reason, path: folder.join(name) };
        let stride = dimension.next_multiple_of(STRIDE);
        let open = |column: Column| {
            let name = column.name();
            let file = record.file(name).ok_or_else(|| refused(name, "not named in index.json".into()))?;
            Mapped::open(&folder.join(name), file.bytes)
        };
        let maps: Vec<Mapped> = Column::ALL.into_iter().map(open).collect::<Result<_>>()?;
        let maps = maps.try_into().map_err(|_| refused("", "files are missing".into()))?;
        let segment = Self { record: record.clone(), folder: folder.clone(), stride, maps };
        for column in Column::ALL {
            let (found, expected) = (segment.map(column).bytes().len() as u64, column.bytes(record, stride));
            // The lines are checked by their offsets.
            if column != Column::Lines && expected != Some(found) {
                let expected = expected.map_or("more than there can be".into(), |bytes| bytes.to_string());
                return Err(refused(column.name(), format!("{found} bytes, {expected} needed")));
            }
        }
        let lines = segment.map(Column::Lines).bytes().len() as u64;
        for (column, end) in Column::ENDS.into_iter().zip([lines, record.embeddings, record.codes, record.frames]) {
            let places: &[u64] = segment.map(column).numbers();
            let fine = places.first() == Some(&0)
                && places.last() == Some(&end)
                && places.windows(2).all(|pair| pair[0] <= pair[1]);
            if !fine {
                return Err(refused(column.name(), format!("places don't ascend from 0 to {end}")));
            }
        }
        Ok(segment)
    }

    /// Number of entries, including removed ones.
    pub(crate) fn len(&self) -> usize {
        self.record.entries as usize
    }

    pub(crate) fn is_removed(&self, entry: usize) -> bool {
        self.record.removed.binary_search(&(entry as u32)).is_ok()
    }

    /// MD5 of an entry's file.
    pub(crate) fn id(&self, entry: usize) -> &[u8] {
        &self.map(Column::Ids).bytes()[16 * entry..16 * entry + 16]
    }

    fn map(&self, column: Column) -> &Mapped {
        &self.maps[column as usize]
    }

    fn places(&self, ends: Column, entry: usize) -> std::ops::Range<usize> {
        let places: &[u64] = self.map(ends).numbers();
        places[entry] as usize..places[entry + 1] as usize
    }

    /// The bytes of an entry's line.
    pub(crate) fn line(&self, entry: usize) -> &[u8] {
        &self.map(Column::Lines).bytes()[self.places(Column::LineEnds, entry)]
    }

    /// What is known about an entry.
    ///
    /// # Errors
    /// [`Error::Index`] if its line is damaged.
    pub(crate) fn entry(&self, entry: usize) -> Result<Entry> {
        let damaged = |reason| Error::Index { reason, path: self.folder.join(Column::Lines.name()) };
        let found: Entry = serde_json::from_slice(self.line(entry))
            .map_err(|error| damaged(format!("entry {entry} is damaged: {error}")))?;
        if found.md5 != hex(self.id(entry)) {
            return Err(damaged(format!("entry {entry} has another MD5 than ids.bin")));
        }
        Ok(found)
    }

    /// All embeddings, rows of [`Segment::stride`] values.
    pub(crate) fn embeddings(&self) -> &[u16] {
        self.map(Column::Embeddings).numbers()
    }

    /// Values from row to row.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Rows of an entry.
    pub(crate) fn rows(&self, entry: usize) -> std::ops::Range<usize> {
        self.places(Column::RowEnds, entry)
    }

    /// Embeddings of an entry, rows of [`Segment::stride`] values.
    pub(crate) fn halves(&self, entry: usize) -> &[u16] {
        let rows = self.rows(entry);
        &self.embeddings()[rows.start * self.stride..rows.end * self.stride]
    }

    /// Codes of an entry.
    pub(crate) fn codes(&self, entry: usize) -> &[u32] {
        &self.map(Column::Codes).numbers()[self.places(Column::CodeEnds, entry)]
    }

    /// Number of codes of an entry.
    pub(crate) fn steps(&self, entry: usize) -> usize {
        self.places(Column::CodeEnds, entry).len()
    }

    /// Levels of an entry, (frames × [`WIDE_BINS`]).
    pub(crate) fn levels(&self, entry: usize) -> &[u8] {
        let frames = self.places(Column::FrameEnds, entry);
        &self.map(Column::Levels).bytes()[frames.start * WIDE_BINS..frames.end * WIDE_BINS]
    }

    /// Number of frames of an entry.
    pub(crate) fn frames(&self, entry: usize) -> usize {
        self.places(Column::FrameEnds, entry).len()
    }

    /// Whether all embeddings are finite, for verification: others would be ignored by a scan.
    pub(crate) fn embeddings_are_finite(&self) -> bool {
        self.embeddings().iter().all(|&bits| f16::from_bits(bits).is_finite())
    }
}
