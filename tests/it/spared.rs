//! As the owner of photos, texts and a record of both I can mistype where a report
//! goes without losing any of them.

use crate::support::{FakeModel, Folder};
use std::path::Path;

const MINE: &str = "path,alt,source\ncoast/IMG_0002.jpg,A person wrote this.,\n";

fn folder() -> (FakeModel, Folder) {
    let model = FakeModel::openai();
    let mut folder = Folder::with_photos(&model, 3);
    folder.workspace.set("site.texts", "alt.csv");
    folder.workspace.write("alt.csv", MINE);
    let _ = folder.workspace.run(&["run", "--preview"]).expect(0);
    (model, folder)
}

/// Refuses a command, and leaves a file as it was.
fn refused(folder: &Folder, command: &[&str], file: &str) {
    let path = folder.workspace.path(file);
    let before = std::fs::read(&path).ok();
    let output = folder.workspace.run(command).expect(2);
    assert!(output.stderr.contains(file), "{command:?}: {output}");
    assert_eq!(std::fs::read(&path).ok(), before, "{command:?}");
}

#[test]
fn no_output_takes_the_place_of_what_is_precious() {
    let (_model, folder) = folder();
    for file in [
        "alt.csv",
        "photos/coast/IMG_0002.jpg",
        "photos/coast/IMG_0002.jpg.xmp",
        "state/altfill.db",
        "state/altfill.db-wal",
        "state/altfill.db.lock",
        "pipeline.toml",
        "models.yaml",
        ".env",
    ] {
        for command in [
            &["report", "--html", file][..],
            &["run", "--metrics-file", file],
            &["run", "--events", file],
            &["run", "--log-json", file],
            &["undo", "1", "--events", file],
        ] {
            refused(&folder, command, file);
        }
    }
    refused(&folder, &["run", "--report", "alt.csv"], "alt.csv");
    let dry = ["run", "--dry-run", "--report", "alt.csv"];
    refused(&folder, &dry, "alt.csv");
    let bodies = ["run", "--log-bodies", "photos/coast"];
    refused(&folder, &bodies, "photos/coast");
}

#[test]
fn links_and_other_names_of_a_file_are_that_file() {
    let (_model, folder) = folder();
    let at = |name: &str| folder.workspace.path(name);
    std::os::unix::fs::symlink("alt.csv", at("soft.csv")).expect("a link");
    std::fs::hard_link(at("alt.csv"), at("hard.csv")).expect("a link");
    for file in ["soft.csv", "hard.csv", "photos/../alt.csv"] {
        refused(&folder, &["run", "--report", file], file);
        refused(&folder, &["run", "--events", file], file);
    }
}

#[test]
fn metrics_of_the_settings_are_put_over_nothing_either() {
    let (model, mut folder) = folder();
    let asked = model.count();
    folder.workspace.set("metrics.file", "alt.csv");
    refused(&folder, &["run"], "alt.csv");
    assert_eq!(model.count(), asked);
}

#[test]
fn a_log_is_appended_to_nothing_but_a_log() {
    let (_model, folder) = folder();
    folder.workspace.write("diary.txt", "Dear diary");
    refused(&folder, &["run", "--log-json", "diary.txt"], "diary.txt");
    refused(&folder, &["run", "--events", "diary.txt"], "diary.txt");
    for _ in 0..2 {
        let logs = ["--log-json", "a.log", "status"];
        let _ = folder.workspace.run(&logs).expect(0);
        let run = ["run", "--dry-run", "--events", "b.log"];
        let _ = folder.workspace.run(&run).expect(0);
    }
}

#[test]
fn settings_that_cannot_be_read_give_nothing_away() {
    let (_model, folder) = folder();
    folder.workspace.write("pipeline.toml", "site = {\n");
    for file in ["alt.csv", "photos/coast/IMG_0002.jpg", "pipeline.toml"] {
        refused(&folder, &["run", "--metrics-file", file], file);
    }
}

#[test]
fn a_report_may_lie_among_the_photos_and_be_made_anew() {
    let (_model, folder) = folder();
    for _ in 0..2 {
        let report = ["report", "--html", "photos/report.html"];
        let _ = folder.workspace.run(&report).expect(0);
    }
    assert!(Path::new(&folder.path("report.html")).is_file());
    folder.write("notes.html", b"<p>Mine");
    let notes = ["report", "--html", "photos/notes.html"];
    refused(&folder, &notes, "photos/notes.html");
}
