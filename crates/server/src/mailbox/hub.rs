//! Who is connected right now, and how committed envelopes and answers reach them.
//!
//! In memory of this node. What the hub drops is never lost: the connection is told to read its mailbox instead.

use securechat_proto::DeviceId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Notify, mpsc};

use super::store::Answer;
use super::submit::Delivery;
use securechat_proto::limits::SUBMITS_IN_FLIGHT_MAX;

/// Deliveries waiting for one socket's task. More are left to the mailbox.
const DELIVERIES_QUEUED_MAX: usize = 64;

/// What comes to a connection from the rest of the room.
#[derive(Debug)]
pub enum Event {
    /// Committed for this device, or ephemeral.
    Delivery(Box<Delivery>),
    /// One of its own submits was decided.
    Answer(Box<Answer>),
    /// Something waits in the mailbox.
    Waiting,
}

/// Where the answer to a submit goes.
#[derive(Clone)]
pub struct Replies(mpsc::Sender<Event>);

impl Replies {
    /// The queue has room for every answer a connection may be waiting for; if the connection is gone, so is its interest.
    pub fn send(&self, answer: Answer) {
        let _ = self.0.try_send(Event::Answer(Box::new(answer)));
    }

    /// A reply channel of its own, for callers that are no socket.
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(DELIVERIES_QUEUED_MAX + SUBMITS_IN_FLIGHT_MAX);
        (Self(sender), receiver)
    }
}

/// One connected device.
pub struct Slot {
    number: u64,
    device: DeviceId,
    events: mpsc::Sender<Event>,
    behind: AtomicBool,
    close_code: AtomicU16,
    closing: Notify,
}

impl Slot {
    /// For the submits of this connection.
    pub fn replies(&self) -> Replies {
        Replies(self.events.clone())
    }

    /// Whether deliveries were left to the mailbox since the last call.
    pub fn take_behind(&self) -> bool {
        self.behind.swap(false, Ordering::AcqRel)
    }

    /// Resolves with the code once the connection must close.
    pub async fn closing(&self) -> u16 {
        loop {
            let notified = self.closing.notified();
            match self.close_code.load(Ordering::Acquire) {
                0 => notified.await,
                code => return code,
            }
        }
    }

    fn close(&self, code: u16) {
        // The first reason stays.
        let _ = self
            .close_code
            .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        self.closing.notify_one();
    }

    fn deliver(&self, delivery: Delivery) {
        let is_durable = delivery.cursor.is_some();
        // Places for the answers stay free.
        let has_room = self.events.capacity() > SUBMITS_IN_FLIGHT_MAX;
        if has_room
            && self
                .events
                .try_send(Event::Delivery(Box::new(delivery)))
                .is_ok()
        {
            return;
        }
        if is_durable {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.behind.swap(true, Ordering::AcqRel) {
            // A wake that finds no place is not needed: the task has events to handle and then looks at the flag.
            let _ = self.events.try_send(Event::Waiting);
        }
    }
}

/// The connected devices of this node.
#[derive(Default)]
pub struct Hub {
    slots: RwLock<HashMap<DeviceId, Arc<Slot>>>,
    next: AtomicU64,
}

impl Hub {
    /// Registers a connection; an older one of the same device closes with `superseded`.
    pub fn attach(&self, device: DeviceId, superseded: u16) -> (Arc<Slot>, mpsc::Receiver<Event>) {
        let (replies, events) = Replies::channel();
        let slot = Arc::new(Slot {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            device,
            events: replies.0,
            behind: AtomicBool::new(false),
            close_code: AtomicU16::new(0),
            closing: Notify::new(),
        });
        let former = self
            .slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(device, slot.clone());
        if let Some(former) = former {
            former.close(superseded);
        }
        (slot, events)
    }

    /// Unregisters a connection, unless a newer one took its place.
    pub fn detach(&self, slot: &Slot) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if slots
            .get(&slot.device)
            .is_some_and(|held| held.number == slot.number)
        {
            slots.remove(&slot.device);
        }
    }

    /// Hands committed and ephemeral envelopes to the devices that are connected; returns how many were there.
    pub fn deliver(&self, deliveries: impl IntoIterator<Item = (DeviceId, Delivery)>) -> usize {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut connected = 0;
        for (device, delivery) in deliveries {
            if let Some(slot) = slots.get(&device) {
                slot.deliver(delivery);
                connected += 1;
            }
        }
        connected
    }

    /// Tells devices that something waits in their mailboxes.
    pub fn wake(&self, devices: &[DeviceId]) {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        for slot in devices.iter().filter_map(|device| slots.get(device)) {
            slot.wake();
        }
    }

    /// Closes the connection of one device.
    pub fn close(&self, device: DeviceId, code: u16) {
        if let Some(slot) = self
            .slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&device)
        {
            slot.close(code);
        }
    }

    /// Closes every connection, when the relay stops.
    // All of them at once: the order says nothing.
    #[allow(clippy::iter_over_hash_type)]
    pub fn close_all(&self, code: u16) {
        for slot in self
            .slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            slot.close(code);
        }
    }

    /// Connected devices.
    pub fn connected(&self) -> usize {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}
