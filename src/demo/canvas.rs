//! The canvas that scenes are painted on: smooth-edged shapes, soft washes,
//! colours, noise, and the grain of a photo. It knows nothing of what is drawn.

use std::ops::Range;

/// Red, green and blue in 0..1.
pub(super) type Rgb = [f32; 3];
/// A place on the canvas in pixels, from the top left corner.
pub(super) type Point = (f32, f32);

pub(super) const WHITE: Rgb = [1.0; 3];

pub(super) fn hex(rgb: u32) -> Rgb {
    [16, 8, 0].map(|shift| (rgb >> shift & 0xff) as f32 / 255.0)
}

/// A painted colour of that hue: 0 red, 0.1 orange, 0.16 yellow, 0.33 green,
/// 0.6 blue, 0.8 purple.
pub(super) fn hue(angle: f32, saturation: f32, value: f32) -> Rgb {
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|shift| {
        let wave = ((angle + shift).fract() * 6.0 - 3.0).abs() - 1.0;
        value * (1.0 - saturation + saturation * wave.clamp(0.0, 1.0))
    })
}

pub(super) fn mix(one: Rgb, other: Rgb, share: f32) -> Rgb {
    let keep = 1.0 - share;
    [
        one[0] * keep + other[0] * share,
        one[1] * keep + other[1] * share,
        one[2] * keep + other[2] * share,
    ]
}

pub(super) fn times(one: Rgb, other: Rgb) -> Rgb {
    [one[0] * other[0], one[1] * other[1], one[2] * other[2]]
}

pub(super) fn with_alpha(colour: Rgb, alpha: f32) -> [f32; 4] {
    [colour[0], colour[1], colour[2], alpha]
}

/// 0 up to `low`, 1 from `high` on, smooth between.
pub(super) fn step(low: f32, high: f32, value: f32) -> f32 {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

pub(super) fn rectangle(left: f32, top: f32, width: f32, height: f32) -> [Point; 4] {
    let (right, bottom) = (left + width, top + height);
    [(left, top), (right, top), (right, bottom), (left, bottom)]
}

pub(super) fn ellipse(centre: Point, across: f32, down: f32) -> Vec<Point> {
    (0..36)
        .map(|n| (n as f32 / 36.0 * std::f32::consts::TAU).sin_cos())
        .map(|(sin, cos)| (centre.0 + cos * across, centre.1 + sin * down))
        .collect()
}

/// Smooth noise in 0..1: random values at whole numbers, blended between.
pub(super) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let corner = |right: i32, down: i32| {
        let mut hash = (column as i32 + right).wrapping_mul(374_761_393) as u32
            ^ ((row as i32 + down).wrapping_mul(668_265_263) as u32)
            ^ seed.wrapping_mul(0x9e37_79b9);
        hash = (hash ^ hash >> 13).wrapping_mul(1_274_126_177);
        ((hash ^ hash >> 16) & 0xffff) as f32 / 65_535.0
    };
    let (across, down) = (step(0.0, 1.0, x - column), step(0.0, 1.0, y - row));
    let top = corner(0, 0) * (1.0 - across) + corner(1, 0) * across;
    let bottom = corner(0, 1) * (1.0 - across) + corner(1, 1) * across;
    top * (1.0 - down) + bottom * down
}

/// Noise with finer and finer detail added, in 0..1.
pub(super) fn clouded(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut whole, mut size) = (0.0, 0.0, 1.0);
    for octave in 0..octaves {
        let weight = 1.0 / size;
        sum += weight * noise(x * size, y * size, seed.wrapping_add(octave));
        whole += weight;
        size *= 2.0;
    }
    sum / whole
}

pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let pixels = vec![[0.0; 3]; width * height];
        Self {
            width,
            height,
            pixels,
        }
    }

    pub(super) fn at(&self, index: usize) -> Rgb {
        self.pixels[index]
    }

    pub(super) fn blend(&mut self, index: usize, colour: Rgb, alpha: f32) {
        let pixel = &mut self.pixels[index];
        *pixel = mix(*pixel, colour, alpha);
    }

    /// Covers everything with colours that change only from row to row.
    pub(super) fn rows(&mut self, colour: impl Fn(f32) -> Rgb) {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            row.fill(colour(y as f32));
        }
    }

    /// Fills a polygon, with a colour that runs from its top to its bottom.
    /// Edges are smooth: four lines a pixel row, exact coverage along each.
    pub(super) fn fill(&mut self, outline: &[Point], [upper, lower]: [Rgb; 2], alpha: f32) {
        let (top, bottom) = outline
            .iter()
            .fold((f32::MAX, f32::MIN), |(top, bottom), point| {
                (top.min(point.1), bottom.max(point.1))
            });
        let rows = top.max(0.0) as usize..(bottom.max(0.0).ceil() as usize).min(self.height);
        let mut coverage = vec![0.0_f32; self.width];
        for row in rows {
            let mut touched = self.width..0;
            for line in 0..4 {
                let y = row as f32 + (line as f32 + 0.5) / 4.0;
                for pair in crossings(outline, y).chunks_exact(2) {
                    let left = pair[0].clamp(0.0, self.width as f32);
                    let right = pair[1].clamp(0.0, self.width as f32);
                    let span = left as usize..(right.ceil() as usize).min(self.width);
                    touched = touched.start.min(span.start)..touched.end.max(span.end);
                    for x in span {
                        let edge = x as f32;
                        coverage[x] += (right.min(edge + 1.0) - left.max(edge)) / 4.0;
                    }
                }
            }
            let share = ((row as f32 + 0.5 - top) / (bottom - top).max(1.0)).clamp(0.0, 1.0);
            let colour = mix(upper, lower, share);
            for x in touched {
                self.blend(row * self.width + x, colour, coverage[x] * alpha);
                coverage[x] = 0.0;
            }
        }
    }

    pub(super) fn disc(&mut self, centre: Point, radius: f32, colour: Rgb, alpha: f32) {
        let span = |middle: f32, end: usize| {
            let (from, to) = (middle - radius - 1.0, middle + radius + 2.0);
            from.max(0.0) as usize..(to.max(0.0) as usize).min(end)
        };
        for y in span(centre.1, self.height) {
            for x in span(centre.0, self.width) {
                let (aside, down) = (x as f32 + 0.5 - centre.0, y as f32 + 0.5 - centre.1);
                let distance = (aside * aside + down * down).sqrt();
                let coverage = (radius + 0.5 - distance).clamp(0.0, 1.0);
                if coverage > 0.0 {
                    self.blend(y * self.width + x, colour, coverage * alpha);
                }
            }
        }
    }

    /// A line of that thickness along the points.
    pub(super) fn stroke(&mut self, points: &[Point], thickness: f32, colour: Rgb) {
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (along, down) = (to.0 - from.0, to.1 - from.1);
            let half = thickness / 2.0 / along.hypot(down).max(0.01);
            let (aside, up) = (down * half, -along * half);
            let quad = [
                (from.0 + aside, from.1 + up),
                (to.0 + aside, to.1 + up),
                (to.0 - aside, to.1 - up),
                (from.0 - aside, from.1 - up),
            ];
            self.fill(&quad, [colour; 2], 1.0);
        }
    }

    /// Lays a soft, slowly changing colour over some rows. `colour` gives it,
    /// with its alpha, at the corners of squares of `cell` pixels.
    pub(super) fn wash(
        &mut self,
        rows: Range<f32>,
        cell: usize,
        colour: impl Fn(f32, f32) -> [f32; 4],
    ) {
        let first = rows.start.max(0.0) as usize;
        let end = (rows.end.max(0.0).ceil() as usize).min(self.height);
        let cells = self.width.div_ceil(cell);
        let corners = |y: usize| -> Vec<[f32; 4]> {
            (0..=cells)
                .map(|n| colour((n * cell) as f32, y as f32))
                .collect()
        };
        let mut lower = corners(first);
        for band in (first..end).step_by(cell) {
            let upper = std::mem::replace(&mut lower, corners(band + cell));
            for y in band..(band + cell).min(end) {
                let share = (y - band) as f32 / cell as f32;
                for n in 0..cells {
                    let left = between(upper[n], lower[n], share);
                    let right = between(upper[n + 1], lower[n + 1], share);
                    if left[3] <= 0.0 && right[3] <= 0.0 {
                        continue;
                    }
                    for x in n * cell..((n + 1) * cell).min(self.width) {
                        let share = (x - n * cell) as f32 / cell as f32;
                        let [red, green, blue, alpha] = between(left, right, share);
                        self.blend(y * self.width + x, [red, green, blue], alpha);
                    }
                }
            }
        }
    }

    pub(super) fn glow(&mut self, centre: Point, radius: f32, colour: Rgb, strength: f32) {
        let cell = if radius < 60.0 { 4 } else { 8 };
        self.wash(centre.1 - radius..centre.1 + radius, cell, |x, y| {
            let (aside, down) = (x - centre.0, y - centre.1);
            let distance = (aside * aside + down * down).sqrt() / radius;
            with_alpha(colour, strength * (1.0 - distance).max(0.0).powi(2))
        });
    }

    /// Darker corners, a little grain, eight bits.
    pub(super) fn develop(&self, chance: &mut fastrand::Rng) -> Vec<u8> {
        let grain: Vec<f32> = (0..4096)
            .map(|_| (chance.f32() + chance.f32() - 1.0) * 7.0)
            .collect();
        let from_middle = |place: usize, whole: usize| (place as f32 / whole as f32 - 0.5).powi(2);
        let across: Vec<f32> = (0..self.width)
            .map(|x| from_middle(x, self.width))
            .collect();
        let mut bytes = vec![0; self.pixels.len() * 3];
        let rows = bytes.chunks_exact_mut(self.width * 3);
        for (y, (row, pixels)) in rows.zip(self.pixels.chunks_exact(self.width)).enumerate() {
            let down = from_middle(y, self.height);
            let first = chance.usize(..4096);
            for x in 0..self.width {
                let light = 255.0 * (1.0 - 0.35 * (across[x] + down));
                let noise = grain[(first + x) & 4095];
                let [red, green, blue] = pixels[x];
                row[3 * x] = (red * light + noise) as u8;
                row[3 * x + 1] = (green * light + noise) as u8;
                row[3 * x + 2] = (blue * light + noise) as u8;
            }
        }
        bytes
    }
}

fn between(one: [f32; 4], other: [f32; 4], share: f32) -> [f32; 4] {
    let keep = 1.0 - share;
    [
        one[0] * keep + other[0] * share,
        one[1] * keep + other[1] * share,
        one[2] * keep + other[2] * share,
        one[3] * keep + other[3] * share,
    ]
}

/// Where a horizontal line enters and leaves a polygon, from left to right.
fn crossings(outline: &[Point], y: f32) -> Vec<f32> {
    let mut found = Vec::new();
    let mut from = outline[outline.len() - 1];
    for &to in outline {
        if (from.1 <= y) != (to.1 <= y) {
            found.push(from.0 + (to.0 - from.0) * (y - from.1) / (to.1 - from.1));
        }
        from = to;
    }
    found.sort_by(f32::total_cmp);
    found
}
