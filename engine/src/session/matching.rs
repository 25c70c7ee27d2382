//! Pictures and texts compared: how well they go together, and the numbers that each is compared by.
//!
//! The non-obvious thing: a picture's tower runs once. What it left is kept with what the picture is compared by, and put
//! back where other pictures came between.

use super::events::{Event, Sink};
use super::pass::seeing;
use super::{Session, announce};
use crate::error::Error;
use crate::image::{Picture, content_hash, mixed};
use crate::kernels::Exec;
use crate::models::{Compares, Encoder};
use crate::tokenizer::EncodeOptions;
use std::sync::Arc;

/// Mixed into a picture's hash: what the tower made of it, and what it is compared by.
const TOWER: u128 = 1;
const COMPARED: u128 = 2;

/// How well a picture and a text go together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Which picture, from 0.
    pub image: usize,
    /// Which text, from 0.
    pub text: usize,
    /// The probability that they belong together, by looking at both at once.
    pub itm: f32,
    /// The logits of "no" and "yes" that `itm` is the softmax of.
    pub logits: [f32; 2],
    /// The greatest cosine of the text's row with a row of the picture, each made without the other.
    pub itc: f32,
}

/// What a picture or texts are compared by.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Numbers a row.
    pub width: usize,
    /// The rows, one behind the other: of a picture as many as it has queries, of texts one each.
    pub values: Vec<f32>,
}

impl Embedding {
    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// The greatest product of one of these rows with a row: the greatest cosine where all have length one.
    #[must_use]
    pub fn greatest(&self, row: &[f32]) -> f32 {
        let product = |own: &[f32]| own.iter().zip(row).map(|(a, b)| a * b).sum::<f32>();
        self.rows().map(product).fold(f32::NEG_INFINITY, f32::max)
    }

    /// Every row at length one.
    fn normed(mut self) -> Self {
        for row in self.values.chunks_exact_mut(self.width) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
            row.iter_mut().for_each(|x| *x /= length);
        }
        self
    }
}

/// Refuses numbers that nothing can be compared with.
pub(super) fn finite(values: &[f32], what: &'static str) -> Result<(), Error> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(Error::NotFinite { what }) }
}

impl Session {
    /// Every picture with every text, the texts of the first picture first. The sink is told of each picture.
    ///
    /// # Errors
    /// [`Error::NoMatching`] where the model does not compare pictures with texts, [`Error::ContextFull`] for a text that
    /// is too long, [`Error::NotFinite`], [`Error::Cancelled`], and what preparing a picture or the tokenizer refuses.
    pub fn match_texts(
        &mut self,
        pictures: &[Arc<Picture>],
        texts: &[&str],
        sink: &mut Sink<'_>,
    ) -> Result<Vec<Match>, Error> {
        let found = self.matches(pictures, texts, sink);
        self.done();
        found
    }

    /// What a picture is compared by: a row a query, of length one unless they are wanted `raw`, as the last layer made
    /// them.
    ///
    /// # Errors
    /// As [`Session::match_texts`].
    pub fn compared_image(&mut self, picture: &Picture, raw: bool) -> Result<Embedding, Error> {
        let rows = self.picture_rows(picture, &mut |_| std::ops::ControlFlow::Continue(()));
        self.done();
        rows.map(|rows| if raw { rows } else { rows.normed() })
    }

    /// What texts are compared by: a row each, as [`Session::compared_image`].
    ///
    /// # Errors
    /// As [`Session::match_texts`].
    pub fn compared_texts(&mut self, texts: &[&str], raw: bool) -> Result<Embedding, Error> {
        let rows = self.read_texts(texts).and_then(|ids| self.text_rows(&ids));
        self.done();
        rows.map(|rows| if raw { rows } else { rows.normed() })
    }

    fn matches(&mut self, pictures: &[Arc<Picture>], texts: &[&str], sink: &mut Sink<'_>) -> Result<Vec<Match>, Error> {
        let ids = self.read_texts(texts)?;
        let rows = self.text_rows(&ids)?.normed();
        let texts: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let mut found = Vec::with_capacity(pictures.len() * texts.len());
        let mut pairs = Vec::new();
        for (image, picture) in pictures.iter().enumerate() {
            announce(sink, Event::Image { index: image, count: pictures.len() })?;
            let seen = self.picture_rows(picture, sink)?.normed();
            self.look(picture, sink)?;
            let (mut exec, compares) = self.comparison()?;
            compares.pairs(&mut exec, &texts, &mut pairs)?;
            for (text, (&logits, row)) in pairs.iter().zip(rows.rows()).enumerate() {
                finite(&logits, "a match")?;
                // The softmax of two.
                let itm = 1.0 / (1.0 + (logits[0] - logits[1]).exp());
                found.push(Match { image, text, itm, logits, itc: seen.greatest(row) });
            }
        }
        Ok(found)
    }

    /// The ids of texts as the Q-Former reads them.
    fn read_texts(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, Error> {
        self.compares()?;
        let tokenizer = self.model.tokenizer();
        let read = |text: &&str| {
            let ids = tokenizer.encode(text, EncodeOptions::default())?;
            if ids.is_empty() {
                return Err(Error::BadOption {
                    name: "text",
                    got: "no token".to_owned(),
                    rule: "at least one token: this file's tokenizer puts none around texts",
                });
            }
            Ok(ids)
        };
        texts.iter().map(read).collect()
    }

    fn text_rows(&mut self, ids: &[Vec<u32>]) -> Result<Embedding, Error> {
        let width = self.compares()?;
        let texts: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let mut values = Vec::new();
        let (mut exec, compares) = self.comparison()?;
        compares.texts(&mut exec, &texts, &mut values)?;
        finite(&values, "a text")?;
        Ok(Embedding { width, values })
    }

    fn picture_rows(&mut self, picture: &Picture, sink: &mut Sink<'_>) -> Result<Embedding, Error> {
        let width = self.compares()?;
        let key = mixed(content_hash(picture), COMPARED);
        if let Some(rows) = self.images.find(key) {
            return Ok(Embedding { width, values: rows.to_vec() });
        }
        self.look(picture, sink)?;
        let mut values = Vec::new();
        let (mut exec, compares) = self.comparison()?;
        compares.picture(&mut exec, &mut values)?;
        finite(&values, "a picture")?;
        self.images.insert(key, values.as_slice().into());
        Ok(Embedding { width, values })
    }

    /// Puts what the tower makes of a picture where the comparison finds it.
    fn look(&mut self, picture: &Picture, sink: &mut Sink<'_>) -> Result<(), Error> {
        if self.recall(picture)? {
            return Ok(());
        }
        let told = &mut |done, total| sink(Event::Within { done, total });
        let (rows, _) = self.tower_rows(picture, told)?;
        self.images.insert(mixed(content_hash(picture), TOWER), rows.into());
        Ok(())
    }

    /// Puts back what the tower made of a picture, where that is kept; whether it is.
    pub(super) fn recall(&mut self, picture: &Picture) -> Result<bool, Error> {
        let Some(rows) = self.images.find(mixed(content_hash(picture), TOWER)) else { return Ok(false) };
        let views = self.views(picture)?;
        let (mut exec, encoder) = self.sight()?;
        exec.write(encoder.tower_rows(views), &rows)?;
        Ok(true)
    }

    /// Keeps what the tower has just made of a picture.
    pub(super) fn remember(&mut self, picture: &Picture) -> Result<(), Error> {
        let views = self.views(picture)?;
        let (mut exec, encoder) = self.sight()?;
        let tower = encoder.tower_rows(views);
        let mut rows = vec![0.0; tower.rows() * tower.width()];
        exec.read(tower, &mut rows)?;
        self.images.insert(mixed(content_hash(picture), TOWER), rows.into());
        Ok(())
    }

    /// The width of what is compared.
    fn compares(&self) -> Result<usize, Error> {
        self.model.compares().ok_or(Error::NoMatching)
    }

    fn comparison(&mut self) -> Result<(Exec<'_>, &dyn Compares), Error> {
        let compares = self.encoder.as_deref().and_then(Encoder::compares).ok_or(Error::NoMatching)?;
        let seat = self.seat.as_ref();
        Ok((seeing(&self.model, (&mut self.core, &mut self.lent, seat), &self.cancel)?, compares))
    }
}
