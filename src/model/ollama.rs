//! Ollama's native `/api/chat`.
//!
//! The cap on output is always sent: without it a model that repeats itself
//! goes on for ten times its context. `stream` is always off. Of the settings,
//! `keep_alive`, `think`, `format` and the token probabilities stand beside the
//! messages, all others are `options`.
//!
//! Before the first photo the model is loaded by a request without messages,
//! and with the very options of the calls, since others would load it anew.
//! `/api/show` is asked first: Ollama itself doesn't look whether a model can
//! see, and some that can't would make a caption up.

use super::chat::{address, base64};
use super::ending::{Who, text, tokens, used};
use super::fault::Fault;
use super::http::{Endpoint, KeyStyle};
use super::tokens::{Estimator, text_tokens};
use super::{Conversation, Model, ModelError, Role, Turn, settings, wait};
use crate::archive::{Ending, Finish, Jpeg, RawReply, Reply, Unanswered, Usage};
use crate::config::ModelEntry;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Where Ollama listens unless told otherwise.
const HOME: &str = "http://127.0.0.1:11434";

/// Settings that are no `options`.
const TOP_LEVEL: &[&str] = &["keep_alive", "think", "format", "logprobs", "top_logprobs"];

/// How long the model stays in memory after a call, unless the entry says
/// otherwise. Ollama's own five minutes are shorter than many a pause of a run:
/// a rate limit, or a site that is down.
const KEEP_ALIVE: &str = "30m";

/// The time to load a model, at least: Ollama itself gives up a load that makes
/// no progress for five minutes.
const LONGEST_LOAD: Duration = Duration::from_secs(600);

/// The time for `/api/show`, which reads a few kilobytes from disk.
const LONGEST_SHOW: Duration = Duration::from_secs(30);

/// The context that Ollama gives a model on a machine with less than 24 GB of
/// video memory. A prompt with an image that doesn't fit is refused, not cut.
const USUAL_CONTEXT: u64 = 4096;

/// Tokens of the built-in prompt, with facts of the usual length.
const USUAL_PROMPT: u64 = 800;

/// A model behind Ollama.
pub(super) struct Ollama {
    endpoint: Endpoint,
    show: Endpoint,
    load: Endpoint,
    shape: Shape,
    estimator: Estimator,
    who: Who,
}

/// What of a request the conversation does not change.
struct Shape {
    model: String,
    beside: Map<String, Value>,
    options: Map<String, Value>,
}

impl Ollama {
    pub(super) fn new(entry: &ModelEntry) -> Result<Self, ModelError> {
        let url = address(entry, HOME, &["api", "chat"])?;
        let endpoint = Endpoint::new(entry, url.clone(), KeyStyle::Bearer)?
            .hint("is Ollama running? `ollama serve` starts it");
        let longest = LONGEST_LOAD.max(endpoint.timeout());
        let about = address(entry, HOME, &["api", "show"])?;
        Ok(Self {
            show: endpoint.at(about, LONGEST_SHOW),
            load: endpoint.at(url, longest),
            endpoint,
            shape: Shape::new(entry),
            estimator: Estimator::new(entry),
            who: Who::new(entry),
        })
    }
}

impl Ollama {
    /// Asks whether the model is there and can see; nothing is loaded.
    pub(super) async fn look(&self) -> Result<(), Ending> {
        let shown = self.show.post(&json!({"model": self.shape.model})).await;
        check_shown(&self.who, &shown.map_err(|lost| outage(&lost))?)
    }
}

#[async_trait]
impl Model for Ollama {
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered> {
        self.endpoint.post(&self.shape.body(conversation)).await
    }

    async fn warm_up(&self) -> Result<(), Ending> {
        self.look().await?;
        let loaded = self
            .load
            .post(&self.shape.load())
            .await
            .map_err(|lost| outage(&lost))?;
        if (200..300).contains(&loaded.status) {
            return Ok(());
        }
        let fault = Fault::read(&loaded.body);
        match refused(&self.who, loaded.status, &fault, &loaded) {
            // Something in front of Ollama that wants messages: no matter.
            Ending::Done(_) | Ending::Photo(_) => Ok(()),
            ending => Err(ending),
        }
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        judge(&self.who, reply)
    }

    fn estimate(&self, conversation: &Conversation) -> Usage {
        self.estimator.estimate(conversation)
    }
}

impl Shape {
    fn new(entry: &ModelEntry) -> Self {
        let mut beside = Map::new();
        let mut options = Map::new();
        for (name, value) in settings::sent(entry) {
            if TOP_LEVEL.contains(&name) {
                beside.insert(name.to_owned(), value.clone());
            } else if let ("options", Some(map)) = (name, value.as_object()) {
                // Settings copied from Ollama's own documentation.
                options.extend(map.clone());
            } else {
                options.insert(name.to_owned(), value.clone());
            }
        }
        options.insert("num_predict".to_owned(), settings::output_cap(entry).into());
        let own_context = entry.omit.contains("num_ctx") || options.contains_key("num_ctx");
        if let Some(context) = context_needed(entry).filter(|_| !own_context) {
            options.insert("num_ctx".to_owned(), context.into());
        }
        let kept = beside
            .get("keep_alive")
            .map_or_else(|| json!(KEEP_ALIVE), seconds);
        if !entry.omit.contains("keep_alive") {
            beside.insert("keep_alive".to_owned(), kept);
        }
        Self {
            model: entry.model.clone(),
            beside,
            options,
        }
    }

    fn body(&self, conversation: &Conversation) -> Value {
        let system = conversation.system.iter();
        let mut messages: Vec<_> = system
            .map(|text| json!({"role": "system", "content": text}))
            .collect();
        messages.extend(conversation.turns.iter().map(message));
        let mut body = json!({"model": self.model, "stream": false, "messages": messages});
        body["options"] = Value::Object(self.options.clone());
        if let Some(cap) = conversation.cap {
            body["options"]["num_predict"] = cap.into();
        }
        for (name, value) in &self.beside {
            body[name.as_str()] = value.clone();
        }
        body
    }

    /// The request that only loads the model.
    fn load(&self) -> Value {
        let mut body = json!({"model": self.model, "stream": false, "messages": []});
        body["options"] = Value::Object(self.options.clone());
        if let Some(time) = self.beside.get("keep_alive") {
            body["keep_alive"] = time.clone();
        }
        body
    }
}

/// The context to ask for where the usual one may be too small for a prompt
/// with an image of the longest edge and any shape. One figure for all photos:
/// each new one would load the model anew.
fn context_needed(entry: &ModelEntry) -> Option<u64> {
    let largest = Jpeg {
        bytes: Arc::from([]),
        width: entry.image.long_edge,
        height: entry.image.long_edge,
    };
    let prompt = entry.prompt.as_deref().map_or(0, text_tokens);
    let image = Estimator::new(entry).image_tokens(&largest);
    let need = image + prompt + USUAL_PROMPT + u64::from(settings::output_cap(entry));
    (need > USUAL_CONTEXT).then(|| need.next_multiple_of(USUAL_CONTEXT))
}

/// A `keep_alive` as the API takes it: a text needs a unit, so that a bare
/// number in quotes becomes a number of seconds.
fn seconds(value: &Value) -> Value {
    let number = value
        .as_str()
        .and_then(|text| text.trim().parse::<i64>().ok());
    number.map_or_else(|| value.clone(), Value::from)
}

fn outage(unanswered: &Unanswered) -> Ending {
    Ending::Outage(unanswered.to_string())
}

/// What `/api/show` says against the model. Only what is certain counts: old
/// versions name no capabilities, and not everything in front of Ollama has
/// this call.
fn check_shown(who: &Who, shown: &RawReply) -> Result<(), Ending> {
    if !(200..300).contains(&shown.status) {
        let fault = Fault::read(&shown.body);
        return match refused(who, shown.status, &fault, shown) {
            ending @ Ending::Settings(_) if shown.status == 404 && fault.structured => Err(ending),
            _ => Ok(()),
        };
    }
    let capabilities = serde_json::from_str::<Value>(&shown.body)
        .ok()
        .and_then(|body| body.get("capabilities")?.as_array().cloned());
    match capabilities {
        Some(list) if !list.is_empty() && !list.iter().any(|name| name == "vision") => {
            let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            Err(who.blind(&format!("Ollama lists only {} for it", list.join(", "))))
        }
        _ => Ok(()),
    }
}

fn message(turn: &Turn) -> Value {
    let role = match turn.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut message = json!({"role": role, "content": turn.text()});
    // Bare base64: a `data:` prefix is refused.
    let images: Vec<_> = turn.images().map(base64).collect();
    if !images.is_empty() {
        message["images"] = images.into();
    }
    message
}

fn judge(who: &Who, reply: &RawReply) -> Ending {
    if !(200..300).contains(&reply.status) {
        return refused(who, reply.status, &Fault::read(&reply.body), reply);
    }
    let Some(replies) = objects(&reply.body) else {
        return who.unreadable(&reply.body);
    };
    // Once a reply has begun, errors come under status 200.
    if let Some(fault) = replies.iter().find_map(Fault::inside) {
        return refused(who, fault.status.unwrap_or(500), &fault, reply);
    }
    let Some(last) = replies.last().filter(|last| last.get("message").is_some()) else {
        return who.unreadable(&reply.body);
    };
    let reason = text(last, "/done_reason");
    let finish = match reason {
        Some("length") => Finish::Length,
        Some("load" | "unload") => {
            return Ending::Outage(format!("Ollama only loaded or unloaded {}", who.model()));
        }
        None if last.get("done") == Some(&Value::Bool(false)) => {
            return Ending::Photo(
                "Ollama broke off without a reason; it does so when a model repeats itself"
                    .to_owned(),
            );
        }
        _ => Finish::Stop,
    };
    let (input, output) = (
        tokens(last, &["/prompt_eval_count"]),
        tokens(last, &["/eval_count"]),
    );
    // What the model thought is in another field and stays there.
    let words = replies
        .iter()
        .filter_map(|reply| text(reply, "/message/content"));
    Ending::Done(Reply {
        text: words.collect(),
        finish,
        usage: used(input, output),
        model: text(last, "/model").map(str::to_owned),
    })
}

/// One object, or one a line from a proxy that streams whatever it was asked.
fn objects(body: &str) -> Option<Vec<Value>> {
    let body = body.trim_start_matches('\u{feff}');
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(body)
        .into_iter()
        .collect();
    values
        .ok()
        .filter(|values| !values.is_empty() && values.iter().all(Value::is_object))
}

fn refused(who: &Who, status: u16, fault: &Fault, reply: &RawReply) -> Ending {
    let told = fault.tell(status);
    if fault.says(&["server busy", "maximum pending requests"]) {
        return Ending::RetryAfter(wait::asked(reply), told);
    }
    let wrong_setting = [
        "does not support thinking",
        "does not support chat",
        "does not support generate",
        "must be of type",
        "invalid option",
        "missing unit in duration",
        "invalid think value",
        "invalid format",
    ];
    // "failed to decode WebP image: invalid format" is about one photo.
    if status != 404 && fault.says(&wrong_setting) && !fault.says(&["image"]) {
        return who.bad_setting(&told);
    }
    if fault.says(&["invalid model name"]) || (fault.says(&["model"]) && fault.says(&["not found"]))
    {
        return who.unknown_model(&told, fault);
    }
    who.by_status(status, fault, reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;
    use crate::model::testing::{
        Class, JPEG_BASE64, class, done, entry, entry_with, long_talk, reply, talk,
    };

    fn judged(status: u16, body: &str) -> Ending {
        judge(&Who::new(&entry(Provider::Ollama)), &reply(status, body))
    }

    #[test]
    fn a_request_is_as_small_as_possible() {
        let body = Shape::new(&entry(Provider::Ollama)).body(&talk());
        assert_eq!(
            body,
            json!({"model": "test-model", "stream": false,
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Describe.", "images": [JPEG_BASE64]}],
                "options": {"num_predict": 300}, "keep_alive": "30m"})
        );
        assert_eq!(
            Shape::new(&entry(Provider::Ollama)).load(),
            json!({"model": "test-model", "stream": false, "messages": [],
                "options": {"num_predict": 300}, "keep_alive": "30m"})
        );
    }

    #[test]
    fn a_larger_cap_of_one_conversation_wins() {
        let mut talk = talk();
        talk.cap = Some(1200);
        let body = Shape::new(&entry(Provider::Ollama)).body(&talk);
        assert_eq!(body["options"], json!({"num_predict": 1200}));
    }

    #[test]
    fn the_time_in_memory_is_sent_in_a_form_that_ollama_reads() {
        for (written, sent) in [
            (json!("10m"), json!("10m")),
            (json!("-1"), json!(-1)),
            (json!("300"), json!(300)),
            (json!(0), json!(0)),
        ] {
            let entry = entry_with(Provider::Ollama, json!({ "keep_alive": written }));
            assert_eq!(Shape::new(&entry).body(&talk())["keep_alive"], sent);
        }
        let mut entry = entry(Provider::Ollama);
        entry.omit.insert("keep_alive".to_owned());
        assert_eq!(Shape::new(&entry).body(&talk()).get("keep_alive"), None);
    }

    #[test]
    fn the_context_is_raised_only_where_the_usual_one_may_not_do() {
        let context = |entry: &ModelEntry| Shape::new(entry).options.get("num_ctx").cloned();
        let mut entry = entry(Provider::Ollama);
        entry.model = "qwen2.5vl:7b".to_owned();
        entry.image.long_edge = 1024;
        assert_eq!(context(&entry), None);
        entry.image.long_edge = 2048;
        assert_eq!(context(&entry), Some(json!(8192)));
        entry.settings.insert("num_ctx".to_owned(), json!(6000));
        assert_eq!(context(&entry), Some(json!(6000)), "the owner knows better");
        entry.settings.clear();
        entry.omit.insert("num_ctx".to_owned());
        assert_eq!(context(&entry), None);
    }

    #[test]
    fn a_model_without_eyes_is_found_out_before_the_first_photo() {
        let who = Who::new(&entry(Provider::Ollama));
        let shown = |status, body| check_shown(&who, &reply(status, body));
        let blind = shown(200, r#"{"capabilities":["completion","tools"]}"#);
        assert!(
            matches!(&blind, Err(Ending::Settings(why)) if why.contains("completion, tools")),
            "{blind:?}"
        );
        let missing = shown(404, r#"{"error":"model 'test-model' not found"}"#);
        assert!(
            matches!(&missing, Err(Ending::Settings(why)) if why.contains("ollama pull test-model")),
            "{missing:?}"
        );
        for (status, body) in [
            (200, r#"{"capabilities":["completion","vision"]}"#),
            (200, r#"{"capabilities":[]}"#),
            (200, r#"{"details":{}}"#),
            (200, "<html>"),
            (404, "404 page not found"),
            (403, ""),
            (500, r#"{"error":"x"}"#),
        ] {
            assert_eq!(shown(status, body), Ok(()), "{status} {body}");
        }
    }

    #[test]
    fn settings_go_where_ollama_wants_them() {
        let entry = entry_with(
            Provider::Ollama,
            json!({"temperature": 0, "top_k": 20, "num_ctx": 4096, "think": false,
                "keep_alive": "30m", "format": "json", "num_predict": 80, "stream": true,
                "options": {"min_p": 0.1}}),
        );
        let body = Shape::new(&entry).body(&long_talk());
        assert_eq!(
            body,
            json!({"model": "test-model", "stream": false,
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Describe.", "images": [JPEG_BASE64]},
                    {"role": "assistant", "content": "A dog."},
                    {"role": "user", "content": "What colour?"}],
                "options": {"temperature": 0, "top_k": 20, "num_ctx": 4096, "min_p": 0.1,
                    "num_predict": 80},
                "think": false, "keep_alive": "30m", "format": "json"})
        );
    }

    #[test]
    fn a_reply_is_read_without_its_thoughts() {
        let ending = judged(
            200,
            r#"{"model":"gemma3","message":{"role":"assistant","content":"A dog.","thinking":"Hm."},
            "done":true,"done_reason":"stop","prompt_eval_count":900,"eval_count":60,"new":1}"#,
        );
        let usage = Usage {
            input: 900,
            output: 60,
        };
        assert_eq!(
            done(&ending),
            ("A dog.", Finish::Stop, Some(usage), Some("gemma3"))
        );
        let bare = judged(200, r#"{"message":{"content":"A dog."},"done":true}"#);
        assert_eq!(done(&bare), ("A dog.", Finish::Stop, None, None));
    }

    #[test]
    fn thinking_that_ate_the_whole_output_is_cut_off_not_empty() {
        let ending = judged(
            200,
            r#"{"message":{"content":"","thinking":"So much to"},"done":true,"done_reason":"length","eval_count":300}"#,
        );
        assert_eq!(done(&ending).0, "");
        assert_eq!(done(&ending).1, Finish::Length);
    }

    #[test]
    fn a_stream_that_nobody_asked_for_is_read_too() {
        let ending = judged(
            200,
            "{\"message\":{\"content\":\"A \"},\"done\":false}\n{\"message\":{\"content\":\"dog.\"},\"done\":true,\"done_reason\":\"stop\"}\n",
        );
        assert_eq!(done(&ending).0, "A dog.");
    }

    #[test]
    fn every_error_row_of_ollama_has_its_class() {
        use Class::{Outage, Photo, Retry, Settings};
        for (status, body, expected) in [
            (502, "", Outage),
            (
                503,
                r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
                Retry,
            ),
            (503, r#"{"error":"loading"}"#, Outage),
            (404, r#"{"error":"model 'x' not found"}"#, Settings),
            (
                404,
                r#"{"error":"model \"x\" not found, try pulling it first"}"#,
                Settings,
            ),
            (404, "404 page not found", Settings),
            (
                400,
                r#"{"error":"\"gemma3\" does not support thinking"}"#,
                Settings,
            ),
            (
                400,
                r#"{"error":"\"bert\" does not support chat"}"#,
                Settings,
            ),
            (
                400,
                r#"{"error":"option \"num_ctx\" must be of type integer"}"#,
                Settings,
            ),
            (
                400,
                r#"{"error":"time: missing unit in duration \"300\""}"#,
                Settings,
            ),
            (
                400,
                r#"{"error":"illegal base64 data at input byte 4"}"#,
                Photo,
            ),
            (400, r#"{"error":"invalid base64"}"#, Photo),
            (500, r#"{"error":"failed to decode WebP image"}"#, Photo),
            (
                400,
                r#"{"error":"input length exceeds the context length"}"#,
                Photo,
            ),
            (
                400,
                r#"{"error":"the request exceeds the available context size"}"#,
                Photo,
            ),
            (
                401,
                r#"{"error":"unauthorized","signin_url":"https://ollama.com/connect"}"#,
                Settings,
            ),
            (403, r#"{"error":"ollama cloud is disabled"}"#, Settings),
            (429, r#"{"error":"too many requests"}"#, Retry),
            (
                500,
                r#"{"error":"image input is not supported - hint: you may need to provide the mmproj"}"#,
                Settings,
            ),
            (
                500,
                r#"{"error":"this model is missing data required for image input"}"#,
                Settings,
            ),
            (
                500,
                r#"{"error":"model runner has unexpectedly stopped, this may be due to resource limitations"}"#,
                Outage,
            ),
            (
                500,
                r#"{"error":"model requires more system memory (9.0 GiB) than is available"}"#,
                Outage,
            ),
            (418, r#"{"error":"strange"}"#, Photo),
        ] {
            assert_eq!(class(&judged(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn errors_under_status_200_are_errors() {
        use Class::{Outage, Photo, Settings};
        for (body, expected) in [
            (
                r#"{"error":"model runner has unexpectedly stopped"}"#,
                Outage,
            ),
            (
                "{\"message\":{\"content\":\"A\"},\"done\":false}\n{\"error\":\"an error\"}",
                Outage,
            ),
            (r#"{"error":"image input is not supported"}"#, Settings),
            (
                r#"{"model":"m","message":{"content":"a a a a"},"done":false}"#,
                Photo,
            ),
            (
                r#"{"model":"m","message":{"content":""},"done":true,"done_reason":"load"}"#,
                Outage,
            ),
            ("<html>login</html>", Outage),
            ("", Outage),
            (r#"{"message":{"cont"#, Outage),
            ("{}", Photo),
            ("null", Outage),
        ] {
            assert_eq!(class(&judged(200, body)), expected, "{body}");
        }
    }

    #[test]
    fn a_missing_model_says_what_to_pull() {
        let ending = judged(404, r#"{"error":"model 'test-model' not found"}"#);
        let Ending::Settings(text) = ending else {
            panic!("{ending:?}")
        };
        assert!(text.contains("run `ollama pull test-model`"), "{text}");
    }
}
