//! Conversations as the text a model was trained on: the chat template of a file.
//!
//! Source: `tokenizer.chat_template`, a Jinja template, rendered as transformers' `apply_chat_template` renders it: blocks
//! take the line end after them and the blanks before them, loops know `break` and `continue`, and templates may call
//! `raise_exception`, `strftime_now`, `tojson` and the methods of Python's strings and dictionaries (`methods`).
//!
//! The non-obvious thing: a template is a program from a stranger. It runs on fuel, which bounds its time and its memory
//! by the length of the conversation, and it reaches nothing but the conversation and the clock. It runs on a stack of
//! its own: lists in lists in lists, as deep as the fuel allows, are freed and printed by recursion.

mod date;
mod json;
mod methods;

use crate::error::Error;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, Value};
use ocelli_quant::gguf::Gguf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest template, in bytes; the longest published ones have 20 thousand.
const LONGEST: usize = 256 << 10;
/// Longest conversation, in bytes of all contents.
const LONGEST_CONVERSATION: usize = 4 << 20;
/// Most messages of a conversation.
const MOST_MESSAGES: usize = 1 << 12;
/// Fuel of any rendering, in instructions or multiples of 64 bytes ...
const FUEL: u64 = 1 << 16;
/// ... for each message ...
const FUEL_PER_MESSAGE: u64 = 256;
/// ... and one for so many bytes of the conversation, which pays for passing over them several times.
const BYTES_PER_FUEL: u64 = 8;
/// Bytes of stack for a unit of fuel: several times what the deepest nesting that it buys was measured to take.
const STACK_PER_FUEL: u64 = 256;
/// Levels of nesting: calls of macros count ten.
const NESTING: usize = 200;

/// Why a conversation could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The file has no template.
    #[error(
        "the file has no chat template (key 'tokenizer.chat_template'): it is no chat model, or lost it on the way"
    )]
    Missing,
    /// The template is longer than the limit.
    #[error("chat template of {bytes} bytes is over the limit of {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The template is no Jinja.
    #[error("the chat template is malformed at line {line}: {reason}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The conversation is longer than the limit.
    #[error("conversation of {bytes} bytes is over the limit of {limit}")]
    ConversationTooLong {
        /// Bytes of all roles and contents.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The conversation has more messages than the limit.
    #[error("conversation of {messages} messages is over the limit of {limit}")]
    TooManyMessages {
        /// Number of messages.
        messages: usize,
        /// The limit.
        limit: usize,
    },
    /// The system would not give the template a stack.
    #[error("cannot start a thread with {bytes} bytes of stack for the chat template: {reason}")]
    NoStack {
        /// Bytes of stack.
        bytes: u64,
        /// What the operating system said.
        reason: String,
    },
    /// The template refused the conversation: it called `raise_exception`.
    #[error("the chat template refuses the conversation: {reason}")]
    Refused {
        /// The template's words, shortened.
        reason: String,
    },
    /// The template took more time or memory than it is given.
    #[error("the chat template did not finish within {fuel} units of fuel")]
    OutOfFuel {
        /// Instructions it had, or multiples of 64 bytes.
        fuel: u64,
    },
    /// The template failed.
    #[error("the chat template failed at line {line}: {reason}")]
    Failed {
        /// Line, from 1; 0 where unknown.
        line: usize,
        /// Why, shortened.
        reason: String,
    },
}

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
    /// Bytes of its texts; a part counts as some more.
    fn bytes(&self) -> usize {
        const PART: usize = 32;
        let part = |part: &Part<'_>| if let Part::Text(text) = part { PART + text.len() } else { PART };
        match self {
            Self::Text(text) => text.len(),
            Self::Parts(parts) => parts.iter().map(part).fold(0, usize::saturating_add),
        }
    }

    fn value(&self) -> Value {
        let part = |part: &Part<'_>| match part {
            Part::Text(text) => Value::from_pairs([("type", "text"), ("text", text)]),
            Part::Image => Value::from_pairs([("type", "image")]),
        };
        match self {
            Self::Text(text) => Value::from(*text),
            Self::Parts(parts) => parts.iter().map(part).collect(),
        }
    }
}

/// A chat template, compiled.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

/// The template's name within its environment.
const NAME: &str = "chat";

impl ChatTemplate {
    /// The template of a file; `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Gguf`] for keys of another type, [`ChatError::TooLong`], [`ChatError::Malformed`].
    pub fn from_gguf(file: &Gguf) -> Result<Option<Self>, Error> {
        let Some(source) = file.str("tokenizer.chat_template")? else {
            return Ok(None);
        };
        let tokens = file.strings("tokenizer.ggml.tokens")?;
        let text = |name: &str| -> Result<&str, Error> {
            let id = file.u32(&format!("tokenizer.ggml.{name}_token_id"))?;
            Ok(id.zip(tokens).and_then(|(id, tokens)| tokens.get(id as usize)).unwrap_or_default())
        };
        Ok(Some(Self::new(source, text("bos")?, text("eos")?)?))
    }

    /// The template of a file that must have one.
    ///
    /// # Errors
    /// [`ChatError::Missing`], and as [`ChatTemplate::from_gguf`].
    pub fn required(file: &Gguf) -> Result<Self, Error> {
        Ok(Self::from_gguf(file)?.ok_or(ChatError::Missing)?)
    }

    /// A template and the texts of bos and eos.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], [`ChatError::Malformed`].
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, ChatError> {
        if source.len() > LONGEST {
            return Err(ChatError::TooLong { bytes: source.len(), limit: LONGEST });
        }
        let mut environment = Environment::new();
        let malformed = |e: &minijinja::Error| ChatError::Malformed { line: e.line().unwrap_or(0), reason: reason(e) };
        let syntax =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(|e| malformed(&e))?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_recursion_limit(NESTING);
        environment.set_unknown_method_callback(methods::call);
        environment.add_filter("tojson", json::to_json);
        // Indents by the depth before anybody counts: minutes for what fuel can nest.
        environment.remove_filter("pprint");
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", |format: &str| {
            // A clock before 1970 reads as 1970.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            date::formatted(format, now.as_secs())
        });
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(|e| malformed(&e))?;
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned() })
    }

    /// The text of a conversation; with `add_generation_prompt`, up to where the model answers. Encode it with
    /// `parse_special` and without `add_special`: templates write bos themselves.
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
        let stack = fuel * STACK_PER_FUEL;
        let thread = std::thread::Builder::new().stack_size(stack as usize);
        std::thread::scope(|scope| {
            let render = || self.render_here(messages, add_generation_prompt, fuel);
            let no_stack = |reason: String| ChatError::NoStack { bytes: stack, reason };
            let running = thread.spawn_scoped(scope, render).map_err(|e| no_stack(e.to_string()))?;
            running.join().unwrap_or_else(|_| Err(ChatError::Failed { line: 0, reason: "panic".to_owned() }))
        })
    }

    fn render_here(
        &self,
        messages: &[Message<'_>],
        add_generation_prompt: bool,
        fuel: u64,
    ) -> Result<String, ChatError> {
        let message =
            |m: &Message<'_>| Value::from_pairs([("role", Value::from(m.role)), ("content", m.content.value())]);
        let context = Value::from_pairs([
            ("messages", messages.iter().map(message).collect::<Value>()),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("bos_token", Value::from(self.bos.as_str())),
            ("eos_token", Value::from(self.eos.as_str())),
            // Defined and none, as transformers has them: templates ask for either.
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ]);
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(fuel));
        let rendered = environment.get_template(NAME).and_then(|template| template.render(context));
        rendered.map_err(|error| match error.kind() {
            ErrorKind::OutOfFuel => ChatError::OutOfFuel { fuel },
            _ => match error.detail().and_then(|detail| detail.strip_prefix(RAISED)) {
                Some(reason) => ChatError::Refused { reason: shortened(reason) },
                None => ChatError::Failed { line: error.line().unwrap_or(0), reason: reason(&error) },
            },
        })
    }
}

/// Marks what a template raised itself; no other error begins with it.
const RAISED: &str = "raised: ";

fn raise_exception(reason: &str) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("{RAISED}{reason}")))
}

fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => shortened(&format!("{}: {detail}", error.kind())),
        None => error.kind().to_string(),
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

/// The template without `{% generation %}` and `{% endgeneration %}`, which mark the model's part for training and give
/// no text. They become conditions that hold, so that blanks around them go the same way.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("{%") {
        out.push_str(before);
        out.push_str("{%");
        rest = after;
        let Some((tag, _)) = after.split_once("%}") else {
            continue;
        };
        let name = tag.trim_matches(['-', '+']).trim();
        let instead = match name {
            "generation" => "if true",
            "endgeneration" => "endif",
            _ => continue,
        };
        out.push_str(&tag.replace(name, &format!(" {instead} ")));
        rest = &after[tag.len()..];
    }
    out.push_str(rest);
    out
}
