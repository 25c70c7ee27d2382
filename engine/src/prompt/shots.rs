//! Few-shot prompts: demonstrations before a query, in the wording that the file's family was trained on (Flamingo, Alayrac
//! et al. 2022, section 3.3 and appendix A.2).
//!
//! The non-obvious thing: a demonstration without its picture is how Flamingo is asked with "zero" shots: two texts show the
//! form of an answer and nothing of the task. The wording loses its `<image>` for them and is otherwise the same. Only
//! the wording has that mark: what is said is text, `<image>` included.

use super::Prompt;
use crate::error::Error;
use crate::image::Picture;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

const TEXT: &str = "ocelli.shots.text";
const QUESTION: &str = "ocelli.shots.question";
const SEPARATOR: &str = "ocelli.shots.separator";
/// The picture's place in a wording.
const IMAGE: &str = "<image>";

/// What is said of a picture; of the query, how far it is said already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A caption or any other text.
    Text(String),
    /// A question and its answer.
    Answer {
        /// The question.
        question: String,
        /// The answer.
        answer: String,
    },
}

/// A demonstration or, unfinished, the query.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The picture; without one the text stands alone.
    pub picture: Option<Arc<Picture>>,
    /// What is said of it.
    pub told: Told,
}

/// A file's wordings of demonstrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShotFormat {
    text: Option<Wording>,
    question: Option<Wording>,
    separator: String,
}

impl ShotFormat {
    /// What the file says; a file of a family without wordings has none, and the prompt is refused.
    ///
    /// # Errors
    /// [`Error::BadParameter`] for a wording without a place for what is said.
    pub fn from_gguf(file: &Gguf) -> Result<Self, Error> {
        let read = |key: &str, question: bool| -> Result<Option<Wording>, Error> {
            let Some(text) = file.str(key)? else { return Ok(None) };
            Wording::parse(text, question).map(Some).map_err(|rule| Error::BadParameter {
                key: key.to_owned(),
                got: format!("{text:?}"),
                rule,
            })
        };
        let separator = file.str(SEPARATOR)?.unwrap_or_default().to_owned();
        Ok(Self { text: read(TEXT, false)?, question: read(QUESTION, true)?, separator })
    }

    /// Whether the file words anything.
    #[must_use]
    pub fn words_any(&self) -> bool {
        self.text.is_some() || self.question.is_some()
    }

    /// Demonstrations in order, then the query as far as it is said.
    ///
    /// # Errors
    /// [`Error::NoShotFormat`] where the file has no wording for what is given.
    pub fn prompt(&self, shots: &[Shot], query: &Shot) -> Result<Prompt, Error> {
        let mut prompt = Prompt::new();
        for shot in shots {
            prompt = self.behind(prompt, shot, true)?;
        }
        self.behind(prompt, query, false)
    }

    /// A prompt with one demonstration more behind it, or with the query, as far as it is said.
    ///
    /// # Errors
    /// As [`ShotFormat::prompt`].
    pub fn behind(&self, prompt: Prompt, shot: &Shot, demonstrates: bool) -> Result<Prompt, Error> {
        let mut writer = Writer { prompt, text: String::new() };
        self.write(shot, demonstrates, &mut writer)?;
        if demonstrates {
            writer.text.push_str(&self.separator);
        }
        Ok(writer.finish())
    }

    fn write(&self, shot: &Shot, whole: bool, to: &mut Writer) -> Result<(), Error> {
        let (wording, key, question, said) = match &shot.told {
            Told::Text(text) => (&self.text, TEXT, "", text),
            Told::Answer { question, answer } => (&self.question, QUESTION, question.as_str(), answer),
        };
        let wording = wording.as_ref().ok_or(Error::NoShotFormat { key })?;
        for part in &wording.before {
            match part {
                Part::Image => to.image(shot.picture.as_ref()),
                Part::Question => to.text.push_str(question),
                Part::Words(words) => to.text.push_str(words),
            }
        }
        if !whole && said.is_empty() {
            // The blank belongs to the first word of the answer.
            to.text.truncate(to.text.trim_end_matches(' ').len());
        }
        to.text.push_str(said);
        if whole {
            to.text.push_str(&wording.after);
        }
        Ok(())
    }
}

/// A wording cut at its places.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wording {
    before: Vec<Part>,
    /// What follows the text or the answer.
    after: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Image,
    Question,
    Words(String),
}

impl Wording {
    fn parse(text: &str, question: bool) -> Result<Self, String> {
        let place = if question { "{answer}" } else { "{text}" };
        let cut = text.split_once(place).filter(|(_, after)| !after.contains(place));
        let (before, after) = cut.ok_or_else(|| format!("must have one {place}"))?;
        if after.contains(IMAGE) || before.matches(IMAGE).count() != 1 {
            return Err(format!("must have one {IMAGE}, before {place}"));
        }
        if question && (after.contains("{question}") || before.matches("{question}").count() != 1) {
            return Err("must have one {question}, before {answer}".to_owned());
        }
        let mut parts = Vec::new();
        for (at, words) in before.split(IMAGE).enumerate() {
            if at > 0 {
                parts.push(Part::Image);
            }
            match words.split_once("{question}").filter(|_| question) {
                Some((left, right)) => {
                    parts.extend([Part::Words(left.to_owned()), Part::Question, Part::Words(right.to_owned())]);
                }
                None => parts.push(Part::Words(words.to_owned())),
            }
        }
        Ok(Self { before: parts, after: after.to_owned() })
    }
}

/// Joins what stands between two pictures to one text: families treat pieces of text as turns.
struct Writer {
    prompt: Prompt,
    text: String,
}

impl Writer {
    fn image(&mut self, picture: Option<&Arc<Picture>>) {
        if let Some(picture) = picture {
            let prompt = std::mem::take(&mut self.prompt).text_behind(&std::mem::take(&mut self.text));
            self.prompt = prompt.image(Arc::clone(picture));
        }
    }

    fn finish(self) -> Prompt {
        self.prompt.text_behind(&self.text)
    }
}

/// The `count` pictures most like the query by [`crate::Session::image_features`], as places in `all`, the most similar
/// last: next to the query, where a demonstration weighs most (RICES, Yang et al. 2022, as Flamingo orders it). Of equally
/// similar ones the earlier comes first.
#[must_use]
pub fn most_similar(query: &[f32], all: &[Vec<f32>], count: usize) -> Vec<usize> {
    let dot = |other: &[f32]| query.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let similar: Vec<f64> = all.iter().map(|features| dot(features)).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| similar[a].total_cmp(&similar[b]));
    order.split_off(order.len().saturating_sub(count))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::image::ImageLimits;
    use crate::prompt::Piece;

    fn format(text: &str, question: &str, separator: &str) -> ShotFormat {
        ShotFormat {
            text: Some(Wording::parse(text, false).unwrap()),
            question: Some(Wording::parse(question, true).unwrap()),
            separator: separator.to_owned(),
        }
    }

    fn shot(picture: bool, told: Told) -> Shot {
        let picture = picture.then(|| Arc::new(Picture::new(1, 1, vec![0; 3], &ImageLimits::default()).unwrap()));
        Shot { picture, told }
    }

    fn text(picture: bool, text: &str) -> Shot {
        shot(picture, Told::Text(text.to_owned()))
    }

    fn answer(picture: bool, question: &str, answer: &str) -> Shot {
        shot(picture, Told::Answer { question: question.to_owned(), answer: answer.to_owned() })
    }

    fn shape(prompt: &Prompt) -> String {
        let piece = |p: &Piece| match p {
            Piece::Text(t) => t.clone(),
            Piece::Image(_) | Piece::Video(_) => "#".to_owned(),
        };
        prompt.pieces().iter().map(piece).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn demonstrations_come_before_the_query_in_the_files_wording() {
        let open = format("<image>Output:{text}<end>", "<image>Question:{question} Short answer:{answer}<end>", "\n");
        let shots = [text(true, "a dog"), text(true, "a cat")];
        let captions = open.prompt(&shots, &text(true, "")).unwrap();
        assert_eq!(shape(&captions), "#|Output:a dog<end>\n|#|Output:a cat<end>\n|#|Output:");
        let asked = open.prompt(&[answer(true, "who?", "Ada")], &answer(true, "where?", "")).unwrap();
        assert_eq!(shape(&asked), "#|Question:who? Short answer:Ada<end>\n|#|Question:where? Short answer:");
    }

    #[test]
    fn a_query_may_be_begun_and_ends_without_a_blank() {
        let plain = format("<image>{text}", "<image>Question: {question} Answer: {answer}", "");
        let named = plain.prompt(&[text(true, "This is a dax.")], &text(true, "This is a")).unwrap();
        assert_eq!(shape(&named), "#|This is a dax.|#|This is a");
        let asked = |said| shape(&plain.prompt(&[], &answer(true, "why?", said)).unwrap());
        assert_eq!(asked(""), "#|Question: why? Answer:");
        assert_eq!(asked("it"), "#|Question: why? Answer: it");
    }

    #[test]
    fn texts_without_pictures_are_one_piece() {
        let open = format("<image>Output:{text}<end>", "<image>{question} {answer}", "\n");
        let zero = open.prompt(&[text(false, "a"), text(false, "b")], &text(true, "")).unwrap();
        assert_eq!(shape(&zero), "Output:a<end>\nOutput:b<end>\n|#|Output:");
    }

    #[test]
    fn wordings_without_their_places_are_refused() {
        for bad in ["{text}", "<image>", "<image>{text}{text}", "<image><image>{text}", "{text}<image>"] {
            assert!(Wording::parse(bad, false).is_err(), "{bad}");
        }
        for bad in ["<image>{answer}", "<image>{answer}{question}", "<image>{question}{question}{answer}"] {
            assert!(Wording::parse(bad, true).is_err(), "{bad}");
        }
        let plain = format("<image>{text}", "<image>{question}{answer}", "");
        let none = ShotFormat { question: None, ..plain };
        assert!(matches!(none.prompt(&[], &answer(true, "", "")), Err(Error::NoShotFormat { key: QUESTION })));
    }

    #[test]
    fn what_is_said_is_text() {
        let open = format("<image>Output:{text}<end>", "<image>{question} {answer}", "");
        let tags = open.prompt(&[text(true, "a <image> tag")], &text(true, "{text} <image>")).unwrap();
        assert_eq!(shape(&tags), "#|Output:a <image> tag<end>|#|Output:{text} <image>");
        let asked = open.prompt(&[], &answer(true, "{answer}<image>?", "")).unwrap();
        assert_eq!(shape(&asked), "#|{answer}<image>?");
    }

    #[test]
    fn the_most_similar_comes_last() {
        let all = [vec![0.0, 1.0], vec![1.0, 0.0], vec![0.6, 0.8], vec![0.6, 0.8]];
        assert_eq!(most_similar(&[1.0, 0.0], &all, 3), [2, 3, 1]);
        assert_eq!(most_similar(&[1.0, 0.0], &all, 9), [0, 2, 3, 1]);
        assert!(most_similar(&[1.0, 0.0], &[], 2).is_empty());
    }
}
