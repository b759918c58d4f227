//! How many tokens a request will probably use, before it is sent. The counts
//! of the reply replace all of this afterwards.
//!
//! Images follow the providers' own documents where they say how (OpenAI's and
//! Anthropic's vision guides, Gemini's image and media-resolution guides,
//! Mistral's tokenizer library); the rest is an approximation, marked as such.
//! Unknown models get a cautious figure. Text counts as four characters a token,
//! other scripts than ASCII as one; output as its cap. `tests/it/estimates.rs`
//! and `docs/models.md` say what was checked against what.

use super::settings::output_cap;
use super::{Conversation, Part};
use crate::archive::{Jpeg, Usage};
use crate::config::{Dialect, ModelEntry, Provider};

/// The tokens that one request to this entry's model is expected to use. Works
/// without key or connection; only the measures of the images count, so a
/// [`Jpeg`] without bytes will do.
pub fn estimate(entry: &ModelEntry, conversation: &Conversation) -> Usage {
    Estimator::new(entry).estimate(conversation)
}

/// What of an entry the arithmetic depends on.
#[derive(Clone, Debug)]
pub(super) struct Estimator {
    provider: Provider,
    dialect: Dialect,
    /// The model's id in lower case, without the maker that ids behind
    /// OpenRouter begin with (`openai/gpt-4o`).
    model: String,
    detail: Option<String>,
    resolution: Option<String>,
    cap: u32,
}

impl Estimator {
    pub(super) fn new(entry: &ModelEntry) -> Self {
        let model = entry.model.to_lowercase();
        Self {
            provider: entry.provider,
            dialect: entry.dialect,
            model: model.rsplit('/').next().unwrap_or_default().to_owned(),
            detail: entry.image.detail.clone(),
            resolution: resolution(entry),
            cap: output_cap(entry),
        }
    }

    pub(super) fn estimate(&self, conversation: &Conversation) -> Usage {
        if self.provider == Provider::Embedded {
            return Usage::default();
        }
        let mut text = conversation.system.as_deref().map_or(0, text_tokens);
        let mut images = 0;
        for part in conversation.turns.iter().flat_map(|turn| &turn.parts) {
            match part {
                Part::Text(words) => text += text_tokens(words),
                Part::Image(image) => images += self.image_tokens(image),
            }
        }
        if self.model.starts_with("claude") && Claude::of(&self.model).is_recent() {
            // Their tokenizer makes up to 1.35 tokens of one of their
            // predecessors' (Anthropic's guide for moving to Opus 4.7).
            text = (text * 27).div_ceil(20);
        }
        Usage {
            input: text + images,
            output: u64::from(self.cap),
        }
    }

    fn image_tokens(&self, image: &Jpeg) -> u64 {
        let size = Size {
            width: u64::from(image.width.max(1)),
            height: u64::from(image.height.max(1)),
        };
        let detail = self.detail.as_deref();
        let model = self.model.as_str();
        match (self.provider, self.dialect) {
            (Provider::Command | Provider::Embedded, _) => 0,
            (Provider::Anthropic, _) => size.anthropic(Claude::of(model)),
            (Provider::Gemini, _) => size.gemini(model, self.resolution.as_deref()),
            (Provider::OpenAi, Dialect::OpenAi) => size.openai(model, detail),
            (Provider::OpenAi, Dialect::Mistral) => size.mistral(model),
            _ => size.by_name(model, detail),
        }
    }
}

fn text_tokens(text: &str) -> u64 {
    let (mut ascii, mut other) = (0_u64, 0_u64);
    for c in text.chars() {
        *(if c.is_ascii() { &mut ascii } else { &mut other }) += 1;
    }
    ascii.div_ceil(4) + other
}

/// The media resolution that a Gemini request asks for, in lower case without
/// its prefix.
fn resolution(entry: &ModelEntry) -> Option<String> {
    let set = ["media_resolution", "mediaResolution"]
        .iter()
        .find_map(|name| entry.settings.get(*name)?.as_str());
    let set = set.or(entry.image.detail.as_deref())?.to_lowercase();
    Some(set.trim_start_matches("media_resolution_").to_owned())
}

/// A model of Anthropic's, as far as its id tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claude {
    opus: bool,
    version: (u32, u32),
}

impl Claude {
    /// Reads ids such as `claude-opus-4-7`, `claude-3-5-sonnet-20241022` and
    /// `claude-sonnet-5`. A number with more than two digits is a date.
    pub(super) fn of(model: &str) -> Self {
        let parts = model.split(['-', '.', '@', ':']);
        let mut numbers = parts
            .filter_map(|part| part.parse().ok())
            .filter(|n| *n < 100);
        Self {
            opus: model.contains("opus"),
            version: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
        }
    }

    fn is_recent(self) -> bool {
        self.version >= (5, 0) || (self.opus && self.version >= (4, 7))
    }

    /// Opus 4.7 and everything later answers 400 to `temperature`, `top_p` and
    /// `top_k`.
    pub(super) fn refuses_sampling(self) -> bool {
        self.is_recent()
    }
}

/// Whether a model of OpenAI's thinks before it answers: such models answer 400
/// to `temperature` and its like.
pub(super) fn openai_reasons(model: &str) -> bool {
    let model = model.to_lowercase();
    let mut letters = model.chars();
    let o_series =
        letters.next() == Some('o') && letters.next().is_some_and(|c| c.is_ascii_digit());
    o_series || (model.starts_with("gpt-5") && !model.contains("chat"))
}

#[derive(Clone, Copy)]
struct Size {
    width: u64,
    height: u64,
}

impl Size {
    fn patches(self, edge: u64) -> u64 {
        self.width.div_ceil(edge) * self.height.div_ceil(edge)
    }

    /// Scaled so that the longer edge is `edge`, rounded; never enlarged.
    fn fit_long(self, edge: u64) -> Self {
        self.scaled(edge, self.width.max(self.height))
    }

    /// The same for the shorter edge.
    fn fit_short(self, edge: u64) -> Self {
        self.scaled(edge, self.width.min(self.height))
    }

    fn scaled(self, to: u64, from: u64) -> Self {
        if to >= from {
            return self;
        }
        let scale = |side: u64| ((side * to + from / 2) / from).max(1);
        Self {
            width: scale(self.width),
            height: scale(self.height),
        }
    }

    /// The largest version of this picture, at most `edge` long, that has at
    /// most `budget` patches.
    fn fit_patches(self, patch: u64, edge: u64, budget: u64) -> u64 {
        let longest = self.width.max(self.height).min(edge);
        let counts = (1..=longest)
            .rev()
            .map(|edge| self.fit_long(edge).patches(patch));
        counts
            .into_iter()
            .find(|count| *count <= budget)
            .unwrap_or(1)
    }

    /// One token per 28 × 28 pixels, after the resize to the model's native
    /// size: 1568 pixels and tokens, or 2576 pixels and 4784 tokens.
    fn anthropic(self, model: Claude) -> u64 {
        if model.is_recent() {
            self.fit_patches(28, 2576, 4784)
        } else {
            self.fit_patches(28, 1568, 1568)
        }
    }

    fn openai(self, model: &str, detail: Option<&str>) -> u64 {
        if let Some((base, tile)) = tile_prices(model) {
            return self.tiles(detail, base, tile);
        }
        // gpt-5.6 keeps the size it is given unless told otherwise.
        let keeps = model.starts_with("gpt-5.6");
        let budget = match detail {
            None | Some("auto" | "original") if keeps => u64::MAX,
            Some("original") if model.starts_with("gpt-5.4") || model.starts_with("gpt-5.5") => {
                10_000
            }
            _ if keeps => 2500,
            _ if model.contains("mini") || model.contains("nano") => 1536,
            _ if model.starts_with("gpt-5.2") => 1536,
            _ => 2500,
        };
        let patches = match budget {
            u64::MAX => self.patches(32),
            10_000 => self.fit_patches(32, u64::MAX, budget),
            _ => self.fit_patches(32, 2048, budget),
        };
        let factor = if model.starts_with("o4-mini") {
            1.72
        } else if model.contains("nano") {
            2.46
        } else if model.contains("mini") || !model.starts_with("gpt-5") {
            // Also for ids that nobody here knows, to be on the safe side.
            1.62
        } else {
            1.0
        };
        (patches as f64 * factor).round() as u64
    }

    /// A base and so much per tile of 512 pixels, after fitting into 2048
    /// pixels and, with the shorter side, into 768.
    fn tiles(self, detail: Option<&str>, base: u64, tile: u64) -> u64 {
        if detail == Some("low") {
            return base;
        }
        base + tile * self.fit_long(2048).fit_short(768).patches(512)
    }

    /// Gemini 3 takes a fixed number per resolution. Older ones take 258 for a
    /// picture within 384 pixels; larger ones are cut into tiles of so much
    /// each, whose edge is about two thirds of the shorter side (Gemini's image
    /// guide). A lower media resolution replaces that.
    fn gemini(self, model: &str, resolution: Option<&str>) -> u64 {
        let resolution = resolution.unwrap_or_default();
        let older = model.contains("gemini-2") || model.contains("gemini-1");
        match (older, resolution) {
            (false, "low") => 280,
            (false, "medium") => 560,
            (false, "ultra_high") => 2240,
            (false, _) => 1120,
            (true, "low") => 64,
            (true, "medium") => 256,
            (true, _) => 258 * self.gemini_tiles(),
        }
    }

    fn gemini_tiles(self) -> u64 {
        if self.width.max(self.height) <= 384 {
            return 1;
        }
        let edge = (self.width.min(self.height) * 2 / 3).max(1);
        // "Pan and scan" goes up to about 2048 tokens.
        self.patches(edge).min(8)
    }

    /// One token per patch, one more to end each row (Mistral's tokenizer
    /// library, `ImageEncoder`). Pixtral's patches have 16 pixels, within 1024;
    /// those of all later models 28, within 1540.
    fn mistral(self, model: &str) -> u64 {
        let (longest, patch) = if model.starts_with("pixtral") {
            (1024, 16)
        } else {
            (1540, 28)
        };
        let fitted = self.fit_long(longest);
        (fitted.width.div_ceil(patch) + 1) * fitted.height.div_ceil(patch)
    }

    /// Local and relayed models, by what their id gives away. Approximations:
    /// Gemma 3 has a fixed 256; Qwen-VL one token per 28 × 28 pixels with a
    /// minimum of 1024 in llama.cpp; the old LLaVA 1.5 has 576 and its
    /// successors up to five times that. The rest is counted like Qwen-VL.
    fn by_name(self, model: &str, detail: Option<&str>) -> u64 {
        if model.starts_with("claude") {
            self.anthropic(Claude::of(model))
        } else if model.starts_with("gemini") {
            self.gemini(model, None)
        } else if model.starts_with("gpt-") || openai_reasons(model) {
            self.openai(model, detail)
        } else if MISTRALS.iter().any(|name| model.starts_with(name)) {
            self.mistral(model)
        } else if model.starts_with("gemma3") || model.starts_with("gemma-3") {
            256
        } else if model.starts_with("llava") {
            2880
        } else {
            self.patches(28).max(1024)
        }
    }
}

/// Models of Mistral's that see, under the names that other servers give them.
const MISTRALS: [&str; 4] = ["pixtral", "mistral-", "ministral", "magistral"];

/// Base and price per tile of the models that count in tiles.
fn tile_prices(model: &str) -> Option<(u64, u64)> {
    let is = |name: &str| model.starts_with(name);
    let small = model.contains("-mini") || model.contains("-nano");
    if is("gpt-4o-mini") {
        Some((2833, 5667))
    } else if small {
        None
    } else if is("gpt-4o") || is("gpt-4.1") || is("gpt-4-") || is("gpt-4.5") || is("chatgpt-4o") {
        Some((85, 170))
    } else if is("o1") || is("o3") {
        Some((75, 150))
    } else if model == "gpt-5" || is("gpt-5-") || is("gpt-5.1") {
        Some((70, 140))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{entry, entry_with, talk};
    use serde_json::json;

    fn tokens(entry: &ModelEntry, width: u32, height: u32) -> u64 {
        let image = Jpeg {
            bytes: Vec::new().into(),
            width,
            height,
        };
        Estimator::new(entry).image_tokens(&image)
    }

    fn model(provider: Provider, id: &str, detail: Option<&str>) -> ModelEntry {
        let mut entry = entry(provider);
        entry.model = id.to_owned();
        entry.image.detail = detail.map(str::to_owned);
        entry
    }

    #[test]
    fn openai_counts_as_its_guide_does() {
        for (id, detail, width, height, expected) in [
            ("gpt-4o", Some("high"), 1024, 768, 765),
            ("gpt-4o-2024-11-20", None, 1024, 768, 765),
            ("gpt-4.1", None, 768, 1024, 765),
            ("gpt-4o", Some("low"), 1024, 768, 85),
            ("gpt-4o", None, 4032, 3024, 765),
            ("gpt-4o", None, 300, 200, 255),
            ("gpt-5", Some("high"), 1024, 768, 630),
            ("gpt-5-2025-08-07", Some("low"), 1024, 768, 70),
            ("o1", None, 1024, 768, 675),
            ("o3", None, 1024, 768, 675),
            ("gpt-4o-mini", None, 1024, 768, 25_501),
            ("gpt-4o-mini", Some("low"), 1024, 768, 2833),
            ("gpt-5-mini", None, 1024, 768, 1244),
            ("gpt-4.1-mini", None, 1024, 768, 1244),
            ("gpt-5-nano", None, 1024, 768, 1889),
            ("o4-mini", None, 1024, 768, 1321),
            ("gpt-5.2", None, 1024, 768, 768),
            ("gpt-5.6", None, 4032, 3024, 11_970),
            ("gpt-5.6", Some("original"), 4032, 3024, 11_970),
            ("gpt-5.6", Some("auto"), 1024, 768, 768),
        ] {
            let entry = model(Provider::OpenAi, id, detail);
            assert_eq!(tokens(&entry, width, height), expected, "{id} {detail:?}");
        }
    }

    #[test]
    fn openai_patches_stay_within_their_budget() {
        for (id, detail, budget) in [
            ("gpt-5.2", None, 1536),
            ("gpt-5.4", Some("high"), 2500),
            ("gpt-5.5", Some("original"), 10_000),
        ] {
            let entry = model(Provider::OpenAi, id, detail);
            let counted = tokens(&entry, 8000, 6000);
            assert!(
                counted <= budget && counted > budget * 9 / 10,
                "{id}: {counted}"
            );
        }
    }

    #[test]
    fn anthropic_counts_patches_after_its_own_resize() {
        for (id, width, height, expected) in [
            ("claude-sonnet-4-5", 1024, 768, 1036),
            ("claude-3-5-sonnet-20241022", 2000, 1500, 1564),
            ("claude-haiku-4-5-20251001", 2000, 1500, 1564),
            ("claude-opus-4-6", 2000, 1500, 1564),
            ("claude-opus-4-7", 2000, 1500, 3888),
            ("claude-sonnet-5", 2000, 1500, 3888),
            ("claude-opus-5-1", 1024, 768, 1036),
        ] {
            let entry = model(Provider::Anthropic, id, None);
            assert_eq!(tokens(&entry, width, height), expected, "{id}");
        }
    }

    #[test]
    fn gemini_counts_by_resolution() {
        for (id, resolution, expected) in [
            ("gemini-3-flash", None, 1120),
            ("gemini-3-flash", Some("low"), 280),
            ("gemini-3-pro", Some("MEDIA_RESOLUTION_MEDIUM"), 560),
            ("gemini-3-pro", Some("high"), 1120),
            ("gemini-3-pro", Some("ultra_high"), 2240),
            ("gemini-2.5-flash", Some("low"), 64),
            ("gemini-2.5-flash", Some("medium"), 256),
            ("gemini-2.5-flash", None, 4 * 258),
        ] {
            let entry = model(Provider::Gemini, id, resolution);
            assert_eq!(tokens(&entry, 1024, 768), expected, "{id} {resolution:?}");
        }
        let mut entry = entry_with(
            Provider::Gemini,
            json!({"mediaResolution": "MEDIA_RESOLUTION_LOW"}),
        );
        entry.model = "gemini-3-flash".to_owned();
        assert_eq!(tokens(&entry, 1024, 768), 280);
        let panorama = model(Provider::Gemini, "gemini-2.5-pro", None);
        assert_eq!(tokens(&panorama, 8000, 600), 8 * 258);
        assert_eq!(tokens(&panorama, 960, 540), 6 * 258);
        assert_eq!(tokens(&panorama, 384, 200), 258);
    }

    #[test]
    fn others_are_approximated() {
        let mut pixtral = model(Provider::OpenAi, "pixtral-12b", None);
        pixtral.dialect = Dialect::Mistral;
        assert_eq!(tokens(&pixtral, 1024, 768), 65 * 48);
        assert_eq!(tokens(&pixtral, 2048, 1536), 65 * 48);
        pixtral.model = "mistral-medium-latest".to_owned();
        assert_eq!(tokens(&pixtral, 1024, 768), 38 * 28);
        for (id, expected) in [
            ("qwen2.5vl:7b", 37 * 28),
            ("gemma3:12b", 256),
            ("mistral-small3.1:24b", 38 * 28),
            ("llava:13b", 2880),
            ("whatever", 37 * 28),
        ] {
            assert_eq!(
                tokens(&model(Provider::Ollama, id, None), 1024, 768),
                expected,
                "{id}"
            );
        }
        assert_eq!(
            tokens(&model(Provider::Ollama, "qwen2.5vl", None), 100, 100),
            1024
        );
        let mut relayed = model(Provider::OpenAi, "openai/gpt-4o", None);
        relayed.dialect = Dialect::OpenRouter;
        assert_eq!(tokens(&relayed, 1024, 768), 765);
    }

    #[test]
    fn an_estimate_has_text_image_and_the_cap() {
        let entry = model(Provider::OpenAi, "gpt-4o", None);
        // "Be brief." and "Describe." are three tokens each.
        let expected = Usage {
            input: 3 + 3 + 765,
            output: 300,
        };
        assert_eq!(estimate(&entry, &talk()), expected);
        assert_eq!(
            estimate(&model(Provider::Embedded, "", None), &talk()),
            Usage::default()
        );
        assert_eq!(text_tokens("日本語"), 3);
    }

    #[test]
    fn ids_of_anthropic_are_read() {
        for (id, recent) in [
            ("claude-3-opus-20240229", false),
            ("claude-opus-4-20250514", false),
            ("claude-opus-4-1-20250805", false),
            ("claude-opus-4.7", true),
            ("claude-sonnet-4-7", false),
            ("claude-opus-4-10", true),
            ("claude-fable-5", true),
            ("claude", false),
        ] {
            assert_eq!(Claude::of(id).refuses_sampling(), recent, "{id}");
        }
    }
}
