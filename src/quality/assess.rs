//! The verdict on a reply.

use super::checks::{self, Caption};
use super::clean::clean;
use crate::archive::{Assessment, Context, Finish, Language, Reason, Verdict};

/// What the model was asked: some faults show only against it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Everything the model was told, system and user text, with the context in
    /// it.
    pub prompt: &'a str,
    /// The titles, captions and notes it was given. Their words may come back
    /// in the caption; the rest of the prompt may not.
    pub context: &'a Context,
    /// The language that was asked for.
    pub language: &'a Language,
    /// The photo's own name, as a file would be called.
    pub photo_name: &'a str,
}

/// Cleans what a model wrote and judges it. Pure, total and linear in the
/// length of `text`: any string gets an assessment.
///
/// A text with nothing to read in it is rejected, one with any other fault is
/// held, and the reasons are in the order of [`Reason::ALL`].
pub fn assess(text: &str, finish: Finish, asked: &Asked<'_>) -> Assessment {
    let cleaned = clean(text);
    let caption = Caption::new(&cleaned, finish, asked);
    let reasons: Vec<Reason> = Reason::ALL
        .into_iter()
        .filter(|reason| checks::found(*reason, &caption))
        .collect();
    let verdict = if reasons.contains(&Reason::Empty) {
        Verdict::Reject
    } else if reasons.is_empty() {
        Verdict::Write
    } else {
        Verdict::Hold
    };
    Assessment {
        text: cleaned.text,
        verdict,
        reasons,
    }
}

#[cfg(test)]
mod tests;
