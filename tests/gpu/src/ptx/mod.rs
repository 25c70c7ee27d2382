//! A module of PTX, read once into small structs. NVIDIA's PTX ISA is the specification; only what our kernels use is
//! known, and anything else is an error that names it when a module is loaded.

mod opcode;
mod parse;

pub use opcode::{Code, Compare, Float, Kind, Mma, Round, Shuffle, Space, Ty};

use std::collections::BTreeMap;

/// The registers every thread begins with, in the order of their slots.
pub const SPECIAL: [&str; 13] = [
    "%tid.x",
    "%tid.y",
    "%tid.z",
    "%ntid.x",
    "%ntid.y",
    "%ntid.z",
    "%ctaid.x",
    "%ctaid.y",
    "%ctaid.z",
    "%nctaid.x",
    "%nctaid.y",
    "%nctaid.z",
    "%laneid",
];

/// One operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A register's slot.
    Reg(u32),
    /// A number's bits.
    Imm(u64),
    /// Registers or numbers in braces.
    List(Vec<Self>),
    /// `[register + offset]`, or without a register an address.
    Address(Option<u32>, i64),
    /// The number of an instruction.
    Target(usize),
}

/// One instruction.
#[derive(Debug, Clone)]
pub struct Instruction {
    /// Its line in the text.
    pub line: usize,
    /// The predicate that lanes need to take part, and whether it is negated.
    pub guard: Option<(u32, bool)>,
    /// What it does.
    pub code: Code,
    /// The type it does it with.
    pub ty: Ty,
    /// In order, the result first.
    pub operands: Vec<Operand>,
}

/// One kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Bytes of its parameters.
    pub parameters: usize,
    /// Registers a thread, [`SPECIAL`] included.
    pub registers: usize,
    /// Bytes of shared memory a block.
    pub shared: usize,
    /// Threads a block at most, where it says so.
    pub threads: Option<u32>,
    /// What it does.
    pub code: Vec<Instruction>,
}

/// A module.
#[derive(Debug, Clone)]
pub struct Module {
    /// `.version`, major and minor.
    pub version: (u32, u32),
    /// `.target sm_NN`.
    pub target: u32,
    /// Kernels by name.
    pub kernels: BTreeMap<String, Kernel>,
}

impl Module {
    /// Reads a module.
    ///
    /// # Errors
    /// What is not known of it, with its line.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::module(text)
    }
}
