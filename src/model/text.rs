//! Short texts, which are most of what telemetry is made of: compared and checked without a call.

/// As `a == b`.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let eight = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(last_a), Some(last_b)) => {
            let pairs = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
            // The last eight bytes overlap those before them.
            pairs.fold(eight(last_a) ^ eight(last_b), |differs, (a, b)| differs | (eight(a) ^ eight(b))) == 0
        }
        _ => a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0,
    }
}

/// As [`str::from_utf8`], quicker where all of it is ASCII.
#[inline]
pub fn utf8(bytes: &[u8]) -> Option<&str> {
    const TOP: u64 = 0x8080_8080_8080_8080;
    let eight = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let tops = match bytes.last_chunk::<8>() {
        Some(last) => {
            bytes.as_chunks::<8>().0.iter().fold(eight(last), |all, bytes| all | eight(bytes)) & TOP
        }
        None => bytes.iter().fold(0, |all, byte| all | u64::from(byte & 0x80)),
    };
    if tops == 0 {
        // SAFETY: no byte has its top bit set (each of them is in one of the chunks, or in the last eight), so all are
        // ASCII, which is UTF-8. The test below holds this against the standard library.
        #[allow(unsafe_code, reason = "checking each text again costs a tenth of decoding")]
        return Some(unsafe { str::from_utf8_unchecked(bytes) });
    }
    str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn texts_are_compared_and_checked_as_the_standard_library_does(
            text in "[a-d]{0,40}|\\PC{0,12}",
            at in 0..40_usize,
            byte in any::<u8>(),
        ) {
            let (bytes, mut other) = (text.as_bytes(), text.clone().into_bytes());
            prop_assert!(same(bytes, &other));
            prop_assert_eq!(utf8(bytes), Some(&*text));
            if let Some(changed) = other.get_mut(at) {
                *changed = byte;
            }
            prop_assert_eq!(same(bytes, &other), bytes == &other[..]);
            prop_assert_eq!(utf8(&other), str::from_utf8(&other).ok());
            other.push(byte);
            prop_assert!(!same(bytes, &other));
            prop_assert_eq!(utf8(&other), str::from_utf8(&other).ok());
        }
    }

    /// Every place of every length that is treated in a way of its own.
    #[test]
    fn one_byte_that_is_not_ascii_is_found_wherever_it_is() {
        for len in 1..40 {
            for at in 0..len {
                let mut bytes = vec![b'a'; len];
                bytes[at] = 0xff;
                assert_eq!(utf8(&bytes), None, "byte {at} of {len}");
                assert!(!same(&bytes, &vec![b'a'; len]), "byte {at} of {len}");
            }
        }
    }
}
