//! The memory a session will need, by kind, from the header alone: no weight is touched to compute it.

use crate::blocks::cache::slots;
use crate::blocks::decoder::DecoderRows;
use crate::image::Cut;
use crate::kernels::{CacheShape, CacheType, Device, Layout};
use crate::models::{Encoder, Family, Sees};
use ocelli_quant::TensorType;
use std::sync::Arc;

/// What a session is laid out for. Zeroes mean the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionOptions {
    /// Positions a sequence may reach, prompt, pictures and new tokens together; 0 is all the model was made for. Where an
    /// encoder reads prompts, a prompt with its pictures may have as many, and a text as many of its own.
    pub context: usize,
    /// Sequences that grow side by side, in beam search or where continuations are scored; 0 is 1.
    pub beams: usize,
    /// Most new tokens of a beam; 0 is the whole context. Beams share their prompt, so each costs this much more, in pages of
    /// sixteen positions.
    pub new_tokens: usize,
    /// Rows of a prompt that pass through the model together; 0 is 256. More is faster and needs more scratch. Where a
    /// picture's rows see one another it is at least as many as these.
    pub batch: usize,
    /// Number format of keys and values; `None` is f32 beside f32 weights, f16 beside all others.
    pub cache: Option<CacheType>,
    /// Bytes of encoded pictures to keep, so that a picture is not encoded twice; `None` is room for sixteen, or 64 MiB where
    /// these would take more. The last picture is kept in any case. All pictures of a prompt are in memory until it is read,
    /// what of them is not kept on top of the plan.
    pub image_cache: Option<usize>,
    /// Pictures whose keys and values are kept at once, where a model attends to each by itself: as many different ones as
    /// a prompt has, at least; 0 is 33, which is thirty-two examples and the question.
    pub images: usize,
    /// Most frames of a video; 0 is 1, which is pictures only. Each takes the room of a picture's rows.
    pub frames: usize,
    /// Sessions with these very options that run side by side, each on a thread of its own, as many as that at most; 0 is 1.
    /// They share one arena and one cache, in which each has its own positions, and what they run at the same time goes
    /// through the model as one batch: weights are read once for all of them. Many rows in company are summed in another order
    /// than alone, so that logits may differ in their last bits.
    pub parallel: usize,
    /// Refuse to start where the plan needs more bytes than this; 0 is no limit.
    pub budget: u64,
}

/// Bytes by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The file, mapped: clean pages that the system may drop and read again.
    pub mapped: u64,
    /// Keys and values; only positions that are used cost memory.
    pub cache: u64,
    /// Activations, of the tower or the language model, whichever needs more.
    pub scratch: u64,
    /// Encoded pictures that are kept, at most.
    pub images: u64,
    /// Vocabulary and its tables.
    pub tokenizer: u64,
    /// Decoding and resizing a picture of a megapixel, a video's further frames of that size, logits on the host, the program
    /// itself.
    pub other: u64,
}

impl Plan {
    /// Memory of the process's own, which no file backs.
    #[must_use]
    pub fn anonymous(&self) -> u64 {
        self.cache + self.scratch + self.images + self.tokenizer + self.other
    }

    /// What sessions of the same model do not have in common.
    pub(crate) fn own(&self) -> u64 {
        self.cache + self.scratch + self.images + self.other
    }

    /// Everything, the mapped file included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.mapped + self.anonymous()
    }
}

/// Most bytes of encoded pictures that are kept where nobody says how many: pictures in tiles are tens of megabytes each, and
/// sixteen of them would be more than their language model's keys and values.
const IMAGE_CACHE: usize = 64 << 20;

/// Bytes of encoded pictures that are kept, of `image` bytes each at most.
fn image_cache(asked: Option<usize>, image: usize) -> usize {
    asked.unwrap_or((16 * image).min(IMAGE_CACHE)).max(image)
}

/// [`SessionOptions`] with the defaults filled in from a model.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Positions a sequence may reach.
    pub context: usize,
    pub batch: usize,
    pub image_cache: usize,
    /// Rows of logits computed together.
    pub logits: usize,
    /// Sequences that may grow side by side in beam search.
    pub beams: usize,
    /// Most new tokens of each.
    pub new_tokens: usize,
    /// Most frames of a video.
    pub frames: usize,
    /// Sessions side by side.
    pub parallel: usize,
    /// Rows of all of them that pass through the model together.
    pub most: usize,
    /// Of one session, as the two below.
    pub kv: CacheShape,
    /// Keys and values of pictures that are attended to by themselves.
    pub media: Option<CacheShape>,
    /// Keys and values of a prompt that an encoder reads.
    pub source: Option<CacheShape>,
}

/// The type of cache that loses nothing beside weights of type `ty`.
pub fn cache_type_beside(ty: TensorType) -> CacheType {
    if ty == TensorType::F32 { CacheType::F32 } else { CacheType::F16 }
}

/// Bytes of one encoded picture, of a model that takes some.
fn image_bytes(sees: &dyn Sees) -> usize {
    sees.kept(sees.largest()) * 4
}

/// Fills in the defaults. A context beyond the model's is cut to it; a model without language model has none.
pub fn resolve(family: &Family, options: &SessionOptions) -> Resolved {
    let or = |value: usize, default: usize| if value == 0 { default } else { value };
    let image = family.sees.as_deref().map_or(0, image_bytes);
    let most = family.speaks.as_ref().map_or(0, |speaks| speaks.decoder.config.context);
    let context = or(options.context, most).min(most);
    let beams = or(options.beams, 1);
    let parallel = or(options.parallel, 1);
    let new_tokens = or(options.new_tokens, context).min(context);
    let together = family.sees.as_ref().filter(|sees| sees.two_way()).map_or(0, |sees| sees.largest().positions);
    let batch = or(options.batch, 256).max(together).min(context).max(beams);
    // Beams that grow beyond what is short are read again beside their prompt, which stays.
    let short = family.speaks.as_ref().and_then(|speaks| speaks.decoder.config.short());
    let again = short.filter(|&short| beams > 1 && short < context).map_or(0, |short| slots(short, 1, 0));
    let slots = slots(context, beams, new_tokens).saturating_add(again);
    let caches = family.speaks.as_ref().map(|speaks| {
        let ty = options.cache.unwrap_or_else(|| cache_type_beside(speaks.decoder.weight_type()));
        let media = speaks.media_shape(or(options.images, 33), ty);
        (speaks.decoder.cache_shape(slots, ty), media, speaks.decoder.source_shape(context, ty))
    });
    let none = CacheShape::NONE;
    let (kv, media, source) = caches.unwrap_or((none, None, None));
    Resolved {
        context,
        batch,
        image_cache: image_cache(options.image_cache, image),
        logits: beams.max(8).min(batch),
        parallel,
        most: batch.max(parallel * beams),
        beams,
        new_tokens,
        frames: or(options.frames, 1),
        kv,
        media,
        source,
    }
}

/// Tower and bridge, and the language model, with their places in the arena that they share.
pub struct Laid {
    /// All of them.
    pub layout: Layout,
    /// Of tower and bridge, where sessions are side by side: one is shown a picture while others write.
    pub sight: Option<Layout>,
    /// Where the model takes pictures.
    pub encoder: Option<Box<dyn Encoder>>,
    /// Where it has a language model.
    pub rows: Option<DecoderRows>,
}

impl Resolved {
    /// The activations: tower and language model take turns in one arena, unless sessions are side by side.
    pub fn lay_out(&self, family: &Family) -> Laid {
        let mut layout = Layout::default();
        let start = layout.mark();
        let sees = family.sees.as_ref().map(Arc::clone);
        let encoder = sees.map(|sees| sees.layout(&mut layout, self.frames));
        let sight = (self.parallel > 1).then(|| std::mem::take(&mut layout));
        layout.rewind(start);
        let logits = self.logits.max(self.parallel * self.beams).min(self.most);
        let speaks = family.speaks.as_ref();
        let rows = speaks.map(|speaks| speaks.layout(&mut layout, self.most, logits, self.context));
        Laid { layout, sight, encoder, rows }
    }

    /// The shape of the cache of all sessions, of one session's.
    pub fn shared(&self, shape: CacheShape) -> CacheShape {
        CacheShape { slots: shape.slots * self.parallel, ..shape }
    }

    pub fn plan(&self, device: &dyn Device, family: &Family, mapped: u64, tokenizer: usize) -> Plan {
        const PROGRAM: usize = 8 << 20;
        let pixels = family.sees.as_ref().map_or(0, |sees| {
            let largest = sees.largest();
            let prepared = largest.size.0 as usize * largest.size.1 as usize * 3;
            let picture = 1024 * 1024 * 3;
            // All tiles as bytes, twice while they are cut, and one of them as numbers.
            let shown = largest.tiles * 2 - 1;
            let first =
                if let Cut::Split(split) = &sees.preprocess().cut { (split.longest as usize).pow(2) * 3 } else { 0 };
            (2 + self.frames) * picture + first + prepared * (shown + 4 + 4) + sees.own_bytes()
        });
        let vocabulary = family.speaks.as_ref().map_or(0, |speaks| speaks.decoder.config.vocabulary);
        let Laid { layout, sight, .. } = self.lay_out(family);
        let caches = [Some(self.kv), self.media, self.source].into_iter().flatten();
        Plan {
            mapped,
            cache: caches.map(|shape| self.shared(shape).bytes() as u64).sum(),
            scratch: [Some(layout), sight].iter().flatten().map(|layout| device.arena_bytes(layout) as u64).sum(),
            images: (self.image_cache * self.parallel) as u64,
            tokenizer: tokenizer as u64,
            other: (PROGRAM + (pixels + vocabulary * 4 * self.logits * 2) * self.parallel) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IMAGE_CACHE, image_cache};

    #[test]
    fn sixteen_pictures_are_kept_unless_they_are_large_and_one_always() {
        let kept = |image: usize| image_cache(None, image) / image;
        assert_eq!([1 << 10, 4 << 20, 5 << 20, 48 << 20, 100 << 20].map(kept), [16, 16, 12, 1, 1]);
        assert_eq!([image_cache(Some(0), 7), image_cache(Some(9), 7), image_cache(None, 0)], [7, 9, 0]);
        assert_eq!(image_cache(None, 48 << 20), IMAGE_CACHE);
    }
}
