//! Logs that contradict each other, and what thaws them.

use crate::world::*;
use securechat_proto::account_log::{
    Advance, Announced, Branch, ForkProof, Log, LogHead, Operation, Refused, Standing, Verified,
    WAIT_MS,
};

fn advance(log: &Verified<Log>, offered: &[Vec<u8>], elapsed_ms: u64) -> Result<Advance, Refused> {
    log.advance(offered, &|_| elapsed_ms, &PRIMITIVES)
}

fn entries(log: &Log, from: u64) -> Vec<Vec<u8>> {
    log.entries_from(from).collect()
}

fn fork(ours: &Verified<Log>, theirs: &Log) -> ForkProof {
    match advance(ours, &entries(theirs, 0), 0) {
        Ok(Advance::Forked(proof)) => *proof,
        other => panic!("no fork: {other:?}"),
    }
}

#[test]
fn offers_extend_repeat_or_lag() {
    let log = with_devices(3);
    let longer = add(&log, 1, 4).unwrap().log;
    assert_eq!(
        advance(&log, &entries(&longer, 3), 0),
        Ok(Advance::Extended(longer.clone()))
    );
    assert_eq!(
        advance(&log, &entries(&longer, 1), 0),
        Ok(Advance::Extended(longer.clone()))
    );
    assert_eq!(
        advance(&longer, &entries(&longer, 0), 0),
        Ok(Advance::Current)
    );
    assert_eq!(advance(&longer, &entries(&log, 1), 0), Ok(Advance::Behind));
    assert_eq!(
        advance(&log, &entries(&add(&longer, 1, 5).unwrap().log, 4), 0),
        Err(Refused::Gap)
    );
    assert_eq!(advance(&log, &[], 0), Err(Refused::Empty));
    let mut shuffled = entries(&longer, 1);
    shuffled.swap(0, 1);
    assert_eq!(advance(&log, &shuffled, 0), Err(Refused::WrongSequence));
    assert_eq!(advance(&log, &[vec![0; 200]], 0), Err(Refused::Malformed));
}

#[test]
fn two_signed_entries_at_one_place_freeze() {
    let log = with_devices(3);
    let ours = add(&log, 1, 4).unwrap().log;
    let theirs = add(&add(&log, 2, 5).unwrap().log, 5, 6).unwrap().log;
    let proof = fork(&ours, &theirs);
    assert_eq!(
        (proof.sequence, proof.our_head, proof.their_head),
        (3, ours.head(), theirs.head())
    );
    let common = entries(&log, 0);
    assert_eq!(
        proof.check(&common, &PRIMITIVES),
        Ok((ours.clone(), theirs.clone()))
    );
    assert_eq!(proof.check(&common[..2], &PRIMITIVES), Err(Refused::Gap));
    let no_fork = ForkProof {
        theirs: proof.ours.clone(),
        ..proof.clone()
    };
    assert_eq!(
        no_fork.check(&common, &PRIMITIVES),
        Err(Refused::WrongSequence)
    );
    assert_eq!(
        proof.branch_of(&theirs.head(), &common, &PRIMITIVES),
        Ok((Branch::Theirs, theirs.clone()))
    );
    assert_eq!(
        proof.branch_of(&ours.head(), &common, &PRIMITIVES),
        Ok((Branch::Ours, ours))
    );
    let elsewhere = LogHead {
        hash: [0; 32],
        ..theirs.head()
    };
    assert_eq!(
        proof.branch_of(&elsewhere, &common, &PRIMITIVES),
        Err(Refused::UnknownParent)
    );
    assert_eq!(
        proof.branch_of(&log.head(), &common, &PRIMITIVES),
        Err(Refused::UnknownParent)
    );
}

#[test]
fn only_validly_signed_entries_freeze() {
    let log = with_devices(3);
    let ours = add(&log, 1, 4).unwrap().log;
    let mut offered = entries(&add(&log, 2, 5).unwrap().log, 3);
    let last = offered[0].len() - 70;
    offered[0][last] ^= 1;
    assert_eq!(advance(&ours, &offered, 0), Err(Refused::BadSignature));
}

#[test]
fn signing_the_same_entry_again_is_no_fork() {
    let log = with_devices(2);
    let again = by_device(
        &genesis(),
        1,
        Operation::AddDevice {
            device: device(2).record(),
        },
    );
    assert_eq!(
        again.err(),
        Some(Refused::Malformed),
        "a countersignature is needed"
    );
    assert_eq!(
        advance(&log, &entries(&with_devices(2), 0), 0),
        Ok(Advance::Current)
    );
}

#[test]
fn a_higher_era_thaws_on_either_branch_and_a_lower_one_is_passed_over() {
    let log = with_devices(3);
    let ours = add(&log, 1, 4).unwrap().log;
    let theirs = add(&log, 2, 5).unwrap().log;
    let recovered = recover(&theirs, 1, 2, &[1], 6, 2).unwrap().log;
    assert_eq!(
        advance(&ours, &entries(&recovered, 3), 0),
        Ok(Advance::Recovered(recovered.clone()))
    );
    assert_eq!(
        advance(&recovered, &entries(&ours, 3), 0),
        Ok(Advance::Superseded)
    );
    let own_recovered = recover(&ours, 1, 3, &[1], 7, 3).unwrap().log;
    assert!(matches!(
        advance(&own_recovered, &entries(&recovered, 3), 0),
        Ok(Advance::Forked(_))
    ));
}

#[test]
fn a_higher_era_by_a_key_that_waits_freezes_until_it_may_act() {
    let log = with_devices(2);
    let ours = add(&log, 1, 4).unwrap().log;
    let rotate = Announced::RotateRecovery {
        recovery: recovery(9).public(),
    };
    let theirs = by_device(&log, 2, Operation::Announce(rotate)).unwrap().log;
    let announce = theirs.head().hash;
    let theirs = by_device(&theirs, 2, Operation::Confirm { announce })
        .unwrap()
        .log;
    let theirs = recover(&theirs, 9, theirs.head().sequence, &[], 8, 7)
        .unwrap()
        .log;
    assert!(matches!(
        advance(&ours, &entries(&theirs, 0), 0),
        Ok(Advance::Forked(_))
    ));
    assert_eq!(
        advance(&ours, &entries(&theirs, 0), WAIT_MS),
        Ok(Advance::Recovered(theirs))
    );
}

#[test]
fn a_frozen_account_thaws_by_a_higher_era_only() {
    let log = with_devices(3);
    let ours = add(&log, 1, 4).unwrap().log;
    let theirs = add(&log, 2, 5).unwrap().log;
    let frozen = Standing::Frozen(Box::new(fork(&ours, &theirs)));
    assert!(!frozen.is_clear() && Standing::default().is_clear());
    assert_eq!(
        frozen.clone().settle(&add(&ours, 1, 6).unwrap().log),
        frozen
    );
    assert_eq!(frozen.clone().settle(&theirs), frozen);
    assert!(
        frozen
            .clone()
            .settle(&recover(&ours, 1, 2, &[1], 6, 2).unwrap().log)
            .is_clear()
    );
    assert!(
        frozen
            .settle(&recover(&theirs, 1, 3, &[1], 6, 2).unwrap().log)
            .is_clear()
    );
}

#[test]
fn a_stored_proof_reads_back() {
    let log = with_devices(3);
    let ours = add(&log, 1, 4).unwrap().log;
    let proof = fork(&ours, &add(&log, 2, 5).unwrap().log);
    let bytes = proof.encode();
    assert_eq!(ForkProof::decode(&bytes), Ok(proof));
    for length in (0..bytes.len()).step_by(41) {
        assert!(ForkProof::decode(&bytes[..length]).is_err());
    }
    assert!(ForkProof::decode(&[&bytes[..], &[0]].concat()).is_err());
    let mut endless = bytes;
    endless[96..100].fill(0xff);
    assert!(ForkProof::decode(&endless).is_err());
}
