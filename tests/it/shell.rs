//! As someone at a shell I find my way: examples in every help, completions,
//! manual pages, and lines that fit.

use crate::support::{Program, Terminal, Workspace, there_is};
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
fn the_tab_key_completes_in_real_shells() {
    let workspace = Workspace::empty();
    for (shell, args, prepare) in [
        (
            "bash",
            &["--norc", "--noprofile", "-i"][..],
            "source ./script",
        ),
        (
            "zsh",
            &["-f", "-i"][..],
            "autoload -U compinit && compinit -u -D && source ./script && compdef _altfill altfill",
        ),
    ] {
        let script = Program::new(workspace.directory()).args(&["completions", shell]);
        workspace.write("script", script.run().expect(0).stdout);
        if !there_is(shell, shell) {
            continue;
        }
        for (typed, completed) in [
            ("altfill hist", "altfill history"),
            ("altfill run --metr", "altfill run --metrics-file"),
            ("altfill completions fi", "altfill completions fish"),
        ] {
            let mut terminal = Terminal::of(Command::new(shell), workspace.directory(), args, &[]);
            // What is typed is echoed, and must not look like the answer.
            terminal.type_in(&format!("{prepare} && echo rea''dy\r"));
            terminal.shows("ready\r\n");
            terminal.type_in(&format!("{typed}\t"));
            terminal.shows(completed);
        }
    }
    let script = Program::new(workspace.directory()).args(&["completions", "fish"]);
    workspace.write("script", script.run().expect(0).stdout);
    if there_is("fish", "fish") {
        for (typed, completed) in [
            ("altfill hist", "history"),
            ("altfill run --metr", "--metrics-file"),
        ] {
            let ran = Command::new("fish")
                .args(["-c", &format!("source ./script; complete -C '{typed}'")])
                .current_dir(workspace.directory())
                .env("HOME", workspace.directory())
                .output()
                .expect("fish runs");
            let said = String::from_utf8_lossy(&ran.stdout);
            let first = said.split_whitespace().next();
            assert_eq!(first, Some(completed), "{ran:?}");
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
    if there_is("man", "man-db") {
        for page in std::fs::read_dir(workspace.path("pages/man1")).expect("pages") {
            let page = page.expect("a page").path();
            let shown = Command::new("man")
                .args(["--warnings", "-l"])
                .arg(&page)
                .env("MANWIDTH", "80")
                .env("MANPAGER", "cat")
                .env("LC_ALL", "C.UTF-8")
                .output()
                .expect("man runs");
            let text = String::from_utf8_lossy(&shown.stdout);
            assert!(
                shown.status.success() && shown.stderr.is_empty(),
                "{page:?}: {shown:?}"
            );
            assert!(text.contains("NAME") && text.contains("altfill"), "{text}");
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(80), "{page:?}: {text}");
        }
    }
    workspace.write("file", "x");
    let wrong = Program::new(workspace.directory()).args(&["man", "file/man1"]);
    wrong.run().expect(2).says(&["can't be written"]);
}
