//! `ocelli chat`: a conversation, by the file's own chat template.
//!
//! Lines come from standard input, a terminal or not. A signal stops the answer; there being none, it ends the program.
//!
//! The non-obvious thing: a line is a command only where it is exactly one, and what people and the model say is never
//! searched, neither for pictures nor for special tokens: whatever can be typed can be said.

use super::run::{Answer, CUT, GenerationArgs};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs};
use crate::output::{Notes, Out, counted};
use crate::prompt_args::read_picture;
use ocelli_engine::chat::ChatTemplate;
use ocelli_engine::image::Picture;
use ocelli_engine::tokenizer::LONGEST_TEXT;
use ocelli_engine::{CancelHandle, Constraint, Conversation, Error, Event, Finish};
use std::io::{self, BufRead, IsTerminal, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

const AFTER: &str = "\
EXAMPLES
  ocelli chat smollm2.gguf
  ocelli chat gemma.gguf --system 'Answer in one sentence.' --temp 0.7 -n 200
  printf 'My name is Ada.\\nWhat is my name?\\n' | ocelli chat smollm2.gguf -q

One line is one message. The answers go to standard output, everything else to standard error. Only these lines are
commands; a message that would be one begins with '//', of which one is taken away:
  /image PATH  shows a picture with the next message, if the model takes any
  /reset       begins anew
  /help        lists these commands
  /exit        leaves
Ctrl-C stops an answer, and between answers it leaves; so does Ctrl-D.

All of a message is text: <image>, and names of special tokens such as <|im_end|>. (transformers would read these.)

At a terminal an error is printed and the conversation goes on. From a file or a pipe it ends the program, with the
number of the line and an exit code that is not 0; the lines behind it are not read.";

const COMMANDS: &str = "\
/image PATH  shows a picture with the next message
/reset       begins anew
/help        lists these commands
/exit        leaves
A message that begins with '/' may be written with '//'.";

/// Positions of a conversation where the command line names no number and the model has more.
const CONTEXT: usize = 4096;

/// Talk with a model that has a chat template
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// What the model is told before the conversation
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    system: Option<String>,
    #[command(flatten)]
    generation: GenerationArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    if args.generation.beams.is_some_and(|beams| beams > 1) {
        return Err(Failure::usage("option", "a conversation is answered as it is generated: no --beams"));
    }
    let notes = Notes::new(args.quiet);
    notes.stage(format_args!("loading"));
    let opened = args.model.open()?;
    let model = &opened.model;
    let template = ChatTemplate::from_gguf(model.file()).map_err(|e| Failure::opening(&opened.name, &e))?;
    if template.is_none() {
        let what = format_args!("{}: no chat template (tokenizer.chat_template)", opened.name);
        return Err(Failure::new("no-chat-template", what));
    }
    let constraint = args.generation.constraint(model, Some("the conversation"))?;
    let options = args.memory.session(model.context().min(CONTEXT));
    let mut conversation = Conversation::new(model, &options, false)?;
    let cancel = CancelHandle::default();
    conversation.cancel_by(cancel.clone());
    notes.clear();
    let mut chat = Chat { args, interrupt, notes: &notes, constraint, conversation, cancel, pictures: Vec::new() };
    chat.begin()?;
    let terminal = io::stdin().is_terminal();
    for number in 1.. {
        // Waiting, a signal has nothing to stop but the program.
        interrupt.leaves();
        if terminal {
            notes.prompt();
        }
        let done = read_line().and_then(|line| line.map_or(Ok(true), |line| chat.line(&line)));
        match done {
            Ok(true) => break,
            Ok(false) => {}
            Err(Failure::Interrupted) if terminal => {}
            Err(failure @ Failure::Error { .. }) if terminal => {
                let _ = failure.report();
            }
            Err(failure) => return Err(failure.at_line(number)),
        }
    }
    Ok(())
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

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Image(&'a str),
    Reset,
    Help,
    Exit,
    Message(&'a str),
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, rest) {
            _ if line.trim().is_empty() => Self::Nothing,
            ("/image", path) => Self::Image(path),
            ("/reset", "") => Self::Reset,
            ("/help", "") => Self::Help,
            ("/exit", "") => Self::Exit,
            _ => Self::Message(if line.starts_with("//") { &line[1..] } else { line }),
        }
    }
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
    /// They go with the next message.
    pictures: Vec<Arc<Picture>>,
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

    /// Does what a line asks for; whether it was to leave.
    fn line(&mut self, line: &str) -> Result<bool, Failure> {
        match Line::of(line) {
            Line::Nothing => {}
            Line::Exit => return Ok(true),
            Line::Help => self.notes.always(COMMANDS),
            Line::Reset => self.begin()?,
            Line::Image("") => return Err(Failure::usage("command", "/image needs a path: /image PATH")),
            Line::Image(path) => {
                let model = self.conversation.model();
                if !model.takes_images() {
                    return Err(Error::NoVision { images: 1 }.into());
                }
                self.pictures.push(read_picture(Path::new(path), &model.image_limits())?);
            }
            Line::Message(text) => self.message(text)?,
        }
        Ok(false)
    }

    /// One turn. What fails leaves no trace in the conversation.
    fn message(&mut self, text: &str) -> Result<(), Failure> {
        self.conversation.say("user", std::mem::take(&mut self.pictures), text)?;
        let answer = self.answer();
        let stopped = self.interrupt.take();
        if answer.is_err() {
            self.conversation.take_back();
        }
        answer?;
        if stopped { Err(Failure::Interrupted) } else { Ok(()) }
    }

    fn answer(&mut self) -> Result<(), Failure> {
        let model = self.conversation.model().clone();
        let used = self.conversation.used()?;
        let mut options = self.args.generation.options(&model, used.positions, self.constraint.clone())?;
        options.beams = 1;
        options.max_new_tokens = self.args.generation.max_new_tokens.unwrap_or(used.context);
        let mut out = Out::new();
        let mut shown = Answer::new(&mut out, self.constraint.is_none().then_some(model.tokenizer()), true);
        let (notes, interrupt) = (self.notes, self.interrupt);
        let mut closed = None;
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
                }
            }
            if closed.is_some() || interrupt.raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        notes.clear();
        if let Some(failure) = closed {
            return Err(failure);
        }
        shown.end(result.is_ok())?;
        let generation = result?.clone();
        if self.constraint.is_some() && matches!(generation.finish, Finish::Length | Finish::Context) {
            notes.line(format_args!("{CUT}"));
        }
        if self.conversation.dropped() > 0 {
            let dropped = counted(self.conversation.dropped(), "message");
            notes.line(format_args!("[the oldest {dropped} had no room in {} positions and went]", used.context));
        }
        let t = &generation.timings;
        #[allow(clippy::cast_precision_loss)]
        let rate = t.generated as f64 / t.generate.as_secs_f64().max(1e-9);
        notes.line(format_args!(
            "[{} positions, {} of them kept; {} tokens, {rate:.1} tok/s]",
            t.prompt, t.reused, t.generated
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

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
        }
    }
}
