//! Every function of the header, with arguments from the input. `ffi/tests/header` holds the list against the header.

use std::ffi::{c_char, c_void};
use std::os::fd::AsRawFd;
use std::ptr;

use ocelli::abi::*;
use ocelli::status::OCELLI_OK;

use super::arguments::{World, calls_again, ends};

/// Makes a call and tells its status, where it returns one.
pub type Call = fn(&mut World<'_>) -> Option<i32>;

macro_rules! all {
    ($($name:ident => |$world:ident| $body:expr;)*) => {
        /// The functions by name.
        pub const ALL: &[(&str, Call)] = &[$((stringify!($name), |$world| {
            // SAFETY: pointers are NULL or lead to what the header asks for; handles are looked up, never followed.
            #[allow(unused_unsafe)]
            unsafe { $body }
        }),)*];
    };
}

/// Text or NULL, with a size.
fn sized(world: &mut World<'_>) -> (*const c_char, usize) {
    let bytes = world.bytes();
    let size = world.size(bytes.len());
    let pointer = world.or_null(bytes.as_ptr().cast_mut());
    (pointer.cast(), size)
}

/// The buffer or a part of it, at an odd address or NULL, with a capacity of `unit`s.
fn room<T>(world: &mut World<'_>) -> (*mut T, usize) {
    let most = world.buffer.0.len() / size_of::<T>() - 1;
    let capacity = world.size(most);
    let odd = usize::from(world.byte() >= 0xf8);
    // SAFETY: inside of the buffer, one unit of which is left over.
    let at = unsafe { world.buffer.0.as_mut_ptr().add(odd) };
    (world.or_null(at).cast(), capacity)
}

all! {
    ocelli_abi_version => |world| { world.outs.token = ocelli_abi_version(); None };
    ocelli_version => |_world| { assert!(!ocelli_version().is_null()); None };
    ocelli_features => |_world| { ocelli_features(); None };
    ocelli_status_name => |world| { assert!(!ocelli_status_name(world.number32() as i32).is_null()); None };
    ocelli_last_error_code => |_world| Some(ocelli_last_error_code());
    ocelli_last_error => |world| {
        let (buffer, capacity) = room(world);
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_last_error(buffer, capacity, world.or_null(needed)))
    };
    ocelli_handle_error => |world| {
        let handle: *const c_void = world.session().cast();
        let (buffer, capacity) = room(world);
        let (status, needed) = (ptr::from_mut(&mut world.outs.number), ptr::from_mut(&mut world.outs.size));
        Some(ocelli_handle_error(handle, world.or_null(status), buffer, capacity, world.or_null(needed)))
    };
    ocelli_check_model => |world| Some(ocelli_check_model(world.path()));
    ocelli_model_open => |world| {
        let (path, options) = (world.path(), world.model_options());
        let (options, out) = (world.or_null((&raw const options).cast_mut()), &raw mut world.outs.model);
        Some(ocelli_model_open(path, options, world.or_null(out)))
    };
    ocelli_model_open_memory => |world| {
        let (file, options) = (world.file(), world.model_options());
        let size = world.size(file.len());
        let bytes = world.or_null(file.as_ptr().cast_mut());
        let (options, out) = (world.or_null((&raw const options).cast_mut()), &raw mut world.outs.model);
        Some(ocelli_model_open_memory(bytes.cast(), size, options, world.or_null(out)))
    };
    ocelli_model_open_fd => |world| {
        let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/models/tiny-blip2.gguf"));
        let file = file.expect("the model is there");
        let fd = if world.byte() < 0xe0 { file.as_raw_fd() } else { world.pick(&[-1, i32::MIN, i32::MAX]) };
        let (offset, length, options) = (world.number() & !0x7f, world.number(), world.model_options());
        let length = if length < 0x80 { 0 } else { length };
        let (options, out) = (world.or_null((&raw const options).cast_mut()), &raw mut world.outs.model);
        Some(ocelli_model_open_fd(fd, offset, length, options, world.or_null(out)))
    };
    ocelli_model_close => |world| {
        let model = world.model();
        let status = ocelli_model_close(model);
        if status == OCELLI_OK && !model.is_null() {
            world.models.close(model);
        }
        Some(status)
    };
    ocelli_model_get_info => |world| Some(ocelli_model_get_info(world.model(), world.written()));
    ocelli_model_meta => |world| {
        let model = world.model();
        let key = if world.byte() < 0x80 { c"general.architecture".as_ptr() } else { world.text() };
        let (buffer, capacity) = room(world);
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_model_meta(model, key, buffer, capacity, world.or_null(needed)))
    };
    ocelli_model_key => |world| {
        let (model, index) = (world.model(), world.number32() as usize);
        let (buffer, capacity) = room(world);
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_model_key(model, index, buffer, capacity, world.or_null(needed)))
    };
    ocelli_plan => |world| {
        let path = if world.byte() < 0x80 { ptr::null() } else { world.path() };
        let (model, options) = (world.model(), world.session_options());
        let options = world.or_null((&raw const options).cast_mut());
        Some(ocelli_plan(path, model, options, world.written()))
    };
    ocelli_tokenize => |world| {
        let model = world.model();
        let (text, size) = sized(world);
        let flags = world.number32() % 5;
        let (tokens, capacity) = room(world);
        let count = ptr::from_mut(&mut world.outs.count);
        Some(ocelli_tokenize(model, text, size, flags, tokens, capacity, world.or_null(count)))
    };
    ocelli_detokenize => |world| {
        let model = world.model();
        let tokens: Vec<u32> = (0..world.byte() % 8).map(|_| world.number32()).collect();
        let count = world.size(tokens.len());
        let tokens = world.or_null(tokens.as_ptr().cast_mut());
        let (buffer, capacity) = room(world);
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_detokenize(model, tokens, count, buffer, capacity, world.or_null(needed)))
    };
    ocelli_detokenize_with => |world| {
        let model = world.model();
        let tokens: Vec<u32> = (0..world.byte() % 8).map(|_| world.number32()).collect();
        let (count, flags) = (world.size(tokens.len()), world.number32() % 3);
        let tokens = world.or_null(tokens.as_ptr().cast_mut());
        let (buffer, capacity) = room(world);
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_detokenize_with(model, tokens, count, flags, buffer, capacity, world.or_null(needed)))
    };
    ocelli_token_piece => |world| {
        let (model, token) = (world.model(), world.number32());
        let (buffer, capacity) = room(world);
        let (kind, needed) = (ptr::from_mut(&mut world.outs.token), ptr::from_mut(&mut world.outs.size));
        Some(ocelli_token_piece(model, token, world.or_null(kind), buffer, capacity, world.or_null(needed)))
    };
    ocelli_boxes => |world| {
        let model = world.model();
        let (text, size) = sized(world);
        let (buffer, capacity) = room(world);
        let (boxes, many) = room(world);
        let (needed, count) = (ptr::from_mut(&mut world.outs.size), ptr::from_mut(&mut world.outs.count));
        let (needed, count) = (world.or_null(needed), world.or_null(count));
        Some(ocelli_boxes(model, text, size, buffer, capacity, needed, boxes, many, count))
    };
    ocelli_image_open => |world| {
        let (path, out) = (world.path(), &raw mut world.outs.image);
        Some(ocelli_image_open(path, world.or_null(out)))
    };
    ocelli_image_open_memory => |world| {
        let file = world.file();
        let size = world.size(file.len());
        let (bytes, out) = (world.or_null(file.as_ptr().cast_mut()), &raw mut world.outs.image);
        Some(ocelli_image_open_memory(bytes.cast(), size, world.or_null(out)))
    };
    ocelli_image_open_with => |world| {
        let file = world.file();
        let size = world.size(file.len());
        let path = if world.number() % 4 == 0 { world.path() } else { ptr::null() };
        let options = ocelli_image_options {
            struct_size: size_of::<ocelli_image_options>() as u32,
            upright: world.number32() % 3,
            blend: world.number32() % 3,
            background: world.number32(),
        };
        let options = world.or_null((&raw const options).cast_mut());
        let (bytes, out) = (world.or_null(file.as_ptr().cast_mut()), &raw mut world.outs.image);
        Some(ocelli_image_open_with(path, bytes.cast(), size, options, world.or_null(out)))
    };
    ocelli_image_open_pixels => |world| {
        let (width, height, order) = (world.number32(), world.number32(), world.number32() % 6);
        let stride = world.number() as usize;
        let size = world.size(world.buffer.0.len());
        let pixels = world.buffer.0.as_mut_ptr();
        let (pixels, out) = (world.or_null(pixels), &raw mut world.outs.image);
        Some(ocelli_image_open_pixels(pixels.cast(), size, width, height, stride, order, world.or_null(out)))
    };
    ocelli_image_size => |world| {
        let image = world.image();
        let (width, height) = (ptr::from_mut(&mut world.outs.token), ptr::from_mut(&mut world.outs.number).cast());
        Some(ocelli_image_size(image, world.or_null(width), world.or_null(height)))
    };
    ocelli_image_close => |world| {
        let image = world.image();
        let status = ocelli_image_close(image);
        if status == OCELLI_OK && !image.is_null() {
            world.images.close(image);
        }
        Some(status)
    };
    ocelli_session_open => |world| {
        let (model, options) = (world.model(), world.session_options());
        let (options, out) = (world.or_null((&raw const options).cast_mut()), &raw mut world.outs.session);
        Some(ocelli_session_open(model, options, world.or_null(out)))
    };
    ocelli_session_close => |world| {
        let session = world.session();
        let status = ocelli_session_close(session);
        if status == OCELLI_OK && !session.is_null() {
            world.sessions.close(session);
        }
        Some(status)
    };
    ocelli_session_fork => |world| {
        let (session, out) = (world.session(), &raw mut world.outs.session);
        Some(ocelli_session_fork(session, world.or_null(out)))
    };
    ocelli_session_cancel => |world| Some(ocelli_session_cancel(world.session()));
    ocelli_session_usage => |world| Some(ocelli_session_usage(world.session(), world.written()));
    ocelli_session_add_text => |world| {
        let session = world.session();
        let (text, size) = sized(world);
        Some(ocelli_session_add_text(session, text, size))
    };
    ocelli_session_add_image => |world| Some(ocelli_session_add_image(world.session(), world.image()));
    ocelli_session_add_video => |world| {
        let session = world.session();
        let frames: Vec<*const ocelli_image> = (0..world.byte() % 5).map(|_| world.image().cast_const()).collect();
        let (count, rate) = (world.size(frames.len()), f64::from(world.real()));
        let frames = world.or_null(frames.as_ptr().cast_mut());
        Some(ocelli_session_add_video(session, frames, count, rate))
    };
    ocelli_session_add_tokens => |world| {
        let session = world.session();
        let tokens: Vec<u32> = (0..world.byte() % 8).map(|_| world.number32()).collect();
        let count = world.size(tokens.len());
        Some(ocelli_session_add_tokens(session, world.or_null(tokens.as_ptr().cast_mut()), count))
    };
    ocelli_session_add_shot => |world| {
        let (session, image) = (world.session(), world.image());
        let (question, text, flags) = (world.text(), world.text(), world.number32() % 3);
        let (question, image) = (world.or_null(question.cast_mut()), world.or_null(image));
        Some(ocelli_session_add_shot(session, image, question, text, flags))
    };
    ocelli_session_add_turn => |world| {
        let session = world.session();
        let role = world.pick(&[c"user".as_ptr(), c"assistant".as_ptr(), c"system".as_ptr(), c"".as_ptr(), ptr::null()]);
        let images: Vec<*const ocelli_image> = (0..world.byte() % 3).map(|_| world.image().cast_const()).collect();
        let count = world.size(images.len());
        let images = world.or_null(images.as_ptr().cast_mut());
        let (text, size) = sized(world);
        Some(ocelli_session_add_turn(session, role, images, count, text, size))
    };
    ocelli_session_take_turn_back => |world| Some(ocelli_session_take_turn_back(world.session()));
    ocelli_session_turn => |world| {
        let (session, index) = (world.session(), world.number32() as usize);
        let mut role: [c_char; 16] = [0; 16];
        let (capacity, needed) = (world.size(role.len()), ptr::from_mut(&mut world.outs.size));
        let role = world.or_null(role.as_mut_ptr());
        let (buffer, room) = room(world);
        let images = ptr::from_mut(&mut world.outs.count);
        let (needed, images) = (world.or_null(needed), world.or_null(images));
        Some(ocelli_session_turn(session, index, role, capacity, needed, buffer, room, needed, images))
    };
    ocelli_session_clear => |world| Some(ocelli_session_clear(world.session()));
    ocelli_session_generate => |world| {
        let (session, options) = (world.session(), world.generate_options());
        let options = world.or_null((&raw const options).cast_mut());
        let piece = world.pick(&[None, Some(calls_again as _), Some(ends as _)]);
        let finish = ptr::from_mut(&mut world.outs.number);
        Some(ocelli_session_generate(session, options, piece, session.cast(), world.or_null(finish)))
    };
    ocelli_session_start => |world| {
        let (session, options) = (world.session(), world.generate_options());
        Some(ocelli_session_start(session, world.or_null((&raw const options).cast_mut())))
    };
    ocelli_session_next => |world| {
        let session = world.session();
        let (buffer, capacity) = room(world);
        let token = ptr::from_mut(&mut world.outs.token);
        let (needed, finish) = (ptr::from_mut(&mut world.outs.size), ptr::from_mut(&mut world.outs.number));
        let (token, needed, finish) = (world.or_null(token), world.or_null(needed), world.or_null(finish));
        Some(ocelli_session_next(session, token, buffer, capacity, needed, finish))
    };
    ocelli_session_answer => |world| {
        let session = world.session();
        let (buffer, capacity) = room(world);
        let mut tokens = [0u32; 64];
        let token_capacity = world.size(tokens.len());
        let tokens = world.or_null(tokens.as_mut_ptr());
        let (needed, count) = (ptr::from_mut(&mut world.outs.size), ptr::from_mut(&mut world.outs.count));
        let (needed, count) = (world.or_null(needed), world.or_null(count));
        Some(ocelli_session_answer(session, buffer, capacity, needed, tokens, token_capacity, count))
    };
    ocelli_session_score => |world| {
        let session = world.session();
        let texts: Vec<*const c_char> = (0..world.byte() % 4).map(|_| world.text()).collect();
        let (mut sums, mut lengths) = ([0f64; 4], [0u32; 4]);
        let count = world.size(texts.len());
        let texts = world.or_null(texts.as_ptr().cast_mut());
        let (sums, lengths) = (world.or_null(sums.as_mut_ptr()), world.or_null(lengths.as_mut_ptr()));
        Some(ocelli_session_score(session, texts, count, sums, lengths))
    };
    ocelli_session_logprobs => |world| {
        let session = world.session();
        let mut tokens = [0u32; 64];
        let (values, capacity) = room(world);
        let (tokens, capacity) = (world.or_null(tokens.as_mut_ptr()), capacity.min(64));
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_session_logprobs(session, tokens, values, capacity, world.or_null(needed)))
    };
    ocelli_session_embed => |world| {
        let (session, image, kind) = (world.session(), world.image(), world.number32() % 4);
        let (values, capacity) = room(world);
        let needed = ptr::from_mut(&mut world.outs.size);
        Some(ocelli_session_embed(session, image, kind, values, capacity, world.or_null(needed)))
    };
    ocelli_session_match => |world| {
        let (session, image) = (world.session(), world.image());
        let (text, size) = sized(world);
        let score = ptr::from_mut(&mut world.outs.score);
        Some(ocelli_session_match(session, image, text, size, world.or_null(score)))
    };
    ocelli_session_save => |world| {
        let session = world.session();
        // The whole of it once the caller has asked for the size.
        let mut needed = 0;
        ocelli_session_save(session, ptr::null_mut(), 0, &raw mut needed);
        let mut state = vec![0; needed.min(8 << 20)];
        let capacity = world.size(state.len());
        let status = ocelli_session_save(session, world.or_null(state.as_mut_ptr()).cast(), capacity, &raw mut needed);
        if status == OCELLI_OK {
            world.state = state;
        }
        Some(status)
    };
    ocelli_session_restore => |world| {
        let session = world.session();
        let mut state = if world.byte() < 0xc0 { world.state.clone() } else { world.bytes().to_vec() };
        // The checksum finds changes out, so some are made to look right.
        for _ in 0..world.byte() % 3 {
            let at = usize::from(world.byte()) << 8 | usize::from(world.byte());
            if let Some(byte) = state.get_mut(at) {
                *byte = world.byte();
            }
        }
        let size = world.size(state.len());
        Some(ocelli_session_restore(session, world.or_null(state.as_mut_ptr()).cast(), size))
    };
}
