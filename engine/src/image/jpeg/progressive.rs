//! The four kinds of scan of the progressive process (ITU-T T.81, G.1.2 and G.2).
//!
//! The non-obvious thing: a scan that adds a bit to coefficients reads one bit for every coefficient that is not zero *yet*.
//! A block that has to be read again, since its data had not all arrived, is put back as it was.

use super::bits::{Bits, Pace, Slow};
use super::huffman::{Table, extend};
use super::markers::ScanHeader;
use super::scan::Block;
use super::{Failure, NATURAL, bad};

/// The coefficients that an AC scan is about, 1 to 63, and its bit position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Band {
    first: usize,
    last: usize,
    low: u8,
}

/// What a scan holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Everything: the sequential process.
    Whole,
    DcFirst {
        low: u8,
    },
    DcMore {
        low: u8,
    },
    AcFirst(Band),
    AcMore(Band),
}

impl Pass {
    pub(super) fn of(header: &ScanHeader) -> Result<Self, Failure> {
        let &ScanHeader { ref components, first, last, high, low } = header;
        if low > 13 || high != 0 && low + 1 != high {
            return Err(bad("bit position of a scan", u64::from(low)));
        }
        if first == 0 {
            if last != 0 {
                return Err(bad("last coefficient of a DC scan", u64::from(last)));
            }
            return Ok(if high == 0 { Self::DcFirst { low } } else { Self::DcMore { low } });
        }
        if first > last || last > 63 {
            return Err(bad("last coefficient of a scan", u64::from(last)));
        }
        if components.len() != 1 {
            return Err(bad("components of an AC scan", components.len() as u64));
        }
        let band = Band { first: usize::from(first), last: usize::from(last), low };
        Ok(if high == 0 { Self::AcFirst(band) } else { Self::AcMore(band) })
    }

    pub(super) fn needs_dc(self) -> bool {
        matches!(self, Self::Whole | Self::DcFirst { .. })
    }

    pub(super) fn needs_ac(self) -> bool {
        matches!(self, Self::Whole | Self::AcFirst(_) | Self::AcMore(_))
    }
}

pub(super) fn dc_first(
    bits: &mut Bits,
    block: &mut Block,
    table: &Table,
    prediction: &mut i32,
    low: u8,
) -> Result<(), Failure> {
    let size = u32::from(Slow::symbol(bits, table)?);
    if size > 0 {
        let sum = prediction.checked_add(extend(Slow::take(bits, size)?, size));
        *prediction =
            sum.ok_or_else(|| bad("DC value, after which one is too large,", u64::from(prediction.unsigned_abs())))?;
    }
    block[0] = (*prediction << low) as i16;
    Ok(())
}

pub(super) fn dc_more(bits: &mut Bits, block: &mut Block, low: u8) -> Result<(), Failure> {
    if Slow::take(bits, 1)? == 1 {
        block[0] |= 1 << low;
    }
    Ok(())
}

/// The length of a run of blocks without further coefficients, this one included.
fn run_of(bits: &mut Bits, size: u8) -> Result<u32, Failure> {
    let more = if size > 0 { Slow::take(bits, u32::from(size))? } else { 0 };
    Ok((1 << size) + more)
}

pub(super) fn ac_first(
    bits: &mut Bits,
    block: &mut Block,
    table: &Table,
    run: &mut u32,
    band: Band,
) -> Result<(), Failure> {
    if *run > 0 {
        *run -= 1;
        return Ok(());
    }
    let mut k = band.first;
    while k <= band.last {
        let symbol = Slow::symbol(bits, table)?;
        let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
        if size > 0 {
            let value = extend(Slow::take(bits, size)?, size);
            k += usize::from(zeros);
            block[usize::from(NATURAL[k])] = (value << band.low) as i16;
        } else if zeros == 15 {
            k += 15;
        } else {
            *run = run_of(bits, zeros)? - 1;
            break;
        }
        k += 1;
    }
    Ok(())
}

pub(super) fn ac_more(
    bits: &mut Bits,
    block: &mut Block,
    table: &Table,
    run: &mut u32,
    band: Band,
) -> Result<(), Failure> {
    let before = *block;
    ac_more_from(bits, block, table, run, band).inspect_err(|_| *block = before)
}

fn ac_more_from(bits: &mut Bits, block: &mut Block, table: &Table, run: &mut u32, band: Band) -> Result<(), Failure> {
    let one = 1i16 << band.low;
    let mut k = band.first;
    let mut left = *run;
    if left == 0 {
        while k <= band.last {
            let symbol = Slow::symbol(bits, table)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            let mut new = 0;
            if size > 0 {
                new = if Slow::take(bits, 1)? == 1 { one } else { -one };
            } else if zeros != 15 {
                left = run_of(bits, zeros)?;
                break;
            }
            k = pass_over(bits, block, k, usize::from(zeros), band)?;
            if new != 0 {
                block[usize::from(NATURAL[k])] = new;
            }
            k += 1;
        }
    }
    if left > 0 {
        pass_over(bits, block, k, usize::MAX, band)?;
        left -= 1;
    }
    *run = left;
    Ok(())
}

/// Adds bits to the coefficients from `k` on, to the zero behind so many zeros or to the band's end; where that is.
fn pass_over(bits: &mut Bits, block: &mut Block, mut k: usize, zeros: usize, band: Band) -> Result<usize, Failure> {
    let one = 1i16 << band.low;
    let mut passed = 0;
    while k <= band.last {
        let coefficient = &mut block[usize::from(NATURAL[k])];
        if *coefficient == 0 {
            if passed == zeros {
                break;
            }
            passed += 1;
        } else if Slow::take(bits, 1)? == 1 && *coefficient & one == 0 {
            *coefficient = coefficient.wrapping_add(if *coefficient > 0 { one } else { -one });
        }
        k += 1;
    }
    Ok(k)
}
