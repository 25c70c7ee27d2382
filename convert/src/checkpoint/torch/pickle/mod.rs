//! The pickle of a state dict (PEP 307, PEP 574 and CPython's `pickletools`) as objects: data, imports that stand for
//! themselves, storages and tensors. What makes them is [`machine`], which calls nothing.
//!
//! Objects live in an arena and are handled by number. So a pickle that shares objects costs what it says once and not
//! once a use, one that contains itself is no danger, and none is deep enough for the stack when it is dropped.

mod machine;

use std::ops::Range;

use crate::checkpoint::Dtype;
pub(super) use machine::run;

/// Most bytes of a pickle; a tensor takes some hundred.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// The number of an object.
pub(super) type Id = u32;

/// An object.
#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool,
    Integer(i64),
    Real,
    /// Bytes of the pickle, UTF-8 or not.
    Bytes,
    /// Bytes of the pickle, UTF-8.
    Text(Range<u32>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    /// In order of insertion.
    Dict(Vec<(Id, Id)>),
    Import(Import),
    /// In [`Pickle::storages`].
    Storage(u32),
    /// In [`Pickle::tensors`].
    Tensor(u32),
}

impl Node {
    /// For messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool => "a bool",
            Self::Integer(_) => "an integer",
            Self::Real => "a number",
            Self::Bytes => "bytes",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
            Self::Import(_) => "an import",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// What may be imported.
#[derive(Debug, Clone, Copy)]
pub(super) enum Import {
    OrderedDict,
    Size,
    /// With that many arguments, or more by the second number.
    RebuildTensor(usize, usize),
    RebuildParameter,
    /// A bag of settings, which is a dict here that nobody looks into.
    Namespace,
    Storage(Dtype),
}

impl Import {
    fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("argparse", "Namespace") => Self::Namespace,
            ("torch", "Size") => Self::Size,
            ("torch._utils", "_rebuild_tensor") => Self::RebuildTensor(4, 0),
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor(6, 1),
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", _) => Self::Storage(Dtype::of(match name {
                "FloatStorage" => "F32",
                "HalfStorage" => "F16",
                "BFloat16Storage" => "BF16",
                "DoubleStorage" => "F64",
                "LongStorage" => "I64",
                "IntStorage" => "I32",
                "ShortStorage" => "I16",
                "CharStorage" => "I8",
                "ByteStorage" => "U8",
                "BoolStorage" => "BOOL",
                _ => return None,
            })?),
            _ => return None,
        })
    }
}

/// Numbers that tensors show parts of.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: Dtype,
    pub(super) elements: u64,
}

/// A tensor, in elements of its storage.
#[derive(Debug)]
pub(super) struct View {
    /// In [`Pickle::storages`].
    pub(super) storage: u32,
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

/// What a pickle says.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    data: &'a [u8],
    objects: Vec<(Node, u8)>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<View>,
    pub(super) root: Id,
    /// Bytes up to and with its last instruction.
    pub(super) bytes: usize,
}

impl Pickle<'_> {
    /// The object of that number.
    pub(super) fn node(&self, id: Id) -> &Node {
        self.objects.get(id as usize).map_or(&Node::None, |(node, _)| node)
    }

    /// The text that an object is.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        let Node::Text(at) = self.node(id) else { return None };
        std::str::from_utf8(self.data.get(at.start as usize..at.end as usize)?).ok()
    }
}
