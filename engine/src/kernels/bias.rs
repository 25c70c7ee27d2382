//! What attention adds to its scores, head by head, for how far a key lies from its query.
//!
//! The non-obvious thing: learned numbers stand in buckets of distances, but every key asks for one. So a [`Relative`] has
//! them spread out, a number for each distance up to where all further ones share a bucket: a row of scores then adds a
//! row of numbers.

use crate::error::Error;
use crate::weights::{Scope, Table};

/// What becomes of the scores, behind their scale. The distance is the key's position less the query's.
#[derive(Clone, Copy)]
pub enum Bias<'a> {
    /// Nothing.
    None,
    /// Scores fall with the distance, in each head by a slope of its own (ALiBi; Press et al. 2022).
    Slopes {
        /// The gentlest head's slope is exactly, the steepest one's about 2 to the minus this.
        max: f32,
    },
    /// A learned number for each head and bucket of distances (Raffel et al. 2020, section 2.1).
    Relative(&'a Relative),
    /// `cap tanh(score / cap)` (Gemma 2; Bello et al. 2016).
    Capped {
        /// What no score reaches.
        cap: f32,
    },
}

/// The [`Bias`] of one head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HeadBias<'a> {
    /// Nothing.
    None,
    /// Taken off for each position between.
    Slope(f32),
    /// A number for each distance from minus to plus half of the length; those beyond share the ends.
    Line(&'a [f32]),
    /// Held between minus and plus this.
    Cap(f32),
}

impl<'a> Bias<'a> {
    /// That of one of `heads` heads. Slopes are geometric; heads that are no power of two have those of the power below, and
    /// between them those of twice as many.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // heads are some thousands at most
    pub fn of(self, head: usize, heads: usize) -> HeadBias<'a> {
        match self {
            Self::None => HeadBias::None,
            Self::Slopes { max } => {
                let whole = 1 << heads.ilog2();
                let steps = if head < whole { (head + 1) as f32 } else { (head - whole) as f32 + 0.5 };
                HeadBias::Slope((-max * steps / whole as f32).exp2())
            }
            Self::Relative(relative) => HeadBias::Line(relative.line(head)),
            Self::Capped { cap } => HeadBias::Cap(cap),
        }
    }
}

/// Learned numbers by distance, see [`Bias::Relative`].
#[derive(Debug, Clone)]
pub struct Relative {
    /// `[head][distance]`
    lines: Vec<f32>,
    buckets: Buckets,
}

/// Which distances share a number: near ones have a bucket each, further ones share ever larger buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    count: usize,
    reach: usize,
    two_sided: bool,
}

impl Buckets {
    /// Most buckets, and most of the distances that are told apart.
    const MOST: usize = 4096;

    /// `count` buckets; all distances from `reach` on share the last. Where they are not `two_sided`, keys behind the query
    /// are as near as the query itself.
    ///
    /// # Errors
    /// The rule that these numbers break, for a message that names their keys.
    pub fn new(count: usize, reach: usize, two_sided: bool) -> Result<Self, String> {
        let least = if two_sided { 4 } else { 2 };
        if !(least..=Self::MOST).contains(&count) {
            return Err(format!("the buckets must be between {least} and {}", Self::MOST));
        }
        let buckets = Self { count, reach, two_sided };
        if reach <= buckets.exact() || reach > Self::MOST {
            let near = buckets.exact();
            return Err(format!(
                "the furthest distance of {count} buckets must be above {near}, at most {}",
                Self::MOST
            ));
        }
        Ok(buckets)
    }

    /// Buckets of one side.
    fn side(self) -> usize {
        if self.two_sided { self.count / 2 } else { self.count }
    }

    /// Distances that have a bucket each.
    fn exact(self) -> usize {
        self.side() / 2
    }

    /// The bucket of a distance, in f32 as the original computes it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // all are small
    pub fn of(self, distance: i64) -> usize {
        let first = if self.two_sided && distance > 0 { self.side() } else { 0 };
        let distance = if self.two_sided || distance < 0 { distance.unsigned_abs() as usize } else { 0 };
        let (side, exact) = (self.side(), self.exact());
        if distance < exact {
            return first + distance;
        }
        let of = (self.reach as f64 / exact as f64).ln() as f32;
        let further = (distance as f32 / exact as f32).ln() / of * (side - exact) as f32;
        first + (exact + further as usize).min(side - 1)
    }
}

impl Relative {
    /// The numbers of `name.weight`, buckets x `heads`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::WrongShape`].
    pub fn load(scope: &Scope, name: &str, heads: usize, buckets: Buckets) -> Result<Self, Error> {
        Ok(Self::new(&scope.table(name, buckets.count, heads)?, buckets))
    }

    fn new(table: &Table, buckets: Buckets) -> Self {
        let (heads, distances) = (table.width(), 2 * buckets.reach + 1);
        let mut lines = vec![0.0; heads * distances];
        let mut numbers = vec![0.0; heads];
        let mut decoded = None;
        for (at, distance) in (0..distances).zip(-(buckets.reach.cast_signed() as i64)..) {
            let bucket = buckets.of(distance);
            if decoded.replace(bucket) != Some(bucket) {
                table.decode_row(bucket, &mut numbers);
            }
            for (line, &number) in lines.chunks_exact_mut(distances).zip(&numbers) {
                line[at] = number;
            }
        }
        Self { lines, buckets }
    }

    /// A head's numbers, see [`HeadBias::Line`].
    #[must_use]
    pub fn line(&self, head: usize) -> &[f32] {
        let distances = 2 * self.buckets.reach + 1;
        &self.lines[head * distances..(head + 1) * distances]
    }

    /// Heads that there are numbers for.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.lines.len() / (2 * self.buckets.reach + 1)
    }
}
