//! Gated short convolutions over cached positions: the sum written out, in one batch and in several, of two sequences at once.

use crate::{Random, bits, nmse, read};
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{
    Arena, Cache, CacheShape, CacheType, Continuation, Device, Layout, Pasts, Rows, Sight, SlotCopy, Span,
};

const WIDTH: usize = 70;
const SLOTS: usize = 96;

/// Rows of each sequence and where its positions lie.
type Part = (usize, usize, [Span; 2]);

fn run(cpu: &Cpu, cache: &mut Cache, bcx: &[Vec<f32>; 3], taps: &[f32], parts: &[Part]) -> Vec<f32> {
    let count: usize = parts.iter().map(|part| part.0).sum();
    let mut layout = Layout::default();
    let rows: [Rows; 3] = std::array::from_fn(|_| layout.rows(count, WIDTH));
    let mut arena: Arena = cpu.arena(&layout).unwrap();
    for (to, data) in rows.iter().zip(bcx) {
        cpu.write(&mut arena, *to, data);
    }
    let (mut continuations, mut spans, mut slots) = (Vec::new(), Vec::new(), Vec::new());
    for (rows, past, own) in parts {
        let first = spans.len();
        spans.extend(own);
        let sight = Sight::Causal;
        continuations.push(Continuation { rows: *rows, past: *past, sight, spans: (first, spans.len()) });
        let all: Vec<u32> = own.iter().flat_map(|span| span.start..span.start + span.len).collect();
        slots.extend(&all[*past..past + rows]);
    }
    let pasts = Pasts { continuations: &continuations, spans: &spans };
    cpu.convolve(&mut arena, cache, 1, taps, rows, &slots, pasts);
    read(cpu, &arena, rows[1])
}

#[test]
fn convolutions_agree_whole_and_in_pieces() {
    let mut random = Random(31);
    let (rows, count) = (20, 3);
    let bcx: [Vec<f32>; 3] = std::array::from_fn(|_| random.floats(rows * WIDTH));
    let taps = random.floats(count * WIDTH);
    let mut want = vec![0f64; rows * WIDTH];
    for (i, want) in want.iter_mut().enumerate() {
        let (row, column) = (i / WIDTH, i % WIDTH);
        for (back, tap) in (0..count).rev().zip(taps.chunks(WIDTH)).filter(|(back, _)| *back <= row) {
            let at = (row - back) * WIDTH + column;
            *want += f64::from(tap[column]) * f64::from(bcx[0][at]) * f64::from(bcx[2][at]);
        }
        *want *= f64::from(bcx[1][i]);
    }
    let spans = [Span { start: 48, len: 16 }, Span { start: 16, len: 4 }];
    for (ty, _) in CacheType::ALL {
        let mut all = Vec::new();
        for threads in [1, 3] {
            let cpu = Cpu::with_isa(Isa::offered()[0], threads);
            let shape = CacheShape { slots: SLOTS, ty, convolutions: 2, convolved: WIDTH, ..CacheShape::NONE };
            for cuts in [vec![20], vec![1, 1, 15, 3], vec![9, 11]] {
                let mut cache = cpu.cache(shape).unwrap();
                let (mut past, mut got) = (0, Vec::new());
                for rows in cuts {
                    let part = bcx.each_ref().map(|x| x[past * WIDTH..(past + rows) * WIDTH].to_vec());
                    got.extend(run(&cpu, &mut cache, &part, &taps, &[(rows, past, spans)]));
                    past += rows;
                }
                let limit = if ty == CacheType::F32 { 1e-12 } else { 1e-6 };
                assert!(nmse(&got, &want) < limit, "{ty:?}");
                all.push(bits(&got));
            }
        }
        assert!(all.iter().all(|bits| *bits == all[0]), "{ty:?}: pieces or threads change bits");
    }
}

/// A page that is copied, and one that was saved, go on as the first; the other sequence of the batch does not matter.
#[test]
fn what_is_read_goes_with_its_slots() {
    let mut random = Random(32);
    let cpu = Cpu::with_isa(Isa::offered()[0], 2);
    let taps = random.floats(4 * WIDTH);
    let bcx: [Vec<f32>; 3] = std::array::from_fn(|_| random.floats(8 * WIDTH));
    let next: [Vec<f32>; 3] = std::array::from_fn(|_| random.floats(WIDTH));
    for (ty, _) in CacheType::ALL {
        let shape = CacheShape { slots: SLOTS, ty, convolutions: 2, convolved: WIDTH, ..CacheShape::NONE };
        let mut cache = cpu.cache(shape).unwrap();
        let at = |start| [Span { start, len: 16 }, Span { start: start + 16, len: 0 }];
        run(&cpu, &mut cache, &bcx, &taps, &[(8, 0, at(0))]);
        cpu.copy(&mut cache, &[SlotCopy { from: Span { start: 0, len: 8 }, to: 64 }]);
        let mut bytes = Vec::new();
        cpu.save(&cache, &[Span { start: 0, len: 8 }], &mut bytes);
        assert_eq!(bytes.len(), CacheShape { slots: 8, ..shape }.bytes());
        let mut other = cpu.cache(shape).unwrap();
        cpu.restore(&mut other, &[Span { start: 32, len: 8 }], &bytes);
        let restored = run(&cpu, &mut other, &next, &taps, &[(1, 8, at(32))]);
        let both = next.each_ref().map(|x| [&x[..], &x[..]].concat());
        let copied = run(&cpu, &mut cache, &both, &taps, &[(1, 8, at(64)), (1, 8, at(0))]);
        assert!(
            bits(&copied[..WIDTH]) == bits(&copied[WIDTH..]) && bits(&copied[..WIDTH]) == bits(&restored),
            "{ty:?}"
        );
        let fresh = run(&cpu, &mut cache, &next, &taps, &[(1, 0, at(80))]);
        assert!(bits(&fresh) != bits(&restored), "{ty:?}: what was before counts");
    }
}
