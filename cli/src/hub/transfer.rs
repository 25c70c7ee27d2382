//! The bytes of one file: fetched, gone on with where they broke off, compared with what the hub said.
//!
//! They are written to `blobs/ETAG.incomplete`, which huggingface_hub writes and goes on with as well, and get their name
//! when length and hash are right. SHA-256 is computed as they come.
//!
//! The non-obvious thing: a server may ignore a range and send all. Then what is here already is passed over rather than
//! written again, so that a connection that breaks early costs nothing that was fetched; the hash tells whether it fits.

use super::client::{Client, Fault, Reply, Subject, text};
use crate::failure::Failure;
use crate::output::size as human;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How much more must come for a broken transfer to be worth another series of tries.
const FURTHER: u64 = 1 << 20;
const CHUNK: usize = 256 << 10;

/// A file to fetch.
pub struct Wanted<'a> {
    /// What it is, for errors.
    pub subject: Subject<'a>,
    /// Its address.
    pub url: &'a str,
    /// Its length, where the hub said.
    pub size: Option<u64>,
    /// Its etag, which is its hash where it looks like one.
    pub etag: &'a str,
}

impl Wanted<'_> {
    fn path(&self) -> &str {
        self.subject.file.unwrap_or_default()
    }

    fn is_sha256(&self) -> bool {
        self.etag.len() == 64
    }
}

/// The beginning of a file.
struct Part<'a> {
    file: File,
    path: &'a Path,
    len: u64,
    sha: Context,
}

impl<'a> Part<'a> {
    /// Opens what an earlier transfer left, and reads it for its hash.
    fn open(path: &'a Path, wanted: &Wanted<'_>, client: &Client) -> Result<Self, Failure> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| writing(path, wanted, 0, &error))?;
        let len = file.metadata().map_err(|error| writing(path, wanted, 0, &error))?.len();
        let mut part = Self { file, path, len, sha: Context::new(&SHA256) };
        if wanted.size.is_some_and(|size| len > size) {
            part.clear(wanted)?;
        } else if wanted.is_sha256() && len > 0 {
            part.len = 0;
            let mut buffer = vec![0; CHUNK];
            while part.len < len {
                client.check()?;
                let read = part.file.read(&mut buffer).map_err(|error| Failure::reading("", path, &error))?;
                if read == 0 {
                    break;
                }
                part.sha.update(&buffer[..read]);
                part.len += read as u64;
            }
        }
        part.file.seek(SeekFrom::Start(part.len)).map_err(|error| writing(path, wanted, 0, &error))?;
        Ok(part)
    }

    /// Begins anew.
    fn clear(&mut self, wanted: &Wanted<'_>) -> Result<(), Failure> {
        self.rewind((0, Context::new(&SHA256)), wanted)
    }

    /// Goes back to an earlier length and its hash.
    fn rewind(&mut self, (len, sha): (u64, Context), wanted: &Wanted<'_>) -> Result<(), Failure> {
        let cut = self.file.set_len(len).and_then(|()| self.file.seek(SeekFrom::Start(len)));
        cut.map_err(|error| writing(self.path, wanted, len, &error))?;
        (self.len, self.sha) = (len, sha);
        Ok(())
    }

    fn push(&mut self, bytes: &[u8], wanted: &Wanted<'_>) -> Result<(), Failure> {
        if let Err(error) = self.file.write_all(bytes) {
            // Part of them may be there, and the hash does not know it.
            let _ = self.file.set_len(self.len);
            return Err(writing(self.path, wanted, self.len, &error));
        }
        self.len += bytes.len() as u64;
        if wanted.is_sha256() {
            self.sha.update(bytes);
        }
        Ok(())
    }

    /// The hash of a Git object of these bytes.
    fn git_hash(&self) -> io::Result<String> {
        let mut file = File::open(self.path)?;
        let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        sha1.update(format!("blob {}\0", self.len).as_bytes());
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hexadecimal(sha1)),
                read => sha1.update(&buffer[..read]),
            }
        }
    }
}

fn hexadecimal(context: Context) -> String {
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that could not be written.
pub fn writing(path: &Path, wanted: &Wanted<'_>, have: u64, error: &io::Error) -> Failure {
    let what = format!("cannot write {} for {}: {error}", path.display(), wanted.path());
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        let need = wanted.size.map(|size| format!("; {} more are needed", human(size.saturating_sub(have))));
        let hint = "what was fetched is kept, and the same command goes on; HF_HOME names another place";
        return Failure::new("disk-full", format!("{what}{}", need.unwrap_or_default())).with_hint(hint);
    }
    Failure::new("hub-cache", what)
}

/// Fetches a file to `blob`, by way of a file beside it. `advance` is told what is new, and with a negative number what is
/// given up. Whoever calls holds the blob's lock.
pub fn fetch(client: &Client, wanted: &Wanted<'_>, blob: &Path, advance: &dyn Fn(i64)) -> Result<(), Failure> {
    let mut partial = blob.as_os_str().to_owned();
    partial.push(".incomplete");
    let partial = Path::new(&partial);
    let mut part = Part::open(partial, wanted, client)?;
    advance(signed(part.len));
    let mut again = true;
    loop {
        if let Err(failure) = complete(client, wanted, &mut part, advance) {
            if part.len == 0 {
                let _ = fs::remove_file(partial);
            }
            return Err(failure);
        }
        let is = match wanted.etag.len() {
            64 => hexadecimal(part.sha.clone()),
            40 => part.git_hash().map_err(|error| Failure::reading("", partial, &error))?,
            _ => wanted.etag.to_owned(),
        };
        if is == wanted.etag {
            break;
        }
        advance(-signed(part.len));
        part.clear(wanted)?;
        if !again {
            let _ = fs::remove_file(partial);
            let (path, repo, etag) = (wanted.path(), wanted.subject.repo, wanted.etag);
            let what = format!("{path} of {repo} came with the hash {is} twice, and the hub says {etag}");
            return Err(Failure::new("hub-hash", what).with_hint("what came was removed; is there a proxy between?"));
        }
        again = false;
    }
    part.file.sync_all().map_err(|error| writing(partial, wanted, part.len, &error))?;
    fs::rename(partial, blob).map_err(|error| writing(blob, wanted, part.len, &error))
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Adds what is missing.
fn complete(client: &Client, wanted: &Wanted<'_>, part: &mut Part<'_>, advance: &dyn Fn(i64)) -> Result<(), Failure> {
    let mut ranges = true;
    let mut best = part.len;
    client.persist(|further| {
        if wanted.size == Some(part.len) {
            return Ok(());
        }
        let from = Some(part.len).filter(|&len| len > 0 && ranges);
        let done = attempt(client, wanted, part, from, &mut ranges, advance);
        if part.len >= best.saturating_add(FURTHER) {
            (*further, best) = (true, part.len);
        }
        done
    })
}

/// One request and what comes of it.
fn attempt(
    client: &Client,
    wanted: &Wanted<'_>,
    part: &mut Part<'_>,
    from: Option<u64>,
    ranges: &mut bool,
    advance: &dyn Fn(i64),
) -> Result<(), Fault> {
    let Reply { status, headers, body, .. } = client.request("GET", wanted.url, from, &wanted.subject)?;
    let path = wanted.path();
    let odd = |what: String| Fault::Passing(Failure::new("hub-size", what), None);
    let begins = match (status, from) {
        (206, Some(from)) => {
            let range = text(&headers, "content-range").and_then(content_range);
            let right = range
                .is_some_and(|(start, total)| start == from && total.is_none_or(|t| Some(t) == wanted.size.or(total)));
            if !right {
                *ranges = false;
                let got = text(&headers, "content-range").unwrap_or("no range").chars().take(80).collect::<String>();
                return Err(odd(format!("{path}: asked for bytes from {from} on, and got '{got}'")));
            }
            from
        }
        (200, _) => 0,
        (416, Some(from)) => {
            *ranges = false;
            return Err(odd(format!("{path}: there are no bytes from {from} on, says the server")));
        }
        _ => return Err(odd(format!("{path}: status {status} without a range asked for"))),
    };
    if let (Some(size), Some(length)) = (wanted.size, body.content_length())
        && begins.checked_add(length) != Some(size)
    {
        return Err(odd(format!(
            "{path} has {} bytes by the server, and {size} by the list",
            begins.saturating_add(length)
        )));
    }
    let start = (part.len, part.sha.clone());
    let mut pass = part.len - begins;
    let mut reader = body.into_reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        client.check()?;
        let read = reader.read(&mut buffer).map_err(|error| client.broken(wanted.url, &ureq::Error::Io(error)))?;
        if read == 0 {
            break;
        }
        let passed = usize::try_from(pass).unwrap_or(usize::MAX).min(read);
        pass -= passed as u64;
        let new = &buffer[passed..read];
        if wanted.size.is_some_and(|size| part.len + new.len() as u64 > size) {
            // Whatever it is, it is not the file: none of it is kept.
            advance(signed(start.0) - signed(part.len));
            part.rewind(start, wanted)?;
            return Err(odd(format!("{path}: more came than its {} bytes", wanted.size.unwrap_or_default())));
        }
        part.push(new, wanted)?;
        advance(signed(new.len() as u64));
    }
    if pass > 0 && wanted.size.is_none() {
        advance(-signed(part.len));
        part.clear(wanted)?;
        return Err(odd(format!("{path}: the server has less than was fetched before; what was is dropped")));
    }
    match wanted.size {
        Some(size) if part.len < size => {
            let what = format!("{path}: the transfer ended after {} of {size} bytes", part.len);
            Err(Fault::Passing(Failure::new("hub-broken", what), None))
        }
        _ => Ok(()),
    }
}

/// `bytes START-END/TOTAL`: start and total.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    (start <= end && total.is_none_or(|total| end.checked_add(1) == Some(total))).then_some((start, total))
}
