//! What every application measures about its process and machine, under Micrometer's names.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use wellspring_telemetry::{Meters, names};
use wellspring_wire::Millis;

use crate::process;

#[expect(clippy::cast_precision_loss, reason = "gauges are doubles")]
pub(crate) fn install(meters: &Meters, began: Instant) {
    let started = Millis::now().0;
    meters.gauge_fn(names::PROCESS_START_TIME, &[], move || started as f64 / 1000.0);
    meters.gauge_fn(names::PROCESS_UPTIME, &[], move || began.elapsed().as_secs_f64());
    meters.gauge_fn(names::PROCESS_FILES_OPEN, &[], || process::open_files().map_or(f64::NAN, |n| n as f64));
    meters.gauge_fn(names::PROCESS_FILES_MAX, &[], || process::most_files().map_or(f64::NAN, |n| n as f64));
    meters.gauge_fn(names::PROCESS_MEMORY_RESIDENT, &[], || process::resident_bytes() as f64);
    meters.gauge_fn(names::PROCESS_THREADS, &[], || process::threads() as f64);
    meters.counter_fn(names::PROCESS_CPU_TIME, &[], || {
        u64::try_from(process::cpu_time().unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
    });
    let cpus = process::cpus();
    meters.gauge_fn(names::SYSTEM_CPU_COUNT, &[], move || cpus as f64);
    meters.gauge_fn(names::SYSTEM_LOAD_AVERAGE_1M, &[], || process::load_average().unwrap_or(f64::NAN));
    let own = Mutex::new((Instant::now(), process::cpu_time().unwrap_or_default(), 0.0));
    meters.gauge_fn(names::PROCESS_CPU_USAGE, &[], move || own_usage(&mut own.lock(), cpus));
    let machine = Mutex::new((process::busy_and_total().unwrap_or_default(), 0.0));
    meters.gauge_fn(names::SYSTEM_CPU_USAGE, &[], move || machine_usage(&mut machine.lock()));
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let path = here.join(".").display().to_string();
    let (free, total) = (here.clone(), here);
    meters.gauge_fn(names::DISK_FREE, &[("path", &path)], move || {
        disk(&free).map_or(f64::NAN, |(free, _)| free)
    });
    meters.gauge_fn(names::DISK_TOTAL, &[("path", &path)], move || {
        disk(&total).map_or(f64::NAN, |(_, total)| total)
    });
}

#[expect(clippy::cast_precision_loss, reason = "gauges are doubles")]
fn disk(path: &Path) -> Option<(f64, f64)> {
    process::disk(path).map(|(free, total)| (free as f64, total as f64))
}

/// The share of all processors since the last look; looks that follow at once repeat the last answer.
#[expect(clippy::cast_precision_loss, reason = "gauges are doubles")]
fn own_usage(last: &mut (Instant, Duration, f64), cpus: usize) -> f64 {
    let (at, used, _) = *last;
    let (now, total) = (Instant::now(), process::cpu_time().unwrap_or_default());
    let passed = now.duration_since(at).as_secs_f64();
    if passed >= 0.1 {
        let share = total.saturating_sub(used).as_secs_f64() / passed / cpus as f64;
        *last = (now, total, share.clamp(0.0, 1.0));
    }
    last.2
}

#[expect(clippy::cast_precision_loss, reason = "gauges are doubles")]
fn machine_usage(last: &mut ((u64, u64), f64)) -> f64 {
    let ((busy, total), _) = *last;
    let (busy_now, total_now) = process::busy_and_total().unwrap_or_default();
    let passed = total_now.saturating_sub(total);
    if passed >= 10 {
        *last = ((busy_now, total_now), busy_now.saturating_sub(busy) as f64 / passed as f64);
    }
    last.1
}
