//! What the header declares, read from the header as cbindgen writes it.

/// A type and a name: a parameter or a field.
#[derive(Debug, Clone)]
pub struct Member {
    pub ty: String,
    pub name: String,
    pub doc: String,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub result: String,
    pub members: Vec<Member>,
    pub doc: String,
}

/// A struct with fields, an opaque one, a function's type or a constant.
#[derive(Debug)]
pub struct Named {
    pub name: String,
    pub value: String,
    pub members: Vec<Member>,
    pub doc: String,
}

/// All of it, in the header's order.
#[derive(Debug, Default)]
pub struct Header {
    pub rules: String,
    pub constants: Vec<Named>,
    pub opaque: Vec<Named>,
    pub callbacks: Vec<Named>,
    pub structs: Vec<Named>,
    pub functions: Vec<Function>,
}

/// `const struct x *y` as its type, without the word struct, and its name.
fn member(text: &str) -> Member {
    let text = text.trim();
    let at = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let ty = text[..at].replace("struct ", "").trim().to_owned();
    Member { ty, name: text[at..].to_owned(), doc: String::new() }
}

pub fn parse(text: &str) -> Header {
    let mut header = Header::default();
    let (rules, rest) = text.split_once("*/").unwrap();
    header.rules =
        rules.lines().map(|l| l.trim_start_matches("/*").trim_start_matches(" *")).collect::<Vec<_>>().join("\n");
    let mut doc = String::new();
    let mut lines = rest.lines();
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix("//") {
            doc.push_str(comment.strip_prefix(' ').unwrap_or(comment));
            doc.push('\n');
            continue;
        }
        let doc = std::mem::take(&mut doc);
        let named = |name: &str, value: &str, members| Named {
            name: name.to_owned(),
            value: value.to_owned(),
            members,
            doc: doc.clone(),
        };
        if let Some(constant) = line.strip_prefix("#define OCELLI_").filter(|c| c.contains(' ')) {
            let (name, value) = constant.split_once(' ').unwrap();
            header.constants.push(named(&format!("OCELLI_{name}"), value, vec![]));
        } else if let Some((_, name)) =
            line.strip_prefix("typedef struct ").and_then(|l| l.strip_suffix(" {").map(|n| ((), n)))
        {
            let mut members = Vec::new();
            let mut doc = String::new();
            for line in lines.by_ref().map(str::trim).take_while(|l| !l.starts_with('}')) {
                if let Some(comment) = line.strip_prefix("// ") {
                    doc.push_str(comment);
                    doc.push('\n');
                } else {
                    members.push(Member { doc: std::mem::take(&mut doc), ..member(line.trim_end_matches(';')) });
                }
            }
            header.structs.push(named(name, "", members));
        } else if line.starts_with("enum ") {
            // The constants again.
            lines.by_ref().find(|line| *line == "};");
        } else if let Some(opaque) = line.strip_prefix("typedef struct ") {
            header.opaque.push(named(opaque.split(' ').next().unwrap(), "", vec![]));
        } else if let Some(callback) = line.strip_prefix("typedef ") {
            let name = callback.split("(*").nth(1).unwrap().split(')').next().unwrap();
            header.callbacks.push(named(name, line, vec![]));
        } else if line.ends_with(");") {
            let (head, parameters) = line.trim_end_matches(");").split_once('(').unwrap();
            let Member { ty, name, .. } = member(head);
            let members = parameters.split(',').filter(|p| p.trim() != "void").map(member).collect();
            header.functions.push(Function { name, result: ty, members, doc });
        }
    }
    header
}
