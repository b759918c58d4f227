//! `models.yaml`: what is understood, and what is refused.

use super::*;
use crate::archive::ModelName;

fn with_models(models: &str) -> Scratch {
    let embedded = "embedded:\n  provider: embedded\n";
    Scratch::new(EMBEDDED).file("models.yaml", &format!("{embedded}{models}"))
}

#[track_caller]
fn entry(settings: &mut Settings, name: &str) -> ModelEntry {
    let entry = settings.models.remove(&ModelName::new(name));
    entry.unwrap_or_else(|| panic!("no {name}"))
}

/// One entry, `x`, with these lines.
#[track_caller]
fn one(lines: &str) -> ModelEntry {
    entry(&mut with_models(&format!("x:\n{lines}")).settings(), "x")
}

/// Written the way other tools write theirs: keys sorted, a long prompt in each
/// entry, one without a provider, prefixes that repeat the provider.
const FOREIGN: &str = "\
claude-3-sonnet:
  deployment: cloud
  description: Claude 3 Sonnet
  model: anthropic/claude-3-sonnet-20240229
  prompt: Write one short sentence for people who can't see the image.
  provider: anthropic
  settings:
    max_tokens: 75
    temperature: 0.1

gpt-4o:
  deployment: cloud
  description: GPT-4o
  model: chatgpt-4o-latest
  prompt: One short sentence.
  provider: openai
  settings:
    max_tokens: 75
    temperature: 0.1
    top_k: 40
    top_p: 0.7

llama-vision:
  deployment: local
  model: llama3.2-vision:11b-instruct-q8_0
  prompt: One short sentence.
  provider: ollama
  settings:
    temperature: 0.1
    top_k: 40
    top_p: 0.7

llava-13b:
  deployment: local
  description: LLaVA (13B)
  model: llava:13b
  prompt: One short sentence.
  settings:
    max_tokens: 80
    top_k: 40

llava-34b: {deployment: local, model: 'llava:34b', provider: ollama}
llava-llama3: {deployment: local, model: llava-llama3, provider: ollama}
minicpm-v: {deployment: local, model: minicpm-v, provider: ollama}

pixtral-12b:
  deployment: cloud
  model: mistral/pixtral-12b-latest
  provider: mistral
  settings:
    max_tokens: 75
    top_k: 40
    top_p: 0.7

pixtral-large:
  deployment: cloud
  model: mistral/pixtral-large-latest
  settings: {max_tokens: 75, temperature: 0}

qwen2.5vl-7b: {deployment: local, model: 'qwen2.5vl:7b', provider: ollama}
qwen2.5vl-32b: {deployment: local, model: 'qwen2.5vl:32b', provider: ollama}
gemma3-12b: {deployment: local, model: 'gemma3:12b', provider: ollama, settings: {top_k: 1}}
gemma3-27b: {deployment: local, model: 'gemma3:27b', provider: ollama}
mistral-3.1-24b: {deployment: local, model: 'mistral-small3.1:24b', provider: ollama}
";

#[test]
fn a_file_of_another_tool_loads_unchanged() {
    let scratch = Scratch::new("model = \"gpt-4o\"\nsite.preset = \"embedded\"\n")
        .file("models.yaml", FOREIGN)
        .variable("MISTRAL_API_KEY", "m");
    let mut settings = scratch.settings();
    assert_eq!(settings.models.len(), 14);
    assert!(
        settings.warnings[0].contains("top_k"),
        "{:?}",
        settings.warnings
    );

    let claude = entry(&mut settings, "claude-3-sonnet");
    assert_eq!(claude.provider, Provider::Anthropic);
    assert_eq!(claude.model, "claude-3-sonnet-20240229");
    assert_eq!(claude.max_tokens, 75);
    assert_eq!(claude.settings.len(), 1);
    assert!(claude.cloud);
    assert_eq!(claude.api_key_env.as_deref(), Some("ANTHROPIC_API_KEY"));

    let gpt = entry(&mut settings, "gpt-4o");
    assert_eq!(
        (gpt.provider, gpt.dialect),
        (Provider::OpenAi, Dialect::OpenAi)
    );
    let sent: Vec<&String> = gpt.settings.keys().collect();
    assert_eq!(sent, ["temperature", "top_p"]);
    assert!(gpt.unsent.contains("top_k"));

    let llava = entry(&mut settings, "llava-13b");
    assert_eq!(llava.provider, Provider::Ollama);
    assert!(!llava.cloud);
    assert_eq!(llava.max_tokens, 80);
    assert_eq!(llava.settings["top_k"], 40);
    assert_eq!(
        llava.base_url.expect("an address").as_str(),
        "http://127.0.0.1:11434/"
    );

    for (name, model) in [
        ("pixtral-12b", "pixtral-12b-latest"),
        ("pixtral-large", "pixtral-large-latest"),
    ] {
        let pixtral = entry(&mut settings, name);
        assert_eq!(
            (pixtral.provider, pixtral.dialect),
            (Provider::OpenAi, Dialect::Mistral)
        );
        assert_eq!(pixtral.model, model);
        assert!(!pixtral.settings.contains_key("top_k"));
        assert_eq!(
            pixtral.base_url.expect("an address").as_str(),
            "https://api.mistral.ai/v1"
        );
        assert_eq!(pixtral.api_key.expect("a key").expose_secret(), "m");
    }
    assert_eq!(entry(&mut settings, "gemma3-27b").max_tokens, 300);
}

#[test]
fn repeated_names_are_refused_with_the_line_of_the_second() {
    let text = with_models("a:\n  provider: embedded\na:\n  provider: embedded\n").refusal();
    assert_all(
        &text,
        &[
            "models.yaml, line 5, column 1",
            "5 | a:",
            "`a` is there twice",
        ],
    );
    let text = with_models("a:\n  provider: embedded\n  provider: embedded\n").refusal();
    assert_all(&text, &["line 5, column 3", "`a.provider` is there twice"]);
    let text =
        with_models("a:\n  provider: embedded\n  settings:\n    seed: 1\n    seed: 2\n").refusal();
    assert_all(
        &text,
        &["line 7, column 5", "`a.settings.seed` is there twice"],
    );
}

#[test]
fn merge_keys_are_refused_with_a_reason() {
    let text =
        with_models("a: &a\n  deployment: local\n  model: m\nb:\n  <<: *a\n  model: n\n").refusal();
    assert_all(
        &text,
        &[
            "models.yaml, line 7, column 3",
            "merge key `<<`",
            "each entry",
        ],
    );
}

#[test]
fn what_an_entry_can_not_say_is_refused_where_it_stands() {
    for (lines, position, expected) in [
        (
            "  deployment: local\n  modle: m\n",
            "line 5, column 3",
            "did you mean `model`?",
        ),
        (
            "  deployment: local\n  model: m\n  temperature: 1\n",
            "line 6, column 3",
            "belongs under `settings`",
        ),
        (
            "  deployment: remote\n  model: m\n",
            "line 4, column 15",
            "`local` or `cloud`",
        ),
        (
            "  provider: olama\n  model: m\n",
            "line 4, column 13",
            "did you mean `ollama`?",
        ),
        (
            "  deployment: cloud\n  model: m\n",
            "line 3, column 1",
            "has no `provider`",
        ),
        ("  model: m\n", "line 3, column 1", "has no `provider`"),
        (
            "  deployment: local\n",
            "line 3, column 1",
            "has no `model`",
        ),
        (
            "  deployment: local\n  provider: openai\n  model: m\n",
            "line 4, column 15",
            "would send photos",
        ),
        (
            "  deployment: local\n  model: 4\n",
            "line 5, column 10",
            "put it in quotes",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {max_tokens: 0}\n",
            "line 6, column 26",
            "between 1 and 1000000",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {max_tokens: many}\n",
            "line 6, column 26",
            "whole number of tokens",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {max_tokens: 5, num_predict: 6}\n",
            "line 6",
            "second time",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {temperature: 3}\n",
            "line 6, column 27",
            "between 0 and 2",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {top_p: 1.5}\n",
            "line 6",
            "between 0 and 1",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {top_k: 1.5}\n",
            "line 6",
            "whole number",
        ),
        (
            "  deployment: local\n  model: m\n  settings: {x: .nan}\n",
            "line 6",
            "finite",
        ),
        (
            "  deployment: local\n  model: m\n  settings: 3\n",
            "line 6, column 13",
            "must be a table",
        ),
        (
            "  deployment: local\n  model: m\n  prompt: ''\n",
            "line 6, column 11",
            "is empty",
        ),
        (
            "  deployment: local\n  model: m\n  price: {input: 1}\n",
            "line 6",
            "both `input` and `output`",
        ),
        (
            "  deployment: local\n  model: m\n  price: {input: -1, output: 1}\n",
            "line 6, column 18",
            "between 0",
        ),
        (
            "  deployment: local\n  model: m\n  limits: {concurrency: 0}\n",
            "line 6",
            "between 1",
        ),
        (
            "  deployment: local\n  model: m\n  limits: {timeout: 5}\n",
            "line 6",
            "has no unit",
        ),
        (
            "  deployment: local\n  model: m\n  image: {long_edge: 5}\n",
            "line 6",
            "between 64 and 8192",
        ),
        (
            "  deployment: local\n  model: m\n  image: {detail: hi}\n",
            "line 6",
            "low, high, auto, original",
        ),
        (
            "  deployment: local\n  model: m\n  context: [albun]\n",
            "line 6, column 13",
            "did you mean `album`?",
        ),
        (
            "  deployment: local\n  model: m\n  base_url: gpu:8000\n",
            "line 6, column 13",
            "http",
        ),
        (
            "  provider: openai-compatible\n  model: m\n",
            "line 3, column 1",
            "has no `base_url`",
        ),
        (
            "  provider: command\n",
            "line 3, column 1",
            "has no `command`",
        ),
        (
            "  command: [caption]\n",
            "line 3, column 1",
            "never gets the photo",
        ),
        (
            "  provider: ollama\n  model: m\n  command: [a, '{image}']\n",
            "line 3, column 1",
            "another provider",
        ),
        (
            "  provider: openai\n  model: m\n  dialect: klingon\n",
            "line 6, column 12",
            "must be one of openai",
        ),
        ("  - a\n", "line 4, column 3", "must be a table"),
        ("  a: [1\n", "line ", "did not find"),
    ] {
        let text = with_models(&format!("x:\n{lines}")).refusal();
        assert_all(&text, &["models.yaml, ", position, expected]);
    }
}

#[test]
fn a_file_without_models_is_refused() {
    for text in ["", "# nothing\n", "- a\n- b\n", "just text\n"] {
        let refusal = Scratch::new(EMBEDDED).file("models.yaml", text).refusal();
        assert_all(&refusal, &["models.yaml"]);
    }
}

#[test]
fn the_provider_may_stand_in_the_model_and_is_then_stripped() {
    for (lines, provider, dialect, model, cloud) in [
        (
            "  model: anthropic/claude-x\n",
            Provider::Anthropic,
            Dialect::Compatible,
            "claude-x",
            true,
        ),
        (
            "  model: google/gemini-x\n",
            Provider::Gemini,
            Dialect::Compatible,
            "gemini-x",
            true,
        ),
        (
            "  model: ollama/llava\n",
            Provider::Ollama,
            Dialect::Compatible,
            "llava",
            false,
        ),
        (
            "  model: openrouter/google/g\n",
            Provider::OpenAi,
            Dialect::OpenRouter,
            "google/g",
            true,
        ),
        (
            "  provider: openrouter\n  model: google/g\n",
            Provider::OpenAi,
            Dialect::OpenRouter,
            "google/g",
            true,
        ),
        (
            "  provider: llama.cpp\n  model: a/b\n",
            Provider::OpenAi,
            Dialect::Compatible,
            "a/b",
            false,
        ),
        (
            "  provider: Google\n  model: gemini-x\n",
            Provider::Gemini,
            Dialect::Compatible,
            "gemini-x",
            true,
        ),
        (
            "  deployment: local\n  model: a/b\n",
            Provider::Ollama,
            Dialect::Compatible,
            "a/b",
            false,
        ),
        (
            "  deployment: cloud\n  provider: ollama\n  model: big-cloud\n",
            Provider::Ollama,
            Dialect::Compatible,
            "big-cloud",
            true,
        ),
    ] {
        let entry = one(lines);
        assert_eq!(
            (
                entry.provider,
                entry.dialect,
                entry.model.as_str(),
                entry.cloud
            ),
            (provider, dialect, model, cloud),
            "{lines}"
        );
    }
}

#[test]
fn a_usual_key_goes_to_its_own_server_only() {
    let scratch = with_models(
        "own: {provider: openai, model: m}\n\
         regional: {provider: openai, model: m, base_url: 'https://eu.api.openai.com/v1'}\n\
         other: {provider: openai, model: m, base_url: 'https://gateway.example.org/v1'}\n\
         named: {provider: openai, model: m, base_url: 'https://gateway.example.org/v1', api_key_env: GATEWAY_KEY, dialect: openai}\n\
         general: {provider: openai-compatible, model: m, base_url: 'https://api.openai.com/v1'}\n\
         lan: {provider: openai, model: m, base_url: 'http://gpu:8000/v1'}\n\
         google: {provider: google, model: m}\n",
    )
    .variable("OPENAI_API_KEY", "usual")
    .variable("GATEWAY_KEY", "gateway")
    .variable("GOOGLE_API_KEY", "g");
    let mut settings = scratch.settings();
    for (name, key, dialect, cloud) in [
        ("own", Some("usual"), Dialect::OpenAi, true),
        ("regional", Some("usual"), Dialect::OpenAi, true),
        ("general", Some("usual"), Dialect::OpenAi, true),
        ("other", None, Dialect::Compatible, true),
        ("named", Some("gateway"), Dialect::OpenAi, true),
        ("lan", None, Dialect::Compatible, false),
        ("google", Some("g"), Dialect::Compatible, true),
    ] {
        let entry = entry(&mut settings, name);
        let found = entry
            .api_key
            .as_ref()
            .map(secrecy::ExposeSecret::expose_secret);
        assert_eq!(
            (found, entry.dialect, entry.cloud),
            (key, dialect, cloud),
            "{name}"
        );
        assert!(entry.ready().is_ok(), "{name}");
    }
}

#[test]
fn everything_an_entry_can_say_is_understood() {
    let entry = one("  \
  deployment: cloud
  provider: openai
  description: One
  model: m
  prompt: |
    Two
    lines.
  settings: {max_completion_tokens: 900, temperature: 0.5, seed: 7, stop: [a, b], nothing: ~}
  omit: [temperature]
  price: {input: 0.25, output: 2}
  limits: {concurrency: 3, requests_per_minute: 60, tokens_per_minute: 90000, timeout: 45s}
  image: {long_edge: 768, detail: low}
  context: [album, date]
");
    assert_eq!(entry.max_tokens, 900);
    assert_eq!(entry.settings.keys().collect::<Vec<_>>(), ["seed", "stop"]);
    assert_eq!(entry.settings["stop"], serde_json::json!(["a", "b"]));
    assert!(entry.omit.contains("temperature"));
    assert_eq!(
        entry.price,
        Some(Price {
            input: 0.25,
            output: 2.0
        })
    );
    let limits = ModelLimits {
        concurrency: Some(3),
        requests_per_minute: Some(60),
        tokens_per_minute: Some(90_000),
        timeout: Duration::from_secs(45),
    };
    assert_eq!(entry.limits, limits);
    assert_eq!(entry.image.long_edge, 768);
    assert_eq!(entry.image.detail.as_deref(), Some("low"));
    let context = entry.context.expect("a list");
    assert_eq!(
        context.into_iter().collect::<Vec<_>>(),
        [ContextField::Album, ContextField::Date]
    );
    assert_eq!(entry.prompt.as_deref(), Some("Two\nlines.\n"));
}

#[test]
fn a_program_is_run_one_at_a_time_unless_told_otherwise() {
    let entry = one("  command: [llm, '{prompt}', -a, '{image}']\n");
    assert_eq!(entry.provider, Provider::Command);
    assert_eq!(entry.command.len(), 4);
    assert_eq!(entry.limits.concurrency, Some(1));
    assert_eq!(entry.model, "x");
    assert_eq!(entry.base_url, None);
    let entry = one("  command: [llm, '{image}']\n  limits: {concurrency: 4}\n");
    assert_eq!(entry.limits.concurrency, Some(4));
}

#[test]
fn ollama_settings_stay_reachable() {
    let entry = one(
        "  deployment: local\n  model: m\n  settings: {think: false, num_ctx: 8192, keep_alive: 30m}\n",
    );
    assert_eq!(entry.settings["think"], false);
    assert_eq!(entry.settings["num_ctx"], 8192);
    assert_eq!(entry.settings["keep_alive"], "30m");
    assert!(entry.unsent.is_empty());
}

#[test]
fn what_is_called_local_sends_nothing_to_a_known_cloud() {
    for lines in [
        "  deployment: local\n  provider: mistral\n  model: m\n",
        "  deployment: local\n  model: google/m\n",
        "  deployment: local\n  provider: vllm\n  model: m\n  base_url: https://openrouter.ai/api/v1\n",
    ] {
        let text = with_models(&format!("x:\n{lines}")).refusal();
        assert_all(
            &text,
            &["line 4, column 15", "called local", "deployment: cloud"],
        );
    }
    let entry = one(
        "  deployment: local\n  provider: mistral\n  model: m\n  base_url: http://gpu:8000/v1\n",
    );
    assert!(!entry.cloud);
}
