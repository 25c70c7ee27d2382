//! A model in several files answers as it does in one, however it is loaded; what is not such a model is refused by name.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, Error, GenerateOptions, Load, Model, Prompt, SessionOptions, open_file, open_file_with};
use ocelli_quant::gguf::Gguf;
use ocelli_tests::split::{name, write};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

const LOADS: [Load; 3] = [Load::Map, Load::Ahead, Load::Copy];

fn tiny() -> Gguf {
    Gguf::parse(Arc::new(TINY)).unwrap()
}

/// The answer, and the bits of the likelihood of another.
fn answer(model: &Model) -> (Vec<u32>, Vec<u64>) {
    let picture = |grey| Picture::new(64, 64, vec![grey; 64 * 64 * 3], &ImageLimits::default()).unwrap();
    let prompt = |grey| Prompt::new().image(Arc::new(picture(grey))).text("Question: what color is the shape? Answer:");
    let mut session = model.session(&SessionOptions::default()).unwrap();
    let options = GenerateOptions { max_new_tokens: 6, ..GenerateOptions::default() };
    let mut ids = Vec::new();
    // The second picture reads pages that were let go after the first.
    for grey in [40, 200] {
        ids.extend(session.generate(&prompt(grey), &options, &mut |_| ControlFlow::Continue(())).unwrap().ids.clone());
    }
    let on = &mut |_: ocelli_engine::Event<'_>| ControlFlow::Continue(());
    let scores = session.score(&prompt(90), &[" red", " a blue circle"], on).unwrap();
    (ids, scores.iter().map(|score| score.sum().to_bits()).collect())
}

#[test]
fn it_answers_bit_for_bit_as_the_whole_file_however_it_is_cut_and_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::new(2).unwrap();
    let whole = engine.open_bytes(Arc::new(TINY)).unwrap();
    let wanted = answer(&whole);
    for (stem, most, bare) in [("two", tiny().tensors().len() - 1, false), ("some", 17, false), ("bare", 60, true)] {
        let files = write(&tiny(), directory.path(), stem, most, bare);
        for load in LOADS {
            let model = engine.open(&files[0], load).unwrap();
            assert_eq!(answer(&model), wanted, "{stem} {load:?}");
            assert_eq!(model.file().parts().len(), files.len());
            let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
            let plan = |model: &Model| model.plan(&SessionOptions::default()).unwrap();
            assert_eq!((plan(&model).mapped, plan(&model).anonymous()), (bytes, plan(&whole).anonymous()));
        }
        assert_eq!(ocelli_engine::model_files(&files[0], files.len()), files);
    }
}

#[test]
fn progress_counts_all_files_and_stops_in_any() {
    let directory = tempfile::tempdir().unwrap();
    let files = write(&tiny(), directory.path(), "m", 40, false);
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    for load in LOADS {
        let mut told = Vec::new();
        open_file_with(&files[0], load, &mut |done, all| {
            told.push((done, all));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(told.is_sorted() && told.iter().all(|(_, all)| *all == bytes), "{load:?}: {told:?}");
        assert_eq!((told[0].0, told[told.len() - 1].0), (0, bytes), "{load:?}");
        let stop = &mut |done, _| if done > bytes / 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert!(matches!(open_file_with(&files[0], load, stop), Err(Error::Cancelled)), "{load:?}");
    }
}

#[track_caller]
fn refused(path: &Path, code: &str, words: &[&str]) {
    let error = open_file(path, Load::Map).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error}: no {word}");
    }
}

#[test]
fn what_is_not_the_first_of_a_whole_set_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let files = write(&tiny(), directory.path(), "m", 60, false);
    let count = files.len();
    assert!(count > 2);
    let first = name("m", 1, count);
    refused(
        &files[1],
        "split-file",
        &["file 2", &format!("into {count}"), &format!("open its first file, {}", at(&first).display())],
    );
    fs::copy(&files[0], at("m.gguf")).unwrap();
    refused(&at("m.gguf"), "split-file", &["file 1", &format!("-00001-of-{count:05}.gguf")]);
    fs::copy(&files[1], at(&name("n", 1, count))).unwrap();
    refused(
        &at(&name("n", 1, count)),
        "split-file",
        &["file 2", &format!("its name says that it is file 1 of {count}")],
    );
    fs::copy(&files[0], at(&name("o", 1, 9))).unwrap();
    refused(&at(&name("o", 1, 9)), "split-file", &["file 1", "its name says that it is file 1 of 9"]);
    let alone = Gguf::parse(Arc::new(fs::read(&files[0]).unwrap())).unwrap_err();
    assert!(alone.to_string().contains("opened by the path of its first file"), "{alone}");

    // One file in the place of another, cut short, not there.
    fs::copy(&files[1], &files[2]).unwrap();
    refused(&files[0], "split-part", &["file 3", "split.no is 1", "expected 2"]);
    let bytes = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &bytes[..bytes.len() / 2]).unwrap();
    refused(&files[0], "truncated", &["file 2", "truncated"]);
    fs::remove_file(&files[1]).unwrap();
    let missing = name("m", 2, count);
    refused(&files[0], "open", &[&missing, &format!("file 2 of the {count}"), "not there"]);
}

#[test]
fn a_whole_file_may_have_any_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["m-00001-of-00003.gguf", "m-00007-of-00003.gguf", "-00001-of-00001.gguf", "m"] {
        let path = directory.path().join(name);
        fs::write(&path, TINY).unwrap();
        assert_eq!(open_file(&path, Load::Map).unwrap().parts().len(), 1, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn links_count_by_their_own_name_and_then_by_what_they_lead_to() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for folder in ["blobs", "snapshot", "models"] {
        fs::create_dir(at(folder)).unwrap();
    }
    let files = write(&tiny(), &at("models"), "m", 60, false);
    // As the hub's cache has them: names that lead to hashes.
    for (number, file) in files.iter().enumerate() {
        fs::copy(file, at("blobs").join(number.to_string())).unwrap();
        symlink(format!("../blobs/{number}"), at("snapshot").join(file.file_name().unwrap())).unwrap();
    }
    let hub = at("snapshot").join(files[0].file_name().unwrap());
    symlink(&files[0], at("latest.gguf")).unwrap();
    for path in [hub, at("latest.gguf")] {
        let file = open_file(&path, Load::Map).unwrap();
        assert_eq!((file.parts().len(), file.tensors().len()), (files.len(), tiny().tensors().len()));
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_by_what_it_is_and_nothing_waits() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    refused(&pipe, "open", &["a pipe", "a regular file"]);
    refused(&socket, "open", &["a socket"]);
    refused(Path::new("/dev/null"), "open", &["a device"]);
    refused(directory.path(), "open", &["a directory", "ocelli convert"]);
}
