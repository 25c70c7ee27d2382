//! Protocol Buffers' wire format, as far as a flat message needs it: fields by number, in order, each a number or bytes.
//!
//! Source: the encoding's published description. Nothing is copied; a field that claims more than there is, a number of
//! more than ten bytes and the long-gone groups are errors.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    /// An integer or a switch.
    Number(u64),
    /// Four bytes, a float.
    Float(f32),
    /// Eight bytes, of which nothing here is made.
    Long,
    /// A text or an inner message.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// A text.
    pub(super) fn text(self) -> Result<&'a str, String> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes)
                .map_err(|error| format!("a text that is not UTF-8 at its byte {}", error.valid_up_to())),
            _ => Err("a number where a text belongs".to_owned()),
        }
    }

    /// The fields of an inner message.
    pub(super) fn message(self) -> Result<Fields<'a>, String> {
        match self {
            Self::Bytes(bytes) => Ok(Fields { rest: bytes }),
            _ => Err("a number where a message belongs".to_owned()),
        }
    }

    /// A signed integer.
    pub(super) fn integer(self) -> Result<i32, String> {
        match self {
            // Negative ones are written as 64 bits.
            Self::Number(number) => i32::try_from(number.cast_signed())
                .map_err(|_| format!("the number {} where 32 bits belong", number.cast_signed())),
            _ => Err("no integer where one belongs".to_owned()),
        }
    }

    /// A switch.
    pub(super) fn switch(self) -> Result<bool, String> {
        Ok(self.integer()? != 0)
    }

    /// A float.
    pub(super) fn float(self) -> Result<f32, String> {
        match self {
            Self::Float(number) => Ok(number),
            _ => Err("no float where one belongs".to_owned()),
        }
    }
}

/// The fields of a message that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let here = self.rest.len();
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = split.ok_or_else(|| format!("a field of {count} bytes where {here} are left"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("an integer of more than 64 bits".to_owned())
    }

    fn field(&mut self) -> Result<(u64, Field<'a>), String> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Field::Long
            }
            2 => {
                let count = self.varint()?;
                Field::Bytes(self.take(count)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Field::Float(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            other => return Err(format!("a field of the wire type {other}; only 0, 1, 2 and 5 are read")),
        };
        match tag >> 3 {
            0 => Err("a field of the number 0".to_owned()),
            number => Ok((number, field)),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Field, Fields};

    #[test]
    fn fields_are_read_in_order() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 2, b'a', b'b', 0x1d, 0, 0, 0x80, 0x3f, 0x21, 0, 0, 0, 0, 0, 0, 0, 0];
        let fields: Vec<_> = Fields::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(
            fields,
            [(1, Field::Number(150)), (2, Field::Bytes(b"ab")), (3, Field::Float(1.0)), (4, Field::Long)]
        );
        let minus = [&[0x08][..], &[0xff; 9], &[1]].concat();
        assert_eq!(Fields::new(&minus).next().unwrap().unwrap().1.integer(), Ok(-1));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (bytes, part) in [
            (&[0x08][..], "1 bytes where 0"),
            (&[0x12, 5, 1], "5 bytes where 1"),
            (&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "18446744073709551615 bytes where 0"),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], "more than 64 bits"),
            (&[0x0b], "wire type 3"),
            (&[0x00, 1], "number 0"),
            (&[0x0d, 1, 2], "4 bytes where 2"),
        ] {
            let mut fields = Fields::new(bytes);
            let error = fields.next().unwrap().unwrap_err();
            assert!(error.contains(part), "{error}");
            assert!(fields.next().is_none());
        }
    }
}
