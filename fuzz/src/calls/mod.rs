//! The C interface: the input is a sequence of calls. The first byte's bits say what is open at the beginning: a model, a
//! session on it, a picture. Then a byte chooses the function, the bytes behind it the arguments:
//! most are right, some are what the header says is found out: NULL, sizes that no object has, handles that are closed,
//! of another kind or made up, texts that are no UTF-8, structs of another size.
//!
//! What the header leaves to the caller (a buffer of the size it says, a string that ends) is kept. Each call returns a
//! status that has a name, and none says that something panicked.

mod arguments;
mod functions;

use std::ffi::CStr;

use ocelli::abi::{ocelli_image_close, ocelli_model_close, ocelli_session_close, ocelli_status_name};
use ocelli::status::{OCELLI_ERR_PANIC, OCELLI_ERR_POISONED, OCELLI_OK};

use arguments::World;

/// Calls of a sequence.
const MOST: usize = 24;

/// The target.
pub fn calls(bytes: &[u8]) {
    let mut world = World::new(bytes);
    world.begin();
    for _ in 0..MOST {
        if world.is_over() {
            break;
        }
        let (name, function) = functions::ALL[usize::from(world.byte()) % functions::ALL.len()];
        if let Some(status) = function(&mut world) {
            // SAFETY: static texts that end in NUL.
            let told = unsafe { CStr::from_ptr(ocelli_status_name(status)) };
            assert_ne!(told, c"unknown status", "{name} returned {status}");
            assert!(![OCELLI_ERR_PANIC, OCELLI_ERR_POISONED].contains(&status), "{name} returned {told:?}");
        }
        world.note_outs();
    }
    world.sessions.open().for_each(|handle| {
        // SAFETY: handles that are open and that nobody else has.
        assert_eq!(unsafe { ocelli_session_close(handle) }, OCELLI_OK);
    });
    world.images.open().for_each(|handle| {
        // SAFETY: as above.
        assert_eq!(unsafe { ocelli_image_close(handle) }, OCELLI_OK);
    });
    world.models.open().for_each(|handle| {
        // SAFETY: as above.
        assert_eq!(unsafe { ocelli_model_close(handle) }, OCELLI_OK);
    });
}
