//! Where a setting comes from: flag, variable, file, default.

use super::*;

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    type Read = fn(&Settings) -> String;
    type Flag = fn(&mut Overrides);
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        Flag,
        Read,
        [&'static str; 4],
    );
    let rows: [Row; 6] = [
        (
            "ALTFILL_MODEL",
            "paid",
            "model = \"qwen2.5vl-7b\"",
            |flags| flags.model = Some("embedded".to_owned()),
            |settings| settings.chain[0].to_string(),
            ["embedded", "paid", "qwen2.5vl-7b", ""],
        ),
        (
            "ALTFILL_STATE",
            "/v/s.db",
            "state = \"/f/s.db\"",
            |flags| flags.state = Some("/c/s.db".into()),
            |settings| settings.state.display().to_string(),
            ["/c/s.db", "/v/s.db", "/f/s.db", "state/altfill.db"],
        ),
        (
            "ALTFILL_LANGUAGE",
            "de",
            "language = \"fr\"",
            |flags| flags.language = Some("nl".to_owned()),
            |settings| settings.language.to_string(),
            ["nl", "de", "fr", "en"],
        ),
        (
            "ALTFILL_MAX_COST",
            "2.5",
            "run.max_cost = 3",
            |flags| flags.max_cost = Some(1.0),
            |settings| format!("{:?}", settings.run.max_cost.map(|cost| cost.0)),
            ["Some(1.0)", "Some(2.5)", "Some(3.0)", "None"],
        ),
        (
            "ALTFILL_DEADLINE",
            "2h",
            "run.deadline = \"3h\"",
            |flags| flags.deadline = Some(HOUR),
            |settings| settings.run.deadline.map(duration_text).unwrap_or_default(),
            ["1h", "2h", "3h", ""],
        ),
        (
            "ALTFILL_CONCURRENCY",
            "2",
            "run.concurrency = 3",
            |flags| flags.concurrency = Some(1),
            |settings| settings.run.concurrency.to_string(),
            ["1", "2", "3", "4"],
        ),
    ];
    for (variable, value, line, flag, read, expected) in rows {
        let base = if variable == "ALTFILL_MODEL" {
            ""
        } else {
            "model = \"embedded\"\n"
        };
        let file = format!("{base}{line}\nsite.preset = \"embedded\"\n");
        let mut all = Scratch::new(&file).variable(variable, value);
        flag(&mut all.overrides);
        let from_variable = Scratch::new(&file).variable(variable, value);
        let from_empty_variable = Scratch::new(&file).variable(variable, " ");
        let from_dotenv = Scratch::new(&file).file(".env", &format!("{variable}={value}\n"));
        let from_file = Scratch::new(&file);
        assert_eq!(read(&all.settings()), expected[0], "flag, {variable}");
        assert_eq!(read(&from_variable.settings()), expected[1], "{variable}");
        assert_eq!(
            read(&from_dotenv.settings()),
            expected[1],
            "{variable} in .env"
        );
        assert_eq!(read(&from_file.settings()), expected[2], "file, {variable}");
        assert_eq!(
            read(&from_empty_variable.settings()),
            expected[2],
            "empty {variable}"
        );
        if !base.is_empty() {
            let default = read(&Scratch::new(EMBEDDED).settings());
            assert!(
                default.ends_with(expected[3]),
                "default, {variable}: {default}"
            );
            assert!(!expected[3].is_empty() || default.is_empty());
        }
    }
}

#[test]
fn paths_are_relative_to_where_they_were_written() {
    let scratch = Scratch::new(EMBEDDED)
        .variable("ALTFILL_STATE", "here.db")
        .file(".env", "ALTFILL_STATE=there.db\n");
    assert_eq!(scratch.settings().state, Path::new("here.db"));
    let scratch = Scratch::new(EMBEDDED).file(".env", "ALTFILL_STATE=there.db\n");
    assert_eq!(scratch.settings().state, scratch.path("there.db"));
}

#[test]
fn altfill_config_names_the_file_and_a_flag_beats_it() {
    let other = Scratch::new(EMBEDDED);
    let mut scratch = Scratch::new("nonsense").variable(
        "ALTFILL_CONFIG",
        &other.path("pipeline.toml").display().to_string(),
    );
    assert!(scratch.load().is_err());
    scratch.overrides.config = None;
    assert_eq!(scratch.settings().file, other.path("pipeline.toml"));
}
