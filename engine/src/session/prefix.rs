//! What a session's cache holds between calls, position by position, and how much of it a new prompt begins with.
//!
//! A position's keys and values depend on nothing but it and those before it, so they serve every prompt that begins the
//! same. Pictures are known by their content, and by the instruction where their rows depend on one.

use super::part::stand;
use crate::blocks::cache::{Sequence, Slots};
use crate::prompt::Item;

/// What one position stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Token(u32),
    /// A row of a picture, by the hash of its content and of what was read beside it.
    Row(u128, usize),
}

/// Positions in the cache with what they stand for.
#[derive(Debug, Default)]
pub struct Prefix {
    /// Where their keys and values lie.
    pub sequence: Sequence,
    contents: Vec<Content>,
    /// Where the batches ended in which a prompt was run, where only whole ones may serve again; what is behind the last one
    /// was run in a part of one, or generated.
    ends: Vec<usize>,
}

/// What the positions of a prompt stand for.
pub(super) fn contents(items: &[Item]) -> Vec<Content> {
    let mut contents = Vec::new();
    for item in items {
        if let Item::Tokens(ids) = item {
            contents.extend(ids.iter().map(|&id| Content::Token(id)));
        }
        if let Some(hash) = item.content_hash() {
            contents.extend((0..item.positions()).map(|row| Content::Row(hash, row)));
        }
    }
    contents
}

/// Where the batches of a prompt end, of at most `batch` rows; before a picture that the rest of a batch has no room for, where
/// its rows pass through the model `together`.
pub(super) fn batch_ends(items: &[Item], batch: usize, together: bool) -> Vec<usize> {
    let (mut ends, mut start, mut at) = (Vec::new(), 0, 0);
    for item in items {
        let len = item.positions();
        if together && item.views().is_some() && at > start && at + len - start > batch {
            ends.push(at);
            start = at;
        }
        at += len;
        while batch > 0 && at - start >= batch {
            start += batch;
            ends.push(start);
        }
    }
    ends
}

impl Prefix {
    /// The first positions of a prompt, as many as `sequence` has, which `remembers` them or not.
    pub fn of(items: &[Item], mut sequence: Sequence, remembers: bool) -> Self {
        let mut contents = contents(items);
        contents.truncate(sequence.len());
        let mut row = 0;
        for item in items.iter() {
            if row < sequence.len() {
                stand(&mut sequence, row, item);
            }
            row += item.positions();
        }
        for content in contents.iter().filter(|_| remembers) {
            match content {
                Content::Token(id) => sequence.read(&[*id]),
                Content::Row(..) => sequence.read_rows(1),
            }
        }
        Self { sequence, contents, ends: Vec::new() }
    }

    /// How many positions are in the cache that the prompt begins with.
    pub fn shared(&self, items: &[Item]) -> usize {
        let held = self.contents.iter().take(self.sequence.len());
        held.zip(&contents(items)).take_while(|(a, b)| a == b).count()
    }

    /// Cuts this down to what a prompt begins with and takes the prompt's contents for its own; the items that are left
    /// to run, which are never none. With `ends`, those of the prompt's batches, only whole ones of them stay, so that the rest
    /// is run in the very batches in which it would be run if nothing were kept.
    pub fn become_prompt(&mut self, items: &[Item], slots: &mut Slots, ends: Option<&[usize]>) -> Vec<Item> {
        let contents = contents(items);
        let held = self.contents.iter().take(self.sequence.len());
        let mut same = held.zip(&contents).take_while(|(a, b)| a == b).count();
        // The last position is run in any case, for its logits, and a picture that is not there whole is run whole.
        same = same.min(contents.len().saturating_sub(1));
        // Batches that ended elsewhere were others, from there on.
        let common = ends.map(|ends| ends.iter().zip(&self.ends).take_while(|(a, b)| a == b).count());
        loop {
            if let (Some(ends), Some(common)) = (ends, common) {
                let whole = ends[..common].iter().rev().find(|end| **end <= same);
                same = whole.copied().unwrap_or(0);
            }
            match contents.get(same) {
                Some(&Content::Row(_, row)) if row > 0 => same -= row,
                _ => break,
            }
        }
        slots.truncate(&mut self.sequence, same);
        self.ends = ends.unwrap_or_default().to_vec();
        self.contents = contents;
        rest(items, same)
    }

    /// What was generated behind the prompt.
    pub fn append(&mut self, ids: &[u32]) {
        self.contents.extend(ids.iter().map(|&id| Content::Token(id)));
    }
}

/// The items without their first `skip` positions, which end at no picture's middle.
fn rest(items: &[Item], mut skip: usize) -> Vec<Item> {
    let mut rest = Vec::new();
    for item in items {
        let len = item.positions();
        match item {
            _ if skip >= len => {}
            Item::Tokens(ids) => rest.push(Item::Tokens(ids[skip..].to_vec())),
            Item::Image(..) | Item::Video(..) => rest.push(item.clone()),
        }
        skip = skip.saturating_sub(len);
    }
    rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::blocks::cache::Taken;
    use crate::image::{ImageLimits, Picture, Views};
    use std::sync::Arc;

    fn picture(grey: u8) -> Item {
        asked(grey, &[])
    }

    /// With what the bridge reads beside it.
    fn asked(grey: u8, instruction: &[u32]) -> Item {
        let views = Views { size: (1, 1), tile: None, tiles: 1, rows: 3, positions: 3, grid: None };
        let picture = Picture::new(1, 1, vec![grey; 3], &ImageLimits::default()).unwrap();
        Item::Image(Arc::new(picture), views, instruction.into(), Default::default())
    }

    /// Runs a prompt of pictures of 3 rows and generates `ids`; the positions kept from before and those run.
    fn turn(prefix: &mut Prefix, slots: &mut Slots, items: &[Item], ids: &[u32]) -> (usize, usize) {
        let rest = prefix.become_prompt(items, slots, None);
        let kept = prefix.sequence.len();
        let run = rest.iter().map(Item::positions).sum();
        // The last token is never run.
        slots.extend(&mut prefix.sequence, run + ids.len().saturating_sub(1), &mut Taken::default()).unwrap();
        prefix.append(ids);
        (kept, run)
    }

    #[test]
    fn only_what_differs_is_run() {
        let mut slots = Slots::new(32);
        let mut prefix = Prefix::default();
        let tokens = |ids: &[u32]| Item::Tokens(ids.to_vec());
        let mut turn = |items: &[Item], ids: &[u32]| turn(&mut prefix, &mut slots, items, ids);
        assert_eq!(turn(&[picture(1), tokens(&[1, 2])], &[3, 4]), (0, 5));
        assert_eq!(turn(&[picture(1), tokens(&[1, 2, 3, 4, 5])], &[6]), (6, 2), "4 was chosen, but never run");
        assert_eq!(turn(&[picture(1), tokens(&[1, 2]), tokens(&[3, 9])], &[6]), (6, 1), "items may be cut elsewhere");
        assert_eq!(turn(&[picture(1), tokens(&[1, 2, 3, 9])], &[6]), (6, 1), "the same again: the last has the logits");
        assert_eq!(turn(&[picture(2), tokens(&[1, 2, 3, 9])], &[]), (0, 7), "another picture");
        assert_eq!(turn(&[tokens(&[1])], &[]), (0, 1));
        assert_eq!(turn(&[tokens(&[1]), picture(2)], &[]), (1, 3));
        assert_eq!(turn(&[tokens(&[1]), picture(2)], &[]), (1, 3), "a picture at the end is run whole");
        assert_eq!(turn(&[tokens(&[1]), picture(2), picture(2), tokens(&[7])], &[8]), (4, 4));
    }

    #[test]
    fn rows_made_for_another_instruction_are_run_again() {
        let mut slots = Slots::new(32);
        let mut prefix = Prefix::default();
        let tokens = |ids: &[u32]| Item::Tokens(ids.to_vec());
        let mut turn = |items: &[Item], ids: &[u32]| turn(&mut prefix, &mut slots, items, ids);
        assert_eq!(turn(&[tokens(&[1]), asked(1, &[4, 5]), tokens(&[2])], &[]), (0, 5));
        assert_eq!(turn(&[tokens(&[1]), asked(1, &[4, 5]), tokens(&[3])], &[]), (4, 1), "the same was asked");
        assert_eq!(turn(&[tokens(&[1]), asked(1, &[5, 4]), tokens(&[3])], &[]), (1, 4), "in another order");
        assert_eq!(turn(&[tokens(&[1]), asked(1, &[5]), tokens(&[3])], &[]), (1, 4));
        assert_eq!(turn(&[tokens(&[1]), asked(1, &[]), tokens(&[3])], &[]), (1, 4));
    }

    #[test]
    fn only_whole_batches_of_a_prompt_stay() {
        let (mut slots, mut prefix) = (Slots::new(64), Prefix::default());
        let mut kept_of = |items: &[Item], generated: usize, together: bool| {
            let rest = prefix.become_prompt(items, &mut slots, Some(&batch_ends(items, 4, together)));
            let (kept, run) = (prefix.sequence.len(), rest.iter().map(Item::positions).sum::<usize>());
            slots.extend(&mut prefix.sequence, run + generated, &mut Taken::default()).unwrap();
            prefix.append(&vec![9; generated]);
            kept
        };
        let tokens = |count: usize| Item::Tokens(vec![9; count]);
        let mut kept = |items: &[Item], generated: usize| kept_of(items, generated, false);
        assert_eq!(kept(&[tokens(7)], 8), 0);
        assert_eq!(kept(&[tokens(15)], 0), 4, "the rest of the second batch was generated, not read");
        assert_eq!(kept(&[tokens(12)], 0), 8, "the last position is run for its logits");
        assert_eq!(kept(&[tokens(3), picture(1), tokens(5)], 0), 0, "the batch ends within the picture");
        assert_eq!(kept(&[tokens(3), picture(1), tokens(6)], 0), 8);
        assert_eq!(kept(&[tokens(4), picture(1), picture(1), tokens(6)], 0), 0);
        assert_eq!(kept(&[tokens(4), picture(1), picture(1), tokens(2)], 0), 4, "8 is within the second picture");
        // Batches of 3, 4, 4, 3: a picture of three rows does not go on in the next one.
        let items = [tokens(3), picture(1), tokens(1), tokens(4), picture(2)];
        assert_eq!(batch_ends(&items, 4, true), [3, 7, 11]);
        assert_eq!(batch_ends(&items, 4, false), [4, 8, 12]);
        assert_eq!(kept_of(&items, 0, true), 0, "4 is within the picture, and the batch before it ends elsewhere");
        assert_eq!(kept_of(&items, 0, true), 11);
        assert_eq!(kept_of(&[tokens(3), picture(1), tokens(3)], 0, true), 7);
        assert_eq!(kept_of(&[tokens(3), picture(1), tokens(3)], 0, false), 0, "batches of another kind");
    }
}
