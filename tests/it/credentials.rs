//! As an administrator I hand secrets over as my machine does it: variables,
//! files, systemd credentials.

use crate::support::{FakeModel, FakeSite, MODEL_KEY, SITE_TOKEN, Workspace};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

fn story() -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::with_photos(2), FakeModel::openai());
    model.key(MODEL_KEY);
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

/// A directory as systemd makes it for a service.
fn credentials(workspace: &Workspace, secrets: &[(&str, &str)]) -> String {
    for (name, secret) in secrets {
        workspace.write(&format!("credentials/{name}"), format!("{secret}\n"));
    }
    let path = workspace.path("credentials");
    path.to_str().expect("plain text").to_owned()
}

#[test]
fn a_variable_a_file_and_a_credential_all_do() {
    let (_site, _model, workspace) = story();
    let _ = workspace.run(&["run", "--json"]).expect(0);

    let (site, model, workspace) = story();
    let directory = credentials(
        &workspace,
        &[("SITE_TOKEN", SITE_TOKEN), ("MODEL_KEY", MODEL_KEY)],
    );
    let bare = || {
        workspace
            .altfill(&["run", "--json"])
            .without_env("SITE_TOKEN")
            .without_env("MODEL_KEY")
    };
    bare()
        .run()
        .expect(2)
        .says(&["SITE_TOKEN is not set", "credential"]);
    let output = bare()
        .env("CREDENTIALS_DIRECTORY", &directory)
        .run()
        .expect(0);
    assert_eq!(output.number("/written"), 2);
    assert_eq!((site.writes().len(), model.count()), (2, 2));

    let (_site, _model, mut workspace) = story();
    workspace.unset("site.token_env");
    workspace.set("site.token_file", "secrets/site");
    workspace.write("secrets/site", format!("{SITE_TOKEN}\n"));
    workspace.set_model("fake", "api_key_env", json!(null));
    workspace.set_model("fake", "api_key_file", json!("secrets/model"));
    workspace.write("secrets/model", format!("{MODEL_KEY}\n"));
    let bare = workspace
        .altfill(&["run", "--json"])
        .without_env("SITE_TOKEN")
        .without_env("MODEL_KEY");
    let output = bare.run().expect(0);
    assert_eq!(output.number("/written"), 2);
    let kept = output.to_string();
    assert!(!kept.contains(MODEL_KEY) && !kept.contains(SITE_TOKEN));
}

#[test]
fn a_wrong_secret_is_named_by_its_place() {
    let (_site, _model, workspace) = story();
    let wrong = [
        ("SITE_TOKEN", "wr0ng-token-of-the-site"),
        ("MODEL_KEY", MODEL_KEY),
    ];
    let directory = credentials(&workspace, &wrong);
    let run = || {
        let run = workspace
            .altfill(&["run"])
            .without_env("SITE_TOKEN")
            .without_env("MODEL_KEY");
        run.env("CREDENTIALS_DIRECTORY", &directory)
    };
    let output = run().run().expect(1);
    output.says(&["the credential ", "credentials/SITE_TOKEN"]);
    assert!(!output.to_string().contains("wr0ng-token"), "{output}");
    // The variable wins.
    let _ = run().env("SITE_TOKEN", SITE_TOKEN).run().expect(0);
    workspace.write("credentials/SITE_TOKEN", " \n");
    run()
        .run()
        .expect(2)
        .says(&["credentials/SITE_TOKEN", "is empty"]);
    let path = workspace.path("credentials/SITE_TOKEN");
    std::fs::remove_file(&path).expect("ours");
    std::fs::create_dir(&path).expect("in its place");
    run()
        .run()
        .expect(2)
        .says(&["credentials/SITE_TOKEN", "can't be read"]);
}

#[test]
fn mistakes_with_a_key_file_are_said() {
    let (_site, model, mut workspace) = story();
    workspace.set_model("fake", "api_key_file", json!("secrets/model"));
    workspace
        .run(&["run"])
        .expect(2)
        .says(&["api_key_file", "both set"]);
    workspace.set_model("fake", "api_key_env", json!(null));
    workspace
        .run(&["run"])
        .expect(2)
        .says(&["api_key_file", "secrets/model", "No such file"]);
    workspace.write("secrets/model", "");
    workspace
        .run(&["run"])
        .expect(2)
        .says(&["api_key_file", "is empty"]);
    workspace.write("secrets/model", "sk-an0ther-key");
    let output = workspace.run(&["run"]).expect(1);
    output.says(&["the file ", "secrets/model"]);
    assert!(!output.to_string().contains("sk-an0ther-key"), "{output}");
    let refused = model.count();
    let command =
        json!({"provider": "command", "command": ["cat", "{image}"], "api_key_file": "x"});
    workspace.add_entry("program", command);
    workspace
        .run(&["run"])
        .expect(2)
        .says(&["api_key_file", "program", "api_key_env"]);
    assert_eq!(model.count(), refused);
}

#[test]
fn a_program_that_is_a_model_gets_no_secret_of_others() {
    let (site, _model, mut workspace) = story();
    workspace.write(
        "spy",
        "#!/bin/sh\nenv > \"$(dirname \"$0\")/environment\"\necho 'A quiet harbour at dawn.'\n",
    );
    let path = workspace.path("spy");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
    let spy = path.to_str().expect("plain text").to_owned();
    workspace.add_entry(
        "spy",
        json!({"provider": "command", "command": ["/bin/sh", spy, "{image}"], "api_key_env": "SPY_KEY"}),
    );
    workspace.set("model", "spy");
    workspace.set("notify.ping_env", "PING_URL");
    let secrets = [
        ("SITE_TOKEN", SITE_TOKEN),
        ("SPY_KEY", "the-spy's-own"),
        ("PING_URL", "http://127.0.0.1:9/secret-ping"),
    ];
    let directory = credentials(&workspace, &secrets);
    let run = workspace
        .altfill(&["run", "--json"])
        .without_env("SITE_TOKEN");
    let run = run.env("CREDENTIALS_DIRECTORY", &directory);
    let run = run.env("PING_URL", "http://127.0.0.1:9/secret-ping");
    let _ = run.run().expect(0);
    assert_eq!(site.writes().len(), 2);
    let environment = std::fs::read_to_string(workspace.path("environment")).expect("it ran");
    assert!(
        environment.contains("SPY_KEY=the-spy's-own"),
        "{environment}"
    );
    for secret in [
        SITE_TOKEN,
        MODEL_KEY,
        "secret-ping",
        "CREDENTIALS_DIRECTORY",
    ] {
        assert!(!environment.contains(secret), "{secret}: {environment}");
    }
}
