//! The classes of image processors: what each is called, which may stand for which, and what it has where its file says nothing.

use super::HALF;
use crate::error::ConvertError;
use crate::settings::Object;
use ocelli_quant::gguf::keys::{CLIP_MEAN, CLIP_STD};

/// The class of an image processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Blip,
    /// Of InstructBLIP's videos: what is BLIP's of pictures, in a file of its own.
    BlipVideo,
    Idefics,
    /// CLIP's, and LLaVA's with padding.
    Clip,
    /// CLIP's of which LLaVA's own repository takes all but the fit, which the model's configuration says.
    Llava {
        /// Pictures are made square by room; otherwise they are cut into tiles.
        pads: bool,
    },
    /// LLaVA-NeXT's.
    Tiles,
    /// mPLUG-Owl's: stretched, whatever is said of cutting.
    Owl,
    /// Gemma 3's: stretched.
    Gemma,
    /// InternVL's: cut into the grid of tiles whose shape is closest.
    Closest,
}

impl Class {
    pub(super) fn of(config: &Object, otherwise: Self) -> Result<Self, ConvertError> {
        const KEY: &str = "image_processor_type";
        let Some(kind) = config.text(KEY)? else { return Ok(otherwise) };
        let names = [
            ("BlipImageProcessor", Self::Blip),
            ("InstructBlipVideoImageProcessor", Self::BlipVideo),
            ("IdeficsImageProcessor", Self::Idefics),
            ("CLIPImageProcessor", Self::Clip),
            ("CLIPFeatureExtractor", Self::Clip),
            ("LlavaImageProcessor", Self::Clip),
            ("LlavaNextImageProcessor", Self::Tiles),
            ("MplugOwlImageProcessor", Self::Owl),
            ("Gemma3ImageProcessor", Self::Gemma),
            ("GotOcr2ImageProcessor", Self::Closest),
        ];
        let found = names.iter().find(|(name, _)| kind.starts_with(name)).map(|(_, class)| *class);
        let kinds: &[_] = match otherwise {
            Self::Blip | Self::BlipVideo | Self::Idefics => &[Self::Blip, Self::BlipVideo, Self::Idefics],
            Self::Clip | Self::Llava { .. } => &[Self::Clip],
            Self::Tiles => &[Self::Tiles],
            Self::Owl => &[Self::Owl],
            Self::Gemma => &[Self::Gemma],
            Self::Closest => &[Self::Closest],
        };
        let found = found.filter(|class| kinds.contains(class));
        let of_llava = matches!(otherwise, Self::Llava { .. });
        found.map(|class| if of_llava { otherwise } else { class }).ok_or_else(|| {
            let known = names.iter().filter(|(_, class)| kinds.contains(class)).map(|(name, _)| format!("'{name}'"));
            let known = known.collect::<Vec<_>>().join(", ");
            config.unsupported(KEY, format!("'{kind}'"), format!("only {known} are"))
        })
    }

    /// The mean and the deviation, and Pillow's number of the filter, where the file says nothing.
    pub(super) fn usual(self) -> ([f64; 3], [f64; 3], u64) {
        if self == Self::Gemma { (HALF, HALF, 2) } else { (CLIP_MEAN, CLIP_STD, 3) }
    }

    pub(super) fn cuts(self) -> bool {
        matches!(self, Self::Clip | Self::Llava { .. } | Self::Tiles)
    }
}
