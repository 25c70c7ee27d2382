//! From queries to hits: a shortlist by what pictures and texts are compared by alone (ITC), then, for texts, every picture
//! of it together with the text (ITM). As LAVIS ranks retrieval, the score is the logit of a match, the mean of all queries,
//! plus the cosine.
//!
//! The non-obvious thing: texts share the work. A picture that is on several shortlists passes through the tower once.

use super::contents::{Place, State};
use super::index::Index;
use super::scan::{self, Kind, Near, Query};
use super::walk::Found;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Notes;
use crate::progress::Count;
use crate::read;
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{ErrorKind, Session};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is looked for.
pub enum Wanted<'a> {
    Text(&'a str),
    /// Pictures like one, and what it is called.
    Picture(String, Arc<Picture>),
}

impl Wanted<'_> {
    /// What it is compared by, and how.
    pub fn query(&self, session: &mut Session) -> Result<Query, Failure> {
        Ok(match self {
            Self::Text(text) => Query::new(&session.compared_texts(&[*text], false)?, Kind::Text),
            Self::Picture(_, picture) => Query::new(&session.compared_image(picture, false)?, Kind::Picture),
        })
    }
}

/// A picture that was found.
#[derive(Debug)]
pub struct Hit<'a> {
    pub found: &'a Found,
    /// The same file under other paths.
    pub also: Vec<&'a Found>,
    pub score: f32,
    /// The probability that picture and text go together, where that was asked of the model.
    pub itm: Option<f32>,
    /// The greatest cosine, or of a picture the mean.
    pub itc: f32,
}

/// How many are wanted.
#[derive(Clone, Copy)]
pub struct Wide {
    /// Hits of each query.
    pub hits: usize,
    /// Pictures of each text that are looked at together with it; 0 is none.
    pub shortlist: usize,
    pub threads: usize,
}

/// Pictures by content, with where their rows are, in the file's order.
struct Shelf<'a> {
    paths: Vec<Vec<&'a Found>>,
    places: Vec<(usize, Place)>,
}

fn shelf<'a>(index: &Index, pictures: &'a [Found]) -> Shelf<'a> {
    let mut numbers: HashMap<u128, usize> = HashMap::new();
    let mut shelf = Shelf { paths: Vec::new(), places: Vec::new() };
    for found in pictures {
        let Some(State::Seen(hash)) = index.known(found) else { continue };
        if let Some(&number) = numbers.get(hash) {
            shelf.paths[number].push(found);
        } else if let Some(place) = index.place(*hash) {
            let number = shelf.paths.len();
            numbers.insert(*hash, number);
            shelf.paths.push(vec![found]);
            shelf.places.push((number, place));
        }
    }
    shelf.places.sort_unstable_by_key(|(_, place)| place.offset);
    shelf
}

/// The hits of each query, the best first.
pub fn ranked<'a>(
    index: &Index,
    pictures: &'a [Found],
    (wanted, queries): (&[Wanted<'_>], &[Query]),
    wide: Wide,
    (session, limits): (&mut Session, &ImageLimits),
    (notes, interrupt): (&Notes, &Interrupt),
) -> Result<Vec<Vec<Hit<'a>>>, Failure> {
    let shelf = shelf(index, pictures);
    let most = wide.hits.max(wide.shortlist);
    let near = scan::nearest(index.file(), &shelf.places, queries, index.width(), (most, wide.threads));
    let near = near.map_err(|e| Failure::reading("index", index.path(), &e))?;
    let matched = match wide.shortlist {
        0 => HashMap::new(),
        _ => matched(&shelf, &near, wanted, wide, (session, limits), (notes, interrupt))?,
    };
    let hits = near.into_iter().enumerate().map(|(query, near)| {
        let looked = wide.shortlist > 0 && matches!(wanted[query], Wanted::Text(_));
        let hit = |(number, near): Near| {
            let (found, also) = shelf.paths[number].split_first()?;
            let (score, itm, itc) = if looked {
                let m = matched.get(&(number, query))?;
                (m.logits[1] + m.itc, Some(m.itm), m.itc)
            } else {
                (near, None, near)
            };
            Some(Hit { found, also: also.to_vec(), score, itm, itc })
        };
        let mut hits: Vec<Hit<'_>> = near.into_iter().filter_map(hit).collect();
        // A stable sort: what is equal stays in the shortlist's order.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(wide.hits);
        hits
    });
    Ok(hits.collect())
}

/// The texts' shortlists, each picture together with the texts that have it on theirs.
fn matched(
    shelf: &Shelf<'_>,
    near: &[Vec<Near>],
    wanted: &[Wanted<'_>],
    wide: Wide,
    (session, limits): (&mut Session, &ImageLimits),
    (notes, interrupt): (&Notes, &Interrupt),
) -> Result<HashMap<(usize, usize), ocelli_engine::Match>, Failure> {
    let mut asked: BTreeMap<usize, Vec<(usize, &str)>> = BTreeMap::new();
    for (query, (near, wanted)) in near.iter().zip(wanted).enumerate() {
        if let Wanted::Text(text) = wanted {
            near.iter()
                .take(wide.shortlist)
                .for_each(|(number, _)| asked.entry(*number).or_default().push((query, text)));
        }
    }
    let count = Count::new(notes, "pictures of the shortlist", 0, asked.len());
    let mut matched = HashMap::new();
    for (done, (number, asked)) in asked.iter().enumerate() {
        if interrupt.raised() {
            return Err(Failure::Interrupted);
        }
        let Some(found) = shelf.paths[*number].first() else { continue };
        let texts: Vec<&str> = asked.iter().map(|(_, text)| *text).collect();
        let seen = read::read_picture(&found.path, limits).and_then(|picture| {
            session.match_texts(&[picture], &texts, &mut |_| ControlFlow::Continue(())).map_err(|e| match e.kind() {
                ErrorKind::Image => Failure::new(e.code(), format_args!("{}: {e}", found.path.display())),
                _ => e.into(),
            })
        });
        match seen {
            Ok(seen) => matched.extend(seen.into_iter().map(|m| ((*number, asked[m.text].0), m))),
            // It went, or was changed, a moment ago.
            Err(failure) if matches!(failure.code(), Some("open" | "image")) => {
                notes.line(format_args!("{}: left out", failure.message()));
            }
            Err(failure) => return Err(failure),
        }
        count.at(done + 1, "");
    }
    notes.clear();
    Ok(matched)
}
