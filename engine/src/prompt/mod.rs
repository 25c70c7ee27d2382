//! Prompts: text and pictures in the order the model is to see them.
//!
//! The non-obvious thing: a text is never searched for places of pictures. What it spells of the picture's own token
//! stays text, too; other special tokens, `<|endofchunk|>` say, are read in it.

mod shots;

pub use shots::{Shot, ShotFormat, Told, most_similar};

use crate::image::{Picture, Video, Views, content_hash, mixed};
use std::ops::Range;
use std::sync::Arc;

/// One piece of a prompt.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Text, tokenised by itself.
    Text(String),
    /// A picture; it takes as many positions as the model's bridge makes rows of it.
    Image(Arc<Picture>),
    /// A video, which the model sees as one thing.
    Video(Arc<Video>),
}

/// Pieces in order.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    pieces: Vec<Piece>,
    /// Token ids, each with the number of pieces before it.
    given: Vec<(usize, Vec<u32>)>,
    complete: bool,
    /// Whether other pieces stand before these.
    behind: bool,
    /// What stands around pictures stands there already.
    surrounded: bool,
}

impl Prompt {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text));
        }
        self
    }

    /// Appends text to the text that ends the prompt, as one piece of text, or as a new one where none does.
    #[must_use]
    fn text_behind(mut self, text: &str) -> Self {
        let given = self.given.last().is_some_and(|(before, _)| *before == self.pieces.len());
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) if !given => {
                last.push_str(text);
                self
            }
            _ => self.text(text),
        }
    }

    /// Appends a picture.
    #[must_use]
    pub fn image(mut self, picture: impl Into<Arc<Picture>>) -> Self {
        self.pieces.push(Piece::Image(picture.into()));
        self
    }

    /// Appends a video: all its frames are seen, at one place.
    #[must_use]
    pub fn video(mut self, video: impl Into<Arc<Video>>) -> Self {
        self.pieces.push(Piece::Video(video.into()));
        self
    }

    /// Appends token ids as they are, an answer for example. No family puts anything around them, and what follows them
    /// is as if the prompt were [`Prompt::complete`].
    #[must_use]
    pub fn tokens(mut self, ids: impl Into<Vec<u32>>) -> Self {
        let ids = ids.into();
        if !ids.is_empty() {
            self.given.push((self.pieces.len(), ids));
        }
        self
    }

    /// Says that the text has the tokens that begin and end it already, as what a chat template writes has.
    #[must_use]
    pub fn complete(mut self) -> Self {
        self.complete = true;
        self
    }

    /// Says that what the model is used to see around pictures is there already, as around those of a chat template.
    #[must_use]
    pub(crate) fn surrounded(mut self) -> Self {
        self.surrounded = true;
        self
    }

    /// Whether what the model is used to see around pictures is there already.
    #[must_use]
    pub(crate) fn is_surrounded(&self) -> bool {
        self.surrounded
    }

    /// Whether the model's own tokens are put around the text.
    #[must_use]
    pub fn adds_special(&self) -> bool {
        !self.complete
    }

    /// The pieces of text and the pictures; token ids are not among them.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Token ids in order, each with the number of [`Prompt::pieces`] before it.
    #[must_use]
    pub fn given(&self) -> &[(usize, Vec<u32>)] {
        &self.given
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.given.is_empty()
    }

    /// Takes away token ids that were appended last.
    pub(crate) fn pop_tokens(&mut self) -> Option<Vec<u32>> {
        self.given.pop_if(|(before, _)| *before == self.pieces.len()).map(|(_, ids)| ids)
    }

    /// Whether the first text of it is the first of all.
    pub(crate) fn begins(&self) -> bool {
        !self.behind
    }

    /// The pieces of a range as a prompt of its own, with others before it or not.
    pub(crate) fn part(&self, pieces: Range<usize>, complete: bool, behind: bool) -> Self {
        Self { pieces: self.pieces[pieces].to_vec(), given: Vec::new(), complete, behind, surrounded: self.surrounded }
    }
}

/// The text that a bridge reads beside a picture, as ids of its own vocabulary; none in most families.
pub type Instruction = Arc<[u32]>;

/// Tokens of a picture's own and the rows behind them: how a picture that is shown in tiles says which tile is which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Rows of the picture that stand behind them.
    pub rows: usize,
}

/// What stands between a picture's rows, in order, the rows of all marks being the picture's; none in most families, where
/// the rows stand by themselves.
pub type Marks = Arc<[Mark]>;

/// A prompt as the language model sees it.
#[derive(Debug, Clone)]
pub enum Item {
    /// Token ids.
    Tokens(Vec<u32>),
    /// The rows of a picture, and the tokens among them.
    Image(Arc<Picture>, Views, Instruction, Marks),
    /// The rows of a video, and the tokens among them.
    Video(Arc<Video>, Views, Instruction, Marks),
}

impl Item {
    /// What the tower is to see for this item: a picture is one frame, tokens are none.
    #[must_use]
    pub fn frames(&self) -> &[Arc<Picture>] {
        match self {
            Self::Tokens(_) => &[],
            Self::Image(picture, ..) => std::slice::from_ref(picture),
            Self::Video(video, ..) => video.frames(),
        }
    }

    /// What a picture or video is to the model; `None` of tokens.
    #[must_use]
    pub fn views(&self) -> Option<Views> {
        match self {
            Self::Tokens(_) => None,
            Self::Image(_, views, ..) | Self::Video(_, views, ..) => Some(*views),
        }
    }

    /// Positions that it takes.
    #[must_use]
    pub fn positions(&self) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Image(_, views, ..) | Self::Video(_, views, ..) => views.positions,
        }
    }

    /// What the bridge reads beside a picture or video.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        match self {
            Self::Tokens(_) => Instruction::default(),
            Self::Image(_, _, instruction, _) | Self::Video(_, _, instruction, _) => Arc::clone(instruction),
        }
    }

    /// What stands between the rows of a picture or video.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        match self {
            Self::Tokens(_) => &[],
            Self::Image(.., marks) | Self::Video(.., marks) => marks,
        }
    }

    /// The token ids of an item, where `row` stands for each row of a picture, or for its first if they rise from there, or
    /// nothing does.
    pub(crate) fn ids(&self, row: Option<u32>, rises: bool) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut next = row;
        let mut rows = |ids: &mut Vec<u32>, count: usize| {
            for _ in 0..count {
                ids.extend(next);
                next = next.map(|id| id.saturating_add(u32::from(rises)));
            }
        };
        match self {
            Self::Tokens(own) => return own.clone(),
            _ if self.marks().is_empty() => rows(&mut ids, self.positions()),
            _ => self.marks().iter().for_each(|mark| {
                ids.extend(&mark.tokens);
                rows(&mut ids, mark.rows);
            }),
        }
        ids
    }

    /// Hash of a picture or video and of what the bridge reads beside it: what its rows are known by. `None` of tokens.
    pub(crate) fn content_hash(&self) -> Option<u128> {
        match self {
            Self::Tokens(_) => None,
            Self::Image(picture, _, instruction, _) => Some(beside(content_hash(picture), instruction)),
            Self::Video(video, _, instruction, _) => Some(beside(video.content_hash(), instruction)),
        }
    }
}

/// The hash of a picture beside an instruction; without one the picture's own. Numbers above all ids tell it from what else is
/// kept by a picture's hash.
pub(crate) fn beside(picture: u128, instruction: &[u32]) -> u128 {
    instruction.iter().fold(picture, |hash, &id| mixed(hash, 1 << 64 | u128::from(id)))
}

/// The token ids of a prompt, in order; a picture's rows have none.
#[must_use]
pub fn prompt_ids(items: &[Item]) -> Vec<u32> {
    items.iter().flat_map(|item| item.ids(None, false)).collect()
}
