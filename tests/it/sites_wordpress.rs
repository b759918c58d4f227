//! As an editor of a WordPress site I point altfill at it, and its media library
//! gets alt texts, as safely as any other archive. Against a real WordPress.

use crate::support::wordpress::{Plugin, Stored, WordPress};
use crate::support::{Act, FakeModel, When, Workspace};
use serde_json::json;
use std::time::Duration;

const MINE: &str = "Our café at night: \\o/ \"open\" & 'warm' 🐕";

/// Texts that models write, and what WordPress makes of them.
const CAPTIONS: [(&str, &str); 6] = [
    (
        "A dog 🐕 runs along the beach.",
        "A dog 🐕 runs along the beach.",
    ),
    (
        "A sign says \"Fish & chips\" on the pier.",
        "A sign says \"Fish & chips\" on the pier.",
    ),
    (
        "It's the “Grün” café’s terrace.",
        "It's the “Grün” café’s terrace.",
    ),
    (
        "A path C:\\photos is written on a wall.",
        "A path C:\\photos is written on a wall.",
    ),
    (
        "A label with %20 wool on a blue coat.",
        "A label with wool on a blue coat.",
    ),
    (
        "A board shows that 3 < 4 in white chalk.",
        "A board shows that 3 &lt; 4 in white chalk.",
    ),
];

fn start(plugin: Plugin) -> Option<(WordPress, FakeModel, Workspace)> {
    let site = WordPress::take(plugin)?;
    let model = FakeModel::openai();
    let workspace = site.workspace(&model);
    Some((site, model, workspace))
}

fn alts(photos: &[Stored]) -> Vec<(&str, &str)> {
    photos.iter().map(|p| (p.id.as_str(), p.alt())).collect()
}

#[test]
fn a_short_settings_file_is_all_it_takes() {
    let Some((site, _model, workspace)) = start(Plugin::Off) else {
        return;
    };
    site.fill_empty(1);
    let text = std::fs::read_to_string(workspace.path("pipeline.toml")).expect("the settings");
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 8, "{text}");
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 1);
}

#[test]
fn a_library_is_filled_upgraded_and_put_back_to_the_byte() {
    for plugin in [Plugin::On, Plugin::Off] {
        let Some((site, model, mut workspace)) = start(plugin) else {
            return;
        };
        let mut photos = vec![json!({}); CAPTIONS.len()];
        photos.push(json!({"alt": MINE}));
        photos.push(json!({"alt": MINE, "source": "human"}));
        photos.push(json!({"alt": "An unproven text", "source": "ai"}));
        photos.push(json!({"alt": "IMG_2041.JPG"}));
        let before = site.fill(&photos);
        for (n, (caption, _)) in CAPTIONS.iter().enumerate() {
            model.script(When::chat().text(&format!("Photo {n}")), Act::text(caption));
        }
        let first = workspace.run(&["run", "--json"]).expect(0).counted();
        let written = CAPTIONS.len() as u64 + 1;
        assert_eq!(first.number("/written"), written, "{plugin:?} {first}");
        let left = first.number("/skipped/person") + first.number("/skipped/unproven");
        assert_eq!(left, 3);
        let filled = site.dump();
        for (n, (_, kept)) in CAPTIONS.iter().enumerate() {
            assert_eq!(filled[n].alt(), *kept);
            let mark = if plugin == Plugin::On { "ai" } else { "" };
            assert_eq!(filled[n].source(), mark);
        }
        for n in 6..9 {
            assert_eq!(filled[n], before[n], "a person's text is not touched");
        }

        let second = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(second.number("/site_writes"), 0);
        assert_eq!(second.number("/model_calls"), 0);
        assert_eq!(site.dump(), filled);

        workspace.add_model("better", &model);
        workspace.set("model", "better");
        model.behave();
        let third = workspace.run(&["upgrade", "--json"]).expect(0).counted();
        assert_eq!(third.number("/written"), written, "{plugin:?} {third}");
        let upgraded = site.dump();
        assert!((0..6).all(|n| upgraded[n].alt() != filled[n].alt()));

        for output in [&third, &first] {
            let run = output.number("/run").to_string();
            let undone = workspace.run(&["undo", &run, "--yes", "--json"]).expect(0);
            assert_eq!(undone.number("/written"), written, "{plugin:?} {undone}");
        }
        let after = site.dump();
        for (now, then) in after.iter().zip(&before) {
            assert_eq!((now.alt(), now.source()), (then.alt(), then.source()));
        }
    }
}

#[test]
fn a_large_library_is_read_over_three_pages_and_a_quiet_night_asks_three_times() {
    let Some((site, model, mut workspace)) = start(Plugin::On) else {
        return;
    };
    site.fill_empty(120);
    workspace.set("site.list.limit", 50);
    let mut first = None;
    let requests = site.requests_of(|| {
        first = Some(workspace.run(&["run", "--json"]).expect(0).counted());
    });
    let first = first.expect("it ran");
    assert_eq!(first.number("/written"), 120);
    let pages = requests.iter().filter(|line| line.contains("per_page"));
    assert_eq!(pages.count(), 3, "{requests:#?}");
    model.forget();
    workspace.unset("site.list.limit");
    // The settings changed, so all is listed once more; the nights after, only
    // what changed: first all that we wrote, then nothing.
    for night in 1..=3 {
        let requests = site.requests_of(|| {
            let output = workspace.run(&["run", "--json"]).expect(0).counted();
            assert_eq!(output.number("/written"), 0);
        });
        assert!(requests.len() <= 3, "night {night}: {requests:#?}");
    }
    assert_eq!(model.count(), 0);
}

#[test]
fn an_edit_in_wordpress_between_two_runs_is_a_persons() {
    for plugin in [Plugin::On, Plugin::Off] {
        let Some((site, model, workspace)) = start(plugin) else {
            return;
        };
        let photos = site.fill_empty(4);
        let _ = workspace.run(&["run", "--json"]).expect(0).counted();
        site.edit(&photos[1].id, MINE);
        site.edit(&photos[2].id, "");
        let edited = site.dump();
        assert_eq!(edited[1].alt(), MINE);
        // The plugin takes our mark from a text that is not ours any more.
        assert_eq!((edited[1].source(), edited[2].source()), ("", ""));
        model.forget();
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/skipped/person"), 1, "{output}");
        assert_eq!(output.number("/skipped/cleared"), 1, "{output}");
        let run = workspace.run(&["upgrade", "--json"]).expect(0).counted();
        assert_eq!(run.number("/written"), 0);
        assert_eq!((site.dump(), model.count()), (edited, 0));
    }
}

#[test]
fn an_edit_in_wordpress_while_the_model_thinks_is_left_alone() {
    let Some((site, model, workspace)) = start(Plugin::On) else {
        return;
    };
    let photos = site.fill_empty(3);
    model.script(
        When::chat().text("Photo 1"),
        Act::late(Duration::from_secs(15)),
    );
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| {
        model
            .calls()
            .iter()
            .any(|call| call.prompt.contains("Photo 1"))
    }));
    site.edit(&photos[1].id, MINE);
    let output = running.wait().expect(0).counted();
    assert_eq!(output.number("/conflict"), 1, "{output}");
    assert_eq!(output.number("/written"), 2);
    let now = site.photo(&photos[1].id);
    assert_eq!((now.alt(), now.source()), (MINE, ""));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 1);
}

#[test]
fn a_photo_that_is_deleted_meanwhile_is_no_failure() {
    let Some((site, model, workspace)) = start(Plugin::Off) else {
        return;
    };
    let photos = site.fill_empty(3);
    model.script(
        When::chat().text("Photo 1"),
        Act::late(Duration::from_secs(15)),
    );
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| {
        model
            .calls()
            .iter()
            .any(|call| call.prompt.contains("Photo 1"))
    }));
    site.delete(&photos[1].id);
    let output = running.wait().expect(0).counted();
    assert_eq!(output.number("/skipped/gone"), 1, "{output}");
    assert_eq!(output.number("/written"), 2);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/gone"), 0, "{output}");
    assert_eq!(output.number("/written"), 0);
}

#[test]
fn a_wrong_password_stops_the_run_before_anything_is_read() {
    let Some((site, model, workspace)) = start(Plugin::Off) else {
        return;
    };
    site.fill_empty(3);
    workspace.write(".env", "WP_PASSWORD=wrongwrongwrongwrong\n");
    let output = workspace.run(&["run", "--json"]).expect(1);
    output.says(&["refuses the token", "401"]);
    assert_eq!((output.number("/site_reads"), model.count()), (1, 0));
}

#[test]
fn an_account_that_may_change_nothing_stops_the_run() {
    let Some((site, model, mut workspace)) = start(Plugin::Off) else {
        return;
    };
    let before = site.fill_empty(3);
    site.log_in(&mut workspace, "WP_READER");
    let output = workspace.run(&["run", "--json"]).expect(1);
    output.says(&["list the photos", "403"]);
    // An author may list, and may not change what others uploaded.
    site.log_in(&mut workspace, "WP_AUTHOR");
    let output = workspace.run(&["run", "--json"]).expect(1);
    output.says(&["counts 3 photos", "shows none"]);
    assert_eq!((site.dump(), model.count()), (before, 0));
}

#[test]
fn the_limits_of_a_careful_host_are_kept() {
    let Some((site, _model, mut workspace)) = start(Plugin::On) else {
        return;
    };
    let photos = site.fill_empty(8);
    workspace.set("site.base_url", site.env("WP_LIMITED_URL"));
    let mut output = None;
    let requests = site.requests_of(|| {
        output = Some(workspace.run(&["run", "--json"]).expect(0).counted());
    });
    let output = output.expect("it ran");
    assert_eq!(output.number("/written"), 8);
    let refused = requests.iter().filter(|line| line.ends_with(" 429"));
    assert!(refused.count() > 0, "the test must meet the limit");
    let long = "A long text. ".repeat(300);
    let id = &photos[0].id;
    let output = workspace
        .run(&["fix", id, "--text", &long, "--json"])
        .expect(3);
    output.says(&["413", "Request Entity Too Large"]);
    assert!(site.photo(id).alt().len() < 1000);
}

#[test]
fn a_refused_request_leaves_no_mark_behind() {
    let Some((site, model, mut workspace)) = start(Plugin::On) else {
        return;
    };
    // A value that the plugin does not know: nothing of the request is saved.
    let photos = site.fill_empty(2);
    workspace.set("site.tag.machine.write", "robot");
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 2, "{output}");
    output.says(&["400"]);
    assert_eq!(alts(&site.dump()), alts(&photos));
    assert!(site.dump().iter().all(|photo| photo.source() == ""));

    // With a second field, WordPress saves the first and refuses the second.
    site.install(
        "second-field.php",
        "<?php add_action( 'init', function () { register_post_meta( 'attachment', 'alt_model', \
         array( 'type' => 'string', 'single' => true, 'show_in_rest' => array( 'schema' => \
         array( 'type' => 'string', 'maxLength' => 3 ) ) ) ); } );",
    );
    let mut workspace = site.workspace(&model);
    workspace.set("site.update.body.meta.alt_model", "far too long");
    let output = workspace.run(&["run", "--json"]).expect(3).counted();
    assert_eq!(output.number("/failed"), 2, "{output}");
    for photo in site.dump() {
        assert_eq!((photo.alt(), photo.source()), ("", ""), "{photo:?}");
    }
}

#[test]
fn what_wordpress_makes_of_a_text_is_known_beforehand() {
    let Some((site, _model, workspace)) = start(Plugin::On) else {
        return;
    };
    let texts = [
        ("C:\\photos \\ \\\\server", "C:\\photos \\ \\\\server"),
        ("100% of %20 is %41 left", "100% of is left"),
        ("I <3 \"it\"", "I &lt;3 &quot;it&quot;"),
        (
            "<b>Bold</b> & <script>alert(1)</script>plain",
            "Bold & plain",
        ),
        ("Emoji 🐕‍🦺, Ελληνικά, 漢字", "Emoji 🐕‍🦺, Ελληνικά, 漢字"),
    ];
    let photos = site.fill_empty(texts.len());
    for (photo, (sent, kept)) in photos.iter().zip(texts) {
        let output = workspace.run(&["fix", &photo.id, "--text", sent, "--json"]);
        let output = output.expect(0);
        assert_eq!(output.number("/written"), 1, "{output}");
        let now = site.photo(&photo.id);
        assert_eq!((now.alt(), now.source()), (kept, "human"));
    }
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/skipped/person"), 5, "{output}");
}

#[test]
fn a_run_that_was_killed_is_settled_by_what_wordpress_kept() {
    let Some((site, model, workspace)) = start(Plugin::On) else {
        return;
    };
    site.fill_empty(12);
    let mut running = workspace.spawn(&["run", "--json"]);
    running.until(|| model.count() >= 6);
    let _ = running.kill();
    // The site may still be at work on what was on its way.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/conflict"), 0, "{output}");
    assert_eq!(output.number("/skipped/person"), 0, "{output}");
    let captions = model.captions();
    for photo in site.dump() {
        assert!(captions.iter().any(|text| text == photo.alt()), "{photo:?}");
        assert_eq!(photo.source(), "ai");
    }
}

#[test]
fn a_site_without_pretty_links_works_too() {
    let Some((site, _model, mut workspace)) = start(Plugin::On) else {
        return;
    };
    site.fill_empty(2);
    workspace.set("site.set.api", "/?rest_route=/wp/v2");
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 2);
}
