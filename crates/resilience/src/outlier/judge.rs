//! The two rules that compare shares of failures once per interval.

use super::config::OutlierConfig;
use super::state::Reason;

/// A host's calls of one interval.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) successes: u32,
    pub(super) failures: u32,
}

impl Tally {
    fn calls(self) -> u32 {
        self.successes.saturating_add(self.failures)
    }

    fn success_rate(self) -> f64 {
        100.0 * f64::from(self.successes) / f64::from(self.calls().max(1))
    }
}

/// Which of the hosts' tallies stand out, and by which rule.
pub(super) fn judge(tallies: &[Tally], config: &OutlierConfig) -> Vec<Option<Reason>> {
    let mut verdicts = vec![None; tallies.len()];
    if config.failure_percentage {
        let judged = |tally: &Tally| tally.calls() >= config.failure_percentage_request_volume.max(1);
        if tallies.iter().filter(|tally| judged(tally)).count() >= config.failure_percentage_minimum_hosts {
            let threshold = f64::from(config.failure_percentage_threshold);
            for (tally, verdict) in tallies.iter().zip(&mut verdicts) {
                if judged(tally) && 100.0 - tally.success_rate() >= threshold {
                    *verdict = Some(Reason::FailurePercentage);
                }
            }
        }
    }
    if config.success_rate {
        let judged = |tally: &Tally| tally.calls() >= config.success_rate_request_volume.max(1);
        let rates: Vec<f64> =
            tallies.iter().filter(|tally| judged(tally)).map(|tally| tally.success_rate()).collect();
        if !rates.is_empty() && rates.len() >= config.success_rate_minimum_hosts {
            #[expect(clippy::cast_precision_loss, reason = "a number of hosts")]
            let count = rates.len() as f64;
            let mean = rates.iter().sum::<f64>() / count;
            let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
            let threshold = mean - variance.sqrt() * f64::from(config.success_rate_stdev_factor) / 1000.0;
            for (tally, verdict) in tallies.iter().zip(&mut verdicts) {
                if judged(tally) && tally.success_rate() < threshold {
                    *verdict = Some(Reason::SuccessRate);
                }
            }
        }
    }
    verdicts
}
