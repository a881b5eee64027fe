//! From the bytes of a question to those of its answer. No sockets here, and no state but the registry's.
//!
//! An instance is listed with the address that it registered as `ipAddr`, or as host when that is an address. One that
//! registered names only has no address to give: it is left out of A and AAAA, and SRV names its host as it is. (A CNAME
//! must be the only record of its name, and a service has many instances.)

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hickory_proto::op::{Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA, SRV};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder};

use super::directory::{Directory, Target};
use super::zone::{Asked, Zone};
use crate::Node;

/// What passes through nearly every network in one piece; more is asked for again over TCP.
const PAYLOAD: u16 = 1232;
/// What a resolver without EDNS takes.
const PLAIN_PAYLOAD: u16 = 512;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// The zone's answers.
#[derive(Debug)]
pub struct Answers {
    node: Arc<Node>,
    directory: ArcSwap<Directory>,
    zone: Zone,
    ttl: u32,
    /// The name server's own address.
    own: Option<IpAddr>,
}

impl Answers {
    pub fn new(node: Arc<Node>, zone: Zone, ttl: u32, own: Option<IpAddr>) -> Self {
        Self { node, directory: ArcSwap::default(), zone, ttl, own }
    }

    /// The answer, and whether it is a good one; `None` for what is no question at all.
    pub fn answer(&self, packet: &[u8], transport: Transport) -> Option<(Vec<u8>, ResponseCode)> {
        let header = Header::read(&mut BinDecoder::new(packet)).ok()?;
        // Answering an answer could go on for ever.
        if header.metadata.message_type == MessageType::Response {
            return None;
        }
        let mut response = Message::response(header.metadata.id, header.metadata.op_code);
        response.metadata = Metadata::response_from_request(&header.metadata);
        let mut limit = PLAIN_PAYLOAD;
        match Message::from_vec(packet) {
            Err(_) => response.metadata.response_code = ResponseCode::FormErr,
            Ok(request) => {
                if let Some(edns) = &request.edns {
                    limit = edns.max_payload().clamp(PLAIN_PAYLOAD, PAYLOAD);
                    let mut ours = Edns::new();
                    ours.set_max_payload(PAYLOAD);
                    response.set_edns(ours);
                }
                response.metadata.response_code = self.respond(&request, &mut response);
            }
        }
        if transport == Transport::Tcp {
            limit = u16::MAX;
        }
        let code = response.metadata.response_code;
        fit(response, usize::from(limit)).map(|bytes| (bytes, code))
    }

    /// Whoever finds it outdated renews it: at most once per change that anybody asks after.
    fn directory(&self) -> Arc<Directory> {
        let current = self.directory.load_full();
        if current.version == self.node.version() {
            return current;
        }
        let next = Arc::new(Directory::after(&current, &self.node));
        self.directory.store(Arc::clone(&next));
        next
    }

    fn respond(&self, request: &Message, response: &mut Message) -> ResponseCode {
        if request.metadata.op_code != OpCode::Query {
            return ResponseCode::NotImp;
        }
        let [question] = request.queries.as_slice() else { return ResponseCode::FormErr };
        response.add_query(question.clone());
        if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return ResponseCode::BADVERS;
        }
        let transfer = matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
        if transfer || !matches!(question.query_class(), DNSClass::IN | DNSClass::ANY) {
            return ResponseCode::Refused;
        }
        let asked = self.zone.asked(question.name());
        if asked == Asked::Elsewhere {
            return ResponseCode::Refused;
        }
        response.metadata.authoritative = true;
        let directory = self.directory();
        let known = self.records(&asked, question, &directory, response);
        if response.answers.is_empty()
            && let Some(soa) = self.soa(&directory)
        {
            response.add_authority(soa);
        }
        match known {
            Some(true) => ResponseCode::NoError,
            Some(false) => ResponseCode::NXDomain,
            None => ResponseCode::ServFail,
        }
    }

    /// Whether there is such a name. `None`: a record could not be written.
    fn records(
        &self,
        asked: &Asked,
        question: &Query,
        directory: &Directory,
        response: &mut Message,
    ) -> Option<bool> {
        let wants = |kind: RecordType| [kind, RecordType::ANY].contains(&question.query_type());
        let name = question.name();
        match asked {
            Asked::Elsewhere | Asked::Unknown => return Some(false),
            Asked::Branch => {}
            Asked::Apex => {
                if wants(RecordType::SOA) {
                    response.add_answers(self.soa(directory));
                }
                if wants(RecordType::NS) {
                    response.add_answer(self.record(name, RData::NS(NS(self.zone.server().ok()?))));
                }
            }
            Asked::Server => self.addresses(name, self.own, &wants, response),
            Asked::Address(address) => {
                if !directory.knows(*address) {
                    return Some(false);
                }
                self.addresses(name, Some(*address), &wants, response);
            }
            Asked::Service(service) | Asked::Ports(service) => {
                let Some(mut targets) = directory.named(service) else { return Some(false) };
                // Those who take the first answer should not all take the same.
                fastrand::shuffle(&mut targets);
                if matches!(asked, Asked::Service(_)) {
                    let mut seen = HashSet::new();
                    let addresses = targets.iter().filter_map(|target| target.address);
                    for address in addresses.filter(|address| seen.insert(*address)) {
                        self.addresses(name, Some(address), &wants, response);
                    }
                }
                if wants(RecordType::SRV) {
                    self.ports(name, &targets, response)?;
                }
            }
        }
        Some(true)
    }

    fn addresses(
        &self,
        name: &Name,
        address: Option<IpAddr>,
        wants: &impl Fn(RecordType) -> bool,
        response: &mut Message,
    ) {
        match address {
            Some(IpAddr::V4(address)) if wants(RecordType::A) => {
                response.add_answer(self.record(name, RData::A(A(address))));
            }
            Some(IpAddr::V6(address)) if wants(RecordType::AAAA) => {
                response.add_answer(self.record(name, RData::AAAA(AAAA(address))));
            }
            _ => {}
        }
    }

    /// Ports with the hosts they are on, and the addresses of those hosts beside them.
    fn ports(&self, name: &Name, targets: &[Target], response: &mut Message) -> Option<()> {
        let mut seen = HashSet::new();
        for target in targets {
            let host = match target.address {
                Some(address) => self.zone.host(address).ok()?,
                // What is no name either cannot be reached by anybody.
                None => match Name::from_utf8(&target.host) {
                    Ok(mut host) => {
                        host.set_fqdn(true);
                        host
                    }
                    Err(_) => continue,
                },
            };
            let srv = SRV::new(0, target.weight, target.port, host.clone());
            response.add_answer(self.record(name, RData::SRV(srv)));
            if let Some(address) = target.address.filter(|address| seen.insert(*address)) {
                let data = match address {
                    IpAddr::V4(address) => RData::A(A(address)),
                    IpAddr::V6(address) => RData::AAAA(AAAA(address)),
                };
                response.add_additional(self.record(&host, data));
            }
        }
        Some(())
    }

    fn record(&self, name: &Name, data: RData) -> Record {
        Record::from_rdata(name.clone(), self.ttl, data)
    }

    /// What stands beside an answer that has nothing in it, and says for how long that may be believed.
    fn soa(&self, directory: &Directory) -> Option<Record> {
        let server = self.zone.server().ok()?;
        let mail = self.zone.apex().prepend_label("hostmaster").ok()?;
        // Counts changes as the registry does; resolvers compare serials within their circle of 32 bits.
        let serial = u32::try_from(directory.version & u64::from(u32::MAX)).ok()?;
        let soa = SOA::new(server, mail, serial, 3600, 600, 86_400, self.ttl);
        Some(self.record(self.zone.apex(), RData::SOA(soa)))
    }
}

/// The answer within `limit` bytes: first without what is only a courtesy, then with as many records as there is room for.
fn fit(mut response: Message, limit: usize) -> Option<Vec<u8>> {
    loop {
        // More than 64 KiB does not encode at all.
        let bytes = response.to_vec().ok();
        match bytes {
            Some(bytes) if bytes.len() <= limit => return Some(bytes),
            _ if !response.additionals.is_empty() => response.additionals.clear(),
            bytes => {
                response.metadata.truncation = true;
                let count = response.answers.len();
                if count == 0 {
                    // A question that fills an answer by itself: nothing is left to take out.
                    return bytes;
                }
                let length = bytes.map_or(usize::from(u16::MAX) * 2, |bytes| bytes.len());
                response.answers.truncate((count * limit / length).min(count - 1));
            }
        }
    }
}

#[cfg(test)]
mod tests;
