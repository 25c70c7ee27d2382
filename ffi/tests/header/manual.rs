//! `docs/c-api.md`: how to begin, with a program that tests/c/run compiles and runs, then the header as a page.

use crate::parse::{Header, Named};
use std::fmt::Write;

/// How to build and to link.
const BEGIN: &str = include_str!("begin.md");
/// The program on the page.
const FIRST: &str = include_str!("../../../examples/c/first.c");

/// A comment as Markdown: a name that ends in a star is no emphasis.
fn text(comment: &str) -> String {
    comment.replace("_*", "_\\*")
}

pub fn page(header: &Header) -> String {
    let mut out = BEGIN.replace("@FIRST@", FIRST);
    let mut code = false;
    for line in header.rules.lines().skip_while(|l| !l.trim_start().starts_with("ocelli_model *model")) {
        let is_code = line.starts_with("     ");
        if is_code != code {
            out.push_str(if is_code { "\n```c\n" } else { "```\n" });
            code = is_code;
        }
        writeln!(out, "{}", if is_code { line.trim().to_owned() } else { text(line.trim()) }).unwrap();
    }
    out.push_str("\n## Functions\n");
    for f in &header.functions {
        let parameters: Vec<_> = f
            .members
            .iter()
            .map(|m| if m.ty.ends_with('*') { format!("{}{}", m.ty, m.name) } else { format!("{} {}", m.ty, m.name) })
            .collect();
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let space = if f.result.ends_with('*') { "" } else { " " };
        write!(out, "\n### {}\n\n```c\n{}{space}{}({parameters});\n```\n\n{}", f.name, f.result, f.name, text(&f.doc))
            .unwrap();
    }
    out.push_str("\n## Structs\n");
    for s in &header.structs {
        write!(out, "\n### {}\n\n{}\n", s.name, text(&s.doc)).unwrap();
        for m in &s.members {
            writeln!(out, "- `{}` ({}): {}", m.name, m.ty, text(m.doc.trim()).replace('\n', "\n  ")).unwrap();
        }
    }
    let list = |out: &mut String, title: &str, items: &[Named]| {
        write!(out, "\n## {title}\n\n").unwrap();
        for n in items {
            let value = if n.value.is_empty() { String::new() } else { format!(" = {}", n.value) };
            writeln!(out, "- `{}`{value}: {}", n.name, text(n.doc.trim()).replace('\n', "\n  ")).unwrap();
        }
    };
    list(&mut out, "Handles", &header.opaque);
    out.push_str("\n## Callbacks\n");
    for c in &header.callbacks {
        write!(out, "\n### {}\n\n```c\n{}\n```\n\n{}", c.name, c.value, text(&c.doc)).unwrap();
    }
    list(&mut out, "Constants", &header.constants);
    out
}
