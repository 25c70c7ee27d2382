//! How positions enter a decoder, and which of them its layers see, from the keys llama.cpp writes under
//! `<architecture>.*`.

use super::Position;
use super::architectures::{Architecture, MAX_ALIBI};
use crate::blocks::rope::{LONG, Rope, SHORT, Sections};
use crate::error::Error;
use crate::kernels::{Exec, Growth, Pairs, Rows};
use crate::weights::Scope;
use crate::weights::header::{self, Header};
use ocelli_quant::gguf::Value;

/// With xPos, positions beyond which queries are multiplied by the logarithm of theirs (Sun et al. 2022, as in the makers' code).
const LONG_QUERIES: u32 = 2_048;

/// What RoPE turns by; nothing where there is none.
#[derive(Default)]
pub(super) struct Turns {
    /// Radians a position, of layers that see everything and of those with a window, where these have their own.
    pub frequencies: [Vec<f32>; 2],
    /// Those of layers that see everything in long sequences, where they are others.
    long: Vec<f32>,
    /// Multiplies cosines and sines.
    scale: f32,
    /// The axis each of them takes its position from, where rows have three.
    pub axes: Vec<u8>,
    /// With xPos, what each pair of queries grows by; their angles are the first, those of keys the second.
    growth: Vec<f32>,
    /// Where nothing grows, and positions for one power.
    grows: (u32, f32),
}

impl Turns {
    /// Those of a rope, divided by the factors that the file may have; `local` where some layers have a window.
    pub fn load(scope: &Scope, rope: Rope, local: bool) -> Result<Self, Error> {
        const FACTORS: &str = "rope_freqs.weight";
        let factors = |name: &str| scope.vector(name, rope.width / 2);
        let (all, long) = if rope.short.is_some() {
            (rope.spread(factors(SHORT)?.get()), rope.spread(factors(LONG)?.get()))
        } else {
            let factors = scope.has(FACTORS).then(|| factors(FACTORS)).transpose()?;
            (rope.global(factors.as_ref().map(|f| f.get())), Vec::new())
        };
        let local = if local { rope.local() } else { Vec::new() };
        Ok(Self { frequencies: [all, local], long, scale: rope.scale, axes: rope.axes(), ..Self::default() })
    }

    /// Those of a rope whose queries grow and whose keys fall, by one power of their scales in `span` positions.
    pub fn grown(rope: Rope, span: f32, context: usize) -> Self {
        let frequencies = rope.global(None);
        let centre = u32::try_from(context / 2).unwrap_or(u32::MAX);
        Self {
            frequencies: [frequencies.clone(), frequencies],
            scale: rope.scale,
            growth: growth(rope.width),
            grows: (centre, span),
            ..Self::default()
        }
    }

    /// The angles of a batch's rows: so many in order, and whether they are turned as those of long sequences.
    pub fn angles(
        &self,
        exec: &mut Exec<'_>,
        to: [Rows; 2],
        positions: &[u32],
        turns: &[(usize, bool)],
    ) -> Result<(), Error> {
        let Self { frequencies, long, scale, axes, growth, grows: (centre, span) } = self;
        if long.is_empty() {
            for (frequencies, angles) in frequencies.iter().zip(to).filter(|(f, _)| !f.is_empty()) {
                exec.angles(frequencies, axes, *scale, positions, angles)?;
            }
            if !growth.is_empty() {
                let queries = Growth { scales: growth, centre: *centre, span: *span, long: LONG_QUERIES };
                exec.grow(queries, positions, to[0])?;
                exec.grow(Growth { span: -span, long: 0, ..queries }, positions, to[1])?;
            }
            return Ok(());
        }
        let (mut start, each) = (0, if axes.is_empty() { 1 } else { 3 });
        for &(count, is_long) in turns.iter().filter(|(count, _)| *count > 0) {
            let own = [if is_long { long } else { &frequencies[0] }, &frequencies[1]];
            let positions = &positions[start * each..(start + count) * each];
            for (frequencies, angles) in own.into_iter().zip(to).filter(|(f, _)| !f.is_empty()) {
                exec.angles(frequencies, axes, *scale, positions, angles.slice(start, count))?;
            }
            start += count;
        }
        Ok(())
    }
}

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

/// Positions of the longest context with xPos: over more, keys grow beyond what a cache of halves holds.
const MOST_GROWN: usize = 4_096;

/// Sines that are added to the embeddings (KOSMOS-2), or xPos (KOSMOS-1).
pub(super) fn magneto(
    header: &Header,
    a: &Architecture,
    width: usize,
    head_width: usize,
    context: usize,
) -> Result<Position, Error> {
    const KEY: &str = "position";
    match header.text(KEY)? {
        "waves" if width < 4 => Err(header.bad("embedding_length", width, "must be at least 4 for sines of positions")),
        "waves" => Ok(Position::Waves { offset: header.count_or("position_offset", 0..=1024, 0)? }),
        "xpos" if context > MOST_GROWN => {
            Err(header.bad("context_length", context, format!("must be at most {MOST_GROWN} with xPos")))
        }
        "xpos" => {
            let rope = rope(header, a, Pairs::Adjacent, head_width)?;
            if rope.width != head_width || rope.short.is_some() || rope.sections.is_some() {
                return Err(header.bad(KEY, "xpos", "turns whole heads, by one set of frequencies and on one axis"));
            }
            Ok(Position::XPos { rope, span: header.positive("xpos_scale_base")?.unwrap_or(512.0) })
        }
        other => Err(header.bad(KEY, other, "must be waves or xpos")),
    }
}

/// Radians a position of the sines that are added to rows of `width` numbers (Vaswani et al. 2017, as fairseq has them: all
/// sines, then all cosines, of frequencies from 1 to 1/10000), each step rounded to f32 as in the originals.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(super) fn waves(width: usize) -> Vec<f32> {
    let half = width / 2;
    let step = -(10_000f64.ln() / (half - 1) as f64) as f32;
    (0..half).map(|i| f64::from(i as f32 * step).exp() as f32).collect()
}

/// The scales of xPos for heads of `width` numbers.
#[allow(clippy::cast_precision_loss)]
pub(super) fn growth(width: usize) -> Vec<f32> {
    let width = width as f32;
    (0..width as usize / 2).map(|j| (2.0 * j as f32 + 0.4 * width) / (1.4 * width)).collect()
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
