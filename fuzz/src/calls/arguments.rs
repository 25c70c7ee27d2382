//! Arguments of C calls, read from a target's input.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;
use std::sync::LazyLock;

use ocelli::abi::{
    OCELLI_MODEL_BORROW, ocelli_generate_options, ocelli_image, ocelli_image_open_memory, ocelli_model,
    ocelli_model_open, ocelli_model_options, ocelli_session, ocelli_session_clear, ocelli_session_open,
    ocelli_session_options,
};
use ocelli::status::OCELLI_OK;

/// The model that ships with the program.
const TINY: &str = "cli/models/tiny-blip2.gguf";

static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| read(TINY));
static PNG: LazyLock<Vec<u8>> = LazyLock::new(|| read("tests/pictures/blue_circle.png"));

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(path(file)).unwrap()
}

/// Every default.
const ZERO: ocelli_model_options = ocelli_model_options {
    struct_size: 0,
    flags: 0,
    threads: 0,
    gpu_layers: 0,
    cpus: 0,
    progress: None,
    progress_user: ptr::null_mut(),
    log: None,
    log_user: ptr::null_mut(),
    cpu_set: ptr::null(),
    cpu_set_words: 0,
    reserved: 0,
    mmproj: ptr::null(),
    image_max_rows: 0,
    more_reserved: 0,
};

/// Numbers at which arithmetic turns over.
const EXTREME: [u64; 8] = [0, 1, 0x7f, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX];

/// Memory that a session may plan for.
const BUDGET: u64 = 64 << 20;

/// Handles of one kind: those that are open, and all there ever were.
pub struct Handles<T> {
    all: Vec<*mut T>,
    closed: Vec<*mut T>,
}

impl<T> Handles<T> {
    fn new() -> Self {
        Self { all: Vec::new(), closed: Vec::new() }
    }

    /// Those that are open.
    pub fn open(&self) -> impl Iterator<Item = *mut T> {
        self.all.iter().copied().filter(|handle| !self.closed.contains(handle))
    }

    /// A handle was made.
    pub fn add(&mut self, handle: *mut T) {
        self.all.push(handle);
    }

    /// A handle was closed.
    pub fn close(&mut self, handle: *mut T) {
        self.closed.push(handle);
    }

    fn nth(&self, n: usize) -> Option<*mut T> {
        self.all.get(n % self.all.len().max(1)).copied()
    }
}

/// Aligned for anything.
#[repr(align(16))]
pub struct Buffer(pub [u8; 1 << 16]);

/// Everything that calls are made with.
pub struct World<'a> {
    rest: &'a [u8],
    /// Models.
    pub models: Handles<ocelli_model>,
    /// Sessions.
    pub sessions: Handles<ocelli_session>,
    /// Pictures.
    pub images: Handles<ocelli_image>,
    /// Where calls write.
    pub buffer: Box<Buffer>,
    /// A state that was saved.
    pub state: Vec<u8>,
    /// Where calls write handles and numbers.
    pub outs: Outs,
    texts: Vec<CString>,
}

/// Where calls write handles and numbers.
pub struct Outs {
    /// A model.
    pub model: *mut ocelli_model,
    /// A session.
    pub session: *mut ocelli_session,
    /// A picture.
    pub image: *mut ocelli_image,
    /// A size.
    pub size: usize,
    /// Another.
    pub count: usize,
    /// A status or a finish.
    pub number: i32,
    /// A token.
    pub token: u32,
    /// A score.
    pub score: f32,
}

impl<'a> World<'a> {
    /// The world at the beginning of a sequence.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            models: Handles::new(),
            sessions: Handles::new(),
            images: Handles::new(),
            buffer: Box::new(Buffer([0; 1 << 16])),
            state: Vec::new(),
            outs: Outs {
                model: ptr::null_mut(),
                session: ptr::null_mut(),
                image: ptr::null_mut(),
                size: 0,
                count: 0,
                number: 0,
                token: 0,
                score: 0.0,
            },
            texts: Vec::new(),
        }
    }

    /// Opens what the first byte says.
    pub fn begin(&mut self) {
        let begin = self.byte();
        let options =
            ocelli_model_options { struct_size: size_of::<ocelli_model_options>() as u32, threads: 1, ..ZERO };
        let path = CString::new(path(TINY).into_os_string().into_encoded_bytes()).expect("has no NUL");
        // SAFETY: strings that end, structs of the size they say, handles that are open.
        unsafe {
            if begin & 1 != 0 {
                assert_eq!(ocelli_model_open(path.as_ptr(), &raw const options, &raw mut self.outs.model), OCELLI_OK);
                if begin & 2 != 0 {
                    let model = self.outs.model;
                    assert_eq!(ocelli_session_open(model, ptr::null(), &raw mut self.outs.session), OCELLI_OK);
                }
            }
            if begin & 4 != 0 {
                let status = ocelli_image_open_memory(PNG.as_ptr().cast(), PNG.len(), &raw mut self.outs.image);
                assert_eq!(status, OCELLI_OK);
            }
        }
        self.note_outs();
    }

    /// Whether all of the input is used up.
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// Keeps handles that the last call gave.
    pub fn note_outs(&mut self) {
        let outs = &mut self.outs;
        let model = std::mem::replace(&mut outs.model, ptr::null_mut());
        if !model.is_null() {
            self.models.add(model);
        }
        let session = std::mem::replace(&mut outs.session, ptr::null_mut());
        if !session.is_null() {
            self.sessions.add(session);
        }
        let image = std::mem::replace(&mut outs.image, ptr::null_mut());
        if !image.is_null() {
            self.images.add(image);
        }
        self.texts.clear();
    }

    /// The next byte; 0 behind the end.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    /// One of some things.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// Usually a small number, sometimes one at which arithmetic turns over.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..0xe0 => u64::from(small),
            _ => self.pick(&EXTREME),
        }
    }

    /// As [`World::number`], cut to 32 bits.
    pub fn number32(&mut self) -> u32 {
        self.number() as u32
    }

    /// A number of reals: usually between 0 and 2.
    pub fn real(&mut self) -> f32 {
        match self.byte() {
            small @ 0..0xe0 => f32::from(small) / 100.0,
            _ => self.pick(&[f32::NAN, f32::INFINITY, -1.0, f32::MIN_POSITIVE, f32::MAX]),
        }
    }

    /// A size of something that is `real` long: at most that, or one that no object has.
    pub fn size(&mut self, real: usize) -> usize {
        match self.byte() {
            0..0xc0 => real,
            part @ 0xc0..0xf0 => real.min(usize::from(part - 0xc0)),
            _ => self.pick(&[usize::MAX, usize::MAX / 2 + 1, usize::MAX - 7]),
        }
    }

    /// A pointer that may be NULL.
    pub fn or_null<T>(&mut self, pointer: *mut T) -> *mut T {
        if self.byte() < 0xe8 { pointer } else { ptr::null_mut() }
    }

    /// A handle of that kind, or of another, or of none.
    fn handle<T>(&mut self, of: fn(&Self) -> &Handles<T>) -> *mut T {
        let byte = self.byte();
        if byte < 0xd8 {
            return of(self).nth(usize::from(byte)).unwrap_or(ptr::null_mut());
        }
        let other: *mut c_void = match byte % 8 {
            0 => ptr::null_mut(),
            1 => ptr::without_provenance_mut(1),
            2 => ptr::without_provenance_mut(usize::MAX),
            3 => ptr::from_mut(&mut *self.buffer).cast(),
            4 => self.models.nth(0).unwrap_or(ptr::null_mut()).cast(),
            5 => self.sessions.nth(0).unwrap_or(ptr::null_mut()).cast(),
            6 => self.images.nth(0).unwrap_or(ptr::null_mut()).cast(),
            _ => {
                let some = of(self).nth(0).map_or(0, |handle| handle.addr());
                let bit = u32::from(self.byte()) % usize::BITS;
                ptr::without_provenance_mut(some ^ (1usize << bit))
            }
        };
        other.cast()
    }

    /// A model's handle.
    pub fn model(&mut self) -> *mut ocelli_model {
        self.handle(|world| &world.models)
    }

    /// A session's.
    pub fn session(&mut self) -> *mut ocelli_session {
        self.handle(|world| &world.sessions)
    }

    /// A picture's.
    pub fn image(&mut self) -> *mut ocelli_image {
        self.handle(|world| &world.images)
    }

    /// Some bytes of the input.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte() % 64).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }

    /// A string that ends in NUL, or NULL.
    pub fn text(&mut self) -> *const c_char {
        let text: Vec<u8> = self.bytes().iter().copied().filter(|&byte| byte != 0).collect();
        self.string(text)
    }

    fn string(&mut self, text: Vec<u8>) -> *const c_char {
        if self.byte() >= 0xf0 {
            return ptr::null();
        }
        self.texts.push(CString::new(text).expect("has no NUL"));
        self.texts.last().map_or(ptr::null(), |text| text.as_ptr())
    }

    /// Where a file is, or is not.
    pub fn path(&mut self) -> *const c_char {
        let of = |file: &str| path(file).into_os_string().into_encoded_bytes();
        let text = match self.byte() % 8 {
            0..4 => of(TINY),
            4 => of("tests/pictures/blue_circle.png"),
            5 => b"/".to_vec(),
            6 => of("no such file"),
            _ => self.bytes().iter().copied().filter(|&byte| byte != 0).map(|byte| byte | 0x80).collect(),
        };
        self.string(text)
    }

    /// A file's bytes: the model's or the picture's, whole, cut or with a byte changed, or bytes of the input.
    pub fn file(&mut self) -> Vec<u8> {
        let whole = match self.byte() % 4 {
            0 => &MODEL[..],
            1 | 2 => &PNG[..],
            _ => return self.bytes().to_vec(),
        };
        let mut bytes = whole.to_vec();
        match self.byte() {
            0..0x80 => {}
            0x80..0xc0 => bytes.truncate(bytes.len() * usize::from(self.byte()) / 256),
            _ => {
                let at = (usize::from(self.byte()) << 8 | usize::from(self.byte())) % bytes.len();
                bytes[at] = self.byte();
            }
        }
        bytes
    }

    /// The size of a struct, as a caller sets it.
    fn struct_size<T>(&mut self) -> u32 {
        match self.byte() {
            0..0xe0 => size_of::<T>() as u32,
            0xe0..0xf0 => 4,
            _ => self.pick(&[0, 3, 6, 4100, u32::MAX]),
        }
    }

    /// A struct that a call writes to, in the buffer; NULL where that is to be.
    pub fn written<T>(&mut self) -> *mut T {
        let size = self.struct_size::<T>();
        self.buffer.0[..4].copy_from_slice(&size.to_ne_bytes());
        let at = self.buffer.0.as_mut_ptr().cast();
        self.or_null(at)
    }

    /// How a model is opened.
    pub fn model_options(&mut self) -> ocelli_model_options {
        ocelli_model_options {
            struct_size: self.struct_size::<ocelli_model_options>(),
            // What is borrowed would have to stay.
            flags: self.number32() & !OCELLI_MODEL_BORROW,
            threads: self.pick(&[1, 1, 1, 2, 257, u32::MAX]),
            gpu_layers: self.pick(&[0, 0, 0, 1]),
            cpus: self.pick(&[0, 0, 0, 1, 3, u64::MAX]),
            progress: self.pick(&[None, Some(goes_on as _), Some(stops as _)]),
            progress_user: ptr::null_mut(),
            log: self.pick(&[None, Some(logs as _)]),
            log_user: ptr::null_mut(),
            cpu_set: self.pick(&[ptr::null(), CPUS.as_ptr()]),
            cpu_set_words: self.pick(&[0, 0, 1, 2, 129, u32::MAX]),
            reserved: self.pick(&[0, 0, 0, 1]),
            mmproj: self.pick(&[ptr::null(), ptr::null(), c"".as_ptr(), c"no such file".as_ptr()]),
            image_max_rows: self.pick(&[0, 0, 1, 64, u32::MAX]),
            more_reserved: self.pick(&[0, 0, 0, 1]),
        }
    }

    /// What a session is laid out for.
    pub fn session_options(&mut self) -> ocelli_session_options {
        ocelli_session_options {
            struct_size: self.struct_size::<ocelli_session_options>(),
            context: self.number32(),
            beams: self.number32(),
            new_tokens: self.number32(),
            batch: self.number32(),
            cache: self.number32() % 5,
            complete: self.number32(),
            images: self.number32(),
            image_cache: self.number(),
            budget: self.pick(&[BUDGET, BUDGET, 1, BUDGET / 64]),
            frames: self.number32(),
            parallel: self.pick(&[0, 1, 2, 65]),
            stage: self.pick(&[None, Some(hears as _), Some(halts as _)]),
            stage_user: ptr::null_mut(),
        }
    }

    /// How a text is generated.
    pub fn generate_options(&mut self) -> ocelli_generate_options {
        ocelli_generate_options {
            struct_size: self.struct_size::<ocelli_generate_options>(),
            max_new_tokens: self.pick(&[1, 2, 3, 4, 0, u32::MAX]),
            beams: self.pick(&[0, 1, 2, 3, 65, u32::MAX]),
            top_k: self.number32(),
            temperature: self.real(),
            top_p: self.real(),
            min_p: self.real(),
            repetition_penalty: self.real(),
            length_penalty: self.real(),
            early_stopping: self.number32(),
            no_repeat_ngram: self.number32(),
            min_new_tokens: self.number32(),
            seed: self.number(),
            json_schema: self.pick(&[ptr::null(), ptr::null(), SCHEMA.as_ptr(), GRAMMAR.as_ptr()]),
            grammar: self.pick(&[ptr::null(), ptr::null(), GRAMMAR.as_ptr(), SCHEMA.as_ptr()]),
            keep_special: self.number32(),
            speculate: self.pick(&[0, 0, 1, 2]),
            stop: self.pick(&[ptr::null(), STOPS.0.as_ptr()]),
            stop_count: self.pick(&[0, 0, 1, 2, 3, 65, u32::MAX]),
            logprobs: self.number32() % 3,
            bias_tokens: self.pick(&[ptr::null(), TOKENS.as_ptr()]),
            bias_values: self.pick(&[ptr::null(), VALUES.as_ptr()]),
            forced: self.pick(&[ptr::null(), TOKENS.as_ptr()]),
            bias_count: self.pick(&[0, 0, 1, 2, 3, 4, u32::MAX]),
            forced_count: self.pick(&[0, 0, 1, 2, 4, u32::MAX]),
        }
    }
}

/// Of logit biases and forced tokens; the last is no token, and no number.
const TOKENS: &[u32] = &[5, 0, 6, u32::MAX];
const VALUES: &[f32] = &[1.5, f32::NEG_INFINITY, -1e38, f32::NAN];

/// Good for one of the two fields that hold a text, and malformed for the other.
const SCHEMA: &CStr = c"{\"enum\": [\"a\", \"b\"]}";
const GRAMMAR: &CStr = c"start: /a|b/";

/// Stop strings, one of which is too short.
static STOPS: Texts = Texts([c"a".as_ptr(), c" b".as_ptr(), c"".as_ptr()]);
struct Texts([*const c_char; 3]);
// SAFETY: literals.
unsafe impl Sync for Texts {}

/// As many words as a set may have and one more: the first processor.
static CPUS: [u64; 129] = [1; 129];

unsafe extern "C" fn hears(_: u32, _: u64, _: u64, _: *mut c_void) -> i32 {
    0
}

unsafe extern "C" fn halts(_: u32, done: u64, _: u64, _: *mut c_void) -> i32 {
    i32::from(done > 0)
}

unsafe extern "C" fn goes_on(_: u64, _: u64, _: *mut c_void) -> i32 {
    0
}

unsafe extern "C" fn stops(_: u64, _: u64, _: *mut c_void) -> i32 {
    1
}

unsafe extern "C" fn logs(_: i32, _: *const c_char, _: *mut c_void) {}

/// Goes on, and calls the session that is being called; `user` is its handle.
pub unsafe extern "C" fn calls_again(_: *const c_char, _: usize, user: *mut c_void) -> i32 {
    // SAFETY: handles are looked up, never followed.
    let status = unsafe { ocelli_session_clear(user.cast()) };
    assert_ne!(status, OCELLI_OK, "a session cannot be called from its own callback");
    0
}

/// Ends the text.
pub unsafe extern "C" fn ends(_: *const c_char, _: usize, _: *mut c_void) -> i32 {
    1
}
