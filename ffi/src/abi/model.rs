//! Models: opening, what they are, and the memory they will need.

use super::{
    OCELLI_CAN_CHAT, OCELLI_CAN_EMBED, OCELLI_CAN_IMAGES, OCELLI_CAN_MATCH, OCELLI_CAN_SHOTS, OCELLI_CAN_VIDEO,
    OCELLI_MODEL_AHEAD, OCELLI_MODEL_BORROW, OCELLI_MODEL_COPY, OCELLI_NONE, ocelli_memory, ocelli_model,
    ocelli_model_info, ocelli_model_options, ocelli_session_options,
};
use crate::cells::ModelCell;
use crate::handle::{self, Object};
use crate::log::Log;
use crate::options;
use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_NOT_FOUND, OCELLI_ERR_UNSUPPORTED};
use crate::{affinity, guard, sized, strings};
use ocelli_engine::{
    Engine, Error, Gguf, Load, Model, ShotFormat, join_pair, limit_image_rows, open_file, open_file_with,
};
use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Opens the model file at path. The file is mapped, so this is quick and takes little memory; everything but the
/// weights' values is checked. A model that is split into several files is opened by the first, whose name ends in
/// -00001-of-000NN.gguf; the others lie beside it. The handle is the caller's to close with ocelli_model_close().
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_FILE,
/// OCELLI_ERR_MODEL (also for an mmproj of another model), OCELLI_ERR_DEVICE (the environment's OCELLI_ISA is not to be had),
/// OCELLI_ERR_CANCELLED (by progress) or OCELLI_ERR_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_open(
    path: *const c_char,
    options: *const ocelli_model_options,
    out: *mut *mut ocelli_model,
) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers.
        let (path, options) = unsafe {
            strings::out(out)?;
            (strings::path(path)?, options_of(options)?)
        };
        let load = load_of(&options, false)?;
        opened(out, path, &options, |tell| open_file_with(Path::new(path), load, tell).map_err(Failure::from))
    })
}

/// Opens a model that is in memory: size bytes, as a file would have them. They are copied, unless options say
/// OCELLI_MODEL_BORROW. A model that is split into several files can only be opened by path.
///
/// Returns as ocelli_model_open() does, but for OCELLI_ERR_FILE and OCELLI_ERR_INVALID_UTF8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_open_memory(
    bytes: *const c_void,
    size: usize,
    options: *const ocelli_model_options,
    out: *mut *mut ocelli_model,
) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers; that borrowed bytes stay is OCELLI_MODEL_BORROW's.
        let (bytes, options) = unsafe {
            strings::out(out)?;
            (strings::slice::<u8>("bytes", bytes.cast(), size)?, options_of(options)?)
        };
        load_of(&options, true)?;
        let borrow = options.flags & OCELLI_MODEL_BORROW != 0;
        opened(out, "memory", &options, |tell| {
            let whole = bytes.len() as u64;
            let stop = |_| Failure::from(Error::Cancelled);
            let told = |done, tell: &mut Tell<'_>| if tell(done, whole).is_break() { Err(()) } else { Ok(()) };
            told(0, tell).map_err(stop)?;
            let bytes = if borrow { Ok(Arc::new(bytes) as _) } else { ocelli_engine::copied(bytes) };
            told(whole, tell).map_err(stop)?;
            Ok(ocelli_engine::parse(bytes?)?)
        })
    })
}

/// Opens a model that lies in an open file, length bytes from offset on; a length of 0 is all to the file's end. This is
/// for assets inside other files and for systems that hand out descriptors instead of paths. fd stays the caller's, who
/// may close it at once; where it is read from next does not change. The file is best written so that the model
/// begins at a multiple of 8 bytes: elsewhere it is copied. A model that is split into several files can only be opened by
/// path.
///
/// Returns as ocelli_model_open() does, but for OCELLI_ERR_INVALID_UTF8; OCELLI_ERR_UNSUPPORTED where ocelli_features()
/// lacks OCELLI_FEATURE_FD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_open_fd(
    fd: i32,
    offset: u64,
    length: u64,
    options: *const ocelli_model_options,
    out: *mut *mut ocelli_model,
) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers.
        let options = unsafe {
            strings::out(out)?;
            options_of(options)?
        };
        let load = load_of(&options, false)?;
        if fd < 0 {
            return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, format!("fd is {fd}")));
        }
        let name = format!("descriptor {fd}");
        let file = descriptor(fd, &name)?;
        let length = (length > 0).then_some(length);
        opened(out, &name, &options, |tell| {
            let bytes = ocelli_engine::open_file_part(&file, &name, offset, length, load, tell)?;
            Ok(ocelli_engine::parse(bytes)?)
        })
    })
}

/// A descriptor of our own for the same file.
#[cfg(unix)]
fn descriptor(fd: i32, name: &str) -> Result<std::fs::File, Failure> {
    use std::os::fd::BorrowedFd;
    // SAFETY: it is not -1 and only duplicated: one that is not open gives an error.
    let own = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
    own.map(std::fs::File::from).map_err(|source| Error::Open { path: name.to_owned(), source }.into())
}

/// A descriptor of our own for the same file.
#[cfg(not(unix))]
fn descriptor(_: i32, name: &str) -> Result<std::fs::File, Failure> {
    Err(Failure::new(OCELLI_ERR_UNSUPPORTED, format!("{name}: this system has no file descriptors")))
}

/// Closes a model. Its sessions go on, and memory is freed with the last of them. NULL is no model and nothing to close.
///
/// Returns OCELLI_OK or OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_close(model: *mut ocelli_model) -> i32 {
    guard::call(|| {
        if !model.is_null() {
            handle::model(model.cast())?;
            handle::close(model.cast())?;
        }
        Ok(())
    })
}

/// What a model is and can do.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_PARAMETER (struct_size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_get_info(model: *const ocelli_model, info: *mut ocelli_model_info) -> i32 {
    on(model, |cell| {
        let model = &cell.model;
        let number = options::number;
        let (file, tokenizer) = (model.file(), model.tokenizer());
        let bit = |holds, bit| if holds { bit } else { 0 };
        let value = ocelli_model_info {
            struct_size: 0,
            can: bit(model.takes_images(), OCELLI_CAN_IMAGES | OCELLI_CAN_EMBED)
                | bit(model.compares().is_some(), OCELLI_CAN_MATCH)
                | bit(model.video_frames().is_some(), OCELLI_CAN_VIDEO)
                | bit(file.get("tokenizer.chat_template").is_some(), OCELLI_CAN_CHAT)
                | bit(ShotFormat::from_gguf(file).is_ok_and(|format| format.words_any()), OCELLI_CAN_SHOTS),
            context: number(model.context()),
            vocabulary: number(tokenizer.vocab_size()),
            image_positions: number(model.image_positions()),
            embedding_width: number(model.embedding_width()),
            threads: number(model.device().threads),
            reserved: 0,
            file_bytes: file.file_len(),
            bos: tokenizer.bos().unwrap_or(OCELLI_NONE),
            eos: tokenizer.eos().unwrap_or(OCELLI_NONE),
            pad: tokenizer.pad().unwrap_or(OCELLI_NONE),
            keys: number(file.keys().count()),
        };
        // SAFETY: the header's rules on structs.
        unsafe { sized::write("info", info, &value) }
    })
}

/// Copies the value of a key of the model's file, such as "general.name", into buffer: text as it is, numbers and truth
/// values written out. The rules on buffer, capacity and needed are those of ocelli_last_error().
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER,
/// OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_NOT_FOUND or OCELLI_ERR_UNSUPPORTED (the value is an array).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_meta(
    model: *const ocelli_model,
    key: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(model, |cell| {
        // SAFETY: the header's rules on strings.
        let key = unsafe { strings::given("key", key) }?;
        let file = cell.model.file();
        let Some(value) = file.get(key) else {
            return Err(Failure::new(OCELLI_ERR_NOT_FOUND, format!("the file has no key '{key}'")));
        };
        let text = match (file.str(key), value.as_integer(), file.f32(key), file.bool(key)) {
            (Ok(Some(text)), ..) => text.to_owned(),
            (_, Some(integer), ..) => integer.to_string(),
            (_, _, Ok(Some(real)), _) => real.to_string(),
            (.., Ok(Some(truth))) => truth.to_string(),
            _ => {
                let text = format!("key '{key}' is of type {}", value.type_name());
                return Err(Failure::new(OCELLI_ERR_UNSUPPORTED, text));
            }
        };
        // SAFETY: the header's rules on buffers.
        unsafe { strings::text(&text, buffer, capacity, needed) }
    })
}

/// Copies the name of a key of the model's file into buffer, for ocelli_model_meta(): index counts from 0, below
/// ocelli_model_info.keys, in the order of the file. The rules on buffer, capacity and needed are those of
/// ocelli_last_error().
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
/// OCELLI_ERR_NOT_FOUND (there are not that many).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_model_key(
    model: *const ocelli_model,
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(model, |cell| {
        let file = cell.model.file();
        let Some((key, _)) = file.keys().nth(index) else {
            let text = format!("the file has {} keys, and {index} is asked for", file.keys().count());
            return Err(Failure::new(OCELLI_ERR_NOT_FOUND, text));
        };
        // SAFETY: the header's rules on buffers.
        unsafe { strings::text(key, buffer, capacity, needed) }
    })
}

/// Tells the memory that a session with these options will need, of the model file at path or of an open model: one of
/// the two is NULL. Nothing is allocated and no weight is read for it.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER (both are NULL), OCELLI_ERR_BAD_PARAMETER (neither is, or an option is
/// out of range), OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_FILE, OCELLI_ERR_MODEL, OCELLI_ERR_DEVICE, OCELLI_ERR_UNSUPPORTED,
/// or OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_plan(
    path: *const c_char,
    model: *const ocelli_model,
    options: *const ocelli_session_options,
    memory: *mut ocelli_memory,
) -> i32 {
    let plan = |model: &Model| {
        // SAFETY: the header's rules on structs.
        let options = unsafe { options::session(model, sized::read("options", options)?) }?;
        let plan = model.plan(&options.session)?;
        let value = ocelli_memory {
            struct_size: 0,
            reserved: 0,
            mapped: plan.mapped,
            cache: plan.cache,
            scratch: plan.scratch,
            images: plan.images,
            tokenizer: plan.tokenizer,
            other: plan.other,
            total: plan.total(),
        };
        // SAFETY: as above.
        unsafe { sized::write("memory", memory, &value) }
    };
    if path.is_null() {
        return on(model, |cell| plan(&cell.model));
    }
    guard::call(|| {
        if !model.is_null() {
            return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, "path and model are both given"));
        }
        // SAFETY: the header's rules on strings.
        let path = unsafe { strings::path(path) }?;
        plan(&Engine::unstarted(0)?.open(Path::new(path), Load::Map)?)
    })
}

/// Runs a call on a model.
pub(super) fn on(model: *const ocelli_model, body: impl FnOnce(&ModelCell) -> Result<(), Failure>) -> i32 {
    guard::around(|| handle::model(model.cast())?.call(body))
}

type Tell<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// The caller's options, checked as far as they concern any way of opening.
///
/// # Safety
/// The header's rules on structs.
unsafe fn options_of(options: *const ocelli_model_options) -> Result<ocelli_model_options, Failure> {
    // SAFETY: this function's contract.
    let options = unsafe { sized::read("options", options) }?;
    options::known("flags", options.flags, OCELLI_MODEL_COPY | OCELLI_MODEL_AHEAD | OCELLI_MODEL_BORROW)?;
    if options.gpu_layers > 0 {
        let text = format!("gpu_layers is {}: this version computes on the processor alone", options.gpu_layers);
        return Err(Failure::new(OCELLI_ERR_UNSUPPORTED, text));
    }
    if (options.cpus != 0 || options.cpu_set_words != 0) && !affinity::OFFERED {
        return Err(Failure::new(OCELLI_ERR_UNSUPPORTED, "cpus is set: this system does not let threads be placed"));
    }
    for (name, value) in [("reserved", options.reserved), ("more_reserved", options.more_reserved)] {
        if value != 0 {
            let text = format!("{name} is {value}: this version knows 0");
            return Err(Failure::new(OCELLI_ERR_UNSUPPORTED, text));
        }
    }
    Ok(options)
}

/// How the file is reached; flags that do not go together are refused.
fn load_of(options: &ocelli_model_options, memory: bool) -> Result<Load, Failure> {
    match (options.flags, memory) {
        (0, _) | (OCELLI_MODEL_BORROW, true) => Ok(Load::Map),
        (OCELLI_MODEL_COPY, _) => Ok(Load::Copy),
        (OCELLI_MODEL_AHEAD, false) => Ok(Load::Ahead),
        (flags, _) => {
            let text = format!("flags is {flags}: these do not go together, or not with this way of opening");
            Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text))
        }
    }
}

/// Opens what `read` gives and hands out a handle to it.
fn opened(
    out: *mut *mut ocelli_model,
    name: &str,
    options: &ocelli_model_options,
    read: impl FnOnce(&mut Tell<'_>) -> Result<Gguf, Failure>,
) -> Result<(), Failure> {
    let start = Instant::now();
    let log = Log { call: options.log, user: options.log_user };
    let (progress, user) = (options.progress, options.progress_user);
    let mut tell = |done, total| match progress {
        // SAFETY: the header asks for a function that may be called so during this call.
        Some(progress) if unsafe { progress(done, total, user) } != 0 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let open = || {
        let words = usize::try_from(options.cpu_set_words).unwrap_or(usize::MAX);
        // SAFETY: the header asks for as many words during the call.
        let cpus = affinity::wanted(options.cpus, unsafe { strings::slice("cpu_set", options.cpu_set, words) }?)?;
        let mut file = read(&mut tell)?;
        if !options.mmproj.is_null() {
            // SAFETY: the header's rules on pointers.
            let path = unsafe { strings::path(options.mmproj) }?;
            let load = if options.flags & OCELLI_MODEL_COPY != 0 { Load::Copy } else { Load::Map };
            file = join_pair(file, open_file(Path::new(path), load)?, [name, path])?;
        }
        if options.image_max_rows > 0 {
            file = limit_image_rows(file, options.image_max_rows)?;
        }
        let threads = usize::try_from(options.threads).unwrap_or(usize::MAX);
        let engine = affinity::within(cpus, || Ok(Engine::new(threads)?))?;
        Ok((engine.open_file(file)?, engine.info()))
    };
    let (model, info) = open().inspect_err(|failure| log.failure(failure))?;
    for note in model.notes() {
        log.info(|| note.clone());
    }
    let bytes = model.file().file_len();
    let handle = handle::open(|_| Object::Model(Arc::new(ModelCell::new(model, log))))?;
    log.info(|| {
        let took = start.elapsed().as_millis();
        format!("opened {name}: {bytes} bytes, {} {}, {} threads, {took} ms", info.name, info.isa, info.threads)
    });
    // SAFETY: not NULL, as was checked first; the header's rules on pointers.
    unsafe { out.write_unaligned(handle.cast()) };
    Ok(())
}
