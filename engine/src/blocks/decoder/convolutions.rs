//! Which layers of a decoder are gated short convolutions (LFM2; Liquid AI 2025), and what they have in its cache.
//!
//! The non-obvious thing: files say it by the number of key/value heads of each layer, which is 0 there.

use super::architectures::Architecture;
use super::{Decoder, DecoderConfig};
use crate::error::Error;
use crate::kernels::{CacheShape, CacheType};
use crate::weights::header::{self, Header};
use ocelli_quant::gguf::Value;

/// Gated short convolutions in the place of attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolutions {
    /// Positions that one reads, its own included.
    pub taps: usize,
    /// Which layers have one.
    pub layers: Vec<bool>,
}

/// Key/value heads; in architectures with convolutions a number for each layer, those with none convolving.
pub(super) fn kv_heads(
    header: &Header,
    a: &Architecture,
    blocks: usize,
    heads: usize,
) -> Result<(usize, Option<Convolutions>), Error> {
    const KEY: &str = "attention.head_count_kv";
    if !a.convolves {
        return Ok((header.count_or(KEY, header::HEADS, heads)?, None));
    }
    let each = match header.get(KEY) {
        None => vec![heads; blocks],
        Some(Value::Array(_)) => header.counts(KEY, 0..=heads, blocks)?,
        Some(_) => vec![header.count(KEY, header::HEADS)?; blocks],
    };
    if each.len() != blocks {
        return Err(header.bad(KEY, format!("{} layers", each.len()), format!("must be {blocks}")));
    }
    let Some(&count) = each.iter().find(|&&count| count > 0) else {
        return Err(header.bad(KEY, 0, "at least one layer must attend"));
    };
    if let Some(other) = each.iter().find(|&&other| other > 0 && other != count) {
        return Err(header.bad(KEY, other, format!("must be {count} in all layers that attend")));
    }
    let taps = header.count("shortconv.l_cache", 1..=TAPS)?;
    Ok((count, Some(Convolutions { taps, layers: each.iter().map(|&count| count == 0).collect() })))
}

/// Most positions that a convolution reads.
const TAPS: usize = 64;

impl DecoderConfig {
    /// Whether a layer attends; otherwise it convolves.
    #[must_use]
    pub fn attends(&self, layer: usize) -> bool {
        !self.convolutions.as_ref().and_then(|of| of.layers.get(layer)).is_some_and(|convolves| *convolves)
    }
}

impl Decoder {
    /// The shape of a cache with `slots` positions.
    #[must_use]
    pub fn cache_shape(&self, slots: usize, ty: CacheType) -> CacheShape {
        let c = &self.config;
        let layers = (0..c.blocks).filter(|&layer| c.attends(layer)).count();
        let (convolutions, convolved) = (c.blocks - layers, c.convolutions.as_ref().map_or(0, |_| c.width));
        CacheShape { layers, heads: c.kv_heads, head_width: c.head_width, slots, ty, convolutions, convolved }
    }
}
