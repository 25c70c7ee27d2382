//! How far a count is, and how long the rest will take: a line that is replaced for whoever watches a terminal, for logs a
//! line now and then.

use crate::output::Notes;
use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// When a log gets its next line.
pub struct Pace(Cell<(u64, Instant)>);

impl Pace {
    /// The shortest and the longest time between two lines.
    const PAUSE: Duration = Duration::from_secs(2);
    const SILENCE: Duration = Duration::from_secs(10);

    /// From now on.
    pub fn new() -> Self {
        Self(Cell::new((0, Instant::now())))
    }

    /// Whether a line is due with so much done: at every tenth, but not too often, and not too seldom.
    pub fn due(&self, done: u64, total: u64) -> bool {
        let tenths = done.saturating_mul(10).checked_div(total).unwrap_or(10);
        let (before, when) = self.0.get();
        let silent = when.elapsed();
        let due = tenths > before && silent >= Self::PAUSE || silent >= Self::SILENCE;
        if due {
            self.0.set((tenths, Instant::now()));
        }
        due
    }
}

/// Things that are done one after the other.
pub struct Count<'a> {
    notes: &'a Notes,
    /// What they are, in the plural.
    things: &'static str,
    total: usize,
    /// Those that were done before.
    before: usize,
    start: Instant,
    pace: Pace,
    /// When whoever watches saw the last line.
    shown: Cell<Option<Instant>>,
}

/// How often a line is replaced.
const FRAME: Duration = Duration::from_millis(100);

impl<'a> Count<'a> {
    pub fn new(notes: &'a Notes, things: &'static str, before: usize, total: usize) -> Self {
        Self { notes, things, total, before, start: Instant::now(), pace: Pace::new(), shown: Cell::new(None) }
    }

    /// So many are done, those from before included.
    pub fn at(&self, done: usize, more: impl Display) {
        let live = self.notes.live();
        let due = if live {
            self.shown.get().is_none_or(|shown| shown.elapsed() >= FRAME)
        } else {
            self.pace.due(done as u64, self.total as u64)
        };
        if !due {
            return;
        }
        self.shown.set(Some(Instant::now()));
        let left = left(self.start.elapsed(), done - self.before, self.total - done);
        let line = format!("{done} of {} {}{more}{left}", self.total, self.things);
        if live { self.notes.stage(format_args!("{line}")) } else { self.notes.line(format_args!("{line}")) }
    }

    /// How long it took so far.
    pub fn took(&self) -> Duration {
        self.start.elapsed()
    }
}

/// How long the rest will take, if what is done says so.
fn left(took: Duration, done: usize, rest: usize) -> String {
    if done == 0 || rest == 0 {
        return String::new();
    }
    #[allow(clippy::cast_precision_loss)]
    let seconds = (took.as_secs_f64() / done as f64 * rest as f64).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!(", {minutes}:{seconds:02} left"),
        _ => format!(", {hours}:{minutes:02}:{seconds:02} left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_a_thing_as_what_is_done() {
        let after = |seconds, done, rest| left(Duration::from_secs(seconds), done, rest);
        assert_eq!(after(10, 5, 10), ", 0:20 left");
        assert_eq!(after(10, 1, 61), ", 10:10 left");
        assert_eq!(after(100, 1, 40), ", 1:06:40 left");
        assert_eq!((after(3, 0, 9), after(3, 9, 0)), (String::new(), String::new()));
    }
}
