//! As somebody who can't see the screen (or as a log) I get lines that are only
//! ever added, each of which says what it means; as a cron mail, as few as can be.

use crate::support::{
    Act, Fail, FakeModel, FakePhoto, FakeSite, MODEL_KEY, Reply, SITE_TOKEN, Terminal, When,
    Workspace,
};

fn on_terminal(workspace: &Workspace, args: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let args = [&["--config", "pipeline.toml"], args].concat();
    let secrets = [("SITE_TOKEN", SITE_TOKEN), ("MODEL_KEY", MODEL_KEY)];
    Terminal::start(
        workspace.directory(),
        &args,
        &[&secrets, variables].concat(),
    )
}

/// Fails if anything on the screen was drawn over, moved or coloured.
fn only_lines(screen: &str) {
    let text = screen.replace("\r\n", "\n");
    let odd = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(odd, None, "a control character: {screen:?}");
}

#[test]
fn plain_output_has_no_bars_and_moves_no_cursor() {
    for (args, variables) in [
        (&["--plain", "run"][..], &[][..]),
        (&["run"][..], &[("TERM", "dumb")][..]),
    ] {
        let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
        site.add("coast/broken", FakePhoto::new("Broken").no_pixels());
        let workspace = Workspace::album(&site, &model);
        let (code, screen) = on_terminal(&workspace, args, variables).wait();
        assert_eq!(code, Some(3), "{screen}");
        only_lines(&screen);
        for part in [
            "run 1: filling in",
            "failed  coast/broken",
            "Run 1: complete",
            "written",
        ] {
            assert!(screen.contains(part), "{part:?} is missing: {screen}");
        }
        for args in [
            &["--plain", "status"][..],
            &["--plain", "report"],
            &["--plain", "models"],
        ] {
            let (code, screen) = on_terminal(&workspace, args, &[]).wait();
            assert_eq!(code, Some(0), "{screen}");
            only_lines(&screen);
        }
    }
    // With bars, the same terminal is drawn over.
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let (_, screen) = on_terminal(&workspace, &["run"], &[]).wait();
    assert!(screen.contains('\u{1b}'), "{screen:?}");
}

#[test]
fn help_and_errors_have_no_colours_where_none_are_wanted() {
    let workspace = Workspace::empty();
    for args in [&["--help"][..], &["run", "--nonsense"], &["run"]] {
        for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let (_, screen) = on_terminal(&workspace, args, &[variable]).wait();
            only_lines(&screen);
        }
    }
}

#[test]
fn a_question_is_a_line_that_is_answered_with_a_line() {
    const PHOTO: &str = "family/pier";
    for (answer, replaced) in [("yes\r", true), ("no\r", false), ("\r", false)] {
        let (site, model) = (FakeSite::start(), FakeModel::openai());
        site.add(
            PHOTO,
            FakePhoto::new("Pier").alt("Us on the pier").verified(1),
        );
        let workspace = Workspace::album(&site, &model);
        let args = [
            "--plain",
            "fix",
            PHOTO,
            "--replace-human",
            "--text",
            "A pier at dusk",
        ];
        let mut terminal = on_terminal(&workspace, &args, &[]);
        terminal.shows("Type yes or no, then Enter.");
        terminal.type_in(answer);
        let (code, screen) = terminal.wait();
        assert_eq!(code, Some(0), "{screen}");
        only_lines(&screen);
        assert_eq!(
            site.alt(PHOTO) == "A pier at dusk",
            replaced,
            "{answer:?}: {screen}"
        );
    }
}

#[test]
fn a_line_every_now_and_then_says_what_the_run_waits_for() {
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.heartbeat", "1s");
    workspace.set("run.outage_patience", "8s");
    model.script(When::chat().from(2), Act::fail(Fail::Overloaded));
    let output = workspace.run(&["run"]).expect(4);
    let beats = |text: &str| {
        let lines = text.lines().filter(|line| line.contains(" of 6 photos: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let waiting = |beats: &[String], whom: &str| {
        let what = format!("waiting for {whom} (");
        beats
            .iter()
            .any(|line| line.contains(&what) && line.ends_with(" s so far"))
    };
    let told = beats(&output.stderr);
    assert!(waiting(&told, "fake"), "{output}");
    // The site is waited for just so, and that it is over is said as well.
    model.behave();
    workspace.set("run.outage_patience", "60s");
    let busy = Reply::html(503).with("retry-after", "3");
    site.script(When::get().from(3).times(8), Act::reply(busy));
    let output = workspace.run(&["run"]).expect(0);
    let told = beats(&output.stderr);
    assert!(waiting(&told, "the site"), "{output}");
    output.says(&[
        "waiting for the site (503",
        "going on: the site answers again",
    ]);
}

#[test]
fn many_failures_make_no_long_mail_and_quiet_makes_one_line() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for n in 0..60 {
        site.add(&format!("a/{n}"), FakePhoto::new("Broken").no_pixels());
    }
    let workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["run"]).expect(3);
    let failed = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("failed  "));
    assert_eq!(failed.count(), 20, "{output}");
    output.says(&["more photos failed; -v shows each"]);

    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["--quiet", "run"]).expect(0);
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("", ""),
        "{output}"
    );
    site.add("a/broken", FakePhoto::new("Broken").no_pixels());
    workspace.list(&site);
    let output = workspace.run(&["--quiet", "run"]).expect(3);
    assert_eq!(output.stdout, "", "{output}");
    let lines: Vec<&str> = output.stderr.lines().collect();
    let told = "error: 1 of 3 photos failed; `altfill report --run 2` names them";
    assert_eq!(lines, [told], "{output}");
}
