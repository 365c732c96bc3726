//! Decides which pairs are the same song, and what each song is used for.

use crate::dataset::{Split, number};
use std::collections::{BTreeMap, HashMap};

/// Shares of the songs that go to training, validation and development; the rest is for testing (spec C7, generation
/// 2).
const SHARES: [(Split, f64); 3] = [(Split::Train, 0.60), (Split::Valid, 0.05), (Split::Develop, 0.10)];

/// What joins pairs into one song: equal MIDI files, equal recordings, equal titles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    /// MD5 of the MIDI file.
    pub(super) midi: String,
    /// MD5 of the recording.
    pub(super) audio: String,
    /// Titles of both, folded; an empty one counts as none. A title is one work, whoever plays it: covers are in one
    /// split.
    pub(super) titles: [String; 2],
}

/// The song of each pair: a number from 0 in the order of the pairs, and its split, drawn from `seed` and content only.
pub(super) fn songs(pairs: &[Marks], seed: u64) -> Vec<(usize, Split)> {
    let mut parent: Vec<usize> = (0..pairs.len()).collect();
    let mut seen = HashMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        let titles = pair.titles.iter().filter(|title| !title.is_empty()).map(|title| ('t', title));
        for mark in [('m', &pair.midi), ('a', &pair.audio)].into_iter().chain(titles) {
            let first = *seen.entry(mark).or_insert(at);
            let (a, b) = (root(&mut parent, first), root(&mut parent, at));
            parent[a.max(b)] = a.min(b);
        }
    }
    let roots: Vec<usize> = (0..pairs.len()).map(|at| root(&mut parent, at)).collect();
    // A song is identified by the smallest MD5 of its MIDI files, like the works of a data set.
    let mut names: BTreeMap<usize, &str> = BTreeMap::new();
    for (pair, &root) in pairs.iter().zip(&roots) {
        let name = names.entry(root).or_insert(&pair.midi);
        *name = (*name).min(&pair.midi);
    }
    let numbers: BTreeMap<usize, (usize, Split)> =
        names.iter().enumerate().map(|(song, (&root, name))| (root, (song, draw(name, seed)))).collect();
    roots.iter().map(|root| numbers[root]).collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

/// The split of the song with this name.
fn draw(name: &str, seed: u64) -> Split {
    let mut at = (number(name, seed) >> 11) as f64 / (1_u64 << 53) as f64;
    for (split, share) in SHARES {
        if at < share {
            return split;
        }
        at -= share;
    }
    Split::Test
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(midi: &str, audio: &str, of_midi: &str, of_audio: &str) -> Marks {
        Marks { midi: midi.into(), audio: audio.into(), titles: [of_midi.into(), of_audio.into()] }
    }

    fn numbers(pairs: &[Marks]) -> Vec<usize> {
        songs(pairs, 0).into_iter().map(|(song, _)| song).collect()
    }

    #[test]
    fn pairs_that_share_a_file_or_a_title_are_one_song() {
        assert_eq!(numbers(&[pair("a", "x", "", ""), pair("b", "y", "", "")]), [0, 1]);
        assert_eq!(numbers(&[pair("a", "x", "", ""), pair("a", "y", "", "")]), [0, 0], "one MIDI file");
        assert_eq!(numbers(&[pair("a", "x", "", ""), pair("b", "x", "", "")]), [0, 0], "one recording");
        assert_eq!(numbers(&[pair("a", "x", "help", ""), pair("b", "y", "", "help")]), [0, 0], "one title");
        // A name in one column is not the same as in another.
        assert_eq!(numbers(&[pair("a", "x", "", ""), pair("x", "a", "", "")]), [0, 1]);
        // a–x, b–y, then b–x joins both; the one between them stays apart.
        let chain = [pair("a", "x", "", ""), pair("c", "z", "", ""), pair("b", "y", "", ""), pair("b", "x", "", "")];
        assert_eq!(numbers(&chain), [0, 1, 0, 0]);
        assert!(songs(&[], 0).is_empty());
    }

    #[test]
    fn a_song_lies_in_one_split_whatever_the_order_and_the_seed_moves_it() {
        let mut pairs: Vec<Marks> =
            (0..200).map(|i| pair(&format!("{i:032x}"), &format!("r{}", i / 3), &format!("t{}", i / 7), "")).collect();
        let splits = |pairs: &[Marks], seed| -> BTreeMap<String, Split> {
            pairs.iter().zip(songs(pairs, seed)).map(|(pair, (_, split))| (pair.midi.clone(), split)).collect()
        };
        let first = splits(&pairs, 3);
        for song in songs(&pairs, 3) {
            assert!(songs(&pairs, 3).iter().all(|other| other.0 != song.0 || other.1 == song.1));
        }
        pairs.reverse();
        assert_eq!(splits(&pairs, 3), first);
        assert_ne!(splits(&pairs, 4), first);
    }

    #[test]
    fn shares_are_those_of_the_thesis() {
        let draws: Vec<Split> = (0..8000).map(|i| draw(&i.to_string(), 1)).collect();
        let shares = [(Split::Train, 0.60), (Split::Valid, 0.05), (Split::Develop, 0.10), (Split::Test, 0.25)];
        for (split, share) in shares {
            let found = draws.iter().filter(|drawn| **drawn == split).count() as f64 / 8000.0;
            assert!((found - share).abs() < 0.015, "{split:?}: {found}");
        }
    }
}
