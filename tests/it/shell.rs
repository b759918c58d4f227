//! As someone at a shell I find my way: examples in every help, completions,
//! manual pages, and lines that fit.

use crate::support::{Program, Workspace};
use std::process::Command;

/// Every command, as the program lists them itself.
fn commands(workspace: &Workspace) -> Vec<String> {
    let help = Program::new(workspace.directory()).args(&["--help"]).run();
    let help = help.expect(0).stdout;
    let (_, list) = help.split_once("Commands:").expect("a list of commands");
    let (list, _) = list.split_once("Options:").expect("options");
    let names = list.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        name.split_whitespace()
            .next()
            .filter(|_| !name.starts_with(' '))
    });
    let names: Vec<String> = names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn every_help_fits_and_has_an_example() {
    let workspace = Workspace::empty();
    for name in commands(&workspace) {
        let help = Program::new(workspace.directory()).args(&[&name, "--help"]);
        let help = help.run().expect(0).stdout;
        assert!(help.contains("Examples:\n  altfill "), "{name}: {help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line:?}");
        }
        let readme = include_str!("../../README.md");
        assert!(
            readme.contains(&format!("| `altfill {name}")),
            "{name} is not in README.md"
        );
    }
}

#[test]
fn completions_are_taken_by_the_shells_that_are_there() {
    let workspace = Workspace::empty();
    for (shell, check) in [
        ("bash", "source ./script && complete -p altfill"),
        (
            "zsh",
            "autoload -U compinit && compinit -u && source ./script && whence _altfill",
        ),
        ("fish", "source ./script; complete -C 'altfill rep'"),
    ] {
        let script = Program::new(workspace.directory()).args(&["completions", shell]);
        let script = script.run().expect(0).stdout;
        assert!(
            script.contains("altfill") && script.contains("history"),
            "{shell}"
        );
        workspace.write("script", script);
        let ran = Command::new(shell)
            .args(["-c", check])
            .current_dir(workspace.directory())
            .env("HOME", workspace.directory())
            .output();
        // A shell that is not installed can't be asked.
        if let Ok(ran) = ran {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(
                ran.status.success() && said.contains("altfill") || said.contains("report"),
                "{shell}: {ran:?}"
            );
        }
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let workspace = Workspace::empty();
    let made = Program::new(workspace.directory()).args(&["man", "pages/man1"]);
    made.run().expect(0).says(&["pages/man1"]);
    for name in commands(&workspace) {
        let page = workspace.path(&format!("pages/man1/altfill-{name}.1"));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            page.contains(".SH NAME") && page.contains("Examples"),
            "{name}: {page}"
        );
    }
    assert!(workspace.path("pages/man1/altfill.1").exists());
    workspace.write("file", "x");
    let wrong = Program::new(workspace.directory()).args(&["man", "file/man1"]);
    wrong.run().expect(2).says(&["can't be written"]);
}
