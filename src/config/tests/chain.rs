//! The models in use: the chain of fallbacks, their keys and prices.

use super::*;

#[test]
fn a_limit_for_the_day_needs_prices_as_one_for_the_run_does() {
    for key in ["max_cost", "max_cost_per_day"] {
        let models = "a:\n  provider: openai\n  model: x\n  api_key_env: KEY\n";
        let settings =
            format!("model = \"a\"\n[site]\npreset = \"embedded\"\n[run]\n{key} = 2.5\n");
        let text = Scratch::new(&settings)
            .file("models.yaml", models)
            .refusal();
        assert_all(&text, &["$2.50", "`a` has no price", &format!("run.{key}")]);
    }
    let settings = Scratch::new(&format!("{EMBEDDED}[run]\nmax_cost_per_day = 2.5\n")).settings();
    assert_eq!(settings.run.max_cost_per_day, Some(Usd(2.5)));
}

#[test]
fn an_unknown_model_is_named_with_the_models_there_are() {
    let text = Scratch::new("model = \"qwen2.5-vl-7b\"\nsite.preset = \"embedded\"\n").refusal();
    assert_all(
        &text,
        &[
            "pipeline.toml, line 1, column 9",
            "1 | model = \"qwen2.5-vl-7b\"",
            "did you mean `qwen2.5vl-7b`?",
            "embedded, paid, qwen2.5vl-7b, unpriced",
        ],
    );
    let mut scratch = Scratch::new(EMBEDDED);
    scratch.overrides.model = Some("payd".to_owned());
    assert_all(
        &scratch.refusal(),
        &["--model names the model `payd`", "did you mean `paid`?"],
    );
    let scratch = Scratch::new(&format!("fallback = [\"embedded\", \"nix\"]\n{EMBEDDED}"));
    assert_all(
        &scratch.refusal(),
        &["line 1, column 25", "the model `nix`"],
    );
    let scratch = Scratch::new(EMBEDDED).variable("ALTFILL_MAX_COST", "much");
    assert_all(&scratch.refusal(), &["ALTFILL_MAX_COST", "`much`"]);
}

#[test]
fn the_chain_holds_each_model_once() {
    let pipeline = format!("fallback = [\"paid\", \"embedded\", \"paid\"]\n{EMBEDDED}");
    let scratch = Scratch::new(&pipeline).variable("OPENAI_API_KEY", "k");
    let chain = scratch.settings().chain;
    let names: Vec<&str> = chain
        .iter()
        .map(crate::archive::ModelName::as_str)
        .collect();
    assert_eq!(names, ["embedded", "paid"]);
}

#[test]
fn a_limit_on_costs_needs_prices_of_the_cloud_models_in_use() {
    let with = |model: &str| {
        Scratch::new(&format!(
            "model = \"{model}\"\nsite.preset = \"embedded\"\nrun.max_cost = 1\n"
        ))
    };
    assert_all(
        &with("unpriced").refusal(),
        &["`unpriced` has no price", "$1.00", "run.max_cost"],
    );
    assert!(with("paid").load().is_ok());
    assert!(with("qwen2.5vl-7b").load().is_ok());
}

#[test]
fn a_missing_key_is_an_error_only_where_the_model_is_used() {
    let scratch = Scratch::new("model = \"paid\"\nsite.preset = \"embedded\"\n");
    let error = scratch.settings().models_ready().expect_err("no key");
    assert!(error.to_string().contains("`paid`"), "{error}");
    assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains(".env")));
    let scratch = scratch.variable("OPENAI_API_KEY", "k");
    assert!(scratch.settings().models_ready().is_ok());
    assert!(Scratch::new(EMBEDDED).settings().models_ready().is_ok());
}
