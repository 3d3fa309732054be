//! JSON as CloudStack writes it.
//!
//! Its serialiser un-escapes `\uXXXX` after it has built the JSON (`cloudstack-api.md` section 2.1). So control
//! characters may stand inside strings, where JSON forbids them, and where a name contains the text `\u0041` itself,
//! a backslash stands before a letter that is no escape. Such answers are mended; others are not touched.

use serde_json::Value;

/// Reads an answer; `None` when it is not JSON, cut JSON among it.
pub(crate) fn read(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body)
        .ok()
        .or_else(|| serde_json::from_str(&mended(&String::from_utf8_lossy(body))).ok())
}

/// Control characters become spaces, and a backslash that begins no escape stands for itself.
fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character.is_control() {
            mended.push(' ');
        } else if character != '\\' {
            mended.push(character);
        } else if begins_escape(rest.as_str()) {
            mended.push('\\');
            mended.extend(rest.next());
        } else {
            mended.push_str("\\\\");
        }
    }
    mended
}

/// Whether what follows a backslash makes an escape of JSON.
fn begins_escape(text: &str) -> bool {
    match text.as_bytes() {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
        [b'u', digits @ ..] => digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What the serialiser does to JSON that is already whole.
    fn unescaped(json: &str) -> String {
        let mut text = json.to_owned();
        for code in 0..0x80u8 {
            text = text.replace(&format!("\\u{code:04x}"), &char::from(code).to_string());
        }
        text
    }

    #[test]
    fn what_cloudstack_makes_of_a_text_can_be_read() {
        let table = [
            ("plain ü 漢字 😀", "plain ü 漢字 😀"),
            ("a\u{1b}b\u{7}c", "a b c"),
            ("back\\slash", "back\\slash"),
            ("a \"quoted\" word", "a \"quoted\" word"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
            ("the text \\u0041 itself", "the text \\A itself"),
        ];
        for (written, read_back) in table {
            let body = unescaped(&json!({ "name": written }).to_string());
            assert_eq!(
                read(body.as_bytes()),
                Some(json!({ "name": read_back })),
                "{body}"
            );
        }
    }

    #[test]
    fn cut_json_stays_unreadable() {
        let body = json!({"name": "a\u{1b}\\b", "list": [1, 2]}).to_string();
        for cut in 0..body.len() {
            assert_eq!(read(&body.as_bytes()[..cut]), None, "{}", &body[..cut]);
        }
    }

    proptest! {
        #[test]
        fn whole_json_is_read_as_it_is(text in any::<String>()) {
            let value = json!({ "name": text });
            prop_assert_eq!(read(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<Vec<u8>>()) {
            let _ = read(&text);
        }
    }
}
