//! What people do to the photos of the archive, at any moment.

use super::dice::Chance;
use super::site::BROKEN_IMAGE;
use super::world::World;
use fastrand::Rng;

impl World {
    /// People do what people do, at this very moment.
    pub(crate) fn people(&mut self, id: &str, random: &mut Rng) {
        if !random.happens(self.weather.edits) {
            return;
        }
        let other = random.u8(..4) == 0;
        let id = if other {
            let ids: Vec<&String> = self.history.photos.keys().collect();
            (*random.one_of(&ids)).clone()
        } else {
            id.to_owned()
        };
        self.a_person_acts(&id, random);
    }

    /// One of the things that people do to a photo.
    pub(crate) fn a_person_acts(&mut self, id: &str, random: &mut Rng) {
        let Some(photo) = self.history.photos.get(id) else {
            return;
        };
        let now = photo.stand.alt.clone();
        let words = self.words_of_a_person();
        let kind = match random.u8(..14) {
            0..4 => {
                let mark = [None, Some(0), Some(1)];
                self.history.person(id, Some(words), *random.one_of(&mark));
                "writes"
            }
            4 | 5 if !now.is_empty() => {
                self.history
                    .person(id, Some(format!("{now} And more.")), None);
                "adds to a text"
            }
            6 if !now.is_empty() => {
                self.history.person(id, Some(now.replace('.', "!")), None);
                "mends a text"
            }
            7 | 8 if !now.is_empty() => {
                self.history.person(id, None, Some(1));
                "vouches"
            }
            9 | 10 if !now.is_empty() => {
                self.history.person(id, Some(String::new()), None);
                "clears"
            }
            11 => {
                let photo = self.history.photos.get_mut(id).expect("looked up before");
                if photo.pixels != BROKEN_IMAGE {
                    photo.pixels = (photo.pixels + 17) % 200;
                }
                "replaces the image"
            }
            12 => {
                let photo = self.history.photos.get_mut(id).expect("looked up before");
                photo.gone = !photo.gone;
                "takes the photo away, or brings it back"
            }
            _ => {
                let photo = self.history.photos.get_mut(id).expect("looked up before");
                photo.title = format!("{}, retitled", photo.title);
                photo.title.truncate(120);
                "changes the title"
            }
        };
        self.fault(format!("a person {kind}"));
    }
}
