//! The encoder of an encoder-decoder (Vaswani et al. 2017; T5, Raffel et al. 2020): a stack of the decoder's own blocks in
//! which every row of a source sees every other, and the keys and values that the decoder's layers make of what it leaves.
//!
//! The non-obvious thing: a source is read whole, since its first row sees its last. So it has room for as many rows as the
//! context, no batches, and what was made of it serves the very same source only.

use super::block::{Block, Step};
use super::config::float;
use super::{Decoder, DecoderConfig, DecoderRows, Held, KvCache, Position};
use crate::blocks::vit::ids;
use crate::error::Error;
use crate::kernels::bias::Buckets;
use crate::kernels::{Activation, Bias, CacheShape, CacheType, Exec, Layout, Rows};
use crate::weights::header::Header;
use crate::weights::{Norm, Scope};

/// What an encoder has otherwise than the decoder that attends to it, from the keys of the same architecture.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Layers of the encoder.
    pub blocks: usize,
    /// Which distances share a number there.
    pub buckets: Buckets,
    /// The token that the decoder's text begins with.
    pub start: u32,
}

impl SourceConfig {
    /// Reads and checks the keys, of an encoder of `blocks` layers; how the decoder's own positions enter.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub(super) fn read(header: &Header, blocks: usize, vocabulary: usize) -> Result<(Self, Position), Error> {
        const COUNT: &str = "attention.relative_buckets_count";
        const START: &str = "decoder_start_token_id";
        let count = header.count(COUNT, 1..=usize::MAX)?;
        let reach = header.count_or("attention.relative_max_distance", 1..=usize::MAX, 128)?;
        let buckets = |two_sided| {
            let got = || format!("{count} with a furthest distance of {reach}");
            Buckets::new(count, reach, two_sided).map_err(|rule| header.bad(COUNT, got(), rule))
        };
        let start = header.count(START, 0..=vocabulary - 1)?;
        let start = u32::try_from(start).map_err(|_| header.bad(START, start, "must fit 32 bits"))?;
        Ok((Self { blocks, buckets: buckets(true)?, start }, Position::Buckets(buckets(false)?)))
    }
}

/// Refuses what the blocks of an encoder-decoder do not compute, although other decoders' do.
pub(super) fn refuse(c: &DecoderConfig, header: &Header) -> Result<(), Error> {
    let all = |name, got: usize, wanted: usize| {
        let rule = format!("must be {wanted} in an encoder-decoder");
        if got == wanted { Ok(()) } else { Err(header.bad(name, got, rule)) }
    };
    all("attention.head_count_kv", c.kv_heads, c.heads)?;
    all("attention.sliding_window", c.window, 0)?;
    all("embedding_projection_length", c.embedding_width, c.width)?;
    if c.norm_before { Ok(()) } else { Err(header.bad("norm_before", false, "must be true in an encoder-decoder")) }
}

/// What logits are multiplied with unless the file says so: 1/√width where the embedding is the head, as in the first T5.
pub(super) fn logit_scale(header: &Header, width: usize) -> f32 {
    if header.file().tensor("output.weight").is_some() { 1.0 } else { 1.0 / float(width).sqrt() }
}

/// Whether the feed-forward layers have gates: in both stacks or in none.
pub(super) fn has_gates(header: &Header) -> bool {
    ["enc", "dec"].iter().any(|stack| header.file().tensor(&format!("{stack}.blk.0.ffn_gate.weight")).is_some())
}

/// The activation unless the file says so: files of llama.cpp say by their gates alone which of the two it is.
pub(super) fn activation(gated: bool) -> Activation {
    if gated { Activation::GeluTanh } else { Activation::Relu }
}

/// An encoder with its weights.
pub struct Encoder {
    /// Its hyper-parameters: those of the decoder, with its own layers and buckets.
    config: DecoderConfig,
    blocks: Vec<Block>,
    /// As wide as the residual stream.
    norm: Norm,
}

/// The activations of an encoder, for a source of at most as many rows as they were laid out for.
#[derive(Clone, Copy)]
pub struct SourceRows {
    /// The source: embeddings of tokens and rows of pictures. Then what the encoder made of it.
    pub x: Rows,
    q: Rows,
    k: Rows,
    v: Rows,
    mixed: Rows,
    ffn: Rows,
    /// Of no width.
    none: Rows,
}

impl SourceRows {
    /// Those of the first `count` rows, as a block of a decoder takes them.
    fn first(self, count: usize) -> DecoderRows {
        let part = |rows: Rows| rows.first(count);
        let (x, none) = (part(self.x), part(self.none));
        DecoderRows {
            input: x,
            deep: none,
            batch: 0,
            x,
            result: none,
            angles: [none; 2],
            q: part(self.q),
            k: part(self.k),
            v: part(self.v),
            bcx: [none; 3],
            mixed: part(self.mixed),
            ffn: part(self.ffn),
            picked: none,
            projected: none,
            logits: none,
            gated: None,
            source: None,
        }
    }
}

impl Encoder {
    /// Fetches every tensor under `enc`; `decoder` is the configuration of the decoder.
    pub(super) fn load(scope: &Scope, decoder: &DecoderConfig, source: &SourceConfig) -> Result<Self, Error> {
        let position = Position::Buckets(source.buckets);
        let config = DecoderConfig { blocks: source.blocks, position, source: None, ..decoder.clone() };
        let c = &config;
        let blocks = (0..c.blocks).map(|i| Block::load(&scope.at(format_args!("blk.{i}")), c, i));
        let blocks = blocks.collect::<Result<_, Error>>()?;
        let norm = scope.norm("output_norm", c.norm, c.width, c.eps)?;
        Ok(Self { blocks, norm, config })
    }

    /// Room for a source of at most `rows` rows.
    pub(super) fn layout(&self, layout: &mut Layout, rows: usize) -> SourceRows {
        let c = &self.config;
        let inner = c.heads * c.head_width;
        layout.input(rows, c.width.max(c.ffn).max(inner));
        layout.heads(rows, c.head_width);
        let (x, none) = (layout.rows(rows, c.width), layout.rows(rows, 0));
        let mark = layout.mark();
        let [q, k, v, mixed] = [(); 4].map(|()| layout.rows(rows, inner));
        layout.rewind(mark); // attention and feed-forward never live at once
        let ffn = layout.rows(rows, c.ffn);
        layout.rewind(mark);
        SourceRows { x, q, k, v, mixed, ffn, none }
    }
}

impl Decoder {
    /// The shape of a cache for sources of at most `rows` rows; `None` where there is no encoder.
    #[must_use]
    pub fn source_shape(&self, rows: usize, ty: CacheType) -> Option<CacheShape> {
        self.encoder.as_ref().map(|_| self.cache_shape(rows, ty))
    }

    /// Runs a source, the first `count` rows of [`SourceRows::x`], through the encoder, and puts the keys and values that
    /// each layer of the decoder makes of it in the cache, in the place of those of the source that the caller held.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; no source is held then.
    pub fn read(
        &self,
        exec: &mut Exec<'_>,
        rows: &SourceRows,
        (cache, held): (&mut KvCache, &mut Held),
        count: usize,
    ) -> Result<(), Error> {
        let (Some(encoder), Some(cache), Some(held)) = (&self.encoder, &mut cache.source, &mut held.source) else {
            return Ok(());
        };
        held.len = 0;
        let rows = rows.first(count);
        for (layer, block) in encoder.blocks.iter().enumerate() {
            exec.layer(layer, encoder.blocks.len())?;
            let bias = bias(&encoder.blocks, layer, encoder.config.bias());
            block.forward(exec, &encoder.config, layer, &rows, &mut Step { bias, past: None })?;
        }
        exec.norm(&encoder.norm, rows.x, rows.x, false)?;
        let slots = ids(held.start as usize, count);
        for (layer, block) in self.blocks.iter().enumerate() {
            if let Some(cross) = &block.cross {
                cross.attention.keys(exec, rows.x, None, rows.k, rows.v)?;
                exec.store(cache, layer, rows.k, rows.v, &slots)?;
            }
        }
        held.len = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(())
    }
}

/// What a layer adds to its scores: numbers of its own, or else the first layer's, which then are those of all.
pub(super) fn bias<'a>(blocks: &'a [Block], layer: usize, otherwise: Bias<'a>) -> Bias<'a> {
    let own = |layer: usize| blocks.get(layer).and_then(|block| block.relative.as_ref());
    own(layer).or_else(|| own(0)).map_or(otherwise, Bias::Relative)
}
