//! Where an item says its image is, and which of several sizes is the right one.

use super::fields::{Pointer, Pointers, plain};
use crate::archive::{Fingerprint, PixelVersion};
use serde::Deserialize;
use serde_json::Value;

/// Sides whose ratio differs more than this from the original's belong to a
/// cut-out, which shows less than the photo.
const SAME_SHAPE: f64 = 0.03;

/// Where the image is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Image {
    /// Its address, relative ones included.
    pub(in super::super) url: Pointers,
    /// Its width in pixels.
    #[serde(default)]
    width: Pointers,
    /// Its height in pixels.
    #[serde(default)]
    height: Pointers,
    /// Smaller ones of the same image.
    sizes: Option<Sizes>,
    /// What changes when the image is replaced: all of these together.
    #[serde(default)]
    version: Pointers,
}

/// Several sizes of one image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    /// A list, or an object whose values are the sizes.
    #[serde(rename = "in")]
    within: Pointer,
    /// The address, inside one size.
    url: Pointer,
    /// The width.
    width: Pointer,
    /// The height.
    height: Pointer,
}

impl Image {
    /// The address of the smallest size that is not smaller than wanted; of the
    /// original where there is none. `edge` is the longer side in pixels.
    pub(in super::super) fn address(&self, item: &Value, edge: u32) -> Option<String> {
        let nearest = self
            .sizes
            .as_ref()
            .and_then(|sizes| sizes.nearest(item, edge, self.shape(item)));
        nearest.or_else(|| self.url.text(item))
    }

    /// The version that the item itself tells.
    pub(in super::super) fn version(&self, item: &Value) -> Option<PixelVersion> {
        if self.version.0.is_empty() {
            return None;
        }
        let mut hash = Fingerprint::new("image");
        for pointer in &self.version.0 {
            let value = plain(pointer.find(item)?)?;
            // Addresses may be signed anew with every reply.
            let stable = value.split('?').next().unwrap_or_default();
            hash = hash.part(pointer.as_str(), stable.as_bytes());
        }
        Some(PixelVersion::new(format!("site:{}", hash.finish())))
    }

    fn shape(&self, item: &Value) -> Option<f64> {
        ratio(
            self.width.find(item).and_then(Value::as_f64),
            self.height.find(item).and_then(Value::as_f64),
        )
    }
}

impl Sizes {
    fn nearest(&self, item: &Value, edge: u32, shape: Option<f64>) -> Option<String> {
        let candidates: Vec<&Value> = match self.within.find(item)? {
            Value::Array(sizes) => sizes.iter().collect(),
            Value::Object(sizes) => sizes.values().collect(),
            _ => return None,
        };
        let fitting = candidates.into_iter().filter_map(|size| {
            let width = self.width.find(size)?.as_f64()?;
            let height = self.height.find(size)?.as_f64()?;
            let whole = match (shape, ratio(Some(width), Some(height))) {
                (Some(one), Some(other)) => (one / other - 1.0).abs() <= SAME_SHAPE,
                _ => true,
            };
            let long = width.max(height);
            let url = plain(self.url.find(size)?)?;
            (whole && long >= f64::from(edge)).then_some((long, url))
        });
        let best = fitting.min_by(|(one, _), (other, _)| one.total_cmp(other));
        best.map(|(_, url)| url)
    }
}

fn ratio(width: Option<f64>, height: Option<f64>) -> Option<f64> {
    let (width, height) = (width?, height?);
    (width > 0.0 && height > 0.0).then_some(width / height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn image() -> Image {
        serde_json::from_value(json!({
            "url": "/source_url",
            "width": "/width",
            "height": "/height",
            "sizes": {"in": "/sizes", "url": "/url", "width": "/width", "height": "/height"},
            "version": ["/source_url", "/filesize"],
        }))
        .unwrap()
    }

    fn item() -> Value {
        json!({
            "source_url": "/full.jpg?signed=1", "filesize": 7, "width": 1920, "height": 1280,
            "sizes": {
                "square": {"url": "/square.jpg", "width": 1200, "height": 1200},
                "large": {"url": "/large.jpg", "width": 1024, "height": 683},
                "medium": {"url": "/medium.jpg", "width": 300, "height": 200},
                "huge": {"url": "/huge.jpg", "width": 1536, "height": 1024},
                "broken": {"url": "/broken.jpg"},
            },
        })
    }

    #[test]
    fn the_nearest_size_that_is_large_enough_is_taken() {
        for (edge, url) in [
            (200, "/medium.jpg"),
            (1024, "/large.jpg"),
            (1025, "/huge.jpg"),
            (1600, "/full.jpg?signed=1"),
        ] {
            assert_eq!(
                image().address(&item(), edge).as_deref(),
                Some(url),
                "{edge}"
            );
        }
        let mut bare = item();
        bare["sizes"] = json!([]);
        assert_eq!(
            image().address(&bare, 1024).as_deref(),
            Some("/full.jpg?signed=1")
        );
        assert_eq!(image().address(&json!({}), 1024), None);
    }

    #[test]
    fn a_new_signature_is_no_new_image_and_a_new_file_is() {
        let version = |item: &Value| image().version(item);
        let mut signed = item();
        signed["source_url"] = json!("/full.jpg?signed=2");
        assert_eq!(version(&item()), version(&signed));
        let mut replaced = item();
        replaced["filesize"] = json!(8);
        assert_ne!(version(&item()), version(&replaced));
        assert_eq!(version(&json!({"source_url": "/x"})), None);
    }
}
