//! The rank of a known answer in each stage, and after all of them: the cost of pruning.

use super::pruning;
use super::{Found, Query, SearchOptions, search};
use crate::error::Result;
use crate::index::Index;
use crate::job::Progress;

/// Ranks of the best right entry, counted from 1; wrong ones that are equally near come first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranks {
    /// By embedding, among all.
    pub embedding: Option<usize>,
    /// By codes, among all.
    pub hash: Option<usize>,
    /// Among the hits of the cascade.
    pub cascade: Option<usize>,
    /// Whether it was among the entries kept by the first stage, and by the second.
    pub kept: (bool, bool),
    /// The full result of the cascade.
    pub found: Found,
}

/// Ranks of the entries at the positions `right`, which may be empty.
///
/// # Errors
/// Those of [`search`].
pub(crate) fn ranks(
    index: &Index,
    query: &Query,
    right: &[usize],
    options: &SearchOptions,
    progress: &Progress,
) -> Result<Ranks> {
    let (by_embedding, by_hash) = options.kept(index.counts().entries as usize);
    let all = pruning::all(index, query, &[0], &progress.part(0.0, 0.1))?;
    let (count, places) = (all.len(), index.places().max().map_or(0, |last| last + 1));
    let (mut distances, mut scores) = (vec![f32::INFINITY; places], vec![f32::INFINITY; places]);
    for candidate in &all {
        distances[candidate.place] = candidate.embedding.unwrap_or(f32::INFINITY);
    }
    for candidate in pruning::by_codes(index, query, &[0], all, count, &progress.part(0.1, 0.5))? {
        scores[candidate.place] = candidate.hash;
    }
    let embedding = rank(&distances, right);
    let hash = rank(&scores, right);
    let options = SearchOptions { top: by_hash, ..options.clone() };
    let found = search(index, query, &options, &progress.part(0.5, 1.0))?;
    let cascade = found.hits.iter().find(|hit| right.contains(&hit.place)).map(|hit| hit.rank);
    let kept = (options.exhaustive || embedding.is_some_and(|rank| rank <= by_embedding), cascade.is_some());
    Ok(Ranks { embedding, hash, cascade, kept, found })
}

/// Rank of the nearest right one; none if there is none.
fn rank(distances: &[f32], right: &[usize]) -> Option<usize> {
    let best = right.iter().map(|&place| distances[place]).min_by(f32::total_cmp)?;
    let before = distances.iter().enumerate().filter(|(place, d)| **d <= best && !right.contains(place)).count();
    best.is_finite().then_some(before + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equally_near_wrong_ones_come_first() {
        let distances = [2.0, 1.0, 2.0, f32::INFINITY, 5.0];
        assert_eq!(rank(&distances, &[0]), Some(3));
        assert_eq!(rank(&distances, &[0, 4]), Some(3));
        assert_eq!(rank(&distances, &[1]), Some(1));
        assert_eq!((rank(&distances, &[3]), rank(&distances, &[])), (None, None));
    }
}
