//! What an index file has: all of it but rows, of which it says where they are.
//!
//! The non-obvious thing: a beginning of a file is an index, so what is torn or damaged behind it is no error but where it
//! ends. What is whole and not understood is refused, since going on behind it would lose it.

use super::record::{AROUND, BEFORE, MAGIC, Made, Record, Stamp, Step, next, parsed};
use std::collections::HashMap;
use std::io::{self, Read};

/// What is known of a path.
#[derive(Debug)]
pub struct Known {
    pub stamp: Stamp,
    pub state: State,
    /// Bytes of its record.
    pub bytes: u64,
}

/// What a path leads to.
#[derive(Debug)]
pub enum State {
    /// The hash of its content.
    Seen(u128),
    /// Why it is no picture.
    Unreadable(String),
}

/// Where a picture's rows are.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Of the first scale.
    pub offset: u64,
    /// Bytes of scales and numbers.
    pub bytes: usize,
}

/// An index as it is read.
#[derive(Debug)]
pub struct Contents {
    /// The same model may be called something else here.
    pub made: Made,
    /// Where rows are, by the hashes of their pictures.
    pub rows: HashMap<u128, Place>,
    /// What is known of paths.
    pub known: HashMap<Box<[u8]>, Known>,
    /// Where the last whole record ends.
    pub end: u64,
}

/// Why a file is not read.
#[derive(Debug)]
pub enum Wrong {
    /// It cannot be read.
    Reading(io::Error),
    /// It is none, or one of a later version.
    Refused(&'static str),
    /// It was made with something else.
    Model(Made),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Reading(error)
    }
}

impl Contents {
    /// Reads a file of `length` bytes that is to be made with `wanted`; none where it has nothing yet.
    pub fn read(reader: &mut impl Read, length: u64, wanted: &Made) -> Result<Option<Self>, Wrong> {
        let mut magic = [0; MAGIC.len()];
        let begun = usize::try_from(length).unwrap_or(usize::MAX).min(magic.len());
        reader.read_exact(&mut magic[..begun])?;
        if magic[..begun] != MAGIC[..begun] {
            return Err(Wrong::Refused("is no index of pictures"));
        }
        let (mut end, mut body) = (begun as u64, Vec::new());
        let made = match next(reader, length - end, &mut body)? {
            Step::End | Step::Torn => return Ok(None),
            Step::Damaged => return Err(Wrong::Refused("is damaged where it says what it was made with")),
            Step::Whole(kind) => match parsed(kind, &body, wanted.width) {
                Some(Record::Model(made)) if made.is_of(wanted) && made.settings == wanted.settings => made,
                Some(Record::Model(made)) => return Err(Wrong::Model(made)),
                _ => return Err(Wrong::Refused("does not say what it was made with")),
            },
        };
        end += (body.len() + AROUND) as u64;
        let mut contents = Self { made, rows: HashMap::new(), known: HashMap::new(), end };
        while let Step::Whole(kind) = next(reader, length - contents.end, &mut body)? {
            contents.add(kind, &body)?;
        }
        Ok(Some(contents))
    }

    fn add(&mut self, kind: u8, body: &[u8]) -> Result<(), Wrong> {
        let bytes = (body.len() + AROUND) as u64;
        match parsed(kind, body, self.made.width) {
            None => return Err(Wrong::Refused("has records that this version does not know")),
            Some(Record::Model(_)) => return Err(Wrong::Refused("says twice what it was made with")),
            Some(Record::Rows(hash)) => {
                let place = Place { offset: self.end + (BEFORE + 16) as u64, bytes: body.len() - 16 };
                self.rows.insert(hash, place);
            }
            Some(Record::Picture { path, stamp, hash }) if self.rows.contains_key(&hash) => {
                self.known.insert(path.into(), Known { stamp, state: State::Seen(hash), bytes });
            }
            // Its rows are not there: it is as if it were new.
            Some(Record::Picture { .. }) => {}
            Some(Record::Unreadable { path, stamp, why }) => {
                self.known.insert(path.into(), Known { stamp, state: State::Unreadable(why), bytes });
            }
        }
        self.end += bytes;
        Ok(())
    }
}
