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

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    type Read = fn(&Settings) -> String;
    type Flag = fn(&mut Overrides);
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        Flag,
        Read,
        [&'static str; 4],
    );
    let rows: [Row; 6] = [
        (
            "ALTFILL_MODEL",
            "paid",
            "model = \"qwen2.5vl-7b\"",
            |flags| flags.model = Some("embedded".to_owned()),
            |settings| settings.chain[0].to_string(),
            ["embedded", "paid", "qwen2.5vl-7b", ""],
        ),
        (
            "ALTFILL_STATE",
            "/v/s.db",
            "state = \"/f/s.db\"",
            |flags| flags.state = Some("/c/s.db".into()),
            |settings| settings.state.display().to_string(),
            ["/c/s.db", "/v/s.db", "/f/s.db", "state/altfill.db"],
        ),
        (
            "ALTFILL_LANGUAGE",
            "de",
            "language = \"fr\"",
            |flags| flags.language = Some("nl".to_owned()),
            |settings| settings.language.to_string(),
            ["nl", "de", "fr", "en"],
        ),
        (
            "ALTFILL_MAX_COST",
            "2.5",
            "run.max_cost = 3",
            |flags| flags.max_cost = Some(1.0),
            |settings| format!("{:?}", settings.run.max_cost.map(|cost| cost.0)),
            ["Some(1.0)", "Some(2.5)", "Some(3.0)", "None"],
        ),
        (
            "ALTFILL_DEADLINE",
            "2h",
            "run.deadline = \"3h\"",
            |flags| flags.deadline = Some(HOUR),
            |settings| settings.run.deadline.map(duration_text).unwrap_or_default(),
            ["1h", "2h", "3h", ""],
        ),
        (
            "ALTFILL_CONCURRENCY",
            "2",
            "run.concurrency = 3",
            |flags| flags.concurrency = Some(1),
            |settings| settings.run.concurrency.to_string(),
            ["1", "2", "3", "4"],
        ),
    ];
    for (variable, value, line, flag, read, expected) in rows {
        let base = if variable == "ALTFILL_MODEL" {
            ""
        } else {
            "model = \"embedded\"\n"
        };
        let file = format!("{base}{line}\nsite.preset = \"embedded\"\n");
        let mut all = Scratch::new(&file).variable(variable, value);
        flag(&mut all.overrides);
        let from_variable = Scratch::new(&file).variable(variable, value);
        let from_empty_variable = Scratch::new(&file).variable(variable, " ");
        let from_dotenv = Scratch::new(&file).file(".env", &format!("{variable}={value}\n"));
        let from_file = Scratch::new(&file);
        assert_eq!(read(&all.settings()), expected[0], "flag, {variable}");
        assert_eq!(read(&from_variable.settings()), expected[1], "{variable}");
        assert_eq!(
            read(&from_dotenv.settings()),
            expected[1],
            "{variable} in .env"
        );
        assert_eq!(read(&from_file.settings()), expected[2], "file, {variable}");
        assert_eq!(
            read(&from_empty_variable.settings()),
            expected[2],
            "empty {variable}"
        );
        if !base.is_empty() {
            let default = read(&Scratch::new(EMBEDDED).settings());
            assert!(
                default.ends_with(expected[3]),
                "default, {variable}: {default}"
            );
            assert!(!expected[3].is_empty() || default.is_empty());
        }
    }
}

#[test]
fn paths_are_relative_to_where_they_were_written() {
    let scratch = Scratch::new(EMBEDDED)
        .variable("ALTFILL_STATE", "here.db")
        .file(".env", "ALTFILL_STATE=there.db\n");
    assert_eq!(scratch.settings().state, Path::new("here.db"));
    let scratch = Scratch::new(EMBEDDED).file(".env", "ALTFILL_STATE=there.db\n");
    assert_eq!(scratch.settings().state, scratch.path("there.db"));
}

#[test]
fn altfill_config_names_the_file_and_a_flag_beats_it() {
    let other = Scratch::new(EMBEDDED);
    let mut scratch = Scratch::new("nonsense").variable(
        "ALTFILL_CONFIG",
        &other.path("pipeline.toml").display().to_string(),
    );
    assert!(scratch.load().is_err());
    scratch.overrides.config = None;
    assert_eq!(scratch.settings().file, other.path("pipeline.toml"));
}

#[test]
fn a_missing_file_is_named_with_what_to_do() {
    let scratch = Scratch::new(EMBEDDED).without("pipeline.toml");
    assert_all(
        &scratch.refusal(),
        &["no settings file", "pipeline.toml", "--config"],
    );
    let scratch = Scratch::new(EMBEDDED).without("models.yaml");
    assert_all(
        &scratch.refusal(),
        &["no models file", "models.yaml", "beside the settings"],
    );
    let scratch = Scratch::new(&format!("models = \"m/x.yaml\"\n{EMBEDDED}"));
    assert_all(&scratch.refusal(), &["m/x.yaml", "`models`"]);
}

#[test]
fn an_unknown_key_is_shown_with_file_line_column_and_suggestion() {
    for (pipeline, parts) in [
        (
            "model = \"embedded\"\n[site]\npreset = \"embedded\"\nbaseurl = \"x\"\n",
            [
                "line 4, column 1",
                "4 | baseurl = \"x\"",
                "`baseurl` in `site`",
                "did you mean `base_url`?",
            ],
        ),
        (
            "modle = \"embedded\"\nsite.preset = \"embedded\"\n",
            [
                "line 1, column 1",
                "1 | modle = \"embedded\"",
                "`modle`",
                "did you mean `model`?",
            ],
        ),
        (
            "model = \"embedded\"\n[sites]\npreset = \"embedded\"\n",
            [
                "line 2, column 2",
                "2 | [sites]",
                "`sites`",
                "did you mean `site`?",
            ],
        ),
        (
            "model = \"embedded\"\nsite = { preset = \"embedded\", consurrency = 3 }\n",
            [
                "line 2, column 31",
                "consurrency = 3",
                "`site`",
                "did you mean `concurrency`?",
            ],
        ),
        (
            "base_url = \"https://example.org\"\nmodel = \"embedded\"\nsite.preset = \"embedded\"\n",
            [
                "line 1, column 1",
                "1 | base_url",
                "`base_url`",
                "belongs under [site]",
            ],
        ),
    ] {
        let text = Scratch::new(pipeline).refusal();
        assert_all(&text, &["pipeline.toml, ", "the known keys"]);
        assert_all(&text, &parts);
    }
}

#[test]
fn all_problems_of_both_files_are_reported_at_once() {
    let pipeline = "model = \"embedded\"\nlangage = \"en\"\n[site]\npreset = \"embedded\"\n\
                    [run]\nconcurrency = 0\nmax_tries = \"3\"\n";
    let scratch = Scratch::new(pipeline).file("models.yaml", "embedded:\n  provider: embeded\n");
    let text = scratch.refusal();
    assert_all(
        &text,
        &[
            "the settings have 4 problems",
            "unknown key `langage`",
            "`run.concurrency` must be between 1 and 4096",
            "6 | concurrency = 0",
            "`run.max_tries` must be a whole number, not text",
            "models.yaml, line 2, column 13",
            "did you mean `embedded`?",
        ],
    );
    for line in text.lines() {
        let path = scratch.directory.path().display().to_string();
        assert!(
            line.contains(&path) || line.chars().count() <= 200,
            "{line}"
        );
    }
}

#[test]
fn toml_that_is_none_is_shown_with_its_line() {
    for (pipeline, parts) in [
        ("model = \"embedded\n", ["line 1", "1 | model = \"embedded"]),
        (
            "model = \"a\"\nmodel = \"b\"\n",
            ["line 2, column 1", "2 | model = \"b\""],
        ),
        ("model = \"a\"\n[site\nx = 1\n", ["line 2", "2 | [site"]),
        ("model = embedded\n", ["line 1", "1 | model = embedded"]),
    ] {
        let text = Scratch::new(pipeline).refusal();
        assert_all(&text, &["pipeline.toml, "]);
        assert_all(&text, &parts);
    }
}

#[test]
fn values_that_make_no_sense_are_refused_where_they_stand() {
    for (line, expected) in [
        (
            "run.concurrency = 0",
            "`run.concurrency` must be between 1 and 4096",
        ),
        ("run.concurrency = -1", "must not be negative"),
        ("run.concurrency = 1.5", "must be a whole number"),
        ("run.max_cost = -1", "`run.max_cost` must be between 0"),
        ("run.max_cost = inf", "finite"),
        ("run.max_cost = \"5\"", "must be a number, not text"),
        (
            "run.deadline = \"0s\"",
            "`run.deadline` must be between 1ms and 365d",
        ),
        ("run.deadline = \"4 hours\"", "`4 hours` is no duration"),
        ("run.deadline = 90", "has no unit; write it like \"90s\""),
        (
            "run.drain = \"3d\"",
            "`run.drain` must be between 0s and 1d",
        ),
        ("run.outage_patience = \"9999d\"", "must be between"),
        ("run.max_tries = 0", "must be between 1 and 100"),
        ("run.retry_after = \"0s\"", "must be between 1s and 365d"),
        (
            "run.retry_after_max = \"5m\"",
            "not be shorter than `run.retry_after`",
        ),
        (
            "run.publish_embedded = 1",
            "must be true or false, not a number",
        ),
        ("photo.max_bytes = \"64 apples\"", "`64 apples` is no size"),
        ("photo.max_bytes = 0", "must be between 1"),
        ("photo.max_pixels = -3", "must not be negative"),
        ("language = \"english\"", "`english` is no language tag"),
        ("language = \"en_GB\"", "`en_GB` is no language tag"),
        ("language = \" \"", "`language` is empty"),
        ("state = \"\"", "`state` is empty"),
        ("state = 3", "must be text, not a number"),
        ("state = 2024-05-31", "must be text, not a date"),
        ("context.album = \"yes\"", "must be true or false, not text"),
        ("context.notes = \"\"", "`context.notes` is empty"),
        ("fallback = \"paid\"", "must be a list of texts, not text"),
        ("fallback = [1]", "must be text, not a number"),
        ("context = 3", "`context` must be a table, not a number"),
    ] {
        let text = Scratch::new(&format!(
            "{line}\nmodel = \"embedded\"\nsite.preset = \"embedded\"\n"
        ))
        .refusal();
        assert_all(
            &text,
            &[
                "pipeline.toml, line 1, column ",
                &format!("1 | {line}"),
                expected,
            ],
        );
    }
}

#[test]
fn site_values_that_make_no_sense_are_refused_where_they_stand() {
    for (line, expected) in [
        ("preset = \"albun\"", "did you mean `album`?"),
        ("base_url = \"example.org\"", "is no address"),
        ("base_url = \"ftp://example.org\"", "must start with http"),
        ("base_url = \"https://example.org/?a=1\"", "query"),
        ("base_url = \"https://example.org/#top\"", "fragment"),
        ("manifest = \"nothing.txt\"", "there is no file"),
        ("manifest = \"\"", "is empty"),
        ("pixels = \"/files/photo.jpg\"", "must contain {name}"),
        ("pixels = \"/{id}/{name}.jpg\"", "unknown variable {id}"),
        ("pixels = { dir = \"nowhere\" }", "there is no directory"),
        ("pixels = { directory = \"x\" }", "did you mean `dir`?"),
        ("pixels = {}", "names no directory"),
        ("pixels = 3", "must be a URL template"),
        ("concurrency = 0", "must be between 1"),
        ("requests_per_second = 0", "must be more than 0"),
        ("requests_per_second = -2", "must be more than 0"),
        ("timeout = \"1ms\"", "must be between 10ms and 1h"),
        ("name = \"\"", "is empty"),
        ("token_env = \"NOT_SET\"", "NOT_SET is not set or empty"),
        ("token_file = \"nothing\"", "nothing"),
    ] {
        let text = Scratch::new(&album(line)).refusal();
        assert_all(
            &text,
            &[
                "pipeline.toml, line 3, column ",
                // A query may hold a key, and is not shown.
                &format!("3 | {}", line.replace("?a=1", "?***")),
                expected,
            ],
        );
    }
}

#[test]
fn a_command_that_needs_only_the_sites_name_needs_nothing_else_of_it() {
    let mut scratch = Scratch::new(&album("token_env = \"NOT_SET\"")).no_variables();
    scratch = scratch.without("photos.txt");
    scratch.overrides.needs = Needs::Name;
    let site = scratch.settings().site;
    assert_eq!(site.name.as_str(), "example.org");
    assert!(site.token.is_none() && site.manifest.is_none());
}

#[test]
fn a_limit_for_the_day_needs_prices_as_one_for_the_run_does() {
    for key in ["max_cost", "max_cost_per_day"] {
        let models = "a:\n  provider: openai\n  model: x\n  api_key_env: KEY\n";
        let settings =
            format!("model = \"a\"\n[site]\npreset = \"embedded\"\n[run]\n{key} = 2.5\n");
        let text = Scratch::new(&settings)
            .file("models.yaml", models)
            .refusal();
        assert_all(&text, &["$2.50", "`a` has no price", &format!("run.{key}")]);
    }
    let settings = Scratch::new(&format!("{EMBEDDED}[run]\nmax_cost_per_day = 2.5\n")).settings();
    assert_eq!(settings.run.max_cost_per_day, Some(Usd(2.5)));
}

#[test]
fn a_known_key_is_named_once() {
    let models = "a:\n  provider: openai\n  model: x\n  prise: {input: 1, output: 2}\n";
    let text = Scratch::new(EMBEDDED).file("models.yaml", models).refusal();
    assert_eq!(text.matches("price,").count(), 1, "{text}");
}

#[test]
fn a_program_is_not_to_have_the_secrets_of_others() {
    let models = "p:\n  command: [p, \"{image}\"]\n  api_key_env: MINE\n\
                  a:\n  provider: gemini\n  model: x\n\
                  b:\n  provider: openai\n  model: x\n  api_key_env: MINE\n";
    let scratch = Scratch::new(&album("token_env = \"SITE_TOKEN\"").replace("embedded", "p"));
    let settings = scratch.file("models.yaml", models).settings();
    let entry = &settings.models[&crate::archive::ModelName::new("p")];
    let withheld: Vec<&str> = entry.withheld.iter().map(String::as_str).collect();
    let others = ["GEMINI_API_KEY", "GOOGLE_API_KEY", "SITE_TOKEN"];
    assert_eq!(withheld[1..], others);
    // Where a service's credentials are.
    assert_eq!(withheld[0], "CREDENTIALS_DIRECTORY");
}

#[test]
fn a_site_without_address_list_or_pixels_says_what_to_add() {
    let text = Scratch::new("model = \"embedded\"\n").refusal();
    assert_all(
        &text,
        &[
            "`site.base_url` is missing",
            "`site.pixels` is missing",
            "preset = \"embedded\"",
        ],
    );
    let text = Scratch::new(
        "model = \"embedded\"\n[site]\nbase_url = \"https://example.org\"\npixels = \"/{name}\"\n",
    )
    .refusal();
    assert_all(&text, &["`site.manifest` is missing", "photos.txt"]);
    let text = Scratch::new("site.preset = \"embedded\"\n").refusal();
    assert_all(&text, &["no model is named", "`model`"]);
}

#[test]
fn a_directory_of_pixels_is_a_list_of_its_own() {
    let scratch = Scratch::new(
        "model = \"embedded\"\n[site]\nbase_url = \"http://localhost:8080\"\npixels = { dir = \"p\" }\n",
    );
    std::fs::create_dir(scratch.path("p")).expect("created");
    let site = scratch.settings().site;
    assert_eq!(site.manifest, None);
    assert_eq!(site.pixels, PixelSource::Dir(scratch.path("p")));
    assert_eq!(site.name.as_str(), "localhost:8080");
    let stdin = Scratch::new(&album("manifest = \"-\"")).settings().site;
    assert_eq!(stdin.manifest, Some(Manifest::Stdin));
    assert_eq!(stdin.name.as_str(), "example.org");
}

#[test]
fn the_embedded_archive_needs_nothing_and_says_what_it_ignores() {
    let settings = Scratch::new(EMBEDDED).no_variables().settings();
    assert_eq!(settings.site.base_url.as_str(), "http://127.0.0.1/");
    assert!(settings.site.token.is_none());
    assert_eq!(settings.site.manifest, Some(Manifest::Ids(Vec::new())));
    assert!(
        matches!(&settings.site.pixels, PixelSource::Url(url) if url.contains("{name}-1280w.jpg"))
    );
    let odd = format!("{EMBEDDED}base_url = \"https://example.org\"\n");
    let warnings = Scratch::new(&odd).settings().warnings;
    assert!(
        warnings[0].contains("site.base_url has no effect"),
        "{warnings:?}"
    );
}

#[test]
fn the_token_comes_from_a_variable_dotenv_or_a_file() {
    let read = |scratch: &Scratch| {
        let token = scratch.settings().site.token.expect("a token");
        token.expose_secret().to_owned()
    };
    let from_dotenv = Scratch::new(&album("token_env = \"SITE_TOKEN\""))
        .no_variables()
        .file(".env", "SITE_TOKEN='from .env'\n");
    assert_eq!(read(&from_dotenv), "from .env");
    let from_file = Scratch::new(&album("token_file = \"token.txt\"")).file("token.txt", "abc\n");
    assert_eq!(read(&from_file), "abc");
    let missing = Scratch::new(&album("token_env = \"SITE_TOKEN\"")).no_variables();
    assert_all(
        &missing.refusal(),
        &[
            "SITE_TOKEN is not set or empty",
            "pipeline.toml, line 3",
            ".env",
        ],
    );
    let empty = Scratch::new(&album("token_file = \"token.txt\"")).file("token.txt", "\n");
    assert_all(&empty.refusal(), &["token.txt", "is empty"]);
    let both = Scratch::new(&album(
        "token_env = \"SITE_TOKEN\"\ntoken_file = \"token.txt\"",
    ));
    assert_all(&both.refusal(), &["both set"]);
    let odd = Scratch::new(&album("token_env = \"ODD\"")).variable("ODD", "päss-wörd");
    let text = odd.refusal();
    assert_all(&text, &["ODD", "no HTTP header can carry"]);
    assert!(!text.contains("päss"), "{text}");
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    for pipeline in [
        album("token = \"hunter2\""),
        album("token_env = \"hunter2\""),
        album("base_url = \"https://me:hunter2@example.org\""),
        album("base_url = \"hunter2://hunter2@x y\""),
        "token = \"hunter2\n".to_owned(),
    ] {
        let scratch = Scratch::new(&pipeline);
        let error = scratch.load().expect_err("refused");
        let all = format!("{error} {error:?} {:?}", error.hint());
        let leaked = all.contains("hunter2") && !pipeline.contains("hunter2://");
        assert!(!leaked, "{all}");
    }
    let models = "a:\n  deployment: cloud\n  provider: openai\n  model: x\n  api_key: sk-hunter2\n";
    let text = Scratch::new(EMBEDDED).file("models.yaml", models).refusal();
    assert_all(
        &text,
        &[
            "unknown key `api_key`",
            "api_key: ***",
            "did you mean `api_key_env`?",
        ],
    );
    assert!(!text.contains("hunter2"), "{text}");
    let models = "a:\n  provider: openai\n  model: x\n  api_key_env: sk-hunter2\n";
    let text = Scratch::new(EMBEDDED).file("models.yaml", models).refusal();
    assert!(!text.contains("hunter2"), "{text}");
    let settings = Scratch::new(SAMPLE)
        .variable("OPENAI_API_KEY", "sk-hunter2")
        .settings();
    let debug = format!("{settings:?}");
    assert!(
        !debug.contains("hunter2") && !debug.contains("s3cret"),
        "{debug}"
    );
}

#[test]
fn a_secret_over_plain_http_is_a_warning() {
    let exposed = "base_url = \"http://example.org\"\ntoken_env = \"SITE_TOKEN\"";
    let warnings = Scratch::new(&album(exposed)).settings().warnings;
    assert!(warnings[0].contains("unencrypted"), "{warnings:?}");
    let local = "base_url = \"http://127.0.0.1:1\"\ntoken_env = \"SITE_TOKEN\"";
    assert_eq!(
        Scratch::new(&album(local)).settings().warnings,
        Vec::<String>::new()
    );
}

#[test]
fn an_unknown_model_is_named_with_the_models_there_are() {
    let text = Scratch::new("model = \"qwen2.5-vl-7b\"\nsite.preset = \"embedded\"\n").refusal();
    assert_all(
        &text,
        &[
            "pipeline.toml, line 1, column 9",
            "1 | model = \"qwen2.5-vl-7b\"",
            "did you mean `qwen2.5vl-7b`?",
            "embedded, paid, qwen2.5vl-7b, unpriced",
        ],
    );
    let mut scratch = Scratch::new(EMBEDDED);
    scratch.overrides.model = Some("payd".to_owned());
    assert_all(
        &scratch.refusal(),
        &["--model names the model `payd`", "did you mean `paid`?"],
    );
    let scratch = Scratch::new(&format!("fallback = [\"embedded\", \"nix\"]\n{EMBEDDED}"));
    assert_all(
        &scratch.refusal(),
        &["line 1, column 25", "the model `nix`"],
    );
    let scratch = Scratch::new(EMBEDDED).variable("ALTFILL_MAX_COST", "much");
    assert_all(&scratch.refusal(), &["ALTFILL_MAX_COST", "`much`"]);
}

#[test]
fn the_chain_holds_each_model_once() {
    let pipeline = format!("fallback = [\"paid\", \"embedded\", \"paid\"]\n{EMBEDDED}");
    let scratch = Scratch::new(&pipeline).variable("OPENAI_API_KEY", "k");
    let chain = scratch.settings().chain;
    let names: Vec<&str> = chain
        .iter()
        .map(crate::archive::ModelName::as_str)
        .collect();
    assert_eq!(names, ["embedded", "paid"]);
}

#[test]
fn a_limit_on_costs_needs_prices_of_the_cloud_models_in_use() {
    let with = |model: &str| {
        Scratch::new(&format!(
            "model = \"{model}\"\nsite.preset = \"embedded\"\nrun.max_cost = 1\n"
        ))
    };
    assert_all(
        &with("unpriced").refusal(),
        &["`unpriced` has no price", "$1.00", "run.max_cost"],
    );
    assert!(with("paid").load().is_ok());
    assert!(with("qwen2.5vl-7b").load().is_ok());
}

#[test]
fn a_missing_key_is_an_error_only_where_the_model_is_used() {
    let scratch = Scratch::new("model = \"paid\"\nsite.preset = \"embedded\"\n");
    let error = scratch.settings().models_ready().expect_err("no key");
    assert!(error.to_string().contains("`paid`"), "{error}");
    assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains(".env")));
    let scratch = scratch.variable("OPENAI_API_KEY", "k");
    assert!(scratch.settings().models_ready().is_ok());
    assert!(Scratch::new(EMBEDDED).settings().models_ready().is_ok());
}

mod models;
