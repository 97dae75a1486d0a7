//! The contract of `MailboxStore`, the same for every backend.

mod gate;
mod lifetime;
mod order;
mod repeats;
mod requests;

use super::mailbox_world::*;
use securechat_server::mailbox::submit::Submit;

fn one(from: u8, target: u8) -> Submit {
    submit(
        address(from),
        vec![to(
            account(target),
            Some(hash(from)),
            vec![envelope(device(target))],
        )],
    )
}
