//! Collects the figures of several runs and prints median, minimum and maximum, each (system, metric) once.

use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// All values of one benchmark, in the order of first appearance.
#[derive(Default)]
pub struct Summary {
    order: Vec<(String, String, String)>,
    values: BTreeMap<(String, String), Vec<f64>>,
}

impl Summary {
    /// Runs a load generator and takes what it prints.
    pub fn take(&mut self, command: &mut Command) -> Result<()> {
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let status = output.status;
        ensure!(status.success(), "the load generator failed: {status}");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            self.line(line);
        }
        Ok(())
    }

    /// Takes one JSON line of a load generator; other lines are passed through to the person.
    pub fn line(&mut self, line: &str) {
        let Ok(object) = serde_json::from_str::<serde_json::Value>(line) else {
            eprintln!("{line}");
            return;
        };
        let text = |key: &str| {
            object
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let Some(value) = object.get("value").and_then(serde_json::Value::as_f64) else {
            return;
        };
        let key = (text("system"), text("metric"));
        if !self.values.contains_key(&key) {
            self.order
                .push((key.0.clone(), key.1.clone(), text("unit")));
        }
        self.values.entry(key).or_default().push(value);
    }

    /// Everything, in the order of first appearance.
    pub fn figures(&self) -> Vec<Figure> {
        let figure = |(system, metric, unit): &(String, String, String)| {
            let mut values = self.values.get(&(system.clone(), metric.clone()))?.clone();
            values.sort_by(f64::total_cmp);
            Some(Figure {
                system: system.clone(),
                metric: metric.clone(),
                unit: unit.clone(),
                median: median(&values),
                min: *values.first()?,
                max: *values.last()?,
                runs: values.len(),
            })
        };
        self.order.iter().filter_map(figure).collect()
    }

    /// Prints everything, as a table or as JSON lines.
    pub fn print(&self, bench: &str, json: bool) {
        for figure in self.figures() {
            let Figure {
                system,
                metric,
                unit,
                median,
                min,
                max,
                runs,
            } = figure;
            if json {
                let line = serde_json::json!({
                    "bench": bench, "system": system, "metric": metric, "value": median, "unit": unit,
                    "min": min, "max": max, "runs": runs,
                });
                println!("{line}");
            } else {
                println!("{system:22} {metric:20} {median:>12.2} {unit:6} ({min:.2} - {max:.2})");
            }
        }
    }
}

/// All runs of one metric of one system.
pub struct Figure {
    pub system: String,
    pub metric: String,
    pub unit: String,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub runs: usize,
}

/// Of sorted values; the mean of the two middle ones when there is no middle.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => f64::midpoint(
            *value,
            sorted
                .get(middle.wrapping_sub(1))
                .copied()
                .unwrap_or(*value),
        ),
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
    }
}
