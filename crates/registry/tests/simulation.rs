//! Three to five registries on a bad network, seed by seed, without sockets and on a virtual clock.
//!
//! Real nodes and real outboxes; only the wire between them is made of lists here. Messages are lost, late and doubled, the
//! network splits, nodes restart empty, clocks jump. When it heals, all must know the same, and the truth.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use wellspring_registry::peers::address::Address;
use wellspring_registry::peers::batch::{Batch, Limits, Next, Outcome};
use wellspring_registry::peers::client::Peer;
use wellspring_registry::peers::digest::cancel;
use wellspring_registry::state::Rules;
use wellspring_registry::{Beat, Caller, Clock, Node};
use wellspring_wire::Millis;
use wellspring_wire::eureka::{DataCenterInfo, InstanceInfo, LeaseInfo, Status};

const STEP: i64 = 100;
const RENEWAL: i64 = 10_000;
const DURATION: i32 = 30;

struct Member {
    node: Arc<Node>,
    /// Peers by the index of the member that they are.
    peers: Vec<(usize, Arc<Peer>)>,
    skew: Arc<AtomicI64>,
    next_digest: i64,
    next_eviction: i64,
}

struct Service {
    id: String,
    dirty: i64,
    home: usize,
    next_beat: i64,
    alive: bool,
    status: Status,
    /// Its heartbeats have arrived at its present home.
    settled: bool,
}

/// A batch on its way there, or its answers on their way back.
struct Flight {
    from: usize,
    to: usize,
    peer: Arc<Peer>,
    batch: Batch,
    arrives: i64,
    lost: bool,
}

struct World {
    seed: u64,
    random: fastrand::Rng,
    time: Arc<AtomicI64>,
    members: Vec<Member>,
    services: Vec<Service>,
    flights: Vec<Flight>,
    split: HashSet<(usize, usize)>,
    chaos: bool,
    /// Who was cancelled where, and in which state.
    cancelled: BTreeMap<String, (usize, i64)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let size = random.usize(3..=5);
        let time = Arc::new(AtomicI64::new(1_700_000_000_000));
        let mut world = Self {
            seed,
            time,
            members: Vec::new(),
            services: Vec::new(),
            flights: Vec::new(),
            split: HashSet::new(),
            chaos: true,
            cancelled: BTreeMap::new(),
            random,
        };
        for index in 0..size {
            let member = world.member(index, size);
            world.members.push(member);
        }
        for number in 0..world.random.usize(5..25) {
            let home = world.random.usize(0..size);
            let next_beat = world.now() + world.random.i64(0..RENEWAL);
            let id = format!("i{number}");
            world.services.push(Service {
                id,
                dirty: world.now(),
                home,
                next_beat,
                alive: true,
                status: Status::Up,
                settled: false,
            });
        }
        world
    }

    fn member(&mut self, index: usize, size: usize) -> Member {
        let skew = Arc::new(AtomicI64::new(0));
        let (time, skewed) = (Arc::clone(&self.time), Arc::clone(&skew));
        let clock = Clock::new(move || Millis(time.load(Ordering::Relaxed) + skewed.load(Ordering::Relaxed)));
        let rules = Rules {
            self_preservation: false,
            eviction_interval: Duration::from_secs(10),
            ..Rules::default()
        };
        let node = Arc::new(Node::new(rules, Duration::from_secs(30), clock.clone()));
        node.with(|state, now| state.open(0, now));
        let addresses: Vec<_> = (0..size)
            .filter(|other| *other != index)
            .map(|other| Address::parse(&format!("http://node{other}/eureka/")).unwrap())
            .collect();
        let peers = node
            .peers()
            .replace(&addresses, |address| Peer::new(address.clone(), Limits::default(), clock.clone()));
        let peers = peers
            .into_iter()
            .map(|peer| (peer.address().host().trim_start_matches("node").parse().unwrap(), peer))
            .collect();
        let (next_digest, next_eviction) = (self.now() + self.random.i64(0..10_000), self.now() + 10_000);
        Member { node, peers, skew, next_digest, next_eviction }
    }

    fn now(&self) -> i64 {
        self.time.load(Ordering::Relaxed)
    }

    fn connected(&self, a: usize, b: usize) -> bool {
        !self.split.contains(&(a.min(b), a.max(b)))
    }

    fn step(&mut self) {
        self.time.fetch_add(STEP, Ordering::Relaxed);
        if self.chaos {
            self.trouble();
        }
        self.services_act();
        self.deliver();
        self.send();
        self.exchange();
        let now = self.now();
        for member in &mut self.members {
            if now >= member.next_eviction {
                member.next_eviction = now + 10_000;
                member.node.evict();
            }
        }
    }

    fn trouble(&mut self) {
        let size = self.members.len();
        match self.random.u32(0..1500) {
            0 => {
                let (a, b) = (self.random.usize(0..size), self.random.usize(0..size));
                if a != b {
                    self.split.insert((a.min(b), a.max(b)));
                }
            }
            1 | 2 => self.split.clear(),
            3 => {
                // A restart: empty, and copied from the first peer that answers.
                let index = self.random.usize(0..size);
                for flight in std::mem::take(&mut self.flights) {
                    if flight.from == index {
                        continue;
                    }
                    if flight.to == index {
                        flight.peer.finish(flight.batch, Outcome::Unreachable);
                    } else {
                        self.flights.push(flight);
                    }
                }
                self.cancelled.retain(|_, (home, _)| *home != index);
                self.members[index] = self.member(index, size);
                self.services.iter_mut().filter(|one| one.home == index).for_each(|one| one.settled = false);
                let source = (0..size).find(|other| *other != index && self.connected(*other, index));
                if let Some(source) = source {
                    let (_, list) =
                        self.members[source].node.snapshot(wellspring_registry::view::Whole::Apps);
                    for instance in list.instances() {
                        self.members[index].node.register(InstanceInfo::clone(instance), Caller::PEER);
                    }
                }
            }
            4 => {
                let jump = self.random.i64(-3000..3000);
                let index = self.random.usize(0..size);
                self.members[index].skew.store(jump, Ordering::Relaxed);
            }
            5 | 6 => {
                // Moves to another node, as clients do when theirs does not answer.
                let (service, home) = (self.random.usize(0..self.services.len()), self.random.usize(0..size));
                self.services[service].home = home;
                self.services[service].settled = false;
            }
            7 => {
                let service = self.random.usize(0..self.services.len());
                self.cancel(service);
            }
            8 => {
                let service = self.random.usize(0..self.services.len());
                self.services[service].settled = false;
                self.services[service].alive = false; // dies without a word
            }
            9 | 10 => {
                let index = self.random.usize(0..self.services.len());
                let now = self.now();
                let service = &mut self.services[index];
                service.alive = true;
                service.dirty = now;
                service.status = if self.random.bool() { Status::Up } else { Status::Down };
                self.register(index);
            }
            _ => {}
        }
    }

    fn register(&mut self, service: usize) {
        let service = &self.services[service];
        self.cancelled.remove(&service.id);
        self.members[service.home].node.register(describe(service), Caller::CLIENT);
    }

    fn cancel(&mut self, service: usize) {
        let service = &mut self.services[service];
        if !service.alive {
            return;
        }
        service.alive = false;
        service.settled = false;
        if self.members[service.home].node.cancel("APP", &service.id, Caller::CLIENT) {
            self.cancelled.insert(service.id.clone(), (service.home, service.dirty));
        }
    }

    fn services_act(&mut self) {
        let now = self.now();
        for index in 0..self.services.len() {
            let service = &mut self.services[index];
            if !service.alive || now < service.next_beat {
                continue;
            }
            service.next_beat = now + RENEWAL;
            let node = &self.members[service.home].node;
            let beat = node.renew("APP", &service.id, Some(Millis(service.dirty)), None, Caller::CLIENT);
            if matches!(beat, Beat::Unknown) {
                // As clients do: a new state, and a registration.
                service.dirty = now;
                self.register(index);
            }
            self.services[index].settled = true;
        }
    }

    fn send(&mut self) {
        let now = self.now();
        for from in 0..self.members.len() {
            for at in 0..self.members[from].peers.len() {
                let (to, peer) = self.members[from].peers[at].clone();
                while let Next::Send(batch) = peer.next() {
                    let lost = self.chaos && self.random.u32(0..10) == 0;
                    let arrives = now + if self.chaos { self.random.i64(0..2000) } else { 0 };
                    self.flights.push(Flight { from, to, peer: Arc::clone(&peer), batch, arrives, lost });
                }
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now();
        let (arrived, under_way) =
            std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.arrives <= now);
        self.flights = under_way;
        let arrived: Vec<Flight> = arrived;
        for flight in arrived {
            let reached = self.connected(flight.from, flight.to);
            if !reached || (flight.lost && self.random.bool()) {
                flight.peer.finish(flight.batch, Outcome::Unreachable);
                continue;
            }
            let items = flight.batch.items();
            let answers: Vec<_> = items
                .iter()
                .map(|item| self.members[flight.to].node.replicated(item.clone(), Caller::PEER))
                .collect();
            if flight.lost {
                // It arrived, the answer did not: it will come again.
                flight.peer.finish(flight.batch, Outcome::Congested);
                continue;
            }
            for (item, answer) in items.iter().zip(answers) {
                flight.peer.answered(&self.members[flight.from].node, item, answer);
            }
            flight.peer.finish(flight.batch, Outcome::Delivered);
        }
    }

    fn exchange(&mut self) {
        let now = self.now();
        for index in 0..self.members.len() {
            if now < self.members[index].next_digest {
                continue;
            }
            self.members[index].next_digest = now + 10_000;
            for (other, peer) in self.members[index].peers.clone() {
                if !self.connected(index, other) || (self.chaos && self.random.u32(0..5) == 0) {
                    continue;
                }
                let (ours, theirs) = (&self.members[index].node, &self.members[other].node);
                let digest = theirs.with(|state, now| state.digest(now));
                for app in ours.differences(&digest) {
                    let lines = theirs.with(|state, now| state.lines(&app, now));
                    let healing = ours.with(|state, now| state.compare(&app, &lines, now));
                    for id in healing.cancel {
                        peer.offer(cancel(&app, id), Duration::from_secs(30));
                    }
                    for line in lines.iter().filter(|line| healing.fetch.contains(&line.id)) {
                        if let Some(instance) = theirs.instance(&app, &line.id) {
                            ours.heal(InstanceInfo::clone(&instance), line);
                        }
                    }
                }
            }
        }
    }

    fn heal(&mut self) {
        self.chaos = false;
        self.split.clear();
        for member in &self.members {
            member.skew.store(0, Ordering::Relaxed);
        }
    }

    /// Everybody knows the same, and it is the truth.
    fn check(&self) {
        let expected: BTreeMap<_, _> = self
            .services
            .iter()
            .filter(|service| service.alive)
            .map(|service| (service.id.clone(), (service.dirty, service.status)))
            .collect();
        for (index, member) in self.members.iter().enumerate() {
            let (_, list) = member.node.snapshot(wellspring_registry::view::Whole::Apps);
            let known: BTreeMap<_, _> = list
                .instances()
                .map(|instance| (instance.id().to_owned(), (instance.last_dirty.unwrap().0, instance.status)))
                .collect();
            assert_eq!(known, expected, "seed {}: node {index} of {}", self.seed, self.members.len());
            let digest = member.node.with(|state, now| state.digest(now));
            let first = self.members[0].node.with(|state, now| state.digest(now));
            assert_eq!(digest, first, "seed {}: digests differ", self.seed);
        }
    }

    /// Nobody whose heartbeats arrive is missing where they arrive.
    fn check_living(&self) {
        for service in self.services.iter().filter(|service| service.alive && service.settled) {
            let found = self.members[service.home].node.with(|state, _| state.applications());
            let known = found.iter().flat_map(|app| &app.instances).any(|one| one.id() == service.id);
            assert!(known, "seed {}: {} beats at node {} and is gone", self.seed, service.id, service.home);
        }
    }

    /// Who was cancelled at a node does not come back there in an older state.
    fn check_resurrections(&self) {
        for (id, (home, dirty)) in &self.cancelled {
            if let Some(found) = self.members[*home].node.find(id) {
                let found = found.last_dirty.unwrap().0;
                assert!(found >= *dirty, "seed {}: {id} is back, older than it was", self.seed);
            }
        }
    }
}

fn describe(service: &Service) -> InstanceInfo {
    InstanceInfo {
        instance_id: Some(service.id.clone()),
        host_name: "h".into(),
        app: "APP".into(),
        ip_addr: "10.0.0.1".into(),
        status: service.status,
        data_center_info: Some(DataCenterInfo::my_own()),
        lease: LeaseInfo { renewal_interval: 10, duration: DURATION, ..LeaseInfo::default() },
        last_dirty: Some(Millis(service.dirty)),
        ..InstanceInfo::default()
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for service in 0..world.services.len() {
        world.register(service);
    }
    for step in 0..2000 {
        world.step();
        if step % 100 == 0 {
            world.check_resurrections();
            world.check_living();
        }
    }
    world.heal();
    // Long enough for what died in silence to be evicted everywhere: two durations and the share per run.
    for _ in 0..1800 {
        world.step();
    }
    world.check();
}

/// `SEED=17 cargo test -p wellspring-registry --test simulation` runs one again.
#[test]
fn registries_agree_when_the_network_heals() {
    if let Some(seed) = std::env::var_os("SEED").and_then(|seed| seed.to_str()?.parse().ok()) {
        return run(seed);
    }
    for seed in 0..256 {
        run(seed);
    }
}
