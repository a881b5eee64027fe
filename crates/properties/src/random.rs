//! `${random.value}`, `${random.int(10)}`, `${random.long[1,5]}`, `${random.uuid}`: a new value at each look-up.

/// The value of a `random.*` key; `None` when the key asks for nothing known.
pub(crate) fn value(key: &str) -> Option<String> {
    let kind = key.strip_prefix("random.")?;
    match kind {
        "value" => Some(format!("{:032x}", fastrand::u128(..))),
        "uuid" => Some(uuid::Uuid::new_v4().to_string()),
        "int" => Some(fastrand::i32(..).to_string()),
        "long" => Some(fastrand::i64(..).to_string()),
        _ => {
            if let Some(range) = kind.strip_prefix("int") {
                let (low, high) = bounds(range)?;
                let low = i32::try_from(low).ok()?;
                let high = i32::try_from(high).ok()?;
                return (low < high).then(|| fastrand::i32(low..high).to_string());
            }
            let (low, high) = bounds(kind.strip_prefix("long")?)?;
            (low < high).then(|| fastrand::i64(low..high).to_string())
        }
    }
}

/// `(max)` or `(min,max)`, with brackets of any kind; the upper bound is exclusive.
fn bounds(range: &str) -> Option<(i64, i64)> {
    let mut inner = range.chars();
    inner.next()?;
    inner.next_back()?;
    match inner.as_str().split_once(',') {
        Some((low, high)) => Some((low.trim().parse().ok()?, high.trim().parse().ok()?)),
        None => Some((0, inner.as_str().trim().parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn ranges_bound_the_value() {
        for _ in 0..100 {
            assert!((0..10).contains(&value("random.int(10)").unwrap().parse::<i32>().unwrap()));
            assert!((1..5).contains(&value("random.int[1,5]").unwrap().parse::<i32>().unwrap()));
            assert!((-3..0).contains(&value("random.long(-3, 0)").unwrap().parse::<i64>().unwrap()));
        }
        assert_eq!(value("random.value").unwrap().len(), 32);
        assert_eq!(value("random.uuid").unwrap().len(), 36);
        for none in ["random.x", "random.int(", "random.int(0)", "random.int[5,1]", "other", "random.intx"] {
            assert_eq!(value(none), None, "{none}");
        }
    }
}
