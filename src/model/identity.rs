//! Whether the model that answered can be the one that was asked: some servers
//! ignore a wrong name and answer with whatever they have loaded.

/// Whether the name in a reply can't be meant by the name in the request.
/// Services answer with dated, tagged or shortened names (`gpt-4o` as
/// `gpt-4o-2024-11-20`, `claude-sonnet-latest` as `claude-sonnet-4-5`, a path
/// as the name of its file), so one only has to be found in the other.
pub fn is_another_model(asked: &str, answered: &str) -> bool {
    let (asked, answered) = (Words::of(asked), Words::of(answered));
    !(asked.found_in(&answered) || answered.found_in(&asked))
}

/// A model's name without what does not tell one model from another.
struct Words(Vec<String>);

impl Words {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        // Who ran it, where a relay says so; the folder or the vendor; the tag.
        let name = name.split(" via ").next().unwrap_or_default();
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = name.trim_end_matches(".gguf");
        let words = name
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty() && *word != "latest");
        Self(words.map(str::to_owned).collect())
    }

    fn found_in(&self, other: &Self) -> bool {
        other.0.concat().contains(&self.0.concat())
            || self.0.iter().all(|word| other.0.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_shorter_and_dated_names_are_the_same_model() {
        for (asked, answered) in [
            ("gpt-4o", "gpt-4o-2024-11-20"),
            ("gemma3", "gemma3:latest"),
            ("qwen2.5vl:7b", "Qwen2.5-VL-7B-Instruct"),
            (
                "google/gemma-3-27b-it",
                "google/gemma-3-27b-it:free via Chutes",
            ),
            ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
            ("gemini-flash-latest", "gemini-2.5-flash-preview-09-2025"),
            ("models/gemini-2.5-flash", "gemini-2.5-flash"),
            (
                "llava-v1.6",
                "/srv/models/llava-v1.6-mistral-7b.Q4_K_M.gguf",
            ),
            ("Qwen2.5-VL-7B-Instruct-Q4_K_M", "qwen2.5-vl-7b"),
            ("anything", ""),
        ] {
            assert!(!is_another_model(asked, answered), "{asked} {answered}");
        }
    }

    #[test]
    fn other_names_are_other_models() {
        for (asked, answered) in [
            ("qwen2.5-vl-72b", "tinyllava-1b.gguf"),
            ("gpt-4o", "gpt-3.5-turbo"),
            ("llava:13b", "llama3.2-vision:11b"),
        ] {
            assert!(is_another_model(asked, answered), "{asked} {answered}");
        }
    }
}
