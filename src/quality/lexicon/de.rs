//! German.

use super::{Lexicon, Opening, Rest};

/// What stands alike in the nominative, so that it can begin a sentence. "Das
/// Bild zeigt einen Hund" is left as it is.
const NOMINATIVE: &[&str] = &[
    "eine",
    "ein",
    "das",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "mehrere",
    "viele",
    "einige",
    "zahlreiche",
];

pub(super) static WORDS: Lexicon = Lexicon {
    code: "de",
    frequent: &[
        "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer",
        "eines", "und", "oder", "mit", "auf", "von", "vom", "zu", "zum", "zur", "in", "im", "an",
        "am", "aus", "bei", "für", "vor", "über", "unter", "neben", "hinter", "zwischen", "nach",
        "durch", "ist", "sind", "sich", "sitzt", "steht", "stehen", "sitzen", "liegt", "trägt",
        "hält", "zwei", "drei", "mehrere", "ihm", "ihr", "sein", "seine", "seinem", "ihrem",
        "ihren", "während", "auch", "nicht", "als", "wie", "es", "so", "man", "hat", "war", "um",
    ],
    // Words that are also the second half of a verb ("zieht sich an", "schaut
    // zu") do end German sentences and are left out.
    dangling: &[
        "der", "die", "das", "den", "dem", "des", "eine", "einen", "einem", "einer", "eines",
        "und", "oder", "von", "vom", "in", "im", "am", "zum", "zur", "beim", "ins", "ans", "für",
        "gegen", "ohne", "neben", "zwischen", "während", "weil", "dass", "sowie", "als", "seine",
        "seinem", "seinen", "ihrem", "ihren", "ihre",
    ],
    finished_after: &[],
    refusing: &[
        r"es tut mir (?:sehr )?leid\b",
        r"tut mir (?:sehr )?leid\b",
        r"leider (?:kann|konnte|darf) ich\b",
        r"entschuldigung,? (?:aber )?ich\b",
        r"ich (?:kann|konnte|darf) [^.!?]{0,80}\b(?:nicht|keine?n?)\b",
        r"ich bin (?:leider )?nicht in der lage\b",
        r"ich sehe (?:hier |leider )?kein(?:e|en)? (?:bild|foto)",
        r"bitte (?:lade|laden sie|stelle|stellen sie|sende|senden sie) ",
    ],
    refusing_anywhere: &[
        r"\bals (?:eine? )?(?:ki\b|ki-\w+|künstliche intelligenz|sprachmodell)",
        r"\b(?:wurde|ist) kein(?:e|en)? (?:bild|foto)\b",
        r"\bkein(?:e|en)? (?:bild|foto) (?:hochgeladen|bereitgestellt|angehängt|übermittelt|beigefügt)\b",
    ],
    labels: &[
        r"alternativ-?text",
        r"(?:bild|foto|kurz)?beschreibung",
        r"bildunterschrift",
        r"bildbeschreibung",
    ],
    announcing: &["hier ist", "hier sind", "das ist (?:der|die|mein|ihr)"],
    remarks: &[
        r"ich hoffe,? (?:das|dies)\b",
        r"lass(?:en sie|t)? (?:es )?mich wissen\b",
        r"(?:gib|geben sie) mir bescheid\b",
        r"sag mir bescheid\b",
    ],
    openings: &[Opening {
        pattern: r"(?:das|dieses) (?:bild|foto) zeigt",
        rest: Rest::Only(NOMINATIVE),
    }],
    limits: &[r"\b(?:maximal|höchstens|max\.?|bis zu) \d{2,4} (?:zeichen|wörter)\b"],
};
