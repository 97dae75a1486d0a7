//! The password: from SECURECHAT_PASSWORD, else one line of standard input; never from the command line, which others
//! can read.

use anyhow::Result;
use std::io::{BufRead, IsTerminal, Read};

/// More than any password takes; a longer line is none.
const LINE_BYTES_MAX: u64 = 4096;

/// A terminal does not show it.
pub fn read() -> Result<String> {
    if let Ok(password) = std::env::var("SECURECHAT_PASSWORD") {
        return Ok(password);
    }
    eprint!("password: ");
    let is_hidden = std::io::stdin().is_terminal() && echo("-echo");
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .take(LINE_BYTES_MAX)
        .read_line(&mut line);
    if is_hidden {
        echo("echo");
    }
    eprintln!();
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Switches the terminal's echo; false where there is no `stty`.
fn echo(setting: &str) -> bool {
    let status = std::process::Command::new("stty").arg(setting).status();
    status.is_ok_and(|status| status.success())
}
