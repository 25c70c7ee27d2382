//! The functions of the library by their names, as the driver API's reference has them. Pointers are trusted as a driver
//! trusts them: they are the caller's.

#![allow(unsafe_code, non_snake_case, clippy::not_unsafe_ptr_arg_deref)] // a C library's functions

use super::state::{call, code, within};
use super::stream::{Stream, Work};
use crate::ptx::Module;
use std::alloc::Layout;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

type Handle = *mut c_void;

/// Puts an answer where the caller wants it.
fn answer<T>(to: *mut T, value: T) -> Result<(), i32> {
    if to.is_null() {
        return Err(code::INVALID_VALUE);
    }
    // SAFETY: the caller's place for an answer of this type.
    unsafe { to.write(value) };
    Ok(())
}

fn handle(number: usize) -> Handle {
    std::ptr::without_provenance_mut(number)
}

/// Functions of the library: name, arguments, what they do with the driver's state.
macro_rules! library {
    ($($how:ident $name:ident ($($argument:ident: $ty:ty),*) |$state:ident| $body:block)*) => {
        $(
            /// See the driver API's reference.
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($($argument: $ty),*) -> i32 {
                $how(stringify!($name), |$state| $body)
            }
        )*
    };
}

library! {
    call cuDriverGetVersion(version: *mut i32) |state| {
        let (major, minor) = state.settings.driver;
        answer(version, major * 1000 + minor * 10)
    }
    call cuInit(_flags: u32) |state| {
        if state.settings.devices == 0 {
            return Err(code::NO_DEVICE);
        }
        state.initialised = true;
        Ok(())
    }
    call cuDeviceGetCount(count: *mut i32) |state| {
        if !state.initialised {
            return Err(code::NOT_INITIALISED);
        }
        answer(count, state.settings.devices)
    }
    call cuDeviceGet(device: *mut i32, number: i32) |state| {
        if number < 0 || number >= state.settings.devices {
            return Err(code::INVALID_DEVICE);
        }
        answer(device, number)
    }
    call cuDeviceGetName(name: *mut c_char, bytes: i32, _device: i32) |_state| {
        let text = c"Interpreter of PTX".to_bytes_with_nul();
        let count = text.len().min(usize::try_from(bytes).unwrap_or(0));
        // SAFETY: the caller's place of so many bytes.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), name.cast::<u8>(), count) };
        Ok(())
    }
    call cuDeviceGetAttribute(value: *mut i32, attribute: i32, _device: i32) |state| {
        answer(value, match attribute {
            8 => 48 * 1024,
            10 => 32,
            16 => 4,
            18 => i32::from(state.settings.integrated),
            75 => state.settings.capability.0,
            76 => state.settings.capability.1,
            _ => return Err(code::INVALID_VALUE),
        })
    }
    call cuDeviceTotalMem_v2(bytes: *mut usize, _device: i32) |state| {
        answer(bytes, state.settings.memory)
    }
    call cuDevicePrimaryCtxRetain(context: *mut Handle, device: i32) |state| {
        if !state.initialised {
            return Err(code::NOT_INITIALISED);
        }
        state.contexts += 1;
        state.streams.entry(0).or_default();
        answer(context, handle(0x100 + usize::try_from(device).unwrap_or(0)))
    }
    call cuDevicePrimaryCtxRelease_v2(_device: i32) |state| {
        state.contexts = state.contexts.checked_sub(1).ok_or(code::INVALID_CONTEXT)?;
        if state.contexts == 0 {
            state.streams.remove(&0);
            let held = state.held();
            state.log(&held);
        }
        Ok(())
    }
    call cuCtxSetCurrent(context: Handle) |state| {
        state.current = !context.is_null();
        Ok(())
    }
    within cuMemGetInfo_v2(free: *mut usize, total: *mut usize) |state| {
        let (bytes, _) = state.memory.held();
        answer(free, state.settings.memory.saturating_sub(bytes))?;
        answer(total, state.settings.memory)
    }
    within cuModuleLoadDataEx(
        module: *mut Handle, image: *const c_void, options: u32, names: *mut i32, values: *mut *mut c_void
    ) |state| {
        // SAFETY: the caller's text, which ends in a zero.
        let text = unsafe { CStr::from_ptr(image.cast::<c_char>()) }.to_string_lossy().into_owned();
        let parsed = match Module::parse(&text) {
            Ok(parsed) => parsed,
            Err(error) => {
                state.log(&format!("fault: {error}"));
                say(&error, options, names, values);
                return Err(code::INVALID_PTX);
            }
        };
        // CUDA 11.n takes PTX 7.n, 12.n 8.n, and so on.
        let (major, minor) = state.settings.driver;
        let (wanted_major, wanted_minor) = parsed.version;
        if (i64::from(wanted_major) + 4, i64::from(wanted_minor)) > (i64::from(major), i64::from(minor)) {
            return Err(code::NEWER_PTX);
        }
        let (major, minor) = state.settings.capability;
        if i64::from(parsed.target) > i64::from(major * 10 + minor) {
            return Err(code::NO_BINARY);
        }
        let number = state.handle();
        state.modules.insert(number, Arc::new(parsed));
        answer(module, handle(number))
    }
    within cuModuleUnload(module: Handle) |state| {
        let number = module.addr();
        state.modules.remove(&number).ok_or(code::INVALID_HANDLE)?;
        state.functions.retain(|_, (of, _)| *of != number);
        Ok(())
    }
    within cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) |state| {
        // SAFETY: the caller's text, which ends in a zero.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
        let of = state.modules.get(&module.addr()).ok_or(code::INVALID_HANDLE)?;
        let kernel = Arc::new(of.kernels.get(&name).ok_or(code::NOT_FOUND)?.clone());
        let number = state.handle();
        state.functions.insert(number, (module.addr(), kernel));
        answer(function, handle(number))
    }
    within cuFuncGetAttribute(value: *mut i32, attribute: i32, function: Handle) |state| {
        let (_, kernel) = state.functions.get(&function.addr()).ok_or(code::INVALID_HANDLE)?;
        answer(value, match attribute {
            0 => i32::try_from(kernel.threads.unwrap_or(1024)).unwrap_or(1024),
            1 => i32::try_from(kernel.shared).unwrap_or(i32::MAX),
            3 => 0,
            _ => return Err(code::INVALID_VALUE),
        })
    }
    within cuMemAlloc_v2(address: *mut u64, bytes: usize) |state| {
        state.not_in_capture()?;
        if bytes == 0 {
            return Err(code::INVALID_VALUE);
        }
        let (held, _) = state.memory.held();
        if bytes > state.settings.largest || held + bytes > state.settings.memory {
            return Err(code::OUT_OF_MEMORY);
        }
        let at = state.memory.allocate(bytes);
        answer(address, at)
    }
    within cuMemFree_v2(address: u64) |state| {
        state.not_in_capture()?;
        state.finish_all()?;
        if state.memory.free(address) { Ok(()) } else { Err(code::INVALID_VALUE) }
    }
    within cuMemHostAlloc(address: *mut *mut c_void, bytes: usize, _flags: u32) |state| {
        state.not_in_capture()?;
        let layout = Layout::from_size_align(bytes, 4096).ok().filter(|_| bytes > 0).ok_or(code::INVALID_VALUE)?;
        // SAFETY: some bytes at least.
        let at = unsafe { std::alloc::alloc_zeroed(layout) };
        if at.is_null() {
            return Err(code::OUT_OF_MEMORY);
        }
        state.pinned.insert(at.expose_provenance(), bytes);
        answer(address, at.cast())
    }
    within cuMemFreeHost(address: *mut c_void) |state| {
        state.not_in_capture()?;
        state.finish_all()?;
        let bytes = state.pinned.remove(&address.addr()).ok_or(code::INVALID_VALUE)?;
        let layout = Layout::from_size_align(bytes, 4096).map_err(|_| code::INVALID_VALUE)?;
        // SAFETY: it was allocated with this layout, and nothing refers to it any more.
        unsafe { std::alloc::dealloc(address.cast(), layout) };
        Ok(())
    }
    within cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, bytes: usize, stream: Handle) |state| {
        let at = from.expose_provenance();
        if state.is_pinned(at, bytes) {
            return state.put(stream.addr(), Work::Fetch(to, at, bytes));
        }
        state.not_in_capture()?;
        // SAFETY: the caller's bytes.
        let data = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), bytes) }.to_vec();
        state.put(stream.addr(), Work::Put(to, data))
    }
    within cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, bytes: usize, stream: Handle) |state| {
        let at = to.expose_provenance();
        let pinned = state.is_pinned(at, bytes);
        if !pinned {
            state.not_in_capture()?;
        }
        state.put(stream.addr(), Work::Deliver(at, from, bytes))?;
        if pinned { Ok(()) } else { state.finish(stream.addr(), u64::MAX) }
    }
    within cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: Handle) |state| {
        state.put(stream.addr(), Work::Move(to, from, bytes))
    }
    within cuMemsetD32Async(at: u64, value: u32, count: usize, stream: Handle) |state| {
        state.put(stream.addr(), Work::Fill(at, value, count))
    }
    within cuStreamCreate(stream: *mut Handle, _flags: u32) |state| {
        let number = state.handle();
        state.streams.insert(number, Stream::default());
        answer(stream, handle(number))
    }
    within cuStreamDestroy_v2(stream: Handle) |state| {
        state.finish(stream.addr(), u64::MAX)?;
        state.streams.remove(&stream.addr()).map(drop).ok_or(code::INVALID_HANDLE)
    }
    within cuStreamSynchronize(stream: Handle) |state| {
        if state.streams.get(&stream.addr()).is_some_and(|s| s.capture.is_some()) {
            state.not_in_capture()?;
        }
        state.finish(stream.addr(), u64::MAX)
    }
    within cuStreamWaitEvent(stream: Handle, event: Handle, _flags: u32) |state| {
        match *state.events.get(&event.addr()).ok_or(code::INVALID_HANDLE)? {
            Some((of, until)) => state.put(stream.addr(), Work::After(of, until)),
            None => Ok(()),
        }
    }
    within cuEventCreate(event: *mut Handle, _flags: u32) |state| {
        let number = state.handle();
        state.events.insert(number, None);
        answer(event, handle(number))
    }
    within cuEventDestroy_v2(event: Handle) |state| {
        state.events.remove(&event.addr()).map(drop).ok_or(code::INVALID_HANDLE)
    }
    within cuEventRecord(event: Handle, stream: Handle) |state| {
        let until = state.streams.get(&stream.addr()).ok_or(code::INVALID_HANDLE)?.put;
        let place = state.events.get_mut(&event.addr()).ok_or(code::INVALID_HANDLE)?;
        *place = Some((stream.addr(), until));
        Ok(())
    }
    within cuEventSynchronize(event: Handle) |state| {
        match *state.events.get(&event.addr()).ok_or(code::INVALID_HANDLE)? {
            Some((stream, until)) if state.streams.contains_key(&stream) => state.finish(stream, until),
            _ => Ok(()),
        }
    }
    within cuStreamBeginCapture_v2(stream: Handle, _mode: i32) |state| {
        let at = state.streams.get_mut(&stream.addr()).ok_or(code::INVALID_HANDLE)?;
        // The default stream cannot be recorded.
        if stream.is_null() || at.capture.is_some() {
            return Err(code::CAPTURE_UNSUPPORTED);
        }
        (at.capture, at.spoilt) = (Some(Vec::new()), false);
        Ok(())
    }
    within cuStreamEndCapture(stream: Handle, graph: *mut Handle) |state| {
        let at = state.streams.get_mut(&stream.addr()).ok_or(code::INVALID_HANDLE)?;
        let recorded = at.capture.take().ok_or(code::INVALID_VALUE)?;
        if std::mem::take(&mut at.spoilt) {
            return Err(code::CAPTURE_INVALIDATED);
        }
        let number = state.handle();
        state.graphs.insert(number, recorded);
        answer(graph, handle(number))
    }
    within cuGraphInstantiateWithFlags(instance: *mut Handle, graph: Handle, _flags: u64) |state| {
        let work = state.graphs.get(&graph.addr()).ok_or(code::INVALID_HANDLE)?.clone();
        let number = state.handle();
        state.instances.insert(number, work);
        answer(instance, handle(number))
    }
    within cuGraphLaunch(instance: Handle, stream: Handle) |state| {
        let work = state.instances.get(&instance.addr()).ok_or(code::INVALID_HANDLE)?.clone();
        work.into_iter().try_for_each(|work| state.put(stream.addr(), work))
    }
    within cuGraphDestroy(graph: Handle) |state| {
        state.graphs.remove(&graph.addr()).map(drop).ok_or(code::INVALID_HANDLE)
    }
    within cuGraphExecDestroy(instance: Handle) |state| {
        state.instances.remove(&instance.addr()).map(drop).ok_or(code::INVALID_HANDLE)
    }
    within cuLaunchKernel(
        function: Handle, grid_x: u32, grid_y: u32, grid_z: u32, block_x: u32, block_y: u32, block_z: u32, shared: u32,
        stream: Handle, parameters: *mut *mut c_void, _extra: *mut *mut c_void
    ) |state| {
        let (_, kernel) = state.functions.get(&function.addr()).ok_or(code::INVALID_HANDLE)?.clone();
        let threads: u64 = [block_x, block_y, block_z].iter().map(|n| u64::from(*n)).product();
        if threads > u64::from(kernel.threads.unwrap_or(1024)) || [grid_x, grid_y, grid_z].contains(&0) {
            return Err(code::INVALID_VALUE);
        }
        // Our kernels have one parameter, a struct.
        // SAFETY: the caller's pointers, of which the first leads to the kernel's parameter.
        let bytes = unsafe { std::slice::from_raw_parts((*parameters).cast::<u8>(), kernel.parameters) }.to_vec();
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        state.put(stream.addr(), Work::Launch(kernel, grid, block, shared as usize, bytes))
    }
}

/// Puts an error's text where options ask for it: number 5 is the place, 6 its bytes.
fn say(text: &str, options: u32, names: *mut i32, values: *mut *mut c_void) {
    let (mut to, mut bytes) = (std::ptr::null_mut::<u8>(), 0);
    for i in 0..options as usize {
        // SAFETY: the caller's lists of so many options.
        let (name, value) = unsafe { (*names.add(i), *values.add(i)) };
        match name {
            5 => to = value.cast(),
            6 => bytes = value.addr(),
            _ => {}
        }
    }
    if !to.is_null() && bytes > 0 {
        let count = text.len().min(bytes - 1);
        // SAFETY: the caller's place of so many bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), to, count);
            to.add(count).write(0);
        }
    }
}
