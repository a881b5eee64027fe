//! What is done to the fleet, one thing at a time, and what it takes to recover.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use wellspring_test_support::Fault as Wire;

use crate::fleet::{Fleet, GATEWAYS, REGISTRIES};
use crate::load::{Load, Outcome};

/// How long a fault stays.
const HOLD: Duration = Duration::from_secs(6);
/// A supervisor's pause before it starts a program again.
const RESTART: Duration = Duration::from_secs(1);
/// Everything must be well again by then, without anybody's help.
const RECOVERY: Duration = Duration::from_secs(240);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Kill,
    Freeze,
    Cut,
    OneWay,
    SlowLink,
    DiskFull,
    ClockForward,
    ClockBack,
    BrokerCrash,
    BrokerDelay,
    RedisCrash,
}

/// A fault and whom it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) victim: &'static str,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Episode {
    pub(crate) fault: Fault,
    pub(crate) requests: usize,
    /// Requests whose first attempt failed.
    pub(crate) troubled: usize,
    pub(crate) lost: Vec<Outcome>,
    /// From the fault to the last request that needed another attempt.
    pub(crate) impact: Duration,
    /// From its end until all was well.
    pub(crate) recovery: Duration,
    pub(crate) stuck: Option<String>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "SIGKILL, started again after 1 s",
            Self::Freeze => "SIGSTOP for 6 s",
            Self::Cut => "cut off from everybody for 6 s",
            Self::OneWay => "does not hear one peer for 6 s",
            Self::SlowLink => "sends at 400 kbit/s for 6 s",
            Self::DiskFull => "disk full for 6 s",
            Self::ClockForward => "clock 1 h ahead for 6 s",
            Self::ClockBack => "clock 1 h behind for 6 s",
            Self::BrokerCrash => "RabbitMQ: SIGKILL and restart",
            Self::BrokerDelay => "RabbitMQ: 300 ms away for 6 s",
            Self::RedisCrash => "Redis: SIGKILL, back after 6 s",
        })
    }
}

/// Every kind on every victim that it can hit.
pub(crate) fn all(fleet: &Fleet) -> Vec<Fault> {
    let with_disk = ["registry-1", "registry-2", "config", "bus"];
    let mut faults = Vec::new();
    for member in &fleet.members {
        let mut add = |kind| faults.push(Fault { kind, victim: member.name });
        for kind in [Kind::Kill, Kind::Freeze, Kind::Cut, Kind::OneWay, Kind::SlowLink] {
            add(kind);
        }
        if with_disk.contains(&member.name) {
            add(Kind::DiskFull);
        }
        if !member.is_jvm() {
            add(Kind::ClockForward);
            add(Kind::ClockBack);
        }
    }
    for kind in [Kind::BrokerCrash, Kind::BrokerDelay] {
        faults.push(Fault { kind, victim: "rabbitmq" });
    }
    faults.push(Fault { kind: Kind::RedisCrash, victim: "redis" });
    faults
}

/// One of each kind, on one victim after the other: the same in every short run.
pub(crate) fn one_of_each(fleet: &Fleet) -> Vec<Fault> {
    let all = all(fleet);
    let mut kinds: Vec<Kind> = all.iter().map(|fault| fault.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let chosen = kinds.into_iter().enumerate().map(|(number, kind)| {
        let of_kind: Vec<Fault> = all.iter().copied().filter(|fault| fault.kind == kind).collect();
        of_kind[number % of_kind.len()]
    });
    chosen.collect()
}

impl Fault {
    /// Does it, undoes it, and waits until all is well.
    pub(crate) async fn run(self, fleet: &mut Fleet, load: &Load) -> Episode {
        let (began, before) = (Instant::now(), load.count());
        self.inflict(fleet).await;
        let ended = Instant::now();
        let mut stuck = None;
        loop {
            // Whoever ended by itself is started again, as its supervisor would.
            let fallen: Vec<_> = fleet
                .members
                .iter_mut()
                .filter_map(|member| member.revive().then_some(member.name))
                .collect();
            let complaint = fleet.complaint().await;
            if complaint.is_none() && fallen.is_empty() {
                break;
            }
            if ended.elapsed() > RECOVERY {
                stuck = complaint;
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let recovery = ended.elapsed();
        let troubled = load.troubled(began);
        let last = troubled.iter().map(|outcome| outcome.began).max();
        Episode {
            fault: self,
            requests: load.count() - before,
            troubled: troubled.len(),
            impact: last.map_or(Duration::ZERO, |last| last.saturating_duration_since(began)),
            lost: troubled.into_iter().filter(|outcome| outcome.lost.is_some()).collect(),
            recovery,
            stuck,
        }
    }

    async fn inflict(self, fleet: &mut Fleet) {
        let hold = || tokio::time::sleep(HOLD);
        match self.kind {
            Kind::Kill => {
                fleet.member_mut(self.victim).kill();
                tokio::time::sleep(RESTART).await;
                fleet.member_mut(self.victim).start();
            }
            Kind::Freeze => {
                fleet.member(self.victim).freeze();
                hold().await;
                fleet.member(self.victim).thaw();
            }
            Kind::Cut => {
                fleet.member(self.victim).host.cut();
                hold().await;
                fleet.member(self.victim).host.mend();
            }
            Kind::OneWay => {
                let (victim, peer) = (fleet.member(self.victim), fleet.member(self.peer()));
                victim.host.deafen(&peer.host);
                hold().await;
                victim.host.hear(&peer.host);
            }
            Kind::SlowLink => {
                fleet.member(self.victim).host.slow_down();
                hold().await;
                fleet.member(self.victim).host.speed_up();
            }
            Kind::DiskFull => {
                fleet.member(self.victim).fill_disk();
                // Something to be written meanwhile.
                fleet.commit();
                hold().await;
                fleet.member(self.victim).free_disk();
            }
            Kind::ClockForward | Kind::ClockBack => {
                let jump = if self.kind == Kind::ClockForward { 3600 } else { -3600 };
                fleet.member(self.victim).shift_clock(jump);
                hold().await;
                fleet.member(self.victim).shift_clock(0);
            }
            Kind::BrokerCrash => {
                // A restart blocks for seconds; the callers have threads of their own.
                tokio::task::block_in_place(|| {
                    let mut rabbit = fleet.rabbit.borrow_mut();
                    rabbit.crash();
                    rabbit.restart();
                });
            }
            Kind::BrokerDelay => {
                fleet.to_rabbit.set(Wire::Delay(Duration::from_millis(300)));
                hold().await;
                fleet.to_rabbit.set(Wire::None);
            }
            Kind::RedisCrash => {
                fleet.redis.borrow_mut().crash();
                hold().await;
                tokio::task::block_in_place(|| fleet.redis.borrow_mut().restart());
            }
        }
    }

    /// Somebody the victim speaks with.
    fn peer(self) -> &'static str {
        let [first, second] = REGISTRIES;
        if self.victim == first {
            second
        } else if GATEWAYS.contains(&self.victim) {
            "orders-1"
        } else {
            first
        }
    }
}
