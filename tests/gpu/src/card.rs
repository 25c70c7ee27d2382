//! A card as tests use it: the committed modules of the engine, memory, and launches.

use crate::ptx::Module;
use crate::run::{self, Counts, Fault, Launch, Memory};
use std::path::PathBuf;

/// The targets that modules are compiled for. What is the same for both is kept once, for the first.
pub const TARGETS: [u32; 2] = [75, 80];

/// Where the kernels are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../engine/src/kernels/cuda"))
}

/// The text of a module of the engine for a target.
///
/// # Errors
/// It is not there.
pub fn text(name: &str, target: u32) -> Result<String, String> {
    let file = |target: u32| folder().join(format!("ptx/{name}.sm_{target}.ptx"));
    let found = std::fs::read_to_string(file(target)).or_else(|_| std::fs::read_to_string(file(TARGETS[0])));
    found.map_err(|error| format!("{}: {error}", file(target).display()))
}

/// The parameters of a kernel, one behind the other, each at a multiple of its size.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<u8>, usize);

impl Parameters {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn put(mut self, bytes: &[u8]) -> Self {
        self.0.resize(self.0.len().next_multiple_of(bytes.len()), 0);
        self.0.extend_from_slice(bytes);
        self.1 = self.1.max(bytes.len());
        self
    }

    /// An address.
    #[must_use]
    pub fn address(self, at: u64) -> Self {
        self.put(&at.to_le_bytes())
    }

    /// Numbers.
    #[must_use]
    pub fn numbers(self, numbers: &[u32]) -> Self {
        numbers.iter().fold(self, |all, n| all.put(&n.to_le_bytes()))
    }

    /// A float.
    #[must_use]
    pub fn float(self, x: f32) -> Self {
        self.put(&x.to_le_bytes())
    }

    /// As a struct has them: as long as a multiple of the widest.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len().next_multiple_of(self.1.max(1)), 0);
        bytes
    }
}

/// One module on a card.
#[derive(Debug)]
pub struct Card {
    /// The module.
    pub module: Module,
    /// The card's memory.
    pub memory: Memory,
}

impl Card {
    /// A card with a module's text.
    ///
    /// # Errors
    /// What is not known of the text.
    pub fn with(text: &str) -> Result<Self, String> {
        Ok(Self { module: Module::parse(text)?, memory: Memory::default() })
    }

    /// A card with a module of the engine.
    ///
    /// # Errors
    /// It is not there, or what is not known of it.
    pub fn new(name: &str, target: u32) -> Result<Self, String> {
        Self::with(&text(name, target)?).map_err(|error| format!("{name}: {error}"))
    }

    /// Puts another module of the engine in the place of this one; what is in memory stays.
    ///
    /// # Errors
    /// As [`Card::new`].
    pub fn change(&mut self, name: &str, target: u32) -> Result<(), String> {
        self.module = Module::parse(&text(name, target)?).map_err(|error| format!("{name}: {error}"))?;
        Ok(())
    }

    /// Memory with these bytes.
    ///
    /// # Panics
    /// Never: the memory is as long as they are.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.memory.allocate(bytes.len());
        if let Err(error) = self.memory.write(at, bytes) {
            unreachable!("{error}");
        }
        at
    }

    /// Memory with these floats.
    pub fn floats(&mut self, x: &[f32]) -> u64 {
        self.put(&x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Memory with these numbers.
    pub fn numbers(&mut self, x: &[u32]) -> u64 {
        self.put(&x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Bytes of memory, all of which were written.
    ///
    /// # Errors
    /// They are not there or were not written.
    pub fn bytes(&mut self, at: u64, count: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; count];
        self.memory.read(at, &mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Floats of memory.
    ///
    /// # Errors
    /// They are not there or were not written.
    pub fn read(&mut self, at: u64, count: usize) -> Result<Vec<f32>, String> {
        let bytes = self.bytes(at, count * 4)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// Runs a kernel of the module.
    ///
    /// # Errors
    /// The first fault, or that there is no such kernel.
    pub fn launch(
        &mut self,
        kernel: &str,
        grid: [usize; 3],
        threads: u32,
        parameters: &Parameters,
    ) -> Result<Counts, Fault> {
        let missing = || Fault { kernel: kernel.to_owned(), line: 0, reason: "no such kernel".to_owned() };
        let code = self.module.kernels.get(kernel).ok_or_else(missing)?;
        let grid = grid.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let bytes = parameters.bytes();
        let launch = Launch { grid, block: [threads, 1, 1], dynamic: 0, parameters: &bytes };
        run::launch(code, &mut self.memory, &launch)
    }
}
