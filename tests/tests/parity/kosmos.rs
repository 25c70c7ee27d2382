//! KOSMOS-2 against transformers, and its original layout, with KOSMOS-1's shape in it, against the makers' code written out beside
//! the goldens: ids, pixels to the bit, rows, logits, greedy and beam text and scores of prompts with none, one and three
//! pictures, tags and places of the grid among the text.

use crate::llava::{answers_agree, open};
use ocelli_convert::{KosmosOriginal, Options, convert_kosmos};
use ocelli_engine::{Engine, Load, Model};
use ocelli_quant::TensorType;
use ocelli_tests::spliced_golden::{KOSMOS, KOSMOS_ORIGINAL, SplicedGolden};
use std::path::Path;

/// The model of one file in fairseq's names, with the tokenizer of a directory.
pub(crate) fn original(golden: &SplicedGolden, dir: &Path, threads: usize) -> Model {
    let (file, tokenizer) = (dir.join("model.gguf"), dir.join("tokenizer"));
    golden.write(&tokenizer).unwrap();
    let checkpoint = golden.write_part("checkpoint", dir).unwrap().unwrap();
    let said = golden.original.unwrap();
    let (heads, vision_heads) = (Some(said.heads), Some(said.vision_heads));
    let source = KosmosOriginal { checkpoint, xpos: said.xpos, heads, vision_heads };
    let options = Options { tokenizer: Some(tokenizer), ..Options::new(TensorType::F32) };
    convert_kosmos(&source, &file, &options, &()).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
    Engine::new(threads).unwrap().open(&file, Load::Map).unwrap_or_else(|e| panic!("{}: {e}", golden.name))
}

#[test]
fn models_agree_whole_and_in_pieces() {
    for name in KOSMOS {
        let golden = SplicedGolden::load("kosmos", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = open(&golden, dir.path(), 2);
        assert_eq!(model.defaults().image_id, Some(golden.placeholder), "{name}");
        [7, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
    }
}

#[test]
fn the_original_layout_agrees() {
    for name in KOSMOS_ORIGINAL {
        let golden = SplicedGolden::load("kosmos_original", name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let model = original(&golden, dir.path(), 2);
        [7, 256].into_iter().for_each(|batch| answers_agree(&golden, &model, batch));
    }
}
