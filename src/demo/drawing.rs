//! Draws the photos of the embedded archive: a scene is a list of layers,
//! painted from the back to the front like stage scenery.
//!
//! Lengths in a layer are fractions of the photo's shorter edge; `x` and `y`
//! are fractions of its width and height. Everything random comes from the
//! seed, so the same scene and seed give the same pixels.

use super::canvas::{
    Canvas, Point, Rgb, WHITE, clouded, hex, hue, mix, noise, step, times, with_alpha,
};
use super::content::{Ground, Layer, Light, Shape};

const LONG_EDGE: u16 = 1280;
const SHORT_EDGE: u16 = 853;

/// An upright picture, 8 bits a channel, row by row.
pub(super) struct Picture {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) rgb: Vec<u8>,
}

/// Draws a scene, given from the back to the front.
pub(super) fn draw(shape: Shape, scene: &[Layer], seed: u64) -> Picture {
    let (width, height) = match shape {
        Shape::Landscape => (LONG_EDGE, SHORT_EDGE),
        Shape::Portrait => (SHORT_EDGE, LONG_EDGE),
    };
    let mut painter = Painter {
        canvas: Canvas::new(usize::from(width), usize::from(height)),
        unit: f32::from(SHORT_EDGE),
        seed: seed as u32,
        chance: fastrand::Rng::with_seed(seed),
        palette: palette(Light::Day),
        sun: f32::from(width) * 0.3,
        glint: None,
        snow: false,
    };
    for layer in scene {
        painter.paint(layer);
    }
    Picture {
        width,
        height,
        rgb: painter.canvas.develop(&mut painter.chance),
    }
}

/// What the time of day does to colours.
#[derive(Clone, Copy)]
pub(super) struct Palette {
    /// The sky at the zenith, half-way, and at the horizon.
    sky: [Rgb; 3],
    /// By what the own colour of a thing is multiplied.
    tint: Rgb,
    /// Whether windows and lamps are lit.
    pub(super) lit: bool,
}

fn palette(light: Light) -> Palette {
    let (sky, tint, lit) = match light {
        Light::Dawn => ([0x4a_6a9b, 0xb7_a3c2, 0xff_d2ae], 0xc0_a8b0, false),
        Light::Day => ([0x2f_6fb8, 0x72_abe0, 0xd0_e6f5], 0xff_fffa, false),
        Light::Overcast => ([0x8b_99a6, 0xb0_b9c2, 0xd8_dcdd], 0xcc_d0d4, false),
        Light::Golden => ([0x4f_84bb, 0xc9_c6b0, 0xff_dc9a], 0xff_dca6, false),
        Light::Sunset => ([0x2c_3a70, 0xb4_5a80, 0xff_a463], 0x96_6c70, false),
        Light::Dusk => ([0x10_1f45, 0x3c_5189, 0xd8_937f], 0x64_647c, true),
        Light::Night => ([0x05_0a1c, 0x0d_1b38, 0x24_3a5e], 0x3a_4662, true),
    };
    Palette {
        sky: sky.map(hex),
        tint: hex(tint),
        lit,
    }
}

pub(super) struct Painter {
    pub(super) canvas: Canvas,
    /// Pixels of the shorter edge: the measure of all sizes.
    pub(super) unit: f32,
    pub(super) seed: u32,
    pub(super) chance: fastrand::Rng,
    pub(super) palette: Palette,
    /// Where the light comes from, in pixels from the left.
    pub(super) sun: f32,
    /// The light that glitters on water.
    glint: Option<Rgb>,
    /// Whether snow lies on roofs and trees.
    pub(super) snow: bool,
}

impl Painter {
    fn paint(&mut self, layer: &Layer) {
        match *layer {
            Layer::Sky(light) => self.sky(light),
            Layer::Sun(x, y, size) => self.sun(x, y, size),
            Layer::Moon(x, y, size) => self.moon(x, y, size),
            Layer::Stars(count) => self.stars(count),
            Layer::Aurora(y) => self.aurora(y),
            Layer::Clouds(cover, y) => self.clouds(cover, y),
            Layer::Peaks(y, height, near) => self.mountains(y, height, near, 0.45),
            Layer::Ridge(y, height, near) => self.mountains(y, height, near, 9.0),
            Layer::Hills(y, height, angle, near) => self.hills(y, height, angle, near),
            Layer::Ground(kind, y) => self.ground(kind, y),
            Layer::Water(y, waves) => self.water(y, waves),
            Layer::Path(x, y) => self.path(x, y),
            Layer::Mist(y, depth, strength) => self.mist(y, depth, strength),
            Layer::Snowfall(count) => self.snowfall(count),
            Layer::Skyline(y, height) => self.skyline(y, height),
            Layer::Forest(y, height) => self.forest(y, height),
            Layer::Tree(x, y, height, angle) => self.tree(x, y, height, angle),
            Layer::Thing(ref name, x, y, size, angle) => {
                self.thing(name, self.at(x, y), size * self.unit, hue(angle, 0.6, 0.75));
            }
        }
    }

    pub(super) fn at(&self, x: f32, y: f32) -> Point {
        (x * self.canvas.width as f32, y * self.canvas.height as f32)
    }

    /// A thing's colour in the light of the scene.
    pub(super) fn lit(&self, colour: Rgb) -> Rgb {
        times(colour, self.palette.tint)
    }

    /// The same seen through the air: 1 is near, 0 fades into the horizon.
    pub(super) fn through_air(&self, colour: Rgb, near: f32) -> Rgb {
        mix(self.palette.sky[2], self.lit(colour), near)
    }

    fn sky(&mut self, light: Light) {
        self.palette = palette(light);
        let [zenith, middle, horizon] = self.palette.sky;
        let reach = 0.68 * self.canvas.height as f32;
        self.canvas.rows(|y| {
            let upper = mix(zenith, middle, step(0.0, 0.6, y / reach));
            mix(upper, horizon, step(0.4, 1.0, y / reach))
        });
    }

    fn sun(&mut self, x: f32, y: f32, size: f32) {
        let (centre, radius) = (self.at(x, y), size * self.unit);
        self.sun = centre.0;
        self.glint = Some(mix(self.palette.sky[2], WHITE, 0.4));
        let warm = mix(self.palette.sky[2], hex(0xff_f0c8), 0.45);
        self.canvas.glow(centre, radius * 14.0, warm, 0.75);
        self.canvas.glow(centre, radius * 4.0, hex(0xff_f6da), 0.9);
        self.canvas.disc(centre, radius, hex(0xff_fbea), 1.0);
    }

    fn moon(&mut self, x: f32, y: f32, size: f32) {
        let (centre, radius) = (self.at(x, y), size * self.unit);
        self.sun = centre.0;
        self.glint = Some(hex(0xd8_dcd8));
        self.canvas.glow(centre, radius * 8.0, hex(0x9f_b4d8), 0.5);
        self.canvas.disc(centre, radius, hex(0xf4_efdc), 1.0);
        for (right, down, share) in [(-0.3, -0.25, 0.3), (0.25, 0.1, 0.22), (-0.1, 0.4, 0.25)] {
            let spot = (centre.0 + right * radius, centre.1 + down * radius);
            self.canvas.disc(spot, share * radius, hex(0xb9_b6ac), 0.4);
        }
    }

    fn stars(&mut self, count: usize) {
        for _ in 0..count {
            let (x, y) = (self.chance.f32(), self.chance.f32().powf(1.4));
            let place = self.at(x, 0.75 * y);
            let bright = self.chance.f32().powi(3);
            let radius = 0.35 + 1.1 * bright;
            self.canvas
                .disc(place, radius, hex(0xf2_f5ff), 0.35 + 0.65 * bright);
        }
    }

    /// A green curtain whose lower edge hangs around `y`.
    fn aurora(&mut self, y: f32) {
        let (unit, seed) = (self.unit, self.seed);
        let hem = self.at(0.0, y).1;
        self.canvas.wash(0.0..hem + 0.2 * unit, 6, |x, y| {
            let across = x / unit;
            let fold = clouded(across * 1.3, 0.0, 3, seed) - 0.5;
            let below = (y - hem - fold * 0.7 * unit) / unit;
            let fade = if below > 0.0 {
                1.0 - below / 0.06
            } else {
                (1.0 + below / 0.55).max(0.0).powi(2)
            };
            let folds = clouded(across * 9.0 + fold * 7.0, y / unit * 0.7, 2, seed + 9);
            let colour = mix(
                hex(0x5c_f0a0),
                hex(0x8a_5cd6),
                (-below / 0.5).clamp(0.0, 1.0),
            );
            with_alpha(colour, (fade * (0.2 + 0.75 * folds)).clamp(0.0, 0.8))
        });
    }

    /// Clouds that get flatter and denser towards the horizon at `y`.
    fn clouds(&mut self, cover: f32, y: f32) {
        let (seed, horizon) = (self.seed, self.at(0.0, y).1);
        let (width, unit) = (self.canvas.width as f32, self.unit);
        let bright = mix(self.palette.sky[2], self.lit(WHITE), 0.75);
        let dark = mix(self.palette.sky[1], self.lit(hex(0x9a_a0b0)), 0.5);
        self.canvas.wash(0.0..horizon, 6, |x, y| {
            let depth = 0.25 + (horizon - y).max(0.0) / unit;
            let (along, away) = ((x - width / 2.0) / unit / depth, 1.6 / depth);
            let here = clouded(along * 1.4, away * 1.8, 5, seed);
            let above = clouded(along * 1.4, away * 1.8 + 0.22, 3, seed);
            let density = step(0.70 - cover * 0.36, 0.86 - cover * 0.36, here);
            let colour = mix(bright, dark, step(0.40, 0.75, above));
            let near_horizon = step(0.0, 0.12 * unit, horizon - y);
            with_alpha(colour, density * (0.35 + 0.6 * near_horizon))
        });
    }

    /// Paints down from a crest line, one height per column. `colour` is given
    /// the column, the row and how far below the crest it is.
    fn below(&mut self, crest: &[f32], to: f32, colour: impl Fn(usize, f32, f32) -> Rgb) {
        let top = crest.iter().copied().fold(f32::MAX, f32::min).max(0.0);
        let bottom = (to.max(0.0).ceil() as usize).min(self.canvas.height);
        for y in top as usize..bottom {
            let row = y as f32;
            for (x, &edge) in crest.iter().enumerate() {
                let coverage = row + 1.0 - edge;
                if coverage > 0.0 {
                    let colour = colour(x, row, row - edge);
                    let index = y * self.canvas.width + x;
                    self.canvas.blend(index, colour, coverage.min(1.0));
                }
            }
        }
    }

    /// A chain of mountains that stands on `y`; above `snow_line`, a fraction
    /// of its height, snow lies on it.
    fn mountains(&mut self, y: f32, height: f32, near: f32, snow_line: f32) {
        let (foot, tall) = (self.at(0.0, y).1, height * self.unit);
        let seed = self.chance.u32(..);
        let crest: Vec<f32> = (0..self.canvas.width)
            .map(|x| {
                let along = x as f32 / tall;
                let sharp = 1.0 - (2.0 * noise(along * 0.8, 0.0, seed) - 1.0).abs();
                let rough = clouded(along * 2.2, 3.0, 5, seed);
                foot - tall * (0.62 * sharp + 0.38 * rough)
            })
            .collect();
        let rock = self.through_air(hex(0x5a_6068), near);
        let dark = self.through_air(hex(0x2c_343e), near);
        let (snow, blue) = (
            self.through_air(hex(0xf6_f8ff), near.max(0.6)),
            self.through_air(hex(0x93_a6c8), near.max(0.5)),
        );
        let haze = self.palette.sky[2];
        let (sun, width) = (self.sun, self.canvas.width);
        let valley = mix(rock, haze, 0.4);
        self.below(&crest, foot + tall, |x, y, depth| {
            if y > foot {
                return valley;
            }
            // A facet keeps the slope of the crest up-hill of it, aslant.
            let aslant = 0.45 * depth * (0.8 + 0.3 * noise(x as f32 / 70.0, y / 110.0, seed));
            let side = if x as f32 > sun { -1.0 } else { 1.0 };
            let facet = (x as f32 + aslant * side).clamp(3.0, width as f32 - 4.0) as usize;
            let slope = (crest[facet + 3] - crest[facet - 3]) * side;
            let light = step(-4.0, 4.0, slope);
            let level = (foot - y) / tall;
            let mut face = mix(dark, rock, light);
            if level > snow_line - 0.26 {
                let edge = level + 0.1 * light + 0.16 * noise(x as f32 / 9.0, y / 7.0, seed);
                let white = step(snow_line, snow_line + 0.08, edge);
                face = mix(face, mix(blue, snow, light), white);
            }
            mix(face, haze, 0.4 * (1.0 - level))
        });
    }

    /// Rounded hills down to the lower edge of the picture.
    fn hills(&mut self, y: f32, height: f32, angle: f32, near: f32) {
        let (foot, tall) = (self.at(0.0, y).1, height * self.unit);
        let (seed, unit) = (self.chance.u32(..), self.unit);
        let crest: Vec<f32> = (0..self.canvas.width)
            .map(|x| foot - tall * clouded(x as f32 / unit * 2.0, 0.0, 3, seed))
            .collect();
        let upper = self.through_air(hue(angle, 0.6, 0.62), near);
        let lower = self.through_air(hue(angle + 0.02, 0.58, 0.36), near);
        let reach = 0.35 * unit;
        self.below(&crest, f32::MAX, |_, _, depth| {
            mix(upper, lower, (depth / reach).min(1.0))
        });
        let (dark, other) = (
            lower.map(|channel| channel * 0.7),
            self.through_air(hue(angle - 0.05, 0.62, 0.7), near),
        );
        self.canvas.wash(foot - tall..f32::MAX, 5, |x, y| {
            let column = (x as usize).min(crest.len() - 1);
            let depth = (y - crest[column]) / unit;
            let away = 0.15 + depth.max(0.0);
            let patches = clouded(x / unit * 6.0 / away, 11.0 / away, 3, seed) - 0.5;
            let colour = if patches > 0.0 { dark } else { other };
            let inside = step(0.012, 0.03, depth);
            with_alpha(colour, 0.4 * inside * step(0.02, 0.2, patches.abs()))
        });
    }

    fn ground(&mut self, kind: Ground, y: f32) {
        let (seed, unit, edge) = (self.chance.u32(..), self.unit, self.at(0.0, y).1);
        self.snow |= kind == Ground::Snow;
        let (far, close, bump, spots) = match kind {
            Ground::Snow => (0xea_f0fa, 0xd2_dff0, 0.03, 0xa9_bbd8),
            Ground::Meadow => (0x9d_ad5c, 0x4e_6b2c, 0.02, 0x3a_5223),
            Ground::Sand => (0xea_d6aa, 0xc9_a878, 0.006, 0xa5_8559),
            Ground::Paving => (0xb4_b0aa, 0x82_7e7a, 0.0, 0x66_6260),
        };
        let (far, close, spots) = (
            self.lit(hex(far)),
            self.lit(hex(close)),
            self.lit(hex(spots)),
        );
        let crest: Vec<f32> = (0..self.canvas.width)
            .map(|x| edge - bump * unit * 2.0 * clouded(x as f32 / unit * 1.7, 5.0, 3, seed))
            .collect();
        let reach = self.canvas.height as f32 - edge;
        self.below(&crest, f32::MAX, |_, _, depth| {
            mix(far, close, (depth / reach).min(1.0))
        });
        self.canvas.wash(edge..f32::MAX, 4, |x, y| {
            let away = 0.12 + (y - edge) / unit;
            let grain = clouded((x / unit - 0.7) * 5.0 / away, 9.0 / away, 4, seed);
            with_alpha(spots, 0.5 * step(0.42, 0.8, grain))
        });
    }

    /// Water from `y` down, a mirror of what is painted so far.
    fn water(&mut self, y: f32, waves: f32) {
        let (seed, unit, shore) = (self.chance.u32(..), self.unit, self.at(0.0, y).1);
        let tint = mix(self.palette.sky[0], self.lit(hex(0x1f_4a5c)), 0.5);
        let (width, height) = (self.canvas.width, self.canvas.height);
        let (glint, strength) = self
            .glint
            .map_or((tint, 0.0), |glint| (glint, waves.sqrt()));
        let glitter: Vec<f32> = (0..width)
            .map(|x| (x as f32 - self.sun).abs() / (0.16 * unit))
            .map(|aside| strength * (1.0 - aside).max(0.0))
            .collect();
        for row in shore as usize..height {
            let below = row as f32 - shore;
            let away = 0.03 + below / unit;
            let sway: Vec<f32> = (0..=width / 8 + 1)
                .map(|n| {
                    let along = n as f32 * 8.0 / unit / away.sqrt();
                    clouded(along * 3.0, 14.0 * away.ln() + away * 60.0, 2, seed) - 0.5
                })
                .collect();
            let depth = 0.22 + 0.4 * (below / (height as f32 - shore));
            for x in 0..width {
                let part = (x & 7) as f32 / 8.0;
                let wave = sway[x / 8] * (1.0 - part) + sway[x / 8 + 1] * part;
                let swing = wave * waves * (8.0 + 0.5 * below);
                let mirrored = (shore - 1.0 - below * 0.92 + swing).clamp(0.0, shore - 1.0);
                let source = mirrored as usize * width;
                let aside = (x as f32 + swing * 0.25).clamp(0.0, width as f32 - 1.0) as usize;
                let shade = depth - wave * waves * 0.5;
                let colour = mix(self.canvas.at(source + aside), tint, shade.clamp(0.0, 0.9));
                let sparkle = glitter[x] * ((wave - 0.02) * 6.0).clamp(0.0, 1.0);
                let colour = mix(colour, glint, sparkle);
                self.canvas.blend(row * width + x, colour, 1.0);
            }
        }
        let rim = with_alpha(self.palette.sky[2], 0.25);
        self.canvas.wash(shore - 1.0..shore + 2.0, 2, |_, _| rim);
    }

    /// A way from the foreground to a point, narrowing.
    fn path(&mut self, x: f32, y: f32) {
        let end = self.at(x, y);
        let start = self.at(0.5, 1.02);
        let side = |sign: f32| {
            (0..=20).map(move |n| {
                let near = n as f32 / 20.0;
                let bend = (near * 5.0).sin() * (1.0 - near) * 0.12;
                let middle = end.0 + (start.0 - end.0) * near + bend * start.0;
                let half = (0.004 + 0.13 * near * near) * start.0;
                (
                    middle + sign * half,
                    end.1 + (start.1 - end.1) * near.powf(1.3),
                )
            })
        };
        let outline: Vec<Point> = side(-1.0).chain(side(1.0).rev()).collect();
        let colour = if self.snow { 0xc0_cde2 } else { 0xc8_b48c };
        let colour = self.lit(hex(colour));
        self.canvas
            .fill(&outline, [colour, colour.map(|channel| channel * 0.8)], 1.0);
    }

    fn mist(&mut self, y: f32, depth: f32, strength: f32) {
        let (seed, unit, middle) = (self.seed, self.unit, self.at(0.0, y).1);
        let colour = mix(self.palette.sky[2], self.lit(WHITE), 0.4);
        let half = depth * unit;
        self.canvas.wash(middle - half..middle + half, 8, |x, y| {
            let share = 1.0 - ((y - middle) / half).abs();
            let drift = clouded(x / unit * 2.0, y / unit * 7.0, 3, seed);
            with_alpha(colour, strength * step(0.0, 0.9, share) * (0.4 + drift))
        });
    }

    fn snowfall(&mut self, count: usize) {
        for _ in 0..count {
            let (x, y) = (self.chance.f32(), self.chance.f32());
            let place = self.at(x, y);
            let near = self.chance.f32().powi(4);
            let colour = mix(self.lit(WHITE), WHITE, 0.5);
            self.canvas
                .disc(place, 1.0 + near * 5.0, colour, 0.75 - near * 0.3);
        }
    }
}
