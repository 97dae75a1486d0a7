//! What a world is made of: how many people, how hostile its network is, and what kind of story happens in it.

use crate::dice::Dice;

/// The story of a world, beside talk under loss, crashes and wrong clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// Talk alone.
    Plain,
    /// People also react and answer to messages.
    Lively,
    /// The relay dies again and again, at any point of its work, while people write many messages at once.
    Storm,
    /// People block, unblock, decline, use invite links and keep drafts.
    Relations,
    /// Somebody is away for longer than the relay keeps envelopes.
    Absence,
    /// Somebody's one-time prekeys are gone when others write first.
    Drained,
    /// Somebody loses everything and registers anew: another Genesis under the same account.
    Rebirth,
    /// An old copy of a store is started.
    Copy,
    /// The relay's machine loses power again and again, and its disk fails or is full.
    Outage,
}

/// One story after the other; the dear ones once in twenty seeds.
const ROUND: [Style; 20] = {
    use Style::{Absence, Copy, Drained, Lively, Outage, Plain, Rebirth, Relations, Storm};
    [
        Lively, Plain, Storm, Relations, Outage, Lively, Storm, Plain, Relations, Absence, Storm,
        Plain, Drained, Lively, Outage, Storm, Rebirth, Relations, Storm, Copy,
    ]
};

impl Style {
    pub fn of(seed: u64) -> Self {
        let at = usize::try_from(seed % ROUND.len() as u64).unwrap_or(0);
        ROUND.get(at).copied().unwrap_or(Self::Plain)
    }
}

/// What a run is made of. Of 1,000 of something, so many go wrong.
#[derive(Clone, Debug)]
pub struct Plan {
    pub style: Style,
    pub people: usize,
    /// Things people do while everything goes wrong.
    pub actions: u64,
    /// Longest pause between two actions of one person.
    pub pause_ms: u64,
    /// Longest way of a frame or request, while things go wrong.
    pub latency_ms: u64,
    /// Network events that are lost with their connection.
    pub loss_per_mille: u64,
    /// Inputs after which the process dies before its outputs leave.
    pub crash_per_mille: u64,
    /// Frames reaching the relay at which the relay dies.
    pub relay_crash_per_mille: u64,
    /// Of those deaths, how many come after the commit and before the answer.
    pub after_commit_per_mille: u64,
    /// Requests in which the relay dies: before, in the middle of, or after what it does.
    pub request_crash_per_mille: u64,
    /// Frames and requests reaching the relay while its disk fails, is full or loses power.
    pub disk_per_mille: u64,
    /// Times the relay is killed by somebody, whatever it does; in an outage, by a loss of power.
    pub kills: u64,
    /// Longest time the relay stays away.
    pub relay_away_ms: u64,
    /// Requests that reach the relay twice.
    pub duplicate_per_mille: u64,
    /// Deliveries that reach the device twice.
    pub replay_per_mille: u64,
    /// Largest error of a device clock.
    pub skew_ms: i64,
}

impl Plan {
    /// A plan of its own for every seed: from calm to hostile.
    pub fn new(style: Style, dice: &mut Dice) -> Self {
        let hostile = dice.below(4);
        let plan = Self {
            style,
            people: 2 + dice.below(2) as usize,
            actions: dice.between(20, 60),
            pause_ms: 8000,
            latency_ms: 600,
            loss_per_mille: hostile * dice.below(15),
            crash_per_mille: hostile * dice.below(8),
            relay_crash_per_mille: hostile * dice.below(6),
            after_commit_per_mille: 0,
            request_crash_per_mille: 0,
            disk_per_mille: 0,
            kills: 0,
            relay_away_ms: 15_000,
            duplicate_per_mille: hostile * dice.below(20),
            replay_per_mille: 0,
            skew_ms: if dice.chance(500) { 0 } else { 120_000 },
        };
        // The seeds named in tests were found without what follows, and keep their worlds.
        match style {
            Style::Plain | Style::Lively => plan,
            Style::Storm => plan.into_storm(dice),
            Style::Outage => Self {
                disk_per_mille: dice.between(20, 150),
                kills: dice.between(2, 12),
                ..plan
            },
            _ => Self {
                actions: plan.actions + 40,
                after_commit_per_mille: 500,
                request_crash_per_mille: hostile * dice.below(6),
                replay_per_mille: hostile * dice.below(20),
                ..plan
            },
        }
    }

    /// Quick people on a quick network, and a relay that is killed many times in a few minutes.
    fn into_storm(self, dice: &mut Dice) -> Self {
        Self {
            actions: dice.between(60, 160),
            pause_ms: dice.between(100, 1500),
            latency_ms: dice.between(5, 60),
            loss_per_mille: dice.below(4),
            crash_per_mille: dice.below(3),
            relay_crash_per_mille: dice.below(30),
            after_commit_per_mille: 600,
            request_crash_per_mille: dice.below(80),
            kills: dice.between(4, 30),
            relay_away_ms: dice.between(60, 1200),
            replay_per_mille: dice.below(20),
            ..self
        }
    }

    pub fn is_lively(&self) -> bool {
        self.style == Style::Lively
    }
}
