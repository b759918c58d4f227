//! As an owner I see which models I could use, and whether each of them works,
//! before I let one loose on my photos.

use crate::support::{Act, Fail, FakeModel, FakeSite, MODEL_KEY, Output, Say, When, Workspace};
use serde_json::{Value, json};

fn library(model: &FakeModel) -> (FakeSite, Workspace) {
    let site = FakeSite::with_photos(1);
    let workspace = Workspace::album(&site, model);
    (site, workspace)
}

/// What `--check --json` found for one model.
fn found(output: &Output, name: &str) -> Value {
    let all = output.json();
    let list = all.as_array().expect("an array of models");
    let model = list.iter().find(|model| model["name"] == name);
    model.unwrap_or_else(|| panic!("no {name}: {output}"))["check"].clone()
}

fn problem(output: &Output, name: &str) -> String {
    let found = found(output, name);
    assert_eq!(found["result"], "wrong", "{output}");
    found["problem"].as_str().expect("a problem").to_owned()
}

#[test]
fn the_list_needs_no_token_and_no_site_and_fits_eighty_columns() {
    let model = FakeModel::openai();
    let (site, mut workspace) = library(&model);
    for (name, entry) in [
        (
            "a-name-of-some-length",
            json!({"model": "mistral/pixtral-large-2411"}),
        ),
        (
            "gpt",
            json!({"provider": "openai", "model": "gpt-4o-2024-08-06-and-more",
                "deployment": "cloud", "price": {"input": 2.5, "output": 10.0},
                "context": ["album", "title"]}),
        ),
        (
            "llava",
            json!({"deployment": "local", "model": "llava:13b"}),
        ),
        (
            "alone",
            json!({"deployment": "local", "model": "x", "context": []}),
        ),
    ] {
        workspace.add_model(name, &model);
        for field in [
            "provider",
            "base_url",
            "deployment",
            "api_key_env",
            "settings",
        ] {
            workspace.set_model(name, field, Value::Null);
        }
        for (field, value) in entry.as_object().expect("an object") {
            workspace.set_model(name, field, value.clone());
        }
    }
    let requests = site.requests().len();
    let list = workspace
        .altfill(&["models"])
        .without_env("SITE_TOKEN")
        .run()
        .expect(0);
    for line in list.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line:?}: {list}");
    }
    let row = |name: &str| {
        let row = list.stdout.lines().find(|line| line.starts_with(name));
        row.unwrap_or_else(|| panic!("no row {name}: {list}"))
    };
    for (name, words) in [
        (
            "gpt",
            &["openai", "cloud", "2.5, 10", "yes", "album"] as &[&str],
        ),
        (
            "a-name-of-some-length",
            &["mistral", "cloud", "unknown", "yes", "all"],
        ),
        ("llava", &["ollama", "llava:13b", "local", "yes", "all"]),
        ("alone", &["ollama", "local", "?", "photo"]),
        (
            "fake",
            &["compatible", "fake-vision", "local", "yes", "all"],
        ),
    ] {
        for word in words {
            assert!(row(name).contains(word), "{word}: {list}");
        }
    }
    for words in [
        "In use: fake",
        "OPENAI_API_KEY is not set",
        "MISTRAL_API_KEY is not set",
    ] {
        assert!(list.stdout.contains(words), "{words}: {list}");
    }
    let json = workspace.run(&["models", "--json", "gpt"]).expect(0).json();
    assert_eq!(json.as_array().map(Vec::len), Some(1));
    assert_eq!(json[0]["may_see"], json!(["album", "title"]));
    assert_eq!(json[0]["key_set"], false);
    assert_eq!(json[0]["vision"], true);
    assert_eq!(site.requests().len(), requests, "the site was asked");
    assert_eq!(model.count(), 0, "a list asks no model");
}

#[test]
fn a_model_that_works_is_shown_with_its_answer_and_its_cost() {
    for model in [
        FakeModel::openai(),
        FakeModel::ollama(),
        FakeModel::anthropic(),
        FakeModel::gemini(),
    ] {
        let (site, mut workspace) = library(&model);
        workspace.set_model("fake", "price", json!({"input": 10.0, "output": 10.0}));
        model.script(When::chat(), Act::text("A red house on a meadow."));
        let output = workspace
            .altfill(&["models", "--check"])
            .without_env("SITE_TOKEN")
            .run()
            .expect(0);
        for words in [
            "ok",
            "fake",
            "A red house on a meadow.",
            "tokens",
            "Spent: $0.0",
        ] {
            assert!(output.stdout.contains(words), "{words}: {output}");
        }
        assert!(
            !output.stdout.contains("$0.00."),
            "it cost something: {output}"
        );
        assert_eq!(model.count(), 1, "one small picture is sent, once");
        let hash = model.calls()[0].image.clone().expect("an image");
        let image = model.image(&hash).expect("a picture that can be decoded");
        assert_eq!((image.width, image.height), (256, 192));
        assert_eq!(model.violations(), [] as [String; 0]);
        assert!(site.requests().is_empty());
        assert!(workspace.state().is_none(), "a check keeps no state");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_do_and_where() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    let ollama = FakeModel::ollama();
    ollama.lacks("missing-vision");
    let blind = FakeModel::ollama();
    blind.blind();
    let mute = FakeModel::openai();
    mute.script(When::chat(), Act::say(Say::Length(String::new())));
    let picky = FakeModel::openai();
    picky.refuses_setting("temperature");
    let broke = FakeModel::anthropic();
    broke.script(When::chat(), Act::fail(Fail::Quota));
    workspace.add_model("missing", &ollama);
    workspace.add_model("blind", &blind);
    workspace.add_model("mute", &mute);
    workspace.add_model("picky", &picky);
    workspace.set_model("picky", "settings", json!({"temperature": 0.5}));
    workspace.add_model("broke", &broke);
    workspace.add_model("keyless", &model);
    workspace.set_model("keyless", "api_key_env", json!("OTHER_KEY"));
    workspace.add_model("down", &model);
    workspace.set_model("down", "provider", json!("ollama"));
    workspace.set_model("down", "base_url", json!("http://127.0.0.1:9/"));
    workspace.set_model("down", "api_key_env", Value::Null);
    model.script(When::chat(), Act::text("A red house."));

    let output = workspace.run(&["models", "--check", "--json"]).expect(1);
    assert_eq!(found(&output, "fake")["result"], "ok");
    assert_eq!(found(&output, "fake")["text"], "A red house.");
    let pull = problem(&output, "missing");
    assert!(pull.contains("ollama pull missing-vision"), "{pull}");
    let eyes = problem(&output, "blind");
    assert!(eyes.contains("can't see images"), "{eyes}");
    assert_eq!(blind.count(), 0, "a model without eyes is not asked");
    let room = problem(&output, "mute");
    assert!(room.contains("raise `max_tokens`"), "{room}");
    let setting = problem(&output, "picky");
    assert!(
        setting.contains("temperature") && setting.contains("`omit`"),
        "{setting}"
    );
    let money = problem(&output, "broke");
    assert!(money.contains("balance"), "{money}");
    let server = problem(&output, "down");
    assert!(server.contains("`ollama serve` starts it"), "{server}");
    let keyless = found(&output, "keyless");
    assert_eq!(keyless["result"], "not_tried");
    assert!(
        keyless["problem"]
            .as_str()
            .is_some_and(|text| text.contains("OTHER_KEY"))
    );

    // The line is the one to mend.
    let picky = found(&output, "picky");
    let text = std::fs::read_to_string(workspace.path("models.yaml")).expect("models");
    let line = usize::try_from(picky["line"].as_u64().expect("a line")).expect("small");
    assert_eq!(picky["file"], "models.yaml");
    assert!(
        text.lines()
            .nth(line - 1)
            .is_some_and(|line| line.contains("settings"))
    );
    let below: Vec<&str> = text.lines().take(line).collect();
    let entry = below.iter().rev().find(|line| !line.starts_with(' '));
    assert_eq!(entry, Some(&"picky:"));

    let plain = workspace.run(&["models", "--check"]).expect(1);
    for words in [
        "wrong",
        "not tried",
        "set OTHER_KEY",
        "1 ok, 6 wrong, 1 not tried",
    ] {
        assert!(plain.stdout.contains(words), "{words}: {plain}");
    }
    for line in plain.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line:?}");
    }
    assert!(!plain.stdout.contains(MODEL_KEY));
}

#[test]
fn a_missing_key_is_an_error_only_where_the_model_is_wanted() {
    let model = FakeModel::openai();
    let (_site, mut workspace) = library(&model);
    workspace.add_model("keyless", &model);
    workspace.set_model("keyless", "api_key_env", json!("OTHER_KEY"));
    let _ = workspace.run(&["models", "--check"]).expect(0);
    let named = workspace.run(&["models", "--check", "keyless"]).expect(1);
    assert!(named.stdout.contains("set OTHER_KEY"), "{named}");
    workspace.set("fallback", vec!["keyless"]);
    let used = workspace.run(&["models", "--check"]).expect(1);
    assert!(used.stdout.contains("set OTHER_KEY"), "{used}");
    let unknown = workspace.run(&["models", "--check", "keyles"]).expect(2);
    unknown.says(&["no model `keyles`", "did you mean `keyless`?"]);
}

#[test]
fn an_answer_that_is_not_about_the_picture_is_doubted() {
    let model = FakeModel::openai();
    let (_site, workspace) = library(&model);
    model.script(
        When::chat(),
        Act::text("Two elderly men play chess in a park."),
    );
    let output = workspace.run(&["models", "--check"]).expect(0);
    let flat = output
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(flat.contains("does it see?"), "{output}");
}

#[test]
fn models_of_one_local_server_are_tried_one_after_the_other() {
    let model = FakeModel::ollama();
    let (_site, mut workspace) = library(&model);
    for name in ["b", "c", "d"] {
        workspace.add_model(name, &model);
    }
    model.loading(std::time::Duration::from_millis(100));
    model.latency(std::time::Duration::from_millis(100));
    let _ = workspace.run(&["models", "--check"]).expect(0);
    assert_eq!(model.count(), 4);
    assert_eq!(model.most_in_flight(), 1);
    assert_eq!(model.loads().len(), 4, "{:?}", model.loads());
}
