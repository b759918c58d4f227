//! As an owner I run altfill and every photo without alt text gets one; the
//! texts of people stay, and running it again does nothing.

use crate::support::photos::{self, HIDDEN};
use crate::support::{
    Cleaning, FakeModel, FakePhoto, FakeSite, PatchReply, Place, SITE_TOKEN, Workspace,
};
use serde_json::{Value, json};

/// A site with `n` photos that need a text.
fn library(n: usize) -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(n), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

#[test]
fn a_run_fills_what_is_missing_and_the_next_one_does_nothing() {
    for model in [FakeModel::openai(), FakeModel::ollama()] {
        let site = FakeSite::with_photos(30);
        site.add(
            "coast/told",
            FakePhoto::new("Told")
                .alt("Two dogs on a beach")
                .verified(1),
        );
        let workspace = Workspace::album(&site, &model);
        let first = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(first.ended(), "complete");
        assert_eq!(first.number("/seen"), 31);
        assert_eq!(first.number("/written"), 30);
        assert_eq!(first.number("/generated"), 30);
        assert_eq!(first.number("/model_calls"), 30);
        assert_eq!(first.number("/site_writes"), 30);
        assert_eq!(first.number("/skipped/person"), 1);
        assert!(first.number("/tokens/input") > 30 * 100);
        assert_eq!(first.json()["mode"], "backfill");
        assert_eq!(model.violations(), Vec::<String>::new());
        let captions = model.captions();
        for (id, alt) in site.alts().iter().filter(|(id, _)| id != "coast/told") {
            assert!(
                captions.contains(alt),
                "{id}: {alt:?} is no caption of the model"
            );
            assert_eq!(site.verified(id), Some(json!(0)), "{id}");
        }
        model.forget();
        site.forget();
        let second = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(second.number("/skipped/up_to_date"), 30);
        assert_eq!(second.number("/model_calls"), 0);
        assert_eq!(second.number("/site_writes"), 0);
        assert_eq!(model.count(), 0);
        assert_eq!(site.count(Place::Patch), 0);
        assert_eq!(second.number("/run"), first.number("/run") + 1);
    }
}

#[test]
fn a_change_names_the_alt_text_and_the_mark_and_nothing_else() {
    let (site, _model, workspace) = library(9);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let patches = site.requests();
    let patches = patches
        .iter()
        .filter(|request| request.place == Place::Patch);
    for request in patches {
        let fields = request.body.as_object().expect("an object");
        let keys: Vec<&String> = fields.keys().collect();
        assert_eq!(keys, ["alt", "verified"], "{}", request.path);
        assert_eq!(fields["verified"], json!(0));
        let token = request
            .headers
            .iter()
            .find(|(name, _)| name == "authorization");
        assert_eq!(token.map(|(_, value)| value.as_str()), Some(SITE_TOKEN));
    }
    assert_eq!(site.writes().len(), 9);
}

#[test]
fn the_texts_of_people_are_left_alone_however_they_are_marked() {
    let (site, model, workspace) = library(3);
    let text = "Grandmother in her garden, laughing";
    let marks = [None, Some(json!(1)), Some(json!(true)), Some(json!("1"))];
    for (n, mark) in marks.iter().enumerate() {
        let photo = FakePhoto::new("Garden").alt(text);
        let photo = match mark {
            Some(mark) => photo.verified(mark.clone()),
            None => photo,
        };
        site.add(&format!("family/garden-{n}"), photo);
    }
    site.add(
        "family/machine",
        FakePhoto::new("Machine").alt(text).verified(0),
    );
    workspace.list(&site);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 3);
    let skipped = output.number("/skipped/person") + output.number("/skipped/unproven");
    assert_eq!(skipped, 5);
    assert!(
        output.number("/skipped/unproven") >= 1,
        "a machine's mark alone proves nothing"
    );
    for id in site.ids().iter().filter(|id| id.starts_with("family/")) {
        assert_eq!(site.alt(id), text);
    }
    assert_eq!(model.count(), 3);
}

#[test]
fn a_null_and_a_missing_alt_text_are_missing_too() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add("a/null", FakePhoto::new("Null").field("alt", Value::Null));
    site.add("a/none", FakePhoto::new("None").without("alt"));
    site.add("a/blank", FakePhoto::new("Blank").alt(" \n"));
    site.add(
        "a/bare",
        FakePhoto::new("Bare").without("title").without("caption"),
    );
    let workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 4);
}

#[test]
fn names_of_files_and_cameras_are_no_alt_texts() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    let placeholders = [
        "IMG_2041.JPG",
        "DSC00123",
        "holiday-17.jpeg",
        "PXL_20230504_101112345",
    ];
    for (n, text) in placeholders.iter().enumerate() {
        site.add(&format!("a/p{n}"), FakePhoto::new("A day").alt(text));
    }
    site.add(
        "a/real",
        FakePhoto::new("A day").alt("IMG is the name of the shop"),
    );
    let workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 4);
    assert_eq!(site.alt("a/real"), "IMG is the name of the shop");
    let run = output.number("/run").to_string();
    let _ = workspace.run(&["undo", &run, "--yes", "--json"]).expect(0);
    for (n, text) in placeholders.iter().enumerate() {
        assert_eq!(site.alt(&format!("a/p{n}")), *text);
    }
}

#[test]
fn a_model_gets_upright_pixels_without_metadata() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for (n, file) in photos::pool().iter().enumerate() {
        let photo = FakePhoto::new("Turned").pixels(file.clone());
        site.add(&format!("a/p{n}"), photo);
    }
    site.add("a/png", FakePhoto::new("A PNG").pixels(photos::png(7)));
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let mut sizes = Vec::new();
    for call in model.calls() {
        let facts = model.image(&call.image.expect("an image")).expect("a JPEG");
        assert_eq!(facts.metadata, Vec::<String>::new());
        assert!(!call.prompt.contains(HIDDEN));
        sizes.push((facts.width, facts.height));
    }
    sizes.sort_unstable();
    // The second of the pool lies on its side; the fourth is a portrait.
    let portrait = (480, 640);
    assert_eq!(sizes[0], (160, 120));
    assert_eq!(sizes[1..3], [portrait, portrait]);
    assert_eq!(sizes[3..], [(640, 480); 3]);
}

#[test]
fn a_manifest_may_have_comments_blank_lines_and_repeats() {
    let (site, model, workspace) = library(2);
    let ids = site.ids();
    let manifest = format!("# ours\r\n\n  {}\n{}\n{}\n", ids[0], ids[1], ids[0]);
    workspace.write("photos.txt", manifest);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 2);
    assert_eq!(model.count(), 2);
    assert_eq!(site.writes().len(), 2);
}

#[test]
fn a_manifest_can_come_on_standard_input() {
    let (site, _model, mut workspace) = library(5);
    workspace.set("site.manifest", "-");
    let two = site.ids()[..2].join("\n");
    let program = workspace.altfill(&["run", "--json"]).input(&two);
    let output = program.run().expect(0).counted();
    assert_eq!(output.number("/written"), 2);
}

#[test]
fn a_limit_and_an_album_narrow_a_run() {
    let (site, model, workspace) = library(18);
    let dry = ["run", "--json", "--limit", "4", "--dry-run"];
    let dry = workspace.run(&dry).expect(0);
    assert_eq!(dry.number("/dry_run/wanted"), 4, "{dry}");
    let output = workspace
        .run(&["run", "--json", "--limit", "4"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), 4);
    assert_eq!(model.count(), 4);
    site.forget();
    let output = workspace
        .run(&["run", "--json", "--album", "winter"])
        .expect(0)
        .counted();
    let writes = site.writes();
    assert!(
        !writes.is_empty()
            && writes
                .iter()
                .all(|write| write.photo.starts_with("winter/"))
    );
    assert_eq!(output.number("/written"), writes.len() as u64);
    let nowhere = ["run", "--album", "wintre"];
    let output = workspace.run(&nowhere).expect(0);
    output.says(&["no photo lies in wintre", "altfill report --csv"]);
}

#[test]
fn every_form_of_answer_to_a_change_is_understood() {
    for style in [
        PatchReply::Item,
        PatchReply::NoContent,
        PatchReply::Empty,
        PatchReply::Html,
    ] {
        let (site, model, workspace) = library(4);
        site.patch_reply(style);
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/written"), 4, "{style:?}");
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/skipped/up_to_date"), 4, "{style:?}");
        assert_eq!((model.count(), site.writes().len()), (4, 4));
    }
}

#[test]
fn a_text_that_the_site_cleaned_is_still_ours() {
    let (site, model, workspace) = library(4);
    site.cleans(&[Cleaning::Collapse, Cleaning::Trim, Cleaning::Shorten(25)]);
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(
        output.number("/skipped/person"),
        0,
        "cleaning is no person: {output}"
    );
    assert_eq!((model.count(), site.writes().len()), (4, 4));
}

#[test]
fn no_more_model_calls_are_in_flight_than_allowed() {
    let (_site, model, mut workspace) = library(15);
    model.latency(std::time::Duration::from_millis(500));
    workspace.set("run.concurrency", 3);
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(model.most_in_flight(), 3);
}
