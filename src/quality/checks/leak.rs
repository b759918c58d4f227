//! Instructions that come back in the answer.

use super::Caption;
use crate::archive::{Context, ContextField};
use crate::quality::clean::LABEL;
use crate::quality::lexicon;
use crate::quality::words::words;
use regex::Regex;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

/// So many words of the instructions in a row are no accident.
const RUN: usize = 8;

static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
    let limits = lexicon::any_of(|words| words.limits);
    Regex::new(&format!("(?i){limits}")).expect("the patterns in the tables are valid")
});

/// Names of what the model was given, and of who speaks; a caption has no use
/// for them.
static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^[*_#>\s-]*(?:(?i:photo|image|file) ?)?(?:[Aa]lbum|ALBUM|[Tt]itle|TITLE|Place|Date|Notes|Context|Language|Instructions?|System|User|Human|Prompt|[Ff]ile ?name|Titel|Titre|Título|Titolo)[*_]*\s*[:：]",
    )
    .expect("the pattern is valid")
});

/// Orders to a model that stand in a photo's title, or on a sign, and come back as
/// if the photo said them.
static ORDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(?:
            (?:ignore|disregard|forget|override|bypass)\s+(?:(?:all|any|every|the|your|these|those|my|of)\s+)*(?:previous|prior|above|earlier|preceding|former|foregoing|system)\s+(?:\w+\s+)?(?:instruction|prompt|message|rule|direction|command|guideline)s?
          | (?:ignore|disregard)\s+(?:all|any|your)\s+(?:instructions|prompts|rules|guidelines)
          | (?:reveal|print|repeat|output)\s+(?:your|the)\s+(?:system\s+)?(?:prompt|instructions)
          | you\s+(?:are|were|have\s+been)\s+asked\s+to
          | (?:write|give|provide)\s+(?:\w+\s+){1,2}sentences?\s+of\s+alt(?:ernative)?[-\ ]?text
          | (?:ignoriere|vergiss|missachte)\s+(?:\w+\s+){0,2}(?:vorherigen|bisherigen|obigen|vorigen)\s+(?:anweisungen|befehle|instruktionen)
          | (?:negeer|vergeet)\s+(?:\w+\s+){0,2}(?:vorige|eerdere|voorgaande|bovenstaande)\s+(?:instructies|opdrachten)
          | (?:ignore[zrs]?|oublie[zrs]?)\s+(?:\w+\s+){0,3}(?:instructions|consignes)\s+(?:précédentes|ci-dessus)
          | (?:ignora|ignore|olvida|desconsidere|dimentica)\s+(?:\w+\s+){0,3}(?:instrucciones|instruções|istruzioni)\s+(?:anteriores|previas|precedenti)
        )\b",
    )
    .expect("the pattern is valid")
});

/// A sentence that ends within a line, so that a label may follow.
static SENTENCE_END: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"[.!?]["”)]?\s+"#).expect("the pattern is valid"));

/// Whether the caption repeats its instructions.
pub(super) fn leaks(caption: &Caption<'_>) -> bool {
    LIMIT.is_match(caption.text())
        || ORDER.is_match(&caption.unquoted)
        || has_given_label(caption)
        || has_run(caption)
}

fn has_given_label(caption: &Caption<'_>) -> bool {
    let told = told_labels(caption.asked.prompt);
    let label_first =
        |line: &str| GIVEN.is_match(line) || label(line).is_some_and(|l| told.contains(&l));
    caption.cleaned.lined.lines().any(label_first)
        || SENTENCE_END
            .split(caption.text())
            .any(|sentence| GIVEN.is_match(sentence))
}

/// The labels with which lines of the prompt begin.
fn told_labels(prompt: &str) -> HashSet<String> {
    prompt.lines().filter_map(label).collect()
}

/// The few words before a colon with which a line begins, unless they are a
/// name that models give to their answers.
fn label(line: &str) -> Option<String> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || "*_#>-•".contains(c));
    let (name, _) = line.split_once(':')?;
    let name = name.trim_end_matches(['*', '_', ' ']);
    let short = name.len() <= 30 && name.split_whitespace().count() <= 3 && !name.is_empty();
    let alphabetic = name
        .chars()
        .all(|c| c.is_alphabetic() || c == ' ' || c == '-');
    (short && alphabetic && !LABEL.is_match(&format!("{name}:"))).then(|| name.to_lowercase())
}

/// Whether words of the prompt that are not the photo's own stand in a row.
fn has_run(caption: &Caption<'_>) -> bool {
    let runs = runs_of(&caption.words);
    if runs.is_empty() {
        return false;
    }
    let told: HashSet<u64> = runs_of(&words(caption.asked.prompt)).into_iter().collect();
    let given = given_runs(caption.asked.context);
    runs.iter()
        .any(|run| told.contains(run) && !given.contains(run))
}

fn given_runs(context: &Context) -> HashSet<u64> {
    ContextField::ALL
        .into_iter()
        .filter_map(|field| context.get(field))
        .flat_map(|value| runs_of(&words(value)))
        .collect()
}

fn runs_of(words: &[String]) -> Vec<u64> {
    words
        .windows(RUN)
        .map(|run| {
            let mut hasher = DefaultHasher::new();
            run.hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}
