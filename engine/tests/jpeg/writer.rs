//! Writes JPEG files byte by byte (ITU-T T.81): any sampling factors, any scans, sequential and progressive, restart markers,
//! and Huffman tables made for the symbols of each scan, short codes first.
//!
//! There is no picture to begin with: coefficients come from a formula, and what they look like is for Pillow to say.

use super::noise::Noise;

/// A component's place in the file.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    pub id: u8,
    pub h: usize,
    pub v: usize,
    pub quantization: u8,
}

/// A scan: which components, which coefficients, which bits of them.
#[derive(Debug, Clone)]
pub struct Scan {
    pub components: Vec<usize>,
    pub first: usize,
    pub last: usize,
    pub high: u32,
    pub low: u32,
}

impl Scan {
    pub fn of(components: &[usize], first: usize, last: usize, high: u32, low: u32) -> Self {
        Self { components: components.to_vec(), first, last, high, low }
    }

    pub fn whole(components: &[usize]) -> Self {
        Self::of(components, 0, 63, 0, 0)
    }
}

/// A file.
#[derive(Debug, Clone)]
pub struct Plan {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    pub progressive: bool,
    pub scans: Vec<Scan>,
    /// Units between restart markers, 0 for none.
    pub restart: usize,
    /// Segments behind the start of the picture: marker and content.
    pub segments: Vec<(u8, Vec<u8>)>,
    /// Two bytes a step.
    pub wide_steps: bool,
    /// Bytes of 0xff before each marker.
    pub fill: usize,
    /// Few coefficients, so that the data are a few bits a block.
    pub flat: bool,
    pub seed: u64,
}

/// Coefficients in zigzag order.
type Block = [i32; 64];

/// Data of a scan before they are bits.
enum Token {
    Symbol { table: usize, symbol: u8 },
    Bits(u32, u32),
    Restart,
}

fn size_of_value(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// Its lowest bits: the value, or what is one less where it is negative.
fn bits_of_value(value: i32) -> Token {
    let size = size_of_value(value);
    Token::Bits((if value < 0 { value - 1 } else { value }) as u32 & ((1 << size) - 1), size)
}

impl Plan {
    fn most(&self) -> (usize, usize) {
        let most = |f: fn(&Component) -> usize| self.components.iter().map(f).max().unwrap();
        (most(|c| c.h), most(|c| c.v))
    }

    /// Units across and down in a scan, and the shape of a unit of each of its components.
    fn units(&self, scan: &Scan) -> (usize, usize, Vec<(usize, usize)>) {
        let (h, v) = self.most();
        if let [only] = scan.components[..] {
            let c = self.components[only];
            return ((self.width * c.h).div_ceil(8 * h), (self.height * c.v).div_ceil(8 * v), vec![(1, 1)]);
        }
        let shapes = scan.components.iter().map(|&c| (self.components[c].h, self.components[c].v)).collect();
        (self.width.div_ceil(8 * h), self.height.div_ceil(8 * v), shapes)
    }

    /// Every component's blocks, whole units of them, and how many lie in a row.
    fn blocks(&self) -> Vec<(usize, Vec<Block>)> {
        let (h, v) = self.most();
        let mut noise = Noise::new(self.seed);
        let plane = |component: &Component| {
            let stride = self.width.div_ceil(8 * h) * component.h;
            let mut dc = 0;
            let block = |_| {
                let mut block = [0; 64];
                dc = (dc + noise.between(-60, 60)).clamp(-110, 110);
                block[0] = if self.flat { dc / 16 * 16 } else { dc };
                let ac = if self.flat { noise.between(-8, 1).max(0) } else { noise.between(0, 14) };
                for _ in 0..ac {
                    let k = noise.between(1, 63).min(noise.between(1, 63));
                    block[k as usize] = noise.between(-24, 24) * 4 / (4 + k);
                }
                block
            };
            (stride, (0..stride * self.height.div_ceil(8 * v) * component.v).map(block).collect())
        };
        self.components.iter().map(plane).collect()
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![0xff, 0xd8];
        for (marker, content) in &self.segments {
            self.segment(&mut out, *marker, content);
        }
        let numbers: std::collections::BTreeSet<u8> = self.components.iter().map(|c| c.quantization).collect();
        for number in numbers {
            let mut table = vec![u8::from(self.wide_steps) << 4 | number];
            for k in 0..64 {
                let step = (4 + number * 3 + k / 4) * 2;
                table.extend(if self.wide_steps { vec![0, step] } else { vec![step] });
            }
            self.segment(&mut out, 0xdb, &table);
        }
        let [w, h] = [self.width, self.height].map(|side| u16::try_from(side).unwrap().to_be_bytes());
        let mut frame = vec![8, h[0], h[1], w[0], w[1], u8::try_from(self.components.len()).unwrap()];
        for c in &self.components {
            frame.extend([c.id, u8::try_from(c.h << 4 | c.v).unwrap(), c.quantization]);
        }
        self.segment(&mut out, if self.progressive { 0xc2 } else { 0xc1 }, &frame);
        if self.restart > 0 {
            self.segment(&mut out, 0xdd, &u16::try_from(self.restart).unwrap().to_be_bytes());
        }
        let blocks = self.blocks();
        for scan in &self.scans {
            let tokens = self.tokens(scan, &blocks);
            self.scan(&mut out, scan, &tokens);
        }
        out.extend(vec![0xff; self.fill]);
        out.extend([0xff, 0xd9]);
        out
    }

    fn segment(&self, out: &mut Vec<u8>, marker: u8, content: &[u8]) {
        out.extend(vec![0xff; self.fill]);
        out.extend([0xff, marker]);
        out.extend(u16::try_from(content.len() + 2).unwrap().to_be_bytes());
        out.extend(content);
    }

    fn tokens(&self, scan: &Scan, blocks: &[(usize, Vec<Block>)]) -> Vec<Token> {
        let (across, down, shapes) = self.units(scan);
        let mut tokens = Vec::new();
        let mut coder =
            Coder { scan, progressive: self.progressive, tokens: &mut tokens, before: [0; 4], run: 0, later: vec![] };
        for unit in 0..across * down {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                coder.end_run();
                coder.tokens.push(Token::Restart);
                coder.before = [0; 4];
            }
            for (at, (&component, &(h, v))) in scan.components.iter().zip(&shapes).enumerate() {
                let (stride, blocks) = &blocks[component];
                for y in 0..v {
                    for x in 0..h {
                        coder.block(at, &blocks[(unit / across * v + y) * stride + unit % across * h + x]);
                    }
                }
            }
        }
        coder.end_run();
        tokens
    }

    fn scan(&self, out: &mut Vec<u8>, scan: &Scan, tokens: &[Token]) {
        let mut codes = [[(0u32, 0u32); 256]; 2];
        for (table, codes) in codes.iter_mut().enumerate() {
            let mut counts = [0usize; 256];
            for token in tokens {
                if let Token::Symbol { table: t, symbol } = token {
                    counts[usize::from(*symbol)] += usize::from(*t == table);
                }
            }
            let mut symbols: Vec<u8> = (0..=255).filter(|&s| counts[usize::from(s)] > 0).collect();
            if symbols.is_empty() {
                continue;
            }
            symbols.sort_by_key(|&s| std::cmp::Reverse(counts[usize::from(s)]));
            // 0, 10, 110 and so on; then all of one length, one code left over.
            let short = symbols.len().min(6);
            let rest = symbols.len() - short;
            let long = short as u32 + (rest + 1).next_power_of_two().trailing_zeros();
            let mut lengths = [0u8; 16];
            let mut code = 0u32;
            for (at, &symbol) in symbols.iter().enumerate() {
                let length = if at < short { at as u32 + 1 } else { long };
                if at > 0 {
                    let before = if at <= short { at as u32 } else { long };
                    code = (code + 1) << (length - before);
                }
                lengths[length as usize - 1] += 1;
                codes[usize::from(symbol)] = (code, length);
            }
            let mut content = vec![(table as u8) << 4];
            content.extend(lengths);
            content.extend(&symbols);
            self.segment(out, 0xc4, &content);
        }
        let mut header = vec![u8::try_from(scan.components.len()).unwrap()];
        for &component in &scan.components {
            header.extend([self.components[component].id, 0]);
        }
        header.extend([scan.first as u8, scan.last as u8, (scan.high << 4 | scan.low) as u8]);
        self.segment(out, 0xda, &header);
        let mut bits = Bits { out, buffer: 0, count: 0 };
        let mut restarts = 0;
        for token in tokens {
            match *token {
                Token::Symbol { table, symbol } => {
                    let (code, length) = codes[table][usize::from(symbol)];
                    bits.put(code, length);
                }
                Token::Bits(value, count) => bits.put(value, count),
                Token::Restart => {
                    bits.end();
                    bits.out.extend(vec![0xff; self.fill]);
                    bits.out.extend([0xff, 0xd0 + restarts]);
                    restarts = (restarts + 1) % 8;
                }
            }
        }
        bits.end();
    }
}

struct Bits<'a> {
    out: &'a mut Vec<u8>,
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    fn put(&mut self, value: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.buffer >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
    }

    /// Ones up to the next byte.
    fn end(&mut self) {
        let count = (8 - self.count % 8) % 8;
        self.put((1 << count) - 1, count);
    }
}

/// Blocks to symbols.
struct Coder<'a> {
    scan: &'a Scan,
    progressive: bool,
    tokens: &'a mut Vec<Token>,
    /// DC values of the blocks before.
    before: [i32; 4],
    /// Blocks that have no further new coefficients, and the bits for their old ones.
    run: u32,
    later: Vec<u32>,
}

impl Coder<'_> {
    fn symbol(&mut self, table: usize, symbol: u32) {
        self.tokens.push(Token::Symbol { table, symbol: symbol as u8 });
    }

    fn block(&mut self, part: usize, block: &Block) {
        let Scan { first, high, low, .. } = *self.scan;
        if first == 0 {
            if high > 0 {
                self.tokens.push(Token::Bits((block[0] >> low) as u32 & 1, 1));
            } else {
                let value = block[0] >> low;
                let difference = value - self.before[part];
                self.before[part] = value;
                self.symbol(0, size_of_value(difference));
                self.tokens.push(bits_of_value(difference));
            }
        }
        match (self.progressive, first, high) {
            (false, ..) => self.coefficients(block, 1, 63),
            (true, 0, _) => {}
            (true, _, 0) => self.coefficients(block, first, self.scan.last),
            (true, ..) => self.more_bits(block),
        }
    }

    fn coefficients(&mut self, block: &Block, first: usize, last: usize) {
        let mut zeros = 0;
        for &coefficient in &block[first..=last] {
            // Towards zero, other than DC values.
            let value = coefficient.signum() * (coefficient.abs() >> self.scan.low);
            if value == 0 {
                zeros += 1;
                continue;
            }
            self.end_run();
            while zeros > 15 {
                self.symbol(1, 0xf0);
                zeros -= 16;
            }
            self.symbol(1, zeros << 4 | size_of_value(value));
            self.tokens.push(bits_of_value(value));
            zeros = 0;
        }
        if zeros > 0 {
            if self.progressive {
                self.run += 1;
                if self.run == 0x7fff {
                    self.end_run();
                }
            } else {
                self.symbol(1, 0);
            }
        }
    }

    /// T.81, G.1.2.3.
    fn more_bits(&mut self, block: &Block) {
        let Scan { first, last, low, .. } = *self.scan;
        let size = |k: usize| block[k].unsigned_abs() >> low;
        let end = (first..=last).rev().find(|&k| size(k) == 1).unwrap_or(0);
        let mut zeros = 0;
        let mut old = Vec::new();
        for (k, &coefficient) in block.iter().enumerate().take(last + 1).skip(first) {
            if size(k) == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && k <= end {
                self.end_run();
                self.symbol(1, 0xf0);
                zeros -= 16;
                self.tokens.extend(old.drain(..).map(|bit| Token::Bits(bit, 1)));
            }
            if size(k) > 1 {
                old.push(size(k) & 1);
                continue;
            }
            self.end_run();
            self.symbol(1, zeros << 4 | 1);
            self.tokens.push(Token::Bits(u32::from(coefficient > 0), 1));
            self.tokens.extend(old.drain(..).map(|bit| Token::Bits(bit, 1)));
            zeros = 0;
        }
        if zeros > 0 || !old.is_empty() {
            self.run += 1;
            self.later.extend(old);
            if self.run == 0x7fff || self.later.len() > 900 {
                self.end_run();
            }
        }
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            let size = self.run.ilog2();
            self.symbol(1, size << 4);
            self.tokens.push(Token::Bits(self.run & ((1 << size) - 1), size));
            let later = std::mem::take(&mut self.later);
            self.tokens.extend(later.into_iter().map(|bit| Token::Bits(bit, 1)));
            self.run = 0;
        }
    }
}
