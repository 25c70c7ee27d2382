//! Which GPUs the driver knows.

#![allow(unsafe_code)] // calls of the driver with places for its answers

use super::driver::{CudaError, Driver};
use std::ffi::{CStr, c_char};

/// Attributes of a device by the driver's numbers.
const MAJOR: i32 = 75;
const MINOR: i32 = 76;
const INTEGRATED: i32 = 18;

/// One GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// As its maker calls it.
    pub name: String,
    /// Compute capability, major and minor.
    pub capability: (i32, i32),
    /// Its memory in bytes.
    pub memory: u64,
    /// Whether that is the processor's memory, as on a Jetson.
    pub integrated: bool,
}

/// What a driver knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpus {
    /// The version of CUDA that the driver is for, major and minor.
    pub driver: (i32, i32),
    /// By the driver's numbers.
    pub devices: Vec<Gpu>,
}

/// Asks the CUDA driver of this machine for its GPUs. Nothing is started on them.
///
/// # Errors
/// There is no driver, it is too old, or it fails.
pub fn gpus() -> Result<Gpus, CudaError> {
    let (driver, version) = Driver::load()?;
    list(&driver, version)
}

/// The GPUs of a driver.
///
/// # Errors
/// A call fails; that there is no device is none.
pub fn list(driver: &Driver, version: (i32, i32)) -> Result<Gpus, CudaError> {
    let mut count = 0;
    // SAFETY: a place for the answer.
    let counted = unsafe { driver.initialise(0).and_then(|()| driver.device_count(&raw mut count)) };
    match counted {
        Err(CudaError::Call { code: 100, .. }) => count = 0,
        other => other?,
    }
    let devices = (0..count).map(|number| gpu(driver, number)).collect::<Result<_, _>>()?;
    Ok(Gpus { driver: version, devices })
}

fn gpu(driver: &Driver, number: i32) -> Result<Gpu, CudaError> {
    let (mut device, mut memory, mut name) = (0, 0, [0u8; 128]);
    // The last byte stays 0 whatever the driver writes.
    // SAFETY: places for the answers, of the bytes that are said.
    unsafe {
        driver.device(&raw mut device, number)?;
        driver.device_name(name.as_mut_ptr().cast::<c_char>(), 127, device)?;
        driver.device_memory(&raw mut memory, device)?;
    }
    let attribute = |which: i32| {
        let mut value = 0;
        // SAFETY: a place for the answer.
        unsafe { driver.device_attribute(&raw mut value, which, device) }.map(|()| value)
    };
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned();
    let capability = (attribute(MAJOR)?, attribute(MINOR)?);
    Ok(Gpu { name, capability, memory: memory as u64, integrated: attribute(INTEGRATED)? != 0 })
}
