//! Why a chat template or a conversation given to it is not usable.

use ocelli_quant::Size;

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
    #[error("chat template of {}", Size::over(*bytes as u64, *limit as u64))]
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
    #[error("conversation of {}", Size::over(*bytes as u64, *limit as u64))]
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
    #[error("cannot start a thread with {} of stack for the chat template: {reason}", Size(*bytes))]
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
    /// The template drops pictures of the conversation, or writes them more than once.
    #[error("the chat template has places for {placed} images, the conversation has {given}")]
    Pictures {
        /// Pictures in the conversation.
        given: usize,
        /// Places for pictures in what was rendered.
        placed: usize,
    },
    /// Every character that could stand for a picture while the template runs is in the conversation.
    #[error("the conversation has every character of private use: none is left to stand for a picture")]
    NoStandIn,
    /// The template failed.
    #[error("the chat template failed at line {line}: {reason}")]
    Failed {
        /// Line, from 1; 0 where unknown.
        line: usize,
        /// Why, shortened.
        reason: String,
    },
}
