//! The arguments that say what of a picture's file counts beside its pixels. They hold for every picture that the program
//! reads, wherever it is named, and so are kept once.

use ocelli_engine::image::DecodeOptions;
use std::sync::OnceLock;

static OPTIONS: OnceLock<DecodeOptions> = OnceLock::new();

/// CSS's basic colours.
const COLOURS: [(&str, [u8; 3]); 17] = [
    ("white", [255, 255, 255]),
    ("black", [0, 0, 0]),
    ("grey", [128, 128, 128]),
    ("gray", [128, 128, 128]),
    ("silver", [192, 192, 192]),
    ("red", [255, 0, 0]),
    ("maroon", [128, 0, 0]),
    ("yellow", [255, 255, 0]),
    ("olive", [128, 128, 0]),
    ("lime", [0, 255, 0]),
    ("green", [0, 128, 0]),
    ("cyan", [0, 255, 255]),
    ("teal", [0, 128, 128]),
    ("blue", [0, 0, 255]),
    ("navy", [0, 0, 128]),
    ("magenta", [255, 0, 255]),
    ("purple", [128, 0, 128]),
];

/// How pictures are read.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "Pictures")]
pub struct PictureArgs {
    /// Turn pictures as their EXIF orientation says; without it they are taken as they are stored, as the models'
    /// originals take them
    #[arg(long)]
    upright: bool,
    /// Blend what is transparent with a colour, #rrggbb or one of CSS's names; without it alpha is ignored, as by the
    /// models' originals, and the colours under it are seen
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    background: Option<Colour>,
}

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour([u8; 3]);

impl PictureArgs {
    /// From now on pictures are read so.
    pub fn hold(&self) {
        let background = self.background.map(|colour| colour.0);
        // A model that is opened again has the same arguments.
        let _ = OPTIONS.set(DecodeOptions { upright: self.upright, background });
    }
}

/// How pictures are read.
pub fn options() -> DecodeOptions {
    OPTIONS.get().copied().unwrap_or_default()
}

fn colour(text: &str) -> Result<Colour, String> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, rgb)) = COLOURS.iter().find(|(name, _)| *name == lower) {
        return Ok(Colour(*rgb));
    }
    let digits =
        lower.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        Some(number) => {
            let [_, red, green, blue] = number.to_be_bytes();
            Ok(Colour([red, green, blue]))
        }
        None => Err(format!("expected #rrggbb or one of {}", COLOURS.map(|(name, _)| name).join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_names_and_numbers() {
        assert_eq!(colour("#0aFf10"), Ok(Colour([10, 255, 16])));
        assert_eq!(colour("White"), Ok(Colour([255, 255, 255])));
        for wrong in ["", "#fff", "#12345g", "0aff10", "#+12345", "whitish"] {
            assert!(colour(wrong).is_err(), "{wrong}");
        }
    }
}
