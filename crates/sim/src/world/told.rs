//! Events in words, for whoever looks for the cause of a failure.

use super::Event;
use securechat_engine::shell::{Input, Output};
use securechat_proto::wire::{Message, socket};

/// An event in words, for [`crate::trace::Trace::tell`].
pub(super) fn told(event: &Event) -> String {
    match event {
        Event::Tick { person } => format!("{person} tick"),
        Event::Request { person, output, .. } => match output {
            Output::Request { method, path, .. } => format!("{person} {method:?} {path}"),
            _ => String::new(),
        },
        Event::Answer { person, input, .. } => match input {
            Input::Response { status, .. } => format!("{person} response {status}"),
            _ => format!("{person} request failed"),
        },
        Event::Open { person, socket } => format!("{person} opens socket {socket}"),
        Event::Opened { person, socket } => format!("{person} opened socket {socket}"),
        Event::ToRelay { person, bytes, .. } => {
            let frame = socket::ClientFrame::decode(bytes.as_slice());
            format!(
                "{person} -> {}",
                cut(&format!("{:?}", frame.map(|frame| frame.frame)))
            )
        }
        Event::ToPerson {
            person,
            bytes,
            again,
            ..
        } => {
            let frame = socket::ServerFrame::decode(bytes.as_slice());
            format!(
                "{person} <-{} {}",
                if *again { " (again)" } else { "" },
                cut(&format!("{:?}", frame.map(|frame| frame.frame)))
            )
        }
        Event::Closed { person, code, .. } => format!("{person} socket closed {code:?}"),
        Event::Act { person } => format!("{person} acts"),
        Event::SignUp { person } => format!("{person} signs up"),
        Event::Restart { person } => format!("{person} restarts"),
        Event::KillRelay => "somebody kills the relay".to_owned(),
        Event::RestartRelay => "relay restarts".to_owned(),
    }
}

/// As much of a long line as fits a screen.
pub(super) fn cut(line: &str) -> String {
    line.chars().take(700).collect()
}
