use super::*;
use crate::api::{Command, Reply, Settings, Theme};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn settings(engine: &mut Engine, command_id: u32, theme: Theme) -> Vec<Output> {
    let settings = Settings {
        theme,
        ..Settings::default()
    };
    engine
        .handle(
            Input::Command {
                command_id,
                command: Command::UpdateSettings { settings },
            },
            NOW,
        )
        .unwrap()
        .0
}

fn reply(outputs: &[Output]) -> Option<&CommandResult> {
    outputs.iter().find_map(|output| match output {
        Output::Reply { result, .. } => Some(result),
        _ => None,
    })
}

fn asked_for_server(outputs: &[Output]) -> Option<securechat_proto::RequestId> {
    outputs.iter().find_map(|output| match output {
        Output::Request {
            request_id, path, ..
        } if path == "/v1/server" => Some(*request_id),
        _ => None,
    })
}

#[test]
fn a_full_disk_keeps_reading_and_asks_again_for_what_it_could_not_keep() {
    let mut engine = Engine::open(Store::Memory, [1; 32], NOW).unwrap();
    let outputs = settings(&mut engine, 1, Theme::Dark);
    assert_eq!(
        reply(&outputs),
        Some(&CommandResult::Ok { reply: Reply::Done })
    );
    let request_id = asked_for_server(&outputs).unwrap();
    let pages: i64 = engine
        .db
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    engine
        .db
        .execute_batch(&format!("PRAGMA max_page_count = {pages}"))
        .unwrap();
    let fact = securechat_proto::api::KnownFact {
        key: "k".repeat(60),
        columns: vec![],
        kept_days: None,
    };
    let info = securechat_proto::api::ServerInfo {
        name: "Relay".into(),
        version: "1".into(),
        protocol_min: 1,
        protocol_max: 1,
        sign_up_open: true,
        retention_days: 30,
        knows: vec![fact; 3000],
    };
    let answer = |request_id| Input::Response {
        request_id,
        status: 200,
        body: serde_json::to_vec(&info).unwrap().into(),
    };
    let outputs = engine.handle(answer(request_id), NOW).unwrap().0;
    assert_eq!(
        outputs,
        [Output::Changed {
            topic: Topic::Account
        }]
    );
    assert!(matches!(engine.query(Query::Storage), View::Storage(view) if view.read_only));
    assert!(
        matches!(engine.query(Query::Settings), View::Settings(view) if view.settings.theme == Theme::Dark)
    );

    engine
        .db
        .execute_batch("PRAGMA max_page_count = 1000000")
        .unwrap();
    let later = engine.next_deadline().unwrap();
    let outputs = engine.handle(Input::Tick, later).unwrap().0;
    assert_eq!(
        asked_for_server(&outputs),
        Some(request_id),
        "the same request again"
    );
    let _ = engine.handle(answer(request_id), later).unwrap();
    assert!(matches!(engine.query(Query::Server), View::Server(view) if view.knows.len() == 3000));
    assert!(matches!(engine.query(Query::Storage), View::Storage(view) if !view.read_only));
}

#[test]
fn the_same_seed_and_inputs_give_the_same_outputs() {
    let run = || {
        let mut engine = Engine::open(Store::Memory, [7; 32], NOW).unwrap();
        let outputs = engine.handle(Input::Tick, NOW).unwrap().0;
        (outputs, engine.next_deadline())
    };
    assert_eq!(run(), run());
    let other = Engine::open(Store::Memory, [8; 32], NOW)
        .unwrap()
        .handle(Input::Tick, NOW)
        .unwrap()
        .0;
    assert_ne!(run().0, other);
}

#[test]
fn noise_from_the_relay_changes_nothing_and_stops_nothing() {
    let mut engine = Engine::open(Store::Memory, [1; 32], NOW).unwrap();
    for bytes in [
        vec![],
        vec![0xff; 40],
        vec![0; limits::SOCKET_FRAME_BYTES_MAX + 1],
    ] {
        let outputs = engine
            .handle(
                Input::Frame {
                    bytes: bytes.into(),
                },
                NOW,
            )
            .unwrap();
        assert!(
            !outputs
                .0
                .iter()
                .any(|output| matches!(output, Output::Frame { .. }))
        );
    }
    let request_id = securechat_proto::RequestId([3; 16]);
    let _ = engine
        .handle(
            Input::Response {
                request_id,
                status: 200,
                body: vec![1, 2].into(),
            },
            NOW,
        )
        .unwrap();
}
