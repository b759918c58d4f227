//! Words that stand where a caption should be: what programs and models print
//! when they have none. Only a text that is nothing else counts; a caption may
//! well speak of an error on a screen.

use regex::Regex;
use std::sync::LazyLock;

/// Whole answers that say nothing of a photo, without case and the marks around
/// them.
const NOTHING_SAID: [&str; 55] = [
    // Programs that failed, and empty values of programming languages.
    "error",
    "errors",
    "exception",
    "failed",
    "failure",
    "timeout",
    "timed out",
    "internal server error",
    "bad request",
    "not found",
    "fehler",
    "erreur",
    "errore",
    "erro",
    "fout",
    "n/a",
    "n.a",
    "na",
    "nan",
    "nil",
    "none",
    "void",
    "true",
    "false",
    "empty",
    "nothing",
    "missing",
    "unknown",
    "not available",
    "not applicable",
    "unavailable",
    // Templates that nobody filled in.
    "untitled",
    "no title",
    "title",
    "description",
    "caption",
    "text",
    "placeholder",
    "todo",
    "tbd",
    "tba",
    "lorem ipsum",
    "unbenannt",
    "ohne titel",
    "sans titre",
    "sin título",
    "zonder titel",
    // A word in answer to nothing.
    "ok",
    "okay",
    "yes",
    "no",
    "sure",
    "done",
    "certainly",
    "understood",
];

/// Short phrases of the same kind: that there is no description, that there is
/// only some picture, and error messages.
static PHRASE: LazyLock<Regex> = LazyLock::new(|| {
    let picture = "image|img|photo|photograph|picture|pic|file";
    let text = r"description|caption|alt[\ -]?text|text|title|content|output|response|answer";
    let lacking = r"unavailable|not\ available|not\ found|missing|unknown|error";
    Regex::new(&format!(
        r"(?ix)^(?:
            (?:there\ is\ )?no\ (?:{picture}|{text}|data|information)(?:\ (?:{picture}|{text}))?(?:\ (?:available|found|provided|given|possible))?
          | (?:the\ |an?\ )?(?:untitled|unknown|unnamed)\ (?:{picture})
          | (?:an?\ |the\ |this\ )?(?:{picture}|{text})(?:\ (?:is\ )?(?:{lacking}))?
          | (?:http\ ?)?(?:error|exception)(?:\ code)?(?:\ ?\#?\d+|\s*:\s.+|\ (?:while|during)\ .+)
          | (?:{picture}|{text}|processing|generation|request)\ (?:failed|error)(?:\s*:\s.+)?
        )$"
    ))
    .expect("the pattern is valid")
});

/// How messages of programs begin, and what printers fill pages with. A caption may
/// name each of them: on a screen, on a sign, on a page.
static REPORT: LazyLock<Regex> = LazyLock::new(|| {
    let status = r"too\ many\ requests|bad\ request|unauthori[sz]ed|payment\ required|forbidden|not\ found|method\ not\ allowed|request\ time-?\ ?out|(?:payload|content|request\ entity)\ too\ large|unprocessable|internal\ (?:server\ )?error|bad\ gateway|service\ (?:is\ )?(?:temporarily\ )?unavailable|gateway\ time-?\ ?out";
    let trouble = r"rate\ limit(?:ed|\ (?:exceeded|reached))?|quota\ exceeded|(?:request|connection|operation)\ (?:timed\ out|refused|reset|failed)|(?:cuda\ )?out\ of\ memory|segmentation\ fault|permission\ denied|access\ denied|invalid\ api\ key";
    Regex::new(&format!(
        r"(?ix)^(?:
            (?:(?:http(?:/\d(?:\.\d)?)?|status|error|code)\W{{0,3}})*[45]\d\d\W{{1,3}}(?:{status})\b
          | (?:{status}|{trouble})\s*(?:[.!:;,(]|$)
          | traceback\W{{1,3}}most\ recent\ call
          | (?-i:(?:[A-Za-z_]+\.)*[A-Z][A-Za-z]+(?:Error|Exception))\s*[:(]
          | (?:panicked|panic|fatal(?:\ error)?)\s*(?::|\ at\ )
          | lorem\ ipsum\b
        )|\bdolor\ sit\ amet\b"
    ))
    .expect("the pattern is valid")
});

/// Whether a program speaks in place of a model.
pub(super) fn reports(text: &str) -> bool {
    REPORT.is_match(text.trim_start_matches(|c: char| !c.is_alphanumeric()))
}

/// Whether the whole text says nothing of a photo.
pub(super) fn stands_in(text: &str) -> bool {
    let marks = |c: char| c.is_whitespace() || "[](){}<>\"'“”‘’`*_.!?,;:-–—…".contains(c);
    let bare = text.trim_matches(marks).to_lowercase();
    NOTHING_SAID.contains(&bare.as_str()) || PHRASE.is_match(&bare)
}
