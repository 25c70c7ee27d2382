//! The index of a folder: a file that only grows, until what is stale in it is worth a rewrite.
//!
//! A picture is added by one write, synced at least every few seconds and at the end; whatever ends the program leaves a
//! beginning of the file that the next one goes on with, so that it becomes the very file of a run that nothing ended. What
//! is no whole record at its end is cut off. One program writes at a time: the others wait.
//!
//! The non-obvious thing: nothing is ever marked as deleted. What counts is what a walk through the folder finds, by path,
//! size and time, and by the hash of the content where these are new; the rest is stale. So a moved picture finds its rows,
//! and a folder that is away for an hour does too.

use super::contents::{Contents, Known, Place, State, Wrong};
use super::record::{self, AROUND, BEFORE, Made, Stamp};
use super::walk::Found;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, size};
use ocelli_convert::{leftovers, replace_atomically};
use ocelli_engine::Embedding;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time that what was added is with the system and not on the disk.
const SYNC: Duration = Duration::from_secs(5);
/// Between two looks at whether another program still writes.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes read from the file at once.
const CHUNK: usize = 1 << 20;

/// An open index.
pub struct Index {
    path: PathBuf,
    file: File,
    writable: bool,
    made: Made,
    /// Where its last record ends.
    end: u64,
    rows: HashMap<u128, Place>,
    known: HashMap<Box<[u8]>, Known>,
    synced: Instant,
}

/// Where the index of a folder lies when nothing else is said: beside it.
pub fn beside(folder: &Path) -> Result<PathBuf, Failure> {
    let whole = fs::canonicalize(folder).map_err(|e| Failure::reading("folder", folder, &e))?;
    let Some(name) = whole.file_name() else {
        let what = format_args!("{} has nothing beside it where an index could lie", whole.display());
        return Err(Failure::usage("usage", what).with_hint("--index FILE says where"));
    };
    let mut name = name.to_owned();
    name.push(".ocelli-index");
    Ok(whole.with_file_name(name))
}

impl Index {
    /// Opens an index, or begins it where there is none. It is this program's until [`Index::release`].
    pub fn open(path: &Path, made: Made, notes: &Notes, interrupt: &Interrupt) -> Result<Self, Failure> {
        let (file, writable) = opened(path, notes, interrupt)?;
        let mut index = Self {
            path: path.to_owned(),
            file,
            writable,
            made,
            end: 0,
            rows: HashMap::new(),
            known: HashMap::new(),
            synced: Instant::now(),
        };
        index.load(notes)?;
        Ok(index)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Numbers a row.
    pub fn width(&self) -> usize {
        self.made.width
    }

    /// The file, for reading rows.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the rows of a picture are.
    pub fn place(&self, hash: u128) -> Option<Place> {
        self.rows.get(&hash).copied()
    }

    /// The hashes of all pictures with rows.
    pub fn hashes(&self) -> impl Iterator<Item = u128> {
        self.rows.keys().copied()
    }

    /// What is known of a picture as it is now.
    pub fn known(&self, found: &Found) -> Option<&State> {
        self.known.get(&found.key).filter(|known| known.stamp == found.stamp).map(|known| &known.state)
    }

    /// Refuses where nothing can be added.
    pub fn check_writable(&self, missing: &str) -> Result<(), Failure> {
        if self.writable {
            return Ok(());
        }
        let what = format_args!("{} cannot be written, and {missing} not in it", self.path.display());
        Err(Failure::new("output", what).with_hint("--index FILE makes one elsewhere"))
    }

    /// Adds a picture whose content has this hash, with its rows where they are not there yet.
    pub fn add(&mut self, found: &Found, hash: u128, rows: Option<&Embedding>) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        if let Some(rows) = rows.filter(|_| !self.rows.contains_key(&hash)) {
            record::add_rows(hash, rows, &mut bytes);
            let place = Place { offset: self.end + (BEFORE + 16) as u64, bytes: bytes.len() - AROUND - 16 };
            self.rows.insert(hash, place);
        }
        let rows = bytes.len();
        record::add_picture(&found.key, found.stamp, hash, &mut bytes);
        self.append(&bytes)?;
        self.know(&found.key, found.stamp, State::Seen(hash), bytes.len() - rows);
        Ok(())
    }

    /// Remembers that a file is no picture, until it changes.
    pub fn add_unreadable(&mut self, found: &Found, why: String) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        record::add_unreadable(&found.key, found.stamp, &why, &mut bytes);
        self.append(&bytes)?;
        self.know(&found.key, found.stamp, State::Unreadable(why), bytes.len());
        Ok(())
    }

    /// Sees to it that all of it is on the disk.
    pub fn sync(&mut self) -> Result<(), Failure> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(|e| self.failed("written", &e))
    }

    /// Rewrites the file where more than a quarter of it is of no picture that is there.
    pub fn compact(&mut self, pictures: &[Found], notes: &Notes, interrupt: &Interrupt) -> Result<(), Failure> {
        let live = self.live(pictures);
        if !self.writable || self.end.saturating_sub(live) <= self.end / 4 {
            return Ok(());
        }
        notes.stage(format_args!("rewriting {}", self.path.display()));
        // Nobody else writes one while this program holds the file.
        for name in leftovers(&self.path) {
            let _ = fs::remove_file(self.path.with_file_name(name));
        }
        let before = self.end;
        replace_atomically(&self.path, |part| self.write_live(part, pictures))?;
        *self = Self::open(&self.path, self.made.clone(), notes, interrupt)?;
        notes.line(format_args!("{} rewritten: {} are {}", self.path.display(), size(before), size(self.end)));
        Ok(())
    }

    /// From now on others may write.
    pub fn release(&self) {
        // Where there are no locks none is held.
        let _ = self.file.unlock();
    }

    /// Bytes of the file with what these pictures need.
    fn live(&self, pictures: &[Found]) -> u64 {
        let mut seen = BTreeSet::new();
        let mut bytes = self.made.head().len() as u64;
        for found in pictures {
            let Some(known) = self.known.get(&found.key).filter(|known| known.stamp == found.stamp) else { continue };
            bytes += known.bytes;
            if let State::Seen(hash) = known.state
                && seen.insert(hash)
            {
                bytes += self.rows.get(&hash).map_or(0, |place| (place.bytes + 16 + AROUND) as u64);
            }
        }
        bytes
    }

    /// Writes what these pictures need, as if they were added in this order.
    fn write_live(&self, part: &File, pictures: &[Found]) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(CHUNK, part);
        out.write_all(&self.made.head())?;
        let mut seen = BTreeSet::new();
        let mut bytes = Vec::new();
        for found in pictures {
            bytes.clear();
            match self.known(found) {
                Some(State::Seen(hash)) => {
                    if let Some(place) = self.place(*hash).filter(|_| seen.insert(*hash)) {
                        bytes.resize(place.bytes + 16 + AROUND, 0);
                        let mut file = &self.file;
                        file.seek(SeekFrom::Start(place.offset - (BEFORE + 16) as u64))?;
                        file.read_exact(&mut bytes)?;
                    }
                    record::add_picture(&found.key, found.stamp, *hash, &mut bytes);
                }
                Some(State::Unreadable(why)) => record::add_unreadable(&found.key, found.stamp, why, &mut bytes),
                None => {}
            }
            out.write_all(&bytes)?;
        }
        out.flush()
    }

    fn know(&mut self, path: &[u8], stamp: Stamp, state: State, bytes: usize) {
        self.known.insert(path.into(), Known { stamp, state, bytes: bytes as u64 });
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(bytes));
        if let Err(e) = written {
            // What got through is no whole record; whoever cannot take it off now does so when the file is opened.
            let _ = self.file.set_len(self.end);
            return Err(self.failed("written", &e));
        }
        self.end += bytes.len() as u64;
        if self.synced.elapsed() >= SYNC { self.sync() } else { Ok(()) }
    }

    fn failed(&self, done: &str, error: &io::Error) -> Failure {
        let failure = Failure::new("output", format_args!("{} cannot be {done}: {error}", self.path.display()));
        failure.with_hint("what is in it stays; --index FILE makes one elsewhere")
    }

    /// Reads what there is, and cuts off what is no whole record.
    fn load(&mut self, notes: &Notes) -> Result<(), Failure> {
        let path = self.path.clone();
        let failed = |e| Failure::reading("index", &path, &e);
        let length = self.file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::with_capacity(CHUNK, self.file.try_clone().map_err(failed)?);
        reader.seek(SeekFrom::Start(0)).map_err(failed)?;
        let contents = match Contents::read(&mut reader, length, &self.made) {
            Ok(contents) => contents,
            Err(Wrong::Reading(e)) => return Err(failed(e)),
            Err(Wrong::Refused(what)) => return Err(self.refused(what)),
            Err(Wrong::Model(made)) => return Err(self.other(&made)),
        };
        let Some(contents) = contents else { return self.begin() };
        Contents { made: self.made, rows: self.rows, known: self.known, end: self.end } = contents;
        if self.end < length {
            let (path, rest) = (path.display(), size(length - self.end));
            notes.line(format_args!("{path}: no whole record at its end: the last {rest} are made again"));
            if self.writable {
                self.file.set_len(self.end).map_err(|e| self.failed("written", &e))?;
            }
        }
        Ok(())
    }

    /// A file that has nothing yet.
    fn begin(&mut self) -> Result<(), Failure> {
        if self.writable {
            let head = self.made.head();
            self.file.set_len(0).map_err(|e| self.failed("written", &e))?;
            self.append(&head)?;
        }
        Ok(())
    }

    /// Refuses what was made with something else.
    fn other(&self, made: &Made) -> Failure {
        let name = |made: &Made| format!("'{}' ({:08x})", made.name, made.identity >> 96);
        let path = self.path.display();
        let differs = if made.is_of(&self.made) {
            let said = |settings: &str| if settings.is_empty() { "no option".to_owned() } else { settings.to_owned() };
            let (there, here) = (said(&made.settings), said(&self.made.settings));
            format!("{path} was made with {there} for reading pictures, here it is {here}")
        } else {
            format!("{path} was made with the model {}, which is not {}", name(made), name(&self.made))
        };
        Failure::new("index-model", differs).with_hint("--index FILE makes another one beside it")
    }

    fn refused(&self, what: &str) -> Failure {
        let what = format_args!("{} {what}: it is left as it is", self.path.display());
        Failure::new("index", what).with_hint("--index FILE makes one elsewhere")
    }
}

/// The file for writing, which is then this program's; for reading where that is all that is allowed.
fn opened(path: &Path, notes: &Notes, interrupt: &Interrupt) -> Result<(File, bool), Failure> {
    let failed = |e: &io::Error| {
        let failure = Failure::new("output", format_args!("{} cannot be written: {e}", path.display()));
        failure.with_hint("--index FILE makes the index elsewhere")
    };
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(Failure::new("index", format_args!("{} is no file", path.display())));
    }
    loop {
        let file = match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
                return File::open(path).map(|file| (file, false)).map_err(|_| failed(&e));
            }
            Err(e) => return Err(failed(&e)),
        };
        wait(&file, path, notes, interrupt)?;
        // Whoever had it may have put another one in its place.
        if still(&file, path) {
            return Ok((file, true));
        }
    }
}

/// Waits until nobody else writes the file.
fn wait(file: &File, path: &Path, notes: &Notes, interrupt: &Interrupt) -> Result<(), Failure> {
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if !said => {
                notes.line(format_args!("waiting for another program that writes {}", path.display()));
                said = true;
            }
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(_)) => {
                let path = path.display();
                notes.line(format_args!("the file system has no locks: no two programs may write {path} at once"));
                return Ok(());
            }
        }
        if interrupt.raised() {
            return Err(Failure::Interrupted);
        }
    }
}

/// Whether a path leads to this very file.
#[cfg(unix)]
fn still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Elsewhere an open file's name goes to no other.
#[cfg(not(unix))]
fn still(_: &File, _: &Path) -> bool {
    true
}
