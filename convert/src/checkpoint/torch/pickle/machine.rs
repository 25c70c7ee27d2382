//! The machine that runs a pickle's instructions. It builds objects and calls nothing: an import is one of a few names,
//! and every other is an error before anything is made of it.

use super::{Id, Import, Node, Pickle, Storage, View};
use crate::checkpoint::torch::TorchError;
use crate::error::shown;

/// Most instructions.
const MAX_STEPS: u64 = 8 << 20;
/// Most objects.
const MAX_OBJECTS: usize = 2 << 20;
/// Most places of the memo.
const MAX_MEMO: usize = 2 << 20;
/// Most objects within each other.
const MAX_DEPTH: u8 = 64;
/// Most dimensions of a tensor.
const MAX_DIMS: usize = 16;

/// Runs the pickle at the start of `data`.
pub(in crate::checkpoint::torch) fn run(data: &[u8]) -> Result<Pickle<'_>, TorchError> {
    let pickle =
        Pickle { data, objects: Vec::new(), storages: Vec::new(), tensors: Vec::new(), root: 0, bytes: data.len() };
    let mut machine = Machine { pickle, at: 0, start: 0, stack: Vec::new(), marks: Vec::new(), memo: Vec::new() };
    for _ in 0..MAX_STEPS {
        if machine.step()? {
            machine.pickle.root = machine.pop()?;
            machine.pickle.bytes = machine.at;
            return Ok(machine.pickle);
        }
    }
    Err(TorchError::Budget { what: "pickle instructions", max: MAX_STEPS })
}

struct Machine<'a> {
    pickle: Pickle<'a>,
    /// The next byte.
    at: usize,
    /// The instruction being run.
    start: usize,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
}

impl<'a> Machine<'a> {
    fn wrong(&self, what: impl Into<String>) -> TorchError {
        TorchError::Pickle { at: self.start, what: what.into() }
    }

    fn take(&mut self, bytes: u64) -> Result<&'a [u8], TorchError> {
        let rest = &self.pickle.data[self.at..];
        let Some(taken) = usize::try_from(bytes).ok().and_then(|bytes| rest.get(..bytes)) else {
            return Err(TorchError::PickleTruncated { at: self.at, need: bytes, have: rest.len() });
        };
        self.at += taken.len();
        Ok(taken)
    }

    /// An unsigned number of so many bytes.
    fn number(&mut self, bytes: u64) -> Result<u64, TorchError> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a str, TorchError> {
        /// Longer than any module's name.
        const LINE: usize = 256;
        let rest = &self.pickle.data[self.at..];
        let Some(end) = rest.iter().take(LINE).position(|byte| *byte == b'\n') else {
            return Err(self.wrong(format!("no line of at most {LINE} bytes")));
        };
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| self.wrong("a name is not UTF-8"))
    }

    fn add(&mut self, node: Node, depth: u8) -> Result<Id, TorchError> {
        if self.pickle.objects.len() == MAX_OBJECTS {
            return Err(TorchError::Budget { what: "pickle objects", max: MAX_OBJECTS as u64 });
        }
        if depth > MAX_DEPTH {
            return Err(TorchError::Budget { what: "nested pickle objects", max: u64::from(MAX_DEPTH) });
        }
        self.pickle.objects.push((node, depth));
        Ok(self.pickle.objects.len() as Id - 1)
    }

    fn push(&mut self, node: Node) -> Result<(), TorchError> {
        let id = self.add(node, 0)?;
        self.stack.push(id);
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Id>) -> Result<(), TorchError> {
        let depth = self.above(&items);
        let id = self.add(Node::Tuple(items), depth)?;
        self.stack.push(id);
        Ok(())
    }

    /// The depth of what contains these.
    fn above(&self, items: &[Id]) -> u8 {
        let depth = |id: &Id| self.pickle.objects.get(*id as usize).map_or(0, |(_, depth)| *depth);
        items.iter().map(depth).max().unwrap_or(0) + 1
    }

    fn push_text(&mut self, bytes: u64) -> Result<(), TorchError> {
        let taken = self.take(bytes)?;
        if std::str::from_utf8(taken).is_err() {
            return Err(self.wrong("text is not UTF-8"));
        }
        // The pickle is shorter than 4 GiB.
        self.push(Node::Text((self.at - taken.len()) as u32..self.at as u32))
    }

    fn pop(&mut self) -> Result<Id, TorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.wrong("nothing on the stack"));
        }
        self.stack.pop().ok_or_else(|| self.wrong("nothing on the stack"))
    }

    fn top(&mut self) -> Result<Id, TorchError> {
        let id = self.pop()?;
        self.stack.push(id);
        Ok(id)
    }

    /// What is on the stack since the last mark.
    fn marked(&mut self) -> Result<Vec<Id>, TorchError> {
        let Some(mark) = self.marks.pop() else { return Err(self.wrong("no mark on the stack")) };
        Ok(self.stack.split_off(mark))
    }

    fn pops<const N: usize>(&mut self) -> Result<[Id; N], TorchError> {
        let mut items = [0; N];
        for item in items.iter_mut().rev() {
            *item = self.pop()?;
        }
        Ok(items)
    }

    fn append(&mut self, items: &[Id]) -> Result<(), TorchError> {
        let (to, depth) = (self.top()?, self.above(items));
        match self.pickle.objects.get_mut(to as usize) {
            Some((Node::List(list), own)) => {
                list.extend(items);
                *own = depth.max(*own);
                self.check_depth(depth)
            }
            _ => Err(self.wrong(format!("APPEND: the target is {}, not a list", self.pickle.node(to).kind()))),
        }
    }

    fn set(&mut self, items: &[Id]) -> Result<(), TorchError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.wrong("SETITEMS: a key without a value"));
        }
        let (to, depth) = (self.top()?, self.above(items));
        match self.pickle.objects.get_mut(to as usize) {
            Some((Node::Dict(dict), own)) => {
                dict.extend(pairs.iter().map(|[key, value]| (*key, *value)));
                *own = depth.max(*own);
                self.check_depth(depth)
            }
            _ => Err(self.wrong(format!("SETITEM: the target is {}, not a dict", self.pickle.node(to).kind()))),
        }
    }

    fn check_depth(&self, depth: u8) -> Result<(), TorchError> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(TorchError::Budget { what: "nested pickle objects", max: u64::from(MAX_DEPTH) })
    }

    fn put(&mut self, place: u64) -> Result<(), TorchError> {
        let id = self.top()?;
        let Some(place) = usize::try_from(place).ok().filter(|place| *place < MAX_MEMO) else {
            return Err(TorchError::Budget { what: "places of the pickle's memo", max: MAX_MEMO as u64 });
        };
        if place >= self.memo.len() {
            self.memo.resize(place + 1, None);
        }
        self.memo[place] = Some(id);
        Ok(())
    }

    fn get(&mut self, place: u64) -> Result<(), TorchError> {
        let found = usize::try_from(place).ok().and_then(|place| *self.memo.get(place)?);
        let Some(id) = found else { return Err(self.wrong(format!("nothing was put into place {place} of the memo"))) };
        self.stack.push(id);
        Ok(())
    }

    fn import(&mut self, module: &str, name: &str) -> Result<(), TorchError> {
        match Import::find(module, name) {
            Some(import) => self.push(Node::Import(import)),
            None => Err(TorchError::Import { name: shown(&format!("{module}.{name}")) }),
        }
    }

    /// Runs an instruction; `true` is the end.
    fn step(&mut self) -> Result<bool, TorchError> {
        self.start = self.at;
        let opcode = self.number(1)? as u8;
        match opcode {
            b'.' => return Ok(true),
            // PROTO and FRAME say nothing that is needed.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let id = self.top()?;
                self.stack.push(id);
            }
            b'N' => self.push(Node::None)?,
            0x88 | 0x89 => self.push(Node::Bool)?,
            b'J' => {
                let value = self.number(4)? as u32;
                self.push(Node::Integer(i64::from(value.cast_signed())))?;
            }
            b'K' => self.push_count(1)?,
            b'M' => self.push_count(2)?,
            0x8a => self.push_long()?,
            b'G' => {
                self.take(8)?;
                self.push(Node::Real)?;
            }
            b'X' => {
                let bytes = self.number(4)?;
                self.push_text(bytes)?;
            }
            0x8c | b'U' => {
                let bytes = self.number(1)?;
                self.push_text(bytes)?;
            }
            0x8d => {
                let bytes = self.number(8)?;
                self.push_text(bytes)?;
            }
            b'C' => {
                let bytes = self.number(1)?;
                self.take(bytes)?;
                self.push(Node::Bytes)?;
            }
            b'B' => {
                let bytes = self.number(4)?;
                self.take(bytes)?;
                self.push(Node::Bytes)?;
            }
            b')' => self.push_tuple(Vec::new())?,
            b't' => {
                let items = self.marked()?;
                self.push_tuple(items)?;
            }
            0x85 => {
                let items = self.pops::<1>()?;
                self.push_tuple(items.into())?;
            }
            0x86 => {
                let items = self.pops::<2>()?;
                self.push_tuple(items.into())?;
            }
            0x87 => {
                let items = self.pops::<3>()?;
                self.push_tuple(items.into())?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.marked()?;
                self.push(Node::List(Vec::new()))?;
                self.append(&items)?;
            }
            b'a' => {
                let items = self.pops::<1>()?;
                self.append(&items)?;
            }
            b'e' => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.marked()?;
                self.push(Node::Dict(Vec::new()))?;
                self.set(&items)?;
            }
            b's' => {
                let items = self.pops::<2>()?;
                self.set(&items)?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(&items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.import(module, name)?;
            }
            0x93 => {
                let names = self.pops::<2>()?;
                let [module, name] = names.map(|id| self.pickle.text(id).map(str::to_owned));
                let (Some(module), Some(name)) = (module, name) else {
                    return Err(self.wrong("an import's name is not text"));
                };
                self.import(&module, &name)?;
            }
            b'q' => {
                let place = self.number(1)?;
                self.put(place)?;
            }
            b'r' => {
                let place = self.number(4)?;
                self.put(place)?;
            }
            0x94 => self.put(self.memo.len() as u64)?,
            b'h' => {
                let place = self.number(1)?;
                self.get(place)?;
            }
            b'j' => {
                let place = self.number(4)?;
                self.get(place)?;
            }
            b'R' => self.reduce()?,
            0x81 => self.make()?,
            b'b' => self.build()?,
            b'Q' => self.storage()?,
            opcode => return Err(TorchError::Opcode { at: self.start, opcode }),
        }
        Ok(false)
    }

    fn push_count(&mut self, bytes: u64) -> Result<(), TorchError> {
        let value = self.number(bytes)?;
        self.push(Node::Integer(value as i64))
    }

    /// An integer of at most eight bytes, two's complement.
    fn push_long(&mut self) -> Result<(), TorchError> {
        let length = self.number(1)?;
        if length > 8 {
            return Err(self.wrong(format!("an integer of {length} bytes, at most 8 are read")));
        }
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        self.push(Node::Integer(i64::from_le_bytes(whole)))
    }

    /// REDUCE: what an import makes of its arguments.
    fn reduce(&mut self) -> Result<(), TorchError> {
        let [call, arguments] = self.pops()?;
        let Node::Tuple(arguments) = self.pickle.node(arguments) else {
            return Err(self.wrong("REDUCE: the arguments are no tuple"));
        };
        let arguments = arguments.clone();
        let Node::Import(import) = *self.pickle.node(call) else {
            return Err(self.wrong(format!("REDUCE: {} cannot be called", self.pickle.node(call).kind())));
        };
        let count = arguments.len();
        match (import, arguments.as_slice()) {
            (Import::OrderedDict, []) => self.push(Node::Dict(Vec::new())),
            (Import::Size, [sizes]) | (Import::RebuildParameter, [sizes, _, _]) => {
                let wanted =
                    matches!((import, self.pickle.node(*sizes)), (Import::Size, Node::Tuple(_)) | (_, Node::Tensor(_)));
                if !wanted {
                    return Err(self.wrong(format!("REDUCE: the argument is {}", self.pickle.node(*sizes).kind())));
                }
                self.stack.push(*sizes);
                Ok(())
            }
            (Import::RebuildTensor(least, more), [storage, offset, shape, strides, ..])
                if (least..=least + more).contains(&count) =>
            {
                self.tensor(*storage, *offset, *shape, *strides)
            }
            _ => Err(self.wrong(format!("REDUCE: wrong argument count {count} for {import:?}"))),
        }
    }

    /// NEWOBJ: a bag of settings, as fairseq puts it beside the model.
    fn make(&mut self) -> Result<(), TorchError> {
        let [class, arguments] = self.pops()?;
        match [class, arguments].map(|id| self.pickle.node(id)) {
            [Node::Import(Import::Namespace), Node::Tuple(none)] if none.is_empty() => {
                self.push(Node::Dict(Vec::new()))
            }
            nodes => Err(self.wrong(format!("NEWOBJ: {} of {}", nodes[0].kind(), nodes[1].kind()))),
        }
    }

    fn count(&self, id: Id) -> Result<u64, TorchError> {
        match self.pickle.node(id) {
            Node::Integer(value) => {
                u64::try_from(*value).map_err(|_| self.wrong(format!("{value} where a count is expected")))
            }
            other => Err(self.wrong(format!("{} where a count is expected", other.kind()))),
        }
    }

    fn counts(&self, id: Id) -> Result<Vec<u64>, TorchError> {
        match self.pickle.node(id) {
            Node::Tuple(items) if items.len() <= MAX_DIMS => items.iter().map(|item| self.count(*item)).collect(),
            Node::Tuple(items) => Err(self.wrong(format!("{} dimensions, at most {MAX_DIMS}", items.len()))),
            other => Err(self.wrong(format!("{} where sizes are expected", other.kind()))),
        }
    }

    fn tensor(&mut self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<(), TorchError> {
        let Node::Storage(storage) = *self.pickle.node(storage) else {
            return Err(self.wrong(format!("a tensor of {}, not of a storage", self.pickle.node(storage).kind())));
        };
        let (offset, shape, strides) = (self.count(offset)?, self.counts(shape)?, self.counts(strides)?);
        if shape.len() != strides.len() {
            return Err(self.wrong(format!("{} sizes, but {} strides", shape.len(), strides.len())));
        }
        self.pickle.tensors.push(View { storage, offset, shape, strides });
        self.push(Node::Tensor(self.pickle.tensors.len() as u32 - 1))
    }

    /// BUILD: a state dict keeps the versions of its modules as an attribute, which nothing here needs.
    fn build(&mut self) -> Result<(), TorchError> {
        let [object, state] = self.pops()?;
        let nodes = [object, state].map(|id| self.pickle.node(id));
        if !matches!(nodes, [Node::Dict(_), Node::Dict(_)]) {
            return Err(self.wrong(format!("BUILD: {} of {}", nodes[0].kind(), nodes[1].kind())));
        }
        self.stack.push(object);
        Ok(())
    }

    /// BINPERSID: `("storage", type, key, device, elements)`, in old files with a view behind it, which must be none.
    fn storage(&mut self) -> Result<(), TorchError> {
        let [id] = self.pops()?;
        let parts = match self.pickle.node(id) {
            Node::Tuple(parts) => parts.clone(),
            other => return Err(self.wrong(format!("BINPERSID: {}, not a tuple", other.kind()))),
        };
        let (kind, ty, key, elements) = match *parts.as_slice() {
            [kind, ty, key, _, elements] => (kind, ty, key, elements),
            [kind, ty, key, _, elements, view] if matches!(self.pickle.node(view), Node::None) => {
                (kind, ty, key, elements)
            }
            _ => return Err(self.wrong(format!("BINPERSID: {} parts, or a view of a storage", parts.len()))),
        };
        if self.pickle.text(kind) != Some("storage") {
            return Err(self.wrong("BINPERSID: not a storage"));
        }
        let (Node::Import(Import::Storage(dtype)), Some(key)) = (self.pickle.node(ty), self.pickle.text(key)) else {
            return Err(self.wrong("BINPERSID: a storage without a type or key"));
        };
        let storage = Storage { key: key.to_owned(), dtype: *dtype, elements: self.count(elements)? };
        self.pickle.storages.push(storage);
        self.push(Node::Storage(self.pickle.storages.len() as u32 - 1))
    }
}
