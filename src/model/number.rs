//! Exact numbers: decimals in parts per billion, and quotients of integer products.

use std::cmp::Ordering;

use borsh::{BorshDeserialize, BorshSerialize};

/// A decimal with nine digits after the point, kept as an integer: 1 is `Parts(1_000_000_000)`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub struct Parts(pub u64);

impl Parts {
    pub const ONE: Self = Self(1_000_000_000);

    pub fn display(self) -> String {
        Quotient::new((u128::from(self.0), 1), (u128::from(Self::ONE.0), 1)).decimal()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    NotANumber,
    Negative,
    TooPrecise,
    TooLarge,
}

/// Reads `0.999` or `13.44`: digits with an optional fraction of at most nine digits that matter.
pub fn parse_parts(text: &str) -> Result<Parts, DecimalError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(DecimalError::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(DecimalError::TooPrecise);
    }
    let number = |part: &str| {
        if part.is_empty() { Ok(0) } else { part.parse::<u64>() }
    };
    let scale = 10_u64.pow(9 - fraction.len() as u32);
    let value = number(whole)
        .ok()
        .and_then(|whole| whole.checked_mul(Parts::ONE.0))
        .and_then(|whole| whole.checked_add(number(fraction).ok()? * scale))
        .ok_or(DecimalError::TooLarge)?;
    match negative && value > 0 {
        true => Err(DecimalError::Negative),
        false => Ok(Parts(value)),
    }
}

/// `(a·b) / (c·d)` of unsigned integers, compared and printed without rounding on the way.
/// A zero denominator makes the quotient zero: no traffic burns nothing.
#[derive(Clone, Copy, Debug)]
pub struct Quotient {
    over: Wide,
    under: Wide,
}

impl Quotient {
    pub fn new(over: (u128, u128), under: (u128, u128)) -> Self {
        Self { over: Wide::product(over.0, over.1), under: Wide::product(under.0, under.1) }
    }

    pub const ZERO: Self = Self { over: Wide { high: 0, low: 0 }, under: Wide { high: 0, low: 1 } };

    fn is_void(self) -> bool {
        self.under == Wide { high: 0, low: 0 }
    }

    /// Whether the quotient is strictly above `limit`.
    pub fn exceeds(self, limit: u64) -> bool {
        !self.is_void() && self.over > self.under.times(limit)
    }

    /// Whether the quotient is at least `limit`.
    pub fn reaches(self, limit: u64) -> bool {
        !self.is_void() && self.over >= self.under.times(limit)
    }

    /// Strictly above so many billionths.
    pub fn is_above(self, limit: Parts) -> bool {
        !self.is_void() && self.over.times(Parts::ONE.0) > self.under.times(limit.0)
    }

    /// At least so many billionths.
    pub fn is_at_least(self, limit: Parts) -> bool {
        limit == Parts(0) || (!self.is_void() && self.over.times(Parts::ONE.0) >= self.under.times(limit.0))
    }

    /// At most six digits after the point, rounded half to even, no trailing zeros.
    pub fn decimal(self) -> String {
        let millionths = self.rounded(1_000_000);
        decimal_of_millionths(millionths, false)
    }

    /// `1 - self`, which may be negative.
    pub fn decimal_of_rest(self) -> String {
        let millionths = self.rounded(1_000_000);
        match millionths.cmp(&1_000_000) {
            Ordering::Greater => decimal_of_millionths(millionths - 1_000_000, true),
            _ => decimal_of_millionths(1_000_000 - millionths, false),
        }
    }

    /// The quotient times `scale`, rounded half to even, saturating.
    pub fn rounded(self, scale: u64) -> u128 {
        if self.is_void() {
            return 0;
        }
        let (quotient, rest) = self.over.times(scale).divided_by(self.under);
        if quotient.high > 0 {
            return u128::MAX;
        }
        let twice = rest.times(2);
        let up = twice > self.under || (twice == self.under && quotient.low % 2 == 1);
        quotient.low + u128::from(up)
    }
}

fn decimal_of_millionths(millionths: u128, negative: bool) -> String {
    let sign = if negative && millionths > 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An unsigned integer of 256 bits. Operands here stay far below the top: counts (40 bits) times
/// nanoseconds (62 bits) times parts (40 bits) times a scale (20 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    fn product(a: u128, b: u128) -> Self {
        const HALF: u128 = u64::MAX as u128;
        let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
        let low = a0 * b0;
        let middle = a1 * b0 + (low >> 64);
        let cross = a0 * b1 + (middle & HALF);
        Self { high: a1 * b1 + (middle >> 64) + (cross >> 64), low: (cross << 64) | (low & HALF) }
    }

    fn times(self, factor: u64) -> Self {
        let low = Self::product(self.low, u128::from(factor));
        Self { high: self.high.wrapping_mul(u128::from(factor)).wrapping_add(low.high), low: low.low }
    }

    fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self { high: self.high.wrapping_sub(other.high).wrapping_sub(u128::from(borrow)), low }
    }

    fn shifted_in(self, bit: u128) -> Self {
        Self { high: (self.high << 1) | (self.low >> 127), low: (self.low << 1) | bit }
    }

    fn bits(self) -> u32 {
        if self.high > 0 { 256 - self.high.leading_zeros() } else { 128 - self.low.leading_zeros() }
    }

    fn bit(self, index: u32) -> u128 {
        if index < 128 { (self.low >> index) & 1 } else { (self.high >> (index - 128)) & 1 }
    }

    fn divided_by(self, by: Self) -> (Self, Self) {
        let zero = Self { high: 0, low: 0 };
        if self.high == 0 && by.high == 0 {
            return (Self { high: 0, low: self.low / by.low }, Self { high: 0, low: self.low % by.low });
        }
        let (mut quotient, mut rest) = (zero, zero);
        for index in (0..self.bits()).rev() {
            rest = rest.shifted_in(self.bit(index));
            let fits = rest >= by;
            if fits {
                rest = rest.minus(by);
            }
            quotient = quotient.shifted_in(u128::from(fits));
        }
        (quotient, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        assert_eq!(parse_parts("0.999"), Ok(Parts(999_000_000)));
        assert_eq!(parse_parts("99.95"), Ok(Parts(99_950_000_000)));
        assert_eq!(parse_parts("1.0000000000"), Ok(Parts::ONE));
        assert_eq!(parse_parts("-0"), Ok(Parts(0)));
        for (text, error) in [
            ("", DecimalError::NotANumber),
            (".", DecimalError::NotANumber),
            ("99.9%", DecimalError::NotANumber),
            ("1e-3", DecimalError::NotANumber),
            ("-0.5", DecimalError::Negative),
            ("0.9999999999", DecimalError::TooPrecise),
            ("99999999999", DecimalError::TooLarge),
        ] {
            assert_eq!(parse_parts(text), Err(error), "{text}");
        }
    }

    #[test]
    fn quotients_round_half_to_even_and_drop_trailing_zeros() {
        for (over, under, text) in [
            (1, 8, "0.125"),
            (5, 2_000_000, "0.000002"),
            (15, 10_000_000, "0.000002"),
            (25, 10_000_000, "0.000002"),
            (7, 1, "7"),
            (2, 3, "0.666667"),
            (1, 0, "0"),
        ] {
            assert_eq!(Quotient::new((over, 1), (under, 1)).decimal(), text);
        }
        assert_eq!(Quotient::new((7, 1), (5, 1)).decimal_of_rest(), "-0.4");
        assert_eq!(Quotient::new((2, 1), (5, 1)).decimal_of_rest(), "0.6");
    }

    #[test]
    fn comparison_is_strict_and_does_not_overflow() {
        let at = Quotient::new((144, 1), (10, 1));
        assert!(at.exceeds(14) && !Quotient::new((14, 1), (1, 1)).exceeds(14));
        assert!(Quotient::new((14, 1), (1, 1)).reaches(14));
        let large = u128::from(u64::MAX);
        let one_more = Quotient::new((large * large, large), (large * large - 1, large));
        assert!(one_more.exceeds(1) && !one_more.exceeds(2));
    }

    #[test]
    fn division_of_wide_numbers_inverts_multiplication() {
        let (a, b) = (0x1234_5678_9abc_def0_u128 << 50, 0xfeed_face_dead_beef_u128 << 60);
        let (quotient, rest) = Wide::product(a, b).divided_by(Wide { high: 0, low: b });
        assert_eq!((quotient, rest), (Wide { high: 0, low: a }, Wide { high: 0, low: 0 }));
    }
}
