//! The text of a module, line by line: nvcc writes one instruction a line, and so does the inline text of our kernels.

use super::{Instruction, Kernel, Module, Operand, SPECIAL, opcode};
use std::collections::{BTreeMap, HashMap};

/// The kernel that is being read.
struct Open {
    kernel: Kernel,
    slots: HashMap<String, u32>,
    labels: HashMap<String, usize>,
    /// Branches: instruction, label.
    jumps: Vec<(usize, String)>,
    /// Parameters: name, first byte.
    parameters: HashMap<String, usize>,
    /// Whether the body has begun.
    body: bool,
}

/// Aligns `at` to what `.align N` says in `words`, and the bytes of `.bN name[count]` behind it.
fn variable(line: &str, at: usize) -> Option<(String, usize, usize)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let align = words.iter().position(|w| *w == ".align").and_then(|i| words.get(i + 1)?.parse().ok());
    let ty = words.iter().rev().nth(1)?.strip_prefix('.')?;
    let bytes = opcode::Ty::parse(ty)?.bytes();
    let last = words.last()?.trim_end_matches([',', ';']);
    let (name, count) = match last.split_once('[') {
        Some((name, count)) => (name, count.trim_end_matches(']').parse::<usize>().ok()?),
        None => (last, 1),
    };
    let start = at.next_multiple_of(align.unwrap_or(bytes).max(1));
    Some((name.to_owned(), start, start + bytes * count))
}

fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0f").filter(|h| h.len() == 8) {
        return u32::from_str_radix(hex, 16).ok().map(u64::from);
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

impl Open {
    fn new(name: &str) -> Self {
        let slots = SPECIAL.iter().zip(0..).map(|(name, slot)| ((*name).to_owned(), slot)).collect();
        let kernel = Kernel {
            name: name.to_owned(),
            parameters: 0,
            registers: SPECIAL.len(),
            shared: 0,
            threads: None,
            code: Vec::new(),
        };
        let (labels, jumps, parameters) = (HashMap::new(), Vec::new(), HashMap::new());
        Self { kernel, slots, labels, jumps, parameters, body: false }
    }

    fn slot(&mut self, name: &str) -> u32 {
        let next = self.slots.len();
        let slot = *self.slots.entry(name.to_owned()).or_insert(u32::try_from(next).unwrap_or(u32::MAX));
        self.kernel.registers = self.slots.len();
        slot
    }

    fn operand(&mut self, text: &str, shared: &HashMap<String, usize>) -> Result<Operand, String> {
        let text = text.trim();
        if let Some(list) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            return list.split(',').map(|o| self.operand(o, shared)).collect::<Result<_, _>>().map(Operand::List);
        }
        if let Some(address) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            let (base, offset) = match address.split_once('+') {
                Some((base, offset)) => {
                    (base, offset.parse::<i64>().map_err(|_| format!("the address {address} is not known"))?)
                }
                None => (address, 0),
            };
            if base.starts_with('%') {
                return Ok(Operand::Address(Some(self.slot(base)), offset));
            }
            let start = self.parameters.get(base).or(shared.get(base));
            let start = start.ok_or_else(|| format!("the name {base} is not known"))?;
            return Ok(Operand::Address(None, i64::try_from(*start).unwrap_or(i64::MAX) + offset));
        }
        if text.starts_with('%') {
            let special = text.contains('.') || text == "%laneid";
            if special && !SPECIAL.contains(&text) || text.starts_with("%clock") || text.starts_with("%lanemask") {
                return Err(format!("the register {text} is not known"));
            }
            return Ok(Operand::Reg(self.slot(text)));
        }
        if let Some(start) = shared.get(text) {
            return Ok(Operand::Imm(*start as u64));
        }
        number(text).map(Operand::Imm).ok_or_else(|| format!("the operand {text} is not known"))
    }

    fn instruction(&mut self, line: usize, text: &str, shared: &HashMap<String, usize>) -> Result<(), String> {
        let mut rest = text;
        let mut guard = None;
        if let Some(guarded) = rest.strip_prefix('@') {
            let (predicate, behind) = guarded.split_once(char::is_whitespace).ok_or("a guard guards nothing")?;
            let negated = predicate.starts_with('!');
            guard = Some((self.slot(predicate.trim_start_matches('!')), negated));
            rest = behind.trim();
        }
        let (name, operands) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (code, ty) = opcode::parse(name).ok_or_else(|| format!("the opcode {name} is not known"))?;
        let mut parsed = Vec::new();
        if code == opcode::Code::Branch {
            self.jumps.push((self.kernel.code.len(), operands.trim().to_owned()));
        } else {
            for operand in split(operands) {
                parsed.push(self.operand(operand, shared)?);
            }
        }
        self.kernel.code.push(Instruction { line, guard, code, ty, operands: parsed });
        Ok(())
    }

    fn close(mut self) -> Result<Kernel, String> {
        for (at, label) in &self.jumps {
            let target = self.labels.get(label).ok_or_else(|| format!("the label {label} is nowhere"))?;
            self.kernel.code[*at].operands = vec![Operand::Target(*target)];
        }
        Ok(self.kernel)
    }
}

/// Operands between commas that are not in braces.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !text[from..].trim().is_empty() {
        found.push(&text[from..]);
    }
    found
}

/// Reads a module; see [`Module::parse`].
pub fn module(text: &str) -> Result<Module, String> {
    let mut module = Module { version: (0, 0), target: 0, kernels: BTreeMap::new() };
    let mut open: Option<Open> = None;
    // What the module has outside of kernels, and what it and the kernel that is being read have: names, first bytes, the end.
    let mut outside = (HashMap::new(), 0);
    let mut inside = (HashMap::new(), 0);
    for (index, line) in text.lines().enumerate() {
        let at = |reason: String| format!("line {}: {reason}", index + 1);
        let line = line.split("//").next().unwrap_or_default().trim();
        let statement = line.trim_end_matches(';').trim();
        if statement.is_empty() || statement == "(" || statement == ".address_size 64" {
            continue;
        }
        if let Some(version) = statement.strip_prefix(".version ") {
            let parsed = version.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            module.version = parsed.ok_or_else(|| at(format!("the version {version} is no version")))?;
        } else if let Some(target) = statement.strip_prefix(".target sm_") {
            module.target = target.parse().map_err(|_| at(format!("the target sm_{target} is not known")))?;
        } else if let Some(name) = statement.strip_prefix(".visible .entry ") {
            open = Some(Open::new(name.trim_end_matches('(').trim_end_matches("()")));
            inside = outside.clone();
        } else if statement.contains(".shared ") && statement.starts_with('.') {
            let shared = if open.is_some() { &mut inside } else { &mut outside };
            let (name, start, end) =
                variable(statement, shared.1).ok_or_else(|| at(format!("{statement} is not known")))?;
            shared.0.insert(name, start);
            shared.1 = end;
        } else if let Some(kernel) = &mut open {
            if statement.starts_with(".param ") {
                let (name, start, end) = variable(statement, kernel.kernel.parameters)
                    .ok_or_else(|| at(format!("{statement} is not known")))?;
                kernel.parameters.insert(name, start);
                kernel.kernel.parameters = end;
            } else if let Some(threads) = statement.strip_prefix(".maxntid ") {
                kernel.kernel.threads = threads.split(',').next().and_then(|n| n.trim().parse().ok());
            } else if statement == "{" {
                kernel.body = true;
            } else if statement == "}" {
                let mut kernel = open.take().ok_or("a brace closes nothing")?.close().map_err(at)?;
                kernel.shared = inside.1;
                module.kernels.insert(kernel.name.clone(), kernel);
            } else if let Some(label) = statement.strip_suffix(':') {
                kernel.labels.insert(label.to_owned(), kernel.kernel.code.len());
            } else if kernel.body && !statement.starts_with(['.', ')']) {
                kernel.instruction(index + 1, statement, &inside.0).map_err(at)?;
            } else if ![".reg", ".pragma", ".minnctapersm", ".maxnreg", ")"].iter().any(|s| statement.starts_with(s)) {
                return Err(at(format!("{statement} is not known")));
            }
        } else {
            return Err(at(format!("{statement} is not known")));
        }
    }
    if module.target == 0 || open.is_some() {
        return Err("the module has no target or ends within a kernel".to_owned());
    }
    Ok(module)
}
