//! Where a file goes. What a path leads to decides, never its name.
//!
//! A regular file, or a name that is free yet, is written beside itself and renamed ([`PartFile`]); where links lead to
//! it they stay links. A device, a pipe and a descriptor are streams, and a GGUF is written front to back, so they are
//! written through. The rest is refused by what it is. The non-obvious thing: `/dev/stdout` is a link to a link whose text
//! is no path (`pipe:[123]`), so only the system can follow it, and what is found there is compared by device and number.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::atomic::{PartFile, directory};
use crate::error::ConvertError;
use crate::report::Progress;

/// Links behind one another, as many as Linux follows.
const LINKS: usize = 40;
/// Between two looks at whether an opening that waits for a pipe's reader is to be given up.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a file is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output<'a> {
    /// What the path leads to: a file is replaced in one step once the new one is complete, through links that stay; a
    /// device or a pipe is written through.
    Path(&'a Path),
    /// The program's standard output, front to back.
    Stdout,
}

impl<'a> From<&'a Path> for Output<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a PathBuf> for Output<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::Path(path)
    }
}

impl<'a> Output<'a> {
    /// What a command line means: `-` is standard output.
    #[must_use]
    pub fn of_argument(path: &'a Path) -> Self {
        if path == Path::new("-") { Self::Stdout } else { Self::Path(path) }
    }

    /// Whether that is the program's standard output, where then nothing else may be written.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        match self {
            Self::Stdout => true,
            Self::Path(path) => fs::metadata(path).is_ok_and(|found| leads_to_stdout(path, &found)),
        }
    }

    /// Whether a file can be written there that is none of those in `read`, for work that takes long before it has something
    /// to write.
    ///
    /// # Errors
    /// As for writing it, and [`ConvertError::OutputUnfit`] for a file that is read.
    pub fn check(&self, overwrite: bool, read: &[&Path]) -> Result<(), ConvertError> {
        let is_read = |there: &Identity| read.iter().any(|path| Identity::at(path).as_ref() == Some(there));
        match self.place(overwrite, |there| is_read(there).then_some("one of the files that are read"))? {
            Place::File { target, replaced } => PartFile::create(&target, replaced.as_ref()).map(drop),
            Place::Stream(_) => Ok(()),
        }
    }

    /// For messages.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Self::Path(path) => (*path).to_owned(),
            Self::Stdout => PathBuf::from("standard output"),
        }
    }

    /// Looks at what is there. `input` says what a file is, should it be one that is read.
    pub(crate) fn place(
        &self,
        overwrite: bool,
        input: impl FnOnce(&Identity) -> Option<&'static str>,
    ) -> Result<Place, ConvertError> {
        let unfit = |what| ConvertError::OutputUnfit { path: self.name(), what };
        let failed = |source| ConvertError::Write { path: self.name(), action: "be written", source };
        let path = match *self {
            Self::Stdout => return self.stdout(input),
            Self::Path(path) => path,
        };
        let text = path.as_os_str().as_encoded_bytes();
        if path.file_name().is_none() {
            return Err(unfit("no file name"));
        }
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if text.ends_with(b"/") || text.ends_with(b"/.") {
                    return Err(unfit("the name of a directory"));
                }
                return self.fresh(&followed(path)).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        };
        if found.is_dir() {
            return Err(unfit("a directory"));
        }
        if leads_to_stdout(path, &found) {
            return self.stdout(input);
        }
        if leads_to_stderr(path, &found) {
            return Err(unfit("standard error, where messages go"));
        }
        let identity = Identity::of(path, &found);
        if let Some(what) = identity.as_ref().and_then(input) {
            return Err(unfit(what));
        }
        if !found.is_file() {
            return special(&found).map_or_else(|what| Err(unfit(what)), |stream| Ok(Place::Stream(stream)));
        }
        let target = followed(path);
        let named = fs::symlink_metadata(&target).is_ok_and(|at| Identity::of(&target, &at) == identity);
        if through_descriptor(path) || !named {
            return Ok(Place::Stream(Stream::File));
        }
        if !overwrite {
            return Err(ConvertError::OutputExists(path.to_owned()));
        }
        if found.permissions().readonly() {
            return Err(unfit("a read-only file"));
        }
        Ok(Place::File { target, replaced: Some(found) })
    }

    /// A name that is free, if its directory is there.
    fn fresh(&self, target: &Path) -> io::Result<Result<Place, ConvertError>> {
        let folder = directory(target);
        match fs::metadata(folder) {
            Ok(found) if found.is_dir() => Ok(Ok(Place::File { target: target.to_owned(), replaced: None })),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Err(ConvertError::OutputDirectory { path: self.name(), directory: folder.to_owned() }))
            }
            Err(error) => Err(error),
        }
    }

    /// Standard output, if bytes that are no text may go there.
    fn stdout(&self, input: impl FnOnce(&Identity) -> Option<&'static str>) -> Result<Place, ConvertError> {
        let unfit = |what| Err(ConvertError::OutputUnfit { path: self.name(), what });
        if io::stdout().is_terminal() {
            return unfit("a terminal");
        }
        #[cfg(unix)]
        if let Some(here) = own(io::stdout())
            && !is_device(&here)
        {
            let identity = Identity::of(Path::new(""), &here);
            if let Some(what) = identity.as_ref().and_then(input) {
                return unfit(what);
            }
            if is_same(Path::new(""), &here, own(io::stderr())) {
                return unfit("where standard error goes too, and messages would get between its bytes");
            }
        }
        #[cfg(not(unix))]
        let _ = input;
        Ok(Place::Stream(Stream::Stdout))
    }
}

/// What was found at an output.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file of this name, links followed, and what is known of the one that it replaces.
    File { target: PathBuf, replaced: Option<Metadata> },
    /// Something that is written through.
    Stream(Stream),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Stdout,
    /// A device.
    Device,
    /// Opening it waits until somebody reads.
    Pipe,
    /// A regular file that has no name any more, or that a descriptor leads to.
    File,
}

impl Place {
    /// Opens it for writing.
    pub(crate) fn open(&self, output: Output<'_>, progress: &dyn Progress) -> Result<Sink, ConvertError> {
        let failed = |source| ConvertError::Write { path: output.name(), action: "be opened", source };
        let writing = |path: &Path| OpenOptions::new().write(true).open(path);
        let (stream, path) = match (self, output) {
            (Self::File { target, replaced }, _) => {
                return Ok(Sink::File(PartFile::create(target, replaced.as_ref())?));
            }
            (Self::Stream(Stream::Stdout), _) | (_, Output::Stdout) => {
                return own_handle().map(Sink::Stream).map_err(failed);
            }
            (Self::Stream(stream), Output::Path(path)) => (*stream, path),
        };
        let file = match stream {
            Stream::Pipe => return reader(path, progress)?.map(Sink::stream).map_err(failed),
            Stream::File => OpenOptions::new().write(true).truncate(true).open(path),
            Stream::Device | Stream::Stdout => writing(path),
        };
        let file = file.map_err(failed)?;
        if file.is_terminal() {
            return Err(ConvertError::OutputUnfit { path: output.name(), what: "a terminal" });
        }
        Ok(Sink::stream(file))
    }
}

/// What bytes go to.
pub(crate) enum Sink {
    File(PartFile),
    Stream(Box<dyn Write + Send>),
}

impl Sink {
    fn stream(file: File) -> Self {
        Self::Stream(Box::new(file))
    }

    pub(crate) fn writer(&mut self) -> Box<dyn Write + Send + '_> {
        match self {
            Self::File(part) => Box::new(part.file()),
            Self::Stream(stream) => Box::new(stream),
        }
    }

    /// Gives a complete file its name.
    pub(crate) fn keep(self) -> Result<(), ConvertError> {
        if let Self::File(part) = self { part.keep() } else { Ok(()) }
    }
}

/// What tells a file from others, whatever it is called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

impl Identity {
    /// Of the file that a path leads to.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        Self::of(path, &fs::metadata(path).ok()?)
    }

    #[cfg(unix)]
    fn of(_: &Path, found: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self((found.dev(), found.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path, _: &Metadata) -> Option<Self> {
        path.canonicalize().ok().map(Self)
    }
}

/// The end of a chain of links; what it names need not be there.
fn followed(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&at) else { break };
        at = directory(&at).join(next);
    }
    at
}

/// Whether links lead through a process's table of descriptors (`/proc/N/fd`, which `/dev/fd` is).
fn through_descriptor(path: &Path) -> bool {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&at) else { return false };
        let folder = directory(&at);
        if folder.canonicalize().is_ok_and(|real| real.starts_with("/proc") && real.ends_with("fd")) {
            return true;
        }
        at = folder.join(next);
    }
    false
}

/// Standard output as a file of its own, so that its buffer for lines has no part in it.
#[cfg(unix)]
fn own_handle() -> io::Result<Box<dyn Write + Send>> {
    use std::os::fd::AsFd;
    io::stdout().flush()?;
    Ok(Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

#[cfg(not(unix))]
fn own_handle() -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(io::stdout()))
}

/// What one of the program's own streams is.
#[cfg(unix)]
fn own(stream: impl std::os::fd::AsFd) -> Option<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

#[cfg(unix)]
fn is_same(path: &Path, found: &Metadata, own: Option<Metadata>) -> bool {
    own.is_some_and(|own| Identity::of(path, &own) == Identity::of(path, found))
}

/// A plain file is a stream of the program only where the path says so (`/dev/stdout`): by its name it is replaced like any
/// other. Devices are many things at once, `/dev/null` above all.
#[cfg(unix)]
fn leads_to(path: &Path, found: &Metadata, own: Option<Metadata>) -> bool {
    is_same(path, found, own) && !is_device(found) && (!found.is_file() || through_descriptor(path))
}

#[cfg(unix)]
fn leads_to_stdout(path: &Path, found: &Metadata) -> bool {
    leads_to(path, found, own(io::stdout()))
}

#[cfg(unix)]
fn leads_to_stderr(path: &Path, found: &Metadata) -> bool {
    leads_to(path, found, own(io::stderr()))
}

#[cfg(not(unix))]
fn leads_to_stdout(_: &Path, _: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn leads_to_stderr(_: &Path, _: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn is_device(found: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_char_device() || found.file_type().is_block_device()
}

/// How something that is neither file nor directory is written, or what it is.
#[cfg(unix)]
fn special(found: &Metadata) -> Result<Stream, &'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = found.file_type();
    if kind.is_fifo() {
        Ok(Stream::Pipe)
    } else if kind.is_char_device() {
        Ok(Stream::Device)
    } else if kind.is_block_device() {
        Err("a disk")
    } else if kind.is_socket() {
        Err("a socket")
    } else {
        Err("neither a file nor a stream")
    }
}

#[cfg(not(unix))]
fn special(_: &Metadata) -> Result<Stream, &'static str> {
    Err("no regular file")
}

/// A pipe, once somebody reads from it: opening it waits for that, and the waiting can be given up.
fn reader(path: &Path, progress: &dyn Progress) -> Result<io::Result<File>, ConvertError> {
    let (to, from) = std::sync::mpsc::channel();
    let own = path.to_owned();
    // Given up, it stays behind until a reader comes or the program ends.
    std::thread::spawn(move || to.send(OpenOptions::new().write(true).open(own)));
    loop {
        match from.recv_timeout(PAUSE) {
            Ok(opened) => return Ok(opened),
            Err(_) if progress.cancelled() => return Err(ConvertError::Cancelled),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}
