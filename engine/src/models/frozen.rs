//! Frozen (Tsimpoukelli et al. 2021): a vision tower's one vector, made into a few rows that stand in a prompt as
//! embeddings do.
//!
//! ```text
//! picture -> tower -> one vector (the class row, or the mean of all) -> linear -> n rows in the prompt's place
//! ```
//!
//! The tower is an NF-ResNet, as in the paper, or a ViT. The language model is one of ours, unchanged. Pictures may stand
//! anywhere and as often as one likes.

use super::compose::InOrder;
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::nf_resnet::{NfResNet, NfResNetConfig};
use crate::blocks::vit::{Vit, VitConfig};
use crate::error::Error;
use crate::image::{Pixels, Preprocess, Views};
use crate::kernels::{Exec, Gathered, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What looks at a picture.
enum Tower {
    Vit(Arc<Vit>),
    NfResNet(Arc<NfResNet>),
}

struct Eyes {
    preprocess: Preprocess,
    tower: Tower,
    /// The tower's vector is the mean of its rows instead of the first.
    mean: bool,
    /// From the vector to all rows, one behind the other.
    prefix: Linear,
    rows: usize,
    /// Numbers of each.
    width: usize,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let tower = Tower::load(file, &scope.at("v"))?;
    let header = Header::new(file, "ocelli.prefix.");
    let mean = match header.text("pool")? {
        "mean" => true,
        "class" if tower.has_class() => false,
        "class" => return Err(header.bad("pool", "class", "the tower has no class row")),
        other => return Err(header.bad("pool", other, "must be class or mean")),
    };
    let rows = header.count("row_count", header::ROWS)?;
    let (_, decoder) = decoder_only(file)?;
    let width = decoder.config.embedding_width;
    let eyes = Eyes {
        preprocess: Preprocess::from_gguf(file, tower.side())?,
        prefix: scope.at("mm").linear("prefix", tower.width(), rows * width)?,
        tower,
        mean,
        rows,
        width,
    };
    let speaks =
        Speaks { decoder, join: Join::Splice, compose: Box::new(InOrder { apart: true, around: Default::default() }) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

impl Tower {
    fn load(file: &Arc<Gguf>, scope: &Scope) -> Result<Self, Error> {
        const KEY: &str = "architecture";
        let (vision, header) = (Header::new(file, "clip.vision."), Header::new(file, "ocelli.vision."));
        let name = if header.get(KEY).is_some() { header.text(KEY)? } else { "vit" };
        match name {
            "vit" => Ok(Self::Vit(Arc::new(Vit::load(scope, VitConfig::read(&vision)?)?))),
            "nf_resnet" => {
                Ok(Self::NfResNet(Arc::new(NfResNet::load(scope, NfResNetConfig::read(&vision, &header)?)?)))
            }
            other => Err(header.bad(KEY, other, "must be vit or nf_resnet")),
        }
    }

    fn side(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.config.side,
            Self::NfResNet(net) => net.config.side,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.config.width,
            Self::NfResNet(net) => net.config.width(),
        }
    }

    fn has_class(&self) -> bool {
        matches!(self, Self::Vit(vit) if vit.has_class())
    }

    /// Room for one picture: its rows when it is encoded, and what encodes it.
    fn layout(&self, layout: &mut Layout) -> (Rows, Encode) {
        match self {
            Self::Vit(vit) => {
                let (vit, rows) = (Arc::clone(vit), vit.layout(layout));
                (rows.x, Box::new(move |exec, pixels| vit.encode(exec, &rows, pixels)))
            }
            Self::NfResNet(net) => {
                let (net, rows) = (Arc::clone(net), net.layout(layout));
                (rows.x, Box::new(move |exec, pixels| net.encode(exec, &rows, &pixels.data)))
            }
        }
    }
}

/// A tower with its activations: from pixels to the rows that its layout names.
type Encode = Box<dyn Fn(&mut Exec<'_>, &Pixels) -> Result<(), Error> + Send>;

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        self.preprocess.views(self.rows)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let (tower, encode) = self.tower.layout(layout);
        layout.input(1, self.tower.width());
        let vector = layout.rows(1, self.tower.width());
        let result = layout.rows(1, self.prefix.outputs());
        Box::new(Laid { eyes: self, tower, encode, vector, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: Rows,
    encode: Encode,
    vector: Rows,
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, _: usize, _: &Showing) -> Result<(), Error> {
        (self.encode)(exec, pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, _: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let (eyes, tower, result) = (&self.eyes, self.tower, self.result);
        let mut vector = self.vector;
        if eyes.mean {
            let all: Vec<u32> = (0..).take(tower.rows()).collect();
            exec.gather_rows(tower, &all, Gathered::Mean, None, vector)?;
        } else {
            vector = tower.first(1);
        }
        exec.matmul(vector, None, &[Product::new(&eyes.prefix, result)])?;
        out.resize(eyes.rows * eyes.width, 0.0);
        exec.read(result, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower
    }
}
