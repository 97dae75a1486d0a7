//! The verified chain: every entry's place, signatures and authority were checked by the code below.

use super::entry::{Entry, Operation, Recover, Signer};
use super::head::LogHead;
use super::refused::Refused;
use super::state::{State, Term};
use crate::ids::Fingerprint;
use crate::limits::{LOG_ENTRIES_MAX, LOG_ENTRIES_PER_CONTENT_MAX};
use crate::signing::{self, NO_FINGERPRINT, Primitives, Purpose};
use std::collections::BTreeSet;
use std::ops::Deref;

/// Proof by type: only the verifier of this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// One entry with what verification found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    entry: Entry,
    hash: [u8; 32],
    /// Era after this entry.
    era: u32,
    /// For an entry signed by a recovery key: sequence of the entry that put that key in force.
    relies_on: Option<u64>,
    term: Option<Term>,
}

/// A whole account log, Genesis first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    links: Vec<Link>,
    state: State,
}

/// Verifies a whole log from its Genesis.
///
/// # Errors
/// [`Refused`] by the first entry that breaks a rule.
pub fn verify_chain<B: AsRef<[u8]>>(
    entries: &[B],
    primitives: &impl Primitives,
) -> Result<Verified<Log>, Refused> {
    let (genesis, rest) = entries.split_first().ok_or(Refused::Empty)?;
    let mut log = Log::from_genesis(Entry::decode(genesis.as_ref())?, primitives)?;
    for entry in rest {
        log.extend(Entry::decode(entry.as_ref())?, primitives)?;
    }
    Ok(Verified(log))
}

/// How a claimed head stands to the log held here. A claim proves nothing by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Same,
    /// The claim is our entry, so many entries ago: attach them, at most 16.
    Behind(u64),
    /// Unproved: answer "send entries", ignore otherwise.
    ClaimAhead,
    /// Unproved: another hash at a sequence we hold. Ask for the entries; only they can prove a fork.
    ClaimForks,
}

/// An entry that fits, and what it needs before anybody acts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub log: Verified<Log>,
    /// The relay refuses the entry until the term has passed.
    pub term: Option<Term>,
}

impl Verified<Log> {
    /// Checks one more entry on top of this log.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn append(&self, entry: &[u8], primitives: &impl Primitives) -> Result<Appended, Refused> {
        let mut log = self.0.clone();
        log.extend(Entry::decode(entry)?, primitives)?;
        let term = log.links.last().and_then(|link| link.term);
        Ok(Appended {
            log: Verified(log),
            term,
        })
    }
}

impl Log {
    pub fn fingerprint(&self) -> Fingerprint {
        self.state.account
    }

    /// The state after all entries, terms taken as passed: what the relay judges appends by.
    /// Clients act by [`Self::acting_state`].
    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn head(&self) -> LogHead {
        self.state.head
    }

    /// Number of entries, voided ones too.
    pub fn entry_count(&self) -> u64 {
        self.links.len() as u64
    }

    pub fn entry(&self, sequence: u64) -> Option<&Entry> {
        self.link(sequence).map(|link| &link.entry)
    }

    pub fn entry_hash(&self, sequence: u64) -> Option<[u8; 32]> {
        self.link(sequence).map(|link| link.hash)
    }

    /// The head this log had when `sequence` was its newest entry.
    pub fn head_at(&self, sequence: u64) -> Option<LogHead> {
        self.link(sequence).map(|link| LogHead {
            era: link.era,
            sequence,
            hash: link.hash,
        })
    }

    /// Entries from `sequence` on, as sent.
    pub fn entries_from(&self, sequence: u64) -> impl Iterator<Item = Vec<u8>> + '_ {
        let from = usize::try_from(sequence)
            .unwrap_or(usize::MAX)
            .min(self.links.len());
        self.links[from..].iter().map(|link| link.entry.encode())
    }

    /// Entries to attach for a peer that is behind: at most 16, none when it lacks more.
    pub fn entries_for(&self, claim: &LogHead) -> Vec<Vec<u8>> {
        match self.freshness(claim) {
            Freshness::Behind(count) if count <= LOG_ENTRIES_PER_CONTENT_MAX as u64 => {
                self.entries_from(claim.sequence + 1).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Compares a claimed head of this account with the log held here.
    pub fn freshness(&self, claim: &LogHead) -> Freshness {
        match self.head_at(claim.sequence) {
            None => Freshness::ClaimAhead,
            Some(ours) if ours != *claim => Freshness::ClaimForks,
            Some(_) if claim.sequence == self.head().sequence => Freshness::Same,
            Some(_) => Freshness::Behind(self.head().sequence - claim.sequence),
        }
    }

    /// The state a client acts by: entries whose term has not passed since this client saw what it runs from have no
    /// effect yet, and nothing signed by a recovery key that such an entry brought in is followed.
    /// `elapsed_ms` answers, for an entry hash, how long ago this client first saw that entry by its own clock.
    pub fn acting_state(
        &self,
        elapsed_ms: &dyn Fn(&[u8; 32]) -> u64,
        primitives: &impl Primitives,
    ) -> State {
        let mut deferred = BTreeSet::new();
        let mut through = self.head().sequence;
        for (sequence, link) in (0..).zip(&self.links) {
            if link
                .relies_on
                .is_some_and(|since| deferred.contains(&since))
            {
                through = sequence - 1;
                break;
            }
            if link
                .term
                .is_some_and(|term| !term.has_passed(elapsed_ms(&term.since_hash)))
            {
                deferred.insert(sequence);
            }
        }
        self.fold(through, &deferred, primitives)
    }

    /// Terms that stand in this log, for deadlines.
    pub fn terms(&self) -> impl Iterator<Item = Term> + '_ {
        self.links.iter().filter_map(|link| link.term)
    }

    fn link(&self, sequence: u64) -> Option<&Link> {
        self.links.get(usize::try_from(sequence).ok()?)
    }

    fn from_genesis(entry: Entry, primitives: &impl Primitives) -> Result<Self, Refused> {
        let body = &entry.body;
        let Operation::Genesis { device, .. } = &body.operation else {
            return Err(Refused::NotGenesis);
        };
        if body.account != NO_FINGERPRINT || body.sequence != 0 || body.previous != [0; 32] {
            return Err(Refused::NotGenesis);
        }
        check_signature(&entry, &device.dsk, primitives)?;
        let hash = entry.hash(primitives);
        let state = State::genesis(&entry, hash, primitives)?;
        Ok(Self {
            links: vec![Link {
                entry,
                hash,
                era: 0,
                relies_on: None,
                term: None,
            }],
            state,
        })
    }

    fn extend(&mut self, entry: Entry, primitives: &impl Primitives) -> Result<(), Refused> {
        debug_assert!(self.links.len() as u64 <= LOG_ENTRIES_MAX);
        self.state.check_place(&entry)?;
        let hash = entry.hash(primitives);
        let (relies_on, term) = match &entry.body.operation {
            Operation::Recover(recover) => {
                let (state, since) = self.check_recover(&entry, recover, hash, primitives)?;
                self.state = state;
                (Some(since), None)
            }
            _ => {
                let key = self.state.signing_key(&entry.body.signer)?;
                check_signature(&entry, &key, primitives)?;
                let wait = self.state.check_authority(&entry, primitives)?;
                check_countersignature(&entry, &self.state.account, primitives)?;
                let relies_on =
                    (entry.body.signer == Signer::Recovery).then_some(self.state.recovery_since);
                let term = wait.and_then(|wait| {
                    let since_hash = self.entry_hash(wait.since)?;
                    Some(Term {
                        since: wait.since,
                        since_hash,
                        length_ms: wait.length_ms,
                    })
                });
                self.state.apply(&entry, hash, false, primitives);
                (relies_on, term)
            }
        };
        let era = self.state.head.era;
        self.links.push(Link {
            entry,
            hash,
            era,
            relies_on,
            term,
        });
        Ok(())
    }

    /// The state after a Recover, and since when the key that signed it is in force.
    fn check_recover(
        &self,
        entry: &Entry,
        recover: &Recover,
        hash: [u8; 32],
        primitives: &impl Primitives,
    ) -> Result<(State, u64), Refused> {
        if entry.body.signer != Signer::Recovery {
            return Err(Refused::WrongSigner);
        }
        let path = self.path(self.head().sequence);
        if !path.contains(&recover.parent_sequence)
            || self.entry_hash(recover.parent_sequence) != Some(recover.parent_hash)
        {
            return Err(Refused::UnknownParent);
        }
        let parent = self.fold(recover.parent_sequence, &BTreeSet::new(), primitives);
        let since = parent.recovery_since;
        check_signature(entry, &parent.recovery.authority, primitives)?;
        check_countersignature(entry, &self.state.account, primitives)?;
        self.state.check_recover(&parent, recover, primitives)?;
        Ok((
            self.state.recovered(parent, recover, hash, primitives),
            since,
        ))
    }

    /// Sequences of the entries in force up to `through`: those a Recover voided are left out.
    fn path(&self, through: u64) -> Vec<u64> {
        let mut path: Vec<u64> = Vec::new();
        for (sequence, link) in (0..=through).zip(&self.links) {
            if let Operation::Recover(recover) = &link.entry.body.operation {
                path.retain(|earlier| *earlier <= recover.parent_sequence);
            }
            path.push(sequence);
        }
        path
    }

    /// Applies entries that were verified before, `deferred` ones without effect.
    fn fold(&self, through: u64, deferred: &BTreeSet<u64>, primitives: &impl Primitives) -> State {
        let mut state = self.genesis_state(primitives);
        for link in self
            .path(through)
            .into_iter()
            .skip(1)
            .filter_map(|sequence| self.link(sequence))
        {
            match &link.entry.body.operation {
                Operation::Recover(recover) => {
                    let mut before = state.clone();
                    before.head = LogHead {
                        era: link.era - 1,
                        sequence: link.entry.body.sequence - 1,
                        hash: [0; 32],
                    };
                    state = before.recovered(state, recover, link.hash, primitives);
                }
                _ => {
                    let deferred = deferred.contains(&link.entry.body.sequence);
                    state.apply(&link.entry, link.hash, deferred, primitives);
                }
            }
        }
        state
    }

    fn genesis_state(&self, primitives: &impl Primitives) -> State {
        let genesis = &self.links[0];
        // The first link was made by `from_genesis`, which keeps only what this call accepts.
        State::genesis(&genesis.entry, genesis.hash, primitives)
            .unwrap_or_else(|_| self.state.clone())
    }
}

fn check_signature(
    entry: &Entry,
    key: &[u8; 32],
    primitives: &impl Primitives,
) -> Result<(), Refused> {
    let device = entry.body.signer.device_id();
    let message = signing::message(
        Purpose::LogEntry,
        &entry.body.account,
        &device,
        &[entry.body_bytes()],
    );
    if primitives.verify_ed25519(key, &message, &entry.signature) {
        Ok(())
    } else {
        Err(Refused::BadSignature)
    }
}

/// The incoming device signs too: nobody can enter a device that does not want to belong to the account.
fn check_countersignature(
    entry: &Entry,
    account: &Fingerprint,
    primitives: &impl Primitives,
) -> Result<(), Refused> {
    let Some(device) = entry.body.operation.incoming() else {
        return Ok(());
    };
    let message = signing::message(
        Purpose::LogCountersign,
        account,
        &device.id(primitives),
        &[entry.body_bytes()],
    );
    match &entry.countersignature {
        Some(signature) if primitives.verify_ed25519(&device.dsk, &message, signature) => Ok(()),
        _ => Err(Refused::BadCountersignature),
    }
}
