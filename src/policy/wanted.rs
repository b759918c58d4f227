//! Whether a photo's text is to be made now.

use crate::archive::{Mode, ModelName, Moment, Owner, PixelVersion, Recipe, Record, Skip};
use std::time::Duration;

/// What this run asks for.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// What the run is for.
    pub mode: Mode,
    /// The moment of the decision.
    pub now: Moment,
    /// The recipes of the configured chain, any of which is current.
    pub recipes: &'a [Recipe],
    /// What narrows an upgrade.
    pub narrow: &'a Narrow,
    /// A person asked to replace a person's or an unproven text.
    pub replace_human: bool,
    /// The image's version now, where it is known.
    pub pixels: Option<&'a PixelVersion>,
    /// What a held draft must have been made on to still count.
    pub basis: &'a str,
    /// The longest wait we ever impose. A due time farther ahead was set under
    /// a clock that jumped, and counts as now.
    pub longest_wait: Duration,
}

/// Which of our texts an upgrade is limited to; empty means all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Narrow {
    /// Only texts of this model.
    pub from: Option<ModelName>,
    /// Only texts written before.
    pub older_than: Option<Moment>,
    /// Only texts that score below; a text without a score counts as below.
    pub below: Option<f64>,
}

/// Decides whether a text is to be made for a slot whose text has this owner;
/// the error says why not.
pub fn wanted(owner: Owner, asked: &Asked<'_>, record: &Record) -> Result<(), Skip> {
    match (owner, asked.mode) {
        (Owner::Person | Owner::Unproven, Mode::Fix) if asked.replace_human => Ok(()),
        (Owner::Person, _) => Err(Skip::Person),
        (Owner::Unproven, _) => Err(Skip::Unproven),
        // Undo and adopt make no texts; they have decisions of their own.
        (Owner::Nobody | Owner::Ours, Mode::Undo | Mode::Adopt) => Err(Skip::Excluded),
        (Owner::Nobody | Owner::Ours, Mode::Fix) => Ok(()),
        (Owner::Nobody, Mode::Backfill) => missing(asked, record),
        (Owner::Nobody, Mode::Upgrade) => Err(if record.cleared {
            Skip::Cleared
        } else {
            Skip::Excluded
        }),
        (Owner::Ours, Mode::Backfill | Mode::Upgrade) if record.accepted.is_some() => {
            due_now(asked, record)
        }
        (Owner::Ours, Mode::Backfill) => {
            if pixels_replaced(asked, record) {
                ready(asked, record)
            } else {
                Err(Skip::UpToDate)
            }
        }
        (Owner::Ours, Mode::Upgrade) => outdated(asked, record),
    }
}

/// Whether the last look still counts, so that the site need not be asked: for
/// photos that are settled either way, until `recheck` has passed. Held and
/// parked photos are looked at, because a change on the site may free them.
pub fn spared(asked: &Asked<'_>, record: &Record, recheck: Duration) -> Option<Skip> {
    // A photo that could never be read has no look, but a time when it is due.
    if waits(asked, record) {
        return Some(Skip::NotDue);
    }
    let look = record.look.as_ref()?;
    let fresh = look.at <= asked.now && asked.now < look.at.plus(recheck);
    let skip = wanted(look.owner, asked, record).err()?;
    (fresh && !matches!(skip, Skip::Held | Skip::Parked)).then_some(skip)
}

fn missing(asked: &Asked<'_>, record: &Record) -> Result<(), Skip> {
    if record.cleared {
        return Err(Skip::Cleared);
    }
    // A person chose this text after all else that would speak against it.
    if record.accepted.is_some() {
        return due_now(asked, record);
    }
    if record.decorative {
        return Err(Skip::Decorative);
    }
    if undone(asked, record) {
        return Err(Skip::Undone);
    }
    ready(asked, record)
}

fn outdated(asked: &Asked<'_>, record: &Record) -> Result<(), Skip> {
    let Some(ours) = &record.ours else {
        return Err(Skip::Unproven);
    };
    let current = ours
        .recipe
        .as_ref()
        .is_some_and(|recipe| asked.recipes.contains(recipe));
    if current && !pixels_replaced(asked, record) {
        return Err(Skip::UpToDate);
    }
    let narrow = asked.narrow;
    let other_model = narrow
        .from
        .as_ref()
        .is_some_and(|from| ours.model.as_ref() != Some(from));
    let too_young = narrow.older_than.is_some_and(|before| ours.at >= before);
    let good_enough = narrow
        .below
        .is_some_and(|below| ours.score.is_some_and(|score| score >= below));
    if other_model || too_young || good_enough {
        return Err(Skip::Excluded);
    }
    if undone(asked, record) {
        return Err(Skip::Undone);
    }
    ready(asked, record)
}

fn undone(asked: &Asked<'_>, record: &Record) -> bool {
    record
        .undone
        .iter()
        .any(|recipe| asked.recipes.contains(recipe))
}

fn pixels_replaced(asked: &Asked<'_>, record: &Record) -> bool {
    let then = record.ours.as_ref().and_then(|ours| ours.pixels.as_ref());
    matches!((then, asked.pixels), (Some(then), Some(now)) if then != now)
}

/// Whether it failed lately and its next try is not due.
fn waits(asked: &Asked<'_>, record: &Record) -> bool {
    record.parked.is_none()
        && record
            .due
            .is_some_and(|due| due > asked.now && due <= asked.now.plus(asked.longest_wait))
}

/// An accepted text needs no model and no image: only a failure of the site makes
/// it wait.
fn due_now(asked: &Asked<'_>, record: &Record) -> Result<(), Skip> {
    if waits(asked, record) {
        return Err(Skip::NotDue);
    }
    Ok(())
}

/// What failed lately, or waits for a person, is left alone for now.
fn ready(asked: &Asked<'_>, record: &Record) -> Result<(), Skip> {
    if let Some(then) = &record.parked {
        let replaced = asked.pixels.is_some_and(|now| then.as_ref() != Some(now));
        // New pixels are a new start, whatever was due for the old ones.
        return if replaced { Ok(()) } else { Err(Skip::Parked) };
    }
    if waits(asked, record) {
        return Err(Skip::NotDue);
    }
    if record
        .held
        .as_ref()
        .is_some_and(|(_, basis)| basis == asked.basis)
    {
        return Err(Skip::Held);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{our_text, records};
    use super::*;
    use crate::archive::LastLook;

    const OWNERS: [Owner; 4] = [Owner::Nobody, Owner::Person, Owner::Ours, Owner::Unproven];
    const MODES: [Mode; 5] = [
        Mode::Backfill,
        Mode::Upgrade,
        Mode::Fix,
        Mode::Undo,
        Mode::Adopt,
    ];

    fn asked<'a>(mode: Mode, recipes: &'a [Recipe], narrow: &'a Narrow) -> Asked<'a> {
        Asked {
            mode,
            now: Moment(1_000_000),
            recipes,
            narrow,
            replace_human: false,
            pixels: None,
            basis: "basis",
            longest_wait: Duration::from_secs(3600),
        }
    }

    #[test]
    fn no_combination_wants_a_persons_text_without_being_told() {
        let narrow = Narrow::default();
        let recipes = [Recipe::new("current")];
        for record in records() {
            for mode in MODES {
                for owner in OWNERS {
                    for replace_human in [false, true] {
                        let asked = Asked {
                            replace_human,
                            ..asked(mode, &recipes, &narrow)
                        };
                        let found = wanted(owner, &asked, &record);
                        let case = format!("{owner:?} {mode:?} {replace_human} {record:?}");
                        if matches!(owner, Owner::Person | Owner::Unproven) {
                            let told = mode == Mode::Fix && replace_human;
                            assert_eq!(found.is_ok(), told, "{case}");
                        }
                        if mode == Mode::Backfill && found.is_ok() {
                            assert!(!record.cleared || owner != Owner::Nobody, "{case}");
                            let chosen = record.accepted.is_some();
                            assert!(record.parked.is_none() || chosen, "{case}");
                        }
                        if mode == Mode::Upgrade && found.is_ok() {
                            assert_eq!(owner, Owner::Ours, "{case}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn backfill_leaves_alone_what_is_not_its_turn() {
        let narrow = Narrow::default();
        let recipes = [Recipe::new("current")];
        let asked = asked(Mode::Backfill, &recipes, &narrow);
        let plain = Record::default;
        let held = Some((crate::archive::DraftId(1), "basis".to_owned()));
        let stale = Some((crate::archive::DraftId(1), "other".to_owned()));
        let rows: [(Record, Result<(), Skip>); 10] = [
            (plain(), Ok(())),
            (
                Record {
                    cleared: true,
                    ..plain()
                },
                Err(Skip::Cleared),
            ),
            (
                Record {
                    decorative: true,
                    ..plain()
                },
                Err(Skip::Decorative),
            ),
            (
                Record {
                    undone: recipes.to_vec(),
                    ..plain()
                },
                Err(Skip::Undone),
            ),
            (
                Record {
                    undone: vec![Recipe::new("old")],
                    ..plain()
                },
                Ok(()),
            ),
            (
                Record {
                    parked: Some(None),
                    ..plain()
                },
                Err(Skip::Parked),
            ),
            (
                Record {
                    due: Some(Moment(1_000_001)),
                    ..plain()
                },
                Err(Skip::NotDue),
            ),
            (
                Record {
                    due: Some(Moment(1_000_000)),
                    ..plain()
                },
                Ok(()),
            ),
            (Record { held, ..plain() }, Err(Skip::Held)),
            (
                Record {
                    held: stale,
                    ..plain()
                },
                Ok(()),
            ),
        ];
        for (record, expected) in rows {
            assert_eq!(
                wanted(Owner::Nobody, &asked, &record),
                expected,
                "{record:?}"
            );
        }
    }

    #[test]
    fn an_accepted_text_is_written_whatever_kept_the_photo_waiting_but_a_person() {
        let narrow = Narrow::default();
        let recipes = [Recipe::new("current")];
        for record in records() {
            let record = Record {
                accepted: Some(crate::archive::DraftId(2)),
                ..record
            };
            for (mode, owner) in [
                (Mode::Backfill, Owner::Nobody),
                (Mode::Backfill, Owner::Ours),
                (Mode::Upgrade, Owner::Ours),
            ] {
                let asked = asked(mode, &recipes, &narrow);
                let expected = if record.cleared && owner == Owner::Nobody {
                    Err(Skip::Cleared)
                } else if waits(&asked, &record) {
                    Err(Skip::NotDue)
                } else {
                    Ok(())
                };
                assert_eq!(
                    wanted(owner, &asked, &record),
                    expected,
                    "{mode:?} {record:?}"
                );
            }
            let asked = asked(Mode::Backfill, &recipes, &narrow);
            assert_eq!(wanted(Owner::Person, &asked, &record), Err(Skip::Person));
        }
    }

    #[test]
    fn a_due_time_beyond_the_longest_wait_counts_as_now() {
        let narrow = Narrow::default();
        let asked = asked(Mode::Backfill, &[], &narrow);
        let far = Record {
            due: Some(asked.now.plus(Duration::from_secs(3601))),
            ..Record::default()
        };
        assert_eq!(wanted(Owner::Nobody, &asked, &far), Ok(()));
    }

    #[test]
    fn only_a_settled_photo_is_spared_and_only_for_a_while() {
        let narrow = Narrow::default();
        let recipes = [Recipe::new("new")];
        let recheck = Duration::from_millis(100);
        let seen = |owner, at| Record {
            look: Some(LastLook {
                at: Moment(at),
                alt: "text".into(),
                owner,
            }),
            ours: (owner == Owner::Ours).then(|| our_text("text")),
            ..Record::default()
        };
        let backfill = asked(Mode::Backfill, &recipes, &narrow);
        let upgrade = asked(Mode::Upgrade, &recipes, &narrow);
        let person = seen(Owner::Person, 999_950);
        assert_eq!(spared(&backfill, &person, recheck), Some(Skip::Person));
        assert_eq!(
            spared(&backfill, &seen(Owner::Person, 999_900), recheck),
            None,
            "too old"
        );
        assert_eq!(
            spared(&backfill, &seen(Owner::Person, 1_000_001), recheck),
            None,
            "clock jumped"
        );
        assert_eq!(
            spared(&backfill, &seen(Owner::Nobody, 999_950), recheck),
            None,
            "wanted"
        );
        assert_eq!(
            spared(&backfill, &seen(Owner::Ours, 999_950), recheck),
            Some(Skip::UpToDate)
        );
        assert_eq!(
            spared(&upgrade, &seen(Owner::Ours, 999_950), recheck),
            None,
            "outdated"
        );
        let parked = Record {
            parked: Some(None),
            ..seen(Owner::Nobody, 999_950)
        };
        assert_eq!(spared(&backfill, &parked, recheck), None);
    }

    #[test]
    fn replaced_pixels_make_our_text_and_a_parked_photo_due_again() {
        let narrow = Narrow::default();
        let recipes = [Recipe::new("r")];
        let new = PixelVersion::new("new");
        let asked = Asked {
            pixels: Some(&new),
            ..asked(Mode::Backfill, &recipes, &narrow)
        };
        let ours = Record {
            ours: Some(our_text("Our words.")),
            ..Record::default()
        };
        assert_eq!(wanted(Owner::Ours, &asked, &ours), Ok(()));
        let old = PixelVersion::new("old");
        let parked = Record {
            parked: Some(Some(old)),
            due: Some(Moment(1_000_001)),
            ..Record::default()
        };
        assert_eq!(wanted(Owner::Nobody, &asked, &parked), Ok(()));
        let same = Record {
            parked: Some(Some(new.clone())),
            ..Record::default()
        };
        assert_eq!(wanted(Owner::Nobody, &asked, &same), Err(Skip::Parked));
    }

    #[test]
    fn upgrade_takes_outdated_texts_within_its_limits() {
        let recipes = [Recipe::new("new"), Recipe::new("fallback")];
        let record = |recipe: Option<&str>| {
            let mut ours = our_text("Our words.");
            ours.recipe = recipe.map(Recipe::new);
            ours.model = Some(ModelName::new("old-model"));
            ours.at = Moment(500);
            Record {
                ours: Some(ours),
                ..Record::default()
            }
        };
        let with = |narrow: &Narrow, recipe| {
            wanted(
                Owner::Ours,
                &asked(Mode::Upgrade, &recipes, narrow),
                &record(recipe),
            )
        };
        let all = Narrow::default();
        assert_eq!(with(&all, Some("old")), Ok(()));
        assert_eq!(with(&all, None), Ok(()), "an adopted text is never current");
        assert_eq!(with(&all, Some("new")), Err(Skip::UpToDate));
        assert_eq!(with(&all, Some("fallback")), Err(Skip::UpToDate));
        let from = |name| Narrow {
            from: Some(ModelName::new(name)),
            ..Narrow::default()
        };
        assert_eq!(with(&from("old-model"), Some("old")), Ok(()));
        assert_eq!(with(&from("another"), Some("old")), Err(Skip::Excluded));
        let older = |at| Narrow {
            older_than: Some(Moment(at)),
            ..Narrow::default()
        };
        assert_eq!(with(&older(501), Some("old")), Ok(()));
        assert_eq!(with(&older(500), Some("old")), Err(Skip::Excluded));
    }
}
