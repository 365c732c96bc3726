//! The page that `antiphon --help` shows, and the examples that end each command's own.

use antiphon::log;
use clap::builder::{StyledStr, Styles};
use std::fmt::Write as _;

/// What people want to do, and the commands for it. Each command is listed once.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Align:", &["align"]),
    ("Find recordings:", &["index", "search", "match", "collect"]),
    ("Judge matches:", &["curate"]),
    ("Learn:", &["dataset", "train", "toy"]),
    ("Measure:", &["evaluate"]),
    ("Analyse one file:", &["features", "hash", "embed"]),
];

/// The page: usage, the commands by their groups, options.
pub(super) fn template(commands: &clap::Command) -> StyledStr {
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default() + 2;
    let literal = Styles::styled().get_literal().to_owned();
    let mut groups = String::new();
    for (title, names) in GROUPS {
        groups += &heading(title);
        for name in names {
            let about = commands.find_subcommand(name).and_then(clap::Command::get_about).cloned().unwrap_or_default();
            let gap = " ".repeat(width - name.len());
            let _infallible = write!(groups, "\n  {literal}{name}{literal:#}{gap}{about}");
        }
        groups += "\n\n";
    }
    let (arguments, options) = (heading("Arguments:"), heading("Options:"));
    format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{arguments}\n{{positionals}}\n\n\
         {options}\n{{options}}{{after-help}}"
    )
    .into()
}

/// The text at the end of the page.
pub(super) fn end() -> StyledStr {
    let mut end = examples(&["antiphon song.mid song.mp3", "antiphon --queue pairs.jsonl"]);
    let folder =
        log::folder().map_or_else(|| "nowhere: this system has no place for it".into(), |f| f.display().to_string());
    let _infallible = write!(
        end,
        "\n\n`antiphon COMMAND --help` shows the options of a command, with examples.\n\
         The log of the window, and of commands with --log, lies in {folder}. Antiphon sends nothing over the network."
    );
    end
}

/// Example lines to type.
pub(super) fn examples(lines: &[&str]) -> StyledStr {
    let mut text = heading(if lines.len() == 1 { "Example:" } else { "Examples:" });
    for line in lines {
        text += "\n  ";
        text += line;
    }
    text.into()
}

fn heading(title: &str) -> String {
    let style = Styles::styled().get_header().to_owned();
    format!("{style}{title}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, commands};
    use super::*;
    use clap::CommandFactory as _;

    /// Every command with its subcommands, and the words that lead to it.
    fn all(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let mut found = vec![(path.to_owned(), command.clone())];
        for below in command.get_subcommands() {
            found.extend(all(below, &format!("{path} {}", below.get_name())));
        }
        found
    }

    #[test]
    fn every_command_stands_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        grouped.sort_unstable();
        let commands = commands();
        let mut names: Vec<&str> = commands.get_subcommands().map(clap::Command::get_name).collect();
        names.sort_unstable();
        assert_eq!(grouped, names);
        let page = Arguments::command().render_help().to_string();
        for command in commands.get_subcommands() {
            let about = command.get_about().expect("one line").to_string();
            let line = format!("\n  {:10}{about}\n", command.get_name());
            assert!(page.contains(&line), "{line:?}: {page}");
            assert!(line.trim().len() <= 80, "too long for a line: {line:?}");
        }
    }

    #[test]
    fn every_command_ends_with_examples_that_run() {
        for (path, command) in all(&Arguments::command(), "antiphon") {
            let end = command.get_after_help().unwrap_or_else(|| panic!("no example: {path}")).to_string();
            let lines: Vec<&str> = end.lines().filter_map(|line| line.strip_prefix("  ")).collect();
            assert!((1..=2).contains(&lines.len()), "{path}: {lines:?}");
            for line in lines {
                assert!(line.starts_with(&path), "{path}: {line}");
                let typed = line.split(" > ").next().expect("split is never empty");
                let parsed = Arguments::command().try_get_matches_from(typed.split_whitespace());
                assert!(parsed.is_ok(), "{line}: {}", parsed.expect_err("not Ok"));
            }
        }
    }

    #[test]
    fn the_same_flag_has_the_same_help_in_all_commands() {
        for flag in
            ["json", "quiet", "png", "soundfont", "audio_soundfont", "seed", "index", "cache", "top", "keys", "hop"]
        {
            let mut helps: Vec<String> = Vec::new();
            for (path, command) in all(&commands(), "antiphon") {
                let takes_many = |arg: &clap::Arg| matches!(arg.get_action(), clap::ArgAction::Append);
                for arg in command.get_arguments().filter(|arg| arg.get_id() == flag && !takes_many(arg)) {
                    let help = arg.get_help().unwrap_or_else(|| panic!("no help: {path} --{flag}")).to_string();
                    if !helps.contains(&help) {
                        helps.push(help);
                    }
                }
            }
            assert_eq!(helps.len(), 1, "--{flag}: {helps:#?}");
        }
    }

    #[test]
    fn the_parser_is_sound() {
        Arguments::command().debug_assert();
    }
}
