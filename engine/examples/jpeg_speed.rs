//! How long JPEGs take, beside zune-jpeg in the same run: `jpeg_speed FILE...`. Best and median of 15 turns each.

#![allow(clippy::print_stdout)] // a program

use ocelli_engine::image::{ImageLimits, decode};
use std::time::Instant;
use zune_jpeg::zune_core::bytestream::ZCursor;

const TURNS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let start = Instant::now();
            let picture = decode(&bytes, &ImageLimits::default())?;
            ours.push(start.elapsed().as_secs_f64() * 1e3);
            let start = Instant::now();
            let pixels = zune_jpeg::JpegDecoder::new(ZCursor::new(&bytes)).decode()?;
            others.push(start.elapsed().as_secs_f64() * 1e3);
            assert_eq!(picture.rgb().len(), pixels.len(), "{path}: another number of pixels");
        }
        ours.sort_by(f64::total_cmp);
        others.sort_by(f64::total_cmp);
        println!(
            "{path}: {:.1} ms (median {:.1}), zune-jpeg {:.1} ms (median {:.1}), ratio {:.2}",
            ours[0],
            ours[TURNS / 2],
            others[0],
            others[TURNS / 2],
            ours[0] / others[0]
        );
    }
    Ok(())
}
