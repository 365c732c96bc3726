use super::*;

fn record(item: &str, decision: Decision, reason: Option<Reason>) -> Record {
    Record {
        reason,
        midi: Some(format!("{item}.mid")),
        audio: Some(format!("{item}.ogg")),
        ..Record::new(item, decision)
    }
}

#[test]
fn what_teaches_is_what_says_whether_it_is_the_same_music() {
    use Decision::{Confirmed, Rejected, Skipped, Unsure};
    let mut records = vec![
        record("a", Confirmed, None),
        record("b", Rejected, None),
        record("c", Rejected, Some(Reason::WrongSong)),
        record("d", Rejected, Some(Reason::TimingOff)),
        record("e", Rejected, Some(Reason::WrongKey)),
        record("f", Unsure, None),
        record("g", Skipped, None),
        Record { unseen: true, ..record("h", Rejected, None) },
        Record { midi: None, ..record("i", Confirmed, None) },
        Record { midi: None, ..record("listed", Confirmed, None) },
    ];
    records.push(Record { act: crate::curation::Act::Noted, ..record("j", Skipped, None) });
    let listed = Items::from_list([Item {
        id: "listed".into(),
        midi: "/queue/x.mid".into(),
        audio: "/queue/x.ogg".into(),
        ..Item::default()
    }]);
    let (decided, left_out) = Decided::of(&records, Path::new("/home"), &[&listed]);
    let taught: Vec<(&str, bool)> = decided.iter().map(|pair| (pair.record.item.as_str(), pair.same)).collect();
    assert_eq!(taught, [("a", true), ("b", false), ("c", false), ("listed", true)]);
    assert_eq!(decided[0].midi, Path::new("/home/a.mid"));
    assert_eq!(decided[3].audio, Path::new("/queue/x.ogg"));
    let expected = LeftOut { unsure: 1, undecided: 2, unseen: 1, other_reasons: 2, without_files: 1 };
    assert_eq!(left_out, expected);
}

/// Marks of a MIDI file and a recording: their MD5s and names.
fn marks(midi: (&str, &str), audio: (&str, &str)) -> ([String; 2], [String; 2]) {
    let of = |side: &str, (md5, path): (&str, &str)| [format!("{side} {md5}"), called(Path::new(path))];
    (of("midi", midi), of("audio", audio))
}

#[test]
fn a_song_is_one_by_its_files_its_names_and_what_was_confirmed() {
    let pairs = [
        (true, marks(("1", "x/P24.mid"), ("2", "x/P24.ogg"))),
        // A second version is of the same song, though it was only ever rejected with another recording.
        (false, marks(("3", "x/P24b.mid"), ("4", "x/P25.ogg"))),
        // Confirmed under another name.
        (true, marks(("5", "y/whatever.mid"), ("4", "x/P25.ogg"))),
        // A copy of the recording under a third name.
        (true, marks(("6", "y/Ann Other - Other Tune.mid"), ("4", "z/copy of it.ogg"))),
        (false, marks(("7", "y/ann_other-other_tune.mid"), ("8", "z/Something Else.ogg"))),
    ];
    let songs = Songs::of(pairs.iter().map(|(same, marks)| (*same, marks)));
    let song = |mark: &str| songs.song(mark);
    assert_eq!((song("midi 1"), song("midi 3")), (song("audio 2"), song("audio 2")));
    assert_ne!(song("audio 4"), song("midi 3"));
    assert_eq!((song("midi 5"), song("midi 6"), song("midi 7")), (song("audio 4"), song("audio 4"), song("audio 4")));
    assert!(song("audio 8") != song("audio 4") && song("audio 8") != song("audio 2"));
}
