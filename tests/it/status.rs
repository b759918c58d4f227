//! As an administrator I see on one screen how the archive stands and what the
//! next night will bring.

use crate::support::{Act, FakeModel, FakePhoto, FakeSite, Say, When, Workspace};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn the_status_foretells_what_the_next_run_does() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for id in ["coast/a", "coast/b", "coast/refused", "town/c", "town/d"] {
        site.add(id, FakePhoto::new(&format!("Title of {id}")));
    }
    site.add("coast/broken", FakePhoto::new("Broken").no_pixels());
    site.add("coast/told", FakePhoto::new("Told").alt("Dogs").verified(1));
    model.script(
        When::chat().text("Title of coast/refused"),
        Act::say(Say::Filtered),
    );
    let workspace = Workspace::album(&site, &model);
    let empty = workspace.run(&["status"]).expect(0).stdout;
    assert!(empty.contains("Nothing is recorded yet"), "{empty}");

    let preview = ["run", "--preview", "--album", "coast", "--json"];
    let _ = workspace.run(&preview).expect(3);
    let status = workspace.run(&["status", "--json"]).expect(0).json();
    let next = json!({"accepted": 0, "drafts": 2, "generate": 2, "retries": 0});
    assert_eq!(status["next_run"], next);
    assert_eq!(
        (&status["held"], &status["not_due"]),
        (&json!(1), &json!(1))
    );
    let text = workspace.run(&["status"]).expect(0).stdout;
    for part in [
        "2           drafts that are ready are written",
        "2           photos without a text: a model is asked",
        "held: refusal",
        "backfill  complete",
    ] {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
    assert!(text.lines().count() <= 24, "more than one screen: {text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );

    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!((run.number("/written"), run.number("/model_calls")), (4, 2));
    let status = workspace.run(&["status", "--json"]).expect(0).json();
    let nothing = json!({"accepted": 0, "drafts": 0, "generate": 0, "retries": 0});
    assert_eq!(status["next_run"], nothing);
    let text = workspace.run(&["status"]).expect(0).stdout;
    assert!(
        text.contains("nothing to do, unless the site has new photos"),
        "{text}"
    );
}

#[test]
fn a_decision_moves_a_draft_from_those_held_to_those_written_next() {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for name in ["a", "b"] {
        let title = format!("Pond {name}");
        site.add(&format!("pond/{name}"), FakePhoto::new(&title));
        let text = format!("Ducks, see http://example.org/{name}");
        model.script(When::chat().text(&title), Act::say(Say::Text(text)));
    }
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let status = workspace.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["held"], 2);
    let table = workspace.run(&["export"]).expect(0).stdout;
    let table = table.replacen("\"\",\"pond/a\"", "\"accept\",\"pond/a\"", 1);
    let table = table.replacen("\"\",\"pond/b\"", "\"reject\",\"pond/b\"", 1);
    workspace.write("held.csv", table);
    let _ = workspace.run(&["import", "held.csv"]).expect(0);
    let status = workspace.run(&["status", "--json"]).expect(0).json();
    assert_eq!(
        (&status["held"], &status["held_by_reason"]),
        (&json!(0), &json!({}))
    );
    let next = json!({"accepted": 1, "drafts": 0, "generate": 0, "retries": 0});
    assert_eq!(status["next_run"], next);
    let run = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!((run.number("/written"), run.number("/model_calls")), (1, 0));
}

#[test]
fn spending_is_told_by_month_and_what_runs_at_home_costs_nothing() {
    let (site, model) = (FakeSite::with_photos(6), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    // A call in each of six months, the first in 2026-01.
    let state = rusqlite::Connection::open(workspace.path("state/altfill.db")).expect("ours");
    state
        .execute(
            "UPDATE calls SET sent_at = strftime('%s', '2025-12-15', '+' || id || ' months') * 1000",
            [],
        )
        .expect("an ordinary table");
    drop(state);
    let spent = |text: &str| {
        let (_, spent) = text
            .split_once("Spent, by month (UTC):\n")
            .expect("spending");
        let lines = spent
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>()
    };
    let text = workspace.run(&["status"]).expect(0).stdout;
    let month = |month: u8, cost: &str| format!("2026-{month:02} fake 1 calls {cost}");
    let mut told: Vec<String> = [6, 5, 4].map(|number| month(number, "$0.00")).to_vec();
    told.push("3 months before that: altfill status --json".to_owned());
    assert_eq!(spent(&text), told, "{text}");
    let status = workspace.run(&["status", "--json"]).expect(0).json();
    let all = status["spent"].as_array().expect("a list");
    assert_eq!(all.len(), 6, "{status}");
    for row in all {
        assert_eq!(
            (&row["cost_usd"], &row["calls_without_price"]),
            (&json!(0.0), &json!(0))
        );
    }
    // In the cloud, what nobody knows is said.
    workspace.set_model("fake", "deployment", json!("cloud"));
    let text = workspace.run(&["status"]).expect(0).stdout;
    assert_eq!(spent(&text)[0], month(6, "no price*"), "{text}");
    assert!(text.contains("* not in the sum: 3 calls"), "{text}");
}

#[test]
fn photos_that_no_run_has_read_yet_are_told_apart() {
    let (site, model) = (FakeSite::with_photos(40), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("site.concurrency", 1);
    let run = ["run", "--limit", "2", "--json"];
    let output = workspace.run(&run).expect(0).counted();
    assert!(output.number("/not_reached") > 0, "{output}");
    let status = workspace.run(&["status", "--json"]).expect(0);
    let unseen = status.number("/unseen");
    assert!(unseen > 0 && unseen < 39, "{status}");
    let text = workspace.run(&["status"]).expect(0).stdout;
    assert!(
        text.contains(&format!("{unseen}           were not looked at yet")),
        "{text}"
    );
}

#[test]
fn a_state_that_may_not_be_looked_at_is_no_empty_one() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    };
    mode(workspace.directory(), 0o755);
    mode(&workspace.path("state"), 0o000);
    let status = workspace.altfill(&["status"]);
    let output = if nix::unistd::geteuid().is_root() {
        status.user(65_534).run()
    } else {
        status.run()
    };
    mode(&workspace.path("state"), 0o700);
    let output = output.expect(1);
    output.says(&["could not look at the state file", "ermission denied"]);
}
