use super::super::{Aimd, Algorithm, Gradient, Kind, Sample, Vegas};
use super::*;

fn sample(seconds: f64, in_flight: f64) -> Sample {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small test values")]
    let in_flight = in_flight as u32;
    Sample { seconds, in_flight, dropped: false }
}

/// A server that works on `capacity` calls at a time in 10 ms each; more of them queue.
fn settle(algorithm: &mut dyn Algorithm, capacity: f64, rounds: usize) -> f64 {
    let mut limit = algorithm.update(sample(0.010, 1.0));
    for _ in 0..rounds {
        limit = algorithm.update(sample(0.010 * (limit / capacity).max(1.0), limit));
    }
    limit
}

#[test]
fn vegas_settles_a_little_above_what_the_server_can_do() {
    let config = AdaptiveConfig::default();
    for capacity in [30.0, 100.0] {
        // Fewer samples than a probe takes: its new start would be measured under load.
        let limit = settle(&mut Vegas::new(&config, 7), capacity, 250);
        assert!((capacity..capacity + 14.0).contains(&limit), "{capacity}: {limit}");
    }
}

#[test]
fn gradient_falls_when_calls_take_longer_than_usual() {
    let config = AdaptiveConfig { initial_limit: 100, max_limit: 200, ..AdaptiveConfig::default() };
    let mut gradient = Gradient::new(&config);
    let mut limit = 100.0;
    for _ in 0..100 {
        limit = gradient.update(sample(0.010, limit));
    }
    assert!((limit - 180.0).abs() < 1.0, "up by 0.2 * 4 each time: {limit}");
    for _ in 0..50 {
        limit = gradient.update(sample(0.100, limit));
    }
    assert!(limit < 60.0, "{limit}");
}

#[test]
fn aimd_climbs_by_one_and_falls_by_a_tenth() {
    let mut aimd = Aimd::new(&AdaptiveConfig::default());
    assert!((aimd.update(sample(1.0, 10.0)) - 21.0).abs() < f64::EPSILON);
    assert!((aimd.update(sample(1.0, 10.0)) - 21.0).abs() < f64::EPSILON, "half used: no reason to climb");
    let dropped = Sample { dropped: true, ..sample(1.0, 20.0) };
    assert!((aimd.update(dropped) - 18.0).abs() < f64::EPSILON);
}

#[test]
fn bounds_hold_for_every_algorithm() {
    for algorithm in [Kind::Vegas, Kind::Gradient, Kind::Aimd] {
        let config =
            AdaptiveConfig { algorithm, initial_limit: 5, min_limit: 4, max_limit: 9, tolerance: 1.0 };
        let mut learner = config.algorithm(1);
        for round in 0..2_000_u32 {
            let dropped = round % 7 > 3;
            let seconds = 0.001 * f64::from(1 + round % 50);
            let limit = learner.update(Sample { seconds, in_flight: 9, dropped });
            assert!((4.0..=9.0).contains(&limit), "{algorithm:?} {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_above_the_limit_are_refused_and_places_come_free() {
    let config =
        AdaptiveConfig { algorithm: Kind::Aimd, initial_limit: 2, max_limit: 3, ..AdaptiveConfig::default() };
    let limit = AdaptiveLimit::new("backend", config).unwrap();
    let first = limit.try_acquire().unwrap();
    let second = limit.try_acquire().unwrap();
    assert_eq!(
        limit.try_acquire().unwrap_err().to_string(),
        "Bulkhead 'backend' is full and does not permit further calls"
    );
    assert_eq!(limit.in_flight(), 2);
    drop(first);
    assert_eq!((limit.in_flight(), limit.limit()), (1, 2));
    second.end(Ended::Done);
    assert_eq!((limit.in_flight(), limit.limit()), (0, 3));
    let result: Result<(), Rejection> = limit.call(|| async { Ok(()) }, |_| Ended::Dropped).await;
    assert_eq!((result, limit.limit()), (Ok(()), 2));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (config, setting) in [
        (AdaptiveConfig { min_limit: 0, ..AdaptiveConfig::default() }, "min-limit"),
        (AdaptiveConfig { max_limit: 0, ..AdaptiveConfig::default() }, "max-limit"),
        (AdaptiveConfig { initial_limit: 2_000, ..AdaptiveConfig::default() }, "initial-limit"),
        (AdaptiveConfig { tolerance: f64::NAN, ..AdaptiveConfig::default() }, "tolerance"),
    ] {
        assert_eq!(AdaptiveLimit::new("x", config).unwrap_err().setting, setting);
    }
}
