//! `ocelli chat` at a terminal: tmux is the terminal, and its screens are looked at. Without tmux the tests say so and pass.

#![cfg(unix)]
#![allow(clippy::print_stderr)]

use crate::saying::saying_in;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Positions that the template puts around a user's message, and around an answer's beginning.
const AROUND: usize = "user\n".len() + 3 + "assistant\n".len() + 1;

/// A terminal with a program in it; it ends with this.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// A terminal of 80 columns where `ocelli chat` runs with a history of its own.
    fn chat(state: &Path, args: &[&str]) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { socket: format!("ocelli-{}-{number}", std::process::id()) };
        if Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_err() {
            eprintln!("skipped: tmux is not installed");
            std::mem::forget(terminal);
            return None;
        }
        let set = format!("XDG_STATE_HOME={}", state.display());
        let program = [&["env", &set, env!("CARGO_BIN_EXE_ocelli"), "chat"], args].concat();
        // Behind its end the screen stays to be looked at.
        let program = format!("{}; echo left with $?; sleep 60", program.map_quoted());
        terminal.tmux(
            &[
                "-f",
                "/dev/null",
                "set-option",
                "-g",
                "history-limit",
                "50000",
                ";",
                "new-session",
                "-d",
                "-x",
                "80",
                "-y",
                "40",
                &program,
            ],
            "",
        );
        terminal.wait("> ");
        Some(terminal)
    }

    fn tmux(&self, args: &[&str], input: &str) -> String {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "tmux {args:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Text as it is typed.
    fn types(&self, text: &str) -> &Self {
        self.tmux(&["send-keys", "-l", "--", text], "");
        self
    }

    /// Keys by their names.
    fn press(&self, keys: &[&str]) -> &Self {
        self.tmux(&[&["send-keys"], keys].concat(), "");
        self
    }

    fn paste(&self, text: &str) -> &Self {
        self.tmux(&["load-buffer", "-"], text);
        self.tmux(&["paste-buffer", "-p", "-r"], "");
        self
    }

    /// All that was on the screen, with lines that the terminal broke as one.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-50000"], "")
    }

    /// Waits until the last line that is not empty is a prompt with this behind it.
    #[track_caller]
    fn wait(&self, last: &str) -> String {
        self.until(|screen| screen.trim_end_matches('\n').lines().last().is_some_and(|line| line.trim() == last.trim()))
    }

    #[track_caller]
    fn until(&self, there: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if there(&screen) {
                return screen;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{screen}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Begins the conversation anew, and waits until it has: between two lines nothing is edited.
    #[track_caller]
    fn begins_anew(&self) {
        let count = |screen: &str| screen.lines().filter(|line| line.ends_with(" /reset")).count();
        let before = count(&self.screen());
        self.types("/reset").until(|screen| count(screen) > before);
        self.press(&["Enter"]).until(|screen| count(screen) > before && screen.trim_end().ends_with("\n>"));
    }

    /// Waits for the `count`th answer; the positions of each turn's prompt.
    #[track_caller]
    fn answers(&self, count: usize) -> Vec<usize> {
        let turns = |screen: &str| -> Vec<usize> {
            let turn = |line: &str| line.strip_prefix('[')?.split_once(" positions, ")?.0.parse().ok();
            screen.lines().filter_map(turn).collect()
        };
        turns(&self.until(|screen| turns(screen).len() == count && screen.trim_end().ends_with("\n>")))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).stderr(Stdio::null()).status();
    }
}

/// Words for a shell.
trait Quoted {
    fn map_quoted(&self) -> String;
}

impl Quoted for Vec<&str> {
    fn map_quoted(&self) -> String {
        self.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn lines_are_edited_and_come_back() {
    let (dir, model) = saying_in(512, &["\u{10a}", "yes"]);
    let args = ["-m", model.as_str(), "--verbose"];
    let Some(terminal) = Terminal::chat(dir.path(), &args) else { return };
    let screen = terminal.screen();
    assert!(screen.contains("512 positions") && screen.contains("/help lists the commands"), "{screen}");
    terminal.types("helo").press(&["Left"]).types("l").press(&["Enter"]);
    assert_eq!(terminal.answers(1), [AROUND + "hello".len()]);
    assert!(terminal.screen().contains("\n> hello\nyes\n"), "{}", terminal.screen());
    terminal.press(&["Up"]).wait("> hello");
    terminal.press(&["Home"]).types("oh ").press(&["Enter"]);
    let first = AROUND + "hello".len();
    // The answer's one token, and what the template puts behind it.
    let between = 1 + 2;
    assert_eq!(terminal.answers(2)[1], first + between + AROUND + "oh hello".len());
    // The usual names, and what only looks like a command.
    terminal.types("?").press(&["Enter"]).until(|screen| screen.contains("/exit        leaves"));
    terminal.types("/etc/passwd is what?").press(&["Enter"]);
    terminal.answers(3);
    terminal.types("/bye").press(&["Enter"]).until(|screen| screen.contains("left with 0"));
    drop(terminal);
    // The next time they are there, unless no history is wanted.
    let Some(again) = Terminal::chat(dir.path(), &args) else { return };
    again.press(&["Up", "Up"]).wait("> /etc/passwd is what?");
    again.press(&["C-c"]).press(&["C-d"]).until(|screen| screen.contains("left with 0"));
    drop(again);
    let Some(none) = Terminal::chat(dir.path(), &[&args[..], &["--no-history"]].concat()) else { return };
    none.press(&["Up"]).types("x").wait("> x");
}

#[test]
fn what_is_pasted_is_one_message_and_whole() {
    let (dir, model) = saying_in(16 << 10, &["\u{10a}", "yes"]);
    let args = ["-m", model.as_str(), "--verbose", "--context", "16000"];
    let Some(terminal) = Terminal::chat(dir.path(), &args) else { return };
    let three = "first line\nmake \\\n  all";
    terminal.paste(three).press(&["Enter"]);
    assert_eq!(terminal.answers(1), [AROUND + three.len()]);
    terminal.begins_anew();
    let long: String = (0..600).map(|at| format!("word {at:04}\n")).collect();
    assert_eq!(long.len(), 6000);
    terminal.paste(long.trim_end()).press(&["Enter"]);
    assert_eq!(terminal.answers(2)[1], AROUND + 5999);
    // On one line, longer than a line of the system's may be.
    terminal.begins_anew();
    let line = "long ".repeat(1200) + "end";
    terminal.paste(&line).press(&["Enter"]);
    assert_eq!(terminal.answers(3)[2], AROUND + line.len());
    // Typed line by line.
    terminal.begins_anew();
    terminal.types("one\\").press(&["Enter"]).types("two").press(&["Enter"]);
    assert_eq!(terminal.answers(4)[3], AROUND + "one\ntwo".len());
    terminal.begins_anew();
    terminal.types("\"\"\"").press(&["Enter"]).types("/exit").press(&["Enter"]).types("\"\"\"").press(&["Enter"]);
    assert_eq!(terminal.answers(5)[4], AROUND + "/exit".len());
}

#[test]
fn ctrl_c_stops_an_answer_and_leaves_a_line() {
    // It never ends.
    let (dir, model) = saying_in(16 << 10, &["\u{10a}", "a\u{120}", "b\u{120}", "a\u{120}"]);
    let args = ["-m", model.as_str(), "--allow-repeats", "-n", "16000", "--context", "16000", "--temp", "0"];
    let Some(terminal) = Terminal::chat(dir.path(), &args) else { return };
    terminal.types("hello").press(&["Enter"]).until(|screen| screen.contains("a b a b"));
    terminal.press(&["C-c"]).until(|screen| screen.contains("[stopped]"));
    terminal.wait(">");
    terminal.types("nonsense").press(&["C-c"]).until(|screen| screen.contains("(/exit or Ctrl-D leaves)"));
    let answered = |screen: &str| screen.rsplit_once("> again").is_some_and(|(_, behind)| behind.contains("a b a b"));
    terminal.types("again").press(&["Enter"]).until(answered);
    terminal.press(&["C-c"]).until(|screen| screen.matches("[stopped]").count() == 2);
    // A signal that is no key leaves the terminal as it was.
    terminal.wait(">");
    let pid = terminal.tmux(&["display-message", "-p", "#{pane_pid}"], "");
    let child = Command::new("pgrep").args(["-P", pid.trim()]).output().unwrap();
    let child = String::from_utf8(child.stdout).unwrap();
    assert!(Command::new("kill").args(["-TERM", child.trim()]).status().unwrap().success());
    terminal.until(|screen| screen.contains("left with 143"));
}

#[test]
fn a_full_context_is_told_and_words_are_whole() {
    let (dir, model) = saying_in(512, &["\u{10a}", "wonderful\u{120}", "story\u{120}", "of\u{120}", "words\u{120}"]);
    let words = "wonderful story of words";
    let args = ["-m", model.as_str(), "--context", "200", "--temp", "0"];
    let Some(terminal) = Terminal::chat(dir.path(), &args) else { return };
    for turn in 0..12 {
        terminal.types(&format!("question {turn}")).press(&["Enter"]);
        terminal.until(|screen| screen.matches(words).count() == turn + 1 && screen.trim_end().ends_with("\n>"));
    }
    assert!(terminal.screen().contains("[the context of 200 positions is full: the oldest "), "{}", terminal.screen());
    drop(terminal);
    // Answers of several lines.
    let chain = ["\u{10a}", "wonderful\u{120}", "stories\u{120}", "wonderful\u{120}"];
    let (dir, model) = saying_in(512, &chain);
    let args = ["-m", model.as_str(), "-n", "40", "--temp", "0"];
    let Some(terminal) = Terminal::chat(dir.path(), &args) else { return };
    terminal.types("hello").press(&["Enter"]).until(|screen| screen.contains("was cut after 40 tokens"));
    let screen = terminal.tmux(&["capture-pane", "-p"], "");
    let lines: Vec<&str> =
        screen.lines().filter(|line| line.starts_with("wonderful") || line.starts_with("stories")).collect();
    assert!(lines.len() > 3, "{screen}");
    for word in lines.iter().flat_map(|line| line.split_whitespace()) {
        assert!(["wonderful", "stories"].contains(&word), "{word} of {screen}");
    }
}
