//! The schema for editors knows the keys of a description: all of them, and no
//! others.

use super::Description;
use serde_json::Value;
use std::collections::BTreeSet;

fn site() -> Value {
    let text = include_str!("../../../docs/schema/pipeline.schema.json");
    let schema: Value = serde_json::from_str(text).expect("a schema is JSON");
    schema["properties"]["site"].clone()
}

/// What a description with a word that nobody knows is told: the words in
/// backquotes behind "expected".
fn expected(text: &str) -> BTreeSet<String> {
    let value: Value = toml::from_str(text).expect("TOML");
    let why = Description::from_value(&value)
        .expect_err("an unknown word")
        .why;
    let (_, list) = why
        .split_once("expected")
        .unwrap_or_else(|| panic!("{text}: {why}"));
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// A table of the schema; those that `false` takes away are the first of two.
fn table<'s>(mut at: &'s Value, path: &str) -> &'s Value {
    for step in path.split('.') {
        at = &at["properties"][step];
        if at["anyOf"][0]["type"] == "object" {
            at = &at["anyOf"][0];
        }
        if step == "means" {
            at = &at["items"];
        }
    }
    at
}

#[test]
fn the_schema_has_the_keys_of_a_description_and_no_others() {
    let site = site();
    for (path, text) in [
        ("auth", "[auth]\nzzzz = 1"),
        ("probe", "[probe]\nzzzz = 1"),
        ("may_write", "[may_write]\nzzzz = 1"),
        ("list", "[list]\nzzzz = 1"),
        ("read", "[read]\nzzzz = 1"),
        ("update", "[update]\nzzzz = 1"),
        ("fields", "[fields]\nzzzz = 1"),
        ("image", "[image]\nzzzz = 1"),
        ("image.sizes", "[image]\nsizes = { zzzz = 1 }"),
        ("tag", "[tag]\nzzzz = 1"),
        ("join", "[join]\nzzzz = 1"),
        ("errors", "[errors]\nzzzz = 1"),
        ("errors.means", "[errors]\nmeans = [{ zzzz = 1 }]"),
    ] {
        let table = table(&site, path);
        assert_eq!(table["additionalProperties"], false, "{path} takes any key");
        let own = table["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("no {path}"));
        for (name, property) in own {
            assert!(
                property["description"].is_string(),
                "site.{path}.{name} has no description"
            );
        }
        let own: BTreeSet<String> = own.keys().cloned().collect();
        assert_eq!(
            own,
            expected(text),
            "site.{path}: docs/schema/pipeline.schema.json and the code differ"
        );
    }
    let all = site["properties"].as_object().expect("properties");
    for key in expected("zzzz = 1") {
        assert!(all.contains_key(&key), "site.{key}");
    }
}

#[test]
fn the_schema_offers_the_words_of_a_description_and_no_others() {
    let site = site();
    let words = |value: &Value| -> BTreeSet<String> {
        let list = value["enum"]
            .as_array()
            .unwrap_or_else(|| panic!("no words: {value}"));
        list.iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()
    };
    for (path, key, text) in [
        ("auth", "scheme", "[auth]\nscheme = \"zzzz\""),
        ("read", "method", "[read]\nmethod = \"zzzz\""),
        ("may_write", "allows", "[may_write]\nallows = \"zzzz\""),
        ("list", "paging", "[list]\npaging = \"zzzz\""),
        ("update", "confirm", "[update]\nconfirm = \"zzzz\""),
        (
            "errors.means",
            "is",
            "[errors]\nmeans = [{ is = \"zzzz\" }]",
        ),
    ] {
        let own = &table(&site, path)["properties"][key];
        assert_eq!(words(own), expected(text), "site.{path}.{key}");
    }
    let update = table(&site, "update");
    let escape = &update["properties"]["escape"]["items"];
    assert_eq!(words(escape), expected("[update]\nescape = [\"zzzz\"]"));
    let steps = &update["properties"]["cleaning"]["items"]["anyOf"];
    let mut own = words(&steps[0]);
    own.extend(
        steps[1]["properties"]
            .as_object()
            .expect("a step with a number")
            .keys()
            .cloned(),
    );
    assert_eq!(own, expected("[update]\ncleaning = [\"zzzz\"]"));
}
