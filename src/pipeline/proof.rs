//! Has the site ever shown a text that we wrote? Until it has, a description may
//! be wrong, so writes go one at a time, and the run stops after a few that left
//! no trace: whatever a wrong description breaks, it breaks for a few photos only.

use crate::archive::PhotoId;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::MutexGuard;

/// Different photos whose text never arrived, after which it is not the photos.
const IN_VAIN: usize = 3;

/// What is known of a site's writing.
#[derive(Debug, Default)]
pub(super) struct Proof {
    works: AtomicBool,
    turn: tokio::sync::Mutex<()>,
    in_vain: Mutex<BTreeSet<PhotoId>>,
}

impl Proof {
    /// `works`: whether any write was ever confirmed.
    pub(super) fn new(works: bool) -> Self {
        Self {
            works: AtomicBool::new(works),
            ..Self::default()
        }
    }

    /// The turn of one of the first writes; `None` once it is known that writing
    /// works.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.works.load(Ordering::Acquire) {
            return None;
        }
        let turn = self.turn.lock().await;
        (!self.works.load(Ordering::Acquire)).then_some(turn)
    }

    /// A text of ours stands on the site.
    pub(super) fn succeeded(&self) {
        self.works.store(true, Ordering::Release);
    }

    /// The site answered, and the text of this photo is not there. Whether that
    /// is one too many.
    pub(super) fn failed(&self, photo: &PhotoId) -> bool {
        let mut photos = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        photos.insert(photo.clone());
        drop(photos);
        self.hopeless()
    }

    /// Whether so many texts never arrived that no other is to be sent.
    pub(super) fn hopeless(&self) -> bool {
        let photos = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        photos.len() >= IN_VAIN && !self.works.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_writes_take_turns_until_one_has_worked() {
        let proof = Proof::new(false);
        let first = proof.turn().await;
        assert!(first.is_some());
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), proof.turn());
        assert!(waits.await.is_err(), "two of the first writes at once");
        proof.succeeded();
        drop(first);
        assert!(proof.turn().await.is_none());
    }

    #[test]
    fn three_photos_in_vain_are_too_many_unless_writing_ever_worked() {
        let proof = Proof::new(false);
        let photo = |n: u32| PhotoId::new(format!("a/{n}"));
        assert!(!proof.failed(&photo(1)));
        assert!(!proof.failed(&photo(1)), "the same photo");
        assert!(!proof.failed(&photo(2)));
        assert!(proof.failed(&photo(3)));
        proof.succeeded();
        assert!(!proof.failed(&photo(4)));
        assert!(!Proof::new(true).failed(&photo(5)));
    }
}
