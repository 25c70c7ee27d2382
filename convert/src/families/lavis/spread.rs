//! A tower's table of positions for pictures of another side, as LAVIS' `interpolate_pos_embed` makes it.
//!
//! Source: PyTorch's `interpolate(mode="bicubic", align_corners=False)`, whose kernel has a = -0.75 and repeats the outermost
//! places beyond the edge. The class row keeps its own.

use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;

/// The table `name` of `from` x `from` places, as wide as `width`, behind the class row, for `to` x `to` places.
pub(in super::super) fn spread(
    checkpoint: &Checkpoint,
    name: &str,
    width: u32,
    from: u32,
    to: u32,
) -> Result<Vec<f32>, ConvertError> {
    let (w, from, to) = (width as usize, from as usize, to as usize);
    let expected = vec![1, (from * from + 1) as u64, u64::from(width)];
    let found = checkpoint.get(name).map(|tensor| tensor.shape.clone()).unwrap_or_default();
    if found != expected {
        return Err(ConvertError::Shape { tensor: name.to_owned(), found, expected });
    }
    let mut table = vec![0.0; (from * from + 1) * w];
    checkpoint.decode(name, 0, &mut table, &mut Vec::new())?;
    let (class, places) = table.split_at(w);
    let mut out = class.to_vec();
    let shares: Vec<[(usize, f32); 4]> = (0..to).map(|at| shares(at, from, to)).collect();
    for y in &shares {
        for x in &shares {
            for column in 0..w {
                let line = |row: usize| -> f32 {
                    x.iter().map(|(place, share)| places[(row * from + place) * w + column] * share).sum()
                };
                out.push(y.iter().map(|(row, share)| line(*row) * share).sum());
            }
        }
    }
    Ok(out)
}

/// The four places that place `at` of `to` is made of, of `from`, and how much of each.
fn shares(at: usize, from: usize, to: usize) -> [(usize, f32); 4] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let place = (at as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
    let (first, t) = (place.floor(), place - place.floor());
    let within = |offset: f32| (first + offset).clamp(0.0, (from - 1) as f32) as usize;
    [(within(-1.0), far(t + 1.0)), (within(0.0), near(t)), (within(1.0), near(1.0 - t)), (within(2.0), far(2.0 - t))]
}
