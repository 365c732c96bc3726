//! What a search asks of an index, all of it: nothing here shows how or where an index is kept. Whatever answers these questions can
//! be searched.
//!
//! | a search needs | once |
//! |---|---|
//! | [`Index::hash_model`], [`Index::embedder`], and their [records](Index::hash_record) | a query |
//! | [`Index::places`], [`Index::steps`] | a query, of all entries |
//! | [`Index::embedding_distances`] | a query and key, of all entries |
//! | [`Index::codes_of`] | a query, of what the first stage has kept |
//! | [`Index::analysis`], [`Index::entry`] | of the few that are aligned and shown |

use super::{Analysis, Embedder, EmbeddingRecord, Entry, HashRecord, Index, scan};
use crate::error::Result;
use crate::hashing::{HashModel, Side};
use crate::job::Progress;
use rayon::prelude::*;
use std::borrow::Cow;

impl Index {
    /// Where its codes come from.
    pub fn hash_record(&self) -> &HashRecord {
        &self.manifest.hash
    }

    /// Where its embeddings come from.
    pub fn embedding_record(&self) -> &EmbeddingRecord {
        &self.manifest.embedding
    }

    /// The model of its codes.
    pub fn hash_model(&self) -> &HashModel {
        &self.hash
    }

    /// What makes its embeddings.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// Places of its entries, in the order in which they were added: `0 ..` without those that were removed.
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

    /// Number of codes of the entry at a place.
    pub(crate) fn steps(&self, place: usize) -> usize {
        let (segment, entry) = self.locate(place);
        segment.steps(entry)
    }

    /// Codes of the entries at these places, in that order: borrowed where they lie in memory, fetched together where not.
    ///
    /// # Errors
    /// Those of an index that has to fetch them; this one has none.
    pub(crate) fn codes_of(&self, places: &[usize]) -> Result<Vec<Cow<'_, [u32]>>> {
        let codes = |&place: &usize| {
            let (segment, entry) = self.locate(place);
            Cow::Borrowed(segment.codes(entry))
        };
        Ok(places.par_iter().map(codes).collect())
    }

    /// What the last stage aligns; none where levels were not kept.
    pub(crate) fn analysis(&self, place: usize, side: Side) -> Option<Analysis> {
        let (segment, entry) = self.locate(place);
        (segment.frames(entry) > 0).then(|| Analysis::from_levels(side, segment.levels(entry)))
    }

    /// Squared distance of each entry from a sequence with these vectors, by place: the mean of the squared Euclidean
    /// distances of the two wholes and of the two windows that are nearest to each other. `queries` are as
    /// [`Embedder::rows`] gives them. Infinite for removed entries. Values of the index are rounded to f16; sums are f32,
    /// and exact in that every row is looked at.
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

    /// Codes of the entry at a place, for tests.
    #[cfg(test)]
    pub(crate) fn codes(&self, place: usize) -> &[u32] {
        let (segment, entry) = self.locate(place);
        segment.codes(entry)
    }
}
