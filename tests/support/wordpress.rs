//! A real WordPress that `tests/peers/wordpress/start.sh` has started, and its
//! library as WordPress itself sees it.
//!
//! The tests share one site, so each takes it for itself and lays out the library
//! anew. Without a site there is nothing to test, and that is said.

use super::model::FakeModel;
use super::workspace::Workspace;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The variable that names the env file which `start.sh` writes.
const ENV_FILE: &str = "ALTFILL_TEST_WORDPRESS";

static SITE: Mutex<()> = Mutex::new(());

/// Whether the site can keep our mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// Our plugin is there.
    On,
    /// It is not.
    Off,
}

/// The site, taken by one test.
pub(crate) struct WordPress {
    env: HashMap<String, String>,
    _taken: MutexGuard<'static, ()>,
}

/// One photo as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its id.
    pub(crate) id: String,
    /// Its alt text; `None` when there is no such field.
    pub(crate) alt: Option<String>,
    /// Its mark.
    pub(crate) source: Option<String>,
}

impl Stored {
    /// The alt text, empty where there is none.
    pub(crate) fn alt(&self) -> &str {
        self.alt.as_deref().unwrap_or_default()
    }

    /// The mark, empty where there is none.
    pub(crate) fn source(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }
}

impl WordPress {
    /// Takes the site; `None` (and a word about it) where none was started.
    pub(crate) fn take(plugin: Plugin) -> Option<Self> {
        let Some(file) = std::env::var_os(ENV_FILE) else {
            // Written past the capture of tests that pass, so that CI shows it.
            let said = writeln!(
                std::io::stderr(),
                "not tested: no real WordPress; start one with tests/peers/wordpress/start.sh \
                 and name its env file in {ENV_FILE}"
            );
            said.expect("stderr is open");
            return None;
        };
        let text = std::fs::read_to_string(file).expect("the env file that start.sh writes");
        let pair = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        let site = Self {
            env: text.lines().filter_map(pair).collect(),
            _taken: SITE.lock().unwrap_or_else(PoisonError::into_inner),
        };
        site.remove("second-field.php");
        match plugin {
            Plugin::On => {
                let plugin = Path::new(site.env("WP_PLUGIN"));
                let code = std::fs::read_to_string(plugin).expect("our own plugin");
                site.install("altfill-alt-source.php", &code);
            }
            Plugin::Off => site.remove("altfill-alt-source.php"),
        }
        Some(site)
    }

    /// A value of the env file.
    pub(crate) fn env(&self, name: &str) -> &str {
        let value = self.env.get(name);
        value.unwrap_or_else(|| panic!("{name} in the env file"))
    }

    fn must_use(&self, name: &str) -> PathBuf {
        let site = Path::new(self.env("WP_SITE"));
        site.join("wp-content/mu-plugins").join(name)
    }

    /// Adds a plugin that is always active.
    pub(crate) fn install(&self, name: &str, code: &str) {
        std::fs::write(self.must_use(name), code).expect("the plugins' folder");
        self.settle();
    }

    fn remove(&self, name: &str) {
        if std::fs::remove_file(self.must_use(name)).is_ok() {
            self.settle();
        }
    }

    /// PHP looks for changed files every two seconds.
    fn settle(&self) {
        let _ = self;
        std::thread::sleep(std::time::Duration::from_millis(2500));
    }

    fn library(&self, verb: &[&str], input: &str) -> String {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/peers/wordpress/library.php"
        );
        let mut child = Command::new("php")
            .args([script, self.env("WP_SITE")])
            .args(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("php, which start.sh installs");
        let mut pipe = child.stdin.take().expect("stdin is a pipe");
        pipe.write_all(input.as_bytes()).expect("php reads it");
        drop(pipe);
        let output = child.wait_with_output().expect("our own child");
        assert!(output.status.success(), "library.php {verb:?} failed");
        String::from_utf8(output.stdout).expect("JSON")
    }

    /// Makes the library have these photos, each with `alt` and `source` where it
    /// is to have them.
    pub(crate) fn fill(&self, photos: &[Value]) -> Vec<Stored> {
        let text = self.library(&["fill"], &json!(photos).to_string());
        stored(&text)
    }

    /// The library with `n` photos that need a text.
    pub(crate) fn fill_empty(&self, n: usize) -> Vec<Stored> {
        self.fill(&vec![json!({}); n])
    }

    /// The library as the database has it.
    pub(crate) fn dump(&self) -> Vec<Stored> {
        stored(&self.library(&["dump"], ""))
    }

    /// One photo as the database has it.
    pub(crate) fn photo(&self, id: &str) -> Stored {
        let found = self.dump().into_iter().find(|photo| photo.id == id);
        found.unwrap_or_else(|| panic!("no photo {id}"))
    }

    /// A person changes an alt text in WordPress itself.
    pub(crate) fn edit(&self, id: &str, text: &str) {
        self.library(&["edit", id], text);
    }

    /// A person deletes a photo in WordPress itself.
    pub(crate) fn delete(&self, id: &str) {
        self.library(&["delete", id], "");
    }

    /// Settings for this site, as short as a person would write them.
    pub(crate) fn workspace(&self, model: &FakeModel) -> Workspace {
        let mut workspace = Workspace::empty();
        workspace.add_model("fake", model);
        workspace.set("model", "fake");
        workspace.set("site.preset", "wordpress");
        workspace.set("site.base_url", self.env("WP_URL"));
        workspace.set("site.user", self.env("WP_USER"));
        workspace.set("site.token_env", "WP_PASSWORD");
        workspace.write(".env", format!("WP_PASSWORD={}\n", self.env("WP_PASSWORD")));
        workspace
    }

    /// Works as another user.
    pub(crate) fn log_in(&self, workspace: &mut Workspace, who: &str) {
        workspace.set("site.user", self.env(who));
        let password = self.env(&format!("{who}_PASSWORD"));
        workspace.write(".env", format!("WP_PASSWORD={password}\n"));
    }

    /// The requests that something made, as `METHOD PATH STATUS`.
    pub(crate) fn requests_of(&self, action: impl FnOnce()) -> Vec<String> {
        let log = Path::new(self.env("WP_ACCESS_LOG"));
        let before = std::fs::metadata(log).map_or(0, |log| log.len());
        action();
        let all = std::fs::read(log).unwrap_or_default();
        let new = &all[usize::try_from(before).expect("a small log")..];
        let text = String::from_utf8_lossy(new).into_owned();
        text.lines().map(str::to_owned).collect()
    }
}

fn stored(text: &str) -> Vec<Stored> {
    let photos: Vec<Value> = serde_json::from_str(text).expect("the library as JSON");
    let field = |photo: &Value, name: &str| photo[name].as_str().map(str::to_owned);
    let photo = |photo: &Value| Stored {
        id: field(photo, "id").expect("an id"),
        alt: field(photo, "alt"),
        source: field(photo, "source"),
    };
    photos.iter().map(photo).collect()
}
