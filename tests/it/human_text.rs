//! As a person who writes alt texts I never lose one to the machine, whenever I
//! write it.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, Reply, When, Workspace};
use rusqlite::Connection;
use serde_json::json;
use std::time::Duration;

const MINE: &str = "My sister waves from the pier";

struct Story {
    site: FakeSite,
    model: FakeModel,
    workspace: Workspace,
    /// A photo in the middle of the library.
    photo: String,
}

fn story() -> Story {
    let (site, model) = (FakeSite::with_photos(8), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let photo = site.ids()[3].clone();
    Story {
        site,
        model,
        workspace,
        photo,
    }
}

impl Story {
    /// Another model, so that `upgrade` has something to do.
    fn better_model(&mut self) {
        self.workspace.add_model("better", &self.model);
        self.workspace.set("model", "better");
    }
}

#[test]
fn a_text_written_between_listing_and_write_survives_and_is_a_conflict() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    site.edit_after(When::pixels().photo(photo), photo, MINE, Some(json!(1)));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/conflict"), 1);
    assert_eq!(output.number("/written"), 7);
    assert_eq!(site.alt(photo), MINE);
    assert!(site.writes().iter().all(|write| write.photo != *photo));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1);
    assert_eq!(output.number("/conflict"), 0);
}

#[test]
fn with_entity_tags_even_the_last_moment_is_safe() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    site.with_etags();
    // The second reading of a photo is the one right before the write.
    let last_read = When::get().photo(photo).nth(2);
    site.edit_after(last_read, photo, MINE, None);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(site.alt(photo), MINE);
    assert_eq!(output.number("/conflict"), 1);
}

#[test]
fn an_edit_of_our_text_makes_it_a_persons_for_good() {
    let mut story = story();
    let _ = story.workspace.run(&["run", "--json"]).expect(0);
    let Story { site, photo, .. } = &story;
    // The mark stays what it was: people forget to change it.
    site.edit_by_person(photo, MINE, None);
    let photo = photo.clone();
    let output = story.workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1);
    story.better_model();
    let output = story
        .workspace
        .run(&["upgrade", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/skipped/person"), 1);
    assert_eq!(output.number("/written"), 7);
    assert_eq!(story.site.alt(&photo), MINE);
}

#[test]
fn a_persons_text_stays_a_persons_even_when_it_becomes_ours_again_word_by_word() {
    let mut story = story();
    let _ = story.workspace.run(&["run", "--json"]).expect(0);
    let photo = story.photo.clone();
    let ours = story.site.alt(&photo);
    story.site.edit_by_person(&photo, MINE, None);
    let _ = story.workspace.run(&["run", "--json"]).expect(0);
    story.site.edit_by_person(&photo, &ours, None);
    story.better_model();
    let output = story.workspace.run(&["upgrade", "--json"]).expect(0);
    assert_eq!(output.number("/written"), 7);
    assert_eq!(story.site.alt(&photo), ours);
}

#[test]
fn our_text_is_a_persons_once_a_person_vouched_for_it() {
    let mut story = story();
    let _ = story.workspace.run(&["run", "--json"]).expect(0);
    let photo = story.photo.clone();
    let ours = story.site.alt(&photo);
    story.site.edit_by_person(&photo, &ours, Some(json!(1)));
    story.better_model();
    let output = story
        .workspace
        .run(&["upgrade", "--json"])
        .expect(0)
        .counted();
    assert_eq!(output.number("/skipped/person"), 1);
    assert_eq!(output.number("/written"), 7);
    assert_eq!(story.site.alt(&photo), ours);
    assert_eq!(story.site.verified(&photo), Some(json!(1)));
}

#[test]
fn a_text_that_a_person_cleared_stays_empty_until_somebody_asks() {
    let Story {
        site,
        model,
        workspace,
        photo,
    } = &story();
    let _ = workspace.run(&["run", "--json"]).expect(0);
    site.edit_by_person(photo, "", None);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/cleared"), 1);
    assert_eq!(model.count(), 8);
    assert_eq!(site.alt(photo), "");
    let _ = workspace.run(&["fix", photo, "--yes"]).expect(0);
    assert_eq!(model.count(), 9);
    assert_ne!(site.alt(photo), "");
}

#[test]
fn only_an_explicit_wish_replaces_a_persons_text() {
    let Story {
        site,
        model,
        workspace,
        ..
    } = &story();
    site.add("family/pier", FakePhoto::new("Pier").alt(MINE).verified(1));
    workspace.list(site);
    let refused = workspace.run(&["fix", "family/pier", "--yes"]);
    assert_ne!(refused.code, Some(0), "{refused}");
    refused.says(&["--replace-human"]);
    assert_eq!(model.count(), 0);
    assert_eq!(site.alt("family/pier"), MINE);
    // Without a terminal nobody can say yes.
    let asked = workspace.run(&["fix", "family/pier", "--replace-human"]);
    assert_ne!(asked.code, Some(0), "{asked}");
    assert_eq!(site.alt("family/pier"), MINE);
    let _ = workspace
        .run(&["fix", "family/pier", "--replace-human", "--yes"])
        .expect(0);
    assert_eq!(Some(site.alt("family/pier")), model.captions().pop());
    assert_eq!(site.verified("family/pier"), Some(json!(0)));
}

#[test]
fn a_write_whose_reply_was_lost_is_settled_by_reading() {
    let Story {
        site,
        model,
        workspace,
        photo,
    } = &story();
    site.script(When::patch().photo(photo).times(1), Act::lose_reply());
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 8);
    let of_photo = |writes: Vec<crate::support::SiteWrite>| {
        writes
            .into_iter()
            .filter(|write| write.photo == *photo)
            .count()
    };
    assert_eq!(of_photo(site.writes()), 1, "it was written, so not again");
    assert_eq!(model.count(), 8);
}

#[test]
fn a_write_that_never_arrived_is_tried_again_with_the_same_text() {
    let Story {
        site,
        model,
        workspace,
        photo,
    } = &story();
    site.script(When::patch().photo(photo).times(1), Act::reset());
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 8);
    assert_eq!(model.count(), 8);
    assert!(model.captions().contains(&site.alt(photo)));
}

#[test]
fn a_person_who_writes_while_our_reply_is_lost_keeps_the_text() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    site.script(When::patch().photo(photo).times(1), Act::reset());
    site.edit_after(When::patch().photo(photo).nth(1), photo, MINE, None);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/conflict"), 1);
    assert_eq!(site.alt(photo), MINE);
}

#[test]
fn a_site_that_only_pretends_to_store_a_text_is_found_out() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    site.script(When::patch().photo(photo), Act::keep_old());
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 1);
    assert_eq!(output.number("/written"), 7);
    output.says(&[photo]);
}

#[test]
fn a_write_goes_right_after_its_read_however_slow_the_site_wants_it() {
    let mut story = story();
    story.workspace.set("site.requests_per_second", 1.0);
    let run = ["run", "--json", "--limit", "4"];
    let _ = story.workspace.run(&run).expect(0).counted();
    let requests = story.site.requests();
    let mut windows = Vec::new();
    for (index, patch) in requests.iter().enumerate() {
        if patch.method != "PATCH" {
            continue;
        }
        let read = requests[..index]
            .iter()
            .rev()
            .find(|earlier| earlier.method == "GET" && earlier.photo == patch.photo);
        windows.push(patch.at - read.expect("a read before the write").at);
    }
    windows.sort();
    // A turn at this rate takes a second: waiting for one would show in most of
    // them. A busy machine shows in some.
    assert_eq!(windows.len(), 4);
    let median = windows[windows.len() / 2];
    assert!(
        median < std::time::Duration::from_millis(900),
        "{windows:?}"
    );
}

#[test]
fn a_person_who_writes_while_the_site_makes_us_wait_keeps_the_text() {
    let busy: [fn() -> Reply; 2] = [
        || Reply::empty(429).with("retry-after", "1"),
        || Reply::empty(429),
    ];
    for reply in busy {
        let Story {
            site,
            workspace,
            photo,
            ..
        } = &story();
        site.script(When::patch().photo(photo).times(1), Act::reply(reply()));
        site.edit_after(When::patch().photo(photo).nth(1), photo, MINE, None);
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/conflict"), 1);
        assert_eq!(site.alt(photo), MINE);
    }
}

#[test]
fn a_person_who_vouches_while_our_write_is_lost_keeps_the_text() {
    let mut story = story();
    let _ = story.workspace.run(&["run", "--json"]).expect(0).counted();
    story.better_model();
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story;
    let first = site.alt(photo);
    site.script(When::patch().photo(photo).times(1), Act::reset());
    site.edit_after(
        When::patch().photo(photo).nth(1),
        photo,
        &first,
        Some(json!(1)),
    );
    let output = workspace.run(&["upgrade", "--json"]).expect(0).counted();
    assert_eq!(output.number("/conflict"), 1);
    assert_eq!(site.alt(photo), first);
    assert_eq!(site.verified(photo), Some(json!(1)));
}

#[test]
fn a_text_that_came_between_our_reads_is_never_adopted() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    site.edit_after(When::pixels().photo(photo), photo, MINE, Some(json!(0)));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/conflict"), 1);
    let adopted = workspace
        .run(&["adopt", "--yes", "--trust-tag", "--json"])
        .expect(0);
    assert_eq!(adopted.number("/adopted"), 0);
    assert_eq!(adopted.number("/skipped/person"), 1);
    assert_eq!(site.alt(photo), MINE);
}

#[test]
fn a_person_who_mends_a_comma_after_a_crash_keeps_the_text() {
    let Story {
        site,
        model,
        workspace,
        photo,
    } = &story();
    let words = "Lets eat grandma in the girls garden beside a lake.";
    let mended = "Let's eat, grandma, in the girls' garden beside a lake!";
    model.script(When::chat(), Act::text(words));
    // The write lands, its reply is lost, and a person edits before we look.
    site.script(When::patch().photo(photo).times(1), Act::lose_reply());
    site.edit_after(When::patch().photo(photo).nth(1), photo, mended, None);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/conflict"), 1);
    assert_eq!(site.alt(photo), mended);
}

#[test]
fn a_vouched_mark_that_the_site_does_not_take_is_a_failure() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    let _ = workspace.run(&["run", "--json"]).expect(0).counted();
    let ours = site.alt(photo);
    // The words are the same, so only the mark can tell whether it was written.
    site.script(When::patch().photo(photo), Act::keep_old());
    let output = workspace
        .run(&["fix", photo, "--text", &ours, "--json"])
        .expect(3);
    assert_eq!(output.number("/failed"), 1);
    site.behave();
    let output = workspace
        .run(&["fix", photo, "--text", &ours, "--json"])
        .expect(0);
    assert_eq!(output.number("/written"), 1);
    assert_eq!(site.verified(photo), Some(json!(1)));
}

#[test]
fn a_site_that_saves_only_the_mark_of_a_write_does_not_make_a_persons_text_a_machines() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    site.edit_by_person(photo, MINE, Some(json!(1)));
    let refused = Act::reply(Reply::json(422, &json!({"message": "too long"})));
    site.script(When::patch().photo(photo).nth(1), refused);
    // The mark is saved all the same.
    let first = When::patch().photo(photo).nth(1);
    site.edit_after(first, photo, MINE, Some(json!(0)));
    let args = ["fix", photo, "--replace-human", "--yes", "--json"];
    let output = workspace.run(&args).expect(3);
    assert_eq!(output.number("/failed"), 1, "{output}");
    assert_eq!(site.alt(photo), MINE);
    assert_eq!(site.verified(photo), Some(json!(1)));
    let sent: Vec<_> = site.writes().into_iter().map(|write| write.sent).collect();
    let back = json!({"verified": 1});
    assert_eq!(sent.last(), back.as_object(), "the text is not sent again");
}

#[test]
fn a_text_written_while_the_journal_is_held_up_survives() {
    let Story {
        site,
        workspace,
        photo,
        ..
    } = &story();
    // The second reading of a photo is the one right before the write.
    let last_read = || When::get().photo(photo).nth(2);
    site.edit_after(last_read(), photo, MINE, Some(json!(1)));
    let state = workspace.path("state/altfill.db");
    site.after(last_read(), move |_| {
        let other = Connection::open(&state).expect("the state file");
        other
            .busy_timeout(Duration::from_secs(60))
            .expect("a timeout");
        other.execute_batch("BEGIN IMMEDIATE").expect("its turn");
        std::thread::spawn(move || {
            // Longer than the read stays fresh, far shorter than the state is waited for.
            std::thread::sleep(Duration::from_secs(3));
            drop(other);
        });
    });
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(site.alt(photo), MINE);
    assert_eq!(output.number("/conflict"), 1);
    assert_eq!(output.number("/written"), 7);
}

#[test]
fn what_people_did_to_a_text_counts_in_every_language() {
    let mut story = story();
    let _ = story.workspace.run(&["run", "--json"]).expect(0);
    let ids = story.site.ids();
    story.site.edit_by_person(&ids[0], "", None);
    story.site.edit_by_person(&ids[1], MINE, None);
    let args = ["fix", &ids[2], "--decorative", "--json"];
    let _ = story.workspace.run(&args).expect(0);
    for language in ["EN", "en-us", "en-US", "nl", "en"] {
        let args = ["run", "--language", language, "--json"];
        let output = story.workspace.run(&args).expect(0).counted();
        assert_eq!(output.number("/written"), 0, "{language}");
        assert_eq!(output.number("/skipped/cleared"), 1, "{language}");
        assert_eq!(output.number("/skipped/person"), 1, "{language}");
        assert_eq!(output.number("/skipped/decorative"), 1, "{language}");
        assert_eq!(output.number("/skipped/up_to_date"), 5, "{language}");
    }
    // Our own texts are ours in another language too, and can be made anew in it.
    story.workspace.set("language", "nl");
    let output = story.workspace.run(&["upgrade", "--json"]).expect(0);
    assert_eq!(output.number("/generated"), 5, "{output}");
    assert_eq!(story.site.alt(&ids[1]), MINE);
}

#[test]
fn a_mark_that_nobody_knows_is_in_doubt_a_persons() {
    let mut story = story();
    let _ = story.workspace.run(&["run", "--json"]).expect(0);
    let ids = story.site.ids();
    let marks = [json!("yes"), json!("TRUE"), json!(2), json!([1])];
    for (id, mark) in ids.iter().zip(&marks) {
        let ours = story.site.alt(id);
        story.site.edit_by_person(id, &ours, Some(mark.clone()));
    }
    story.better_model();
    let output = story.workspace.run(&["upgrade", "--json"]).expect(0);
    assert_eq!(output.number("/skipped/person"), 4, "{output}");
    assert_eq!(output.number("/written"), 4, "{output}");
    let output = story.workspace.run(&["undo", "1", "--yes", "--json"]);
    for (id, mark) in ids.iter().zip(&marks) {
        assert_eq!(story.site.verified(id).as_ref(), Some(mark), "{output}");
        assert!(!story.site.alt(id).is_empty(), "{output}");
    }
}
