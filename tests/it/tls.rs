//! As an owner I rely on https: who can't prove to be my site or my model gets no
//! token, no key and no photo; and my organisation's own authority can be named.
//!
//! Needs Python with `trustme`. Where that is missing, the stories say that they
//! are left out, and fail if `ALTFILL_TEST_TLS` is set, as it is in `.ci/run`.

use crate::support::{FakeModel, FakeSite, Output, Workspace};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Certificates and versions that nobody may accept.
const BAD: [&str; 7] = [
    "expired",
    "early",
    "other-host",
    "stranger",
    "self-signed",
    "tls-1.1",
    "tls-1.0",
];

/// TLS in front of a plain server; ends when it is dropped.
struct Tls {
    child: Child,
    directory: TempDir,
    ports: Value,
}

impl Tls {
    /// `None` where the tools are not there.
    fn before(url: &str) -> Option<Self> {
        let found = Command::new("python3")
            .args(["-c", "import trustme"])
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("ALTFILL_TEST_TLS").is_none(),
                "python3 with trustme is needed: pip install trustme"
            );
            let said = "LEFT OUT: a story of TLS needs python3 with trustme (pip install trustme)";
            let _ = writeln!(std::io::stderr(), "{said}");
            return None;
        }
        let directory = tempfile::tempdir().expect("a scratch directory");
        let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/tls/serve.py");
        let child = Command::new("python3")
            .arg(peer)
            .arg(directory.path())
            .arg(url.trim_start_matches("http://"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut tls = Self {
            child,
            directory,
            ports: Value::Null,
        };
        let end = Instant::now() + Duration::from_secs(60);
        let path = tls.directory.path().join("ports.json");
        while !path.exists() {
            assert!(Instant::now() < end, "the TLS servers do not start");
            let ended = tls.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "the TLS servers ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let ports = std::fs::read(&path).expect("just written");
        tls.ports = serde_json::from_slice(&ports).expect("JSON");
        Some(tls)
    }

    fn url(&self, name: &str) -> String {
        format!("https://localhost:{}", self.ports[name])
    }

    fn file(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_str().expect("plain text").to_owned()
    }

    /// Whether anything was sent inside of a connection.
    fn heard(&self, name: &str) -> bool {
        self.directory.path().join(format!("heard-{name}")).exists()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // Both can only fail when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn library() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.outage_patience", "1s");
    (site, model, workspace)
}

fn refused(what: &str, output: &Output) {
    assert!(!matches!(output.code, Some(0)), "{what}: {output}");
    let said = output.to_string().to_lowercase();
    let names_it = [
        "certificate",
        "tls",
        "handshake",
        "protocol",
        "issuer",
        "peer",
    ]
    .iter()
    .any(|word| said.contains(word));
    assert!(names_it, "{what}: the reason is not told: {output}");
}

#[test]
fn a_site_that_can_not_prove_who_it_is_gets_no_token() {
    let (site, _model, mut workspace) = library();
    let Some(tls) = Tls::before(&site.url()) else {
        return;
    };
    for name in BAD {
        // The good authority is no reason to accept a bad certificate.
        workspace.set("site.ca_file", tls.file("ca.pem"));
        workspace.set("site.base_url", tls.url(name));
        let output = workspace.run(&["check"]);
        refused(name, &output);
        assert!(!tls.heard(name), "{name}: something was sent: {output}");
    }
    workspace.unset("site.ca_file");
    workspace.set("site.base_url", tls.url("good"));
    let output = workspace.run(&["check"]);
    refused("an authority that nobody named", &output);
    assert!(!tls.heard("good"), "something was sent: {output}");
    assert!(site.requests().is_empty());
}

#[test]
fn a_site_of_an_own_authority_is_served_once_that_is_named() {
    let (site, _model, mut workspace) = library();
    let Some(tls) = Tls::before(&site.url()) else {
        return;
    };
    workspace.set("site.base_url", tls.url("good"));
    workspace.set("site.ca_file", tls.file("ca.pem"));
    let output = workspace.run(&["run", "--json"]).expect(0);
    assert_eq!(output.number("/written"), 2, "pixels too: {output}");
    workspace.set("site.ca_file", tls.file("stranger.pem"));
    refused("another authority", &workspace.run(&["check"]));
}

#[test]
fn images_on_another_host_have_to_prove_who_they_are_too() {
    let (site, model, mut workspace) = library();
    let Some(tls) = Tls::before(&site.url()) else {
        return;
    };
    workspace.set("site.ca_file", tls.file("ca.pem"));
    for name in BAD {
        let template = format!("{}/files/cache/{{album}}/{{name}}-1280w.jpg", tls.url(name));
        workspace.set("site.pixels", template);
        let output = workspace.run(&["run", "--json"]);
        refused(name, &output);
        assert!(!tls.heard(name), "{name}: something was sent: {output}");
        assert_eq!(output.number("/written"), 0, "{name}: {output}");
    }
    assert_eq!(model.count(), 0);
    let template = format!(
        "{}/files/cache/{{album}}/{{name}}-1280w.jpg",
        tls.url("good")
    );
    workspace.set("site.pixels", template);
    let _ = std::fs::remove_dir_all(workspace.path("state"));
    let output = workspace.run(&["run", "--json"]).expect(0);
    assert_eq!(output.number("/written"), 2, "{output}");
}

#[test]
fn a_model_that_can_not_prove_who_it_is_gets_neither_key_nor_photo() {
    let (_site, model, mut workspace) = library();
    let Some(tls) = Tls::before(&model.url()) else {
        return;
    };
    let path = model.base_url().replace(&model.url(), "");
    for deployment in ["local", "cloud"] {
        workspace.set_model("fake", "deployment", json!(deployment));
        for name in BAD {
            workspace.set_model("fake", "ca_file", json!(tls.file("ca.pem")));
            workspace.set_model("fake", "base_url", json!(tls.url(name) + &path));
            let output = workspace.run(&["models", "--check"]);
            assert_ne!(output.code, Some(0), "{name}: {output}");
            assert!(!tls.heard(name), "{name}: something was sent: {output}");
        }
        workspace.set_model("fake", "base_url", json!(tls.url("good") + &path));
        workspace.set_model("fake", "ca_file", Value::Null);
        let output = workspace.run(&["models", "--check"]);
        assert_ne!(output.code, Some(0), "{output}");
        assert!(!tls.heard("good"), "something was sent: {output}");
    }
    assert_eq!(model.count(), 0);
    workspace.set_model("fake", "ca_file", json!(tls.file("ca.pem")));
    let output = workspace.run(&["run", "--json"]).expect(0);
    assert_eq!(output.number("/written"), 2, "{output}");
}

#[test]
fn a_file_without_a_certificate_is_a_wrong_setting() {
    let (site, model, mut workspace) = library();
    workspace.write("empty.pem", "");
    for (name, expected) in [
        ("empty.pem", "no certificate"),
        ("missing.pem", "missing.pem"),
        ("pipeline.toml", "no certificate"),
    ] {
        workspace.set("site.ca_file", name);
        workspace
            .run(&["run"])
            .expect(2)
            .says(&["site.ca_file", expected]);
        workspace.unset("site.ca_file");
        workspace.set_model("fake", "ca_file", json!(name));
        workspace
            .run(&["run"])
            .expect(2)
            .says(&["ca_file", expected]);
        workspace.set_model("fake", "ca_file", Value::Null);
    }
    assert!(site.requests().is_empty());
    assert_eq!(model.count(), 0);
}

#[test]
fn no_setting_turns_the_proof_off() {
    let (_site, _model, mut workspace) = library();
    for key in [
        "insecure",
        "verify",
        "tls_verify",
        "danger_accept_invalid_certs",
    ] {
        workspace.set(&format!("site.{key}"), false);
        workspace.run(&["run"]).expect(2).says(&[key]);
        workspace.unset(&format!("site.{key}"));
    }
    let sources = walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    for entry in sources.into_iter().filter_map(Result::ok) {
        if entry.path().extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(entry.path()).expect("our own source");
            for word in ["danger_accept", "tls_danger", ".dangerous()"] {
                assert!(!text.contains(word), "{}: {word}", entry.path().display());
            }
        }
    }
}
