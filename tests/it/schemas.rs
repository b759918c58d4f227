//! As somebody who writes settings in an editor I get help and red lines from
//! the schemas; they and the program agree.

use crate::support::{FakeModel, FakeSite, Workspace};
use jsonschema::Validator;
use serde_json::Value;
use std::path::Path;

fn root(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema(name: &str) -> Validator {
    let text = root(&format!("docs/schema/{name}.schema.json"));
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    assert!(jsonschema::meta::is_valid(&schema), "{name} is no schema");
    jsonschema::validator_for(&schema).expect("a schema that can be used")
}

fn toml(text: &str) -> Value {
    let table: toml::Table = text
        .parse()
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    serde_json::to_value(table).expect("TOML without dates is JSON")
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn faults(schema: &Validator, value: &Value) -> Vec<String> {
    let fault =
        |error: jsonschema::ValidationError<'_>| format!("{error} at {}", error.instance_path());
    schema.iter_errors(value).map(fault).collect()
}

#[test]
fn the_shipped_files_name_their_schema_and_fit_it() {
    let (pipeline, models) = (root("pipeline.toml"), root("models.yaml"));
    assert!(pipeline.starts_with("#:schema docs/schema/pipeline.schema.json\n"));
    assert!(models.starts_with("# yaml-language-server: $schema=docs/schema/models.schema.json\n"));
    assert_eq!(faults(&schema("pipeline"), &toml(&pipeline)), [""; 0]);
    assert_eq!(faults(&schema("models"), &yaml(&models)), [""; 0]);
}

/// The code blocks of a kind in a page.
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    let mut indent = 0;
    for line in page.lines() {
        let bare = line.trim_start();
        match (&mut block, bare.strip_prefix("```")) {
            (None, Some(name)) if name == kind => {
                block = Some(String::new());
                indent = line.len() - bare.len();
            }
            (Some(_), Some(_)) => blocks.extend(block.take()),
            (Some(text), None) => {
                text.push_str(line.get(indent..).unwrap_or_default());
                text.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn what_the_documentation_shows_fits_the_schemas() {
    let (pipeline, models) = (schema("pipeline"), schema("models"));
    let mut seen = 0;
    for page in [
        "README.md",
        "docs/sites/README.md",
        "docs/sites/wordpress.md",
        "docs/sites/strapi.md",
        "docs/sites/album.md",
        "docs/sites/drupal-jsonapi.md",
    ] {
        for block in blocks(&root(page), "toml") {
            let value = toml(&block);
            // Other blocks show a part of a table.
            if value.get("model").is_some() || value.get("site").is_some() {
                seen += 1;
                assert_eq!(faults(&pipeline, &value), [""; 0], "{page}: {block}");
            }
        }
    }
    assert!(seen >= 5, "only {seen} blocks of settings were found");
    let mut entries = 0;
    for block in blocks(&root("docs/models.md"), "yaml") {
        let value = yaml(&block);
        if value
            .as_object()
            .is_some_and(|all| all.values().all(Value::is_object))
        {
            entries += 1;
            assert_eq!(faults(&models, &value), [""; 0], "docs/models.md: {block}");
        }
    }
    assert!(entries > 0);
}

#[test]
fn a_misspelt_key_is_refused_by_the_schema_and_by_the_program() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let (pipeline, models) = (schema("pipeline"), schema("models"));
    let settings = std::fs::read_to_string(workspace.path("pipeline.toml")).expect("settings");
    let list = std::fs::read_to_string(workspace.path("models.yaml")).expect("models");
    assert_eq!(faults(&pipeline, &toml(&settings)), [""; 0]);
    assert_eq!(faults(&models, &yaml(&list)), [""; 0]);
    for (right, wrong) in [
        ("language", "langauge"),
        ("base_url", "baseurl"),
        ("recheck = \"0s\"", "recheck = \"0 seconds\""),
        ("preset = \"album\"", "preset = \"albun\""),
        ("concurrency = 8", "concurrency = 0"),
    ] {
        let text = settings.replacen(right, wrong, 1);
        assert_ne!(text, settings, "{right}");
        assert_ne!(faults(&pipeline, &toml(&text)), [""; 0], "{wrong}");
        workspace.write("pipeline.toml", &text);
        let _ = workspace.run(&["run"]).expect(2);
    }
    workspace.write("pipeline.toml", &settings);
    for (right, wrong) in [
        ("base_url", "baseurl"),
        ("deployment: local", "deployment: here"),
        ("timeout: 60s", "timeout: 60"),
        ("provider: openai", "provider: opanai"),
    ] {
        let text = list.replacen(right, wrong, 1);
        assert_ne!(text, list, "{right}");
        assert_ne!(faults(&models, &yaml(&text)), [""; 0], "{wrong}");
        workspace.write("models.yaml", &text);
        let _ = workspace.run(&["run"]).expect(2);
    }
}
