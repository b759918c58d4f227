//! As an owner whose site allows few writes, I rely on a run that is patient, and
//! not for ever.

use crate::support::{Act, FakeModel, FakeSite, Place, Reply, When, Workspace};
use std::time::Duration;

const N: usize = 10;

fn archive() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(N), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.outage_patience", "2s");
    (site, model, workspace)
}

fn held_back() -> Act {
    Act::reply(Reply::empty(429).with("retry-after", "0"))
}

#[test]
fn a_text_that_is_always_held_back_costs_its_photo_only() {
    let (site, model, mut workspace) = archive();
    let photo = site.ids()[2].clone();
    site.script(When::patch().photo(&photo), held_back());
    // Texts of others arrive while it waits.
    workspace.set("run.concurrency", 2);
    model.latency(Duration::from_secs(1));
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/written"), N as u64 - 1, "{output}");
    assert_eq!(output.number("/failed"), 1, "{output}");
    output.says(&[&photo, "429"]);
    assert_eq!(site.alt(&photo), "");

    site.behave();
    let output = workspace.run(&["fix", &photo, "--yes"]).expect(0);
    assert!(!site.alt(&photo).is_empty(), "{output}");
}

#[test]
fn a_site_that_holds_back_every_text_ends_the_run() {
    let (site, model, workspace) = archive();
    site.script(When::patch(), held_back());
    let output = workspace.run(&["run", "--json"]).expect(4).counted();
    assert_eq!(output.ended(), "outage", "{output}");
    assert_eq!(
        output.number("/failed"),
        1,
        "the second one tells: {output}"
    );
    output.says(&["the site holds back every text", "429"]);
    assert!(site.count(Place::Patch) >= 3, "{output}");

    site.behave();
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64 - 1, "{output}");
    assert_eq!(output.number("/skipped/not_due"), 1, "{output}");
    assert_eq!(model.count(), N, "no text was asked for twice");
}

#[test]
fn on_a_new_site_one_photo_that_is_always_held_back_keeps_no_other_waiting() {
    let (site, _model, mut workspace) = archive();
    workspace.set("run.concurrency", 1);
    site.script(When::patch().photo(&site.ids()[0]), held_back());
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/written"), N as u64 - 1, "{output}");
    assert_eq!(output.number("/failed"), 1, "{output}");
}

#[test]
fn a_run_that_is_stopped_waits_for_no_text_that_is_held_back() {
    let (site, _model, mut workspace) = archive();
    workspace.set("run.outage_patience", "10m");
    workspace.set("run.drain", "10m");
    site.script(When::patch(), held_back());
    let mut running = workspace.altfill(&["run", "--json"]).spawn();
    assert!(running.until(|| site.count(Place::Patch) > 1));
    running.signal(nix::sys::signal::Signal::SIGTERM);
    let output = running.wait().expect(143);
    assert!(output.took < Duration::from_secs(60), "{output}");
    assert_eq!(output.number("/written"), 0, "{output}");
}
