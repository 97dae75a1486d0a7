use super::*;
use crate::api::{Command, Query, Reply, Settings, Theme};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn settings(engine: &mut Engine, command_id: u32, theme: Theme) -> Vec<Output> {
    let settings = Settings { theme, ..Settings::default() };
    engine.handle(Input::Command { command_id, command: Command::UpdateSettings { settings } }, NOW).unwrap().0
}

fn reply(outputs: &[Output]) -> Option<&CommandResult> {
    outputs.iter().find_map(|output| match output {
        Output::Reply { result, .. } => Some(result),
        _ => None,
    })
}

#[test]
fn a_full_disk_refuses_writing_keeps_reading_and_passes() {
    let mut engine = Engine::open(Store::Memory, [1; 32], NOW).unwrap();
    assert_eq!(reply(&settings(&mut engine, 1, Theme::Dark)), Some(&CommandResult::Ok { reply: Reply::Done }));
    let pages: i64 = engine.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    engine.db.execute_batch(&format!("PRAGMA max_page_count = {}", pages + 4)).unwrap();
    let fill = "INSERT INTO messages_early (target, fingerprint, at, content) VALUES (x'00', x'00', 0, zeroblob(200))";
    while engine.db.execute(fill, []).is_ok() {}
    // Every page is taken: a record longer than the one that stands there does not fit.
    let settings_long = Settings { language: "a".repeat(35), ..Settings::default() };
    let mut refused = None;
    for command_id in 2..40 {
        let handle = format!("handle{command_id}");
        let command = Command::SignUp { handle, password: "correct horse".into(), display_name: "n".repeat(60) };
        let outputs = engine.handle(Input::Command { command_id, command }, NOW).unwrap().0;
        if let Some(CommandResult::Err { refusal }) = reply(&outputs) {
            refused = Some(refusal.code);
            break;
        }
        engine.db.execute_batch("UPDATE requests_open SET key = key || hex(request_id)").ok();
    }
    assert_eq!(refused, Some(RefusalCode::StorageFull));
    assert!(matches!(engine.query(Query::Storage), View::Storage(view) if view.read_only));
    assert!(matches!(engine.query(Query::Settings), View::Settings(view) if view.settings.theme == Theme::Dark));
    engine.db.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
    let command = Command::UpdateSettings { settings: settings_long };
    let outputs = engine.handle(Input::Command { command_id: 50, command }, NOW).unwrap().0;
    assert_eq!(reply(&outputs), Some(&CommandResult::Ok { reply: Reply::Done }));
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
    let other = Engine::open(Store::Memory, [8; 32], NOW).unwrap().handle(Input::Tick, NOW).unwrap().0;
    assert_ne!(run().0, other);
}

#[test]
fn noise_from_the_relay_changes_nothing_and_stops_nothing() {
    let mut engine = Engine::open(Store::Memory, [1; 32], NOW).unwrap();
    for bytes in [vec![], vec![0xff; 40], vec![0; limits::SOCKET_FRAME_BYTES_MAX + 1]] {
        let outputs = engine.handle(Input::Frame { bytes: bytes.into() }, NOW).unwrap();
        assert!(!outputs.0.iter().any(|output| matches!(output, Output::Frame { .. })));
    }
    let request_id = securechat_proto::RequestId([3; 16]);
    let _ = engine.handle(Input::Response { request_id, status: 200, body: vec![1, 2].into() }, NOW).unwrap();
}
