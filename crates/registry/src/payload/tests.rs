use std::io::Read as _;

use proptest::prelude::*;
use wellspring_wire::eureka::InstanceInfo;

use super::*;

fn instances(app: &str, count: usize, salt: u64) -> Vec<Arc<InstanceInfo>> {
    (0..count)
        .map(|number| {
            Arc::new(InstanceInfo {
                app: app.to_owned(),
                host_name: format!("host{number}.{salt}.example"),
                ip_addr: format!("10.0.{salt}.{number}"),
                last_dirty: Some(Millis(
                    1_700_000_000_000 + (number as i64 + 1) * (salt as i64 + 1) * 7919 % 86_400_000,
                )),
                home_page_url: Some(format!("http://host{number}.{salt}.example:8080/")),
                instance_id: Some(format!("host{number}.{salt}.example:{app}:8080")),
                ..InstanceInfo::default()
            })
        })
        .collect()
}

fn unpacked(payload: &Payload) -> Vec<u8> {
    let mut plain = Vec::new();
    // Refuses wrong checksums, wrong lengths and what stands behind the end.
    let packed = payload.gzip();
    let mut reader = flate2::bufread::GzDecoder::new(&packed[..]);
    reader.read_to_end(&mut plain).unwrap();
    assert!(reader.into_inner().is_empty(), "bytes after the end");
    plain
}

/// Applications by name with the version of their last change; `known` as the registry would ask.
fn shown(state: &[(String, u64, usize)], earlier: Option<&Payload>) -> Vec<Shown> {
    let shown = state.iter().map(|(name, version, count)| {
        let made = (*version, 0);
        let known = earlier.and_then(|earlier| earlier.made(name, Millis(0))) == Some(made);
        Shown { name: name.clone(), made, instances: (!known).then(|| instances(name, *count, *version)) }
    });
    shown.collect()
}

fn head(version: u64) -> Applications {
    Applications { version: 1, hashcode: format!("UP_{version}_"), applications: Vec::new() }
}

fn whole(state: &[(String, u64, usize)], version: u64, format: Format, form: Form) -> Vec<u8> {
    let applications = state
        .iter()
        .map(|(name, version, count)| Application {
            name: name.clone(),
            instances: instances(name, *count, *version),
        })
        .collect();
    format.applications(&Applications { applications, ..head(version) }, form)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever changes from list to list, and whoever asks for which form: the bytes are those of a list made at once.
    #[test]
    fn a_list_made_of_the_one_before_is_the_list(
        steps in prop::collection::vec(prop::collection::vec((0_usize..12, 0_usize..6), 0..4), 1..8),
        packs in prop::collection::vec(any::<bool>(), 8),
    ) {
        for (format, form) in [(Format::Json, Form::Full), (Format::Xml, Form::Full), (Format::Json, Form::Compact), (Format::Xml, Form::Compact)] {
            let mut state: std::collections::BTreeMap<String, (u64, usize)> = std::collections::BTreeMap::new();
            let mut payload: Option<Payload> = None;
            let mut version = 0;
            for (step, packs) in steps.iter().zip(&packs) {
                for (app, count) in step {
                    version += 1;
                    let name = format!("APP{app}");
                    if *count == 0 { state.remove(&name); } else { state.insert(name, (version, *count)); }
                }
                let state: Vec<_> = state.iter().map(|(name, (version, count))| (name.clone(), *version, *count)).collect();
                let applications = shown(&state, payload.as_ref());
                let contents = Contents { version, head: head(version), applications, at: Millis(0) };
                let next = Payload::new(contents, format, form, payload.as_ref());
                let expected = whole(&state, version, format, form);
                prop_assert!(next.plain() == expected, "{}", String::from_utf8_lossy(&next.plain()));
                // Some lists are never asked for in compressed form.
                if *packs {
                    prop_assert_eq!(unpacked(&next), expected);
                }
                payload = Some(next);
            }
        }
    }
}

#[test]
fn pieces_compress_nearly_as_well_as_the_whole() {
    let state: Vec<_> = (0..50).map(|app| (format!("APP{app:02}"), app, 20)).collect();
    let contents = Contents { version: 1, head: head(1), applications: shown(&state, None), at: Millis(0) };
    let payload = Payload::new(contents, Format::Json, Form::Full, None);
    let at_once = Payload::of_bytes(1, payload.plain().to_vec(), Millis(0));
    let (pieces, whole) = (payload.gzip().len(), at_once.gzip().len());
    assert!(pieces < whole * 13 / 10, "{pieces} bytes in pieces, {whole} at once");
}

#[test]
fn an_old_piece_is_asked_for_anew() {
    let state = [("A".to_owned(), 1, 1)];
    let contents = Contents { version: 1, head: head(1), applications: shown(&state, None), at: Millis(100) };
    let payload = Payload::new(contents, Format::Json, Form::Full, None);
    assert_eq!(payload.made("A", Millis(100)), Some((1, 0)));
    assert_eq!(payload.made("A", Millis(101)), None);
    assert_eq!(payload.made("B", Millis(0)), None);
}
