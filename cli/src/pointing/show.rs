//! Pictures in terminals that show them, by three protocols: kitty's, iTerm2's, and sixels (DEC's VT340).
//!
//! The non-obvious thing: a sixel picture has a table of colours, here the 216 of a cube; where a row of six pixels has one, it is
//! written once for each colour in it, on top of one another.

use crate::encoded::{base64, png};
use ocelli_engine::image::{Filter, PassOrder, Picture, resize};
use std::fmt::Write;

/// A way to show a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// What the terminal says of itself
    Auto,
    /// kitty's, which Ghostty and WezTerm know, too
    Kitty,
    /// iTerm2's, which WezTerm and mintty know, too
    Iterm2,
    /// Sixels: foot, mlterm, xterm with them switched on, Windows Terminal
    Sixel,
}

/// Widest picture that is shown.
const WIDEST: u32 = 800;
/// Bytes of a piece of kitty's.
const PIECE: usize = 4_096;

impl Protocol {
    /// What the terminal says of itself, by its variables; `None` where it says nothing.
    pub fn of_terminal(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let says = |name: &str, words: &[&str]| {
            let value = variable(name).unwrap_or_default().to_lowercase();
            words.iter().any(|word| value.contains(word))
        };
        if variable("KITTY_WINDOW_ID").is_some() || says("TERM", &["kitty", "ghostty"]) {
            Some(Self::Kitty)
        } else if says("TERM_PROGRAM", &["iterm", "wezterm", "mintty"]) {
            Some(Self::Iterm2)
        } else if says("TERM", &["sixel", "foot", "mlterm"]) || variable("WT_SESSION").is_some() {
            Some(Self::Sixel)
        } else {
            None
        }
    }

    /// What a terminal is to be sent; `None` where the picture cannot be encoded.
    pub fn written(self, picture: &Picture) -> Option<String> {
        let small;
        let picture = if picture.width() > WIDEST {
            let height = u64::from(picture.height()) * u64::from(WIDEST) / u64::from(picture.width());
            let height = u32::try_from(height).ok()?.max(1);
            small = resize(picture, WIDEST, height, Filter::Bicubic, PassOrder::default()).ok()?;
            &small
        } else {
            picture
        };
        let bytes = png(picture)?;
        let coded = base64(&bytes);
        Some(match self {
            Self::Kitty => kitty(&coded),
            Self::Iterm2 => format!("\x1b]1337;File=inline=1;size={};preserveAspectRatio=1:{coded}\x07\n", bytes.len()),
            Self::Sixel | Self::Auto => sixel(picture),
        })
    }
}

/// In pieces, all but the last of which say that more comes.
fn kitty(coded: &str) -> String {
    let mut out = String::new();
    let mut rest = coded;
    let mut begin = "f=100,a=T,";
    loop {
        let (piece, behind) = rest.split_at(PIECE.min(rest.len()));
        let _ = write!(out, "\x1b_G{begin}m={};{piece}\x1b\\", u8::from(!behind.is_empty()));
        if behind.is_empty() {
            return out + "\n";
        }
        (rest, begin) = (behind, "");
    }
}

/// Of the 216 colours of a cube each that is in the picture.
fn sixel(picture: &Picture) -> String {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let level = |byte: u8| (u16::from(byte) * 5 + 127) / 255;
    let colours: Vec<u16> =
        picture.rgb().chunks_exact(3).map(|p| level(p[0]) * 36 + level(p[1]) * 6 + level(p[2])).collect();
    let mut out = format!("\x1bPq\"1;1;{width};{height}");
    for colour in 0..216u16 {
        let share = |part: u16| part % 6 * 20;
        let _ = write!(out, "#{colour};2;{};{};{}", share(colour / 36), share(colour / 6), share(colour));
    }
    for band in colours.chunks(6 * width) {
        let mut here: Vec<u16> = band.to_vec();
        here.sort_unstable();
        here.dedup();
        for (number, colour) in here.iter().enumerate() {
            let _ = write!(out, "{}#{colour}", if number > 0 { "$" } else { "" });
            let bits = |x: usize| {
                let rows = band.chunks(width).enumerate();
                rows.map(|(row, pixels)| u8::from(pixels.get(x) == Some(colour)) << row).sum::<u8>()
            };
            let mut x = 0;
            while x < width {
                let (six, start) = (bits(x), x);
                while x < width && bits(x) == six {
                    x += 1;
                }
                let _ = match x - start {
                    1..=3 => write!(out, "{}", char::from(63 + six).to_string().repeat(x - start)),
                    run => write!(out, "!{run}{}", char::from(63 + six)),
                };
            }
        }
        out.push('-');
    }
    out + "\x1b\\\n"
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ocelli_engine::image::ImageLimits;

    #[test]
    fn terminals_say_what_they_show() {
        let of = |set: &[(&str, &str)]| {
            Protocol::of_terminal(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(of(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")]), Some(Protocol::Iterm2));
        assert_eq!(of(&[("TERM", "foot")]), Some(Protocol::Sixel));
        assert_eq!(of(&[("TERM", "xterm-256color")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn pieces_and_sixels_are_whole() {
        let long = "A".repeat(9_000);
        let pieces = kitty(&long);
        let found: Vec<&str> = pieces.trim().split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("\x1b_Gf=100,a=T,m=1;A") && found[1].starts_with("\x1b_Gm=1;A"));
        assert!(found[2].starts_with("\x1b_Gm=0;A"), "{}", &found[2][..12]);
        // 5 x 7 pixels, red but for the last row, which is white.
        let rgb: Vec<u8> = (0..35).flat_map(|at| if at < 30 { [255, 0, 0] } else { [255; 3] }).collect();
        let picture = Picture::new(5, 7, rgb, &ImageLimits::default()).unwrap();
        let text = sixel(&picture);
        assert!(text.starts_with("\x1bPq\"1;1;5;7#0;2;0;0;0#1;2;0;0;20"), "{text}");
        assert!(text.ends_with("#180!5~-#215!5@-\x1b\\\n"), "{text}");
        for protocol in [Protocol::Kitty, Protocol::Iterm2, Protocol::Sixel] {
            assert!(protocol.written(&picture).unwrap().len() > 40);
        }
    }
}
