//! Pure decisions: no clock, no file, no network; everything comes in as an
//! argument, so that every combination can be tested.

mod budget;
mod landed;
mod owner;
pub mod placeholder;
pub mod retry;
mod source;
mod undone;
mod wanted;

pub use budget::{Budget, Ceiling, Reservation, Reserve, UtcDay};
pub use landed::{Landed, cleaned_by_site, landed};
pub use owner::{cleared, owner};
pub use source::{Found, FoundDraft, Freshness, Source, source};
pub use undone::{Since, mark_before, since, takes_back};
pub use wanted::{Asked, Narrow, spared, wanted};

#[cfg(test)]
mod tests {
    //! What the tests of several decisions share.

    use crate::archive::{
        DraftId, LastLook, ModelName, Moment, OurText, Owner, PhotoId, PixelVersion, Recipe,
        Record, WriteId,
    };
    use std::sync::LazyLock;

    pub(super) static SOME_PHOTO: LazyLock<PhotoId> = LazyLock::new(|| PhotoId::new("album/photo"));

    pub(super) fn our_text(text: &str) -> OurText {
        OurText {
            write: WriteId(1),
            text: text.to_owned(),
            recipe: Some(Recipe::new("old")),
            model: Some(ModelName::new("model")),
            pixels: Some(PixelVersion::new("old")),
            at: Moment(0),
            score: None,
        }
    }

    /// Records in every combination of what a record can say.
    pub(super) fn records() -> Vec<Record> {
        let mut all = vec![Record::default()];
        let mut vary = |change: &dyn Fn(&mut Record)| {
            let changed: Vec<Record> = all
                .iter()
                .cloned()
                .map(|mut record| {
                    change(&mut record);
                    record
                })
                .collect();
            all.extend(changed);
        };
        vary(&|record| record.ours = Some(our_text("Our words.")));
        vary(&|record| record.person = true);
        vary(&|record| record.cleared = true);
        vary(&|record| record.decorative = true);
        vary(&|record| record.undone = vec![Recipe::new("current")]);
        vary(&|record| record.parked = Some(None));
        vary(&|record| record.due = Some(Moment(1_000_001)));
        vary(&|record| record.held = Some((DraftId(1), "basis".to_owned())));
        vary(&|record| record.accepted = Some(DraftId(2)));
        vary(&|record| {
            let alt = "Our words.".to_owned();
            record.look = Some(LastLook {
                at: Moment(0),
                alt,
                owner: Owner::Ours,
            });
        });
        all
    }
}
