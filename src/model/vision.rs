//! Whether a model can see, as far as its name tells.

use crate::config::{ModelEntry, Provider};

/// What is known of a model's eyes before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vision {
    /// Models of this name take images.
    Yes,
    /// They do not.
    No,
    /// Nobody here knows the name.
    Unknown,
}

impl Vision {
    /// One word for a table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "?",
        }
    }

    /// The same for programs; `None` where nobody knows.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }
}

/// Beginnings of the names of models without eyes. They are looked for first,
/// since some are longer than those of their relatives that see.
const BLIND: &[&str] = &[
    "gpt-3.5",
    "o1-mini",
    "o3-mini",
    "gpt-oss",
    "claude-2",
    "claude-instant",
    "gemma2",
    "gemma3:270m",
    "gemma3:1b",
    "gemma-2",
    "llama2",
    "llama3:",
    "llama3.1",
    "llama3.2:",
    "llama3.3",
    "mistral:",
    "mistral-nemo",
    "mixtral",
    "codestral",
    "devstral",
    "qwen2:",
    "qwen2.5:",
    "qwen2.5-coder",
    "qwen3:",
    "qwen3-coder",
    "deepseek-r1",
    "deepseek-v3",
    "phi3:",
    "phi4:",
    "embeddinggemma",
    "nomic-embed",
];

/// Beginnings of the names of models that see, by their makers' pages and
/// Ollama's library.
const SEEING: &[&str] = &[
    "gpt-4o",
    "chatgpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-4-turbo",
    "gpt-5",
    "gpt-6",
    "o1",
    "o3",
    "o4-mini",
    "claude",
    "gemini",
    "gemma3",
    "gemma-3",
    "gemma4",
    "gemma-4",
    "pixtral",
    "mistral-small",
    "mistral-medium",
    "mistral-large",
    "ministral",
    "magistral",
    "llama3.2-vision",
    "llama4",
    "llama-4",
    "granite3.2-vision",
    "moondream",
    "minicpm-v",
    "internvl",
    "molmo",
    "smolvlm",
    "florence",
    "blip",
];

/// Parts of names that only models with eyes have.
const TELLING: &[&str] = &[
    "vision", "llava", "-vl", "vl:", "vl-", "2.5vl", "2vl", "3vl",
];

/// Whether an entry's model can see, judged by its name alone: no server is
/// asked.
pub fn vision(entry: &ModelEntry) -> Vision {
    match entry.provider {
        // It looks at colours and light.
        Provider::Embedded => return Vision::No,
        Provider::Command => return Vision::Unknown,
        _ => {}
    }
    vision_of(&entry.model)
}

/// The same by the id of a model alone.
pub(super) fn vision_of(id: &str) -> Vision {
    let model = id.to_lowercase();
    let name = model.rsplit('/').next().unwrap_or_default();
    let begins = |names: &[&str]| {
        // `llama3:` also stands for a name without a tag.
        names
            .iter()
            .any(|known| name.starts_with(known) || known.strip_suffix(':') == Some(name))
    };
    if TELLING.iter().any(|part| name.contains(part)) {
        Vision::Yes
    } else if begins(BLIND) {
        Vision::No
    } else if begins(SEEING) {
        Vision::Yes
    } else {
        Vision::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::entry;

    #[test]
    fn names_tell_who_can_see() {
        let cases = [
            ("qwen2.5vl:7b", Vision::Yes),
            ("qwen3-vl:8b-instruct", Vision::Yes),
            ("Qwen/Qwen2.5-VL-7B-Instruct", Vision::Yes),
            ("llama3.2-vision:11b", Vision::Yes),
            ("llama3.2:3b", Vision::No),
            ("llama3.2", Vision::No),
            ("mistral", Vision::No),
            ("mistral-small3.2:24b", Vision::Yes),
            ("gemma3:1b", Vision::No),
            ("gemma3:12b", Vision::Yes),
            ("mistralai/Pixtral-12B-2409", Vision::Yes),
            ("claude-haiku-4-5-20251001", Vision::Yes),
            ("o3-mini", Vision::No),
            ("o3", Vision::Yes),
            ("name-of-the-model", Vision::Unknown),
        ];
        for (model, expected) in cases {
            let mut entry = entry(Provider::OpenAi);
            entry.model = model.to_owned();
            assert_eq!(vision(&entry), expected, "{model}");
        }
        assert_eq!(vision(&entry(Provider::Embedded)), Vision::No);
        assert_eq!(vision(&entry(Provider::Command)), Vision::Unknown);
    }
}
