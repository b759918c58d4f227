//! As an owner I can search everything that altfill ever said or kept, through a
//! photo's whole life, and find neither my token nor my key: not as they are, and
//! in no form in which a program might write them.

use crate::support::{Act, FakeModel, FakeSite, Output, Program, Reply, When, Workspace};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// With characters that JSON, addresses and HTML write in other ways.
const TOKEN: &str = "cms-Zq7+Rv/2\"x=9<Lk>&pT'4mW";
const KEY: &str = "sk-Hn3/8dQ+\\vB=Yw\"61<uJ>&cE5";

/// All the ways in which a secret might be written.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(secret).expect("text is JSON");
    let twice = serde_json::to_string(&json).expect("text is JSON");
    let bytes = secret.as_bytes();
    let hex = |bytes: &mut dyn Iterator<Item = &u8>| {
        let digits: Vec<String> = bytes.map(|byte| format!("{byte:02x}")).collect();
        digits.concat()
    };
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("its beginning", secret[..9].to_owned()),
        ("its end", secret[secret.len() - 9..].to_owned()),
        ("as JSON", json[1..json.len() - 1].to_owned()),
        ("as JSON in JSON", twice[3..twice.len() - 3].to_owned()),
        ("as HTML", html),
        (
            "percent-encoded",
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        ),
        ("as a form", form_urlencoded(secret)),
        ("in Rust's notation", secret.escape_debug().to_string()),
        ("in hex", hex(&mut bytes.iter())),
        ("in hex, reversed", hex(&mut bytes.iter().rev())),
        ("in capital hex", hex(&mut bytes.iter()).to_uppercase()),
        ("reversed", secret.chars().rev().collect()),
        ("as numbers", decimal.join(", ")),
        ("hashed", blake3::hash(bytes).to_hex().to_string()),
    ];
    // In base64 a text looks different at each of three places.
    for shift in 0..3 {
        let padded = [&vec![0; shift], bytes].concat();
        let from = if shift == 0 { 0 } else { shift + 1 };
        let to = padded.len() * 8 / 6 - 1;
        forms.push((
            "in base64",
            STANDARD_NO_PAD.encode(&padded)[from..to].to_owned(),
        ));
        forms.push((
            "in base64url",
            URL_SAFE_NO_PAD.encode(&padded)[from..to].to_owned(),
        ));
    }
    forms
}

fn form_urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Fails when a secret is in a text in any form.
fn clean(what: &str, text: &str) {
    for secret in [TOKEN, KEY] {
        for (how, form) in forms(secret) {
            let at = text.find(&form);
            let around = at.map(|at| text[..at].chars().rev().take(160).collect::<String>());
            let around: Option<String> = around.map(|it| it.chars().rev().collect());
            assert_eq!(at, None, "{what}: a secret {how} ({form}) after {around:?}");
        }
    }
}

struct Life {
    site: FakeSite,
    model: FakeModel,
    workspace: Workspace,
}

impl Life {
    fn begin() -> Self {
        let (site, model) = (FakeSite::with_photos(8), FakeModel::openai());
        site.token(TOKEN);
        model.key(KEY);
        let mut workspace = Workspace::album(&site, &model);
        workspace.set("run.outage_patience", "1s");
        workspace.add_entry(
            "script",
            json!({"deployment": "local", "provider": "command",
                "command": ["/bin/sh", "script.sh", "{image}", "{prompt}"]}),
        );
        // Notes all it can see, and says it, too.
        workspace.write(
            "script.sh",
            "env >> seen.txt; cat /proc/$$/cmdline >> seen.txt; env >&2; echo 'A boat on the sand.'\n",
        );
        Self {
            site,
            model,
            workspace,
        }
    }

    fn program(&self, args: &[&str]) -> Program {
        let path = |name: &str| {
            let path = self.workspace.path(name);
            path.to_str().expect("a path of plain text").to_owned()
        };
        let (log, bodies) = (path("run.log"), path("bodies"));
        let loud = ["-vvv", "--log-json", &log, "--log-bodies", &bodies];
        self.workspace
            .altfill(&[&loud, args].concat())
            .env("SITE_TOKEN", TOKEN)
            .env("MODEL_KEY", KEY)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
    }

    fn step(&self, args: &[&str]) -> Output {
        let output = self.program(args).run();
        clean(&format!("what {args:?} said"), &output.to_string());
        output
    }

    fn nothing_is_left(&self, when: &str) {
        clean(
            &format!("a file after {when}"),
            &self.workspace.everything(),
        );
    }
}

#[test]
fn no_secret_is_found_after_a_photos_whole_life() {
    let life = Life::begin();
    let _ = life.step(&["check"]).expect(0);
    let _ = life
        .step(&["models", "--check", "fake", "script"])
        .expect(0);
    let _ = life
        .step(&["models", "--check", "--json", "fake", "script"])
        .expect(0);
    let _ = life.step(&["run", "--dry-run", "--json"]).expect(0);
    let first = life
        .step(&["run", "--json", "--report", "run.html"])
        .expect(0);
    assert_eq!(first.number("/written"), 8, "{first}");
    let ids = life.site.ids();
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["report"],
        &["report", "--json"],
        &["report", "--csv"],
        &["report", "--html", "archive.html"],
        &["report", "--run", "1"],
        &["history", &ids[0]],
        &["history", &ids[0], "--json"],
        &["export", "--all", "--csv"],
        &["export", "--all", "--csv", "--output", "drafts.csv"],
        &["import", "drafts.csv", "--json"],
        &["upgrade", "--model", "script", "--json"],
        &["fix", &ids[1], "--yes"],
        &["fix", &ids[2], "--text", "A pier", "--yes"],
        &["undo", "1", "--yes", "--json"],
        &["adopt", "--yes", "--json"],
        &["backup", "copy.db"],
    ] {
        let output = life.step(args);
        // Adopting asks for --trust-tag here.
        let fine = matches!(output.code, Some(0 | 3)) || args[0] == "adopt";
        assert!(fine, "{args:?}: {output}");
    }
    let seen = std::fs::read_to_string(life.workspace.path("seen.txt"));
    assert!(
        seen.is_ok_and(|seen| seen.contains("PATH=")),
        "the script ran"
    );
    life.nothing_is_left("a whole life");
}

#[test]
fn no_secret_is_found_when_servers_repeat_what_they_were_sent() {
    let echo = |secret: &str| {
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC);
        let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
        format!(
            "{secret} / {percent} / {base64} / {}{secret}",
            "x".repeat(150)
        )
    };
    for status in [200, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503] {
        let life = Life::begin();
        let said = echo(TOKEN);
        let as_json = Reply::json(
            status,
            &json!({"message": said, "error": {"message": said}}),
        );
        let page = format!("<html><title>{TOKEN}</title><body>Authorization: {TOKEN}</body>");
        let as_page = Reply::bytes(status, "text/html", page)
            .with(
                "location",
                &format!("/login/{}?t=1", form_urlencoded(TOKEN)),
            )
            .with("retry-after", "0");
        let ids = life.site.ids();
        life.site
            .script(When::get().photo(&ids[0]), Act::reply(as_json.clone()));
        life.site
            .script(When::get().photo(&ids[1]), Act::reply(as_page.clone()));
        life.site
            .script(When::patch().photo(&ids[2]), Act::reply(as_json.clone()));
        life.site
            .script(When::patch().photo(&ids[3]), Act::reply(as_page.clone()));
        life.site
            .script(When::pixels().photo(&ids[4]), Act::reply(as_page));
        let said = echo(KEY);
        let reply = json!({"error": {"message": said, "type": KEY, "code": KEY}});
        let reply = Reply::json(status, &reply)
            .with("x-request-id", "abc")
            .with("retry-after", "0");
        life.model.script(When::chat().nth(2), Act::reply(reply));
        let _ = life.step(&["run", "--json", "--report", "run.csv", "--limit", "8"]);
        let _ = life.step(&["report", "--json"]);
        let _ = life.step(&["history", &ids[0]]);
        let _ = life.step(&["check", &ids[1]]);
        life.nothing_is_left(&format!("answers with {status}"));
    }
}

#[test]
fn no_secret_is_found_after_mistakes_in_the_settings() {
    let mut life = Life::begin();
    life.workspace.set("site.token_env", TOKEN);
    let _ = life.program(&["run"]).run().expect(2);
    // The mistake itself is in the settings; what is said of it must not be.
    let said = life.program(&["run"]).run().to_string();
    for (how, form) in forms(TOKEN) {
        assert!(
            !said.contains(&form),
            "a token in place of a variable, {how}: {said}"
        );
    }
    life.workspace.set("site.token_env", "SITE_TOKEN");
    life.workspace.set("site.token_file", "token.txt");
    let _ = life.step(&["run"]).expect(2);
    life.workspace.unset("site.token_file");
    for bad in ["line\r\nX-Evil: 1", "line\nbreak", "nul\u{1}", "ü"] {
        let token = format!("{TOKEN}{bad}");
        let output = life
            .program(&["run"])
            .env("SITE_TOKEN", &token)
            .run()
            .expect(2);
        clean("an impossible token", &output.to_string());
        let output = life
            .program(&["run"])
            .env("MODEL_KEY", &token)
            .run()
            .expect(2);
        clean("an impossible key", &output.to_string());
    }
    assert!(life.site.requests().is_empty(), "nothing was sent");
}

#[test]
fn a_panic_and_a_crash_leave_no_memory_behind() {
    // A core would hold whatever the process held.
    let life = Life::begin();
    life.model.latency(std::time::Duration::from_secs(5));
    let mut running = life.program(&["run", "--json"]).spawn();
    assert!(running.until(|| !life.site.requests().is_empty()));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id()));
    let limits = limits.expect("our own child");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.expect("a limit of cores").split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{words:?}");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", running.id())).expect("our child");
    clean("the arguments", &String::from_utf8_lossy(&arguments));
    drop(running);
}
