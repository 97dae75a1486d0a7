//! Remembered submits: appended in the order they come, sorted into their index later and many at once.
//!
//! `mailbox_submit` is found by device and submit id, and every submit belongs to another page of that index. So a
//! submit first goes to `mailbox_submit_recent`, which has no index; the writer's memory knows what stands there. When
//! [`Bounds::recent_submits_max`] have gathered they are one generation: slices of it move into `mailbox_submit` in the
//! order of the index, so that a page takes several, while the next generation gathers. What has moved is deleted when
//! the whole generation has, page by page.
//!
//! A submit is remembered in exactly one of both tables. A row of `mailbox_submit_recent` that has moved does not count
//! any more; `mailbox_submit_moved` tells which those are, written by the transaction that moves them.
//!
//! [`Bounds::recent_submits_max`]: crate::mailbox::rules::Bounds::recent_submits_max

use rusqlite::{Connection, OptionalExtension, params};
use securechat_proto::limits::SUBMITS_REMEMBERED;
use securechat_proto::{DeviceId, SubmitId};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::{Batch, hot, run};
use crate::mailbox::store::Result;
use crate::platform::db::sqlite::refused;

const RECENT: &str = "mailbox_submit_recent";
const SORTED: &str = "mailbox_submit";

const FIND: &str = "SELECT rowid FROM mailbox_submit WHERE device_id = ?1 AND submit_id = ?2";

const APPEND: &str = "INSERT INTO mailbox_submit_recent (place, device_id, submit_id, digest, number, expires_at_ms, \
     answer, counter, counter_signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// A row that stands in the index already is the newer one (a former server on the same file put it there), and must
/// never keep the others from moving.
const MOVE: &str = "INSERT INTO mailbox_submit (device_id, submit_id, digest, number, expires_at_ms, answer, counter, \
     counter_signature) SELECT device_id, submit_id, digest, number, expires_at_ms, answer, counter, \
     counter_signature FROM mailbox_submit_recent WHERE place = ?1 ON CONFLICT DO NOTHING";

/// The row that remembers a submit.
#[derive(Clone, Copy)]
pub(super) struct Remembered {
    pub table: &'static str,
    pub row: i64,
}

/// One submit with its answer, as it is remembered.
pub(super) struct Memo<'a> {
    pub device_id: DeviceId,
    pub submit_id: SubmitId,
    pub digest: [u8; 16],
    pub number: i64,
    pub expires_at_ms: i64,
    pub answer: Vec<u8>,
    pub counter: &'a [u8],
    pub counter_signature: &'a [u8],
}

/// What the writer knows of `mailbox_submit_recent`.
#[derive(Default)]
pub(super) struct Recent {
    /// None: to be read from the file.
    known: Option<Known>,
    /// The open transaction changed the table.
    is_changed: bool,
    /// Submits appended since the last slice was moved.
    due: usize,
}

struct Known {
    /// Rows that count.
    rows: BTreeMap<(DeviceId, SubmitId), Row>,
    last_place: i64,
    /// A place at or before that of every row.
    oldest_place: i64,
    moved: Moved,
}

#[derive(Clone, Copy)]
struct Row {
    place: i64,
    number: i64,
}

/// Which rows have moved: all up to one place, and of those up to another the ones of the devices up to `device`.
struct Moved {
    upto: i64,
    moving_upto: i64,
    device: Option<DeviceId>,
}

impl Recent {
    fn known(&mut self, db: &Connection) -> Result<&mut Known> {
        match &mut self.known {
            Some(known) => Ok(known),
            place => Ok(place.insert(Known::read(db)?)),
        }
    }

    /// After a transaction. What failed changed nothing in the file; a slice is tried again only after as many submits
    /// as lie between two slices, so that a slice that cannot be moved stands in nobody's way.
    pub(super) fn settle(&mut self, is_committed: bool) {
        if !is_committed {
            self.due = 0;
            if self.is_changed {
                self.known = None;
            }
        }
        self.is_changed = false;
    }

    /// Place of the newest submit of a device, if it stands here.
    pub(super) fn newest(&mut self, db: &Connection, device: DeviceId) -> Result<Option<i64>> {
        let all = (device, SubmitId([0; 16]))..=(device, SubmitId([0xFF; 16]));
        let rows = self.known(db)?.rows.range(all);
        Ok(rows
            .map(|(_, row)| (row.number, row.place))
            .max()
            .map(|(_, place)| place))
    }
}

impl Known {
    fn read(db: &Connection) -> Result<Self> {
        let moved = db
            .prepare_cached("SELECT upto, moving_upto, device_id FROM mailbox_submit_moved")
            .and_then(|mut statement| {
                statement.query_row([], |row| {
                    Ok(Moved {
                        upto: row.get(0)?,
                        moving_upto: row.get(1)?,
                        device: row.get::<_, Option<[u8; 16]>>(2)?.map(DeviceId),
                    })
                })
            })
            .map_err(refused)?;
        let mut known = Self {
            rows: BTreeMap::new(),
            // A place at or before those that have moved is never given again, though its row may be gone.
            last_place: moved.moving_upto,
            oldest_place: moved.moving_upto + 1,
            moved,
        };
        let mut statement = db
            .prepare_cached("SELECT place, device_id, submit_id, number FROM mailbox_submit_recent")
            .map_err(refused)?;
        let mut rows = statement.query([]).map_err(refused)?;
        while let Some(row) = rows.next().map_err(refused)? {
            known.note(row).map_err(refused)?;
        }
        Ok(known)
    }

    fn note(&mut self, row: &rusqlite::Row<'_>) -> rusqlite::Result<()> {
        let place = row.get(0)?;
        let device = DeviceId(row.get(1)?);
        self.last_place = self.last_place.max(place);
        self.oldest_place = self.oldest_place.min(place);
        if !self.moved.contains(place, device) {
            let number = row.get(3)?;
            self.rows
                .insert((device, SubmitId(row.get(2)?)), Row { place, number });
        }
        Ok(())
    }

    /// Ends the generation that gathers when it is large enough and the former one has moved.
    fn close_generation(&mut self, enough: usize) {
        if self.moved.upto == self.moved.moving_upto && self.rows.len() >= enough {
            self.moved.moving_upto = self.last_place;
        }
    }

    /// Takes the next devices of the generation that moves, with all their rows of it in the order of the index. Of
    /// one device no more come than are remembered.
    fn take_slice(&mut self, at_least: usize) -> Vec<(DeviceId, Vec<Row>)> {
        let behind = match self.moved.device {
            Some(device) => Excluded((device, SubmitId([0xFF; 16]))),
            None => Unbounded,
        };
        let moving_upto = self.moved.moving_upto;
        let mut slice: Vec<(DeviceId, Vec<Row>)> = Vec::new();
        let mut taken = Vec::new();
        let mut is_last = true;
        for (key, row) in self.rows.range((behind, Unbounded)) {
            if row.place > moving_upto {
                continue;
            }
            match slice.last_mut() {
                Some((device, rows)) if *device == key.0 => rows.push(*row),
                _ if taken.len() >= at_least => {
                    is_last = false;
                    break;
                }
                _ => slice.push((key.0, vec![*row])),
            }
            taken.push(*key);
        }
        for key in taken {
            self.rows.remove(&key);
        }
        self.moved.device = slice.last().map(|(device, _)| *device);
        if is_last {
            self.moved.upto = moving_upto;
            self.moved.device = None;
        }
        for (_, rows) in &mut slice {
            keep_newest(rows);
        }
        slice
    }
}

fn keep_newest(rows: &mut Vec<Row>) {
    if let Some(surplus) = rows.len().checked_sub(SUBMITS_REMEMBERED) {
        let mut numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        let oldest = numbers[surplus];
        rows.retain(|row| row.number >= oldest);
    }
}

impl Moved {
    fn contains(&self, place: i64, device: DeviceId) -> bool {
        let is_behind = self.device.is_some_and(|upto| device <= upto);
        place <= self.upto || place <= self.moving_upto && is_behind
    }
}

impl Batch<'_> {
    pub(super) fn find_remembered(
        &mut self,
        device: DeviceId,
        submit: SubmitId,
    ) -> Result<Option<Remembered>> {
        if let Some(row) = self.recent.known(self.db)?.rows.get(&(device, submit)) {
            return Ok(Some(Remembered {
                table: RECENT,
                row: row.place,
            }));
        }
        let row = hot(self.db, &mut self.hot.find_remembered, FIND)?
            .query_row([device.0, submit.0], |row| row.get(0))
            .optional()
            .map_err(refused)?;
        Ok(row.map(|row| Remembered { table: SORTED, row }))
    }

    /// Remembers a submit that is not yet.
    pub(super) fn append_remembered(&mut self, memo: &Memo<'_>) -> Result<()> {
        self.recent.is_changed = true;
        let known = self.recent.known(self.db)?;
        let place = known.last_place + 1;
        let row = params![
            place,
            memo.device_id.0,
            memo.submit_id.0,
            memo.digest,
            memo.number,
            memo.expires_at_ms,
            memo.answer,
            memo.counter,
            memo.counter_signature
        ];
        run(self.db, &mut self.hot.append_remembered, APPEND, row)?;
        let number = memo.number;
        known
            .rows
            .insert((memo.device_id, memo.submit_id), Row { place, number });
        known.last_place = place;
        self.recent.due += 1;
        Ok(())
    }

    /// Puts other bytes under the same id in the place of what was remembered. False: the bytes are the same.
    pub(super) fn replace_remembered(&mut self, at: Remembered, memo: &Memo<'_>) -> Result<bool> {
        self.recent.is_changed = true;
        let sql = format!(
            "UPDATE {} SET digest = ?2, number = ?3, expires_at_ms = ?4, answer = ?5, counter = ?6, \
             counter_signature = ?7 WHERE rowid = ?1 AND digest <> ?2",
            at.table
        );
        let row = params![
            at.row,
            memo.digest,
            memo.number,
            memo.expires_at_ms,
            memo.answer,
            memo.counter,
            memo.counter_signature
        ];
        let is_replaced = self.execute(&sql, row)? == 1;
        let known = self.recent.known(self.db)?;
        if let Some(row) = known.rows.get_mut(&(memo.device_id, memo.submit_id))
            && is_replaced
        {
            row.number = memo.number;
        }
        Ok(is_replaced)
    }

    /// Moves a slice when one is due. Two rows move for one that is appended: a generation has moved when half of the
    /// next one has gathered, and is deleted before that one is complete.
    pub(super) fn sort_remembered(&mut self) -> Result<()> {
        if self.recent.due < self.bounds.recent_slice() {
            return Ok(());
        }
        let due = std::mem::take(&mut self.recent.due);
        self.recent.is_changed = true;
        let known = self.recent.known(self.db)?;
        known.close_generation(self.bounds.recent_submits_max);
        if known.moved.upto < known.moved.moving_upto {
            for (device, rows) in known.take_slice(2 * due) {
                self.move_in(device, &rows)?;
            }
            self.save_moved()?;
        }
        self.delete_moved(4 * due)
    }

    fn move_in(&mut self, device: DeviceId, rows: &[Row]) -> Result<()> {
        for row in rows {
            run(self.db, &mut self.hot.move_remembered, MOVE, [row.place])?;
        }
        let since_trim = self.memory.submits.entry(device).or_default();
        *since_trim += rows.len();
        if *since_trim < SUBMITS_REMEMBERED {
            return Ok(());
        }
        *since_trim = 0;
        self.execute(
            "DELETE FROM mailbox_submit WHERE device_id = ?1 AND number < (SELECT number FROM mailbox_submit \
             WHERE device_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            params![device.0, (SUBMITS_REMEMBERED - 1) as i64],
        )?;
        Ok(())
    }

    fn save_moved(&mut self) -> Result<()> {
        let moved = &self.recent.known(self.db)?.moved;
        let row = params![moved.upto, moved.moving_upto, moved.device.map(|id| id.0)];
        let sql = "UPDATE mailbox_submit_moved SET upto = ?1, moving_upto = ?2, device_id = ?3";
        self.db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(row))
            .map_err(refused)?;
        Ok(())
    }

    /// Deletes rows of generations that have moved, the oldest first.
    fn delete_moved(&mut self, places: usize) -> Result<()> {
        let known = self.recent.known(self.db)?;
        let end = (known.oldest_place + places as i64).min(known.moved.upto + 1);
        if known.oldest_place >= end {
            return Ok(());
        }
        known.oldest_place = end;
        self.execute("DELETE FROM mailbox_submit_recent WHERE place < ?1", [end])?;
        Ok(())
    }

    /// Rows of a device are about to be deleted.
    pub(super) fn forget_recent(&mut self, device: DeviceId) {
        self.recent.is_changed = true;
        if let Some(known) = &mut self.recent.known {
            known.rows.retain(|(owner, _), _| *owner != device);
        }
    }

    /// Rows were deleted whose devices nobody noted.
    pub(super) fn read_recent_anew(&mut self) {
        self.recent.is_changed = true;
        self.recent.known = None;
    }
}
