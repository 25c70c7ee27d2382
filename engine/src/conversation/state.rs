//! A conversation as bytes: its prompt, pictures and all, and the keys and values it has, so that it goes on in another
//! process without being read again.
//!
//! Little-endian: magic; the model's fingerprint; the shape of a position; whether the prompt is complete, and whether it is
//! made of messages; pieces; messages; positions and their keys and values; a hash of all that. The fingerprint is over the file's keys, its table of
//! tensors and the first bytes of each: telling files apart must not mean reading them whole. The hash finds damage, not
//! malice: whoever can write a state can put words into a conversation, but nothing in it is trusted before it is checked.

use super::dialogue::Dialogue;
use super::{Conversation, Said};
use crate::error::Error;
use crate::image::{ImageLimits, Picture, Video, hash_bytes};
use crate::kernels::CacheShape;
use crate::model::Model;
use crate::prompt::{Piece, Prompt};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"ocellis1";

const TEXT: u8 = 0;
const PICTURE: u8 = 1;
const TOKENS: u8 = 2;
const VIDEO: u8 = 3;

/// Bits of what a prompt is.
const COMPLETE: u8 = 1;
const MESSAGES: u8 = 2;

impl Conversation {
    /// The conversation as bytes, for [`Conversation::restore`]. Pictures take three bytes a pixel, positions what the plan
    /// says of the cache.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], and as [`Model::compose`].
    pub fn save(&mut self) -> Result<Vec<u8>, Error> {
        self.settle();
        let items = self.model().compose(self.prompt())?;
        let kept = self.session().savable(&items);
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&fingerprint(self.model()).to_le_bytes());
        shape(&self.session().position()).iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        let messages = if self.dialogue.is_some() { MESSAGES } else { 0 };
        out.push(messages | if self.complete() { COMPLETE } else { 0 });
        let prompt = self.prompt();
        let pieces = prompt.pieces().len() + prompt.given().len();
        out.extend_from_slice(&(pieces as u64).to_le_bytes());
        let mut given = prompt.given().iter().peekable();
        for at in 0..=prompt.pieces().len() {
            while let Some((_, ids)) = given.next_if(|(before, _)| *before == at) {
                piece(&mut out, TOKENS, ids.len(), ids.len() * 4)?;
                ids.iter().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
            }
            match prompt.pieces().get(at) {
                Some(Piece::Text(text)) => {
                    piece(&mut out, TEXT, text.len(), text.len())?;
                    out.extend_from_slice(text.as_bytes());
                }
                Some(Piece::Image(picture)) => {
                    piece(&mut out, PICTURE, picture.rgb().len(), picture.rgb().len() + 8)?;
                    write_picture(&mut out, picture);
                }
                Some(Piece::Video(video)) => {
                    let bytes = video.frames().iter().map(|frame| frame.rgb().len() + 8).sum();
                    piece(&mut out, VIDEO, video.frames().len(), bytes)?;
                    video.frames().iter().for_each(|frame| write_picture(&mut out, frame));
                }
                None => {}
            }
        }
        if let Some(dialogue) = &self.dialogue {
            write_dialogue(&mut out, dialogue)?;
        }
        out.extend_from_slice(&(kept as u64).to_le_bytes());
        self.session.save(kept, &mut out)?;
        let hash = hash_bytes(out.len() as u64, &out);
        out.extend_from_slice(&hash.to_le_bytes());
        Ok(out)
    }

    /// Goes on from where [`Conversation::save`] was called. The session may be of another size, but not its keys and
    /// values of another number format. After an error the conversation is as it was.
    ///
    /// # Errors
    /// [`Error::BadState`], [`Error::ContextFull`], [`Error::Image`] and as [`Model::compose`].
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut reader = Reader::open(bytes)?;
        if u128::from_le_bytes(reader.array()?) != fingerprint(self.model()) {
            return Err(bad("another model's"));
        }
        let position = self.session().position();
        for wanted in shape(&position) {
            let got = u32::from_le_bytes(reader.array()?);
            if got != wanted {
                return Err(bad(format!("of a session whose keys and values are laid out by {got}, here {wanted}")));
            }
        }
        let [bits] = reader.array()?;
        if bits & !(COMPLETE | MESSAGES) != 0 {
            return Err(bad(format!("damaged: its prompt is of kind {bits}")));
        }
        let complete = bits & COMPLETE != 0;
        let prompt = reader.prompt(complete)?;
        let dialogue = if bits & MESSAGES == 0 { None } else { Some(reader.dialogue(self.model())?) };
        let kept = reader.length()?;
        let items = self.model().compose(&prompt)?;
        let positions = self.model().count(&items);
        if kept > positions || position.bytes().checked_mul(kept) != Some(reader.rest.len()) {
            let have = reader.rest.len();
            return Err(bad(format!("damaged: {kept} of {positions} positions are said to take {have} bytes")));
        }
        if kept > 0 && !self.session().saves() {
            return Err(bad(format!("damaged: {kept} positions are kept, and this model's cannot be")));
        }
        let context = self.session().room();
        if positions > context {
            return Err(Error::ContextFull { needed: positions, prompt: positions, new: 0, context });
        }
        self.begin_with(prompt, complete).restore(&items, kept, reader.rest)?;
        self.dialogue = dialogue;
        Ok(())
    }
}

fn bad(reason: impl Into<String>) -> Error {
    Error::BadState { reason: reason.into() }
}

/// What a position's bytes depend on.
fn shape(position: &CacheShape) -> [u32; 4] {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // What convolutions have of a position follows from the model and the rest.
    let &CacheShape { layers, heads, head_width, slots: _, ty, convolutions: _, convolved: _ } = position;
    [number(layers), number(heads), number(head_width), number(ty.row_bytes(32))]
}

/// The beginning of a piece of `count` things, and room for its `bytes`.
fn piece(out: &mut Vec<u8>, kind: u8, count: usize, bytes: usize) -> Result<(), Error> {
    let error = |_| Error::OutOfMemory { what: "a saved state", bytes };
    out.try_reserve(bytes.saturating_add(64)).map_err(error)?;
    out.push(kind);
    out.extend_from_slice(&(count as u64).to_le_bytes());
    Ok(())
}

/// Messages, and how many of them the prompt has, and whether there is an answer.
fn write_dialogue(out: &mut Vec<u8>, dialogue: &Dialogue) -> Result<(), Error> {
    let number = |out: &mut Vec<u8>, n: usize| out.extend_from_slice(&(n as u64).to_le_bytes());
    let (asked, answered) = dialogue.asked();
    number(out, dialogue.messages().len());
    number(out, asked);
    out.push(u8::from(answered));
    for Said { role, pictures, text } in dialogue.messages() {
        piece(out, TEXT, role.len(), role.len())?;
        out.extend_from_slice(role.as_bytes());
        piece(out, TEXT, text.len(), text.len())?;
        out.extend_from_slice(text.as_bytes());
        number(out, pictures.len());
        for picture in pictures {
            piece(out, PICTURE, picture.rgb().len(), picture.rgb().len() + 8)?;
            write_picture(out, picture);
        }
    }
    Ok(())
}

fn write_picture(out: &mut Vec<u8>, picture: &Picture) {
    out.extend_from_slice(&picture.width().to_le_bytes());
    out.extend_from_slice(&picture.height().to_le_bytes());
    out.extend_from_slice(picture.rgb());
}

/// What tells a model's file, or the files it is split into, from others.
fn fingerprint(model: &Model) -> u128 {
    let file = model.file();
    let mut seen = Vec::new();
    for (number, bytes) in file.parts().iter().enumerate() {
        let bytes = (**bytes).as_ref();
        let tensors = file.tensors().iter().filter(|t| t.part == number).filter_map(|t| {
            let start = usize::try_from(t.offset).ok()?;
            Some((start, start.checked_add(usize::try_from(t.bytes.min(64)).ok()?)?))
        });
        let header = tensors.clone().map(|(start, _)| start).min().unwrap_or(bytes.len());
        seen.extend_from_slice(bytes.get(..header).unwrap_or_default());
        for (start, end) in tensors {
            seen.extend_from_slice(bytes.get(start..end).unwrap_or_default());
        }
    }
    hash_bytes(file.file_len(), &seen)
}

/// What has not been read yet of a state whose hash is right.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let short = || bad(format!("not one: it has {} bytes", bytes.len()));
        let (body, hash) = bytes.split_last_chunk::<16>().ok_or_else(short)?;
        let rest = body.strip_prefix(MAGIC).ok_or_else(|| bad("not one: it does not begin as one"))?;
        // A fuzz target is to get behind it.
        if !cfg!(fuzzing) && hash_bytes(body.len() as u64, body) != u128::from_le_bytes(*hash) {
            return Err(bad("damaged: its hash is another"));
        }
        Ok(Self { rest })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| bad(format!("damaged: {count} bytes are needed where {} are left", self.rest.len())))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn length(&mut self) -> Result<usize, Error> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| bad(format!("damaged: a length is {length}")))
    }

    /// The beginning of a piece of a kind: its count.
    fn piece(&mut self, kind: u8) -> Result<usize, Error> {
        match self.array()? {
            [got] if got == kind => self.length(),
            [got] => Err(bad(format!("damaged: a piece is of kind {got} where {kind} is expected"))),
        }
    }

    fn text(&mut self, bytes: usize) -> Result<&'a str, Error> {
        std::str::from_utf8(self.take(bytes)?).map_err(|e| bad(format!("damaged: {e}")))
    }

    fn dialogue(&mut self, model: &Model) -> Result<Dialogue, Error> {
        let (count, asked) = (self.length()?, self.length()?);
        let answered = self.array::<1>()? != [0];
        if asked > count || answered && (asked == 0 || asked == count) {
            return Err(bad(format!("damaged: {asked} of {count} messages are said to be answered")));
        }
        let mut messages = Vec::new();
        for _ in 0..count {
            let bytes = self.piece(TEXT)?;
            let role = self.text(bytes)?.to_owned();
            let bytes = self.piece(TEXT)?;
            let text = self.text(bytes)?.to_owned();
            let mut pictures = Vec::new();
            for _ in 0..self.length()? {
                let bytes = self.piece(PICTURE)?;
                let (width, height) = (u32::from_le_bytes(self.array()?), u32::from_le_bytes(self.array()?));
                pictures.push(Arc::new(self.picture(width, height, bytes)?));
            }
            messages.push(Said { role, pictures, text });
        }
        if !model.takes_images() && messages.iter().any(|said| !said.pictures.is_empty()) {
            return Err(bad("damaged: it has pictures for a model that takes none"));
        }
        Dialogue::restored(model, messages, asked, answered)
    }

    fn picture(&mut self, width: u32, height: u32, bytes: usize) -> Result<Picture, Error> {
        Ok(Picture::new(width, height, self.take(bytes)?.to_vec(), &ImageLimits::default())?)
    }

    fn prompt(&mut self, complete: bool) -> Result<Prompt, Error> {
        let mut prompt = if complete { Prompt::new().complete() } else { Prompt::new() };
        for _ in 0..self.length()? {
            let [kind] = self.array()?;
            let count = self.length()?;
            prompt = match kind {
                TEXT => {
                    let text = self.text(count)?;
                    prompt.text(text)
                }
                PICTURE => {
                    let (width, height) = (u32::from_le_bytes(self.array()?), u32::from_le_bytes(self.array()?));
                    prompt.image(self.picture(width, height, count)?)
                }
                VIDEO => {
                    let limits = ImageLimits::default();
                    limits.check_frames(count)?;
                    let mut frames = Vec::new();
                    for _ in 0..count {
                        let (width, height) = (u32::from_le_bytes(self.array()?), u32::from_le_bytes(self.array()?));
                        let bytes = usize::try_from(3 * u64::from(width) * u64::from(height)).unwrap_or(usize::MAX);
                        frames.push(Arc::new(self.picture(width, height, bytes)?));
                    }
                    prompt.video(Video::new(frames, &limits)?)
                }
                TOKENS => {
                    let (ids, _) = self.take(count.saturating_mul(4))?.as_chunks();
                    prompt.tokens(ids.iter().map(|id| u32::from_le_bytes(*id)).collect::<Vec<_>>())
                }
                other => return Err(bad(format!("damaged: a piece is of kind {other}"))),
            };
        }
        Ok(prompt)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Engine, GenerateOptions, SessionOptions};
    use ocelli_quant::gguf::{MetaValue, Writer};
    use std::ops::ControlFlow;

    static TINY: &[u8] = include_bytes!("../../../cli/models/tiny-blip2.gguf");

    /// The tiny model with a chat template.
    fn chatting() -> Vec<u8> {
        let tiny = crate::Gguf::parse(Arc::new(TINY)).unwrap();
        let mut writer = Writer::new();
        for (key, value) in tiny.keys() {
            writer.set(key, value);
        }
        let template = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}\
            {% if part.type == 'image' %}<image>{{ bos_token }}{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}\
            {% endfor %}";
        writer.set("tokenizer.chat_template", MetaValue::from(template));
        for tensor in tiny.tensors() {
            writer.tensor(&tensor.name, &tensor.shape, tensor.ty);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        tiny.tensors().iter().for_each(|tensor| body.write(tiny.data(tensor)).unwrap());
        body.finish().unwrap()
    }

    /// Bytes are changed and the hash made to fit: whatever is accepted can be gone on with, all else is an error.
    #[test]
    fn a_state_that_was_made_to_deceive_does_no_harm() {
        let model = Engine::new(1).unwrap().open_bytes(Arc::new(chatting())).unwrap();
        for by_roles in [false, true] {
            let options = SessionOptions { context: 64, ..SessionOptions::default() };
            let mut conversation = Conversation::new(&model, &options, false).unwrap();
            let picture = Arc::new(Picture::new(2, 3, vec![9; 18], &ImageLimits::default()).unwrap());
            if by_roles {
                conversation.say("user", vec![picture], "what?").unwrap();
            } else {
                conversation.add_image(picture).unwrap();
                conversation.add_text("what?").unwrap();
                conversation.add_tokens(&[7]).unwrap();
            }
            deceive(&mut conversation);
        }
    }

    fn deceive(conversation: &mut Conversation) {
        let options = GenerateOptions { max_new_tokens: 2, ..GenerateOptions::default() };
        conversation.generate(&options, &mut |_| ControlFlow::Continue(())).unwrap();
        let state = conversation.save().unwrap();
        // What comes before the keys and values, and where they begin.
        let head = state.len() - 16 - conversation.session().position().bytes() * conversation.used().unwrap().kept;
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 16).unwrap() % below
        };
        let mut accepted = 0;
        for _ in 0..3000 {
            let mut body = state[..state.len() - 16].to_vec();
            for _ in 0..=draw(3) {
                let at = 24 + draw(head - 24);
                body[at] = [0, 1, 0x7f, 0x80, 0xff, body[at] ^ 1][draw(6)];
            }
            body.truncate(if draw(4) == 0 { 24 + draw(body.len() - 24) } else { body.len() });
            let hash = hash_bytes(body.len() as u64, &body);
            body.extend_from_slice(&hash.to_le_bytes());
            if conversation.restore(&body).is_ok() {
                accepted += 1;
                let _ = conversation.generate(&options, &mut |_| ControlFlow::Continue(()));
            }
        }
        assert!(accepted > 10, "{accepted} of 3000 were no harm");
        conversation.restore(&state).unwrap();
    }

    /// Where layers attend to pictures, positions depend on more than their keys and values: none are saved, and a state
    /// that has some all the same would make the model look at nothing.
    #[test]
    fn a_state_with_positions_that_cannot_be_kept_is_refused() {
        static GATED: &[u8] = include_bytes!("../../../tests/zoo/tiny-flamingo.gguf");
        let model = Engine::new(1).unwrap().open_bytes(Arc::new(GATED)).unwrap();
        let options = SessionOptions { context: 64, ..SessionOptions::default() };
        let mut conversation = Conversation::new(&model, &options, false).unwrap();
        let picture = Picture::new(2, 3, vec![9; 18], &ImageLimits::default()).unwrap();
        conversation.add_image(Arc::new(picture)).unwrap();
        conversation.add_text("what?").unwrap();
        let options = GenerateOptions { max_new_tokens: 2, ..GenerateOptions::default() };
        conversation.generate(&options, &mut |_| ControlFlow::Continue(())).unwrap();
        let state = conversation.save().unwrap();
        conversation.restore(&state).unwrap();
        let (body, kept) = state[..state.len() - 16].split_last_chunk::<8>().unwrap();
        assert_eq!(u64::from_le_bytes(*kept), 0, "nothing is kept of a gated model");
        let mut body = [body, &2u64.to_le_bytes()].concat();
        body.resize(body.len() + 2 * conversation.session().position().bytes(), 0);
        let hash = hash_bytes(body.len() as u64, &body);
        body.extend_from_slice(&hash.to_le_bytes());
        assert!(matches!(conversation.restore(&body), Err(Error::BadState { .. })));
    }
}
