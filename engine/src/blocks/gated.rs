//! Gated cross-attention (Alayrac et al. 2022, Flamingo, figure 4): layers between those of a decoder, which let every
//! position attend to the media it looks at and add the result times the tanh of a learned gate. With gates at 0 the
//! decoder is what it was.
//!
//! A position looks at one media only, the last before it, and earlier ones act through the decoder's own attention. So a
//! media's keys and values, which depend on no text, are made once and kept in a cache of their own, and a batch of rows is
//! as many runs as there are changes of what it looks at.

use super::attention::{Attention, Shape, read_heads};
use super::cache::Sequence;
use super::vit::ids;
use crate::error::Error;
use crate::kernels::{
    Activation, Bias, Cache, CacheShape, CacheType, Device, Exec, Heads, Layout, Pasts, Product, Rows, Span,
};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope};

/// Hyper-parameters, from `ocelli.cross_attention.*`.
#[derive(Debug, Clone)]
pub struct GatedConfig {
    /// A gated layer stands before decoder layer n where n mod `interval` is `offset`.
    pub interval: usize,
    /// See `interval`.
    pub offset: usize,
    /// Heads; together they need not be as wide as the decoder.
    pub heads: Heads,
    /// Rows of a media.
    pub rows: usize,
    /// Width of a media's rows.
    pub media_width: usize,
    /// Kind of all norms.
    pub norm: NormKind,
    /// Epsilon of all norms.
    pub eps: f32,
    /// A norm of each head of queries and keys.
    pub norm_heads: bool,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Between the feed-forward layers, on the gate where there is one.
    pub act: Activation,
    /// The feed-forward layer has a gate.
    pub gated: bool,
    /// The token that stands for a media in the prompt; where no media was given with it, nothing is looked at.
    pub token: u32,
    /// Behind this token nothing is looked at.
    pub reset: Option<u32>,
}

impl GatedConfig {
    /// Reads and checks the keys; a media has `rows` rows, and `token` stands for it.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header, rows: usize, token: u32) -> Result<Self, Error> {
        let interval = header.count("interval", header::LAYERS)?;
        let reset = header.get("reset_token").is_some().then(|| header.count("reset_token", 0..=u32::MAX as usize));
        Ok(Self {
            interval,
            offset: header.count("offset", 0..=interval - 1)?,
            heads: read_heads(header, "head_count", "key_length")?,
            rows,
            media_width: header.count("encoder_length", header::WIDTH)?,
            norm: match header.text("norm")? {
                "layer" => NormKind::Layer,
                "rms" => NormKind::Rms,
                other => return Err(header.bad("norm", other, "must be layer or rms")),
            },
            eps: header.epsilon("norm_epsilon")?,
            norm_heads: header.switch("head_norm", false)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            act: header.activation("activation")?,
            gated: header.switch("gated", false)?,
            token,
            reset: reset.transpose()?.and_then(|id| u32::try_from(id).ok()),
        })
    }

    fn inner(&self) -> usize {
        self.heads.count * self.heads.width
    }
}

/// Norms are as wide as the decoder.
struct Layer {
    norm: Norm,
    /// To the rows of a media.
    attention: Attention,
    /// What the attention's result is multiplied with: the tanh of its gate.
    scale: f32,
    ffn_norm: Norm,
    /// From the decoder's width to that of the feed-forward layer; `up` as well.
    gate: Option<Linear>,
    up: Linear,
    /// And back.
    down: Linear,
    ffn_scale: f32,
}

/// The gated layers of a decoder.
pub struct Gated {
    /// Their hyper-parameters.
    pub config: GatedConfig,
    layers: Vec<Layer>,
}

/// The activations of a gated layer.
#[derive(Clone, Copy)]
pub struct GatedRows {
    q: Rows,
    mixed: Rows,
    ffn: Rows,
    /// One media with its keys and values.
    media: Rows,
    k: Rows,
    v: Rows,
}

/// The media whose keys and values, each for all gated layers, one caller has in the cache of media.
pub struct MediaSlots {
    spans: Vec<Span>,
    /// What each media slot holds, and when it was last asked for.
    held: Vec<(Option<u128>, u64)>,
    clock: u64,
}

impl MediaSlots {
    /// Room for `count` media, each of `rows` slots of the cache, behind `first` others.
    #[must_use]
    pub fn new(first: usize, count: usize, rows: usize) -> Self {
        let span =
            |i| u32::try_from(i * rows).ok().zip(u32::try_from(rows).ok()).map(|(start, len)| Span { start, len });
        Self { spans: (first..first + count).filter_map(span).collect(), held: vec![(None, 0); count], clock: 0 }
    }

    /// Media it holds at most.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it can hold none.
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "tests of blocks ask"))]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Where in the cache a media slot is.
    pub(super) fn span(&self, media_slot: usize) -> Span {
        self.spans[media_slot]
    }

    /// The slot of the media that has this hash, if it is held.
    pub fn find(&mut self, hash: u128) -> Option<usize> {
        let slot = self.held.iter().position(|(held, _)| *held == Some(hash))?;
        self.clock += 1;
        self.held[slot].1 = self.clock;
        Some(slot)
    }

    /// The slot asked for longest ago of those that are not `used`.
    #[must_use]
    pub fn free(&self, used: &[usize]) -> Option<usize> {
        (0..self.spans.len()).filter(|slot| !used.contains(slot)).min_by_key(|&slot| self.held[slot].1)
    }
}

impl Gated {
    /// Fetches every tensor, for a decoder of `blocks` layers of `width`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: GatedConfig, blocks: usize, width: usize) -> Result<Self, Error> {
        let c = &config;
        let norms = c.norm_heads.then_some((c.norm, c.eps));
        let attention = Shape { name: "cross", out: "out", heads: c.heads, width, seen: c.media_width, norms };
        let layers = (c.offset..blocks)
            .step_by(c.interval)
            .map(|i| {
                let s = scope.at(format_args!("blk.{i}"));
                let norm = |name, width| s.norm(name, c.norm, width, c.eps);
                let gate = |name| Ok::<_, Error>(s.vector(name, 1)?.get().first().map_or(0.0, |a| a.tanh()));
                Ok(Layer {
                    norm: norm("cross_norm", width)?,
                    attention: Attention::load(&s, &attention)?,
                    scale: gate("cross_alpha")?,
                    ffn_norm: norm("cross_ffn_norm", width)?,
                    gate: c.gated.then(|| s.linear("cross_ffn_gate", width, c.ffn)).transpose()?,
                    up: s.linear("cross_ffn_up", width, c.ffn)?,
                    down: s.linear("cross_ffn_down", c.ffn, width)?,
                    ffn_scale: gate("cross_ffn_alpha")?,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { layers, config })
    }

    /// Bytes of weights that one row reads.
    #[must_use]
    pub fn row_bytes(&self) -> u64 {
        let all = |linear: &Linear| linear.weight.rows(0, linear.outputs()).len() as u64;
        let layer = |l: &Layer| {
            let layers = l.attention.layers().into_iter().chain([&l.up, &l.down]).chain(&l.gate);
            layers.map(all).sum::<u64>()
        };
        self.layers.iter().map(layer).sum()
    }

    /// As [`super::decoder::Decoder::alike`].
    #[must_use]
    pub fn alike(&self, device: &dyn Device) -> usize {
        let layers =
            self.layers.iter().flat_map(|l| l.attention.layers().into_iter().chain([&l.up, &l.down]).chain(&l.gate));
        layers.map(|linear| device.alike(linear.weight.ty())).min().unwrap_or(usize::MAX)
    }

    /// The shape of a cache of `media` media.
    #[must_use]
    pub fn cache_shape(&self, media: usize, ty: CacheType) -> CacheShape {
        let Heads { count, width, .. } = self.config.heads;
        let (layers, slots) = (self.layers.len(), media * self.config.rows);
        CacheShape { layers, heads: count, head_width: width, slots, ty, ..CacheShape::NONE }
    }

    /// Room for batches of `batch` rows of `width`.
    pub(super) fn layout(&self, layout: &mut Layout, batch: usize, width: usize) -> GatedRows {
        let c = &self.config;
        layout.input(batch, width.max(c.ffn).max(c.inner()));
        layout.input(c.rows, c.media_width.max(c.inner()));
        layout.heads(batch, c.heads.width);
        let mark = layout.mark();
        let (q, mixed) = (layout.rows(batch, c.inner()), layout.rows(batch, c.inner()));
        layout.rewind(mark); // the feed-forward layer starts when the attention is added
        let ffn = layout.rows(batch, c.ffn);
        layout.rewind(mark); // media are read before a batch begins
        let media = layout.rows(c.rows, c.media_width);
        let (k, v) = (layout.rows(c.rows, c.inner()), layout.rows(c.rows, c.inner()));
        layout.rewind(mark);
        GatedRows { q, mixed, ffn, media, k, v }
    }

    /// Makes the keys and values of a media and puts them in a slot of the cache. `media` holds its rows.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; the slot then holds nothing.
    pub fn store(
        &self,
        exec: &mut Exec<'_>,
        rows: &GatedRows,
        (cache, held): (&mut Cache, &mut MediaSlots),
        (media_slot, hash): (usize, u128),
        media: &[f32],
    ) -> Result<(), Error> {
        held.clock += 1;
        held.held[media_slot] = (None, held.clock);
        let slots = ids(held.spans[media_slot].start as usize, self.config.rows);
        exec.write(rows.media, media)?;
        for (index, l) in self.layers.iter().enumerate() {
            l.attention.keys(exec, rows.media, None, rows.k, rows.v)?;
            exec.store(cache, index, rows.k, rows.v, &slots)?;
        }
        held.held[media_slot].0 = Some(hash);
        Ok(())
    }

    /// Says which tokens will be a sequence's next, behind `ahead` others: some change what is looked at.
    pub fn follow(&self, sequence: &mut Sequence, ahead: usize, tokens: &[u32]) {
        for (position, &token) in (sequence.len() + ahead..).zip(tokens) {
            if token == self.config.token {
                sequence.look(position, position, None);
            }
            if Some(token) == self.config.reset {
                sequence.look(position, position + 1, None);
            }
        }
    }

    /// The gated layer before a decoder's layer, if one is there.
    pub(super) fn before(&self, layer: usize) -> Option<usize> {
        let GatedConfig { interval, offset, .. } = self.config;
        (layer % interval == offset).then_some(layer / interval)
    }

    /// Runs a gated layer on `x`, whose rows look at media in the cache, if any of them looks at some.
    pub(super) fn forward(
        &self,
        exec: &mut Exec<'_>,
        index: usize,
        rows: &GatedRows,
        media: Option<(&Cache, Pasts<'_>)>,
        x: Rows,
    ) -> Result<(), Error> {
        let l = &self.layers[index];
        let part = |r: Rows| r.first(x.rows());
        let (q, mixed, ffn) = (part(rows.q), part(rows.mixed), part(rows.ffn));
        // Where nobody looks at anything the attention would add zeros.
        if let Some((cache, looks)) = media {
            l.attention.queries(exec, x, Some(&l.norm), q)?;
            exec.attend_cache(self.config.heads, Bias::None, cache, index, q, looks, mixed)?;
            l.attention.add(exec, mixed, x, l.scale)?;
        }
        let up = Product::new(&l.up, ffn);
        let up = l.gate.as_ref().map_or(up.act(self.config.act), |gate| up.gated(gate, self.config.act));
        exec.matmul(x, Some(&l.ffn_norm), &[up])?;
        exec.matmul(ffn, None, &[Product::new(&l.down, x).scaled_residual(l.ffn_scale)])
    }
}
