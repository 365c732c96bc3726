//! Finds a file's artist and title from its location and its contents, and decides when two names are equal.
//!
//! Files from the internet are called `Artist/Title.mid`, `Artist - Title.mid`, `artist-some_title.kar`, `01 - Title
//! (2).mid`, and worse (spec C2). What a name leaves open is left out: a wrong artist costs more than none.

use super::letters::plain;
use crate::audio::Tags;
use crate::files::{is_sound_name, name_key, stem};
use crate::midi::Midi;
use std::path::{Component, Path};

/// A file's name, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) artist: Option<String>,
    pub(super) title: Option<String>,
}

/// Folders that sort files and do not name an artist.
#[rustfmt::skip]
const SHELVES: &[&str] = &[
    "audio", "blues", "classic", "classical", "collection", "country", "dance", "download", "downloads", "files",
    "folk", "game", "games", "jazz", "kar", "karaoke", "lib", "library", "metal", "mid", "midi", "midis", "misc",
    "mp3", "music", "new", "other", "pop", "recordings", "rock", "songs", "soundtracks", "tracks", "unsorted",
];
/// Artist names that mean no artist.
const NOBODY: &[&str] =
    &["unknown", "unknown artist", "various", "various artists", "va", "traditional", "anonymous", "no artist"];
/// Titles that say nothing.
const NOTHING: &[&str] = &[
    "untitled", "unknown", "track", "title", "song", "midi", "new song", "test", "noname", "no name", "sequence",
    "temp",
];
/// Words after a title that denote a version.
#[rustfmt::skip]
const VERSIONS: &[&str] = &[
    "live", "karaoke", "remix", "version", "instrumental", "cover", "mix", "demo", "edit", "remastered",
    "remaster", "unplugged", "acoustic", "kar", "midi", "copy",
];
/// Words that a track name must not contain to be a title: parts, instruments and what sequencers write.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "accompaniment", "acoustic", "alto", "arranged", "backing", "baritone", "bass", "bassoon", "brass", "by",
    "cello", "channel", "choir", "chords", "clarinet", "com", "conductor", "control", "copyright", "drum", "drums",
    "electric", "flute", "grand", "guitar", "hand", "harp", "harpsichord", "horn", "http", "instrument",
    "instruments", "karaoke", "lead", "lyrics", "master", "melody", "oboe", "organ", "pad", "part", "percussion",
    "piano", "sax", "seq", "sequenced", "soprano", "staff", "strings", "synth", "tempo", "tenor", "track",
    "trumpet", "untitled", "viola", "violin", "voice", "words", "www",
];

impl Name {
    /// Takes the name from `Folder/Folder/file.ext`, relative to the folder that was searched.
    pub(super) fn of_path(below: &Path) -> Self {
        let folders: Vec<String> = below
            .parent()
            .into_iter()
            .flat_map(Path::components)
            .filter_map(|part| match part {
                Component::Normal(name) => Some(spaced(&name.to_string_lossy())),
                _ => None,
            })
            .collect();
        let stem = stem(below);
        let (stem, numbered) = without_number(without_extension(&stem));
        // `Artist/Album/03 Title`: a numbered file is inside an album.
        let above = if numbered && folders.len() > 1 { folders.len() - 2 } else { folders.len().wrapping_sub(1) };
        let folder = folders.get(above).filter(|folder| is_artist(folder));
        let mut name = Self::of_parts(&parts(stem, folder.is_some(), numbered), folder.is_some());
        let nobody = name.artist.as_deref().is_some_and(|artist| NOBODY.contains(&fold(artist).join(" ").as_str()));
        if nobody {
            name.artist = None;
        } else if name.artist.is_none() && name.title.is_some() {
            name.artist = folder.cloned();
        }
        name
    }

    /// Takes the name from the file's path or, if that gives no title, from its contents.
    pub(super) fn of_midi(below: &Path, midi: &Midi) -> Self {
        let (by_path, inside) = (Self::of_path(below), Self::inside(midi));
        let same = |a: &Self, b: &Self| a.title.as_deref().map(fold) == b.title.as_deref().map(fold);
        if by_path.title.is_none() {
            return inside;
        }
        if by_path.artist.is_none() && same(&by_path, &inside) {
            return Self { artist: inside.artist, ..by_path };
        }
        by_path
    }

    /// Takes the name from the file's contents: titles of karaoke files (texts that begin with `@T`: title, then
    /// artist), or the name of its first track unless that names a part.
    fn inside(midi: &Midi) -> Self {
        let texts = midi.texts();
        let mut karaoke = texts.iter().filter_map(|text| text.strip_prefix("@T")).map(str::trim);
        if let Some(title) = karaoke.next().filter(|title| is_title(title) || is_short_title(title)) {
            let mut name = Self::of_parts(&parts(title, false, false), true);
            name.artist = name
                .artist
                .filter(|artist| is_artist(artist))
                .or(karaoke.next().filter(|artist| is_artist(artist)).map(str::to_owned));
            return name;
        }
        let names = midi.track_names();
        let first = names.first().map_or("", |name| name.trim());
        let words = fold(first);
        if words.len() < 2 || words.iter().any(|word| PARTS.contains(&word.as_str())) {
            return Self::default();
        }
        Self::of_parts(&parts(without_number(first).0, false, false), false)
    }

    /// Takes the name from a recording's tags, and from its path where they say nothing.
    pub(super) fn of_tags(tags: &Tags, below: &Path) -> Self {
        let written = |text: &Option<String>| text.clone().filter(|text| !fold(text).is_empty());
        let artist = written(&tags.artist);
        let says = |title: &String| is_title(title) || artist.is_some() && is_short_title(title);
        let title = written(&tags.title).filter(says);
        let by_path = Self::of_path(below);
        Self { artist: artist.or(by_path.artist), title: title.or(by_path.title) }
    }

    /// Takes the first and the last of the parts between dashes, unless that is only a number or a version. Beside an
    /// artist, a number or a letter is a title if there is no other: `Prince/1999.mid`.
    fn of_parts(parts: &[String], has_artist: bool) -> Self {
        let mut parts = parts.to_vec();
        while parts.len() > 1 && is_version(&parts[parts.len() - 1]) {
            parts.pop();
        }
        let nobody = parts.len() > 1 && NOBODY.contains(&fold(&parts[0]).join(" ").as_str());
        // `a_h` and the like: a shelf from A to H.
        parts.retain(|part| {
            let words = fold(part);
            let letter = |word: &String| word.len() == 1 && letters(word) == 1;
            !words.is_empty() && (words.len() < 2 || !words.iter().all(letter))
        });
        let mut title = String::new();
        let first = usize::from(parts.len() > 1);
        for part in parts.iter().skip(first).rev() {
            title = if title.is_empty() { part.clone() } else { format!("{part} {title}") };
            if is_title(&title) {
                break;
            }
        }
        let artist = parts.first().filter(|artist| first == 1 && (nobody || is_artist(artist))).cloned();
        let known = has_artist || artist.is_some() && !nobody;
        let says = |title: &String| is_title(title) || known && is_short_title(title);
        Self { artist, title: Some(title).filter(says) }
    }
}

/// The words of a file's title, taken from its name: these make files one song, whoever plays it. `None` if the name
/// gives no title.
pub(crate) fn title(file: &Path) -> Option<String> {
    let name = Name::of_path(Path::new(file.file_name()?));
    Some(fold(&name.title?).join(" ")).filter(|title| !title.is_empty())
}

/// The words by which names are compared: lower case without accents; punctuation, "the" and "and" left out; numbers
/// split from letters and without leading zeros; `Opus 27 No. 2` as `op27 n2`; without guests (`feat.`).
pub(super) fn fold(text: &str) -> Vec<String> {
    // Drops accents without a letter of their own; apostrophes don't separate words.
    let kept = |c: &char| !('\u{300}'..='\u{36f}').contains(c) && !"'’‘`´".contains(*c);
    let text: String = name_key(text).chars().filter(kept).collect();
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let letters: Vec<char> = plain(word).chars().collect();
        let parts = letters.chunk_by(|a, b| a.is_numeric() == b.is_numeric());
        words.extend(parts.map(|part| part.iter().collect::<String>()));
    }
    for word in &mut words {
        let plain = word.trim_start_matches('0');
        if word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit()) {
            *word = if plain.is_empty() { "0".into() } else { plain.to_owned() };
        } else if word == "opus" {
            *word = "op".into();
        }
    }
    let number = |word: Option<&String>| word.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let guests = words.iter().skip(1).position(|word| ["feat", "ft", "featuring"].contains(&word.as_str()));
    words.truncate(guests.map_or(words.len(), |at| at + 1));
    let said = |(at, word): (usize, &String)| {
        let counts = ["n", "no", "nr", "num", "number"].contains(&word.as_str()) && number(words.get(at + 1));
        (!counts && !["the", "and"].contains(&word.as_str())).then(|| word.clone())
    };
    let folded: Vec<String> = words.iter().enumerate().filter_map(said).collect();
    // "The The"; "!", "÷"
    match (folded.is_empty(), words.is_empty()) {
        (true, true) => {
            Some(text.split_whitespace().collect::<String>()).filter(|text| is_sign(text)).into_iter().collect()
        }
        (true, false) => words,
        (false, _) => folded,
    }
}

/// Whether a text without letters and digits is a name all the same, and not the punctuation of one.
fn is_sign(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_alphanumeric() || c.is_control() || "-–—_.,:;()[]{}\"'".contains(c))
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

fn is_title(text: &str) -> bool {
    let said = fold(text).into_iter().filter(|word| letters(word) > 0).collect::<Vec<_>>().join(" ");
    (letters(text) > 1 || is_character(text)) && !NOTHING.contains(&said.as_str())
}

/// One character that is a word in itself (雪), or a sign.
fn is_character(text: &str) -> bool {
    let words = fold(text);
    words.len() == 1 && (is_sign(&words[0]) || words[0].chars().all(|c| c.is_alphabetic() && !is_alphabet(c)))
}

/// Letters of alphabets, of which one alone sorts files or numbers them.
fn is_alphabet(letter: char) -> bool {
    // Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic
    letter < '\u{700}'
}

/// Whether a text may be a title beside an artist: a letter, or figures that are no track number.
fn is_short_title(text: &str) -> bool {
    let digits = text.trim().bytes().all(|byte| byte.is_ascii_digit());
    !fold(text).is_empty() && letters(text) < 2 && !(digits && text.trim().starts_with('0'))
}

fn is_artist(text: &str) -> bool {
    let words = fold(text);
    // `U2`, `M83`; not `A`, which sorts files.
    let short = letters(text) == 1 && words.len() == 2 && words[1].bytes().all(|byte| byte.is_ascii_digit());
    (is_character(text) || short || letters(text) > 1 && words.iter().any(|word| word.chars().count() > 1))
        && !SHELVES.contains(&words.join(" ").as_str())
        && !NOBODY.contains(&words.join(" ").as_str())
}

fn is_version(text: &str) -> bool {
    let words = fold(text);
    !words.is_empty()
        && words.iter().all(|word| VERSIONS.contains(&word.as_str()) || letters(word) == 0)
        && words.iter().any(|word| letters(word) > 0)
}

/// Turns underscores and `%20` into spaces.
fn spaced(text: &str) -> String {
    text.replace("%20", " ").replace('_', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `song.mid.mid`, `song.kar.mid`
fn without_extension(stem: &str) -> &str {
    let mut stem = stem;
    while is_sound_name(Path::new(stem))
        && let Some((rest, _)) = stem.rsplit_once('.')
    {
        stem = rest;
    }
    stem
}

/// The name without a leading track number, and whether there was one: `03. Title`, `1-03 Title`, `03-title`, `03
/// Title`; not `99 Luftballons`.
fn without_number(stem: &str) -> (&str, bool) {
    let mut rest = stem.trim();
    let mut found = false;
    for _ in 0..2 {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=3).contains(&digits) {
            break;
        }
        let behind = &rest[digits..];
        let sign = behind.trim_start().starts_with(['.', ')', '-']);
        let blank = rest.starts_with('0') || found;
        if !(sign || blank && behind.starts_with([' ', '_'])) {
            break;
        }
        let next = behind.trim_start_matches([' ', '_', '.', ')', '-']);
        if letters(next) < 2 {
            break;
        }
        (rest, found) = (next, true);
    }
    (rest, found)
}

/// The text between the dashes of a name, in words.
fn parts(stem: &str, has_artist: bool, numbered: bool) -> Vec<String> {
    let stem = stem.replace(['–', '—'], "-").replace("%20", " ");
    let dashes = stem.matches('-').count();
    let bare: Vec<&str> = if stem.contains(" - ") || stem.contains("_-_") {
        stem.split(" - ").flat_map(|part| part.split("_-_")).collect()
    } else if !stem.contains(' ') && (stem.contains('_') || dashes == 1 && !has_artist && !numbered) {
        // `artist-some_title`, `Artist-Title`; in a folder that is an artist, `Anti-Hero` is a title.
        stem.split('-').collect()
    } else {
        vec![&stem]
    };
    bare.iter().map(|part| apart(&without_brackets(&spaced(part)))).filter(|part| !part.is_empty()).collect()
}

/// Removes `(2)`, `[Karaoke]`, `(Live)` and the like at the end, unless that would leave nothing.
fn without_brackets(text: &str) -> String {
    let mut text = text.trim();
    while let Some(open) = text.rfind(['(', '[', '{'])
        && text.ends_with([')', ']', '}'])
        && text[..open].chars().any(char::is_alphanumeric)
    {
        text = text[..open].trim_end();
    }
    text.to_owned()
}

/// Splits `DancingQueen` into words; `McCartney` is one.
fn apart(text: &str) -> String {
    if text.contains(' ') {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let mut words = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let begins = at > 0 && letter.is_uppercase() && letters[at - 1].is_lowercase();
        if begins && !words.ends_with("Mc") {
            words.push(' ');
        }
        words.push(letter);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> (String, String) {
        let Name { artist, title } = Name::of_path(Path::new(path));
        (artist.unwrap_or_default(), title.unwrap_or_default())
    }

    #[test]
    fn artist_and_title_come_out_of_names_as_people_write_them() {
        for (path, artist, title) in [
            ("Abba/Dancing Queen.mid", "Abba", "Dancing Queen"),
            ("Abba - Dancing Queen.mid", "Abba", "Dancing Queen"),
            ("ABBA - Dancing Queen (2).MID", "ABBA", "Dancing Queen"),
            ("pop/Abba - Dancing Queen [Karaoke].kar", "Abba", "Dancing Queen"),
            ("A/Abba/Dancing_Queen.mid", "Abba", "Dancing Queen"),
            ("Abba/Arrival/02 - Dancing Queen.mp3", "Abba", "Dancing Queen"),
            ("Abba/Arrival/1-02 Dancing Queen.flac", "Abba", "Dancing Queen"),
            ("02. Abba - Dancing Queen.mid", "Abba", "Dancing Queen"),
            ("Abba - Arrival - 02 - Dancing Queen.mid", "Abba", "Dancing Queen"),
            ("Abba - Dancing Queen - Live.mid", "Abba", "Dancing Queen"),
            ("Abba_-_Dancing_Queen.mid.mid", "Abba", "Dancing Queen"),
            ("Abba%20-%20Dancing%20Queen.mid", "Abba", "Dancing Queen"),
            ("Abba – Dancing Queen.mid", "Abba", "Dancing Queen"),
            ("Abba-DancingQueen.mid", "Abba", "Dancing Queen"),
            ("Paul McCartney/LiveAndLetDie.mid", "Paul McCartney", "Live And Let Die"),
            ("Taylor Swift/Anti-Hero.mid", "Taylor Swift", "Anti-Hero"),
            ("Nena/99 Luftballons.mid", "Nena", "99 Luftballons"),
            ("Prince/1999.mid", "Prince", "1999"),
            ("Smashing Pumpkins - 1979 (Live).mid", "Smashing Pumpkins", "1979"),
            ("U2 - One.mid", "U2", "One"),
            ("U2/40.mid", "U2", "40"),
            ("M83/Midnight City.mid", "M83", "Midnight City"),
            ("Moby - Go.mid", "Moby", "Go"),
            ("Ed Sheeran/X.mid", "Ed Sheeran", "X"),
            ("Ed Sheeran - ÷.mid", "Ed Sheeran", "÷"),
            ("!!! - Heart of Hearts.mid", "!!!", "Heart of Hearts"),
            ("Cornelius/!.mid", "Cornelius", "!"),
            ("Cornelius/雪.mid", "Cornelius", "雪"),
            ("雪.mid", "", "雪"),
            ("1979.mid", "", ""),
            ("Abba/01.mid", "", ""),
            ("A/01.mid", "", ""),
            ("A/7.mid", "", ""),
            ("beethoven-fur_elise.mid", "beethoven", "fur elise"),
            ("bach-bwv001-_400_chorales-027700b.mid", "bach", "400 chorales 027700b"),
            ("unknown_artist-a_h-cannon_d.mid", "", "cannon d"),
            ("classical/unknown_artist-p_z-pachelbel_0.mid", "", "pachelbel 0"),
            ("Various Artists/Greensleeves.mid", "", "Greensleeves"),
            ("dancing-queen-1976.mid", "", "dancing-queen-1976"),
            ("simutrans/21-Dusty-Eyes.mid", "simutrans", "Dusty-Eyes"),
            ("midi/Yesterday.mid", "", "Yesterday"),
            ("B/Yesterday.mid", "", "Yesterday"),
            ("Beatles/(I Can't Get No) Help.mid", "Beatles", "(I Can't Get No) Help"),
            ("pop909/464.mid", "pop909", "464"),
            ("track01.mid", "", ""),
            ("Track 7.mid", "", ""),
            ("untitled (3).mid", "", ""),
            ("", "", ""),
            ("-.mid", "", ""),
            ("- - -.mid", "", ""),
        ] {
            assert_eq!(named(path), (artist.to_owned(), title.to_owned()), "{path}");
        }
    }

    #[test]
    fn names_are_compared_by_what_is_left_of_them() {
        for (text, folded) in [
            ("The Beatles", "beatles"),
            ("Beatles, The", "beatles"),
            ("The The", "the the"),
            ("Für Elise", "fur elise"),
            ("Fu\u{308}r Elise", "fur elise"),
            ("Don't Stop", "dont stop"),
            ("Don’t stop!", "dont stop"),
            ("Simon & Garfunkel", "simon garfunkel"),
            ("Simon and Garfunkel", "simon garfunkel"),
            ("Sonata No. 14, Op. 27 Nr. 2", "sonata 14 op 27 2"),
            ("sonata_n14_opus27_no2", "sonata 14 op 27 2"),
            ("K049", "k 49"),
            ("Under Pressure (feat. David Bowie)", "under pressure"),
            ("Straße", "strasse"),
            ("Пустота", "пустота"),
            ("...", ""),
            ("!", "!"),
            ("÷ (Deluxe)", "deluxe"),
            ("! ! !", "!!!"),
        ] {
            assert_eq!(fold(text).join(" "), folded, "{text}");
        }
    }

    #[test]
    fn tags_come_before_the_path_and_the_path_fills_what_is_missing() {
        let tags = Tags { title: Some("Help!".into()), ..Tags::default() };
        let name = Name::of_tags(&tags, Path::new("The Beatles/03 Something.mp3"));
        assert_eq!((name.artist.as_deref(), name.title.as_deref()), (Some("The Beatles"), Some("Help!")));
        let tags = Tags { artist: Some(" - ".into()), title: Some("Track 3".into()), ..Tags::default() };
        let name = Name::of_tags(&tags, Path::new("Abba - Waterloo.ogg"));
        assert_eq!((name.artist.as_deref(), name.title.as_deref()), (Some("Abba"), Some("Waterloo")));
    }

    #[test]
    fn a_name_is_the_same_in_every_form_of_unicode() {
        use unicode_normalization::UnicodeNormalization as _;
        for text in [
            "Чайковский - Щелкунчик Йод.mid",
            "ガンダム - ずっと.mid",
            "한국 - 사랑.mid",
            "Ελύτης - Ήλιος.mid",
            "Dvořák - Für Elise.mid",
        ] {
            let of = |text: String| {
                let Name { artist, title } = Name::of_path(Path::new(&text));
                (fold(&artist.expect("an artist")), fold(&title.expect("a title")))
            };
            assert_eq!(of(text.nfd().collect()), of(text.nfc().collect()), "{text}");
            assert_ne!(text.nfd().collect::<String>(), text.nfc().collect::<String>());
        }
    }

    /// A file of one track with these meta events.
    fn midi(events: &[(u8, &str)]) -> Midi {
        let mut track = Vec::new();
        for (kind, text) in events {
            track.extend([0, 0xff, *kind, text.len() as u8]);
            track.extend(text.bytes());
        }
        track.extend(b"\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0");
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(track);
        Midi::parse(&bytes).expect("MIDI")
    }

    #[test]
    fn what_a_file_says_of_itself_counts_where_its_path_says_nothing() {
        let named = |path: &str, events: &[(u8, &str)]| {
            let Name { artist, title } = Name::of_midi(Path::new(path), &midi(events));
            (artist.unwrap_or_default(), title.unwrap_or_default())
        };
        let both = ("ABBA".to_owned(), "Dancing Queen".to_owned());
        assert_eq!(named("1.kar", &[(1, "@KMIDI KARAOKE FILE"), (1, "@TDancing Queen"), (1, "@TABBA")]), both);
        assert_eq!(named("1.mid", &[(3, "ABBA - Dancing Queen")]), both);
        assert_eq!(named("dancing_queen.kar", &[(1, "@TDancing Queen"), (1, "@TABBA")]).0, "ABBA");
        assert_eq!(named("Waterloo.kar", &[(1, "@TDancing Queen"), (1, "@TABBA")]), (String::new(), "Waterloo".into()));
        for name in ["Piano", "Grand Piano", "Track 1", "untitled", "Sequenced by Bob", ""] {
            assert_eq!(named("1.mid", &[(3, name)]), (String::new(), String::new()), "{name}");
        }
    }
}
