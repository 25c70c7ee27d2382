//! MiniGPT-4 (Zhu et al. 2023; Chen et al. 2023): a tower and bridge that are other families', whose rows stand among the
//! words of a LLaMA's prompt.
//!
//! ```text
//! picture -> ViT (all rows, normed) -> Q-Former (learned queries) -> linear -> rows in the prompt's place
//! picture -> ViT (all rows, normed) -> without the class row, four neighbours side by side -> linear -> the same
//! ```
//!
//! The first is that of Vicuna, the second that of LLaMA 2 and of MiniGPT-v2. Unlike BLIP-2's, the rows stand wherever the
//! prompt has its picture, behind the begin token.

use super::compose::InOrder;
use super::{Family, blip2, llava, reads_nothing};
use crate::error::Error;
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    if Header::new(file, "ocelli.qformer.").get("query_count").is_none() {
        return llava::load(file);
    }
    let mut family = blip2::whole(file, None)?;
    if let Some(speaks) = &mut family.speaks {
        reads_nothing(file, &speaks.decoder)?;
        speaks.compose = Box::new(InOrder::read(file)?);
    }
    Ok(family)
}
