//! What lanes compute, each by itself, as the PTX manual defines it. A register is 64 bits; an instruction reads and writes
//! the low ones of its type.

use crate::ptx::{Code, Compare, Float, Instruction, Kind, Operand, Round, Ty};
use half::f16;

/// A number in each lane.
pub type Lanes = [u64; 32];

/// The low `bits` of a number.
pub fn low(v: u64, bits: u32) -> u64 {
    if bits >= 64 { v } else { v & ((1 << bits) - 1) }
}

/// The low bits as a signed number.
fn signed(v: u64, bits: u32) -> i64 {
    (v << (64 - bits)).cast_signed() >> (64 - bits)
}

#[allow(clippy::cast_possible_truncation)]
fn float(v: u64) -> f32 {
    f32::from_bits(v as u32)
}

fn bits(v: f32) -> u64 {
    u64::from(v.to_bits())
}

#[allow(clippy::cast_possible_truncation)]
fn half(v: u64) -> f16 {
    f16::from_bits(v as u16)
}

fn one(a: &Lanes, f: impl Fn(u64) -> u64) -> Lanes {
    std::array::from_fn(|i| f(a[i]))
}

fn two(a: &Lanes, b: &Lanes, f: impl Fn(u64, u64) -> u64) -> Lanes {
    std::array::from_fn(|i| f(a[i], b[i]))
}

fn three(a: &Lanes, b: &Lanes, c: &Lanes, f: impl Fn(u64, u64, u64) -> u64) -> Lanes {
    std::array::from_fn(|i| f(a[i], b[i], c[i]))
}

/// The smaller one; where one is not a number, the other.
fn least(a: f32, b: f32) -> f32 {
    a.min(b)
}

fn most(a: f32, b: f32) -> f32 {
    a.max(b)
}

fn floats(code: Code, v: [&Lanes; 3]) -> Option<Lanes> {
    let [a, b, c] = v;
    Some(match code {
        Code::Add => two(a, b, |a, b| bits(float(a) + float(b))),
        Code::Sub => two(a, b, |a, b| bits(float(a) - float(b))),
        Code::MulLow => two(a, b, |a, b| bits(float(a) * float(b))),
        Code::Div => two(a, b, |a, b| bits(float(a) / float(b))),
        Code::Min => two(a, b, |a, b| bits(least(float(a), float(b)))),
        Code::Max => two(a, b, |a, b| bits(most(float(a), float(b)))),
        Code::Fma => three(a, b, c, |a, b, c| bits(float(a).mul_add(float(b), float(c)))),
        Code::Neg => one(a, |a| bits(-float(a))),
        Code::Abs => one(a, |a| bits(float(a).abs())),
        Code::Function(function) => one(a, |a| bits(of_float(function, float(a)))),
        _ => return None,
    })
}

/// Functions that hardware approximates are right to the last bit here or the one before.
#[allow(clippy::cast_possible_truncation)]
fn of_float(function: Float, x: f32) -> f32 {
    let wide = f64::from(x);
    match function {
        Float::Exp2 => {
            let y = wide.exp2() as f32;
            if y.is_subnormal() { 0.0 } else { y }
        }
        Float::Log2 => wide.log2() as f32,
        Float::Reciprocal => 1.0 / x,
        Float::Root => x.sqrt(),
        Float::InverseRoot => (1.0 / wide.sqrt()) as f32,
        Float::Sine => wide.sin() as f32,
        Float::Cosine => wide.cos() as f32,
    }
}

fn halves(code: Code, v: [&Lanes; 3]) -> Option<Lanes> {
    let f = |v: u64| half(v).to_f32();
    let put = |v: f32| u64::from(f16::from_f32(v).to_bits());
    Some(match code {
        Code::Add => two(v[0], v[1], |a, b| put(f(a) + f(b))),
        Code::Sub => two(v[0], v[1], |a, b| put(f(a) - f(b))),
        Code::MulLow => two(v[0], v[1], |a, b| put(f(a) * f(b))),
        Code::Neg => one(v[0], |a| a ^ 0x8000),
        _ => return None,
    })
}

/// Shifts: amounts beyond the width give 0 or the sign.
#[allow(clippy::cast_possible_truncation)]
fn shift(code: Code, ty: Ty, a: u64, by: u64) -> u64 {
    let by = (by as u32).min(ty.bits);
    let a = low(a, ty.bits);
    match (code, ty.kind) {
        (Code::Shl, _) => a.checked_shl(by).unwrap_or(0),
        (_, Kind::Signed) => (signed(a, ty.bits) >> by.min(ty.bits - 1)).cast_unsigned(),
        _ => a.checked_shr(by).unwrap_or(0),
    }
}

fn integers(code: Code, ty: Ty, v: [&Lanes; 3]) -> Option<Lanes> {
    let [a, b, c] = v;
    let n = ty.bits;
    let is_signed = ty.kind == Kind::Signed;
    // Numbers as wide as their product.
    let wide = |x: u64| if is_signed { i128::from(signed(x, n)) } else { i128::from(low(x, n)) };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let narrow = |x: i128| x as u64;
    Some(match code {
        Code::Add => two(a, b, u64::wrapping_add),
        Code::Sub => two(a, b, u64::wrapping_sub),
        Code::MulLow => two(a, b, u64::wrapping_mul),
        Code::MulHigh => two(a, b, |a, b| narrow((wide(a) * wide(b)) >> n)),
        Code::MulWide => two(a, b, |a, b| narrow(wide(a) * wide(b))),
        Code::MadLow => three(a, b, c, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        Code::MadWide => three(a, b, c, |a, b, c| narrow(wide(a) * wide(b)).wrapping_add(c)),
        Code::Div => two(a, b, |a, b| wide(a).checked_div(wide(b)).map_or(u64::MAX, narrow)),
        Code::Rem => two(a, b, |a, b| wide(a).checked_rem(wide(b)).map_or(u64::MAX, narrow)),
        Code::Min => two(a, b, |a, b| narrow(wide(a).min(wide(b)))),
        Code::Max => two(a, b, |a, b| narrow(wide(a).max(wide(b)))),
        Code::Neg => one(a, u64::wrapping_neg),
        Code::Abs => one(a, |a| narrow(wide(a).abs())),
        Code::Shl | Code::Shr => two(a, b, |a, b| shift(code, ty, a, b)),
        Code::Popc => one(a, |a| u64::from(low(a, n).count_ones())),
        Code::Clz => one(a, |a| u64::from(low(a, n).leading_zeros() - (64 - n))),
        _ => return None,
    })
}

fn logic(code: Code, v: [&Lanes; 3], table: u64) -> Option<Lanes> {
    let [a, b, c] = v;
    Some(match code {
        Code::And => two(a, b, |a, b| a & b),
        Code::Or => two(a, b, |a, b| a | b),
        Code::Xor => two(a, b, |a, b| a ^ b),
        Code::Not => one(a, |a| !a),
        Code::Lop3 => three(a, b, c, |a, b, c| {
            let term = |i: u64| {
                let pick = |v: u64, bit: u64| if i & bit == 0 { !v } else { v };
                if table >> i & 1 == 1 { pick(a, 4) & pick(b, 2) & pick(c, 1) } else { 0 }
            };
            (0..8).fold(0, |sum, i| sum | term(i))
        }),
        _ => return None,
    })
}

/// Bytes of two words, picked by the nibbles of a third; a nibble's top bit repeats the byte's sign.
fn permute(a: u64, b: u64, pick: u64) -> u64 {
    let bytes = low(a, 32) | low(b, 32) << 32;
    (0..4).fold(0, |word, i| {
        let nibble = pick >> (4 * i) & 15;
        let byte = bytes >> (8 * (nibble & 7)) & 255;
        let byte = if nibble & 8 == 0 { byte } else { 255 * (byte >> 7) };
        word | byte << (8 * i)
    })
}

#[allow(clippy::cast_possible_truncation)]
fn extract(ty: Ty, a: u64, start: u64, count: u64) -> u64 {
    let (start, count) = ((start & 255) as u32, (count & 255) as u32);
    let a = low(a, ty.bits);
    if count == 0 {
        return 0;
    }
    let top = (start + count - 1).min(ty.bits - 1);
    let field = low(a.checked_shr(start).unwrap_or(0), count.min(ty.bits));
    let negative = ty.kind == Kind::Signed && a >> top & 1 == 1;
    let kept = (top + 1).saturating_sub(start);
    if negative && kept < 64 { field | u64::MAX << kept } else { field }
}

#[allow(clippy::cast_possible_truncation)]
fn insert(ty: Ty, field: u64, into: u64, start: u64, count: u64) -> u64 {
    let (start, count) = ((start & 255) as u32, (count & 255) as u32);
    let mask = low(low(u64::MAX, count.min(64)).checked_shl(start).unwrap_or(0), ty.bits);
    into & !mask | field.checked_shl(start).unwrap_or(0) & mask
}

fn dot(first: Kind, second: Kind, a: u64, b: u64, c: u64) -> u64 {
    let byte = |v: u64, i: u64, kind: Kind| {
        let byte = low(v >> (8 * i), 8);
        if kind == Kind::Signed { signed(byte, 8) } else { byte.cast_signed() }
    };
    let sum: i64 = (0..4).map(|i| byte(a, i, first) * byte(b, i, second)).sum();
    c.wrapping_add(sum.cast_unsigned())
}

fn ordered(how: Compare, order: Option<std::cmp::Ordering>) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match how {
        Compare::Eq => order == Some(Equal),
        Compare::Ne => matches!(order, Some(Less | Greater)),
        Compare::Lt => order == Some(Less),
        Compare::Le => matches!(order, Some(Less | Equal)),
        Compare::Gt => order == Some(Greater),
        Compare::Ge => matches!(order, Some(Greater | Equal)),
        Compare::Equ => matches!(order, None | Some(Equal)),
        Compare::Neu => order != Some(Equal),
        Compare::Ltu => matches!(order, None | Some(Less)),
        Compare::Leu => order != Some(Greater),
        Compare::Gtu => matches!(order, None | Some(Greater)),
        Compare::Geu => order != Some(Less),
        Compare::Nan => order.is_none(),
        Compare::Num => order.is_some(),
    }
}

fn compare(how: Compare, ty: Ty, a: &Lanes, b: &Lanes) -> Lanes {
    let n = ty.bits;
    match ty.kind {
        Kind::Float if n == 16 => two(a, b, |a, b| u64::from(ordered(how, half(a).partial_cmp(&half(b))))),
        Kind::Float => two(a, b, |a, b| u64::from(ordered(how, float(a).partial_cmp(&float(b))))),
        Kind::Signed => two(a, b, |a, b| u64::from(ordered(how, Some(signed(a, n).cmp(&signed(b, n)))))),
        _ => two(a, b, |a, b| u64::from(ordered(how, Some(low(a, n).cmp(&low(b, n)))))),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn convert(to: Ty, from: Ty, round: Option<Round>, integer: bool, saturate: bool, v: u64) -> u64 {
    let whole =
        if from.kind == Kind::Signed { i128::from(signed(v, from.bits)) } else { i128::from(low(v, from.bits)) };
    if from.kind == Kind::Float {
        let x = if from.bits == 16 { half(v).to_f32() } else { float(v) };
        if to.kind == Kind::Float && !integer {
            return if to.bits == 16 { u64::from(f16::from_f32(x).to_bits()) } else { bits(x) };
        }
        let x = match round {
            Some(Round::Nearest) => x.round_ties_even(),
            Some(Round::Down) => x.floor(),
            Some(Round::Up) => x.ceil(),
            _ => x.trunc(),
        };
        if to.kind == Kind::Float {
            return if to.bits == 16 { u64::from(f16::from_f32(x).to_bits()) } else { bits(x) };
        }
        // Not a number becomes 0; what is out of range the nearest that is in it.
        let (least, most) = match to.kind {
            Kind::Signed => (-(1i128 << (to.bits - 1)), (1i128 << (to.bits - 1)) - 1),
            _ => (0, (1i128 << to.bits) - 1),
        };
        return ((x as i128).clamp(least, most)) as u64;
    }
    if to.kind == Kind::Float {
        return if to.bits == 16 { u64::from(f16::from_f32(whole as f32).to_bits()) } else { bits(whole as f32) };
    }
    let whole = match (saturate, to.kind) {
        (true, Kind::Signed) => whole.clamp(-(1i128 << (to.bits - 1)), (1i128 << (to.bits - 1)) - 1),
        (true, _) => whole.clamp(0, (1i128 << to.bits) - 1),
        _ => whole,
    };
    // A register that is wider than the type keeps the number's sign.
    whole as u64
}

fn to_halves(a: u64, b: u64) -> u64 {
    let put = |v: u64| u64::from(f16::from_f32(float(v)).to_bits());
    put(a) << 16 | put(b)
}

fn funnel(left: bool, clamp: bool, v: [u64; 3]) -> u64 {
    let both = low(v[1], 32) << 32 | low(v[0], 32);
    let by = if clamp { low(v[2], 32).min(32) } else { v[2] & 31 };
    if left { both << by >> 32 } else { both >> by }
}

/// What an instruction of lanes alone leaves in its result, from its sources; `None` where it is none of these.
pub fn compute(instruction: &Instruction, sources: &[Lanes]) -> Option<Lanes> {
    const NONE: Lanes = [0; 32];
    let at = |i: usize| sources.get(i).unwrap_or(&NONE);
    let (a, b, c, ty) = (at(0), at(1), at(2), instruction.ty);
    let v = [a, b, c];
    let found = match instruction.code {
        Code::Mov | Code::ToSpace(crate::ptx::Space::Global) | Code::ToGeneric(crate::ptx::Space::Global) => *a,
        Code::Select => three(a, b, c, |a, b, c| if c & 1 == 1 { a } else { b }),
        Code::Set(how) => compare(how, ty, a, b),
        Code::Convert { from, round, integer, saturate } => match ty.kind {
            Kind::Halves if from.is_f32() => two(a, b, to_halves),
            _ => one(a, |v| convert(ty, from, round, integer, saturate, v)),
        },
        Code::Dp4a { first, second } => three(a, b, c, |a, b, c| dot(first, second, a, b, c)),
        Code::Permute => three(a, b, c, permute),
        Code::Extract => three(a, b, c, |a, b, c| extract(ty, a, b, c)),
        Code::Insert => std::array::from_fn(|i| insert(ty, a[i], b[i], c[i], at(3)[i])),
        Code::Funnel { left, clamp } => three(a, b, c, |a, b, c| funnel(left, clamp, [a, b, c])),
        Code::And | Code::Or | Code::Xor | Code::Not | Code::Lop3 => logic(instruction.code, v, at(3)[0])?,
        code if ty.kind == Kind::Float && ty.bits == 32 => floats(code, v)?,
        code if ty.kind == Kind::Float && ty.bits == 16 => halves(code, v)?,
        code if matches!(ty.kind, Kind::Signed | Kind::Unsigned | Kind::Bits) => integers(code, ty, v)?,
        _ => return None,
    };
    // Results are kept as wide as their type, but for those that are wider or sign-extended by definition.
    let bits = match instruction.code {
        Code::MulWide | Code::MadWide => 2 * ty.bits,
        Code::Set(_) => 1,
        Code::Convert { .. } if ty.kind == Kind::Signed => 64,
        Code::Popc | Code::Clz => 32,
        _ => ty.bits,
    };
    Some(one(&found, |v| low(v, bits)))
}

/// The operands of an instruction that are sources of lanes alone.
pub fn is_source(operand: &Operand) -> bool {
    matches!(operand, Operand::Reg(_) | Operand::Imm(_))
}
