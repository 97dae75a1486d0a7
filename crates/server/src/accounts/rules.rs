//! Decisions of accounts that need no storage.

use crate::platform::ApiResult;
use crate::platform::primitives::sha256;
use securechat_proto::Timestamp;
use securechat_proto::api::{Code, NewSession, SignUp};
use securechat_proto::limits::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Security events and the time they are kept.
pub const EVENTS_KEPT_MS: u64 = 30 * DAY_MS;
/// Longer than any access token lives, so that no node misses a revocation.
pub const REVOCATION_KEPT_MS: u64 = 10 * MINUTE_MS;
/// Device names are sealed by the device; the relay bounds their size only.
pub const SEALED_NAME_BYTES_MAX: usize = 256;

pub fn check_handle(handle: &str) -> ApiResult<()> {
    if securechat_proto::handle::is_valid(handle) {
        Ok(())
    } else {
        Err(Code::Invalid.into())
    }
}

pub fn check_new_session(session: &NewSession) -> ApiResult<[u8; 32]> {
    if session.sealed_name.0.len() > SEALED_NAME_BYTES_MAX {
        return Err(Code::Invalid.into());
    }
    session
        .refresh_hash
        .0
        .as_slice()
        .try_into()
        .map_err(|_| Code::Invalid.into())
}

/// One sign-up's identity: the same body again is the same sign-up.
pub fn sign_up_hash(sign_up: &SignUp) -> [u8; 32] {
    sha256(&serde_json::to_vec(sign_up).unwrap_or_default())
}

/// Times of use are stored to the hour: enough to recognise a forgotten device, not enough to follow a day.
pub fn to_the_hour(time: Timestamp) -> Timestamp {
    Timestamp(time.0 - time.0 % HOUR_MS)
}

/// What a refresh request means, given the two hashes the session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshing {
    /// The present token: rotate.
    Rotate,
    /// The request that made the last rotation, again: answer again.
    Repeat,
    /// Any other token, signed by the device: two holders of one session.
    Stolen,
}

pub fn refreshing(
    current: &[u8; 32],
    previous: Option<&[u8; 32]>,
    offered: &[u8; 32],
    next: &[u8; 32],
) -> Refreshing {
    if offered == current {
        Refreshing::Rotate
    } else if previous == Some(offered) && next == current {
        Refreshing::Repeat
    } else {
        Refreshing::Stolen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_refresh_is_answered_and_a_forked_one_is_theft() {
        let [first, second, third] = [[1; 32], [2; 32], [3; 32]];
        assert_eq!(
            refreshing(&first, None, &first, &second),
            Refreshing::Rotate
        );
        assert_eq!(
            refreshing(&second, Some(&first), &first, &second),
            Refreshing::Repeat
        );
        assert_eq!(
            refreshing(&second, Some(&first), &first, &third),
            Refreshing::Stolen
        );
        assert_eq!(
            refreshing(&third, Some(&second), &first, &second),
            Refreshing::Stolen
        );
    }
}
