//! Prompts: text and pictures in the order the model is to see them.

use crate::error::Error;
use crate::image::Picture;
use std::ops::Range;
use std::sync::Arc;

/// Where an image goes in a prompt's text.
pub const IMAGE_MARKER: &str = "<image>";

/// One piece of a prompt.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Text, tokenised by itself.
    Text(String),
    /// A picture; it takes as many positions as the model's bridge makes rows of it.
    Image(Arc<Picture>),
}

/// Pieces in order.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    pieces: Vec<Piece>,
    /// Token ids, each with the number of pieces before it.
    given: Vec<(usize, Vec<u32>)>,
    complete: bool,
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

    /// Appends a picture.
    #[must_use]
    pub fn image(mut self, picture: impl Into<Arc<Picture>>) -> Self {
        self.pieces.push(Piece::Image(picture.into()));
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

    /// Whether the model's own tokens are put around the text.
    #[must_use]
    pub fn adds_special(&self) -> bool {
        !self.complete
    }

    /// Puts `images` where `text` has `<image>` markers, in order; a text without markers follows all images.
    ///
    /// # Errors
    /// [`Error::ImageCount`] where there are markers, but not as many as images.
    pub fn parse(text: &str, images: Vec<Arc<Picture>>) -> Result<Self, Error> {
        let markers = text.matches(IMAGE_MARKER).count();
        if markers == 0 {
            let first = images.into_iter().fold(Self::new(), Self::image);
            return Ok(first.text(text));
        }
        if markers != images.len() {
            return Err(Error::ImageCount { markers, images: images.len() });
        }
        let mut images = images.into_iter();
        let mut prompt = Self::new();
        for (i, part) in text.split(IMAGE_MARKER).enumerate() {
            if i > 0
                && let Some(image) = images.next()
            {
                prompt = prompt.image(image);
            }
            prompt = prompt.text(part);
        }
        Ok(prompt)
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

    /// The pieces of a range as a prompt of its own.
    pub(crate) fn part(&self, pieces: Range<usize>, complete: bool) -> Self {
        Self { pieces: self.pieces[pieces].to_vec(), given: Vec::new(), complete }
    }
}

/// A prompt as the language model sees it.
#[derive(Debug, Clone)]
pub enum Item {
    /// Token ids.
    Tokens(Vec<u32>),
    /// The rows of a picture.
    Image(Arc<Picture>),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::image::ImageLimits;

    fn picture() -> Arc<Picture> {
        Arc::new(Picture::new(1, 1, vec![0; 3], &ImageLimits::default()).unwrap())
    }

    fn shape(prompt: &Prompt) -> String {
        let piece = |p: &Piece| match p {
            Piece::Text(t) => t.clone(),
            Piece::Image(_) => "#".to_owned(),
        };
        prompt.pieces().iter().map(piece).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn markers_place_images() {
        let parse = |text, n| Prompt::parse(text, vec![picture(); n]).map(|p| shape(&p));
        assert_eq!(parse("what?", 2).unwrap(), "#|#|what?");
        assert_eq!(parse("<image>a<image>b", 2).unwrap(), "#|a|#|b");
        assert_eq!(parse("a <image>", 1).unwrap(), "a |#");
        assert_eq!(parse("", 0).unwrap(), "");
        assert!(matches!(parse("<image><image>", 1), Err(Error::ImageCount { markers: 2, images: 1 })));
        assert!(matches!(parse("<image>", 0), Err(Error::ImageCount { markers: 1, images: 0 })));
        assert!(matches!(parse("<image>", 2), Err(Error::ImageCount { markers: 1, images: 2 })));
    }
}
