//! `contact ...`: people, requests, invite links.

use super::Session;
use crate::arguments::Contact;
use crate::failure::{Failure, explain, not_found};
use crate::people;
use anyhow::{Result, bail};
use securechat_engine::api::{
    Command, ContactAddress, ContactId, Query, RefusalCode, Reply, Trust, View,
};
use securechat_proto::ConversationId;

impl Session {
    pub(super) async fn contact(&mut self, task: Contact) -> Result<()> {
        match task {
            Contact::Add { handle, link } => self.add(handle, link).await,
            Contact::List => self.list_contacts(),
            Contact::Requests => {
                self.connect().await?;
                for (chat, contact) in people::requests(&self.driver) {
                    self.printer.request(&chat, &contact)?;
                }
                Ok(())
            }
            Contact::Accept { who } => {
                self.connect().await?;
                self.accept(self.request(&who)?).await?;
                self.finish().await
            }
            Contact::Decline { who } => {
                self.connect().await?;
                self.decline(self.request(&who)?).await?;
                self.finish().await
            }
            Contact::Block { who } => {
                let contact_id = people::find(&self.driver, &who)?.contact_id;
                self.block(contact_id).await?;
                self.finish().await
            }
            Contact::Unblock { who } => {
                let contact_id = people::find(&self.driver, &who)?.contact_id;
                self.unblock(contact_id).await?;
                self.finish().await
            }
            Contact::Link => self.link().await,
        }
    }

    pub(super) async fn accept(&mut self, conversation_id: ConversationId) -> Result<()> {
        let accept = Command::AcceptRequest { conversation_id };
        self.command(accept).await.map(drop)
    }

    pub(super) async fn decline(&mut self, conversation_id: ConversationId) -> Result<()> {
        let decline = Command::DeclineRequest { conversation_id };
        self.command(decline).await.map(drop)
    }

    pub(super) async fn block(&mut self, contact_id: ContactId) -> Result<()> {
        self.command(Command::Block { contact_id }).await.map(drop)
    }

    pub(super) async fn unblock(&mut self, contact_id: ContactId) -> Result<()> {
        let unblock = Command::Unblock { contact_id };
        self.command(unblock).await.map(drop)
    }

    /// "I know that these are new keys". Whoever compared safety numbers with the old ones says that they are sure.
    pub(super) async fn accept_new_keys(
        &mut self,
        contact_id: ContactId,
        sure: bool,
        number: Option<String>,
    ) -> Result<()> {
        let contact = people::contact(&self.driver, contact_id);
        let trust = contact.map(|contact| contact.item.trust);
        let was_verified = matches!(
            trust,
            Some(Trust::NewIdentity {
                was_verified: true,
                ..
            })
        );
        if was_verified && !sure {
            return Err(Failure::explained(
                RefusalCode::NewIdentity,
                "you had compared safety numbers with them, and those no longer hold: ask in person, then say that you are sure",
            )
            .into());
        }
        let accept = Command::AcceptNewIdentity { contact_id, number };
        self.command(accept).await.map(drop).map_err(|error| {
            let error = explain(
                error,
                RefusalCode::NotFound,
                "they have no new keys to accept",
            );
            explain(
                error,
                RefusalCode::NewIdentity,
                "their keys are others by now than those that were compared",
            )
        })
    }

    async fn add(&mut self, handle: Option<String>, link: Option<String>) -> Result<()> {
        let by = match (handle, link) {
            (_, Some(payload)) => ContactAddress::Link {
                payload: after_fragment(&payload),
            },
            (Some(handle), None) => ContactAddress::Handle { handle },
            (None, None) => bail!("give a handle or --link"),
        };
        let added = self.command(Command::AddContact { by }).await;
        let added = added.map_err(|error| {
            explain(
                error,
                RefusalCode::Invalid,
                "this is no invite link of SecureChat",
            )
        })?;
        if let Reply::Conversation { contact_id, .. } = added
            && let Some(contact) = people::contact(&self.driver, contact_id)
        {
            self.printer.contact(&contact)?;
        }
        self.flush().await
    }

    fn list_contacts(&self) -> Result<()> {
        let everybody = Query::Contacts {
            text: String::new(),
        };
        if let View::Contacts(view) = self.driver.query(everybody) {
            for item in view.contacts {
                if let Some(contact) = people::contact(&self.driver, item.contact_id) {
                    self.printer.contact(&contact)?;
                }
            }
        }
        Ok(())
    }

    async fn link(&mut self) -> Result<()> {
        if let Reply::InviteLink { link } = self.command(Command::CreateInviteLink).await? {
            // It works once the server knows it.
            self.flush().await?;
            self.printer.link(&link, &self.server)?;
        }
        Ok(())
    }

    /// The conversation of an open request.
    pub(super) fn request(&self, who: &str) -> Result<ConversationId> {
        people::find_request(&self.driver, who)?
            .conversation_id
            .ok_or_else(not_found)
    }

    async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        Ok(self.printer.done()?)
    }
}

/// The payload of an invite link, whether the whole link or only its fragment was given.
fn after_fragment(link: &str) -> String {
    link.split_once('#')
        .map_or(link, |(_, payload)| payload)
        .to_owned()
}
