//! What a person types, or lines of a file or pipe.
//!
//! At a terminal a line is edited (rustyline), what is pasted is one message whatever lines it has, and messages are kept in a
//! file for the next time. The non-obvious thing: while a line is edited the terminal is in a mode that a signal must take
//! back before it ends the program.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use ocelli_engine::tokenizer::LONGEST_TEXT;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, Config, Editor, Helper};
use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;

/// Messages that are kept.
const KEPT: usize = 1000;
/// Begins and ends a message of several lines.
const FENCE: &str = "\"\"\"";

/// What came.
pub enum Came {
    /// A line that was typed, lines that were pasted, or a line of a file.
    Line(String),
    /// What stood between fences: a message, whatever it says.
    Message(String),
    /// Ctrl-C: the line was left.
    Left,
    /// There is no more.
    End,
}

/// Where messages come from.
pub enum Lines {
    Plain,
    Typed { editor: Box<Editor<Typing, FileHistory>>, history: Option<PathBuf> },
}

impl Lines {
    /// Of a terminal; `history` is the file of what was typed before.
    pub fn typed(history: Option<PathBuf>) -> Result<Self, Failure> {
        let config = Config::builder().behavior(Behavior::PreferTerm).tab_stop(8).bracketed_paste(true);
        let config = config.max_history_size(KEPT).map_err(|e| broken(&e))?.build();
        let kept = FileHistory::with_config(&config);
        let mut editor = Editor::with_history(config, kept).map_err(|e| broken(&e))?;
        editor.set_helper(Some(Typing::default()));
        if let Some(path) = &history {
            // None at first, and one that cannot be read is not worth a conversation.
            let _ = editor.load_history(path);
        }
        Ok(Self::Typed { editor: Box::new(editor), history })
    }

    /// Columns of the terminal.
    pub fn columns(&mut self) -> Option<usize> {
        match self {
            Self::Plain => None,
            Self::Typed { editor, .. } => editor.dimensions().map(|(columns, _)| usize::from(columns)),
        }
    }

    /// The next line or message.
    pub fn next(&mut self, interrupt: &Interrupt) -> Result<Came, Failure> {
        match self {
            Self::Plain => {
                interrupt.leaves();
                Ok(read_line()?.map_or(Came::End, Came::Line))
            }
            Self::Typed { editor, history } => {
                interrupt.leaves_terminal();
                let typing = |editor: &mut Editor<Typing, _>| {
                    editor.helper().map(|typing| typing.continued.take()).unwrap_or_default()
                };
                typing(editor);
                let line = match editor.readline("> ") {
                    Ok(line) => line,
                    Err(ReadlineError::Eof) => return Ok(Came::End),
                    Err(ReadlineError::Interrupted) => return Ok(Came::Left),
                    Err(e) => return Err(broken(&e)),
                };
                let line = joined(&line, &typing(editor));
                if !line.trim().is_empty() && editor.add_history_entry(line.as_str()).unwrap_or(false) {
                    // At once: the program may be killed.
                    if let Some(path) = history {
                        let _ = editor.append_history(path);
                    }
                }
                Ok(fenced(&line).map_or(Came::Line(line), Came::Message))
            }
        }
    }
}

fn broken(error: &ReadlineError) -> Failure {
    Failure::new("terminal", format_args!("the terminal cannot be read: {error}"))
}

/// The file of what was typed, in the folder for states of programs; its folder is made.
pub fn history() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set("HOME").map(|home| home.join(".local/state"));
    let folder = set("XDG_STATE_HOME").or_else(home).or_else(|| set("LOCALAPPDATA"))?.join("ocelli");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("chat-history"))
}

/// A line of standard input without its end; `None` behind the last.
fn read_line() -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(LONGEST_TEXT as u64 + 2).read_until(b'\n', &mut bytes);
    read.map_err(|e| Failure::new("open", format_args!("cannot read standard input: {e}")))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let line = String::from_utf8(bytes).map_err(|_| Failure::new("text", "a line of standard input is not UTF-8"))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

/// When Enter ends a message.
#[derive(Default)]
pub struct Typing {
    /// What was typed each time that it did not.
    continued: RefCell<Vec<String>>,
}

impl Helper for Typing {}

impl Highlighter for Typing {}

impl Hinter for Typing {
    type Hint = String;
}

impl Completer for Typing {
    type Candidate = String;
}

impl Validator for Typing {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        if !goes_on(ctx.input()) {
            return Ok(ValidationResult::Valid(None));
        }
        self.continued.borrow_mut().push(ctx.input().to_owned());
        Ok(ValidationResult::Incomplete)
    }
}

/// Whether a message goes on in the next line: behind an odd number of backslashes, and until a fence is closed.
fn goes_on(typed: &str) -> bool {
    if let Some(rest) = typed.strip_prefix(FENCE) {
        return !rest.trim_end().ends_with(FENCE);
    }
    (typed.len() - typed.trim_end_matches('\\').len()) % 2 == 1
}

/// What was typed without the backslashes behind which it went on. Backslashes that were pasted stay.
fn joined(typed: &str, continued: &[String]) -> String {
    if typed.starts_with(FENCE) {
        return typed.to_owned();
    }
    let mut text = String::new();
    let mut from = 0;
    for (at, _) in typed.match_indices("\\\n") {
        if continued.iter().any(|before| before == &typed[..=at]) {
            text.push_str(&typed[from..at]);
            from = at + 1;
        }
    }
    text + &typed[from..]
}

/// What stands between fences, which may have lines of their own.
fn fenced(typed: &str) -> Option<String> {
    let inside = typed.strip_prefix(FENCE)?.trim_end().strip_suffix(FENCE)?;
    let inside = inside.strip_prefix('\n').unwrap_or(inside);
    Some(inside.strip_suffix('\n').unwrap_or(inside).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_may_have_several_lines() {
        for (typed, more) in [
            ("one", false),
            ("one\\", true),
            ("C:\\\\", false),
            ("one\\\ntwo", false),
            ("\"\"\"", true),
            ("\"\"\"one\ntwo", true),
            ("\"\"\"one\ntwo\"\"\"", false),
            ("\"\"\"\"\"\" ", false),
            ("say \"\"\"", false),
        ] {
            assert_eq!(goes_on(typed), more, "{typed:?}");
        }
        let typed = "make \\\nall\\\nnow";
        let once = ["make \\\nall\\".to_owned()];
        assert_eq!(joined(typed, &once), "make \\\nall\nnow", "what was pasted stays");
        assert_eq!(joined(typed, &[]), typed);
        assert_eq!(fenced("one"), None);
        assert_eq!(fenced("\"\"\"\nC:\\\n/exit\n\"\"\"").as_deref(), Some("C:\\\n/exit"));
        assert_eq!(fenced("\"\"\"?\"\"\"").as_deref(), Some("?"));
        assert_eq!(fenced("\"\"\"\"\"\"\"\"\"\n").as_deref(), Some("\"\"\""));
        assert_eq!(fenced("\"\"\"open"), None);
    }
}
