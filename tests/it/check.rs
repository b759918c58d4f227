//! As an owner I ask whether everything works that a run needs, and am told what
//! to do where it doesn't. Nothing is written, and nothing costs anything.

use crate::support::cms::{Call, FakeCms};
use crate::support::{FakeModel, FakeSite, Output, Reply, SITE_TOKEN, Workspace, photos};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

fn story() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(3), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

/// The result of one check.
fn result(output: &Output, key: &str) -> Value {
    let json = output.json();
    let all = json["checks"].as_array().expect("checks").clone();
    let found = all.into_iter().find(|one| one["check"] == key);
    found.unwrap_or_else(|| panic!("no {key}: {output}"))
}

/// What was printed, on one line: where lines end is no matter here.
fn flat(output: &Output) -> String {
    let words: Vec<&str> = output.stdout.split_whitespace().collect();
    words.join(" ")
}

fn fits(output: &Output) {
    for line in output.stdout.lines() {
        let long = line.chars().count() > 80;
        let address = line.split_whitespace().any(|word| word.len() > 40);
        assert!(
            !long || address,
            "{line:?} is longer than 80 columns: {output}"
        );
    }
}

#[test]
fn all_that_a_run_needs_is_looked_at_and_nothing_is_written() {
    let (site, model, workspace) = story();
    let before = workspace.everything();
    let output = workspace.run(&["check"]).expect(0);
    fits(&output);
    for line in [
        "Settings",
        "ok pipeline.toml",
        "State",
        "is not there yet; the first run makes it",
        "ok lock",
        "ok space",
        "Site",
        "ok site.list",
        "-- site.may_write",
        "Pictures",
        "ok picture a model gets it with",
        "Models",
    ] {
        assert!(flat(&output).contains(line), "{line}: {output}");
    }
    assert!(
        site.requests()
            .iter()
            .all(|request| request.method == "GET")
    );
    assert_eq!(model.count(), 0);
    assert_eq!(workspace.everything(), before, "nothing was made");
    let json = workspace.run(&["check", "--json"]).expect(0);
    assert_eq!(json.json()["ok"], true, "{json}");
    let called = workspace.run(&["check", "--call", "--json"]).expect(0);
    assert_eq!(result(&called, "fake")["part"], "models");
    assert_eq!(model.count(), 1);
}

#[test]
fn one_part_that_fails_keeps_no_other_from_being_looked_at() {
    let (_site, _model, workspace) = story();
    let output = workspace
        .altfill(&["check", "--json"])
        .without_env("SITE_TOKEN")
        .run()
        .expect(1);
    let json = output.json();
    assert_eq!(json["problems"], 1, "{output}");
    let problem = result(&output, "pipeline.toml");
    assert!(
        problem["text"]
            .as_str()
            .is_some_and(|text| text.contains("SITE_TOKEN is not set")),
        "{problem}"
    );
    assert!(
        problem["advice"]
            .as_str()
            .is_some_and(|text| text.contains(".env")),
        "{problem}"
    );
    assert_eq!(result(&output, "site")["result"], "nothing");
    assert_eq!(result(&output, "space")["result"], "ok");
    assert_eq!(result(&output, "fake")["part"], "models");
    assert!(!output.stdout.contains(SITE_TOKEN));
}

#[test]
fn questionable_settings_are_named() {
    let (_site, _model, mut workspace) = story();
    workspace.set("fallback", vec!["fake".to_owned(), "nix".to_owned()]);
    let output = workspace.run(&["check", "--json"]).expect(1);
    let problem = result(&output, "pipeline.toml");
    assert!(
        problem["text"]
            .as_str()
            .is_some_and(|text| text.contains("`nix`")),
        "{problem}"
    );
    workspace.unset("fallback");
    workspace.set_model("fake", "deployment", json!("cloud"));
    let output = workspace.run(&["check", "--json"]).expect(0);
    assert_eq!(result(&output, "run.max_cost")["result"], "warning");
    workspace.set("run.max_cost", 5.0);
    let output = workspace.run(&["check", "--json"]).expect(1);
    assert!(output.stdout.contains("has no price"), "{output}");
    workspace.write("token.txt", SITE_TOKEN);
    workspace.set_model("fake", "price", json!({"input": 1, "output": 1}));
    workspace.unset("site.token_env");
    workspace.set("site.token_file", "token.txt");
    let open = |mode| {
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(workspace.path("token.txt"), rights).expect("our own file");
        result(&workspace.run(&["check", "--json"]).expect(0), "token.txt")
    };
    let warned = open(0o644);
    assert_eq!(warned["result"], "warning", "{warned}");
    assert!(
        warned["advice"]
            .as_str()
            .is_some_and(|text| text.starts_with("chmod 600 ")),
        "{warned}"
    );
    assert_eq!(open(0o600)["result"], "ok");
}

#[test]
fn the_state_file_is_looked_at_whatever_is_wrong_with_it() {
    let (_site, _model, mut workspace) = story();
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let file = |workspace: &Workspace, code| {
        result(&workspace.run(&["check", "--json"]).expect(code), "file")
    };
    let whole = file(&workspace, 0);
    assert!(
        whole["text"]
            .as_str()
            .is_some_and(|text| text.contains("is whole: 3 photos")),
        "{whole}"
    );
    workspace.set("site.name", "another");
    let other = file(&workspace, 1);
    assert!(
        other["text"]
            .as_str()
            .is_some_and(|text| text.contains("\"fake-site\"")),
        "{other}"
    );
    workspace.set("site.name", "fake-site");
    let path = workspace.path("state/altfill.db");
    let mut bytes = std::fs::read(&path).expect("the state file");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    std::fs::write(&path, bytes).expect("written");
    let _ = std::fs::remove_file(workspace.path("state/altfill.db-wal"));
    let damaged = file(&workspace, 1);
    assert_eq!(damaged["result"], "problem", "{damaged}");
    assert!(damaged["advice"].is_string(), "{damaged}");
    std::fs::write(&path, "no database at all").expect("written");
    assert!(
        file(&workspace, 1)["text"]
            .as_str()
            .is_some_and(|text| text.contains("not an altfill state file"))
    );
}

#[test]
fn a_run_that_holds_the_state_is_seen() {
    let (_site, _model, workspace) = story();
    let lock = std::fs::File::create(workspace.path("state/altfill.db.lock")).expect("a lock file");
    lock.lock().expect("our own lock");
    let output = workspace.run(&["check", "--json"]).expect(0);
    assert_eq!(result(&output, "lock")["result"], "warning");
    // Not by closing it: a child of another test may still have a copy of it open.
    lock.unlock().expect("our own lock");
    let output = workspace.run(&["check", "--json"]).expect(0);
    assert_eq!(result(&output, "lock")["result"], "ok");
}

#[test]
fn a_site_that_is_down_is_said_soon_and_the_models_are_still_tried() {
    let (_site, _model, mut workspace) = story();
    workspace.set("site.base_url", "http://127.0.0.1:9");
    let output = workspace.run(&["check", "--json"]).expect(1);
    assert!(output.took < std::time::Duration::from_secs(60), "{output}");
    assert_eq!(result(&output, "fake")["part"], "models");
    let site = result(&output, "site.base_url");
    assert_eq!(site["result"], "problem", "{output}");
    assert!(output.stdout.contains("connection refused"), "{output}");
}

#[test]
fn a_model_that_is_not_there_is_named_with_what_to_do() {
    let site = FakeSite::with_photos(1);
    let model = FakeModel::ollama();
    let mut workspace = Workspace::album(&site, &model);
    let output = workspace.run(&["check", "--json"]).expect(0);
    assert_eq!(result(&output, "fake")["result"], "ok", "{output}");
    workspace.set_model("fake", "base_url", json!("http://127.0.0.1:9"));
    let output = workspace.run(&["check", "--json"]).expect(1);
    let problem = result(&output, "fake");
    assert!(
        problem["advice"]
            .as_str()
            .is_some_and(|text| text.contains("ollama serve")),
        "{problem}"
    );
}

/// A site that says of each account what it may, as WordPress does.
fn tells(call: &Call<'_>, database: &mut Value) -> Reply {
    if call.after("GET /img/").is_some() {
        return Reply::bytes(200, "image/jpeg", photos::pool()[0].to_vec());
    }
    let photo = json!({"id": "1", "alt": "", "title": "A walk", "url": "/img/1.jpg"});
    let date = database["date"].as_str().map(str::to_owned);
    let reply = match call.what.as_str() {
        "GET /photos" => Reply::json(200, &json!([photo])),
        "GET /photos/1" => Reply::json(200, &photo),
        _ => Reply::empty(404),
    };
    let reply = reply.with("allow", database["allow"].as_str().unwrap_or_default());
    match date {
        Some(date) => reply.with("date", &date),
        None => reply,
    }
}

#[test]
fn whether_the_token_may_write_and_what_time_it_is_is_found_without_writing() {
    let model = FakeModel::openai();
    let cms = FakeCms::start(json!({"allow": "GET, POST"}), tells);
    let mut workspace = Workspace::empty();
    workspace.add_model("fake", &model);
    workspace.set("model", "fake");
    let description: toml::Table = r#"
        preset = "rest"
        token_env = "SITE_TOKEN"
        [list]
        url = "/photos"
        paging = "none"
        id = "/id"
        [read]
        url = "/photos/{id}"
        [may_write]
        url = "/photos/{id}"
        allows = "POST"
        [update]
        url = "/photos/{id}"
        body = { alt = "{alt}" }
        [fields]
        alt = "/alt"
        [image]
        url = "/url"
        "#
    .parse()
    .expect("TOML");
    for (key, value) in description {
        workspace.set(&format!("site.{key}"), value);
    }
    workspace.set("site.base_url", cms.url());
    let may = |code| {
        result(
            &workspace.run(&["check", "--json"]).expect(code),
            "site.may_write",
        )
    };
    assert_eq!(may(0)["result"], "ok");
    cms.change(|database| database["allow"] = json!("GET"));
    let refused = may(1);
    assert_eq!(refused["result"], "problem", "{refused}");
    assert!(
        refused["advice"]
            .as_str()
            .is_some_and(|text| text.contains("the variable SITE_TOKEN")),
        "{refused}"
    );
    cms.change(|database| {
        *database = json!({"allow": "POST", "date": "Fri, 20 Nov 2020 10:00:00 GMT"});
    });
    let output = workspace.run(&["check", "--json"]).expect(0);
    let clock = result(&output, "clock");
    assert_eq!(clock["result"], "warning", "{clock}");
    assert!(
        clock["text"]
            .as_str()
            .is_some_and(|text| text.contains("behind")),
        "{clock}"
    );
    cms.was_only_read();
}

#[test]
fn the_settings_are_printed_with_where_they_come_from_and_no_secret() {
    let (_site, _model, mut workspace) = story();
    workspace.set("run.max_cost", 2.5);
    let output = workspace
        .altfill(&["check", "--print-config", "--language", "nl"])
        .env("ALTFILL_CONCURRENCY", "3")
        .run()
        .expect(0);
    for (line, origin) in [
        ("language = \"nl\"", "flag --language"),
        ("run.concurrency = 3", "variable ALTFILL_CONCURRENCY"),
        ("run.max_cost = 2.5", "pipeline.toml:"),
        ("run.drain = \"30s\"", "default"),
        ("site.update.method = \"PATCH\"", "preset album"),
        (
            "site.token = (set, from $SITE_TOKEN)",
            "variable SITE_TOKEN",
        ),
        ("fake.limits.timeout = \"1m\"", "models.yaml:"),
        ("fake.key = (set, from $MODEL_KEY)", "variable MODEL_KEY"),
    ] {
        let found = output.stdout.lines().find(|shown| shown.starts_with(line));
        let found = found.unwrap_or_else(|| panic!("no {line}: {output}"));
        assert!(found.contains(origin), "{found}");
    }
    assert!(
        !output.stdout.contains(SITE_TOKEN) && !output.stdout.contains("sk-fake"),
        "{output}"
    );
    let output = workspace
        .altfill(&["check", "--print-config", "--json"])
        .without_env("SITE_TOKEN")
        .run()
        .expect(0);
    let json = output.json();
    let settings = json["settings"].as_array().expect("settings");
    let token = settings
        .iter()
        .find(|one| one["key"] == "site.token")
        .expect("a token");
    assert_eq!(token["value"], "(not set: $SITE_TOKEN is empty)");
}

#[test]
fn an_id_that_can_be_none_is_refused_and_one_that_nobody_has_is_not_recorded() {
    let (_site, _model, workspace) = story();
    for command in ["fix", "history"] {
        let output = workspace.run(&[command, "no-album"]).expect(2);
        output.says(&["\"no-album\" is no id of a photo", "album/name"]);
    }
    let _ = workspace.run(&["run", "--id", "a/b/c"]).expect(2);
    let output = workspace.run(&["fix", "no/such", "--json"]).expect(3);
    assert_eq!(output.number("/failed"), 1, "{output}");
    let _ = workspace.run(&["run", "--json"]).expect(0);
    let rows = workspace.rows("SELECT count(*) AS photos FROM photos");
    assert_eq!(rows[0]["photos"], json!(3));
}

#[test]
fn a_state_file_that_is_none_is_a_problem_for_every_command() {
    let (_site, _model, workspace) = story();
    let at = |name: &str| workspace.path(name);
    std::os::unix::fs::symlink("gone.db", at("dangling")).expect("a link");
    std::os::unix::fs::symlink("loop", at("loop")).expect("a link");
    for state in ["dangling", "loop", "/dev/null", "/dev/zero"] {
        let check = workspace.run(&["--state", state, "check", "--json"]);
        assert_eq!(result(&check, "file")["result"], "problem", "{check}");
        assert_eq!(check.code, Some(1), "{state}: {check}");
        for command in [&["status"][..], &["run"], &["backup", "copy.db"]] {
            let all = [&["--state", state], command].concat();
            workspace.run(&all).expect(2).says(&["state file", state]);
        }
        assert!(!at("copy.db").exists(), "{state}");
    }
}

#[test]
fn a_proxy_that_nothing_understands_is_named_without_its_value() {
    let (_site, _model, workspace) = story();
    let broken = "ht!tp:/secret-word@nowhere";
    let check = workspace.altfill(&["check"]).env("HTTPS_PROXY", broken);
    let output = check.run().expect(0);
    assert!(
        flat(&output).contains("HTTPS_PROXY it names no proxy"),
        "{output}"
    );
    assert!(!output.to_string().contains("secret-word"), "{output}");
}
