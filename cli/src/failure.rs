//! How a command fails: what is printed and the exit code that goes with it.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Exit code of a wrong command line; clap uses the same.
pub const USAGE: u8 = 2;
/// 128 + SIGINT, as shells report it; other signals have theirs.
pub const INTERRUPTED: u8 = 130;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// An error to print.
    Error {
        /// Short and stable, for programs.
        code: String,
        /// For people.
        message: String,
        /// What to do about it.
        hint: Option<Cow<'static, str>>,
        /// 1, or 2 where the command line is at fault.
        exit: u8,
    },
    /// A signal ended it.
    Interrupted,
    /// Nobody reads standard output any more: no failure of ours.
    OutputClosed,
}

impl Failure {
    /// A failure of the model, a file or the run.
    pub fn new(code: &str, message: impl Display) -> Self {
        let code = code.replace('_', "-");
        let hint = hint(&code).map(Cow::from);
        Self::Error { code, message: message.to_string(), hint, exit: 1 }
    }

    /// A command line that clap accepts and that makes no sense all the same.
    pub fn usage(code: &str, message: impl Display) -> Self {
        Self::Error {
            code: code.to_owned(),
            message: message.to_string(),
            hint: hint(code).map(Cow::from),
            exit: USAGE,
        }
    }

    /// The same with another hint.
    pub fn with_hint(self, text: impl Into<Cow<'static, str>>) -> Self {
        match self {
            Self::Error { code, message, exit, .. } => Self::Error { code, message, hint: Some(text.into()), exit },
            other => other,
        }
    }

    /// The same, of a line of a file or pipe behind which nothing is read.
    pub fn at_line(self, line: usize) -> Self {
        match self {
            Self::Error { code, message, hint, exit } => {
                let message = format!("line {line}: {message}; the lines behind it are not read");
                Self::Error { code, message, hint, exit }
            }
            other => other,
        }
    }

    /// The same, of a line of a file.
    pub fn in_line(self, file: &str, line: usize) -> Self {
        match self {
            Self::Error { code, message, hint, exit } => {
                Self::Error { code, message: format!("{file}, line {line}: {message}"), hint, exit }
            }
            other => other,
        }
    }

    /// A model file that did not open. The engine names the file only where the system refused it, and both of a pair.
    pub fn opening(name: &str, error: &ocelli_engine::Error) -> Self {
        match error {
            ocelli_engine::Error::Open { path, .. } => Self::new(error.code(), error).misnamed(Path::new(path)),
            ocelli_engine::Error::UnknownIsa { .. } | ocelli_engine::Error::Pair { .. } => {
                Self::new(error.code(), error)
            }
            _ => Self::new(error.code(), format_args!("{name}: {error}")),
        }
    }

    /// A file that could not be read.
    pub fn reading(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new("open", format_args!("cannot read {what} {}: {error}", path.display())).misnamed(path)
    }

    /// The same, with what may have been meant where no file has that name.
    fn misnamed(self, path: &Path) -> Self {
        match misnamed(path).filter(|_| path.symlink_metadata().is_err()) {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    /// The code of an error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Error { code, .. } => Some(code),
            _ => None,
        }
    }

    /// What went wrong, without what might help.
    pub fn message(&self) -> &str {
        match self {
            Self::Error { message, .. } => message,
            Self::Interrupted => "interrupted",
            Self::OutputClosed => "nobody reads standard output",
        }
    }

    /// Prints it; the exit code, which is `signalled` where a signal ended it.
    pub fn report(self, signalled: u8) -> ExitCode {
        match self {
            Self::Error { code, message, hint, exit } => {
                let hint = hint.map(|hint| format!("; hint: {hint}")).unwrap_or_default();
                let line = format!("{message}{hint}").replace(char::is_control, " ");
                let _ = writeln!(io::stderr(), "ocelli: error[{code}]: {line}");
                ExitCode::from(exit)
            }
            Self::Interrupted => {
                let _ = writeln!(io::stderr(), "ocelli: interrupted");
                ExitCode::from(signalled)
            }
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

/// What may have been meant by a name that no file has.
fn misnamed(path: &Path) -> Option<&'static str> {
    let name = path.to_string_lossy();
    if name.starts_with("http://") || name.starts_with("https://") {
        Some("files are read, no addresses: download it first")
    } else if name.starts_with("file://") {
        Some("give the path alone, without 'file://'")
    } else if name.contains(',') {
        Some("one option names one file: give it again for each")
    } else {
        None
    }
}

/// What usually helps.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "architecture" => "'ocelli inspect FILE' shows what is in the file",
        "not-gguf" => "models are GGUF files made by 'ocelli convert'",
        "truncated" | "truncated-header" | "truncated-field" | "out-of-file" => {
            "a download that stopped? fetch the file again"
        }
        "context-full" => "a larger --context or a shorter prompt fits; in a chat /reset begins anew",
        "over-budget" => {
            "a smaller --context, -n, --beams or --parallel, or '--kv f16', needs less, and so does a smaller type"
        }
        "out-of-memory" => "a smaller --context, -n or --beams, or '--kv f16', needs less",
        "no-video" => "give pictures: an --image for each frame",
        "video-count" => "give one --video for each <video> in the prompt, or no marker at all; '\\<video>' is text",
        "image-count" => "give one --image for each <image> in the prompt, or no marker at all; '\\<image>' is text",
        "no-chat-template" => "'ocelli run' goes on with a text as it is",
        "no-shot-format" => "put the demonstrations into --prompt, with <image> where their pictures go",
        "output-exists" => "without --no-clobber it is replaced",
        "isa" => "unset OCELLI_ISA to use the best",
        _ => return None,
    })
}

impl From<ocelli_engine::Error> for Failure {
    fn from(error: ocelli_engine::Error) -> Self {
        use ocelli_engine::Error;
        match error {
            Error::Cancelled => Self::Interrupted,
            // Of the command line: what is asked for does not go with the model.
            Error::BadOption { .. }
            | Error::BeyondPlan { .. }
            | Error::NoVision { .. }
            | Error::NoVideo { .. }
            | Error::TooManyMedia { .. } => Self::usage(error.code(), error),
            _ => Self::new(error.code(), error),
        }
    }
}

impl From<ocelli_convert::ConvertError> for Failure {
    fn from(error: ocelli_convert::ConvertError) -> Self {
        match error {
            ocelli_convert::ConvertError::Cancelled => Self::Interrupted,
            ocelli_convert::ConvertError::SourceNotADirectory(ref path)
            | ocelli_convert::ConvertError::Read { ref path, .. } => Self::new(error.code(), &error).misnamed(path),
            _ => Self::new(error.code(), error),
        }
    }
}

impl Failure {
    /// A file that could not be written. Where it goes to standard output and nobody reads on, that is the ordinary end.
    pub fn writing(out: ocelli_convert::Output<'_>, error: ocelli_convert::ConvertError) -> Self {
        match &error {
            ocelli_convert::ConvertError::Write { source, .. }
                if source.kind() == io::ErrorKind::BrokenPipe && out.is_stdout() =>
            {
                Self::OutputClosed
            }
            _ => error.into(),
        }
    }
}

impl From<io::Error> for Failure {
    /// Only standard output is written through this.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::new("output", format_args!("cannot write to standard output: {error}")),
        }
    }
}
