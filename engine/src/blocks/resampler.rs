//! The perceiver resampler (Alayrac et al. 2022, Flamingo, section 2.1 and appendix A.1.1): learned latent rows read a
//! picture, however many rows it has, and become the few that stand for it.
//!
//! In every layer the latents attend to the picture and to themselves at once: keys and values are made of both, each
//! under a norm of its own. The picture's rows themselves never change.
//!
//! mPLUG-Owl's abstractor (Ye et al. 2023) is the same but for three things that keys say: what attention finds is added to
//! the latents as they were normed, the feed-forward layer has a gate and a norm behind it, and no norm ends it all.
//!
//! A video is the rows of all its frames, to which the frames' learned embeddings are added where there are any. They say
//! which frame it is; where within the frame the tower's rows tell. More frames than embeddings share them by linear
//! interpolation, the first and the last keeping theirs (`align_corners` in PyTorch's words), as frames are sampled.

use super::attention::{Attention, AttentionRows, Shape, read_heads};
use super::vit::ids;
use crate::error::Error;
use crate::kernels::{Activation, Exec, Heads, Layout, Product, Rows, Weights};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Table};
use ocelli_quant::gguf::keys;

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
    /// What attention finds is added to the normed latents instead of the latents.
    pub keeps_normed: bool,
    /// Epsilon of the norm between the feed-forward layers, which have a gate then.
    pub gated: Option<f32>,
    /// A norm behind the last layer.
    pub final_norm: bool,
    /// Learned embeddings of frames; 0 is none.
    pub frames: usize,
    /// Learned embeddings of the first, second, … picture or video of a prompt; 0 is none.
    pub media: usize,
}

impl ResamplerConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        Ok(Self {
            latents: header.count("latent_count", header::ROWS)?,
            width: header.count("embedding_length", header::WIDTH)?,
            heads: read_heads(header, "attention.head_count", "attention.key_length")?,
            norm_heads: header.switch("attention.head_norm", false)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            blocks: header.count("block_count", header::LAYERS)?,
            eps: header.epsilon("attention.layer_norm_epsilon")?,
            act: header.activation("activation")?,
            keeps_normed: header.switch("keeps_normed", false)?,
            gated: header.get("ffn_norm_epsilon").map(|_| header.epsilon("ffn_norm_epsilon")).transpose()?,
            final_norm: header.switch("final_norm", true)?,
            frames: header.count_or("frame_count", 0..=keys::FRAMES as usize, 0)?,
            media: header.count_or("media_count", 0..=keys::MEDIA as usize, 0)?,
        })
    }
}

/// Norms are as wide as latents and picture rows.
struct Block {
    media_norm: Norm,
    latent_norm: Norm,
    attention: Attention,
    ffn_norm: Norm,
    /// From the rows' width to that of the feed-forward layer.
    up: Linear,
    /// What multiplies that, and the norm of the product.
    gate: Option<(Linear, Norm)>,
    /// And back.
    down: Linear,
}

/// A resampler with its weights.
pub struct Resampler {
    /// Its hyper-parameters.
    pub config: ResamplerConfig,
    /// Tables have rows as wide as the latents: one for each latent,
    latents: Table,
    /// for each frame,
    frames: Option<Table>,
    /// and for each picture or video of a prompt.
    media: Option<Table>,
    blocks: Vec<Block>,
    norm: Option<Norm>,
}

/// The activations of a resampler.
pub struct ResamplerRows {
    /// The result: one row a latent.
    pub x: Rows,
    /// To the picture's rows, then to the latents.
    attention: AttentionRows,
    ffn: Rows,
}

impl Resampler {
    /// Fetches every tensor under `mm.resampler`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: ResamplerConfig) -> Result<Self, Error> {
        let (w, heads, eps) = (config.width, config.heads, config.eps);
        let norm = |scope: &Scope, name: &str| scope.norm(name, NormKind::Layer, w, eps);
        let norms = config.norm_heads.then_some((NormKind::Layer, eps));
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = scope.at(format_args!("blk.{i}"));
                Ok(Block {
                    media_norm: norm(&s, "media_norm")?,
                    latent_norm: norm(&s, "latent_norm")?,
                    attention: Attention::load(
                        &s,
                        &Shape { name: "attn", out: "out", heads, width: w, seen: w, norms },
                    )?,
                    ffn_norm: norm(&s, "ffn_norm")?,
                    up: s.linear("ffn_up", w, config.ffn)?,
                    gate: match config.gated {
                        None => None,
                        Some(eps) => Some((
                            s.linear("ffn_gate", w, config.ffn)?,
                            s.norm("ffn_inner_norm", NormKind::Layer, config.ffn, eps)?,
                        )),
                    },
                    down: s.linear("ffn_down", config.ffn, w)?,
                })
            })
            .collect::<Result<_, Error>>()?;
        let table = |name, rows| if rows == 0 { Ok(None) } else { scope.table(name, rows, w).map(Some) };
        Ok(Self {
            latents: scope.table("query_embd", config.latents, w)?,
            frames: table("frame_embd", config.frames)?,
            media: table("media_embd", config.media)?,
            norm: if config.final_norm { Some(norm(scope, "norm")?) } else { None },
            blocks,
            config,
        })
    }

    /// Room for one picture of at most `media` rows.
    pub fn layout(&self, layout: &mut Layout, media: usize) -> ResamplerRows {
        let c = &self.config;
        let (n, w) = (c.latents, c.width);
        layout.input(n.max(media), w);
        layout.input(n, c.ffn);
        let x = layout.rows(n, w);
        let mark = layout.mark();
        let attention = AttentionRows::new(layout, c.heads, n, media + n);
        layout.rewind(mark); // the feed-forward layer starts when the attention is added
        let ffn = layout.rows(n, c.ffn);
        layout.rewind(mark);
        ResamplerRows { x, attention, ffn }
    }

    /// Adds to the rows of `frames` frames what is learned of each frame's index in the video, and to all of them what is
    /// learned of the video's index in the prompt.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn add_positions(
        &self,
        exec: &mut Exec<'_>,
        media: Rows,
        frames: usize,
        media_index: usize,
    ) -> Result<(), Error> {
        if let Some(table) = &self.frames {
            let seen = media.rows() / frames;
            for frame in 0..frames {
                let rows = media.slice(frame * seen, seen);
                for (id, share) in shares(frame, frames, table.len()) {
                    exec.gather(table, &vec![id; seen], Weights::All(share), rows, true)?;
                }
            }
        }
        match &self.media {
            Some(table) => {
                exec.gather(table, &vec![ids(media_index, 1)[0]; media.rows()], Weights::All(1.0), media, true)
            }
            None => Ok(()),
        }
    }

    /// Reads a picture's rows. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &ResamplerRows, media: Rows) -> Result<(), Error> {
        let ResamplerRows { x, ffn, .. } = *rows;
        let c = &self.config;
        let (seen, n) = (media.rows(), c.latents);
        let all = rows.attention.seeing(seen + n);
        let own = AttentionRows { k: all.k.slice(seen, n), v: all.v.slice(seen, n), ..all };
        exec.gather(&self.latents, &ids(0, n), Weights::All(1.0), x, false)?;
        for b in &self.blocks {
            b.attention.keys(exec, media, Some(&b.media_norm), all.k.first(seen), all.v.first(seen))?;
            if c.keeps_normed {
                exec.norm(&b.latent_norm, x, x, false)?;
                b.attention.all(exec, x, None, own)?;
            } else {
                b.attention.all(exec, x, Some(&b.latent_norm), own)?;
            }
            b.attention.attend(exec, all, x)?;
            let up = Product::new(&b.up, ffn);
            let up = if let Some((gate, _)) = &b.gate { up.gated(gate, c.act) } else { up.act(c.act) };
            exec.matmul(x, Some(&b.ffn_norm), &[up])?;
            let inner = b.gate.as_ref().map(|(_, norm)| norm);
            exec.matmul(ffn, inner, &[Product::new(&b.down, x).residual()])?;
        }
        self.norm.as_ref().map_or(Ok(()), |norm| exec.norm(norm, x, x, false))
    }
}

/// Which of `learned` embeddings frame `frame` of `frames` has, and how much of each: its own where there are enough.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // frames are a thousand at most
fn shares(frame: usize, frames: usize, learned: usize) -> Vec<(u32, f32)> {
    if frames <= learned {
        return vec![(frame as u32, 1.0)];
    }
    let (at, steps) = (frame * (learned - 1), frames - 1);
    let (low, above) = (at / steps, (at % steps) as f32 / steps as f32);
    let mut shares = vec![(low as u32, 1.0 - above)];
    if above > 0.0 {
        shares.push((low as u32 + 1, above));
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::shares;

    /// What `torch.nn.functional.interpolate` makes of the numbers 0 to 7 with `size=30`, `mode="linear"` and
    /// `align_corners=True`.
    #[test]
    fn frames_beyond_the_table_share_its_embeddings() {
        let want = [0.0, 0.241_379, 0.482_759, 0.724_138, 0.965_517, 1.206_897, 1.448_276, 1.689_655];
        let number = |frame, frames, learned| -> f32 {
            let shares = shares(frame, frames, learned);
            assert!((shares.iter().map(|s| s.1).sum::<f32>() - 1.0).abs() < 1e-6);
            shares.iter().map(|&(id, share)| id as f32 * share).sum()
        };
        for (frame, want) in want.into_iter().enumerate() {
            assert!((number(frame, 30, 8) - want).abs() < 1e-5, "{frame}");
            assert!((number(29 - frame, 30, 8) - (7.0 - want)).abs() < 1e-5, "{frame} from the end");
        }
        assert_eq!(shares(29, 30, 8), [(7, 1.0)]);
        assert_eq!(shares(4, 5, 1), [(0, 1.0)]);
        // As many as there are, or fewer: the first of them, as they are.
        assert_eq!((shares(7, 8, 8), shares(2, 3, 8)), (vec![(7, 1.0)], vec![(2, 1.0)]));
    }
}
