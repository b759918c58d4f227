//! Spanish.

use super::{Lexicon, Opening, Rest};

/// "Muestra a una mujer": without the verb the preposition makes no sense.
const CLAUSES: &[&str] = &["a", "al", "que", "cómo", "dónde", "por", "cuando"];

pub(super) static WORDS: Lexicon = Lexicon {
    code: "es",
    frequent: &[
        "el", "la", "los", "las", "un", "una", "unos", "unas", "de", "del", "y", "o", "con", "en",
        "sobre", "por", "para", "que", "es", "son", "está", "están", "al", "a", "su", "sus", "se",
        "lo", "como", "entre", "detrás", "delante", "frente", "junto", "cerca", "desde", "hasta",
        "dos", "tres", "varias", "varios", "hombre", "mujer", "personas", "gente", "sentado",
        "sentada", "lleva", "sostiene", "mientras", "hay", "fondo", "sin", "no", "más", "muy",
    ],
    dangling: &[
        "el", "la", "los", "las", "un", "una", "unos", "unas", "de", "del", "y", "o", "con", "en",
        "sobre", "por", "para", "que", "al", "a", "su", "sus", "entre", "mientras", "desde",
    ],
    finished_after: &[],
    refusing: &[
        r"lo siento\b",
        r"lamento\b",
        r"lamentablemente,? no\b",
        r"me disculpo\b",
        r"no (?:puedo|podría|logro) (?:\w+ )?(?:ayudar|identificar|describir|ver|proporcionar|procesar|generar|acceder|asistir|reconocer|determinar|analizar|hacer|cumplir)",
        r"no me es posible\b",
        r"no tengo (?:acceso|la capacidad)\b",
        r"no veo ninguna (?:imagen|foto)",
        r"por favor,? (?:proporciona|proporcione|sube|suba|adjunta|adjunte|comparte|envía)",
    ],
    refusing_anywhere: &[
        r"\bcomo (?:una? )?(?:ia\b|inteligencia artificial|modelo de lenguaje|asistente de ia)",
        r"\bno se (?:ha|me ha) (?:proporcionado|adjuntado|subido|enviado|compartido) (?:ninguna|la|una) (?:imagen|foto)",
        r"\bninguna (?:imagen|foto) (?:adjunta|proporcionada)",
    ],
    labels: &[
        r"texto alternativo",
        r"texto alt",
        r"leyenda",
        r"descripción(?: de la imagen| de la foto)?",
        r"respuesta",
    ],
    announcing: &[
        "aquí está",
        "aquí tienes",
        "aquí tiene",
        "este es (?:el|mi|su)",
    ],
    remarks: &[
        r"espero que (?:esto|esta|te|le|sea)\b",
        r"(?:avísame|avíseme|hazme saber|hágame saber|dime) si\b",
        r"no dud(?:es|e) en\b",
        r"¿(?:quieres|quiere|te gustaría|le gustaría|necesitas|necesita)\b",
    ],
    openings: &[
        Opening {
            pattern: r"(?:esta|la) (?:imagen|foto|fotografía) (?:muestra|presenta|representa)",
            rest: Rest::Unless(CLAUSES),
        },
        Opening {
            pattern: r"en (?:esta|la) (?:imagen|foto|fotografía),? (?:se ve|se ven|vemos|podemos ver|se puede ver)",
            rest: Rest::Unless(CLAUSES),
        },
    ],
    limits: &[r"\b(?:máximo(?: de)?|como máximo|menos de|hasta) \d{2,4} (?:caracteres|palabras)\b"],
};
