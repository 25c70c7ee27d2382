//! Who owns which slot of the key/value cache.
//!
//! A slot's numbers never change once written, so sequences share them freely: a fork copies a list of spans, not
//! keys. Beams, candidates that are scored and prompts that are kept are all forks of one prefix.

use super::positions::Positions;
use crate::error::Error;
use crate::kernels::Span;

/// The slots of a cache with a count of the sequences that hold each.
#[derive(Debug)]
pub struct Slots {
    holders: Vec<u16>,
    free: usize,
    /// Where the search for a free slot starts.
    next: usize,
}

/// The positions of one sequence, in order. Return it to [`Slots::release`]; dropping it loses its slots.
#[derive(Debug, Default)]
pub struct Sequence {
    spans: Vec<Span>,
    len: usize,
    /// What it looks at, in order; before the first at nothing.
    looks: Vec<Look>,
    /// Where its rows stand.
    positions: Positions,
}

/// From which position on a sequence looks at which media.
#[derive(Debug, Clone, Copy)]
struct Look {
    from: usize,
    media: Option<usize>,
    /// The position of the token that says so: where it is cut off, so is this.
    said: usize,
}

impl Sequence {
    /// Positions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the positions lie.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Where row `row` stands, on three axes; text stands on all alike.
    #[must_use]
    pub fn position(&self, row: usize) -> [usize; 3] {
        self.positions.of(row)
    }

    /// Says that the rows behind `ahead` others will be a picture that stands as `height` lines of `width` rows.
    pub fn grid(&mut self, ahead: usize, height: usize, width: usize) {
        self.positions.grid(self.len + ahead, height, width);
    }

    /// The token at position `said` makes the sequence look at `media` from position `from` on, up to where it is told
    /// otherwise. Positions come in order.
    pub fn look(&mut self, said: usize, from: usize, media: Option<usize>) {
        if self.looks.last().and_then(|look| look.media) != media {
            self.looks.push(Look { from, media, said });
        }
    }

    /// The media that some position looks at; some may come twice.
    pub fn media(&self) -> impl Iterator<Item = usize> + '_ {
        self.looks.iter().filter_map(|look| look.media)
    }

    /// The positions from `from` on, in runs that look at the same media: how many positions, and which.
    pub fn runs(&self, from: usize) -> impl Iterator<Item = (usize, Option<usize>)> + '_ {
        let first = self.looks.partition_point(|look| look.from <= from);
        let (before, within) = self.looks.split_at(first);
        let starts = std::iter::once((from, before.last().and_then(|look| look.media)));
        let starts = starts.chain(within.iter().map(|look| (look.from, look.media)));
        let ends = within.iter().map(|look| look.from).chain([self.len]);
        let run = |((start, media), end): ((usize, _), usize)| (end.min(self.len).saturating_sub(start), media);
        starts.zip(ends).map(run).filter(|(count, _)| *count > 0)
    }

    fn slots(&self) -> impl Iterator<Item = usize> + '_ {
        self.spans.iter().flat_map(|s| s.start as usize..s.start as usize + s.len as usize)
    }

    fn push(&mut self, slot: u32) {
        self.len += 1;
        match self.spans.last_mut() {
            Some(span) if span.start + span.len == slot => span.len += 1,
            _ => self.spans.push(Span { start: slot, len: 1 }),
        }
    }
}

impl Slots {
    /// `count` free slots.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { holders: vec![0; count], free: count, next: 0 }
    }

    /// All slots.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Whether there is no slot at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// Takes every slot back at once, whoever holds it, but those of one sequence.
    pub fn keep_only(&mut self, sequence: &Sequence) {
        self.holders.fill(0);
        (self.free, self.next) = (self.holders.len() - sequence.len, 0);
        for slot in sequence.slots() {
            self.holders[slot] = 1;
        }
    }

    /// Slots nobody holds.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free
    }

    /// Appends `count` positions to a sequence; their slots are pushed to `taken` as well.
    ///
    /// # Errors
    /// [`Error::ContextFull`].
    pub fn extend(&mut self, sequence: &mut Sequence, count: usize, taken: &mut Vec<u32>) -> Result<(), Error> {
        if count > self.free {
            return Err(Error::ContextFull {
                needed: sequence.len + count,
                prompt: sequence.len,
                new: count,
                context: self.holders.len(),
            });
        }
        let mut left = count;
        while left > 0 {
            if self.next == self.holders.len() {
                self.next = 0;
            }
            if self.holders[self.next] == 0 {
                self.holders[self.next] = 1;
                let slot = u32::try_from(self.next).unwrap_or(u32::MAX);
                sequence.push(slot);
                taken.push(slot);
                left -= 1;
            }
            self.next += 1;
        }
        self.free -= count;
        Ok(())
    }

    /// Another sequence over the same positions.
    #[must_use]
    pub fn fork(&mut self, sequence: &Sequence) -> Sequence {
        for slot in sequence.slots() {
            self.holders[slot] += 1;
        }
        Sequence {
            spans: sequence.spans.clone(),
            len: sequence.len,
            looks: sequence.looks.clone(),
            positions: sequence.positions.clone(),
        }
    }

    /// Gives the slots of a sequence back from position `len` on.
    pub fn truncate(&mut self, sequence: &mut Sequence, len: usize) {
        let mut tail = Sequence::default();
        let mut before = 0;
        for span in &mut sequence.spans {
            let stay = span.len.min(u32::try_from(len.saturating_sub(before)).unwrap_or(u32::MAX));
            before += span.len as usize;
            if stay < span.len {
                tail.spans.push(Span { start: span.start + stay, len: span.len - stay });
                span.len = stay;
            }
        }
        sequence.spans.retain(|span| span.len > 0);
        sequence.len = sequence.len.min(len);
        sequence.looks.retain(|look| look.said < sequence.len);
        sequence.positions.truncate(sequence.len);
        self.release(tail);
    }

    /// Gives a sequence's slots back.
    pub fn release(&mut self, sequence: Sequence) {
        for slot in sequence.slots() {
            self.holders[slot] -= 1;
            if self.holders[slot] == 0 {
                self.free += 1;
                self.next = self.next.min(slot);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn forks_share_and_release_gives_back() {
        let mut slots = Slots::new(8);
        let mut taken = Vec::new();
        let mut a = Sequence::default();
        slots.extend(&mut a, 3, &mut taken).unwrap();
        let mut b = slots.fork(&a);
        slots.extend(&mut a, 1, &mut taken).unwrap();
        slots.extend(&mut b, 2, &mut taken).unwrap();
        assert_eq!(taken, [0, 1, 2, 3, 4, 5]);
        assert_eq!(a.spans(), [Span { start: 0, len: 4 }]);
        assert_eq!(b.spans(), [Span { start: 0, len: 3 }, Span { start: 4, len: 2 }]);
        assert_eq!(slots.free(), 2);
        slots.release(a);
        assert_eq!(slots.free(), 3);
        slots.extend(&mut b, 3, &mut taken).unwrap();
        assert!(matches!(slots.extend(&mut b, 1, &mut taken), Err(Error::ContextFull { .. })));
        slots.release(b);
        assert_eq!(slots.free(), 8);
    }

    #[test]
    fn positions_look_at_what_was_said_last() {
        let mut slots = Slots::new(16);
        let mut a = Sequence::default();
        let runs = |s: &Sequence, from| s.runs(from).collect::<Vec<_>>();
        a.look(0, 0, None);
        a.look(2, 2, Some(7));
        a.look(3, 3, Some(7));
        a.look(4, 5, None);
        a.look(9, 9, Some(1)); // beyond what is there yet
        slots.extend(&mut a, 8, &mut Vec::new()).unwrap();
        assert_eq!(runs(&a, 0), [(2, None), (3, Some(7)), (3, None)]);
        assert_eq!(runs(&a, 3), [(2, Some(7)), (3, None)]);
        assert_eq!((runs(&a, 7), runs(&a, 8)), (vec![(1, None)], vec![]));
        assert_eq!(a.media().collect::<Vec<_>>(), [7, 1]);
        let mut b = slots.fork(&a);
        slots.truncate(&mut b, 3);
        slots.extend(&mut b, 3, &mut Vec::new()).unwrap();
        assert_eq!(runs(&b, 1), [(1, None), (4, Some(7))], "what was cut off is forgotten");
        assert_eq!(runs(&a, 4), [(1, Some(7)), (3, None)], "the other keeps what it looks at");
        slots.truncate(&mut a, 5);
        a.look(5, 5, Some(2));
        slots.extend(&mut a, 3, &mut Vec::new()).unwrap();
        assert_eq!(runs(&a, 2), [(3, Some(7)), (3, Some(2))]);
        slots.truncate(&mut a, 5);
        slots.extend(&mut a, 1, &mut Vec::new()).unwrap();
        assert_eq!(runs(&a, 2), [(3, Some(7)), (1, None)], "what the last token said stays with it");
        slots.truncate(&mut a, 0);
        slots.extend(&mut a, 1, &mut Vec::new()).unwrap();
        assert_eq!(runs(&a, 0), [(1, None)]);
    }

    #[test]
    fn a_sequence_is_cut_and_alone_is_kept() {
        let mut slots = Slots::new(8);
        let mut taken = Vec::new();
        let mut a = Sequence::default();
        slots.extend(&mut a, 3, &mut taken).unwrap();
        let mut b = slots.fork(&a);
        slots.extend(&mut a, 1, &mut taken).unwrap();
        slots.extend(&mut b, 3, &mut taken).unwrap();
        slots.truncate(&mut b, 5);
        assert_eq!((b.len(), b.spans()), (5, &[Span { start: 0, len: 3 }, Span { start: 4, len: 2 }][..]));
        assert_eq!(slots.free(), 2);
        slots.truncate(&mut b, 3);
        assert_eq!((b.len(), b.spans()), (3, &[Span { start: 0, len: 3 }][..]));
        slots.truncate(&mut b, 9);
        assert_eq!((b.len(), slots.free()), (3, 4), "a cut beyond the end changes nothing");
        slots.truncate(&mut a, 2);
        assert_eq!(slots.free(), 5, "the other still holds the third");
        slots.keep_only(&b);
        assert_eq!(slots.free(), 5);
        slots.extend(&mut b, 5, &mut taken).unwrap();
        assert_eq!(b.spans(), [Span { start: 0, len: 8 }]);
        slots.truncate(&mut b, 0);
        assert!(b.is_empty() && b.spans().is_empty() && slots.free() == 8);
    }
}
