//! As the owner of a folder of photos I keep all alt texts in one file, which I edit
//! in a spreadsheet or read with a program of mine.

use crate::support::folder::{packet, with_packet};
use crate::support::photos::{Metadata, photo};
use crate::support::{FakeModel, Folder};
use serde_json::{Value, json};
use std::time::Duration;

const N: usize = 9;
const MINE: &str = "Anna; \"the belfry\", and a dog";

fn folder(file: &str) -> (FakeModel, Folder) {
    let model = FakeModel::openai();
    let mut folder = Folder::with_photos(&model, N);
    folder.workspace.set("site.texts", file);
    (model, folder)
}

fn text(folder: &Folder, file: &str) -> String {
    std::fs::read_to_string(folder.workspace.path(file)).expect("the file of texts")
}

/// The alt text and the source of each row of a table with commas.
fn rows(folder: &Folder, file: &str) -> Vec<(String, String, String)> {
    let text = text(folder, file);
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows = reader.records().map(|row| row.expect("a sound table"));
    rows.map(|row| (row[0].to_owned(), row[1].to_owned(), row[2].to_owned()))
        .collect()
}

#[test]
fn a_table_is_made_and_filled_and_then_there_is_nothing_to_do() {
    let (model, folder) = folder("alt.csv");
    let before = folder.files();
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), N as u64);
    assert_eq!(folder.files(), before, "no sidecars");
    let rows = rows(&folder, "alt.csv");
    assert_eq!(rows.len(), N);
    for (id, alt, source) in &rows {
        assert!(Folder::ids(N).contains(id) && model.captions().contains(alt));
        assert_eq!(source, "machine");
    }
    let there = text(&folder, "alt.csv");
    assert!(there.starts_with("\u{feff}path,alt,source\n"), "{there}");
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/up_to_date"), N as u64);
    assert_eq!((text(&folder, "alt.csv"), model.count()), (there, N));
}

#[test]
fn a_persons_rows_columns_and_edits_stay_whatever_the_spreadsheet_made_of_them() {
    let (model, mut folder) = folder("alt.csv");
    let ids = Folder::ids(N);
    let table = format!(
        "\u{feff}note;path;ALT;source\r\n\"a; b\";{};\"{}\";\r\n;{};'=SUM(A1);person\r\n\
         gone;nowhere.jpg;Old.;machine\r\nempty;{};;\r\n",
        ids[0],
        MINE.replace('"', "\"\""),
        ids[1],
        ids[2]
    );
    folder.workspace.write("alt.csv", &table);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 2, "{output}");
    assert_eq!(output.number("/written"), N as u64 - 2);
    let first = text(&folder, "alt.csv");
    let kept = &table[..table.find("empty;").expect("the last row")];
    assert!(first.starts_with(kept), "{first}");
    assert!(first.contains(&format!("\r\nempty;{};", ids[2])), "{first}");
    // Undo leaves the person's rows as they were, and empties ours.
    let _ = folder
        .workspace
        .run(&["undo", "1", "--yes", "--json"])
        .expect(0);
    assert!(
        text(&folder, "alt.csv").starts_with(&table),
        "{}",
        text(&folder, "alt.csv")
    );
    folder.workspace.write("alt.csv", &first);
    // An edited text is a person's, though the source still says otherwise.
    std::fs::remove_dir_all(folder.workspace.path("state")).expect("the state was there");
    std::fs::create_dir(folder.workspace.path("state")).expect("a scratch directory");
    let _ = folder
        .workspace
        .run(&["adopt", "--yes", "--json"])
        .expect(0);
    let line = first
        .lines()
        .find(|line| line.contains(&ids[3]))
        .expect("a row of ours");
    let alt = line.split(';').nth(2).expect("three cells").to_owned();
    folder
        .workspace
        .write("alt.csv", first.replace(&alt, "Rex."));
    let new = FakeModel::ollama();
    folder.workspace.add_model("new", &new);
    folder.workspace.set("model", "new");
    let output = folder
        .workspace
        .run(&["upgrade", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/skipped/person"), 3, "{output}");
    assert_eq!(output.number("/written"), N as u64 - 3);
    assert!(text(&folder, "alt.csv").contains(&format!(";{};Rex.;machine", ids[3])));
    assert_eq!(model.count(), N - 2);
}

#[test]
fn a_json_file_keeps_all_else_byte_for_byte() {
    let (model, mut folder) = folder("alt.json");
    let ids = Folder::ids(N);
    let before = format!(
        "[ {{\"size\": 1.50, \"path\": \"{}\", \"alt\": {}}},\n  {{\"path\": \"{}\", \"alt\": \
         null, \"tags\": [1, 2]}} ]",
        ids[0],
        json!(MINE),
        ids[1]
    );
    folder.workspace.write("alt.json", &before);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1, "{output}");
    let after = text(&folder, "alt.json");
    let items: Vec<Value> = serde_json::from_str(&after).expect("it is JSON");
    assert_eq!(items.len(), N);
    assert!(
        after.starts_with(before.split("null").next().expect("the beginning")),
        "{after}"
    );
    assert_eq!(items[1]["tags"], json!([1, 2]));
    for item in &items[1..] {
        assert_eq!(item["source"], "machine");
        let alt = item["alt"].as_str().expect("a text").to_owned();
        assert!(model.captions().contains(&alt));
    }
    let new = FakeModel::ollama();
    folder.workspace.add_model("new", &new);
    folder.workspace.set("model", "new");
    let output = folder
        .workspace
        .run(&["upgrade", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), N as u64 - 1);
    let _ = folder
        .workspace
        .run(&["undo", "2", "--yes", "--json"])
        .expect(0);
    assert_eq!(text(&folder, "alt.json"), after);
}

#[test]
fn texts_in_sidecars_and_images_count_beside_the_file() {
    let (model, folder) = folder("alt.csv");
    let ids = Folder::ids(N);
    let jpeg = photo(1, 160, 120, Metadata::None);
    folder.write(&ids[0], &with_packet(&jpeg, &packet(Some("Mine."))));
    folder.write(&format!("{}.xmp", ids[1]), packet(Some("Mine.")).as_bytes());
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 2, "{output}");
    assert_eq!(model.count(), N - 2);
    let fix = [
        "fix",
        &ids[1],
        "--replace-human",
        "--text",
        "New words.",
        "--yes",
        "--json",
    ];
    let _ = folder.workspace.run(&fix).expect(0);
    assert!(text(&folder, "alt.csv").contains(&format!("{},New words.,person", ids[1])));
}

#[test]
fn an_edit_of_the_file_during_a_run_is_not_lost() {
    let nobody = FakeModel::openai();
    let mut folder = Folder::with_photos(&nobody, 3);
    folder.workspace.set("site.texts", "alt.csv");
    let theirs = format!("path,alt,source\n{},Mine.,\n", Folder::ids(3)[2]);
    folder.workspace.write("theirs.csv", &theirs);
    let path = |name: &str| folder.workspace.path(name).display().to_string();
    let script = format!(
        "test -e '{2}' || cp '{0}' '{1}'; touch '{2}'; echo 'A grey heron stands in shallow water.'",
        path("theirs.csv"),
        path("alt.csv"),
        path("done")
    );
    folder.describe_by(&script);
    let output = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    let person = output.number("/conflict") + output.number("/skipped/person");
    assert_eq!((person, output.number("/written")), (1, 2), "{output}");
    assert!(text(&folder, "alt.csv").starts_with(&theirs));
}

#[test]
fn a_file_that_is_no_table_stops_the_run_before_a_model_is_asked() {
    let (model, folder) = folder("alt.csv");
    for (table, says) in [
        ("name;text\na;b\n", "no column `path`"),
        ("path,alt\na.jpg,b,c\n", "is a quote missing"),
        ("", "no column `path`"),
    ] {
        folder.workspace.write("alt.csv", table);
        folder
            .workspace
            .run(&["run", "--json"])
            .expect(2)
            .says(&["alt.csv", says]);
        assert_eq!(text(&folder, "alt.csv"), table);
    }
    assert_eq!(model.count(), 0);
}

#[test]
fn killed_again_and_again_it_leaves_a_whole_table() {
    const MANY: usize = 150;
    let model = FakeModel::openai();
    let mut folder = Folder::with_photos(&model, MANY);
    folder.workspace.set("site.texts", "alt.csv");
    folder.workspace.set("run.concurrency", 8);
    model.latency(Duration::from_millis(5));
    let seed = folder.killed(10, &model, |seed| {
        let confirmed = folder
            .workspace
            .rows("SELECT alt_kept FROM writes WHERE state = 'confirmed'");
        if folder.workspace.path("alt.csv").exists() {
            let rows = rows(&folder, "alt.csv");
            assert!(
                rows.len() >= confirmed.len(),
                "seed {seed}: a confirmed text is lost"
            );
        } else {
            assert!(confirmed.is_empty(), "seed {seed}");
        }
    });
    let _ = folder.workspace.run(&["run", "--json"]).expect(0).counted();
    let rows = rows(&folder, "alt.csv");
    assert_eq!(rows.len(), MANY, "seed {seed}");
    let captions = model.captions();
    assert!(
        rows.iter().all(|(_, alt, _)| captions.contains(alt)),
        "seed {seed}"
    );
}
