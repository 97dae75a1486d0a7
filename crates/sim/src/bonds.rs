//! What happened between two people that excuses a difference between what they see.

use std::collections::BTreeMap;

/// Nothing of it: both see the same, in the same order, and nothing failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond {
    /// One blocked the other for a while: what was sent meanwhile is nowhere.
    pub blocked: bool,
    /// One declined a request: its messages are gone there.
    pub declined: bool,
    /// One came by an invite link that was taken back.
    pub revoked: bool,
    /// One was away for longer than the relay keeps envelopes.
    pub apart: bool,
    /// One is another identity by now, without the former history.
    pub reborn: bool,
}

#[derive(Default)]
pub struct Bonds(BTreeMap<(usize, usize), Bond>);

impl Bonds {
    pub fn of(&self, a: usize, b: usize) -> Bond {
        let key = (a.min(b), a.max(b));
        self.0.get(&key).copied().unwrap_or_default()
    }

    pub fn between(&mut self, a: usize, b: usize) -> &mut Bond {
        self.0.entry((a.min(b), a.max(b))).or_default()
    }

    /// Whether these two must see the same.
    pub fn is_whole(&self, a: usize, b: usize) -> bool {
        self.of(a, b) == Bond::default()
    }

    pub fn all_whole(&self) -> bool {
        self.0.values().all(|bond| *bond == Bond::default())
    }
}
