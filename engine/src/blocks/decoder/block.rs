//! One layer of a decoder: its weights, and a pass of a batch's rows through it.

use super::{Batch, DecoderConfig, DecoderRows, Position, QueryNorm};
use crate::blocks::attention::{Attention, Shape};
use crate::error::Error;
use crate::kernels::bias::Relative;
use crate::kernels::{Bias, Cache, Exec, Pasts, Product, Rows};
use crate::weights::{Linear, Norm, Scope};

/// Norms are as wide as the residual stream, `width`, but for those of queries and keys.
pub(super) struct Block {
    attn_norm: Norm,
    /// From `width` to all query heads; of a convolution to the gate of what it reads.
    pub q: Linear,
    /// From `width` to all key heads, `v` as well; of a convolution to the gate of what it makes, and to what it reads.
    k: Linear,
    v: Linear,
    /// Of a convolution instead of attention, those of each position behind one another.
    taps: Option<Vec<f32>>,
    /// Its number among the layers that attend, or among those that convolve.
    kept: usize,
    /// As wide as a head, or as all of them.
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    /// From all query heads to `width`.
    out: Linear,
    /// Ahead of that.
    attn_within: Option<Norm>,
    attn_result: Option<Norm>,
    /// Added to the scores of attention; of the first layer only where all share it.
    pub relative: Option<Relative>,
    /// Where there is an encoder.
    pub cross: Option<Cross>,
    ffn_norm: Norm,
    /// From `width` to `ffn`; `up` as well.
    gate: Option<Linear>,
    up: Linear,
    /// And back.
    down: Linear,
    /// Ahead of that.
    ffn_within: Option<Norm>,
    ffn_result: Option<Norm>,
}

/// Attention to what an encoder made of a source, between a layer's own and its feed-forward layer.
pub(super) struct Cross {
    norm: Norm,
    pub attention: Attention,
}

/// What a batch's rows see.
pub(super) struct Step<'a> {
    /// Added to the scores.
    pub bias: Bias<'a>,
    /// Without it the rows see one another, all of them, as in an encoder.
    pub past: Option<Past<'a>>,
}

/// What a batch's rows continue, and where their keys and values go.
pub(super) struct Past<'a> {
    pub data: &'a mut Cache,
    pub batch: &'a Batch,
    pub source: Option<&'a Cache>,
}

impl Block {
    /// Fetches every tensor of layer number `layer`.
    pub fn load(s: &Scope, c: &DecoderConfig, layer: usize) -> Result<Self, Error> {
        let (w, queries, keys) = (c.width, c.heads * c.head_width, c.kv_heads * c.head_width);
        let normed = |name: &str, width: usize| s.norm(name, c.norm, width, c.eps);
        let attends = c.attends(layer);
        let query_norm = |name, row| match c.norm_queries {
            _ if !attends => Ok(None),
            QueryNorm::None => Ok(None),
            QueryNorm::Heads => normed(name, c.head_width).map(Some),
            QueryNorm::Rows => normed(name, row).map(Some),
        };
        let ffn = |part: &str| format!("{}_{part}", c.names.ffn);
        let result_norm = |name| c.norm_result.then(|| normed(name, w)).transpose();
        let [q, k, v] = if !attends {
            s.fused("shortconv.in_proj", w, [w; 3])?
        } else if s.has("attn_qkv.weight") {
            s.fused("attn_qkv", w, [queries, keys, keys])?
        } else {
            [s.linear("attn_q", w, queries)?, s.linear("attn_k", w, keys)?, s.linear("attn_v", w, keys)?]
        };
        let within = |name: &str, width: usize| c.norm_within.then(|| s.norm(name, c.norm, width, c.eps)).transpose();
        let relative = match c.position {
            // The others may have numbers of their own.
            Position::Buckets(buckets) if layer == 0 || s.has("attn_rel_b.weight") => {
                Some(Relative::load(s, "attn_rel_b", c.heads, buckets)?)
            }
            _ => None,
        };
        let cross = c.source.is_some().then(|| {
            let shape =
                Shape { name: "cross_attn", out: "o", heads: c.attention(layer), width: w, seen: w, norms: None };
            Ok::<_, Error>(Cross { norm: normed("cross_attn_norm", w)?, attention: Attention::load(s, &shape)? })
        });
        let (gate, up) = if c.gated && !s.has(&ffn("gate.weight")) && s.has_rows(&ffn("up.weight"), 2 * c.ffn) {
            // Files of Phi 3 have both in one.
            let [gate, up] = s.fused(&ffn("up"), w, [c.ffn; 2])?;
            (Some(gate), up)
        } else {
            let gate = c.gated.then(|| s.linear(&ffn("gate"), w, c.ffn)).transpose()?;
            (gate, s.linear(&ffn("up"), w, c.ffn)?)
        };
        Ok(Self {
            relative,
            cross: cross.transpose()?,
            attn_norm: normed("attn_norm", w)?,
            q,
            k,
            v,
            taps: c.convolutions.as_ref().filter(|_| !attends).map(|of| taps(s, w, of.taps)).transpose()?,
            kept: (0..layer).filter(|&before| c.attends(before) == attends).count(),
            q_norm: query_norm("attn_q_norm", queries)?,
            k_norm: query_norm("attn_k_norm", keys)?,
            out: if attends {
                s.linear(c.names.attention_out, queries, w)?
            } else {
                s.linear("shortconv.out_proj", w, w)?
            },
            attn_within: within("attn_sub_norm", queries)?,
            attn_result: result_norm("post_attention_norm")?,
            ffn_norm: normed(&ffn("norm"), w)?,
            gate,
            up,
            down: s.linear(&ffn("down"), c.ffn, w)?,
            ffn_within: within("ffn_sub_norm", c.ffn)?,
            ffn_result: result_norm("post_ffw_norm")?,
        })
    }

    /// Every matrix that a row passes through.
    pub fn layers(&self) -> impl Iterator<Item = &Linear> {
        let cross = self.cross.iter().flat_map(|cross| cross.attention.layers());
        [&self.q, &self.k, &self.v, &self.out, &self.up, &self.down].into_iter().chain(&self.gate).chain(cross)
    }

    /// Runs the rows of a batch, which are all of `rows`, through layer `layer`.
    pub fn forward(
        &self,
        exec: &mut Exec<'_>,
        c: &DecoderConfig,
        layer: usize,
        rows: &DecoderRows,
        step: &mut Step<'_>,
    ) -> Result<(), Error> {
        let DecoderRows { x, ffn, result, .. } = *rows;
        let around = |norm| if c.norm_before { (Some(norm), None) } else { (None, Some(norm)) };
        let (before, after) = around(&self.attn_norm);
        let (mixed, source) = match &self.taps {
            Some(taps) => (self.convolve(exec, rows, taps, before, step)?, None),
            None => self.attend(exec, c, layer, rows, before, step)?,
        };
        let up = Product::new(&self.up, ffn);
        let up = self.gate.as_ref().map_or(up.act(c.act), |gate| up.gated(gate, c.act));
        if c.parallel {
            exec.matmul(x, Some(&self.ffn_norm), &[up])?;
        }
        let norms = (self.attn_within.as_ref(), self.attn_result.as_ref());
        add(exec, &self.out, mixed, norms, result, x)?;
        if let Some(norm) = after {
            exec.norm(norm, x, x, false)?;
        }
        if let Some((cross, (data, seen))) = self.cross.as_ref().zip(source) {
            cross.attention.queries(exec, x, Some(&cross.norm), rows.q)?;
            exec.attend_cache(c.attention(layer), Bias::None, data, layer, rows.q, seen, mixed)?;
            cross.attention.add(exec, mixed, x, 1.0)?;
        }
        let (before, after) = around(&self.ffn_norm);
        if !c.parallel {
            exec.matmul(x, before, &[up])?;
        }
        let norms = (self.ffn_within.as_ref(), self.ffn_result.as_ref());
        add(exec, &self.down, ffn, norms, result, x)?;
        match after {
            Some(norm) => exec.norm(norm, x, x, false),
            None => Ok(()),
        }
    }

    /// What the rows of a batch see, mixed, and where there is an encoder what they see of its.
    fn attend<'a>(
        &self,
        exec: &mut Exec<'_>,
        c: &DecoderConfig,
        layer: usize,
        rows: &DecoderRows,
        before: Option<&Norm>,
        step: &'a mut Step<'_>,
    ) -> Result<(Rows, Option<Source<'a>>), Error> {
        let DecoderRows { x, q, k, v, mixed, .. } = *rows;
        let qkv = [Product::new(&self.q, q), Product::new(&self.k, k), Product::new(&self.v, v)];
        exec.matmul(x, before, &qkv)?;
        for (norm, rows) in [(&self.q_norm, q), (&self.k_norm, k)] {
            if let Some(norm) = norm {
                exec.norm(norm, rows, rows, false)?;
            }
        }
        match c.position {
            Position::Rotary(rope) => {
                let own = c.is_local(layer) && rope.local_base.is_some();
                exec.rotate(&[q, k], c.head_width, rows.angles[usize::from(own)], rope.pairs)?;
            }
            Position::XPos { rope, .. } => {
                exec.rotate(&[q], c.head_width, rows.angles[0], rope.pairs)?;
                exec.rotate(&[k], c.head_width, rows.angles[1], rope.pairs)?;
            }
            Position::Learned { .. } | Position::Waves { .. } | Position::Alibi { .. } | Position::Buckets(_) => {}
        }
        let source = match &mut step.past {
            None => {
                exec.attend(c.attention(layer), step.bias, q, k, v, mixed)?;
                None
            }
            Some(past) => {
                exec.store(past.data, self.kept, k, v, past.batch.slots())?;
                exec.attend_cache(c.attention(layer), step.bias, past.data, self.kept, q, past.batch.pasts(), mixed)?;
                past.source.map(|source| (source, past.batch.sources()))
            }
        };
        Ok((mixed, source))
    }

    /// The same of a gated short convolution.
    fn convolve(
        &self,
        exec: &mut Exec<'_>,
        rows: &DecoderRows,
        taps: &[f32],
        before: Option<&Norm>,
        step: &mut Step<'_>,
    ) -> Result<Rows, Error> {
        let DecoderRows { x, bcx, .. } = *rows;
        let [b, c, read] = bcx;
        exec.matmul(x, before, &[Product::new(&self.q, b), Product::new(&self.k, c), Product::new(&self.v, read)])?;
        if let Some(past) = &mut step.past {
            exec.convolve(past.data, self.kept, taps, bcx, past.batch.slots(), past.batch.pasts())?;
        }
        Ok(c)
    }
}

/// An encoder's keys and values, and what the rows of a batch see of them.
type Source<'a> = (&'a Cache, Pasts<'a>);

/// The taps of a convolution, a row for each column, as those of each position behind one another.
fn taps(s: &Scope, width: usize, count: usize) -> Result<Vec<f32>, Error> {
    let table = s.table("shortconv.conv", width, count)?;
    let (mut taps, mut row) = (vec![0.0; count * width], vec![0.0; count]);
    for column in 0..width {
        table.decode_row(column, &mut row);
        row.iter().enumerate().for_each(|(j, tap)| taps[j * width + column] = *tap);
    }
    Ok(taps)
}

/// `x += W from`, or `x += norm(W from)`, by way of `result`; `from` is normed as well where the first norm is there.
fn add(
    exec: &mut Exec<'_>,
    linear: &Linear,
    from: Rows,
    (within, norm): (Option<&Norm>, Option<&Norm>),
    result: Rows,
    x: Rows,
) -> Result<(), Error> {
    let Some(norm) = norm else { return exec.matmul(from, within, &[Product::new(linear, x).residual()]) };
    exec.matmul(from, within, &[Product::new(linear, result)])?;
    exec.norm(norm, result, x, true)
}
