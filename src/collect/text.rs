//! Finds the recordings with a name like a given one, in an index of the words of their artists and titles, in memory
//! (spec C4).
//!
//! As published, all words of a MIDI file's artist must be among those of the recording's artist, and all of its title
//! among those of its title, and the sum of their BM25 scores must be above 20. A score grows with the number of
//! recordings: 20 was chosen among a million, where three rare words reach it. Among few recordings no name does, so a
//! title of the same words counts whatever its score.

use super::bm25::{Field, Term, best};
use super::names::{Name, fold};
use serde::{Deserialize, Serialize};

/// Most recordings that one name finds: the default of the search engine used in the publication (Whoosh).
const MOST: usize = 10;

/// The words of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) artist: Vec<String>,
    pub(super) title: Vec<String>,
}

impl Folded {
    pub(super) fn new(name: &Name) -> Self {
        let words = |text: &Option<String>| text.as_deref().map(fold).unwrap_or_default();
        Self { artist: words(&name.artist), title: words(&name.title) }
    }
}

/// What a recording was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FoundBy {
    /// Artist and title.
    Name,
    /// The title alone.
    Title,
}

/// A recording with a name like the one searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Its position in the index.
    pub(super) recording: usize,
    /// BM25 of its words.
    pub(super) score: f32,
    pub(super) by: FoundBy,
}

/// How similar names must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The BM25 score must be above this, unless the titles are equal.
    pub(super) score: f32,
    /// This many more are taken by title alone, whatever their score.
    pub(super) by_title: usize,
}

pub(super) struct TextIndex {
    names: Vec<Folded>,
    artist: Field,
    title: Field,
}

impl TextIndex {
    pub(super) fn new(names: Vec<Folded>) -> Self {
        let artist = Field::new(names.iter().map(|name| name.artist.as_slice()));
        let title = Field::new(names.iter().map(|name| name.title.as_slice()));
        Self { names, artist, title }
    }

    /// Recordings with a name like this one, best first; those found by title alone come after the others.
    pub(super) fn find(&self, name: &Folded, cut: Cut) -> Vec<Found> {
        let mut found = Vec::new();
        if name.title.is_empty() {
            return found;
        }
        if !name.artist.is_empty() {
            for (score, recording) in search(&[(&self.artist, &name.artist), (&self.title, &name.title)], MOST) {
                if score > cut.score || self.names[recording].title == name.title {
                    found.push(Found { recording, score, by: FoundBy::Name });
                }
            }
        }
        if cut.by_title > 0 {
            let more = search(&[(&self.title, &name.title)], cut.by_title + found.len());
            let fresh: Vec<Found> = more
                .into_iter()
                .filter(|(_, recording)| found.iter().all(|known| known.recording != *recording))
                .map(|(score, recording)| Found { recording, score, by: FoundBy::Title })
                .take(cut.by_title)
                .collect();
            found.extend(fresh);
        }
        found
    }
}

/// Score and number of the recordings that have all of these words in these fields.
fn search(wanted: &[(&Field, &Vec<String>)], most: usize) -> Vec<(f32, usize)> {
    let terms = wanted.iter().flat_map(|(field, words)| words.iter().map(|word| field.term(word)));
    terms.collect::<Option<Vec<Term<'_>>>>().map_or_else(Vec::new, |terms| best(terms, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: Cut = Cut { score: 20.0, by_title: 0 };

    fn name(artist: &str, title: &str) -> Folded {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Folded::new(&Name { artist: some(artist), title: some(title) })
    }

    fn index(names: &[(&str, &str)]) -> TextIndex {
        TextIndex::new(names.iter().map(|(artist, title)| name(artist, title)).collect())
    }

    fn found(index: &TextIndex, wanted: &Folded, cut: Cut) -> Vec<(usize, FoundBy)> {
        index.find(wanted, cut).iter().map(|found| (found.recording, found.by)).collect()
    }

    #[test]
    fn all_words_of_artist_and_title_must_be_there() {
        let index = index(&[
            ("The Beatles", "Help!"),
            ("Bananarama", "Help!"),
            ("The Beatles", "Help Me, Rhonda"),
            ("", "Help"),
            ("The Beatles", ""),
        ]);
        let all = Cut { score: 0.0, by_title: 0 };
        let mut both = found(&index, &name("beatles", "HELP"), all);
        both.sort_by_key(|found| found.0);
        assert_eq!(both, [(0, FoundBy::Name), (2, FoundBy::Name)]);
        // Among five recordings no score is above 20: only the equal title counts.
        assert_eq!(found(&index, &name("beatles", "HELP"), PUBLISHED), [(0, FoundBy::Name)]);
        assert_eq!(found(&index, &name("beatles", "Help me tonight"), all), []);
        for nothing in [name("", "Help"), name("Beatles", ""), name("", "")] {
            assert_eq!(found(&index, &nothing, PUBLISHED), [], "{nothing:?}");
        }
    }

    #[test]
    fn among_many_recordings_rare_words_pass_the_published_cut_and_common_ones_do_not() {
        let mut names: Vec<Folded> = (0..30_000).map(|i| name(&format!("artist{i}x"), "love song")).collect();
        names.push(name("Billy Idol", "Dancing with Myself (Remastered 1999)"));
        names.push(name("Love Song", "Love Song Love"));
        let index = TextIndex::new(names);
        let rare = index.find(&name("Billy Idol", "Dancing with myself"), PUBLISHED);
        assert_eq!((rare.len(), rare[0].recording), (1, 30_000));
        assert!(rare[0].score > 20.0, "{}", rare[0].score);
        assert_eq!(found(&index, &name("love", "song"), Cut { score: 60.0, by_title: 0 }), []);
        // No more than the published limit, and among equals the first.
        let many = found(&index, &name("", "love song"), Cut { score: 20.0, by_title: 3 });
        assert_eq!(many.len(), 3);
        assert_eq!(many, found(&index, &name("", "love song"), Cut { score: 20.0, by_title: 3 }));
    }

    #[test]
    fn titles_alone_are_taken_up_to_a_limit_and_behind_the_others() {
        let index =
            index(&[("Performer", "Air"), ("Bach", "Air"), ("Orchestra", "Air on the G string"), ("X", "Aria")]);
        let both = found(&index, &name("Bach", "Air"), Cut { score: 20.0, by_title: 1 });
        assert_eq!(both, [(1, FoundBy::Name), (0, FoundBy::Title)]);
        let three = found(&index, &name("Bach", "Air"), Cut { score: 20.0, by_title: 9 });
        assert_eq!(three.len(), 3);
        assert_eq!(TextIndex::new(Vec::new()).find(&name("a", "b"), PUBLISHED), []);
    }
}
