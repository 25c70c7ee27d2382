//! NVIDIA's driver, without a crate and without a toolkit: its library is looked for when somebody asks for it, and all functions
//! by name at once, so that one that lacks is known then and not in the middle of an answer. After the CUDA driver API's
//! reference. The non-obvious thing: a code from 700 to 799 says that the context is lost for the life of the process (those of
//! 900 and more say that a recording is spoilt). It is remembered, and every later call says the same without asking the driver.

#![allow(unsafe_code)] // calls a library's functions by their addresses

use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

/// What a driver gives out: contexts, modules, functions, streams, events, graphs.
pub type Handle = *mut c_void;

/// The oldest driver that takes our PTX (7.4): major and minor version of CUDA.
pub const LEAST: (i32, i32) = (11, 4);
/// The codes of a lost context.
const LOST: std::ops::Range<i32> = 700..800;
/// What the library is called.
#[cfg(windows)]
const NAMES: [&CStr; 1] = [c"nvcuda.dll"];
#[cfg(not(windows))]
const NAMES: [&CStr; 2] = [c"libcuda.so.1", c"libcuda.so"];

/// What can go wrong between the driver and us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// There is no driver's library.
    #[error("no CUDA driver is installed ({0} is not found)")]
    NoDriver(String),
    /// The library has not all functions.
    #[error("the CUDA driver has no function {0}")]
    NoFunction(&'static str),
    /// It is older than the kernels.
    #[error("the CUDA driver is for CUDA {}.{}, and {}.{} is needed at least", .0.0, .0.1, LEAST.0, LEAST.1)]
    TooOld((i32, i32)),
    /// A call failed.
    #[error("{call} failed with {code} ({})", meaning(*.code))]
    Call {
        /// The function's name.
        call: &'static str,
        /// Its code.
        code: i32,
    },
}

impl CudaError {
    /// Whether the context is lost for this process.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Call { code, .. } if LOST.contains(code))
    }
}

/// The driver's codes in words, as far as a user can do something about them.
fn meaning(code: i32) -> &'static str {
    match code {
        1 => "invalid value",
        2 => "out of memory",
        3 => "not initialised",
        100 => "no device",
        101 => "no such device",
        218 => "PTX that it does not understand",
        222 => "PTX newer than the driver",
        700 => "illegal address; the device is lost",
        702 => "a kernel took too long; the device is lost",
        719 => "a kernel failed; the device is lost",
        900..=908 => "not allowed while a step is recorded",
        802 => "the system is not ready",
        803 => "the driver's parts do not fit together",
        804 => "not supported on this device",
        _ if LOST.contains(&code) => "the device is lost",
        _ => "see the driver's documentation",
    }
}

/// A loaded library. It is never unloaded: a driver has threads of its own.
struct Library(*mut c_void);

// SAFETY: a number that the system gave out, and nothing is behind it that a thread could change.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

#[cfg(unix)]
mod system {
    use super::{CStr, c_char, c_void};

    unsafe extern "C" {
        fn dlopen(name: *const c_char, how: i32) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    /// All symbols are resolved at once.
    const NOW: i32 = 2;

    pub fn open(name: &CStr) -> *mut c_void {
        // SAFETY: a string that ends in a zero; what the library does when it is loaded is the system's.
        unsafe { dlopen(name.as_ptr(), NOW) }
    }

    pub fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
        // SAFETY: a library that `open` gave out, and a string that ends in a zero.
        unsafe { dlsym(library, name.as_ptr()) }
    }
}

#[cfg(windows)]
mod system {
    use super::{CStr, c_char, c_void};

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn LoadLibraryA(name: *const c_char) -> *mut c_void;
        fn GetProcAddress(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    pub fn open(name: &CStr) -> *mut c_void {
        // SAFETY: a string that ends in a zero; what the library does when it is loaded is the system's.
        unsafe { LoadLibraryA(name.as_ptr()) }
    }

    pub fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
        // SAFETY: a library that `open` gave out, and a string that ends in a zero.
        unsafe { GetProcAddress(library, name.as_ptr()) }
    }
}

#[cfg(not(any(unix, windows)))]
mod system {
    use super::{CStr, c_void};

    pub fn open(_: &CStr) -> *mut c_void {
        std::ptr::null_mut()
    }

    pub fn symbol(_: *mut c_void, _: &CStr) -> *mut c_void {
        std::ptr::null_mut()
    }
}

impl Library {
    fn open(names: &[&CStr]) -> Result<Self, CudaError> {
        let opened = names.iter().map(|name| system::open(name)).find(|library| !library.is_null());
        let missing =
            || CudaError::NoDriver(names.first().map_or_else(String::new, |n| n.to_string_lossy().into_owned()));
        opened.map(Self).ok_or_else(missing)
    }

    /// The address of a function; `name` ends in a zero.
    fn symbol(&self, name: &'static str) -> Result<*mut c_void, CudaError> {
        let shown = name.trim_end_matches('\0');
        let found = CStr::from_bytes_with_nul(name.as_bytes()).map(|name| system::symbol(self.0, name));
        found.ok().filter(|symbol| !symbol.is_null()).ok_or(CudaError::NoFunction(shown))
    }
}

/// The driver's functions: for each its name here, its symbol, and its arguments.
macro_rules! functions {
    ($($name:ident = $symbol:literal ($($argument:ident: $ty:ty),*);)*) => {
        /// The driver's functions, each as a method that makes an error of its code.
        #[cfg_attr(not(feature = "internals"), allow(dead_code))] // tests call those that no device calls yet
        pub struct Driver {
            lost: AtomicI32,
            $($name: unsafe extern "system" fn($($ty),*) -> i32,)*
        }

        #[cfg_attr(not(feature = "internals"), allow(dead_code))]
        #[allow(missing_docs, clippy::missing_safety_doc, clippy::missing_errors_doc, clippy::too_many_arguments)] // the driver's reference has them
        impl Driver {
            fn bind(library: &Library) -> Result<Self, CudaError> {
                Ok(Self {
                    lost: AtomicI32::new(0),
                    $(
                        // SAFETY: the function of that name has these arguments, by the reference of the driver's API.
                        $name: unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "system" fn($($ty),*) -> i32>(
                                library.symbol(concat!($symbol, "\0"))?,
                            )
                        },
                    )*
                })
            }

            $(
                pub unsafe fn $name(&self, $($argument: $ty),*) -> Result<(), CudaError> {
                    // SAFETY: the caller keeps to the reference of the driver's API.
                    self.call($symbol, || unsafe { (self.$name)($($argument),*) })
                }
            )*
        }
    };
}

functions! {
    initialise = "cuInit" (flags: u32);
    device_count = "cuDeviceGetCount" (count: *mut i32);
    device = "cuDeviceGet" (device: *mut i32, number: i32);
    device_name = "cuDeviceGetName" (name: *mut c_char, bytes: i32, device: i32);
    device_attribute = "cuDeviceGetAttribute" (value: *mut i32, attribute: i32, device: i32);
    device_memory = "cuDeviceTotalMem_v2" (bytes: *mut usize, device: i32);
    retain_context = "cuDevicePrimaryCtxRetain" (context: *mut Handle, device: i32);
    release_context = "cuDevicePrimaryCtxRelease_v2" (device: i32);
    set_context = "cuCtxSetCurrent" (context: Handle);
    memory_info = "cuMemGetInfo_v2" (free: *mut usize, total: *mut usize);
    load_module = "cuModuleLoadDataEx"
        (module: *mut Handle, image: *const c_void, options: u32, names: *mut i32, values: *mut *mut c_void);
    unload_module = "cuModuleUnload" (module: Handle);
    function = "cuModuleGetFunction" (function: *mut Handle, module: Handle, name: *const c_char);
    function_attribute = "cuFuncGetAttribute" (value: *mut i32, attribute: i32, function: Handle);
    allocate = "cuMemAlloc_v2" (address: *mut u64, bytes: usize);
    free = "cuMemFree_v2" (address: u64);
    allocate_host = "cuMemHostAlloc" (address: *mut *mut c_void, bytes: usize, flags: u32);
    free_host = "cuMemFreeHost" (address: *mut c_void);
    copy_to_device = "cuMemcpyHtoDAsync_v2" (to: u64, from: *const c_void, bytes: usize, stream: Handle);
    copy_to_host = "cuMemcpyDtoHAsync_v2" (to: *mut c_void, from: u64, bytes: usize, stream: Handle);
    copy_within = "cuMemcpyDtoDAsync_v2" (to: u64, from: u64, bytes: usize, stream: Handle);
    fill = "cuMemsetD32Async" (at: u64, value: u32, count: usize, stream: Handle);
    create_stream = "cuStreamCreate" (stream: *mut Handle, flags: u32);
    destroy_stream = "cuStreamDestroy_v2" (stream: Handle);
    wait_stream = "cuStreamSynchronize" (stream: Handle);
    stream_waits = "cuStreamWaitEvent" (stream: Handle, event: Handle, flags: u32);
    create_event = "cuEventCreate" (event: *mut Handle, flags: u32);
    destroy_event = "cuEventDestroy_v2" (event: Handle);
    record_event = "cuEventRecord" (event: Handle, stream: Handle);
    wait_event = "cuEventSynchronize" (event: Handle);
    begin_capture = "cuStreamBeginCapture_v2" (stream: Handle, mode: i32);
    end_capture = "cuStreamEndCapture" (stream: Handle, graph: *mut Handle);
    instantiate = "cuGraphInstantiateWithFlags" (graph: *mut Handle, from: Handle, flags: u64);
    launch_graph = "cuGraphLaunch" (graph: Handle, stream: Handle);
    destroy_graph = "cuGraphDestroy" (graph: Handle);
    destroy_instance = "cuGraphExecDestroy" (graph: Handle);
    launch = "cuLaunchKernel" (
        function: Handle, grid_x: u32, grid_y: u32, grid_z: u32, block_x: u32, block_y: u32, block_z: u32, shared: u32,
        stream: Handle, parameters: *mut *mut c_void, extra: *mut *mut c_void
    );
}

impl Driver {
    /// The system's driver, and its version.
    ///
    /// # Errors
    /// There is none, it is too old, or it lacks a function.
    pub fn load() -> Result<(Self, (i32, i32)), CudaError> {
        Self::load_named(&NAMES)
    }

    /// The first of these libraries that there is.
    ///
    /// # Errors
    /// As [`Driver::load`].
    pub fn load_named(names: &[&CStr]) -> Result<(Self, (i32, i32)), CudaError> {
        let library = Library::open(names)?;
        // Before all others, since an older driver lacks some of them.
        let symbol = library.symbol("cuDriverGetVersion\0")?;
        // SAFETY: by the reference of the driver's API it takes a pointer to an int and may be called before all others.
        let code = unsafe {
            let ask = std::mem::transmute::<*mut c_void, unsafe extern "system" fn(*mut i32) -> i32>(symbol);
            let mut version = 0;
            match ask(&raw mut version) {
                0 => Ok(version),
                code => Err(CudaError::Call { call: "cuDriverGetVersion", code }),
            }
        };
        let version = code.map(|version| (version / 1000, version % 1000 / 10))?;
        if version < LEAST {
            return Err(CudaError::TooOld(version));
        }
        Ok((Self::bind(&library)?, version))
    }

    fn call(&self, call: &'static str, function: impl FnOnce() -> i32) -> Result<(), CudaError> {
        let lost = self.lost.load(Ordering::Relaxed);
        let code = if lost == 0 { function() } else { lost };
        if LOST.contains(&code) {
            self.lost.store(code, Ordering::Relaxed);
        }
        if code == 0 { Ok(()) } else { Err(CudaError::Call { call, code }) }
    }
}
