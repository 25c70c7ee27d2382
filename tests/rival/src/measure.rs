//! Medians with their spread, and ratios taken both ways: of the medians, and the median of each round's own ratio,
//! in which a change of clock or load hits both sides alike.

use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Figures of rounds.
#[derive(Debug, Clone, Default)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// The middle one, or the mean of the two in the middle; NaN of none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// The least and the greatest.
    pub fn range(&self) -> (f64, f64) {
        self.0.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
    }

    /// `median (min..max)`.
    pub fn show(&self) -> String {
        let (low, high) = self.range();
        let digits = if self.median() >= 100.0 { 0 } else { 1 };
        format!("{:.digits$} ({low:.digits$}..{high:.digits$})", self.median())
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let (low, high) = self.range();
        json!({"median": self.median(), "min": low, "max": high, "runs": self.0})
    }

    /// Each round's figure over the other's.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }
}

/// What both did in the same rounds.
#[derive(Debug, Clone, Default)]
pub struct Pair {
    /// llama.cpp's figures.
    pub llama: Series,
    /// Ocelli's.
    pub ocelli: Series,
}

impl Pair {
    /// Ratio of the medians, Ocelli's over llama.cpp's.
    pub fn of_medians(&self) -> f64 {
        self.ocelli.median() / self.llama.median()
    }

    /// Median of the rounds' ratios.
    pub fn of_rounds(&self) -> f64 {
        self.ocelli.over(&self.llama).median()
    }

    /// One line of a table.
    pub fn row(&self, name: &str, unit: &str) -> String {
        let side = |s: &Series| if s.0.is_empty() { "-".to_owned() } else { s.show() };
        let ratio = |x: f64| if x.is_nan() { "-".to_owned() } else { format!("{x:.2}") };
        format!(
            "{name:<22}{:>26}{:>26} {unit:<8}{:>7}{:>8}",
            side(&self.llama),
            side(&self.ocelli),
            ratio(self.of_medians()),
            ratio(self.of_rounds())
        )
    }

    /// The head of that table.
    pub fn head() -> String {
        format!("{:<22}{:>26}{:>26} {:<8}{:>7}{:>8}", "", "llama.cpp", "Ocelli", "", "ratio", "rounds")
    }

    /// The same for programs.
    pub fn json(&self, unit: &str) -> Value {
        json!({
            "unit": unit, "llama.cpp": self.llama.json(), "ocelli": self.ocelli.json(),
            "ratio_of_medians": self.of_medians(), "median_of_ratios": self.of_rounds(),
        })
    }
}

/// Long enough for the other engine's threads to stop spinning: OpenMP's do so for a few milliseconds.
pub fn settle() {
    std::thread::sleep(Duration::from_millis(30));
}

/// Seconds that `work` takes.
pub fn seconds<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<f64, E> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        let pair = Pair { llama: Series(vec![1.0, 4.0, 2.0]), ocelli: Series(vec![3.0, 4.0, 8.0]) };
        assert_eq!((pair.llama.median(), pair.ocelli.median()), (2.0, 4.0));
        assert_eq!((pair.of_medians(), pair.of_rounds()), (2.0, 3.0));
        assert_eq!(Series(vec![1.0, 2.0, 3.0, 10.0]).median(), 2.5);
        assert_eq!(pair.ocelli.range(), (3.0, 8.0));
    }
}
