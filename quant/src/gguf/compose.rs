//! Models put together from files: keys of one beside those of another, keys that stand over a file's own, and tensors under
//! names and shapes that are not the file's.
//!
//! The non-obvious thing: nothing is copied. Keys know the file they lie in as tensors do, and keys that are set lie in a
//! small file of their own, in memory, behind the others.

use super::metadata::Metadata;
use super::naming::shown;
use super::tensors::TensorTable;
use super::{Gguf, GgufError, Index, MetaValue, TensorInfo, Writer};
use std::sync::Arc;

/// What a tensor of a file is to be called; see [`Gguf::with`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The shape, of as many numbers as are taken.
    pub shape: Vec<u64>,
    /// Bytes of the file's tensor before those that are taken.
    pub skip: u64,
}

impl Gguf {
    /// Two files as one model: the keys of the first, those of the second that are to be kept and that the first has not, and
    /// the tensors of both.
    ///
    /// # Errors
    /// [`GgufError::DuplicateTensor`] for a name that both have.
    pub fn beside(mut self, other: Gguf, keep: impl Fn(&str) -> bool) -> Result<Gguf, GgufError> {
        let before = self.parts.len();
        let keys = other.metadata.entries.iter().map(|entry| (entry.key(other.part(entry.part)), entry));
        for (key, entry) in keys {
            if keep(key) && !self.metadata.index.contains_key(key) {
                self.metadata.index.insert(key.into(), self.metadata.entries.len());
                self.metadata.entries.push(entry.in_part(entry.part + before));
            }
        }
        for info in other.tensors.infos {
            self.tensors.push(TensorInfo { part: info.part + before, ..info })?;
        }
        self.parts.extend(other.parts);
        Ok(self)
    }

    /// The same model with other keys, in the place of its own where it has such, and tensors as `named` says: none, one or
    /// several of each.
    ///
    /// # Errors
    /// [`GgufError::BadName`] for a key that cannot be written; [`GgufError::DuplicateTensor`];
    /// [`GgufError::OutOfFile`] for more bytes than the tensor has.
    pub fn with(
        mut self,
        keys: Vec<(String, MetaValue)>,
        mut named: impl FnMut(&TensorInfo) -> Vec<Named>,
    ) -> Result<Gguf, GgufError> {
        let mut writer = Writer::new();
        for (key, value) in keys {
            writer.set(key, value);
        }
        let wrong = |error: super::WriteError| GgufError::BadName {
            what: "a key that is set".to_owned(),
            offset: 0,
            rule: error.to_string(),
        };
        let bytes = writer.begin(Vec::new()).and_then(super::Body::finish).map_err(wrong)?;
        let set = Gguf::parse(Arc::new(bytes))?;
        let number = self.parts.len();
        let Metadata { entries, index, .. } = &mut self.metadata;
        for entry in &set.metadata.entries {
            let key = entry.key(set.part(0));
            let moved = entry.in_part(number);
            match index.get(key).and_then(|&at| entries.get_mut(at)) {
                Some(own) => *own = moved,
                None => {
                    index.insert(key.into(), entries.len());
                    entries.push(moved);
                }
            }
        }
        let mut tensors = TensorTable { infos: Vec::new(), index: Index::new(), ..self.tensors };
        for info in &self.tensors.infos {
            for Named { name, shape, skip } in named(info) {
                tensors.push(part_of(info, name, shape, skip)?)?;
            }
        }
        self.tensors = tensors;
        self.parts.extend(set.parts);
        Ok(self)
    }
}

/// Some of a tensor's numbers as a tensor.
fn part_of(info: &TensorInfo, name: String, shape: Vec<u64>, skip: u64) -> Result<TensorInfo, GgufError> {
    let bytes = info.ty.tensor_bytes(&shape).unwrap_or(u64::MAX);
    if skip.checked_add(bytes).is_none_or(|end| end > info.bytes) {
        let start = u128::from(info.offset) + u128::from(skip);
        return Err(GgufError::OutOfFile {
            tensor: shown(&name),
            bytes,
            start,
            end: start + u128::from(bytes),
            data_start: info.offset,
            data_end: info.offset + info.bytes,
        });
    }
    Ok(TensorInfo { name, shape, ty: info.ty, offset: info.offset + skip, bytes, part: info.part })
}

impl TensorTable {
    fn push(&mut self, info: TensorInfo) -> Result<(), GgufError> {
        let second = self.infos.len() as u64;
        match self.index.insert(info.name.as_str().into(), self.infos.len()) {
            Some(first) => {
                Err(GgufError::DuplicateTensor { name: info.name, first: first as u64, second, offset: info.offset })
            }
            None => {
                self.infos.push(info);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::TensorType;

    fn file(keys: &[(&str, u32)], tensors: &[(&str, u8)]) -> Gguf {
        let mut writer = Writer::new();
        for (key, value) in keys {
            writer.set(*key, *value);
        }
        for (name, _) in tensors {
            writer.tensor(*name, &[2, 3], TensorType::F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        for (_, first) in tensors {
            body.write(&(*first..first + 24).collect::<Vec<u8>>()).unwrap();
        }
        Gguf::parse(Arc::new(body.finish().unwrap())).unwrap()
    }

    #[test]
    fn two_files_are_one_and_the_first_has_the_say() {
        let second = file(&[("b", 3), ("c", 4), ("general.c", 5)], &[("y", 100)]);
        let both = file(&[("a", 1), ("b", 2)], &[("x", 0)]).beside(second, |key| !key.starts_with("general.")).unwrap();
        let keys: Vec<_> = both.keys().map(|(key, value)| (key.to_owned(), value.as_u64().unwrap())).collect();
        assert_eq!(keys, [("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 4)]);
        assert_eq!(both.u32("c").unwrap(), Some(4));
        assert_eq!((both.data(both.tensor("x").unwrap())[0], both.data(both.tensor("y").unwrap())[23]), (0, 123));
        let again = both.clone().beside(file(&[], &[("x", 7)]), |_| true).unwrap_err();
        assert!(matches!(again, GgufError::DuplicateTensor { ref name, first: 0, second: 2, .. } if name == "x"));
        let three = both.beside(file(&[("d", 9)], &[("z", 50)]), |_| true).unwrap();
        assert_eq!((three.u32("d").unwrap(), three.data(three.tensor("z").unwrap())[0]), (Some(9), 50));
    }

    #[test]
    fn keys_stand_over_the_files_and_tensors_are_taken_apart() {
        let rows = |info: &TensorInfo| {
            let row = |n: u64| Named { name: format!("{}{n}", info.name), shape: vec![2, 1], skip: 8 * n };
            (0..3).map(row).collect::<Vec<_>>()
        };
        let whole = file(&[("a", 1), ("b", 2)], &[("x", 0)]);
        let changed =
            whole.clone().with(vec![("b".into(), MetaValue::U32(5)), ("e".into(), 6u32.into())], rows).unwrap();
        assert_eq!(
            (changed.u32("a").unwrap(), changed.u32("b").unwrap(), changed.u32("e").unwrap()),
            (Some(1), Some(5), Some(6))
        );
        assert_eq!(changed.keys().count(), 3);
        assert!(changed.tensor("x").is_none());
        assert_eq!(changed.data(changed.tensor("x2").unwrap())[..2], [16, 17]);
        let more = |_: &TensorInfo| vec![Named { name: "x".into(), shape: vec![2, 3], skip: 1 }];
        assert!(matches!(whole.clone().with(Vec::new(), more), Err(GgufError::OutOfFile { bytes: 24, .. })));
        let twice = |_: &TensorInfo| vec![Named { name: "x".into(), shape: vec![6], skip: 0 }; 2];
        assert!(matches!(whole.clone().with(Vec::new(), twice), Err(GgufError::DuplicateTensor { .. })));
        assert!(matches!(whole.with(vec![(String::new(), 1u32.into())], rows), Err(GgufError::BadName { .. })));
    }
}
