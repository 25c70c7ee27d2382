//! A conversation as a prompt: what the template wrote, what people and the model said, and where pictures go.
//!
//! Source: transformers' `apply_chat_template`, with which the ids agree as long as no message spells a special token.
//! There they differ on purpose: transformers reads `<|im_end|>` in a message as the end of the message, here it is text.
//!
//! The non-obvious thing: nothing is looked for in what was said. Before rendering, pictures and the ends of what must
//! stay text become characters that occur in no message; afterwards these are taken out again, and what they told is
//! kept as places. A message without special tokens reaches the template as it is.

use super::{ChatError, ChatTemplate, Content, Message, Part};
use crate::error::Error;
use crate::image::Picture;
use crate::prompt::Prompt;
use crate::tokenizer::{EncodeOptions, Tokenizer};
use std::ops::Range;
use std::sync::Arc;

/// A rendered conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    text: String,
    /// Stretches of the text in which no control token is read, in order.
    plain: Vec<Range<usize>>,
    /// Where pictures go, in order; what the template wrote for them goes.
    images: Vec<Range<usize>>,
}

/// Characters that stand for something else while a template runs.
struct StandIns {
    image: char,
    /// Begins what must stay text ...
    plain: char,
    /// ... and ends it.
    end: char,
}

/// How a template takes what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Accepts {
    texts: bool,
    lists: bool,
    /// It writes the picture's token for a picture in a list.
    images: bool,
}

/// What templates write for a picture where no token of the vocabulary stands for one.
const MARK: &str = "<image>";

impl ChatTemplate {
    /// A conversation as transformers would render it, as a prompt for a model with this tokenizer: control tokens are
    /// read in what the template writes, and in no message. A picture goes where the template puts its token, or, where
    /// it knows no lists, to its place among the texts of the message.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`]; [`ChatError::Pictures`] where the template drops or repeats pictures,
    /// [`ChatError::NoStandIn`].
    pub fn prompt(
        &self,
        messages: &[Message<'_>],
        add_generation_prompt: bool,
        tokenizer: &Tokenizer,
    ) -> Result<Rendered, ChatError> {
        let given = messages.iter().map(|m| m.content.images()).sum();
        let token = tokenizer.reserved().and_then(|id| tokenizer.token_bytes(id).ok());
        let token = token.and_then(|bytes| std::str::from_utf8(bytes).ok()).filter(|text| !text.is_empty());
        let token = tokenizer.image_place().written.as_deref().or(token);
        // Files of models whose originals never had a token for it: the mark is in the template alone.
        let token = token.or(Some(MARK));
        let accepts = self.accepts(token);
        let stand_ins = StandIns::new(messages)?;
        let marked: Vec<Marked> =
            messages.iter().map(|m| Marked::new(m.content, accepts, &stand_ins, tokenizer)).collect();
        let parts: Vec<Vec<Part<'_>>> = marked.iter().map(Marked::parts).collect();
        let contents = marked.iter().zip(&parts).map(|(marked, parts)| match marked {
            Marked::Text(text) => Content::Text(text),
            Marked::Parts(_) => Content::Parts(parts),
        });
        let contents: Vec<Message<'_>> =
            messages.iter().zip(contents).map(|(m, content)| Message { role: m.role, content }).collect();
        let mut rendered = stand_ins.taken_out(&self.render(&contents, add_generation_prompt)?);
        if let Some(token) = token.filter(|_| accepts.images && given > 0) {
            rendered.images = rendered.outside(token);
        }
        let placed = rendered.images.len();
        if placed == given { Ok(rendered) } else { Err(ChatError::Pictures { given, placed }) }
    }

    /// Tried with one message: a template that takes lists writes the same for a list of one text as for the text.
    fn accepts(&self, token: Option<&str>) -> Accepts {
        const TEXT: &str = "sample";
        let said = |content: Content<'_>| {
            let rendered = self.render(&[Message { role: "user", content }], true).ok();
            rendered.filter(|rendered| rendered.contains(TEXT))
        };
        let text = said(Content::Text(TEXT));
        let list = said(Content::Parts(&[Part::Text(TEXT)]));
        let lists = list.is_some() && (text.is_none() || text == list);
        let seen = said(Content::Parts(&[Part::Image, Part::Text(TEXT)])).filter(|_| lists);
        let images = token
            .zip(seen)
            .zip(list)
            .is_some_and(|((token, seen), list)| seen.matches(token).count() == list.matches(token).count() + 1);
        Accepts { texts: text.is_some() || !lists, lists, images }
    }
}

/// Content with stand-ins in it.
enum Marked {
    Text(String),
    /// Texts, `None` for pictures.
    Parts(Vec<Option<String>>),
}

impl Marked {
    fn new(content: Content<'_>, accepts: Accepts, stand_ins: &StandIns, tokenizer: &Tokenizer) -> Self {
        let parts = match content {
            Content::Text(text) if accepts.texts => return Self::Text(stand_ins.guarded(text, tokenizer)),
            Content::Text(text) => &[Part::Text(text)][..],
            Content::Parts(parts) => parts,
        };
        if accepts.images && content.images() > 0 {
            let part = |part: &Part<'_>| match part {
                Part::Text(text) => Some(stand_ins.guarded(text, tokenizer)),
                Part::Image => None,
            };
            return Self::Parts(parts.iter().map(part).collect());
        }
        let mut whole = String::new();
        for part in parts {
            match part {
                Part::Text(text) => whole.push_str(&stand_ins.guarded(text, tokenizer)),
                Part::Image => whole.push(stand_ins.image),
            }
        }
        if accepts.texts { Self::Text(whole) } else { Self::Parts(vec![Some(whole)]) }
    }

    fn parts(&self) -> Vec<Part<'_>> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Parts(parts) => parts.iter().map(|part| part.as_deref().map_or(Part::Image, Part::Text)).collect(),
        }
    }
}

impl StandIns {
    /// Three characters of private use that occur in no message.
    fn new(messages: &[Message<'_>]) -> Result<Self, ChatError> {
        let mut used: Vec<char> = Vec::new();
        let mut look = |text: &str| used.extend(text.chars().filter(|c| is_private(*c)));
        for message in messages {
            look(message.role);
            match message.content {
                Content::Text(text) => look(text),
                Content::Parts(parts) => parts.iter().for_each(|part| {
                    if let Part::Text(text) = part {
                        look(text);
                    }
                }),
            }
        }
        used.sort_unstable();
        let mut free = ('\u{f0000}'..='\u{10fffd}').filter(|c| is_private(*c) && used.binary_search(c).is_err());
        match (free.next(), free.next(), free.next()) {
            (Some(image), Some(plain), Some(end)) => Ok(Self { image, plain, end }),
            _ => Err(ChatError::NoStandIn),
        }
    }

    /// The text with what it spells of special tokens between stand-ins.
    fn guarded(&self, text: &str, tokenizer: &Tokenizer) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for Range { start, end } in tokenizer.spelled(text) {
            out.push_str(&text[at..start]);
            out.push(self.plain);
            out.push_str(&text[start..end]);
            out.push(self.end);
            at = end;
        }
        out.push_str(&text[at..]);
        out
    }

    /// What a template made of it, and what the stand-ins told. Half a pair, which a template left, tells nothing.
    fn taken_out(&self, rendered: &str) -> Rendered {
        let mut out = Rendered { text: String::with_capacity(rendered.len()), ..Rendered::default() };
        let mut open = None;
        for c in rendered.chars() {
            let at = out.text.len();
            if c == self.image {
                out.images.push(at..at);
            } else if c == self.plain {
                open = Some(at);
            } else if c == self.end {
                out.plain.extend(open.take().filter(|&start| start < at).map(|start| start..at));
            } else {
                out.text.push(c);
            }
        }
        out
    }
}

/// Whether a character is of the private planes, which no standard gives a meaning.
fn is_private(c: char) -> bool {
    matches!(c, '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

impl Rendered {
    /// What `apply_chat_template` gives with `tokenize=False`. Pictures that the template writes no token for leave no
    /// trace in it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The prompt, with these pictures at their places.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn prompt(&self, tokenizer: &Tokenizer, images: &[Arc<Picture>]) -> Result<Prompt, Error> {
        self.append(Prompt::new().complete().surrounded(), 0, tokenizer, images)
    }

    /// The prompt as `before` was, with the ids that were generated behind it as they are: their text, encoded again,
    /// may give others. `None` where the template changed what was said before, or joins the answer to a text that
    /// would have been encoded with it: [`Rendered::prompt`] is right there.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn prompt_behind(
        &self,
        (before, prompt, answer): (&Rendered, &Prompt, &[u32]),
        tokenizer: &Tokenizer,
        images: &[Arc<Picture>],
    ) -> Result<Option<Prompt>, Error> {
        let mut said = Vec::new();
        for &id in answer.iter().filter(|&&id| !tokenizer.is_special(id)) {
            said.extend_from_slice(tokenizer.token_bytes(id).map_err(Error::from)?);
        }
        let begins = |text: &&[u8]| text.starts_with(&said);
        let rest = self.text.as_bytes().strip_prefix(before.text.as_bytes()).filter(begins);
        let Some(rest) = rest.map(|rest| self.text.len() - rest.len() + said.len()) else { return Ok(None) };
        let same = self.images.get(..before.images.len()) == Some(&before.images);
        let next = self.images.get(before.images.len()).is_none_or(|image| image.start >= rest);
        if !(same && next && self.text.is_char_boundary(rest) && self.begins_with_control(rest, tokenizer)) {
            return Ok(None);
        }
        let prompt = prompt.clone().tokens(answer);
        self.append(prompt, rest, tokenizer, images).map(Some)
    }

    /// Whether a control token stands at `at`, so that nothing is encoded across it.
    fn begins_with_control(&self, at: usize, tokenizer: &Tokenizer) -> bool {
        tokenizer.spelled(&self.text[at..]).first().is_some_and(|found| found.start == 0)
            && self.plain.iter().all(|stretch| stretch.end <= at || stretch.start > at)
    }

    /// Appends the text from `from` on, and its pictures.
    fn append(
        &self,
        mut prompt: Prompt,
        from: usize,
        tokenizer: &Tokenizer,
        images: &[Arc<Picture>],
    ) -> Result<Prompt, Error> {
        let options = EncodeOptions { add_special: false, parse_special: true };
        let mut at = from;
        let places = self.images.iter().zip(images).filter(|(place, _)| place.start >= from);
        let end = self.text.len()..self.text.len();
        let [ahead, behind] = &tokenizer.image_place().around;
        // What stands behind the last picture.
        let mut left = "";
        for (place, image) in places.map(|(place, image)| (place, Some(image))).chain([(&end, None)]) {
            let first = self.plain.partition_point(|stretch| stretch.end <= at);
            let plain: Vec<Range<usize>> = self.plain[first..]
                .iter()
                .take_while(|stretch| stretch.start < place.start)
                .map(|stretch| stretch.start.max(at) - at..stretch.end.min(place.start) - at)
                .map(|stretch| stretch.start + left.len()..stretch.end + left.len())
                .collect();
            let next = image.map_or("", |_| ahead);
            let text = [left, &self.text[at..place.start], next].concat();
            let mut ids = Vec::new();
            let begins = prompt.is_empty();
            tokenizer.encode_guarded(&text, &plain, options, begins, &mut ids)?;
            prompt = prompt.tokens(ids);
            if let Some(image) = image {
                prompt = prompt.image(Arc::clone(image));
                left = behind;
            }
            at = place.end;
        }
        Ok(prompt)
    }

    /// Where the template itself wrote `token`.
    fn outside(&self, token: &str) -> Vec<Range<usize>> {
        let found = self.text.match_indices(token).map(|(at, token)| at..at + token.len());
        let said = |found: &Range<usize>| {
            let next = self.plain.partition_point(|stretch| stretch.end <= found.start);
            self.plain.get(next).is_some_and(|stretch| stretch.start < found.end)
        };
        found.filter(|found| !said(found)).collect()
    }
}
