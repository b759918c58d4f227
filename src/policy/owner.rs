//! Whom a text belongs to.

use super::placeholder::is_placeholder;
use crate::archive::{Owner, PhotoId, Record, Tag};

/// Decides whom the text on the site belongs to. In doubt it is a person's.
pub fn owner(text: &str, tag: Option<Tag>, record: &Record, photo: &PhotoId) -> Owner {
    if text.trim().is_empty() {
        return Owner::Nobody;
    }
    if tag == Some(Tag::Person) || record.person {
        return Owner::Person;
    }
    if let Some(ours) = &record.ours {
        // A text that we wrote and that changed since is a person's, whatever
        // the tag says: a site leaves our tag in place when a person edits.
        return if ours.text == text {
            Owner::Ours
        } else {
            Owner::Person
        };
    }
    let name = photo.as_str().rsplit('/').next().unwrap_or_default();
    if is_placeholder(text, name) {
        return Owner::Nobody;
    }
    if tag == Some(Tag::Machine) {
        Owner::Unproven
    } else {
        Owner::Person
    }
}

/// Whether the text is missing because a person removed it: there was one that
/// was not nobody's, and it was not us who took it away.
pub fn cleared(text: &str, record: &Record) -> bool {
    let removed = || {
        record
            .look
            .as_ref()
            .is_some_and(|look| !look.alt.trim().is_empty() && look.owner != Owner::Nobody)
    };
    text.trim().is_empty() && (record.cleared || removed())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SOME_PHOTO, our_text, records};
    use super::*;
    use crate::archive::{LastLook, Moment};

    const TEXTS: [&str; 5] = [
        "",
        "  \n",
        "Our words.",
        "A person's words.",
        "IMG_1234.jpg",
    ];
    const TAGS: [Option<Tag>; 3] = [None, Some(Tag::Machine), Some(Tag::Person)];

    #[test]
    fn every_combination_has_the_owner_that_the_promises_demand() {
        let photo = SOME_PHOTO.clone();
        for record in records() {
            for text in TEXTS {
                for tag in TAGS {
                    let found = owner(text, tag, &record, &photo);
                    let blank = text.trim().is_empty();
                    let case = format!("{text:?} {tag:?} {record:?}");
                    assert_eq!(
                        found == Owner::Nobody && !blank,
                        {
                            text == "IMG_1234.jpg"
                                && tag != Some(Tag::Person)
                                && record.ours.is_none()
                                && !record.person
                        },
                        "only a placeholder that nobody touched is nobody's: {case}"
                    );
                    if blank {
                        assert_eq!(found, Owner::Nobody, "{case}");
                    } else if tag == Some(Tag::Person) || record.person {
                        assert_eq!(found, Owner::Person, "{case}");
                    }
                    if found == Owner::Ours {
                        let ours = record.ours.as_ref().expect("ours needs a record");
                        assert_eq!(ours.text, text, "{case}");
                    }
                    if found == Owner::Unproven {
                        assert!(tag == Some(Tag::Machine) && record.ours.is_none(), "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_edit_of_our_text_is_a_persons_even_under_our_tag() {
        let record = Record {
            ours: Some(our_text("Our words.")),
            ..Record::default()
        };
        let found = owner(
            "Our words, mended.",
            Some(Tag::Machine),
            &record,
            &SOME_PHOTO,
        );
        assert_eq!(found, Owner::Person);
    }

    #[test]
    fn a_removed_text_is_cleared_and_a_removed_placeholder_is_not() {
        let seen = |alt: &str, owner| Record {
            look: Some(LastLook {
                at: Moment(0),
                alt: alt.into(),
                owner,
            }),
            ..Record::default()
        };
        assert!(cleared("", &seen("A person's words.", Owner::Person)));
        assert!(cleared(" ", &seen("Our words.", Owner::Ours)));
        assert!(!cleared("", &seen("IMG_1234.jpg", Owner::Nobody)));
        assert!(!cleared("", &seen("", Owner::Nobody)));
        assert!(!cleared("text", &seen("A person's words.", Owner::Person)));
        assert!(cleared(
            "",
            &Record {
                cleared: true,
                ..Record::default()
            }
        ));
    }
}
