//! Italian.

use super::{Lexicon, Opening, Rest};

const CLAUSES: &[&str] = &["che", "come", "dove", "perché", "quando"];

pub(super) static WORDS: Lexicon = Lexicon {
    code: "it",
    frequent: &[
        "il", "lo", "la", "i", "gli", "le", "un", "uno", "una", "di", "del", "della", "dei",
        "delle", "dello", "degli", "e", "ed", "o", "con", "in", "nel", "nella", "nei", "su", "sul",
        "sulla", "sui", "sulle", "per", "da", "dal", "dalla", "al", "alla", "ai", "alle", "che",
        "è", "sono", "si", "a", "tra", "fra", "davanti", "dietro", "vicino", "due", "tre", "uomo",
        "donna", "persone", "seduto", "seduta", "mentre", "suo", "sua", "suoi", "sfondo", "non",
        "come", "indossa", "tiene", "no",
    ],
    dangling: &[
        "il", "lo", "la", "i", "gli", "le", "un", "uno", "una", "di", "del", "della", "dei",
        "delle", "dello", "degli", "e", "ed", "o", "con", "in", "nel", "nella", "nei", "su", "sul",
        "sulla", "per", "da", "dal", "dalla", "al", "alla", "ai", "alle", "che", "tra", "fra",
        "mentre", "a",
    ],
    finished_after: &[],
    refusing: &[
        r"mi dispiace\b",
        r"sono spiacente\b",
        r"purtroppo,? non\b",
        r"non (?:posso|riesco a|sono in grado di|mi è possibile) (?:\w+ )?(?:aiutar|identificar|descriver|veder|forni|elaborar|generar|acceder|assist|riconoscer|determinar|analizzar)",
        r"non ho (?:accesso|la capacità)\b",
        r"non vedo (?:alcuna|nessuna) (?:immagine|foto)",
        r"(?:per favore|si prega di),? (?:fornir|caric|alleg|condivid|invi)",
    ],
    refusing_anywhere: &[
        r"\b(?:in quanto|come) (?:un'|una )?(?:ia\b|ai\b|intelligenza artificiale|modello linguistic|assistente ai)",
        r"\bnon è stata (?:fornita|allegata|caricata|inviata) (?:alcuna|nessuna) (?:immagine|foto)",
        r"\bnessuna (?:immagine|foto) (?:fornita|allegata|è stata)",
    ],
    labels: &[
        r"testo alternativo",
        r"testo alt",
        r"didascalia",
        r"descrizione(?: dell'immagine| della foto)?",
        r"risposta",
    ],
    announcing: &["ecco"],
    remarks: &[
        r"spero che (?:questo|questa|ti|sia)\b",
        r"(?:fammi|fatemi|mi faccia) sapere\b",
        r"non esitare\b",
        r"se (?:hai|ha) bisogno\b",
    ],
    openings: &[
        Opening {
            pattern: r"(?:questa (?:immagine|foto|fotografia)|l'immagine|la (?:foto|fotografia)) (?:mostra|raffigura|rappresenta|ritrae)",
            rest: Rest::Unless(CLAUSES),
        },
        Opening {
            pattern: r"in questa (?:immagine|foto|fotografia),? (?:si vede|si vedono|vediamo|possiamo vedere)",
            rest: Rest::Unless(CLAUSES),
        },
    ],
    limits: &[r"\b(?:massimo(?: di)?|al massimo|meno di|fino a) \d{2,4} (?:caratteri|parole)\b"],
};
