//! The decoder-only language model, driven by switches: OPT (Zhang et al. 2022) with learned positions and biases, LLaMA
//! (Touvron et al. 2023) with RMS norms, RoPE, shared key/value heads and a gated feed-forward layer, Gemma 3 (2025) with
//! more norms and layers that see a window, Gemma 2 (2024) whose scores are capped, Qwen 2 and 3 (2024, 2025) with biases
//! or norms of heads, Phi 3 (2024) whose long sequences are turned otherwise, MPT (MosaicML 2023) whose scores fall with the
//! distance of keys, GPT-NeoX (Black et al. 2022) with two sublayers side by side, and Magneto (Wang et al. 2022), that of
//! KOSMOS-1 and -2, with norms within its sublayers and positions as sines or by xPos (Sun et al. 2022).
//!
//! A pass at token time is five runs of the pool a layer: queries, keys and values; attention; its output; the
//! feed-forward layer up; and down. What lies between them is done in place by the caller, and nothing is allocated.

mod architectures;
mod block;
mod config;
mod deep;
mod positions;
mod source;

pub use config::{DecoderConfig, Names, Position, QueryNorm};

pub use source::{Encoder, SourceCache, SourceConfig, SourceRows};

use super::cache::{Sequence, Slots, Taken};
use super::gated::{Gated, GatedRows, MediaCache};
use crate::error::Error;
use crate::kernels::{Cache, CacheShape, CacheType, Continuation, Exec, Layout, NO_ROW, Product, Rows, Sight, Weights};
use crate::weights::{Linear, Norm, Scope, Table};
use block::{Block, Past, Step};
use ocelli_quant::gguf::keys;
use positions::Turns;

/// Most sequences that run side by side: the beams that a file may ask for.
pub const SEQUENCES: usize = keys::BEAMS as usize;

/// One row for each of some sequences.
///
/// # Errors
/// [`Error::BadOption`] for more than [`SEQUENCES`].
pub fn one_each(sequences: usize) -> Result<&'static [usize], Error> {
    const ONES: [usize; SEQUENCES] = [1; SEQUENCES];
    let got = || sequences.to_string();
    ONES.get(..sequences).ok_or_else(|| Error::BadOption { name: "sequences", got: got(), rule: "at most 64 together" })
}

/// A language model with its weights.
pub struct Decoder {
    /// Its hyper-parameters.
    pub config: DecoderConfig,
    /// A row for each id, as wide as the embedding.
    embedding: Table,
    /// From and to the embedding's width.
    projection: Option<(Linear, Linear)>,
    /// A row for each position, as wide as the residual stream.
    position: Option<Table>,
    /// Of what rows begin as, position included.
    begin_norm: Option<Norm>,
    /// Radians a position of the sines that are added to what rows begin as.
    waves: Vec<f32>,
    turns: Turns,
    blocks: Vec<Block>,
    /// Features of pictures that are added behind its first layers, one behind each.
    pub deep: usize,
    /// What reads the prompt, where that is not the decoder itself.
    pub encoder: Option<Encoder>,
    /// As wide as the residual stream.
    norm: Option<Norm>,
    /// Ahead of the head, with the activation of the feed-forward layers behind it and the norm behind that.
    transform: Option<Linear>,
    /// From the embedding's width to a logit for each id.
    head: Linear,
}

/// What a batch meets beside the decoder's own layers.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Layers between them.
    pub between: Option<&'a Gated>,
    /// Which of its rows have features; none is no row.
    pub deep: &'a [bool],
}

/// The activations of a decoder, for a batch of at most as many rows as it was laid out for.
pub struct DecoderRows {
    /// The input: embeddings of tokens and rows of pictures, [`DecoderConfig::embedding_width`] wide.
    pub input: Rows,
    /// Features of pictures, those of a number for all rows of a batch one behind the other.
    deep: Rows,
    batch: usize,
    /// The hidden states; the input itself where the widths are equal.
    x: Rows,
    /// The result of a sublayer that is normed before it is added.
    result: Rows,
    /// Cosines and sines of the rows' positions, by [`Turns::frequencies`].
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
    /// Of the encoder, where there is one.
    pub source: Option<SourceRows>,
}

/// Keys and values with their bookkeeping.
pub struct KvCache {
    /// The numbers.
    pub data: Cache,
    /// Who holds what.
    pub slots: Slots,
    /// What the gated layers attend to.
    pub media: Option<MediaCache>,
    /// What every layer attends to beside its own past, where there is an encoder.
    pub source: Option<SourceCache>,
    taken: Taken,
    /// Positions of the rows of a batch, three a row where there are so many axes.
    positions: Vec<u32>,
}

impl KvCache {
    /// An empty cache.
    #[must_use]
    pub fn new(data: Cache, slots: usize, media: Option<MediaCache>, source: Option<SourceCache>) -> Self {
        Self { data, slots: Slots::new(slots), media, source, taken: Taken::default(), positions: Vec::new() }
    }

    /// All that positions are and that a saved one must have; `None` where they depend on more than these numbers, as they
    /// do on media and on a source. A field that is added is either no part of that or belongs here.
    #[must_use]
    pub fn numbers(&self) -> Option<&Cache> {
        let Self { data, media, source, slots: _, taken: _, positions: _ } = self;
        (media.is_none() && source.is_none()).then_some(data)
    }
}

impl Decoder {
    /// Fetches every tensor.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: DecoderConfig) -> Result<Self, Error> {
        let (c, w) = (&config, config.width);
        // Beside an encoder the decoder's own tensors have a scope of their own.
        let own = if c.source.is_some() { &scope.at("dec") } else { scope };
        let encoder = c.source.as_ref().map(|source| Encoder::load(&scope.at("enc"), c, source)).transpose()?;
        let blocks = (0..c.blocks).map(|i| Block::load(&own.at(format_args!("blk.{i}")), c, i));
        let blocks = blocks.collect::<Result<_, Error>>()?;
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
            Linear { bias: scope.optional("output.bias", config.vocabulary)?, ..Linear::tied(&embedding) }
        };
        let transform = "output_transform";
        let transform =
            scope.has(&format!("{transform}.weight")).then(|| scope.linear(transform, w, narrow)).transpose()?;
        let (position, turns) = match c.position {
            Position::Learned { offset } => {
                (Some(scope.table("position_embd", c.context - c.ahead + offset, w)?), Turns::default())
            }
            Position::Rotary(rope) => (None, Turns::load(scope, rope, c.local.contains(&true))?),
            Position::XPos { rope, span } => (None, Turns::grown(rope, span, c.context)),
            Position::Waves { .. } | Position::Alibi { .. } | Position::Buckets(_) => (None, Turns::default()),
        };
        let waves = if let Position::Waves { .. } = c.position { positions::waves(w) } else { Vec::new() };
        let normed = encoder.is_some() || own.has("output_norm.weight");
        let norm = normed.then(|| own.norm("output_norm", c.norm, w, c.eps)).transpose()?;
        let begin_norm = c.names.begin_norm.map(|name| scope.norm(name, c.norm, w, c.eps)).transpose()?;
        Ok(Self {
            position,
            begin_norm,
            waves,
            turns,
            norm,
            embedding,
            projection,
            blocks,
            encoder,
            transform,
            head,
            config,
            deep: 0,
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
        let projection = self.projection.as_ref().map_or(0, |(lead_in, lead_out)| all(lead_in) + all(lead_out));
        let tables = bytes(&self.embedding, 1) + self.position.as_ref().map_or(0, |table| bytes(table, 1));
        let layers: u64 = self.blocks.iter().flat_map(Block::layers).map(all).sum();
        layers + projection + self.transform.as_ref().map_or(0, all) + all(&self.head) + tables
    }

    /// Bytes of keys and values that a row with `past` positions before it reads: layers with a window read no more than
    /// that, and those that attend to a source, which is taken to be as long, read its as well.
    #[must_use]
    pub fn past_bytes(&self, past: usize, ty: CacheType) -> u64 {
        let c = &self.config;
        let seen = |layer: usize| if c.is_local(layer) { past.min(c.window) } else { past };
        let positions: usize = (0..c.blocks).map(seen).sum();
        let positions = positions + if c.source.is_some() { past * c.blocks } else { 0 };
        (positions * 2 * c.kv_heads * ty.row_bytes(c.head_width)) as u64
    }

    /// The shape of a cache with `slots` positions.
    #[must_use]
    pub fn cache_shape(&self, slots: usize, ty: CacheType) -> CacheShape {
        let c = &self.config;
        CacheShape { layers: c.blocks, heads: c.kv_heads, head_width: c.head_width, slots, ty }
    }

    /// Room for batches of `batch` rows, for logits of `logits` of them, for the layers between its own, and for a source
    /// of `source` rows where there is an encoder.
    pub fn layout(
        &self,
        layout: &mut Layout,
        batch: usize,
        logits: usize,
        between: Option<&Gated>,
        source: usize,
    ) -> DecoderRows {
        let start = layout.mark();
        let source = self.encoder.as_ref().map(|encoder| encoder.layout(layout, source));
        layout.rewind(start); // a source is read before the decoder begins
        let (w, c) = (self.config.width, &self.config);
        let (queries, keys) = (c.heads * c.head_width, c.kv_heads * c.head_width);
        layout.input(batch, w.max(c.ffn).max(c.embedding_width).max(queries));
        layout.heads(batch, c.head_width);
        let x = layout.rows(batch, w);
        let input = if self.projection.is_some() { layout.rows(batch, c.embedding_width) } else { x };
        let deep = layout.rows(batch * self.deep, w);
        let result = layout.rows(batch, if c.norm_result { w } else { 0 });
        let angles = self.turns.frequencies.each_ref().map(|f| layout.rows(batch, 2 * f.len()));
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
        DecoderRows { input, deep, batch, x, result, angles, q, k, v, mixed, ffn, projected, logits, gated, source }
    }

    /// Puts the embeddings of `ids` into rows of `rows.input`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn embed(&self, exec: &mut Exec<'_>, ids: &[u32], to: Rows) -> Result<(), Error> {
        exec.gather(&self.embedding, ids, Weights::All(self.config.embedding_scale), to, false)
    }

    /// Puts rows of a picture into rows of `rows.input`, where they take the place of embeddings.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn place(&self, exec: &mut Exec<'_>, data: &[f32], to: Rows) -> Result<(), Error> {
        match self.config.picture_scale {
            1.0 => exec.write(to, data),
            scale => exec.write(to, &data.iter().map(|x| x * scale).collect::<Vec<f32>>()),
        }
    }

    /// Runs the first rows of `rows.input`, which continue the sequences: `counts[i]` rows for `sequences[i]`, whose
    /// positions this appends. The hidden states replace the input. Layers between its own go before those that they name, and
    /// rows that `beside` marks have their features added.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::ContextFull`], and [`Error::BadOption`] for more sequences than [`SEQUENCES`].
    pub fn forward(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        cache: &mut KvCache,
        sequences: &mut [Sequence],
        counts: &[usize],
        beside: Beside<'_>,
    ) -> Result<(), Error> {
        one_each(sequences.len())?;
        let rows = rows.first(counts.iter().sum());
        self.extend(cache, sequences, counts)?;
        self.begin(exec, &rows, &cache.positions, sequences.iter().zip(counts))?;
        let KvCache { data, media, source, taken, .. } = cache;
        if !taken.copies.is_empty() {
            exec.copy(data, &taken.copies)?;
        }
        let mut one_each = [Continuation { rows: 0, past: 0, sight: Sight::Causal, spans: &[] }; SEQUENCES];
        for (continuation, (s, &rows)) in one_each.iter_mut().zip(sequences.iter().zip(counts)) {
            *continuation = Continuation { rows, past: s.len() - rows, sight: Sight::Causal, spans: s.spans() };
        }
        let several = runs(sequences, counts);
        let continuations = several.as_deref().unwrap_or(&one_each[..sequences.len()]);
        let past = Past { data, slots: &taken.slots, continuations, source: source.as_ref() };
        let mut step = Step { bias: self.config.bias(), past: Some(past) };
        for (layer, block) in self.blocks.iter().enumerate() {
            exec.layer(layer, self.blocks.len())?;
            if let (Some(gated), Some(own)) = (beside.between, &rows.gated)
                && let Some(index) = gated.before(layer)
            {
                gated.forward(exec, index, own, media.as_ref(), sequences, counts, rows.x)?;
            }
            step.bias = source::bias(&self.blocks, layer, self.config.bias());
            block.forward(exec, &self.config, layer, &rows, &mut step)?;
            self.deepen(exec, layer, &rows, beside.deep)?;
        }
        Ok(())
    }

    /// Appends positions whose keys and values are known: those of each layer behind one another, all keys before all values.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn remember(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        cache: &mut KvCache,
        sequence: &mut Sequence,
        known: &[f32],
    ) -> Result<(), Error> {
        let c = &self.config;
        let width = c.kv_heads * c.head_width;
        let count = known.len() / (2 * c.blocks * width);
        self.extend(cache, std::slice::from_mut(sequence), &[count])?;
        let KvCache { data, taken, .. } = cache;
        if !taken.copies.is_empty() {
            exec.copy(data, &taken.copies)?;
        }
        for (layer, both) in known.chunks_exact(2 * count * width).enumerate() {
            let (keys, values) = both.split_at(count * width);
            let parts = keys.chunks(rows.k.rows() * width).zip(values.chunks(rows.k.rows() * width));
            for ((keys, values), slots) in parts.zip(taken.slots.chunks(rows.k.rows())) {
                let (k, v) = (rows.k.first(slots.len()), rows.v.first(slots.len()));
                exec.write(k, keys)?;
                exec.write(v, values)?;
                exec.store(data, layer, k, v, slots)?;
            }
        }
        Ok(())
    }

    /// Appends to each sequence its rows' positions, which the cache then has in a list with their slots.
    fn extend(&self, cache: &mut KvCache, sequences: &mut [Sequence], counts: &[usize]) -> Result<(), Error> {
        let c = &self.config;
        let KvCache { slots, taken, positions, .. } = cache;
        taken.clear();
        positions.clear();
        let offset = match c.position {
            Position::Learned { offset } | Position::Waves { offset } => offset,
            _ => 0,
        };
        let axes = if self.turns.axes.is_empty() { 1 } else { 3 };
        for (sequence, &count) in sequences.iter_mut().zip(counts) {
            let prompt = sequence.len();
            if prompt + count > c.context {
                return Err(Error::ContextFull { needed: prompt + count, prompt, new: count, context: c.context });
            }
            for row in prompt..prompt + count {
                let stands = |p: usize| u32::try_from(p.saturating_sub(c.ahead) + offset).unwrap_or(u32::MAX);
                let left_out = sequence.is_left_out(row);
                let place = sequence.position(row).map(|p| if left_out { NO_ROW } else { stands(p) });
                positions.extend(&place[..axes]);
            }
            slots.extend(sequence, count, taken)?;
        }
        Ok(())
    }

    /// From the input to the hidden states before the first layer, and the angles of all rows.
    fn begin<'s>(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        positions: &[u32],
        counts: impl Iterator<Item = (&'s Sequence, &'s usize)>,
    ) -> Result<(), Error> {
        if let Some((lead_in, _)) = &self.projection {
            exec.matmul(rows.input, None, &[Product::new(lead_in, rows.x)])?;
        }
        if let Some(table) = &self.position {
            exec.gather(table, positions, Weights::All(1.0), rows.x, true)?;
        }
        if !self.waves.is_empty() {
            exec.waves(&self.waves, positions, rows.x)?;
        }
        if let Some(norm) = &self.begin_norm {
            exec.norm(norm, rows.x, rows.x, false)?;
        }
        self.turns.angles(exec, rows.angles, positions, counts)
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
        let projected = rows.projected.first(count);
        match (&self.projection, &self.transform) {
            (_, Some(transform)) => {
                exec.matmul(x, None, &[Product::new(transform, projected).act(self.config.act)])?;
                exec.matmul(projected, self.norm.as_ref(), &[Product::new(&self.head, logits)])?;
            }
            (None, None) => exec.matmul(x, self.norm.as_ref(), &[Product::new(&self.head, logits)])?,
            (Some((_, lead_out)), None) => {
                exec.matmul(x, self.norm.as_ref(), &[Product::new(lead_out, projected)])?;
                exec.matmul(projected, None, &[Product::new(&self.head, logits)])?;
            }
        }
        out.resize(count * self.config.vocabulary, 0.0);
        exec.read(logits, out)?;
        if self.config.logit_scale != 1.0 {
            out.iter_mut().for_each(|l| *l *= self.config.logit_scale);
        }
        if let Some(cap) = self.config.logit_cap {
            out.iter_mut().for_each(|l| *l = cap * (*l / cap).tanh());
        }
        Ok(())
    }
}

/// What the rows of sequences see, run by run, where some of them see one another; `None` where none do, as at token time.
fn runs<'a>(sequences: &'a [Sequence], counts: &[usize]) -> Option<Vec<Continuation<'a>>> {
    let sights = |s: &'a Sequence, rows: usize| s.sights(s.len() - rows);
    let mut pairs = sequences.iter().zip(counts);
    if !pairs.any(|(s, &rows)| sights(s, rows).any(|(_, together)| together)) {
        return None;
    }
    let mut continuations = Vec::new();
    for (s, &count) in sequences.iter().zip(counts) {
        let mut past = s.len() - count;
        for (rows, together) in sights(s, count) {
            let sight = if together { Sight::Together } else { Sight::Causal };
            continuations.push(Continuation { rows, past, sight, spans: s.spans() });
            past += rows;
        }
    }
    Some(continuations)
}

impl DecoderRows {
    /// Those of the first `count` rows of a batch.
    fn first(&self, count: usize) -> Self {
        let part = |rows: Rows| rows.first(count);
        Self {
            input: part(self.input),
            x: part(self.x),
            result: part(self.result),
            angles: self.angles.map(part),
            q: part(self.q),
            k: part(self.k),
            v: part(self.v),
            mixed: part(self.mixed),
            ffn: part(self.ffn),
            ..*self
        }
    }
}
