//! As an editor I decide about drafts in a spreadsheet: take one, mend one, throw
//! one out; and nothing I did there is lost or taken for something else.

use crate::support::{
    Act, FakeModel, FakePhoto, FakeSite, Output, Place, Say, SiteRequest, When, Workspace,
};
use serde_json::{Value, json};

/// A formula as a caption, so that the way there and back is not trivial.
const FORMULA: &str = "=2+3 ducks swim past http://example.org/pond";

/// An archive whose drafts are held, each for an address in its text.
fn held(names: &[&str]) -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for name in names {
        let title = format!("Pond {name}");
        site.add(&format!("pond/{name}"), FakePhoto::new(&title).verified(0));
        let text = if *name == "formula" {
            FORMULA.to_owned()
        } else {
            format!("Ducks on pond {name}, see http://example.org/{name}")
        };
        model.script(When::chat().text(&title), Act::say(Say::Text(text)));
    }
    let workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/held"), names.len() as u64);
    (site, model, workspace)
}

/// A table as a spreadsheet has it.
struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn export(workspace: &Workspace, more: &[&str]) -> Self {
        let args = [&["export", "--csv"], more].concat();
        Self::parse(&workspace.run(&args).expect(0).stdout, b',')
    }

    fn parse(text: &str, separator: u8) -> Self {
        let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .from_reader(text.as_bytes());
        let cells = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect();
        let names = cells(reader.headers().expect("a header"));
        let rows = reader.records().map(|row| cells(&row.expect("a row")));
        Self {
            names,
            rows: rows.collect(),
        }
    }

    fn column(&self, name: &str) -> usize {
        let at = self.names.iter().position(|column| column == name);
        at.unwrap_or_else(|| panic!("no column {name}"))
    }

    fn row(&mut self, photo: &str) -> &mut Vec<String> {
        let at = self.column("photo");
        let row = self.rows.iter_mut().find(|row| row[at] == photo);
        row.unwrap_or_else(|| panic!("no row for {photo}"))
    }

    fn get(&mut self, photo: &str, column: &str) -> String {
        let at = self.column(column);
        self.row(photo)[at].clone()
    }

    fn set(&mut self, photo: &str, column: &str, value: &str) {
        let at = self.column(column);
        value.clone_into(&mut self.row(photo)[at]);
    }

    fn save(&self, workspace: &Workspace, separator: u8) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(separator)
            .from_writer(Vec::new());
        writer.write_record(&self.names).expect("a vector");
        for row in &self.rows {
            writer.write_record(row).expect("a vector");
        }
        workspace.write("edited.csv", writer.into_inner().expect("a vector"));
    }
}

fn import(workspace: &Workspace, more: &[&str]) -> Output {
    workspace.run(&[&["import", "edited.csv", "--json"], more].concat())
}

#[test]
fn accepted_is_written_edited_becomes_mine_and_rejected_never_appears() {
    let (site, model, mut workspace) = held(&["a", "b", "c", "d"]);
    let mut table = Table::export(&workspace, &[]);
    assert_eq!(table.rows.len(), 4);
    table.set("pond/a", "decision", "accept");
    table.set("pond/b", "decision", "Edit");
    table.set("pond/b", "text", "Two mallards asleep on the bank.\n");
    table.set("pond/c", "decision", "reject");
    table.save(&workspace, b';');
    model.forget();
    let output = import(&workspace, &[]).expect(0).json();
    let expected = json!({"accepted": 1, "edited": 1, "rejected": 1, "refused": []});
    assert_eq!(output, expected);
    assert!(
        site.writes().is_empty(),
        "an import writes nothing to the site"
    );

    let dry = workspace.run(&["run", "--dry-run", "--json"]).expect(0);
    assert_eq!(dry.number("/dry_run/wanted"), 2);
    assert_eq!(dry.number("/dry_run/tokens/input"), 0);
    let preview = workspace.run(&["run", "--preview", "--json"]).expect(0);
    assert_eq!(preview.number("/waiting"), 2);
    assert!(site.writes().is_empty(), "a preview wrote");

    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(run.number("/written"), 2);
    assert_eq!(run.number("/model_calls"), 0);
    assert_eq!(
        site.alt("pond/a"),
        "Ducks on pond a, see http://example.org/a"
    );
    assert_eq!(site.verified("pond/a"), Some(json!(0)));
    assert_eq!(site.alt("pond/b"), "Two mallards asleep on the bank.");
    assert_eq!(site.verified("pond/b"), Some(json!(1)));
    assert_eq!(site.alt("pond/c"), "");
    assert_eq!(site.alt("pond/d"), "");

    // The edited one is a person's from then on, even for a better model; the
    // rejected one is not made again; the undecided one still waits.
    let again = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(again.number("/skipped/person"), 1);
    assert_eq!(again.number("/skipped/up_to_date"), 1);
    assert_eq!(again.number("/skipped/held"), 2);
    let better = FakeModel::openai();
    workspace.add_model("better", &better);
    workspace.set("model", "better");
    let upgrade = workspace.run(&["upgrade", "--json"]).expect(0).counted();
    assert_eq!(upgrade.number("/written"), 1);
    assert_eq!(site.alt("pond/b"), "Two mallards asleep on the bank.");
    let mut rest = Table::export(&workspace, &[]);
    assert_eq!(rest.rows.len(), 1);
    assert_eq!(rest.get("pond/d", "decision"), "");
}

#[test]
fn undo_takes_back_an_accepted_text_and_it_is_not_written_again() {
    let (site, _model, workspace) = held(&["a", "b"]);
    let mut table = Table::export(&workspace, &[]);
    table.set("pond/a", "decision", "accept");
    table.set("pond/b", "decision", "edit");
    table.set("pond/b", "text", "A heron.");
    table.save(&workspace, b',');
    let _ = import(&workspace, &[]).expect(0);
    let run = workspace.run(&["run", "--json"]).expect(0);
    let number = run.number("/run").to_string();
    let _ = workspace
        .run(&["undo", &number, "--yes", "--json"])
        .expect(0);
    // What a person wrote is not the run's to take back.
    assert_eq!(
        (site.alt("pond/a").as_str(), site.alt("pond/b").as_str()),
        ("", "A heron.")
    );
    let again = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(again.number("/written"), 0, "{again}");
}

#[test]
fn the_way_through_a_spreadsheet_is_exact_and_harmless() {
    for (separator, name) in [(b',', "comma"), (b';', "semicolon"), (b'\t', "tab")] {
        let (site, _model, workspace) = held(&["formula"]);
        let args = ["export", "--separator", name, "--output", "drafts.csv"];
        let _ = workspace.run(&args).expect(0);
        let text = std::fs::read_to_string(workspace.path("drafts.csv")).expect("the table");
        let mut table = Table::parse(&text, separator);
        assert_eq!(table.get("pond/formula", "text"), format!("'{FORMULA}"));
        table.set("pond/formula", "decision", "accept");
        table.save(&workspace, separator);
        assert_eq!(import(&workspace, &[]).expect(0).number("/accepted"), 1);
        let _ = workspace.run(&["run", "--json"]).expect(0);
        assert_eq!(site.alt("pond/formula"), FORMULA);
        // What may hold decisions is not overwritten.
        let again = workspace.run(&args).expect(2);
        again.says(&["drafts.csv", "name another file"]);
    }
}

#[test]
fn drafts_that_wait_for_the_next_run_can_be_decided_about_too() {
    let (site, model) = (FakeSite::with_photos(3), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--preview", "--json"]).expect(0);
    assert_eq!(Table::export(&workspace, &[]).rows.len(), 0);
    let mut table = Table::export(&workspace, &["--all"]);
    assert_eq!(table.rows.len(), 3);
    let ids = site.ids();
    table.set(&ids[0], "decision", "reject");
    table.save(&workspace, b',');
    let _ = import(&workspace, &[]).expect(0);
    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(run.number("/written"), 2);
    assert_eq!(run.number("/model_calls"), 0);
    assert_eq!(site.alt(&ids[0]), "");
    assert_eq!(Table::export(&workspace, &["--all"]).rows.len(), 0);
}

#[test]
fn nothing_is_imported_where_one_line_is_wrong_unless_partial_is_asked_for() {
    let (site, _model, workspace) = held(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let mut table = Table::export(&workspace, &[]);
    for name in ["a", "b", "c", "d", "e", "f"] {
        table.set(&format!("pond/{name}"), "decision", "accept");
    }
    // Line 3: b was changed on the site and seen by a run since the export.
    site.edit_by_person("pond/b", "A person's ducks", Some(json!(0)));
    let _ = workspace.run(&["run", "--json"]).expect(0);
    // Line 4: accepted, but with another text. Line 5: an id was edited.
    table.set("pond/c", "text", "Something else");
    let other = table.get("pond/h", "draft");
    table.set("pond/d", "draft", &other);
    // Line 6 and the last line: two decisions for one photo.
    let twice = table.row("pond/e").clone();
    table.rows.push(twice);
    // Line 7: a word that is no decision. Line 8: changed without a decision.
    table.set("pond/f", "decision", "maybe");
    table.set("pond/g", "text", "A grebe.");
    // Line 9: an empty text of mine.
    table.set("pond/h", "decision", "edit");
    table.set("pond/h", "text", "  ");
    table.save(&workspace, b',');

    let before = workspace.rows("SELECT decision FROM drafts WHERE decision IS NOT NULL");
    let output = import(&workspace, &[]).expect(2);
    output.says(&["nothing was imported", "--partial", "line 7", "maybe"]);
    let after = workspace.rows("SELECT decision FROM drafts WHERE decision IS NOT NULL");
    assert_eq!((before.len(), after.len()), (0, 0));

    table.set("pond/f", "decision", "");
    table.save(&workspace, b',');
    let output = import(&workspace, &[]).expect(2);
    output.says(&[
        "line 3: pond/b has somebody else's text by now",
        "line 4: the text of pond/c was changed, so it is yours",
        "belongs to pond/h, not to pond/d; was an id changed?",
        "line 6: pond/e has another decision in line 10",
        "line 8: the text of pond/g was changed, but nothing is decided",
        "line 9: the new text of pond/h is empty",
        "line 10: pond/e has another decision in line 6",
    ]);
    let after = workspace.rows("SELECT decision FROM drafts WHERE decision IS NOT NULL");
    assert_eq!(after.len(), 0);

    let partial = import(&workspace, &["--partial"]).expect(3);
    assert_eq!(partial.number("/accepted"), 1);
    assert_eq!(partial.json()["refused"].as_array().map(Vec::len), Some(7));
    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(run.number("/written"), 1);
    assert_eq!(site.alt("pond/b"), "A person's ducks");
    // The same table once more: what was decided is decided.
    let again = import(&workspace, &["--partial"]).expect(3);
    again.says(&["line 2: draft", "is on the site already"]);
    assert_eq!(again.number("/accepted"), 0);
}

#[test]
fn a_text_that_a_person_clears_after_the_import_stays_empty() {
    let (site, _model, workspace) = held(&["a"]);
    let mut table = Table::export(&workspace, &[]);
    table.set("pond/a", "decision", "accept");
    table.save(&workspace, b',');
    let _ = import(&workspace, &[]).expect(0);
    // A person writes a text before the run: it stays, and so does its removal.
    site.edit_by_person("pond/a", "Mine", Some(json!(1)));
    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(run.number("/skipped/person"), 1);
    site.edit_by_person("pond/a", "", Some(json!(1)));
    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(run.number("/skipped/cleared"), 1);
    assert_eq!(site.alt("pond/a"), "");
}

#[test]
fn a_file_that_is_no_such_table_is_refused_with_a_reason() {
    let (_site, _model, workspace) = held(&["a"]);
    for (content, words) in [
        (&b""[..], "the file is empty"),
        (
            b"photo,text\na,b\n",
            "lacks the columns `decision`, `draft`, `check`",
        ),
        (b"decision;photo\n", "lacks the columns"),
        (
            b"decision,photo,text,draft,check\naccept,pond/a,caf\xe9,1,x\n",
            "line 2 is not UTF-8",
        ),
    ] {
        workspace.write("edited.csv", content);
        import(&workspace, &[])
            .expect(2)
            .says(&["edited.csv", words]);
    }
    let missing = workspace.run(&["import", "nowhere.csv"]).expect(2);
    missing.says(&["nowhere.csv can't be read"]);
    // The check shows that the row is not the one that was exported.
    let mut table = Table::export(&workspace, &[]);
    table.set("pond/a", "decision", "accept");
    table.set("pond/a", "check", "x0123456789ab");
    table.save(&workspace, b',');
    import(&workspace, &[])
        .expect(2)
        .says(&["line 2", "changed since the export"]);
}

#[test]
fn an_import_waits_for_no_run_but_says_that_one_is_on() {
    let (_site, model, workspace) = held(&["a"]);
    let mut table = Table::export(&workspace, &[]);
    table.set("pond/a", "decision", "reject");
    table.save(&workspace, b',');
    model.script(When::chat(), Act::late(std::time::Duration::from_secs(60)));
    model.forget();
    let mut running = workspace.spawn(&["fix", "pond/a", "--json"]);
    assert!(running.until(|| model.count() > 0));
    import(&workspace, &[])
        .expect(5)
        .says(&["another run is using"]);
    let _ = running.kill();
    let _ = import(&workspace, &[]).expect(0);
}

#[test]
fn a_photo_s_history_tells_who_decided() {
    let (_site, _model, workspace) = held(&["a"]);
    let mut table = Table::export(&workspace, &[]);
    table.set("pond/a", "decision", "edit");
    table.set("pond/a", "text", "A coot.");
    table.save(&workspace, b',');
    let _ = import(&workspace, &[]).expect(0);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let history = workspace
        .run(&["history", "pond/a", "--json"])
        .expect(0)
        .json();
    let events = history["events"].as_array().expect("events");
    let what: Vec<&Value> = events.iter().map(|event| &event["what"]).collect();
    let decided = what.iter().filter(|what| **what == "decided").count();
    assert_eq!(decided, 2, "{history:#}");
    let wrote = events
        .iter()
        .find(|event| event["what"] == "wrote")
        .expect("a write");
    assert_eq!(
        (&wrote["tag"], &wrote["kept"]),
        (&json!("person"), &json!("A coot."))
    );
    // The report of the run that held it still says so.
    let report = workspace
        .run(&["report", "--run", "1", "--json"])
        .expect(0)
        .json();
    assert_eq!(report["photos"][0]["outcome"], "held");
}

/// Ready drafts of three photos: the first is rejected, the second rewritten.
fn decided() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(3), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--preview", "--json"]).expect(0);
    let mut table = Table::export(&workspace, &["--all"]);
    table.set(&site.ids()[0], "decision", "reject");
    table.set(&site.ids()[1], "decision", "edit");
    table.set(&site.ids()[1], "text", "Words of a person.");
    table.save(&workspace, b',');
    let _ = import(&workspace, &[]).expect(0);
    (site, model, workspace)
}

#[test]
fn a_rejected_draft_costs_a_nightly_run_nothing_and_is_told_of() {
    let (site, model, workspace) = decided();
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 2, "{output}");
    assert_eq!(output.number("/skipped/held"), 1, "{output}");
    site.forget();
    model.forget();
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/held"), 1, "{output}");
    let requests = site.requests();
    let fetched =
        |request: &&SiteRequest| request.place == Place::Pixels && request.method == "GET";
    let fetched: Vec<&SiteRequest> = requests.iter().filter(fetched).collect();
    assert!(
        fetched.is_empty(),
        "its image was fetched again: {fetched:?}"
    );
    assert_eq!(model.count(), 0);
    let dry = workspace.run(&["run", "--dry-run", "--json"]).expect(0);
    assert_eq!(dry.number("/dry_run/wanted"), 0, "{dry}");
    let status = workspace.run(&["status", "--json"]).expect(0);
    assert_eq!(status.number("/rejected"), 1, "{status}");
    let told = workspace.run(&["status"]).expect(0).stdout;
    assert!(
        told.contains("1           have a draft that a person rejected"),
        "{told}"
    );
}

#[test]
fn an_undo_of_a_whole_run_leaves_what_a_person_wrote() {
    let (site, _model, workspace) = decided();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let output = workspace.run(&["undo", "2", "--yes"]).expect(0);
    output.says(&["1 of its texts were given by a person and stay"]);
    assert_eq!(site.alt(&site.ids()[1]), "Words of a person.");
    assert_eq!(site.alt(&site.ids()[2]), "", "the machine's is taken back");
}
