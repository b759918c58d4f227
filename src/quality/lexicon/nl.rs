//! Dutch.

use super::{Lexicon, Opening, Rest};

const CLAUSES: &[&str] = &["dat", "hoe", "waarom", "wat", "waar", "wie", "aan", "zich"];

pub(super) static WORDS: Lexicon = Lexicon {
    code: "nl",
    frequent: &[
        "de", "het", "een", "en", "of", "met", "op", "van", "in", "aan", "te", "bij", "voor",
        "over", "onder", "naast", "achter", "tussen", "naar", "door", "uit", "om", "is", "zijn",
        "die", "dat", "deze", "dit", "er", "staat", "staan", "zit", "zitten", "ligt", "draagt",
        "twee", "drie", "mensen", "vrouw", "man", "kijkt", "kijken", "houdt", "terwijl", "ook",
        "niet", "hun", "haar", "hij", "zij", "wordt", "als", "heeft", "langs", "rond", "tegen",
        "zich", "was", "we", "me",
    ],
    // As in German, halves of separable verbs ("kijkt aan", "loopt door") are
    // left out.
    dangling: &[
        "de", "het", "een", "en", "of", "met", "van", "te", "terwijl", "omdat", "hun", "zijn",
        "naar", "tussen", "naast", "voor",
    ],
    finished_after: &[(
        "zijn",
        &[
            "te", "er", "aan", "gekleed", "verlicht", "bedekt", "versierd",
        ],
    )],
    refusing: &[
        r"het spijt me\b",
        r"(?:mijn )?excuses\b[,.!]? (?:maar )?(?:ik|voor)\b",
        r"sorry[,.!]? (?:maar )?ik\b",
        r"helaas (?:kan|kon|mag) ik\b",
        r"ik (?:kan|kon|mag) [^.!?]{0,80}\b(?:niet|geen)\b",
        r"ik ben niet in staat\b",
        r"ik zie geen (?:afbeelding|foto)",
    ],
    refusing_anywhere: &[
        r"\bals (?:een )?(?:ai\b|ai-\w+|taalmodel|kunstmatige intelligentie)",
        r"\ber (?:is|werd) geen (?:afbeelding|foto) (?:bijgevoegd|meegestuurd|geüpload|verstrekt|gegeven)",
        r"\bgeen (?:afbeelding|foto) (?:bijgevoegd|meegestuurd|geüpload|verstrekt|ontvangen)",
    ],
    labels: &[
        r"alternatieve tekst",
        r"alt-?tekst",
        r"bijschrift",
        r"(?:korte |foto|afbeeldings)?beschrijving",
        r"antwoord",
    ],
    announcing: &["hier is", "hier zijn", "dit is (?:de|het|mijn)"],
    remarks: &[
        r"laat (?:het )?(?:me|mij) (?:gerust )?weten\b",
        r"ik hoop dat\b",
        r"hopelijk helpt\b",
    ],
    openings: &[
        Opening {
            pattern: r"(?:deze|de) (?:afbeelding|foto) toont",
            rest: Rest::Unless(CLAUSES),
        },
        Opening {
            pattern: r"op (?:deze|de) (?:afbeelding|foto) (?:zien we|zie je|is te zien)",
            rest: Rest::Unless(CLAUSES),
        },
    ],
    limits: &[r"\b(?:maximaal|hoogstens|max\.?|tot) \d{2,4} (?:tekens|woorden)\b"],
};
