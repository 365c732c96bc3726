//! The rules of the architecture (README, "Architecture"), read from the source: arrows point down only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each module of the crate may name. A module may always name itself and `error`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("job", &[]),
    ("resumable", &[]),
    ("files", &[]),
    ("log", &[]),
    ("demo", &[]),
    ("network", &["job"]),
    ("audio", &["job"]),
    ("midi", &["job"]),
    ("synth", &["job", "audio", "midi"]),
    ("features", &["job", "audio", "midi"]),
    ("alignment", &["job", "audio", "midi", "features"]),
    ("pair", &["job", "audio", "midi", "synth", "features", "alignment"]),
    ("picture", &["job", "audio", "midi", "features", "alignment", "pair"]),
    ("playback", &["job", "audio", "midi", "synth", "alignment"]),
    ("export", &["job", "audio", "midi", "synth", "alignment", "pair"]),
    ("encoder", &[]),
    ("hashing", &["job", "network", "export", "encoder"]),
    ("embedding", &["job", "network", "encoder"]),
    ("verdict", &["job", "audio", "midi", "synth", "alignment", "pair", "hashing", "embedding"]),
    ("session", &["job", "export"]),
    (
        "curation",
        &["job", "files", "resumable", "audio", "midi", "synth", "alignment", "pair", "export", "session", "verdict"],
    ),
    ("toy", &["job", "export"]),
    ("dataset", &["job", "audio", "midi", "synth", "features", "alignment", "pair", "export", "verdict"]),
    (
        "index",
        &[
            "job",
            "audio",
            "midi",
            "synth",
            "features",
            "alignment",
            "pair",
            "export",
            "hashing",
            "embedding",
            "verdict",
        ],
    ),
    (
        "search",
        &[
            "job",
            "audio",
            "midi",
            "synth",
            "features",
            "alignment",
            "pair",
            "export",
            "hashing",
            "embedding",
            "verdict",
            "index",
        ],
    ),
    (
        "collect",
        &[
            "job",
            "resumable",
            "audio",
            "midi",
            "synth",
            "alignment",
            "pair",
            "export",
            "verdict",
            "session",
            "curation",
            "dataset",
            "index",
        ],
    ),
    ("training", &["job", "network", "export", "dataset", "encoder", "hashing", "embedding"]),
    (
        "evaluate",
        &[
            "job",
            "audio",
            "midi",
            "synth",
            "features",
            "alignment",
            "hashing",
            "embedding",
            "pair",
            "verdict",
            "export",
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
            "demo",
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

/// Names that follow `crate::` in `code`, one brace list deep.
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
    for (file, code) in sources() {
        let module = module(&file);
        if matches!(module.as_str(), "lib" | "main" | "cli") {
            continue;
        }
        let allowed = rules.get(module.as_str()).unwrap_or_else(|| panic!("no rule for module {module}: {file:?}"));
        for name in crate_names(&code) {
            let fine = name == module || name == "error" || allowed.contains(&name.as_str());
            assert!(fine, "{module} may not use {name}: {file:?}");
        }
    }
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

#[test]
fn unsafe_stays_in_the_kernels() {
    for (file, code) in sources() {
        // The filters of the constant-Q transform are short: the two detected calls stand beside the plain loops.
        // Mapping a file is one call.
        let allowed = [Path::new("features/fir.rs"), Path::new("index/mapped.rs")].contains(&file.as_path());
        let kernel = allowed || file.to_string_lossy().contains("simd");
        assert!(kernel || !code.contains("unsafe {"), "unsafe in {file:?}: only files named *simd* may");
    }
}
