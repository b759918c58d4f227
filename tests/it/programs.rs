//! As an owner I use a script as a model without handing it everything I know.

use crate::support::{FakeModel, FakeSite, SITE_TOKEN, Workspace};
use serde_json::json;

/// A program that notes its environment and says a caption.
const SCRIPT: &str = "#!/bin/sh\nenv > \"$2\"\necho 'A red boat lies on the sand.'\n";

fn library() -> (FakeSite, Workspace) {
    let (site, other) = (FakeSite::with_photos(1), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &other);
    workspace.write("caption.sh", SCRIPT);
    let seen = workspace.path("environment");
    workspace.add_entry(
        "script",
        json!({
            "deployment": "local",
            "provider": "command",
            "command": ["/bin/sh", "caption.sh", "{image}", seen],
            "api_key_env": "SCRIPT_KEY",
        }),
    );
    workspace.add_entry(
        "gemini",
        json!({"deployment": "cloud", "provider": "gemini", "model": "gemini-3.8-flash"}),
    );
    workspace.set("model", "script");
    (site, workspace)
}

#[test]
fn a_program_gets_its_own_key_and_nobody_elses() {
    let (site, workspace) = library();
    workspace.write(".env", "SCRIPT_KEY=from-dotenv\nNOT_ASKED_FOR=hidden\n");
    let program = workspace
        .altfill(&["run", "--json"])
        .env("GOOGLE_API_KEY", "google-secret")
        .env("GEMINI_API_KEY", "gemini-secret")
        .env("UNRELATED", "kept");
    let output = program.run().expect(0).counted();
    assert_eq!(output.number("/written"), 1);
    assert_eq!(site.alts()[0].1, "A red boat lies on the sand.");
    let seen = std::fs::read_to_string(workspace.path("environment")).expect("it was noted");
    for name in [
        "SITE_TOKEN",
        "MODEL_KEY",
        "GOOGLE_API_KEY",
        "GEMINI_API_KEY",
        "NOT_ASKED_FOR",
    ] {
        assert!(
            !seen.contains(&format!("{name}=")),
            "{name} was passed on: {seen}"
        );
    }
    assert!(
        !seen.contains(SITE_TOKEN) && !seen.contains("secret"),
        "{seen}"
    );
    for line in ["SCRIPT_KEY=from-dotenv", "UNRELATED=kept", "PATH=", "HOME="] {
        assert!(seen.contains(line), "{line} is missing: {seen}");
    }
}

#[test]
fn a_program_whose_key_is_missing_is_not_started() {
    let (site, workspace) = library();
    let output = workspace.run(&["run", "--json"]).expect(2);
    output.says(&["script", "SCRIPT_KEY is not set"]);
    assert!(!workspace.path("environment").exists());
    assert!(site.writes().is_empty());
}

#[test]
fn a_key_that_a_program_prints_is_kept_nowhere() {
    let (_site, workspace) = library();
    workspace.write(
        "caption.sh",
        "echo \"bad key: $SCRIPT_KEY\" >&2\necho \"A boat with $SCRIPT_KEY on it.\"\nexit 3\n",
    );
    let bodies = workspace.path("bodies");
    let bodies = bodies.to_str().expect("a path of plain text");
    let program = workspace
        .altfill(&["-vv", "--log-bodies", bodies, "run", "--json"])
        .env("SCRIPT_KEY", "canary-of-a-script");
    let output = program.run().expect(1);
    let left = format!("{output}\n{}", workspace.everything());
    assert!(!left.contains("canary-of-a-script"), "{output}");
    assert!(left.contains("bad key: ***"), "{output}");
}
