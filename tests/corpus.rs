//! What `tests/fuzz` looks for with any bytes holds for those that are kept in its corpus: seeds, and what was found.

#[expect(unreachable_pub, reason = "a crate of its own for cargo fuzz")]
#[path = "fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> BTreeSet<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    std::fs::read_dir(folder).unwrap().map(name).collect()
}

macro_rules! holds_for_its_corpus {
    ($($target:ident),+) => {
        $(
            #[test]
            fn $target() {
                let folder = fuzz().join("corpus").join(stringify!($target));
                for name in names(&folder) {
                    // The name of the file is in the output of a test that fails.
                    eprintln!("{name}");
                    targets::$target::check(&std::fs::read(folder.join(name)).unwrap());
                }
            }
        )+

        #[test]
        fn every_target_is_built_and_has_a_corpus() {
            let all: BTreeSet<String> = [$(stringify!($target)),+].map(str::to_owned).into();
            assert_eq!(names(&fuzz().join("corpus")), all);
            let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
            for target in &all {
                let path = format!("fuzz_targets/{target}.rs");
                assert!(manifest.contains(&format!("name = {target:?}\npath = {path:?}\n")), "{target}");
                let called = std::fs::read_to_string(fuzz().join(path)).unwrap();
                assert!(called.contains(&format!("antiphon_fuzz::{target}::check(bytes)")), "{called}");
            }
            assert_eq!(manifest.matches("[[bin]]").count(), all.len());
        }
    };
}

holds_for_its_corpus!(
    alignment, audio, catalogue, checkpoint, dataset, decisions, index, journal, midi, model, pairs, results, session,
    settings, soundfont, table
);
