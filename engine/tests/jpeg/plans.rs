//! Files of every kind from a seed: factors, scans, marks, restarts, and ends that are not where they should be.

use super::noise::Noise;
use super::writer::{Component, Plan, Scan};

pub fn jfif() -> (u8, Vec<u8>) {
    (0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec())
}

pub fn adobe(transform: u8) -> (u8, Vec<u8>) {
    let mut content = b"Adobe\0\x64\0\0\0\0".to_vec();
    content.push(transform);
    (0xee, content)
}

/// Components with these factors, as most files number them.
pub fn components(factors: &[(usize, usize)]) -> Vec<Component> {
    let component = |(id, &(h, v)): (u8, &(usize, usize))| Component { id, h, v, quantization: u8::from(id > 1) };
    (1..).zip(factors).map(component).collect()
}

/// A file of one scan of all components.
pub fn plain(width: usize, height: usize, factors: &[(usize, usize)]) -> Plan {
    let all: Vec<usize> = (0..factors.len()).collect();
    Plan {
        width,
        height,
        components: components(factors),
        progressive: false,
        scans: vec![Scan::whole(&all)],
        restart: 0,
        segments: vec![],
        wide_steps: false,
        fill: 0,
        flat: false,
        seed: (width * 1000 + height) as u64,
    }
}

/// A scan for each component.
pub fn apart(mut plan: Plan) -> Plan {
    plan.scans = (0..plan.components.len()).map(|c| Scan::whole(&[c])).collect();
    plan
}

fn blocks(components: &[Component]) -> usize {
    components.iter().map(|c| c.h * c.v).sum()
}

fn scans(noise: &mut Noise, components: &[Component], progressive: bool) -> Vec<Scan> {
    let all: Vec<usize> = (0..components.len()).collect();
    let together = blocks(components) <= 10 && components.len() > 1;
    let groups: Vec<Vec<usize>> = match noise.between(0, 3) {
        0 | 1 if together => vec![all.clone()],
        2 if components.len() > 2 && blocks(&components[1..]) <= 10 => vec![vec![0], all[1..].to_vec()],
        _ => all.iter().map(|&c| vec![c]).collect(),
    };
    if !progressive {
        return groups.iter().map(|g| Scan::whole(g)).collect();
    }
    let low = noise.choose(&[0, 0, 1, 2]);
    let mut dc: Vec<Scan> = groups.iter().map(|g| Scan::of(g, 0, 0, 0, low)).collect();
    for bit in (0..low).rev() {
        dc.extend(groups.iter().map(|g| Scan::of(g, 0, 0, bit + 1, bit)));
    }
    let first = dc.drain(..groups.len()).collect::<Vec<_>>();
    let mut ac = Vec::new();
    for &c in &all {
        let low = noise.choose(&[0, 1, 2, 3]);
        let split = noise.choose(&[1, 2, 6, 10, 64]);
        let bands: &[(usize, usize)] =
            if split == 1 || split == 64 { &[(1, 63)] } else { &[(1, split - 1), (split, 63)] };
        ac.extend(bands.iter().map(|&(a, b)| Scan::of(&[c], a, b, 0, low)));
        for bit in (0..low).rev() {
            ac.extend(bands.iter().map(|&(a, b)| Scan::of(&[c], a, b, bit + 1, bit)));
        }
    }
    let mut scans = first;
    scans.extend(ac);
    scans.extend(dc);
    scans
}

fn factors(noise: &mut Noise, count: usize) -> Vec<(usize, usize)> {
    let usual = [
        [(1, 1), (1, 1), (1, 1), (1, 1)],
        [(2, 1), (1, 1), (1, 1), (2, 1)],
        [(1, 2), (1, 1), (1, 1), (1, 2)],
        [(2, 2), (1, 1), (1, 1), (2, 2)],
        [(4, 1), (1, 1), (1, 1), (4, 1)],
        [(4, 2), (1, 1), (1, 1), (1, 1)],
        [(2, 2), (2, 1), (1, 2), (2, 2)],
        [(1, 1), (2, 1), (2, 1), (1, 1)],
        [(1, 1), (2, 2), (2, 2), (1, 1)],
        [(3, 1), (1, 1), (1, 1), (3, 1)],
        [(3, 3), (1, 1), (1, 1), (1, 1)],
    ];
    let mut factors = noise.choose(&usual)[..count].to_vec();
    if noise.one_in(2) {
        // Most of these divide one another.
        let from = noise.choose::<&[usize]>(&[&[1, 2, 4], &[1, 2], &[1, 3], &[1, 4], &[1, 2, 3, 4]]);
        factors.iter_mut().for_each(|f| *f = (noise.choose(from), noise.choose(from)));
    }
    factors
}

fn random_plan(noise: &mut Noise, sides: (i32, i32), seed: u64) -> Plan {
    let count = noise.choose(&[1, 3, 3, 3, 3, 3, 4]);
    let progressive = noise.one_in(3);
    let mut components = components(&factors(noise, count));
    match noise.between(0, 5) {
        0 if count == 3 => components.iter_mut().zip(*b"RGB").for_each(|(c, id)| c.id = id),
        1 => components.iter_mut().for_each(|c| c.id -= 1),
        _ => {}
    }
    let mut segments = Vec::new();
    if noise.one_in(2) {
        segments.push(jfif());
    }
    if noise.one_in(3) || count == 4 && noise.one_in(2) {
        segments.push(adobe(noise.choose(&[0, 1, 2])));
    }
    if noise.one_in(4) {
        segments.push((noise.choose(&[0xe1, 0xe2, 0xe3, 0xfe]), (0..noise.between(0, 300)).map(|i| i as u8).collect()));
    }
    let mut scans = scans(noise, &components, progressive);
    if progressive && noise.one_in(3) {
        // Not all of it: the rest is estimated.
        scans.truncate(noise.between(1, scans.len() as i32) as usize);
    }
    Plan {
        width: noise.between(sides.0, sides.1) as usize,
        height: noise.between(sides.0, sides.1) as usize,
        components,
        progressive,
        scans,
        restart: if noise.one_in(4) { noise.between(1, 12) as usize } else { 0 },
        segments,
        wide_steps: noise.one_in(8),
        fill: if noise.one_in(8) { noise.between(1, 3) as usize } else { 0 },
        flat: noise.one_in(4),
        seed,
    }
}

/// Where a marker of this kind stands, at or behind a place.
pub fn find(bytes: &[u8], from: usize, kind: impl Fn(u8) -> bool) -> Option<usize> {
    (from..bytes.len().saturating_sub(1)).find(|&at| bytes[at] == 0xff && kind(bytes[at + 1]))
}

fn damage(noise: &mut Noise, bytes: &mut Vec<u8>) -> &'static str {
    let scan = find(bytes, 2, |m| m == 0xda).unwrap();
    let random = |noise: &mut Noise, count: i32| (0..count).map(|_| noise.between(0, 255) as u8).collect::<Vec<_>>();
    let within = |noise: &mut Noise, from: usize, to: usize| noise.between(from as i32, to as i32 - 1) as usize;
    match noise.between(0, 9) {
        0 => {
            bytes.truncate(bytes.len() - 2);
            "no end"
        }
        1 => {
            bytes.truncate(bytes.len() - 2);
            let count = noise.between(1, 40);
            bytes.extend(random(noise, count));
            "no end, a few bytes behind"
        }
        2 => {
            bytes.truncate(bytes.len() - 2);
            bytes.extend(b"\0\0Image_UTC_Data1234567890SEFH".repeat(40));
            "no end, a trailer"
        }
        3 => {
            let count = noise.between(1, 3000);
            bytes.extend(random(noise, count));
            "a trailer"
        }
        4 => {
            bytes.truncate(within(noise, scan, bytes.len()));
            "cut in the data"
        }
        5 => {
            bytes.truncate(within(noise, bytes.len() - 12, bytes.len()));
            "cut in the last bytes"
        }
        6 => {
            bytes.truncate(within(noise, scan + 10, bytes.len()));
            bytes.extend([0xff, 0xd9]);
            "cut, then an end"
        }
        7 => {
            let table = find(bytes, 2, |m| m == 0xdb).unwrap();
            bytes.splice(table..table, *b"junk");
            "junk between segments"
        }
        8 => match find(bytes, within(noise, scan, bytes.len()), |m| (0xd0..=0xd7).contains(&m)) {
            Some(at) if noise.one_in(2) => {
                bytes[at + 1] = 0xd0 + noise.between(0, 7) as u8;
                "a restart marker of another number"
            }
            Some(at) => {
                bytes.drain(at..at + 2);
                "a restart marker lost"
            }
            None => "whole",
        },
        _ => {
            let at = within(noise, scan + 10, bytes.len());
            bytes[at] = noise.between(0, 254) as u8;
            "another byte in the data"
        }
    }
}

/// File number `seed`, with sides of these lengths.
pub fn file(seed: u64, sides: (i32, i32)) -> (String, Vec<u8>) {
    let mut noise = Noise::new(seed + 1);
    let plan = random_plan(&mut noise, sides, seed);
    let mut bytes = plan.write();
    let end = if noise.one_in(3) { damage(&mut noise, &mut bytes) } else { "whole" };
    let factors: Vec<String> = plan.components.iter().map(|c| format!("{}x{}", c.h, c.v)).collect();
    let kind = if plan.progressive { "progressive" } else { "sequential" };
    let name = format!(
        "{seed}: {}, {kind}, {} scans, restart {}, {}x{}, {end}",
        factors.join(" "),
        plan.scans.len(),
        plan.restart,
        plan.width,
        plan.height
    );
    (name, bytes)
}
