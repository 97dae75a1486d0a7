//! Figures as a Markdown table for `docs/benchmarks.md`, under a line that says what machine they come from.

use super::Options;
use super::summary::{Figure, Summary};
use std::fmt::Write;
use std::fs;

/// A metric, and what it should reach.
pub type Goal = (&'static str, &'static str);

/// A table with one column for each system, or JSON lines.
pub fn print(bench: &str, summary: &Summary, systems: &[&str], goals: &[Goal], options: &Options) {
    if options.json {
        summary.print(bench, true);
    } else {
        println!("{}\n", machine());
        println!("{}", markdown(&summary.figures(), systems, goals));
    }
}

fn markdown(figures: &[Figure], systems: &[&str], goals: &[Goal]) -> String {
    let measured: Vec<&str> = systems
        .iter()
        .filter(|system| figures.iter().any(|figure| figure.system == **system))
        .copied()
        .collect();
    let mut metrics: Vec<&str> = Vec::new();
    for figure in figures {
        if !metrics.contains(&figure.metric.as_str()) {
            metrics.push(&figure.metric);
        }
    }
    let mut table = format!("| metric | {} | goal |\n", measured.join(" | "));
    let _ = writeln!(table, "|---|{}---|", "---|".repeat(measured.len()));
    for metric in metrics {
        let cells: Vec<String> = measured
            .iter()
            .map(|system| {
                let found = figures
                    .iter()
                    .find(|figure| figure.system == *system && figure.metric == metric);
                found.map_or_else(|| "-".to_owned(), cell)
            })
            .collect();
        let goal = goals.iter().find(|(name, _)| *name == metric);
        let goal = goal.map_or("", |(_, goal)| goal);
        let _ = writeln!(table, "| `{metric}` | {} | {goal} |", cells.join(" | "));
    }
    table
}

fn cell(figure: &Figure) -> String {
    let digits = |value: f64| match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    };
    let median = digits(figure.median);
    if figure.runs < 2 {
        return median;
    }
    let (min, max) = (digits(figure.min), digits(figure.max));
    format!("{median} ({min}-{max})")
}

/// Date, commit, processor and how busy it is.
fn machine() -> String {
    let first = |path: &str, prefix: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(prefix));
        line.and_then(|line| line.split(':').nth(1))
            .map(|value| value.trim().to_owned())
            .unwrap_or_default()
    };
    let output = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program)
            .args(arguments)
            .current_dir(crate::root())
            .output();
        output
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default()
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{}, commit `{}`, {} x {}, memory {}, load average at the end {load}.",
        output("date", &["+%Y-%m-%d"]),
        output("git", &["rev-parse", "--short", "HEAD"]),
        output("nproc", &[]),
        first("/proc/cpuinfo", "model name"),
        first("/proc/meminfo", "MemTotal"),
    )
}

#[cfg(test)]
mod tests {
    use super::markdown;
    use crate::bench::summary::Summary;

    #[test]
    fn a_table_has_a_column_for_each_system_that_was_measured() {
        let mut summary = Summary::default();
        for (system, metric, value) in [
            ("native", "send_ms", 1.0),
            ("native", "send_ms", 3.0),
            ("chromium", "page_ms", 0.5),
        ] {
            summary.line(&format!(
                r#"{{"system":"{system}","metric":"{metric}","value":{value},"unit":"ms"}}"#
            ));
        }
        let goals = [("page_ms", "<= 1")];
        assert_eq!(
            markdown(&summary.figures(), &["native", "chromium", "other"], &goals),
            "| metric | native | chromium | goal |\n|---|---|---|---|\n\
             | `send_ms` | 2.00 (1.00-3.00) | - |  |\n| `page_ms` | - | 0.500 | <= 1 |\n"
        );
    }
}
