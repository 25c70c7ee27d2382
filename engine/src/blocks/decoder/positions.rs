//! How positions enter a decoder, and which of them its layers see, from the keys llama.cpp writes under
//! `<architecture>.*`.

use super::architectures::{Architecture, MAX_ALIBI};
use crate::blocks::rope::{LONG, Rope, Sections};
use crate::error::Error;
use crate::kernels::Pairs;
use crate::weights::header::{self, Header};
use ocelli_quant::gguf::Value;

/// The window and the layers that have it.
pub(super) fn window(header: &Header, a: &Architecture, blocks: usize) -> Result<(usize, Vec<bool>), Error> {
    const PATTERN: &str = "attention.sliding_window_pattern";
    let window = header.count_or("attention.sliding_window", 0..=*header::CONTEXT.end(), a.window)?;
    if window == 0 {
        return Ok((0, vec![false; blocks]));
    }
    let local = match header.get(PATTERN) {
        Some(Value::Array(array)) => {
            let local: Vec<bool> = match array.elements() {
                Some(local) => local.collect(),
                None => return Err(header.bad(PATTERN, array.element().name(), "must be bools or a number")),
            };
            if local.len() != blocks {
                return Err(header.bad(PATTERN, format!("{} layers", local.len()), format!("must be {blocks}")));
            }
            local
        }
        _ => {
            let pattern = header.count_or(PATTERN, 0..=*header::LAYERS.end(), a.pattern)?;
            (0..blocks).map(|layer| pattern == 0 || layer % pattern + 1 != pattern).collect()
        }
    };
    Ok((window, local))
}

/// The power of one half of the gentlest slope; 0 is written for none.
pub(super) fn alibi(header: &Header, a: &Architecture) -> Result<Option<f32>, Error> {
    match header.get(MAX_ALIBI) {
        Some(value) if a.reads.contains(&MAX_ALIBI) && value != Value::F32(0.0) => header.positive(MAX_ALIBI),
        _ => Ok(None),
    }
}

pub(super) fn rope(header: &Header, a: &Architecture, pairs: Pairs, head_width: usize) -> Result<Rope, Error> {
    const WIDTH: &str = "rope.dimension_count";
    let width = header.count_or(WIDTH, 1..=head_width, head_width)?;
    if !width.is_multiple_of(2) {
        return Err(header.bad(WIDTH, width, "must be even"));
    }
    let kind = match header.get("rope.scaling.type") {
        None => "linear",
        Some(_) => header.text("rope.scaling.type")?,
    };
    let factor = match header.positive("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => header.positive("rope.scale_linear")?,
    };
    let stretch = match kind {
        // The last one's factor says how much longer the longest context is, and is in the numbers of each pair already.
        "none" | "longrope" => 1.0,
        "linear" => factor.unwrap_or(1.0),
        other => return Err(header.bad("rope.scaling.type", other, "must be none, linear or longrope")),
    };
    // Files of Phi 3 say so by the tensor alone.
    let long = kind == "longrope" || header.file().tensor(LONG).is_some();
    Ok(Rope {
        width,
        pairs,
        base: header.positive("rope.freq_base")?.unwrap_or(10_000.0),
        stretch,
        scale: header.positive("rope.scaling.attn_factor")?.unwrap_or(1.0),
        short: long.then(|| header.count("rope.scaling.original_context_length", header::CONTEXT)).transpose()?,
        local_base: header.positive("rope.freq_base_swa")?.or(a.local_base),
        sections: sections(header, a, width / 2)?,
    })
}

/// How many of the pairs take which axis of positions.
fn sections(header: &Header, a: &Architecture, pairs: usize) -> Result<Option<Sections>, Error> {
    const KEY: &str = "rope.dimension_sections";
    if header.get(KEY).is_none() {
        return Ok(None);
    }
    let mut counts = header.counts(KEY, 0..=pairs, 4)?;
    // Writers put a fourth number behind, of an axis that nothing has.
    counts.resize(4, 0);
    let [time, height, width, 0] = counts[..] else {
        return Err(header.bad(KEY, format!("{counts:?}"), "the fourth number must be 0: positions have three axes"));
    };
    let all = time + height + width;
    if all != pairs {
        let rule = format!("must be together the {pairs} pairs of a head that are turned, not {all}");
        return Err(header.bad(KEY, format!("{counts:?}"), rule));
    }
    Ok(Some(Sections { counts: [time, height, width], interleaved: a.interleaved }))
}
