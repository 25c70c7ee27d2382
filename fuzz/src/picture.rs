//! A picture of any format. Its header is read under the limits that every program has; it is decoded under smaller
//! ones, since a larger picture takes longer and goes no other way, and resized to what a tower takes.

use ocelli_engine::image::{DecodeOptions, ImageLimits, Preprocess, decode, decode_gif, decode_with, probe};

/// The target.
pub fn picture(bytes: &[u8]) {
    let limits = ImageLimits::default();
    let small = ImageLimits { pixels: 1 << 18, jpeg_work: 1 << 21, gif_work: 1 << 21, ..limits };
    let probed = probe(bytes, &limits);
    if let Ok(picture) = decode(bytes, &small) {
        let info = probed.expect("what is decoded can be probed");
        assert_eq!(picture.rgb().len(), picture.width() as usize * picture.height() as usize * 3);
        // A TIFF may be turned by its orientation.
        let sides = [(info.width, info.height), (info.height, info.width)];
        assert!(sides.contains(&(picture.width(), picture.height())));
        let pixels = Preprocess::blip(14).apply(&picture);
        assert!(pixels.is_ok_and(|pixels| pixels.data.len() == 3 * 14 * 14));
    }
    let options = DecodeOptions { upright: true, background: Some([255, 128, 0]) };
    assert_eq!(decode_with(bytes, &options, &small).is_ok(), decode(bytes, &small).is_ok());
    if let Ok(video) = decode_gif(bytes, 3, &small) {
        assert!((1..=3).contains(&video.frames().len()));
    }
}
