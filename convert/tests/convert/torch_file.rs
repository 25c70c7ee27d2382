//! PyTorch checkpoints made by hand: the zip archive and the pickle of `torch.save`, byte for byte in its layout, and the
//! format before it.

use std::collections::BTreeMap;

use half::{bf16, f16};

use crate::tiny::{Model, Store};

/// The instructions of a pickle being written.
#[derive(Clone)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub fn op(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn text(mut self, text: &str) -> Self {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
        self
    }

    pub fn import(self, module: &str, name: &str) -> Self {
        self.op(format!("c{module}\n{name}\n").as_bytes())
    }

    /// The shortest of Python's integers, long ones included.
    pub fn integer(mut self, value: i64) -> Self {
        match (u8::try_from(value), u16::try_from(value), i32::try_from(value)) {
            (Ok(value), ..) => self.0.extend([b'K', value]),
            (_, Ok(value), _) => self.0.extend([b'M', value as u8, (value >> 8) as u8]),
            (.., Ok(value)) => {
                self.0.push(b'J');
                self.0.extend(value.to_le_bytes());
            }
            _ => {
                self.0.extend([0x8a, 8]);
                self.0.extend(value.to_le_bytes());
            }
        }
        self
    }

    pub fn tuple(mut self, values: &[i64]) -> Self {
        self.0.push(b'(');
        for value in values {
            self = self.integer(*value);
        }
        self.op(b"t")
    }

    /// A storage by its persistent id.
    pub fn storage(self, ty: &str, key: &str, elements: i64) -> Self {
        let id = self.op(b"(").text("storage").import("torch", ty).text(key).text("cpu").integer(elements);
        id.op(b"tQ")
    }

    /// `_rebuild_tensor_v2` of all or part of a storage.
    pub fn tensor(self, ty: &str, (key, elements): (&str, i64), offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        let call = self.import("torch._utils", "_rebuild_tensor_v2").op(b"(").storage(ty, key, elements);
        let call = call.integer(offset).tuple(shape).tuple(strides).op(b"\x89");
        call.import("collections", "OrderedDict").op(b")RtR")
    }

    pub fn end(self) -> Vec<u8> {
        self.op(b".").0
    }
}

/// Strides of elements that follow one another.
pub fn strides(shape: &[i64]) -> Vec<i64> {
    let mut step = 1;
    let mut strides: Vec<i64> = shape
        .iter()
        .rev()
        .map(|dim| {
            let stride = step;
            step *= dim.max(&1);
            stride
        })
        .collect();
    strides.reverse();
    strides
}

/// Storages by key.
pub type Storages = BTreeMap<String, Vec<u8>>;

/// The pickle of some of a model's tensors as a state dict with its versions, and the storages.
pub fn state_dict(model: &Model, names: &[&String]) -> (Pickle, Storages) {
    let mut storages = Storages::new();
    let mut pickle = Pickle::new().import("collections", "OrderedDict").op(b")R(");
    for (number, name) in names.iter().enumerate() {
        let tensor = &model.tensors[*name];
        let shape: Vec<i64> = tensor.shape.iter().map(|dim| *dim as i64).collect();
        let mut bytes = Vec::new();
        for value in &tensor.data {
            match model.store {
                Store::F32 => bytes.extend(value.to_le_bytes()),
                Store::F16 => bytes.extend(f16::from_f32(*value).to_le_bytes()),
                Store::BF16 => bytes.extend(bf16::from_f32(*value).to_le_bytes()),
                Store::F64 => bytes.extend(f64::from(*value).to_le_bytes()),
            }
        }
        let ty = match model.store {
            Store::F32 => "FloatStorage",
            Store::F16 => "HalfStorage",
            Store::BF16 => "BFloat16Storage",
            Store::F64 => "DoubleStorage",
        };
        let key = number.to_string();
        pickle = pickle.text(name).tensor(ty, (&key, tensor.data.len() as i64), 0, &shape, &strides(&shape));
        storages.insert(key, bytes);
    }
    // The versions of modules, which are an attribute of the dict.
    let versions = pickle.op(b"u}").text("_metadata").import("collections", "OrderedDict").op(b")R");
    (versions.text("").op(b"}").text("version").integer(1).op(b"sssb"), storages)
}

/// What one entry of an archive is.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub bytes: Vec<u8>,
    pub method: u16,
    pub flags: u16,
}

impl Entry {
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.to_vec(), method: 0, flags: 0x808 }
    }
}

/// The entries of `torch.save`.
pub fn entries(program: &[u8], storages: &Storages) -> Vec<Entry> {
    let mut all = vec![Entry::new("file/data.pkl", program), Entry::new("file/byteorder", b"little")];
    all.extend(storages.iter().map(|(key, bytes)| Entry::new(&format!("file/data/{key}"), bytes)));
    all.push(Entry::new("file/version", b"3\n"));
    all
}

/// How an archive says its numbers.
#[derive(Clone, Copy, PartialEq)]
pub enum Numbers {
    /// 32 bits, and once more in a record of 64, as PyTorch writes small files.
    Both,
    /// 64 bits only, as it writes those above 4 GiB.
    Wide,
}

/// A zip archive.
pub fn archive(entries: &[Entry], numbers: Numbers) -> Vec<u8> {
    let wide = numbers == Numbers::Wide;
    let narrow = |value: usize| if wide { u32::MAX } else { value as u32 };
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let header = file.len();
        let padding = (64 - (header + 30 + entry.name.len() + 4) % 64) % 64;
        file.extend(b"PK\x03\x04\0\0");
        file.extend(entry.flags.to_le_bytes());
        file.extend(entry.method.to_le_bytes());
        file.extend([0; 16]);
        file.extend((entry.name.len() as u16).to_le_bytes());
        file.extend((padding as u16 + 4).to_le_bytes());
        file.extend(entry.name.as_bytes());
        file.extend(b"FB");
        file.extend((padding as u16).to_le_bytes());
        file.extend(vec![b'Z'; padding]);
        file.extend(&entry.bytes);
        // The sizes behind the entry.
        file.extend(b"PK\x07\x08\0\0\0\0");
        file.extend([(entry.bytes.len() as u32).to_le_bytes(); 2].concat());

        directory.extend(b"PK\x01\x02\0\0\0\0");
        directory.extend(entry.flags.to_le_bytes());
        directory.extend(entry.method.to_le_bytes());
        directory.extend([0; 8]);
        directory.extend([narrow(entry.bytes.len()).to_le_bytes(); 2].concat());
        directory.extend((entry.name.len() as u16).to_le_bytes());
        directory.extend((if wide { 28u16 } else { 0 }).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(narrow(header).to_le_bytes());
        directory.extend(entry.name.as_bytes());
        if wide {
            directory.extend([1, 0, 24, 0]);
            directory.extend([(entry.bytes.len() as u64).to_le_bytes(); 2].concat());
            directory.extend((header as u64).to_le_bytes());
        }
    }
    let (start, count) = (file.len(), entries.len());
    file.extend(&directory);
    let record = file.len();
    file.extend(b"PK\x06\x06");
    file.extend(44u64.to_le_bytes());
    file.extend([0x1e, 3, 0x2d, 0]);
    file.extend([0; 8]);
    file.extend([(count as u64).to_le_bytes(); 2].concat());
    file.extend((directory.len() as u64).to_le_bytes());
    file.extend((start as u64).to_le_bytes());
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend((record as u64).to_le_bytes());
    file.extend(1u32.to_le_bytes());
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([(count as u16).to_le_bytes(); 2].concat());
    file.extend(narrow(directory.len()).to_le_bytes());
    file.extend(narrow(start).to_le_bytes());
    file.extend([0, 0]);
    file
}

/// The file `torch.save` writes.
pub fn file(program: &[u8], storages: &Storages) -> Vec<u8> {
    archive(&entries(program, storages), Numbers::Both)
}

/// The file it wrote before version 1.6, all storages of four bytes an element.
pub fn legacy(program: Pickle, storages: &Storages) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend(Pickle::new().integer(1001).end());
    let machine = Pickle::new().op(b"}(").text("protocol_version").integer(1001).text("little_endian").op(b"\x88");
    let sizes = machine.text("type_sizes").op(b"}(").text("short").integer(2).text("int").integer(4).op(b"uu");
    file.extend(sizes.end());
    file.extend(program.end());
    let keys = storages.keys().fold(Pickle::new().op(b"]("), |pickle, key| pickle.text(key));
    file.extend(keys.op(b"e").end());
    for bytes in storages.values() {
        file.extend((bytes.len() as u64 / 4).to_le_bytes());
        file.extend(bytes);
    }
    file
}

impl Model {
    /// Some tensors as the file `torch.save` writes.
    pub fn torch_bytes(&self, names: &[&String]) -> Vec<u8> {
        let (program, storages) = state_dict(self, names);
        file(&program.end(), &storages)
    }
}
