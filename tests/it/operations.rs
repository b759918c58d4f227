//! As an administrator who follows docs/OPERATIONS.md I run altfill at night with
//! a secret token, back it up while it works, lose the state file, and get
//! everything back: nothing is generated twice, no person's text is touched.

use crate::support::{
    Act, FakeModel, FakePhoto, FakeSite, MODEL_KEY, Program, SITE_TOKEN, When, Workspace, there_is,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const N: usize = 40;
const MINE: &str = "Our dog asleep under the table";
const EDITED: &str = "Aunt Mia laughs on the pier";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn archive() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(N), FakeModel::openai());
    site.add("coast/mine", FakePhoto::new("Mine").alt(MINE).verified(1));
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 2);
    (site, model, workspace)
}

/// The service as its unit starts it: its own ExecStart, with a directory of
/// credentials instead of variables.
fn as_the_unit_does(workspace: &Workspace, extra: &[&str]) -> Program {
    let unit = include_str!("../../contrib/systemd/altfill.service");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let mut words = start.expect("the unit starts something").split_whitespace();
    assert_eq!(words.next(), Some("/usr/local/bin/altfill"));
    let here = |path: &str| path.to_str_owned(workspace);
    let words: Vec<String> = words.map(here).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let loaded = unit
        .lines()
        .filter_map(|line| line.strip_prefix("LoadCredential="));
    for line in loaded {
        let (name, _) = line.split_once(':').expect("a name and a path");
        assert_eq!(name, "SITE_TOKEN");
        workspace.write(&format!("credentials/{name}"), format!("{SITE_TOKEN}\n"));
    }
    workspace.write("credentials/MODEL_KEY", MODEL_KEY);
    let credentials = workspace.path("credentials");
    Program::new(workspace.directory())
        .args(&words)
        .args(extra)
        .env(
            "CREDENTIALS_DIRECTORY",
            credentials.to_str().expect("plain text"),
        )
}

/// The paths of a unit inside the scratch directory.
trait Here {
    fn to_str_owned(&self, workspace: &Workspace) -> String;
}

impl Here for str {
    fn to_str_owned(&self, workspace: &Workspace) -> String {
        let at = |name: &str| {
            workspace
                .path(name)
                .to_str()
                .expect("plain text")
                .to_owned()
        };
        match self {
            "/etc/altfill/pipeline.toml" => at("pipeline.toml"),
            "/var/lib/altfill/altfill.db" => at("state/altfill.db"),
            word => {
                assert!(!word.starts_with('/'), "{word} is not expected in the unit");
                word.to_owned()
            }
        }
    }
}

fn lose(workspace: &Workspace) {
    for name in ["altfill.db", "altfill.db-wal", "altfill.db-shm"] {
        let _ = std::fs::remove_file(workspace.path("state").join(name));
    }
}

#[test]
fn a_backup_beside_a_run_brings_everything_back_and_nothing_is_made_twice() {
    let (site, model, workspace) = archive();
    // Some texts have to be written after the backup.
    model.script(When::chat().from(20), Act::late(Duration::from_secs(10)));
    let mut running = as_the_unit_does(&workspace, &["--json"]).spawn();
    assert!(running.until(|| site.writes().len() > 8));
    let _ = workspace.run(&["backup", "copy.db"]).expect(0);
    model.behave();
    let night = running.wait().expect(0);
    assert_eq!(night.number("/written"), N as u64);
    let after = site.writes().last().expect("writes").photo.clone();
    site.edit_by_person(&after, EDITED, None);
    let (texts, made) = (site.alts(), model.count());

    lose(&workspace);
    std::fs::rename(
        workspace.path("copy.db"),
        workspace.path("state/altfill.db"),
    )
    .expect("ours");
    site.forget();
    let dry = workspace
        .run(&["run", "--dry-run", "--json"])
        .expect(0)
        .counted();
    assert_eq!(dry.number("/dry_run/wanted"), 0, "{dry}");
    let next = as_the_unit_does(&workspace, &["--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(next.number("/model_calls"), 0, "{next}");
    assert!(
        next.number("/skipped/unproven") > 0,
        "texts from after the backup: {next}"
    );
    assert_eq!(site.alts(), texts);
    assert!(site.writes().is_empty());
    assert_eq!(model.count(), made);

    // What came after the backup is taken back; people's texts are not.
    let adopted = workspace
        .run(&["adopt", "--yes", "--trust-tag", "--json"])
        .expect(0);
    assert_eq!(
        adopted.number("/adopted"),
        next.number("/skipped/unproven"),
        "{adopted}"
    );
    let again = as_the_unit_does(&workspace, &["--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(again.number("/skipped/unproven"), 0, "{again}");
    assert_eq!(again.number("/model_calls"), 0, "{again}");
    assert_eq!((site.alts(), model.count()), (texts, made));
}

#[test]
fn without_a_backup_adopting_touches_no_persons_text() {
    let (site, model, mut workspace) = archive();
    let _ = as_the_unit_does(&workspace, &["--json"]).run().expect(0);
    let edited = site.ids()[3].clone();
    site.edit_by_person(&edited, EDITED, Some(json!(1)));
    let (texts, made) = (site.alts(), model.count());
    lose(&workspace);
    site.forget();

    let dry = workspace
        .run(&["run", "--dry-run", "--json"])
        .expect(0)
        .counted();
    assert_eq!(dry.number("/dry_run/wanted"), 0, "{dry}");
    let refused = workspace.run(&["adopt", "--yes"]).expect(2);
    refused.says(&["--trust-tag"]);
    let adopted = workspace
        .run(&["adopt", "--yes", "--trust-tag", "--json"])
        .expect(0);
    assert_eq!(adopted.number("/adopted"), N as u64 - 1, "{adopted}");
    assert_eq!(adopted.number("/skipped/unproven"), 0, "{adopted}");
    let next = as_the_unit_does(&workspace, &["--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(next.number("/model_calls"), 0, "{next}");
    assert!(
        site.writes().is_empty(),
        "adopting changes nothing on the site"
    );
    assert_eq!((site.alts(), model.count()), (texts, made));

    // Even the one command that replaces texts leaves people's alone.
    workspace.add_model("better", &model);
    workspace.set("model", "better");
    let better = workspace.run(&["upgrade", "--json"]).expect(0).counted();
    assert_eq!(better.number("/written"), N as u64 - 1, "{better}");
    assert_eq!(
        (site.alt("coast/mine"), site.alt(&edited)),
        (MINE.to_owned(), EDITED.to_owned())
    );
}

#[test]
fn systemd_accepts_the_units() {
    if !there_is("systemd-analyze", "systemd") {
        return;
    }
    let workspace = Workspace::empty();
    let program = crate::support::program::binary();
    for name in ["altfill.service", "altfill.timer"] {
        let unit = repository().join("contrib/systemd").join(name);
        let text = std::fs::read_to_string(unit).expect("a unit");
        // It is not installed here.
        let installed = program.to_str().expect("plain text");
        workspace.write(name, text.replace("/usr/local/bin/altfill", installed));
    }
    let verified = Command::new("systemd-analyze")
        .args(["verify", "altfill.service", "altfill.timer"])
        .current_dir(workspace.directory())
        .output()
        .expect("systemd-analyze");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // It may remark on units of the machine itself.
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("altfill"))
        .collect();
    assert!(verified.status.success() && ours.is_empty(), "{said}");
}

#[test]
fn the_wrapper_for_cron_says_something_only_where_a_person_is_needed() {
    let (site, model, workspace) = archive();
    let wrapper = repository().join("contrib/cron/altfill-nightly");
    let program = crate::support::program::binary();
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(&wrapper).args(arguments).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("ALTFILL", &program)
            .current_dir(workspace.directory());
        command
            .env("ALTFILL_CONFIG", "pipeline.toml")
            .envs([("MODEL_KEY", MODEL_KEY)]);
        for (name, value) in variables {
            command.env(name, value);
        }
        let output = command.output().expect("a shell");
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code(), said)
    };
    let token = [("SITE_TOKEN", SITE_TOKEN)];
    assert_eq!(run(&token, &["--limit", "3"]), (Some(0), String::new()));
    let early = run(&token, &["--deadline", "1ms"]);
    assert_eq!(
        early,
        (Some(0), String::new()),
        "stopped early on purpose is no mail"
    );
    site.add("a/broken", FakePhoto::new("Broken").no_pixels());
    workspace.list(&site);
    let (code, said) = run(&token, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (code, said) = run(&[], &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("SITE_TOKEN") && said.lines().count() < 12,
        "{said}"
    );
    model.key("another");
    site.add("a/new", FakePhoto::new("New"));
    workspace.list(&site);
    let (code, said) = run(&token, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("MODEL_KEY") && said.lines().count() < 6,
        "{said}"
    );
}

#[test]
fn the_document_and_the_files_that_it_names_agree() {
    let text = include_str!("../../docs/OPERATIONS.md");
    for word in text.split([' ', '\n', '`', ',', ')', '"']) {
        if word.starts_with("contrib/") {
            let path: PathBuf = repository().join(word);
            assert!(path.exists(), "{word} is not there");
        }
    }
    // The crontab and the units run what exists.
    let help = Program::new(repository())
        .args(&["run", "--help"])
        .run()
        .expect(0);
    for flag in [
        "--until",
        "--metrics-file",
        "--events",
        "--plain",
        "--quiet",
    ] {
        assert!(text.contains(flag) && help.stdout.contains(flag), "{flag}");
    }
    let page = include_str!("../../src/report/metrics.rs");
    let told = text.split('`').filter(|word| word.starts_with("altfill_"));
    for name in told {
        let known = format!("\"{}\"", name.trim_start_matches("altfill_"));
        let name_is_metric = !name.contains(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        assert!(
            !name_is_metric || page.contains(&known),
            "{name} is no metric"
        );
    }
}
