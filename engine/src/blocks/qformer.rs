//! The Q-Former (Li et al. 2023, BLIP-2, section 3.1): a BERT whose learned query rows read a picture by
//! cross-attention in every n-th layer. Post-norm throughout: each sublayer's norm comes after its residual.

use super::vit::{attention, ids};
use crate::error::Error;
use crate::kernels::{Activation, Bias, Exec, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Table};

/// Hyper-parameters, from `ocelli.qformer.*`.
#[derive(Debug, Clone)]
pub struct QFormerConfig {
    /// Query rows.
    pub queries: usize,
    /// Width of the query rows.
    pub width: usize,
    /// Width of the image rows.
    pub image_width: usize,
    /// Heads, dividing the width.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Layers.
    pub blocks: usize,
    /// Layers `0, n, 2n, …` have cross-attention.
    pub cross_every: usize,
    /// Epsilon of all norms.
    pub eps: f32,
    /// Between the feed-forward layers.
    pub act: Activation,
}

impl QFormerConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        let width = header.count("embedding_length", header::WIDTH)?;
        Ok(Self {
            queries: header.count("query_count", header::ROWS)?,
            width,
            image_width: header.count("encoder_length", header::WIDTH)?,
            heads: header.heads("attention.head_count", width)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            blocks: header.count("block_count", header::LAYERS)?,
            cross_every: header.count("cross_attention_frequency", header::LAYERS)?,
            eps: header.epsilon("attention.layer_norm_epsilon")?,
            act: header.activation("activation")?,
        })
    }
}

/// Queries, keys and values, the output layer and the norm after its residual.
struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm: Norm,
}

struct Block {
    own: Attention,
    cross: Option<Attention>,
    up: Linear,
    down: Linear,
    norm: Norm,
}

/// A Q-Former with its weights: the query side only, which is what feeds a language model.
pub struct QFormer {
    /// Its hyper-parameters.
    pub config: QFormerConfig,
    queries: Table,
    norm: Norm,
    blocks: Vec<Block>,
}

/// The activations of a Q-Former.
pub struct QFormerRows {
    /// The result: one row a query.
    pub x: Rows,
    q: Rows,
    k: Rows,
    v: Rows,
    image_k: Rows,
    image_v: Rows,
    mixed: Rows,
    ffn: Rows,
}

impl QFormer {
    /// Fetches the query rows and every tensor under `qformer` from `mm`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: QFormerConfig) -> Result<Self, Error> {
        let (w, eps) = (config.width, config.eps);
        let inner = scope.at("qformer");
        let norm = |scope: &Scope, name: &str| scope.norm(name, NormKind::Layer, w, eps);
        let attention = |s: &Scope, prefix: &str, out: &str, norm_name: &str, from: usize| -> Result<_, Error> {
            Ok(Attention {
                q: s.linear(&format!("{prefix}_q"), w, w)?,
                k: s.linear(&format!("{prefix}_k"), from, w)?,
                v: s.linear(&format!("{prefix}_v"), from, w)?,
                out: s.linear(out, w, w)?,
                norm: norm(s, norm_name)?,
            })
        };
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = inner.at(format_args!("blk.{i}"));
                let cross = if i % config.cross_every == 0 {
                    Some(attention(&s, "cross", "cross_out", "cross_norm", config.image_width)?)
                } else {
                    None
                };
                Ok(Block {
                    own: attention(&s, "attn", "attn_out", "attn_norm", w)?,
                    cross,
                    up: s.linear("ffn_up", w, config.ffn)?,
                    down: s.linear("ffn_down", config.ffn, w)?,
                    norm: norm(&s, "ffn_norm")?,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { queries: scope.table("query_embd", config.queries, w)?, norm: norm(&inner, "norm")?, blocks, config })
    }

    /// Room for one picture of `image_rows` rows.
    pub fn layout(&self, layout: &mut Layout, image_rows: usize) -> QFormerRows {
        let c = &self.config;
        let (n, w) = (c.queries, c.width);
        layout.input(n, w);
        layout.input(n, c.ffn);
        layout.input(image_rows, c.image_width);
        layout.heads(n, attention(w, c.heads).width);
        let x = layout.rows(n, w);
        let (q, mixed) = (layout.rows(n, w), layout.rows(n, w));
        QFormerRows {
            x,
            q,
            mixed,
            k: layout.rows(n, w),
            v: layout.rows(n, w),
            image_k: layout.rows(image_rows, w),
            image_v: layout.rows(image_rows, w),
            ffn: layout.rows(n, c.ffn),
        }
    }

    /// Reads a picture's rows. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &QFormerRows, image: Rows) -> Result<(), Error> {
        let QFormerRows { x, q, k, v, image_k, image_v, mixed, ffn } = *rows;
        let c = &self.config;
        let heads = attention(c.width, c.heads);
        exec.gather(&self.queries, &ids(0, c.queries), 1.0, x, false)?;
        exec.norm(&self.norm, x, x, false)?;
        for b in &self.blocks {
            let a = &b.own;
            exec.matmul(x, None, &[Product::new(&a.q, q), Product::new(&a.k, k), Product::new(&a.v, v)])?;
            exec.attend(heads, Bias::None, q, k, v, mixed)?;
            exec.matmul(mixed, None, &[Product::new(&a.out, x).residual()])?;
            exec.norm(&a.norm, x, x, false)?;
            if let Some(a) = &b.cross {
                exec.matmul(x, None, &[Product::new(&a.q, q)])?;
                exec.matmul(image, None, &[Product::new(&a.k, image_k), Product::new(&a.v, image_v)])?;
                exec.attend(heads, Bias::None, q, image_k, image_v, mixed)?;
                exec.matmul(mixed, None, &[Product::new(&a.out, x).residual()])?;
                exec.norm(&a.norm, x, x, false)?;
            }
            exec.matmul(x, None, &[Product::new(&b.up, ffn).act(c.act)])?;
            exec.matmul(ffn, None, &[Product::new(&b.down, x).residual()])?;
            exec.norm(&b.norm, x, x, false)?;
        }
        Ok(())
    }
}
