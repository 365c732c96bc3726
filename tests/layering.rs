//! The rules of the architecture (README, "Architecture"), read from the source: arrows point down only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules that each module of the crate names, exactly. A module may always name itself and `error`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("job", &[]),
    ("files", &[]),
    ("resumable", &["files"]),
    ("log", &[]),
    ("demo", &["files"]),
    ("network", &[]),
    ("audio", &["job", "files"]),
    ("midi", &[]),
    ("synth", &["job", "audio", "midi"]),
    ("features", &["job", "audio", "midi"]),
    ("alignment", &["job", "audio", "midi", "features"]),
    ("pair", &["job", "audio", "midi", "synth", "features", "alignment"]),
    ("picture", &["job", "audio", "midi", "features", "alignment", "pair"]),
    ("playback", &["job", "audio", "midi", "synth", "alignment"]),
    ("export", &["job", "files", "audio", "midi", "synth", "alignment", "pair", "picture"]),
    ("encoder", &["features"]),
    ("hashing", &["job", "features", "network", "encoder"]),
    ("embedding", &["network", "encoder"]),
    ("verdict", &["job", "files", "audio", "midi", "synth", "features", "alignment", "pair", "hashing", "embedding"]),
    ("session", &["job", "files"]),
    ("curation", &["job", "files", "resumable", "audio", "midi", "synth", "alignment", "pair", "export", "verdict"]),
    ("toy", &["job", "files"]),
    ("dataset", &["job", "files", "audio", "midi", "synth", "features", "alignment", "pair", "export", "verdict"]),
    ("index", &["job", "files", "audio", "midi", "synth", "features", "hashing", "embedding", "verdict"]),
    (
        "search",
        &[
            "job",
            "files",
            "resumable",
            "audio",
            "midi",
            "synth",
            "features",
            "alignment",
            "pair",
            "export",
            "hashing",
            "verdict",
            "index",
        ],
    ),
    (
        "collect",
        &[
            "job",
            "files",
            "resumable",
            "audio",
            "midi",
            "synth",
            "alignment",
            "pair",
            "export",
            "verdict",
            "dataset",
            "index",
        ],
    ),
    ("training", &["job", "files", "features", "network", "dataset", "encoder", "hashing", "embedding"]),
    (
        "evaluate",
        &[
            "job",
            "files",
            "audio",
            "midi",
            "synth",
            "features",
            "alignment",
            "hashing",
            "embedding",
            "pair",
            "verdict",
            "dataset",
            "index",
            "search",
            "curation",
            "collect",
        ],
    ),
    (
        "gui",
        &[
            "job",
            "files",
            "log",
            "export",
            "session",
            "audio",
            "midi",
            "synth",
            "features",
            "alignment",
            "pair",
            "verdict",
            "picture",
            "playback",
            "hashing",
            "embedding",
            "toy",
            "training",
            "evaluate",
            "dataset",
            "index",
            "search",
            "curation",
        ],
    ),
];

/// Every source file, with its path relative to `src/` and its text without comments and test modules.
fn sources() -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, root: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for entry in std::fs::read_dir(folder).expect("src can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("source is UTF-8");
                let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
                let code: Vec<&str> = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
                files.insert(path.strip_prefix(root).expect("below src").to_path_buf(), code.join("\n"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    walk(&root, &root, &mut files);
    assert!(files.len() > 10, "the walk found {} files only", files.len());
    files
}

/// The module that a file belongs to: `alignment` for `alignment/dtw.rs`, `job` for `job.rs`.
fn module(file: &Path) -> String {
    let first = file.iter().next().expect("not empty").to_string_lossy();
    first.trim_end_matches(".rs").to_string()
}

/// The names that follow `crate::` in `code`, one brace list deep.
fn crate_names(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(inner) => inner.split('}').next().unwrap_or_default(),
            None => rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default(),
        };
        for name in list.split(',') {
            let name = name.trim().split("::").next().unwrap_or_default();
            if name.starts_with(|c: char| c.is_lowercase()) {
                names.push(name.to_string());
            }
        }
    }
    names
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in sources() {
        let module = module(&file);
        if matches!(module.as_str(), "lib" | "main" | "cli") {
            continue;
        }
        let allowed = rules.get(module.as_str()).unwrap_or_else(|| panic!("no rule for module {module}: {file:?}"));
        for name in crate_names(&code) {
            let fine = name == module || name == "error" || allowed.contains(&name.as_str());
            assert!(fine, "{module} may not use {name}: {file:?}");
            used.entry(module.clone()).or_default().insert(name);
        }
    }
    for (module, allowed) in MAY_USE {
        let names = used.remove(*module).unwrap_or_default();
        let idle: Vec<&&str> = allowed.iter().filter(|name| !names.contains(**name)).collect();
        assert!(idle.is_empty(), "{module} uses {idle:?} no longer: strike it off the list");
    }
}

/// Files of one folder that depend on each other in a cycle, because one selects the kernel that another implements.
const DISPATCH: &[(&str, &[&str])] = &[
    ("alignment/dtw", &["simd_avx2", "simd_avx512", "strip", "wavefront"]),
    ("hashing", &["blocks", "simd_avx2", "simd_avx512", "simd_neon", "sweep"]),
];

/// Cycles still to be broken. Those that are gone must be struck off.
const CIRCLES: &[(&str, &[&str])] = &[("gui", &["command", "keys", "loading", "model", "settings"])];

/// All modules by path: `alignment::dtw::strip` for `alignment/dtw/strip.rs`, `alignment::dtw` for its `mod.rs`.
fn modules() -> BTreeMap<Vec<String>, String> {
    let path = |file: &Path| {
        let path = file.with_extension("");
        let mut path: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        path.pop_if(|last| last == "mod");
        path
    };
    sources().into_iter().map(|(file, code)| (path(&file), code)).collect()
}

/// The first names after `prefix` in `code`: `a` and `c` for `super::{a::B, c::{D, E}}` after `super::`.
fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let word = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c == ':' || c == '_' || c.is_alphanumeric()) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' => begins = depth == 0,
                c if begins && !c.is_whitespace() => {
                    names.insert(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// What `mod.rs` re-exports from its files: `Strip` comes from `strip` if it says `pub use strip::Strip`.
fn passed_on(face: &str, entries: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut from = BTreeMap::new();
    for entry in entries {
        for name in named_after(face, &format!("{entry}::")) {
            from.insert(name, entry.clone());
        }
    }
    from
}

/// Which of a folder's entries (files and folders) name which other entries.
fn arrows(folder: &[String], modules: &BTreeMap<Vec<String>, String>) -> BTreeMap<String, BTreeSet<String>> {
    let inside = || modules.iter().filter(|(path, _)| path.len() > folder.len() && path.starts_with(folder));
    let entries: BTreeSet<String> = inside().map(|(path, _)| path[folder.len()].clone()).collect();
    let passed_on = passed_on(modules.get(folder).map_or("", String::as_str), &entries);
    let mut arrows: BTreeMap<String, BTreeSet<String>> =
        entries.iter().map(|entry| (entry.clone(), BTreeSet::new())).collect();
    // Tests may use everything.
    for (path, code) in inside().filter(|(path, _)| !path.iter().any(|part| part == "tests" || part == "goldens")) {
        let entry = &path[folder.len()];
        let up = "super::".repeat(path.len() - folder.len());
        for name in [up, format!("crate::{}::", folder.join("::"))].iter().flat_map(|p| named_after(code, p)) {
            let other = if entries.contains(&name) { Some(&name) } else { passed_on.get(&name) };
            if let Some(other) = other.filter(|other| *other != entry) {
                arrows.get_mut(entry).expect("an entry").insert(other.clone());
            }
        }
    }
    arrows
}

/// Everything that can be reached from `from` along arrows.
fn reached<'a>(from: &str, arrows: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = arrows[from].iter().map(String::as_str).collect();
    while let Some(name) = waiting.pop() {
        if reached.insert(name) {
            waiting.extend(arrows[name].iter().map(String::as_str));
        }
    }
    reached
}

#[test]
fn files_of_a_folder_use_each_other_in_one_direction() {
    let modules = modules();
    let folders: BTreeSet<&[String]> =
        modules.keys().flat_map(|path| (1..path.len()).map(|depth| &path[..depth])).collect();
    let mut found = BTreeSet::new();
    for folder in folders {
        let arrows = arrows(folder, &modules);
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            arrows.keys().map(|entry| (entry.as_str(), reached(entry, &arrows))).collect();
        for (entry, from_here) in &reach {
            let circle: Vec<&str> = from_here.iter().copied().filter(|other| reach[other].contains(entry)).collect();
            if !circle.is_empty() {
                found.insert((folder.join("/"), circle.join(" ")));
            }
        }
    }
    let known = DISPATCH.iter().chain(CIRCLES).map(|(folder, circle)| ((*folder).to_owned(), circle.join(" ")));
    let known: BTreeSet<(String, String)> = known.collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "new circles: {new:#?}; listed, but there is none: {gone:#?}");
}

#[test]
fn names_are_found_as_they_are_written() {
    let code = "use super::{a::B, c::{D, e::F}, G};\nuse super::super::h;\nlet i = super::j(k::l);";
    assert_eq!(named_after(code, "super::").into_iter().collect::<Vec<_>>(), ["G", "a", "c", "j", "super"]);
    assert_eq!(named_after(code, "super::super::").into_iter().collect::<Vec<_>>(), ["h"]);
    assert_eq!(named_after(code, "k::").into_iter().collect::<Vec<_>>(), ["l"]);
}

#[test]
fn the_rules_have_no_cycle() {
    for (i, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            let below = MAY_USE[..i].iter().any(|(m, _)| m == used);
            assert!(below, "{module} uses {used}, which stands above or beside it");
        }
    }
}

#[test]
fn only_the_window_and_the_device_name_the_window_crates() {
    for (file, code) in sources() {
        if module(&file) == "gui" || file == Path::new("playback/device.rs") {
            continue;
        }
        for word in ["egui", "eframe", "rodio", "rfd::", "cpal"] {
            assert!(!code.contains(word), "{word} is named in {file:?}");
        }
    }
}

#[test]
fn features_and_alignment_touch_no_file() {
    for (file, code) in sources() {
        if matches!(module(&file).as_str(), "features" | "alignment") {
            for word in ["std::fs", "std::net", "std::env", "File::", "std::time"] {
                assert!(!code.contains(word), "{word} in {file:?}");
            }
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    for (file, code) in sources() {
        if matches!(module(&file).as_str(), "main" | "cli") {
            continue;
        }
        for word in ["println!", "print!(", "eprint!("] {
            assert!(!code.contains(word), "{word} in {file:?}");
        }
    }
}

#[test]
fn only_files_knows_endings_sums_up_and_writes() {
    // Parts of names are not file extensions; a segment of an index is a folder that gets its name once it is complete.
    let words = ["collect/names.rs", "dataset/works.rs"].map(Path::new);
    for (file, code) in sources() {
        if module(&file) == "files" || file.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        for word in ["\"mp3\"", "\"ogg\"", "\"flac\"", "\"webm\"", "\"mid\"", "\"kar\""] {
            assert!(words.contains(&file.as_path()) || !code.contains(word), "{word} in {file:?}");
        }
        for word in ["use md5::", "md5::Md5", ":02x}", "fs::write", "WalkDir", ".file_stem()"] {
            assert!(!code.contains(word), "{word} in {file:?}");
        }
        assert!(!code.contains("fs::rename") || file == Path::new("index/writer.rs"), "fs::rename in {file:?}");
    }
}

#[test]
fn threads_start_in_two_places_only() {
    for (file, code) in sources() {
        if file == Path::new("job.rs") || file == Path::new("playback/device.rs") {
            continue;
        }
        for word in ["thread::spawn", "thread::Builder", "thread::scope"] {
            assert!(!code.contains(word), "{word} in {file:?}");
        }
    }
}

#[test]
fn only_the_theme_writes_a_colour() {
    for (file, code) in sources() {
        if module(&file) != "gui" || file == Path::new("gui/theme.rs") {
            continue;
        }
        for word in ["Color32::from_rgb", "Color32::from_gray", "Color32::WHITE", "Color32::BLACK", "Color32::RED"] {
            assert!(!code.contains(word), "{word} in {file:?}");
        }
    }
}

/// The files that may say `unsafe`: kernels for one processor each, except the last, where mapping a file is one call.
const UNSAFE: &[&str] = &[
    "alignment/dtw/simd_avx2.rs",
    "alignment/dtw/simd_avx512.rs",
    // The filters of the constant-Q transform are short: the two feature-detected calls stand beside the plain loops.
    "features/fir.rs",
    "hashing/simd_avx2.rs",
    "hashing/simd_avx512.rs",
    "hashing/simd_neon.rs",
    "index/simd_avx2.rs",
    "index/simd_avx512.rs",
    "network/product_simd.rs",
    "index/mapped.rs",
];

#[test]
fn unsafe_stays_where_it_is() {
    let says =
        |code: &str| ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| code.contains(word));
    let found: BTreeSet<PathBuf> = sources().into_iter().filter(|(_, code)| says(code)).map(|(file, _)| file).collect();
    assert_eq!(found, UNSAFE.iter().map(PathBuf::from).collect());
}
