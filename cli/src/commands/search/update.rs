//! Bringing an index up to what a folder has: new and changed pictures are embedded, in order, and added one by one.
//!
//! One thread reads, hashes and decodes ahead of the model. The non-obvious thing: what is known by its content is not
//! decoded, so a moved or copied picture costs the reading of its file.

use super::contents::State;
use super::index::Index;
use super::walk::Found;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, counted};
use crate::progress::Count;
use crate::read;
use ocelli_engine::image::{ImageLimits, Picture, bytes_hash};
use ocelli_engine::{ErrorKind, Session};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Decoded pictures that wait for the model: one of 64 megapixels has 192 MiB.
const AHEAD: usize = 1;

/// What became of a file.
enum Look {
    /// Its rows are known, or will be when it is its turn.
    Known(u128),
    Picture(u128, Arc<Picture>),
    /// It is no picture, and will be none until it changes.
    Unreadable(String),
    /// It could not be read now.
    Failed(String),
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Updated {
    /// Pictures that passed through the model.
    pub embedded: usize,
    /// Those whose rows were there under another path.
    pub moved: usize,
    /// Files that could not be read, which are tried again the next time.
    pub failed: usize,
}

/// Adds what an index lacks.
pub fn update(
    index: &mut Index,
    pictures: &[Found],
    session: &mut Session,
    limits: &ImageLimits,
    (notes, interrupt): (&Notes, &Interrupt),
) -> Result<Updated, Failure> {
    let new: Vec<&Found> = pictures.iter().filter(|found| index.known(found).is_none()).collect();
    if new.is_empty() {
        return Ok(Updated::default());
    }
    let missing = if new.len() == 1 { " is" } else { " are" };
    index.check_writable(&format!("{}{missing}", counted(new.len(), "picture")))?;
    let mut hashes: HashSet<u128> = index.hashes().collect();
    let before = pictures.len() - new.len();
    let done = thread::scope(|scope| {
        let (send, looks) = sync_channel(AHEAD);
        let reader = move || {
            for found in new {
                // Whoever does not listen any more has stopped.
                if send.send((found, look(found, limits, &mut hashes))).is_err() {
                    break;
                }
            }
        };
        let started = thread::Builder::new().name("pictures".to_owned()).spawn_scoped(scope, reader);
        started.map_err(|e| Failure::new("out-of-memory", format_args!("no thread that reads pictures: {e}")))?;
        let count = Count::new(notes, "pictures", before, pictures.len());
        add(index, looks, session, (&count, before), (notes, interrupt))
    });
    notes.clear();
    // Also where it was interrupted.
    let synced = index.sync();
    let done = done?;
    synced?;
    Ok(done)
}

/// Adds what comes from the thread that reads.
fn add(
    index: &mut Index,
    looks: Receiver<(&Found, Look)>,
    session: &mut Session,
    (count, before): (&Count<'_>, usize),
    (notes, interrupt): (&Notes, &Interrupt),
) -> Result<Updated, Failure> {
    let mut updated = Updated::default();
    // Why pictures by their hashes have no rows.
    let mut without: HashMap<u128, String> = HashMap::new();
    for (done, (found, look)) in looks.into_iter().enumerate() {
        if interrupt.raised() {
            return Err(Failure::Interrupted);
        }
        let unreadable = match look {
            Look::Known(hash) => match without.get(&hash) {
                Some(why) => Some(why.clone()),
                None => {
                    index.add(found, hash, None)?;
                    updated.moved += 1;
                    None
                }
            },
            Look::Picture(hash, picture) => match session.compared_image(&picture, false) {
                Ok(rows) => {
                    index.add(found, hash, Some(&rows))?;
                    updated.embedded += 1;
                    None
                }
                Err(e) if e.kind() == ErrorKind::Image => {
                    without.insert(hash, e.to_string());
                    Some(e.to_string())
                }
                Err(e) => return Err(e.into()),
            },
            Look::Unreadable(why) => Some(why),
            Look::Failed(why) => {
                notes.line(format_args!("{why}"));
                updated.failed += 1;
                None
            }
        };
        if let Some(why) = unreadable {
            notes.line(format_args!("{}: {why}: not tried again until it changes", found.path.display()));
            index.add_unreadable(found, why)?;
        }
        let seconds = count.took().as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let rate = if seconds > 0.5 { format!(", {:.1} a second", (done + 1) as f64 / seconds) } else { String::new() };
        count.at(before + done + 1, rate);
    }
    Ok(updated)
}

/// Reads a file and decodes it where its content is new.
fn look(found: &Found, limits: &ImageLimits, hashes: &mut HashSet<u128>) -> Look {
    if found.stamp.size > limits.file_bytes {
        let (size, most) = (found.stamp.size, limits.file_bytes);
        return Look::Unreadable(format!("{size} bytes, a picture's file has at most {most}"));
    }
    let bytes = match read::read_bytes("image", &found.path, limits) {
        Ok(bytes) => bytes,
        Err(failure) => return Look::Failed(failure.message().to_owned()),
    };
    let hash = bytes_hash(&bytes);
    if hashes.contains(&hash) {
        return Look::Known(hash);
    }
    match read::decoded(&found.path, &bytes, limits) {
        Ok(picture) => {
            hashes.insert(hash);
            Look::Picture(hash, picture)
        }
        Err(failure) => {
            let path = format!("{}: ", found.path.display());
            let why = failure.message();
            Look::Unreadable(why.strip_prefix(path.as_str()).unwrap_or(why).to_owned())
        }
    }
}

/// How many of these are no pictures.
pub fn unreadable(index: &Index, pictures: &[Found]) -> usize {
    let is = |found: &&Found| matches!(index.known(found), Some(State::Unreadable(_)));
    pictures.iter().filter(is).count()
}
