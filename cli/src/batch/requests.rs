//! The requests of a batch, as its file has them.
//!
//! A request is known by a hash of its line and of all that decides its answer besides: the model and the settings. Its
//! number among the lines is its identifier where it names none. The file is read whole, so that it may be a pipe, and so that
//! how many there are is known before the first is answered.

use crate::failure::Failure;
use crate::json_lines::{self, Object};
use crate::output::{Notes, counted, size};
use ocelli_engine::image::bytes_hash;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Most bytes of a file of requests.
const MOST: u64 = 1 << 30;
/// Most names of fields in notes.
const NAMES: usize = 16;

/// A line that asks for something.
struct Line {
    number: usize,
    /// In the file.
    bytes: Range<usize>,
    /// Its identifier, as it is written.
    id: String,
    hash: u64,
}

/// All requests of a file, or those of a part of it.
pub struct Requests {
    /// The file, for messages.
    pub name: String,
    folder: PathBuf,
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

/// One of them.
pub struct Request<'a> {
    /// Where pictures' paths start.
    pub folder: &'a Path,
    /// Its fields, or what is wrong with the line.
    pub fields: Result<Object<'a>, String>,
}

impl Requests {
    /// Reads a file, `-` standard input.
    pub fn read(path: &Path, settings: u128, known: &[&str], notes: &Notes) -> Result<Self, Failure> {
        let stdin = path == Path::new("-");
        let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
        let mut bytes = Vec::new();
        let read = match stdin {
            true => io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes),
            false => File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)),
        };
        read.map_err(|e| Failure::reading("the batch", path, &e))?;
        if bytes.len() as u64 > MOST {
            let message = format_args!("{name}: more than {}; cut it into several", size(MOST));
            return Err(Failure::new("batch", message));
        }
        let folder = if stdin { Path::new("") } else { path.parent().unwrap_or(Path::new("")) };
        Self::of(name, folder, bytes, settings, known, notes)
    }

    /// Of a file's bytes. `settings` stands for all that decides answers besides the requests, `known` has the names of the
    /// fields that are read; others are said once.
    pub fn of(
        name: String,
        folder: &Path,
        bytes: Vec<u8>,
        settings: u128,
        known: &[&str],
        notes: &Notes,
    ) -> Result<Self, Failure> {
        let mut lines = Vec::new();
        let mut seen = Seen::default();
        for (number, line) in json_lines::lines(&bytes) {
            let line = line.trim_ascii();
            let fields = Object::parse(line);
            let id = fields.as_ref().ok().and_then(|fields| fields.raw("id"));
            let id = id.map_or_else(|| number.to_string(), str::to_owned);
            if let Ok(fields) = &fields {
                seen.line(number, &id, fields, known);
            }
            let hash = bytes_hash(&[settings.to_le_bytes(), bytes_hash(line).to_le_bytes()].concat());
            #[allow(clippy::cast_possible_truncation)]
            let hash = hash as u64;
            let start = line.as_ptr().addr() - bytes.as_ptr().addr();
            lines.push(Line { number, bytes: start..start + line.len(), id, hash });
        }
        if lines.is_empty() {
            return Err(Failure::new("batch", format_args!("{name} has no requests: all lines are empty")));
        }
        seen.notes(&name, known, notes);
        Ok(Self { name, folder: folder.to_owned(), bytes, lines })
    }

    /// Keeps part `part` of `of`, counted from 1: neighbouring requests, as many in each part but for one.
    pub fn shard(&mut self, part: usize, of: usize) {
        let count = self.lines.len() as u128;
        let border = |part: usize| usize::try_from(count * part as u128 / of as u128).unwrap_or(usize::MAX);
        self.lines = std::mem::take(&mut self.lines).drain(border(part - 1)..border(part)).collect();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether a part has none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The number of a request's line.
    pub fn line(&self, at: usize) -> usize {
        self.lines[at].number
    }

    /// One of them, by its place.
    pub fn get(&self, at: usize) -> Request<'_> {
        Request { folder: &self.folder, fields: Object::parse(&self.bytes[self.lines[at].bytes.clone()]) }
    }

    /// How the line that answers a request begins.
    pub fn answer(&self, at: usize) -> String {
        let Line { id, hash, .. } = &self.lines[at];
        format!("{{\"id\":{id},\"request\":\"{hash:016x}\"")
    }
}

/// What is worth a note.
#[derive(Default)]
struct Seen {
    /// Lines by their identifiers.
    ids: HashMap<u128, usize>,
    /// How many identifiers came again, and the first two lines that have one.
    again: usize,
    first: Option<(usize, usize)>,
    /// Names that are not read: how many lines have them, and the first.
    names: BTreeMap<String, (usize, usize)>,
    more: bool,
}

impl Seen {
    fn line(&mut self, number: usize, id: &str, fields: &Object<'_>, known: &[&str]) {
        if let Some(&before) = self.ids.get(&bytes_hash(id.as_bytes())) {
            self.again += 1;
            self.first.get_or_insert((before, number));
        } else {
            self.ids.insert(bytes_hash(id.as_bytes()), number);
        }
        for name in fields.names().filter(|name| *name != "id" && !known.contains(name)) {
            if let Some((count, _)) = self.names.get_mut(name) {
                *count += 1;
            } else if self.names.len() < NAMES {
                self.names.insert(name.to_owned(), (1, number));
            } else {
                self.more = true;
            }
        }
    }

    fn notes(&self, file: &str, known: &[&str], notes: &Notes) {
        for (name, (count, first)) in &self.names {
            let near = known.iter().find(|known| changes(name, known) <= 2);
            let near = near.map(|near| format!("; was \"{near}\" meant?")).unwrap_or_default();
            let lines = counted(*count, "line");
            notes.line(format_args!("{file}: the field {name:?} is not read ({lines}, the first is {first}){near}"));
        }
        if self.more {
            notes.line(format_args!("{file}: further fields are not read"));
        }
        if let Some((one, other)) = self.first {
            let times = counted(self.again, "line");
            notes.line(format_args!(
                "{file}: {times} with the id of a line before, the first is {other} with that of {one}; all are answered"
            ));
        }
    }
}

/// The letters to be changed, put in or taken out to make one word the other (Levenshtein's distance).
fn changes(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let least = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(a != *b));
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[other.len()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn requests(text: &str) -> Requests {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Requests::read(file.path(), 7, &["prompt"], &Notes::new(true)).unwrap()
    }

    #[test]
    fn shards_are_disjoint_and_complete() {
        let text = |count: usize| (0..count).map(|i| format!("{{\"id\": \"{i}\"}}\n")).collect::<String>();
        for (count, of) in [(1, 1), (10, 3), (7, 7), (3, 5), (100, 9)] {
            let text = text(count);
            let whole = requests(&text);
            let mut all = Vec::new();
            for part in 1..=of {
                let mut shard = requests(&text);
                shard.shard(part, of);
                assert!(shard.len() == count / of || shard.len() == count.div_ceil(of), "{count} {of}");
                all.extend((0..shard.len()).map(|at| shard.answer(at)));
            }
            assert_eq!(all, (0..count).map(|at| whole.answer(at)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_request_is_known_by_its_line() {
        let hashes = |text: &str| {
            let requests = requests(text);
            (0..requests.len()).map(|at| requests.lines[at].hash).collect::<Vec<_>>()
        };
        let one = hashes("{\"prompt\": \"a\"}\r\n\n  {\"prompt\": \"b\"} \n");
        assert_eq!(one, hashes("\u{feff}{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}"), "blanks between lines are nothing");
        assert!(one[0] != one[1]);
        let known = requests("{\"id\": 1.50, \"prompt\": \"a\"}\nnonsense\n{\"prompt\": \"a\", \"id\": null}");
        assert!(known.answer(0).starts_with("{\"id\":1.50,\"request\":\""));
        assert!(known.answer(1).starts_with("{\"id\":2,\"request\":\"") && known.get(1).fields.is_err());
        assert!(known.answer(2).starts_with("{\"id\":3,\"request\":\""));
    }

    #[test]
    fn typing_errors_are_near() {
        assert_eq!((changes("promt", "prompt"), changes("prompts", "prompt"), changes("", "seed")), (1, 1, 4));
        assert_eq!((changes("category", "prompt"), changes("imgae", "image")), (8, 2));
    }
}
