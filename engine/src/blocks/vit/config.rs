//! The hyper-parameters of a vision transformer, from `clip.vision.*`.

use crate::error::Error;
use crate::kernels::Activation;
use crate::weights::NormKind;
use crate::weights::header::{self, Header};

/// Hyper-parameters, from `clip.vision.*`.
#[derive(Debug, Clone)]
pub struct VitConfig {
    /// Input side in pixels.
    pub side: usize,
    /// Patch side in pixels; what is left at the right and bottom is not seen, as in a convolution.
    pub patch: usize,
    /// Width of the rows.
    pub width: usize,
    /// Heads, dividing the width.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Blocks.
    pub blocks: usize,
    /// Epsilon of the blocks' norms.
    pub eps: f32,
    /// Epsilon of the norms before and after the blocks.
    pub outer_eps: f32,
    /// Kind of the norms.
    pub norm: NormKind,
    /// Between the feed-forward layers, on the gate where there is one.
    pub act: Activation,
    /// The rows that are the result: those before the first block (0), or behind so many. Rows of several stand one behind
    /// the other, and the norm behind the blocks is then not run.
    pub features: Vec<usize>,
    /// Each row of the result is divided by its length.
    pub unit_rows: bool,
    /// Where pictures have sizes of their own; otherwise each fills `side`.
    pub own: Option<OwnSizes>,
}

/// How pictures of several sizes pass through a tower: their patches stand in the order in which neighbours are merged behind
/// it, and may be turned by line and column (RoPE on two axes; Wang et al. 2024, Qwen2-VL).
#[derive(Debug, Clone)]
pub struct OwnSizes {
    /// Most patches of a picture.
    pub most: usize,
    /// Whether patches are turned.
    pub turned: bool,
    /// How the table of positions is resampled.
    pub between: Between,
    /// Whether patches see windows; otherwise all see the whole picture.
    pub windows: bool,
    /// Which blocks see the whole picture all the same.
    pub full: Vec<bool>,
}

/// How a table of positions is resampled to a picture's patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// The corners of both are the same (Qwen3-VL).
    Corners,
    /// The edges of both are the same, and where there are fewer patches than positions each takes all that it covers (NaFlex;
    /// Tschannen et al. 2025, SigLIP 2).
    Edges,
}

impl VitConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        let side = header.count("image_size", header::SIDE)?;
        let patch = header.count("patch_size", header::SIDE)?;
        if patch > side {
            return Err(header.bad("patch_size", patch, format!("must be at most image_size {side}")));
        }
        let patches = (side / patch) * (side / patch);
        if !header::ROWS.contains(&patches) {
            let most = header::ROWS.end();
            return Err(header.bad("patch_size", patch, format!("makes {patches} patches, at most {most}")));
        }
        let width = header.count("embedding_length", header::WIDTH)?;
        let eps = header.epsilon("attention.layer_norm_epsilon")?;
        let blocks = header.count("block_count", header::LAYERS)?;
        let outer = "post_norm_epsilon";
        Ok(Self {
            side,
            patch,
            width,
            heads: header.heads("attention.head_count", width)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            blocks,
            eps,
            outer_eps: if header.file().get(&format!("clip.vision.{outer}")).is_some() {
                header.epsilon(outer)?
            } else {
                eps
            },
            norm: NormKind::Layer,
            act: header.activation("activation")?,
            features: vec![blocks],
            unit_rows: false,
            own: None,
        })
    }

    /// The same with the rows of `feature_layer`, where the file has that key, as the result.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn with_features(self, header: &Header) -> Result<Self, Error> {
        const KEY: &str = "feature_layer";
        if header.get(KEY).is_none() {
            return Ok(self);
        }
        let features = header.counts(KEY, 0..=self.blocks, MOST_FEATURES)?;
        let width = features.len() * self.width;
        if !header::WIDTH.contains(&width) {
            return Err(header.bad(KEY, format!("{} layers", features.len()), format!("make rows {width} wide")));
        }
        Ok(Self { features, ..self })
    }

    /// Whether rows behind several blocks are the result, so that they must be kept on the way.
    pub(super) fn keeps(&self) -> bool {
        self.features.len() > 1
    }

    /// Patches a picture is cut into, at most.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.own.as_ref().map_or(self.across() * self.across(), |own| own.most)
    }

    /// Patches across the square that positions were learned for.
    #[must_use]
    pub fn across(&self) -> usize {
        self.side / self.patch
    }

    /// Whether the rows of a block see the whole picture.
    pub(super) fn sees_all(&self, block: usize) -> bool {
        self.own.as_ref().is_none_or(|own| !own.windows || own.full.get(block) == Some(&true))
    }

    pub(super) fn patch_len(&self) -> usize {
        3 * self.patch * self.patch
    }
}

/// Most layers whose rows are the result.
const MOST_FEATURES: usize = 64;
