//! As an administrator I back the state file up, even at night while a run is on,
//! and what I restore goes on where it was.

use crate::support::{Act, FakeModel, FakeSite, When, Workspace};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn a_backup_beside_a_run_is_whole_private_and_restorable() {
    let (site, model) = (FakeSite::with_photos(40), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.set("run.concurrency", 2);
    model.latency(Duration::from_millis(30));
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| site.writes().len() > 5));
    let output = workspace.run(&["backup", "copy.db"]).expect(0);
    output.says(&["copy.db"]);
    let backed_up = site.writes().len();
    let ended = running.wait().expect(0);
    assert_eq!(ended.number("/written"), 40, "the run was not disturbed");

    let copy = workspace.path("copy.db");
    let mode = std::fs::metadata(&copy)
        .expect("the copy")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let database = rusqlite::Connection::open(&copy).expect("a database");
    let text = |sql: &str| -> String {
        database
            .query_row(sql, [], |row| row.get(0))
            .expect("a row")
    };
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(text("PRAGMA journal_mode"), "delete");
    let confirmed: usize = text("SELECT count(*) || '' FROM writes WHERE state = 'confirmed'")
        .parse()
        .expect("a number");
    assert!(confirmed > 0 && confirmed <= backed_up);
    drop(database);
    let beside: Vec<String> = std::fs::read_dir(workspace.directory())
        .expect("our own directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with(".altfill"))
        .collect();
    assert_eq!(beside, Vec::<String>::new(), "something was left behind");

    // The state is lost; with the backup in its place nothing is written over.
    for name in ["altfill.db", "altfill.db-wal", "altfill.db-shm"] {
        let _ = std::fs::remove_file(workspace.path("state").join(name));
    }
    std::fs::rename(&copy, workspace.path("state/altfill.db")).expect("the same disk");
    let before = site.alts();
    let _ = workspace.run(&["run", "--json"]);
    assert_eq!(site.alts(), before);
}

#[test]
fn a_backup_overwrites_nothing_and_says_what_is_wrong() {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    let none = workspace.run(&["backup", "copy.db"]).expect(2);
    none.says(&["there is no state file"]);
    let _ = workspace.run(&["run", "--json"]).expect(0);
    workspace.write("copy.db", "the only good backup");
    let exists = workspace.run(&["backup", "copy.db"]).expect(2);
    exists.says(&["copy.db exists already", "name another file"]);
    let kept = std::fs::read_to_string(workspace.path("copy.db")).expect("a file");
    assert_eq!(kept, "the only good backup");
    let nowhere = workspace.run(&["backup", "nowhere/copy.db"]).expect(2);
    nowhere.says(&["can't be written to nowhere/copy.db"]);
    workspace.write(
        "state/altfill.db",
        "not a database, but long enough to be read as one",
    );
    let foreign = workspace.run(&["backup", "other.db"]).expect(1);
    foreign.says(&["is not an altfill state file"]);
    assert!(!workspace.path("other.db").exists());
}

#[test]
fn a_look_at_the_state_is_never_kept_waiting_by_a_busy_run() {
    let (site, model) = (FakeSite::with_photos(30), FakeModel::openai());
    let workspace = Workspace::album(&site, &model);
    model.script(When::chat().from(10), Act::late(Duration::from_secs(60)));
    let mut running = workspace.spawn(&["run", "--json"]);
    assert!(running.until(|| model.count() >= 10));
    for args in [&["status"][..], &["report"], &["report", "--csv"]] {
        let _ = workspace.run(args).expect(0);
    }
    let _ = running.kill();
}
