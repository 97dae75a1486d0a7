//! What a client may do to its socket at the relay: any frames in any order.

use super::harness::split;
use securechat_proto::wire::socket::{Accepted, DestinationResult};
use securechat_proto::{AccountId, DeviceId, EnvelopeId, SessionId, Timestamp};
use securechat_server::mailbox::connection::{Connection, Step, Verified};
use securechat_server::mailbox::hub::Event;
use securechat_server::mailbox::store::{Answer, Opened, Page};
use securechat_server::mailbox::submit::{Cursor, Delivery};
use securechat_server::platform::Access;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// One frame leads to a few steps, whatever is in it.
const STEPS_PER_FRAME_MAX: usize = 100;

/// A socket whose client sends these frames, (length u16 || frame)*, to a relay that grants and stores everything.
pub(super) fn connection(bytes: &[u8]) -> bool {
    let mut steps = Vec::new();
    let mut connection = Connection::new([5; 32], NOW, &mut steps);
    for frame in split(bytes) {
        let was_closed = connection.is_closed();
        connection.on_frame(frame, NOW, &mut steps);
        let count = carry_out(&mut connection, &mut steps);
        assert!(count <= STEPS_PER_FRAME_MAX, "a frame led to {count} steps");
        assert!(!was_closed || count == 0, "a closed socket did something");
    }
    let is_accepted = !connection.is_closed();
    connection.on_tick(Timestamp(u64::MAX), &mut steps);
    assert!(
        connection.is_closed(),
        "a socket outlived its token, or was never authenticated"
    );
    is_accepted
}

/// Does what the connection asks for until it asks for nothing more; how many steps that were.
fn carry_out(connection: &mut Connection, steps: &mut Vec<Step>) -> usize {
    let mut count = 0;
    while !steps.is_empty() && count <= STEPS_PER_FRAME_MAX {
        for step in std::mem::take(steps) {
            count += 1;
            match step {
                Step::Send(_) | Step::Ack(..) | Step::Close(_) => {}
                Step::Verify(_) => connection.on_verified(Ok(verified()), NOW, steps),
                Step::Page { after, .. } => connection.on_page(Ok(page(after)), steps),
                Step::Submit(submit) => {
                    let accepted = Accepted {
                        submit_id: submit.submit_id.to_vec(),
                        results: vec![DestinationResult::default(); submit.destinations.len()],
                        ..Accepted::default()
                    };
                    let answer = Answer {
                        submit_id: submit.submit_id,
                        result: Ok(accepted),
                    };
                    connection.on_event(Event::Answer(Box::new(answer)), NOW, steps);
                }
            }
        }
    }
    count
}

fn verified() -> Verified {
    let access = Access {
        account_id: AccountId([1; 16]),
        device_id: DeviceId([2; 16]),
        session_id: SessionId([3; 16]),
        expires_at: Timestamp(NOW.0 + 300_000),
    };
    Verified {
        access,
        opened: Opened::default(),
    }
}

/// Ten envelopes and then no more. Their cursors are known to the samples.
fn page(after: u64) -> Page {
    let deliveries = (after + 1..=10).map(|seq| {
        let envelope_id = EnvelopeId([4; 16]);
        Delivery {
            cursor: Some(Cursor::new(seq, envelope_id)),
            accepted_at: NOW,
            envelope_id,
            sealing_key_number: 1,
            ciphertext: vec![5; 100].into(),
        }
    });
    Page {
        deliveries: deliveries.collect(),
        is_last: true,
    }
}
