//! The relay's databases on a disk that loses power, fails and fills up. What was answered is there afterwards; what
//! could not be done is refused, and the next thing works.

use securechat_proto::wire::socket::{Accepted, Outcome};
use securechat_proto::{AccountId, DeviceId, EnvelopeId, SubmitId, Timestamp};
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::hub::{Event, Hub, Replies};
use securechat_server::mailbox::store::{
    MailboxStore, PageLimit, Pseudonyms, SqliteStore, StoreError,
};
use securechat_server::mailbox::submit::{Address, Destination, Envelope, ExpiryClass, Submit};
use securechat_server::params;
use securechat_server::platform::Secrets;
use securechat_server::platform::db::{self, Directory, Error};
use securechat_sim::dice::Dice;
use securechat_sim::disk::{Disk, Fault, Operation, Planned};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SEEDS: u64 = 40;
/// Losses of power in one seed.
const LIVES: u64 = 5;
const START: Timestamp = Timestamp(1_800_000_000_000);
/// After which a store counts as dead.
const STUCK: Duration = Duration::from_secs(20);

/// Two devices of one account: what one sends to the other needs no token.
const SENDER: Address = address(1);
const RECEIVER: Address = address(2);

const fn address(device: u8) -> Address {
    Address {
        account_id: AccountId([9; 16]),
        device_id: DeviceId([device; 16]),
    }
}

/// What happened in all seeds; a test in which nothing went wrong shows nothing.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    taken: u64,
    refused: u64,
    failed_but_taken: u64,
    power_lost_within: u64,
    power_lost_between: u64,
}

impl Seen {
    fn note(&mut self, is_taken: bool, struck: u64, is_off: bool) {
        self.taken += u64::from(is_taken);
        self.refused += u64::from(!is_taken);
        self.failed_but_taken += u64::from(is_taken && struck > 0 && !is_off);
        self.power_lost_within += u64::from(is_off);
        assert!(is_taken || struck > 0, "refused on a disk that works");
    }

    #[track_caller]
    fn has_everything(&self) {
        let each = [
            self.taken,
            self.refused,
            self.power_lost_within,
            self.power_lost_between,
        ];
        assert!(each.iter().all(|count| *count > 10), "{self:?}");
    }
}

fn open(folder: &Path) -> SqliteStore {
    let store = SqliteStore::file(
        &folder.join("mailbox.db"),
        Bounds {
            ack_delay_ms: 0,
            recent_submits_max: 4,
            ..Bounds::default()
        },
        Pseudonyms(Secrets::new([7; 32], None)),
        Arc::new(Hub::default()),
    );
    store.expect("a store")
}

fn submit(number: u64, dice: &mut Dice) -> (EnvelopeId, Submit) {
    let (envelope_id, submit_id) = (EnvelopeId(dice.bytes()), dice.bytes());
    let size = dice.between(1, 20_000) as usize;
    let envelope = Envelope {
        envelope_id,
        device_id: RECEIVER.device_id,
        sealing_key_number: 1,
        ciphertext: vec![0xC5; size].into(),
    };
    let submit = Submit {
        from: SENDER,
        submit_id: SubmitId(submit_id),
        digest: submit_id,
        number,
        received_at: START,
        class: ExpiryClass::Durable,
        counter: number.to_be_bytes().to_vec(),
        counter_signature: vec![9; 64],
        destinations: vec![Destination {
            account_id: RECEIVER.account_id,
            token: None,
            envelopes: vec![envelope],
        }],
    };
    (envelope_id, submit)
}

/// The answer; none: it was refused because storage is away.
async fn answer(store: &SqliteStore, submit: Submit) -> Option<Accepted> {
    let (replies, mut events) = Replies::channel();
    store.submit(submit, replies);
    let event = tokio::time::timeout(STUCK, events.recv())
        .await
        .expect("the writer answers");
    match event {
        Some(Event::Answer(answer)) => match answer.result {
            Ok(accepted) => {
                assert_eq!(accepted.results[0].outcome(), Outcome::Stored);
                Some(accepted)
            }
            Err(StoreError::Unavailable) => None,
            Err(other) => panic!("another refusal: {other}"),
        },
        other => panic!("no answer but {other:?}"),
    }
}

async fn is_taken(store: &SqliteStore, submit: Submit) -> bool {
    answer(store, submit).await.is_some()
}

async fn mailbox(store: &SqliteStore) -> Vec<(u64, EnvelopeId)> {
    let limit = PageLimit {
        envelopes: 100_000,
        bytes: usize::MAX,
    };
    let page = store.page(RECEIVER.device_id, 0, limit).await;
    let deliveries = page.expect("a page").deliveries;
    let place = |delivery: &securechat_server::mailbox::submit::Delivery| {
        let cursor = delivery.cursor.expect("stored");
        (cursor.seq, delivery.envelope_id)
    };
    deliveries.iter().map(place).collect()
}

/// One story of the mailboxes; what happened in it goes to `seen`.
async fn mailboxes(seed: u64, seen: &mut Seen) -> Vec<(u64, EnvelopeId)> {
    let mut dice = Dice::new(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::under(folder.path()).expect("a disk");
    let mut promised = BTreeSet::new();
    let mut answers = Vec::new();
    let mut number = 0;
    for life in 0..LIVES {
        let store = open(folder.path());
        if life == 0 {
            for device in [SENDER, RECEIVER] {
                store.register_device(device).await.expect("registers");
            }
        }
        for _ in 0..dice.between(1, 12) {
            number += 1;
            let (envelope, submit) = submit(number, &mut dice);
            if dice.chance(500) {
                disk.plan(Planned::any(&mut dice));
            }
            let answer = answer(&store, submit.clone()).await;
            let taken = answer.is_some();
            answers.extend(answer.map(|answer| (submit, answer)));
            if dice.chance(200) {
                // Empties the log into the database, as the housekeeping does.
                let _ = store.expire(START).await;
            }
            let is_off = disk.is_off();
            let struck = disk.heal();
            seen.note(taken, struck, is_off);
            if taken {
                promised.insert(envelope);
            }
            if is_off {
                break;
            }
        }
        if !disk.is_off() {
            seen.power_lost_between += 1;
            disk.cut_power();
        }
        drop(store);
        disk.power_up(&mut dice).expect("power");
        let store = open(folder.path());
        for (submit, former) in &answers {
            let later = Submit {
                received_at: Timestamp(START.0 + 60_000),
                ..submit.clone()
            };
            let again = answer(&store, later).await;
            assert_eq!(again.as_ref(), Some(former), "seed {seed}");
        }
        let found = mailbox(&store).await;
        let there: BTreeSet<_> = found.iter().map(|(_, envelope)| *envelope).collect();
        assert_eq!(there.len(), found.len(), "seed {seed}: an envelope twice");
        assert!(
            promised.is_subset(&there),
            "seed {seed}: {} of {} acknowledged envelopes are gone",
            promised.difference(&there).count(),
            promised.len()
        );
        let places: Vec<u64> = found.iter().map(|(place, _)| *place).collect();
        assert_eq!(
            places,
            (1..=found.len() as u64).collect::<Vec<_>>(),
            "seed {seed}: a gap"
        );
    }
    mailbox(&open(folder.path())).await
}

#[tokio::test]
async fn what_the_mailboxes_acknowledged_is_there_after_a_loss_of_power() {
    let mut seen = Seen::default();
    for seed in 1..=SEEDS {
        mailboxes(seed, &mut seen).await;
    }
    seen.has_everything();
    // A batch that failed is tried once more; the directory leaves that to its caller.
    assert!(seen.failed_but_taken > 10, "{seen:?}");
}

#[tokio::test]
async fn a_story_of_a_disk_is_the_same_twice() {
    for seed in [3, 4] {
        let (mut first, mut second) = (Seen::default(), Seen::default());
        let ended = mailboxes(seed, &mut first).await;
        assert_eq!(ended, mailboxes(seed, &mut second).await);
        assert_eq!(first, second);
    }
}

async fn insert(directory: &Directory, number: u64) -> db::Result<()> {
    let mut tx = directory.begin().await?;
    let insert = "INSERT INTO kept (number, filling) VALUES ($1, $2)";
    tx.execute(insert, params![number, vec![7u8; 3000]]).await?;
    tx.commit().await
}

async fn numbers(directory: &Directory) -> BTreeSet<u64> {
    let rows = directory.query("SELECT number FROM kept", params![]).await;
    let rows = rows.expect("rows");
    rows.iter()
        .map(|row| row.uint(0).expect("a number"))
        .collect()
}

#[tokio::test]
async fn what_the_directory_committed_is_there_after_a_loss_of_power() {
    let mut seen = Seen::default();
    for seed in 1..=SEEDS {
        let mut dice = Dice::new(seed);
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::under(folder.path()).expect("a disk");
        let path = folder.path().join("directory.db");
        let table =
            "CREATE TABLE IF NOT EXISTS kept (number INTEGER PRIMARY KEY, filling BLOB) STRICT";
        let mut promised = BTreeSet::new();
        for life in 0..LIVES {
            let directory = Directory::file(&path).expect("a directory");
            directory.execute(table, params![]).await.expect("a table");
            for number in 0..dice.between(1, 12) {
                let number = life * 100 + number;
                if dice.chance(500) {
                    disk.plan(Planned::any(&mut dice));
                }
                let inserted = tokio::time::timeout(STUCK, insert(&directory, number))
                    .await
                    .expect("the writer answers");
                let is_off = disk.is_off();
                seen.note(inserted.is_ok(), disk.heal(), is_off);
                match inserted {
                    Ok(()) => drop(promised.insert(number)),
                    Err(error) => assert_eq!(error, Error::Unavailable, "seed {seed}"),
                }
                if is_off {
                    break;
                }
            }
            if !disk.is_off() {
                seen.power_lost_between += 1;
                disk.cut_power();
            }
            drop(directory);
            disk.power_up(&mut dice).expect("power");
            let found = numbers(&Directory::file(&path).expect("a directory")).await;
            assert!(
                promised.is_subset(&found),
                "seed {seed}: committed rows are gone"
            );
        }
    }
    seen.has_everything();
}

#[tokio::test]
async fn an_acknowledgement_that_met_a_full_disk_is_carried_out_later() {
    let mut dice = Dice::new(1);
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::under(folder.path()).expect("a disk");
    let store = open(folder.path());
    for device in [SENDER, RECEIVER] {
        store.register_device(device).await.expect("registers");
    }
    for number in 1..=2 {
        assert!(is_taken(&store, submit(number, &mut dice).1).await);
    }
    disk.plan(Planned {
        fault: Fault::Full,
        only: Some(Operation::Write),
        after: 0,
    });
    store.ack(RECEIVER, 1);
    // In order with the acknowledgement.
    assert!(!is_taken(&store, submit(3, &mut dice).1).await);
    assert!(disk.heal() > 0);
    assert_eq!(mailbox(&store).await.len(), 2);
    // Somebody else's acknowledgement, which deletes nothing.
    store.ack(SENDER, 1);
    assert!(is_taken(&store, submit(4, &mut dice).1).await);
    store.set_sealing_floor(SENDER, 0).await.expect("a turn");
    let left: Vec<u64> = mailbox(&store)
        .await
        .iter()
        .map(|(place, _)| *place)
        .collect();
    assert_eq!(left, [2, 3]);
}
