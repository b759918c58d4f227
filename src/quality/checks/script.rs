//! Which writing a letter belongs to, and which ones a language is written in.

/// Writings that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Hebrew,
    Arabic,
    Devanagari,
    Thai,
    Hangul,
    Kana,
    Han,
    Other,
}

/// The writing of a letter; nothing for what is no letter.
pub(super) fn of(c: char) -> Option<Script> {
    let script = match c {
        'A'..='Z'
        | 'a'..='z'
        | '\u{c0}'..='\u{24f}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{ff21}'..='\u{ff5a}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}'
        | '\u{750}'..='\u{77f}'
        | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{feff}' => Script::Arabic,
        '\u{900}'..='\u{97f}' => Script::Devanagari,
        '\u{e00}'..='\u{e7f}' => Script::Thai,
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}' => Script::Hangul,
        '\u{3041}'..='\u{30ff}' => Script::Kana,
        '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => {
            Script::Han
        }
        _ => Script::Other,
    };
    c.is_alphabetic().then_some(script)
}

/// The writings of a language, by its primary subtag and the script subtag of
/// the whole tag; nothing where we do not know.
pub(super) fn expected(primary: &str, tag: &str) -> Option<&'static [Script]> {
    let subtag = |wanted: &str| {
        tag.split(['-', '_'])
            .any(|part| part.eq_ignore_ascii_case(wanted))
    };
    if subtag("Latn") {
        return Some(&[Script::Latin]);
    }
    if subtag("Cyrl") {
        return Some(&[Script::Cyrillic]);
    }
    Some(match primary {
        "en" | "de" | "fr" | "nl" | "es" | "it" | "pt" | "sv" | "da" | "no" | "nb" | "nn"
        | "fi" | "is" | "pl" | "cs" | "sk" | "sl" | "hr" | "hu" | "ro" | "et" | "lv" | "lt"
        | "ga" | "cy" | "eu" | "ca" | "gl" | "tr" | "id" | "ms" | "vi" | "sw" | "af" | "sq"
        | "mt" | "lb" | "fy" | "oc" | "br" | "rm" => &[Script::Latin],
        "ru" | "uk" | "bg" | "mk" | "be" => &[Script::Cyrillic],
        "el" => &[Script::Greek],
        "he" | "yi" => &[Script::Hebrew],
        "ar" | "fa" | "ur" => &[Script::Arabic],
        "hi" | "mr" | "ne" => &[Script::Devanagari],
        "th" => &[Script::Thai],
        "ko" => &[Script::Hangul, Script::Han],
        "ja" => &[Script::Kana, Script::Han],
        "zh" | "yue" => &[Script::Han],
        _ => return None,
    })
}
