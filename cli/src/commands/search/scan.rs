//! The shortlist: every picture's rows against the queries', all of them, in whole numbers.
//!
//! A row of the index is signed bytes with a scale, a query's row 15-bit numbers with one, as large as keeps their product
//! within 32 bits; so only the rounding of the index counts. A text is as near as the nearest of the picture's rows (ITC), a
//! picture as the mean of its rows with those at the same places.
//!
//! The non-obvious thing: the file is read in pieces while it is compared, so that memory does not grow with it. Reading is
//! one thread's at a time, comparing is everybody's; the list does not depend on who came first, since pictures of the same
//! score are in order of their numbers.

use super::contents::Place;
use super::record::rows_of;
use ocelli_engine::Embedding;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

/// Bytes of the file that are read together, unless one picture has more.
const TOGETHER: u64 = 4 << 20;

/// What is looked for.
pub struct Query {
    rows: Vec<Vec<i16>>,
    scales: Vec<f32>,
    kind: Kind,
}

/// How pictures are compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Picture,
}

impl Query {
    /// Of rows of length one.
    pub fn new(rows: &Embedding, kind: Kind) -> Self {
        // A byte and this, added up over a row, stay within 32 bits.
        let most = (i32::MAX as usize / (128 * rows.width.max(1))).clamp(1, 32_767);
        #[allow(clippy::cast_precision_loss)]
        let most = most as f32;
        let (mut all, mut scales) = (Vec::new(), Vec::new());
        for row in rows.rows() {
            let largest = row.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let inverse = if largest > 0.0 { most / largest } else { 0.0 };
            scales.push(largest / most);
            #[allow(clippy::cast_possible_truncation)] // within -32767..=32767
            all.push(row.iter().map(|x| (x * inverse).round() as i16).collect());
        }
        Self { rows: all, scales, kind }
    }

    /// How near a picture's rows are: scales, then numbers.
    #[allow(clippy::cast_precision_loss)]
    fn nearness(&self, rows: &[u8], width: usize) -> f32 {
        let count = rows_of(rows.len(), width).unwrap_or(0);
        let (scales, numbers) = rows.split_at(4 * count);
        let scales = scales.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let theirs = scales.zip(numbers.chunks_exact(width));
        let cosine = |own: usize, (scale, numbers): (f32, &[u8])| {
            product(numbers, &self.rows[own]) as f32 * scale * self.scales[own]
        };
        match self.kind {
            Kind::Text => theirs.map(|row| cosine(0, row)).fold(f32::NEG_INFINITY, f32::max),
            Kind::Picture => {
                let rows = self.rows.len().min(count).max(1);
                theirs.take(self.rows.len()).enumerate().map(|(own, row)| cosine(own, row)).sum::<f32>() / rows as f32
            }
        }
    }
}

/// The sum of products of signed bytes with numbers: a loop that compilers turn into whole vectors, also where they check sums
/// that are not said to wrap. [`Query::new`] sees to it that none does.
fn product(bytes: &[u8], numbers: &[i16]) -> i32 {
    let product = |(&byte, &number): (&u8, &i16)| i32::from(byte.cast_signed()).wrapping_mul(i32::from(number));
    bytes.iter().zip(numbers).map(product).fold(0, i32::wrapping_add)
}

/// A picture by its number, and how near it is.
pub type Near = (usize, f32);

/// The nearest of some pictures.
struct Nearest {
    most: usize,
    list: Vec<Near>,
}

impl Nearest {
    fn push(&mut self, near: Near) {
        self.list.push(near);
        // As many again come before they are sorted, so that sorting costs little.
        if self.list.len() >= 2 * self.most.max(512) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.list.truncate(self.most);
    }
}

/// Pictures whose rows are read together.
struct Piece<'a> {
    start: u64,
    bytes: usize,
    pictures: &'a [(usize, Place)],
}

/// The nearest `most` of these pictures to each query, the nearest first. Pictures are given by where their rows are in the
/// file, in this order.
pub fn nearest(
    file: &File,
    places: &[(usize, Place)],
    queries: &[Query],
    width: usize,
    (most, threads): (usize, usize),
) -> io::Result<Vec<Vec<Near>>> {
    let pieces = pieces(places);
    let next = Mutex::new(pieces.iter());
    let work = || -> io::Result<Vec<Nearest>> {
        let mut found: Vec<Nearest> = queries.iter().map(|_| Nearest { most, list: Vec::new() }).collect();
        let mut bytes = Vec::new();
        loop {
            let piece = {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(piece) = next.next() else { return Ok(found) };
                bytes.resize(piece.bytes, 0);
                let mut file = file;
                file.seek(SeekFrom::Start(piece.start))?;
                file.read_exact(&mut bytes)?;
                piece
            };
            for &(picture, place) in piece.pictures {
                #[allow(clippy::cast_possible_truncation)] // within the piece
                let from = (place.offset - piece.start) as usize;
                let rows = &bytes[from..from + place.bytes];
                for (query, found) in queries.iter().zip(&mut found) {
                    found.push((picture, query.nearness(rows, width)));
                }
            }
        }
    };
    let parts = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(pieces.len())).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()?];
        for other in others {
            parts.push(other.join().unwrap_or_else(|_| Err(io::Error::other("a thread ended early")))?);
        }
        io::Result::Ok(parts)
    })?;
    let mut all: Vec<Nearest> = queries.iter().map(|_| Nearest { most, list: Vec::new() }).collect();
    for part in parts {
        all.iter_mut().zip(part).for_each(|(all, part)| all.list.extend(part.list));
    }
    all.iter_mut().for_each(Nearest::settle);
    Ok(all.into_iter().map(|found| found.list).collect())
}

fn pieces(places: &[(usize, Place)]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some((_, first)) = places.get(from) {
        let within = |(_, place): &&(usize, Place)| place.offset + place.bytes as u64 - first.offset <= TOGETHER;
        let count = places[from..].iter().take_while(within).count().max(1);
        let pictures = &places[from..from + count];
        let end = pictures.last().map_or(first.offset, |(_, last)| last.offset + last.bytes as u64);
        #[allow(clippy::cast_possible_truncation)] // TOGETHER, or a record
        pieces.push(Piece { start: first.offset, bytes: (end - first.offset) as usize, pictures });
        from += count;
    }
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use super::super::record::add_rows;
    use super::*;
    use std::io::Write;
    use std::time::Instant;

    /// Numbers that look drawn from a normal distribution, the same at every run.
    fn drawn(state: &mut u64) -> f32 {
        let mut sum = -6.0;
        for _ in 0..12 {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            #[allow(clippy::cast_precision_loss)]
            let part = (*state >> 40) as f32 / (1 << 24) as f32;
            sum += part;
        }
        sum
    }

    fn unit(width: usize, rows: usize, state: &mut u64) -> Embedding {
        let mut values: Vec<f32> = (0..width * rows).map(|_| drawn(state)).collect();
        for row in values.chunks_exact_mut(width) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= length);
        }
        Embedding { width, values }
    }

    /// A file of pictures' rows with something between them, where they are, and what they were.
    fn written(pictures: &[Embedding]) -> (File, Vec<(usize, Place)>) {
        let mut file = tempfile::tempfile().unwrap();
        let (mut places, mut bytes) = (Vec::new(), vec![0; 21]);
        for (number, rows) in pictures.iter().enumerate() {
            let offset = bytes.len() as u64 + 21;
            let before = bytes.len();
            add_rows(number as u128, rows, &mut bytes);
            places.push((number, Place { offset, bytes: bytes.len() - before - 29 }));
            bytes.extend([255; 40]);
        }
        file.write_all(&bytes).unwrap();
        (file, places)
    }

    fn wanted(pictures: &[Embedding], query: &Embedding, kind: Kind) -> Vec<Near> {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        #[allow(clippy::cast_precision_loss)]
        let near = |rows: &Embedding| match kind {
            Kind::Text => rows.greatest(&query.values),
            Kind::Picture => {
                rows.rows().zip(query.rows()).map(|(a, b)| dot(a, b)).sum::<f32>() / rows.rows().count() as f32
            }
        };
        let mut all: Vec<Near> = pictures.iter().map(near).enumerate().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }

    #[test]
    fn the_nearest_are_those_of_floats() {
        let mut state = 1;
        // More than two pieces.
        let pictures: Vec<Embedding> = (0..1500).map(|_| unit(48, 160, &mut state)).collect();
        let (file, places) = written(&pictures);
        assert!(pieces(&places).len() > 2);
        let near = Embedding { width: 48, values: pictures[777].values[48 * 5..48 * 6].to_vec() };
        let queries = [(unit(48, 1, &mut state), Kind::Text), (near, Kind::Text), (pictures[3].clone(), Kind::Picture)];
        let asked: Vec<Query> = queries.iter().map(|(rows, kind)| Query::new(rows, *kind)).collect();
        let one = nearest(&file, &places, &asked, 48, (20, 1)).unwrap();
        assert_eq!(one, nearest(&file, &places, &asked, 48, (20, 3)).unwrap(), "however many threads");
        for ((rows, kind), found) in queries.iter().zip(&one) {
            let wanted = wanted(&pictures, rows, *kind);
            assert_eq!(found.len(), 20);
            assert_eq!(found[0].0, wanted[0].0);
            for (picture, score) in found {
                let float = wanted.iter().find(|(number, _)| number == picture).unwrap().1;
                assert!((score - float).abs() < 0.01, "picture {picture}: {score} {float}");
                assert!(float > wanted[19].1 - 0.02, "picture {picture} is none of the nearest");
            }
        }
        assert_eq!((one[1][0].0, one[2][0].0), (777, 3));
        assert!(one[1][0].1 > 0.99 && one[2][0].1 > 0.99);
    }

    #[test]
    fn the_largest_numbers_of_the_widest_rows_stay_within_32_bits() {
        for width in [1, 255, 4096, 65_536] {
            let ones = Embedding { width, values: vec![1.0; width] };
            let query = Query::new(&ones, Kind::Text);
            let mut bytes = Vec::new();
            add_rows(0, &ones, &mut bytes);
            #[allow(clippy::cast_precision_loss)]
            let wanted = width as f32;
            let near = query.nearness(&bytes[21..bytes.len() - 8], width);
            assert!((near / wanted - 1.0).abs() < 1e-3, "{width}: {near}");
        }
    }

    /// The figures of docs/search.md: time and recall over 31,250 pictures of 32 rows of 256 numbers.
    #[test]
    #[ignore = "a measurement: some seconds and 600 MB"]
    fn a_million_rows() {
        const PICTURES: usize = 31_250;
        let mut state = 1;
        let mut file = tempfile::tempfile().unwrap();
        let (mut places, mut at) = (Vec::new(), 0);
        // A text's row is near some picture's, as those of a trained model are; others are near by chance.
        let texts: Vec<Embedding> = (0..20).map(|_| unit(256, 1, &mut state)).collect();
        let mut exact: Vec<Vec<Near>> = vec![Vec::new(); texts.len()];
        for number in 0..PICTURES {
            let mut bytes = Vec::new();
            let rows = unit(256, 32, &mut state);
            add_rows(number as u128, &rows, &mut bytes);
            places.push((number, Place { offset: at + 21, bytes: bytes.len() - 29 }));
            at += bytes.len() as u64;
            file.write_all(&bytes).unwrap();
            for (text, exact) in texts.iter().zip(&mut exact) {
                exact.push((number, rows.greatest(&text.values)));
            }
        }
        exact.iter_mut().for_each(|all| all.sort_by(|a, b| b.1.total_cmp(&a.1)));
        let threads = thread::available_parallelism().unwrap().get();
        for count in [1, 20] {
            let asked: Vec<Query> = texts[..count].iter().map(|rows| Query::new(rows, Kind::Text)).collect();
            for pictures in [10_000, PICTURES] {
                let mut times: Vec<f64> = (0..5)
                    .map(|_| {
                        let start = Instant::now();
                        nearest(&file, &places[..pictures], &asked, 256, (128, threads)).unwrap();
                        start.elapsed().as_secs_f64() * 1e3
                    })
                    .collect();
                times.sort_by(f64::total_cmp);
                eprintln!("{count} texts, {} rows, {threads} threads: {:.0} ms", pictures * 32, times[2]);
            }
        }
        let asked: Vec<Query> = texts.iter().map(|rows| Query::new(rows, Kind::Text)).collect();
        let found = nearest(&file, &places, &asked, 256, (128, threads)).unwrap();
        // What counts is what is on the shortlist: it is looked at once more.
        for most in [1, 10, 128] {
            let mut there = 0;
            for (found, exact) in found.iter().zip(&exact) {
                let found: Vec<usize> = found.iter().map(|(number, _)| *number).collect();
                there += exact[..most].iter().filter(|(number, _)| found.contains(number)).count();
            }
            #[allow(clippy::cast_precision_loss)]
            let recall = there as f64 / (most * texts.len()) as f64;
            eprintln!("of the nearest {most} by floats are on the shortlist of 128: {recall:.4}");
            assert!(recall > if most < 128 { 0.999 } else { 0.95 });
        }
    }
}
