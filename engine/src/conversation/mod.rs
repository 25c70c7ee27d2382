//! A prompt that grows: pieces are added, or messages by roles, a text is generated behind them and becomes part of it, and
//! so on. It can be forked, saved and restored. This is what a program without Rust's borrows holds, and what a chat holds.
//!
//! Where an encoder reads the prompt, it reads all of it anew for every answer, earlier answers included: a turn sees what
//! stands in the prompt by then, and nothing else of the turns before.
//!
//! The non-obvious thing: an answer is kept as its token ids. Its text, tokenised again, may give other ones, and what
//! follows would then not be behind what was generated.

mod dialogue;
mod state;

pub use dialogue::Said;

use crate::cancel::CancelHandle;
use crate::error::Error;
use crate::generate::{Finish, Generation, Score, Writing};
use crate::image::{Picture, Video};
use crate::model::Model;
use crate::plan::SessionOptions;
use crate::prompt::{Item, Prompt, Shot, ShotFormat, prompt_ids};
use crate::sampling::GenerateOptions;
use crate::session::{Embedding, Match, Session, Sink};
use dialogue::Dialogue;
use std::sync::Arc;

/// A session with the prompt it has so far. A call that fails leaves the prompt as it was.
pub struct Conversation {
    session: Session,
    options: SessionOptions,
    prompt: Prompt,
    /// Where the prompt is made of messages.
    dialogue: Option<Dialogue>,
    /// Whether prompts begin as [`Prompt::complete`].
    complete: bool,
    writing: Option<Writing>,
    answer: Option<Generation>,
}

/// What a conversation takes of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Positions of the prompt, answers included.
    pub positions: usize,
    /// Of them, those whose keys and values are there: the next call runs the rest.
    pub kept: usize,
    /// Positions there can be.
    pub context: usize,
}

impl Conversation {
    /// An empty prompt in a new session. With `complete`, nothing is put around its text: see [`Prompt::complete`].
    ///
    /// # Errors
    /// As [`Model::session`].
    pub fn new(model: &Model, options: &SessionOptions, complete: bool) -> Result<Self, Error> {
        let mut session = model.session(options)?;
        session.keep_prefix(true);
        let prompt = empty(complete);
        Ok(Self { session, options: options.clone(), prompt, dialogue: None, complete, writing: None, answer: None })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.session.model()
    }

    /// What the session was laid out for.
    #[must_use]
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// Lets `handle` stop the calls of this conversation.
    pub fn cancel_by(&mut self, handle: CancelHandle) {
        self.session.cancel_by(handle);
    }

    /// The prompt so far; of messages, those that an answer was asked for, and the answer.
    #[must_use]
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    pub(crate) fn complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Begins anew with another prompt, of which the session knows nothing.
    pub(crate) fn begin_with(&mut self, prompt: Prompt, complete: bool) -> &mut Session {
        (self.writing, self.answer, self.dialogue) = (None, None, None);
        (self.prompt, self.complete) = (prompt, complete);
        self.session.forget_all();
        &mut self.session
    }

    /// Empties the prompt and forgets its keys and values; encoded pictures stay. What follows is as in a new session.
    pub fn clear(&mut self) {
        self.begin_with(empty(self.complete), self.complete);
    }

    /// Appends text.
    ///
    /// # Errors
    /// [`Error::BadOption`] where the prompt is made of messages: [`Conversation::say`].
    pub fn add_text(&mut self, text: &str) -> Result<(), Error> {
        self.without_roles()?;
        self.settle();
        self.prompt = std::mem::take(&mut self.prompt).text(text);
        Ok(())
    }

    /// Appends a picture.
    ///
    /// # Errors
    /// [`Error::NoVision`], and as [`Conversation::add_text`].
    pub fn add_image(&mut self, picture: Arc<Picture>) -> Result<(), Error> {
        if !self.model().takes_images() {
            return Err(Error::NoVision { images: 1 });
        }
        self.without_roles()?;
        self.settle();
        self.prompt = std::mem::take(&mut self.prompt).image(picture);
        Ok(())
    }

    /// Appends a video.
    ///
    /// # Errors
    /// [`Error::NoVideo`], [`Error::BeyondPlan`] for more frames than the session was laid out for, and as
    /// [`Conversation::add_text`].
    pub fn add_video(&mut self, video: Arc<Video>) -> Result<(), Error> {
        if self.model().video_frames().is_none() {
            return Err(Error::NoVideo { videos: 1 });
        }
        self.session.check_frames(video.frames().len())?;
        self.without_roles()?;
        self.settle();
        self.prompt = std::mem::take(&mut self.prompt).video(video);
        Ok(())
    }

    /// Appends a demonstration, or the query behind the demonstrations as far as it is said, as the file words them.
    ///
    /// # Errors
    /// [`Error::NoVision`], and [`Error::NoShotFormat`] where the file has no wording for what is given.
    pub fn add_shot(&mut self, shot: &Shot, demonstrates: bool) -> Result<(), Error> {
        if shot.picture.is_some() && !self.model().takes_images() {
            return Err(Error::NoVision { images: 1 });
        }
        self.without_roles()?;
        self.settle();
        let format = ShotFormat::from_gguf(self.model().file())?;
        self.prompt = format.behind(self.prompt.clone(), shot, demonstrates)?;
        Ok(())
    }

    /// Appends token ids.
    ///
    /// # Errors
    /// [`Error::BadOption`] for an id that the model does not have, and as [`Conversation::add_text`].
    pub fn add_tokens(&mut self, ids: &[u32]) -> Result<(), Error> {
        self.without_roles()?;
        self.settle();
        // Composed by themselves, ids are checked and nothing else.
        self.model().compose(&Prompt::new().tokens(ids))?;
        self.prompt = std::mem::take(&mut self.prompt).tokens(ids);
        Ok(())
    }

    /// The prompt as the model sees it; an empty one may have tokens that begin a text.
    ///
    /// # Errors
    /// As [`Model::compose`].
    pub fn items(&self) -> Result<Vec<Item>, Error> {
        self.model().compose(&*self.present()?)
    }

    /// What the prompt takes.
    ///
    /// # Errors
    /// As [`Model::compose`].
    pub fn used(&mut self) -> Result<Used, Error> {
        self.settle();
        let items = self.items()?;
        let positions = self.model().count(&items);
        Ok(Used { positions, kept: self.session.kept(&items), context: self.session.room() })
    }

    /// Generates a text and appends it to the prompt.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn generate(&mut self, options: &GenerateOptions, sink: &mut Sink<'_>) -> Result<&Generation, Error> {
        self.settle();
        let asked = self.asked(options.max_new_tokens)?;
        let prompt = asked.as_ref().map_or(&self.prompt, |asked| &asked.prompt);
        let generation = self.session.generate(prompt, options, sink)?;
        self.take(asked);
        Ok(self.append(generation))
    }

    /// Runs the prompt, for [`Conversation::step`].
    ///
    /// # Errors
    /// As [`Session::generate`], and [`Error::BadOption`] for beams.
    pub fn start(&mut self, options: &GenerateOptions, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.settle();
        self.answer = None;
        let asked = self.asked(options.max_new_tokens)?;
        let prompt = asked.as_ref().map_or(&self.prompt, |asked| &asked.prompt);
        self.writing = Some(self.session.begin(prompt, options, sink)?);
        self.take(asked);
        Ok(())
    }

    /// Whether [`Conversation::start`] was called and the text has not ended.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The next token with the text it completes, and why it is the last if it is. Whatever else is called ends the text
    /// where it is.
    ///
    /// # Errors
    /// [`Error::Cancelled`] and [`Error::NotANumber`] drop the text; `None` where no text is being written.
    pub fn step(&mut self) -> Result<Option<Next>, Error> {
        let Some(mut writing) = self.writing.take() else { return Ok(None) };
        let next = match self.session.advance(&mut writing)? {
            None => None,
            Some((id, text, logprob)) => {
                let text = text.to_owned();
                Some(Next { id, text, logprob, finish: writing.finish() })
            }
        };
        let ended = writing.finish().is_some();
        self.writing = Some(writing);
        if ended {
            self.settle();
        }
        Ok(next)
    }

    /// The text that was generated last, since the prompt was begun.
    #[must_use]
    pub fn answer(&self) -> Option<&Generation> {
        self.answer.as_ref()
    }

    /// The tokens of the text that is being written, or else of the one that was generated last, with
    /// [`Generation::logprobs`], of which there are none where they were not asked for.
    #[must_use]
    pub fn logprobs(&self) -> Option<(&[u32], &[f32])> {
        let answer = || self.answer.as_ref().map(|answer| (answer.ids.as_slice(), answer.logprobs.as_slice()));
        self.writing.as_ref().map(Writing::logprobs).or_else(answer)
    }

    /// As [`Session::score`], behind the prompt.
    ///
    /// # Errors
    /// As [`Session::score`].
    pub fn score(&mut self, continuations: &[&str], sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        self.settle();
        let prompt = self.present()?.into_owned();
        self.session.score(&prompt, continuations, sink)
    }

    /// As [`Session::embed_image`]; the prompt is not concerned.
    ///
    /// # Errors
    /// As [`Session::embed_image`].
    pub fn embed_image(&mut self, picture: &Picture) -> Result<Vec<f32>, Error> {
        self.settle();
        self.session.embed_image(picture)
    }

    /// As [`Session::image_features`]; the prompt is not concerned.
    ///
    /// # Errors
    /// As [`Session::image_features`].
    pub fn image_features(&mut self, picture: &Picture) -> Result<Vec<f32>, Error> {
        self.settle();
        self.session.image_features(picture)
    }

    /// As [`Session::match_texts`]; the prompt is not concerned.
    ///
    /// # Errors
    /// As [`Session::match_texts`].
    pub fn match_texts(
        &mut self,
        pictures: &[Arc<Picture>],
        texts: &[&str],
        sink: &mut Sink<'_>,
    ) -> Result<Vec<Match>, Error> {
        self.settle();
        self.session.match_texts(pictures, texts, sink)
    }

    /// As [`Session::compared_image`]; the prompt is not concerned.
    ///
    /// # Errors
    /// As [`Session::match_texts`].
    pub fn compared_image(&mut self, picture: &Picture, raw: bool) -> Result<Embedding, Error> {
        self.settle();
        self.session.compared_image(picture, raw)
    }

    /// As [`Session::compared_texts`]; the prompt is not concerned.
    ///
    /// # Errors
    /// As [`Session::match_texts`].
    pub fn compared_texts(&mut self, texts: &[&str], raw: bool) -> Result<Embedding, Error> {
        self.settle();
        self.session.compared_texts(texts, raw)
    }

    /// Another conversation that goes on from here, with a session, keys and values of its own. Where positions look at
    /// media, these are not copied but made again when they are needed.
    ///
    /// # Errors
    /// As [`Model::session`].
    pub fn fork(&mut self) -> Result<Self, Error> {
        self.settle();
        let mut fork = Self::new(self.model(), &self.options, self.complete)?;
        let items = self.model().compose(&self.prompt)?;
        let count = self.session.savable(&items);
        let mut data = Vec::new();
        self.session.save(count, &mut data)?;
        fork.prompt = self.prompt.clone();
        fork.dialogue.clone_from(&self.dialogue);
        fork.answer.clone_from(&self.answer);
        fork.session.restore(&items, count, &data)?;
        fork.session.know_pictures_of(&self.session);
        Ok(fork)
    }

    /// Ends a text that is being written.
    pub(crate) fn settle(&mut self) {
        if let Some(writing) = self.writing.take() {
            let generation = self.session.end(writing);
            self.append(generation);
        }
    }

    /// Takes the prompt that messages became.
    fn take(&mut self, asked: Option<dialogue::Asked>) {
        if let Some((dialogue, asked)) = self.dialogue.as_mut().zip(asked) {
            self.prompt = dialogue.take(asked);
        }
    }

    fn append(&mut self, generation: Generation) -> &Generation {
        if let Some(dialogue) = &mut self.dialogue {
            dialogue.answer(&generation);
        }
        let mut prompt = std::mem::take(&mut self.prompt);
        let (model, mut said) = (self.session.model(), generation.said());
        if model.encodes_prompts() {
            // What ends a text of the decoder ends no part of a source.
            while let Some((_, rest)) = said.split_last().filter(|(id, _)| model.defaults().ends(**id)) {
                said = rest;
            }
        } else if prompt.is_empty() {
            // Nothing would be put before an answer that comes first; what it was generated behind is its past, though.
            let begin = self.model().compose(&prompt).unwrap_or_default();
            prompt = prompt.tokens(prompt_ids(&begin));
        }
        self.prompt = prompt.tokens(said);
        self.answer.insert(generation)
    }
}

/// One step of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// The token.
    pub id: u32,
    /// The text it completes, in whole characters; perhaps none.
    pub text: String,
    /// Its log-probability as the model gave it, where [`GenerateOptions::logprobs`] wants it.
    pub logprob: Option<f32>,
    /// Why it is the last, if it is.
    pub finish: Option<Finish>,
}

fn empty(complete: bool) -> Prompt {
    if complete { Prompt::new().complete() } else { Prompt::new() }
}
