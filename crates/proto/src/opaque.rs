//! What both halves of OPAQUE (RFC 9807) must agree on. Each half names the library itself: the relay links no client code.
//!
//! Suite, as opaque-ke 4 spells it: `OprfCs = Ristretto255`, `KeyExchange = TripleDh<Ristretto255, Sha512>`; key
//! stretching is Argon2id on the client, so the relay may put any `Ksf` there (`ksf::Identity`). No identifiers
//! (`Identifiers::default()`), no context (`None`). Credential identifier: the relay's choice, never seen by the client.
//! Known answers: docs/protocol/vectors/opaque.json.

use crate::api::Stretching;

pub const REGISTRATION_REQUEST_BYTES: usize = 32;
pub const REGISTRATION_RESPONSE_BYTES: usize = 64;
pub const REGISTRATION_UPLOAD_BYTES: usize = 192;
/// KE1
pub const CREDENTIAL_REQUEST_BYTES: usize = 96;
/// KE2
pub const CREDENTIAL_RESPONSE_BYTES: usize = 320;
/// KE3
pub const CREDENTIAL_FINALIZATION_BYTES: usize = 64;

/// The one version of the parameters: Argon2id 1.3, 16 zero bytes of salt (the input is already unique per account).
pub const STRETCHING_VERSION: u32 = 1;
/// What a relay gives new records unless it is configured otherwise.
pub const STRETCHING: Stretching = Stretching {
    version: STRETCHING_VERSION,
    memory_kib: 64 * 1024,
    iterations: 3,
    parallelism: 1,
};
/// Clients refuse less: otherwise a relay could ask for a record that is cheap to guess.
pub const MEMORY_KIB_MIN: u32 = 8 * 1024;
/// Clients refuse more: otherwise a relay could stop a phone.
pub const MEMORY_KIB_MAX: u32 = 512 * 1024;
pub const ITERATIONS_MAX: u32 = 16;
pub const PARALLELISM_MAX: u32 = 4;

/// Whether a client stretches with these parameters.
pub fn is_acceptable(stretching: &Stretching) -> bool {
    stretching.version == STRETCHING_VERSION
        && (MEMORY_KIB_MIN..=MEMORY_KIB_MAX).contains(&stretching.memory_kib)
        && (1..=ITERATIONS_MAX).contains(&stretching.iterations)
        && (1..=PARALLELISM_MAX).contains(&stretching.parallelism)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_costly_and_unknown_parameters_are_refused() {
        assert!(is_acceptable(&STRETCHING));
        assert!(is_acceptable(&Stretching {
            memory_kib: MEMORY_KIB_MIN,
            iterations: 1,
            ..STRETCHING
        }));
        for bad in [
            Stretching {
                version: 2,
                ..STRETCHING
            },
            Stretching {
                memory_kib: MEMORY_KIB_MIN - 1,
                ..STRETCHING
            },
            Stretching {
                memory_kib: MEMORY_KIB_MAX + 1,
                ..STRETCHING
            },
            Stretching {
                iterations: 0,
                ..STRETCHING
            },
            Stretching {
                iterations: 17,
                ..STRETCHING
            },
            Stretching {
                parallelism: 0,
                ..STRETCHING
            },
            Stretching {
                parallelism: 5,
                ..STRETCHING
            },
        ] {
            assert!(!is_acceptable(&bad), "{bad:?}");
        }
    }
}
