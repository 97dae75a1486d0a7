//! Remembered submits on SQLite against a plain list of them: whatever happens, each is remembered once, with its answer.

use super::mailbox_world::*;
use prost::Message as _;
use securechat_proto::limits::{DAY_MS, SUBMITS_REMEMBERED};
use securechat_proto::wire::socket::{Accepted, Outcome};
use securechat_proto::{DeviceId, SubmitId, Timestamp};
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::store::sqlite::{SqliteMailboxes, open};
use securechat_server::mailbox::store::{MIGRATIONS, SQLITE_MIGRATIONS};
use securechat_server::mailbox::submit::Submit;
use securechat_server::platform::db::sqlite::{migrate_down, migrate_up};
use std::collections::BTreeMap;
use std::path::PathBuf;

const SEEDS: u64 = 40;
const STEPS: u64 = 250;
const SENDERS: u8 = 5;
/// A receiver whose mailbox is emptied after every step, and one whose mailbox is often full.
const EMPTIED: u8 = 50;
const FILLED: u8 = 60;
const ROOM: u64 = 4;
/// A sealing key number that the storage of this test refuses.
const POISON: u32 = 666;

/// Every remembered row that counts.
const ROWS: &str = "SELECT device_id, submit_id, digest, answer FROM mailbox_submit UNION ALL \
     SELECT r.device_id, submit_id, digest, answer FROM mailbox_submit_recent r, mailbox_submit_moved m \
     WHERE place > upto AND NOT (place <= moving_upto AND m.device_id IS NOT NULL AND r.device_id <= m.device_id)";

type Key = (DeviceId, SubmitId);

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The store, and what it must remember.
struct Story {
    folder: tempfile::TempDir,
    store: SqliteMailboxes,
    bounds: Bounds,
    dice: Dice,
    now: Timestamp,
    remembered: BTreeMap<Key, (Submit, Accepted)>,
    /// Envelopes in the mailbox that is often full.
    filled: u64,
}

fn opened(path: PathBuf, bounds: Bounds) -> SqliteMailboxes {
    let mut connection = rusqlite::Connection::open(path).expect("opens");
    connection
        .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF")
        .expect("a setting");
    migrate_up(&mut connection, SQLITE_MIGRATIONS).expect("migrates");
    connection
        .execute_batch(&format!(
            "CREATE TEMP TRIGGER poison BEFORE INSERT ON main.mailbox_envelope WHEN NEW.sealing_key_number = {POISON} \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        ))
        .expect("a trigger");
    SqliteMailboxes::new(connection, bounds, pseudonyms())
}

impl Story {
    fn new(seed: u64, recent_submits_max: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bounds = Bounds {
            recent_submits_max,
            envelopes_max: ROOM,
            ..Bounds::default()
        };
        let mut store = opened(folder.path().join("mailbox.db"), bounds);
        for n in (1..=SENDERS).chain([EMPTIED, FILLED]) {
            store.register_device(address(n)).expect("registers");
        }
        for to in [EMPTIED, FILLED] {
            let token = securechat_server::mailbox::store::Token {
                hash: hash(1),
                kind: securechat_proto::api::TokenKind::Contact,
                uses_max: None,
                expires_at: None,
            };
            store.register_token(account(to), token).expect("registers");
        }
        Self {
            folder,
            store,
            bounds,
            dice: Dice(seed),
            now: START,
            remembered: BTreeMap::new(),
            filled: 0,
        }
    }

    fn fresh(&mut self) -> Submit {
        let from = address(self.dice.below(SENDERS.into()) as u8 + 1);
        let mut to_all = vec![to(
            account(EMPTIED),
            Some(hash(1)),
            vec![envelope(device(EMPTIED))],
        )];
        if self.dice.below(2) == 0 {
            to_all.push(to(
                account(FILLED),
                Some(hash(1)),
                vec![envelope(device(FILLED))],
            ));
        }
        let id = fresh_id();
        // Ids stand in no order.
        let mut submit = at(submit(from, to_all), self.now);
        submit.submit_id = SubmitId(std::array::from_fn(|at| {
            id[at] ^ self.dice.below(256) as u8
        }));
        submit
    }

    fn append(&mut self, batch: &[Submit]) -> Vec<Accepted> {
        let appended = self.store.append_batch(batch, &[]).expect("storage works");
        appended.into_iter().map(|one| one.accepted).collect()
    }

    /// The outcome of a destination that is judged, by the room there is.
    fn expect_fresh(&mut self, accepted: &Accepted, at: usize) {
        let is_full = at == 1 && self.filled == ROOM;
        let expected = if is_full {
            Outcome::MailboxFull
        } else {
            Outcome::Stored
        };
        assert_eq!(accepted.results[at].outcome(), expected);
        self.filled += u64::from(at == 1 && !is_full);
    }

    fn submit_new(&mut self, batch: &[Submit]) {
        for (submit, accepted) in batch.iter().zip(self.append(batch)) {
            assert_eq!(accepted.accepted_at_ms, self.now.0);
            for at in 0..submit.destinations.len() {
                self.expect_fresh(&accepted, at);
            }
            let key = (submit.from.device_id, submit.submit_id);
            self.remembered.insert(key, (submit.clone(), accepted));
        }
    }

    fn any_remembered(&mut self) -> Option<Key> {
        let at = self.dice.below(self.remembered.len().max(1) as u64) as usize;
        self.remembered.keys().nth(at).copied()
    }

    /// What was taken stands; what was not is judged again.
    fn repeat(&mut self, key: Key) {
        let (submit, former) = self.remembered[&key].clone();
        let accepted = self.append(&[at(submit.clone(), self.now)]).remove(0);
        assert_eq!(accepted.accepted_at_ms, former.accepted_at_ms);
        for (at, result) in former.results.iter().enumerate() {
            if result.outcome() == Outcome::Stored {
                assert_eq!(accepted.results[at], *result);
            } else {
                self.expect_fresh(&accepted, at);
            }
        }
        self.remembered.insert(key, (submit, accepted));
    }

    fn other_bytes(&mut self, key: Key) {
        let other = Submit {
            from: self.remembered[&key].0.from,
            submit_id: key.1,
            ..self.fresh()
        };
        self.submit_new(&[other]);
    }

    fn failed_batch(&mut self) {
        let mut batch: Vec<_> = (0..3).map(|_| self.fresh()).collect();
        batch[2].destinations[0].envelopes[0].sealing_key_number = POISON;
        assert!(self.store.append_batch(&batch, &[]).is_err());
    }

    fn restart(&mut self) {
        self.store = opened(self.folder.path().join("mailbox.db"), self.bounds);
    }

    fn remove_device(&mut self) {
        let one = address(self.dice.below(SENDERS.into()) as u8 + 1);
        self.store.remove_device(one).expect("removes");
        self.store.register_device(one).expect("registers");
        self.remembered
            .retain(|(device, _), _| *device != one.device_id);
    }

    fn expire(&mut self) {
        self.store.expire(self.now).expect("sweeps");
        let now = self.now.0;
        self.remembered
            .retain(|_, (_, accepted)| now < accepted.accepted_at_ms + 61 * DAY_MS);
        // Its envelopes may have run out, too.
        self.empty(FILLED);
        self.filled = 0;
    }

    fn empty(&mut self, n: u8) {
        let last = "SELECT max(seq) FROM mailbox_envelope WHERE device_id = ?1";
        let last = self
            .store
            .connection()
            .query_row(last, [[n; 16]], |row| row.get::<_, Option<i64>>(0));
        if let Some(last) = last.expect("a row").map(|seq| seq as u64) {
            self.store
                .append_batch(&[], &[(address(n), last)])
                .expect("storage works");
        }
    }

    fn step(&mut self) {
        self.now = Timestamp(self.now.0 + 8 * 3_600_000);
        let some = self.any_remembered();
        match (self.dice.below(14), some) {
            (0, Some(key)) => self.other_bytes(key),
            (1..=3, Some(key)) => self.repeat(key),
            (4, _) => {
                self.empty(FILLED);
                self.filled = 0;
            }
            (5, _) => self.failed_batch(),
            (6, _) => self.restart(),
            (7, _) if self.dice.below(3) == 0 => self.remove_device(),
            (8, _) => self.expire(),
            _ => {
                let batch: Vec<_> = (0..=self.dice.below(3)).map(|_| self.fresh()).collect();
                self.submit_new(&batch);
            }
        }
        self.empty(EMPTIED);
    }

    fn is_as_told(&mut self) {
        let db = self.store.connection();
        let mut statement = db.prepare(ROWS).expect("a statement");
        let rows = statement.query_map([], |row| {
            let key = (DeviceId(row.get(0)?), SubmitId(row.get(1)?));
            Ok((key, row.get::<_, [u8; 16]>(2)?, row.get::<_, Vec<u8>>(3)?))
        });
        let rows: Vec<_> = rows.expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), self.remembered.len());
        for (key, digest, answer) in rows {
            let (submit, accepted) = &self.remembered[&key];
            assert_eq!(submit.digest, digest);
            assert_eq!(Accepted::decode(&answer[..]).as_ref(), Ok(accepted));
        }
        drop(statement);
        for n in 1..=SENDERS {
            let recent = self.store.recent_counter(device(n)).expect("reads");
            let opened = open(self.store.connection(), address(n), None, recent);
            let newest = self
                .remembered
                .values()
                .filter(|(submit, _)| submit.from == address(n));
            let newest = newest.max_by_key(|(submit, _)| submit.number);
            let counter = newest.map(|(submit, _)| submit.counter.clone());
            let opened = opened.expect("opens").expect("registered");
            assert_eq!(opened.counter, counter.unwrap_or_default());
        }
    }
}

#[test]
fn each_is_remembered_once_with_its_answer_whatever_happens() {
    for seed in 1..=SEEDS {
        let mut story = Story::new(seed, 1 + (seed % 30) as usize);
        for _ in 0..STEPS {
            story.step();
            story.is_as_told();
        }
        let keys: Vec<_> = story.remembered.keys().copied().collect();
        keys.into_iter().for_each(|key| story.repeat(key));
        story.is_as_told();
    }
}

fn count(store: &SqliteMailboxes, sql: &str) -> usize {
    let count = store
        .connection()
        .query_row(sql, [], |row| row.get::<_, i64>(0));
    count.expect("counts") as usize
}

#[test]
fn what_is_remembered_is_bounded_and_holds_the_newest_of_each_device() {
    // With 1,000 a generation has more of a device than are remembered.
    for recent_submits_max in [3, 300, 1000] {
        let mut story = Story::new(7, recent_submits_max);
        for n in 0..4000 {
            let mut submit = story.fresh();
            submit.from = address(1 + u8::from(n % 40 == 0));
            submit.destinations.truncate(1);
            story.submit_new(&[submit]);
            story.empty(EMPTIED);
            if n == 2500 {
                story.restart();
            }
        }
        let sorted = count(
            &story.store,
            "SELECT count(*) FROM mailbox_submit WHERE device_id = x'01010101010101010101010101010101'",
        );
        // One restart forgets how many came since they were trimmed last.
        assert!(sorted < 3 * SUBMITS_REMEMBERED, "{sorted}");
        let recent = count(&story.store, "SELECT count(*) FROM mailbox_submit_recent");
        assert!(recent <= 2 * recent_submits_max + 16, "{recent}");

        let mut all: Vec<_> = story
            .remembered
            .iter()
            .map(|(key, (submit, _))| (submit.number, *key))
            .collect();
        all.sort_unstable();
        let of = |n: u8| {
            all.iter()
                .rev()
                .filter(move |(_, key)| key.0 == device(n))
                .take(SUBMITS_REMEMBERED)
        };
        let newest: Vec<Key> = of(1).chain(of(2)).map(|(_, key)| *key).collect();
        assert_eq!(newest.len(), SUBMITS_REMEMBERED + 100);
        newest.into_iter().for_each(|key| story.repeat(key));
    }
}

#[test]
fn a_slice_that_cannot_be_moved_stands_in_nobodys_way() {
    let mut story = Story::new(9, 256);
    let trigger = "CREATE TEMP TRIGGER stuck BEFORE INSERT ON main.mailbox_submit BEGIN SELECT RAISE(ABORT, 'stuck'); END";
    story
        .store
        .connection()
        .execute_batch(trigger)
        .expect("a trigger");
    let mut failed = 0;
    for _ in 0..600 {
        let submit = story.fresh();
        if story
            .store
            .append_batch(std::slice::from_ref(&submit), &[])
            .is_err()
        {
            failed += 1;
            // As the writer does with a batch that failed.
            story.store.append_alone(&submit).expect("taken alone");
        }
        story.empty(EMPTIED);
    }
    assert!(failed > 10, "{failed}");
    // A batch that failed is taken one by one however long it is.
    for _ in 0..300 {
        let submit = story.fresh();
        story.store.append_alone(&submit).expect("taken alone");
        story.empty(EMPTIED);
    }
    assert_eq!(
        count(&story.store, "SELECT count(*) FROM mailbox_submit_recent"),
        900
    );
    story
        .store
        .connection()
        .execute_batch("DROP TRIGGER temp.stuck")
        .expect("no trigger");
    for _ in 0..600 {
        let submit = story.fresh();
        story.append(&[submit]);
        story.empty(EMPTIED);
    }
    assert!(count(&story.store, "SELECT count(*) FROM mailbox_submit_recent") < 2 * 256 + 16);
}

#[test]
fn what_is_past_its_term_goes_in_whatever_order_it_was_sorted() {
    let mut story = Story::new(13, 1000);
    // Devices in turn: sorted, each generation stands by device, with the whole time of it in every slice.
    for day in 0..100 {
        story.now = Timestamp(START.0 + day * DAY_MS);
        let batch: Vec<_> = (0..60).map(|_| story.fresh()).collect();
        story.append(&batch);
        story.empty(EMPTIED);
        story.empty(FILLED);
        story.store.expire(story.now).expect("sweeps");
        let due = format!("WHERE expires_at_ms <= {}", story.now.0);
        for table in ["mailbox_submit", "mailbox_submit_recent"] {
            let sql = format!("SELECT count(*) FROM {table} {due}");
            assert_eq!(count(&story.store, &sql), 0, "{table} on day {day}");
        }
    }
}

#[test]
fn a_sweep_looks_at_a_part_of_many_sorted_submits_and_goes_round() {
    const EACH_SWEEP: usize = 20_000;
    let mut story = Story::new(15, 1000);
    // Every other one is due, first the even rows and a day later the odd ones.
    let fill = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
         INSERT INTO mailbox_submit SELECT randomblob(16), randomblob(16), x'', i, {} + {DAY_MS} * (i % 2), x'', x'', x'' FROM n",
        START.0
    );
    let db = story.store.connection();
    db.execute_batch(&fill).expect("rows");
    let all = "SELECT count(*) FROM mailbox_submit";
    for left in [50_000 - EACH_SWEEP / 2, 50_000 - EACH_SWEEP, 25_000] {
        story.store.expire(START).expect("sweeps");
        assert_eq!(count(&story.store, all), left);
    }
    for left in [25_000 - EACH_SWEEP, 0] {
        let next_day = Timestamp(START.0 + DAY_MS);
        story.store.expire(next_day).expect("sweeps");
        assert_eq!(count(&story.store, all), left);
    }
}

/// It would not see what is remembered in the table it does not know. Taken back, the step leaves all to it.
#[test]
fn a_former_server_refuses_the_file_until_the_step_is_taken_back() {
    for submits in [30, 45, 57] {
        let mut story = Story::new(17, 20);
        for _ in 0..submits {
            let batch = [story.fresh()];
            story.submit_new(&batch);
            story.empty(EMPTIED);
        }
        let path = story.folder.path().join("mailbox.db");
        story.store = opened(story.folder.path().join("other.db"), story.bounds);
        let mut file = rusqlite::Connection::open(&path).expect("opens");
        let refused = migrate_up(&mut file, &[MIGRATIONS]).expect_err("a newer file");
        assert!(refused.to_string().contains("newer version"), "{refused}");

        migrate_down(&mut file, SQLITE_MIGRATIONS).expect("goes down");
        migrate_up(&mut file, &[MIGRATIONS]).expect("a file of its own");
        let rows = file.query_row("SELECT count(*) FROM mailbox_submit", [], |row| row.get(0));
        assert_eq!(rows, Ok(i64::from(submits)));
        drop(file);

        story.restart();
        story.is_as_told();
        let keys: Vec<_> = story.remembered.keys().copied().collect();
        keys.into_iter().for_each(|key| story.repeat(key));
    }
}

#[test]
fn what_stands_in_the_index_already_keeps_nothing_from_moving() {
    let mut story = Story::new(19, 20);
    let batch = [story.fresh()];
    story.append(&batch);
    let copy = "INSERT INTO mailbox_submit SELECT device_id, submit_id, digest, number, expires_at_ms, answer, counter, \
         counter_signature FROM mailbox_submit_recent";
    story.store.connection().execute_batch(copy).expect("a row");
    for _ in 0..200 {
        let batch = [story.fresh()];
        story.append(&batch);
        story.empty(EMPTIED);
    }
    let recent = count(&story.store, "SELECT count(*) FROM mailbox_submit_recent");
    assert!(recent < 2 * 20 + 16, "{recent}");
}

#[test]
fn a_forgotten_account_leaves_no_remembered_submit() {
    let mut story = Story::new(11, 20);
    for _ in 0..100 {
        let batch = [story.fresh()];
        story.submit_new(&batch);
        story.empty(EMPTIED);
    }
    for n in 1..=SENDERS {
        story.store.forget(account(n)).expect("forgets");
    }
    story.remembered.clear();
    for table in ["mailbox_submit", "mailbox_submit_recent"] {
        assert_eq!(
            count(&story.store, &format!("SELECT count(*) FROM {table}")),
            0
        );
    }
    for n in 1..=SENDERS {
        story.store.register_device(address(n)).expect("registers");
    }
    // Places are not given again: what comes now counts.
    for restarts in 0..50 {
        let batch = [story.fresh()];
        story.submit_new(&batch);
        story.empty(EMPTIED);
        if restarts % 7 == 0 {
            story.restart();
        }
        story.is_as_told();
    }
}
