//! Replies of models, for `crate::fuzz`.

use super::testing::entry;
use super::{Model, connect};
use crate::archive::{Ending, RawReply};
use crate::config::Provider;
use std::sync::{Arc, LazyLock};
use url::Url;

const PROVIDERS: [Provider; 5] = [
    Provider::OpenAi,
    Provider::Ollama,
    Provider::Anthropic,
    Provider::Gemini,
    Provider::Command,
];

const STATUSES: [u16; 12] = [200, 201, 400, 401, 403, 404, 408, 413, 422, 429, 500, 529];

static MODELS: LazyLock<Vec<Arc<dyn Model>>> = LazyLock::new(|| {
    let models = PROVIDERS.map(|provider| {
        let mut entry = entry(provider);
        entry.base_url = Url::parse("http://127.0.0.1:1/v1").ok();
        entry.command = vec!["true".to_owned(), "{image}".to_owned()];
        connect(&entry).expect("an entry that can be used")
    });
    models.into()
});

/// A reply of a model: the first byte chooses the wire format, the second the
/// status, the third the headers; the rest is the body.
pub fn replies(bytes: &[u8]) {
    let [format, status, headers, body @ ..] = bytes else {
        return;
    };
    let model = &MODELS[usize::from(*format) % MODELS.len()];
    let body = String::from_utf8_lossy(body).into_owned();
    let headers = match headers % 4 {
        0 => Vec::new(),
        1 => vec![(
            "retry-after".to_owned(),
            body.lines().next().unwrap_or_default().to_owned(),
        )],
        2 => vec![("content-type".to_owned(), "text/html".to_owned())],
        _ => vec![
            (
                "x-ratelimit-remaining-tokens".to_owned(),
                body.chars().take(20).collect(),
            ),
            (
                "anthropic-ratelimit-tokens-reset".to_owned(),
                body.chars().take(30).collect(),
            ),
        ],
    };
    let reply = RawReply {
        status: STATUSES[usize::from(*status) % STATUSES.len()],
        headers,
        body,
    };
    let _ = super::allowances(&reply);
    match model.judge(&reply) {
        Ending::Done(done) => assert!(reply.status < 300, "{done:?}"),
        other => {
            let said = format!("{other:?}");
            assert!(said.len() < 10_000, "an error is no essay: {}", said.len());
        }
    }
}
