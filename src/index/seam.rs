//! Everything a search needs from an index: nothing here reveals how or where an index is kept. Whatever provides these
//! functions can be searched.
//!
//! | a search needs | how often |
//! |---|---|
//! | [`Index::hash_model`], [`Index::embedder`], and their [records](Index::hash_record) | per query |
//! | [`Index::places`], [`Index::steps`] | per query, for all entries |
//! | [`Index::embedding_distances`] | per query and key, for all entries |
//! | [`Index::codes_of`] | per query, for what the first stage has kept |
//! | [`Index::analysis`], [`Index::entry`] | for the few that are aligned and shown |

use super::{Analysis, Embedder, EmbeddingRecord, Entry, HashRecord, Index, scan};
use crate::error::Result;
use crate::hashing::{HashModel, Side};
use crate::job::Progress;
use rayon::prelude::*;
use std::borrow::Cow;

impl Index {
    /// The origin of its codes.
    pub fn hash_record(&self) -> &HashRecord {
        &self.manifest.hash
    }

    /// The origin of its embeddings.
    pub fn embedding_record(&self) -> &EmbeddingRecord {
        &self.manifest.embedding
    }

    /// The model that makes its codes.
    pub fn hash_model(&self) -> &HashModel {
        &self.hash
    }

    /// The embedder that makes its embeddings.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// Positions of its entries, in the order in which they were added: `0 ..` without those that were removed.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.segments.iter().zip(&self.starts).flat_map(|(segment, start)| {
            (0..segment.len()).filter(|&entry| !segment.is_removed(entry)).map(move |entry| start + entry)
        })
    }

    /// What is known of the entry at a place.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) when it is damaged.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn entry(&self, place: usize) -> Result<Entry> {
        let (segment, entry) = self.locate(place);
        segment.entry(entry)
    }

    /// Number of codes of the entry at a position.
    pub(crate) fn steps(&self, place: usize) -> usize {
        let (segment, entry) = self.locate(place);
        segment.steps(entry)
    }

    /// Codes of the entries at these positions, in that order: borrowed if they are in memory, otherwise fetched
    /// together.
    ///
    /// # Errors
    /// Those of an index that has to fetch them; this one has none.
    #[expect(clippy::unnecessary_wraps, reason = "an index that is kept elsewhere has to fetch them")]
    pub(crate) fn codes_of(&self, places: &[usize]) -> Result<Vec<Cow<'_, [u32]>>> {
        let codes = |&place: &usize| {
            let (segment, entry) = self.locate(place);
            Cow::Borrowed(segment.codes(entry))
        };
        Ok(places.par_iter().map(codes).collect())
    }

    /// The analysis that the last stage aligns; none if levels were not kept.
    pub(crate) fn analysis(&self, place: usize, side: Side) -> Option<Analysis> {
        let (segment, entry) = self.locate(place);
        (segment.frames(entry) > 0).then(|| Analysis::from_levels(side, segment.levels(entry)))
    }

    /// Squared distance of each entry from a sequence with these vectors, by position: the mean of the squared
    /// Euclidean distances of the two wholes and of the two windows that are nearest to each other. `queries` are those
    /// of [`Embedder::rows`]. Infinite for removed entries. Values in the index are rounded to f16; sums are f32, and
    /// exact in that no row is skipped.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn embedding_distances(
        &self,
        queries: ndarray::ArrayView2<'_, f32>,
        progress: &Progress,
    ) -> Result<Vec<f32>> {
        scan::entry_distances(&self.segments, queries, progress)
    }

    /// Codes of the entry at a position, for tests.
    #[cfg(test)]
    pub(crate) fn codes(&self, place: usize) -> &[u32] {
        let (segment, entry) = self.locate(place);
        segment.codes(entry)
    }
}
