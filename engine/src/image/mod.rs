//! Pictures: from a file, a GIF's frames, or RGB rows, to the numbers a vision tower reads.
//!
//! The chain is `decode` -> [`resize`] -> [`Preprocess`], and its reference is what the published checkpoints were
//! trained and evaluated with: Pillow for decoding and resizing, `BlipImageProcessor` of transformers for the rest.
//!
//! The non-obvious thing: every stage is bit-exact to that reference. files give exactly Pillow's pixels (`others` has
//! the one exception); what Pillow opens and this does not is refused by name.
//!
//! Size is decided from the header alone, before anything of that size is allocated: see [`probe`].

mod closest;
#[cfg(feature = "decode-images")]
mod decode;
mod error;
mod filter;
mod fit;
#[cfg(feature = "decode-images")]
mod gif;
mod hash;
mod header;
#[cfg_attr(not(feature = "decode-images"), expect(dead_code, reason = "only decoding needs it all"))]
mod jpeg;
mod keys;
#[cfg(feature = "decode-images")]
mod large;
mod others;
mod picture;
mod preprocess;
mod resize;
mod scaled;
mod sizes;
mod split;
mod tiff;
mod tiles;
#[cfg(feature = "decode-images")]
mod turned;
mod video;
mod views;

pub use closest::Closest;
#[cfg(feature = "decode-images")]
pub use decode::{DecodeOptions, decode, decode_with};
pub use error::ImageError;
pub use filter::Filter;
pub use fit::Fit;
#[cfg(feature = "decode-images")]
pub use gif::decode_gif;
pub use hash::{bytes_hash, content_hash};
pub(crate) use hash::{hash_bytes, mixed};
pub use header::{Container, ImageInfo, probe};
pub use large::Large;
pub use picture::{ImageLimits, Picture};
pub use preprocess::{CLIP_MEAN, CLIP_STD, Cut, Pixels, Preprocess};
pub use resize::{PassOrder, resize};
pub use scaled::Scaled;
pub use split::Split;
pub use tiles::{Tiles, unpadded};
pub use video::{Video, sample};
pub use views::Views;
