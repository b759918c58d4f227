//! The schemas for editors know the keys that the code reads: all of them, and
//! no others.

use super::super::raw::DESCRIPTION;
use super::super::{Environment, Overrides, load, providers};
use crate::archive::ContextField;
use serde_json::Value;
use std::collections::BTreeSet;

fn schema(name: &str) -> Value {
    let text = match name {
        "pipeline" => include_str!("../../../docs/schema/pipeline.schema.json"),
        _ => include_str!("../../../docs/schema/models.schema.json"),
    };
    serde_json::from_str(text).expect("a schema is JSON")
}

/// What settings with a key that nobody knows are told.
fn hint(pipeline: &str, models: &str) -> String {
    let folder = tempfile::tempdir().expect("a scratch directory");
    let file = folder.path().join("pipeline.toml");
    std::fs::write(&file, pipeline).expect("written");
    std::fs::write(folder.path().join("models.yaml"), models).expect("written");
    let overrides = Overrides {
        config: Some(file),
        ..Overrides::default()
    };
    let none: [(&str, &str); 0] = [];
    let error = load(&overrides, Environment::from_pairs(none)).expect_err("an unknown key");
    error.hint().unwrap_or_default()
}

/// The keys that such a hint lists.
fn listed(hint: &str, table: &str) -> BTreeSet<String> {
    let within = if table.is_empty() {
        String::new()
    } else {
        format!(" in `{table}`")
    };
    let start = format!("the known keys{within} are: ");
    let line = hint.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("no keys of `{table}`: {hint}"));
    line.split(", ").map(str::to_owned).collect()
}

fn properties(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let table = schema
        .pointer(pointer)
        .unwrap_or_else(|| panic!("nothing at {pointer}"));
    assert_eq!(
        table["additionalProperties"], false,
        "{pointer} takes any key"
    );
    let own = table["properties"].as_object().expect("properties");
    for (name, property) in own {
        let text = property["description"].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{pointer}: {name} has no description");
    }
    own.keys().cloned().collect()
}

const MODELS: &str = "x: {model: m}\n";

#[test]
fn the_schema_of_the_settings_has_the_keys_that_are_read_and_no_others() {
    let schema = schema("pipeline");
    for (table, text, pointer) in [
        ("", "zzzz = 1\n", ""),
        ("site", "[site]\nzzzz = 1\n", "/properties/site"),
        (
            "site.pixels",
            "[site]\npixels = { zzzz = 1 }\n",
            "/properties/site/properties/pixels/anyOf/1",
        ),
        ("context", "[context]\nzzzz = 1\n", "/properties/context"),
        ("run", "[run]\nzzzz = 1\n", "/properties/run"),
        ("photo", "[photo]\nzzzz = 1\n", "/properties/photo"),
        ("metrics", "[metrics]\nzzzz = 1\n", "/properties/metrics"),
        ("notify", "[notify]\nzzzz = 1\n", "/properties/notify"),
    ] {
        let read = listed(&hint(text, MODELS), table);
        assert_eq!(
            properties(&schema, pointer),
            read,
            "[{table}]: docs/schema/pipeline.schema.json and the code differ"
        );
    }
}

#[test]
fn the_schema_of_the_models_has_the_keys_that_are_read_and_no_others() {
    let schema = schema("models");
    for (table, text, pointer) in [
        ("x", "x: {zzzz: 1}", ""),
        ("x.price", "x: {price: {zzzz: 1}}", "/properties/price"),
        ("x.limits", "x: {limits: {zzzz: 1}}", "/properties/limits"),
        ("x.image", "x: {image: {zzzz: 1}}", "/properties/image"),
    ] {
        let read = listed(&hint("model = \"x\"\n", text), table);
        let pointer = format!("/definitions/entry{pointer}");
        assert_eq!(
            properties(&schema, &pointer),
            read,
            "{table}: docs/schema/models.schema.json and the code differ"
        );
    }
}

/// The texts that a property may be.
fn choices(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let list = schema
        .pointer(pointer)
        .and_then(|property| property["enum"].as_array());
    let list = list.unwrap_or_else(|| panic!("no choices at {pointer}"));
    list.iter()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn the_schemas_offer_the_words_that_are_understood_and_no_others() {
    let owned =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
    let (pipeline, models) = (schema("pipeline"), schema("models"));
    let presets: Vec<&str> = super::super::site::PRESETS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(
        choices(&pipeline, "/properties/site/properties/preset"),
        owned(&presets)
    );
    let entry = "/definitions/entry/properties";
    let known: Vec<&str> = providers::names().collect();
    assert_eq!(
        choices(&models, &format!("{entry}/provider")),
        owned(&known)
    );
    let dialects: Vec<&str> = super::super::connection::DIALECTS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(
        choices(&models, &format!("{entry}/dialect")),
        owned(&dialects)
    );
    assert_eq!(
        choices(&models, &format!("{entry}/image/properties/detail")),
        owned(&super::super::entries::DETAILS)
    );
    let fields = ContextField::ALL.map(ContextField::as_str);
    assert_eq!(
        choices(&models, &format!("{entry}/context/items")),
        owned(&fields)
    );
}

#[test]
fn every_setting_is_among_those_that_are_printed() {
    let folder = tempfile::tempdir().expect("a scratch directory");
    let file = folder.path().join("pipeline.toml");
    let text =
        "model = \"x\"\n[site]\nbase_url = \"https://example.org\"\ntoken_env = \"SITE_TOKEN\"\n";
    std::fs::write(&file, text).expect("written");
    std::fs::write(
        folder.path().join("models.yaml"),
        "x: {deployment: local, model: m}\n",
    )
    .expect("written");
    let overrides = Overrides {
        config: Some(file),
        ..Overrides::default()
    };
    let environment =
        Environment::from_pairs([("SITE_TOKEN", "s3cret"), ("ALTFILL_LANGUAGE", "nl")]);
    let shown =
        super::super::shown(&overrides, environment, |_| serde_json::Map::new()).expect("settings");
    assert!(!format!("{shown:?}").contains("s3cret"));
    let printed: BTreeSet<String> = shown.settings.iter().map(|one| one.key.clone()).collect();
    let schema = schema("pipeline");
    let tables = ["site", "context", "run", "photo", "metrics", "notify"];
    for table in [""].into_iter().chain(tables) {
        let (pointer, dot) = if table.is_empty() {
            (String::new(), "")
        } else {
            (format!("/properties/{table}"), ".")
        };
        for key in properties(&schema, &pointer) {
            let is_table = tables.contains(&key.as_str());
            let is_described = table == "site" && DESCRIPTION.contains(&key.as_str());
            if !is_table && !is_described {
                assert!(
                    printed.contains(&format!("{table}{dot}{key}")),
                    "{table}{dot}{key}"
                );
            }
        }
    }
    let one = |key: &str| shown.settings.iter().find(|one| one.key == key).expect(key);
    assert_eq!(one("language").value, "\"nl\"");
    assert_eq!(
        one("language").comes,
        super::super::Comes::Variable("ALTFILL_LANGUAGE".to_owned())
    );
    assert!(matches!(
        one("site.base_url").comes,
        super::super::Comes::Line(_, 3)
    ));
    assert_eq!(one("site.token").value, "(set, from $SITE_TOKEN)");
    assert_eq!(one("run.drain").comes, super::super::Comes::Default);
    assert!(shown.models.iter().any(|one| one.key == "x.model" && matches!(one.comes, super::super::Comes::Line(_, 1))));
}
