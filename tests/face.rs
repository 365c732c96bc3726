//! The public names of the library, kept in a list: a name that comes or goes is seen in a review.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// If this variable is set to anything, the test rewrites the list.
const UPDATE: &str = "ANTIPHON_UPDATE_FACE";

/// Types that a module re-exports from another, with the same meaning.
const PASSED_ON: &[&str] = &["InputScaling", "Side"];

/// The text of a file without comments and without test modules.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("source is UTF-8");
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The text after `pub ` at the beginning of a line, up to the end of its statement.
fn public(code: &str) -> impl Iterator<Item = &str> {
    let statements = code.split("\npub ").enumerate();
    let statements = statements.filter_map(|(i, text)| if i > 0 { Some(text) } else { text.strip_prefix("pub ") });
    statements.map(|text| {
        text.split([';', '{', '(']).next().map_or(text, |head| if head.starts_with("use ") { text } else { head })
    })
}

/// The names that a `use` re-exports, after any renaming.
fn passed_on(list: &str) -> Vec<String> {
    let list = list.split(';').next().unwrap_or_default();
    let list = list.split_once('{').map_or(list, |(_, inner)| inner.trim_end().trim_end_matches('}'));
    assert!(!list.contains('{'), "a list in a list: {list}");
    let name = |path: &str| path.rsplit([' ', ':']).next().unwrap_or_default().to_owned();
    list.split(',').map(str::trim).filter(|path| !path.is_empty()).map(name).collect()
}

/// Adds what the module at that path exposes: its own types, functions and constants, and its re-exports.
fn add(folder: &Path, path: &str, code: &str, found: &mut BTreeSet<String>) {
    for statement in public(code) {
        let words: Vec<&str> = statement.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let at = words.iter().position(|word| !matches!(*word, "unsafe" | "async")).expect("a word");
        // `const fn` is a function.
        let name = words[at + 1 + usize::from(words[at..].starts_with(&["const", "fn"]))];
        match words[at] {
            "mod" => module(folder, path, name, found),
            "use" => found.extend(passed_on(statement).iter().map(|name| format!("{path}{name}"))),
            "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" => {
                found.insert(format!("{path}{name}"));
            }
            word => panic!("what is `pub {word}`, in {path}?"),
        }
    }
}

/// Adds what the module `name`, declared in `folder`, exposes.
fn module(folder: &Path, path: &str, name: &str, found: &mut BTreeSet<String>) {
    // The window is not part of the library.
    if name == "gui" {
        return;
    }
    let inner = folder.join(name);
    let file = Some(folder.join(format!("{name}.rs"))).filter(|file| file.exists());
    let file = file.unwrap_or_else(|| inner.join("mod.rs"));
    add(&inner, &format!("{path}{name}::"), &code(&file), found);
}

/// Everything that can be named from outside, as `module::Name`.
fn exposed() -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    add(&src, "", &code(&src.join("lib.rs")), &mut found);
    found
}

#[test]
fn the_library_exposes_what_is_listed() {
    let found = exposed();
    assert!(found.contains("pair::align") && found.contains("Error"), "{found:?}");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/face.txt");
    if std::env::var_os(UPDATE).is_some() {
        let lines: String = found.iter().flat_map(|name| [name, "\n"]).collect();
        std::fs::write(&list, lines).expect("the list can be written");
        return;
    }
    let listed = std::fs::read_to_string(&list).expect("tests/face.txt can be read");
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new in the library: {new:#?}\nno longer in it: {gone:#?}\n\
         If that is meant, {UPDATE}=1 cargo test --test integration face writes tests/face.txt anew."
    );
}

#[test]
fn a_name_of_a_type_means_one_thing() {
    let found = exposed();
    let is_type = |name: &str| name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in &found {
        let (module, name) = path.rsplit_once("::").unwrap_or(("", path));
        if is_type(name) {
            modules.entry(name).or_default().push(module);
        }
    }
    // A re-export from a module inside it is the same thing.
    let apart = |modules: &[&str]| modules.iter().any(|module| !module.starts_with(modules[0]));
    let several: Vec<_> =
        modules.iter().filter(|(name, modules)| !PASSED_ON.contains(name) && apart(modules)).collect();
    assert!(several.is_empty(), "names of several things: {several:#?}");
}

#[test]
fn statements_are_read_as_they_are_written() {
    let code = "pub mod a;\npub(crate) fn b() {}\npub use c::{D, e::F as G};\npub const fn h() {}\n    pub fn i() {}\npub use J;";
    let mut found = BTreeSet::new();
    add(Path::new("/"), "x::", &code.replace("pub mod a;\n", ""), &mut found);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["x::D", "x::G", "x::J", "x::h"]);
}
