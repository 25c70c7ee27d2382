//! What is said by roles: messages with their pictures, and the prompt that the file's chat template makes of them.
//!
//! Each time the model is to answer, the whole of it is rendered; what the session keeps makes that cheap. An answer stays
//! the tokens that it was generated as, where the template repeats it as it was. The non-obvious thing: where the context has
//! no room, the oldest turns go, and so many at once that the next few answers have room, too: each time they go, all that
//! is left must be read again.

use super::{Conversation, empty};
use crate::chat::{ChatError, ChatTemplate, Content, Message, Part, Rendered};
use crate::error::Error;
use crate::generate::Generation;
use crate::image::Picture;
use crate::model::Model;
use crate::prompt::Prompt;
use std::borrow::Cow;
use std::sync::Arc;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Who speaks: "system", "user", "assistant", or what else the template knows.
    pub role: String,
    /// They come before the text.
    pub pictures: Vec<Arc<Picture>>,
    /// The text.
    pub text: String,
}

impl Said {
    /// Whether it stays when the oldest messages go.
    fn stays(&self) -> bool {
        matches!(self.role.as_str(), "system" | "developer")
    }
}

/// Messages, and how far the conversation's prompt has them.
#[derive(Debug, Clone)]
pub(super) struct Dialogue {
    template: Arc<ChatTemplate>,
    messages: Vec<Said>,
    /// What the prompt was rendered as last, without the answer behind it, and how many messages that were.
    asked: Option<(Rendered, usize)>,
    /// Whether the answer to that is behind it and the newest message.
    answered: bool,
    /// Messages that went when the model was asked last.
    dropped: usize,
}

/// A dialogue as it is to be answered.
pub(super) struct Asked {
    rendered: Rendered,
    pub prompt: Prompt,
    /// Messages before this one go, unless they stay in any case.
    cut: usize,
}

impl Dialogue {
    fn new(model: &Model) -> Result<Self, Error> {
        let template = Arc::new(ChatTemplate::required(model.file())?);
        Ok(Self { template, messages: Vec::new(), asked: None, answered: false, dropped: 0 })
    }

    /// One whose prompt has the first `asked` messages, and perhaps an answer.
    pub fn restored(model: &Model, messages: Vec<Said>, asked: usize, answered: bool) -> Result<Self, Error> {
        let mut dialogue = Self { messages, answered, ..Self::new(model)? };
        // Where the template fails or writes another text now, of another day say, the next prompt is made of texts alone.
        let first = dialogue.messages.iter().take(asked).collect::<Vec<_>>();
        let rendered = dialogue.render(model, &first, true).ok();
        dialogue.asked = rendered.filter(|_| asked > 0).map(|rendered| (rendered, asked));
        Ok(dialogue)
    }

    pub fn messages(&self) -> &[Said] {
        &self.messages
    }

    /// How many messages the prompt was rendered from, and whether there is an answer behind.
    pub fn asked(&self) -> (usize, bool) {
        (self.asked.as_ref().map_or(0, |(_, count)| *count), self.answered)
    }

    /// Whether the prompt lacks messages.
    fn has_news(&self) -> bool {
        let (asked, answered) = self.asked();
        self.messages.len() != asked + usize::from(answered)
    }

    fn render(&self, model: &Model, messages: &[&Said], asks: bool) -> Result<Rendered, Error> {
        let parts = messages.iter().map(|said| {
            let pictures = std::iter::repeat_n(Part::Image, said.pictures.len());
            pictures.chain([Part::Text(&said.text)]).collect()
        });
        let parts: Vec<Vec<Part<'_>>> = parts.collect();
        let messages = messages.iter().zip(&parts).map(|(said, parts)| Message {
            role: &said.role,
            content: if said.pictures.is_empty() { Content::Text(&said.text) } else { Content::Parts(parts) },
        });
        Ok(self.template.prompt(&messages.collect::<Vec<_>>(), asks, model.tokenizer())?)
    }

    /// The prompt without the messages before `cut`, behind `before`, which is the conversation's so far.
    fn rendered(&self, model: &Model, before: &Prompt, cut: usize, asks: bool) -> Result<Asked, Error> {
        let left = self.messages.iter().enumerate().filter(|(at, said)| *at >= cut || said.stays());
        let left: Vec<&Said> = left.map(|(_, said)| said).collect();
        let rendered = self.render(model, &left, asks)?;
        let pictures: Vec<Arc<Picture>> = left.iter().flat_map(|said| said.pictures.iter().cloned()).collect();
        let tokenizer = model.tokenizer();
        let behind = match &self.asked {
            Some((last, _)) if left.len() == self.messages.len() => {
                let mut before = before.clone();
                let mut answer = self.answered.then(|| before.pop_tokens()).flatten().unwrap_or_default();
                // The template writes what ends a turn.
                answer.pop_if(|id| model.defaults().ends(*id));
                rendered.prompt_behind((last, &before, &answer), tokenizer, &pictures)?
            }
            _ => None,
        };
        let prompt = match behind {
            Some(prompt) => prompt,
            None => rendered.prompt(tokenizer, &pictures)?,
        };
        Ok(Asked { rendered, prompt, cut })
    }

    /// The prompt that asks for an answer of at most `new` tokens, with as many of the newest turns as the context has room
    /// for: all messages that stay and the newest turn in any case.
    pub fn ask(&self, model: &Model, before: &Prompt, context: usize, new: usize) -> Result<Asked, Error> {
        let wanted = new.min(context / 4).max(1);
        let fits = |cut: usize, most: usize| {
            let asked = match self.rendered(model, before, cut, true) {
                Err(Error::Chat(ChatError::TooManyMessages { .. } | ChatError::ConversationTooLong { .. })) => {
                    return Ok(None);
                }
                asked => asked?,
            };
            let positions = model.count(&model.compose(&asked.prompt)?);
            Ok::<_, Error>((positions.saturating_add(wanted) <= most).then_some(asked))
        };
        if let Some(asked) = fits(0, context)? {
            return Ok(asked);
        }
        // A turn begins with what a user says behind something else.
        let speakers = || self.messages.iter().enumerate().filter(|(_, said)| !said.stays());
        let cuts = speakers().zip(speakers().skip(1));
        let cuts = cuts.filter(|((_, before), (_, said))| said.role == "user" && before.role != "user");
        let cuts: Vec<usize> = cuts.map(|(_, (at, _))| at).collect();
        let (mut low, mut high) = (0, cuts.len().saturating_sub(1));
        while low < high {
            let middle = usize::midpoint(low, high);
            match fits(cuts[middle], context - context / 4)? {
                Some(_) => high = middle,
                None => low = middle + 1,
            }
        }
        self.rendered(model, before, cuts.get(low).copied().unwrap_or(0), true)
    }

    /// Takes what the model was asked for the conversation's prompt.
    pub fn take(&mut self, Asked { rendered, prompt, cut }: Asked) -> Prompt {
        let before = self.messages.len();
        let mut at = 0;
        self.messages.retain(|said| {
            at += 1;
            at > cut || said.stays()
        });
        self.dropped = before - self.messages.len();
        (self.asked, self.answered) = (Some((rendered, self.messages.len())), false);
        prompt
    }

    /// Takes the answer to it.
    pub fn answer(&mut self, generation: &Generation) {
        self.answered = true;
        let (role, text) = ("assistant".to_owned(), generation.text.clone());
        self.messages.push(Said { role, pictures: Vec::new(), text });
    }
}

impl Conversation {
    /// Appends a message of a role, its pictures before its text. From then on the prompt is what the file's chat template
    /// makes of all messages, [`Conversation::generate`] and [`Conversation::start`] ask for an answer to them, and the
    /// answer becomes a message of the assistant. In a message nothing but text is read: neither special tokens nor places
    /// of pictures.
    ///
    /// Where the context has no room for the messages and an answer, the oldest turns are dropped, but no message of the system
    /// and not the newest turn: see [`Conversation::dropped`].
    ///
    /// # Errors
    /// [`crate::chat::ChatError::Missing`] and what else is wrong with the template, [`Error::NoVision`],
    /// [`Error::BadOption`] where the prompt has pieces that are no messages. What the template says of the messages is told
    /// when an answer is asked for.
    pub fn say(&mut self, role: &str, pictures: Vec<Arc<Picture>>, text: &str) -> Result<(), Error> {
        if !pictures.is_empty() && !self.model().takes_images() {
            return Err(Error::NoVision { images: pictures.len() });
        }
        self.settle();
        let said = Said { role: role.to_owned(), pictures, text: text.to_owned() };
        match &mut self.dialogue {
            Some(dialogue) => dialogue.messages.push(said),
            None if self.prompt.is_empty() => {
                let mut dialogue = Dialogue::new(self.model())?;
                dialogue.messages.push(said);
                self.dialogue = Some(dialogue);
            }
            None => {
                let rule = "messages begin a conversation or follow messages";
                return Err(Error::BadOption {
                    name: "prompt",
                    got: "text or pictures without roles".to_owned(),
                    rule,
                });
            }
        }
        Ok(())
    }

    /// All messages, answers included; none where the prompt is not made of messages.
    #[must_use]
    pub fn messages(&self) -> &[Said] {
        self.dialogue.as_ref().map_or(&[], |dialogue| dialogue.messages())
    }

    /// Takes the newest message away: one that failed to be answered, or an answer that is to be another.
    pub fn take_back(&mut self) -> Option<Said> {
        self.settle();
        let dialogue = self.dialogue.as_mut()?;
        let said = dialogue.messages.pop();
        let (asked, answered) = dialogue.asked();
        if dialogue.messages.len() < asked + usize::from(answered) {
            (dialogue.asked, dialogue.answered) = (None, false);
        }
        if dialogue.messages.is_empty() {
            self.begin_with(empty(self.complete), self.complete);
        }
        said
    }

    /// How many messages were dropped when an answer was last asked for, for want of room.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dialogue.as_ref().map_or(0, |dialogue| dialogue.dropped)
    }

    /// What the prompt will be once an answer is asked for, were there room for all.
    pub(super) fn present(&self) -> Result<Cow<'_, Prompt>, Error> {
        match &self.dialogue {
            Some(dialogue) if dialogue.has_news() => {
                let asks = dialogue.messages.last().is_some_and(|said| said.role != "assistant");
                Ok(Cow::Owned(dialogue.rendered(self.model(), &self.prompt, 0, asks)?.prompt))
            }
            _ => Ok(Cow::Borrowed(&self.prompt)),
        }
    }

    /// What messages there are as they are to be answered.
    pub(super) fn asked(&self, new: usize) -> Result<Option<Asked>, Error> {
        let model = self.model();
        let new = if new == 0 { model.defaults().max_new_tokens } else { new };
        let context = self.session.room();
        self.dialogue.as_ref().map(|dialogue| dialogue.ask(model, &self.prompt, context, new)).transpose()
    }

    /// Refuses what is no message where there are messages.
    pub(super) fn without_roles(&self) -> Result<(), Error> {
        if self.dialogue.is_none() {
            return Ok(());
        }
        let rule = "text, tokens and media are added to a prompt without them";
        Err(Error::BadOption { name: "prompt", got: "messages by roles".to_owned(), rule })
    }
}
