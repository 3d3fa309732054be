//! Bytes as lower-case hexadecimal digits.

/// The digits of `bytes`.
pub(crate) fn digits(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The bytes of exactly as many digits as fill them, lower case only: a value has one text.
pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(digits(&[0, 9, 10, 255]), "00090aff");
        assert_eq!(bytes("00090aff"), Some([0, 9, 10, 255]));
    }

    #[test]
    fn other_texts_are_not_read() {
        for text in ["", "0", "0g", "0A", "000", "é"] {
            assert_eq!(bytes::<1>(text), None, "{text}");
        }
    }
}
