use super::Cli;
use clap::{CommandFactory, Parser};

/// The lines of a text that show a call of the command, without their comments.
fn calls(text: &str) -> Vec<&str> {
    let indented = text.lines().filter(|line| line.starts_with("  cognate "));
    indented.map(|line| line.split('#').next().unwrap_or_default().trim()).collect()
}

/// The words of a call as a shell parts them, without what follows a redirection or a pipe.
fn words(call: &str) -> Vec<&str> {
    let parts = call.split('\'').enumerate();
    let words = parts.flat_map(|(place, part)| {
        let is_quoted = place % 2 == 1;
        if is_quoted { vec![part] } else { part.split_whitespace().collect() }
    });
    words.take_while(|word| ![">", "|"].contains(word)).collect()
}

#[test]
fn every_command_shows_examples_that_it_accepts() {
    let start = calls(include_str!("start.txt")).into_iter().map(|call| ("the start".to_owned(), call.to_owned()));
    let mut examples: Vec<(String, String)> = start.collect();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name().to_owned();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let own = calls(&help);
        assert!(help.starts_with("Examples:\n") && !own.is_empty(), "`cognate help {name}` shows no examples");
        assert!(own.iter().all(|call| call.split(' ').nth(1) == Some(&name)), "{name} shows another command");
        examples.extend(own.into_iter().map(|call| (name.clone(), call.to_owned())));
    }
    for (place, call) in examples {
        let words = words(&call);
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{place} shows `{call}`, and: {error}");
        }
    }
}
