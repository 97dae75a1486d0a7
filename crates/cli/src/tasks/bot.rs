//! `bot`: one process that holds the store, prints what arrives and carries out orders from standard input.
//!
//! Every order is answered by one line, in the order of the orders; what arrives stands between the answers. Orders are
//! carried out one after the other, and not read faster than that. The end of the input is the end of the bot.

use super::chats::{LOOKS_UP, has_unread};
use super::{Session, may_speak};
use crate::driver::Driver;
use crate::failure::Failure;
use crate::{exit, people, print};
use anyhow::Result;
use securechat_engine::api::ContactId;
use securechat_proto::{ConversationId, limits};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};
use tokio::sync::mpsc;

/// The longest text with every byte of it escaped (six characters), and room for the rest of the order.
const ORDER_BYTES_MAX: usize = 6 * limits::TEXT_BYTES_MAX + 4096;
/// Orders read ahead of their turn.
const ORDERS_WAITING_MAX: usize = 8;

/// What a bot can be told to do.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Send {
        to: Whom,
        text: String,
    },
    Accept {
        who: Whom,
    },
    Decline {
        who: Whom,
    },
    Block {
        who: Whom,
    },
    Unblock {
        who: Whom,
    },
    AcceptNewKeys {
        who: Whom,
        /// Also when safety numbers had been compared with the old keys.
        #[serde(default)]
        sure: bool,
        /// The digits that were compared.
        #[serde(default)]
        number: Option<String>,
    },
}

/// A handle or nickname as on the command line, or the conversation of a line that was printed.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Whom {
    Name(String),
    Conversation { conversation_id: ConversationId },
}

impl Session {
    pub(super) async fn bot(&mut self) -> Result<()> {
        let mut orders = read_orders();
        self.connect().await?;
        self.status()?;
        let mut told = BTreeSet::new();
        loop {
            self.print_requests(&mut told)?;
            self.print_unread(usize::MAX).await?;
            may_speak(&self.driver)?;
            let news = |driver: &Driver| {
                has_unread(driver) || has_requests(driver, &told) || may_speak(driver).is_err()
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.answer(order).await?,
                    None => return self.flush().await,
                },
                waited = self.driver.until(LOOKS_UP, news) => { waited?; }
            }
        }
    }

    /// Prints the requests that were not printed yet. One that is gone may come again.
    fn print_requests(&self, told: &mut BTreeSet<ConversationId>) -> Result<()> {
        let requests = people::requests(&self.driver);
        told.retain(|id| requests.iter().any(|(chat, _)| chat.conversation_id == *id));
        for (chat, contact) in requests {
            // The server is still asked whose handle it is.
            let is_known = !contact.item.handle.is_empty() || !self.driver.is_asking();
            if is_known && told.insert(chat.conversation_id) {
                self.printer.request(&chat, &contact)?;
            }
        }
        Ok(())
    }

    /// Only what ends the process is an error here: the account, the store or the reader is gone.
    async fn answer(&mut self, order: Result<Order, Failure>) -> Result<()> {
        let done = match order {
            Ok(order) => self.carry_out(order).await,
            Err(failure) => Err(failure.into()),
        };
        match done {
            Err(error) if error.is::<Failure>() => {
                Ok(print::line(&exit::json(&error).to_string())?)
            }
            done => done,
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Send { to, text } => {
                let conversation_id = match to {
                    Whom::Name(who) => self.chat_with(&who).await?,
                    Whom::Conversation { conversation_id } => {
                        self.conversation(conversation_id)?.conversation_id
                    }
                };
                let sent = self.send_to(conversation_id, text, false).await?;
                return Ok(self.printer.sent(sent.message_id, sent.state.as_ref())?);
            }
            Order::Accept { who } => self.accept(self.request_of(&who)?).await?,
            Order::Decline { who } => self.decline(self.request_of(&who)?).await?,
            Order::Block { who } => self.block(self.contact_of(&who)?).await?,
            Order::Unblock { who } => self.unblock(self.contact_of(&who)?).await?,
            Order::AcceptNewKeys { who, sure, number } => {
                self.accept_new_keys(self.contact_of(&who)?, sure, number)
                    .await?;
            }
        }
        Ok(self.printer.done()?)
    }

    fn request_of(&self, whom: &Whom) -> Result<ConversationId> {
        match whom {
            Whom::Name(who) => self.request(who),
            Whom::Conversation { conversation_id } => Ok(*conversation_id),
        }
    }

    fn contact_of(&self, whom: &Whom) -> Result<ContactId> {
        match whom {
            Whom::Name(who) => Ok(people::find(&self.driver, who)?.contact_id),
            Whom::Conversation { conversation_id } => {
                Ok(self.conversation(*conversation_id)?.contact_id)
            }
        }
    }
}

/// Whether [`Session::print_requests`] has something to print.
fn has_requests(driver: &Driver, told: &BTreeSet<ConversationId>) -> bool {
    let asking = driver.is_asking();
    people::requests(driver).iter().any(|(chat, contact)| {
        let is_known = !contact.item.handle.is_empty() || !asking;
        is_known && !told.contains(&chat.conversation_id)
    })
}

/// Orders from standard input, on a thread of their own: a read there cannot be given up.
fn read_orders() -> mpsc::Receiver<Result<Order, Failure>> {
    let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(line)) = next_line(&mut input) {
            let order = line.and_then(|line| {
                let read = serde_json::from_slice(&line);
                read.map_err(|error| Failure::NotAnOrder(error.to_string()))
            });
            if sender.blocking_send(order).is_err() {
                break;
            }
        }
    });
    orders
}

/// The next line that is not empty; of a longer one than an order takes only that it was too long.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<Vec<u8>, Failure>>> {
    loop {
        let mut line = Vec::new();
        let bounded = &mut input.by_ref().take(ORDER_BYTES_MAX as u64 + 1);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() > ORDER_BYTES_MAX && line.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
            let words = format!("longer than {ORDER_BYTES_MAX} bytes");
            return Ok(Some(Err(Failure::NotAnOrder(words))));
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(Ok(line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_the_next_one_is_read_whole() {
        let longest = vec![b'x'; ORDER_BYTES_MAX];
        let too_long = vec![b'y'; ORDER_BYTES_MAX + 1];
        let much_too_long = vec![b'z'; 10 * ORDER_BYTES_MAX];
        let text = [
            &longest[..],
            b"\n\n  \r\n",
            &too_long,
            b"\n",
            &much_too_long,
            b"\nshort\nlast",
        ]
        .concat();
        let mut input = text.as_slice();
        let mut lengths = Vec::new();
        while let Some(line) = next_line(&mut input).expect("memory") {
            lengths.push(line.ok().map(|line| line.trim_ascii().len()));
        }
        assert_eq!(
            lengths,
            [Some(ORDER_BYTES_MAX), None, None, Some(5), Some(4)]
        );
    }
}
