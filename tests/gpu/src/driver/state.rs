//! All that a driver holds, behind one lock. Handles are numbers that are never used twice.

use super::settings::Settings;
use super::stream::{Stream, Work};
use crate::ptx::{Kernel, Module};
use crate::run::{Counts, Memory};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// Codes of the driver API.
pub mod code {
    #![allow(missing_docs)]
    pub const INVALID_VALUE: i32 = 1;
    pub const OUT_OF_MEMORY: i32 = 2;
    pub const NOT_INITIALISED: i32 = 3;
    pub const NO_DEVICE: i32 = 100;
    pub const INVALID_DEVICE: i32 = 101;
    pub const INVALID_CONTEXT: i32 = 201;
    pub const NO_BINARY: i32 = 209;
    pub const INVALID_PTX: i32 = 218;
    pub const NEWER_PTX: i32 = 222;
    pub const INVALID_HANDLE: i32 = 400;
    pub const NOT_FOUND: i32 = 500;
    pub const ILLEGAL_ADDRESS: i32 = 700;
    pub const CAPTURE_UNSUPPORTED: i32 = 900;
    pub const CAPTURE_INVALIDATED: i32 = 901;
}

/// The whole driver.
#[derive(Debug, Default)]
pub struct State {
    pub settings: Settings,
    pub calls: u64,
    /// The code of a lost context.
    pub lost: i32,
    pub initialised: bool,
    /// How often the context is retained.
    pub contexts: u32,
    pub current: bool,
    pub memory: Memory,
    pub counts: Counts,
    /// Pinned memory: address, bytes.
    pub pinned: BTreeMap<usize, usize>,
    pub streams: BTreeMap<usize, Stream>,
    /// Of each event what it waits for: a stream, and how much of it.
    pub events: BTreeMap<usize, Option<(usize, u64)>>,
    pub modules: BTreeMap<usize, Arc<Module>>,
    /// Functions: their module and kernel.
    pub functions: BTreeMap<usize, (usize, Arc<Kernel>)>,
    pub graphs: BTreeMap<usize, Vec<Work>>,
    pub instances: BTreeMap<usize, Vec<Work>>,
    handles: usize,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let text = std::env::var("OCELLI_FAKE_CUDA").unwrap_or_default();
    let mut state = State::default();
    match Settings::parse(&text) {
        Ok(settings) => state.settings = settings,
        // What nobody meant is no driver.
        Err(_) => state.settings.driver = (0, 0),
    }
    Mutex::new(state)
});

/// The driver, for one call.
pub fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// A handle that was never given out.
    pub fn handle(&mut self) -> usize {
        self.handles += 1;
        0x1000 + self.handles * 16
    }

    /// Writes a line where calls are logged.
    pub fn log(&self, line: &str) {
        let Some(path) = &self.settings.log else { return };
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
            let _ = writeln!(file, "{line}");
        }
    }

    /// What is held, in words.
    pub fn held(&self) -> String {
        let (bytes, blocks) = self.memory.held();
        format!(
            "held: {bytes} bytes in {blocks} blocks, {} pinned, {} streams, {} events, {} modules, {} graphs",
            self.pinned.len(),
            self.streams.len(),
            self.events.len(),
            self.modules.len(),
            self.graphs.len() + self.instances.len()
        )
    }

    /// Whether the bytes at an address of the processor are pinned.
    pub fn is_pinned(&self, at: usize, bytes: usize) -> bool {
        let block = self.pinned.range(..=at).next_back();
        block.is_some_and(|(start, length)| at + bytes <= start + length)
    }
}

/// Executes a call: counted, logged, and failing where it is to.
pub fn call(name: &str, function: impl FnOnce(&mut State) -> Result<(), i32>) -> i32 {
    let mut state = lock();
    state.calls += 1;
    let calls = state.calls;
    let result = match state.settings.fail {
        _ if state.lost != 0 => Err(state.lost),
        Some((number, code)) if number == calls => Err(code),
        _ => function(&mut state),
    };
    let code = result.err().unwrap_or(0);
    if (code::ILLEGAL_ADDRESS..900).contains(&code) {
        state.lost = code;
    }
    state.log(&format!("{calls} {name} {code}"));
    code
}

/// A call that needs a context.
pub fn within(name: &str, function: impl FnOnce(&mut State) -> Result<(), i32>) -> i32 {
    call(name, |state| {
        if !state.initialised {
            return Err(code::NOT_INITIALISED);
        }
        if state.contexts == 0 || !state.current {
            return Err(code::INVALID_CONTEXT);
        }
        function(state)
    })
}
