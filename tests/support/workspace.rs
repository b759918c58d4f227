//! Scratch directories with working settings, in which altfill runs.

use super::model::{Face, FakeModel};
use super::program::{Output, Program, Running};
use super::site::FakeSite;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The token of fake sites; altfill finds it in `SITE_TOKEN`.
pub(crate) const SITE_TOKEN: &str = "site-token-5d1f0c7a9b";

/// The key of fake models; altfill finds it in `MODEL_KEY`.
pub(crate) const MODEL_KEY: &str = "sk-fake-83b2e6d4f1";

/// A directory with `pipeline.toml`, `models.yaml`, `photos.txt` and `state/`.
pub(crate) struct Workspace {
    directory: TempDir,
    settings: toml::Table,
    models: Map<String, Value>,
}

impl Workspace {
    /// An empty directory, without any settings.
    pub(crate) fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a scratch directory"),
            settings: toml::Table::new(),
            models: Map::new(),
        }
    }

    /// Settings for all photos of a site and one model named `fake`: many
    /// requests at a time, no limit of their rate, short waits.
    pub(crate) fn album(site: &FakeSite, model: &FakeModel) -> Self {
        let mut workspace = Self::empty();
        workspace.add_model("fake", model);
        workspace.set("model", "fake");
        workspace.set("models", "models.yaml");
        workspace.set("state", "state/altfill.db");
        workspace.set("language", "en");
        workspace.set("site.name", "fake-site");
        workspace.set("site.preset", "album");
        workspace.set("site.base_url", site.url());
        workspace.set("site.token_env", "SITE_TOKEN");
        workspace.set("site.manifest", "photos.txt");
        workspace.set("site.pixels", "/files/cache/{album}/{name}-1280w.jpg");
        workspace.set("site.concurrency", 16);
        // Tests repeat runs at once and want every photo to be looked at.
        workspace.set("site.recheck", "0s");
        workspace.set("context.album", true);
        workspace.set("context.title", true);
        workspace.set("run.concurrency", 8);
        std::fs::create_dir_all(workspace.path("state")).expect("a scratch directory");
        workspace.list(site);
        workspace
    }

    /// A path inside the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        let parent = path.parent().expect("a file lies in a directory");
        std::fs::create_dir_all(parent).expect("a directory in the scratch directory");
        std::fs::write(path, content).expect("a file in the scratch directory");
    }

    /// Writes the ids of all photos that the site has now into `photos.txt`.
    pub(crate) fn list(&self, site: &FakeSite) {
        site.write_manifest(self.directory.path());
    }

    /// Sets one setting; `key` is a path such as `run.concurrency`.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        let (table, key) = self.table(key);
        table.insert(key, value.into());
        self.save_settings();
    }

    /// Removes one setting.
    pub(crate) fn unset(&mut self, key: &str) {
        let (table, key) = self.table(key);
        table.remove(&key);
        self.save_settings();
    }

    fn table(&mut self, key: &str) -> (&mut toml::Table, String) {
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default().to_owned();
        let mut table = &mut self.settings;
        for part in parts {
            let inner = table
                .entry(part)
                .or_insert_with(|| toml::Table::new().into());
            table = inner.as_table_mut().expect("a table of settings");
        }
        (table, last)
    }

    fn save_settings(&self) {
        let text = toml::to_string(&self.settings).expect("settings are TOML");
        self.write("pipeline.toml", text);
    }

    /// Adds an entry to models.yaml for a fake model.
    pub(crate) fn add_model(&mut self, name: &str, model: &FakeModel) {
        let provider = match model.face() {
            Face::OpenAi => "openai",
            Face::Ollama => "ollama",
            Face::Anthropic => "anthropic",
            Face::Gemini => "gemini",
        };
        let mut entry = json!({
            "deployment": "local",
            "description": "a fake for tests",
            "provider": provider,
            "model": format!("{name}-vision"),
            "base_url": model.base_url(),
            "settings": {"max_tokens": 200},
            "limits": {"concurrency": 64, "timeout": "60s"},
        });
        if model.face() != Face::Ollama {
            entry["api_key_env"] = json!("MODEL_KEY");
        }
        self.models.insert(name.to_owned(), entry);
        self.save_models();
    }

    /// Adds an entry to models.yaml as it is written.
    pub(crate) fn add_entry(&mut self, name: &str, entry: Value) {
        self.models.insert(name.to_owned(), entry);
        self.save_models();
    }

    /// Changes one field of an entry of models.yaml; null removes it.
    pub(crate) fn set_model(&mut self, name: &str, field: &str, value: Value) {
        let entry = self.models.get_mut(name).and_then(Value::as_object_mut);
        let entry = entry.expect("a model of this workspace");
        if value.is_null() {
            entry.remove(field);
        } else {
            entry.insert(field.to_owned(), value);
        }
        self.save_models();
    }

    fn save_models(&self) {
        let text = serde_yaml::to_string(&self.models).expect("entries are YAML");
        self.write("models.yaml", text);
    }

    /// The program with these settings, secrets and arguments.
    pub(crate) fn altfill(&self, args: &[&str]) -> Program {
        let config = self.path("pipeline.toml");
        let config = config.to_str().expect("a path of plain text");
        Program::new(self.directory.path())
            .env("SITE_TOKEN", SITE_TOKEN)
            .env("MODEL_KEY", MODEL_KEY)
            .args(&["--config", config])
            .args(args)
    }

    /// Runs altfill to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.altfill(args).run()
    }

    /// Starts altfill.
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        self.altfill(args).spawn()
    }

    /// Everything that lies in the directory, as text, for searches.
    pub(crate) fn everything(&self) -> String {
        let mut all = String::new();
        for entry in walkdir::WalkDir::new(self.directory.path()) {
            let entry = entry.expect("our own directory can be read");
            if entry.file_type().is_file() {
                let bytes = std::fs::read(entry.path()).expect("our own files can be read");
                all.push_str(&String::from_utf8_lossy(&bytes));
                all.push('\n');
            }
        }
        all
    }

    /// Whether a run that follows `--events events.jsonl` has told of this event.
    pub(crate) fn told(&self, event: &str) -> bool {
        let events = std::fs::read_to_string(self.path("events.jsonl"));
        let lines = events.unwrap_or_default();
        lines.contains(&format!("\"event\":\"{event}\""))
    }

    /// The state database, opened for reading only; `None` before the first
    /// run.
    pub(crate) fn state(&self) -> Option<Connection> {
        let path = self.path("state/altfill.db");
        path.exists().then(|| {
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
                .expect("the state is an ordinary SQLite file")
        })
    }

    /// The rows of a query on the state database; none before the first run.
    pub(crate) fn rows(&self, query: &str) -> Vec<Map<String, Value>> {
        let Some(state) = self.state() else {
            return Vec::new();
        };
        let mut statement = state.prepare(query).expect("a query that fits the schema");
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let rows = statement
            .query_map([], |row| {
                let cells = names.iter().enumerate().map(|(at, name)| {
                    let cell = row.get_ref(at).map(plain)?;
                    Ok((name.clone(), cell))
                });
                cells.collect()
            })
            .expect("a query without parameters");
        rows.map(|row| row.expect("a readable row")).collect()
    }
}

/// What the schema in `src/checkpoint` says, in the few places where a test
/// can't see it from outside.
impl Workspace {
    /// Tries that photos have lost so far, over all of them.
    pub(crate) fn tries(&self) -> i64 {
        let rows = self.rows("SELECT coalesce(sum(tries), 0) AS tries FROM slots");
        let tries = rows.first().and_then(|row| row["tries"].as_i64());
        tries.expect("a run has made a state file")
    }

    /// The raw replies that are stored, as they are.
    pub(crate) fn replies(&self) -> Vec<String> {
        let rows = self.rows("SELECT reply FROM calls WHERE state = 'answered'");
        let texts = rows.iter().filter_map(|row| row["reply"].as_str());
        texts.map(str::to_owned).collect()
    }
}

fn plain(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}
