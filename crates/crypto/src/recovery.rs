//! The recovery secret: 16 bytes that can restore an account's log authority and open its archive.
//!
//! Knows: the seed, its two derived keys and its printable form. Must never know: where the form is shown or kept.
//! Derivations: docs/protocol/keys.md. The seed is erased once the person has taken the kit.

use crate::error::NoRandomness;
use crate::keys::{Secret, SigningSecret, StoredSecret, XWingSecret};
use crate::primitives::{equal, hkdf_sha256};
use securechat_proto::account_log::RecoveryRecord;
use zeroize::Zeroizing;

/// Groups of four characters in the printable form.
pub const GROUPS: usize = 7;
const CHARACTERS: usize = GROUPS * 4;
/// Characters that hold the seed: 130 bits, the last two zero.
const DATA: usize = CHARACTERS - 2;
/// Crockford's alphabet: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The 128-bit recovery secret. Wiped when dropped; no Debug, Clone or Display.
pub struct RecoverySecret(Secret<16>);

/// The typed text was no recovery secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KitError {
    /// Not 28 characters of the alphabet.
    #[error("recovery text has a wrong character or length")]
    NotKit,
    /// A character was mistyped: the checksum differs.
    #[error("recovery text has a typing error")]
    Checksum,
}

impl KitError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotKit => "kit_malformed",
            Self::Checksum => "kit_checksum",
        }
    }
}

impl RecoverySecret {
    /// # Errors
    /// [`NoRandomness`]
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(Secret::random()?))
    }

    pub fn from_seed(seed: Secret<16>) -> Self {
        Self(seed)
    }

    /// Signs Recover and everything else that needs no waiting: HKDF-SHA-256(salt empty, seed, `SC1/recovery-authority`).
    pub fn authority(&self) -> SigningSecret {
        SigningSecret::from_seed(&hkdf_sha256(
            b"",
            self.0.expose(),
            &[b"SC1/recovery-authority"],
        ))
    }

    /// Receives the archive epoch keys: HKDF-SHA-256(salt empty, seed, `SC1/recovery-archive`) is its X-Wing seed.
    pub fn archive(&self) -> XWingSecret {
        XWingSecret::from_seed(hkdf_sha256(
            b"",
            self.0.expose(),
            &[b"SC1/recovery-archive"],
        ))
    }

    /// The public halves, as the log names them.
    pub fn public(&self) -> RecoveryRecord {
        RecoveryRecord {
            authority: self.authority().public().0,
            archive: self.archive().public().0,
        }
    }

    /// The 16 bytes, for the engine's encrypted store until the kit is taken.
    pub fn to_stored(&self) -> StoredSecret {
        Zeroizing::new(self.0.expose().to_vec())
    }

    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        Secret::from_slice(stored).map(Self)
    }

    /// The printable form: seven groups of four characters, `XXXX-XXXX-...`: 26 characters hold the seed, 2 check it.
    pub fn printable(&self) -> Zeroizing<String> {
        let characters = self.characters();
        // One allocation of the final size, so that no piece of the secret stays behind in memory.
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + GROUPS - 1));
        for (index, character) in characters.iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(*character));
        }
        text
    }

    /// Reads the printable form; small letters, spaces and hyphens do not matter, `O` counts as 0, `I` and `L` as 1.
    ///
    /// # Errors
    /// [`KitError`]
    pub fn parse(typed: &str) -> Result<Self, KitError> {
        let mut values = Zeroizing::new([0_u8; CHARACTERS]);
        let mut count = 0;
        for byte in typed
            .bytes()
            .filter(|byte| !matches!(byte, b' ' | b'-' | b'\n' | b'\r' | b'\t'))
        {
            let slot = values.get_mut(count).ok_or(KitError::NotKit)?;
            *slot = value_of(byte).ok_or(KitError::NotKit)?;
            count += 1;
        }
        if count != CHARACTERS {
            return Err(KitError::NotKit);
        }
        let mut bits = Zeroizing::new([0_u8; 17]);
        for (index, value) in values[..DATA].iter().enumerate() {
            write_5_bits(&mut bits, index, *value);
        }
        if bits[16] != 0 || check_symbols(&values[..DATA]) != values[DATA..] {
            return Err(KitError::Checksum);
        }
        Secret::from_slice(&bits[..16])
            .map(Self)
            .ok_or(KitError::NotKit)
    }

    /// Whether the four characters typed are group `index` (0 to 6) of this kit.
    pub fn matches_group(&self, index: usize, typed: &str) -> bool {
        if index >= GROUPS {
            return false;
        }
        let characters = self.characters();
        let group = &characters[index * 4..index * 4 + 4];
        let typed: Zeroizing<Vec<u8>> = Zeroizing::new(
            typed
                .trim()
                .bytes()
                .map(|byte| value_of(byte).map_or(b'?', |value| ALPHABET[usize::from(value)]))
                .collect(),
        );
        equal(group, &typed)
    }

    fn characters(&self) -> Zeroizing<[u8; CHARACTERS]> {
        let mut bits = Zeroizing::new([0; 17]);
        bits[..16].copy_from_slice(self.0.expose());
        let mut values = Zeroizing::new([0; CHARACTERS]);
        for (index, value) in values[..DATA].iter_mut().enumerate() {
            *value = read_5_bits(&bits, index);
        }
        let check = check_symbols(&values[..DATA]);
        values[DATA..].copy_from_slice(&check);
        for value in values.iter_mut() {
            *value = ALPHABET[usize::from(*value)];
        }
        values
    }
}

/// Two check symbols over GF(32), x^5 + x^2 + 1: the sum of the data symbols, and the sum weighted by powers of x.
/// Any one or two wrong characters are noticed, swapped ones too.
fn check_symbols(data: &[u8]) -> [u8; 2] {
    let (mut plain, mut weighted) = (0, 0);
    // Horner's rule: the first symbol gets the highest power, the last one x.
    for value in data {
        plain ^= value;
        weighted = times_x(weighted ^ value);
    }
    [plain, weighted]
}

fn times_x(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 0x20 == 0 {
        shifted
    } else {
        shifted ^ 0x25
    }
}

fn read_5_bits(bits: &[u8; 17], index: usize) -> u8 {
    let at = index * 5;
    let pair = u16::from(bits[at / 8]) << 8 | u16::from(bits.get(at / 8 + 1).copied().unwrap_or(0));
    (pair >> (11 - at % 8)) as u8 & 0x1f
}

fn write_5_bits(bits: &mut [u8; 17], index: usize, value: u8) {
    let at = index * 5;
    let pair = u16::from(value) << (11 - at % 8);
    bits[at / 8] |= (pair >> 8) as u8;
    if let Some(next) = bits.get_mut(at / 8 + 1) {
        *next |= pair as u8;
    }
}

fn value_of(byte: u8) -> Option<u8> {
    let letter = match byte.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET
        .iter()
        .position(|character| *character == letter)
        .map(|position| position as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> RecoverySecret {
        RecoverySecret::from_seed(Secret::take(&mut [0xa5; 16]))
    }

    #[test]
    fn printable_form_is_seven_groups_and_reads_back() {
        for byte in [0, 1, 0x5a, 0xff] {
            let secret = RecoverySecret::from_seed(Secret::take(&mut [byte; 16]));
            let text = secret.printable();
            assert_eq!(text.len(), 34);
            let sloppy = text
                .to_lowercase()
                .replace('-', " ")
                .replace('0', "o")
                .replace('1', "l");
            assert_eq!(
                *RecoverySecret::parse(&sloppy).ok().unwrap().to_stored(),
                vec![byte; 16]
            );
        }
    }

    #[test]
    fn every_one_or_two_mistyped_characters_are_noticed() {
        let text = secret().printable().replace('-', "").into_bytes();
        let mistype = |text: &mut Vec<u8>, at: usize, step: usize| {
            let value = ALPHABET
                .iter()
                .position(|character| *character == text[at])
                .unwrap();
            text[at] = ALPHABET[(value + step) % 32];
        };
        for first in 0..CHARACTERS {
            for step in 1..32 {
                for second in first..CHARACTERS {
                    let mut wrong = text.clone();
                    mistype(&mut wrong, first, step);
                    if second > first {
                        mistype(&mut wrong, second, 1 + (step * 7 + second) % 31);
                    }
                    let typed = std::str::from_utf8(&wrong).unwrap();
                    assert_eq!(
                        RecoverySecret::parse(typed).err(),
                        Some(KitError::Checksum),
                        "{typed}"
                    );
                }
            }
        }
    }

    #[test]
    fn texts_that_are_no_kit_are_refused() {
        let text = secret().printable();
        for bad in [
            "",
            "ABCD",
            &format!("{}A", *text),
            &text[1..],
            &text.replace(&text[..1], "U"),
            "é".repeat(14).as_str(),
        ] {
            assert_eq!(
                RecoverySecret::parse(bad).err(),
                Some(KitError::NotKit),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_group_is_checked_by_its_four_characters() {
        let (secret, text) = (secret(), secret().printable());
        for (index, group) in text.split('-').enumerate() {
            assert!(secret.matches_group(index, &group.to_lowercase()));
            assert!(!secret.matches_group(index, &group[1..]));
            assert!(
                !secret.matches_group((index + 1) % GROUPS, group)
                    || text.split('-').nth((index + 1) % GROUPS) == Some(group)
            );
        }
        assert!(!secret.matches_group(7, "0000"));
        assert!(!secret.matches_group(usize::MAX, "0000"));
    }
}
