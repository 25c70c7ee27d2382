//! Prompts: text and pictures in the order the model is to see them.

use crate::error::Error;
use crate::image::{Picture, Video, content_hash};
use std::ops::Range;
use std::sync::Arc;

/// Where an image goes in a prompt's text.
pub const IMAGE_MARKER: &str = "<image>";

/// Where a video goes in a prompt's text, if there are videos; it is text like any other if there are none.
pub const VIDEO_MARKER: &str = "<video>";

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
        Self::parse_with_videos(text, images, Vec::new())
    }

    /// [`Prompt::parse`], and `videos` where `text` has `<video>` markers. Those of either kind that have no markers at all
    /// come before the text, images first.
    ///
    /// # Errors
    /// [`Error::ImageCount`], and [`Error::VideoCount`] likewise.
    pub fn parse_with_videos(text: &str, images: Vec<Arc<Picture>>, videos: Vec<Arc<Video>>) -> Result<Self, Error> {
        let markers = text.matches(IMAGE_MARKER).count();
        if markers > 0 && markers != images.len() {
            return Err(Error::ImageCount { markers, images: images.len() });
        }
        let (unplaced, images) = if markers == 0 { (images, Vec::new()) } else { (Vec::new(), images) };
        let mut prompt = unplaced.into_iter().fold(Self::new(), Self::image);
        let markers = text.matches(VIDEO_MARKER).count();
        if markers > 0 && !videos.is_empty() && markers != videos.len() {
            return Err(Error::VideoCount { markers, videos: videos.len() });
        }
        let (unplaced, videos) = if markers == 0 { (videos, Vec::new()) } else { (Vec::new(), videos) };
        prompt = unplaced.into_iter().fold(prompt, Self::video);
        let (mut images, mut videos) = (images.into_iter(), videos.into_iter());
        for (i, part) in text.split(IMAGE_MARKER).enumerate() {
            if i > 0
                && let Some(image) = images.next()
            {
                prompt = prompt.image(image);
            }
            let mut rest = part;
            while let (Some((before, after)), [video, ..]) = (rest.split_once(VIDEO_MARKER), videos.as_slice()) {
                prompt = prompt.text(before).video(Arc::clone(video));
                videos.next();
                rest = after;
            }
            prompt = prompt.text(rest);
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

    /// Whether the first text of it is the first of all.
    pub(crate) fn begins(&self) -> bool {
        !self.behind
    }

    /// The pieces of a range as a prompt of its own, with others before it or not.
    pub(crate) fn part(&self, pieces: Range<usize>, complete: bool, behind: bool) -> Self {
        Self { pieces: self.pieces[pieces].to_vec(), given: Vec::new(), complete, behind }
    }
}

/// A prompt as the language model sees it.
#[derive(Debug, Clone)]
pub enum Item {
    /// Token ids.
    Tokens(Vec<u32>),
    /// The rows of a picture.
    Image(Arc<Picture>),
    /// The rows of a video.
    Video(Arc<Video>),
}

impl Item {
    /// What the tower is to see for this item: a picture is one frame, tokens are none.
    #[must_use]
    pub fn frames(&self) -> &[Arc<Picture>] {
        match self {
            Self::Tokens(_) => &[],
            Self::Image(picture) => std::slice::from_ref(picture),
            Self::Video(video) => video.frames(),
        }
    }

    /// Hash of a picture or video; `None` of tokens.
    pub(crate) fn content_hash(&self) -> Option<u128> {
        match self {
            Self::Tokens(_) => None,
            Self::Image(picture) => Some(content_hash(picture)),
            Self::Video(video) => Some(video.content_hash()),
        }
    }
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
            Piece::Video(video) => format!("%{}", video.frames().len()),
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
    #[test]
    fn videos_have_markers_of_their_own() {
        let video = |n: usize| Arc::new(Video::new(vec![picture(); n], &ImageLimits::default()).unwrap());
        let parse = |text, images, videos: &[usize]| {
            let videos = videos.iter().map(|&n| video(n)).collect();
            Prompt::parse_with_videos(text, vec![picture(); images], videos).map(|p| shape(&p))
        };
        assert_eq!(parse("what?", 1, &[3, 1]).unwrap(), "#|%3|%1|what?");
        assert_eq!(parse("<video>a<image>b<video>", 1, &[3, 1]).unwrap(), "%3|a|#|b|%1");
        assert_eq!(parse("<video><video>", 2, &[2, 3]).unwrap(), "#|#|%2|%3");
        assert_eq!(parse("a <image>", 1, &[2]).unwrap(), "%2|a |#");
        assert_eq!(parse("a <video> tag", 0, &[]).unwrap(), "a <video> tag");
        assert!(matches!(parse("<video>", 0, &[1, 1]), Err(Error::VideoCount { markers: 1, videos: 2 })));
        assert!(matches!(parse("<image>", 0, &[1]), Err(Error::ImageCount { markers: 1, images: 0 })));
    }
}
