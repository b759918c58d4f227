//! As an owner on a machine with others I find that nobody else can read what
//! altfill keeps, however careless my umask is.

use crate::support::{FakeModel, FakeSite, Output, Workspace};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs altfill in a shell that takes no permission away.
fn careless(workspace: &Workspace, args: &[&str]) -> Output {
    let program = crate::support::program::binary();
    let output = Command::new("/bin/sh")
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(program)
        .args(["--config", "pipeline.toml"])
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", workspace.directory())
        .env("SITE_TOKEN", crate::support::SITE_TOKEN)
        .env("MODEL_KEY", crate::support::MODEL_KEY)
        .current_dir(workspace.directory())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    Output {
        code: output.status.code(),
        signal: None,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: std::time::Duration::ZERO,
    }
}

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::symlink_metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

/// Everything below a directory, itself included.
fn below(path: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(path)
        .into_iter()
        .map(|entry| entry.expect("our own directory can be read").into_path())
        .collect()
}

fn all_private(path: &Path) {
    for path in below(path) {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            mode(&path),
            expected,
            "{} is {:o}",
            path.display(),
            mode(&path)
        );
    }
}

#[test]
fn state_logs_bodies_backups_and_exports_are_their_owners_alone() {
    let (site, model) = (FakeSite::with_photos(4), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("state", "made/by/altfill/state.db");
    let loud = ["--log-json", "run.log", "--log-bodies", "bodies/of/calls"];
    let output = careless(&workspace, &[&loud[..], &["run", "--json"]].concat()).expect(0);
    assert_eq!(output.number("/written"), 4, "{output}");
    for args in [
        &["backup", "copy.db"][..],
        &["export", "--all", "--output", "drafts.csv"],
        &["report", "--html", "page.html"],
        &["report", "--run", "1"],
    ] {
        let _ = careless(&workspace, args).expect(0);
    }
    all_private(&workspace.path("made"));
    all_private(&workspace.path("bodies"));
    for name in ["run.log", "copy.db", "drafts.csv"] {
        let path = workspace.path(name);
        assert_eq!(mode(&path), 0o600, "{name} is {:o}", mode(&path));
    }
    // A report may be meant for others to read, but never to change.
    assert_eq!(mode(&workspace.path("page.html")), 0o644);
}

#[test]
fn what_a_run_writes_meanwhile_is_private_too() {
    let (site, model) = (FakeSite::with_photos(60), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 2);
    workspace.set("state", "made/state.db");
    model.latency(std::time::Duration::from_millis(500));
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| site.writes().len() > 3));
    let found = below(&workspace.path("made"));
    let names: Vec<String> = found
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    for name in ["state.db", "state.db-wal", "state.db-shm", "state.db.lock"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    all_private(&workspace.path("made"));
    drop(running);
}

#[test]
fn the_embedded_archive_is_private_too() {
    let workspace = Workspace::empty();
    for name in ["pipeline.toml", "models.yaml"] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        workspace.write(name, std::fs::read(shipped).expect("the shipped settings"));
    }
    let _ = careless(&workspace, &["run", "--json"]).expect(0);
    all_private(&workspace.path("state"));
}
