//! How far the writing or fetching of a file is: what [`ocelli_convert`] and the hub report, for people.

use crate::interrupt::Interrupt;
use crate::output::{Notes, size};
use crate::progress::Pace;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli_convert::Progress;
use std::cell::Cell;

/// A bar for whoever watches a terminal, for logs a line now and then.
pub struct Watch {
    notes: Notes,
    interrupt: Interrupt,
    bar: ProgressBar,
    /// What is done with the bytes.
    verb: &'static str,
    total: Cell<u64>,
    done: Cell<u64>,
    pace: Pace,
}

impl Watch {
    pub fn new(notes: Notes, interrupt: Interrupt) -> Self {
        Self::of(notes, interrupt, "written")
    }

    /// Of bytes that are written, fetched or the like.
    pub fn of(notes: Notes, interrupt: Interrupt, verb: &'static str) -> Self {
        let bar = if notes.live() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Self { notes, interrupt, bar, verb, total: Cell::new(0), done: Cell::new(0), pace: Pace::new() }
    }

    /// That many bytes more are done, or fewer where some were of no use.
    #[cfg(feature = "hub")]
    pub fn moved(&self, bytes: i64, what: &str) {
        if bytes < 0 {
            self.done.set(self.done.get().saturating_sub(bytes.unsigned_abs()));
            self.bar.set_position(self.done.get());
        } else {
            self.advance(bytes.unsigned_abs(), what);
        }
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch {
    fn start(&self, total_bytes: u64) {
        self.total.set(total_bytes);
        if self.notes.live() {
            let template =
                "{bar:32} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {wide_msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.bar.set_length(total_bytes);
        }
    }

    fn advance(&self, bytes: u64, tensor: &str) {
        self.done.set(self.done.get().saturating_add(bytes));
        if self.notes.live() {
            self.bar.inc(bytes);
            // Only when it changes: a message is allocated, and chunks are many.
            if self.bar.message() != tensor {
                self.bar.set_message(tensor.to_owned());
            }
            return;
        }
        let (done, total) = (self.done.get(), self.total.get());
        if self.pace.due(done, total) {
            self.notes.line(format_args!("{} of {} {}", size(done), size(total), self.verb));
        }
    }

    /// Notes are part of the summary.
    fn note(&self, _: &str) {}

    fn cancelled(&self) -> bool {
        self.interrupt.raised()
    }
}
