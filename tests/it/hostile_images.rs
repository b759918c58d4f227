//! As an owner whose archive anybody may upload to, I rely on a run that parks a
//! picture made to break it, and goes on: in bounded memory and time.

use super::hostile_replies::measured;
use crate::support::{FakeModel, FakePhoto, FakeSite, Workspace, bombs};

/// What a run is documented to take at most.
const MEGABYTES: u64 = 250;

#[test]
fn pictures_made_to_explode_are_parked_and_the_run_goes_on() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    site.add_many(5);
    let attacks = bombs::all();
    for (number, (name, file)) in attacks.iter().enumerate() {
        let photo = FakePhoto::new(name).pixels(file.clone());
        site.add(&format!("bombs/b{number:02}"), photo);
    }
    site.add_many(5);
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 8);
    let (output, peak) = measured(workspace.altfill(&["run", "--json"]));
    let output = output.expect(3).counted();
    let told = workspace.rows(
        "SELECT photos.photo AS photo, photos.title AS title, slots.parked AS parked,
            slots.last_error AS error
         FROM slots JOIN photos ON photos.id = slots.photo ORDER BY photos.photo",
    );
    for (number, (name, _)) in attacks.iter().enumerate() {
        let id = format!("bombs/b{number:02}");
        let row = told.iter().find(|row| row["photo"] == id.as_str());
        let row = row.unwrap_or_else(|| panic!("{name} is not told of: {output}"));
        assert_eq!(row["parked"], 1, "{name}: {row:?}");
        let error = row["error"].as_str().unwrap_or_default();
        assert!(
            error.contains("can't be used") && error.len() < 400,
            "{name}: {error}"
        );
        assert_eq!(site.alt(&id), "", "{name}");
    }
    assert_eq!(output.number("/failed"), attacks.len() as u64, "{output}");
    assert_eq!(output.number("/written"), 10, "{output}");
    assert_eq!(model.count(), 10, "no attack was sent to the model");
    assert!(peak > 0 && peak < MEGABYTES, "{peak} MB: {output}");
    let again = workspace.run(&["run", "--json"]).expect(0);
    assert_eq!(
        again.number("/skipped/parked"),
        attacks.len() as u64,
        "{again}"
    );
}

#[test]
fn a_picture_with_a_monstrous_burden_is_described_in_bounded_memory() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    let burdened = bombs::burdened();
    for (number, (name, file)) in burdened.iter().enumerate() {
        let photo = FakePhoto::new(name).pixels(file.clone());
        site.add(&format!("large/b{number:02}"), photo);
    }
    let mut workspace = Workspace::album(&site, &model);
    // Files that wait to be decoded are held in memory, too.
    workspace.set("run.concurrency", 1);
    workspace.set("site.concurrency", 1);
    let (output, peak) = measured(workspace.altfill(&["run", "--json"]));
    let output = output.expect(0);
    assert_eq!(output.number("/written"), burdened.len() as u64, "{output}");
    for call in model.calls() {
        let image = call.image.as_deref().and_then(|hash| model.image(hash));
        let image = image.expect("a whole JPEG was sent");
        assert!(image.metadata.is_empty(), "{image:?}");
    }
    assert!(peak > 0 && peak < MEGABYTES, "{peak} MB: {output}");
}

#[test]
fn large_pictures_take_turns_instead_of_all_memory() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for (number, file) in bombs::large().into_iter().enumerate() {
        let photo = FakePhoto::new("Large").pixels(file);
        site.add(&format!("large/{number}"), photo);
    }
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 8);
    let (output, peak) = measured(workspace.altfill(&["run", "--json"]));
    assert_eq!(output.number("/written"), 3, "{output}");
    assert!(peak > 0 && peak < MEGABYTES, "{peak} MB: {output}");
}

#[test]
fn the_limit_of_memory_can_be_raised_by_whoever_needs_it() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    let deep = bombs::png((3_000, 2_000), bombs::Colour::Rgba16, &[]);
    site.add("scans/deep", FakePhoto::new("Deep").pixels(deep));
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("photo.max_memory", "50MB");
    let output = workspace.run(&["run", "--json"]).expect(3);
    output.says(&["memory", "50 MB", "photo.max_memory"]);
    workspace.set("photo.max_memory", "100MB");
    let output = workspace.run(&["fix", "scans/deep", "--yes"]).expect(0);
    assert!(!site.alt("scans/deep").is_empty(), "{output}");
}
