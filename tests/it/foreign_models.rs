//! As somebody who used another tool before I bring my models.yaml along: it
//! loads as it is, and every model is asked in the way its provider accepts.

use crate::support::{FakeModel, FakeSite, MODEL_KEY, OutputCap, Workspace};
use serde_json::{Map, Value, json};

/// A flat map as another program has it. Nothing in it was written for altfill.
const FOREIGN: &str = "\
# Models of the captioning script

llava-13b:
  deployment: local
  description: LLaVA 13B, the old workhorse
  model: llava:13b
  provider: ollama
  prompt: Describe this photo in one plain sentence.
  settings: {temperature: 0.1, top_p: 0.9, top_k: 40, max_tokens: 100}

llava-34b:
  deployment: local
  model: llava:34b
  provider: ollama
  settings: {temperature: 0.1, top_k: 40, max_tokens: 100, seed: 42}

llama32-vision-11b:
  deployment: local
  description: Meta's Llama 3.2 Vision
  model: llama3.2-vision:11b
  provider: ollama
  settings: {temperature: 0.2, num_ctx: 4096, max_tokens: 120}

# The provider was forgotten here; it always worked.
minicpm-v:
  deployment: local
  model: minicpm-v:8b
  settings: {temperature: 0.1, top_k: 20, max_tokens: 100}

gemma3-12b:
  deployment: local
  model: gemma3:12b
  provider: ollama
  settings: {options: {repeat_penalty: 1.1}, max_tokens: 100}

bakllava:
  deployment: local
  model: bakllava
  provider: ollama

gpt-4o:
  deployment: cloud
  description: OpenAI
  model: gpt-4o
  provider: openai
  settings: {temperature: 0.1, top_p: 0.9, top_k: 40, max_tokens: 100}

gpt-4o-mini:
  deployment: cloud
  model: openai/gpt-4o-mini
  provider: openai
  settings: {temperature: 0.1, max_tokens: 100, frequency_penalty: 0.5}

o4-mini:
  deployment: cloud
  model: o4-mini
  provider: openai
  settings: {temperature: 0.1, top_p: 0.9, top_k: 40, max_tokens: 1000}

claude-haiku:
  deployment: cloud
  description: Anthropic
  model: anthropic/claude-haiku-4-5
  provider: anthropic
  settings: {temperature: 0.1, top_k: 40, max_tokens: 100}

claude-opus:
  deployment: cloud
  model: anthropic/claude-opus-4-7
  provider: anthropic
  settings: {temperature: 0.1, top_p: 0.9, top_k: 40, max_tokens: 100}

gemini-flash:
  deployment: cloud
  model: gemini-2.5-flash
  provider: gemini
  settings: {temperature: 0.1, top_p: 0.9, top_k: 40, max_tokens: 100}

pixtral-12b:
  deployment: cloud
  description: Mistral
  model: mistral/pixtral-12b-2409
  provider: mistral
  settings: {temperature: 0.1, top_p: 0.9, top_k: 40, max_tokens: 100}

pixtral-large:
  deployment: cloud
  model: mistral/pixtral-large-latest
  provider: mistral
  settings: {temperature: 0.1, top_k: 40, max_tokens: 100, seed: 7}
";

/// What is sent beside the conversation for each entry, and the model's id.
fn expected() -> Vec<(&'static str, &'static str, Value)> {
    let ollama = |options: Value| json!({"stream": false, "options": options});
    let gemini = json!({"generationConfig":
        {"maxOutputTokens": 100, "temperature": 0.1, "topP": 0.9, "topK": 40}});
    vec![
        (
            "llava-13b",
            "llava:13b",
            ollama(json!({"temperature": 0.1, "top_p": 0.9, "top_k": 40, "num_predict": 100})),
        ),
        (
            "llava-34b",
            "llava:34b",
            ollama(json!({"temperature": 0.1, "top_k": 40, "seed": 42, "num_predict": 100})),
        ),
        (
            "llama32-vision-11b",
            "llama3.2-vision:11b",
            ollama(json!({"temperature": 0.2, "num_ctx": 4096, "num_predict": 120})),
        ),
        (
            "minicpm-v",
            "minicpm-v:8b",
            ollama(json!({"temperature": 0.1, "top_k": 20, "num_predict": 100})),
        ),
        (
            "gemma3-12b",
            "gemma3:12b",
            ollama(json!({"repeat_penalty": 1.1, "num_predict": 100})),
        ),
        ("bakllava", "bakllava", ollama(json!({"num_predict": 300}))),
        (
            "gpt-4o",
            "gpt-4o",
            json!({"temperature": 0.1, "top_p": 0.9, "max_completion_tokens": 100}),
        ),
        (
            "gpt-4o-mini",
            "gpt-4o-mini",
            json!({"temperature": 0.1, "frequency_penalty": 0.5, "max_completion_tokens": 100}),
        ),
        ("o4-mini", "o4-mini", json!({"max_completion_tokens": 1000})),
        (
            "claude-haiku",
            "claude-haiku-4-5",
            json!({"temperature": 0.1, "top_k": 40, "max_tokens": 100}),
        ),
        ("claude-opus", "claude-opus-4-7", json!({"max_tokens": 100})),
        ("gemini-flash", "gemini-2.5-flash", gemini),
        (
            "pixtral-12b",
            "pixtral-12b-2409",
            json!({"temperature": 0.1, "top_p": 0.9, "max_tokens": 100}),
        ),
        (
            "pixtral-large",
            "pixtral-large-latest",
            json!({"temperature": 0.1, "random_seed": 7, "max_tokens": 100}),
        ),
    ]
}

/// The fake of a provider, as strict as its service: OpenAI's reasoning models
/// and Anthropic's newer ones refuse sampling settings.
fn fake(name: &str, provider: &str) -> FakeModel {
    let model = match provider {
        "openai" => {
            let model = FakeModel::openai();
            model.output_cap(OutputCap::MaxCompletionTokens);
            model
        }
        "anthropic" => FakeModel::anthropic(),
        "gemini" => FakeModel::gemini(),
        "mistral" => FakeModel::mistral(),
        _ => FakeModel::ollama(),
    };
    if ["o4-mini", "claude-opus"].contains(&name) {
        for setting in ["temperature", "top_p", "top_k"] {
            model.refuses_setting(setting);
        }
    }
    model
}

/// A request without what is said in it, and without what only tells a server
/// how long to keep a model.
fn beside(body: &Value) -> Map<String, Value> {
    let mut body = body.as_object().expect("an object").clone();
    let said = [
        "model",
        "messages",
        "system",
        "contents",
        "systemInstruction",
    ];
    body.retain(|name, _| !said.contains(&name.as_str()) && name != "keep_alive");
    body
}

#[test]
fn a_models_yaml_of_another_tool_loads_as_it_is() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::openai());
    let mut workspace = Workspace::album(&site, &model);
    workspace.write("theirs.yaml", FOREIGN);
    workspace.set("models", "theirs.yaml");
    workspace.set("model", "minicpm-v");
    let output = workspace.run(&["models", "--json"]).expect(0);
    let listed = output.json();
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 14);
    for (name, id, _) in expected() {
        let entry = listed
            .iter()
            .find(|entry| entry["name"] == name)
            .expect(name);
        assert_eq!(entry["model"], id);
        let local = [":", "bakllava"].iter().any(|part| id.contains(part));
        assert_eq!(
            entry["deployment"],
            if local { "local" } else { "cloud" },
            "{name}"
        );
        assert_eq!(entry["provider"] == "ollama", local, "{name}");
    }
}

#[test]
fn every_entry_of_a_foreign_models_yaml_is_asked_as_its_provider_accepts() {
    let entries: Map<String, Value> = serde_yaml::from_str(FOREIGN).expect("YAML");
    assert_eq!(entries.len(), 14);
    for (name, id, settings) in expected() {
        let mut entry = entries[name].clone();
        let provider = entry["provider"].as_str().unwrap_or("ollama").to_owned();
        let model = fake(name, &provider);
        // The only change: where the provider lives, and the key for there.
        entry["base_url"] = json!(model.base_url());
        if provider != "ollama" {
            entry["api_key_env"] = json!("MODEL_KEY");
        }
        if provider == "openai" {
            entry["dialect"] = json!("openai");
        }
        let site = FakeSite::with_photos(1);
        let mut workspace = Workspace::album(&site, &model);
        workspace.add_entry(name, entry);
        workspace.set("model", name);
        let output = workspace.run(&["run", "--json"]).expect(0).counted();
        assert_eq!(output.number("/written"), 1, "{name}: {output}");
        assert_eq!(model.violations(), Vec::<String>::new(), "{name}");
        assert_eq!(model.count(), 1, "{name}: one call");
        let call = &model.calls()[0];
        assert_eq!(call.model, id, "{name}");
        assert_eq!(Value::Object(beside(&call.body)), settings, "{name}");
        assert!(call.image.is_some(), "{name}: the photo is there");
        let asked = call.prompt.contains("one plain sentence");
        assert!(asked, "{name}: {}", call.prompt);
        let shown = format!("{:?}", call.headers);
        assert_eq!(shown.contains(MODEL_KEY), provider != "ollama", "{name}");
    }
}

#[test]
fn what_a_foreign_file_sets_in_vain_is_said() {
    let (site, model) = (FakeSite::with_photos(1), FakeModel::mistral());
    let mut workspace = Workspace::album(&site, &model);
    let entries: Map<String, Value> = serde_yaml::from_str(FOREIGN).expect("YAML");
    let mut entry = entries["pixtral-12b"].clone();
    entry["base_url"] = json!(model.base_url());
    entry["api_key_env"] = json!("MODEL_KEY");
    workspace.add_entry("pixtral-12b", entry);
    workspace.set("model", "pixtral-12b");
    workspace
        .run(&["run", "--json"])
        .expect(0)
        .says(&["pixtral-12b", "top_k", "not sent"]);
}
