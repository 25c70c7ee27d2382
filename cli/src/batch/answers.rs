//! Where the answers of a batch go: a line each, in the order of the requests, written at once when it is complete.
//!
//! A file that an interrupted batch has left is gone on with only where each of its lines begins as the answer to the
//! request at its place does, which includes the hash of the request; the beginning of a line at its end is taken off. A file
//! that holds anything else is never touched.

use super::requests::Requests;
use crate::failure::Failure;
use crate::output::{Out, counted};
use serde::de::IgnoredAny;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Longest line of answers.
const LONGEST: u64 = 256 << 20;

/// Lines on their way.
pub struct Answers {
    to: To,
    /// Those that are there, and those of them that are errors.
    pub done: usize,
    pub failed: usize,
    /// Whether the file ended in the middle of a line, which was taken off.
    pub torn: bool,
}

enum To {
    Out(Out),
    /// Memory: whoever asked reads them there.
    Kept(Vec<u8>),
    File {
        file: File,
        name: String,
    },
}

impl Answers {
    /// In memory, for [`Answers::bytes`].
    pub fn kept() -> Self {
        Self { to: To::Kept(Vec::new()), done: 0, failed: 0, torn: false }
    }

    /// All lines, where they are in memory or in a file.
    pub fn bytes(self) -> Result<Vec<u8>, Failure> {
        match self.to {
            To::Out(_) => Ok(Vec::new()),
            To::Kept(bytes) => Ok(bytes),
            To::File { mut file, name } => {
                let mut bytes = Vec::new();
                let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
                read.map_err(|e| Failure::new("output", format_args!("cannot read {name}: {e}")))?;
                Ok(bytes)
            }
        }
    }

    /// Standard output where there is no path or it is `-`. With `resume` a file is gone on with.
    pub fn open(path: Option<&Path>, resume: bool, requests: &Requests) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self { to: To::Out(Out::new()), done: 0, failed: 0, torn: false });
        };
        let name = path.display().to_string();
        let failed = |e| Failure::new("output", format_args!("cannot write {name}: {e}"));
        // Waiting for who reads a pipe is for whoever made it.
        let plain = !path.exists() || path.is_file();
        let file =
            OpenOptions::new().write(true).read(plain).create(plain).truncate(false).open(path).map_err(failed)?;
        if !plain {
            if resume {
                return Err(Failure::usage(
                    "resume",
                    format_args!("{name} is no file: there is nothing to go on with"),
                ));
            }
            return Ok(Self { to: To::File { file, name }, done: 0, failed: 0, torn: false });
        }
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Failure::new("output", format_args!("{name} is being written by another program")));
        }
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes > 0 && !resume {
            let failure = Failure::new("output-exists", format_args!("{name} exists and is not empty"));
            return Err(failure.with_hint("--resume goes on behind what is there; take the file away to begin anew"));
        }
        let there = There::read(&file, &name, requests)?;
        file.set_len(there.end).map_err(failed)?;
        (&file).seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { to: To::File { file, name }, done: there.lines, failed: there.failed, torn: bytes > there.end })
    }

    /// Writes a line.
    pub fn write(&mut self, line: &str, failed: bool) -> Result<(), Failure> {
        match &mut self.to {
            To::Out(out) => {
                out.line(line)?;
                out.flush()?;
            }
            To::Kept(bytes) => bytes.extend_from_slice(format!("{line}\n").as_bytes()),
            To::File { file, name } => {
                let written = file.write_all(format!("{line}\n").as_bytes());
                written.map_err(|e| Failure::new("output", format_args!("cannot write {name}: {e}")))?;
            }
        }
        self.done += 1;
        self.failed += usize::from(failed);
        Ok(())
    }

    /// Sees to it that all of it is on the disk.
    pub fn finish(&self) -> Result<(), Failure> {
        match &self.to {
            // What cannot be synced, a device, holds nothing.
            To::File { file, name } if file.metadata().is_ok_and(|data| data.is_file()) => {
                file.sync_all().map_err(|e| Failure::new("output", format_args!("cannot write {name}: {e}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is a file to go on with.
    pub fn stays(&self) -> bool {
        matches!(self.to, To::File { .. })
    }
}

/// What a file has.
struct There {
    lines: usize,
    failed: usize,
    /// Where its last whole line ends.
    end: u64,
}

impl There {
    fn read(file: &File, name: &str, requests: &Requests) -> Result<Self, Failure> {
        let failed = |e| Failure::new("output", format_args!("cannot read {name}: {e}"));
        let refused = |what: String| {
            let failure = Failure::new("resume", format_args!("{name}{what}: it is left as it is"));
            failure.with_hint("an answer is known by its request, the model, the settings and the demonstrations")
        };
        let mut there = Self { lines: 0, failed: 0, end: 0 };
        let (mut reader, mut line) = (BufReader::with_capacity(1 << 20, file), Vec::new());
        loop {
            line.clear();
            let bytes = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(failed)?;
            if bytes == 0 {
                return Ok(there);
            }
            let at = there.lines;
            if at == requests.len() {
                let has = counted(at, "request");
                return Err(refused(format!(" has more lines than {} has requests here, {has}", requests.name)));
            }
            let begins = requests.answer(at);
            let other = || {
                let (line, name) = (requests.line(at), &requests.name);
                refused(format!(", line {}, is no answer to {name}, line {line}", at + 1))
            };
            let Some(whole) = line.strip_suffix(b"\n") else {
                if bytes as u64 == LONGEST {
                    return Err(other());
                }
                // The beginning of a line, or of how it begins.
                let common = line.len().min(begins.len());
                return if line[..common] == begins.as_bytes()[..common] { Ok(there) } else { Err(other()) };
            };
            let rest = whole.strip_prefix(begins.as_bytes()).filter(|rest| rest.starts_with(b","));
            let rest = rest.filter(|_| serde_json::from_slice::<IgnoredAny>(whole).is_ok()).ok_or_else(other)?;
            there.failed += usize::from(rest.starts_with(b",\"error\":"));
            there.lines += 1;
            there.end += bytes as u64;
        }
    }
}
