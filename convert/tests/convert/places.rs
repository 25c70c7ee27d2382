//! Outputs that are no plain name: links, pipes, devices, descriptors. What a path leads to decides.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ocelli_convert::imatrix::{Columns, Imatrix};
use ocelli_convert::quantize::{Recipe, quantize};
use ocelli_convert::{ConvertError, Options, Output, Progress, convert};
use ocelli_quant::TensorType::F16;
use ocelli_quant::gguf::Gguf;

use crate::tiny::*;

/// A checkpoint, its model file, an importance file, and a directory for outputs.
struct Made {
    scratch: Scratch,
    model: Gguf,
    bytes: Vec<u8>,
}

impl Made {
    fn new() -> Self {
        let scratch = Scratch::new();
        fs::create_dir(scratch.0.join("hf")).unwrap();
        fs::create_dir(scratch.0.join("out")).unwrap();
        Model::new().write(&scratch.0.join("hf"));
        let path = scratch.0.join("model.gguf");
        convert(&scratch.0.join("hf"), &path, &Options::new(F16), &()).unwrap();
        Self { model: parse(&path), bytes: fs::read(&path).unwrap(), scratch }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.0.join("out").join(name)
    }

    fn convert(&self, out: &Path) -> Result<(), ConvertError> {
        convert(&self.scratch.0.join("hf"), out, &Options::new(F16), &()).map(drop)
    }

    fn quantize(&self, out: &Path) -> Result<(), ConvertError> {
        let recipe = Recipe::new("q8_0".parse().unwrap());
        quantize(&self.model, &[self.scratch.0.join("model.gguf")], out, &recipe, &()).map(drop)
    }

    fn imatrix(out: &Path) -> Result<(), ConvertError> {
        let mut imatrix = Imatrix::default();
        imatrix.entries.insert("a.weight".to_owned(), Columns { sums: vec![1.0, 2.0], count: 2 });
        imatrix.write(out, true)
    }

    /// Each way to write a file.
    fn all(&self, out: &Path, mut then: impl FnMut(Result<(), ConvertError>)) {
        then(self.convert(out));
        then(self.quantize(out));
        then(Self::imatrix(out));
    }

    fn refused(&self, out: &Path, code: &str, words: &[&str]) {
        self.all(out, |made| check(&made.unwrap_err(), code, words));
    }
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_link_stays_and_the_file_that_it_leads_to_is_replaced() {
    let made = Made::new();
    fs::create_dir(made.at("deep")).unwrap();
    let target = made.at("deep/target.gguf");
    symlink("deep/second", made.at("first")).unwrap();
    symlink("target.gguf", made.at("deep/second")).unwrap();
    made.all(&made.at("first"), |written| {
        written.unwrap();
        assert!(fs::symlink_metadata(made.at("first")).unwrap().is_symlink());
        assert!(fs::symlink_metadata(made.at("deep/second")).unwrap().is_symlink());
        assert_eq!(&fs::read(&target).unwrap()[..4], b"GGUF");
        assert_eq!(fs::read_dir(made.at("deep")).unwrap().count(), 2, "nothing is left beside the target");
        // Another time it is there already.
        fs::write(&target, "old").unwrap();
    });
    let mut options = Options::new(F16);
    options.recipe.overwrite = false;
    let error = convert(&made.scratch.0.join("hf"), &made.at("first"), &options, &()).unwrap_err();
    check(&error, "output_exists", &["first"]);
    assert_eq!(fs::read(&target).unwrap(), b"old");
}

#[test]
fn what_a_link_leads_to_is_created_or_its_directory_named() {
    let made = Made::new();
    symlink("new.gguf", made.at("dangling")).unwrap();
    made.convert(&made.at("dangling")).unwrap();
    assert!(fs::symlink_metadata(made.at("dangling")).unwrap().is_symlink());
    assert_eq!(fs::read(made.at("new.gguf")).unwrap(), made.bytes);

    symlink("absent/new.gguf", made.at("far")).unwrap();
    made.refused(&made.at("far"), "output_directory", &["far", "out/absent"]);
    symlink("round", made.at("loop")).unwrap();
    symlink("loop", made.at("round")).unwrap();
    made.refused(&made.at("loop"), "write", &["loop"]);
    symlink(".", made.at("here")).unwrap();
    made.refused(&made.at("here"), "output_unfit", &["a directory"]);
    fs::write(made.at("file"), "").unwrap();
    made.refused(&made.at("file/o.gguf"), "write", &["file/o.gguf"]);
    assert_eq!(fs::read_dir(made.at("")).unwrap().count(), 7);
}

#[test]
fn devices_are_written_through() {
    let made = Made::new();
    symlink("/dev/null", made.at("sink")).unwrap();
    symlink("/dev/full", made.at("full")).unwrap();
    for out in [Path::new("/dev/null"), &made.at("sink")] {
        made.all(out, |written| written.unwrap());
    }
    made.refused(&made.at("full"), "write", &["full", "No space left"]);
    for name in ["sink", "full"] {
        assert!(fs::symlink_metadata(made.at(name)).unwrap().is_symlink());
        assert!(fs::metadata(made.at(name)).unwrap().file_type().is_char_device());
    }
    assert_eq!(fs::read_dir(made.at("")).unwrap().count(), 2);
}

#[test]
fn a_pipe_gets_the_bytes_of_the_file() {
    let made = Made::new();
    pipe(&made.at("pipe"));
    symlink("pipe", made.at("link")).unwrap();
    for name in ["pipe", "link"] {
        let path = made.at(name);
        let reader = std::thread::spawn(move || fs::read(path).unwrap());
        made.convert(&made.at(name)).unwrap();
        assert!(reader.join().unwrap() == made.bytes, "{name}");
        assert!(fs::metadata(made.at("pipe")).unwrap().file_type().is_fifo());
    }
    assert!(fs::symlink_metadata(made.at("link")).unwrap().is_symlink());
    // A reader that leaves is an error like any other.
    let path = made.at("pipe");
    let reader = std::thread::spawn(move || File::open(path).unwrap().read_exact(&mut [0; 4]));
    check(&made.convert(&made.at("pipe")).unwrap_err(), "write", &["pipe"]);
    reader.join().unwrap().unwrap();
}

#[test]
fn waiting_for_a_pipes_reader_can_be_given_up() {
    struct Impatient(Instant);
    impl Progress for Impatient {
        fn start(&self, _: u64) {}
        fn advance(&self, _: u64, _: &str) {}
        fn note(&self, _: &str) {}
        fn cancelled(&self) -> bool {
            self.0.elapsed().as_millis() > 100
        }
    }
    let made = Made::new();
    pipe(&made.at("pipe"));
    let watch = Impatient(Instant::now());
    let error = convert(&made.scratch.0.join("hf"), &made.at("pipe"), &Options::new(F16), &watch).unwrap_err();
    check(&error, "cancelled", &[]);
    // Whoever is left behind is let go.
    File::open(made.at("pipe")).unwrap();
}

#[test]
fn descriptors_are_written_through() {
    let made = Made::new();
    let file = File::options().read(true).write(true).create_new(true).open(made.at("open")).unwrap();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    symlink(&path, made.at("link")).unwrap();
    for named in [true, false] {
        if !named {
            fs::remove_file(made.at("open")).unwrap();
        }
        made.convert(&made.at("link")).unwrap();
        let mut bytes = vec![0; made.bytes.len()];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0).unwrap();
        assert!(bytes == made.bytes && file.metadata().unwrap().len() == bytes.len() as u64, "{named}");
    }
    assert!(fs::symlink_metadata(made.at("link")).unwrap().is_symlink());
}

#[test]
fn what_is_no_place_for_a_file_is_refused_by_what_it_is() {
    let made = Made::new();
    let _listener = std::os::unix::net::UnixListener::bind(made.at("socket")).unwrap();
    made.refused(&made.at("socket"), "output_unfit", &["a socket"]);
    fs::write(made.at("kept"), "kept").unwrap();
    fs::set_permissions(made.at("kept"), Permissions::from_mode(0o444)).unwrap();
    made.refused(&made.at("kept"), "output_unfit", &["a read-only file"]);
    assert_eq!(fs::read(made.at("kept")).unwrap(), b"kept");
    made.refused(Path::new(""), "output_unfit", &["no file name"]);
    made.refused(&made.at("new/."), "output_unfit", &["the name of a directory"]);
}

#[test]
fn a_file_is_the_same_by_any_name() {
    let made = Made::new();
    // The input under another name, by link and by hard link.
    symlink(made.scratch.0.join("model.gguf"), made.at("link")).unwrap();
    fs::hard_link(made.scratch.0.join("model.gguf"), made.at("hard")).unwrap();
    for name in ["link", "hard"] {
        check(&made.quantize(&made.at(name)).unwrap_err(), "output_unfit", &["the file that is read"]);
    }
    symlink("../hf/model.safetensors", made.at("weights")).unwrap();
    fs::hard_link(made.scratch.0.join("hf/model.safetensors"), made.at("hard-weights")).unwrap();
    for name in ["weights", "hard-weights"] {
        check(&made.convert(&made.at(name)).unwrap_err(), "output_unfit", &["a file of the checkpoint"]);
    }
    assert_eq!(fs::read(made.at("hard")).unwrap(), made.bytes);

    // Of another file's two names, the one that is written gets the new file.
    fs::write(made.at("one"), "old").unwrap();
    fs::hard_link(made.at("one"), made.at("two")).unwrap();
    made.convert(&made.at("two")).unwrap();
    assert_eq!(fs::read(made.at("one")).unwrap(), b"old");
    assert_eq!(fs::read(made.at("two")).unwrap(), made.bytes);
}

#[test]
fn permissions_stay_and_names_may_be_as_long_as_names_may_be() {
    let made = Made::new();
    fs::write(made.at("o"), "old").unwrap();
    fs::set_permissions(made.at("o"), Permissions::from_mode(0o640)).unwrap();
    made.convert(&made.at("o")).unwrap();
    assert_eq!(fs::metadata(made.at("o")).unwrap().mode() & 0o777, 0o640);
    let long = "ü".repeat(125) + ".gguf";
    made.convert(&made.at(&long)).unwrap();
    assert_eq!(fs::read(made.at(&long)).unwrap(), made.bytes);
}

#[test]
fn a_check_leaves_nothing_and_says_what_writing_would_say() {
    let made = Made::new();
    let checked = |name: &str, overwrite| Output::from(&made.at(name)).check(overwrite, &[]);
    checked("free", false).unwrap();
    assert_eq!(fs::read_dir(made.at("")).unwrap().count(), 0);
    fs::write(made.at("taken"), "old").unwrap();
    checked("taken", true).unwrap();
    check(&checked("taken", false).unwrap_err(), "output_exists", &[]);
    check(&checked("absent/o", true).unwrap_err(), "output_directory", &["out/absent"]);
    assert_eq!(fs::read(made.at("taken")).unwrap(), b"old");
    assert_eq!(fs::read_dir(made.at("")).unwrap().count(), 1);
}
