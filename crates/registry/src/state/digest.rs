//! How two registries of this kind find out what a lost message left apart, without sending everything.
//!
//! First one number per application; where it differs, one line per instance; then only the instances that the
//! other knows better. Leases that have ended are not mentioned: what is dead here must not live on there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wellspring_wire::Millis;
use wellspring_wire::eureka::{InstanceInfo, Status};

use super::{Lease, Registry};

/// One number per application.
pub type Digest = BTreeMap<String, u64>;

/// What is compared of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub id: String,
    pub last_dirty: Millis,
    pub last_updated: Millis,
    pub registration: Millis,
    /// With the oddity of renewals, as in the lease that is shown.
    pub last_renewal: Millis,
    pub status: String,
    pub overridden: String,
}

/// What a comparison with another registry calls for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Healing {
    /// The other knows these better.
    pub fetch: Vec<String>,
    /// These were cancelled here, and the other has not heard of it.
    pub cancel: Vec<String>,
}

impl Registry {
    pub fn digest(&self, now: Millis) -> Digest {
        self.apps
            .iter()
            .map(|(name, app)| {
                (
                    name.clone(),
                    app.leases
                        .iter()
                        .filter(|(_, lease)| alive(lease, now))
                        .map(number)
                        .fold(0, u64::wrapping_add),
                )
            })
            .filter(|(_, sum)| *sum != 0)
            .collect()
    }

    pub fn lines(&self, app: &str, now: Millis) -> Vec<Line> {
        let Some(app) = self.apps.get(app) else { return Vec::new() };
        app.leases.iter().filter(|(_, lease)| alive(lease, now)).map(|(id, lease)| line(id, lease)).collect()
    }

    /// What to do about an application of which another registry has these instances.
    pub fn compare(&self, app: &str, theirs: &[Line], now: Millis) -> Healing {
        let mut healing = Healing::default();
        for line in theirs {
            let ours =
                self.apps.get(app).and_then(|app| app.leases.get(&line.id)).filter(|lease| alive(lease, now));
            match ours {
                Some(lease) if knows_better(line, &lease.holder) => healing.fetch.push(line.id.clone()),
                Some(_) => {}
                None if self.tombstones.outdates(app, &line.id, Some(line.last_dirty), line.registration) => {
                    healing.cancel.push(line.id.clone());
                }
                None => healing.fetch.push(line.id.clone()),
            }
        }
        healing
    }

    /// Takes over an instance as another registry has it, with its override and the age of its lease.
    pub fn heal(&mut self, theirs: InstanceInfo, now: Millis) {
        let (app, id) = (theirs.app.clone(), theirs.id().to_owned());
        if theirs.overridden_status == Status::Unknown {
            self.overrides.remove(&id, now);
        } else {
            self.overrides.set(&id, theirs.overridden_status, now);
        }
        let (last_renewal, registration, last_updated) =
            (theirs.lease.last_renewal, theirs.lease.registration, theirs.last_updated);
        if self.register(theirs, true, now).is_none() {
            return;
        }
        if let Some(lease) = self.apps.get_mut(&app).and_then(|app| app.leases.get_mut(&id)) {
            // A dead instance must not get a new life with every exchange.
            lease.last_update = last_renewal.min(now + lease.duration);
            lease.registration = registration.min(now);
            // Equal on both sides now, so that they do not exchange it again.
            Arc::make_mut(&mut lease.holder).last_updated = last_updated;
        }
    }
}

fn alive(lease: &Lease, now: Millis) -> bool {
    !lease.is_expired(now, Duration::ZERO)
}

fn knows_better(theirs: &Line, ours: &InstanceInfo) -> bool {
    let dirty = ours.last_dirty.unwrap_or_default();
    if theirs.last_dirty != dirty {
        return theirs.last_dirty > dirty;
    }
    let differs =
        theirs.status != ours.status.as_str() || theirs.overridden != ours.overridden_status.as_str();
    let updated = ours.last_updated.unwrap_or_default();
    // Of two that changed in the same instant one must win on both sides.
    differs
        && (theirs.last_updated, theirs.status.as_str(), theirs.overridden.as_str())
            > (updated, ours.status.as_str(), ours.overridden_status.as_str())
}

fn line(id: &str, lease: &Lease) -> Line {
    let holder = &lease.holder;
    Line {
        id: id.to_owned(),
        last_dirty: holder.last_dirty.unwrap_or_default(),
        last_updated: holder.last_updated.unwrap_or_default(),
        registration: lease.registration,
        last_renewal: lease.last_update,
        status: holder.status.to_string(),
        overridden: holder.overridden_status.to_string(),
    }
}

/// FNV-1a over what must be equal everywhere. The same on every machine and version.
fn number((id, lease): (&String, &Lease)) -> u64 {
    let holder = &lease.holder;
    let dirty = holder.last_dirty.unwrap_or_default().0.to_be_bytes();
    let parts: [&[u8]; 4] = [
        id.as_bytes(),
        &dirty,
        holder.status.as_str().as_bytes(),
        holder.overridden_status.as_str().as_bytes(),
    ];
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.into_iter().flat_map(|part| part.iter().chain(&[0xff])) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash.max(1)
}
