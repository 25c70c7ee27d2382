//! What is added to a checkpoint's tensors as they are read: the weights that a delta was taken from, and updates of low
//! rank (LoRA, Hu et al. 2021). Nothing merged is ever held: a chunk is added to as it is decoded.
//!
//! The non-obvious thing: the two factors of an update are needed whole for every row, and rows may be read one by one. Those
//! of the last few tensors are kept, since tensors are read one after the other.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Checkpoint, Dtype, Tensor};
use crate::error::ConvertError;

/// Tensors whose factors are kept: more than are read at once.
const KEPT: usize = 4;
/// The tables with a row for each token, of which a delta may have more than its base.
const TOKENS: [&str; 2] = ["model.embed_tokens.weight", "lm_head.weight"];

/// Why something cannot be added to a tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A delta and what it was taken from are of different shapes.
    #[error(
        "tensor '{tensor}' is {delta:?} in the delta and {base:?} in --base: both must be the same, but for rows of {} and {} that the delta has more",
        TOKENS[0], TOKENS[1]
    )]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape in the delta.
        delta: Vec<u64>,
        /// In what the delta was taken from.
        base: Vec<u64>,
    },
    /// One of the two lacks a tensor of the other.
    #[error("tensor '{tensor}' is {there} and not {missing}: the delta was taken from another model")]
    Alone {
        /// The tensor.
        tensor: String,
        /// Where it is.
        there: &'static str,
        /// Where it is not.
        missing: &'static str,
    },
    /// An update's factors do not fit what they update.
    #[error(
        "the adapter's '{tensor}' of {down:?} and {up:?}, of rank {rank}, do not make the {target:?} of what they change"
    )]
    Factors {
        /// The tensor that is changed.
        tensor: String,
        /// The rank by the adapter's configuration.
        rank: u64,
        /// The factor that is multiplied with the input.
        down: Vec<u64>,
        /// The factor that makes the output.
        up: Vec<u64>,
        /// The shape of what is changed.
        target: Vec<u64>,
    },
    /// The adapter changes what is not there.
    #[error("the adapter changes '{tensor}', which the language model does not have")]
    NoTarget {
        /// The tensor.
        tensor: String,
    },
    /// A delta's tensor that an adapter changes, too.
    #[error(
        "tensor '{tensor}' is a delta's and the adapter changes it, too; convert the delta to a model first, then merge the adapter into that"
    )]
    Twice {
        /// The tensor.
        tensor: String,
    },
    /// The adapter has one factor of an update without the other.
    #[error("the adapter has '{there}' without '{missing}'")]
    Half {
        /// The factor that is there.
        there: String,
        /// The one that is not.
        missing: String,
    },
}

impl MergeError {
    /// A stable name of the variant for programs and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "delta_shape",
            Self::Alone { .. } => "delta_alone",
            Self::Factors { .. } => "adapter_factors",
            Self::NoTarget { .. } => "adapter_target",
            Self::Half { .. } => "adapter_half",
            Self::Twice { .. } => "adapter_twice",
        }
    }
}

/// What is added to a tensor, each part with the number of its file.
#[derive(Debug)]
pub(super) enum Added {
    /// As many of its first elements.
    Whole(usize, Tensor),
    /// All of it: scale · up · down.
    LowRank { down: (usize, Tensor), up: (usize, Tensor), scale: f32 },
}

impl Added {
    pub(super) fn shifted(self, shards: usize) -> Self {
        let shift = |(shard, tensor)| (shard + shards, tensor);
        match self {
            Self::Whole(shard, tensor) => Self::Whole(shard + shards, tensor),
            Self::LowRank { down, up, scale } => Self::LowRank { down: shift(down), up: shift(up), scale },
        }
    }
}

/// The factors of an update, by rows.
#[derive(Debug)]
struct Factors {
    down: Vec<f32>,
    up: Vec<f32>,
}

/// Factors by the names of what they change, the newest last.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<(String, Arc<Factors>)>>);

impl Checkpoint {
    /// Takes a delta's base in: each of its tensors is added to the tensor of that name, or to its first rows where these are
    /// tokens'. Tensors that `own` names are the delta's alone.
    pub(crate) fn add_base(&mut self, base: Self, own: impl Fn(&str) -> bool) -> Result<(), ConvertError> {
        let alone = |tensor: &str, there, missing| MergeError::Alone { tensor: tensor.to_owned(), there, missing };
        if let Some(name) = self.names().find(|name| !own(name) && base.get(name).is_none()) {
            return Err(alone(name, "in the delta", "in --base").into());
        }
        let first = self.shards.len();
        self.shards.extend(base.shards);
        for (name, (shard, tensor)) in base.tensors {
            let Some(delta) = self.get(&name) else { return Err(alone(&name, "in --base", "in the delta").into()) };
            let fits = match (&*delta.shape, &*tensor.shape) {
                ([rows, cols], [mine, other]) if TOKENS.contains(&&*name) => mine <= rows && cols == other,
                (delta, base) => delta == base,
            };
            if !fits {
                return Err(MergeError::Shape { tensor: name, delta: delta.shape.clone(), base: tensor.shape }.into());
            }
            readable(&tensor)?;
            self.added.insert(name, Added::Whole(first + shard, tensor));
        }
        Ok(())
    }

    /// Takes an adapter in, whose tensors are factors by the names of what they change: `NAME.lora_A.weight` and
    /// `NAME.lora_B.weight`, with peft's `default` behind the letter or without.
    pub(crate) fn add_low_rank(&mut self, adapter: Self, rank: u64, scale: f32) -> Result<(), ConvertError> {
        let plain = |name: &str| name.replacen(".default.weight", ".weight", 1);
        let names: Vec<(String, String)> = adapter.names().map(|name| (plain(name), name.to_owned())).collect();
        let other = |name: &str| names.iter().find(|(plain, _)| plain == name).map(|(_, own)| own.as_str());
        let first = self.shards.len();
        let at = |name: &str| adapter.tensors.get(name).map(|(shard, tensor)| (first + shard, tensor.clone()));
        for (name, own) in &names {
            let half = |missing| MergeError::Half { there: name.clone(), missing };
            let Some(changed) = name.strip_suffix(".lora_A.weight") else {
                let Some(changed) = name.strip_suffix(".lora_B.weight") else {
                    return Err(MergeError::NoTarget { tensor: name.clone() }.into());
                };
                let down = format!("{changed}.lora_A.weight");
                if other(&down).is_none() {
                    return Err(half(down).into());
                }
                continue;
            };
            let pair = format!("{changed}.lora_B.weight");
            let (Some(down), Some(up)) = (at(own), other(&pair).and_then(at)) else { return Err(half(pair).into()) };
            let changed = format!("{changed}.weight");
            let Some(target) = self.get(&changed) else { return Err(MergeError::NoTarget { tensor: changed }.into()) };
            let fits = match *target.shape {
                [rows, cols] => *down.1.shape == [rank, cols] && *up.1.shape == [rows, rank],
                _ => false,
            };
            if !fits {
                let (down, up, target) = (down.1.shape, up.1.shape, target.shape.clone());
                return Err(MergeError::Factors { tensor: changed, rank, down, up, target }.into());
            }
            readable(&down.1)?;
            readable(&up.1)?;
            if self.added.contains_key(&changed) {
                return Err(MergeError::Twice { tensor: changed }.into());
            }
            self.added.insert(changed, Added::LowRank { down, up, scale });
        }
        self.shards.extend(adapter.shards);
        Ok(())
    }

    /// Adds to decoded elements from `first` on what belongs to them.
    pub(super) fn add_to(
        &self,
        name: &str,
        first: u64,
        out: &mut [f32],
        raw: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        match self.added.get(name) {
            None => Ok(()),
            Some(Added::Whole(shard, tensor)) => {
                let all: u64 = tensor.shape.iter().product();
                let count = all.saturating_sub(first).min(out.len() as u64) as usize;
                let mut more = vec![0.0; count];
                self.decode_from(*shard, tensor, first, &mut more, raw)?;
                out.iter_mut().zip(more).for_each(|(out, more)| *out += more);
                Ok(())
            }
            Some(Added::LowRank { down, up, scale }) => {
                let (rank, cols) = (down.1.shape[0] as usize, down.1.shape[1] as usize);
                let factors = self.factors(name, down, up, raw)?;
                let mut done = 0;
                let mut sums = Vec::new();
                while done < out.len() {
                    let at = first as usize + done;
                    let (row, col) = (at / cols, at % cols);
                    let part = &mut out[done..];
                    let count = part.len().min(cols - col);
                    sums.clear();
                    sums.resize(count, 0.0f32);
                    for (up, down) in factors.up[row * rank..][..rank].iter().zip(factors.down.chunks_exact(cols)) {
                        sums.iter_mut().zip(&down[col..]).for_each(|(sum, down)| *sum += up * down);
                    }
                    part.iter_mut().zip(&sums).for_each(|(out, sum)| *out += scale * sum);
                    done += count;
                }
                Ok(())
            }
        }
    }

    fn factors(
        &self,
        name: &str,
        down: &(usize, Tensor),
        up: &(usize, Tensor),
        raw: &mut Vec<u8>,
    ) -> Result<Arc<Factors>, ConvertError> {
        let kept = || self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, factors)) = kept().iter().find(|(known, _)| known == name) {
            return Ok(Arc::clone(factors));
        }
        let mut read = |(shard, tensor): &(usize, Tensor)| -> Result<Vec<f32>, ConvertError> {
            let mut all = vec![0.0; tensor.shape.iter().product::<u64>() as usize];
            self.decode_from(*shard, tensor, 0, &mut all, raw)?;
            Ok(all)
        };
        let factors = Arc::new(Factors { down: read(down)?, up: read(up)? });
        let mut kept = kept();
        // Another thread may have missed them at the same time.
        if let Some((_, factors)) = kept.iter().find(|(known, _)| known == name) {
            return Ok(Arc::clone(factors));
        }
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((name.to_owned(), Arc::clone(&factors)));
        Ok(factors)
    }
}

/// Refuses what cannot be decoded.
fn readable(tensor: &Tensor) -> Result<(), ConvertError> {
    tensor.check_order()?;
    if Dtype::READ.contains(&tensor.dtype) {
        return Ok(());
    }
    Err(ConvertError::Dtype { tensor: tensor.name.clone(), dtype: tensor.dtype.name })
}
