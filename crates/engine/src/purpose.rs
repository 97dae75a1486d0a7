//! What each request is for, and which room its answer goes to: the one table between requests and rooms.

use crate::account::{log_in, session, sessions_list, sign_up};
use crate::api::{Refusal, RefusalCode};
use crate::context::Cx;
use crate::error::Outcome;
use crate::{contacts, identities, inbox, outbox, prekeys, server_info, vault};
use securechat_proto::api::Code;
use securechat_proto::{AccountId, DeviceId, Fingerprint, RequestId, SessionId, TokenHash};
use serde::{Deserialize, Serialize};

/// Kept with the request's row, so that its answer finds its room after a restart too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Purpose {
    ServerInfo,
    RegistrationStart,
    SignUp,
    LoginStart,
    LoginFinish,
    Refresh,
    Challenge,
    DeviceSession,
    Sessions,
    SecurityEvents,
    RevokeSession {
        session_id: SessionId,
    },
    FindHandle {
        handle: String,
    },
    CheckHandle {
        handle: String,
        fingerprint: Fingerprint,
    },
    FindIdentity {
        fingerprint: Fingerprint,
    },
    FetchLog {
        account_id: AccountId,
        fingerprint: Fingerprint,
        from: u64,
    },
    AppendLog {
        sequence: u64,
    },
    ClaimPrekeys {
        account_id: AccountId,
        fingerprint: Fingerprint,
        #[serde(default)]
        devices: Vec<DeviceId>,
    },
    UploadBundle {
        number: u64,
    },
    BundleState,
    RegisterToken {
        hash: TokenHash,
    },
    DropToken {
        hash: TokenHash,
    },
    VaultWrite {
        name: String,
        version: u64,
    },
    VaultRead {
        name: String,
    },
    VaultList,
}

pub(crate) fn on_success(
    cx: &mut Cx<'_>,
    id: &RequestId,
    purpose: Purpose,
    body: &[u8],
) -> Outcome<()> {
    match purpose {
        Purpose::ServerInfo => server_info::on_info(cx, body),
        Purpose::RegistrationStart => sign_up::on_registration(cx, id, body),
        Purpose::SignUp => sign_up::on_signed_up(cx, id, body),
        Purpose::LoginStart => log_in::on_started(cx, id, body),
        Purpose::LoginFinish => log_in::on_finished(cx, id, body),
        Purpose::Refresh => session::on_refreshed(cx, body),
        Purpose::Challenge => session::on_challenge(cx, body),
        Purpose::DeviceSession => session::on_device_session(cx, body),
        Purpose::Sessions => sessions_list::on_sessions(cx, id, body),
        Purpose::SecurityEvents => sessions_list::on_events(cx, id, body),
        Purpose::RevokeSession { .. } => sessions_list::on_revoked(cx, id),
        Purpose::FindHandle { handle } => contacts::finding::on_found(cx, id, &handle, body),
        Purpose::CheckHandle {
            handle,
            fingerprint,
        } => contacts::finding::on_checked(cx, &handle, &fingerprint, body),
        Purpose::FindIdentity { fingerprint } => inbox::on_identity_found(cx, fingerprint, body),
        Purpose::FetchLog {
            account_id,
            fingerprint,
            from,
        } => identities::on_fetched(cx, account_id, fingerprint, from, body),
        Purpose::AppendLog { .. } | Purpose::DropToken { .. } => Ok(()),
        Purpose::ClaimPrekeys {
            account_id,
            fingerprint,
            devices,
        } => outbox::prepare::on_claimed(cx, account_id, fingerprint, devices, body),
        Purpose::UploadBundle { number } => prekeys::on_uploaded(cx, number),
        Purpose::BundleState => prekeys::on_state(cx, body),
        Purpose::RegisterToken { hash } => contacts::link::on_registered(cx, &hash),
        Purpose::VaultWrite { name, version } => vault::on_written(cx, &name, version),
        Purpose::VaultRead { name } => vault::on_read(cx, &name, body),
        Purpose::VaultList => vault::on_listed(cx, body),
    }
}

pub(crate) fn on_failure(
    cx: &mut Cx<'_>,
    id: &RequestId,
    purpose: Purpose,
    code: Code,
    refusal: Refusal,
) -> Outcome<()> {
    match purpose {
        Purpose::SignUp => sign_up::on_refused(cx, id, refusal),
        Purpose::RegistrationStart => {
            cx.live.sign_up = None;
            cx.answer(id, Err(refusal));
            Ok(())
        }
        Purpose::LoginStart | Purpose::LoginFinish => {
            cx.live.log_in = None;
            // "Unauthenticated" here means that the minute between the two messages ran out.
            let expired = refusal.code == RefusalCode::PasswordNeeded;
            let code = if expired {
                RefusalCode::ServerFailed
            } else {
                refusal.code
            };
            cx.answer(id, Err(Refusal { code, ..refusal }));
            Ok(())
        }
        Purpose::Refresh => session::on_refresh_refused(cx, code),
        Purpose::Challenge => Ok(()),
        Purpose::DeviceSession => session::on_device_session_refused(cx, code),
        Purpose::Sessions
        | Purpose::SecurityEvents
        | Purpose::RevokeSession { .. }
        | Purpose::FindHandle { .. } => {
            cx.answer(id, Err(refusal));
            Ok(())
        }
        Purpose::FindIdentity { fingerprint } => inbox::on_identity_missing(cx, &fingerprint),
        Purpose::UploadBundle { number } => prekeys::on_upload_refused(cx, number, code),
        Purpose::VaultWrite { name, .. } => vault::on_write_refused(cx, &name, code),
        Purpose::ServerInfo
        | Purpose::CheckHandle { .. }
        | Purpose::FetchLog { .. }
        | Purpose::AppendLog { .. }
        | Purpose::ClaimPrekeys { .. }
        | Purpose::BundleState
        | Purpose::RegisterToken { .. }
        | Purpose::DropToken { .. }
        | Purpose::VaultRead { .. }
        | Purpose::VaultList => inbox::count(cx, "request_refused"),
    }
}
