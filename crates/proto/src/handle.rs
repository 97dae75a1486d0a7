//! Handles: the names by which people find each other.

use crate::limits::{HANDLE_CHARS_MAX, HANDLE_CHARS_MIN};

/// Whether the text is a handle: 3 to 32 of `a-z`, `0-9`, `.`, `_`, `-`, starting with a letter.
pub fn is_valid(handle: &str) -> bool {
    let bytes = handle.as_bytes();
    (HANDLE_CHARS_MIN..=HANDLE_CHARS_MAX).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// The handle a person meant: surrounding space and a leading `@` go, capitals become small. `None` when that is none.
pub fn parse(typed: &str) -> Option<String> {
    let trimmed = typed.trim();
    let handle = trimmed
        .strip_prefix('@')
        .unwrap_or(trimmed)
        .to_ascii_lowercase();
    is_valid(&handle).then_some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_short_small_and_start_with_a_letter() {
        let longest = "a".repeat(32);
        for good in ["abc", "a.b", "a-1_2", longest.as_str()] {
            assert!(is_valid(good), "{good}");
        }
        let too_long = "a".repeat(33);
        for bad in [
            "",
            "ab",
            "1ab",
            ".ab",
            "Abc",
            "a b",
            "a@b",
            "añb",
            "abc\n",
            too_long.as_str(),
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn typed_handles_are_normalised() {
        assert_eq!(parse(" @Alice.B "), Some("alice.b".to_owned()));
        assert_eq!(parse("@@alice"), None);
    }
}
