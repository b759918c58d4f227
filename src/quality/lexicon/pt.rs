//! Portuguese.

use super::{Lexicon, Opening, Rest};

const CLAUSES: &[&str] = &["que", "como", "onde", "porque", "quando", "a", "ao"];

pub(super) static WORDS: Lexicon = Lexicon {
    code: "pt",
    frequent: &[
        "o", "a", "os", "as", "um", "uma", "uns", "umas", "de", "do", "da", "dos", "das", "e",
        "ou", "com", "em", "no", "na", "nos", "nas", "num", "numa", "por", "pelo", "pela", "para",
        "que", "é", "são", "está", "estão", "ao", "à", "seu", "sua", "seus", "se", "sobre",
        "entre", "atrás", "frente", "lado", "perto", "dois", "duas", "três", "várias", "vários",
        "homem", "mulher", "pessoas", "sentado", "sentada", "enquanto", "fundo", "ele", "ela",
        "há", "não", "mais", "veste", "segura", "como", "me",
    ],
    dangling: &[
        "o", "a", "os", "as", "um", "uma", "uns", "umas", "de", "do", "da", "dos", "das", "e",
        "ou", "com", "em", "no", "na", "nos", "nas", "num", "numa", "por", "pelo", "pela", "para",
        "que", "ao", "à", "seu", "sua", "sobre", "entre", "enquanto",
    ],
    finished_after: &[],
    refusing: &[
        r"(?:me )?desculpe\b",
        r"sinto muito\b",
        r"lamento\b",
        r"infelizmente,? (?:eu )?não\b",
        r"(?:eu )?não (?:posso|consigo|sou capaz de) (?:\w+ )?(?:ajudar|identificar|descrever|ver|fornecer|processar|gerar|acessar|aceder|reconhecer|determinar|analisar)",
        r"não vejo nenhuma (?:imagem|foto)",
        r"por favor,? (?:forneça|envie|anexe|carregue|compartilhe|partilhe)",
    ],
    refusing_anywhere: &[
        r"\bcomo (?:uma? )?(?:ia\b|inteligência artificial|modelo de linguagem|assistente de ia)",
        r"\bnenhuma (?:imagem|foto) (?:foi|fornecida|anexada)",
    ],
    labels: &[
        r"texto alternativo",
        r"texto alt",
        r"legenda",
        r"descrição(?: da imagem| da foto)?",
        r"resposta",
    ],
    announcing: &["aqui está", "este é (?:o|meu|seu)"],
    remarks: &[
        r"espero (?:que isso|que isto|ter ajudado)\b",
        r"(?:me avise|avise-me|deixe-me saber|diga-me) se\b",
        r"se precisar\b",
    ],
    openings: &[
        Opening {
            pattern: r"(?:esta|a) (?:imagem|foto|fotografia) (?:mostra|apresenta|representa|retrata)",
            rest: Rest::Unless(CLAUSES),
        },
        Opening {
            pattern: r"(?:nesta|na) (?:imagem|foto|fotografia),? (?:vemos|podemos ver|vê-se|é possível ver)",
            rest: Rest::Unless(CLAUSES),
        },
    ],
    limits: &[r"\b(?:máximo(?: de)?|no máximo|menos de|até) \d{2,4} (?:caracteres|palavras)\b"],
};
