//! The words that a run was called with, without those that may be secret.

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, Command};

/// What stands for a value that is not written down.
pub(super) const WITHHELD: &str = "…";

/// Options whose values may be secret. Files of variables are named all the same.
const SECRET: [&str; 2] = ["extra_vars", "args"];

/// The command, and all of its words.
pub(super) fn of_this_process() -> (String, Vec<String>) {
    let words: Vec<OsString> = std::env::args_os().collect();
    let words: Vec<String> = words
        .into_iter()
        .map(|w| w.to_string_lossy().into_owned())
        .collect();
    let called = words.first().map(Path::new).and_then(Path::file_name);
    let called = called.map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let rest = words.get(1..).unwrap_or_default();
    if let Some(command) = super::ansible::command(&called) {
        return (called, shown(&command, rest));
    }
    let cli = super::command();
    let Some((verb, rest)) = rest.split_first() else {
        return (String::new(), Vec::new());
    };
    match cli.find_subcommand(verb) {
        Some(command) => {
            let mut words = vec![command.get_name().to_owned()];
            words.extend(shown(command, rest));
            (command.get_name().to_owned(), words)
        }
        None => (verb.clone(), Vec::new()),
    }
}

/// The words as far as they may be written down.
fn shown(command: &Command, words: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            // What `exec` runs may hold a password.
            out.extend(["--".to_owned(), WITHHELD.to_owned()]);
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            match by_long(command, name).filter(|arg| takes(arg)) {
                Some(arg) => {
                    let value = given.or_else(|| words.next().cloned());
                    out.push(option(arg, name, &value.unwrap_or_default()));
                }
                None => out.push(word.clone()),
            }
        } else if word.len() > 1 && word.starts_with('-') {
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                match by_letter(command, letter).filter(|arg| takes(arg)) {
                    Some(arg) => {
                        let rest = letters.as_str().trim_start_matches('=').to_owned();
                        let value = match rest.is_empty() {
                            true => words.next().cloned().unwrap_or_default(),
                            false => rest,
                        };
                        let name = arg.get_long().unwrap_or_default();
                        out.push(option(arg, name, &value));
                        break;
                    }
                    None => out.push(format!("-{letter}")),
                }
            }
        } else {
            out.push(word.clone());
        }
    }
    out
}

fn option(arg: &Arg, name: &str, value: &str) -> String {
    let secret = SECRET.contains(&arg.get_id().as_str()) && !value.starts_with('@');
    let value = if secret { WITHHELD } else { value };
    format!("--{name}={value}")
}

fn takes(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn by_long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    })
}

fn by_letter(command: &Command, letter: char) -> Option<&Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_short() == Some(letter))
}

/// Whether a word says that something was given and not written down.
pub(super) fn is_withheld(word: &str) -> bool {
    word == WITHHELD || word.ends_with("=…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secret_are_not_among_the_words() {
        let cli = super::super::command();
        let of = |verb: &str, words: &str| {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            shown(cli.find_subcommand(verb).unwrap(), &words).join(" ")
        };
        let given = "site.yml -i hosts -be a=secret -e @v.yml --extra-vars b=secret -K -T5 -l web";
        let kept = "site.yml --inventory=hosts -b --extra-vars=… --extra-vars=@v.yml \
                    --extra-vars=… -K --timeout=5 --limit=web";
        assert_eq!(of("playbook", given), kept);
        let exec = of("exec", "all -m user -a password=secret -- mysql -psecret");
        assert_eq!(exec, "all --module-name=user --args=… -- …");
        assert!(is_withheld("--extra-vars=…") && !is_withheld("--extra-vars=@v.yml"));
    }
}
