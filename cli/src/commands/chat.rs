//! `ocelli chat`: a conversation, by the file's own chat template.
//!
//! Each turn renders the whole conversation again; the session keeps what it has read, so that only what is new runs.
//! Lines come from standard input, a terminal or not. A signal stops the answer; there being none, it ends the program.

use super::run::{Answer, GenerationArgs};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs};
use crate::output::{Notes, Out};
use crate::prompt_args::read_picture;
use ocelli_engine::chat::{ChatTemplate, Message};
use ocelli_engine::image::Picture;
use ocelli_engine::tokenizer::LONGEST_TEXT;
use ocelli_engine::{Error, Event, Generation, IMAGE_MARKER, Prompt, Session};
use std::io::{self, BufRead, IsTerminal, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

const AFTER: &str = "\
EXAMPLES
  ocelli chat -m smollm2.gguf
  ocelli chat -m gemma.gguf --system 'Answer in one sentence.' --temp 0.7 --top-p 0.9 -n 200
  printf 'My name is Ada.\\nWhat is my name?\\n' | ocelli chat -m smollm2.gguf -q

One line is one message. The answers go to standard output, everything else to standard error.
  /image PATH  shows a picture with the next message, where the model takes pictures
  /reset       begins anew
Ctrl-C stops an answer, and between answers it leaves; so does Ctrl-D.";

/// Positions of a conversation where the command line names no number and the model has more.
const CONTEXT: usize = 4096;

/// Talk with a model that has a chat template
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// What the model is told before the conversation
    #[arg(short, long, value_name = "TEXT")]
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
    let template = template.ok_or_else(|| {
        Failure::new("no-chat-template", format_args!("{}: no chat template (tokenizer.chat_template)", opened.name))
    })?;
    let options = args.memory.session(model.context().min(CONTEXT));
    let mut session = model.session(&options)?;
    session.keep_prefix(true);
    notes.clear();
    let mut chat = Chat {
        args,
        interrupt,
        notes: &notes,
        template,
        session,
        room: options.context.min(model.context()),
        talk: Talk::new(args),
    };
    let terminal = io::stdin().is_terminal();
    loop {
        // Waiting, a signal has nothing to stop but the program.
        interrupt.leaves();
        if terminal {
            notes.prompt();
        }
        let Some(line) = read_line()? else { return Ok(()) };
        match chat.line(&line) {
            Ok(()) => {}
            Err(Failure::Interrupted) if terminal => {}
            Err(failure @ Failure::Error { .. }) if terminal => {
                let _ = failure.report();
            }
            Err(failure) => return Err(failure),
        }
    }
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
    Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// What was said so far.
struct Talk {
    messages: Vec<(&'static str, String)>,
    /// Of all messages, in order.
    pictures: Vec<Arc<Picture>>,
    /// How many of them go with the next message.
    waiting: usize,
}

impl Talk {
    fn new(args: &Args) -> Self {
        let messages = args.system.iter().map(|text| ("system", text.clone())).collect();
        Self { messages, pictures: Vec::new(), waiting: 0 }
    }
}

struct Chat<'a> {
    args: &'a Args,
    interrupt: &'a Interrupt,
    notes: &'a Notes,
    template: ChatTemplate,
    session: Session,
    /// Positions of the session.
    room: usize,
    talk: Talk,
}

impl Chat<'_> {
    /// A command or a message.
    fn line(&mut self, line: &str) -> Result<(), Failure> {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "" if rest.trim().is_empty() => Ok(()),
            "/reset" => {
                self.talk = Talk::new(self.args);
                Ok(())
            }
            "/image" => {
                let model = self.session.model();
                if !model.takes_images() {
                    return Err(Error::NoVision { images: 1 }.into());
                }
                self.talk.pictures.push(read_picture(Path::new(rest.trim()), &model.image_limits())?);
                self.talk.waiting += 1;
                Ok(())
            }
            _ if command.starts_with('/') => {
                Err(Failure::usage("command", format_args!("{command} is none of /image PATH and /reset")))
            }
            _ => self.message(line),
        }
    }

    /// One turn. What fails leaves no trace in the conversation.
    fn message(&mut self, text: &str) -> Result<(), Failure> {
        let said = self.talk.messages.len();
        let (shown, waiting) = (self.talk.pictures.len() - self.talk.waiting, self.talk.waiting);
        self.talk.messages.push(("user", IMAGE_MARKER.repeat(waiting) + text));
        self.talk.waiting = 0;
        let answer = self.answer();
        let stopped = self.interrupt.take();
        match answer {
            Ok(answer) => {
                self.talk.messages.push(("assistant", answer.text));
                if stopped { Err(Failure::Interrupted) } else { Ok(()) }
            }
            Err(failure) => {
                self.talk.messages.truncate(said);
                self.talk.pictures.truncate(shown);
                Err(failure)
            }
        }
    }

    fn answer(&mut self) -> Result<Generation, Failure> {
        let messages: Vec<Message<'_>> = self
            .talk
            .messages
            .iter()
            .map(|(role, content)| Message { role, content: content.as_str().into() })
            .collect();
        let text = self.template.render(&messages, true).map_err(Error::from)?;
        let prompt = Prompt::parse(&text, self.talk.pictures.clone())?.complete();
        let model = self.session.model();
        let positions = model.count(&model.compose(&prompt)?);
        let room = self.room.saturating_sub(positions);
        let mut options = self.args.generation.options(model, positions)?;
        options.beams = 1;
        options.max_new_tokens = self.args.generation.max_new_tokens.unwrap_or(room).clamp(1, room.max(1));
        let mut out = Out::new();
        let mut shown = Answer::new(&mut out, true);
        let (notes, interrupt) = (self.notes, self.interrupt);
        let mut closed = None;
        interrupt.cancels_turn(self.session.cancel_handle());
        let result = self.session.generate(&prompt, &options, &mut |event| {
            match event {
                Event::Image { index, count } => notes.stage(format_args!("encoding image {}/{count}", index + 1)),
                Event::Prefill { positions } => notes.stage(format_args!("reading {positions} positions")),
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
        let generation = result?;
        let t = &generation.timings;
        #[allow(clippy::cast_precision_loss)]
        let rate = t.generated as f64 / t.generate.as_secs_f64().max(1e-9);
        notes.line(format_args!(
            "[{} positions, {} of them kept; {} tokens, {rate:.1} tok/s]",
            t.prompt, t.reused, t.generated
        ));
        Ok(generation)
    }
}
