//! A pair of llama.cpp's through C: the language model by path or from memory, and the mmproj by its path in the options.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::*;
use ocelli::status::{OCELLI_ERR_FILE, OCELLI_ERR_MODEL, OCELLI_ERR_UNSUPPORTED, OCELLI_OK};
use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Gguf;
use ocelli_tests::mixed_golden::MixedGolden;
use ocelli_tests::pairs::{Style, mmproj, text};
use std::ffi::CString;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

fn written(dir: &Path, name: &str) -> Gguf {
    MixedGolden::load("smolvlm", name).unwrap().write(&dir.join("hf")).unwrap();
    convert(&dir.join("hf"), &dir.join("one.gguf"), &Options::new(TensorType::F32), &()).unwrap();
    Gguf::parse(Arc::new(std::fs::read(dir.join("one.gguf")).unwrap())).unwrap()
}

#[test]
fn a_pair_opens_by_path_and_from_memory_and_is_held_to_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (one, other) = (written(dir.path(), "default"), written(dir.path(), "three"));
    let words = text(&one).unwrap();
    std::fs::write(at("text.gguf"), &words).unwrap();
    std::fs::write(at("eyes.gguf"), mmproj(&one, "idefics3", Style::default(), |_| ()).unwrap()).unwrap();
    std::fs::write(at("wrong.gguf"), mmproj(&other, "idefics3", Style::default(), |_| ()).unwrap()).unwrap();
    let c = |name: &str| CString::new(at(name).to_str().unwrap()).unwrap();
    let model = c("text.gguf");
    // What opening says, and most positions of a picture.
    let open = |eyes: Option<&str>, rows: u32, more: u32, memory: bool| {
        let eyes = eyes.map(c);
        // SAFETY: zeroes are every default; paths, bytes and options live during the calls; handles are looked up.
        unsafe {
            let mut options: ocelli_model_options = std::mem::zeroed();
            options.struct_size = u32::try_from(size_of::<ocelli_model_options>()).unwrap();
            options.threads = 1;
            options.mmproj = eyes.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
            (options.image_max_rows, options.more_reserved) = (rows, more);
            let mut handle = null_mut();
            let code = if memory {
                ocelli_model_open_memory(words.as_ptr().cast(), words.len(), &raw const options, &raw mut handle)
            } else {
                ocelli_model_open(model.as_ptr(), &raw const options, &raw mut handle)
            };
            let mut info: ocelli_model_info = std::mem::zeroed();
            info.struct_size = u32::try_from(size_of::<ocelli_model_info>()).unwrap();
            if code == OCELLI_OK {
                assert_eq!(ocelli_model_get_info(handle, &raw mut info), OCELLI_OK);
                assert_eq!(ocelli_model_close(handle), OCELLI_OK);
            }
            (code, info.image_positions)
        }
    };
    assert_eq!(open(None, 0, 0, false), (OCELLI_OK, 0), "a language model by itself");
    let (code, all) = open(Some("eyes.gguf"), 0, 0, false);
    // Seventeen views of four rows, each with two tokens before it, three line ends, the double one, and the last token.
    assert_eq!((code, all), (OCELLI_OK, 17 * 4 + 17 * 2 + 3 + 1 + 1));
    assert_eq!(open(Some("eyes.gguf"), 0, 0, true), (OCELLI_OK, all));
    assert_eq!(open(Some("eyes.gguf"), 4, 0, false), (OCELLI_OK, 4 + 3));
    assert_eq!(open(Some("eyes.gguf"), 3, 0, false).0, OCELLI_ERR_MODEL);
    assert_eq!(open(Some("wrong.gguf"), 0, 0, false).0, OCELLI_ERR_MODEL);
    assert_eq!(open(Some("none.gguf"), 0, 0, false).0, OCELLI_ERR_FILE);
    assert_eq!(open(Some("eyes.gguf"), 0, 1, false).0, OCELLI_ERR_UNSUPPORTED);
}
