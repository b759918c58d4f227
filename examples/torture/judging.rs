//! Whether a write broke a promise: decided at the moment it arrives and at the
//! moment it lands, by what its sender had been shown.

use super::history::{Author, Change, Consent, Errand, History, Patch, Stand};

/// Reading and writing are one round trip apart. On a busy machine that takes
/// its time; a wait in between would show all the same.
const LONGEST_WINDOW_MS: u128 = 5000;

impl History {
    /// A patch arrives: what can be said of it before it lands?
    pub(crate) fn arrives(&mut self, patch: &Patch) {
        let Some(photo) = self.photos.get(&patch.photo) else {
            return;
        };
        let (id, run) = (&patch.photo, patch.run);
        let Some(shown) = &patch.shown else {
            let what = format!("run {run} wrote {id} without having read it");
            return self.breaks("1, the fresh read", what);
        };
        if photo.worked_on > shown.at {
            let what = format!("run {run} wrote {id}, but read it before it was done with it");
            return self.breaks("1, the fresh read", what);
        }
        let window = shown.clock.elapsed().as_millis();
        let window_ms = u64::try_from(window).unwrap_or(u64::MAX);
        self.windows.longest_ms = self.windows.longest_ms.max(window_ms);
        if window > LONGEST_WINDOW_MS {
            let what = format!("run {run} wrote {id} {window} ms after it had read it");
            self.breaks("1, the fresh read", what);
        }
    }

    /// A patch lands.
    pub(crate) fn lands(&mut self, patch: &Patch, kept: Option<String>) {
        let at = self.tick();
        self.judge(patch);
        let Some(photo) = self.photos.get_mut(&patch.photo) else {
            return;
        };
        self.landed += 1;
        let before = photo.stand.clone();
        photo.landed_late |= patch.late;
        let restored = match &patch.errand {
            Errand::Undo(_) => photo
                .changes
                .iter()
                .rev()
                .find(|change| Some(&change.before.alt) == patch.alt.as_ref())
                .map(|change| change.before.author),
            _ => None,
        };
        if let Some(alt) = kept {
            photo.stand.alt = alt;
            photo.stand.author = match (restored, patch.verified) {
                (Some(author), _) => author,
                (None, Some(1)) => Author::Person,
                (None, _) => Author::Client,
            };
        }
        if photo.stand.alt != before.alt {
            photo.stand.since = at;
        }
        if patch.verified.is_some() {
            photo.stand.verified = patch.verified;
            photo.stand.marked = at;
        }
        photo.cleared_knowingly = None;
        photo.stand.version += 1;
        let after = photo.stand.clone();
        photo.changes.push(Change {
            at,
            seen: patch.shown.as_ref().map(|shown| shown.stand.alt.clone()),
            run: Some(patch.run),
            before,
            after,
        });
    }

    /// Whether this patch may do what it is about to do.
    fn judge(&mut self, patch: &Patch) {
        let Some(photo) = self.photos.get(&patch.photo) else {
            return;
        };
        let stand = photo.stand.clone();
        let (id, run, errand) = (&patch.photo, patch.run, &patch.errand);
        let Some(shown) = &patch.shown else { return };
        let nothing_new = patch.alt.as_ref().is_none_or(|alt| *alt == stand.alt)
            && patch
                .verified
                .is_none_or(|mark| Some(mark) == stand.verified);
        if nothing_new {
            return;
        }
        let said = format!(
            "run {run} ({errand:?}) replaced {:?} of {id} ({:?}, verified {:?}, since {}) by {:?}; \
             it had last read it at {} and seen {:?}",
            stand.alt,
            stand.author,
            stand.verified,
            stand.since,
            patch.alt,
            shown.at,
            shown.stand.alt
        );
        if matches!(errand, Errand::Preview | Errand::Look) {
            return self.breaks("a look or a preview writes nothing", said);
        }
        let fixed = matches!(errand, Errand::Fix(wanted, _) if wanted == id);
        let consented = fixed && matches!(errand, Errand::Fix(_, Consent::Given));
        if stand.is_a_persons() {
            if shown.stand.is_a_persons() {
                if !consented {
                    self.breaks("1, a person's text is never overwritten", said);
                }
            } else if patch.conditional {
                self.breaks("1, a conditional write lets no person's text go", said);
            } else if stand.since.max(stand.marked) <= patch.arrived {
                self.windows.round_trip += 1;
            } else {
                self.windows.late += 1;
            }
            return;
        }
        let cleared = photo
            .cleared_knowingly
            .is_some_and(|at| at > 1 && at < shown.at);
        if cleared && stand.alt.is_empty() && !fixed {
            return self.breaks("1, what a person cleared stays empty", said);
        }
        self.judge_our_own(patch, &stand, said);
    }

    /// Replacing what the machine wrote needs a reason.
    fn judge_our_own(&mut self, patch: &Patch, stand: &Stand, said: String) {
        let photo = &self.photos[&patch.photo];
        let ours = stand.author == Author::Client && !stand.alt.is_empty();
        match &patch.errand {
            Errand::Backfill if ours && !patch.outdated && !photo.landed_late && !patch.late => {
                self.breaks("4, a text of ours that is there is not made again", said);
            }
            Errand::Undo(targets) => {
                let of_target = |change: &&Change| {
                    change.run.is_some_and(|run| targets.contains(&run))
                        && change.before.alt != change.after.alt
                };
                let fits = photo.changes.iter().filter(of_target).any(|change| {
                    Some(&change.before.alt) == patch.alt.as_ref() || change.seen == patch.alt
                });
                if !fits {
                    self.breaks("7, undo puts back what was there", said);
                }
            }
            _ => {}
        }
    }
}
