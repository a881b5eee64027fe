//! The alarm of the ejection in every order in which two threads can take their steps.
//!
//! Its source is compiled a second time here, with the checker's atomics.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "tests")]

mod sync {
    pub(crate) use shuttle::sync::atomic;
}

#[path = "../src/supplier/alarm.rs"]
mod alarm;

use std::sync::Arc;

use alarm::Alarm;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::{check_dfs, thread};

#[test]
fn an_instance_that_is_ejected_while_another_comes_back_is_not_overlooked() {
    check_dfs(
        || {
            let (alarm, marked) = (Arc::new(Alarm::new()), Arc::new(AtomicBool::new(false)));
            alarm.raise();
            let (raised, marking) = (Arc::clone(&alarm), Arc::clone(&marked));
            let other = thread::spawn(move || {
                marking.store(true, Ordering::Relaxed);
                raised.raise();
            });
            if !marked.load(Ordering::Relaxed) {
                alarm.lower_unless(|| marked.load(Ordering::Relaxed));
            }
            other.join().unwrap();
            assert!(alarm.is_raised());
        },
        None,
    );
}
