//! Who owns which slot of the key/value cache.
//!
//! Slots come in pages of [`PAGE`], each for as many positions of a sequence from a multiple of it on, so that what
//! sequences add side by side lies together for each of them. A slot's numbers never change while a sequence holds them:
//! forks share pages, and copy a list of spans instead of keys. The non-obvious thing is the page in which they part. It
//! is not full, and whoever goes on in it while others hold it takes a copy: a page of its own that began in the middle
//! would make the spans that attention reads as short as the stretches between forks, and there would be no telling how
//! many pages a beam search needs.

use super::positions::Positions;
use crate::error::Error;
use crate::kernels::{SlotCopy, Span};
use std::ops::Range;

/// Slots a page.
pub const PAGE: usize = 16;

/// The slots that sequences need together: one reaches `context` positions, and `beams` go their own ways behind a prompt
/// that stays, for up to `new` tokens, the last of which takes no position.
#[must_use]
pub fn slots(context: usize, beams: usize, new: usize) -> usize {
    let context = pages(context);
    // The page in which they part is each one's own as well, and where in it they part is not known beforehand.
    let own = pages(new.saturating_add(PAGE).saturating_sub(2)).min(context);
    let others = beams.saturating_sub(1);
    context.saturating_add(others.saturating_mul(own)).saturating_add(others.min(1)).saturating_mul(PAGE)
}

/// Pages that so many positions take.
fn pages(positions: usize) -> usize {
    positions.div_ceil(PAGE)
}

/// The pages of slots with a count of the sequences that hold each.
#[derive(Debug)]
pub struct Slots {
    holders: Vec<u16>,
    /// The number of the first page in the cache.
    first: usize,
    free: usize,
    /// Where the search for a free page starts.
    next: usize,
}

/// What sequences got by [`Slots::extend`], and what is to be done before it is written.
#[derive(Debug, Default)]
pub struct Taken {
    /// The slots of the new positions, in order.
    pub slots: Vec<u32>,
    /// Numbers to be copied first, all of them before any slot is written.
    pub copies: Vec<SlotCopy>,
}

impl Taken {
    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.copies.clear();
    }
}

/// The positions of one sequence, in order. Return it to [`Slots::release`]; dropping it loses its slots.
#[derive(Debug, Default)]
pub struct Sequence {
    spans: Vec<Span>,
    len: usize,
    /// What it looks at, in order; before the first at nothing.
    looks: Vec<Look>,
    /// Rows that see one another, in order, apart from each other: a picture's, where the model has them do so.
    together: Vec<Range<usize>>,
    /// Where its rows stand.
    positions: Positions,
    /// Whether its positions are turned as those of long sequences, where these are turned otherwise.
    long: bool,
    /// What it has read, where it may have to be read again: a token a position, or [`ROW`].
    read: Vec<u32>,
}

/// Stands for a position that is no token's.
const ROW: u32 = u32::MAX;

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
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "tests of blocks ask"))]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the positions lie.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether its positions are turned as those of long sequences.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.long
    }

    /// Says how its positions are turned, before there are any.
    pub fn turn(&mut self, long: bool) {
        self.long = long;
    }

    /// Remembers tokens that it reads, to be read again.
    pub fn read(&mut self, ids: &[u32]) {
        self.read.extend_from_slice(ids);
    }

    /// Remembers that it reads rows that are no tokens.
    pub fn read_rows(&mut self, count: usize) {
        self.read.extend(std::iter::repeat_n(ROW, count));
    }

    /// What it has read, where that was tokens alone.
    #[must_use]
    pub fn tokens(&self) -> Option<&[u32]> {
        (self.read.len() == self.len && !self.read.contains(&ROW)).then_some(&self.read)
    }

    /// Where row `row` stands, on three axes; text stands on all alike.
    #[must_use]
    pub fn position(&self, row: usize) -> [usize; 3] {
        self.positions.of(row)
    }

    /// Says that the row behind `ahead` others will have no position.
    pub fn leave_out(&mut self, ahead: usize) {
        self.positions.leave_out(self.len + ahead);
    }

    /// Whether row `row` has no position.
    #[must_use]
    pub fn is_left_out(&self, row: usize) -> bool {
        self.positions.is_left_out(row)
    }

    /// Says that the rows from `first` on are, or will be, a picture that stands as `height` lines of `width` rows. Pictures
    /// come in order.
    pub fn grid(&mut self, first: usize, height: usize, width: usize) {
        self.positions.grid(first, height, width);
    }

    /// The token at position `said` makes the sequence look at `media` from position `from` on, up to where it is told
    /// otherwise. Positions come in order.
    pub fn look(&mut self, said: usize, from: usize, media: Option<usize>) {
        if self.looks.last().and_then(|look| look.media) != media {
            self.looks.push(Look { from, media, said });
        }
    }

    /// Says that `count` rows behind `ahead` others will see one another; they pass through the model in one batch.
    pub fn together(&mut self, ahead: usize, count: usize) {
        let from = self.len + ahead;
        self.together.push(from..from + count);
    }

    /// The rows from `from` on, in runs that see one another or do not: how many rows, and which of both.
    pub fn sights(&self, from: usize) -> impl Iterator<Item = (usize, bool)> + '_ {
        let (mut at, mut groups) = (from, self.together.iter().skip_while(move |group| group.end <= from).peekable());
        std::iter::from_fn(move || {
            let (end, together) = match groups.next_if(|group| group.start <= at) {
                Some(group) => (group.end, true),
                None => (groups.peek().map_or(self.len, |group| group.start), false),
            };
            let count = end.min(self.len).saturating_sub(at);
            at += count;
            (count > 0).then_some((count, together))
        })
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

    fn pages(&self) -> impl Iterator<Item = usize> + '_ {
        self.spans.iter().flat_map(|s| s.start as usize / PAGE..pages(s.start as usize + s.len as usize))
    }

    /// The last page, if there is one.
    fn last(&self) -> Option<usize> {
        self.spans.last().map(|s| (s.start + s.len - 1) as usize / PAGE)
    }

    /// Appends the first `count` slots of a page, or as many more of the one that is begun.
    fn push(&mut self, slot: u32, count: u32) {
        self.len += count as usize;
        match self.spans.last_mut() {
            Some(span) if span.start + span.len == slot => span.len += count,
            _ => self.spans.push(Span { start: slot, len: count }),
        }
    }

    /// Takes the last `count` slots off, which are in one page.
    fn pop(&mut self, count: u32) {
        self.len -= count as usize;
        self.spans.last_mut().into_iter().for_each(|span| span.len -= count);
        self.spans.pop_if(|span| span.len == 0);
    }
}

impl Slots {
    /// `count` free slots, in whole pages, of a cache that is nobody else's.
    #[cfg(any(test, feature = "internals"))]
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self::behind(0, count)
    }

    /// As many behind the first `pages` pages of a cache, which are others'.
    #[must_use]
    pub fn behind(pages: usize, count: usize) -> Self {
        Self { holders: vec![0; count / PAGE], first: pages, free: count / PAGE, next: 0 }
    }

    /// How many hold a page of the cache.
    fn held(&mut self, page: usize) -> &mut u16 {
        &mut self.holders[page - self.first]
    }

    /// All slots.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holders.len() * PAGE
    }

    /// Whether there is no slot at all.
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "tests of blocks ask"))]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// Takes every page back at once, whoever holds it, but those of one sequence.
    pub fn keep_only(&mut self, sequence: &Sequence) {
        self.holders.fill(0);
        (self.free, self.next) = (self.holders.len() - pages(sequence.len), 0);
        for page in sequence.pages() {
            *self.held(page) = 1;
        }
    }

    /// Slots of pages nobody holds.
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "tests of blocks ask"))]
    #[must_use]
    pub fn free(&self) -> usize {
        self.free * PAGE
    }

    /// How many forks of a sequence can grow by `counts` positions, in that order and the sequence itself as the last of them.
    #[must_use]
    pub fn forks(&self, sequence: &Sequence, counts: impl Iterator<Item = usize>) -> usize {
        let begun = sequence.len % PAGE;
        let mut free = self.free + pages(begun);
        let mut fits = |count: usize| {
            let left = free.checked_sub(pages(begun + count));
            left.map(|left| free = left).is_some()
        };
        counts.take_while(|&count| fits(count)).count()
    }

    /// Appends `count` positions to a sequence.
    ///
    /// # Errors
    /// [`Error::ContextFull`].
    pub fn extend(&mut self, sequence: &mut Sequence, count: usize, taken: &mut Taken) -> Result<(), Error> {
        let begun = sequence.len % PAGE;
        let shared = sequence.last().filter(|&page| count > 0 && begun > 0 && *self.held(page) > 1);
        let new = pages(sequence.len + count) - pages(sequence.len);
        if new + usize::from(shared.is_some()) > self.free {
            let (needed, prompt, context) = (sequence.len + count, sequence.len, self.len());
            return Err(Error::ContextFull { needed, prompt, new: count, context });
        }
        if let Some(page) = shared {
            sequence.pop(number(begun));
            let own = self.take(sequence.last());
            *self.held(page) -= 1;
            let from = Span { start: number(page * PAGE), len: number(begun) };
            taken.copies.push(SlotCopy { from, to: number(own * PAGE) });
            sequence.push(number(own * PAGE), from.len);
        }
        let mut left = count;
        while left > 0 {
            let begun = sequence.len % PAGE;
            let page = match sequence.last() {
                Some(page) if begun > 0 => page,
                last => self.take(last),
            };
            let some = left.min(PAGE - begun);
            let (slot, some_slots) = (number(page * PAGE + begun), number(some));
            sequence.push(slot, some_slots);
            taken.slots.extend(slot..slot + some_slots);
            left -= some;
        }
        Ok(())
    }

    /// A free page, of which there is one: the one behind `last` if it can be had, so that both are one span.
    fn take(&mut self, last: Option<usize>) -> usize {
        let free = |page: &usize| self.holders.get(page - self.first) == Some(&0);
        let page = last.map(|page| page + 1).filter(free).unwrap_or_else(|| {
            while self.holders[self.next] > 0 {
                self.next = (self.next + 1) % self.holders.len();
            }
            self.first + self.next
        });
        *self.held(page) = 1;
        self.free -= 1;
        page
    }

    /// Another sequence over the same positions.
    #[must_use]
    pub fn fork(&mut self, sequence: &Sequence) -> Sequence {
        for page in sequence.pages() {
            *self.held(page) += 1;
        }
        Sequence {
            spans: sequence.spans.clone(),
            len: sequence.len,
            looks: sequence.looks.clone(),
            together: sequence.together.clone(),
            positions: sequence.positions.clone(),
            long: sequence.long,
            read: sequence.read.clone(),
        }
    }

    /// As many sequences as `sources` has numbers, each of which goes on from the one of that number. The last to go on from
    /// one takes its place; only the others are forks, and those from which none goes on are given back.
    #[must_use]
    pub fn branch(&mut self, sequences: Vec<Sequence>, sources: &[usize]) -> Vec<Sequence> {
        let mut left: Vec<Option<Sequence>> = sequences.into_iter().map(Some).collect();
        for (index, sequence) in left.iter_mut().enumerate() {
            if let Some(ended) = sequence.take_if(|_| !sources.contains(&index)) {
                self.release(ended);
            }
        }
        let next = sources.iter().enumerate().filter_map(|(i, &source)| {
            let again = sources[i + 1..].contains(&source);
            if again { left[source].as_ref().map(|sequence| self.fork(sequence)) } else { left[source].take() }
        });
        next.collect()
    }

    /// Gives the slots of a sequence back from position `len` on.
    pub fn truncate(&mut self, sequence: &mut Sequence, len: usize) {
        let mut before = 0;
        for span in &mut sequence.spans {
            let stay = span.len.min(number(len.saturating_sub(before)));
            before += span.len as usize;
            let [first, end] = [stay, span.len].map(|len| pages((span.start + len) as usize));
            (first..end).for_each(|page| self.give_back(page));
            span.len = stay;
        }
        sequence.spans.retain(|span| span.len > 0);
        sequence.len = sequence.len.min(len);
        sequence.looks.retain(|look| look.said < sequence.len);
        sequence.together.retain(|group| group.end <= sequence.len);
        sequence.positions.truncate(sequence.len);
        sequence.read.truncate(sequence.len);
    }

    /// Gives a sequence's slots back.
    pub fn release(&mut self, mut sequence: Sequence) {
        self.truncate(&mut sequence, 0);
    }

    fn give_back(&mut self, page: usize) {
        *self.held(page) -= 1;
        if *self.held(page) == 0 {
            self.free += 1;
            self.next = self.next.min(page - self.first);
        }
    }
}

/// The number of a slot; caches have no more of them than fit.
fn number(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
