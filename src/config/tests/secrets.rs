//! Where secrets come from, and that they stay there.

use super::*;

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
