//! Opcodes: what stands before the operands, taken apart. A modifier that an opcode is not known to take is an error.

/// Kinds of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bits.
    Bits,
    /// Unsigned integers.
    Unsigned,
    /// Signed integers.
    Signed,
    /// Floats; of 16 bits IEEE half.
    Float,
    /// Two halves.
    Halves,
    /// A predicate.
    Predicate,
}

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ty {
    /// What its bits are.
    pub kind: Kind,
    /// How many.
    pub bits: u32,
}

impl Ty {
    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "pred" {
            return Some(Self { kind: Kind::Predicate, bits: 1 });
        }
        if name == "f16x2" {
            return Some(Self { kind: Kind::Halves, bits: 32 });
        }
        let kind = match name.get(..1)? {
            "b" => Kind::Bits,
            "u" => Kind::Unsigned,
            "s" => Kind::Signed,
            "f" => Kind::Float,
            _ => return None,
        };
        let bits = name[1..].parse().ok().filter(|bits| [8, 16, 32, 64].contains(bits))?;
        Some(Self { kind, bits })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.bits as usize / 8
    }

    /// Whether it is f32.
    #[must_use]
    pub fn is_f32(self) -> bool {
        self.kind == Kind::Float && self.bits == 32
    }
}

/// Kinds of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Space {
    Global,
    Shared,
    Parameter,
}

/// Comparisons; the second half is also true where one side is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Equ,
    Neu,
    Ltu,
    Leu,
    Gtu,
    Geu,
    Nan,
    Num,
}

/// Functions of one float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Float {
    Exp2,
    Log2,
    Reciprocal,
    Root,
    InverseRoot,
    Sine,
    Cosine,
}

/// How a float becomes an integer or a shorter float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Round {
    Nearest,
    Zero,
    Down,
    Up,
}

/// How lanes exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Shuffle {
    Xor,
    Down,
    Up,
    Index,
}

/// Products of small matrices by a warp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mma {
    M16N8K32S8,
    M16N8K16S8,
    M8N8K16S8,
    M16N8K16F16,
    M16N8K8F16,
}

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Code {
    Mov,
    Add,
    Sub,
    MulLow,
    MulHigh,
    MulWide,
    MadLow,
    MadWide,
    Fma,
    Div,
    Rem,
    Min,
    Max,
    Neg,
    Abs,
    And,
    Or,
    Xor,
    Not,
    Shl,
    Shr,
    Funnel { left: bool, clamp: bool },
    Lop3,
    Select,
    Set(Compare),
    Convert { from: Ty, round: Option<Round>, integer: bool, saturate: bool },
    Function(Float),
    Dp4a { first: Kind, second: Kind },
    Permute,
    Extract,
    Insert,
    Popc,
    Clz,
    Load(Space),
    Store(Space),
    ToSpace(Space),
    ToGeneric(Space),
    Branch,
    Barrier,
    WarpBarrier,
    Return,
    Shuffle(Shuffle),
    CopyAsync,
    Commit,
    Wait { all: bool },
    LoadMatrix { count: usize, turned: bool },
    Mma(Mma),
}

fn compare(name: &str) -> Option<Compare> {
    Some(match name {
        "eq" => Compare::Eq,
        "ne" => Compare::Ne,
        "lt" | "lo" => Compare::Lt,
        "le" | "ls" => Compare::Le,
        "gt" | "hi" => Compare::Gt,
        "ge" | "hs" => Compare::Ge,
        "equ" => Compare::Equ,
        "neu" => Compare::Neu,
        "ltu" => Compare::Ltu,
        "leu" => Compare::Leu,
        "gtu" => Compare::Gtu,
        "geu" => Compare::Geu,
        "nan" => Compare::Nan,
        "num" => Compare::Num,
        _ => return None,
    })
}

fn space(name: &str) -> Option<Space> {
    Some(match name {
        "global" => Space::Global,
        "shared" => Space::Shared,
        "param" => Space::Parameter,
        _ => return None,
    })
}

fn convert(rest: &[&str]) -> Option<(Code, Ty)> {
    let (&from, rest) = rest.split_last()?;
    let (&to, modifiers) = rest.split_last()?;
    let (mut round, mut integer, mut saturate) = (None, false, false);
    for modifier in modifiers {
        match *modifier {
            "rn" => round = Some(Round::Nearest),
            "rz" => round = Some(Round::Zero),
            "rni" => (round, integer) = (Some(Round::Nearest), true),
            "rzi" => (round, integer) = (Some(Round::Zero), true),
            "rmi" => (round, integer) = (Some(Round::Down), true),
            "rpi" => (round, integer) = (Some(Round::Up), true),
            "sat" => saturate = true,
            _ => return None,
        }
    }
    Some((Code::Convert { from: Ty::parse(from)?, round, integer, saturate }, Ty::parse(to)?))
}

fn mma(rest: &[&str]) -> Option<Mma> {
    Some(match rest {
        ["sync", "aligned", "m16n8k32", "row", "col", "s32", "s8", "s8", "s32"] => Mma::M16N8K32S8,
        ["sync", "aligned", "m16n8k16", "row", "col", "s32", "s8", "s8", "s32"] => Mma::M16N8K16S8,
        ["sync", "aligned", "m8n8k16", "row", "col", "s32", "s8", "s8", "s32"] => Mma::M8N8K16S8,
        ["sync", "aligned", "m16n8k16", "row", "col", "f32", "f16", "f16", "f32"] => Mma::M16N8K16F16,
        ["sync", "aligned", "m16n8k8", "row", "col", "f32", "f16", "f16", "f32"] => Mma::M16N8K8F16,
        _ => return None,
    })
}

/// Opcodes that have one type behind their modifiers.
fn typed(name: &str, modifiers: &[&str]) -> Option<Code> {
    Some(match (name, modifiers) {
        ("mov", []) => Code::Mov,
        ("add", [] | ["rn"]) => Code::Add,
        ("sub", [] | ["rn"]) => Code::Sub,
        ("mul", ["lo"] | [] | ["rn"]) => Code::MulLow,
        ("mul", ["hi"]) => Code::MulHigh,
        ("mul", ["wide"]) => Code::MulWide,
        ("mad", ["lo"]) => Code::MadLow,
        ("mad", ["wide"]) => Code::MadWide,
        ("fma", ["rn"]) => Code::Fma,
        ("div", [] | ["rn"]) => Code::Div,
        ("rem", []) => Code::Rem,
        ("min", []) => Code::Min,
        ("max", []) => Code::Max,
        ("neg", []) => Code::Neg,
        ("abs", []) => Code::Abs,
        ("and", []) => Code::And,
        ("or", []) => Code::Or,
        ("xor", []) => Code::Xor,
        ("not", []) => Code::Not,
        ("shl", []) => Code::Shl,
        ("shr", []) => Code::Shr,
        ("shf", ["l", "wrap"]) => Code::Funnel { left: true, clamp: false },
        ("shf", ["l", "clamp"]) => Code::Funnel { left: true, clamp: true },
        ("shf", ["r", "wrap"]) => Code::Funnel { left: false, clamp: false },
        ("shf", ["r", "clamp"]) => Code::Funnel { left: false, clamp: true },
        ("lop3", []) => Code::Lop3,
        ("selp", []) => Code::Select,
        ("setp", [how]) => Code::Set(compare(how)?),
        ("ex2", ["approx"] | ["approx", "ftz"]) => Code::Function(Float::Exp2),
        ("lg2", ["approx"] | ["approx", "ftz"]) => Code::Function(Float::Log2),
        ("rcp", ["rn"]) => Code::Function(Float::Reciprocal),
        ("sqrt", ["rn"]) => Code::Function(Float::Root),
        ("rsqrt", ["approx"]) => Code::Function(Float::InverseRoot),
        ("sin", ["approx"]) => Code::Function(Float::Sine),
        ("cos", ["approx"]) => Code::Function(Float::Cosine),
        ("prmt", []) => Code::Permute,
        ("bfe", []) => Code::Extract,
        ("bfi", []) => Code::Insert,
        ("popc", []) => Code::Popc,
        ("clz", []) => Code::Clz,
        ("cvta", ["to", to]) => Code::ToSpace(space(to)?),
        ("cvta", [of]) => Code::ToGeneric(space(of)?),
        ("ld", [of] | [of, "v2" | "v4"] | [of, "nc"] | [of, "nc", "v2" | "v4"]) => Code::Load(space(of)?),
        ("ld", [of, "nc", "L1::no_allocate"] | [of, "nc", "L1::no_allocate", "v2" | "v4"]) => Code::Load(space(of)?),
        ("st", [to] | [to, "v2" | "v4"]) => Code::Store(space(to)?),
        ("shfl", ["sync", "bfly"]) => Code::Shuffle(Shuffle::Xor),
        ("shfl", ["sync", "down"]) => Code::Shuffle(Shuffle::Down),
        ("shfl", ["sync", "up"]) => Code::Shuffle(Shuffle::Up),
        ("shfl", ["sync", "idx"]) => Code::Shuffle(Shuffle::Index),
        _ => return None,
    })
}

/// What an opcode does, and with which type.
pub fn parse(opcode: &str) -> Option<(Code, Ty)> {
    let none = Ty { kind: Kind::Bits, bits: 32 };
    let mut parts = opcode.split('.');
    let name = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    Some(match (name, rest.as_slice()) {
        ("bra", [] | ["uni"]) => (Code::Branch, none),
        ("ret" | "exit", []) => (Code::Return, none),
        ("bar", ["sync"]) | ("barrier", ["sync"]) | ("barrier", ["sync", "aligned"]) => (Code::Barrier, none),
        ("bar", ["warp", "sync"]) => (Code::WarpBarrier, none),
        ("cp", ["async", "ca" | "cg", "shared", "global"]) => (Code::CopyAsync, none),
        ("cp", ["async", "commit_group"]) => (Code::Commit, none),
        ("cp", ["async", "wait_group"]) => (Code::Wait { all: false }, none),
        ("cp", ["async", "wait_all"]) => (Code::Wait { all: true }, none),
        ("ldmatrix", ["sync", "aligned", "m8n8", count, turned @ .., "shared", "b16"]) => {
            let count = match *count {
                "x1" => 1,
                "x2" => 2,
                "x4" => 4,
                _ => return None,
            };
            let turned = match turned {
                [] => false,
                ["trans"] => true,
                _ => return None,
            };
            (Code::LoadMatrix { count, turned }, none)
        }
        ("dp4a", [first, second]) => {
            (Code::Dp4a { first: Ty::parse(first)?.kind, second: Ty::parse(second)?.kind }, none)
        }
        ("mma", rest) => (Code::Mma(mma(rest)?), none),
        ("cvt", rest) => convert(rest)?,
        (name, rest) => {
            let (ty, modifiers) = rest.split_last()?;
            (typed(name, modifiers)?, Ty::parse(ty)?)
        }
    })
}
