//! Settings that are refused, with file, line and what to do.

use super::*;

#[test]
fn a_missing_file_is_named_with_what_to_do() {
    let scratch = Scratch::new(EMBEDDED).without("pipeline.toml");
    assert_all(
        &scratch.refusal(),
        &["no settings file", "pipeline.toml", "--config"],
    );
    let scratch = Scratch::new(EMBEDDED).without("models.yaml");
    assert_all(
        &scratch.refusal(),
        &["no models file", "models.yaml", "beside the settings"],
    );
    let scratch = Scratch::new(&format!("models = \"m/x.yaml\"\n{EMBEDDED}"));
    assert_all(&scratch.refusal(), &["m/x.yaml", "`models`"]);
}

#[test]
fn an_unknown_key_is_shown_with_file_line_column_and_suggestion() {
    for (pipeline, parts) in [
        (
            "model = \"embedded\"\n[site]\npreset = \"embedded\"\nbaseurl = \"x\"\n",
            [
                "line 4, column 1",
                "4 | baseurl = \"x\"",
                "`baseurl` in `site`",
                "did you mean `base_url`?",
            ],
        ),
        (
            "modle = \"embedded\"\nsite.preset = \"embedded\"\n",
            [
                "line 1, column 1",
                "1 | modle = \"embedded\"",
                "`modle`",
                "did you mean `model`?",
            ],
        ),
        (
            "model = \"embedded\"\n[sites]\npreset = \"embedded\"\n",
            [
                "line 2, column 2",
                "2 | [sites]",
                "`sites`",
                "did you mean `site`?",
            ],
        ),
        (
            "model = \"embedded\"\nsite = { preset = \"embedded\", consurrency = 3 }\n",
            [
                "line 2, column 31",
                "consurrency = 3",
                "`site`",
                "did you mean `concurrency`?",
            ],
        ),
        (
            "base_url = \"https://example.org\"\nmodel = \"embedded\"\nsite.preset = \"embedded\"\n",
            [
                "line 1, column 1",
                "1 | base_url",
                "`base_url`",
                "belongs under [site]",
            ],
        ),
    ] {
        let text = Scratch::new(pipeline).refusal();
        assert_all(&text, &["pipeline.toml, ", "the known keys"]);
        assert_all(&text, &parts);
    }
}

#[test]
fn all_problems_of_both_files_are_reported_at_once() {
    let pipeline = "model = \"embedded\"\nlangage = \"en\"\n[site]\npreset = \"embedded\"\n\
                    [run]\nconcurrency = 0\nmax_tries = \"3\"\n";
    let scratch = Scratch::new(pipeline).file("models.yaml", "embedded:\n  provider: embeded\n");
    let text = scratch.refusal();
    assert_all(
        &text,
        &[
            "the settings have 4 problems",
            "unknown key `langage`",
            "`run.concurrency` must be between 1 and 4096",
            "6 | concurrency = 0",
            "`run.max_tries` must be a whole number, not text",
            "models.yaml, line 2, column 13",
            "did you mean `embedded`?",
        ],
    );
    for line in text.lines() {
        let path = scratch.directory.path().display().to_string();
        assert!(
            line.contains(&path) || line.chars().count() <= 200,
            "{line}"
        );
    }
}

#[test]
fn toml_that_is_none_is_shown_with_its_line() {
    for (pipeline, parts) in [
        ("model = \"embedded\n", ["line 1", "1 | model = \"embedded"]),
        (
            "model = \"a\"\nmodel = \"b\"\n",
            ["line 2, column 1", "2 | model = \"b\""],
        ),
        ("model = \"a\"\n[site\nx = 1\n", ["line 2", "2 | [site"]),
        ("model = embedded\n", ["line 1", "1 | model = embedded"]),
    ] {
        let text = Scratch::new(pipeline).refusal();
        assert_all(&text, &["pipeline.toml, "]);
        assert_all(&text, &parts);
    }
}

#[test]
fn values_that_make_no_sense_are_refused_where_they_stand() {
    for (line, expected) in [
        (
            "run.concurrency = 0",
            "`run.concurrency` must be between 1 and 4096",
        ),
        ("run.concurrency = -1", "must not be negative"),
        ("run.concurrency = 1.5", "must be a whole number"),
        ("run.max_cost = -1", "`run.max_cost` must be between 0"),
        ("run.max_cost = inf", "finite"),
        ("run.max_cost = \"5\"", "must be a number, not text"),
        (
            "run.deadline = \"0s\"",
            "`run.deadline` must be between 1ms and 365d",
        ),
        ("run.deadline = \"4 hours\"", "`4 hours` is no duration"),
        ("run.deadline = 90", "has no unit; write it like \"90s\""),
        (
            "run.drain = \"3d\"",
            "`run.drain` must be between 0s and 1d",
        ),
        ("run.outage_patience = \"9999d\"", "must be between"),
        ("run.max_tries = 0", "must be between 1 and 100"),
        ("run.retry_after = \"0s\"", "must be between 1s and 365d"),
        (
            "run.retry_after_max = \"5m\"",
            "not be shorter than `run.retry_after`",
        ),
        (
            "run.publish_embedded = 1",
            "must be true or false, not a number",
        ),
        ("photo.max_bytes = \"64 apples\"", "`64 apples` is no size"),
        ("photo.max_bytes = 0", "must be between 1"),
        ("photo.max_pixels = -3", "must not be negative"),
        ("language = \"english\"", "`english` is no language tag"),
        ("language = \"en_GB\"", "`en_GB` is no language tag"),
        ("language = \" \"", "`language` is empty"),
        ("state = \"\"", "`state` is empty"),
        ("state = 3", "must be text, not a number"),
        ("state = 2024-05-31", "must be text, not a date"),
        ("context.album = \"yes\"", "must be true or false, not text"),
        ("context.notes = \"\"", "`context.notes` is empty"),
        ("fallback = \"paid\"", "must be a list of texts, not text"),
        ("fallback = [1]", "must be text, not a number"),
        ("context = 3", "`context` must be a table, not a number"),
    ] {
        let text = Scratch::new(&format!(
            "{line}\nmodel = \"embedded\"\nsite.preset = \"embedded\"\n"
        ))
        .refusal();
        assert_all(
            &text,
            &[
                "pipeline.toml, line 1, column ",
                &format!("1 | {line}"),
                expected,
            ],
        );
    }
}

#[test]
fn site_values_that_make_no_sense_are_refused_where_they_stand() {
    for (line, expected) in [
        ("preset = \"albun\"", "did you mean `album`?"),
        ("base_url = \"example.org\"", "is no address"),
        ("base_url = \"ftp://example.org\"", "must start with http"),
        ("base_url = \"https://example.org/?a=1\"", "query"),
        ("base_url = \"https://example.org/#top\"", "fragment"),
        ("manifest = \"nothing.txt\"", "there is no file"),
        ("manifest = \"\"", "is empty"),
        ("pixels = \"/files/photo.jpg\"", "must contain {name}"),
        ("pixels = \"/{id}/{name}.jpg\"", "unknown variable {id}"),
        ("pixels = { dir = \"nowhere\" }", "there is no directory"),
        ("pixels = { directory = \"x\" }", "did you mean `dir`?"),
        ("pixels = {}", "names no directory"),
        ("pixels = 3", "must be a URL template"),
        ("concurrency = 0", "must be between 1"),
        ("requests_per_second = 0", "must be more than 0"),
        ("requests_per_second = -2", "must be more than 0"),
        ("timeout = \"1ms\"", "must be between 10ms and 1h"),
        ("name = \"\"", "is empty"),
        ("token_env = \"NOT_SET\"", "NOT_SET is not set or empty"),
        ("token_file = \"nothing\"", "nothing"),
    ] {
        let text = Scratch::new(&album(line)).refusal();
        assert_all(
            &text,
            &[
                "pipeline.toml, line 3, column ",
                // A query may hold a key, and is not shown.
                &format!("3 | {}", line.replace("?a=1", "?***")),
                expected,
            ],
        );
    }
}

#[test]
fn a_known_key_is_named_once() {
    let models = "a:\n  provider: openai\n  model: x\n  prise: {input: 1, output: 2}\n";
    let text = Scratch::new(EMBEDDED).file("models.yaml", models).refusal();
    assert_eq!(text.matches("price,").count(), 1, "{text}");
}
