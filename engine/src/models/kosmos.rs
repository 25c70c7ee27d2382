//! KOSMOS-1 and KOSMOS-2 (Huang et al. 2023, Peng et al. 2023): pictures between two tags of a text.
//!
//! ```text
//! picture -> ViT (all rows, normed, each as long as 1) -> linear -> learned rows that read them once -> rows between tags
//! ```
//!
//! The non-obvious thing: the language model scales the rows of pictures as it scales the embeddings of tokens, and the two tags
//! are a picture's own, so that every prompt has them around it.

use super::compose::InOrder;
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::pool::{Pool, PoolRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess, Views};
use crate::kernels::{Exec, Layout, Product, Rows};
use crate::prompt::{Mark, Marks};
use crate::weights::header::Header;
use crate::weights::{Linear, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    /// From the tower's width to the language model's.
    dense: Linear,
    pool: Pool,
    /// The tag before a picture's rows and the one behind them.
    marks: Marks,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = VitConfig { unit_rows: true, ..VitConfig::read(&Header::new(file, "clip.vision."))? };
    let (_, decoder) = decoder_only(file)?;
    let (mm, width) = (scope.at("mm"), decoder.config.embedding_width);
    let pool = Pool::load(&mm.at("resampler"), &Header::new(file, "ocelli.resampler."), width)?;
    let own = Header::new(file, "ocelli.");
    let tag = |name: &str| {
        let id = own.count(name, 0..=decoder.config.vocabulary - 1)?;
        u32::try_from(id).map_err(|_| own.bad(name, id, "must fit 32 bits"))
    };
    let before = Mark { tokens: vec![tag("image_begin_token")?], rows: pool.rows() };
    let behind = Mark { tokens: vec![tag("image_end_token")?], rows: 0 };
    let eyes = Eyes {
        preprocess: Preprocess::from_gguf(file, vision.side)?,
        dense: mm.linear("dense", vision.width, width)?,
        vit: Vit::load(&scope.at("v"), vision)?,
        pool,
        marks: vec![before, behind].into(),
    };
    let speaks =
        Speaks { decoder, join: Join::Splice, compose: Box::new(InOrder { apart: true, around: Default::default() }) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        let views = self.preprocess.views(self.pool.rows());
        Views { positions: views.positions + self.marks.len(), ..views }
    }

    fn marks(&self, _: u32, _: u32) -> Marks {
        Arc::clone(&self.marks)
    }

    fn width(&self) -> usize {
        self.dense.outputs()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let tower = self.vit.layout(layout);
        layout.input(self.vit.rows(), self.dense.inputs());
        let seen = layout.rows(self.vit.rows(), self.dense.outputs());
        let bridge = self.pool.layout(layout, self.vit.rows());
        Box::new(Laid { eyes: self, tower, seen, bridge })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    /// The tower's rows, as wide as the language model's.
    seen: Rows,
    bridge: PoolRows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, _: usize, _: &Showing) -> Result<(), Error> {
        self.eyes.vit.encode(exec, &self.tower, pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, _: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, tower, seen, bridge } = self;
        exec.matmul(tower.x, None, &[Product::new(&eyes.dense, *seen)])?;
        eyes.pool.encode(exec, bridge, *seen)?;
        out.resize(bridge.x.rows() * bridge.x.width(), 0.0);
        exec.read(bridge.x, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }
}
