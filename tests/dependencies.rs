//! Every crate in the manifest is used: an unused one costs build time for nothing.

use std::path::Path;

/// Crates whose library has a different name.
const OTHER_NAMES: &[(&str, &str)] = &[("md-5", "md5")];

/// All source below a folder, without comment lines.
fn source(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &source(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                all.push_str(line);
                all.push('\n');
            }
        }
    }
    all
}

/// The names in a section of Cargo.toml.
fn names<'a>(manifest: &'a str, section: &str) -> Vec<&'a str> {
    let after = manifest.split_once(&format!("\n[{section}]\n")).unwrap().1;
    let lines = after.split("\n[").next().unwrap().lines();
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.split_once(" = ")?.0)).collect()
}

/// Whether a path begins with this crate, or a line uses its name alone.
fn uses(source: &str, name: &str) -> bool {
    let ident =
        OTHER_NAMES.iter().find(|(of, _)| *of == name).map_or(name.replace('-', "_"), |(_, is)| (*is).to_owned());
    source.match_indices(&ident).any(|(at, _)| {
        let before = source[..at].chars().next_back().unwrap_or(' ');
        let after = &source[at + ident.len()..];
        let whole = !before.is_alphanumeric() && before != '_' && !source[..at].ends_with("::");
        whole && (after.starts_with("::") || source[..at].ends_with("use ") && after.starts_with([';', ' ']))
    })
}

#[test]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let ours = source(&root.join("src"));
    let everything = ours.clone() + &source(&root.join("tests"));
    for (section, source, least) in [("dependencies", &ours, 30), ("dev-dependencies", &everything, 5)] {
        let names = names(&manifest, section);
        assert!(names.len() > least, "{section}: {names:?}");
        let idle: Vec<&&str> = names.iter().filter(|name| !uses(source, name)).collect();
        assert!(idle.is_empty(), "[{section}] of Cargo.toml asks for {idle:?}, which nothing uses");
    }
    assert!(uses("use rand::Rng;", "rand") && uses("a(md5::Md5)", "md-5") && uses("use x_y;", "x-y"));
    assert!(!uses("let rand = brand::x; crate::rand::y;", "rand"));
}
