//! Converts letters and digits to plain ones: `É` to `e`, `ß` to `ss`, `②` to `2`.

use unicode_normalization::UnicodeNormalization as _;

/// Letters that Unicode treats as letters of their own, in lower case, with the ASCII that Lucene and tantivy give
/// them.
#[rustfmt::skip]
const LETTERS: &[(&str, &str)] = &[
    ("a", "ɐəɚᴀᶏᶕẚₔⱥ"),
    ("b", "ƀƃɓʙᴃᵬᶀ"),
    ("c", "ƈȼɕʗᴄↄꜿ"),
    ("d", "ðđƌȡɖɗᴅᴆᵭᶁᶑꝺ"),
    ("e", "ǝɇɘɛɜɝɞʚᴇᴈᶒᶓᶔⱸⱻ"),
    ("f", "ƒᵮᶂꜰꝼꟻ"),
    ("g", "ǥɠɡɢʛᵷᵹᶃꝿ"),
    ("h", "ħɥɦʜʮʯⱨⱶ"),
    ("i", "ıɨɪᴉᵻᵼᶖꟾ"),
    ("j", "ȷɉɟʄʝᴊ"),
    ("k", "ƙʞᴋᶄⱪꝁꝃꝅ"),
    ("l", "łƚȴɫɬɭʟᴌᶅⱡꝇꝉꞁ"),
    ("m", "ɯɰɱᴍᵯᶆꟽꟿ"),
    ("n", "ŉŋƞȵɲɳɴᴎᵰᶇ"),
    ("o", "øɔɵᴏᴐᴖᴗᶗⱺꝋꝍ"),
    ("p", "ƥᴘᵱᵽᶈꝑꝓꝕꟼ"),
    ("q", "ĸɋʠꝗꝙ"),
    ("r", "ɍɼɽɾɿʀʁᴙᴚᵲᵳᶉꝛꞃ"),
    ("s", "ȿʂᵴᶊẜẝꜱꞅ"),
    ("t", "ŧƫƭȶʇʈᴛᵵⱦ"),
    ("u", "ʉᴜᵾᶙ"),
    ("v", "ʋʌᴠᶌⱱⱴꝟ"),
    ("w", "ƿʍᴡⱳ"),
    ("x", "ᶍ"),
    ("y", "ƴɏʎʏỿ"),
    ("z", "ƶȝȥɀʐʑᴢᵶᶎⱬꝣ"),
    ("aa", "ꜳ"),
    ("ae", "æᴁᴂ"),
    ("ao", "ꜵ"),
    ("au", "ꜷ"),
    ("av", "ꜹꜻ"),
    ("ay", "ꜽ"),
    ("db", "ȸ"),
    ("dz", "ʣʥ"),
    ("hv", "ƕ"),
    ("ll", "ỻ"),
    ("ls", "ʪ"),
    ("lz", "ʫ"),
    ("oe", "œɶᴔ"),
    ("oo", "ꝏ"),
    ("ou", "ȣᴕ"),
    ("qp", "ȹ"),
    ("ss", "ß"),
    ("tc", "ʨ"),
    ("th", "þᵺꝧ"),
    ("ts", "ʦ"),
    ("tz", "ꜩ"),
    ("ue", "ᵫ"),
    ("vy", "ꝡ"),
];
/// First and last of the circled digits that Unicode treats as signs of their own, and what the first stands for.
#[rustfmt::skip]
const CIRCLED: &[(char, char, u32)] = &[
    ('⓿', '⓿', 0), ('⓵', '⓾', 1), ('❶', '❿', 1), ('➀', '➉', 1), ('➊', '➓', 1), ('⓫', '⓴', 11),
];

/// A word in lower case, with Latin letters stripped of accents; other alphabets are kept.
pub(super) fn plain(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut plain = String::with_capacity(word.len());
    for letter in word.chars() {
        // A letter and its accents, a ligature, circled letters and digits or ones in other styles.
        let parts: String = letter.nfkd().filter(|part| part.is_alphanumeric()).collect();
        if !parts.is_empty() && parts.is_ascii() {
            plain.push_str(&parts.to_ascii_lowercase());
        } else if let Some(letters) = latin(letter) {
            plain.push_str(letters);
        } else if let Some((first, _, number)) =
            CIRCLED.iter().find(|(first, last, _)| (*first..=*last).contains(&letter))
        {
            plain.push_str(&(number + u32::from(letter) - u32::from(*first)).to_string());
        } else {
            plain.extend(letter.to_lowercase());
        }
    }
    plain
}

/// A letter of [`LETTERS`], with or without accents.
fn latin(letter: char) -> Option<&'static str> {
    let bare = letter.nfd().next()?.to_lowercase().next()?;
    LETTERS.iter().find(|(_, letters)| letters.contains(bare)).map(|(plain, _)| *plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn letters_and_digits_are_folded_as_tantivy_folds_them() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/names.json");
        let golden: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).expect("a golden file")).expect("JSON");
        let folded: BTreeMap<String, String> =
            serde_json::from_value(golden["folded"].clone()).expect("a map of letters");
        let mut count = 0;
        for (theirs, letters) in folded {
            // Small capitals became capitals, which no word has; `⒈` became `1.`, though a full stop separates words.
            let theirs: String = theirs.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
            // A long s with a dot, which they take for an f.
            for letter in letters.chars().filter(|letter| *letter != 'ẛ') {
                assert_eq!(plain(&letter.to_string()), theirs, "{letter:?}");
                count += 1;
            }
        }
        assert_eq!(count, 1134);
    }

    #[test]
    fn every_letter_is_in_lower_case_and_stands_once() {
        let all: Vec<char> = LETTERS.iter().flat_map(|(_, letters)| letters.chars()).collect();
        let unique: std::collections::BTreeSet<char> = all.iter().copied().collect();
        assert_eq!(unique.len(), all.len());
        for letter in all {
            assert_eq!(letter.to_lowercase().to_string(), letter.to_string());
        }
    }

    #[test]
    fn styles_are_plain_letters_and_other_alphabets_stay() {
        for (word, expected) in [
            ("ABBA", "abba"),
            ("İSTANBUL", "istanbul"),
            ("Ⅳ", "iv"),
            ("𝓛𝓸𝓿𝓮", "love"),
            ("ＡＢＢＡ", "abba"),
            ("㉑", "21"),
            ("Пустой", "пустой"),
            ("ΟΔΟΣ", "οδοσ"),
            ("東京", "東京"),
            ("한글", "한글"),
        ] {
            assert_eq!(plain(word), expected, "{word}");
        }
    }
}
