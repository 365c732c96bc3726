use super::*;
use unicode_normalization::UnicodeNormalization as _;

fn read(name: &str, text: &str) -> Result<Items> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    Items::read(&file, &Progress::silent())
}

#[test]
fn every_form_gives_the_same_pair() {
    let row = r#"{"midi": "a.mid", "audio": "b.ogg", "confidence": 0.75, "artist": "X", "title": "Y", "score": 0.625}"#;
    let hit = r#"{"rank": 1, "id": "b.ogg", "path": "b.ogg", "confidence": 0.75, "artist": "X", "title": "Y", "score": 0.625}"#;
    let search = format!(r#"{{"format": "search/1", "query": "a.mid", "hits": [{hit}], "stages": []}}"#);
    for (name, text) in [
        ("pairs.jsonl", format!("{row}\n\n{row}\n")),
        ("matches.jsonl", format!("{search}\n")),
        ("search.json", search),
        ("list.json", format!("[{row}]")),
        ("table.csv", "Midi,audio,confidence,artist,title,score,more\r\na.mid,b.ogg,0.75,X,Y,0.625,\r\n".to_owned()),
    ] {
        let items = read(name, &text).unwrap();
        assert_eq!(items.len(), 1, "{name}");
        let item = items.item(0);
        assert_eq!((item.id.as_str(), item.title.as_str()), ("a.mid|b.ogg", "X – Y"), "{name}");
        assert_eq!((item.confidence, item.parts["score"]), (Some(0.75), 0.625), "{name}");
        assert!(item.midi.is_absolute() && item.midi.ends_with("a.mid") && item.audio.ends_with("b.ogg"));
        assert_eq!(items.find("a.mid|b.ogg"), Some(0));
        assert_eq!(items.find("a.mid"), None);
    }
}

#[test]
fn each_item_has_the_judge_of_its_confidence() {
    let text = "{\"midi\": \"a\", \"audio\": \"b\", \"confidence\": 0.5}\n\
                {\"midi\": \"c\", \"audio\": \"d\", \"confidence\": 0.5, \"judge\": \"1f6c02ab pair\", \
                 \"parameters\": {\"preset\": \"antiphon\"}}\n\
                {\"midi\": \"e\", \"audio\": \"f\", \"score\": 0.6, \"judge\": null, \"parameters\": {\"preset\": \"gen2\"}}\n\
                {\"midi\": \"g\", \"audio\": \"h\", \"judge\": \"1f6c02ab codes\"}\n\
                {\"midi\": \"a\", \"audio\": \"b\", \"judge\": \"again\"}\n";
    let items = read("a.jsonl", text).unwrap();
    let judges: Vec<Option<String>> = (0..items.len()).map(|index| items.item(index).judge).collect();
    assert_eq!(
        judges.iter().map(Option::as_deref).collect::<Vec<_>>(),
        [None, Some("1f6c02ab pair"), Some("gen2"), None]
    );
    assert_eq!((items.judge(1), items.judge(3)), (Some("1f6c02ab pair"), None));
}

#[test]
fn a_lakh_tree_is_read_with_its_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let track = folder.path().join("A/B/C/TRABCDE128F0000001");
    std::fs::create_dir_all(&track).unwrap();
    std::fs::write(track.join("0123.mid"), b"").unwrap();
    std::fs::write(track.join("song.mp3"), b"").unwrap();
    let other = folder.path().join("ff");
    std::fs::create_dir_all(other.join("ff00")).unwrap();
    std::fs::write(other.join("ff00.ogg"), b"").unwrap();
    let scores = r#"{"TRABCDE128F0000001": {"0123": 0.7, "4567": 0.9}, "ff00": {"89ab": 0.6}}"#;
    std::fs::write(folder.path().join("match_scores.json"), scores).unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("match_scores.json")] {
        let items = Items::read(&path, &Progress::silent()).unwrap();
        assert_eq!(items.len(), 3);
        let item = items.item(items.find("0123|TRABCDE128F0000001").unwrap());
        assert_eq!((item.midi.clone(), item.recording()), (track.join("0123.mid"), track.join("song.mp3")));
        let item = items.item(items.find("89ab|ff00").unwrap());
        assert_eq!((item.midi.clone(), item.recording()), (other.join("ff00/89ab.mid"), other.join("ff00.ogg")));
        assert_eq!(item.confidence, Some(f64::from(0.6f32)));
    }
}

/// As spreadsheets save them where the comma is the decimal point, and as old systems do.
#[test]
fn tables_open_as_spreadsheets_write_them() {
    let utf16: Vec<u8> = "\u{feff}midi\taudio\tconfidence\ttitle\n1.mid\t1.ogg\t0.5\tF\u{fc}r Elise\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, text) in [
        ("a.csv", &b"midi;audio;confidence;title\r\n1.mid;1.ogg;0,5;F\xc3\xbcr Elise\r\n"[..]),
        ("a.csv", b"midi,audio,confidence,title\r1.mid,1.ogg,0.5,F\xc3\xbcr Elise\r"),
        ("a.csv", b"sep=;\r\nMIDI;Audio;Confidence;Title\r\n1.mid;1.ogg;0,5;F\xc3\xbcr Elise\r\n"),
        ("a.tsv", b"midi\taudio\tconfidence\ttitle\n1.mid\t1.ogg\t0.5\tF\xc3\xbcr Elise\n"),
        ("a.csv", b"midi,audio,confidence,title\n1.mid,1.ogg,.5,F\xfcr Elise\n"),
        ("a.csv", b"midi,audio,confidence,title\n\n1.mid,1.ogg,.5,F\xc3\xbcr Elise\n,,,\n,,,\n"),
        ("a.csv", &utf16),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert_eq!(Kind::of(&path).unwrap(), Kind::Pairs, "{}", text.escape_ascii());
        let items = Items::read(&path, &Progress::silent()).unwrap();
        assert_eq!((items.len(), items.confidence(0)), (1, Some(0.5)), "{}", text.escape_ascii());
        assert_eq!((items.item(0).title.as_str(), items.item(0).midi), ("F\u{fc}r Elise", folder.path().join("1.mid")));
    }
}

#[test]
fn what_is_no_list_is_said_with_its_line() {
    for (name, text, said) in [
        ("a.jsonl", "\n{\"midi\": \"a\"}\n{\"midi\": \"b\"}", "line 2: missing field `audio`"),
        ("a.jsonl", "{\"midi\": ", "line 1: EOF"),
        ("a.jsonl", "", "no pairs: "),
        ("a.json", "7", "neither an object nor a list"),
        ("a.json", &"[".repeat(100_000), "recursion limit"),
        ("a.csv", "midi\nx\n", "row 2: missing field `audio`"),
        ("match_scores.json", "{\"a\": [1]}", "can't read list"),
    ] {
        let error = read(name, text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn numbers_that_are_none_are_left_out() {
    let text = "{\"midi\": \"a\", \"audio\": \"b\", \"confidence\": null}\n\
                {\"midi\": \"c\", \"audio\": \"d\", \"confidence\": \"x\", \"transpose\": 2}\n\
                {\"midi\": \"e\", \"audio\": \"f\", \"score\": 0.6}\n";
    let items = read("a.jsonl", text).unwrap();
    assert_eq!((items.confidence(0), items.confidence(1)), (None, None));
    assert!((items.confidence(2).unwrap() - 0.8).abs() < 1e-6);
    assert!(items.item(0).parts.is_empty());
    assert!((items.item(1).parts["transpose"] - 2.0).abs() < 1e-9);
    assert_eq!(items.item(2).parts.len(), 1);
}

/// A row that is bad is named, and the others open.
#[test]
fn every_list_opens_by_its_content_and_bad_rows_are_named() {
    let row =
        |number: usize| format!("{{\"midi\": \"{number}.mid\", \"audio\": \"{number}.ogg\", \"confidence\": 0.5}}");
    let rows = [row(1), row(2), row(3)];
    let task = |row: &String| format!("{{\"id\": 7, \"data\": {row}, \"annotations\": []}}");
    let table = |comma: &str| {
        let line = |number: usize| [format!("{number}.mid"), format!("{number}.ogg"), ".5".into()].join(comma) + "\r\n";
        ["midi", "audio", "confidence"].join(comma) + "\r\n" + &(1..=3).map(line).collect::<String>()
    };
    let hits =
        |hits: &str| format!("{{\"format\": \"search/1\", \"query\": \"1.mid\", \"hits\": [{hits}]}}\n{}", rows[2]);
    for (names, text, remarks) in [
        (&["a.jsonl", "a.json", "a.txt", "a.ndjson"][..], rows.join("\n"), &[][..]),
        (&["a.jsonl", "a.json", "a.txt"], format!("\u{feff}{}\r\n", rows.join("\r\n")), &[]),
        (&["a.jsonl", "a.json"], format!("\u{feff}[{}]", rows.join(",\n")), &[]),
        (&["a.jsonl", "a.json"], format!("[{}]", rows.each_ref().map(task).join(", ")), &[]),
        (&["a.jsonl", "a.json"], rows.each_ref().map(task).join("\n"), &[]),
        (
            &["a.jsonl"],
            rows.join("\n").replace("3.mid", "3.mid\", \"score\": NaN, \"transpose\": -Infinity, \"x\": \""),
            &[],
        ),
        (&["a.csv", "a.tsv", "a.txt", "a.json"], table("\t"), &[]),
        (&["a.csv", "a.txt"], table(";"), &[]),
        (&["a.txt", "a.jsonl"], table(","), &[]),
        (&["a.csv", "a.txt"], table(",") + "\r\n,,\r\n  \r\n", &[]),
        (&["a.csv"], table(",").replace("midi,audio,confidence\r\n", ""), &[]),
        (&["a.csv", "a.txt"], table(",") + "4.mid\r\n", &["left out: row 5: missing field `audio`"]),
        (
            &["a.csv"],
            table(",") + "x;y,,\r\n,b.ogg\r\n",
            &["left out: row 5: missing field `audio`", "left out: row 6: missing field `midi`"],
        ),
        (
            &["a.jsonl", "a.json"],
            rows.join("\n") + "\n{\"midi\": \"4.mid\", \"aud",
            &["left out: line 4: EOF while parsing a string at column 22"],
        ),
        (
            &["a.jsonl"],
            hits("{\"path\": \"1.ogg\"}, {}, {\"path\": \"2.ogg\"}"),
            &["left out: line 1: hit 2: missing field `audio`"],
        ),
    ] {
        for name in names {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(name);
            std::fs::write(&file, &text).unwrap();
            assert_eq!(Kind::of(&file).unwrap(), Kind::Pairs, "{name} {text}");
            let items = Items::read(&file, &Progress::silent()).unwrap();
            assert_eq!(
                (items.len(), items.remarks()),
                (3, &remarks.iter().map(|&r| r.to_owned()).collect::<Vec<_>>()[..]),
                "{name} {text}"
            );
            assert!(items.item(2).audio.ends_with("3.ogg") && items.item(0).midi.ends_with("1.mid"), "{name} {text}");
        }
    }
}

#[test]
fn files_are_found_whatever_form_their_names_have() {
    let folder = tempfile::tempdir().unwrap();
    // In one form on the disk, in the other in the list: й, ガ, 각, ά.
    let letters = [
        ("\u{439}", "\u{438}\u{306}"),
        ("\u{30ac}", "\u{30ab}\u{3099}"),
        ("\u{ac01}", "\u{1100}\u{1161}\u{11a8}"),
        ("\u{3ac}", "\u{3b1}\u{301}"),
    ];
    let mut list = String::from("midi,audio\n");
    for (number, (composed, decomposed)) in letters.iter().enumerate() {
        for (form, (disk, listed)) in [(composed, decomposed), (decomposed, composed)].into_iter().enumerate() {
            for ending in ["mid", "ogg"] {
                std::fs::write(folder.path().join(format!("{number}{form} {disk}.{ending}")), "").unwrap();
            }
            list +=
                &format!("{number}{form} {listed}.mid,C:\\Music\\{number}{form}%20{listed}.ogg\n").replace("%20", " ");
        }
    }
    std::fs::write(folder.path().join("a.csv"), list).unwrap();
    let items = Items::read(&folder.path().join("a.csv"), &Progress::silent()).unwrap();
    assert_eq!(items.len(), 8);
    for index in 0..8 {
        let item = items.item(index);
        assert!(item.midi.is_file() && item.recording().is_file(), "{item:?}");
        // A journal may have the other form.
        let id = |form: fn(&str) -> String| items.find(&form(items.id(index)));
        assert_eq!((id(|text| text.nfc().collect()), id(|text| text.nfd().collect())), (Some(index), Some(index)));
    }
}
