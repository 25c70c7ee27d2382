//! The Q-Former (Li et al. 2023, BLIP-2, section 3.1): a BERT whose learned query rows read a picture by
//! cross-attention in every n-th layer. Post-norm throughout: each sublayer's norm comes after its residual.
//!
//! A file may have its text branch: word and position embeddings, and feed-forward layers that text rows take instead of
//! the queries'. Queries and a text are one sequence in self-attention, each row of it seeing all others.
//!
//! The non-obvious thing: several texts pass through beside one picture at once, each with query rows of its own. All
//! query rows stand before all text rows, so that a feed-forward layer is one product for all of them; only for
//! self-attention are the rows of a text put behind its queries, and back again.

use super::attention::{Attention, AttentionRows, Shape, heads};
use super::vit::ids;
use crate::error::Error;
use crate::kernels::{Activation, Exec, Gathered, Layout, Product, Rows, Weights};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Table};

/// Hyper-parameters, from `ocelli.qformer.*`.
#[derive(Debug, Clone)]
pub struct QFormerConfig {
    /// Query rows.
    pub queries: usize,
    /// Width of the query rows.
    pub width: usize,
    /// Width of the image rows.
    pub image_width: usize,
    /// Heads, dividing the width.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Layers.
    pub blocks: usize,
    /// Layers `0, n, 2n, …` have cross-attention.
    pub cross_every: usize,
    /// Epsilon of all norms.
    pub eps: f32,
    /// Between the feed-forward layers.
    pub act: Activation,
    /// Of the text branch, where the file has one.
    pub text: Option<TextConfig>,
}

/// Sizes of the text branch.
#[derive(Debug, Clone, Copy)]
pub struct TextConfig {
    /// Rows of the word table.
    pub vocabulary: usize,
    /// Rows of the position table: the longest text.
    pub context: usize,
}

impl QFormerConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        let width = header.count("embedding_length", header::WIDTH)?;
        Ok(Self {
            queries: header.count("query_count", header::ROWS)?,
            width,
            image_width: header.count("encoder_length", header::WIDTH)?,
            heads: header.heads("attention.head_count", width)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            blocks: header.count("block_count", header::LAYERS)?,
            cross_every: header.count("cross_attention_frequency", header::LAYERS)?,
            eps: header.epsilon("attention.layer_norm_epsilon")?,
            act: header.activation("activation")?,
            text: TextConfig::read(header)?,
        })
    }

    /// The text branch of a family that cannot do without one.
    ///
    /// # Errors
    /// [`Error::BadParameter`] where the file has none.
    pub fn text(&self, header: &Header) -> Result<TextConfig, Error> {
        self.text.ok_or_else(|| header.bad(CONTEXT, "missing", "the model needs the Q-Former's text branch"))
    }
}

const CONTEXT: &str = "context_length";

impl TextConfig {
    fn read(header: &Header) -> Result<Option<Self>, Error> {
        if header.get(CONTEXT).is_none() {
            return Ok(None);
        }
        let context = header.count(CONTEXT, 1..=*header::ROWS.end())?;
        Ok(Some(Self { vocabulary: header.count("vocab_size", header::VOCABULARY)?, context }))
    }
}

/// A feed-forward layer with the norm after its residual.
struct Ffn {
    /// From the rows' width to that of the feed-forward layer.
    up: Linear,
    /// And back.
    down: Linear,
    norm: Norm,
}

/// Norms are as wide as the query rows; an attention has the one after its residual beside it.
struct Block {
    own: (Attention, Norm),
    /// To the rows of the picture.
    cross: Option<(Attention, Norm)>,
    /// Of query rows.
    ffn: Ffn,
    /// Of text rows, where there is a text branch.
    text: Option<Ffn>,
}

/// What text rows begin as.
struct Embeddings {
    config: TextConfig,
    words: Table,
    positions: Table,
}

/// A Q-Former with its weights.
pub struct QFormer {
    /// Its hyper-parameters.
    pub config: QFormerConfig,
    /// The learned rows.
    queries: Table,
    text: Option<Embeddings>,
    norm: Norm,
    blocks: Vec<Block>,
}

/// The activations of a Q-Former.
pub struct QFormerRows {
    x: Rows,
    /// Rows in the order of self-attention, where it is another than theirs; as many as `x` where texts pass through.
    ordered: Rows,
    /// To the rows themselves, or to the picture's.
    attention: AttentionRows,
    ffn: Rows,
}

/// Rows that pass through together: the queries of each text, then all texts.
struct Batch<'a> {
    x: Rows,
    /// Query rows of each text; 0 where texts are read by themselves.
    queries: usize,
    texts: &'a [&'a [u32]],
}

impl Batch<'_> {
    /// Sequences in self-attention.
    fn count(&self) -> usize {
        self.texts.len().max(1)
    }

    /// The rows of all queries.
    fn asking(&self) -> Rows {
        self.x.first(self.count() * self.queries)
    }

    /// The rows of all texts.
    fn text(&self) -> Rows {
        let before = self.count() * self.queries;
        self.x.slice(before, self.x.rows() - before)
    }

    /// How many rows each sequence has.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        (0..self.count()).map(|i| self.queries + self.texts.get(i).map_or(0, |text| text.len()))
    }

    /// For each row in the order of self-attention the row of `x` that it is; `None` where that is the order of `x`.
    fn order(&self) -> Option<Vec<u32>> {
        if self.count() == 1 || self.queries == 0 {
            return None;
        }
        let mut order = Vec::with_capacity(self.x.rows());
        let (mut query, mut text) = (0, self.count() * self.queries);
        for length in self.lengths() {
            order.extend(ids(query, self.queries));
            order.extend(ids(text, length - self.queries));
            query += self.queries;
            text += length - self.queries;
        }
        Some(order)
    }
}

/// The list that undoes another one.
fn back(order: &[u32]) -> Vec<u32> {
    let mut back = vec![0; order.len()];
    (0u32..).zip(order).for_each(|(to, &from)| back[from as usize] = to);
    back
}

impl QFormer {
    /// Fetches the query rows and every tensor under `qformer` from `mm`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: QFormerConfig) -> Result<Self, Error> {
        let (w, eps) = (config.width, config.eps);
        let inner = scope.at("qformer");
        let norm = |scope: &Scope, name: &str| scope.norm(name, NormKind::Layer, w, eps);
        let heads = heads(w, config.heads);
        let attention = |s: &Scope, name: &str, seen: usize| -> Result<_, Error> {
            let attention = Attention::load(s, &Shape { name, out: "out", heads, width: w, seen, norms: None })?;
            Ok((attention, norm(s, &format!("{name}_norm"))?))
        };
        let ffn = |s: &Scope, name: &str| -> Result<_, Error> {
            let up = s.linear(&format!("{name}_up"), w, config.ffn)?;
            let down = s.linear(&format!("{name}_down"), config.ffn, w)?;
            Ok(Ffn { up, down, norm: norm(s, &format!("{name}_norm"))? })
        };
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = inner.at(format_args!("blk.{i}"));
                let cross = i % config.cross_every == 0;
                Ok(Block {
                    own: attention(&s, "attn", w)?,
                    cross: cross.then(|| attention(&s, "cross", config.image_width)).transpose()?,
                    ffn: ffn(&s, "ffn")?,
                    text: config.text.map(|_| ffn(&s, "text_ffn")).transpose()?,
                })
            })
            .collect::<Result<_, Error>>()?;
        let text = config.text.map(|config| {
            let words = inner.table("token_embd", config.vocabulary, w)?;
            Ok::<_, Error>(Embeddings { config, words, positions: inner.table("position_embd", config.context, w)? })
        });
        let queries = scope.table("query_embd", config.queries, w)?;
        Ok(Self { queries, text: text.transpose()?, norm: norm(&inner, "norm")?, blocks, config })
    }

    /// The most rows that pass through together where texts do: the queries with the longest text, at least.
    #[must_use]
    pub fn rows(&self) -> usize {
        const TOGETHER: usize = 256;
        self.config.queries + self.config.text.map_or(0, |text| text.context.max(TOGETHER))
    }

    /// How many of the first of these texts pass through together beside a picture, or by themselves.
    #[must_use]
    pub fn together(&self, beside: bool, texts: &[&[u32]]) -> usize {
        let queries = if beside { self.config.queries } else { 0 };
        let mut rows = 0;
        let fits = |text: &&&[u32]| {
            rows += queries + text.len();
            rows <= self.rows()
        };
        texts.iter().take_while(fits).count().max(1)
    }

    /// Room for one picture of `image_rows` rows, and for texts where there is a text branch.
    pub fn layout(&self, layout: &mut Layout, image_rows: usize) -> QFormerRows {
        let c = &self.config;
        let (n, w) = (self.rows(), c.width);
        layout.input(n, w);
        layout.input(n, c.ffn);
        layout.input(image_rows, c.image_width);
        let x = layout.rows(n, w);
        let attention = AttentionRows::new(layout, heads(w, c.heads), n, n.max(image_rows));
        let ffn = layout.rows(n, c.ffn);
        let ordered = layout.rows(if c.text.is_some() { n } else { 0 }, w);
        QFormerRows { x, ordered, attention, ffn }
    }

    /// Reads a picture's rows, or texts, or texts beside the picture: where there is a picture each text has query rows of
    /// its own, and no text at all is one without rows. The result is the queries of the first text, of the second and so
    /// on, then the rows of the texts in order. There are as many texts as [`QFormer::together`] says, at most.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::ContextFull`] for a text that is too long and [`Error::BadOption`] for an id that the
    /// word table does not have, or where there is no text branch.
    pub fn encode(
        &self,
        exec: &mut Exec<'_>,
        rows: &QFormerRows,
        image: Option<Rows>,
        texts: &[&[u32]],
    ) -> Result<Rows, Error> {
        self.run(exec, rows, image, texts, None)
    }

    /// Reads a picture's rows and appends to `out` what a text that follows sees of the queries: of each layer the keys of
    /// all queries, then their values. They do not depend on the text, since queries do not look at it there.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn past(&self, exec: &mut Exec<'_>, rows: &QFormerRows, image: Rows, out: &mut Vec<f32>) -> Result<(), Error> {
        self.run(exec, rows, Some(image), &[], Some(out)).map(|_| ())
    }

    fn run(
        &self,
        exec: &mut Exec<'_>,
        rows: &QFormerRows,
        image: Option<Rows>,
        texts: &[&[u32]],
        mut seen: Option<&mut Vec<f32>>,
    ) -> Result<Rows, Error> {
        let QFormerRows { x, ordered, attention, ffn } = *rows;
        let c = &self.config;
        let queries = if image.is_some() { c.queries } else { 0 };
        for text in texts.iter().filter(|text| !text.is_empty()) {
            self.embeddings(text)?;
        }
        let count = texts.len().max(1) * queries + texts.iter().map(|text| text.len()).sum::<usize>();
        if count > x.rows() {
            return Err(Error::BeyondPlan { what: "rows of texts", got: count, planned: x.rows() });
        }
        let batch = Batch { x: x.first(count), queries, texts };
        self.begin(exec, &batch)?;
        let (x, asking, text) = (batch.x, batch.asking(), batch.text());
        let order = batch.order().map(|order| (back(&order), order));
        let to_own = attention.looking(0, count).seeing(count);
        for b in &self.blocks {
            let (own, norm) = &b.own;
            match &order {
                None => {
                    own.all(exec, x, None, to_own)?;
                    for rows in [to_own.k, to_own.v] {
                        if let Some(seen) = &mut seen {
                            let before = seen.len();
                            seen.resize(before + rows.rows() * rows.width(), 0.0);
                            exec.read(rows, &mut seen[before..])?;
                        }
                    }
                    self.attend(exec, own, to_own, &batch)?;
                    own.add(exec, to_own.mixed, x, 1.0)?;
                }
                Some((back, order)) => {
                    let ordered = ordered.first(count);
                    exec.gather_rows(x, order, Gathered::Beside, None, ordered)?;
                    own.all(exec, ordered, None, to_own)?;
                    self.attend(exec, own, to_own, &batch)?;
                    exec.gather_rows(to_own.mixed, back, Gathered::Beside, None, ordered)?;
                    own.add(exec, ordered, x, 1.0)?;
                }
            }
            exec.norm(norm, x, x, false)?;
            if let (Some((cross, norm)), Some(image)) = (&b.cross, image) {
                let to_image = attention.looking(0, asking.rows()).seeing(image.rows());
                cross.queries(exec, asking, None, to_image.q)?;
                cross.keys(exec, image, None, to_image.k, to_image.v)?;
                cross.attend(exec, to_image, asking)?;
                exec.norm(norm, asking, asking, false)?;
            }
            for (layer, x) in [(Some(&b.ffn), asking), (b.text.as_ref(), text)] {
                if let Some(layer) = layer.filter(|_| x.rows() > 0) {
                    let ffn = ffn.first(x.rows());
                    exec.matmul(x, None, &[Product::new(&layer.up, ffn).act(c.act)])?;
                    exec.matmul(ffn, None, &[Product::new(&layer.down, x).residual()])?;
                    exec.norm(&layer.norm, x, x, false)?;
                }
            }
        }
        Ok(x)
    }

    /// Every row of a sequence looks at every row of it.
    fn attend(
        &self,
        exec: &mut Exec<'_>,
        own: &Attention,
        rows: AttentionRows,
        batch: &Batch<'_>,
    ) -> Result<(), Error> {
        let mut at = 0;
        for length in batch.lengths() {
            own.find(exec, rows.part(at, length))?;
            at += length;
        }
        Ok(())
    }

    /// Queries and embedded texts, normed together.
    fn begin(&self, exec: &mut Exec<'_>, batch: &Batch<'_>) -> Result<(), Error> {
        let asking = batch.asking();
        if batch.queries > 0 {
            for i in 0..batch.count() {
                let to = asking.slice(i * batch.queries, batch.queries);
                exec.gather(&self.queries, &ids(0, batch.queries), Weights::All(1.0), to, false)?;
            }
        }
        let mut at = 0;
        for text in batch.texts.iter().filter(|text| !text.is_empty()) {
            let embeddings = self.embeddings(text)?;
            let to = batch.text().slice(at, text.len());
            exec.gather(&embeddings.words, text, Weights::All(1.0), to, false)?;
            exec.gather(&embeddings.positions, &ids(0, text.len()), Weights::All(1.0), to, true)?;
            at += text.len();
        }
        exec.norm(&self.norm, batch.x, batch.x, false)
    }

    /// The tables that have all a text needs.
    fn embeddings(&self, text: &[u32]) -> Result<&Embeddings, Error> {
        let none = || Error::BadOption {
            name: "text",
            got: format!("{} tokens", text.len()),
            rule: "this model's Q-Former reads no texts",
        };
        let embeddings = self.text.as_ref().ok_or_else(none)?;
        let TextConfig { vocabulary, context } = embeddings.config;
        if text.len() > context {
            return Err(Error::ContextFull { needed: text.len(), prompt: text.len(), new: 0, context });
        }
        match text.iter().find(|&&id| id as usize >= vocabulary) {
            Some(id) => Err(Error::BadOption {
                name: "token ids",
                got: id.to_string(),
                rule: "below the rows of the Q-Former's word table",
            }),
            None => Ok(embeddings),
        }
    }
}
