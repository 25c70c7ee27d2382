//! `<image>` and `<video>` in `--prompt`: where a person who types a prompt says that pictures go. No other text is read
//! for them, neither a chat's, a demonstration's nor a model's.
//!
//! A mark is one only where there are pictures (or videos) to place; otherwise it is text like any other. `\<image>` is
//! the text `<image>`: of the backslashes right before a mark every two are one, and a single one makes the mark text.
//! All other backslashes are what they are, those of paths, say.

use crate::failure::Failure;
use crate::output::counted;
use ocelli_engine::image::{Picture, Video};
use ocelli_engine::tokenizer::Tokenizer;
use ocelli_engine::{Error, Piece as Seen, Prompt};
use std::sync::Arc;

/// Where a picture goes.
pub const IMAGE: &str = "<image>";
/// Where a video goes.
const VIDEO: &str = "<video>";

/// The prompt. Pictures or videos that the text has no mark for come before it, pictures first.
pub fn placed(text: &str, images: Vec<Arc<Picture>>, videos: Vec<Arc<Video>>) -> Result<Prompt, Failure> {
    let pieces = cut(text, !images.is_empty(), !videos.is_empty());
    let count = |kind: &Piece| pieces.iter().filter(|piece| *piece == kind).count();
    let (places, clips) = (count(&Piece::Image), count(&Piece::Video));
    for (code, what, marks, given) in
        [("image-count", "image", places, images.len()), ("video-count", "video", clips, videos.len())]
    {
        if marks > 0 && marks != given {
            let marks = counted(marks, &format!("{what} marker"));
            let were = if given == 1 { "was" } else { "were" };
            let message = format_args!("the prompt has {marks}, {} {were} given", counted(given, what));
            return Err(Failure::usage(code, message));
        }
    }
    let (mut images, mut videos) = (images.into_iter(), videos.into_iter());
    let mut prompt = Prompt::new();
    if places == 0 {
        prompt = images.by_ref().fold(prompt, Prompt::image);
    }
    if clips == 0 {
        prompt = videos.by_ref().fold(prompt, Prompt::video);
    }
    for piece in pieces {
        prompt = match piece {
            Piece::Text(text) => prompt.text(text),
            Piece::Image => images.next().into_iter().fold(prompt, Prompt::image),
            Piece::Video => videos.next().into_iter().fold(prompt, Prompt::video),
        };
    }
    Ok(prompt)
}

/// A prompt as it can be typed: marks where pictures and videos go, and a backslash before texts like them.
/// Token ids, those of a chat template say, are the text that they spell.
pub fn written(prompt: &Prompt, tokenizer: &Tokenizer) -> Result<String, Failure> {
    let pieces = prompt.pieces();
    let is = |piece: &Seen, mark: &str| match piece {
        Seen::Image(_) => mark == IMAGE,
        Seen::Video(_) => mark == VIDEO,
        Seen::Text(_) => false,
    };
    let marks = [IMAGE, VIDEO].into_iter().filter(|mark| pieces.iter().any(|piece| is(piece, mark)));
    let marks: Vec<&str> = marks.collect();
    let mut out = String::new();
    let mut given = prompt.given().iter().peekable();
    for (at, piece) in pieces.iter().enumerate() {
        while let Some((_, ids)) = given.next_if(|(before, _)| *before <= at) {
            out.push_str(&escaped(&tokenizer.decode(ids, false).map_err(Error::from)?, &marks));
        }
        match piece {
            Seen::Text(text) => out.push_str(&escaped(text, &marks)),
            Seen::Image(_) | Seen::Video(_) => {
                // Those at the end of a text would be taken for the mark's.
                let slashes = out.len() - out.trim_end_matches('\\').len();
                out.push_str(&"\\".repeat(slashes));
                out.push_str(if is(piece, IMAGE) { IMAGE } else { VIDEO });
            }
        }
    }
    for (_, ids) in given {
        out.push_str(&escaped(&tokenizer.decode(ids, false).map_err(Error::from)?, &marks));
    }
    Ok(out)
}

/// A text that is read for marks and is to have none, what a model wrote.
pub fn unmarked(text: &str, images: bool, videos: bool) -> String {
    let marks: Vec<&str> =
        [(IMAGE, images), (VIDEO, videos)].into_iter().filter(|(_, read)| *read).map(|(mark, _)| mark).collect();
    escaped(text, &marks)
}

/// A text that [`cut`] gives back: backslashes before a mark are doubled, and the mark gets one of its own.
fn escaped(text: &str, marks: &[&str]) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((at, mark)) = marks.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        let slashes = rest[..at].len() - rest[..at].trim_end_matches('\\').len();
        out.push_str(&rest[..at]);
        out.push_str(&"\\".repeat(slashes + 1));
        out.push_str(mark);
        rest = &rest[at + mark.len()..];
    }
    out + rest
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Image,
    Video,
}

/// The text at its marks.
fn cut(text: &str, images: bool, videos: bool) -> Vec<Piece> {
    let marks = [(IMAGE, Piece::Image, images), (VIDEO, Piece::Video, videos)];
    let first = |rest: &str| {
        let found = marks.iter().filter(|(.., read)| *read).filter_map(|(mark, piece, _)| {
            let at = rest.find(mark)?;
            Some((at, *mark, piece.clone()))
        });
        found.min_by_key(|(at, ..)| *at)
    };
    let (mut pieces, mut words, mut rest) = (Vec::new(), String::new(), text);
    while let Some((at, mark, piece)) = first(rest) {
        let before = rest[..at].trim_end_matches('\\');
        let slashes = at - before.len();
        words.push_str(&rest[..at - slashes.div_ceil(2)]);
        if slashes % 2 == 1 {
            words.push_str(mark);
        } else {
            pieces.extend([Piece::Text(std::mem::take(&mut words)), piece]);
        }
        rest = &rest[at + mark.len()..];
    }
    words.push_str(rest);
    pieces.push(Piece::Text(words));
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ocelli_engine::image::ImageLimits;

    fn picture() -> Arc<Picture> {
        Arc::new(Picture::new(1, 1, vec![0; 3], &ImageLimits::default()).unwrap())
    }

    /// A picture is `#`, a video `%` and its frames, a border `|`.
    fn shape(text: &str, images: usize, videos: &[usize]) -> String {
        let video = |&n: &usize| Arc::new(Video::new(vec![picture(); n], &ImageLimits::default()).unwrap());
        match placed(text, vec![picture(); images], videos.iter().map(video).collect()) {
            Ok(prompt) => {
                let piece = |p: &Seen| match p {
                    Seen::Text(t) => t.clone(),
                    Seen::Image(_) => "#".to_owned(),
                    Seen::Video(video) => format!("%{}", video.frames().len()),
                };
                prompt.pieces().iter().map(piece).collect::<Vec<_>>().join("|")
            }
            Err(failure) => format!("{failure:?}"),
        }
    }

    #[test]
    fn marks_place_pictures() {
        assert_eq!(shape("what?", 2, &[]), "#|#|what?");
        assert_eq!(shape("<image>a<image>b", 2, &[]), "#|a|#|b");
        assert_eq!(shape("a <image>", 1, &[]), "a |#");
        assert_eq!(shape("", 0, &[]), "");
        assert!(shape("<image><image>", 1, &[]).contains("2 image markers, 1 image was given"));
        assert!(shape("<image>", 2, &[]).contains("1 image marker, 2 images were given"));
    }

    #[test]
    fn a_prompt_is_written_as_it_is_typed() {
        let tiny = ocelli_engine::parse(crate::bundled::bytes()).unwrap();
        let tokenizer = Tokenizer::from_gguf(&tiny).unwrap();
        let written = |prompt: &Prompt| written(prompt, &tokenizer).unwrap();
        for typed in
            ["<image>what?", "a <image>\\<image> b", "\\\\<image>", "\\\\\\<image> <image>", "C:\\x <image>", "<image>"]
        {
            let prompt = placed(typed, vec![picture()], Vec::new()).unwrap();
            assert_eq!(written(&prompt), typed);
        }
        let text = "what does <image> do? \\<video>";
        assert_eq!(written(&placed(text, Vec::new(), Vec::new()).unwrap()), text);
    }

    #[test]
    fn videos_have_marks_of_their_own() {
        assert_eq!(shape("what?", 1, &[3, 1]), "#|%3|%1|what?");
        assert_eq!(shape("<video>a<image>b<video>", 1, &[3, 1]), "%3|a|#|b|%1");
        assert_eq!(shape("<video><video>", 2, &[2, 3]), "#|#|%2|%3");
        assert_eq!(shape("a <image>", 1, &[2]), "%2|a |#");
        assert!(shape("<video>", 0, &[1, 1]).contains("1 video marker, 2 videos were given"));
    }

    #[test]
    fn without_pictures_a_mark_is_text() {
        assert_eq!(shape("what does <image> do?", 0, &[]), "what does <image> do?");
        assert_eq!(shape("<video> and \\<image>", 0, &[]), "<video> and \\<image>");
        assert_eq!(shape("<image> of <video>", 0, &[2]), "<image> of |%2");
        assert_eq!(shape("<image> of \\<video>", 1, &[]), "#| of \\<video>");
    }

    #[test]
    fn a_backslash_makes_a_mark_text() {
        assert_eq!(shape("what does \\<image> do?", 1, &[]), "#|what does <image> do?");
        assert_eq!(shape("<image> is no \\<image>", 1, &[]), "#| is no <image>");
        assert_eq!(shape("C:\\new\\\\x <image>\\", 1, &[]), "C:\\new\\\\x |#|\\");
        assert_eq!(shape("\\\\<image>", 1, &[]), "\\|#");
        assert_eq!(shape("\\\\\\<image>\\", 1, &[]), "#|\\<image>\\");
        assert_eq!(shape("<image>\\<video>", 1, &[2]), "%2|#|<video>");
    }
}
