//! Sequences that grow longer than their model was made for at first, where it turns all positions of such ones otherwise
//! (LongRoPE; Ding et al. 2024): they are read again from the beginning.
//!
//! The non-obvious thing: what a layer makes of a position depends on how all before it were turned, so that keys cannot
//! be turned further in their place. Phi 3's class in transformers does the same, from 5.0 on without mixing both. A prompt
//! that is long is read as such at once, and so is one with what is scored behind it: only what is generated token by
//! token ever comes to the border, and once.

use super::{Session, Wants};
use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::prompt::Item;

impl Session {
    /// Positions of the longest sequence that is short, where there are long ones.
    fn short(&self) -> Option<usize> {
        self.model.0.family.speaks.as_ref().and_then(|speaks| speaks.decoder.config.short())
    }

    /// Whether sequences must remember what they read.
    pub(super) fn remembers(&self) -> bool {
        self.short().is_some()
    }

    /// Whether a sequence of so many positions is a long one.
    pub(crate) fn is_long(&self, positions: usize) -> bool {
        self.short().is_some_and(|short| positions > short)
    }

    /// New tokens behind a prompt of `positions` before it would have to be read again and cannot, rows of pictures not
    /// being kept. The last new token is never read.
    pub(crate) fn before_border(&self, items: &[Item], positions: usize) -> usize {
        let sees = items.iter().any(|item| item.views().is_some());
        self.short().filter(|short| sees && positions <= *short).map_or(usize::MAX, |short| short + 1 - positions)
    }

    /// Positions that a sequence may take beyond its next one without being another sequence or none.
    pub(crate) fn spare(&self, sequence: &Sequence) -> usize {
        let next = sequence.len() + 1;
        let end = self.short().filter(|short| next <= *short).unwrap_or(self.context).min(self.context);
        end.saturating_sub(next)
    }

    /// Before sequences grow by `counts`: those that become long are read again as such.
    pub(super) fn lengthen(&mut self, sequences: &mut [Sequence], counts: &[usize]) -> Result<(), Error> {
        let grown = sequences.iter().zip(counts).map(|(s, count)| !s.is_long() && self.is_long(s.len() + count));
        let grown: Vec<usize> = grown.enumerate().filter(|(_, grown)| *grown).map(|(index, _)| index).collect();
        self.read_again(sequences, &grown, true)
    }

    /// The same of one that is to be turned as sequences of `reach` positions are.
    pub(crate) fn turn(&mut self, sequence: &mut Sequence, reach: usize) -> Result<(), Error> {
        let long = self.is_long(reach);
        let other = usize::from(sequence.is_long() != long);
        self.read_again(std::slice::from_mut(sequence), &[0][..other], long)
    }

    /// Reads some of the sequences again; what these have in common is read once.
    fn read_again(&mut self, sequences: &mut [Sequence], which: &[usize], long: bool) -> Result<(), Error> {
        let tokens = |s: &Sequence| {
            let context = self.short().unwrap_or(self.context);
            // Rows of pictures are not kept: such a sequence ends where it would have to be read again.
            let full = Error::ContextFull { needed: s.len() + 1, prompt: s.len(), new: 1, context };
            s.tokens().map(<[u32]>::to_vec).ok_or(full)
        };
        let all = which.iter().map(|&index| tokens(&sequences[index])).collect::<Result<Vec<_>, _>>()?;
        let Some((first, others)) = all.split_first() else { return Ok(()) };
        let same = |other: &Vec<u32>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
        let common = others.iter().map(same).min().unwrap_or(first.len());
        for &index in which {
            self.held.slots.release(std::mem::take(&mut sequences[index]));
        }
        let mut shared = Sequence::default();
        shared.turn(long);
        self.run_tokens(&mut shared, &first[..common])?;
        for (i, (&index, ids)) in which.iter().zip(&all).enumerate() {
            let last = i + 1 == which.len();
            let mut own = if last { std::mem::take(&mut shared) } else { self.held.slots.fork(&shared) };
            self.run_tokens(&mut own, &ids[common..])?;
            sequences[index] = own;
        }
        Ok(())
    }

    /// Runs tokens behind a sequence in batches, for their keys and values alone.
    fn run_tokens(&mut self, sequence: &mut Sequence, ids: &[u32]) -> Result<(), Error> {
        ids.chunks(self.batch)
            .try_for_each(|ids| self.run(std::slice::from_mut(sequence), ids, &[ids.len()], &mut Wants::Nothing))
    }
}
