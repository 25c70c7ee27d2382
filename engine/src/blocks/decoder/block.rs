//! One layer of a decoder: its weights, and a pass of a batch's rows through it.

use super::{DecoderConfig, DecoderRows, Position, QueryNorm};
use crate::error::Error;
use crate::kernels::{Cache, Continuation, Exec, Product, Rows};
use crate::weights::{Linear, Norm, Scope};

/// Norms are as wide as the residual stream, `width`, but for those of queries and keys.
pub(super) struct Block {
    attn_norm: Norm,
    /// From `width` to all query heads.
    pub q: Linear,
    /// From `width` to all key heads; `v` as well.
    k: Linear,
    v: Linear,
    /// As wide as a head, or as all of them.
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    /// From all query heads to `width`.
    out: Linear,
    attn_result: Option<Norm>,
    ffn_norm: Norm,
    /// From `width` to `ffn`; `up` as well.
    gate: Option<Linear>,
    up: Linear,
    /// And back.
    down: Linear,
    ffn_result: Option<Norm>,
}

/// What a batch's rows continue, and where their keys and values go.
pub(super) struct Step<'a> {
    pub data: &'a mut Cache,
    pub slots: &'a [u32],
    pub continuations: &'a [Continuation<'a>],
}

impl Block {
    /// Fetches every tensor of a layer.
    pub fn load(s: &Scope, c: &DecoderConfig) -> Result<Self, Error> {
        let (w, queries, keys) = (c.width, c.heads * c.head_width, c.kv_heads * c.head_width);
        let normed = |name: &str, width: usize| s.norm(name, c.norm, width, c.eps);
        let query_norm = |name, row| match c.norm_queries {
            QueryNorm::None => Ok(None),
            QueryNorm::Heads => normed(name, c.head_width).map(Some),
            QueryNorm::Rows => normed(name, row).map(Some),
        };
        let ffn = |part: &str| format!("{}_{part}", c.names.ffn);
        let result_norm = |name| c.norm_result.then(|| normed(name, w)).transpose();
        let [q, k, v] = if s.has("attn_qkv.weight") {
            s.fused("attn_qkv", w, [queries, keys, keys])?
        } else {
            [s.linear("attn_q", w, queries)?, s.linear("attn_k", w, keys)?, s.linear("attn_v", w, keys)?]
        };
        Ok(Self {
            attn_norm: normed("attn_norm", w)?,
            q,
            k,
            v,
            q_norm: query_norm("attn_q_norm", queries)?,
            k_norm: query_norm("attn_k_norm", keys)?,
            out: s.linear(c.names.attention_out, queries, w)?,
            attn_result: result_norm("post_attention_norm")?,
            ffn_norm: normed(&ffn("norm"), w)?,
            gate: c.gated.then(|| s.linear(&ffn("gate"), w, c.ffn)).transpose()?,
            up: s.linear(&ffn("up"), w, c.ffn)?,
            down: s.linear(&ffn("down"), c.ffn, w)?,
            ffn_result: result_norm("post_ffw_norm")?,
        })
    }

    /// Every matrix.
    pub fn layers(&self) -> impl Iterator<Item = &Linear> {
        [&self.q, &self.k, &self.v, &self.out, &self.up, &self.down].into_iter().chain(&self.gate)
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
        let DecoderRows { x, q, k, v, mixed, ffn, result, .. } = *rows;
        let around = |norm| if c.norm_before { (Some(norm), None) } else { (None, Some(norm)) };
        let (before, after) = around(&self.attn_norm);
        let qkv = [Product::new(&self.q, q), Product::new(&self.k, k), Product::new(&self.v, v)];
        exec.matmul(x, before, &qkv)?;
        for (norm, rows) in [(&self.q_norm, q), (&self.k_norm, k)] {
            if let Some(norm) = norm {
                exec.norm(norm, rows, rows, false)?;
            }
        }
        if let Position::Rotary(rope) = c.position {
            exec.rotate(&[q, k], c.head_width, rows.angles[usize::from(c.is_local(layer))], rope.pairs)?;
        }
        exec.store(step.data, layer, k, v, step.slots)?;
        exec.attend_cache(c.attention(layer), c.bias(), step.data, layer, q, step.continuations, mixed)?;
        let up = Product::new(&self.up, ffn);
        let up = self.gate.as_ref().map_or(up.act(c.act), |gate| up.gated(gate, c.act));
        if c.parallel {
            exec.matmul(x, Some(&self.ffn_norm), &[up])?;
        }
        add(exec, &self.out, mixed, self.attn_result.as_ref(), result, x)?;
        if let Some(norm) = after {
            exec.norm(norm, x, x, false)?;
        }
        let (before, after) = around(&self.ffn_norm);
        if !c.parallel {
            exec.matmul(x, before, &[up])?;
        }
        add(exec, &self.down, ffn, self.ffn_result.as_ref(), result, x)?;
        match after {
            Some(norm) => exec.norm(norm, x, x, false),
            None => Ok(()),
        }
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
