//! Boxes with labels on a picture.
//!
//! The non-obvious thing: a label must be read on any ground, so it brings its own: it is a filled bar in the box's colour, in
//! black or white letters, whichever is further from that, with a dark rim. It goes above its box, or where no other label is.
//! A small picture is enlarged first, or no label would fit on it.

use font8x8::UnicodeFonts;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::pointing::{Corners, Phrase};

type Colour = [u8; 3];

/// Colours that are told apart, in turn.
const COLOURS: [Colour; 8] = [
    [230, 25, 75],
    [60, 180, 75],
    [255, 215, 25],
    [0, 130, 200],
    [245, 130, 48],
    [145, 30, 180],
    [70, 230, 230],
    [240, 50, 230],
];
const DARK: Colour = [0; 3];
const LIGHT: Colour = [255; 3];
/// Pixels of a picture's shorter side that labels need, and most times that it is enlarged.
const READABLE: u32 = 448;
const ENLARGED: u32 = 8;
/// Pixels of the shorter side for one more pixel of each dot of a letter.
const DOT: i64 = 220;
/// Pixels of a letter, across and down.
const LETTER: i64 = 8;

/// Pixels from `left`, `top` on, up to `right`, `bottom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Area {
    fn meets(self, other: Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn grown(self, by: i64) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }
}

/// What is drawn on.
struct Canvas {
    width: i64,
    height: i64,
    rgb: Vec<u8>,
    /// Pixels of a letter's dot.
    dot: i64,
    labels: Vec<Area>,
}

/// The picture with the boxes of all phrases; those of one phrase have one colour.
pub fn drawn(picture: &Picture, phrases: &[Phrase]) -> Option<Picture> {
    let mut canvas = Canvas::of(picture);
    let coloured = || phrases.iter().zip(COLOURS.into_iter().cycle());
    for (phrase, colour) in coloured() {
        phrase.boxes.iter().for_each(|corners| canvas.frame(canvas.area(corners), colour));
    }
    // Labels go over all frames.
    for (phrase, colour) in coloured() {
        phrase.boxes.iter().for_each(|corners| canvas.label(canvas.area(corners), &phrase.text, colour));
    }
    let size = |side: i64| u32::try_from(side).ok();
    Picture::new(size(canvas.width)?, size(canvas.height)?, canvas.rgb, &ImageLimits::default()).ok()
}

impl Canvas {
    fn of(picture: &Picture) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let wanted = READABLE.div_ceil(width.min(height).max(1)).clamp(1, ENLARGED);
        let limits = ImageLimits::default();
        let fits = |times: &u32| limits.check(width.saturating_mul(*times), height.saturating_mul(*times)).is_ok();
        let times = (1..=wanted).rev().find(fits).unwrap_or(1);
        let mut rgb = Vec::with_capacity(picture.rgb().len() * (times * times) as usize);
        for row in picture.rgb().chunks_exact(3 * width as usize) {
            let line: Vec<u8> = row.chunks_exact(3).flat_map(|pixel| pixel.repeat(times as usize)).collect();
            (0..times).for_each(|_| rgb.extend_from_slice(&line));
        }
        let (width, height) = (i64::from(width * times), i64::from(height * times));
        Self { width, height, rgb, dot: (width.min(height) / DOT).clamp(1, 6), labels: Vec::new() }
    }

    /// The pixels of a box, those outside of the picture cut off.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // cut off to the picture
    fn area(&self, corners: &Corners) -> Area {
        let at = |share: f64, side: i64| ((share * side as f64).round() as i64).clamp(0, side);
        let [left, top, right, bottom] = *corners;
        let (left, right) = (at(left.min(right), self.width), at(left.max(right), self.width));
        let (top, bottom) = (at(top.min(bottom), self.height), at(top.max(bottom), self.height));
        Area { left, top, right, bottom }
    }

    fn fill(&mut self, area: Area, colour: Colour) {
        let (left, right) = (area.left.clamp(0, self.width), area.right.clamp(0, self.width));
        for y in area.top.clamp(0, self.height)..area.bottom.clamp(0, self.height) {
            let row = usize::try_from(y * self.width).unwrap_or(0);
            let columns = usize::try_from(left).unwrap_or(0)..usize::try_from(right).unwrap_or(0);
            for pixel in columns {
                self.rgb[3 * (row + pixel)..][..3].copy_from_slice(&colour);
            }
        }
    }

    /// A line of a colour with a dark one on both sides of it.
    fn frame(&mut self, area: Area, colour: Colour) {
        let thick = self.dot + 1;
        for (by, colour) in [(thick / 2 + 1, DARK), (thick / 2, colour)] {
            let (outer, inner) = (area.grown(by), area.grown(-by - thick % 2));
            for part in [
                Area { bottom: inner.top, ..outer },
                Area { top: inner.bottom, ..outer },
                Area { right: inner.left, ..outer },
                Area { left: inner.right, ..outer },
            ] {
                self.fill(part, colour);
            }
        }
    }

    /// A bar with a text beside a box.
    fn label(&mut self, beside: Area, text: &str, colour: Colour) {
        let (dot, letter) = (self.dot, LETTER * self.dot);
        let most = usize::try_from((self.width - 4 * dot) / letter).unwrap_or(0).max(1);
        let text: Vec<char> = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        let text: Vec<char> =
            if text.len() > most { text.into_iter().take(most - 1).chain(['.']).collect() } else { text };
        let size = (i64::try_from(text.len()).unwrap_or(0) * letter + 4 * dot, letter + 4 * dot);
        let bar = self.free(beside, size);
        self.labels.push(bar);
        self.fill(bar, DARK);
        self.fill(bar.grown(-dot), colour);
        let bright = 299 * u32::from(colour[0]) + 587 * u32::from(colour[1]) + 114 * u32::from(colour[2]);
        let ink = if bright > 140_000 { DARK } else { LIGHT };
        for (place, c) in (0..).zip(text) {
            let (left, top) = (bar.left + 2 * dot + place * letter, bar.top + 2 * dot);
            for (row, bits) in (0..).zip(glyph(c)) {
                for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                    let (left, top) = (left + column * dot, top + row * dot);
                    self.fill(Area { left, top, right: left + dot, bottom: top + dot }, ink);
                }
            }
        }
    }

    /// Where a bar of a size goes: above a box, inside or below, and where other labels are, further down.
    fn free(&self, beside: Area, (width, height): (i64, i64)) -> Area {
        let left = beside.left.min(self.width - width).max(0);
        let at = |top: i64| Area { left, top, right: left + width, bottom: top + height };
        let inside = |bar: &Area| bar.top >= 0 && bar.bottom <= self.height;
        let free = |bar: &Area| self.labels.iter().all(|other| !other.meets(*bar));
        let steps = (0..self.height / height.max(1)).map(|step| beside.top + step * height);
        let tops = [beside.top - height, beside.top, beside.bottom].into_iter().chain(steps);
        let found = tops.map(at).find(|bar| inside(bar) && free(bar));
        found.unwrap_or_else(|| at(beside.top.clamp(0, (self.height - height).max(0))))
    }
}

/// Rows of a letter's dots, the first one in the lowest bit; of a letter that the font lacks the frame of one.
fn glyph(c: char) -> [u8; 8] {
    let fonts: [&dyn Fn(char) -> Option<[u8; 8]>; 4] =
        [&|c| font8x8::BASIC_FONTS.get(c), &|c| font8x8::LATIN_FONTS.get(c), &|c| font8x8::GREEK_FONTS.get(c), &|c| {
            font8x8::HIRAGANA_FONTS.get(c)
        }];
    fonts.iter().find_map(|font| font(c)).unwrap_or([0x7e, 0x42, 0x42, 0x42, 0x42, 0x42, 0x7e, 0])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, level: u8) -> Picture {
        let rgb = vec![level; (3 * width * height) as usize];
        Picture::new(width, height, rgb, &ImageLimits::default()).unwrap()
    }

    fn phrase(text: &str, boxes: &[Corners]) -> Phrase {
        Phrase { text: text.to_owned(), span: (0, 0), boxes: boxes.to_vec() }
    }

    /// A strip is enlarged as far as a picture may be large.
    #[test]
    fn long_pictures_are_drawn_on() {
        let phrases = [phrase("a mast", &[[0.1, 0.1, 0.9, 0.9]])];
        for (width, height, wanted) in [(60, 9_000, 9_000), (60, 5_000, 15_000), (9_000, 60, 60), (64, 64, 448)] {
            let drawn = drawn(&grey(width, height, 90), &phrases).unwrap();
            assert_eq!(drawn.height(), wanted, "{width}x{height}");
        }
    }

    #[test]
    fn frames_and_labels_are_seen_on_any_ground() {
        for level in [0, 90, 200, 255] {
            let phrases = [
                phrase("a dog", &[[0.2, 0.3, 0.6, 0.9], [0.7, 0.3, 0.95, 0.5]]),
                phrase("é Ω ☃", &[[0.0, 0.0, 1.0, 1.0]]),
            ];
            let made = drawn(&grey(500, 460, level), &phrases).unwrap();
            assert_eq!((made.width(), made.height()), (500, 460));
            let at = |x: u32, y: u32| {
                let at = 3 * (y * 500 + x) as usize;
                <[u8; 3]>::try_from(&made.rgb()[at..at + 3]).unwrap()
            };
            assert_eq!(at(100, 200), COLOURS[0], "the left side of the first box on {level}");
            assert_eq!(at(350, 170), COLOURS[0], "that of the second");
            assert_eq!(at(0, 300), COLOURS[1], "that of the other phrase, at the picture's edge");
            assert_eq!(at(200, 250), [level; 3], "what is inside stays");
            let ink = made.rgb().chunks_exact(3).filter(|pixel| **pixel == LIGHT).count();
            assert!(level == 255 || ink > 100, "{ink} pixels of letters on {level}");
        }
    }

    #[test]
    fn labels_lie_apart_and_small_pictures_are_enlarged() {
        let mut canvas = Canvas::of(&grey(64, 60, 128));
        assert_eq!((canvas.width, canvas.height, canvas.dot), (512, 480, 2));
        for _ in 0..6 {
            let area = canvas.area(&[0.1, 0.1, 0.5, 0.5]);
            canvas.label(area, "the same place", COLOURS[0]);
        }
        for (number, one) in canvas.labels.iter().enumerate() {
            assert!(one.left >= 0 && one.top >= 0 && one.right <= 512 && one.bottom <= 480, "{one:?}");
            assert!(canvas.labels[..number].iter().all(|other| !other.meets(*one)), "{:?}", canvas.labels);
        }
        let long = phrase(&"very long ".repeat(40), &[[0.5, 0.5, 0.6, 0.6]]);
        let odd = phrase("", &[[-1.0, 3.0, 900.0, f64::MAX], [f64::NAN, 0.0, 0.0, 0.0]]);
        assert!(drawn(&grey(4, 700, 7), &[long, odd]).is_some());
    }
}
