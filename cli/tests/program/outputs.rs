//! Files that go to standard output, and through links to it. The program's own streams are pipes and files here; the
//! system's `/dev/stdout` is only ever a link's end.

use crate::process::{bundled, command, finish, ocelli};
use ocelli_quant::gguf::{Gguf, TensorInfo};
use ocelli_tests::split;
use ocelli_tests::text_golden::TextGolden;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

struct Made {
    directory: tempfile::TempDir,
}

impl Made {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("in.gguf"), bundled()).unwrap();
        fs::write(directory.path().join("t.txt"), "a red circle on a blue square ".repeat(9)).unwrap();
        TextGolden::load("llama").unwrap().write(&directory.path().join("hf")).unwrap();
        Self { directory }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The three commands that write a file, to `out`.
    fn commands(&self, out: &str) -> [Vec<String>; 3] {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let [input, text, source] = ["in.gguf", "t.txt", "hf"].map(|name| self.at(name).to_str().unwrap().to_owned());
        [
            words(&["quantize", &input, out, "--type", "q8_0"]),
            words(&["imatrix", &input, "-o", out, "--text", &text, "--chunk", "16", "--threads", "1"]),
            words(&["convert", &source, "-o", out, "--type", "f16"]),
        ]
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs it in a directory of its own, where a file that is named `-` would be found.
fn run(made: &Made, args: &[String], stdout: Stdio) -> Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    command(&args).current_dir(made.directory.path()).stdout(stdout).output().unwrap()
}

#[test]
fn a_dash_and_a_link_to_standard_output_give_the_bytes_of_the_file_and_nothing_else() {
    let made = Made::new();
    symlink("/dev/stdout", made.at("link")).unwrap();
    symlink("/proc/self/fd/1", made.at("descriptor")).unwrap();
    for at in 0..3 {
        let file = made.at("file");
        let plain = run(&made, &made.commands(text(&file))[at], Stdio::piped());
        assert_eq!(plain.status.code(), Some(0), "{plain:?}");
        assert!(String::from_utf8(plain.stdout).unwrap().contains("tensors"));
        let wanted = fs::read(&file).unwrap();
        for out in ["-", text(&made.at("link")), text(&made.at("descriptor")), "/dev/fd/1"] {
            // A pipe, and a file that something stands in already.
            let piped = run(&made, &made.commands(out)[at], Stdio::piped());
            assert!(piped.status.success() && piped.stdout == wanted, "{out}: {:?}", piped.status);
            assert!(String::from_utf8(piped.stderr).unwrap().contains("tensors"), "the summary is beside the file");
            fs::write(made.at("log"), "before\n").unwrap();
            let log = File::options().append(true).open(made.at("log")).unwrap();
            assert!(run(&made, &made.commands(out)[at], log.into()).status.success());
            let written = fs::read(made.at("log")).unwrap();
            assert!(written.starts_with(b"before\n") && written[7..] == wanted, "{out}: {} bytes", written.len());
        }
        assert!(fs::symlink_metadata(made.at("link")).unwrap().is_symlink());
    }
    assert!(!made.at("-").exists());
}

#[test]
fn standard_output_that_cannot_take_a_file() {
    let made = Made::new();
    for args in made.commands("-") {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = run(&made, &args, full.into());
        let message = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(1) && message.contains("standard output: cannot be written"), "{message}");
        // Messages must not get between the bytes.
        let both = File::create(made.at("both")).unwrap();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ended = command(&args).stdout(both.try_clone().unwrap()).stderr(both).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{args:?}");
        assert!(fs::read_to_string(made.at("both")).unwrap().contains("error[output-unfit]"));
        // A reader that leaves is the ordinary end.
        let mut child = command(&args).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""), "{args:?}");
    }
    // Standard error is for messages.
    for path in ["/dev/stderr", "/proc/self/fd/2"] {
        assert!(run(&made, &made.commands(path)[0], Stdio::piped()).stderr.ends_with(b"where messages go\n"), "{path}");
    }
    // The input cannot be what is written to.
    let own = File::options().append(true).open(made.at("in.gguf")).unwrap();
    assert_eq!(run(&made, &made.commands("-")[0], own.into()).status.code(), Some(1));
    assert_eq!(fs::read(made.at("in.gguf")).unwrap(), bundled());
}

#[test]
fn standard_input_is_no_model() {
    for args in [
        &["run", "-m", "-", "-p", "x"][..],
        &["inspect", "-"],
        &["tokenize", "-m", "-", "x"],
        &["quantize", "-", "o.gguf"],
        &["imatrix", "-", "-o", "/dev/null", "--text", "x"],
    ] {
        assert!(ocelli(args).failed(2, "standard-input").contains("give its path"), "{args:?}");
    }
    for path in ["/dev/stdin", "/dev/fd/0"] {
        let ended = finish(command(&["inspect", path]).stdin(Stdio::piped()), "GGUF");
        assert!(ended.failed(1, "open").contains("a pipe"), "{path}");
    }
}

#[test]
fn imatrix_says_at_the_start_that_it_cannot_write() {
    let made = Made::new();
    let check = |out: &str, code: &str| {
        // Neither text nor model is looked at before.
        let error =
            ocelli(&["imatrix", "no-model.gguf", "-o", out, "--text", "no-text", "--no-clobber"]).failed(1, code);
        assert!(error.contains(out), "{error}");
    };
    check(text(&made.at("absent/x.gguf")), "output-directory");
    check(text(&made.at("hf")), "output-unfit");
    check(text(&made.at("t.txt")), "output-exists");
    ocelli(&["imatrix", "no-model.gguf", "-o", text(&made.at("free.gguf")), "--text", "no-text"]).failed(1, "open");
    assert!(!made.at("free.gguf").exists());
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let made = Made::new();
    let (input, told, picture) = (made.at("in.gguf"), made.at("t.txt"), crate::process::picture("blue_circle.png"));
    let own = made.at("own.png");
    fs::copy(picture, &own).unwrap();
    let whole = Gguf::parse(Arc::new(bundled())).unwrap();
    let files = split::write(&whole, made.directory.path(), "cut", 50, false);
    let measured = made.at("i.gguf");
    ocelli(&["imatrix", text(&input), "-o", text(&measured), "--text", text(&told), "--chunk", "16", "-q"]).ok();
    let imatrix = |model: &Path, out: &Path| {
        ocelli(&["imatrix", text(model), "-o", text(out), "--text", text(&told), "--image", text(&own), "-q"])
    };
    let kept: Vec<Vec<u8>> = [&input, &told, &own, &measured].iter().map(|path| fs::read(path).unwrap()).collect();
    for (model, out) in [(&input, &input), (&input, &told), (&input, &own), (&files[0], &files[1])] {
        assert!(imatrix(model, out).failed(1, "output-unfit").contains("one of the files that are read"));
    }
    let quantize = ["quantize", text(&input), text(&measured), "--imatrix", text(&measured)];
    assert!(ocelli(&quantize).failed(1, "output-unfit").contains("one of the files that are read"));
    let checkpoint = made.at("hf");
    let convert = ["convert", text(&checkpoint), "-o", text(&measured), "--imatrix", text(&measured)];
    ocelli(&convert).failed(1, "output-unfit");
    let now: Vec<Vec<u8>> = [&input, &told, &own, &measured].iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(now == kept);
}

#[test]
fn a_byte_order_mark_is_no_text_to_measure() {
    let made = Made::new();
    fs::create_dir(made.at("marked")).unwrap();
    let plain = fs::read_to_string(made.at("t.txt")).unwrap();
    fs::write(made.at("marked/t.txt"), format!("\u{feff}{plain}")).unwrap();
    let [one, other] = ["t.txt", "marked/t.txt"].map(|name| {
        let (input, from, out) = (made.at("in.gguf"), made.at(name), made.at("imatrix"));
        ocelli(&["imatrix", text(&input), "-o", text(&out), "--text", text(&from), "--chunk", "16", "-q"]).ok();
        fs::read(out).unwrap()
    });
    assert!(one == other);
}

#[test]
fn a_split_model_is_looked_at_run_and_made_one_file() {
    let made = Made::new();
    let whole = Gguf::parse(Arc::new(bundled())).unwrap();
    let files = split::write(&whole, made.directory.path(), "cut", 50, false);
    let first = text(&files[0]);
    let seen = ocelli(&["inspect", first, "--json"]).json();
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert_eq!((seen["files"].as_u64(), seen["bytes"].as_u64()), (Some(files.len() as u64), Some(bytes)));
    assert_eq!(seen["plan"]["mapped"].as_u64(), Some(bytes));
    assert_eq!(seen["tensors"].as_array().unwrap().len(), whole.tensors().len());
    assert!(ocelli(&["inspect", first]).ok().contains(&format!("in {} files", files.len())));
    assert!(ocelli(&["inspect", first, "--tensors"]).ok().contains("of file 2"));

    let answer = |model: &str, more: &[&str]| {
        let args = ["run", "-m", model, "-p", "Question: what color is it? Answer:", "-n", "4", "--json"];
        ocelli(&[&args[..], more].concat()).json()["ids"].clone()
    };
    let wanted = answer(text(&made.at("in.gguf")), &[]);
    assert_eq!((answer(first, &[]), answer(first, &["--no-mmap"])), (wanted.clone(), wanted));
    let ids = |model: &str| ocelli(&["tokenize", "-m", model, "a red circle"]).ok();
    assert_eq!(ids(first), ids(text(&made.at("in.gguf"))));

    let (one, other) = (made.at("one.gguf"), made.at("other.gguf"));
    ocelli(&["quantize", first, text(&one), "--type", "q4_0", "-q"]).ok();
    ocelli(&["quantize", text(&made.at("in.gguf")), text(&other), "--type", "q4_0", "-q"]).ok();
    assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "bit for bit what the whole file gives");
    for file in &files {
        ocelli(&["quantize", first, text(file)]).failed(1, "output-unfit");
    }
    let measured = [first, text(&made.at("in.gguf"))].map(|model| {
        let out = made.at("imatrix");
        ocelli(&["imatrix", model, "-o", text(&out), "--text", text(&made.at("t.txt")), "--chunk", "16", "-q"]).ok();
        fs::read(out).unwrap()
    });
    assert!(measured[0] == measured[1]);
    let error = ocelli(&["run", "-m", text(&files[1]), "-p", "x"]).failed(1, "split-file");
    assert!(error.contains("open its first file") && error.contains("cut-00001-of-"), "{error}");
}

#[test]
fn types_that_were_asked_for_by_name_are_all_listed() {
    let made = Made::new();
    let (input, out) = (made.at("in.gguf"), made.at("out.gguf"));
    // No row of the bundled model is a multiple of 256.
    let summary =
        |more: &[&str]| ocelli(&[&["quantize", text(&input), text(&out), "--type", "q4_k_m"], more].concat()).ok();
    let listed = |summary: &str| summary.lines().filter(|line| line.contains(" instead of ")).count();
    let plain = summary(&[]);
    assert_eq!(listed(&plain), 6, "{plain}");
    assert!(plain.contains("more"), "{plain}");
    let asked = summary(&["--tensor-type", "blk.*.weight=q6_k"]);
    let wanted = Gguf::parse(Arc::new(bundled())).unwrap();
    let replaced = |t: &&TensorInfo| t.name.starts_with("blk.") && t.shape.len() > 1 && !t.cols().is_multiple_of(256);
    let wanted: Vec<&TensorInfo> = wanted.tensors().iter().filter(replaced).collect();
    assert!(wanted.len() > 6);
    for tensor in &wanted {
        assert!(asked.contains(&format!("  {}: q8_0 instead of q6_k\n", tensor.name)), "{}: {asked}", tensor.name);
    }
    assert_eq!(listed(&asked), wanted.len() + 6, "{asked}");
}
