//! Conversations as the text a model was trained on: the chat template of a file.
//!
//! Source: `tokenizer.chat_template`, a Jinja template, rendered as transformers' `apply_chat_template` renders it, by
//! `jinja`. The non-obvious thing: a template is a program from a stranger. It runs on fuel, which bounds its time and its
//! memory by the length of the conversation, and on a stack of its own.

mod error;
mod rendered;

pub use error::ChatError;
pub use rendered::Rendered;

use crate::error::Error;
use crate::jinja::{self, Fault, Program, Time, Value};
use crate::tokenizer::special_tokens;
use ocelli_quant::gguf::Gguf;
use std::collections::HashMap;
use std::sync::Arc;

/// Longest template, in bytes; the longest published ones have 20 thousand.
const LONGEST: usize = 256 << 10;
/// Longest conversation, in bytes of all contents.
const LONGEST_CONVERSATION: usize = 4 << 20;
/// Most messages of a conversation.
const MOST_MESSAGES: usize = 1 << 12;
/// Fuel of any rendering, in steps or multiples of 64 bytes ...
const FUEL: u64 = 1 << 18;
/// ... for each message ...
const FUEL_PER_MESSAGE: u64 = 512;
/// ... and one for so many bytes of the conversation, which pays for passing over them several times.
const BYTES_PER_FUEL: u64 = 8;
/// Bytes of stack: several times what the deepest nesting that is run takes, the compiler's checks included.
const STACK: usize = 64 << 20;

/// One message of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who speaks: "system", "user" or "assistant", or what else the template knows.
    pub role: &'a str,
    /// What is said.
    pub content: Content<'a>,
}

/// What a message says, as templates are given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A text.
    Text(&'a str),
    /// A list of `{"type": "text", "text": …}` and `{"type": "image"}`, as transformers has it for pictures.
    Parts(&'a [Part<'a>]),
}

/// A part of what a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A text.
    Text(&'a str),
    /// The place of a picture.
    Image,
}

impl<'a> From<&'a str> for Content<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl Content<'_> {
    /// Pictures in it.
    fn images(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Parts(parts) => parts.iter().filter(|part| matches!(part, Part::Image)).count(),
        }
    }

    /// Bytes of its texts; a part counts as some more.
    fn bytes(&self) -> usize {
        const PART: usize = 32;
        let part = |part: &Part<'_>| if let Part::Text(text) = part { PART + text.len() } else { PART };
        match self {
            Self::Text(text) => text.len(),
            Self::Parts(parts) => parts.iter().map(part).fold(0, usize::saturating_add),
        }
    }

    fn value(&self) -> Result<Value, Fault> {
        let part = |part: &Part<'_>| match part {
            Part::Text(text) => Value::dict([("type", Value::str("text")), ("text", Value::str(*text))]),
            Part::Image => Value::dict([("type", Value::str("image"))]),
        };
        match self {
            Self::Text(text) => Ok(Value::str(*text)),
            Self::Parts(parts) => Value::list(parts.iter().map(part).collect::<Result<_, _>>()?),
        }
    }
}

/// A chat template, compiled.
#[derive(Debug)]
pub struct ChatTemplate {
    program: Program,
    /// The special tokens, by the names that templates know them by.
    special: Vec<(String, String)>,
    /// Those without names, which templates know as one list.
    additional: Vec<String>,
}

impl ChatTemplate {
    /// The template of a file; `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Gguf`] for keys of another type, [`ChatError::TooLong`], [`ChatError::Malformed`].
    pub fn from_gguf(file: &Gguf) -> Result<Option<Self>, Error> {
        let Some(source) = file.str("tokenizer.chat_template")? else {
            return Ok(None);
        };
        let mut template = Self::new(source, &special_tokens(file)?)?;
        let additional = file.strings("tokenizer.ggml.additional_special_tokens")?;
        template.additional = additional.iter().flat_map(|all| all.iter()).map(str::to_owned).collect();
        Ok(Some(template))
    }

    /// The template of a file that must have one.
    ///
    /// # Errors
    /// [`ChatError::Missing`], and as [`ChatTemplate::from_gguf`].
    pub fn required(file: &Gguf) -> Result<Self, Error> {
        Ok(Self::from_gguf(file)?.ok_or(ChatError::Missing)?)
    }

    /// A template and the texts of special tokens by their names, such as `bos_token`; others are undefined to it.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], [`ChatError::Malformed`], [`ChatError::NoStack`].
    pub fn new(source: &str, special: &[(&str, &str)]) -> Result<Self, ChatError> {
        if source.len() > LONGEST {
            return Err(ChatError::TooLong { bytes: source.len(), limit: LONGEST });
        }
        let parsed = on_own_stack(|| jinja::parse(source))?;
        let program = parsed.map_err(|(line, fault)| ChatError::Malformed { line, reason: reason(fault) })?;
        let special = special.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
        Ok(Self { program, special, additional: Vec::new() })
    }

    /// The text of a conversation; with `add_generation_prompt`, up to where the model answers. What a message spells of
    /// special tokens cannot be told from the template's own in it: a model is given [`ChatTemplate::prompt`].
    ///
    /// # Errors
    /// [`ChatError::ConversationTooLong`], [`ChatError::TooManyMessages`], [`ChatError::NoStack`],
    /// [`ChatError::Refused`], [`ChatError::OutOfFuel`], [`ChatError::Failed`].
    pub fn render(&self, messages: &[Message<'_>], add_generation_prompt: bool) -> Result<String, ChatError> {
        let bytes =
            messages.iter().fold(0usize, |sum, m| sum.saturating_add(m.role.len()).saturating_add(m.content.bytes()));
        if bytes > LONGEST_CONVERSATION {
            return Err(ChatError::ConversationTooLong { bytes, limit: LONGEST_CONVERSATION });
        }
        if messages.len() > MOST_MESSAGES {
            return Err(ChatError::TooManyMessages { messages: messages.len(), limit: MOST_MESSAGES });
        }
        let fuel = FUEL + FUEL_PER_MESSAGE * messages.len() as u64 + bytes as u64 / BYTES_PER_FUEL;
        on_own_stack(|| self.render_here(messages, add_generation_prompt, fuel))?
    }

    fn render_here(
        &self,
        messages: &[Message<'_>],
        add_generation_prompt: bool,
        fuel: u64,
    ) -> Result<String, ChatError> {
        let failed = |(line, fault)| match fault {
            Fault::OutOfFuel => ChatError::OutOfFuel { fuel },
            Fault::Raised(reason) => ChatError::Refused { reason: shortened(&reason) },
            fault => ChatError::Failed { line, reason: reason(fault) },
        };
        let context = self.context(messages, add_generation_prompt).map_err(|fault| failed((0, fault)))?;
        jinja::render(&self.program, &context, fuel, Time::now).map_err(failed)
    }

    fn context(
        &self,
        messages: &[Message<'_>],
        add_generation_prompt: bool,
    ) -> Result<HashMap<Arc<str>, Value>, Fault> {
        let message = |m: &Message<'_>| Value::dict([("role", Value::str(m.role)), ("content", m.content.value()?)]);
        let messages = Value::list(messages.iter().map(message).collect::<Result<_, _>>()?)?;
        let mut context: HashMap<Arc<str>, Value> =
            self.special.iter().map(|(name, text)| (name.as_str().into(), Value::str(text.as_str()))).collect();
        // As transformers 4 has it: no list rather than an empty one. Transformers 5 has none at all.
        if !self.additional.is_empty() {
            let all = self.additional.iter().map(|token| Value::str(token.as_str()));
            context.insert("additional_special_tokens".into(), Value::list(all.collect())?);
        }
        context.insert("messages".into(), messages);
        context.insert("add_generation_prompt".into(), Value::Bool(add_generation_prompt));
        // Defined and none, as transformers has them: templates ask for either.
        context.insert("tools".into(), Value::None);
        context.insert("documents".into(), Value::None);
        Ok(context)
    }
}

/// Runs `work` on a stack that its nesting cannot exhaust.
fn on_own_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, ChatError> {
    let no_stack = |reason: String| ChatError::NoStack { bytes: STACK as u64, reason };
    std::thread::scope(|scope| {
        let running = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let running = running.map_err(|e| no_stack(e.to_string()))?;
        running.join().map_err(|_| ChatError::Failed { line: 0, reason: "panic".to_owned() })
    })
}

fn reason(fault: Fault) -> String {
    match fault {
        Fault::Raised(reason) | Fault::Failed(reason) => shortened(&reason),
        Fault::OutOfFuel => "out of fuel".to_owned(),
    }
}

/// The first characters of what a template says.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
