//! `tests/c/every_call.h`: for every function of the header a call that is right, and for every parameter of it calls
//! that are wrong, each with the statuses that it may return: the exact one where the header's rules fix it, otherwise
//! those that the function's own comment lists. tests/c/abuse.c runs them.
//!
//! A parameter this file does not know stops it, so a new function cannot be forgotten.

use crate::parse::{Function, Header, Member};
use std::fmt::Write;

/// The statuses that a comment lists, those of a function it refers to among them.
fn documented(header: &Header, f: &Function) -> Vec<String> {
    let mut found = vec!["OCELLI_OK".to_owned(), "OCELLI_ERR_MEMORY".to_owned()];
    let Some((_, returns)) = f.doc.split_once("Returns ") else { return found };
    let words = |text: &str| {
        let split = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        split.map(str::to_owned).collect::<Vec<_>>()
    };
    let words = words(returns);
    found.extend(words.iter().filter(|w| w.starts_with("OCELLI_ERR_")).cloned());
    if returns.starts_with("as ") {
        let other = words.iter().find_map(|word| header.functions.iter().find(|o| o.name == *word)).unwrap();
        found.extend(documented(header, other));
    }
    if f.members.iter().any(|m| kind(m).is_some()) {
        found.extend(["OCELLI_ERR_NULL_PARAMETER".to_owned(), "OCELLI_ERR_BAD_HANDLE".to_owned()]);
    }
    found.sort();
    found.dedup();
    found
}

/// The kind of a parameter that is a handle.
fn kind(m: &Member) -> Option<&'static str> {
    ["model", "session", "image"]
        .into_iter()
        .find(|kind| m.ty.trim_start_matches("const ") == format!("ocelli_{kind} *"))
}

fn ends(f: &Function, name: &str) -> bool {
    f.name.ends_with(name)
}

/// The argument of a call that is right.
fn right(f: &Function, m: &Member) -> String {
    if let Some(kind) = kind(m) {
        return if ends(f, "_close") { format!("fresh_{kind}()") } else { format!("W.{kind}") };
    }
    let opens_model = f.name.starts_with("ocelli_model_open");
    let text = match (m.ty.as_str(), m.name.as_str()) {
        ("const void *", "handle") => "W.session",
        ("const char *", "path") if ends(f, "_plan") || ends(f, "_image_open_with") => "NULL",
        ("const char *", "path") if ends(f, "_image_open") => "W.picture",
        ("const char *", "path") => "W.path",
        ("const char *", "key") => "\"general.architecture\"",
        ("const char *", "text" | "question") => "W.text",
        ("const char *", "role") => "\"user\"",
        ("const void *", "bytes") => {
            if opens_model {
                "W.file"
            } else {
                "W.png"
            }
        }
        ("const void *", "state") => "W.state",
        ("const void *", "pixels") => "W.pixels",
        ("const uint32_t *", "tokens") => "W.ids",
        ("const char *const *", "continuations") => "W.continuations",
        ("const ocelli_image *const *", "frames" | "images") => "W.frames",
        ("size_t", "size") => {
            // Of what stands before it.
            let at = f.members.iter().position(|m| m.name == "size").unwrap();
            match at.checked_sub(1).map(|before| f.members[before].name.as_str()) {
                Some("bytes") => {
                    if opens_model {
                        "W.file_size"
                    } else {
                        "W.png_size"
                    }
                }
                Some("state") => "W.state_size",
                Some("pixels") => "sizeof W.pixels",
                Some("text") => "W.text_size",
                other => panic!("{}: size of {other:?}", f.name),
            }
        }
        ("size_t", "count") => "1",
        ("size_t", "stride" | "index")
        | ("uint32_t", "flags" | "order" | "kind")
        | ("uint64_t", "offset" | "length") => "0",
        ("uint32_t", "width" | "height") => "8",
        ("uint32_t", "token") => "W.ids[0]",
        ("int32_t", "fd") => "W.fd",
        ("int32_t", "status") => "3",
        ("double", "frames_per_second") => "1.0",
        ("const ocelli_generate_options *", _) => "&W.generate_options",
        ("const ocelli_model_options *" | "const ocelli_session_options *" | "const ocelli_image_options *", _) => {
            "NULL"
        }
        ("ocelli_piece_fn", _) => "on_piece",
        ("void *", "user") => "NULL",
        ("char *" | "void *", "buffer") => "W.buffer",
        ("char *", "role") => "W.role",
        ("size_t", "role_capacity") => "sizeof W.role",
        ("uint32_t *", "tokens") => "W.out_ids",
        ("float *", "values") => "W.floats",
        ("size_t", "capacity") => {
            if f.members.iter().any(|m| m.name == "buffer") {
                "sizeof W.buffer"
            } else if f.members.iter().any(|m| m.name == "values") && !ends(f, "_logprobs") {
                "sizeof W.floats / sizeof W.floats[0]"
            } else {
                "sizeof W.out_ids / sizeof W.out_ids[0]"
            }
        }
        ("size_t", "token_capacity") => "sizeof W.out_ids / sizeof W.out_ids[0]",
        ("size_t *", "needed" | "count" | "token_count" | "role_needed" | "images") => "&W.needed",
        ("int32_t *", "status" | "finish") => "&W.number",
        ("uint32_t *", "token" | "kind" | "width" | "height") => "&W.token",
        ("double *", "sums") => "W.sums",
        ("uint32_t *", "lengths") => "W.lengths",
        ("float *", "score") => "&W.score",
        ("ocelli_box *", _) => "W.boxes",
        ("size_t", "room") => "sizeof W.boxes / sizeof W.boxes[0]",
        ("ocelli_model_info *", _) => "&W.info",
        ("ocelli_memory *", _) => "&W.memory",
        ("ocelli_usage *", _) => "&W.usage",
        ("ocelli_model **", "out") => "&W.out_model",
        ("ocelli_session **", "out") => "&W.out_session",
        ("ocelli_image **", "out") => "&W.out_image",
        (ty, name) => panic!("{}: teach ffi/tests/header/abuse.rs a right value of '{ty} {name}'", f.name),
    };
    text.to_owned()
}

/// What goes before a call: sessions hold a short prompt, and one writes a text, or has written it, if the call needs
/// that.
fn before(f: &Function) -> &'static str {
    match f.name.as_str() {
        "ocelli_session_next" => "ready(1); ",
        "ocelli_session_answer" | "ocelli_session_logprobs" => "ready(2); ",
        "ocelli_session_add_turn" => "ready(3); ",
        name if name.starts_with("ocelli_session_") => "ready(0); ",
        _ => "",
    }
}

fn call(f: &Function, wrong: &[(usize, &str)]) -> String {
    let arguments: Vec<String> = f
        .members
        .iter()
        .enumerate()
        .map(|(i, m)| {
            wrong.iter().find(|(at, _)| *at == i).map_or_else(|| right(f, m), |(_, value)| (*value).to_owned())
        })
        .collect();
    format!("{}({})", f.name, arguments.join(", "))
}

struct Calls<'a> {
    out: String,
    f: &'a Function,
    documented: String,
}

impl Calls<'_> {
    /// A call with one or two arguments replaced; what it may return is `expected`, or as documented.
    fn wrong(&mut self, what: &str, wrong: &[(usize, &str)], expected: Option<&str>) {
        let name = &self.f.members[wrong[0].0].name;
        let mask = expected.map_or_else(
            || self.documented.clone(),
            |e| e.split('|').map(|e| format!("BIT(OCELLI_{e})")).collect::<Vec<_>>().join(" | "),
        );
        let (before, call) = (before(self.f), call(self.f, wrong));
        writeln!(self.out, "  {before}expect(\"{}: {name} is {what}\", {call}, {mask});", self.f.name).unwrap();
    }

    fn line(&mut self, text: &str) {
        writeln!(self.out, "  {text}").unwrap();
    }

    fn handle(&mut self, at: usize, kind: Option<&str>) {
        let ty = &self.f.members[at].ty.clone();
        let null = match self.f.name.as_str() {
            name if name.ends_with("_close") => Some("OK"),
            // A demonstration may have no picture.
            "ocelli_session_add_shot" if kind == Some("image") => None,
            _ => Some("ERR_NULL_PARAMETER"),
        };
        self.wrong("NULL", &[(at, "NULL")], null);
        for other in ["model", "session", "image"] {
            let cast = |name: &str| format!("({ty})(void *){name}");
            self.wrong("closed", &[(at, &cast(&format!("W.closed_{other}")))], Some("ERR_BAD_HANDLE"));
            if kind.is_some_and(|kind| kind != other) {
                self.wrong("of another kind", &[(at, &cast(&format!("W.{other}")))], Some("ERR_BAD_HANDLE"));
            }
        }
        for made_up in [
            "&W",
            "W.buffer",
            "(void *)(uintptr_t)1",
            "(void *)(uintptr_t)-1",
            "(void *)((uintptr_t)W.session ^ 0x40000)",
        ] {
            self.wrong("made up", &[(at, &format!("({ty})(void *){made_up}"))], Some("ERR_BAD_HANDLE"));
        }
    }

    /// A pointer with the number of things it points to.
    fn array(&mut self, at: usize, size: usize, text: bool) {
        self.wrong("NULL", &[(at, "NULL"), (size, "5")], Some("ERR_NULL_PARAMETER"));
        self.wrong("NULL and empty", &[(at, "NULL"), (size, "0")], None);
        self.wrong("of no size an object has", &[(size, "SIZE_MAX")], Some("ERR_BAD_PARAMETER"));
        self.wrong("of a negative size", &[(size, "(size_t)-2")], Some("ERR_BAD_PARAMETER"));
        self.wrong("empty", &[(size, "0")], None);
        if text {
            self.wrong("no UTF-8", &[(at, "\"\\xff\\xfe\""), (size, "2")], Some("ERR_INVALID_UTF8"));
            self.wrong("cut", &[(at, "\"\\xe2\\x82\""), (size, "2")], Some("ERR_INVALID_UTF8"));
            self.wrong("a NUL", &[(at, "\"\\0\""), (size, "1")], None);
        }
        let ty = self.f.members[at].ty.clone();
        if ty != "const char *" && ty != "const void *" {
            let odd = format!("({ty})(const void *)(W.buffer + 1)");
            self.wrong("at an odd address", &[(at, &odd)], Some("ERR_BAD_PARAMETER"));
        }
    }

    fn buffer(&mut self, at: usize, capacity: usize) {
        self.wrong("NULL", &[(at, "NULL")], Some("ERR_NULL_PARAMETER"));
        self.wrong("NULL without room", &[(at, "NULL"), (capacity, "0")], None);
        self.wrong("of no size an object has", &[(capacity, "SIZE_MAX")], Some("ERR_BAD_PARAMETER"));
        self.wrong("small", &[(capacity, "1")], None);
        let ty = self.f.members[at].ty.clone();
        if ty != "char *" && ty != "void *" {
            let odd = format!("({ty})(void *)(W.buffer + 1)");
            self.wrong("at an odd address", &[(at, &odd), (capacity, "9")], Some("ERR_BAD_PARAMETER"));
        }
    }

    fn structure(&mut self, header: &Header, at: usize) {
        let ty = self.f.members[at].ty.clone();
        let name = ty.trim_start_matches("const ").trim_end_matches(" *").to_owned();
        let read = ty.starts_with("const ");
        self.line(&format!("{{ struct {{ {name} s; unsigned char tail[64]; }} o; memset(&o, 0, sizeof o);"));
        if !read {
            self.wrong("NULL", &[(at, "NULL")], Some("ERR_NULL_PARAMETER"));
        } else {
            self.wrong("NULL", &[(at, "NULL")], None);
        }
        for size in ["0", "3", "6", "4100", "UINT32_MAX"] {
            self.line(&format!("o.s.struct_size = {size};"));
            self.wrong("of a wrong size", &[(at, "&o.s")], Some("ERR_BAD_PARAMETER"));
        }
        self.line("o.s.struct_size = 4;");
        self.wrong("of the oldest size", &[(at, "&o.s")], None);
        self.line("o.s.struct_size = sizeof o;");
        self.wrong("of a future size", &[(at, "&o.s")], None);
        self.line("o.tail[63] = 1;");
        self.wrong(
            "of a future with something in it",
            &[(at, "&o.s")],
            if read { Some("ERR_UNSUPPORTED") } else { None },
        );
        if !read {
            self.line(&format!("expect_true(\"{}: the future is zero\", o.tail[63] == 0);", self.f.name));
        } else {
            let s = header.structs.iter().find(|s| s.name == name).unwrap();
            for field in s.members.iter().skip(1).filter(|field| !field.ty.ends_with('*') && !field.ty.ends_with("_fn"))
            {
                for byte in ["0xff", "0x7f", "0x01"] {
                    self.line(&format!("memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.{0}, {byte}, sizeof o.s.{0});", field.name));
                    self.wrong(&format!("extreme in {}", field.name), &[(at, "&o.s")], None);
                }
            }
        }
        self.line("}");
    }

    fn parameter(&mut self, header: &Header, at: usize) {
        let m = &self.f.members[at];
        let next = self.f.members.get(at + 1).map_or("", |m| m.name.as_str());
        let (ty, name) = (m.ty.clone(), m.name.clone());
        let counted = ["size", "count", "capacity", "token_capacity", "role_capacity", "room"].contains(&next)
            && !ty.ends_with("size_t")
            && self.f.members.get(at + 1).is_some_and(|m| m.ty == "size_t");
        match (ty.as_str(), name.as_str()) {
            ("const void *", "handle") => self.handle(at, None),
            _ if kind(m).is_some() => self.handle(at, kind(m)),
            ("size_t", "size" | "count" | "capacity" | "token_capacity" | "role_capacity" | "room") => {} // with its pointer
            (ty, _) if ty.starts_with("const ") && counted => self.array(at, at + 1, ty == "const char *"),
            (_, _) if counted => self.buffer(at, at + 1),
            ("const char *", "question") => {
                self.wrong("NULL", &[(at, "NULL")], None);
                self.wrong("no UTF-8", &[(at, "\"\\xff\"")], Some("ERR_INVALID_UTF8"));
                self.wrong("long", &[(at, "W.long_text")], None);
            }
            ("const char *", _) => {
                let exact = !ends(self.f, "_plan") && !ends(self.f, "_image_open_with"); // there is another, too
                self.wrong("NULL", &[(at, "NULL")], if exact { Some("ERR_NULL_PARAMETER") } else { None });
                self.wrong("no UTF-8", &[(at, "\"\\xff\"")], if exact { Some("ERR_INVALID_UTF8") } else { None });
                self.wrong("empty", &[(at, "\"\"")], None);
                self.wrong("long", &[(at, "W.long_text")], None);
            }
            (ty, _) if header.structs.iter().any(|s| ty.trim_start_matches("const ") == format!("{} *", s.name)) => {
                self.structure(header, at);
            }
            (_, "out") => self.wrong("NULL", &[(at, "NULL")], Some("ERR_NULL_PARAMETER")),
            ("double *" | "float *", _) => self.wrong("NULL", &[(at, "NULL")], Some("ERR_NULL_PARAMETER")),
            (ty, _) if ty.ends_with('*') || ty.ends_with("_fn") => self.wrong("NULL", &[(at, "NULL")], None),
            ("double", _) => ["0.0", "-1.0", "HUGE_VAL", "-HUGE_VAL", "HUGE_VAL - HUGE_VAL"]
                .iter()
                .for_each(|v| self.wrong(v, &[(at, v)], None)),
            ("uint32_t", _) => {
                ["0", "1", "UINT32_MAX", "0x7fffffff"].iter().for_each(|v| self.wrong(v, &[(at, v)], None))
            }
            ("int32_t", _) => {
                ["0", "-1", "INT32_MIN", "INT32_MAX"].iter().for_each(|v| self.wrong(v, &[(at, v)], None))
            }
            ("uint64_t" | "size_t", _) => {
                ["0", "1", "SIZE_MAX", "SIZE_MAX / 2"].iter().for_each(|v| self.wrong(v, &[(at, v)], None))
            }
            (ty, name) => panic!("{}: teach ffi/tests/header/abuse.rs wrong values of '{ty} {name}'", self.f.name),
        }
    }
}

pub fn program(header: &Header) -> String {
    let mut out = String::from(
        "/* Every function of ocelli.h: a right call, and wrong ones for every parameter. Written from the header by\n * ffi/tests/header/abuse.rs; see there. Included by abuse.c, which explains the names. */\n",
    );
    let mut table = String::new();
    let mut runs = String::new();
    for f in &header.functions {
        let statuses = documented(header, f);
        let mask = statuses.iter().map(|s| format!("BIT({s})")).collect::<Vec<_>>().join(" | ");
        let good = call(f, &[]);
        let returns = f.result == "int32_t" && !["ocelli_last_error_code"].contains(&f.name.as_str());
        let body = if returns { format!("return {good};") } else { format!("(void){good}; return OCELLI_OK;") };
        write!(out, "\nstatic int32_t right_{}(void) {{ {}{body} }}\n", f.name, before(f)).unwrap();
        let first = f.members.first().and_then(kind).map_or("NONE".to_owned(), str::to_uppercase);
        writeln!(table, "  {{\"{0}\", right_{0}, KIND_{first}, {mask}}},", f.name).unwrap();
        if !returns {
            continue;
        }
        let mut calls = Calls { out: String::new(), f, documented: mask };
        (0..f.members.len()).for_each(|at| calls.parameter(header, at));
        if calls.out.is_empty() {
            continue;
        }
        write!(out, "\nstatic void wrong_{}(void) {{\n{}}}\n", f.name, calls.out).unwrap();
        writeln!(runs, "  wrong_{}();", f.name).unwrap();
    }
    write!(out, "\nstatic const struct function functions[] = {{\n{table}}};\n").unwrap();
    write!(out, "\nstatic void wrong_calls(void) {{\n{runs}}}\n").unwrap();
    out
}
