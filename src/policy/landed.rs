//! What became of a write, judged by what the site shows afterwards.

/// What the site shows after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    /// Our text, to the letter.
    Exact,
    /// Our text as the site cleaned it: what it kept is ours.
    Cleaned,
    /// The text from before: the write did nothing (yet).
    Unchanged,
    /// Another text: somebody else's.
    Foreign,
}

/// Compares what the site shows `now` with the text `before` and the text
/// `sent`. `kept` is what the site is known to make of the text that was sent.
pub fn landed(before: &str, sent: &str, kept: &str, now: &str) -> Landed {
    if now == sent {
        Landed::Exact
    } else if now == kept && !now.is_empty() {
        // Even where that is what stood there before: it is there now.
        Landed::Cleaned
    } else if now == before {
        Landed::Unchanged
    } else if now == kept || (!now.is_empty() && bare(now) == bare(sent)) {
        Landed::Cleaned
    } else {
        Landed::Foreign
    }
}

/// Texts as alike as this, their letters and digits alone, are one text that was
/// cleaned and not two.
const ALIKE: f64 = 0.8;

/// Whether a site made `now` of the text `sent` by cleaning it in a way of its
/// own. This is only to be asked of the reply to our own write, which shows what
/// that very request stored; of a text that is read later, a person may have made
/// as much.
pub fn cleaned_by_site(sent: &str, now: &str) -> bool {
    let now = now.trim();
    if now.is_empty() {
        return false;
    }
    if sent.trim_start().starts_with(now) {
        return true;
    }
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let (sent, now) = (letters(sent), letters(now));
    !now.is_empty()
        && only_drops(&sent, &now)
        && strsim::normalized_levenshtein(&sent, &now) >= ALIKE
}

/// Whether `now` has nothing that `sent` has not, in its order: a site that cleans
/// leaves out, a person puts another word there.
fn only_drops(sent: &str, now: &str) -> bool {
    let mut left = sent.chars();
    now.chars().all(|letter| left.any(|other| other == letter))
}

/// A text reduced to what escaping and folding of white space leave as it is. A
/// person who mends a comma or a quotation mark changes this, and must: their
/// text would otherwise be taken for ours.
fn bare(text: &str) -> String {
    let mut plain = text.to_owned();
    for (entity, sign) in [
        ("&amp;", "&"),
        ("&#038;", "&"),
        ("&#039;", "'"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ] {
        plain = plain.replace(entity, sign);
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_site_shows_decides() {
        let judge = |before, sent, now| landed(before, sent, sent, now);
        assert_eq!(judge("", "A dog.", "A dog."), Landed::Exact);
        assert_eq!(judge("A dog.", "A dog.", "A dog."), Landed::Exact);
        assert_eq!(judge("", "A dog.", ""), Landed::Unchanged);
        assert_eq!(judge("IMG_1.jpg", "A dog.", "IMG_1.jpg"), Landed::Unchanged);
        assert_eq!(
            judge("", "Salt & pepper.", "Salt &amp; pepper."),
            Landed::Cleaned
        );
        assert_eq!(judge("", "A dog  runs.", "A dog runs."), Landed::Cleaned);
        assert_eq!(
            judge("", "Lets eat grandma.", "Let's eat, grandma."),
            Landed::Foreign
        );
        assert_eq!(judge("", "A dog.", "A cat."), Landed::Foreign);
        assert_eq!(
            judge("old", "A dog.", ""),
            Landed::Foreign,
            "a person cleared it"
        );
        assert_eq!(
            landed("", "100% of %20.", "100% of .", "100% of ."),
            Landed::Cleaned
        );
    }

    #[test]
    fn cleaning_of_a_kind_that_nobody_declared_is_seen_in_our_own_reply() {
        for (sent, now) in [
            ("A dog's \"ball\".", "A dog’s “ball”."),
            ("A dog on a beach.", "A dog on"),
            ("A dog on a beach.", "a dog on a beach"),
            ("A dog 🐕 on a beach.", "A dog ? on a beach."),
        ] {
            assert!(cleaned_by_site(sent, now), "{now}");
        }
        for (sent, now) in [
            ("A dog on a beach.", ""),
            ("A dog on a beach.", "🐕"),
            ("A dog on a beach.", "Rex, our old friend"),
            (
                "A brown dog runs along a wide beach at dusk.",
                "A white dog runs along a wide beach at dusk.",
            ),
            (
                "A dog runs along a wide beach at dusk.",
                "A dog runs along a wide beach at dusk, Ostend.",
            ),
        ] {
            assert!(!cleaned_by_site(sent, now), "{now}");
        }
    }

    #[test]
    fn an_edit_that_only_cuts_words_is_not_cleaning() {
        assert_eq!(
            landed("", "A dog on a beach.", "A dog on a beach.", "A dog"),
            Landed::Foreign
        );
    }
}
