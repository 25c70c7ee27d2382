//! `ffi/abi.txt`: what a program that was compiled against the header relies on, one line a thing: the functions with
//! their types, and where the fields of structs lie where pointers have 64 bits. A release keeps every line of it.

use crate::parse::Header;
use std::fmt::Write;

fn size(ty: &str) -> usize {
    match ty {
        "uint32_t" | "int32_t" | "float" => 4,
        "uint64_t" | "int64_t" | "double" => 8,
        ty if ty.ends_with('*') || ty.ends_with("_fn") => 8,
        other => panic!("the size of {other} is not known here"),
    }
}

pub fn lines(header: &Header) -> String {
    let mut out = String::new();
    for f in &header.functions {
        let types: Vec<_> = f.members.iter().map(|m| m.ty.as_str()).collect();
        writeln!(out, "function {} {} ({})", f.name, f.result, types.join(", ")).unwrap();
    }
    for c in &header.callbacks {
        writeln!(out, "callback {} {}", c.name, c.value).unwrap();
    }
    for s in &header.structs {
        let mut at = 0;
        let mut widest = 0;
        for m in &s.members {
            let size = size(&m.ty);
            assert_eq!(at % size, 0, "{}.{} would lie behind a gap", s.name, m.name);
            writeln!(out, "field {} {} {at} {}", s.name, m.name, m.ty).unwrap();
            (at, widest) = (at + size, widest.max(size));
        }
        // Those that stand in arrays never grow.
        let grows = s.name != "ocelli_box";
        let first = (s.members[0].name.as_str(), s.members[0].ty.as_str());
        assert!(!grows || first == ("struct_size", "uint32_t"), "{}", s.name);
        assert_eq!(at % widest, 0, "{} would end in a gap", s.name);
        writeln!(out, "struct {} {at}", s.name).unwrap();
    }
    for c in &header.constants {
        writeln!(out, "constant {} {}", c.name, c.value).unwrap();
    }
    out
}
