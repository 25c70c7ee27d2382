//! `ocelli chat`: a conversation, by the file's own chat template.
//!
//! At a terminal lines are edited and a signal stops the answer; a file or a pipe is read line by line, and a signal ends the
//! program where there is no answer.
//!
//! The non-obvious thing: a line is a command only where it is exactly one, and what people and the model say is never
//! searched, neither for pictures nor for special tokens: whatever can be typed can be said.

mod command;
mod lines;

use super::run::{Draws, GenerationArgs, rate};
use crate::answer::{Answer, ending};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs, Opened};
use crate::output::{Notes, Out, counted};
use crate::read::read_picture;
use crate::repeats::Repeats;
use crate::wrap::Wrap;
use command::Line;
use lines::{Came, Lines};
use ocelli_engine::chat::ChatTemplate;
use ocelli_engine::image::Picture;
use ocelli_engine::{CancelHandle, Constraint, Conversation, Error, Event, Finish, Generation};
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const AFTER: &str = "\
EXAMPLES
  ocelli chat smollm2.gguf
  ocelli chat gemma.gguf --system 'Answer in one sentence.' --temp 0.3
  printf 'My name is Ada.\\nWhat is my name?\\n' | ocelli chat smollm2.gguf -q

One line is one message. The answers go to standard output, everything else to standard error. Only these lines are
commands; a message that would be one begins with '//', of which one is taken away:
  /image PATH  shows a picture with the next message, if the model takes any
  /reset       begins anew, as do /clear and /new
  /help        lists these commands, as do /? and ?
  /exit        leaves, as do /bye and /quit
At a terminal lines are edited, the up key brings back earlier ones, and lines that are pasted are one message. A backslash
at its end lets a message go on in the next line. What stands between \"\"\" and \"\"\" is a message of any number of lines,
whatever it says. A picture's file that is dropped on the terminal is shown with the next message. Ctrl-C stops an answer or
leaves a line, Ctrl-D leaves.

From a file or a pipe each line is a message or one of the first names of these commands, and Ctrl-C between answers leaves.

All of a message is text: <image>, and names of special tokens such as <|im_end|>. (transformers would read these.)

Tokens are drawn with a temperature of 0.8 from the 40 likeliest, as far as they reach 0.95 together, and those among the last
64 are made less likely by a penalty of 1.1; --temp 0 takes the likeliest. An answer ends after 1024 tokens, if -n does not
say otherwise, and where it repeats one stretch at least 12 times over 1500 bytes: --allow-repeats lets it. Where the
context is full, the oldest turns are dropped and that is told; what --system says stays.

At a terminal an error is printed and the conversation goes on. From a file or a pipe it ends the program, with the
number of the line and an exit code that is not 0; the lines behind it are not read.";

const COMMANDS: &str = "\
/image PATH  shows a picture with the next message; dropping its file here does, too
/reset       begins anew, as do /clear and /new
/help        lists these commands, as do /? and ?
/exit        leaves, as do /bye and /quit, and Ctrl-D
Ctrl-C stops an answer or leaves a line. A backslash at its end lets a message go on in the next line, and what stands
between \"\"\" and \"\"\" is a message of any number of lines. A message that begins with '/' may be written with '//'.";

/// Positions of a conversation where the command line names no number and the model has more.
const CONTEXT: usize = 4096;

/// Most tokens of an answer where the command line names no number.
const LONGEST_ANSWER: usize = 1024;

/// How a chat draws: llama.cpp's temperature, top-k and top-p, and the penalty that ollama has.
const DRAWS: Draws = Draws {
    suggested: true,
    temperature: 0.8,
    top_k: 40,
    top_p: 0.95,
    repetition_penalty: Some(1.1),
    repetition_window: 64,
};

/// Talk with a model that has a chat template
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// What the model is told before the conversation
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    system: Option<String>,
    #[command(flatten)]
    generation: GenerationArgs,
    /// Let an answer repeat itself for ever
    #[arg(long, help_heading = "Generation")]
    allow_repeats: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Keep no file of what is typed; otherwise it is ocelli/chat-history below XDG_STATE_HOME or ~/.local/state
    #[arg(long, help_heading = "Output")]
    no_history: bool,
    /// Say behind each answer what it took
    #[arg(long, help_heading = "Output")]
    verbose: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output", conflicts_with = "verbose")]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    if args.generation.beams.is_some_and(|beams| beams > 1) {
        return Err(Failure::usage("option", "a conversation is answered as it is generated: no --beams"));
    }
    let notes = Notes::new(args.quiet);
    notes.stage(format_args!("loading"));
    let opened = args.model.open(args.quiet)?;
    let model = &opened.model;
    let template = ChatTemplate::from_gguf(model.file()).map_err(|e| Failure::opening(&opened.name, &e))?;
    if template.is_none() {
        let what = format_args!("{}: no chat template (tokenizer.chat_template)", opened.name);
        return Err(Failure::new("no-chat-template", what));
    }
    args.memory.note_context(model, &notes);
    let constraint = args.generation.constraint(model, Some("the conversation"))?;
    let options = args.memory.session(model.context().min(CONTEXT));
    let mut conversation = Conversation::new(model, &options, false)?;
    let cancel = CancelHandle::default();
    conversation.cancel_by(cancel.clone());
    notes.clear();
    let terminal = io::stdin().is_terminal();
    let history = if args.no_history || !terminal { None } else { lines::history() };
    let lines = if terminal { Lines::typed(history)? } else { Lines::Plain };
    let (pictures, seed, columns) = (Vec::new(), args.generation.seed(), None);
    let mut chat = Chat { args, interrupt, notes: &notes, constraint, conversation, cancel, seed, pictures, columns };
    chat.begin()?;
    if terminal {
        chat.introduce(&opened);
    }
    chat.listen(lines)
}

struct Chat<'a> {
    args: &'a Args,
    interrupt: &'a Interrupt,
    notes: &'a Notes,
    /// What every answer is held to.
    constraint: Option<Box<dyn Constraint>>,
    conversation: Conversation,
    /// Stops an answer.
    cancel: CancelHandle,
    /// Of the next answer.
    seed: u64,
    /// They go with the next message.
    pictures: Vec<Arc<Picture>>,
    /// Of the terminal that answers are written to.
    columns: Option<usize>,
}

impl Chat<'_> {
    /// Nothing was said yet.
    fn begin(&mut self) -> Result<(), Failure> {
        self.pictures.clear();
        self.conversation.clear();
        match &self.args.system {
            Some(text) => Ok(self.conversation.say("system", Vec::new(), text)?),
            None => Ok(()),
        }
    }

    /// What a person should know who has not read the help.
    fn introduce(&mut self, opened: &Opened) {
        let context = self.conversation.used().map_or(0, |used| used.context);
        let sees = if opened.model.takes_images() { ", takes pictures" } else { "" };
        self.notes.line(format_args!("{}: {context} positions{sees}", opened.name));
        self.notes.line(format_args!("/help lists the commands, /exit leaves, Ctrl-C stops an answer"));
    }

    /// Lines until there are no more.
    fn listen(&mut self, mut lines: Lines) -> Result<(), Failure> {
        let terminal = !matches!(lines, Lines::Plain);
        for number in 1.. {
            let done = lines.next(self.interrupt).and_then(|came| {
                self.columns = lines.columns();
                self.came(&came, terminal)
            });
            match done {
                Ok(true) => break,
                Ok(false) => {}
                Err(Failure::Interrupted) if terminal => self.notes.line(format_args!("[stopped]")),
                // Of a terminal that cannot be read no more is to be expected.
                Err(failure @ Failure::Error { .. }) if terminal && failure.code() != Some("terminal") => {
                    let _ = failure.report(Interrupt::code());
                }
                Err(failure) if terminal => return Err(failure),
                Err(failure) => return Err(failure.at_line(number)),
            }
        }
        Ok(())
    }

    /// Does what a line asks for; whether it was to leave.
    fn came(&mut self, came: &Came, terminal: bool) -> Result<bool, Failure> {
        let line = match came {
            Came::End => return Ok(true),
            Came::Left => {
                self.notes.line(format_args!("(/exit or Ctrl-D leaves)"));
                Line::Nothing
            }
            Came::Message(text) => Line::Message(text),
            Came::Line(line) if terminal => Line::typed(line),
            Came::Line(line) => Line::of(line),
        };
        match line {
            Line::Nothing => {}
            Line::Exit => return Ok(true),
            Line::Help => self.notes.always(COMMANDS),
            Line::Reset => self.begin()?,
            Line::Image("") => return Err(Failure::usage("command", "/image needs a path: /image PATH")),
            // As it is, or else as a shell would read it.
            Line::Image(path) if Path::new(path).exists() => self.show(Path::new(path))?,
            Line::Image(path) => self.show(&command::path(path).unwrap_or_else(|| PathBuf::from(path)))?,
            Line::Dropped(path) if self.conversation.model().takes_images() => self.show(&path)?,
            Line::Dropped(_) => {
                if let Came::Line(line) = came {
                    self.message(line)?;
                }
            }
            Line::Message(text) => self.message(text)?,
        }
        Ok(false)
    }

    /// A picture for the next message.
    fn show(&mut self, path: &Path) -> Result<(), Failure> {
        let model = self.conversation.model();
        if !model.takes_images() {
            return Err(Error::NoVision { images: 1 }.into());
        }
        let picture = read_picture(path, &model.image_limits())?;
        let (width, height) = (picture.width(), picture.height());
        self.pictures.push(picture);
        self.notes.line(format_args!("[{}, {width}x{height}, goes with the next message]", path.display()));
        Ok(())
    }

    /// One turn. What fails leaves no trace in the conversation.
    fn message(&mut self, text: &str) -> Result<(), Failure> {
        // The line is not edited any more: a signal from here on is for the answer.
        self.interrupt.is_polled();
        self.conversation.say("user", std::mem::take(&mut self.pictures), text)?;
        let answer = self.answer();
        let stopped = self.interrupt.take();
        if answer.is_err() {
            self.conversation.take_back();
        }
        answer?;
        // Each answer is drawn anew, and all of them are again with the same first seed.
        self.seed = self.seed.wrapping_add(1);
        if stopped { Err(Failure::Interrupted) } else { Ok(()) }
    }

    fn answer(&mut self) -> Result<(), Failure> {
        let model = self.conversation.model().clone();
        let used = self.conversation.used()?;
        let generation = &self.args.generation;
        let mut options =
            generation.options(model.defaults(), used.positions, (&DRAWS, self.seed), self.constraint.clone())?;
        options.beams = 1;
        options.max_new_tokens = generation.max_new_tokens.unwrap_or(LONGEST_ANSWER);
        let mut out = Out::new();
        let joins = self.constraint.is_none().then_some(model.tokenizer());
        let wrap = self.columns.filter(|&columns| columns > 8 && out.is_terminal()).map(Wrap::new);
        let mut shown = Answer::new(&mut out, joins, true).wrapped(wrap);
        let (notes, interrupt) = (self.notes, self.interrupt);
        let (mut closed, mut repeats, mut circles) = (None, Repeats::default(), false);
        interrupt.cancels_turn(self.cancel.clone());
        let result = self.conversation.generate(&options, &mut |event| {
            match event {
                Event::Image { index, count } => notes.stage(format_args!("encoding image {}/{count}", index + 1)),
                Event::Prefill { positions } => notes.stage(format_args!("reading {positions} positions")),
                Event::Within { done, total } => notes.within(done, total),
                Event::Piece(piece) => {
                    // There is text: an answer that is stopped now is an answer, and what was read of it stays.
                    interrupt.is_polled();
                    notes.clear();
                    closed = shown.piece(piece).err();
                    circles = !self.args.allow_repeats && repeats.push(piece);
                }
            }
            let ends = closed.is_some() || circles || interrupt.raised();
            if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        notes.clear();
        if let Some(failure) = closed {
            return Err(failure);
        }
        shown.end(result.is_ok())?;
        let generation = result?.clone();
        if circles && generation.finish == Finish::Stopped {
            notes.line(format_args!("[the answer repeats itself and was ended; --allow-repeats lets it]"));
        }
        ending(notes, &generation, self.constraint.is_some(), joins);
        self.report(&generation, used.context);
        Ok(())
    }

    /// What happened to the conversation, and how long it took.
    fn report(&self, generation: &Generation, context: usize) {
        if self.conversation.dropped() > 0 {
            let dropped = counted(self.conversation.dropped(), "message");
            let were = if self.conversation.dropped() == 1 { "was" } else { "were" };
            let what =
                format_args!("[the context of {context} positions is full: the oldest {dropped} {were} dropped]");
            self.notes.line(what);
        }
        if !self.args.verbose {
            return;
        }
        let t = &generation.timings;
        let rate = rate(t.generated.saturating_sub(1), t.generate);
        let rate = rate.map(|rate| format!(", {rate:.1} tok/s")).unwrap_or_default();
        let (kept, tokens) = (t.reused, counted(t.generated, "token"));
        let seed = self.seed;
        self.notes.line(format_args!("[{} positions, {kept} of them kept; {tokens}{rate}; seed {seed}]", t.prompt));
    }
}
