//! Standard output and standard error.
//!
//! Neither is ever written by a `print` macro: those panic when the reader has gone, which for a program in a pipe is
//! the ordinary end.

use crate::failure::Failure;
use ocelli_convert::Output;
use ocelli_quant::Size;
use serde_json::Value;
use std::fmt::{Arguments, Display};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Standard output, buffered: call [`Out::flush`] at the end, and where somebody is watching.
pub struct Out {
    writer: BufWriter<Box<dyn Write + Send>>,
    terminal: bool,
}

impl Out {
    pub fn new() -> Self {
        let stdout = io::stdout();
        Self { terminal: stdout.is_terminal(), writer: BufWriter::new(Box::new(stdout)) }
    }

    /// For what is said about a file: standard error where the file itself is on standard output.
    pub fn beside(file: Output<'_>) -> Self {
        if file.is_stdout() {
            Self { terminal: false, writer: BufWriter::new(Box::new(io::stderr())) }
        } else {
            Self::new()
        }
    }

    /// Text as it is.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.writer.write_all(text.as_bytes())?)
    }

    /// Text that a model made: a terminal gets no control characters of it but line breaks and tabs.
    pub fn model_text(&mut self, text: &str) -> Result<(), Failure> {
        if self.terminal && text.contains(is_unsafe) { self.text(&harmless(text)) } else { self.text(text) }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// One line.
    pub fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.writer, "{line}")?)
    }

    /// How many tensors, and the first few of them.
    pub fn list(&mut self, what: &str, tensors: &[String]) -> Result<(), Failure> {
        self.list_from(what, &[], tensors)
    }

    /// How many tensors, all of the first list and the first few of the second.
    pub fn list_from(&mut self, what: &str, all: &[String], few: &[String]) -> Result<(), Failure> {
        const SHOWN: usize = 6;
        if all.is_empty() && few.is_empty() {
            return Ok(());
        }
        self.line(format_args!("{} {what}:", counted(all.len() + few.len(), "tensor")))?;
        for tensor in all.iter().chain(few.iter().take(SHOWN)) {
            self.line(format_args!("  {tensor}"))?;
        }
        match few.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => self.line(format_args!("  … and {more} more")),
        }
    }

    /// One JSON document, and nothing after it.
    pub fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(value)?;
        self.flush()
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}

/// Text of a model as a terminal may have it.
pub fn harmless(text: &str) -> String {
    text.replace(is_unsafe, "\u{fffd}")
}

fn is_unsafe(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// Standard error: what is going on. Nothing here fails; whoever closed it does not want to know.
pub struct Notes {
    quiet: bool,
    terminal: bool,
    /// The stage that is on the screen. Only then may its line be erased: the answer may be on the same terminal.
    staged: Mutex<String>,
}

impl Notes {
    /// Standard error; nothing where `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, terminal: io::stderr().is_terminal(), staged: Mutex::default() }
    }

    /// Whether somebody watches a terminal.
    pub fn live(&self) -> bool {
        self.terminal && !self.quiet
    }

    /// A line that stays.
    pub fn line(&self, line: Arguments<'_>) {
        if !self.quiet {
            self.clear();
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// Lines that were asked for.
    pub fn always(&self, lines: &str) {
        self.clear();
        let _ = writeln!(io::stderr(), "{lines}");
    }

    /// What is happening right now; the next one replaces it. Terminals only.
    pub fn stage(&self, stage: Arguments<'_>) {
        if self.live() {
            let _ = write!(io::stderr(), "\r\x1b[K{stage}…");
            *self.staged() = stage.to_string();
        }
    }

    /// How much of the stage on the screen is done.
    pub fn within(&self, done: usize, total: usize) {
        if self.live() {
            let _ = write!(io::stderr(), "\r\x1b[K{}… {} %", self.staged(), done * 100 / total.max(1));
        }
    }

    fn staged(&self) -> MutexGuard<'_, String> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the last stage off the screen.
    pub fn clear(&self) {
        if !std::mem::take(&mut *self.staged()).is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Notes {
    /// An error's message starts at the beginning of a line.
    fn drop(&mut self) {
        self.clear();
    }
}

/// Bytes for people, as text that can be lined up.
pub fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// A number of things: "1 tensor", "2 tensors".
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A number of parameters as models are named by it: 1.79M, 2.70B.
pub fn magnitude(count: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let count = count as f64;
    match count {
        c if c < 1e6 => format!("{:.1}K", c / 1e3),
        c if c < 1e9 => format!("{:.2}M", c / 1e6),
        c => format!("{:.2}B", c / 1e9),
    }
}

/// Milliseconds, to the microsecond.
pub fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A duration for people.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.01 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// A 32-bit float in JSON with the fewest digits that give the same float back; what JSON has no number for is null.
pub fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().ok().filter(|v| v.is_finite()).map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_digits() {
        assert_eq!(number(0.1).to_string(), "0.1");
        assert_eq!(number(-2.5e-7).to_string(), "-2.5e-7");
        assert_eq!(number(f32::NAN), Value::Null);
        assert_eq!(number(f32::NEG_INFINITY), Value::Null);
    }
}
