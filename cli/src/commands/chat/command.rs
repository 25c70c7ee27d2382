//! What a line asks for: it is a command only where it is exactly one.

use ocelli_engine::image::ImageLimits;
use std::path::{Path, PathBuf};

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Nothing,
    Image(&'a str),
    /// A picture that was dropped on the terminal.
    Dropped(PathBuf),
    Reset,
    Help,
    Exit,
    Message(&'a str),
}

impl<'a> Line<'a> {
    /// Of a file or a pipe.
    pub fn of(line: &'a str) -> Self {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, rest) {
            _ if line.trim().is_empty() => Self::Nothing,
            // What was pasted is a message.
            _ if line.trim_end().contains('\n') => Self::Message(line),
            ("/image", path) => Self::Image(path),
            ("/reset", "") => Self::Reset,
            ("/help", "") => Self::Help,
            ("/exit", "") => Self::Exit,
            _ => Self::Message(if line.starts_with("//") { &line[1..] } else { line }),
        }
    }

    /// Of a terminal, where people expect the names that other programs have.
    pub fn typed(line: &'a str) -> Self {
        match line.trim_end() {
            "/clear" | "/new" => Self::Reset,
            "?" | "/?" => Self::Help,
            "/bye" | "/quit" | "/q" => Self::Exit,
            only => match dropped(only.trim_start()) {
                Some(path) => Self::Dropped(path),
                None => Self::of(line),
            },
        }
    }
}

/// The path that a shell would make of one word: quoted, or with backslashes, and with the home folder for '~'. `None` of
/// several words.
pub fn path(word: &str) -> Option<PathBuf> {
    let plain = match word.chars().next()? {
        quote @ ('\'' | '"') => {
            let inside = word[1..].strip_suffix(quote)?;
            if inside.contains(quote) {
                return None;
            }
            inside.to_owned()
        }
        _ => {
            let (mut plain, mut chars) = (String::new(), word.chars());
            while let Some(c) = chars.next() {
                match c {
                    '\\' if cfg!(unix) => plain.push(chars.next()?),
                    c if c.is_whitespace() => return None,
                    c => plain.push(c),
                }
            }
            plain
        }
    };
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    match plain.strip_prefix('~') {
        Some("") => home(),
        Some(rest) if rest.starts_with('/') && word.starts_with('~') => Some(home()?.join(&rest[1..])),
        _ => Some(PathBuf::from(plain)),
    }
}

/// A line that is nothing but the whole path of a picture, as terminals write what is dropped on them.
fn dropped(line: &str) -> Option<PathBuf> {
    let path = match line.strip_prefix("file://") {
        Some(rest) => PathBuf::from(unescaped(rest)?),
        None => path(line)?,
    };
    (path.is_absolute() && path.is_file() && is_picture(&path)).then_some(path)
}

/// The path of a `file:` address.
fn unescaped(address: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = address.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// By its beginning: a message that is the name of a file with a text stays a message.
fn is_picture(path: &Path) -> bool {
    let limits = ImageLimits::default();
    crate::read::read_picture(path, &limits).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands_only_where_they_are_exactly_one() {
        let message = Line::Message;
        for (line, wanted) in [
            ("", Line::Nothing),
            (" \t", Line::Nothing),
            ("/image cat.png", Line::Image("cat.png")),
            ("/image\t a cat.png ", Line::Image("a cat.png")),
            ("/image", Line::Image("")),
            ("/reset ", Line::Reset),
            ("/help", Line::Help),
            ("/exit", Line::Exit),
            ("/reset the password: how?", message("/reset the password: how?")),
            ("/etc/passwd is what?", message("/etc/passwd is what?")),
            ("/images are what?", message("/images are what?")),
            ("/", message("/")),
            ("//", message("/")),
            ("//reset", message("/reset")),
            ("///", message("//")),
            (" /reset", message(" /reset")),
            ("say /reset", message("say /reset")),
            ("/Reset", message("/Reset")),
        ] {
            assert_eq!(Line::of(line), wanted, "{line:?}");
            assert_eq!(Line::typed(line), wanted, "{line:?}");
        }
        for (line, wanted) in [
            ("/bye", Line::Exit),
            ("/quit ", Line::Exit),
            ("/clear", Line::Reset),
            ("?", Line::Help),
            ("? is what", message("? is what")),
            ("/clear the table", message("/clear the table")),
            ("// one\n/exit", message("// one\n/exit")),
            ("/exit\n", Line::Exit),
        ] {
            assert_eq!(Line::typed(line), wanted, "{line:?}");
        }
        assert_eq!(Line::of("/bye"), message("/bye"), "a pipe has few commands");
        assert_eq!(Line::of("?"), message("?"));
    }

    #[test]
    fn paths_are_read_as_a_shell_reads_them() {
        let read = |word: &str| path(word).map(|path| path.to_str().unwrap_or_default().to_owned());
        assert_eq!(read("'/a b/c.png'").as_deref(), Some("/a b/c.png"));
        assert_eq!(read("\"/a b/c.png\"").as_deref(), Some("/a b/c.png"));
        assert_eq!(read("cat.png").as_deref(), Some("cat.png"));
        for none in ["a cat.png", "'a", "'a' 'b'"] {
            assert_eq!(read(none), None, "{none}");
        }
        if cfg!(unix) {
            assert_eq!(read("/a\\ b/c\\'s.png").as_deref(), Some("/a b/c's.png"));
            assert!(read("~/x.png").is_some_and(|path| !path.starts_with('~')));
            assert_eq!(read("'~/x.png'").as_deref(), Some("~/x.png"));
        }
        assert_eq!(unescaped("/a%20b/%C3%A9.png").as_deref(), Some("/a b/é.png"));
        assert_eq!(unescaped("/a%2"), None);
    }
}
