//! The decoder-only language model, driven by switches. Here are OPT's (Zhang et al. 2022): learned positions that
//! start at row 2 of their table, biases, a plain feed-forward layer, norms before each sublayer (or after it, as in
//! the 350M model), and an output head that is the embedding table unless the file has its own.

use super::cache::{Sequence, Slots};
use super::vit::{attention, ids};
use crate::error::Error;
use crate::kernels::{Activation, Cache, CacheShape, CacheType, Continuation, Exec, Heads, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Table};

/// Hyper-parameters, from `<architecture>.*`.
#[derive(Debug, Clone)]
pub struct DecoderConfig {
    /// Width of the residual stream.
    pub width: usize,
    /// Width of the embedding table; where it differs from `width`, a linear layer leads in and another out.
    pub embedding_width: usize,
    /// Layers.
    pub blocks: usize,
    /// Heads, dividing the width.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Positions the model was made for.
    pub context: usize,
    /// Rows of the embedding table.
    pub vocabulary: usize,
    /// Row of the position table that belongs to position 0.
    pub position_offset: usize,
    /// Epsilon of all norms.
    pub eps: f32,
    /// Norms before each sublayer; otherwise after its residual.
    pub norm_before: bool,
    /// Between the feed-forward layers.
    pub act: Activation,
}

impl DecoderConfig {
    /// The architectures `general.architecture` may name.
    pub const ARCHITECTURES: &[&str] = &["opt"];

    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        let width = header.count("embedding_length", header::WIDTH)?;
        Ok(Self {
            width,
            embedding_width: header.count_or("embedding_projection_length", header::WIDTH, width)?,
            blocks: header.count("block_count", header::LAYERS)?,
            heads: header.heads("attention.head_count", width)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            context: header.count("context_length", header::CONTEXT)?,
            vocabulary: header.count("vocab_size", header::VOCABULARY)?,
            position_offset: header.count_or("position_offset", 0..=1024, 0)?,
            eps: header.epsilon("attention.layer_norm_epsilon")?,
            norm_before: header.switch("norm_before", true)?,
            act: header.activation("activation")?,
        })
    }

    fn attention(&self) -> Heads {
        attention(self.width, self.heads)
    }
}

struct Block {
    attn_norm: Norm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    ffn_norm: Norm,
    up: Linear,
    down: Linear,
}

/// A language model with its weights.
pub struct Decoder {
    /// Its hyper-parameters.
    pub config: DecoderConfig,
    embedding: Table,
    /// From and to the embedding's width.
    projection: Option<(Linear, Linear)>,
    position: Table,
    blocks: Vec<Block>,
    norm: Option<Norm>,
    head: Linear,
}

/// The activations of a decoder, for a batch of at most as many rows as it was laid out for.
pub struct DecoderRows {
    /// The input: embeddings of tokens and rows of pictures, [`DecoderConfig::embedding_width`] wide.
    pub input: Rows,
    /// The hidden states; the input itself where the widths are equal.
    x: Rows,
    q: Rows,
    k: Rows,
    v: Rows,
    mixed: Rows,
    ffn: Rows,
    projected: Rows,
    logits: Rows,
}

/// Keys and values with their bookkeeping.
pub struct KvCache {
    /// The numbers.
    pub data: Cache,
    /// Who holds what.
    pub slots: Slots,
    taken: Vec<u32>,
}

impl KvCache {
    /// An empty cache.
    #[must_use]
    pub fn new(data: Cache, slots: usize) -> Self {
        Self { data, slots: Slots::new(slots), taken: Vec::new() }
    }
}

impl Decoder {
    /// Fetches every tensor.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: DecoderConfig) -> Result<Self, Error> {
        let (w, eps) = (config.width, config.eps);
        let norm = |scope: &Scope, name: &str| scope.norm(name, NormKind::Layer, w, eps);
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = scope.at(format_args!("blk.{i}"));
                Ok(Block {
                    attn_norm: norm(&s, "attn_norm")?,
                    q: s.linear("attn_q", w, w)?,
                    k: s.linear("attn_k", w, w)?,
                    v: s.linear("attn_v", w, w)?,
                    out: s.linear("attn_output", w, w)?,
                    ffn_norm: norm(&s, "ffn_norm")?,
                    up: s.linear("ffn_up", w, config.ffn)?,
                    down: s.linear("ffn_down", config.ffn, w)?,
                })
            })
            .collect::<Result<_, Error>>()?;
        let narrow = config.embedding_width;
        let embedding = scope.table("token_embd", config.vocabulary, narrow)?;
        let projection = if narrow == w {
            None
        } else {
            Some((scope.linear("token_embd_in", narrow, w)?, scope.linear("output_proj", w, narrow)?))
        };
        let head = if scope.has("output.weight") {
            scope.linear("output", narrow, config.vocabulary)?
        } else {
            Linear::tied(&embedding)
        };
        Ok(Self {
            position: scope.table("position_embd", config.context + config.position_offset, w)?,
            norm: if scope.has("output_norm.weight") { Some(norm(scope, "output_norm")?) } else { None },
            embedding,
            projection,
            blocks,
            head,
            config,
        })
    }

    /// The number format of the weights, for what is best stored beside them.
    #[must_use]
    pub fn weight_type(&self) -> ocelli_quant::TensorType {
        self.blocks.first().map_or(self.embedding.ty(), |b| b.q.weight.ty())
    }

    /// The shape of a cache with `slots` positions.
    #[must_use]
    pub fn cache_shape(&self, slots: usize, ty: CacheType) -> CacheShape {
        let heads = self.config.attention();
        CacheShape { layers: self.config.blocks, heads: heads.kv, head_width: heads.width, slots, ty }
    }

    /// Room for batches of `batch` rows, and for logits of `logits` of them.
    pub fn layout(&self, layout: &mut Layout, batch: usize, logits: usize) -> DecoderRows {
        let (w, c) = (self.config.width, &self.config);
        layout.input(batch, w.max(c.ffn).max(c.embedding_width));
        let x = layout.rows(batch, w);
        let input = if self.projection.is_some() { layout.rows(batch, c.embedding_width) } else { x };
        let mark = layout.mark();
        let mut part = || layout.rows(batch, w);
        let (q, k, v, mixed) = (part(), part(), part(), part());
        layout.rewind(mark); // attention and feed-forward never live at once
        let ffn = layout.rows(batch, c.ffn);
        layout.rewind(mark);
        let projected = layout.rows(logits, c.embedding_width);
        let logits = layout.rows(logits, c.vocabulary);
        layout.rewind(mark);
        DecoderRows { input, x, q, k, v, mixed, ffn, projected, logits }
    }

    /// Puts the embeddings of `ids` into rows of `rows.input`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn embed(&self, exec: &mut Exec<'_>, ids: &[u32], to: Rows) -> Result<(), Error> {
        exec.gather(&self.embedding, ids, to, false)
    }

    /// Runs the first rows of `rows.input`, which continue the sequences: `counts[i]` rows for `sequences[i]`, whose
    /// positions this appends. The hidden states replace the input.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::ContextFull`].
    pub fn forward(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        cache: &mut KvCache,
        sequences: &mut [Sequence],
        counts: &[usize],
    ) -> Result<(), Error> {
        let c = &self.config;
        let total = counts.iter().sum();
        let part = |r: Rows| r.first(total);
        let (x, q, k, v) = (part(rows.x), part(rows.q), part(rows.k), part(rows.v));
        let (mixed, ffn) = (part(rows.mixed), part(rows.ffn));
        let mut positions = Vec::with_capacity(total);
        cache.taken.clear();
        for (sequence, &count) in sequences.iter_mut().zip(counts) {
            if sequence.len() + count > c.context {
                return Err(Error::ContextFull {
                    needed: sequence.len() + count,
                    prompt: sequence.len(),
                    new: count,
                    context: c.context,
                });
            }
            positions.extend(ids(sequence.len() + c.position_offset, count));
            cache.slots.extend(sequence, count, &mut cache.taken)?;
        }
        let continuations: Vec<_> = sequences
            .iter()
            .zip(counts)
            .map(|(s, &rows)| Continuation { rows, past: s.len() - rows, spans: s.spans() })
            .collect();
        let heads = c.attention();
        if let Some((lead_in, _)) = &self.projection {
            exec.matmul(rows.input.first(total), None, &[Product::new(lead_in, x)])?;
        }
        exec.gather(&self.position, &positions, x, true)?;
        for (layer, b) in self.blocks.iter().enumerate() {
            let (before, after) = if c.norm_before { (Some(&b.attn_norm), None) } else { (None, Some(&b.attn_norm)) };
            let qkv = [Product::new(&b.q, q), Product::new(&b.k, k), Product::new(&b.v, v)];
            exec.matmul(x, before, &qkv)?;
            exec.store(&mut cache.data, layer, k, v, &cache.taken)?;
            exec.attend_cache(heads, &cache.data, layer, q, &continuations, mixed)?;
            exec.matmul(mixed, None, &[Product::new(&b.out, x).residual()])?;
            if let Some(norm) = after {
                exec.norm(norm, x, x)?;
            }
            let (before, after) = if c.norm_before { (Some(&b.ffn_norm), None) } else { (None, Some(&b.ffn_norm)) };
            exec.matmul(x, before, &[Product::new(&b.up, ffn).act(c.act)])?;
            exec.matmul(ffn, None, &[Product::new(&b.down, x).residual()])?;
            if let Some(norm) = after {
                exec.norm(norm, x, x)?;
            }
        }
        Ok(())
    }

    /// Logits of row `row` and the `count - 1` after it of the last [`Decoder::forward`]: `count` times the vocabulary.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn logits(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        row: usize,
        count: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let (x, logits) = (rows.x.slice(row, count), rows.logits.first(count));
        match &self.projection {
            None => exec.matmul(x, self.norm.as_ref(), &[Product::new(&self.head, logits)])?,
            Some((_, lead_out)) => {
                let projected = rows.projected.first(count);
                exec.matmul(x, self.norm.as_ref(), &[Product::new(lead_out, projected)])?;
                exec.matmul(projected, None, &[Product::new(&self.head, logits)])?;
            }
        }
        out.resize(count * self.config.vocabulary, 0.0);
        exec.read(logits, out)
    }
}
