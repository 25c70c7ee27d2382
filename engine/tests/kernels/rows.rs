//! Rows put together from rows, and rows that stand on three axes.

use crate::{Random, bits, golden, nmse, read, widen};
use ocelli_engine::blocks::rope::{Rope, Sections};
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{Activation, Device, Gathered, Layout, NO_ROW, Pairs};

/// What one row becomes, in f64.
fn gathered(from: &[f32], width: usize, index: &[u32], how: Gathered, relu: bool) -> Vec<f64> {
    let value = |v: f32| f64::from(if relu { v.max(0.0) } else { v });
    let row = |at: u32| -> Vec<f64> { from[at as usize * width..][..width].iter().map(|&v| value(v)).collect() };
    let there: Vec<Vec<f64>> = index.iter().filter(|&&at| at != NO_ROW).map(|&at| row(at)).collect();
    let column = |d: usize| there.iter().map(move |row| row[d]);
    match how {
        Gathered::Beside => {
            index.iter().flat_map(|&at| if at == NO_ROW { vec![0.0; width] } else { row(at) }).collect()
        }
        Gathered::Mean => (0..width).map(|d| column(d).sum::<f64>() / there.len() as f64).collect(),
        Gathered::Largest => (0..width).map(|d| column(d).fold(f64::MIN, f64::max)).collect(),
        Gathered::Added => (0..width).map(|d| 1.0 + column(d).sum::<f64>()).collect(),
    }
}

#[test]
fn rows_are_put_together() {
    let mut random = Random(21);
    for (width, each, rows) in [(1, 9, 40), (3, 49, 7), (17, 4, 33), (40, 1, 12), (40, 5, 1), (16, 300, 2), (64, 2, 8)]
    {
        let count = 50;
        let from = random.floats(count * width);
        let mut index: Vec<u32> = (0..rows * each).map(|_| u32::try_from(random.next() % 50).unwrap()).collect();
        // Each row has one that is there.
        index.iter_mut().enumerate().filter(|(i, _)| i % each % 3 == 1).for_each(|(_, at)| *at = NO_ROW);
        for (how, relu) in [Gathered::Beside, Gathered::Mean, Gathered::Largest, Gathered::Added]
            .into_iter()
            .flat_map(|h| [(h, false), (h, true)])
        {
            let want: Vec<f64> =
                index.chunks(each).flat_map(|index| gathered(&from, width, index, how, relu)).collect();
            let act = relu.then_some(Activation::Relu);
            let mut all = Vec::new();
            for (isa, threads) in Isa::offered().into_iter().flat_map(|isa| [(isa, 1), (isa, 3)]) {
                let cpu = Cpu::with_isa(isa, threads);
                let mut layout = Layout::default();
                let from_rows = layout.rows(count, width);
                let to = layout.rows(rows, if how == Gathered::Beside { each * width } else { width });
                let mut arena = cpu.arena(&layout).unwrap();
                cpu.write(&mut arena, from_rows, &from);
                cpu.write(&mut arena, to, &vec![1.0; to.rows() * to.width()]);
                cpu.gather_rows(&mut arena, from_rows, &index, how, act, to);
                let got = read(&cpu, &arena, to);
                let error = nmse(&got, &want);
                let summed = matches!(how, Gathered::Mean | Gathered::Added);
                let exact = summed || got.iter().zip(&want).all(|(g, w)| f64::from(*g) == *w);
                assert!(exact && error < 1e-14, "{how:?} {width} x {each} {isa:?}: {error:e}");
                all.push(bits(&got));
            }
            assert!(all.iter().all(|b| *b == all[0]), "{how:?}: the same bits everywhere");
        }
    }
}

#[test]
fn damaged_rows_show() {
    let cpu = Cpu::with_isa(Isa::offered()[0], 2);
    for how in [Gathered::Mean, Gathered::Largest] {
        let mut layout = Layout::default();
        let (from, to) = (layout.rows(3, 2), layout.rows(1, 2));
        let mut arena = cpu.arena(&layout).unwrap();
        cpu.write(&mut arena, from, &[1.0, 2.0, f32::NAN, 3.0, 5.0, 4.0]);
        cpu.gather_rows(&mut arena, from, &[0, 1, 2], how, None, to);
        let got = read(&cpu, &arena, to);
        assert!(got[0].is_nan() && got[1] >= 3.0, "{how:?}: {got:?}");
    }
}

/// Rotary embeddings of rows on three axes as the original turns them; where the axes agree, as rows of one axis are turned.
#[test]
fn three_axes_turn_heads_as_the_original_does() {
    for case in golden()["rotary"].as_array().unwrap() {
        let sections: Vec<usize> = serde_json::from_value(case["sections"].clone()).unwrap();
        let positions: Vec<[u32; 3]> = serde_json::from_value(case["positions"].clone()).unwrap();
        let want: Vec<f32> = serde_json::from_value(case["turned"].clone()).unwrap();
        let interleaved = case["interleaved"].as_bool().unwrap();
        let rows = positions.len();
        let (width, wide) = (16, want.len() / rows);
        let rope = Rope {
            width,
            pairs: Pairs::Halves,
            base: 100.0,
            stretch: 1.0,
            scale: 1.0,
            short: None,
            local_base: Some(100.0),
            sections: Some(Sections { counts: [sections[0], sections[1], sections[2]], interleaved }),
        };
        let x: Vec<f32> = (0..rows * wide).map(|i| f32::from(u16::try_from(i * 7 % 23).unwrap()) / 8.0 - 1.0).collect();
        for isa in Isa::offered() {
            let cpu = Cpu::with_isa(isa, 2);
            let mut layout = Layout::default();
            let (q, angles) = (layout.rows(rows, wide), layout.rows(rows, width));
            let mut arena = cpu.arena(&layout).unwrap();
            let mut turned = |axes: &[u8], scale: f32, positions: &[u32]| {
                cpu.write(&mut arena, q, &x);
                cpu.angles(&mut arena, &rope.global(None), axes, scale, positions, angles);
                cpu.rotate(&mut arena, &[q], width, angles, Pairs::Halves);
                read(&cpu, &arena, q)
            };
            let got = turned(&rope.axes(), 1.0, positions.as_flattened());
            let error = nmse(&got, &widen(&want));
            assert!(error < 1e-11, "{sections:?} {isa:?}: {error:e}");
            let (one, three): (Vec<u32>, Vec<[u32; 3]>) = (0..).map(|p| (p, [p; 3])).take(rows).unzip();
            let plain = turned(&[], 1.0, &one);
            assert_eq!(bits(&turned(&rope.axes(), 1.0, three.as_flattened())), bits(&plain));
            let twice: Vec<f32> = plain.iter().map(|x| 2.0 * x).collect();
            assert_eq!(
                bits(&turned(&[], 2.0, &one)),
                bits(&twice),
                "all of a head is turned, so the scale is the head's"
            );
        }
    }
}
