//! Which writes undoing a run is about, whether they still stand, and which mark
//! goes back with the old text.

use super::owner;
use crate::archive::{Mode, Owner, PhotoId, Record, Tag};

/// Whether undoing a run of this mode is about a write with this mark. Words that
/// a person gave while many photos were worked on stay; those of `altfill fix` are
/// what its undo is for.
pub fn takes_back(mode: &str, mark: Option<Tag>) -> bool {
    mode == Mode::Fix.as_str() || mark != Some(Tag::Person)
}

/// What became of a text since it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It stands as it was written, and is nobody else's.
    Standing,
    /// A later run wrote what the site shows.
    Replaced,
    /// Somebody changed it, vouched for it, or took it over: even our very words
    /// are a person's by now.
    Changed,
}

/// Compares what a run wrote, as the site kept it, with what the site shows `now`.
/// `later` is what a later run wrote last, and `record` all that is known since.
pub fn since(
    wrote: (&str, Option<Tag>),
    later: Option<&str>,
    record: &Record,
    now: (&str, Option<Tag>),
) -> Since {
    if let Some(later) = later {
        return if later == now.0 {
            Since::Replaced
        } else {
            Since::Changed
        };
    }
    let by_person = wrote.1 == Some(Tag::Person);
    let taken_over = record.ours.is_none() && record.person && !by_person;
    let vouched = now.1 == Some(Tag::Person) && !by_person;
    if now.0 != wrote.0 || taken_over || vouched {
        Since::Changed
    } else {
        Since::Standing
    }
}

/// The mark that goes back with the text from `before`. Where the site can't take
/// away again a mark that was missing before, a person's words get a person's mark
/// (they must never look machine-made), and the mark of anything else is left as it
/// is. `ours` says whether a run had written the text from before.
pub fn mark_before(
    before: (&str, Option<Tag>),
    ours: bool,
    site_clears: bool,
    photo: &PhotoId,
) -> Option<Tag> {
    if site_clears || before.1.is_some() {
        return before.1;
    }
    let owner = owner(before.0, None, &Record::default(), photo);
    (owner == Owner::Person && !ours).then_some(Tag::Person)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SOME_PHOTO, our_text, records};
    use super::*;

    const MARKS: [Option<Tag>; 3] = [None, Some(Tag::Machine), Some(Tag::Person)];

    #[test]
    fn a_persons_words_stay_unless_the_run_was_about_them() {
        for mark in MARKS {
            assert!(takes_back("fix", mark));
            for mode in ["backfill", "upgrade", "undo"] {
                assert_eq!(takes_back(mode, mark), mark != Some(Tag::Person));
            }
        }
    }

    #[test]
    fn only_what_stands_and_nobody_has_touched_is_taken_back() {
        for record in records() {
            for wrote in MARKS {
                for now in MARKS {
                    let since = |later, text| since(("Ours.", wrote), later, &record, (text, now));
                    assert_eq!(since(None, "Another."), Since::Changed);
                    assert_eq!(since(Some("Later."), "Later."), Since::Replaced);
                    assert_eq!(since(Some("Later."), "Ours."), Since::Changed, "put back");
                    let persons = wrote != Some(Tag::Person)
                        && (now == Some(Tag::Person) || record.person && record.ours.is_none());
                    assert_eq!(since(None, "Ours.") == Since::Standing, !persons);
                }
            }
        }
    }

    #[test]
    fn a_text_written_later_is_known_by_what_the_site_kept() {
        let record = Record {
            ours: Some(our_text("Later.")),
            ..Record::default()
        };
        let wrote = ("Ours.", Some(Tag::Machine));
        let now = ("Later.", Some(Tag::Machine));
        assert_eq!(since(wrote, Some("Later."), &record, now), Since::Replaced);
    }

    #[test]
    fn the_old_mark_goes_back_and_a_persons_words_never_look_machine_made() {
        let back = |before, ours, clears| mark_before(before, ours, clears, &SOME_PHOTO);
        for mark in MARKS {
            assert_eq!(back(("Words of a person.", mark), false, true), mark);
        }
        for mark in [Some(Tag::Machine), Some(Tag::Person)] {
            assert_eq!(back(("Words of a person.", mark), false, false), mark);
        }
        let unmarked = |text, ours| back((text, None), ours, false);
        assert_eq!(unmarked("Words of a person.", false), Some(Tag::Person));
        assert_eq!(unmarked("Words of ours.", true), None);
        assert_eq!(unmarked("", false), None);
    }
}
