//! Where a file has what is needed now and then, so that its pages can be let go: what only pictures pass through, and what
//! reads a prompt where an encoder does.

use super::map::let_go;
use ocelli_quant::gguf::{Gguf, TensorInfo};
use std::ops::Range;

/// Where the files have some of their tensors: which file, and the bytes there, neighbours in one piece.
pub struct Pieces(Vec<(usize, Range<usize>)>);

impl Pieces {
    /// Finds them by their tensors' names.
    pub fn of(file: &Gguf, is: fn(&str) -> bool) -> Self {
        let mut pieces: Vec<(usize, Range<u64>)> = Vec::new();
        let place = |t: &TensorInfo| (t.part, t.offset, t.offset + t.bytes, is(&t.name));
        let mut inside: Vec<_> = file.tensors().iter().map(place).collect();
        inside.sort_unstable();
        let mut before = false;
        for (part, start, end, encoder) in inside {
            match pieces.last_mut() {
                Some((same, last)) if encoder && before && *same == part => last.end = end,
                _ if encoder => pieces.push((part, start..end)),
                _ => {}
            }
            before = encoder;
        }
        let size = |bytes| usize::try_from(bytes).unwrap_or(0);
        Self(pieces.into_iter().map(|(part, piece)| (part, size(piece.start)..size(piece.end))).collect())
    }

    /// Makes room for what comes behind: these pages are not needed before the next picture, or prompt.
    pub fn let_go(&self, file: &Gguf) {
        for (part, range) in &self.0 {
            if let Some(bytes) = file.parts().get(*part) {
                let_go(bytes, range.clone());
            }
        }
    }
}

/// Whether a tensor is the tower's or the bridge's.
pub fn is_encoder(name: &str) -> bool {
    name.starts_with("v.") || name.starts_with("mm.") || name == "model.image_newline"
}

/// Whether a tensor makes a source of a prompt, or the keys and values of one: the text behind it needs it no more.
pub fn is_reader(name: &str) -> bool {
    let crosses = |name: &str| name.contains(".cross_attn_k.") || name.contains(".cross_attn_v.");
    name.starts_with("enc.") || (name.starts_with("dec.") && crosses(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ocelli_quant::TensorType;
    use ocelli_quant::gguf::Writer;
    use std::sync::Arc;

    #[test]
    fn encoders_lie_where_only_pictures_pass() {
        let names = ["v.a", "v.b", "mm.c", "blk.0.d", "mmm.e", "v", "mm.f"];
        let mut writer = Writer::new();
        for name in names {
            writer.tensor(name, &[3], TensorType::F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        for _ in names {
            body.write(&[0; 12]).unwrap();
        }
        let file = Gguf::parse(Arc::new(body.finish().unwrap())).unwrap();
        let at = |name: &str| usize::try_from(file.tensor(name).unwrap().offset).unwrap();
        assert_eq!(
            Pieces::of(&file, is_encoder).0,
            [(0, at("v.a")..at("mm.c") + 12), (0, at("mm.f")..at("mm.f") + 12)]
        );
        let readers = ["enc.blk.0.attn_q.weight", "enc.output_norm.weight", "dec.blk.1.cross_attn_v.weight"];
        assert!(readers.into_iter().all(is_reader));
        let others = [
            "dec.blk.1.cross_attn_q.weight",
            "dec.blk.1.attn_k.weight",
            "blk.1.cross_attn_k.weight",
            "token_embd.weight",
        ];
        assert!(!others.into_iter().any(is_reader));
    }
}
