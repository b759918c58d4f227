//! As an owner I say when the night is over, and it is.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, When, Workspace};
use std::time::Duration;

/// The time of day in so many seconds, in the zone of the tests (UTC), without
/// the fraction of a second.
fn in_seconds(seconds: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    then.strftime("%H:%M:%S").to_string()
}

/// Tells a story about a moment so many seconds ahead until it says that the
/// moment was met. One that passes before the program looks at its clock is
/// tomorrow's. The machine may be busy, so there is more time with every telling.
fn some_seconds_ahead(story: impl Fn(i64) -> bool) {
    let met = [3, 8, 20].into_iter().any(story);
    assert!(met, "no run ended at its time of day");
}

#[test]
fn no_new_calls_are_made_after_the_time_of_day() {
    some_seconds_ahead(|seconds| {
        let (site, model) = (FakeSite::with_photos(30), FakeModel::openai());
        let mut workspace = Workspace::album(&site, &model);
        workspace.set("run.concurrency", 2);
        // All photos would take three times as long.
        model.latency(Duration::from_millis(200) * seconds.unsigned_abs() as u32);
        let until = in_seconds(seconds);
        let output = workspace.run(&["run", "--json", "--until", &until]);
        output.says(&["no new calls from ", &until[..5]]);
        if output.code == Some(0) || model.count() == 0 {
            return false;
        }
        let output = output.expect(4).counted();
        assert_eq!(output.ended(), "deadline");
        assert!(output.number("/not_reached") > 0, "{output}");
        // What was in flight was finished, and the next night goes on.
        assert_eq!(output.number("/written") as usize, model.count());
        model.latency(Duration::ZERO);
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(model.count(), 30);
        assert_eq!(output.ended(), "complete");
        true
    });
}

#[test]
fn of_two_ends_the_earlier_one_holds() {
    let library = |late: i64| {
        let (site, model) = (FakeSite::with_photos(4), FakeModel::openai());
        let mut workspace = Workspace::album(&site, &model);
        let late = Duration::from_secs(late.unsigned_abs());
        model.script(When::chat(), Act::late(late));
        workspace.set("run.drain", "1s");
        (site, model, workspace)
    };
    // A day, less a minute, against two seconds.
    let (_site, _model, workspace) = library(20);
    let far = in_seconds(-60);
    let both = ["run", "--json", "--until", &far, "--deadline", "2s"];
    assert_eq!(workspace.run(&both).expect(4).ended(), "deadline");
    some_seconds_ahead(|seconds| {
        let (_site, _model, workspace) = library(seconds + 10);
        let near = in_seconds(seconds);
        let both = ["run", "--json", "--until", &near, "--deadline", "20h"];
        let output = workspace.run(&both);
        output.code != Some(0) && output.expect(4).ended() == "deadline"
    });
}

#[test]
fn flag_variable_and_setting_name_it_and_mistakes_are_said() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add("a/b", FakePhoto::new("B").alt("Ours").verified(1));
    let mut workspace = Workspace::album(&site, &model);
    for wrong in ["25:00", "6", "six", "06:00 CET", ""] {
        let output = workspace.run(&["run", "--until", wrong]).expect(2);
        output.says(&["--until", "write it like 06:00"]);
        if !wrong.is_empty() {
            let run = workspace.altfill(&["run"]).env("ALTFILL_UNTIL", wrong);
            run.run()
                .expect(2)
                .says(&["ALTFILL_UNTIL", "write it like 06:00"]);
            workspace.set("run.until", wrong);
            let output = workspace.run(&["run"]).expect(2);
            output.says(&["run.until", "write it like 06:00", "pipeline.toml, line"]);
        }
    }
    workspace.set("run.until", "03:04");
    workspace
        .run(&["run"])
        .expect(0)
        .says(&["no new calls from ", "03:04 on"]);
    let run = workspace.altfill(&["run"]).env("ALTFILL_UNTIL", "04:05");
    run.run().expect(0).says(&["04:05 on"]);
    let run = workspace
        .altfill(&["run", "--until", "05:06"])
        .env("ALTFILL_UNTIL", "04:05");
    run.run().expect(0).says(&["05:06 on"]);
    // On the clock of the machine.
    let there = workspace
        .altfill(&["run", "--until", "05:06"])
        .env("TZ", "NPT-5:45");
    there.run().expect(0).says(&["05:06 on"]);
}
