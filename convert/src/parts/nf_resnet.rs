//! NF-ResNet (Brock et al. 2021, "Characterizing signal propagation to close the performance gap in unnormalized ResNets")
//! in the names and with the numbers of timm's `nf_resnet50`.
//!
//! The engine runs a plain residual network. What keeps the original's signal in bounds without norms goes into the weights
//! here: kernels are standardised; a block's input is divided by the deviation that is expected of it, which ReLU and
//! convolution let through to the kernels that read it; and what a branch adds is scaled by `alpha` and, where there is
//! one, by a learned gain.

use super::{LAYERS, SIDE, WIDTH, only, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::{Factor, Kernel, Kind, Layout};
use crate::settings::{Known, Object};

/// What `model_type` says of such a tower.
pub(crate) const MODEL_TYPE: &str = "nf_resnet";
/// Side of the stem's windows.
const STEM: u32 = 7;
/// Most stages.
const STAGES: usize = 8;
/// The deviation of max(x, 0) of a normal x is one over this.
const RELU: f64 = 1.713_958_859_443_664_6;

/// What has no effect in timm's `NfCfg`.
const NF_RESNET: &[Known] =
    &[Known::without_effect(&["attn_kwargs", "ch_div", "num_classes"], "belongs to parts that such a tower has not")];

/// A vision configuration with the fields of timm's `NfCfg`.
#[derive(Debug)]
pub(crate) struct NfResNet {
    pub(crate) side: u32,
    stem: u32,
    depths: Vec<u32>,
    widths: Vec<u32>,
    alpha: f64,
    eps: f64,
    skipinit: bool,
}

impl NfResNet {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        pretrained::part(config, NF_RESNET);
        for switch in ["reg", "extra_conv", "gamma_in_act", "same_padding"] {
            only(config, switch, false)?;
        }
        for (key, only) in [("stem_type", "7x7_pool"), ("act_layer", "relu"), ("attn_layer", "none")] {
            match config.text(key)? {
                Some(got) if got != only => {
                    return Err(config.unsupported(key, format!("'{got}'"), format!("only '{only}' is")));
                }
                _ => {}
            }
        }
        for (key, only) in [("bottle_ratio", 0.25), ("width_factor", 1.0), ("num_features", 0.0), ("group_size", 0.0)] {
            let got = config.number(key, only)?;
            if got != only {
                return Err(config.unsupported(key, got, format!("only {only} is")));
            }
        }
        let depths = config.counts("depths", 1..=LAYERS, STAGES, &[3, 4, 6, 3])?;
        let widths = config.counts("channels", 1..=WIDTH, STAGES, &[256, 512, 1_024, 2_048])?;
        if depths.len() != widths.len() {
            let rule = format!("must be {} numbers, as depths has", depths.len());
            return Err(config.bad("channels", format!("{} numbers", widths.len()), rule));
        }
        // timm rounds widths to eights, those inside of blocks too: what is a multiple of both is never rounded.
        if let Some(width) = widths.iter().find(|width| !width.is_multiple_of(32)) {
            return Err(config.bad("channels", width, "must be multiples of 32"));
        }
        let stem = config.count("stem_chs", 1..=WIDTH, 64)?;
        if !stem.is_multiple_of(8) {
            return Err(config.bad("stem_chs", stem, "must be a multiple of 8"));
        }
        config.epsilon("std_conv_eps", 1e-5)?;
        let eps = config.number("std_conv_eps", 1e-5)?;
        let alpha = config.number("alpha", 0.2)?;
        if !(alpha > 0.0 && alpha <= 1.0) {
            return Err(config.bad("alpha", alpha, "must be above 0 and at most 1"));
        }
        Ok(Self {
            side: config.count("image_size", 1..=SIDE, 224)?,
            stem,
            depths,
            widths,
            alpha,
            eps,
            skipinit: config.switch("skipinit", false)?,
        })
    }

    /// Width of the last map.
    pub(crate) fn width(&self) -> u32 {
        self.widths.last().copied().unwrap_or(self.stem)
    }

    /// The rules for tensors under `prefix`, such as `vision_model.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let mut convolution = |source: String, name: String, (cols, rows, side): (u32, u32, u32), beta, factor| {
            let (inputs, places) = (u64::from(cols), u64::from(side) * u64::from(side));
            let kernel = Kernel { inputs, places, eps: self.eps, scale: RELU * beta };
            // The stem's rows divide by no block.
            let kind = if side == STEM { Kind::Patch } else { Kind::Matrix };
            layout.convolution(&format!("{prefix}{source}"), &name, kernel, u64::from(rows), kind, factor);
        };
        let plain = || Factor { scale: 1.0, gain: None };
        convolution("stem.conv".to_owned(), "v.stem".to_owned(), (3, self.stem, STEM), 1.0, plain());
        let (mut before, mut number, mut variance) = (self.stem, 0, 1.0);
        for (stage, (&depth, &width)) in self.depths.iter().zip(&self.widths).enumerate() {
            for block in 0..depth {
                let from = |part: &str| format!("stages.{stage}.{block}.{part}");
                let to = |part: &str| format!("v.blk.{number}.{part}");
                let (inner, beta) = (width / 4, 1.0 / f64::sqrt(variance));
                if before != width || (stage > 0 && block == 0) {
                    convolution(from("downsample.conv"), to("conv_skip"), (before, width, 1), beta, plain());
                }
                convolution(from("conv1"), to("conv1"), (before, inner, 1), beta, plain());
                convolution(from("conv2"), to("conv2"), (inner, inner, 3), 1.0, plain());
                let gain = self.skipinit.then(|| format!("{prefix}{}", from("skipinit_gain")));
                convolution(from("conv3"), to("conv3"), (inner, width, 1), 1.0, Factor { scale: self.alpha, gain });
                // The first block of a stage adds to a convolution, whose variance is one again.
                variance = if block == 0 { 1.0 } else { variance } + self.alpha * self.alpha;
                (before, number) = (width, number + 1);
            }
        }
        layout.skip(|name| name.ends_with("head.fc.weight") || name.ends_with("head.fc.bias"));
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("clip.has_vision_encoder", true);
        keys.set("clip.vision.image_size", self.side);
        keys.set("ocelli.vision.architecture", MODEL_TYPE);
        keys.set("ocelli.vision.stem_width", self.stem);
        keys.set("ocelli.vision.stage_blocks", self.depths.clone());
        keys.set("ocelli.vision.stage_widths", self.widths.clone());
    }
}
