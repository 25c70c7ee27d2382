//! The Q-Former (Li et al. 2023, BLIP-2, section 3.1): a BERT whose learned query rows read a picture by
//! cross-attention in every n-th layer. Post-norm throughout: each sublayer's norm comes after its residual.

use super::attention::{Attention, AttentionRows, Shape, heads};
use super::vit::ids;
use crate::error::Error;
use crate::kernels::{Activation, Exec, Layout, Product, Rows};
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

/// Norms are as wide as the query rows; an attention has the one after its residual beside it.
struct Block {
    own: (Attention, Norm),
    /// To the rows of the picture.
    cross: Option<(Attention, Norm)>,
    /// From the query rows' width to that of the feed-forward layer.
    up: Linear,
    /// And back.
    down: Linear,
    norm: Norm,
}

/// A Q-Former with its weights: the query side only, which is what feeds a language model.
pub struct QFormer {
    /// Its hyper-parameters.
    pub config: QFormerConfig,
    /// The learned rows.
    queries: Table,
    norm: Norm,
    blocks: Vec<Block>,
}

/// The activations of a Q-Former.
pub struct QFormerRows {
    /// The result: one row a query.
    pub x: Rows,
    /// To the query rows themselves, or to the picture's.
    attention: AttentionRows,
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
        let heads = heads(w, config.heads);
        let attention = |s: &Scope, name: &str, seen: usize| -> Result<_, Error> {
            let attention = Attention::load(s, &Shape { name, heads, width: w, seen, norms: None })?;
            Ok((attention, norm(s, &format!("{name}_norm"))?))
        };
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = inner.at(format_args!("blk.{i}"));
                let cross = i % config.cross_every == 0;
                Ok(Block {
                    own: attention(&s, "attn", w)?,
                    cross: cross.then(|| attention(&s, "cross", config.image_width)).transpose()?,
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
        let x = layout.rows(n, w);
        let attention = AttentionRows::new(layout, heads(w, c.heads), n, n.max(image_rows));
        QFormerRows { x, attention, ffn: layout.rows(n, c.ffn) }
    }

    /// Reads a picture's rows. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &QFormerRows, image: Rows) -> Result<(), Error> {
        let QFormerRows { x, attention, ffn } = *rows;
        let c = &self.config;
        let (to_own, to_image) = (attention.seeing(x.rows()), attention.seeing(image.rows()));
        exec.gather(&self.queries, &ids(0, c.queries), 1.0, x, false)?;
        exec.norm(&self.norm, x, x, false)?;
        for b in &self.blocks {
            let (own, norm) = &b.own;
            own.all(exec, x, None, to_own)?;
            own.attend(exec, to_own, x)?;
            exec.norm(norm, x, x, false)?;
            if let Some((cross, norm)) = &b.cross {
                cross.queries(exec, x, None, to_image.q)?;
                cross.keys(exec, image, None, to_image.k, to_image.v)?;
                cross.attend(exec, to_image, x)?;
                exec.norm(norm, x, x, false)?;
            }
            exec.matmul(x, None, &[Product::new(&b.up, ffn).act(c.act)])?;
            exec.matmul(ffn, None, &[Product::new(&b.down, x).residual()])?;
            exec.norm(&b.norm, x, x, false)?;
        }
        Ok(())
    }
}
