//! How many entries a day the relay takes. Entries of devices and of the recovery key count apart,
//! so that a thief who fills the day cannot keep a Recover out.

use super::entry::Signer;
use crate::ids::Timestamp;
use crate::limits::{DAY_MS, LOG_ENTRIES_PER_DAY_MAX};

/// When an earlier entry was appended, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedAt {
    pub at: Timestamp,
    pub signer: Signer,
}

/// Whether an entry by `signer` may be appended at `now`, given the appends before it.
pub fn within_daily_rate(earlier: &[AppendedAt], signer: Signer, now: Timestamp) -> bool {
    let by_recovery = signer == Signer::Recovery;
    let today = earlier.iter().filter(|entry| {
        (entry.signer == Signer::Recovery) == by_recovery && now.since(entry.at) < DAY_MS
    });
    (today.count() as u64) < LOG_ENTRIES_PER_DAY_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DeviceId;

    #[test]
    fn a_full_day_of_device_entries_leaves_room_for_the_recovery_key() {
        let device = Signer::Device(DeviceId([1; 16]));
        let day: Vec<_> = (0..20)
            .map(|i| AppendedAt {
                at: Timestamp(1000 + i),
                signer: device,
            })
            .collect();
        assert!(within_daily_rate(&day[..19], device, Timestamp(2000)));
        assert!(!within_daily_rate(&day, device, Timestamp(2000)));
        assert!(within_daily_rate(&day, Signer::Recovery, Timestamp(2000)));
        assert!(!within_daily_rate(&day, device, Timestamp(999 + DAY_MS)));
        assert!(within_daily_rate(&day, device, Timestamp(1000 + DAY_MS)));
    }
}
