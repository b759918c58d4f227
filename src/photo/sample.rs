//! The built-in test image: when several photos fail alike, it decides whether
//! the photos or the model are to blame.

use super::shrink::encode;
use crate::archive::Jpeg;
use image::{Rgb, RgbImage};

const WIDTH: u32 = 256;
const HEIGHT: u32 = 192;

/// A simple drawn scene of 256x192 pixels: a red house with a dark roof on a
/// green meadow, under a blue sky with a yellow sun. Always the same bytes on
/// the same machine.
pub fn test_image() -> Jpeg {
    let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb(colour_at(x, y)));
    encode(&picture).expect("a small picture can always be encoded")
}

fn colour_at(x: u32, y: u32) -> [u8; 3] {
    let (x, y) = (i64::from(x), i64::from(y));
    let from_sun = (x - 205).pow(2) + (y - 38).pow(2);
    let roof = (48..90).contains(&y) && (x - 100).abs() <= (y - 48) * 3 / 2;
    let wall = (90..150).contains(&y) && (50..150).contains(&x);
    let door = (112..150).contains(&y) && (90..112).contains(&x);
    let window = (100..120).contains(&y) && (122..140).contains(&x);
    if roof {
        [74, 44, 38]
    } else if door {
        [96, 62, 30]
    } else if window {
        [232, 240, 248]
    } else if wall {
        [190, 52, 44]
    } else if y >= 138 {
        [70, 140 - (y - 138) as u8 / 2, 60]
    } else if from_sun <= 22 * 22 {
        [255, 214, 64]
    } else {
        [100 + y as u8 / 2, 170 + y as u8 / 4, 240]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::{Limits, prepare};

    #[test]
    fn the_test_image_is_a_whole_jpeg_of_several_colours() {
        let image = test_image();
        assert_eq!((image.width, image.height), (WIDTH, HEIGHT));
        assert!(image.bytes.len() < 20_000, "{image:?}");
        let limits = Limits {
            max_bytes: 20_000,
            max_pixels: 256 * 192,
            max_memory: 10_000_000,
        };
        assert_eq!(
            prepare(&image.bytes, 64, limits).map(|jpeg| jpeg.width),
            Ok(64)
        );
        assert_eq!(test_image().bytes, image.bytes);
    }
}
