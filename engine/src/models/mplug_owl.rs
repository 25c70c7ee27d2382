//! mPLUG-Owl (Ye et al. 2023), the first version.
//!
//! ```text
//! picture -> ViT (all rows, normed) -> abstractor (learned rows that read the picture) -> linear -> rows, and one more
//! ```
//!
//! The abstractor is Flamingo's resampler with other layers, which keys of the file say. The row that ends a picture is
//! learned and the same for all.

use super::compose::InOrder;
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::resampler::{Resampler, ResamplerConfig, ResamplerRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess, Views};
use crate::kernels::{Exec, Layout, Product, Rows, Weights};
use crate::weights::header::Header;
use crate::weights::{Linear, Scope, Table};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    resampler: Resampler,
    projector: Linear,
    /// The row that ends a picture.
    end: Table,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = VitConfig::read(&Header::new(file, "clip.vision."))?;
    let header = Header::new(file, "ocelli.resampler.");
    let latents = ResamplerConfig::read(&header)?;
    if latents.width != vision.width {
        return Err(header.bad("embedding_length", latents.width, format!("must be the tower's {}", vision.width)));
    }
    let (_, decoder) = decoder_only(file)?;
    let (mm, width) = (scope.at("mm"), decoder.config.embedding_width);
    let eyes = Eyes {
        preprocess: Preprocess::from_gguf(file, vision.side)?,
        projector: mm.linear("projector", latents.width, width)?,
        end: mm.table("vit_eos", 1, width)?,
        vit: Vit::load(&scope.at("v"), vision)?,
        resampler: Resampler::load(&mm.at("resampler"), latents)?,
    };
    let speaks = Speaks { decoder, join: Join::Splice, compose: Box::new(InOrder::read(file)?) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        self.preprocess.views(self.resampler.config.latents + 1)
    }

    fn width(&self) -> usize {
        self.projector.outputs()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let tower = self.vit.layout(layout);
        let bridge = self.resampler.layout(layout, self.vit.rows());
        layout.input(self.resampler.config.latents, self.projector.inputs());
        let result = layout.rows(self.resampler.config.latents + 1, self.projector.outputs());
        Box::new(Laid { eyes: self, tower, bridge, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    bridge: ResamplerRows,
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, _: usize, _: &Showing) -> Result<(), Error> {
        self.eyes.vit.encode(exec, &self.tower, pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, _: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, tower, bridge, result } = self;
        eyes.resampler.encode(exec, bridge, tower.x)?;
        let latents = bridge.x.rows();
        exec.matmul(bridge.x, None, &[Product::new(&eyes.projector, result.first(latents))])?;
        exec.gather(&eyes.end, &[0], Weights::All(1.0), result.slice(latents, 1), false)?;
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(*result, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }
}
