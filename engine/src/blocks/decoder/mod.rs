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
mod batch;
mod block;
mod config;
mod convolutions;
mod deep;
mod positions;
mod source;

pub use batch::{Batch, Output};
pub use config::{DecoderConfig, Names, Position, QueryNorm};
pub use convolutions::Convolutions;

pub use source::{Encoder, SourceConfig, SourceRows};

use super::cache::{Sequence, Slots};
use super::gated::{Gated, GatedRows, MediaSlots};
use crate::error::Error;
use crate::kernels::{Cache, CacheType, Device, Exec, Gathered, Layout, NO_ROW, Product, Rows, Span, Weights};
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
    /// Gates and input of a convolution.
    bcx: [Rows; 3],
    mixed: Rows,
    ffn: Rows,
    /// Hidden states of rows whose logits are wanted, where these do not lie one behind the other.
    picked: Rows,
    projected: Rows,
    logits: Rows,
    /// Of the gated layers, where there are such.
    pub gated: Option<GatedRows>,
    /// Of the encoder, where there is one.
    pub source: Option<SourceRows>,
}

/// Keys and values, of all who share them.
pub struct KvCache {
    /// Of the sequences' own positions.
    pub data: Cache,
    /// What the gated layers attend to.
    pub media: Option<Cache>,
    /// What every layer attends to beside its own past, where there is an encoder.
    pub source: Option<Cache>,
}

/// Which part of the keys and values is one caller's, and what he has there.
pub struct Held {
    /// Who of his sequences holds what.
    pub slots: Slots,
    /// The media that are there.
    pub media: Option<MediaSlots>,
    /// The source that is there: its first slot, and as many as it has rows.
    pub source: Option<Span>,
}

impl Held {
    /// Whether a position is its own keys and values alone, so that it can be saved; not where it depends on more, as on
    /// media and on a source. A field that is added is either no part of that or belongs here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let Self { media, source, slots: _ } = self;
        media.is_none() && source.is_none()
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
        let end = c.names.end_norm;
        let normed = encoder.is_some() || c.convolutions.is_some() || own.has(&format!("{end}.weight"));
        let norm = normed.then(|| own.norm(end, c.norm, w, c.eps)).transpose()?;
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

    /// Rows of a batch, at most, for which each is the very bits it would be as the only one.
    #[must_use]
    pub fn alike(&self, device: &dyn Device) -> usize {
        let beside = self.projection.iter().flat_map(|(lead_in, lead_out)| [lead_in, lead_out]);
        let layers =
            self.blocks.iter().flat_map(Block::layers).chain(beside).chain(&self.transform).chain([&self.head]);
        layers.map(|linear| device.alike(linear.weight.ty())).min().unwrap_or(1)
    }

    /// Bytes of keys and values that a row with `past` positions before it reads: layers with a window read no more than
    /// that, and those that attend to a source, which is taken to be as long, read its as well.
    #[must_use]
    pub fn past_bytes(&self, past: usize, ty: CacheType) -> u64 {
        let c = &self.config;
        let seen = |layer: usize| if c.is_local(layer) { past.min(c.window) } else { past };
        let positions: usize = (0..c.blocks).filter(|&layer| c.attends(layer)).map(seen).sum();
        let positions = positions + if c.source.is_some() { past * c.blocks } else { 0 };
        (positions * 2 * c.kv_heads * ty.row_bytes(c.head_width)) as u64
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
        let end = layout.mark();
        layout.rewind(mark); // a layer attends or convolves
        let bcx = [(); 3].map(|()| layout.rows(batch, c.convolutions.as_ref().map_or(0, |_| w)));
        layout.rewind(end);
        if !c.parallel {
            layout.rewind(mark); // attention and feed-forward never live at once
        }
        let ffn = layout.rows(batch, c.ffn);
        layout.rewind(mark);
        let picked = layout.rows(logits, w);
        let projected = layout.rows(logits, c.embedding_width);
        let logits = layout.rows(logits, c.vocabulary);
        layout.rewind(mark);
        DecoderRows {
            input,
            deep,
            batch,
            x,
            result,
            angles,
            q,
            k,
            v,
            bcx,
            mixed,
            ffn,
            picked,
            projected,
            logits,
            gated,
            source,
        }
    }

    /// Runs a batch. The hidden states replace the input. Layers `between` its own go before those that they name.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn forward(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        cache: &mut KvCache,
        batch: &Batch,
        between: Option<&Gated>,
    ) -> Result<(), Error> {
        let rows = rows.first(batch.rows());
        self.begin(exec, &rows, batch)?;
        let KvCache { data, media, source } = cache;
        if !batch.copies().is_empty() {
            exec.copy(data, batch.copies())?;
        }
        let deep = batch.deep(self.deep);
        let past = Past { data, batch, source: source.as_ref() };
        let mut step = Step { bias: self.config.bias(), past: Some(past) };
        for (layer, block) in self.blocks.iter().enumerate() {
            exec.layer(layer, self.blocks.len())?;
            if let (Some(gated), Some(own)) = (between, &rows.gated)
                && let Some(index) = gated.before(layer)
            {
                gated.forward(exec, index, own, media.as_ref().zip(batch.looks()), rows.x)?;
            }
            step.bias = source::bias(&self.blocks, layer, self.config.bias());
            block.forward(exec, &self.config, layer, &rows, &mut step)?;
            self.deepen(exec, layer, &rows, &deep)?;
        }
        Ok(())
    }

    /// Appends positions whose keys and values are known: those of each layer behind one another, all keys before all values.
    ///
    /// # Errors
    /// As [`Decoder::forward`] and [`Decoder::tell`].
    pub fn remember(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        (cache, held): (&mut KvCache, &mut Held),
        sequence: &mut Sequence,
        known: &[f32],
    ) -> Result<(), Error> {
        let c = &self.config;
        let width = c.kv_heads * c.head_width;
        let count = known.len() / (2 * c.blocks * width);
        let mut batch = Batch::default();
        self.extend(&mut held.slots, sequence, count, &mut batch)?;
        let data = &mut cache.data;
        if !batch.copies().is_empty() {
            exec.copy(data, batch.copies())?;
        }
        for (layer, both) in known.chunks_exact(2 * count * width).enumerate() {
            let (keys, values) = both.split_at(count * width);
            let parts = keys.chunks(rows.k.rows() * width).zip(values.chunks(rows.k.rows() * width));
            for ((keys, values), slots) in parts.zip(batch.slots().chunks(rows.k.rows())) {
                let (k, v) = (rows.k.first(slots.len()), rows.v.first(slots.len()));
                exec.write(k, keys)?;
                exec.write(v, values)?;
                exec.store(data, layer, k, v, slots)?;
            }
        }
        Ok(())
    }

    /// Appends `counts[i]` positions to `sequences[i]`, and tells a batch of as many rows, which has none but these, what they
    /// continue. What layers `between` look at is told where there are such.
    ///
    /// # Errors
    /// [`Error::ContextFull`].
    pub fn tell(
        &self,
        held: &mut Held,
        sequences: &mut [Sequence],
        counts: &[usize],
        between: Option<&Gated>,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        for (sequence, &count) in sequences.iter_mut().zip(counts) {
            self.extend(&mut held.slots, sequence, count, batch)?;
            batch.continues(sequence, count, held.media.as_ref().filter(|_| between.is_some()));
        }
        if let Some(source) = held.source {
            batch.reads(batch.rows(), source);
        }
        Ok(())
    }

    /// Appends positions to a sequence, and to a batch where they stand and which slots they have.
    fn extend(&self, slots: &mut Slots, sequence: &mut Sequence, count: usize, batch: &mut Batch) -> Result<(), Error> {
        let c = &self.config;
        let offset = match c.position {
            Position::Learned { offset } | Position::Waves { offset } => offset,
            _ => 0,
        };
        let axes = if self.turns.axes.is_empty() { 1 } else { 3 };
        let prompt = sequence.len();
        if prompt + count > c.context {
            return Err(Error::ContextFull { needed: prompt + count, prompt, new: count, context: c.context });
        }
        for row in prompt..prompt + count {
            let stands = |p: usize| u32::try_from(p.saturating_sub(c.ahead) + offset).unwrap_or(u32::MAX);
            let left_out = sequence.is_left_out(row);
            let place = sequence.position(row).map(|p| if left_out { NO_ROW } else { stands(p) });
            batch.positions.extend(&place[..axes]);
        }
        slots.extend(sequence, count, &mut batch.taken)
    }

    /// From the input to the hidden states before the first layer, and the angles of all rows.
    fn begin(&self, exec: &mut Exec<'_>, rows: &DecoderRows, batch: &Batch) -> Result<(), Error> {
        self.place(exec, batch, rows.input, Some(rows))?;
        let positions = &batch.positions[..];
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
        self.turns.angles(exec, rows.angles, positions, &batch.turns)
    }

    /// Logits of some rows of the last [`Decoder::forward`], as many times the vocabulary; as many rows as this was laid out for,
    /// at most.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn logits(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        outputs: &[Output],
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let (count, first) = (outputs.len(), outputs.first().map_or(0, |output| output.row));
        let logits = rows.logits.first(count);
        let x = if (first..).zip(outputs).all(|(row, output)| row == output.row) {
            rows.x.slice(first as usize, count)
        } else {
            let index: Vec<u32> = outputs.iter().map(|output| output.row).collect();
            exec.gather_rows(rows.x, &index, Gathered::Beside, None, rows.picked.first(count))?;
            rows.picked.first(count)
        };
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

impl DecoderRows {
    /// Rows whose logits are computed together, at most.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.logits.rows()
    }

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
            bcx: self.bcx.map(part),
            mixed: part(self.mixed),
            ffn: part(self.ffn),
            ..*self
        }
    }
}
