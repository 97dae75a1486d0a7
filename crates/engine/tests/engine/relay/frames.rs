//! The relay's half of the socket: Auth, submits, mailboxes, deliveries.

use super::*;

impl Relay {
    pub fn hello(&self, nonce: [u8; 32]) -> Vec<u8> {
        frame(server_frame::Frame::Hello(socket::Hello {
            protocol: 1,
            nonce: nonce.to_vec(),
            server_time_ms: self.now.0,
        }))
    }

    /// One frame from a client; answers frames for it, and says which device it proved to be.
    pub fn frame(
        &mut self,
        nonce: &[u8; 32],
        device: &mut Option<DeviceId>,
        bytes: &[u8],
    ) -> Result<Vec<Vec<u8>>, u16> {
        self.seen.extend_from_slice(bytes);
        let received = socket::ClientFrame::decode(bytes).unwrap().frame.unwrap();
        match received {
            client_frame::Frame::Auth(auth) => {
                let Some((session_id, account, proved)) = self.authenticate(Some(&auth.jwt)) else {
                    return Err(4001);
                };
                let fields: [&[u8]; 2] = [nonce, session_id.as_bytes()];
                self.check_signature(account, &proved, &fields, &auth.signature);
                let first = device.is_none();
                *device = Some(proved);
                let (last_counter, last_counter_signature) =
                    self.counters.get(&proved).cloned().unwrap_or_default();
                let expires_at_ms = auth.jwt.split_once('.').unwrap().1.parse().unwrap();
                let ready = socket::Ready {
                    expires_at_ms,
                    last_counter,
                    last_counter_signature,
                    server_time_ms: self.now.0,
                };
                let mut answers = vec![frame(server_frame::Frame::Ready(ready))];
                if first {
                    let mailbox = self.mailboxes.entry(proved).or_default();
                    mailbox.connected = true;
                    mailbox.sent_up_to = 0;
                    answers.extend(self.deliveries(&proved));
                    answers.push(frame(server_frame::Frame::Drained(socket::Drained {})));
                }
                Ok(answers)
            }
            client_frame::Frame::Submit(submit) => {
                let submitter = device.expect("authenticated before it submits");
                Ok(self.submit(submitter, &submit).into_iter().collect())
            }
            client_frame::Frame::Ack(ack) => {
                let cursor = u64::from_be_bytes(ack.cursor.try_into().unwrap());
                let mailbox = self.mailboxes.get_mut(&device.unwrap()).unwrap();
                mailbox.rows.retain(|row| row.sequence > cursor);
                Ok(vec![])
            }
            client_frame::Frame::Ping(ping) => {
                Ok(vec![frame(server_frame::Frame::Pong(socket::Pong {
                    id: ping.id,
                    server_time_ms: self.now.0,
                }))])
            }
        }
    }

    pub fn deliveries(&mut self, device: &DeviceId) -> Vec<Vec<u8>> {
        let Some(mailbox) = self
            .mailboxes
            .get_mut(device)
            .filter(|mailbox| mailbox.connected)
        else {
            return vec![];
        };
        let rows: Vec<Row> = mailbox
            .rows
            .iter()
            .filter(|row| row.sequence > mailbox.sent_up_to)
            .cloned()
            .collect();
        mailbox.sent_up_to = rows.last().map_or(mailbox.sent_up_to, |row| row.sequence);
        mailbox.rows.retain(|row| row.durable);
        rows.into_iter()
            .map(|row| frame(server_frame::Frame::Delivery(row.delivery)))
            .collect()
    }

    fn submit(&mut self, submitter: DeviceId, submit: &socket::Submit) -> Option<Vec<u8>> {
        let id = SubmitId::from_slice(&submit.submit_id).unwrap();
        if let Some(accepted) = self.accepted.get(&id) {
            return Some(frame(server_frame::Frame::Accepted(accepted.clone())));
        }
        let ephemeral = submit.expiry_class == 1;
        if self.put_off > 0 && !ephemeral && *self.put_off_id.get_or_insert(id) == id {
            self.put_off -= 1;
            return Some(frame(server_frame::Frame::Accepted(socket::Accepted {
                submit_id: submit.submit_id.clone(),
                results: vec![socket::DestinationResult {
                    outcome: socket::Outcome::TryLater as i32,
                    ..Default::default()
                }],
                ..Default::default()
            })));
        }
        self.last_accepted_at = self.now.0.max(self.last_accepted_at + 1);
        let results = submit
            .destinations
            .iter()
            .map(|destination| self.deposit(destination, ephemeral))
            .collect();
        let accepted = socket::Accepted {
            submit_id: submit.submit_id.clone(),
            accepted_at_ms: self.last_accepted_at,
            expires_at_ms: self.last_accepted_at + limits::RETENTION_MS,
            results,
        };
        if !ephemeral {
            self.counters.insert(
                submitter,
                (submit.counter.clone(), submit.counter_signature.clone()),
            );
            if self.refuse_submits.is_none() {
                self.stored += 1;
                self.accepted.insert(id, accepted.clone());
            }
        }
        Some(frame(server_frame::Frame::Accepted(accepted)))
    }

    fn deposit(
        &mut self,
        destination: &socket::Destination,
        ephemeral: bool,
    ) -> socket::DestinationResult {
        let answer = |outcome: socket::Outcome| socket::DestinationResult {
            outcome: outcome as i32,
            missing_devices: vec![],
            stale_devices: vec![],
        };
        if let Some(outcome) = self.refuse_submits {
            return answer(outcome);
        }
        let account = AccountId::from_slice(&destination.account_id).unwrap();
        if !destination.token.is_empty() {
            let digest = sha256(&[&destination.token]);
            let hash = TokenHash(digest[..16].try_into().unwrap());
            if self
                .tokens
                .get(&hash)
                .is_none_or(|(owner, _)| *owner != account)
            {
                return answer(socket::Outcome::Refused);
            }
        } else if let Some(left) = self.requests_left.checked_sub(1) {
            self.requests_left = left;
        } else {
            return answer(socket::Outcome::Refused);
        }
        let Some(held) = self.accounts.get(&account) else {
            return answer(socket::Outcome::Refused);
        };
        let live: BTreeSet<DeviceId> = held.log().state().devices.keys().copied().collect();
        let mut result = answer(socket::Outcome::Stored);
        let named: BTreeSet<DeviceId> = destination
            .envelopes
            .iter()
            .map(|envelope| DeviceId::from_slice(&envelope.device_id).unwrap())
            .collect();
        result.missing_devices = live
            .difference(&named)
            .map(|device| device.to_vec())
            .collect();
        for envelope in &destination.envelopes {
            let device = DeviceId::from_slice(&envelope.device_id).unwrap();
            let floor = self.sealing_floors.get(&device).copied().unwrap_or(0);
            if !live.contains(&device) || envelope.sealing_key_number < floor {
                result.stale_devices.push(device.to_vec());
                continue;
            }
            let mailbox = self.mailboxes.entry(device).or_default();
            if ephemeral && !mailbox.connected {
                continue;
            }
            mailbox.next += 1;
            let delivery = socket::Delivery {
                cursor: if ephemeral {
                    vec![]
                } else {
                    mailbox.next.to_be_bytes().to_vec()
                },
                accepted_at_ms: self.last_accepted_at,
                envelope_id: envelope.envelope_id.clone(),
                sealing_key_number: envelope.sealing_key_number,
                expiry_class: u32::from(ephemeral),
                ciphertext: envelope.ciphertext.clone(),
            };
            mailbox.rows.push(Row {
                sequence: mailbox.next,
                delivery,
                durable: !ephemeral,
            });
        }
        result
    }
}

fn frame(frame: server_frame::Frame) -> Vec<u8> {
    socket::ServerFrame { frame: Some(frame) }.encode_to_vec()
}
