//! The room from outside: files in a directory, flags and variables in,
//! settings or a sentence out.

use super::*;
use crate::archive::{ContextField, Usd};
use secrecy::ExposeSecret as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// The sample that the documentation shows, word for word.
const SAMPLE: &str = r#"model    = "qwen2.5vl-7b"           # a name in models.yaml
models   = "models.yaml"             # paths are relative to this file
state    = "state/altfill.db"
language = "en"

[site]
name      = "example"               # identity in the checkpoint; default: the host of base_url
preset    = "album"                  # or "embedded"; more presets later
base_url  = "https://example.org"
token_env = "SITE_TOKEN"             # sent as the album API wants it: Authorization: TOKEN
manifest  = "photos.txt"             # one album/name a line, # comments; "-" is standard input; a missing file is an error
pixels    = "/files/cache/{album}/{name}-1280w.jpg"   # URL template on the site; or a directory:
# pixels  = { dir = "/srv/originals" }                 # {dir}/{album}/{name}.(jpg|jpeg|png|gif|webp), any case
concurrency = 4
requests_per_second = 20

[context]
album = true
title = true
caption = true
notes = "Photos of a family archive, Belgium and the USA."

[run]
concurrency = 8                      # model calls in flight
max_cost    = 5.00                   # US dollars per run; absent: no limit; a cloud model without price is then an error
deadline    = "4h"
"#;

const EMBEDDED: &str = "model = \"embedded\"\n[site]\npreset = \"embedded\"\n";

const MODELS: &str = "\
embedded:
  provider: embedded
qwen2.5vl-7b:
  deployment: local
  model: qwen2.5vl:7b
paid:
  deployment: cloud
  provider: openai
  model: gpt-x
  price: {input: 1, output: 2}
unpriced:
  deployment: cloud
  provider: openai
  model: gpt-y
";

/// A directory with settings in it.
struct Scratch {
    directory: tempfile::TempDir,
    overrides: Overrides,
    variables: Vec<(String, String)>,
}

impl Scratch {
    fn new(pipeline: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let scratch = Self {
            overrides: Overrides {
                config: Some(directory.path().join("pipeline.toml")),
                ..Overrides::default()
            },
            directory,
            variables: vec![("SITE_TOKEN".to_owned(), "s3cret-token".to_owned())],
        };
        scratch
            .file("pipeline.toml", pipeline)
            .file("models.yaml", MODELS)
            .file("photos.txt", "a/b\n")
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).expect("written");
        self
    }

    fn without(self, name: &str) -> Self {
        std::fs::remove_file(self.path(name)).expect("removed");
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn no_variables(mut self) -> Self {
        self.variables.clear();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        load(
            &self.overrides,
            Environment::from_pairs(self.variables.clone()),
        )
    }

    fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The whole message and the hint.
    fn refusal(&self) -> String {
        let error = self.load().expect_err("refused");
        format!("{error}\nhint: {}", error.hint().unwrap_or_default())
    }
}

/// `pipeline.toml` of an album site, with one key under `[site]` replaced or
/// added.
fn album(line: &str) -> String {
    let key = line.split([' ', '=']).next().unwrap_or_default();
    let defaults = [
        "base_url = \"https://example.org\"",
        "manifest = \"photos.txt\"",
        "pixels = \"/{album}/{name}.jpg\"",
    ];
    let kept = defaults.iter().filter(|default| !default.starts_with(key));
    let kept: Vec<&str> = kept.copied().collect();
    format!(
        "model = \"embedded\"\n[site]\n{line}\n{}\n",
        kept.join("\n")
    )
}

#[track_caller]
fn assert_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn the_sample_of_the_documentation_loads_word_for_word() {
    let scratch = Scratch::new(SAMPLE);
    let settings = scratch.settings();
    assert_eq!(settings.chain[0].as_str(), "qwen2.5vl-7b");
    assert_eq!(settings.state, scratch.path("state/altfill.db"));
    assert_eq!(settings.language.as_str(), "en");
    let site = &settings.site;
    assert_eq!(site.name.as_str(), "example");
    assert_eq!(site.preset, Preset::Album);
    assert_eq!(site.base_url.as_str(), "https://example.org/");
    let token = site.token.as_ref().expect("a token");
    assert_eq!(token.expose_secret(), "s3cret-token");
    assert_eq!(
        site.manifest,
        Some(Manifest::File(scratch.path("photos.txt")))
    );
    let template = "/files/cache/{album}/{name}-1280w.jpg".to_owned();
    assert_eq!(site.pixels, PixelSource::Url(template));
    assert_eq!(
        (site.concurrency, site.requests_per_second),
        (4, Some(20.0))
    );
    assert_eq!(site.recheck, HOUR * 24 * 7);
    assert_eq!(site.timeout, Duration::from_secs(30));
    assert!(settings.context.fields.contains(&ContextField::Notes));
    assert!(!settings.context.fields.contains(&ContextField::Place));
    assert_eq!(settings.run.concurrency, 8);
    assert_eq!(settings.run.max_cost, Some(Usd(5.0)));
    assert_eq!(settings.run.deadline, Some(HOUR * 4));
    assert_eq!(settings.run.drain, Duration::from_secs(30));
    assert_eq!(settings.run.outage_patience, Duration::from_secs(600));
    assert_eq!(settings.run.max_tries, 3);
    assert_eq!(settings.run.retry_after, HOUR);
    assert_eq!(settings.run.retry_after_max, HOUR * 24 * 7);
    assert!(!settings.run.publish_embedded);
    assert_eq!(settings.photo.max_bytes, 64_000_000);
    assert_eq!(settings.photo.max_pixels, 100_000_000);
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn the_shipped_files_load_without_any_variable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let overrides = Overrides {
        config: Some(root.join("pipeline.toml")),
        ..Overrides::default()
    };
    let settings =
        load(&overrides, Environment::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.site.preset, Preset::Embedded);
    assert_eq!(settings.site.name.as_str(), "embedded");
    assert_eq!(settings.state, root.join("state/altfill.db"));
    assert_eq!(settings.chain[0].as_str(), "embedded");
    assert!(settings.models_ready().is_ok());
    assert_eq!(settings.warnings, Vec::<String>::new());
    let names = [
        "embedded",
        "qwen2.5vl-7b",
        "qwen2.5vl-32b",
        "minicpm-v",
        "llava-13b",
        "llava-34b",
        "llama3.2-vision-11b",
        "llama3.2-vision-90b",
        "gemma3-12b",
        "gemma3-27b",
        "mistral-small3.1",
        "pixtral-12b",
        "pixtral-large",
        "gpt-4o",
        "claude-sonnet-5.5",
    ];
    for name in names {
        let known = settings.models.keys().any(|known| known.as_str() == name);
        assert!(known, "no {name}");
    }
    for entry in settings.models.values() {
        assert!(
            entry.unsent.is_empty(),
            "{} sends foreign settings",
            entry.name
        );
        assert!(entry.description.is_some(), "{}", entry.name);
    }
}

#[test]
fn every_key_that_the_shipped_file_only_mentions_is_a_real_one() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.toml"))
        .expect("the shipped file");
    let mut whole = String::new();
    for line in text.lines() {
        // One of the two tokens and one of the two pixel sources is enough.
        let skipped = line.contains("token_file =") || line.contains("pixels = {");
        let key = line.strip_prefix("# ").filter(|rest| {
            let key = rest.split(' ').next().unwrap_or_default();
            rest[key.len()..].starts_with(" = ")
                && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        });
        if !skipped {
            whole.push_str(key.unwrap_or(line));
            whole.push('\n');
        }
    }
    let scratch = Scratch::new(&whole.replace("preset = \"embedded\"", "preset = \"album\""));
    let (shown, plain) = (scratch.settings(), Scratch::new(EMBEDDED).settings());
    // What is shown as a default is one.
    let unlimited = RunSettings {
        max_cost: None,
        max_cost_per_day: None,
        deadline: None,
        until: None,
        ..shown.run
    };
    assert_eq!(unlimited, plain.run);
    assert_eq!(shown.photo, plain.photo);
    assert_eq!(shown.site.name.as_str(), "example.org");
    assert_eq!(shown.site.concurrency, plain.site.concurrency);
    assert_eq!(shown.site.recheck, plain.site.recheck);
    assert_eq!(shown.site.timeout, plain.site.timeout);
    let mut fields = shown.context.fields;
    fields.remove(&ContextField::Notes);
    assert_eq!(fields, plain.context.fields);
}

mod chain;
mod layers;
mod models;
mod refusals;
mod schema;
mod secrets;
mod site;
