//! Metadata values as views of the file's bytes.
//!
//! Nothing is parsed ahead: a scalar is decoded when looked at, an array stays the bytes it is in the file. Arrays are
//! not aligned there, so elements come out through iterators instead of slices (bytes excepted).

use std::fmt;
use std::marker::PhantomData;

/// The type of a metadata value or array element; the numbers are the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    Str = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    /// Every type, at the position of its number.
    pub const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::Str,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// The type of that number.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(id).ok()?).copied()
    }

    /// The number of this type in a file.
    #[must_use]
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// The name used in messages, such as `u32` or `string`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::Bool => "bool",
            Self::Str => "string",
            Self::Array => "array",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
        }
    }

    /// Bytes of one value, where that does not depend on the value.
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Str | Self::Array => None,
        }
    }
}

/// One metadata value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Str(&'a str),
    Array(Array<'a>),
}

impl<'a> Value<'a> {
    /// The value in `bytes`, which the parser has checked. Should they have shrunk since, numbers read as 0.
    pub(super) fn view(ty: ValueType, array: Option<(ValueType, u64)>, bytes: &'a [u8]) -> Self {
        match ty {
            ValueType::U8 => Self::U8(first(bytes)),
            ValueType::I8 => Self::I8(first(bytes)),
            ValueType::U16 => Self::U16(first(bytes)),
            ValueType::I16 => Self::I16(first(bytes)),
            ValueType::U32 => Self::U32(first(bytes)),
            ValueType::I32 => Self::I32(first(bytes)),
            ValueType::F32 => Self::F32(first(bytes)),
            ValueType::U64 => Self::U64(first(bytes)),
            ValueType::I64 => Self::I64(first(bytes)),
            ValueType::F64 => Self::F64(first(bytes)),
            ValueType::Bool => Self::Bool(first(bytes)),
            ValueType::Str => Self::Str(str::from_utf8(bytes).unwrap_or_default()),
            ValueType::Array => {
                let (element, count) = array.unwrap_or((ValueType::U8, 0));
                // The count fits: the parser found that many elements in a slice.
                Self::Array(Array { element, len: usize::try_from(count).unwrap_or_default(), bytes })
            }
        }
    }

    /// The type of this value.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
            Self::Bool(_) => ValueType::Bool,
            Self::Str(_) => ValueType::Str,
            Self::Array(_) => ValueType::Array,
        }
    }

    /// The type in words, such as `u32` or `array of string`.
    #[must_use]
    pub fn type_name(&self) -> String {
        match self {
            Self::Array(array) => format!("array of {}", array.element.name()),
            other => other.value_type().name().to_owned(),
        }
    }

    /// The number, if this is an integer of any width.
    #[must_use]
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Self::U8(value) => Some(value.into()),
            Self::I8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U64(value) => Some(value.into()),
            Self::I64(value) => Some(value.into()),
            _ => None,
        }
    }

    /// The number, if this is an integer of any width that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_integer().and_then(|value| u64::try_from(value).ok())
    }
}

/// The first element in `bytes`, or zero.
fn first<T: Element>(bytes: &[u8]) -> T {
    Elements::over(bytes).next().unwrap_or_default()
}

mod sealed {
    pub trait Sealed {}
}

/// A number (or bool) that metadata arrays can hold.
pub trait Element: Copy + Default + sealed::Sealed {
    /// Its type in a file.
    const TYPE: ValueType;
    /// Its bytes in a file.
    const BYTES: usize;
    /// The value in exactly [`Element::BYTES`] little-endian bytes; zero for any other length.
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! elements {
    ($($number:ty => $ty:ident),*) => {$(
        impl sealed::Sealed for $number {}
        impl Element for $number {
            const TYPE: ValueType = ValueType::$ty;
            const BYTES: usize = size_of::<$number>();
            fn from_bytes(bytes: &[u8]) -> Self {
                bytes.try_into().map(<$number>::from_le_bytes).unwrap_or_default()
            }
        }
    )*};
}
elements!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64, f32 => F32, f64 => F64);

impl sealed::Sealed for bool {}
impl Element for bool {
    const TYPE: ValueType = ValueType::Bool;
    const BYTES: usize = 1;
    fn from_bytes(bytes: &[u8]) -> Self {
        bytes == [1]
    }
}

/// An array value: a view of its bytes in the file.
#[derive(Clone, Copy, PartialEq)]
pub struct Array<'a> {
    element: ValueType,
    len: usize,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// The type of the elements; never [`ValueType::Array`].
    #[must_use]
    pub fn element(&self) -> ValueType {
        self.element
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements as they lie in the file: little-endian, strings each after their length.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements, if they are of type `T` exactly.
    #[must_use]
    pub fn elements<T: Element>(&self) -> Option<Elements<'a, T>> {
        (self.element == T::TYPE).then(|| Elements::over(self.bytes))
    }

    /// The elements, if they are integers of whatever width.
    pub(super) fn integers(&self) -> Option<Box<dyn Iterator<Item = i128> + 'a>> {
        fn all<'a, T: Element + Into<i128> + 'a>(array: &Array<'a>) -> Option<Box<dyn Iterator<Item = i128> + 'a>> {
            Some(Box::new(array.elements::<T>()?.map(Into::into)))
        }
        let small = || all::<u8>(self).or_else(|| all::<i8>(self)).or_else(|| all::<u16>(self));
        let large = || all::<u64>(self).or_else(|| all::<i64>(self));
        all::<u32>(self).or_else(|| all::<i32>(self)).or_else(|| all::<i16>(self)).or_else(small).or_else(large)
    }

    /// The elements, if they are strings.
    #[must_use]
    pub fn strings(&self) -> Option<StringArray<'a>> {
        (self.element == ValueType::Str).then_some(StringArray { len: self.len, bytes: self.bytes })
    }
}

/// Type and count only: a vocabulary would fill the screen.
impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}; {}]", self.element.name(), self.len)
    }
}

/// The elements of an [`Array`], decoded one by one.
#[derive(Debug, Clone)]
pub struct Elements<'a, T> {
    chunks: std::slice::ChunksExact<'a, u8>,
    element: PhantomData<T>,
}

impl<'a, T: Element> Elements<'a, T> {
    fn over(bytes: &'a [u8]) -> Self {
        Self { chunks: bytes.chunks_exact(T::BYTES), element: PhantomData }
    }
}

impl<T: Element> Iterator for Elements<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.chunks.next().map(T::from_bytes)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.chunks.size_hint()
    }
}

impl<T: Element> ExactSizeIterator for Elements<'_, T> {}

/// An array of strings: a view of its bytes in the file, validated as UTF-8 when the file was parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StringArray<'a> {
    len: usize,
    bytes: &'a [u8],
}

impl<'a> StringArray<'a> {
    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The strings in order.
    #[must_use]
    pub fn iter(&self) -> StringIter<'a> {
        StringIter { left: self.len, bytes: self.bytes }
    }

    /// The string at `index`. Walks the strings before it; for random access collect [`StringArray::iter`] once.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a str> {
        self.iter().nth(index)
    }
}

impl<'a> IntoIterator for StringArray<'a> {
    type Item = &'a str;
    type IntoIter = StringIter<'a>;

    fn into_iter(self) -> StringIter<'a> {
        self.iter()
    }
}

/// Iterator over a [`StringArray`].
#[derive(Debug, Clone)]
pub struct StringIter<'a> {
    left: usize,
    bytes: &'a [u8],
}

impl<'a> Iterator for StringIter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        let (length, rest) = self.bytes.split_first_chunk::<8>()?;
        let (text, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        self.bytes = rest;
        str::from_utf8(text).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for StringIter<'_> {}
