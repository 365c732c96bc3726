//! What tantivy makes of made-up names: writes `names.json` in the working folder. Dependencies: tantivy =0.27.0
//! without its default features, serde_json.

use serde_json::{Value, json};
use tantivy::collector::TopDocs;
use tantivy::merge_policy::NoMergePolicy;
use tantivy::query::{BooleanQuery, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, SimpleTokenizer, TextAnalyzer, TokenizerManager, WhitespaceTokenizer,
};
use tantivy::{DocAddress, Index, IndexWriter, Searcher, TantivyDocument, Term};

type Words = Vec<String>;

struct TextIndex {
    searcher: Searcher,
    artist: Field,
    title: Field,
}

impl TextIndex {
    fn new(names: &[(Words, Words)]) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default().set_tokenizer("words").set_index_option(IndexRecordOption::WithFreqs);
        let options = TextOptions::default().set_indexing_options(words);
        let (artist, title) =
            (schema.add_text_field("artist", options.clone()), schema.add_text_field("title", options));
        let number = schema.add_u64_field("number", FAST);
        let tokenizers = TokenizerManager::default();
        tokenizers.register("words", TextAnalyzer::from(WhitespaceTokenizer::default()));
        let index = Index::builder().schema(schema.build()).tokenizers(tokenizers).create_in_ram()?;
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 128 << 20)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        for (at, name) in (0_u64..).zip(names) {
            let mut document = TantivyDocument::default();
            document.add_text(artist, name.0.join(" "));
            document.add_text(title, name.1.join(" "));
            document.add_u64(number, at);
            writer.add_document(document)?;
        }
        writer.commit()?;
        Ok(Self { searcher: index.reader()?.searcher(), artist, title })
    }
    fn search(&self, wanted: &[(Field, &Words)], most: usize) -> tantivy::Result<Vec<(f32, usize)>> {
        let terms = wanted.iter().flat_map(|(field, words)| {
            words.iter().map(|word| -> Box<dyn Query> {
                Box::new(TermQuery::new(Term::from_field_text(*field, word), IndexRecordOption::WithFreqs))
            })
        });
        let query = BooleanQuery::intersection(terms.collect());
        let hits = self.searcher.search(&query, &TopDocs::with_limit(most).order_by_score())?;
        hits.into_iter()
            .map(|(score, DocAddress { segment_ord, doc_id })| {
                let numbers = self.searcher.segment_reader(segment_ord).fast_fields().u64("number")?;
                Ok((score, numbers.first(doc_id).unwrap_or_default() as usize))
            })
            .collect()
    }
}

// A small generator: the same numbers on every machine.
struct Random(u64);
impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }
    /// Small numbers are more frequent.
    fn rank(&mut self, n: usize) -> usize {
        let a = self.below(n);
        let b = self.below(n);
        a.min(b).min(self.below(n))
    }
    fn words(&mut self, pool: &[String], most: usize) -> Words {
        let n = self.below(most + 1);
        (0..n).map(|_| pool[self.rank(pool.len())].clone()).collect()
    }
}

fn names(random: &mut Random, artists: &[String], titles: &[String], count: usize) -> Vec<(Words, Words)> {
    (0..count)
        .map(|at| {
            // Every fiftieth title is longer than the lengths that are stored exactly (40 words).
            let most = if at % 50 == 49 { 150 } else { 6 };
            let mut title = random.words(titles, most);
            if at % 50 == 49 {
                while title.len() < 41 + at / 4 {
                    title.push(titles[random.rank(titles.len())].clone());
                }
            }
            (random.words(artists, 3), title)
        })
        .collect()
}

fn queries(random: &mut Random, names: &[(Words, Words)], titles: &[String], count: usize) -> Vec<(Words, Words)> {
    (0..count)
        .map(|at| {
            let (artist, title) = &names[random.below(names.len())];
            let mut some =
                |words: &Words| -> Words { words.iter().take(5).filter(|_| random.below(3) > 0).cloned().collect() };
            let (artist, mut title) = (some(artist), some(title));
            if title.is_empty() {
                title.push(titles[random.rank(titles.len())].clone());
            }
            if at % 10 == 0 {
                let again = title[0].clone();
                title.push(again);
            }
            if at % 17 == 0 {
                title.push("nowhere".into());
            }
            (artist, title)
        })
        .collect()
}

fn main() -> tantivy::Result<()> {
    let pool = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let artists =
        pool("john bach band trio quartet mary orchestra brothers king queen smith jones abba blue lee 4 пустота 李");
    let titles = pool(
        "love you me my in of a song 1 2 n blue night day sonata op minor major dance heart time rain moon light home road never again baby girl boy summer winter air aria prelude fugue 27 14 help yesterday queen ночь",
    );
    let mut random = Random(1);
    let names = names(&mut random, &artists, &titles, 300);
    let queries = queries(&mut random, &names, &titles, 100);
    let index = TextIndex::new(&names)?;
    let hits = |wanted: &[(Field, &Words)]| -> tantivy::Result<Value> {
        Ok(index.search(wanted, 10)?.into_iter().map(|(score, number)| json!([number, score])).collect())
    };
    let mut asked = Vec::new();
    for (artist, title) in &queries {
        asked.push(json!({ "artist": artist.join(" "), "title": title.join(" "),
            "both": hits(&[(index.artist, artist), (index.title, title)])?, "by_title": hits(&[(index.title, title)])? }));
    }
    // Every letter and digit outside ASCII that has an ASCII spelling: lower case, then folded.
    let mut analyser =
        TextAnalyzer::builder(SimpleTokenizer::default()).filter(LowerCaser).filter(AsciiFoldingFilter).build();
    let mut folded = std::collections::BTreeMap::<String, String>::new();
    for c in ('\u{80}'..=char::MAX).filter(|c| c.is_alphanumeric()) {
        let text = c.to_string();
        let mut tokens = Vec::new();
        analyser.token_stream(&text).process(&mut |token| tokens.push(token.text.clone()));
        assert_eq!(tokens.len(), 1, "{c:?}");
        let lower: String = c.to_lowercase().collect();
        if tokens[0] != lower {
            folded.entry(tokens[0].clone()).or_default().push(c);
        }
    }
    let lines = |rows: Vec<Value>| rows.iter().map(Value::to_string).collect::<Vec<_>>().join(",\n");
    let names = names.iter().map(|(artist, title)| json!([artist.join(" "), title.join(" ")])).collect();
    let text = format!(
        "{{\"names\":[\n{}],\n\"queries\":[\n{}],\n\"folded\":{}}}\n",
        lines(names),
        lines(asked),
        json!(folded)
    );
    std::fs::write("names.json", text).expect("written");
    Ok(())
}
