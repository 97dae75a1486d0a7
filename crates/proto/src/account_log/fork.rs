//! Two logs of one account that contradict each other: the proof that freezes sending, and what thaws it.

use super::entry::Entry;
use super::head::LogHead;
use super::log::{Log, Verified, verify_chain};
use super::refused::Refused;
use crate::codec::{Malformed, Reader};
use crate::limits::LOG_ENTRIES_MAX;
use crate::signing::Primitives;

/// What offered entries make of the log held here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Nothing new.
    Current,
    /// The offer ends before our head: a relay that offers it is behind; give it ours.
    Behind,
    Extended(Verified<Log>),
    /// Another branch with a higher era that may be acted on: it replaces ours and thaws.
    Recovered(Verified<Log>),
    /// Another branch with a lower era: ours stands.
    Superseded,
    /// Another branch of the same era, or of a higher one that may not be acted on yet: freeze.
    Forked(Box<ForkProof>),
}

/// Both branches from the first differing entry on. Each was verified, so each was signed by keys of the account.
/// Kept as proof; anyone with the common entries can check it ([`ForkProof::check`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkProof {
    /// Sequence of the first differing entry.
    pub sequence: u64,
    /// Our entries from there to our head, as sent.
    pub ours: Vec<Vec<u8>>,
    pub theirs: Vec<Vec<u8>>,
    /// The heads of both branches.
    pub our_head: LogHead,
    pub their_head: LogHead,
}

/// Whether contents may be sealed for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Clear,
    /// Sending stops and the person is told.
    Frozen(Box<ForkProof>),
}

impl Standing {
    /// Contents may be sealed.
    pub fn is_clear(&self) -> bool {
        matches!(self, Self::Clear)
    }

    /// The standing once `log` is held: an era above both branches thaws. Nothing else does, short of
    /// [`ForkProof::branch_of`] after a scan, or accepting a new Genesis as another person.
    #[must_use]
    pub fn settle(self, log: &Verified<Log>) -> Self {
        match self {
            Self::Frozen(proof) if log.head().era <= proof.era() => Self::Frozen(proof),
            Self::Frozen(_) | Self::Clear => Self::Clear,
        }
    }
}

/// One side of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    Ours,
    Theirs,
}

impl Verified<Log> {
    /// Takes in `offered` entries, consecutive and from any sequence up to one after our head.
    /// `elapsed_ms` as in [`Log::acting_state`].
    ///
    /// # Errors
    /// [`Refused`]: the entries do not verify; ours stays. `Gap`: they start too late.
    pub fn advance<B: AsRef<[u8]>>(
        &self,
        offered: &[B],
        elapsed_ms: &dyn Fn(&[u8; 32]) -> u64,
        primitives: &impl Primitives,
    ) -> Result<Advance, Refused> {
        let first = Entry::decode(offered.first().ok_or(Refused::Empty)?.as_ref())?;
        let mut sequence = first.body.sequence;
        if sequence > self.entry_count() {
            return Err(Refused::Gap);
        }
        let mut rest = offered;
        while let [next, after @ ..] = rest {
            let entry = Entry::decode(next.as_ref())?;
            if entry.body.sequence != sequence {
                return Err(Refused::WrongSequence);
            }
            if self.entry_hash(sequence) != Some(entry.hash(primitives)) {
                break;
            }
            sequence += 1;
            rest = after;
        }
        if rest.is_empty() {
            return Ok(if sequence == self.entry_count() {
                Advance::Current
            } else {
                Advance::Behind
            });
        }
        if sequence == self.entry_count() {
            return self.extend_by(rest, primitives).map(Advance::Extended);
        }
        self.weigh_branch(sequence, rest, elapsed_ms, primitives)
    }

    fn extend_by<B: AsRef<[u8]>>(
        &self,
        entries: &[B],
        primitives: &impl Primitives,
    ) -> Result<Self, Refused> {
        let mut log = self.clone();
        for entry in entries {
            log = log.append(entry.as_ref(), primitives)?.log;
        }
        Ok(log)
    }

    fn weigh_branch<B: AsRef<[u8]>>(
        &self,
        sequence: u64,
        theirs: &[B],
        elapsed_ms: &dyn Fn(&[u8; 32]) -> u64,
        primitives: &impl Primitives,
    ) -> Result<Advance, Refused> {
        let branch = join(self.entries_from(0).take(sequence as usize), theirs);
        let branch = verify_chain(&branch, primitives)?;
        let (our_era, their_era) = (self.head().era, branch.head().era);
        if their_era < our_era {
            return Ok(Advance::Superseded);
        }
        if branch.acting_state(elapsed_ms, primitives).head.era > our_era {
            return Ok(Advance::Recovered(branch));
        }
        Ok(Advance::Forked(Box::new(ForkProof {
            sequence,
            ours: self.entries_from(sequence).collect(),
            theirs: theirs.iter().map(|entry| entry.as_ref().to_vec()).collect(),
            our_head: self.head(),
            their_head: branch.head(),
        })))
    }
}

impl ForkProof {
    /// The higher era of the two branches.
    fn era(&self) -> u32 {
        self.our_head.era.max(self.their_head.era)
    }

    /// For the store: sequence u64 || our head[44] || their head[44] || our entries || their entries, each list
    /// count u32 || (length u32 || entry)*.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.sequence.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.our_head.encode());
        bytes.extend_from_slice(&self.their_head.encode());
        for entries in [&self.ours, &self.theirs] {
            bytes.extend_from_slice(&(entries.len() as u32).to_be_bytes());
            for entry in entries {
                bytes.extend_from_slice(&(entry.len() as u32).to_be_bytes());
                bytes.extend_from_slice(entry);
            }
        }
        bytes
    }

    /// Reads [`Self::encode`]; nothing is verified.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let sequence = reader.u64()?;
        let our_head = LogHead::read(&mut reader)?;
        let their_head = LogHead::read(&mut reader)?;
        let ours = read_entries(&mut reader)?;
        let theirs = read_entries(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            sequence,
            ours,
            theirs,
            our_head,
            their_head,
        })
    }

    /// Checks the proof against the entries before the fork; both branches come out verified.
    ///
    /// # Errors
    /// [`Refused`] when a branch does not verify or the first entries do not differ.
    pub fn check<B: AsRef<[u8]>>(
        &self,
        common: &[B],
        primitives: &impl Primitives,
    ) -> Result<(Verified<Log>, Verified<Log>), Refused> {
        let common: Vec<Vec<u8>> = common.iter().map(|entry| entry.as_ref().to_vec()).collect();
        if common.len() as u64 != self.sequence {
            return Err(Refused::Gap);
        }
        let ours = verify_chain(&join(common.iter().cloned(), &self.ours), primitives)?;
        let theirs = verify_chain(&join(common.iter().cloned(), &self.theirs), primitives)?;
        if ours.entry_hash(self.sequence) == theirs.entry_hash(self.sequence) {
            return Err(Refused::WrongSequence);
        }
        Ok((ours, theirs))
    }

    /// The branch that holds a head scanned from the owner's screen: scanning picks it and thaws.
    /// `common` are the entries before the fork.
    ///
    /// # Errors
    /// [`Refused`] as [`Self::check`]; `UnknownParent` when the head is on neither branch.
    pub fn branch_of<B: AsRef<[u8]>>(
        &self,
        scanned: &LogHead,
        common: &[B],
        primitives: &impl Primitives,
    ) -> Result<(Branch, Verified<Log>), Refused> {
        let (ours, theirs) = self.check(common, primitives)?;
        if scanned.sequence < self.sequence {
            return Err(Refused::UnknownParent);
        }
        if ours.head_at(scanned.sequence) == Some(*scanned) {
            return Ok((Branch::Ours, ours));
        }
        if theirs.head_at(scanned.sequence) == Some(*scanned) {
            return Ok((Branch::Theirs, theirs));
        }
        Err(Refused::UnknownParent)
    }
}

fn join<B: AsRef<[u8]>>(common: impl Iterator<Item = Vec<u8>>, rest: &[B]) -> Vec<Vec<u8>> {
    common
        .chain(rest.iter().map(|entry| entry.as_ref().to_vec()))
        .collect()
}

fn read_entries(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let count = reader.u32()?;
    if u64::from(count) > LOG_ENTRIES_MAX {
        return Err(Malformed);
    }
    (0..count)
        .map(|_| {
            let length = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
            Ok(reader.take(length)?.to_vec())
        })
        .collect()
}
