//! As an owner I have broken files in my archive, perhaps many in a row: each
//! costs itself, and the run goes on.

use crate::support::photos::{self, Metadata};
use crate::support::{Act, Fail, FakeModel, FakePhoto, FakeSite, When, Workspace};
use serde_json::json;

const BROKEN: usize = 30;
const WHOLE: usize = 20;

/// Five whole photos, the broken ones in a row, and the rest of the whole ones.
fn library(model: &FakeModel, broken: impl Fn(usize) -> FakePhoto) -> (FakeSite, Workspace) {
    let site = FakeSite::start();
    site.add_many(5);
    for number in 0..BROKEN {
        site.add(&format!("broken/b{number:02}"), broken(number));
    }
    site.add_many(WHOLE - 5);
    let mut workspace = Workspace::album(&site, model);
    workspace.set("run.concurrency", 4);
    (site, workspace)
}

/// Runs, expects that the broken ones failed and all others are written, and
/// that the next run leaves them alone.
fn goes_on(name: &str, site: &FakeSite, workspace: &Workspace, model: &FakeModel) {
    let output = workspace.run(&["run", "--json"]).counted();
    assert_eq!(output.code, Some(3), "{name}: {output}");
    assert_eq!(output.ended(), "complete", "{name}: {output}");
    assert_eq!(output.number("/failed"), BROKEN as u64, "{name}: {output}");
    assert_eq!(output.number("/written"), WHOLE as u64, "{name}: {output}");
    for (id, alt) in site.alts() {
        assert_eq!(
            alt.is_empty(),
            id.starts_with("broken/"),
            "{name}, {id}: {alt:?}"
        );
    }
    // One try each, and the reason beside it.
    let slots = workspace.rows(
        "SELECT photos.photo, slots.tries, slots.last_error FROM slots
         JOIN photos ON photos.id = slots.photo WHERE photos.photo LIKE 'broken/%'",
    );
    assert_eq!(slots.len(), BROKEN, "{name}");
    for slot in slots {
        assert_eq!(slot["tries"], 1, "{name}: {slot:?}");
        assert!(slot["last_error"].is_string(), "{name}: {slot:?}");
    }
    let calls = model.count();
    let again = workspace.run(&["run", "--json"]).expect(0).counted();
    let waits = again.number("/skipped/not_due") + again.number("/skipped/parked");
    assert_eq!(waits, BROKEN as u64, "{name}: {again}");
    assert_eq!(model.count(), calls, "{name}: asked again");
}

#[test]
fn thirty_files_in_a_row_that_nobody_can_read_cost_no_call() {
    let model = FakeModel::openai();
    let whole = photos::photo(7, 640, 480, Metadata::None);
    let (site, workspace) = library(&model, |number| {
        let photo = FakePhoto::new(&format!("Broken {number}"));
        match number % 6 {
            0 => photo.pixels(photos::truncated(&whole)),
            // Cut within the last rows: a careless decoder shows a whole photo.
            1 => photo.pixels(&whole[..whole.len() * 9 / 10]),
            2 => photo.pixels(Vec::new()),
            3 => photo.pixels(b"<!DOCTYPE html><title>404</title>".to_vec()),
            4 => photo.pixels(vec![0; 5000]),
            _ => photo.pixels([&[0xFF, 0xD8, 0xFF], &b"not a JPEG at all"[..]].concat()),
        }
    });
    goes_on("files", &site, &workspace, &model);
    assert_eq!(model.count(), WHOLE, "a broken file was sent to the model");
    // Mended, they are taken on again although they were parked. An empty answer
    // may be the site's mistake as well, so those are waited for in the usual way.
    let empty = BROKEN / 6;
    for number in 0..BROKEN {
        let id = format!("broken/b{number:02}");
        let seed = 20 + number as u32;
        let mended = photos::photo(seed, 320, 240, Metadata::None);
        site.add(
            &id,
            FakePhoto::new(&format!("Mended {number}")).pixels(mended),
        );
    }
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    let mended = BROKEN - empty;
    assert_eq!(output.number("/written"), mended as u64, "{output}");
    assert_eq!(output.number("/skipped/not_due"), empty as u64, "{output}");
}

#[test]
fn a_file_with_the_wrong_name_and_type_is_no_broken_file() {
    let model = FakeModel::openai();
    let site = FakeSite::start();
    for number in 0..5 {
        let photo = FakePhoto::new(&format!("Mislabelled {number}"));
        site.add(
            &format!("coast/m{number}"),
            photo.pixels(photos::png(number)),
        );
    }
    let workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 5, "{output}");
}

#[test]
fn thirty_photos_in_a_row_that_the_model_refuses_stop_nothing() {
    for (name, model) in [
        ("openai", FakeModel::openai()),
        ("ollama", FakeModel::ollama()),
        ("anthropic", FakeModel::anthropic()),
        ("gemini", FakeModel::gemini()),
    ] {
        let (site, workspace) = library(&model, |number| {
            FakePhoto::new(&format!("Unreadable {number}"))
        });
        model.script(When::chat().text("Unreadable"), Act::fail(Fail::BadImage));
        goes_on(name, &site, &workspace, &model);
        // Each once; the built-in test image at most once for each of them.
        let calls = model.calls();
        let refused = calls
            .iter()
            .filter(|call| call.prompt.contains("Unreadable"));
        assert_eq!(refused.count(), BROKEN, "{name}");
        assert!(
            calls.len() <= WHOLE + 2 * BROKEN,
            "{name}: {} calls",
            calls.len()
        );
    }
}

#[test]
fn a_photo_that_is_refused_every_time_is_parked_after_its_tries() {
    let model = FakeModel::anthropic();
    let site = FakeSite::with_photos(3);
    site.add("broken/one", FakePhoto::new("Unreadable"));
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.max_tries", 2);
    workspace.set("run.retry_after", "1s");
    model.script(When::chat().text("Unreadable"), Act::fail(Fail::BadImage));
    let _ = workspace.run(&["run", "--json"]).expect(3).counted();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let _ = workspace.run(&["run", "--json"]).expect(3).counted();
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/parked"), 1, "{output}");
    let slots = workspace.rows("SELECT tries, parked FROM slots WHERE tries > 0");
    assert_eq!(
        (&slots[0]["tries"], &slots[0]["parked"]),
        (&json!(2), &json!(1))
    );
}
