//! The place of a message, equal on every device: (the relay's acceptance time, message id), clamped so that one
//! device's numbering never goes back.
//!
//! The clamp is a fold over the messages of one device in the order of their numbers: each stands at its acceptance
//! time, or right behind the one before it when that stands later. Both sides fold over the same messages, so they
//! agree however the messages came: a message that comes late (a gap that closes, an acceptance whose answer was lost)
//! folds those behind it again. Two things may differ, and are left so: the fold of a device on which a message was
//! deleted for that person alone, and the place of a message whose first encryption was lost for good and that was
//! healed days later (its sender keeps the first acceptance time, the only one a person remembers).

use crate::context::Cx;
use crate::error::Outcome;
use crate::store::rows::{int, uint};
use rusqlite::params;
use securechat_proto::{ContentId, ConversationId, DeviceId, Timestamp};

/// A message that has a number and was accepted.
struct Placed {
    id: ContentId,
    sequence: u64,
    accepted_at: Timestamp,
    order_at: Timestamp,
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Placed> {
    Ok(Placed {
        id: ContentId(row.get(0)?),
        sequence: uint(row.get(1)?),
        accepted_at: Timestamp(uint(row.get(2)?)),
        order_at: Timestamp(uint(row.get(3)?)),
    })
}

// `sequence > 0` lets SQLite use the index of numbered messages. It stands last: of two bounds SQLite seeks by the one that
// stands first, and would walk over the whole conversation from number 1.
pub(crate) const BEFORE: &str = "SELECT message_id, sequence, accepted_at, order_at FROM messages_rows
    WHERE conversation_id = ?1 AND device_id = ?2 AND sequence < ?3 AND sequence > 0 AND accepted_at IS NOT NULL
    ORDER BY sequence DESC LIMIT 1";
pub(crate) const BEHIND: &str = "SELECT message_id, sequence, accepted_at, order_at FROM messages_rows
    WHERE conversation_id = ?1 AND device_id = ?2 AND sequence > ?3 AND sequence > 0 AND accepted_at IS NOT NULL
    ORDER BY sequence LIMIT 1";

/// Gives a message its place, and moves those of the same device that stand behind it if they must.
pub(crate) fn place(cx: &mut Cx<'_>, id: &ContentId) -> Outcome<()> {
    let found = cx.db.one(
        "SELECT message_id, sequence, accepted_at, order_at, conversation_id, device_id FROM messages_rows
         WHERE message_id = ?1 AND accepted_at IS NOT NULL AND sequence > 0 AND device_id IS NOT NULL",
        [id.as_bytes()],
        |row| {
            Ok((
                read(row)?,
                ConversationId(row.get(4)?),
                DeviceId(row.get(5)?),
            ))
        },
    )?;
    let Some((message, conversation_id, device)) = found else {
        // Without a number there is nothing to fold: the acceptance time is the place.
        cx.db.run(
            "UPDATE messages_rows SET order_at = accepted_at WHERE message_id = ?1 AND accepted_at IS NOT NULL",
            [id.as_bytes()],
        )?;
        return Ok(());
    };
    let neighbour = |cx: &Cx<'_>, sequence: u64, sql: &str| {
        cx.db.one(
            sql,
            params![conversation_id.as_bytes(), device.as_bytes(), int(sequence)],
            read,
        )
    };
    let before = neighbour(cx, message.sequence, BEFORE)?;
    let mut last = before.map(|before| (before.order_at, before.id));
    let mut current = Some(message);
    let mut is_first = true;
    while let Some(message) = current {
        let at = behind(last, message.accepted_at, &message.id);
        if !is_first && at == message.order_at {
            break;
        }
        is_first = false;
        cx.db.run(
            "UPDATE messages_rows SET order_at = ?2 WHERE message_id = ?1",
            params![message.id.as_bytes(), int(at.0)],
        )?;
        last = Some((at, message.id));
        current = neighbour(cx, message.sequence, BEHIND)?;
    }
    Ok(())
}

/// One step of the fold.
fn behind(
    last: Option<(Timestamp, ContentId)>,
    accepted_at: Timestamp,
    id: &ContentId,
) -> Timestamp {
    match last {
        Some((at, _)) if at < accepted_at => accepted_at,
        // The same millisecond: ids decide, and they must not turn the numbering round.
        Some((at, before)) if before > *id => at.saturating_add_ms(1),
        Some((at, _)) => at,
        None => accepted_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_number_never_stands_before_an_earlier_one() {
        let (low, high) = (ContentId([1; 16]), ContentId([2; 16]));
        let at = Timestamp;
        assert_eq!(behind(None, at(5), &low), at(5));
        assert_eq!(behind(Some((at(5), low)), at(9), &high), at(9));
        assert_eq!(behind(Some((at(9), low)), at(5), &high), at(9));
        assert_eq!(behind(Some((at(9), high)), at(5), &low), at(10));
        assert_eq!(behind(Some((at(5), high)), at(5), &low), at(6));
    }
}
