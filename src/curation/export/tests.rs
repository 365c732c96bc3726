use super::*;
use proptest::prelude::*;

fn records() -> impl Strategy<Value = Vec<Record>> {
    let text = "[a-z ,\"\n☃|/]{1,8}";
    let number = prop::option::of(-1e6..1e6_f64);
    let correction = prop::option::of((-500.0..500.0_f64, prop::collection::vec(0.0..99.0_f64, 0..3), any::<bool>()));
    let texts = (text, text, text, prop::option::of(text), prop::option::of(text));
    let choices = (0..5_usize, prop::option::of(0..8_usize), any::<bool>(), any::<bool>());
    let one = (texts, choices, number.clone(), number.clone(), prop::option::of(number), correction, 0.0..1e4_f64);
    prop::collection::vec(one, 0..6).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(i, (texts, choices, confidence, score, part, correction, seconds))| Record {
                at: format!("2026-01-01T00:00:{i:02}.000Z"),
                curator: texts.0,
                // Different, or they would be about one item.
                item: format!("{i}{}", texts.1),
                note: texts.2,
                midi: texts.3,
                audio: texts.4,
                act: Decision::ALL.get(choices.0).map_or(Act::Noted, |&decision| Act::Decided(decision)),
                reason: choices.1.map(|reason| Reason::ALL[reason]),
                flag: choices.2,
                blind: choices.3,
                unseen: choices.2 != choices.3,
                confidence,
                judge: choices.2.then(|| "1f6c02ab pair".to_owned()),
                order: choices.3.then(|| "best".to_owned()),
                score,
                parts: part.flatten().map(|value| ("hash_distance".to_owned(), value)).into_iter().collect(),
                correction: correction.map(|(offset_ms, at, span)| Correction {
                    offset_ms,
                    anchors: at.iter().map(|&s| [s, 2.0 * s]).collect(),
                    span: span.then_some([1.0, 2.5]),
                }),
                map: None,
                seconds,
                antiphon: "0.1.0".into(),
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_exported_is_read_again(records in records()) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.csv"), csv(&records)).unwrap();
        std::fs::write(at("a.json"), document(&records).to_string()).unwrap();
        prop_assert_eq!(&read(&at("a.csv")).unwrap().0, &records);
        prop_assert_eq!(&read(&at("a.json")).unwrap().0, &records);
        write_jams(&records, &at("jams"), &Progress::silent()).unwrap();
        let mut again = read(&at("jams")).unwrap().0;
        again.sort_by(|a, b| a.at.cmp(&b.at));
        prop_assert_eq!(&again, &records);
        let lines: String = records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
        std::fs::write(at("a.jsonl"), lines).unwrap();
        prop_assert_eq!(&read(&at("a.jsonl")).unwrap().0, &records);
    }
}

fn pair(item: &str, curator: &str, decision: Decision) -> Record {
    Record {
        curator: curator.into(),
        midi: Some(format!("midi/{item}.mid")),
        audio: Some(format!("../audio/{item}.ogg")),
        confidence: Some(0.75),
        ..Record::new(item, decision)
    }
}

#[test]
fn the_list_of_pairs_has_what_is_confirmed_and_not_disputed() {
    use Decision::{Confirmed, Rejected, Unsure};
    let records = [
        pair("a", "ann", Confirmed),
        pair("a", "bob", Confirmed),
        pair("b", "ann", Rejected),
        pair("c", "ann", Confirmed),
        pair("c", "bob", Rejected),
        pair("d", "ann", Confirmed),
        pair("d", "bob", Unsure),
        Record { midi: None, ..pair("e", "ann", Confirmed) },
    ];
    let list = pair_list(&records);
    let lines: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert_eq!((&lines[0]["midi"], &lines[1]["midi"]), (&"midi/a.mid".into(), &"midi/d.mid".into()));
    let moved = moved(&records[..1], Path::new("/data/set"), Path::new("/data/out"));
    assert_eq!(moved[0].midi.as_deref(), Some("../set/midi/a.mid"));
    assert_eq!(moved[0].audio.as_deref(), Some("../audio/a.ogg"));
}

#[test]
fn the_tree_is_that_of_lakh_and_can_be_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("in");
    std::fs::create_dir(&base).unwrap();
    std::fs::write(base.join("a.mid"), b"one").unwrap();
    std::fs::write(base.join("a.ogg"), b"sound").unwrap();
    let md5 = "0123456789abcdef0123456789abcdef";
    let known =
        Record { midi: Some("a.mid".into()), audio: Some("a.ogg".into()), ..pair("", "ann", Decision::Confirmed) };
    let records = [
        Record { item: format!("{md5}|TRABCDE128F0000001"), ..known.clone() },
        Record { item: "a.mid|a.ogg".into(), ..known.clone() },
        Record { item: "missing".into(), midi: Some("none.mid".into()), ..known },
    ];
    let out = folder.path().join("tree");
    let copy = |_: &Record, midi: &Path, _: &Path, _: &Progress| std::fs::read(midi).map_err(Error::io("read", midi));
    let tree = write_tree(&records, &base, &out, copy, &Progress::silent()).unwrap();
    assert_eq!((tree.written, tree.skipped.len()), (2, 1));
    assert_eq!(std::fs::read(out.join(format!("A/B/C/TRABCDE128F0000001/{md5}.mid"))).unwrap(), b"one");
    let items = super::super::Items::read(&out, &Progress::silent()).unwrap();
    assert_eq!(items.len(), 2);
    assert!((0..2).all(|index| items.item(index).midi.is_file() && items.confidence(index) == Some(0.75)));
}

#[test]
fn what_is_no_export_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, said) in [
        ("a.json", r#"{"format": "curation/9", "decisions": []}"#, "\"curation/9\" is not"),
        ("a.json", "[]", "no document"),
        ("a.json", r#"{"format": "curation/1"}"#, "no `decisions`"),
        ("a.csv", "item,decision\nx,maybe\n", "row 2: unknown decision \"maybe\""),
        ("a.csv", "item,flag\nx,perhaps\n", "neither true nor false"),
        ("a.csv", "item,seconds\nx,long\n", "is no number"),
        ("a.csv", "decision\nconfirmed\n", "no item"),
        ("a.jams", "{}", "no annotations"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}
