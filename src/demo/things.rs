//! The things that stand in a scene. Their outlines are data, in `things.toml`;
//! only what is too many for a table (windows, leaves, a forest) is code.

use super::canvas::{Point, Rgb, ellipse, hex, hue, mix, rectangle};
use super::drawing::Painter;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const LAMPLIGHT: u32 = 0xff_cf7a;

/// A thing is a list of parts, painted in order. Coordinates are multiples of
/// its size, to the right and up from the middle of its foot.
static THINGS: LazyLock<BTreeMap<String, Vec<Part>>> = LazyLock::new(|| {
    toml::from_str(include_str!("things.toml")).expect("a test reads the built-in things")
});

#[derive(Deserialize)]
struct Part {
    #[serde(flatten)]
    form: Form,
    /// `0xRRGGBB`; without it, the part has the thing's own colour.
    colour: Option<u32>,
    /// How bright its foot is, compared with its top.
    foot: Option<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// Corners, as x and y in turn.
    Area(Vec<f32>),
    /// Middle and radius.
    Disc(f32, f32, f32),
    /// Middle, half width and half height.
    Oval(f32, f32, f32, f32),
    /// Thickness, then the points of the line.
    Line(Vec<f32>),
    /// A window: left, bottom, width, height; warm where lamps are lit.
    Pane(f32, f32, f32, f32),
    /// Lamplight: middle, radius and strength; only where lamps are lit.
    Glow(f32, f32, f32, f32),
    /// An area of snow, where snow lies.
    Snow(Vec<f32>),
    /// The soft shadow on the ground: middle and width.
    Shadow(f32, f32),
}

/// Whether `things.toml` has what a layer asks for.
#[cfg(test)]
pub(super) fn known(layer: &super::content::Layer) -> bool {
    match layer {
        super::content::Layer::Thing(name, ..) => THINGS.contains_key(name),
        _ => true,
    }
}

/// A thing's place and looks.
#[derive(Clone, Copy)]
struct Placed {
    foot: Point,
    size: f32,
    paint: Rgb,
    /// 1 is near, 0 is lost in the haze.
    near: f32,
}

impl Placed {
    fn at(self, x: f32, up: f32) -> Point {
        (self.foot.0 + x * self.size, self.foot.1 - up * self.size)
    }

    fn points(self, numbers: &[f32]) -> Vec<Point> {
        let pairs = numbers.chunks_exact(2);
        pairs.map(|pair| self.at(pair[0], pair[1])).collect()
    }
}

impl Painter {
    pub(super) fn thing(&mut self, name: &str, foot: Point, size: f32, paint: Rgb) {
        let near = 1.0;
        let placed = Placed {
            foot,
            size,
            paint,
            near,
        };
        self.parts(name, placed);
    }

    fn parts(&mut self, name: &str, placed: Placed) {
        for part in THINGS.get(name).into_iter().flatten() {
            let own = part.colour.map_or(placed.paint, hex);
            let colour = self.through_air(own, placed.near);
            let shades = [colour, colour.map(|light| light * part.foot.unwrap_or(1.0))];
            self.part(&part.form, placed, shades);
        }
    }

    fn part(&mut self, form: &Form, placed: Placed, shades: [Rgb; 2]) {
        let (size, canvas, lit) = (placed.size, &mut self.canvas, self.palette.lit);
        match *form {
            Form::Area(ref corners) => canvas.fill(&placed.points(corners), shades, 1.0),
            Form::Disc(x, up, radius) => {
                canvas.disc(placed.at(x, up), radius * size, shades[0], 1.0);
            }
            Form::Oval(x, up, across, down) => {
                let outline = ellipse(placed.at(x, up), across * size, down * size);
                canvas.fill(&outline, shades, 1.0);
            }
            Form::Line(ref numbers) => {
                let points = placed.points(&numbers[1..]);
                canvas.stroke(&points, (numbers[0] * size).max(1.2), shades[0]);
            }
            Form::Pane(x, up, width, height) => {
                let (left, top) = placed.at(x, up + height);
                let pane = rectangle(left, top, width * size, height * size);
                let glass = self.through_air(hex(0x40_5060), placed.near);
                let warm = [hex(0xff_e09a), hex(0xf0_a648)];
                let shades = if lit { warm } else { [glass; 2] };
                self.canvas.fill(&pane, shades, 1.0);
            }
            Form::Glow(x, up, radius, strength) if lit => {
                canvas.glow(placed.at(x, up), radius * size, hex(LAMPLIGHT), strength);
            }
            Form::Snow(ref corners) if self.snow => {
                let white = self.through_air(hex(0xf2_f6ff), placed.near);
                let blue = self.through_air(hex(0xc4_d2e8), placed.near);
                let corners = placed.points(corners);
                self.canvas.fill(&corners, [white, blue], 1.0);
            }
            Form::Shadow(x, width) => {
                let outline = ellipse(placed.at(x, 0.0), width * size / 2.0, width * size / 11.0);
                let alpha = if lit { 0.2 } else { 0.3 };
                canvas.fill(&outline, [hex(0x18_2030); 2], alpha);
            }
            Form::Glow(..) | Form::Snow(_) => {}
        }
    }

    /// Pines along a line, the small ones far away.
    pub(super) fn forest(&mut self, y: f32, height: f32) {
        let width = self.canvas.width as f32;
        let tall = height * self.unit;
        let count = (width / tall * 4.5) as usize;
        for n in 0..count {
            let near = n as f32 / count as f32;
            let size = tall * (0.55 + 0.3 * near + 0.3 * self.chance.f32());
            let x = self.chance.f32() * 1.1 - 0.05;
            let foot = (x * width, self.at(0.0, y).1 + 0.06 * tall * near);
            let placed = Placed {
                foot,
                size,
                paint: hue(0.36, 0.5, 0.22),
                near: 0.55 + 0.45 * near,
            };
            self.parts("pine", placed);
        }
    }

    /// A broad-leaved tree; the hue is that of its leaves.
    pub(super) fn tree(&mut self, x: f32, y: f32, height: f32, angle: f32) {
        let (foot, tall) = (self.at(x, y), height * self.unit);
        self.thing("trunk", foot, tall, hex(0x4a_3a2c));
        let leaves = self.lit(hue(angle, 0.62, 0.66));
        let shade = mix(leaves, self.lit(hex(0x1c_2618)), 0.6);
        let side = if self.sun < foot.0 { -0.07 } else { 0.07 };
        for n in 0..320 {
            let light = n as f32 / 320.0;
            let (sin, cos) = (self.chance.f32() * std::f32::consts::TAU).sin_cos();
            let out = self.chance.f32().sqrt() * (1.0 - 0.15 * light);
            let place = (
                foot.0 + tall * (0.33 * out * cos + side * light),
                foot.1 - tall * (0.63 + 0.07 * light) - tall * 0.3 * out * sin,
            );
            let radius = tall * (0.018 + 0.05 * self.chance.f32() * (1.3 - light));
            let colour = mix(shade, leaves, light + 0.5 * self.chance.f32() - 0.25);
            self.canvas.disc(place, radius, colour, 0.9);
        }
    }

    /// Towers along a line, those behind paler, with rows of windows.
    pub(super) fn skyline(&mut self, y: f32, height: f32) {
        let foot = self.at(0.0, y).1;
        let width = self.canvas.width as f32;
        for (near, share) in [(0.45, 1.0), (0.75, 0.7), (1.0, 0.42)] {
            let mut left = -0.03 * self.unit;
            while left < width {
                let wide = self.unit * (0.045 + 0.055 * self.chance.f32());
                let tall = height * self.unit * share * (0.35 + 0.65 * self.chance.f32());
                self.tower([left, foot - tall, wide, tall], near);
                left += wide * (1.0 + 0.35 * self.chance.f32());
            }
        }
    }

    fn tower(&mut self, [left, top, wide, tall]: [f32; 4], near: f32) {
        let wall = hue(
            0.58 + 0.1 * self.chance.f32(),
            0.16,
            0.4 + 0.25 * self.chance.f32(),
        );
        let wall = self.through_air(wall, near);
        let outline = rectangle(left, top, wide, tall);
        self.canvas
            .fill(&outline, [wall, wall.map(|light| light * 0.85)], 1.0);
        if self.chance.u8(..4) == 0 {
            let mast = [
                (left + wide / 2.0, top),
                (left + wide / 2.0, top - wide * 0.7),
            ];
            self.canvas.stroke(&mast, 1.6, wall);
        }
        let pitch = self.unit * 0.0125;
        let dark = wall.map(|light| light * 0.72);
        for row in 1..(tall / pitch / 1.3) as usize {
            for column in 0..(wide / pitch - 0.6) as usize {
                let bright = self.palette.lit && self.chance.u8(..5) < 2;
                let glass = if bright {
                    let warmth = self.chance.f32();
                    mix(
                        wall,
                        mix(hex(0xff_c668), hex(0xff_f0cc), warmth),
                        0.35 + 0.6 * near,
                    )
                } else {
                    dark
                };
                let place = (
                    left + (column as f32 + 0.6) * pitch,
                    top + row as f32 * pitch * 1.3,
                );
                let pane = rectangle(place.0, place.1, pitch * 0.5, pitch * 0.7);
                self.canvas.fill(&pane, [glass; 2], 0.9);
            }
        }
    }
}
