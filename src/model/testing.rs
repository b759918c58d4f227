//! What the tests of this room share: an entry, a conversation, replies.

use super::{Conversation, Part, Role, Turn};
use crate::archive::{Ending, Finish, Jpeg, ModelName, RawReply, Usage};
use crate::config::{Dialect, ImageSettings, ModelEntry, ModelLimits, Provider};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The six endings without what they carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Done,
    Retry,
    Outage,
    Photo,
    Settings,
    Quota,
}

pub(super) fn class(ending: &Ending) -> Class {
    match ending {
        Ending::Done(_) => Class::Done,
        Ending::RetryAfter(..) => Class::Retry,
        Ending::Outage(_) => Class::Outage,
        Ending::Photo(_) => Class::Photo,
        Ending::Settings(_) => Class::Settings,
        Ending::Quota(_) => Class::Quota,
    }
}

/// What a test of a success wants to see.
pub(super) fn done(ending: &Ending) -> (&str, Finish, Option<Usage>, Option<&str>) {
    match ending {
        Ending::Done(reply) => (
            &reply.text,
            reply.finish,
            reply.usage,
            reply.model.as_deref(),
        ),
        other => panic!("not done: {other:?}"),
    }
}

pub(super) fn entry(provider: Provider) -> ModelEntry {
    let no_key = matches!(
        provider,
        Provider::Ollama | Provider::Command | Provider::Embedded
    );
    ModelEntry {
        name: ModelName::new("test"),
        provider,
        dialect: Dialect::OpenAi,
        cloud: false,
        description: None,
        model: "test-model".to_owned(),
        base_url: None,
        authorities: None,
        api_key_file: None,
        api_key_env: (!no_key).then(|| "TEST_KEY".to_owned()),
        api_key: (!no_key).then(|| "sk-secret".to_owned().into()),
        key_variables: Vec::new(),
        withheld: BTreeSet::new(),
        prompt: None,
        max_tokens: 300,
        settings: BTreeMap::new(),
        unsent: BTreeSet::new(),
        omit: BTreeSet::new(),
        price: None,
        limits: ModelLimits {
            concurrency: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            timeout: Duration::from_secs(20),
        },
        image: ImageSettings {
            long_edge: 1024,
            detail: None,
        },
        context: None,
        command: Vec::new(),
    }
}

/// An entry with sampling settings, written as a JSON object.
pub(super) fn entry_with(provider: Provider, settings: Value) -> ModelEntry {
    let mut entry = entry(provider);
    entry.settings = serde_json::from_value(settings).expect("settings are an object");
    entry
}

/// Three bytes that pass for an image of 1024 by 768 pixels.
pub(super) fn jpeg() -> Jpeg {
    Jpeg {
        bytes: vec![0xff, 0xd8, 0xff, 0xe0].into(),
        width: 1024,
        height: 768,
    }
}

/// The base64 of [`jpeg`], padded.
pub(super) const JPEG_BASE64: &str = "/9j/4A==";

pub(super) fn talk() -> Conversation {
    Conversation {
        system: Some("Be brief.".to_owned()),
        turns: vec![Turn {
            role: Role::User,
            parts: vec![Part::Image(jpeg()), Part::Text("Describe.".to_owned())],
        }],
        cap: None,
    }
}

/// A conversation of three turns, with an answer of the model in the middle.
pub(super) fn long_talk() -> Conversation {
    let mut talk = talk();
    for (role, text) in [(Role::Assistant, "A dog."), (Role::User, "What colour?")] {
        talk.turns.push(Turn {
            role,
            parts: vec![Part::Text(text.to_owned())],
        });
    }
    talk
}

pub(super) fn reply(status: u16, body: &str) -> RawReply {
    reply_with(status, &[], body)
}

pub(super) fn reply_with(status: u16, headers: &[(&str, &str)], body: &str) -> RawReply {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    RawReply {
        status,
        headers,
        body: body.to_owned(),
    }
}
