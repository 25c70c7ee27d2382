//! What is at the output's place afterwards, whatever happened.

use std::cell::Cell;
use std::fs;

use ocelli_convert::quantize::Mix;
use ocelli_convert::{Options, Progress, convert};
use ocelli_quant::TensorType::{F16, F32};

use crate::tiny::*;

/// Counts, and cancels at a call.
#[derive(Default)]
struct Watch {
    total: Cell<u64>,
    seen: Cell<u64>,
    asked: Cell<u32>,
    cancel_at: Option<u32>,
}

impl Progress for Watch {
    fn start(&self, total_bytes: u64) {
        self.total.set(total_bytes);
    }
    fn advance(&self, bytes: u64, tensor: &str) {
        assert!(!tensor.is_empty());
        self.seen.set(self.seen.get() + bytes);
    }
    fn note(&self, _: &str) {}
    fn cancelled(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.cancel_at == Some(self.asked.get())
    }
}

#[test]
fn progress_adds_up() {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    let (out, watch) = (scratch.0.join("o.gguf"), Watch::default());
    let report = convert(&scratch.0, &out, &Options::new(F16), &watch).unwrap();
    assert_eq!(watch.seen.get(), watch.total.get());
    assert_eq!(watch.total.get(), parse(&out).tensors().iter().map(|tensor| tensor.bytes).sum::<u64>());
    assert_eq!(report.bytes_in, fs::metadata(scratch.0.join("model.safetensors")).unwrap().len());
}

#[test]
fn cancelling_leaves_nothing_and_the_old_file() {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    let out = scratch.0.join("o.gguf");
    let before = scratch.names();
    for at in [1, 2, 5] {
        let watch = Watch { cancel_at: Some(at), ..Watch::default() };
        let error = convert(&scratch.0, &out, &Options::new(F16), &watch).unwrap_err();
        assert_eq!(error.code(), "cancelled");
        assert_eq!(scratch.names(), before);
    }
    fs::write(&out, "old").unwrap();
    let options = Options::new(F16);
    let watch = Watch { cancel_at: Some(3), ..Watch::default() };
    convert(&scratch.0, &out, &options, &watch).unwrap_err();
    assert_eq!(fs::read(&out).unwrap(), b"old");
    assert_eq!(scratch.names().len(), before.len() + 1);
}

#[test]
fn errors_while_writing_leave_the_old_file() {
    let scratch = Scratch::new();
    let mut model = Model::new();
    model.tensors.get_mut("query_tokens").unwrap().data[0] = 1.0;
    model.tensors.get_mut("language_projection.weight").unwrap().data[0] = 1e6;
    model.write(&scratch.0);
    let out = scratch.0.join("o.gguf");
    fs::write(&out, "old").unwrap();
    let before = scratch.names();
    let mut options = Options::new(F16);
    options.recipe.overwrite = false;
    check(&convert(&scratch.0, &out, &options, &()).unwrap_err(), "output_exists", &["o.gguf"]);
    options.recipe.overwrite = true;
    check(&convert(&scratch.0, &out, &options, &()).unwrap_err(), "overflow", &["mm.projector.weight"]);
    assert_eq!(fs::read(&out).unwrap(), b"old");
    assert_eq!(scratch.names(), before);

    options.recipe.mix = Mix::of(F32);
    convert(&scratch.0, &out, &options, &()).unwrap();
    assert!(parse(&out).tensors().len() > 100);
    assert_eq!(scratch.names(), before);
}

#[test]
fn leftovers_are_reported_and_left() {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    let mine = format!("o.gguf.part.{}", std::process::id());
    for name in ["o.gguf.part.1", &mine] {
        fs::write(scratch.0.join(name), "half").unwrap();
    }
    let report = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap();
    assert_eq!(report.notes.len(), 2);
    assert!(report.notes[0].starts_with("o.gguf.part.1 "), "{report:?}");
    assert_eq!(fs::read(scratch.0.join(mine)).unwrap(), b"half");
}

#[test]
fn outputs_that_would_destroy_something_are_refused() {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    let options = Options::new(F32);
    let fails = |out: &str, part: &str| {
        let error = convert(&scratch.0, &scratch.0.join(out), &options, &()).unwrap_err();
        check(&error, "output_unfit", &[part]);
    };
    fails("model.safetensors", "a file of the checkpoint");
    fails("config.json", "a file of the checkpoint");
    fails("sub/..", "no file name");
    fs::create_dir(scratch.0.join("sub")).unwrap();
    fails("sub", "a directory");
    let error = convert(&scratch.0, &scratch.0.join("absent/o.gguf"), &options, &()).unwrap_err();
    check(&error, "output_directory", &["absent/o.gguf", "no directory"]);
    fails("new/", "the name of a directory");
    let error = convert(&scratch.0.join("config.json"), &scratch.0.join("o"), &options, &()).unwrap_err();
    check(&error, "source_not_a_directory", &[]);
}
