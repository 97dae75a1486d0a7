//! Prints figures, one JSON object a line.

/// Sorted times of one metric.
pub struct Times(Vec<f64>);

impl Times {
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    pub fn median(&self) -> f64 {
        self.share(50)
    }

    /// The time that so many percent stay below.
    pub fn share(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }
}

pub fn print(system: &str, metric: &str, value: f64, unit: &str) {
    let line = serde_json::json!({
        "bench": "engine", "system": system, "metric": metric,
        "value": (value * 10_000.0).round() / 10_000.0, "unit": unit,
    });
    println!("{line}");
}
