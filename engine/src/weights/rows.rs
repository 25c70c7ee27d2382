//! Most rows of a picture: what the file says, or whoever opens it, and what is usual where neither does.

use super::header::Header;
use super::projector::{BOUNDS, QWEN, VISION, of};
use crate::error::Error;
use ocelli_quant::gguf::{Gguf, Named, TensorInfo};
use std::sync::Arc;

/// The key of most rows that a picture may become.
pub const MAX_ROWS: &str = "ocelli.image.max_rows";

/// A model whose pictures become at most so many rows, where that depends on their size; others stay as they are. A family that
/// cannot do with so few refuses them when it is opened.
///
/// # Errors
/// [`Error::Gguf`] where the key cannot be added.
pub fn limit_image_rows(file: Gguf, rows: u32) -> Result<Gguf, Error> {
    let same = |info: &TensorInfo| vec![Named { name: info.name.clone(), shape: info.shape.clone(), skip: 0 }];
    Ok(file.with(vec![(MAX_ROWS.to_owned(), rows.into())], same)?)
}

/// Most rows of a picture that has a size of its own where neither the file nor whoever opens it says: a tower takes some ten
/// seconds for them on two cores.
pub const USUAL_ROWS: usize = 1_024;

/// The most rows that a file, or whoever opens it, wants a picture to become.
///
/// # Errors
/// [`Error::BadParameter`] for 0, [`Error::Gguf`] for another type.
pub fn most_rows(file: &Arc<Gguf>) -> Result<Option<usize>, Error> {
    let image = Header::new(file, "ocelli.image.");
    let name = "max_rows";
    image.get(name).map(|_| image.count(name, 1..=u32::MAX as usize)).transpose()
}

/// Says where pictures become fewer rows than their makers allow.
pub(super) fn fewer(file: &Gguf) -> Option<String> {
    // Of other families nothing is scaled.
    of(file).ok().flatten().filter(|projector| QWEN.contains(&projector.name))?;
    let number = |key: &str| file.u32(&format!("{VISION}{key}")).ok().flatten().map(u64::from);
    let side = number("patch_size")?.checked_mul(number("spatial_merge_size").unwrap_or(2))?;
    let square = side.checked_pow(2)?;
    let allowed = number(BOUNDS[1])?.checked_div(square)?;
    let usual = USUAL_ROWS as u64;
    (file.get(MAX_ROWS).is_none() && allowed > usual).then(|| {
        format!("pictures become at most {usual} rows, where the model's makers allow {allowed}: --image-max-rows takes another number")
    })
}
