//! What the environment says of the driver and its device.

use std::path::PathBuf;

/// See the driver's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The call that fails, from 1, and with which code.
    pub fail: Option<(u64, i32)>,
    /// Bytes of memory in all.
    pub memory: usize,
    /// Bytes of one allocation at most.
    pub largest: usize,
    /// Compute capability.
    pub capability: (i32, i32),
    /// The memory is the processor's.
    pub integrated: bool,
    /// The version of CUDA.
    pub driver: (i32, i32),
    /// Devices.
    pub devices: i32,
    /// Launches do nothing.
    pub skip: bool,
    /// Where calls are logged.
    pub log: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fail: None,
            memory: 1 << 30,
            largest: 1 << 30,
            capability: (8, 7),
            integrated: false,
            driver: (12, 6),
            devices: 1,
            skip: false,
            log: None,
        }
    }
}

fn pair<T: std::str::FromStr>(text: &str, between: char) -> Option<(T, T)> {
    let (a, b) = text.split_once(between)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

impl Settings {
    /// Reads settings between commas.
    ///
    /// # Errors
    /// The one that is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for setting in text.split(',').filter(|s| !s.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let put = |known: Option<()>| known.ok_or_else(|| format!("the setting {setting} is not known"));
            put(match name {
                "fail" => value.split_once(':').and_then(|(call, code)| {
                    settings.fail = Some((call.parse().ok()?, code.parse().ok()?));
                    Some(())
                }),
                "memory" => value.parse().ok().map(|n| settings.memory = n),
                "largest" => value.parse().ok().map(|n| settings.largest = n),
                "capability" => pair(value, '.').map(|v| settings.capability = v),
                "driver" => pair(value, '.').map(|v| settings.driver = v),
                "devices" => value.parse().ok().map(|n| settings.devices = n),
                "integrated" => {
                    settings.integrated = true;
                    Some(())
                }
                "skip" => {
                    settings.skip = true;
                    Some(())
                }
                "log" => {
                    settings.log = Some(PathBuf::from(value));
                    Some(())
                }
                _ => None,
            })?;
        }
        Ok(settings)
    }
}
