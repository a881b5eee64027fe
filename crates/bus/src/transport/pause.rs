//! Growing pauses between attempts, a little different in every process.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Pause {
    attempts: u32,
}

impl Pause {
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    pub(super) fn is_first(&self) -> bool {
        self.attempts == 0
    }

    pub(super) async fn wait(&mut self) {
        let pause = FIRST.saturating_mul(1 << self.attempts.min(10)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_five_seconds() {
        let mut pause = Pause::default();
        let begin = tokio::time::Instant::now();
        for _ in 0..20 {
            pause.wait().await;
        }
        let waited = begin.elapsed();
        assert!(waited > Duration::from_secs(30) && waited < Duration::from_secs(90), "{waited:?}");
    }
}
