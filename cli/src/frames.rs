//! A directory of frames: which of its files are frames, and in which order.
//!
//! A file is a frame by what is in it, not by being there. What is clearly none (a text, a folder) is passed over, and
//! said; what may have been meant as one (a picture under another name, a `.png` that is no PNG) is refused by name,
//! because a frame too many or too few moves all those that are taken.
//!
//! Names are ordered as people number them: digits by their value, so that 2 comes before 10 and `%d` and `%04d` are read
//! alike; everything else by its bytes.

use crate::failure::Failure;
use crate::output::Notes;
use crate::read::read_picture;
use ocelli_engine::image::{self, ImageError, ImageLimits};
use std::cmp::Ordering;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Endings of the frames that are read.
const FRAMES: [&str; 9] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "tif", "tiff"];
/// Endings of other pictures, which people may take for frames.
const PICTURES: [&str; 6] = ["gif", "heic", "heif", "avif", "jxl", "jp2"];
/// Bytes that tell what a file is.
const HEAD: u64 = 512;
/// Names in a note.
const SHOWN: usize = 6;

/// The frames of a directory, first to last.
pub fn of(dir: &Path, limits: &ImageLimits, notes: &Notes) -> Result<Vec<PathBuf>, Failure> {
    let bad = |e| Failure::new("image", format_args!("{}: {e}", dir.display()));
    let mut names: Vec<OsString> = Vec::new();
    let (mut over, mut count) = (Vec::new(), 0usize);
    for entry in dir.read_dir().map_err(|e| Failure::reading("video", dir, &e))? {
        let name = entry.map_err(|e| Failure::reading("video", dir, &e))?.file_name();
        // What a system or an editor leaves behind.
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if is_frame(&dir.join(&name), limits)? {
            names.push(name);
            limits.check_frames(names.len()).map_err(bad)?;
        } else {
            count += 1;
            if over.len() < SHOWN {
                over.push(name.display().to_string());
            }
        }
    }
    if count > 0 {
        over.sort_unstable();
        let more = count - over.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.line(format_args!("{}: passed over as no frames: {}{more}", dir.display(), over.join(", ")));
    }
    limits.check_frames(names.len()).map_err(bad)?;
    names.sort_by(|a, b| natural(stem(a), stem(b)).then_with(|| a.cmp(b)));
    if let Some(two) = names.windows(2).find(|two| natural(stem(&two[0]), stem(&two[1])).is_eq()) {
        let [one, other] = [&two[0], &two[1]].map(|name| name.display());
        let message =
            format_args!("{}: {one} and {other} have one number, so that their order is not known", dir.display());
        return Err(Failure::new("image", message));
    }
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// Whether a file is a frame.
fn is_frame(path: &Path, limits: &ImageLimits) -> Result<bool, Failure> {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let is = |endings: &[&str]| ending.as_ref().is_some_and(|ending| endings.iter().any(|e| ending == *e));
    let (named, meant) = (is(&FRAMES), is(&FRAMES) || is(&PICTURES));
    let reading = |e| Failure::reading("video frame", path, &e);
    let data = match path.metadata() {
        Ok(data) => data,
        Err(e) => return if meant { Err(reading(e)) } else { Ok(false) },
    };
    if !data.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    match File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)) {
        Ok(_) => {}
        Err(e) => return if meant { Err(reading(e)) } else { Ok(false) },
    }
    let picture = !head.is_empty() && !matches!(image::probe(&head, limits), Err(ImageError::NotAPicture { .. }));
    match (picture, meant) {
        (true, _) if named || ending.is_none() => Ok(true),
        (true, _) => Err(Failure::new(
            "image",
            format_args!(
                "{} is a picture, but its name does not end in {}: rename it if it is a frame, or take it away",
                path.display(),
                FRAMES.map(|e| format!(".{e}")).join(", ")
            ),
        )),
        // Says what it is instead.
        (false, true) => read_picture(path, limits).map(|_| true),
        (false, false) => Ok(false),
    }
}

/// A name without its ending.
fn stem(name: &OsString) -> &[u8] {
    Path::new(name).file_stem().unwrap_or(name).as_encoded_bytes()
}

/// Digits by their value, everything else by its bytes.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
        let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        *text = rest;
        let zeros = digits.iter().position(|&c| c != b'0').unwrap_or(digits.len());
        &digits[zeros..]
    }
    while let ([x, ..], [y, ..]) = (a, b) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (number(&mut a), number(&mut b));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_count_by_their_value() {
        let sorted = [
            "", "1", "2", "9", "10", "0100", "a", "a1", "a01b", "a2", "a10", "a10-1", "a10-02", "b", "b007c3",
            "b007c12",
        ];
        let far = ["f99999999999999999999999999999999999998", "f99999999999999999999999999999999999999"];
        for names in [&sorted[..], &far] {
            for two in names.windows(2) {
                assert!(natural(two[0].as_bytes(), two[1].as_bytes()).is_lt(), "{two:?}");
                assert!(natural(two[1].as_bytes(), two[0].as_bytes()).is_gt(), "{two:?}");
            }
        }
        assert!(natural(b"frame01", b"frame1").is_eq() && natural(b"0", b"000").is_eq());
    }
}
