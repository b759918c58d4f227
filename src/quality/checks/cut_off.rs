//! Texts that stop in the middle.

use super::Caption;
use crate::archive::Finish;
use crate::quality::lexicon;

/// Whether the model ran out of room, or the last words cannot be the last.
pub(super) fn is_cut_off(caption: &Caption<'_>) -> bool {
    caption.finish == Finish::Length
        || caption.cleaned.unfinished_thought
        || ends_open(caption.text())
        || ends_dangling(caption)
}

/// Whether the last character opens something, or goes on.
fn ends_open(text: &str) -> bool {
    let mut backwards = text.chars().rev();
    let Some(last) = backwards.next() else {
        return false;
    };
    let before = backwards.next();
    match last {
        ',' | ';' | ':' | '-' | '–' | '—' | '‐' | '/' | '&' | '+' | '(' | '[' | '{' | '“' | '„'
        | '«' | '‘' | '‚' | '、' | '，' | '：' | '「' => {
            // Some languages close with what others open with.
            !(last == '“' && text.contains('„')
                || last == '‘' && text.contains('‚')
                || last == '«' && text.contains('»'))
        }
        '"' | '\'' => before.is_none_or(char::is_whitespace),
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '।' | '؟' | ')' | ']' | '”' | '»' | '’' => {
            false
        }
        _ => leaves_open(text),
    }
}

/// Whether a bracket or quote was opened and not closed before a text without a
/// closing mark ends.
fn leaves_open(text: &str) -> bool {
    let more = |open: char, close: char| text.matches(open).count() > text.matches(close).count();
    // Inches and seconds stand behind a digit and are no quotes.
    let mut quotes = 0;
    let mut before = ' ';
    for c in text.chars() {
        if c == '"' && !before.is_ascii_digit() {
            quotes += 1;
        }
        before = c;
    }
    let digits_quoted = text.contains('"') && text.matches('"').count().is_multiple_of(2);
    more('(', ')')
        || more('[', ']')
        || (text.contains('“') && !text.contains(['”', '„']))
        || (quotes % 2 == 1 && !digits_quoted)
}

/// Whether a text without closing mark ends with an article, a conjunction or
/// the like. A capital letter makes a name of it: "Vitamin A", "Log In".
fn ends_dangling(caption: &Caption<'_>) -> bool {
    let Some(words) = lexicon::of(caption.asked.language) else {
        return false;
    };
    let text = caption.text().replace('’', "'");
    let mut backwards = text.split_whitespace().rev();
    let Some(last) = backwards.next() else {
        return false;
    };
    if !words.dangling.contains(&last) {
        return false;
    }
    let companion = backwards.next().unwrap_or_default().to_lowercase();
    let finished = words
        .finished_after
        .iter()
        .any(|(word, companions)| *word == last && companions.contains(&companion.as_str()));
    !finished
}
