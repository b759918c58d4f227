//! Parts of a request that several wire formats share: pixels as base64, texts
//! put together, addresses.

use super::{Conversation, ModelError, Part, Turn};
use crate::archive::Jpeg;
use crate::config::ModelEntry;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

/// The image as base64 with padding, on one line: some servers refuse line
/// breaks or missing padding.
pub(super) fn base64(image: &Jpeg) -> String {
    STANDARD.encode(&image.bytes)
}

/// The same as a `data:` URL.
pub(super) fn data_url(image: &Jpeg) -> String {
    let mut url = String::from("data:image/jpeg;base64,");
    STANDARD.encode_string(&image.bytes, &mut url);
    url
}

impl Turn {
    /// All its text, paragraphs apart.
    pub(super) fn text(&self) -> String {
        let texts: Vec<_> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Image(_) => None,
            })
            .collect();
        texts.join("\n\n")
    }

    /// All its images.
    pub(super) fn images(&self) -> impl Iterator<Item = &Jpeg> {
        self.parts.iter().filter_map(|part| match part {
            Part::Image(image) => Some(image),
            Part::Text(_) => None,
        })
    }
}

impl Conversation {
    /// Everything that is said, for a program that takes one text.
    pub(super) fn text(&self) -> String {
        let mut texts: Vec<_> = self.system.iter().cloned().collect();
        texts.extend(self.turns.iter().map(Turn::text));
        texts.retain(|text| !text.trim().is_empty());
        texts.join("\n\n")
    }

    /// The most recent image.
    pub(super) fn image(&self) -> Option<&Jpeg> {
        self.turns
            .iter()
            .rev()
            .find_map(|turn| turn.images().last())
    }
}

/// The address of one API call: `path` below the entry's `base_url` (or the
/// provider's own), where the base may already hold the first or all parts of
/// the path. A query in the base stays.
pub(super) fn address(entry: &ModelEntry, own: &str, path: &[&str]) -> Result<Url, ModelError> {
    let bad = |reason: String| ModelError::BadAddress {
        model: entry.name.to_string(),
        reason,
    };
    let mut url = match &entry.base_url {
        Some(url) => url.clone(),
        None if own.is_empty() => return Err(bad("there is none".to_owned())),
        None => Url::parse(own).map_err(|error| bad(error.to_string()))?,
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("it must begin with http:// or https://".to_owned()));
    }
    let present: Vec<String> = url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect();
    // The longest run of parts that the base already ends with.
    let shared = (0..=path.len())
        .rev()
        .find(|count| present.len() >= *count && present[present.len() - count..] == path[..*count])
        .unwrap_or_default();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(&path[shared..]);
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;
    use crate::model::testing::{JPEG_BASE64, entry, jpeg, talk};

    #[test]
    fn base64_is_padded_and_on_one_line() {
        assert_eq!(base64(&jpeg()), JPEG_BASE64);
        let long = Jpeg {
            bytes: vec![7; 10_000].into(),
            ..jpeg()
        };
        assert!(!base64(&long).contains(['\n', '\r']));
        assert_eq!(data_url(&jpeg()), "data:image/jpeg;base64,/9j/4A==");
    }

    #[test]
    fn addresses_are_joined_whatever_the_base_already_holds() {
        for (base, path, joined) in [
            ("http://h:1", &["api", "chat"][..], "http://h:1/api/chat"),
            ("http://h:1/", &["api", "chat"], "http://h:1/api/chat"),
            ("http://h:1/api", &["api", "chat"], "http://h:1/api/chat"),
            (
                "http://h:1/api/chat/",
                &["api", "chat"],
                "http://h:1/api/chat",
            ),
            (
                "http://h:1/proxy",
                &["api", "chat"],
                "http://h:1/proxy/api/chat",
            ),
            ("https://h/v1", &["v1", "messages"], "https://h/v1/messages"),
            (
                "https://h/v1?v=2#x",
                &["chat", "completions"],
                "https://h/v1/chat/completions?v=2",
            ),
            (
                "https://h/v1beta",
                &["v1beta", "models", "m/x:go"],
                "https://h/v1beta/models/m%2Fx:go",
            ),
        ] {
            let mut entry = entry(Provider::OpenAi);
            entry.base_url = Some(Url::parse(base).unwrap());
            assert_eq!(
                address(&entry, "", path).unwrap().as_str(),
                joined,
                "{base}"
            );
        }
        let mut entry = entry(Provider::OpenAi);
        assert!(address(&entry, "", &[]).is_err());
        entry.base_url = Some(Url::parse("file:///etc/passwd").unwrap());
        assert!(address(&entry, "", &[]).is_err());
    }

    #[test]
    fn a_conversation_is_one_text_where_a_program_wants_one() {
        assert_eq!(talk().text(), "Be brief.\n\nDescribe.");
        assert_eq!(talk().image().unwrap().width, 1024);
    }
}
