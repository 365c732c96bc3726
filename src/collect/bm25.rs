//! BM25 in memory: finds the texts that have all of some words, and scores how much these say. Scores and order are
//! those of tantivy 0.27 and Lucene, which published cuts like [`TEXT_SCORE`](super::TEXT_SCORE) are close to; a test
//! compares them with recorded ones.

use std::collections::HashMap;

/// How quickly a repeated word stops adding anything, and how much the length of a text counts.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// How often a word occurs in a text, and in which text.
#[derive(Debug, Clone, Copy)]
struct Posting {
    text: u32,
    count: u32,
}

/// One field of many texts: which of them contain a word.
#[derive(Debug, Default)]
pub(super) struct Field {
    /// In the order of the texts.
    postings: HashMap<String, Vec<Posting>>,
    /// For each text, K1 scaled by its length.
    norms: Vec<f32>,
}

/// A word that a text must have in a field.
pub(super) struct Term<'a> {
    postings: &'a [Posting],
    norms: &'a [f32],
    weight: f32,
}

impl Field {
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a [String]>) -> Self {
        let mut postings: HashMap<String, Vec<Posting>> = HashMap::new();
        let mut lengths = Vec::new();
        for (text, words) in (0..).zip(texts) {
            lengths.push(words.len());
            for word in words {
                // Most words are already known, so their key is not created again.
                let of_word = match postings.get_mut(word) {
                    Some(of_word) => of_word,
                    None => postings.entry(word.clone()).or_default(),
                };
                match of_word.last_mut() {
                    Some(last) if last.text == text => last.count += 1,
                    _ => of_word.push(Posting { text, count: 1 }),
                }
            }
        }
        let mean = lengths.iter().sum::<usize>() as f32 / lengths.len() as f32;
        let norms = lengths.into_iter().map(|length| K1 * (1.0 - B + B * rounded(length) as f32 / mean)).collect();
        Self { postings, norms }
    }

    /// `None` if no text has the word.
    pub(super) fn term(&self, word: &str) -> Option<Term<'_>> {
        let postings = self.postings.get(word)?;
        let (texts, with) = (self.norms.len(), postings.len());
        let idf = (1.0 + ((texts - with) as f32 + 0.5) / (with as f32 + 0.5)).ln();
        Some(Term { postings, norms: &self.norms, weight: idf * (1.0 + K1) })
    }
}

impl Term<'_> {
    fn score(&self, posting: Posting) -> f32 {
        let count = posting.count as f32;
        self.weight * (count / (count + self.norms[posting.text as usize]))
    }

    /// The posting of `text`; earlier postings are not examined again.
    fn seek(&mut self, text: u32) -> Option<Posting> {
        // Ever larger steps, since the next is seldom far.
        let mut end = 1;
        while self.postings.get(end).is_some_and(|posting| posting.text < text) {
            end *= 2;
        }
        let near = &self.postings[..self.postings.len().min(end + 1)];
        self.postings = &self.postings[near.partition_point(|posting| posting.text < text)..];
        self.postings.first().copied().filter(|posting| posting.text == text)
    }
}

/// The best `most` texts that have all terms, with their scores; among equal ones the first.
pub(super) fn best(mut terms: Vec<Term<'_>>, most: usize) -> Vec<(f32, usize)> {
    // The rarest term decides which texts are tried. Sums of floats depend on the order: ties keep that of the query.
    terms.sort_by_key(|term| term.postings.len());
    let Some((rarest, others)) = terms.split_first_mut() else { return Vec::new() };
    let score = |&posting: &Posting| {
        let first = rarest.score(posting);
        let sum = others.iter_mut().try_fold(first, |sum, term| {
            let posting = term.seek(posting.text)?;
            Some(sum + term.score(posting))
        });
        Some((sum?, posting.text as usize))
    };
    let mut found: Vec<(f32, usize)> = rarest.postings.iter().filter_map(score).collect();
    let order = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if most < found.len() {
        found.select_nth_unstable_by(most, order);
        found.truncate(most);
    }
    found.sort_unstable_by(order);
    found
}

/// A length as Lucene keeps it in a byte: above 40, the excess over 24 is rounded to four significant bits.
fn rounded(length: usize) -> usize {
    let above = length.saturating_sub(24);
    let lost = above.checked_ilog2().unwrap_or(0).saturating_sub(3);
    length - above % (1 << lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::path::Path;

    fn words(text: &Value) -> Vec<String> {
        text.as_str().expect("a text").split_whitespace().map(str::to_owned).collect()
    }

    /// The terms of words in their fields; empty if one of them occurs nowhere.
    fn terms<'a>(wanted: &[(&'a Field, Vec<String>)]) -> Vec<Term<'a>> {
        let terms = wanted.iter().flat_map(|(field, words)| words.iter().map(|word| field.term(word)));
        terms.collect::<Option<_>>().unwrap_or_default()
    }

    #[test]
    fn scores_and_order_are_those_of_tantivy() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/names.json");
        let golden: Value = serde_json::from_slice(&std::fs::read(file).expect("a golden file")).expect("JSON");
        let names = golden["names"].as_array().expect("names");
        let field = |at: usize| {
            let texts: Vec<Vec<String>> = names.iter().map(|name| words(&name[at])).collect();
            Field::new(texts.iter().map(Vec::as_slice))
        };
        let (artist, title) = (field(0), field(1));
        let mut hits = 0;
        for query in golden["queries"].as_array().expect("queries") {
            let by_title = [(&title, words(&query["title"]))];
            let both = [(&artist, words(&query["artist"])), by_title[0].clone()];
            for (wanted, name) in [(&both[..], "both"), (&by_title, "by_title")] {
                let found = best(terms(wanted), 10);
                let theirs = query[name].as_array().expect("hits");
                let order: Vec<u64> = theirs.iter().filter_map(|hit| hit[0].as_u64()).collect();
                assert_eq!(found.iter().map(|hit| hit.1 as u64).collect::<Vec<_>>(), order, "{query}");
                for ((score, _), hit) in found.iter().zip(theirs) {
                    let theirs = hit[1].as_f64().expect("a score");
                    // Another system's logarithm may differ in the last bit.
                    assert!((f64::from(*score) - theirs).abs() <= 1e-6 * theirs, "{score}, {theirs} expected: {query}");
                    hits += 1;
                }
            }
        }
        assert!(hits > 500, "{hits} hits");
    }

    #[test]
    fn best_is_what_a_look_at_every_text_finds() {
        let mut seed = 7_u64;
        let mut below = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let word = |number: u64| format!("w{number}");
        let texts: Vec<Vec<String>> =
            (0..400).map(|_| (0..below(7)).map(|_| word(below(9).min(below(9)))).collect()).collect();
        let field = Field::new(texts.iter().map(Vec::as_slice));
        for _ in 0..200 {
            let wanted: Vec<String> = (0..=below(3)).map(|_| word(below(9))).collect();
            let most = below(20) as usize;
            let terms = || terms(&[(&field, wanted.clone())]);
            let score = |text: usize| -> Option<f32> {
                let mut terms = terms();
                terms.sort_by_key(|term| term.postings.len());
                let of_term = |term: &Term<'_>| {
                    let posting = term.postings.iter().find(|posting| posting.text as usize == text)?;
                    Some(term.score(*posting))
                };
                terms.iter().map(of_term).try_fold(0.0, |sum, score| Some(sum + score?))
            };
            let mut all: Vec<(f32, usize)> = (0..texts.len()).filter_map(|text| Some((score(text)?, text))).collect();
            let has = |text: &&Vec<String>| wanted.iter().all(|word| text.contains(word));
            assert_eq!(all.len(), texts.iter().filter(has).count());
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(most);
            assert_eq!(best(terms(), most), all, "{wanted:?}");
        }
    }

    #[test]
    fn lengths_are_kept_as_lucene_keeps_them() {
        for (length, kept) in [(0, 0), (40, 40), (41, 40), (42, 42), (57, 56), (59, 56), (60, 60), (87, 84), (88, 88)] {
            assert_eq!(rounded(length), kept, "{length}");
        }
    }

    #[test]
    fn without_texts_or_words_nothing_is_found() {
        let none = Field::new(std::iter::empty());
        assert!(none.term("a").is_none());
        assert!(best(Vec::new(), 10).is_empty());
    }
}
