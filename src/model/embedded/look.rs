//! What can be said of a photo without knowing what it shows: its shape, its
//! light, where it is lighter, and its main colours.

use jpeg_decoder::{Decoder, PixelFormat};

/// The decoder may skip detail down to about this size: averages don't need it.
const SMALL: u16 = 96;

/// A colour that fills less than this share is not worth naming.
const WORTH_NAMING: f32 = 0.08;

/// What one look found.
#[derive(Debug, PartialEq)]
pub(super) struct Look {
    pub(super) format: Format,
    pub(super) light: Light,
    /// Where the lighter half is, if one is clearly lighter.
    pub(super) brighter: Option<&'static str>,
    /// At most two, the main one first; none in a photo without colour.
    pub(super) colours: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Panorama,
    Wide,
    Square,
    Upright,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Light {
    Dark,
    Dim,
    Even,
    Contrast,
    Bright,
}

/// The families that a hue can belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Red,
    Orange,
    Yellow,
    Green,
    Teal,
    Blue,
    Purple,
    Pink,
    Grey,
}

const FAMILIES: [Family; 9] = [
    Family::Red,
    Family::Orange,
    Family::Yellow,
    Family::Green,
    Family::Teal,
    Family::Blue,
    Family::Purple,
    Family::Pink,
    Family::Grey,
];

/// One pixel in the terms that colour names are made of.
#[derive(Clone, Copy)]
struct Tint {
    /// Degrees, 0 to 360.
    hue: f32,
    /// The distance between the strongest and the weakest channel, 0 to 1.
    chroma: f32,
    /// How light it looks, 0 to 1.
    luma: f32,
}

impl Look {
    /// Decodes a JPEG (in reduced size) and looks at it.
    pub(super) fn at(jpeg: &[u8]) -> Result<Self, String> {
        let failed = |error: jpeg_decoder::Error| format!("the image can't be decoded: {error}");
        let mut decoder = Decoder::new(jpeg);
        decoder.read_info().map_err(failed)?;
        let info = decoder.info().ok_or("the image has no measures")?;
        // Keeping the proportions is up to us: both sides are lower bounds.
        let (width, height) = decoder.scale(SMALL, SMALL).map_err(failed)?;
        let format = decoder
            .info()
            .map_or(info.pixel_format, |info| info.pixel_format);
        let pixels = decoder.decode().map_err(failed)?;
        let tints = tints(&pixels, format)?;
        if tints.len() != usize::from(width) * usize::from(height) || tints.is_empty() {
            return Err("the image is not whole".to_owned());
        }
        Ok(Self {
            format: shape(f32::from(width) / f32::from(height)),
            light: light(&tints),
            brighter: brighter(&tints, width.into()),
            colours: colours(&tints),
        })
    }
}

fn tints(pixels: &[u8], format: PixelFormat) -> Result<Vec<Tint>, String> {
    match format {
        PixelFormat::L8 => Ok(pixels.iter().map(|l| Tint::of([*l; 3])).collect()),
        PixelFormat::RGB24 => Ok(pixels
            .chunks_exact(3)
            .map(|rgb| Tint::of([rgb[0], rgb[1], rgb[2]]))
            .collect()),
        other => Err(format!("images in {other:?} are not looked at")),
    }
}

impl Tint {
    fn of(rgb: [u8; 3]) -> Self {
        let [r, g, b] = rgb.map(|channel| f32::from(channel) / 255.0);
        let (high, low) = (r.max(g).max(b), r.min(g).min(b));
        let chroma = high - low;
        let sixth = if chroma <= 0.0 {
            0.0
        } else if high <= r {
            ((g - b) / chroma).rem_euclid(6.0)
        } else if high <= g {
            (b - r) / chroma + 2.0
        } else {
            (r - g) / chroma + 4.0
        };
        Self {
            hue: sixth * 60.0,
            chroma,
            luma: 0.299 * r + 0.587 * g + 0.114 * b,
        }
    }

    fn family(self) -> Family {
        if self.chroma < 0.08 || self.luma < 0.04 {
            return Family::Grey;
        }
        match self.hue {
            hue if hue < 14.0 => Family::Red,
            hue if hue < 44.0 => Family::Orange,
            hue if hue < 68.0 => Family::Yellow,
            hue if hue < 160.0 => Family::Green,
            hue if hue < 192.0 => Family::Teal,
            hue if hue < 255.0 => Family::Blue,
            hue if hue < 290.0 => Family::Purple,
            hue if hue < 340.0 => Family::Pink,
            _ => Family::Red,
        }
    }
}

fn shape(ratio: f32) -> Format {
    match ratio {
        ratio if ratio >= 2.2 => Format::Panorama,
        ratio if ratio > 1.1 => Format::Wide,
        ratio if ratio >= 0.9 => Format::Square,
        _ => Format::Upright,
    }
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

fn light(tints: &[Tint]) -> Light {
    let middle = mean(tints.iter().map(|tint| tint.luma));
    let spread = mean(tints.iter().map(|tint| (tint.luma - middle).powi(2))).sqrt();
    match middle {
        middle if middle < 0.22 => Light::Dark,
        _ if spread > 0.2 => Light::Contrast,
        middle if middle < 0.36 => Light::Dim,
        middle if middle > 0.66 => Light::Bright,
        _ => Light::Even,
    }
}

/// The half that is clearly lighter than the opposite one.
fn brighter(tints: &[Tint], width: usize) -> Option<&'static str> {
    let height = tints.len() / width;
    let half = |keep: &dyn Fn(usize, usize) -> bool| {
        let kept = tints.iter().enumerate();
        mean(
            kept.filter(|(index, _)| keep(index % width, index / width))
                .map(|(_, tint)| tint.luma),
        )
    };
    let top = half(&|_, y| y < height / 2) - half(&|_, y| y >= height / 2);
    let left = half(&|x, _| x < width / 2) - half(&|x, _| x >= width / 2);
    let (difference, sides) = if top.abs() >= left.abs() {
        (top, ["at the top", "at the bottom"])
    } else {
        (left, ["on the left", "on the right"])
    };
    (difference.abs() > 0.1).then(|| sides[usize::from(difference < 0.0)])
}

/// The one or two families that fill most of the photo, named by their average.
/// Grey counts for less than a colour does, since eyes go to the colour.
fn colours(tints: &[Tint]) -> Vec<String> {
    let mut found: Vec<(f32, String)> = FAMILIES
        .into_iter()
        .filter_map(|family| {
            let members: Vec<_> = tints
                .iter()
                .filter(|tint| tint.family() == family)
                .collect();
            let share = members.len() as f32 / tints.len() as f32;
            let chroma = mean(members.iter().map(|tint| tint.chroma));
            let luma = mean(members.iter().map(|tint| tint.luma));
            let weight = if family == Family::Grey { 0.4 } else { 1.0 };
            (share >= WORTH_NAMING).then(|| (share * weight, name(family, chroma, luma).to_owned()))
        })
        .collect();
    let coloured = tints
        .iter()
        .filter(|tint| tint.family() != Family::Grey)
        .count();
    if (coloured as f32) < 0.04 * tints.len() as f32 {
        return Vec::new();
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut names: Vec<_> = found.into_iter().map(|(_, name)| name).collect();
    names.truncate(2);
    if names.is_empty() {
        names.push("many different".to_owned());
    }
    names
}

/// A family's name at a certain strength and lightness.
fn name(family: Family, chroma: f32, luma: f32) -> &'static str {
    let dark = luma < 0.25;
    let light = luma > 0.65;
    let strong = chroma > 0.35;
    match family {
        Family::Grey if luma < 0.15 => "near-black",
        Family::Grey if dark => "dark grey",
        Family::Grey if luma > 0.85 => "white",
        Family::Grey if light => "light grey",
        Family::Grey => "grey",
        Family::Red if dark => "dark red",
        Family::Red if light => "pale red",
        Family::Red if strong => "vivid red",
        Family::Red => "muted red",
        Family::Orange if dark => "dark brown",
        Family::Orange if strong => "warm orange",
        Family::Orange if light => "beige",
        Family::Orange => "earthy brown",
        Family::Yellow if dark => "olive",
        Family::Yellow if strong => "golden yellow",
        Family::Yellow if light => "cream",
        Family::Yellow => "straw yellow",
        Family::Green if dark => "dark green",
        Family::Green if light => "pale green",
        Family::Green if strong => "fresh green",
        Family::Green => "soft green",
        Family::Teal if dark => "dark teal",
        Family::Teal if light => "pale turquoise",
        Family::Teal => "turquoise",
        Family::Blue if dark => "deep blue",
        Family::Blue if light => "pale blue",
        Family::Blue if strong => "bright blue",
        Family::Blue => "soft blue",
        Family::Purple if dark => "deep purple",
        Family::Purple if light => "lilac",
        Family::Purple => "purple",
        Family::Pink if dark => "dark magenta",
        Family::Pink if light => "pale pink",
        Family::Pink => "pink",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_the_names_a_person_would_use() {
        for (rgb, expected) in [
            ([230, 120, 30], "warm orange"),
            ([20, 30, 100], "deep blue"),
            ([135, 190, 235], "pale blue"),
            ([60, 140, 50], "fresh green"),
            ([90, 70, 50], "earthy brown"),
            ([128, 128, 130], "grey"),
            ([10, 10, 10], "near-black"),
            ([250, 250, 250], "white"),
            ([200, 20, 30], "vivid red"),
        ] {
            let tint = Tint::of(rgb);
            assert_eq!(
                name(tint.family(), tint.chroma, tint.luma),
                expected,
                "{rgb:?}"
            );
        }
    }

    #[test]
    fn shapes_follow_the_proportions() {
        for (ratio, expected) in [
            (3.0, Format::Panorama),
            (1.5, Format::Wide),
            (1.0, Format::Square),
            (0.66, Format::Upright),
        ] {
            assert_eq!(shape(ratio), expected, "{ratio}");
        }
    }

    #[test]
    fn a_grey_photo_has_no_colours() {
        let grey: Vec<_> = (0..100_u8).map(|level| Tint::of([level * 2; 3])).collect();
        assert_eq!(colours(&grey), Vec::<String>::new());
    }
}
