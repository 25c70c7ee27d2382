//! Handles under many threads: one that is closed stays closed, and cancelling it stops nobody else, although its place
//! in the table is used again at once.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::*;
use ocelli::status::{OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_BUSY, OCELLI_OK};
use std::ffi::CString;
use std::path::Path;
use std::ptr::{null, null_mut, without_provenance_mut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn open_model() -> *mut ocelli_model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/models/tiny-blip2.gguf");
    let path = CString::new(path.to_str().unwrap()).unwrap();
    let mut model = null_mut();
    // SAFETY: a string, the defaults, and a place for the handle.
    assert_eq!(unsafe { ocelli_model_open(path.as_ptr(), null(), &raw mut model) }, OCELLI_OK);
    model
}

#[test]
fn a_cancel_of_a_closed_session_stops_nobody() {
    let model = open_model().addr();
    let closed: Vec<AtomicUsize> = (0..4).map(|_| AtomicUsize::new(0)).collect();
    let done = AtomicBool::new(false);
    let tried = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = closed
            .iter()
            .map(|last| {
                scope.spawn(move || {
                    let mut session = null_mut();
                    let options = ocelli_session_options {
                        struct_size: u32::try_from(size_of::<ocelli_session_options>()).unwrap(),
                        context: 32,
                        // SAFETY: zeroes are the defaults.
                        ..unsafe { std::mem::zeroed() }
                    };
                    for _ in 0..150 {
                        // SAFETY: handles are numbers, and the rest is as the header asks.
                        unsafe {
                            let model = without_provenance_mut(model);
                            assert_eq!(ocelli_session_open(model, &raw const options, &raw mut session), OCELLI_OK);
                            assert_eq!(ocelli_session_add_text(session, c"what".as_ptr(), 4), OCELLI_OK);
                            let status = ocelli_session_generate(session, null(), None, null_mut(), null_mut());
                            assert_eq!(status, OCELLI_OK, "somebody cancelled another session");
                            assert_eq!(ocelli_session_close(session), OCELLI_OK);
                            assert_eq!(ocelli_session_close(session), OCELLI_ERR_BAD_HANDLE);
                        }
                        last.store(session.addr(), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    for last in &closed {
                        let session: *const ocelli_session = without_provenance_mut(last.load(Ordering::SeqCst));
                        if !session.is_null() {
                            // SAFETY: a number that is no open handle any more.
                            assert_eq!(unsafe { ocelli_session_cancel(session) }, OCELLI_ERR_BAD_HANDLE);
                            tried.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    std::thread::yield_now();
                }
            });
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        done.store(true, Ordering::SeqCst);
    });
    assert!(tried.load(Ordering::SeqCst) > 100);
    // SAFETY: an open handle.
    assert_eq!(unsafe { ocelli_model_close(without_provenance_mut(model)) }, OCELLI_OK);
}

#[test]
fn of_many_threads_one_closes() {
    let pixels = [1u8; 3];
    for _ in 0..200 {
        let mut image = null_mut();
        // SAFETY: three bytes are one pixel.
        let status = unsafe { ocelli_image_open_pixels(pixels.as_ptr().cast(), 3, 1, 1, 0, 0, &raw mut image) };
        assert_eq!(status, OCELLI_OK);
        let image = image.addr();
        let closers: Vec<_> = (0..4)
            // SAFETY: a handle that is open or was.
            .map(|_| std::thread::spawn(move || unsafe { ocelli_image_close(without_provenance_mut(image)) }))
            .collect();
        let statuses: Vec<i32> = closers.into_iter().map(|closer| closer.join().unwrap()).collect();
        assert_eq!(statuses.iter().filter(|&&status| status == OCELLI_OK).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|&status| status == OCELLI_OK || status == OCELLI_ERR_BAD_HANDLE));
    }
}

#[test]
fn threads_on_one_session_take_turns_or_are_told() {
    let model = open_model();
    let mut session = null_mut();
    // SAFETY: an open model, the defaults, and a place for the handle.
    assert_eq!(unsafe { ocelli_session_open(model, null(), &raw mut session) }, OCELLI_OK);
    let session = session.addr();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut added = 0;
                for _ in 0..500 {
                    // SAFETY: an open session and a text of one byte.
                    match unsafe { ocelli_session_add_text(without_provenance_mut(session), c"a".as_ptr(), 1) } {
                        OCELLI_OK => added += 1,
                        status => assert_eq!(status, OCELLI_ERR_BUSY),
                    }
                }
                added
            })
        })
        .collect();
    let added: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    // SAFETY: an open session and a struct that knows its size.
    let usage = unsafe {
        let mut usage: ocelli_usage = std::mem::zeroed();
        usage.struct_size = u32::try_from(size_of::<ocelli_usage>()).unwrap();
        assert_eq!(ocelli_session_usage(without_provenance_mut(session), &raw mut usage), OCELLI_OK);
        assert_eq!(ocelli_session_close(without_provenance_mut(session)), OCELLI_OK);
        assert_eq!(ocelli_model_close(model), OCELLI_OK);
        usage
    };
    assert!(usage.positions >= added && added > 0, "{added} pieces, {} positions", usage.positions);
}
