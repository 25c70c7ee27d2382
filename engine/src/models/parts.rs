//! The parts that a model is put together from: what it sees with, what it speaks with, and the rule that joins the two.
//!
//! The non-obvious thing: each part is optional. A language model by itself sees nothing, and a model that compares
//! pictures need not speak. Whatever needs a part that is not there says so by its error.

use crate::blocks::cache::Sequence;
use crate::blocks::decoder::{Batch, Decoder, DecoderRows, Held, KvCache};
use crate::blocks::gated::Gated;
use crate::error::Error;
use crate::image::{Picture, Pixels, Preprocess, Views};
use crate::kernels::{CacheShape, CacheType, Device, Exec, Layout, Rows};
use crate::prompt::{Instruction, Item, Marks, Piece, Prompt};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use std::sync::Arc;

/// A model by its parts.
pub struct Family {
    /// Tower and bridge; `None` where it takes no pictures.
    pub sees: Option<Arc<dyn Sees>>,
    /// The language model; `None` where it writes nothing.
    pub speaks: Option<Speaks>,
}

impl Family {
    /// The tower and the bridge.
    ///
    /// # Errors
    /// [`Error::NoVision`], for so many pictures.
    pub fn sees(&self, images: usize) -> Result<&Arc<dyn Sees>, Error> {
        self.sees.as_ref().ok_or(Error::NoVision { images })
    }

    /// The language model.
    ///
    /// # Errors
    /// [`Error::NoText`].
    pub fn speaks(&self) -> Result<&Speaks, Error> {
        self.speaks.as_ref().ok_or(Error::NoText)
    }
}

/// How a family takes videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clips {
    /// Frames that a video is sampled to where the caller names no number.
    pub frames: usize,
    /// Pictures and videos a prompt may have, where what one becomes depends on how many come before it.
    pub media_indices: Option<usize>,
    /// Whether each frame is a picture by itself, a video being no more than several pictures in a row.
    pub apart: bool,
}

/// How a bridge reads the text of a prompt beside its pictures.
pub struct Reads {
    /// Of its own vocabulary.
    pub tokenizer: Tokenizer,
    /// Most tokens of a text.
    pub longest: usize,
    /// So many tokens of a longer text are read, the last ones beside what stands around texts; `None` reads all.
    pub cut: Option<usize>,
}

impl Reads {
    /// The ids of a text, with the tokens that stand around texts.
    ///
    /// # Errors
    /// [`Error::InstructionTooLong`], and what the tokenizer refuses.
    pub fn instruction(&self, text: &str) -> Result<Instruction, Error> {
        let mut ids = self.tokenizer.encode(text, EncodeOptions::default())?;
        if let Some(most) = self.cut.filter(|most| *most < ids.len()) {
            let first = usize::from(self.tokenizer.adds_bos());
            ids.drain(first..first + ids.len() - most);
        }
        if ids.len() > self.longest {
            return Err(Error::InstructionTooLong { tokens: ids.len(), longest: self.longest });
        }
        Ok(ids.into())
    }
}

/// Tower and bridge: from a picture's pixels to rows for a language model.
pub trait Sees: Send + Sync {
    /// How pictures are prepared.
    fn preprocess(&self) -> &Preprocess;

    /// What a picture of `width` x `height` pixels is to the tower, or a video of such frames.
    fn views(&self, width: u32, height: u32) -> Views;

    /// What the picture is that becomes most rows.
    fn largest(&self) -> Views {
        let preprocess = self.preprocess();
        self.views(preprocess.width, preprocess.height)
    }

    /// The tokens among the rows of such a picture, which [`Views::positions`] counts in; none where the rows stand by
    /// themselves.
    fn marks(&self, _width: u32, _height: u32) -> Marks {
        Marks::default()
    }

    /// The model's tokenizer, where it was read for what stands among the rows.
    fn tokenizer(&self) -> Option<&Arc<Tokenizer>> {
        None
    }

    /// Numbers of each row that the bridge makes.
    fn width(&self) -> usize;

    /// Whether a picture's rows see one another in the language model, those behind them, too; without marks among them. They
    /// then pass through it in one batch.
    fn two_way(&self) -> bool {
        false
    }

    /// Bytes of weights that were made when the file was opened, beside those that lie in it.
    fn own_bytes(&self) -> usize {
        0
    }

    /// How videos are taken; `None` where they are not. A picture is a video of one frame.
    fn clips(&self) -> Option<Clips> {
        None
    }

    /// How the bridge reads the prompt's text beside its pictures; `None` where a picture's rows are its own.
    fn reads(&self) -> Option<&Reads> {
        None
    }

    /// Numbers of what a picture and a text are compared by; `None` where they are not.
    fn compares(&self) -> Option<usize> {
        None
    }

    /// Numbers that a session keeps of a picture of `views`, so that its tower runs once.
    fn kept(&self, views: Views) -> usize {
        views.rows * self.width()
    }

    /// Room for a picture, or a video of at most so many frames, and what encodes them there.
    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder>;
}

/// A picture or video on its way through tower and bridge.
#[derive(Debug, Clone)]
pub struct Showing {
    /// What it is to the model.
    pub views: Views,
    /// Its own pixels, across and down.
    pub size: (u32, u32),
    /// Its frames; a picture is one.
    pub frames: usize,
    /// Pictures and videos before it in the prompt.
    pub media_index: usize,
    /// What the bridge reads beside it.
    pub instruction: Instruction,
}

/// A tower and a bridge with their activations.
pub trait Encoder: Send {
    /// Prepared pixels through the tower: what it is shown as `number`, which counts through the tiles of each frame
    /// ([`Views::tiles`]). They come last to first.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, showing: &Showing) -> Result<(), Error>;

    /// What the tower has left of all frames, to [`Views::rows`] rows of [`Sees::width`] numbers in `out`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error>;

    /// Where the tower leaves the rows of a picture of `views`.
    fn tower_rows(&self, views: Views) -> Rows;

    /// What compares pictures with texts; `None` where [`Sees::compares`] is.
    fn compares(&self) -> Option<&dyn Compares> {
        None
    }
}

/// What pictures and texts are compared by. The picture is the one whose rows the tower has left; texts are token ids.
pub trait Compares: Send {
    /// Of the picture: a row a query, [`Sees::compares`] wide, of no particular length.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn picture(&self, exec: &mut Exec<'_>, out: &mut Vec<f32>) -> Result<(), Error>;

    /// Of texts: a row each, [`Sees::compares`] wide, of no particular length.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::ContextFull`] for a text that is too long.
    fn texts(&self, exec: &mut Exec<'_>, texts: &[&[u32]], out: &mut Vec<f32>) -> Result<(), Error>;

    /// Of the picture with each text: logits of "no" and "yes" to whether the two belong together.
    ///
    /// # Errors
    /// As [`Compares::texts`].
    fn pairs(&self, exec: &mut Exec<'_>, texts: &[&[u32]], out: &mut Vec<[f32; 2]>) -> Result<(), Error>;
}

/// How a language model comes to what was seen.
pub enum Join {
    /// Not at all.
    None,
    /// The rows take the place of embeddings in the prompt (Frozen, BLIP-2).
    Splice,
    /// Layers between the decoder's own attend to the rows, gated (Flamingo); a token stands in the prompt for them.
    Gate(Gated),
    /// The rows are the keys and values that the text behind them sees, of all layers one behind the other (the Q-Former
    /// when it writes). A picture stands ahead of all tokens.
    Past,
}

/// A language model with the rule by which it was taught to read prompts.
pub struct Speaks {
    /// The language model.
    pub decoder: Decoder,
    /// How it comes to what was seen.
    pub join: Join,
    /// The order and the special tokens of a prompt.
    pub compose: Box<dyn Compose>,
}

impl Speaks {
    /// The layers between the decoder's own.
    pub fn gated(&self) -> Option<&Gated> {
        if let Join::Gate(gated) = &self.join { Some(gated) } else { None }
    }

    /// Bytes of weights that one row reads on its way to its logits.
    pub fn row_bytes(&self) -> u64 {
        self.decoder.row_bytes() + self.gated().map_or(0, Gated::row_bytes)
    }

    /// Rows of a batch, at most, for which each is the very bits it would be as the only one.
    pub fn alike(&self, device: &dyn Device) -> usize {
        self.decoder.alike(device).min(self.gated().map_or(usize::MAX, |gated| gated.alike(device)))
    }

    /// The shape of the keys and values of so many pictures that are attended to by themselves.
    pub fn media_shape(&self, images: usize, ty: CacheType) -> Option<CacheShape> {
        self.gated().map(|gated| gated.cache_shape(images, ty))
    }

    /// Room for batches of `batch` rows, for logits of `logits` of them, and for a source of `source` rows where an encoder
    /// reads it.
    pub fn layout(&self, layout: &mut Layout, batch: usize, logits: usize, source: usize) -> DecoderRows {
        self.decoder.layout(layout, batch, logits, self.gated(), source)
    }

    /// The tokens that stand before all new ones where an encoder reads the prompt.
    pub fn start(&self) -> Option<&[u32]> {
        self.decoder.config.source.as_ref().map(|source| std::slice::from_ref(&source.start))
    }

    /// Says which tokens will be a sequence's next, behind `ahead` others; goes before [`Speaks::forward`].
    pub fn follow(&self, sequence: &mut Sequence, ahead: usize, tokens: &[u32]) {
        if let Join::Gate(gated) = &self.join {
            gated.follow(sequence, ahead, tokens);
        }
        if let Some(padding) = self.decoder.config.padding() {
            let places = tokens.iter().enumerate().filter(|(_, token)| **token == padding);
            places.for_each(|(place, _)| sequence.leave_out(ahead + place));
        }
    }

    /// [`Decoder::tell`], with the layers of the join.
    ///
    /// # Errors
    /// [`Error::ContextFull`].
    pub fn tell(
        &self,
        held: &mut Held,
        sequences: &mut [Sequence],
        counts: &[usize],
        batch: &mut Batch,
    ) -> Result<(), Error> {
        self.decoder.tell(held, sequences, counts, self.gated(), batch)
    }

    /// [`Decoder::forward`], with the layers of the join.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn forward(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        cache: &mut KvCache,
        batch: &Batch,
    ) -> Result<(), Error> {
        self.decoder.forward(exec, rows, cache, batch, self.gated())
    }
}

/// A family's rule for prompts.
pub trait Compose: Send + Sync {
    /// A prompt in the order and with the special tokens the model was trained on.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error>;

    /// What goes before and behind every picture, unless it stands there already, as a chat template writes it.
    fn around(&self) -> Option<&[Vec<u32>; 2]> {
        None
    }
}

/// What a prompt is composed from.
pub struct Given<'a> {
    /// The pieces.
    pub prompt: &'a Prompt,
    /// Of the file.
    pub tokenizer: &'a Tokenizer,
    /// What the model sees with.
    pub sees: Option<&'a dyn Sees>,
    /// An encoder reads the prompt: what ends a text then ends the whole of it, and is not the family's to add.
    pub reads_whole: bool,
    /// What the bridge reads beside each picture.
    pub instruction: &'a Instruction,
}

impl Given<'_> {
    /// The tokens of a text, with those that stand around texts where `special`; `begins` as in
    /// [`Tokenizer::encode_piece`].
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn text(&self, text: &str, special: bool, begins: bool) -> Result<Vec<u32>, Error> {
        let options = EncodeOptions { add_special: special, parse_special: true };
        let mut ids = self.tokenizer.encode_piece(text, options, begins)?;
        if self.reads_whole && special && self.tokenizer.adds_eos() {
            ids.pop();
        }
        Ok(ids)
    }

    /// The item of a picture or video, or those of its frames where each is a picture by itself; none of a text.
    ///
    /// # Errors
    /// [`Error::NoVision`], [`Error::NoVideo`] with how many the prompt has.
    pub fn medium(&self, piece: &Piece) -> Result<Vec<Item>, Error> {
        let count = |video: bool| {
            let counts = |p: &&Piece| matches!((p, video), (Piece::Image(_), false) | (Piece::Video(_), true));
            self.prompt.pieces().iter().filter(counts).count()
        };
        let instruction = || Arc::clone(self.instruction);
        let image = |sees: &dyn Sees, picture: &Arc<Picture>| {
            let (width, height) = (picture.width(), picture.height());
            Item::Image(Arc::clone(picture), sees.views(width, height), instruction(), sees.marks(width, height))
        };
        match piece {
            Piece::Text(_) => Ok(Vec::new()),
            Piece::Image(picture) => {
                let sees = self.sees.ok_or_else(|| Error::NoVision { images: count(false) })?;
                Ok(vec![image(sees, picture)])
            }
            Piece::Video(video) => {
                let videos = || Error::NoVideo { videos: count(true) };
                let (sees, clips) = self.sees.and_then(|sees| Some((sees, sees.clips()?))).ok_or_else(videos)?;
                let first = video.frames().first().ok_or_else(videos)?;
                if clips.apart {
                    return Ok(video.frames().iter().map(|frame| image(sees, frame)).collect());
                }
                let (width, height) = (first.width(), first.height());
                let (views, marks) = (sees.views(width, height), sees.marks(width, height));
                Ok(vec![Item::Video(Arc::clone(video), views, instruction(), marks)])
            }
        }
    }
}
