//! What a device is worked with: its context, memory, streams, modules and recorded steps, each given back when it is dropped.
//! Whatever a driver says while something is given back is ignored: there is nobody to tell, and a lost device has
//! nothing any more. The non-obvious thing is who keeps memory alive: a stream is lazy, so a copy from or to pinned
//! memory and a launch are `unsafe`, and their caller keeps what they name until the stream was waited for.

#![allow(unsafe_code)] // calls of the driver with places for its answers

use super::driver::{CudaError, Driver, Handle};
use std::ffi::{CString, c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// Flags by the driver's numbers: a stream that does not wait for the default one; an event without time; a recording that
/// other threads do not disturb.
const APART: u32 = 1;
const UNTIMED: u32 = 2;
const OF_THREAD: i32 = 1;

/// The context of one device, which all of a process share.
pub struct Context {
    driver: Arc<Driver>,
    device: i32,
    handle: Handle,
}

// SAFETY: the driver's functions may be called by any thread, and the handle is a number to it.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Opens a device by its number and makes it this thread's.
    ///
    /// # Errors
    /// There is no such device, or the driver fails.
    pub fn open(driver: &Arc<Driver>, number: i32) -> Result<Arc<Self>, CudaError> {
        let mut device = 0;
        let mut handle = null_mut();
        // SAFETY: places for the answers.
        unsafe {
            driver.initialise(0)?;
            driver.device(&raw mut device, number)?;
            driver.retain_context(&raw mut handle, device)?;
        }
        let context = Arc::new(Self { driver: driver.clone(), device, handle });
        context.enter()?;
        Ok(context)
    }

    /// Makes the device this thread's.
    ///
    /// # Errors
    /// The driver fails.
    pub fn enter(&self) -> Result<(), CudaError> {
        // SAFETY: a context that is retained.
        unsafe { self.driver.set_context(self.handle) }
    }

    /// Bytes that are free, and all.
    ///
    /// # Errors
    /// The driver fails.
    pub fn memory(&self) -> Result<(usize, usize), CudaError> {
        let (mut free, mut total) = (0, 0);
        // SAFETY: places for the answers.
        unsafe { self.driver.memory_info(&raw mut free, &raw mut total)? };
        Ok((free, total))
    }

    /// Memory of the device.
    ///
    /// # Errors
    /// There is not so much.
    pub fn allocate(self: &Arc<Self>, bytes: usize) -> Result<Block, CudaError> {
        let mut at = 0;
        // SAFETY: a place for the answer.
        unsafe { self.driver.allocate(&raw mut at, bytes)? };
        Ok(Block { context: self.clone(), at, bytes })
    }

    /// Memory of the processor's that the device reads and writes by itself.
    ///
    /// # Errors
    /// There is not so much.
    pub fn pinned(self: &Arc<Self>, bytes: usize) -> Result<Pinned, CudaError> {
        let mut at = null_mut();
        // SAFETY: a place for the answer.
        unsafe {
            self.driver.allocate_host(&raw mut at, bytes, 0)?;
            at.cast::<u8>().write_bytes(0, bytes);
        }
        Ok(Pinned { context: self.clone(), at, bytes })
    }

    /// A stream of its own.
    ///
    /// # Errors
    /// The driver fails.
    pub fn stream(self: &Arc<Self>) -> Result<Stream, CudaError> {
        let mut handle = null_mut();
        // SAFETY: a place for the answer.
        unsafe { self.driver.create_stream(&raw mut handle, APART)? };
        Ok(Stream { context: self.clone(), handle })
    }

    /// An event that nothing was recorded in.
    ///
    /// # Errors
    /// The driver fails.
    pub fn event(self: &Arc<Self>) -> Result<Event, CudaError> {
        let mut handle = null_mut();
        // SAFETY: a place for the answer.
        unsafe { self.driver.create_event(&raw mut handle, UNTIMED)? };
        Ok(Event { context: self.clone(), handle })
    }

    /// Has the driver compile PTX.
    ///
    /// # Errors
    /// It does not take it.
    pub fn module(self: &Arc<Self>, text: &str) -> Result<Module, CudaError> {
        let text = CString::new(text).unwrap_or_default();
        let mut handle = null_mut();
        // SAFETY: a place for the answer, and a text that ends in a zero.
        unsafe {
            self.driver.load_module(&raw mut handle, text.as_ptr().cast::<c_void>(), 0, null_mut(), null_mut())?;
        }
        Ok(Module { context: self.clone(), handle })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was retained once.
        let _ = unsafe { self.driver.release_context(self.device) };
    }
}

/// Things of the driver that a context has, and what gives them back.
macro_rules! things {
    ($($(#[$doc:meta])* $name:ident { $field:ident: $ty:ty $(, $bytes:ident)? } by $function:ident;)*) => {
        $(
            $(#[$doc])*
            pub struct $name {
                context: Arc<Context>,
                $field: $ty,
                $($bytes: usize,)?
            }

            // SAFETY: as of the context.
            unsafe impl Send for $name {}
            // SAFETY: shared, it can only be asked; what writes behind it is `unsafe`.
            unsafe impl Sync for $name {}

            impl Drop for $name {
                fn drop(&mut self) {
                    // SAFETY: the driver gave it out, and nobody else gives it back.
                    let _ = unsafe { self.context.driver.$function(self.$field) };
                }
            }
        )*
    };
}

things! {
    /// Memory of the device.
    Block { at: u64, bytes } by free;
    /// Pinned memory of the processor's.
    Pinned { at: *mut c_void, bytes } by free_host;
    /// Work in order.
    Stream { handle: Handle } by destroy_stream;
    /// A place in a stream.
    Event { handle: Handle } by destroy_event;
    /// Compiled kernels.
    Module { handle: Handle } by unload_module;
    /// A recorded step, as it was recorded.
    Recording { handle: Handle } by destroy_graph;
    /// A recorded step that can be run.
    Graph { handle: Handle } by destroy_instance;
}

impl Block {
    /// The device's address, `offset` bytes behind the beginning.
    #[must_use]
    pub fn address(&self, offset: usize) -> u64 {
        self.at + offset as u64
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Pinned {
    /// What is in it. Copies to it that are under way are waited for first.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes were allocated and set; whoever begins a copy to them keeps others away.
        unsafe { std::slice::from_raw_parts(self.at.cast::<u8>(), self.bytes) }
    }

    /// What is in it, to be changed. Copies from it that are under way are waited for first.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.at.cast::<u8>(), self.bytes) }
    }
}

/// A kernel of a module, for as long as that lives.
#[derive(Clone, Copy)]
pub struct Kernel<'a> {
    handle: Handle,
    _module: &'a Module,
}

impl Module {
    /// A kernel by its name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn kernel(&self, name: &str) -> Result<Kernel<'_>, CudaError> {
        let name = CString::new(name).unwrap_or_default();
        let mut handle = null_mut();
        // SAFETY: a place for the answer, and a text that ends in a zero.
        unsafe { self.context.driver.function(&raw mut handle, self.handle, name.as_ptr().cast::<c_char>())? };
        Ok(Kernel { handle, _module: self })
    }
}

impl Stream {
    /// Waits until all work is done.
    ///
    /// # Errors
    /// The work failed, or the driver.
    pub fn wait(&self) -> Result<(), CudaError> {
        // SAFETY: a stream that lives.
        unsafe { self.context.driver.wait_stream(self.handle) }
    }

    /// Copies from pinned memory: bytes `from .. from + bytes` of it, to an address of the device.
    ///
    /// # Safety
    /// Both stay, and nobody changes the pinned bytes, until the stream was waited for.
    ///
    /// # Errors
    /// The driver fails.
    pub unsafe fn upload(&self, to: u64, from: &Pinned, start: usize, bytes: usize) -> Result<(), CudaError> {
        let from = from.bytes()[start..start + bytes].as_ptr();
        // SAFETY: as the caller says.
        unsafe { self.context.driver.copy_to_device(to, from.cast(), bytes, self.handle) }
    }

    /// Copies to pinned memory: to its first bytes, from an address of the device.
    ///
    /// # Safety
    /// Both stay, and nobody touches the pinned bytes, until the stream was waited for.
    ///
    /// # Errors
    /// The driver fails.
    pub unsafe fn download(&self, to: &mut Pinned, from: u64, bytes: usize) -> Result<(), CudaError> {
        let to = to.bytes_mut()[..bytes].as_mut_ptr();
        // SAFETY: as the caller says.
        unsafe { self.context.driver.copy_to_host(to.cast(), from, bytes, self.handle) }
    }

    /// Launches a kernel with its one parameter, a struct of these bytes.
    ///
    /// # Safety
    /// The bytes are the kernel's struct, and what it points to stays until the stream was waited for.
    ///
    /// # Errors
    /// The driver fails.
    pub unsafe fn launch(
        &self,
        kernel: Kernel<'_>,
        grid: [u32; 3],
        threads: u32,
        parameter: &[u8],
    ) -> Result<(), CudaError> {
        // The driver reads it before it returns.
        let mut pointer = parameter.as_ptr().cast_mut().cast::<c_void>();
        let [x, y, z] = grid;
        // SAFETY: as the caller says.
        unsafe {
            let parameters = &raw mut pointer;
            self.context.driver.launch(kernel.handle, x, y, z, threads, 1, 1, 0, self.handle, parameters, null_mut())
        }
    }

    /// Records this place in an event.
    ///
    /// # Errors
    /// The driver fails.
    pub fn record(&self, event: &Event) -> Result<(), CudaError> {
        // SAFETY: both live.
        unsafe { self.context.driver.record_event(event.handle, self.handle) }
    }

    /// Records what `step` puts into this stream, instead of doing it, as something that can be run again and again.
    ///
    /// # Errors
    /// The step fails, or the driver; the stream is as before then.
    pub fn capture(&self, step: impl FnOnce() -> Result<(), CudaError>) -> Result<Graph, CudaError> {
        let driver = &self.context.driver;
        // SAFETY: a stream that lives.
        unsafe { driver.begin_capture(self.handle, OF_THREAD)? };
        let done = step();
        let (mut recording, mut graph) = (null_mut(), null_mut());
        // SAFETY: a place for the answer; the recording is ended in any case.
        let ended = unsafe { driver.end_capture(self.handle, &raw mut recording) };
        let recording = ended.map(|()| Recording { context: self.context.clone(), handle: recording });
        done?;
        // SAFETY: a place for the answer, and a recording that lives.
        unsafe { driver.instantiate(&raw mut graph, recording?.handle, 0)? };
        Ok(Graph { context: self.context.clone(), handle: graph })
    }

    /// Runs a recorded step.
    ///
    /// # Safety
    /// What the step names is still there, until the stream was waited for.
    ///
    /// # Errors
    /// The driver fails.
    pub unsafe fn run(&self, graph: &Graph) -> Result<(), CudaError> {
        // SAFETY: both live, and as the caller says.
        unsafe { self.context.driver.launch_graph(graph.handle, self.handle) }
    }
}

impl Event {
    /// Waits until the stream has come to the place that was recorded.
    ///
    /// # Errors
    /// The work failed, or the driver.
    pub fn wait(&self) -> Result<(), CudaError> {
        // SAFETY: an event that lives.
        unsafe { self.context.driver.wait_event(self.handle) }
    }
}
