//! The text that is committed: made from the sources beside it, known to the interpreter to the last opcode, and low enough
//! in its version for the drivers that are promised.

use cuda::card::{TARGETS, folder};
use cuda::ptx::Module;
use std::fs::read;

/// FNV-1a of 64 bits, as tests/gpu/compile.py has it.
fn fnv(parts: &[&[u8]]) -> String {
    let bytes = parts.iter().flat_map(|part| part.iter());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// Whether the hash in the first line is that of the source it names.
fn is_current(text: &str, source: impl Fn(&str) -> Vec<u8>) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let words = line.strip_prefix("// ").and_then(|l| l.split_once(" generated from "));
    let Some((hash, rest)) = words else { return false };
    let Some((name, rest)) = rest.split_once(" with ") else { return false };
    let Some((flags, _)) = rest.split_once(" by ") else { return false };
    let headers = ["gpu.h", "forms.h", "mma.h"].map(&source);
    let [a, b, c] = &headers;
    hash == fnv(&[&source(name), a, b, c, format!("{flags} 13.0.88").as_bytes()])
}

#[test]
fn modules_are_made_from_their_sources() {
    let mut modules = 0;
    for entry in std::fs::read_dir(folder().join("ptx")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let source = |name: &str| read(folder().join(name)).unwrap();
        assert!(is_current(&text, source), "{} is not made from its source: run tests/gpu/compile.py", path.display());
        let changed = |name: &str| [source(name), b" ".to_vec()].concat();
        assert!(!is_current(&text, changed));
        let module = Module::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(module.version, (7, 4), "{}", path.display());
        assert!(TARGETS.contains(&module.target) && !module.kernels.is_empty());
        modules += 1;
    }
    assert!(modules >= 40, "{modules} modules");
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let text = |line: &str| {
        format!(
            ".version 7.4\n.target sm_80\n.address_size 64\n.visible .entry k(\n)\n{{\n.reg .b32 %r<9>;\n{line}\nret;\n}}\n"
        )
    };
    let error = |line: &str| Module::parse(&text(line)).unwrap_err();
    assert_eq!(error("frob.b32 %r1, %r2;"), "line 8: the opcode frob.b32 is not known");
    assert_eq!(error("add.sat.s32 %r1, %r2, %r3;"), "line 8: the opcode add.sat.s32 is not known");
    assert_eq!(error("mov.u32 %r1, %clock;"), "line 8: the register %clock is not known");
    assert_eq!(error("mov.u32 %r1, nowhere;"), "line 8: the operand nowhere is not known");
    assert_eq!(error("bra nowhere;"), "line 10: the label nowhere is nowhere");
    assert!(Module::parse(&text("add.s32 %r1, %r2, %r3;")).is_ok());
}
