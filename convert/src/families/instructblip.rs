//! InstructBLIP (Dai et al. 2023) as transformers saves it, for pictures or for videos, which are four pictures: BLIP-2 whose
//! Q-Former reads the prompt's text, with the tokenizer of that text in a folder of its own.
//!
//! The weights have the names of BLIP-2's but for the Q-Former's embeddings. Checkpoints before the placeholder `<image>`
//! name none; their pictures' rows stand at the same place.

use super::blip2::Blip2;
use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::settings::Object;

/// The `model_type` of the classes that take videos.
const VIDEO: &str = "instructblipvideo";

pub(crate) const FAMILY: Family = Family { name: "instructblip", model_types: &["instructblip", VIDEO], read };

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    let videos = config.text("model_type")? == Some(VIDEO);
    Ok(Box::new(Blip2::read(config, Some(videos))?))
}
