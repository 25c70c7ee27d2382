//! Faults that are planted in kernels, each of which the interpreter has to find and name: in the text of kernels that are
//! committed, and in small ones where ours have no such place.

use crate::Random;
use cuda::card::{Card, Parameters, text};

/// A kernel of one pointer, which `%rd1` holds; `%r1` is the thread, `%r2` four times it.
fn small(body: &str) -> String {
    format!(
        ".version 7.4\n.target sm_80\n.address_size 64\n.visible .entry k(\n.param .u64 k_param_0\n)\n{{\n\
         .shared .align 16 .b8 room[1024];\n.reg .b64 %rd<9>;\n\
         ld.param.u64 %rd1, [k_param_0];\nmov.u32 %r1, %tid.x;\nshl.b32 %r2, %r1, 2;\nmul.wide.u32 %rd2, %r1, 4;\n\
         add.s64 %rd3, %rd1, %rd2;\n{body}\nret;\n}}\n"
    )
}

/// What the interpreter says of the kernel, run by `threads` on 64 numbers.
fn said(body: &str, threads: u32) -> String {
    let mut card = Card::with(&small(body)).unwrap();
    let at = card.numbers(&[7; 64]);
    match card.launch("k", [1, 1, 1], threads, &Parameters::new().address(at)) {
        Ok(_) => "nothing".to_owned(),
        Err(fault) => {
            assert!(fault.line > 0 && fault.kernel == "k", "{fault}");
            fault.reason
        }
    }
}

/// A kernel without a fault, and where to put one.
const WHOLE: &str = "mov.u32 %r9, room;\nadd.s32 %r8, %r9, %r2;\n";

#[test]
fn faults_of_memory_are_found() {
    assert_eq!(said("ld.global.u32 %r3, [%rd3];\nst.global.u32 [%rd3], %r3;", 64), "nothing");
    for (body, threads, reason) in [
        ("ld.global.u32 %r3, [%rd3+4];", 64, "no allocation"),
        ("ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd1+256];", 32, "no allocation"),
        ("st.global.u32 [%rd3+4], %r1;", 64, "no allocation"),
        ("ld.global.v2.u32 {%r3, %r4}, [%rd1+252];", 32, "misaligned"),
        ("ld.global.u32 %r3, [%rd3+2];", 32, "misaligned"),
        ("mov.u64 %rd4, 0;\nld.global.u32 %r3, [%rd4];", 32, "no allocation"),
        ("ld.param.u64 %rd4, [k_param_0+8];", 32, "behind the parameters"),
        ("st.shared.u32 [room+1024], %r1;", 32, "out of bounds"),
        ("st.shared.u32 [room+2], %r1;", 32, "misaligned"),
        ("ld.shared.u32 %r3, [room];", 32, "never written"),
        ("cvta.shared.u64 %rd4, %rd1;", 32, "generic address"),
    ] {
        let found = said(body, threads);
        assert!(found.contains(reason), "{body}: {found}");
    }
}

#[test]
fn faults_between_lanes_and_warps_are_found() {
    let shuffle = "shfl.sync.bfly.b32 %r4, %r1, 1, 31, -1;";
    let parted = "setp.lt.u32 %p1, %r1, 16;\n";
    let store = "st.shared.u32 [%r8], %r1;\n";
    assert_eq!(said(shuffle, 64), "nothing");
    assert_eq!(said(&format!("{parted}@%p1 bra L1;\nadd.s32 %r3, %r3, 1;\nL1:\n{shuffle}"), 32), "nothing");
    assert_eq!(said(&format!("{WHOLE}{store}bar.sync 0;\nld.shared.u32 %r4, [room+128];"), 64), "nothing");
    for (body, reason) in [
        (format!("{parted}@%p1 ret;\n{shuffle}"), "others have returned"),
        (format!("{parted}@%p1 bra L1;\n{shuffle}\nL1:"), "others are elsewhere"),
        (format!("{parted}@%p1 {shuffle}"), "collective"),
        ("shfl.sync.bfly.b32 %r4, %r1, 1, 31, 65535;".to_owned(), "fewer than all lanes"),
        (format!("{parted}@%p1 bar.sync 0;"), "a barrier by lanes"),
        (format!("{parted}@%p1 ret;\nbar.sync 0;"), "others have returned"),
        ("setp.lt.u32 %p1, %r1, 32;\n@%p1 bra L1;\nbar.sync 0;\nL1:".to_owned(), "not all warps"),
        (format!("{WHOLE}{store}ld.shared.u32 %r4, [room+128];"), "never written"),
        (format!("{WHOLE}{store}bar.sync 0;\nst.shared.u32 [room], %r1;"), "(race)"),
        (format!("{WHOLE}{store}bar.sync 0;\nld.shared.u32 %r4, [room];\n{store}"), "(race)"),
        ("L1:\nbra L1;".to_owned(), "no end after"),
    ] {
        let found = said(&body, 64);
        assert!(found.contains(reason), "{body}: {found}");
    }
}

#[test]
fn faults_of_copies_are_found() {
    let copy = "mul.wide.u32 %rd5, %r1, 4;\ncp.async.ca.shared.global [%r8], [%rd3], 4;\n";
    let commit = "cp.async.commit_group;\n";
    let read = "ld.shared.u32 %r4, [%r8];\nst.global.u32 [%rd3], %r4;\n";
    let wait = "cp.async.wait_group 0;\n";
    assert_eq!(said(&format!("{WHOLE}{copy}{commit}{wait}{read}"), 64), "nothing");
    for (body, reason) in [
        (format!("{WHOLE}{copy}{commit}{read}{wait}"), "before a copy to it was waited for"),
        (format!("{WHOLE}{copy}{wait}{read}"), "before a copy to it was waited for"),
        (format!("{WHOLE}{copy}{commit}cp.async.wait_group 1;\n{read}"), "before a copy to it was waited for"),
        (format!("{WHOLE}{copy}{commit}"), "ends before its copies"),
        (format!("{WHOLE}{copy}st.shared.u32 [%r8], %r1;\n{commit}{wait}"), "a copy to it is under way"),
        (format!("{WHOLE}{copy}{commit}{wait}ld.shared.u32 %r4, [room];"), "(race)"),
        (format!("{WHOLE}cp.async.ca.shared.global [%r8], [%rd3+2], 4;\n{commit}{wait}"), "misaligned"),
        (format!("{WHOLE}cp.async.ca.shared.global [%r8], [%rd3+256], 4;\n{commit}{wait}"), "no allocation"),
    ] {
        let found = said(&body, 64);
        assert!(found.contains(reason), "{body}: {found}");
    }
}

/// What is said of the engine's kernel for norms with a text changed, on a row of 64 numbers.
fn norm(change: impl Fn(&str) -> String, memory: usize, off: u64, parameters: usize) -> String {
    let text = change(&text("norm", 80).unwrap());
    let mut card = Card::with(&text).unwrap();
    let x = Random::new(1).floats(64);
    let weight = card.floats(&x);
    let at = card.floats(&x[..memory]) + off;
    let out = card.memory.allocate(256);
    let p = Parameters::new().address(at).address(weight).address(0).address(out).address(0).address(0);
    let p = p.numbers(&[64, 2, 0]);
    let p = if parameters == 64 { p.float(1e-5) } else { p.numbers(&[0; 8]) };
    card.launch("norm_rows", [1, 1, 1], 256, &p).map_or_else(|fault| fault.to_string(), |_| "nothing".to_owned())
}

#[test]
fn faults_planted_in_a_kernel_of_ours_are_found() {
    let same = |text: &str| text.to_owned();
    assert_eq!(norm(same, 64, 0, 64), "nothing");
    assert!(norm(same, 60, 0, 64).contains("no allocation"));
    assert!(norm(same, 64, 2, 64).contains("misaligned"));
    assert!(norm(same, 64, 0, 96).contains("bytes of parameters"));
    // Each of the barriers by itself, but for the first, behind which nobody has read yet.
    let barriers = text("norm", 80).unwrap().matches("bar.sync").count();
    assert_eq!(barriers, 4);
    for gone in 1..barriers {
        let without = |text: &str| {
            let mut parts: Vec<&str> = text.split("bar.sync \t0;").collect();
            assert_eq!(parts.len(), barriers + 1);
            let joined = [parts[gone], parts[gone + 1]].concat();
            parts[gone] = &joined;
            parts.remove(gone + 1);
            parts.join("bar.sync \t0;")
        };
        let found = norm(without, 64, 0, 64);
        assert!(found.contains("(race)") || found.contains("never written"), "without barrier {gone}: {found}");
    }
    let narrower = |text: &str| text.replace("0xffffffff", "0xffff");
    assert!(norm(narrower, 64, 0, 64).contains("fewer than all lanes"));
}
