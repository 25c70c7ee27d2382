//! The decoder-only language model, driven by switches: OPT (Zhang et al. 2022) with learned positions and biases, LLaMA
//! (Touvron et al. 2023) with RMS norms, RoPE, shared key/value heads and a gated feed-forward layer, Gemma 3 (2025) with
//! more norms and layers that see a window, MPT (MosaicML 2023) whose scores fall with the distance of keys, and GPT-NeoX
//! (Black et al. 2022) with two sublayers side by side.
//!
//! A pass at token time is five runs of the pool a layer: queries, keys and values; attention; its output; the
//! feed-forward layer up; and down. What lies between them is done in place by the caller, and nothing is allocated.

mod config;

pub use config::{DecoderConfig, Position, QueryNorm};

use super::cache::{Sequence, Slots};
use super::gated::{Gated, GatedRows, MediaCache};
use crate::error::Error;
use crate::kernels::{Cache, CacheShape, CacheType, Continuation, Exec, HeadRows, Layout, Product, Rows};
use crate::weights::{Linear, Norm, Scope, Table};

/// Most sequences that run side by side.
pub const SEQUENCES: usize = 64;

struct Block {
    attn_norm: Norm,
    q: Linear,
    k: Linear,
    v: Linear,
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    out: Linear,
    attn_result: Option<Norm>,
    ffn_norm: Norm,
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
    ffn_result: Option<Norm>,
}

/// A language model with its weights.
pub struct Decoder {
    /// Its hyper-parameters.
    pub config: DecoderConfig,
    embedding: Table,
    /// From and to the embedding's width.
    projection: Option<(Linear, Linear)>,
    position: Option<Table>,
    /// RoPE's frequencies, of layers that see everything and of those with a window.
    frequencies: [Vec<f32>; 2],
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
    /// The result of a sublayer that is normed before it is added.
    result: Rows,
    /// Cosines and sines of the rows' positions, by [`Decoder::frequencies`].
    angles: [Rows; 2],
    q: Rows,
    k: Rows,
    v: Rows,
    mixed: Rows,
    ffn: Rows,
    projected: Rows,
    logits: Rows,
    /// Of the gated layers, where there are such.
    pub gated: Option<GatedRows>,
}

/// Keys and values with their bookkeeping.
pub struct KvCache {
    /// The numbers.
    pub data: Cache,
    /// Who holds what.
    pub slots: Slots,
    /// What the gated layers attend to.
    pub media: Option<MediaCache>,
    taken: Vec<u32>,
    /// Positions of the rows of a batch.
    positions: Vec<u32>,
}

impl KvCache {
    /// An empty cache.
    #[must_use]
    pub fn new(data: Cache, slots: usize, media: Option<MediaCache>) -> Self {
        Self { data, slots: Slots::new(slots), media, taken: Vec::new(), positions: Vec::new() }
    }

    /// All that positions are and that a saved one must have; `None` where they depend on more than these numbers, as they
    /// do on media. A field that is added is either no part of that or belongs here.
    #[must_use]
    pub fn numbers(&self) -> Option<&Cache> {
        let Self { data, media, slots: _, taken: _, positions: _ } = self;
        media.is_none().then_some(data)
    }
}

impl Decoder {
    /// Fetches every tensor.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: DecoderConfig) -> Result<Self, Error> {
        let c = &config;
        let (w, queries, keys) = (c.width, c.heads * c.head_width, c.kv_heads * c.head_width);
        let normed = |scope: &Scope, name: &str, width: usize| scope.norm(name, c.norm, width, c.eps);
        let norm = |scope: &Scope, name: &str| normed(scope, name, w);
        let blocks = (0..c.blocks)
            .map(|i| {
                let s = scope.at(format_args!("blk.{i}"));
                let query_norm = |name, row| match c.norm_queries {
                    QueryNorm::None => Ok(None),
                    QueryNorm::Heads => normed(&s, name, c.head_width).map(Some),
                    QueryNorm::Rows => normed(&s, name, row).map(Some),
                };
                let result_norm = |name| c.norm_result.then(|| norm(&s, name)).transpose();
                let [q, k, v] = if s.has("attn_qkv.weight") {
                    s.fused("attn_qkv", w, [queries, keys, keys])?
                } else {
                    [s.linear("attn_q", w, queries)?, s.linear("attn_k", w, keys)?, s.linear("attn_v", w, keys)?]
                };
                Ok(Block {
                    attn_norm: norm(&s, "attn_norm")?,
                    q,
                    k,
                    v,
                    q_norm: query_norm("attn_q_norm", queries)?,
                    k_norm: query_norm("attn_k_norm", keys)?,
                    out: s.linear("attn_output", queries, w)?,
                    attn_result: result_norm("post_attention_norm")?,
                    ffn_norm: norm(&s, "ffn_norm")?,
                    gate: c.gated.then(|| s.linear("ffn_gate", w, c.ffn)).transpose()?,
                    up: s.linear("ffn_up", w, c.ffn)?,
                    down: s.linear("ffn_down", c.ffn, w)?,
                    ffn_result: result_norm("post_ffw_norm")?,
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
        let (position, frequencies) = match c.position {
            Position::Learned { offset } => {
                (Some(scope.table("position_embd", c.context + offset, w)?), Default::default())
            }
            Position::Rotary(rope) => {
                let factors = match scope.has("rope_freqs.weight") {
                    true => Some(scope.vector("rope_freqs.weight", rope.width / 2)?),
                    false => None,
                };
                let local = if c.local.contains(&true) { rope.local() } else { Vec::new() };
                (None, [rope.global(factors.as_ref().map(|f| f.get())), local])
            }
            Position::Alibi { .. } => (None, Default::default()),
        };
        Ok(Self {
            position,
            frequencies,
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

    /// Bytes of weights that one row reads on its way to its logits: every matrix, and a row of each table.
    #[must_use]
    pub fn row_bytes(&self) -> u64 {
        let bytes = |table: &Table, rows: usize| table.rows(0, rows).len() as u64;
        let all = |linear: &Linear| bytes(&linear.weight, linear.outputs());
        let block = |b: &Block| {
            let gate = b.gate.as_ref().map_or(0, all);
            [&b.q, &b.k, &b.v, &b.out, &b.up, &b.down].map(all).iter().sum::<u64>() + gate
        };
        let projection = self.projection.as_ref().map_or(0, |(lead_in, lead_out)| all(lead_in) + all(lead_out));
        let tables = bytes(&self.embedding, 1) + self.position.as_ref().map_or(0, |table| bytes(table, 1));
        self.blocks.iter().map(block).sum::<u64>() + projection + all(&self.head) + tables
    }

    /// Bytes of keys and values that a row with `past` positions before it reads: layers with a window read no more than
    /// that.
    #[must_use]
    pub fn past_bytes(&self, past: usize, ty: CacheType) -> u64 {
        let c = &self.config;
        let seen = |layer: usize| if c.is_local(layer) { past.min(c.window) } else { past };
        let positions: usize = (0..c.blocks).map(seen).sum();
        (positions * 2 * c.kv_heads * ty.row_bytes(c.head_width)) as u64
    }

    /// The shape of a cache with `slots` positions.
    #[must_use]
    pub fn cache_shape(&self, slots: usize, ty: CacheType) -> CacheShape {
        let c = &self.config;
        CacheShape { layers: c.blocks, heads: c.kv_heads, head_width: c.head_width, slots, ty }
    }

    /// Room for batches of `batch` rows, for logits of `logits` of them, and for the layers between its own.
    pub fn layout(&self, layout: &mut Layout, batch: usize, logits: usize, between: Option<&Gated>) -> DecoderRows {
        let (w, c) = (self.config.width, &self.config);
        let (queries, keys) = (c.heads * c.head_width, c.kv_heads * c.head_width);
        layout.input(batch, w.max(c.ffn).max(c.embedding_width).max(queries));
        layout.heads(batch, c.head_width);
        let x = layout.rows(batch, w);
        let input = if self.projection.is_some() { layout.rows(batch, c.embedding_width) } else { x };
        let result = layout.rows(batch, if c.norm_result { w } else { 0 });
        let angles = self.frequencies.each_ref().map(|f| layout.rows(batch, 2 * f.len()));
        let mark = layout.mark();
        let gated = between.map(|gated| gated.layout(layout, batch, w));
        layout.rewind(mark); // gated layers take turns with the others
        let (q, mixed) = (layout.rows(batch, queries), layout.rows(batch, queries));
        let (k, v) = (layout.rows(batch, keys), layout.rows(batch, keys));
        if !c.parallel {
            layout.rewind(mark); // attention and feed-forward never live at once
        }
        let ffn = layout.rows(batch, c.ffn);
        layout.rewind(mark);
        let projected = layout.rows(logits, c.embedding_width);
        let logits = layout.rows(logits, c.vocabulary);
        layout.rewind(mark);
        DecoderRows { input, x, result, angles, q, k, v, mixed, ffn, projected, logits, gated }
    }

    /// Puts the embeddings of `ids` into rows of `rows.input`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn embed(&self, exec: &mut Exec<'_>, ids: &[u32], to: Rows) -> Result<(), Error> {
        exec.gather(&self.embedding, ids, self.config.embedding_scale, to, false)
    }

    /// Runs the first rows of `rows.input`, which continue the sequences: `counts[i]` rows for `sequences[i]`, whose
    /// positions this appends. The hidden states replace the input. Layers of `between` go before those of its own that
    /// they name.
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
        between: Option<&Gated>,
    ) -> Result<(), Error> {
        let c = &self.config;
        let total = counts.iter().sum();
        let part = |r: Rows| r.first(total);
        let (x, q, k, v) = (part(rows.x), part(rows.q), part(rows.k), part(rows.v));
        let (mixed, ffn, result) = (part(rows.mixed), part(rows.ffn), part(rows.result));
        let angles = rows.angles.map(part);
        let KvCache { data, slots, media, taken, positions } = cache;
        taken.clear();
        positions.clear();
        let offset = if let Position::Learned { offset } = c.position { offset } else { 0 };
        for (sequence, &count) in sequences.iter_mut().zip(counts) {
            if sequence.len() + count > c.context {
                return Err(Error::ContextFull {
                    needed: sequence.len() + count,
                    prompt: sequence.len(),
                    new: count,
                    context: c.context,
                });
            }
            let first = sequence.len() + offset;
            positions.extend((first..first + count).map(|p| u32::try_from(p).unwrap_or(u32::MAX)));
            slots.extend(sequence, count, taken)?;
        }
        let mut continuations = [Continuation { rows: 0, past: 0, causal: true, spans: &[] }; SEQUENCES];
        for (continuation, (s, &rows)) in continuations.iter_mut().zip(sequences.iter().zip(counts)) {
            *continuation = Continuation { rows, past: s.len() - rows, causal: true, spans: s.spans() };
        }
        let continuations = &continuations[..sequences.len()];
        if let Some((lead_in, _)) = &self.projection {
            exec.matmul(rows.input.first(total), None, &[Product::new(lead_in, x)])?;
        }
        if let Some(table) = &self.position {
            exec.gather(table, positions, 1.0, x, true)?;
        }
        for (frequencies, angles) in self.frequencies.iter().zip(angles).filter(|(f, _)| !f.is_empty()) {
            exec.angles(frequencies, positions, angles)?;
        }
        for (layer, b) in self.blocks.iter().enumerate() {
            if let (Some(gated), Some(rows)) = (between, &rows.gated)
                && let Some(index) = gated.before(layer)
            {
                gated.forward(exec, index, rows, media.as_ref(), sequences, counts, x)?;
            }
            let (before, after) = if c.norm_before { (Some(&b.attn_norm), None) } else { (None, Some(&b.attn_norm)) };
            let qkv = [Product::new(&b.q, q), Product::new(&b.k, k), Product::new(&b.v, v)];
            exec.matmul(x, before, &qkv)?;
            if let (QueryNorm::Rows, Some(q_norm), Some(k_norm)) = (c.norm_queries, &b.q_norm, &b.k_norm) {
                exec.norm(q_norm, q, q, false)?;
                exec.norm(k_norm, k, k, false)?;
            }
            if let Position::Rotary(rope) = c.position {
                let heads =
                    [HeadRows { rows: q, norm: b.q_norm.as_ref() }, HeadRows { rows: k, norm: b.k_norm.as_ref() }];
                exec.rotate(&heads, c.head_width, angles[usize::from(c.is_local(layer))], rope.pairs)?;
            }
            exec.store(data, layer, k, v, taken)?;
            exec.attend_cache(c.attention(layer), c.bias(), data, layer, q, continuations, mixed)?;
            let up = Product::new(&b.up, ffn);
            let up = b.gate.as_ref().map_or(up.act(c.act), |gate| up.gated(gate, c.act));
            if c.parallel {
                exec.matmul(x, Some(&b.ffn_norm), &[up])?;
            }
            add(exec, &b.out, mixed, b.attn_result.as_ref(), result, x)?;
            if let Some(norm) = after {
                exec.norm(norm, x, x, false)?;
            }
            let (before, after) = if c.norm_before { (Some(&b.ffn_norm), None) } else { (None, Some(&b.ffn_norm)) };
            if !c.parallel {
                exec.matmul(x, before, &[up])?;
            }
            add(exec, &b.down, ffn, b.ffn_result.as_ref(), result, x)?;
            if let Some(norm) = after {
                exec.norm(norm, x, x, false)?;
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
        exec.read(logits, out)?;
        if let Some(cap) = self.config.logit_cap {
            out.iter_mut().for_each(|l| *l = cap * (*l / cap).tanh());
        }
        Ok(())
    }
}

/// `x += W from`, or `x += norm(W from)`, by way of `result`.
fn add(
    exec: &mut Exec<'_>,
    linear: &Linear,
    from: Rows,
    norm: Option<&Norm>,
    result: Rows,
    x: Rows,
) -> Result<(), Error> {
    let Some(norm) = norm else { return exec.matmul(from, None, &[Product::new(linear, x).residual()]) };
    exec.matmul(from, None, &[Product::new(linear, result)])?;
    exec.norm(norm, result, x, true)
}
