//! Boxes in what a model reads and writes: phrases of an answer with the places they stand at in a picture, and places in a
//! prompt as the model's own words.
//!
//! How a model writes a box its file says: as two cells of a grid behind a phrase between tags (KOSMOS-2; Peng et al. 2023,
//! section 3), as JSON with whole numbers (Qwen3-VL), or as four location tokens (PaliGemma).
//!
//! The non-obvious thing: of the grid an upper left and a lower right cell mean their middles, since the true edges lie somewhere
//! in them; but two of one line or one column mean their outer edges, or the box would be empty. What is malformed is no box and
//! stays as it is, but for tags, as in the original (`processing_kosmos2.py` of transformers).

use crate::error::Error;
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// A box by its upper left and lower right corner, x before y, as shares of the picture's width and height.
pub type Corners = [f64; 4];

/// A phrase with its places.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrase {
    /// Its words; those of a place that nothing is said of are the model's for the place.
    pub text: String,
    /// Where it stands in [`Pointed::text`], in characters; of a place without words where that place was written.
    pub span: (i64, i64),
    /// The places, in the order in which they were written.
    pub boxes: Vec<Corners>,
}

/// What an answer says and what of it stands where.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pointed {
    /// The text as people read it.
    pub text: String,
    /// Its phrases that have a place, in order; the same one may come twice.
    pub phrases: Vec<Phrase>,
}

/// How a model writes boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Two cells of a grid of so many cells a side.
    Cells,
    /// Objects with `bbox_2d`, of numbers up to the scale.
    Json,
    /// Four tokens, y before x, of numbers below the scale.
    Locations,
}

/// How a model points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointing {
    kind: Kind,
    scale: u32,
}

/// Most cells a side, and the largest number of a place.
const MOST: usize = 1 << 14;
/// Around a place in a prompt.
const TYPED: [&str; 2] = ["<box>", "</box>"];
const OBJECT: [&str; 2] = ["<object>", "</object>"];
const PHRASE: [&str; 2] = ["<phrase>", "</phrase>"];
/// Asks for places.
const GROUNDING: &str = "<grounding>";
/// Between two boxes of one phrase.
const AND: &str = "</delimiter_of_multi_objects/>";
const CELL: &str = "<patch_index_";
const LOCATION: &str = "<loc";
/// Ends the picture's part of a prompt.
const IMAGE_END: &str = "</image>";

impl Pointing {
    /// As the file says; `None` where it does not point.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn from_gguf(file: &Arc<Gguf>) -> Result<Option<Self>, Error> {
        const KIND: &str = "kind";
        let header = Header::new(file, "ocelli.pointing.");
        if header.get(KIND).is_none() {
            return Ok(None);
        }
        let kind = match header.text(KIND)? {
            "cells" => Kind::Cells,
            "json" => Kind::Json,
            "locations" => Kind::Locations,
            other => return Err(header.bad(KIND, other, "must be cells, json or locations")),
        };
        let scale = header.count("scale", 1..=MOST)?;
        let scale = u32::try_from(scale).map_err(|_| header.bad("scale", scale, "must fit 32 bits"))?;
        Ok(Some(Self { kind, scale }))
    }

    /// What `text`, a model's answer with the prompt's text before it, says of places. What stands before the last picture of a
    /// prompt is left out.
    #[must_use]
    pub fn read(&self, text: &str) -> Pointed {
        match self.kind {
            Kind::Cells => self.cells(text.rsplit(IMAGE_END).next().unwrap_or(text)),
            Kind::Json => Pointed { text: text.trim().to_owned(), phrases: json(text, f64::from(self.scale)) },
            Kind::Locations => locations(text, f64::from(self.scale)),
        }
    }

    /// Whether what a model writes behind a prompt is to be read together with it: where the prompt asks for places or has some,
    /// in words of its own.
    #[must_use]
    pub fn reads_prompt(&self, prompt: &str) -> bool {
        let text = prompt.rsplit(IMAGE_END).next().unwrap_or(prompt);
        self.kind == Kind::Cells && [GROUNDING, PHRASE[0], OBJECT[0]].iter().any(|tag| text.contains(tag))
    }

    /// Whether places are written as tokens that people do not read.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.kind != Kind::Json
    }

    /// The model's words for places of one thing.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a box outside of the picture, or without width or height.
    pub fn words(&self, boxes: &[Corners]) -> Result<String, Error> {
        let scale = f64::from(self.scale);
        let one = |b: &Corners| -> Result<String, Error> {
            let [x1, y1, x2, y2] = *b;
            if !(0.0 <= x1 && x1 < x2 && x2 <= 1.0 && 0.0 <= y1 && y1 < y2 && y2 <= 1.0) {
                let rule = "x1,y1,x2,y2 from 0 to 1, x1 below x2 and y1 below y2";
                return Err(Error::BadOption { name: "box", got: format!("{x1},{y1},{x2},{y2}"), rule });
            }
            Ok(match self.kind {
                Kind::Cells => {
                    let cell = |x: f64, y: f64| whole(y) * self.scale + whole(x);
                    let first = cell((x1 * scale).floor(), (y1 * scale).floor());
                    let last = cell((x2 * scale - 1.0).ceil(), (y2 * scale - 1.0).ceil());
                    format!("{CELL}{first:04}>{CELL}{last:04}>")
                }
                Kind::Json => {
                    let [x1, y1, x2, y2] = b.map(|v| whole((v * scale).round()));
                    format!("{{\"bbox_2d\": [{x1}, {y1}, {x2}, {y2}]}}")
                }
                Kind::Locations => {
                    let token = |v: f64| format!("{LOCATION}{:04}>", whole((v * scale).floor()).min(self.scale - 1));
                    [y1, x1, y2, x2].map(token).concat()
                }
            })
        };
        let all = boxes.iter().map(one).collect::<Result<Vec<_>, Error>>()?;
        Ok(match self.kind {
            Kind::Cells => format!("{}{}{}", OBJECT[0], all.join(AND), OBJECT[1]),
            Kind::Json => format!("[{}]", all.join(", ")),
            Kind::Locations => all.concat(),
        })
    }

    /// A prompt's text with the model's words for each run of places, `<box>x1,y1,x2,y2</box>`.
    ///
    /// # Errors
    /// [`Error::BadOption`] for what is no box, as [`Pointing::words`].
    pub fn placed(&self, text: &str) -> Result<String, Error> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(TYPED[0]) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let mut boxes = Vec::new();
            while let Some(inner) = rest.trim_start().strip_prefix(TYPED[0]) {
                let (inside, behind) = inner.split_once(TYPED[1]).ok_or_else(|| untyped(inner))?;
                boxes.push(typed(inside)?);
                rest = behind;
            }
            out.push_str(&self.words(&boxes)?);
        }
        Ok(out + rest)
    }

    /// Phrases with cells of a grid.
    fn cells(&self, text: &str) -> Pointed {
        let (mut phrases, mut at) = (Vec::new(), 0);
        // Characters up to behind the last object: no tag is open there, whatever comes.
        let (mut passed, mut count) = (0, 0);
        while at < text.len() {
            let rest = &text[at..];
            let named = phrase(rest).and_then(|(words, behind)| Some((Some(words), object(behind)?)));
            let found = named.or_else(|| Some((None, object(rest)?)));
            let Some((words, (pairs, behind))) = found else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            let places = |pairs: &[[u64; 2]]| pairs.iter().map(|pair| self.corners(*pair)).collect();
            let characters = |end: usize| untagged(&text[passed..end]).chars().count();
            let before = |end: usize| signed(count + characters(end));
            match words {
                Some(words) => {
                    let start = at + PHRASE[0].len();
                    let span = (before(start), before(start + words.len()));
                    phrases.push(Phrase { text: words.to_owned(), span, boxes: places(&pairs) });
                }
                None => phrases.extend(pairs.iter().map(|pair| Phrase {
                    text: format!("{CELL}{}>{CELL}{}>", pair[0], pair[1]),
                    span: (before(at), before(at)),
                    boxes: places(std::slice::from_ref(pair)),
                })),
            }
            at = text.len() - behind.len();
            (passed, count) = (at, count + characters(at));
        }
        let plain = untagged(text);
        let leading = signed(plain.chars().take_while(|c| is_blank(*c)).count());
        for phrase in &mut phrases {
            let words = &phrase.text;
            let blanks = |all: &mut dyn Iterator<Item = char>| signed(all.take_while(|c| is_blank(*c)).count());
            let (ahead, behind) = (blanks(&mut words.chars()), blanks(&mut words.chars().rev()));
            phrase.span = (phrase.span.0 - leading + ahead, phrase.span.1 - leading - behind);
            phrase.text = words.trim_matches(is_blank).to_owned();
        }
        Pointed { text: plain.trim_matches(is_blank).to_owned(), phrases }
    }

    /// The box of two cells.
    fn corners(&self, [first, last]: [u64; 2]) -> Corners {
        let (side, cell) = (u64::from(self.scale), 1.0 / f64::from(self.scale));
        let ((x1, y1), (x2, y2)) = ((first % side, first / side), (last % side, last / side));
        // Of two lines and two columns the middles of the cells, else their outer edges.
        let (to_first, to_last) = if x1 == x2 || y1 == y2 { (0.0, cell) } else { (cell / 2.0, cell / 2.0) };
        let at = |v: u64, more: f64| real(v) * cell + more;
        [at(x1, to_first), at(y1, to_first), at(x2, to_last), at(y2, to_last)]
    }
}

/// The words of a phrase at the beginning of a text, and what is behind it.
fn phrase(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix(PHRASE[0])?;
    let end = inner.find('<').filter(|end| *end > 0)?;
    Some((&inner[..end], inner[end..].strip_prefix(PHRASE[1])?))
}

/// The pairs of cells of an object at the beginning of a text, and what is behind it.
fn object(text: &str) -> Option<(Vec<[u64; 2]>, &str)> {
    let mut rest = text.strip_prefix(OBJECT[0])?;
    let mut pairs = Vec::new();
    loop {
        let (first, behind) = numbered(rest, CELL)?;
        let (last, behind) = numbered(behind, CELL)?;
        pairs.push([first, last]);
        match behind.strip_prefix(AND) {
            Some(next) => rest = next,
            None => return Some((pairs, behind.strip_prefix(OBJECT[1])?)),
        }
    }
}

/// The number of a token at the beginning of a text, and what is behind it.
fn numbered<'t>(text: &'t str, token: &str) -> Option<(u64, &'t str)> {
    let inner = text.strip_prefix(token)?;
    let (digits, behind) = inner.split_at(inner.bytes().take_while(u8::is_ascii_digit).count());
    let behind = behind.strip_prefix('>').filter(|_| !digits.is_empty())?;
    Some((digits.parse().unwrap_or(u64::MAX), behind))
}

/// A text without what stands between `<` and the next `>` of its line.
fn untagged(text: &str) -> String {
    let (mut out, mut at, mut line) = (String::new(), 0, 0);
    while let Some(open) = text[at..].find('<').map(|found| at + found) {
        out.push_str(&text[at..open]);
        if open >= line {
            line = text[open..].find('\n').map_or(text.len(), |end| open + end);
        }
        at = match text[open..line].find('>') {
            Some(close) => open + close + 1,
            None => {
                // Nothing on this line closes one.
                out.push_str(&text[open..line]);
                line
            }
        };
    }
    out + &text[at..]
}

/// Objects with `bbox_2d`, whether the answer was cut behind them or not.
fn json(text: &str, scale: f64) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    for part in text.split('{').skip(1) {
        let object = part.split('}').next().unwrap_or(part);
        let Some(numbers) = value(object, "bbox_2d").and_then(|v| v.strip_prefix('[')?.split(']').next()) else {
            continue;
        };
        let numbers: Vec<f64> = numbers.split(',').filter_map(|n| n.trim().parse().ok()).collect();
        let Ok(corners) = <Corners>::try_from(numbers) else { continue };
        let text = value(object, "label").and_then(string).unwrap_or_default();
        phrases.push(Phrase { text, span: (0, 0), boxes: vec![corners.map(|v| v / scale)] });
    }
    phrases
}

/// What follows a key of an object.
fn value<'t>(object: &'t str, key: &str) -> Option<&'t str> {
    let behind = object.split_once(&format!("\"{key}\""))?.1;
    Some(behind.trim_start().strip_prefix(':')?.trim_start())
}

/// The string at the beginning of a text.
fn string(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text.strip_prefix('"')?.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Some(out),
            '\\' => match rest.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'u' => {
                    let digits: String = rest.by_ref().take(4).collect();
                    out.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
                }
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
    None
}

/// Four location tokens and the words behind them, up to a semicolon or the next place.
fn locations(text: &str, scale: f64) -> Pointed {
    let (mut out, mut phrases, mut rest) = (String::new(), Vec::new(), text);
    let (mut count, mut counted) = (0, 0);
    while let Some(at) = rest.find(LOCATION) {
        let four = (0..4).try_fold((Vec::new(), &rest[at..]), |(mut all, rest), _| {
            let (number, behind) = numbered(rest, LOCATION)?;
            all.push(real(number) / scale);
            Some((all, behind))
        });
        out.push_str(&rest[..at]);
        let Some((numbers, behind)) = four else {
            out.push_str(LOCATION);
            rest = &rest[at + LOCATION.len()..];
            continue;
        };
        count += out[counted..].chars().count();
        counted = out.len();
        let mut ends = behind.match_indices([';', '<']);
        let end = ends.find(|(at, found)| *found == ";" || behind[*at..].starts_with(LOCATION));
        let words = end.map_or(behind, |(at, _)| &behind[..at]);
        let ahead = words.len() - words.trim_start().len();
        let start = count + words[..ahead].chars().count();
        let words = words.trim();
        let span = (signed(start), signed(start + words.chars().count()));
        let [y1, x1, y2, x2] = [numbers[0], numbers[1], numbers[2], numbers[3]];
        phrases.push(Phrase { text: words.to_owned(), span, boxes: vec![[x1, y1, x2, y2]] });
        rest = behind;
    }
    out.push_str(rest);
    Pointed { text: out, phrases }
}

/// The four numbers of a place as it is typed.
fn typed(text: &str) -> Result<Corners, Error> {
    let numbers = text.split(',').map(|n| n.trim().parse().ok().filter(|n: &f64| n.is_finite()));
    let numbers: Option<Vec<f64>> = numbers.collect();
    numbers.and_then(|numbers| <Corners>::try_from(numbers).ok()).ok_or_else(|| untyped(text))
}

fn untyped(text: &str) -> Error {
    let got = text.chars().take(40).collect();
    Error::BadOption { name: "box", got, rule: "<box>x1,y1,x2,y2</box>, four numbers from 0 to 1" }
}

/// What Python's `strip` takes away.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[allow(clippy::cast_precision_loss)] // numbers of cells are small, and others are no places
fn real(number: u64) -> f64 {
    number as f64
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // callers have checked that it is a cell
fn whole(number: f64) -> u32 {
    number as u32
}
