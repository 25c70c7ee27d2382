//! Pages beside a model of them that is too plain to be wrong: a list of numbers for each sequence.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const P: u32 = PAGE as u32;

fn span(start: u32, len: u32) -> Span {
    Span { start, len }
}

fn extend(slots: &mut Slots, sequence: &mut Sequence, count: usize) -> Taken {
    let mut taken = Taken::default();
    slots.extend(sequence, count, &mut taken).unwrap();
    taken
}

#[test]
fn forks_share_whole_pages_and_copy_the_one_they_part_in() {
    let mut slots = Slots::new(5 * PAGE + 3);
    assert_eq!((slots.len(), slots.free()), (5 * PAGE, 5 * PAGE), "what is no whole page is left out");
    let mut a = Sequence::default();
    let taken = extend(&mut slots, &mut a, PAGE + 3);
    assert_eq!(taken.slots, (0..P + 3).collect::<Vec<_>>());
    let mut b = slots.fork(&a);
    assert_eq!(slots.free(), 3 * PAGE);
    let taken = extend(&mut slots, &mut b, 2);
    assert_eq!(taken.copies, [SlotCopy { from: span(P, 3), to: 2 * P }]);
    assert_eq!(taken.slots, [2 * P + 3, 2 * P + 4]);
    assert_eq!(b.spans(), [span(0, P), span(2 * P, 5)]);
    // The other has the page for itself now, and grows where it is, as one span.
    let taken = extend(&mut slots, &mut a, 1);
    assert_eq!((taken.copies, taken.slots), (vec![], vec![P + 3]));
    assert_eq!(a.spans(), [span(0, P + 4)]);
    extend(&mut slots, &mut b, PAGE);
    assert_eq!(b.spans(), [span(0, P), span(2 * P, P + 5)], "the page behind is free");
    assert_eq!(slots.free(), PAGE);
    slots.release(a);
    assert_eq!(slots.free(), 2 * PAGE);
    extend(&mut slots, &mut b, 2 * PAGE);
    let full = slots.extend(&mut b, PAGE, &mut Taken::default());
    assert!(matches!(full, Err(Error::ContextFull { .. })), "{full:?}");
    slots.release(b);
    assert_eq!(slots.free(), 5 * PAGE);
}

#[test]
fn a_fork_at_the_end_of_a_page_copies_nothing() {
    let mut slots = Slots::new(4 * PAGE);
    let mut a = Sequence::default();
    extend(&mut slots, &mut a, PAGE);
    let mut b = slots.fork(&a);
    assert_eq!(extend(&mut slots, &mut b, 0).copies, []);
    assert_eq!(extend(&mut slots, &mut a, 1).copies, []);
    assert_eq!(extend(&mut slots, &mut b, 1).copies, []);
    assert_eq!((a.spans(), b.spans()), (&[span(0, P + 1)][..], &[span(0, P), span(2 * P, 1)][..]));
}

#[test]
fn positions_look_at_what_was_said_last() {
    let mut slots = Slots::new(64);
    let mut a = Sequence::default();
    let runs = |s: &Sequence, from| s.runs(from).collect::<Vec<_>>();
    a.look(0, 0, None);
    a.look(2, 2, Some(7));
    a.look(3, 3, Some(7));
    a.look(4, 5, None);
    a.look(9, 9, Some(1)); // beyond what is there yet
    extend(&mut slots, &mut a, 8);
    assert_eq!(runs(&a, 0), [(2, None), (3, Some(7)), (3, None)]);
    assert_eq!(runs(&a, 3), [(2, Some(7)), (3, None)]);
    assert_eq!((runs(&a, 7), runs(&a, 8)), (vec![(1, None)], vec![]));
    assert_eq!(a.media().collect::<Vec<_>>(), [7, 1]);
    let mut b = slots.fork(&a);
    slots.truncate(&mut b, 3);
    extend(&mut slots, &mut b, 3);
    assert_eq!(runs(&b, 1), [(1, None), (4, Some(7))], "what was cut off is forgotten");
    assert_eq!(runs(&a, 4), [(1, Some(7)), (3, None)], "the other keeps what it looks at");
    slots.truncate(&mut a, 5);
    a.look(5, 5, Some(2));
    extend(&mut slots, &mut a, 3);
    assert_eq!(runs(&a, 2), [(3, Some(7)), (3, Some(2))]);
    slots.truncate(&mut a, 5);
    extend(&mut slots, &mut a, 1);
    assert_eq!(runs(&a, 2), [(3, Some(7)), (1, None)], "what the last token said stays with it");
    slots.truncate(&mut a, 0);
    extend(&mut slots, &mut a, 1);
    assert_eq!(runs(&a, 0), [(1, None)]);
}

#[test]
fn a_sequence_is_cut_and_alone_is_kept() {
    let mut slots = Slots::new(6 * PAGE);
    let mut a = Sequence::default();
    extend(&mut slots, &mut a, 2 * PAGE);
    let mut b = slots.fork(&a);
    extend(&mut slots, &mut a, 1);
    extend(&mut slots, &mut b, PAGE + 2);
    assert_eq!(slots.free(), PAGE);
    slots.truncate(&mut b, 2 * PAGE + 1);
    assert_eq!((b.len(), b.spans()), (2 * PAGE + 1, &[span(0, 2 * P), span(3 * P, 1)][..]));
    assert_eq!(slots.free(), 2 * PAGE);
    slots.truncate(&mut b, PAGE + 1);
    assert_eq!((b.len(), b.spans()), (PAGE + 1, &[span(0, P + 1)][..]));
    slots.truncate(&mut b, 9 * PAGE);
    assert_eq!((b.len(), slots.free()), (PAGE + 1, 3 * PAGE), "a cut beyond the end changes nothing");
    let taken = extend(&mut slots, &mut b, 1);
    assert_eq!(taken.copies, [SlotCopy { from: span(P, 1), to: 3 * P }], "the other still holds the page");
    slots.keep_only(&b);
    assert_eq!(slots.free(), 4 * PAGE);
    extend(&mut slots, &mut b, 4 * PAGE);
    assert_eq!(slots.free(), 0);
    slots.truncate(&mut b, 0);
    assert!(b.is_empty() && b.spans().is_empty() && slots.free() == 6 * PAGE);
}

#[test]
fn whoever_has_one_successor_moves() {
    let mut slots = Slots::new(12 * PAGE);
    let mut first = Sequence::default();
    extend(&mut slots, &mut first, PAGE + 1);
    let mut beams = slots.branch(vec![first], &[0, 0, 0]);
    let mut copies = 0;
    for beam in &mut beams {
        copies += extend(&mut slots, beam, 1).copies.len();
    }
    assert_eq!((copies, slots.free()), (2, 8 * PAGE), "the last of three went on in their page");
    let mut beams = slots.branch(beams, &[2, 0, 2]);
    assert_eq!(slots.free(), 9 * PAGE, "nobody goes on from the second");
    let copies: Vec<usize> = beams.iter_mut().map(|beam| extend(&mut slots, beam, 1).copies.len()).collect();
    assert_eq!(copies, [1, 0, 0], "the second moved, and the third has its page for itself by then");
    for sequence in slots.branch(beams, &[]) {
        slots.release(sequence);
    }
    assert_eq!(slots.free(), 12 * PAGE);
}

/// Numbers as a device keeps them, and what each sequence must find.
#[derive(Default)]
struct Plain {
    numbers: Vec<u64>,
    sequences: Vec<(Sequence, Vec<u64>)>,
    written: u64,
}

impl Plain {
    /// Sequence `i` grows, as [`Slots::extend`] says it does.
    fn grow(&mut self, slots: &mut Slots, i: usize, count: usize) -> Result<(), Error> {
        let mut taken = Taken::default();
        let (sequence, wanted) = &mut self.sequences[i];
        let before = (sequence.len(), sequence.spans().to_vec(), slots.free());
        if let Err(error) = slots.extend(sequence, count, &mut taken) {
            assert_eq!((sequence.len(), sequence.spans().to_vec(), slots.free()), before, "an error changes nothing");
            return Err(error);
        }
        assert_eq!(taken.slots.len(), count);
        for SlotCopy { from, to } in taken.copies {
            for i in 0..from.len {
                self.numbers[(to + i) as usize] = self.numbers[(from.start + i) as usize];
            }
        }
        for slot in taken.slots {
            self.written += 1;
            self.numbers[slot as usize] = self.written;
            wanted.push(self.written);
        }
        Ok(())
    }

    fn check(&self, slots: &Slots) {
        let mut holders = vec![0u16; slots.len() / PAGE];
        for (sequence, wanted) in &self.sequences {
            let found: Vec<u64> = sequence
                .spans()
                .iter()
                .flat_map(|s| &self.numbers[s.start as usize..(s.start + s.len) as usize])
                .copied()
                .collect();
            assert_eq!((&found, sequence.len()), (wanted, wanted.len()));
            // Each position lies at its own place of a page, so spans are as long as pages at least.
            let (_, whole) = sequence.spans().split_last().unwrap_or((&span(0, 0), &[]));
            assert!(whole.iter().all(|s| s.len.is_multiple_of(P)), "{:?}", sequence.spans());
            sequence.pages().for_each(|page| holders[page] += 1);
            assert_eq!(sequence.pages().count(), pages(sequence.len()));
        }
        assert_eq!(slots.holders, holders, "each page is held by those who have it");
        assert_eq!(slots.free(), holders.iter().filter(|&&n| n == 0).count() * PAGE, "no page is lost");
    }
}

fn fork(slots: &mut Slots, (sequence, wanted): &(Sequence, Vec<u64>)) -> (Sequence, Vec<u64>) {
    (slots.fork(sequence), wanted.clone())
}

#[derive(Debug, Clone)]
enum Op {
    Extend(usize, usize),
    Fork(usize),
    Branch(Vec<usize>),
    Truncate(usize, usize),
    Release(usize),
    KeepOnly(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..8usize, 0..3 * PAGE).prop_map(|(i, n)| Op::Extend(i, n)),
        4 => (0..8usize).prop_map(Op::Fork),
        2 => prop::collection::vec(0..8usize, 1..6).prop_map(Op::Branch),
        3 => (0..8usize, 0..6 * PAGE).prop_map(|(i, n)| Op::Truncate(i, n)),
        2 => (0..8usize).prop_map(Op::Release),
        1 => (0..8usize).prop_map(Op::KeepOnly),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn pages_hold_what_lists_would(ops in prop::collection::vec(op(), 1..60)) {
        let mut slots = Slots::new(20 * PAGE);
        let mut plain = Plain { numbers: vec![0; slots.len()], ..Plain::default() };
        plain.sequences.push(Default::default());
        for op in ops {
            let count = plain.sequences.len();
            match op {
                Op::Extend(i, n) => {
                    let _ = plain.grow(&mut slots, i % count, n);
                }
                Op::Fork(i) if count < 8 => {
                    let fork = fork(&mut slots, &plain.sequences[i % count]);
                    plain.sequences.push(fork);
                }
                Op::Fork(_) => {}
                Op::Branch(sources) => {
                    let sources: Vec<usize> = sources.into_iter().map(|i| i % count).collect();
                    let (sequences, wanted): (Vec<_>, Vec<_>) = plain.sequences.drain(..).unzip();
                    let branched = slots.branch(sequences, &sources);
                    let wanted = sources.iter().map(|&i| wanted[i].clone());
                    plain.sequences = branched.into_iter().zip(wanted).collect();
                }
                Op::Truncate(i, len) => {
                    let (sequence, wanted) = &mut plain.sequences[i % count];
                    slots.truncate(sequence, len);
                    wanted.truncate(len);
                }
                Op::Release(i) => {
                    let (sequence, _) = plain.sequences.swap_remove(i % count);
                    slots.release(sequence);
                    if count == 1 {
                        plain.sequences.push(Default::default());
                    }
                }
                Op::KeepOnly(i) => {
                    plain.sequences.swap(0, i % count);
                    plain.sequences.truncate(1);
                    slots.keep_only(&plain.sequences[0].0);
                }
            }
            plain.check(&slots);
        }
    }

    /// Beams that part wherever they like never lack a page, and the plan has not many more than they use at worst.
    #[test]
    fn what_was_planned_is_enough(
        prompt in 1..4 * PAGE,
        new in 1..3 * PAGE,
        beams in 1..6usize,
        choices in prop::collection::vec(0..6usize, 18 * PAGE),
    ) {
        let mut slots = Slots::new(slots(prompt + new - 1, beams, new));
        let mut plain = Plain { numbers: vec![0; slots.len()], ..Plain::default() };
        plain.sequences.push(Default::default());
        plain.grow(&mut slots, 0, prompt).unwrap();
        let (kept, wanted) = fork(&mut slots, &plain.sequences[0]);
        if beams == 1 {
            slots.release(kept);
        } else {
            plain.sequences.push((kept, wanted));
        }
        let mut choices = choices.into_iter();
        for _ in 1..new {
            let kept = (beams > 1).then(|| plain.sequences.pop().unwrap());
            let sources: Vec<usize> = choices.by_ref().take(beams).map(|i| i % plain.sequences.len()).collect();
            let (sequences, wanted): (Vec<_>, Vec<_>) = plain.sequences.drain(..).unzip();
            let wanted = sources.iter().map(|&i| wanted[i].clone()).collect::<Vec<_>>();
            plain.sequences = slots.branch(sequences, &sources).into_iter().zip(wanted).collect();
            plain.sequences.extend(kept);
            for i in 0..beams {
                plain.grow(&mut slots, i, 1).unwrap();
            }
            plain.check(&slots);
        }
    }

    /// As many forks of a prompt as are said to have room have it.
    #[test]
    fn forks_that_fit_have_room(
        prompt in 1..3 * PAGE,
        counts in prop::collection::vec(1..3 * PAGE, 1..9),
        total in 3..16usize,
    ) {
        let mut slots = Slots::new(total * PAGE);
        let mut plain = Plain { numbers: vec![0; slots.len()], ..Plain::default() };
        plain.sequences.push(Default::default());
        plain.grow(&mut slots, 0, prompt).unwrap();
        let fit = slots.forks(&plain.sequences[0].0, counts.iter().copied());
        prop_assume!(fit > 0);
        for _ in 1..fit {
            let fork = fork(&mut slots, &plain.sequences[0]);
            plain.sequences.insert(0, fork);
        }
        for (i, &count) in counts[..fit].iter().enumerate() {
            plain.grow(&mut slots, i, count).unwrap();
        }
        plain.check(&slots);
        if let Some(&next) = counts.get(fit) {
            let fork = fork(&mut slots, &plain.sequences[0]);
            plain.sequences.insert(0, fork);
            slots.truncate(&mut plain.sequences[0].0, prompt);
            plain.sequences[0].1.truncate(prompt);
            prop_assert!(plain.grow(&mut slots, 0, next).is_err(), "one more has none");
        }
    }
}
