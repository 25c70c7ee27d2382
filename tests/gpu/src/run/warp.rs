//! One warp: registers of 32 lanes, the places at which groups of them stand, and the asynchronous copies they began.

use super::alu::{self, Lanes, low};
use super::shared::Shared;
use super::{Counts, Launch, Memory, STEPS, access, tensor};
use crate::ptx::{Code, Instruction, Kernel, Kind, Mma, Operand, SPECIAL, Shuffle, Space};

const ALL: u32 = u32::MAX;

/// Why a warp stops for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It waits for the others of its block.
    Barrier,
    /// All lanes are done.
    End,
}

/// An asynchronous copy under way; `kept` of its bytes come from there, the others are 0.
#[derive(Debug, Clone, Copy)]
struct Copy {
    to: u64,
    from: u64,
    bytes: usize,
    kept: usize,
}

/// One warp of a block.
pub struct Warp<'a> {
    kernel: &'a Kernel,
    parameters: &'a [u8],
    registers: Vec<Lanes>,
    /// The instruction that `lanes` execute next.
    next: usize,
    lanes: u32,
    /// Groups of lanes that stand elsewhere, further behind.
    aside: Vec<(usize, u32)>,
    /// Lanes that have not returned.
    alive: u32,
    number: u16,
    open: Vec<Copy>,
    /// Groups of copies, the oldest first.
    groups: Vec<Vec<Copy>>,
    steps: u64,
}

/// What goes wrong at an instruction.
type Fallible<T> = Result<T, String>;

impl<'a> Warp<'a> {
    /// Warp `number` of the block at `at`, before its first instruction.
    pub fn new(kernel: &'a Kernel, launch: &Launch<'a>, at: [u32; 3], number: u32) -> Self {
        let mut registers = vec![[0; 32]; kernel.registers.max(SPECIAL.len())];
        let [x, y, _] = launch.block;
        for lane in 0..32u32 {
            let thread = number * 32 + lane;
            let special = [thread % x, thread / x % y, thread / x / y]
                .into_iter()
                .chain(launch.block)
                .chain(at)
                .chain(launch.grid)
                .chain([lane]);
            for (register, value) in registers.iter_mut().zip(special) {
                register[lane as usize] = u64::from(value);
            }
        }
        Self {
            kernel,
            parameters: launch.parameters,
            registers,
            next: 0,
            lanes: ALL,
            aside: Vec::new(),
            alive: ALL,
            number: u16::try_from(number).unwrap_or(u16::MAX),
            open: Vec::new(),
            groups: Vec::new(),
            steps: 0,
        }
    }

    /// Whether all lanes are done.
    pub fn ended(&self) -> bool {
        self.alive == 0
    }

    /// The line of the instruction that was executed last.
    pub fn line(&self) -> usize {
        self.kernel.code.get(self.next.saturating_sub(1)).map_or(0, |i| i.line)
    }

    /// Executes up to the next barrier or the end.
    pub fn run(
        &mut self,
        memory: &mut Memory,
        shared: &mut Shared,
        counts: &mut Counts,
    ) -> Result<Stop, (usize, String)> {
        while self.alive != 0 {
            self.gather();
            let kernel = self.kernel;
            let Some(instruction) = kernel.code.get(self.next) else {
                return Err((self.line(), "the kernel's end is reached without a return".to_owned()));
            };
            let at = |reason: String| (instruction.line, reason);
            self.steps += 1;
            counts.instructions += 1;
            if self.steps > STEPS {
                return Err(at(format!("no end after {STEPS} instructions of a warp")));
            }
            self.next += 1;
            let lanes = self.lanes & self.guard(instruction);
            if lanes == 0 && !matches!(instruction.code, Code::Barrier) {
                continue;
            }
            match instruction.code {
                Code::Branch => self.branch(instruction, lanes),
                Code::Return => self.stop(lanes).map_err(at)?,
                Code::Barrier => {
                    self.whole(lanes, "a barrier").map_err(at)?;
                    return Ok(Stop::Barrier);
                }
                _ => self.execute(instruction, lanes, memory, shared, counts).map_err(at)?,
            }
        }
        Ok(Stop::End)
    }

    /// Puts the group that stands lowest ahead, together with all that stand there.
    fn gather(&mut self) {
        if self.aside.is_empty() {
            return;
        }
        if self.lanes != 0 {
            self.aside.push((self.next, self.lanes));
        }
        let lowest = self.aside.iter().map(|g| g.0).min().unwrap_or(self.next);
        self.next = lowest;
        self.lanes = self.aside.iter().filter(|g| g.0 == lowest).fold(0, |all, g| all | g.1);
        self.aside.retain(|g| g.0 != lowest);
    }

    fn guard(&self, instruction: &Instruction) -> u32 {
        let Some((register, negated)) = instruction.guard else { return ALL };
        let values = &self.registers[register as usize];
        let set = (0..32).fold(0, |set, lane| set | u32::from(values[lane] & 1 == 1) << lane);
        if negated { !set } else { set }
    }

    fn branch(&mut self, instruction: &Instruction, lanes: u32) {
        let Some(Operand::Target(to)) = instruction.operands.first() else { return };
        let stay = self.lanes & !lanes;
        if stay == 0 {
            self.next = *to;
        } else {
            self.aside.push((*to, lanes));
            self.lanes = stay;
        }
    }

    fn stop(&mut self, lanes: u32) -> Fallible<()> {
        self.alive &= !lanes;
        self.lanes &= !lanes;
        if self.alive == 0 && !(self.open.is_empty() && self.groups.is_empty()) {
            return Err("the warp ends before its copies were waited for (asynchronous)".to_owned());
        }
        // The others stand elsewhere, or behind this instruction with a guard.
        if self.lanes == 0 && self.alive != 0 && self.aside.is_empty() {
            return Err("lanes are lost".to_owned());
        }
        Ok(())
    }

    fn whole(&self, lanes: u32, what: &str) -> Fallible<()> {
        if lanes == ALL {
            return Ok(());
        }
        let gone = ALL & !self.alive;
        let why = if gone != 0 { "others have returned" } else { "others are elsewhere" };
        Err(format!("{what} by lanes {lanes:#010x} alone; {why} (collective)"))
    }

    fn value(&self, operand: &Operand) -> Lanes {
        match operand {
            Operand::Reg(slot) => self.registers[*slot as usize],
            Operand::Imm(value) => [*value; 32],
            _ => [0; 32],
        }
    }

    /// The operands of a list, or one by itself.
    fn several(operand: &Operand) -> &[Operand] {
        match operand {
            Operand::List(list) => list,
            one => std::slice::from_ref(one),
        }
    }

    fn put(&mut self, operand: &Operand, lanes: u32, values: &Lanes) -> Fallible<()> {
        let Operand::Reg(slot) = operand else { return Err("the result is no register".to_owned()) };
        let register = &mut self.registers[*slot as usize];
        if lanes == ALL {
            *register = *values;
        } else {
            (0..32).filter(|lane| lanes >> lane & 1 == 1).for_each(|lane| register[lane] = values[lane]);
        }
        Ok(())
    }

    fn addresses(&self, operand: &Operand) -> Fallible<Lanes> {
        let Operand::Address(base, offset) = operand else { return Err("an address is none".to_owned()) };
        let base = base.map_or([0; 32], |slot| self.registers[slot as usize]);
        Ok(base.map(|b| b.wrapping_add(offset.cast_unsigned())))
    }

    fn execute(
        &mut self,
        instruction: &Instruction,
        lanes: u32,
        memory: &mut Memory,
        shared: &mut Shared,
        counts: &mut Counts,
    ) -> Fallible<()> {
        let o = instruction.operands.as_slice();
        let wanted = |n: usize| if o.len() == n { Ok(()) } else { Err(format!("{} operands, not {n}", o.len())) };
        match instruction.code {
            Code::Load(space) => wanted(2).and_then(|()| self.load(instruction, space, lanes, memory, shared, counts)),
            Code::Store(space) => {
                wanted(2).and_then(|()| self.store(instruction, space, lanes, memory, shared, counts))
            }
            Code::Shuffle(how) => wanted(5).and_then(|()| self.shuffle(how, o, lanes)),
            Code::WarpBarrier => self.whole(lanes, "a barrier of a warp"),
            Code::CopyAsync => self.begin(o, lanes, shared, counts),
            Code::Commit => {
                self.whole(lanes, "a group of copies")?;
                self.groups.push(std::mem::take(&mut self.open));
                Ok(())
            }
            Code::Wait { all } => {
                self.whole(lanes, "a wait for copies")?;
                let left = match o.first() {
                    Some(Operand::Imm(left)) if !all => usize::try_from(*left).unwrap_or(usize::MAX),
                    _ => 0,
                };
                if all {
                    self.groups.push(std::mem::take(&mut self.open));
                }
                self.wait(left, memory, shared)
            }
            Code::LoadMatrix { count, turned } => {
                wanted(2).and_then(|()| self.load_matrix(o, count, turned, lanes, shared, counts))
            }
            Code::Mma(mma) => wanted(4).and_then(|()| self.mma(mma, o, lanes, counts)),
            Code::Mov if o.iter().any(|o| matches!(o, Operand::List(_))) => self.parts(instruction, lanes),
            Code::ToSpace(Space::Shared) | Code::ToGeneric(_) => {
                Err("a generic address, which our kernels do not use".to_owned())
            }
            _ => {
                let Some((result, sources)) = o.split_first() else { return Err("no operands".to_owned()) };
                if matches!(instruction.code, Code::Dp4a { .. }) {
                    counts.dp4a += 1;
                }
                if !sources.iter().all(alu::is_source) {
                    return Err("an operand of this kind is not known here".to_owned());
                }
                let mut values = [[0; 32]; 4];
                for (value, source) in values.iter_mut().zip(sources) {
                    *value = self.value(source);
                }
                let found = alu::compute(instruction, &values).ok_or("the type is not known for this opcode")?;
                self.put(result, lanes, &found)
            }
        }
    }

    /// `mov` between a register and parts of it.
    fn parts(&mut self, instruction: &Instruction, lanes: u32) -> Fallible<()> {
        let (to, from) = (&instruction.operands[0], &instruction.operands[1]);
        if let Operand::List(parts) = to {
            let value = self.value(from);
            let bits = instruction.ty.bits / u32::try_from(parts.len()).unwrap_or(1).max(1);
            for (part, at) in parts.iter().zip(0..) {
                self.put(part, lanes, &value.map(|v| low(v >> (at * bits), bits)))?;
            }
            return Ok(());
        }
        let parts = Self::several(from);
        let bits = instruction.ty.bits / u32::try_from(parts.len()).unwrap_or(1).max(1);
        let mut whole = [0; 32];
        for (part, at) in parts.iter().zip(0..) {
            let value = self.value(part);
            (0..32).for_each(|lane| whole[lane] |= low(value[lane], bits) << (at * bits));
        }
        self.put(to, lanes, &whole)
    }

    fn load(
        &mut self,
        instruction: &Instruction,
        space: Space,
        lanes: u32,
        memory: &mut Memory,
        shared: &mut Shared,
        counts: &mut Counts,
    ) -> Fallible<()> {
        let ty = instruction.ty;
        let addresses = self.addresses(&instruction.operands[1])?;
        let results = Self::several(&instruction.operands[0]);
        let bytes = ty.bytes() * results.len();
        let mut found = vec![[0; 32]; results.len()];
        match space {
            Space::Global => {
                let sectors = access::sectors(&addresses, lanes, bytes);
                counts.load_sectors += sectors.len() as u64;
                sectors.iter().for_each(|s| memory.asked(s * 32));
            }
            Space::Shared => counts.bank_conflicts += access::conflicts(&addresses, lanes, bytes),
            Space::Parameter => {}
        }
        let mut buffer = [0; 32];
        for lane in (0..32).filter(|lane| lanes >> lane & 1 == 1) {
            let (at, to) = (addresses[lane], &mut buffer[..bytes]);
            access::aligned(at, bytes, space)?;
            match space {
                Space::Global => memory.read(at, to).map_err(|e| format!("reads global memory: {e}"))?,
                Space::Shared => shared.read(self.number, at, to)?,
                Space::Parameter => {
                    let start = usize::try_from(at).unwrap_or(usize::MAX);
                    let from = start.checked_add(bytes).and_then(|end| self.parameters.get(start..end));
                    to.copy_from_slice(from.ok_or("reads behind the parameters (out of bounds)")?);
                }
            }
            for (values, part) in found.iter_mut().zip(to.chunks_exact(ty.bytes())) {
                let value = part.iter().rev().fold(0, |v, byte| v << 8 | u64::from(*byte));
                let shift = 64 - ty.bits;
                values[lane] = if ty.kind == Kind::Signed {
                    ((value << shift).cast_signed() >> shift).cast_unsigned()
                } else {
                    value
                };
            }
        }
        results.iter().zip(&found).try_for_each(|(result, values)| self.put(result, lanes, values))
    }

    fn store(
        &mut self,
        instruction: &Instruction,
        space: Space,
        lanes: u32,
        memory: &mut Memory,
        shared: &mut Shared,
        counts: &mut Counts,
    ) -> Fallible<()> {
        let ty = instruction.ty;
        let addresses = self.addresses(&instruction.operands[0])?;
        let values: Vec<Lanes> = Self::several(&instruction.operands[1]).iter().map(|o| self.value(o)).collect();
        let bytes = ty.bytes() * values.len();
        match space {
            Space::Global => counts.store_sectors += access::sectors(&addresses, lanes, bytes).len() as u64,
            Space::Shared => counts.bank_conflicts += access::conflicts(&addresses, lanes, bytes),
            Space::Parameter => return Err("writes parameters".to_owned()),
        }
        for lane in (0..32).filter(|lane| lanes >> lane & 1 == 1) {
            let at = addresses[lane];
            access::aligned(at, bytes, space)?;
            let data: Vec<u8> =
                values.iter().flat_map(|v| v[lane].to_le_bytes().into_iter().take(ty.bytes())).collect();
            match space {
                Space::Shared => shared.write(self.number, at, &data)?,
                _ => memory.write(at, &data).map_err(|e| format!("writes global memory: {e}"))?,
            }
        }
        Ok(())
    }

    fn shuffle(&mut self, how: Shuffle, o: &[Operand], lanes: u32) -> Fallible<()> {
        self.whole(lanes, "a shuffle")?;
        let (values, by, limits, members) =
            (self.value(&o[1]), self.value(&o[2]), self.value(&o[3]), self.value(&o[4]));
        if members.iter().any(|m| low(*m, 32) != u64::from(ALL)) {
            return Err("a shuffle that names fewer than all lanes (collective)".to_owned());
        }
        let found = std::array::from_fn(|lane| {
            let (limit, fence) = (limits[lane] as usize & 31, limits[lane] as usize >> 8 & 31);
            let by = by[lane] as usize & 31;
            let last = lane & fence | limit & !fence;
            let first = lane & fence;
            let (from, within) = match how {
                Shuffle::Up => (lane.wrapping_sub(by), lane >= by && lane - by >= last),
                Shuffle::Down => (lane + by, lane + by <= last),
                Shuffle::Xor => (lane ^ by, lane ^ by <= last),
                Shuffle::Index => (first | by & !fence, first | by & !fence <= last),
            };
            low(values[if within { from } else { lane }], 32)
        });
        self.put(&o[0], lanes, &found)
    }

    fn begin(&mut self, o: &[Operand], lanes: u32, shared: &mut Shared, counts: &mut Counts) -> Fallible<()> {
        if o.len() < 3 {
            return Err("a copy without a size".to_owned());
        }
        let (to, from) = (self.addresses(&o[0])?, self.addresses(&o[1])?);
        let bytes = usize::try_from(self.value(&o[2])[0]).unwrap_or(0);
        let kept = o.get(3).map_or([bytes as u64; 32], |kept| self.value(kept));
        if ![4, 8, 16].contains(&bytes) {
            return Err(format!("a copy of {bytes} bytes"));
        }
        counts.load_sectors += access::sectors(&from, lanes, bytes).len() as u64;
        counts.bank_conflicts += access::conflicts(&to, lanes, bytes);
        for lane in (0..32).filter(|lane| lanes >> lane & 1 == 1) {
            let kept = usize::try_from(low(kept[lane], 32)).unwrap_or(0).min(bytes);
            access::aligned(from[lane], bytes, Space::Global)?;
            shared.begin(self.number, to[lane], bytes)?;
            self.open.push(Copy { to: to[lane], from: from[lane], bytes, kept });
        }
        Ok(())
    }

    fn wait(&mut self, left: usize, memory: &mut Memory, shared: &mut Shared) -> Fallible<()> {
        let done = self.groups.len().saturating_sub(left);
        for copy in self.groups.drain(..done).flatten() {
            let mut data = [0; 16];
            memory.read(copy.from, &mut data[..copy.kept]).map_err(|e| format!("copies global memory: {e}"))?;
            shared.arrive(self.number, copy.to, &data[..copy.bytes])?;
        }
        Ok(())
    }

    fn load_matrix(
        &mut self,
        o: &[Operand],
        count: usize,
        turned: bool,
        lanes: u32,
        shared: &mut Shared,
        counts: &mut Counts,
    ) -> Fallible<()> {
        self.whole(lanes, "a load of matrices")?;
        let addresses = self.addresses(&o[1])?;
        for (result, matrix) in Self::several(&o[0]).iter().zip(0..count) {
            let mut rows = [[0; 16]; 8];
            for (row, at) in rows.iter_mut().zip(&addresses[matrix * 8..]) {
                shared.read(self.number, *at, row)?;
            }
            counts.bank_conflicts += access::conflicts(&addresses, 0xff << (8 * matrix), 16);
            self.put(result, lanes, &tensor::spread(&rows, turned))?;
        }
        Ok(())
    }

    fn mma(&mut self, mma: Mma, o: &[Operand], lanes: u32, counts: &mut Counts) -> Fallible<()> {
        self.whole(lanes, "a product of matrices")?;
        counts.mma += 1;
        let read = |o: &Operand| Self::several(o).iter().map(|o| self.value(o)).collect::<Vec<_>>();
        let (a, b, c) = (read(&o[1]), read(&o[2]), read(&o[3]));
        let d = tensor::multiply(mma, &a, &b, &c);
        Self::several(&o[0]).iter().zip(&d).try_for_each(|(result, values)| self.put(result, lanes, values))
    }
}
