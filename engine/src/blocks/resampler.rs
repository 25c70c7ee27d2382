//! The perceiver resampler (Alayrac et al. 2022, Flamingo, section 2.1 and appendix A.1.1): learned latent rows read a
//! picture, however many rows it has, and become the few that stand for it.
//!
//! In every layer the latents attend to the picture and to themselves at once: keys and values are made of both, each
//! under a norm of its own. The picture's rows themselves never change.

use super::gated::head_norms;
use super::vit::ids;
use crate::error::Error;
use crate::kernels::{Activation, Exec, Heads, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Table};

/// Hyper-parameters, from `ocelli.resampler.*`.
#[derive(Debug, Clone)]
pub struct ResamplerConfig {
    /// Latent rows, and rows of the result.
    pub latents: usize,
    /// Width of latents and picture rows.
    pub width: usize,
    /// Heads; together they need not be as wide as the rows.
    pub heads: Heads,
    /// A layer norm of each head of queries and keys.
    pub norm_heads: bool,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Layers.
    pub blocks: usize,
    /// Epsilon of all norms.
    pub eps: f32,
    /// Between the feed-forward layers.
    pub act: Activation,
}

impl ResamplerConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        Ok(Self {
            latents: header.count("latent_count", 1..=16_384)?,
            width: header.count("embedding_length", header::WIDTH)?,
            heads: super::gated::heads(header, "attention.head_count", "attention.key_length")?,
            norm_heads: header.switch("attention.head_norm", false)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            blocks: header.count("block_count", header::LAYERS)?,
            eps: header.epsilon("attention.layer_norm_epsilon")?,
            act: header.activation("activation")?,
        })
    }
}

struct Block {
    media_norm: Norm,
    latent_norm: Norm,
    q: Linear,
    k: Linear,
    v: Linear,
    /// Of each head of queries and of keys.
    head_norms: Option<[Norm; 2]>,
    out: Linear,
    ffn_norm: Norm,
    up: Linear,
    down: Linear,
}

/// A resampler with its weights.
pub struct Resampler {
    /// Its hyper-parameters.
    pub config: ResamplerConfig,
    latents: Table,
    blocks: Vec<Block>,
    norm: Norm,
}

/// The activations of a resampler.
pub struct ResamplerRows {
    /// The result: one row a latent.
    pub x: Rows,
    q: Rows,
    /// Of the picture, then of the latents.
    k: Rows,
    v: Rows,
    mixed: Rows,
    ffn: Rows,
    /// No angle for any row: heads are normed without being turned.
    unturned: Rows,
}

impl Resampler {
    /// Fetches every tensor under `mm.resampler`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: ResamplerConfig) -> Result<Self, Error> {
        let (w, inner) = (config.width, config.heads.count * config.heads.width);
        let norm = |scope: &Scope, name: &str, width| scope.norm(name, NormKind::Layer, width, config.eps);
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = scope.at(format_args!("blk.{i}"));
                let head = |name| norm(&s, name, config.heads.width);
                Ok(Block {
                    media_norm: norm(&s, "media_norm", w)?,
                    latent_norm: norm(&s, "latent_norm", w)?,
                    q: s.linear("attn_q", w, inner)?,
                    k: s.linear("attn_k", w, inner)?,
                    v: s.linear("attn_v", w, inner)?,
                    head_norms: match config.norm_heads {
                        true => Some([head("attn_q_norm")?, head("attn_k_norm")?]),
                        false => None,
                    },
                    out: s.linear("attn_out", inner, w)?,
                    ffn_norm: norm(&s, "ffn_norm", w)?,
                    up: s.linear("ffn_up", w, config.ffn)?,
                    down: s.linear("ffn_down", config.ffn, w)?,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            latents: scope.table("query_embd", config.latents, w)?,
            norm: norm(scope, "norm", w)?,
            blocks,
            config,
        })
    }

    /// Room for one picture of at most `media` rows.
    pub fn layout(&self, layout: &mut Layout, media: usize) -> ResamplerRows {
        let c = &self.config;
        let (n, w, inner) = (c.latents, c.width, c.heads.count * c.heads.width);
        layout.input(n.max(media), w);
        layout.input(n, c.ffn.max(inner));
        let unturned = layout.rows(n + media, 0);
        let x = layout.rows(n, w);
        let mark = layout.mark();
        let (q, mixed) = (layout.rows(n, inner), layout.rows(n, inner));
        let (k, v) = (layout.rows(media + n, inner), layout.rows(media + n, inner));
        layout.rewind(mark); // the feed-forward layer starts when the attention is added
        let ffn = layout.rows(n, c.ffn);
        layout.rewind(mark);
        ResamplerRows { x, q, k, v, mixed, ffn, unturned }
    }

    /// Reads a picture's rows. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &ResamplerRows, media: Rows) -> Result<(), Error> {
        let ResamplerRows { x, q, mixed, ffn, unturned, .. } = *rows;
        let c = &self.config;
        let (seen, n) = (media.rows(), c.latents);
        let (k, v) = (rows.k.first(seen + n), rows.v.first(seen + n));
        exec.gather(&self.latents, &ids(0, n), 1.0, x, false)?;
        for b in &self.blocks {
            let part =
                |start, count| [Product::new(&b.k, k.slice(start, count)), Product::new(&b.v, v.slice(start, count))];
            exec.matmul(media, Some(&b.media_norm), &part(0, seen))?;
            let [own_k, own_v] = part(seen, n);
            exec.matmul(x, Some(&b.latent_norm), &[Product::new(&b.q, q), own_k, own_v])?;
            if let Some([of_q, of_k]) = &b.head_norms {
                head_norms(exec, of_q, q, c.heads.width, unturned)?;
                head_norms(exec, of_k, k, c.heads.width, unturned)?;
            }
            exec.attend(c.heads, q, k, v, mixed)?;
            exec.matmul(mixed, None, &[Product::new(&b.out, x).residual()])?;
            exec.matmul(x, Some(&b.ffn_norm), &[Product::new(&b.up, ffn).act(c.act)])?;
            exec.matmul(ffn, None, &[Product::new(&b.down, x).residual()])?;
        }
        exec.norm(&self.norm, x, x, false)
    }
}
