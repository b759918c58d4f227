//! As somebody who describes a CMS I make a mistake: it costs nobody a text, it
//! is found out after a few requests, and I am told which line it is.

use crate::sites_described::{UNHEARD_OF, describe, items, unheard_of, workspace};
use crate::support::cms::FakeCms;
use crate::support::{FakeModel, Output, Workspace};
use serde_json::{Value, json};

const MINE: &str = "Grandmother in her garden, laughing";

/// A library whose items are described with one line changed.
fn library(n: usize, from: &str, to: &str) -> (FakeCms, FakeModel, Workspace) {
    let mut library = items(n);
    for (n, item) in library
        .as_array_mut()
        .expect("a list")
        .iter_mut()
        .enumerate()
    {
        item["key"] = json!(format!("k{n}"));
    }
    let (cms, model) = (FakeCms::start(library, unheard_of), FakeModel::openai());
    let mut workspace = workspace(&cms, &model, "rest");
    let changed = UNHEARD_OF.replace(from, to);
    assert_ne!(changed, UNHEARD_OF, "{from}");
    describe(&mut workspace, &changed);
    (cms, model, workspace)
}

fn patches(cms: &FakeCms) -> usize {
    let requests = cms.requests();
    requests.iter().filter(|r| r.starts_with("PATCH ")).count()
}

fn stops(workspace: &Workspace, says: &[&str]) -> Output {
    let output = workspace.run(&["run", "--json"]).expect(1).counted();
    output.says(says);
    output
}

/// Every photo seems to be without alt text then, and an update would replace
/// what people wrote.
#[test]
fn a_pointer_beside_the_alt_text_costs_nobody_a_text() {
    for mark in [json!({"robot": false}), json!("nobody")] {
        let wrong = "alt   = \"/texts/alternativ\"";
        let (cms, model, workspace) = library(12, "alt   = \"/texts/alternative\"", wrong);
        cms.change(|items| {
            for n in [0, 3, 4, 5, 11] {
                items[n]["texts"]["alternative"] = json!(MINE);
                items[n]["texts"]["by"] = mark.clone();
            }
        });
        let before = cms.database();
        let check = workspace.run(&["check", "k1"]).expect(0);
        let words: Vec<&str> = check.stdout.split_whitespace().collect();
        let told = "warning site.fields.alt nothing at \"/texts/alternativ\" (\"/texts\" has: heading, alternative, by)";
        assert!(words.join(" ").contains(told), "{check}");
        stops(&workspace, &["site.fields.alt", "/texts/alternative", MINE]);
        let changed: Vec<Value> = texts(&cms.database());
        assert!(
            texts(&before)
                .iter()
                .zip(&changed)
                .all(|(was, is)| was == MINE && is == MINE || was == ""),
            "{changed:?}"
        );
        assert!(patches(&cms) <= 3, "{:?}", cms.requests());
        assert!(model.count() <= 12);
    }
}

fn texts(database: &Value) -> Vec<Value> {
    let items = database.as_array().expect("a list");
    items
        .iter()
        .map(|item| item["texts"]["alternative"].clone())
        .collect()
}

/// Where nothing can be compared, the first texts go one at a time, and after
/// three without a trace no more are sent.
#[test]
fn texts_that_never_arrive_stop_the_run_after_three() {
    for (from, to, says) in [
        (
            "url  = \"/api/items/{id}\"\nbody",
            "url  = \"/api/item/{id}/texts/x\"\nbody",
            "site.update.url",
        ),
        (
            "texts = { alternative = \"{alt}\"",
            "text = { alternative = \"{alt}\"",
            "accepted",
        ),
        (
            "alternative = \"{alt}\"",
            "alternativ = \"{alt}\"",
            "accepted",
        ),
    ] {
        let (cms, _model, workspace) = library(12, from, to);
        let output = stops(&workspace, &[says, "altfill check"]);
        assert_eq!(output.number("/written"), 0, "{output}");
        assert_eq!(patches(&cms), 3, "{from}: {:?}", cms.requests());
        // Mended, the run goes on with what was paid for.
    }
}

/// A renamed mark, as a site refuses or drops it, must not lose what was paid.
#[test]
fn once_the_line_is_mended_the_paid_texts_are_written() {
    let (from, to) = ("alternative = \"{alt}\"", "alternativ = \"{alt}\"");
    let (_cms, model, mut workspace) = library(12, from, to);
    stops(&workspace, &["accepted"]);
    describe(&mut workspace, UNHEARD_OF);
    let output = workspace
        .run(&["run", "--retry-failed", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), 12, "{output}");
    assert_eq!(model.count(), 12, "nothing is paid for twice");
}

#[test]
fn what_is_no_image_is_never_written_to_however_it_is_named() {
    let with_mime = "title = { html = \"/texts/heading\" }\nmime = \"/kind\"";
    let (cms, _model, workspace) = library(4, "title = { html = \"/texts/heading\" }", with_mime);
    cms.change(|items| items[2]["kind"] = json!("application/pdf"));
    let output = workspace.run(&["run", "--json", "--id", "k2"]).counted();
    assert_eq!(output.number("/written"), 0, "{output}");
    output.says(&["application/pdf"]);
    let output = workspace.run(&["fix", "k2", "--text", "A text.", "--yes"]);
    assert_ne!(output.code, Some(0), "{output}");
    assert_eq!(patches(&cms), 0);
    let output = workspace.run(&["run", "--json"]).counted();
    assert_eq!(output.number("/written"), 3, "{output}");
}
