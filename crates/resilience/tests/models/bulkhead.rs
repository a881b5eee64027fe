//! The bulkhead, with changes of its size: the model is a list of the calls inside.

use proptest::collection::vec;
use proptest::prelude::*;
use wellspring_resilience::Bulkhead;
use wellspring_resilience::bulkhead::{BulkheadConfig, Pool, ThreadPoolBulkheadConfig};

#[derive(Debug, Clone, Copy)]
enum Step {
    Enter,
    /// The one at this position among those inside.
    Leave(usize),
    GiveBack(usize),
    Resize(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Enter),
        3 => (0_usize..8).prop_map(Step::Leave),
        1 => (0_usize..8).prop_map(Step::GiveBack),
        2 => (0_u32..8).prop_map(Step::Resize),
    ]
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn the_bulkhead_does_what_the_model_does(size in 0_u32..8, steps in vec(step(), 1..80)) {
        let config = BulkheadConfig { max_concurrent_calls: size, ..BulkheadConfig::default() };
        let bulkhead = Bulkhead::new("b", config);
        let (mut size, mut inside) = (size as usize, Vec::new());
        for step in steps {
            match step {
                Step::Enter => {
                    let slot = bulkhead.try_acquire();
                    prop_assert_eq!(slot.is_ok(), inside.len() < size);
                    inside.extend(slot.ok());
                }
                Step::Leave(position) if position < inside.len() => drop(inside.remove(position)),
                Step::GiveBack(position) if position < inside.len() => inside.remove(position).release(),
                Step::Leave(_) | Step::GiveBack(_) => {}
                Step::Resize(to) => {
                    bulkhead.change_max_concurrent_calls(to);
                    size = to as usize;
                }
            }
            prop_assert_eq!(bulkhead.available(), size.saturating_sub(inside.len()));
            prop_assert_eq!(bulkhead.max() as usize, size);
        }
    }

    /// The pool with a queue: of the calls taken in, the oldest run; a place is only made while the queue has none.
    #[test]
    fn the_pool_does_what_the_model_does(
        core in 1_usize..4,
        more in 0_usize..4,
        queue in 0_usize..5,
        steps in vec(any::<bool>(), 1..80),
    ) {
        let config = ThreadPoolBulkheadConfig {
            core_thread_pool_size: core,
            max_thread_pool_size: core + more,
            queue_capacity: queue,
            ..ThreadPoolBulkheadConfig::default()
        };
        let mut pool = Pool::new(config);
        // Per started worker whether it is busy; calls that wait.
        let (mut workers, mut waiting): (Vec<bool>, usize) = (Vec::new(), 0);
        for submit in steps {
            if submit {
                let idle = workers.iter().position(|busy| !busy);
                let taken = if workers.len() < core {
                    workers.push(true);
                    true
                } else if let Some(idle) = idle {
                    workers[idle] = true;
                    true
                } else if waiting < queue {
                    waiting += 1;
                    true
                } else if workers.len() < core + more {
                    workers.push(true);
                    true
                } else {
                    false
                };
                prop_assert_eq!(pool.submit(), taken);
            } else if let Some(busy) = workers.iter().position(|busy| *busy) {
                pool.finish();
                if waiting > 0 { waiting -= 1 } else { workers[busy] = false }
            }
            prop_assert_eq!(pool.running(), workers.iter().filter(|busy| **busy).count());
            prop_assert_eq!(pool.queue_depth(), waiting);
            prop_assert_eq!(pool.remaining_queue_capacity(), queue - waiting);
            prop_assert_eq!(pool.size(), workers.len());
        }
    }
}
