//! What the embedded archive shows on its first day. The photos themselves, with
//! their texts and scenes, are a table in `content.toml`.

use serde::Deserialize;
use std::sync::LazyLock;

/// Every photo, album by album.
pub(super) static PHOTOS: LazyLock<Vec<Photo>> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("content.toml")).expect("a test reads the built-in table");
    table.photo
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    photo: Vec<Photo>,
}

/// One photo: its texts, what its camera noted, and what it shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Photo {
    pub(super) album: String,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) caption: Option<String>,
    /// What stands in the alt field already; most photos have nothing there.
    pub(super) alt: Option<String>,
    /// 1 where a person vouched for the alt text.
    pub(super) verified: Option<u8>,
    /// Local time, as EXIF writes it: `2022:09:14 06:52:10`.
    pub(super) taken: String,
    #[serde(default)]
    pub(super) camera: Camera,
    /// Degrees north and east.
    pub(super) place: Option<(f64, f64)>,
    /// The EXIF orientation of the stored pixels: 1, 3, 6 or 8.
    #[serde(default = "upright")]
    pub(super) orientation: u16,
    #[serde(default)]
    pub(super) shape: Shape,
    /// What it shows, from the back to the front.
    pub(super) scene: Vec<Layer>,
}

fn upright() -> u16 {
    1
}

/// The cameras of the family; all of them made up.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Camera {
    /// The good one.
    #[default]
    Lumen,
    /// A telephone.
    Pocket,
}

/// How the camera was held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    #[default]
    Landscape,
    Portrait,
}

/// The time of day, which rules all colours painted after it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Light {
    Dawn,
    Day,
    Overcast,
    Golden,
    Sunset,
    Dusk,
    Night,
}

/// What one walks on.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ground {
    Snow,
    Meadow,
    Sand,
    Paving,
}

/// One thing to paint over what is there. `x` and `y` are fractions of width
/// and height, sizes fractions of the shorter edge; a hue runs from 0 (red)
/// over 0.33 (green) and 0.6 (blue) to 1; `near` is 0 in the haze and 1 close by.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Layer {
    /// The whole sky.
    Sky(Light),
    /// x, y, radius.
    Sun(f32, f32, f32),
    /// x, y, radius.
    Moon(f32, f32, f32),
    /// How many.
    Stars(usize),
    /// y of the lower hem.
    Aurora(f32),
    /// Cover from 0 to 1, y of the horizon.
    Clouds(f32, f32),
    /// Mountains with snow: y of the foot, height, near.
    Peaks(f32, f32, f32),
    /// Mountains without: y of the foot, height, near.
    Ridge(f32, f32, f32),
    /// y of the foot, height, hue, near.
    Hills(f32, f32, f32, f32),
    /// Kind, y of its far edge.
    Ground(Ground, f32),
    /// y of the far shore, waves from 0 (a mirror) to 1.
    Water(f32, f32),
    /// x and y of its far end.
    Path(f32, f32),
    /// y of its middle, half its depth, strength.
    Mist(f32, f32, f32),
    /// How many flakes.
    Snowfall(usize),
    /// y of its foot, height.
    Forest(f32, f32),
    /// A broad-leaved tree: x, y, height, hue.
    Tree(f32, f32, f32, f32),
    /// y of its foot, height.
    Skyline(f32, f32),
    /// A name from `things.toml`, x, y, size, hue.
    Thing(String, f32, f32, f32, f32),
}
