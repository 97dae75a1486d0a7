//! CPU time and memory of a process tree, from `/proc`: the figures that survive a noisy machine.

use std::collections::BTreeSet;
use std::fs;

/// What a process tree used so far.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// User + system, seconds, living processes and their reaped children.
    pub cpu_s: f64,
    /// Proportional set size, KiB.
    pub pss_kib: f64,
}

/// Sums over `roots` and all their descendants.
pub fn usage(roots: &[u32]) -> Usage {
    let table = processes();
    let mut tree: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let more: Vec<u32> = table
            .iter()
            .filter(|process| tree.contains(&process.parent) && !tree.contains(&process.pid))
            .map(|process| process.pid)
            .collect();
        if more.is_empty() {
            break;
        }
        tree.extend(more);
    }
    let mut sum = Usage::default();
    for process in table.iter().filter(|process| tree.contains(&process.pid)) {
        sum.cpu_s += process.cpu_s;
        sum.pss_kib += pss_kib(process.pid);
    }
    sum
}

struct Process {
    pid: u32,
    parent: u32,
    cpu_s: f64,
}

fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter_map(process)
        .collect()
}

/// Fields of `/proc/PID/stat` (proc(5)): 4 parent, 14 to 17 times of process and reaped children in ticks of 10 ms.
fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        cpu_s: ticks / 100.0,
    })
}

fn pss_kib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0)
}
