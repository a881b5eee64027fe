//! `Version=version`: the API version of the request; `1.1+` takes later ones too.
//!
//! Where the version stands is said by `spring.webflux.apiversion.use.{header,query-parameter,path-segment}` and
//! `spring.webflux.apiversion.default`.

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::query;
use crate::route::args::Args;
use crate::route::compile::Setup;

/// Where requests name the version.
#[derive(Debug, Clone, Default)]
struct Strategy {
    header: Option<String>,
    parameter: Option<String>,
    segment: Option<usize>,
    default: Option<Numbers>,
}

/// Major, minor, patch; missing ones are 0.
type Numbers = [u32; 3];

#[derive(Debug)]
struct Version {
    text: String,
    wanted: Numbers,
    or_later: bool,
    strategy: Strategy,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let text = args.required("version")?;
    let (number, or_later) = text.strip_suffix('+').map_or((text.as_str(), false), |number| (number, true));
    let wanted = parse(number).ok_or_else(|| args.wrong("version", "not a version").hint("1.2, or 1.2+"))?;
    let setting = |name: &str| setup.env.get(&format!("spring.webflux.apiversion.{name}"));
    let strategy = Strategy {
        header: setting("use.header"),
        parameter: setting("use.query-parameter"),
        segment: setting("use.path-segment").and_then(|text| text.parse().ok()),
        default: setting("default").as_deref().and_then(parse),
    };
    if strategy.header.is_none() && strategy.parameter.is_none() && strategy.segment.is_none() {
        return Err(args
            .wrong("version", "needs to know where requests name their version")
            .hint("set spring.webflux.apiversion.use.header"));
    }
    Ok(Box::new(Version { wanted, or_later, strategy, text }))
}

impl Predicate for Version {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        self.strategy.of(ask).is_some_and(|version| {
            if self.or_later { version >= self.wanted } else { version == self.wanted }
        })
    }

    fn describe(&self) -> String {
        format!("Version: {}", self.text)
    }
}

impl Strategy {
    fn of(&self, ask: &Ask<'_>) -> Option<Numbers> {
        let header = || ask.headers.get(self.header.as_deref()?)?.to_str().ok().and_then(parse);
        let parameter = || {
            let wanted = self.parameter.as_deref()?;
            let (_, value) = query::pairs(ask.query?).find(|(name, _)| name == wanted)?;
            parse(&value?)
        };
        let segment = || parse(ask.path.split('/').skip(1).nth(self.segment?)?);
        header().or_else(parameter).or_else(segment).or(self.default)
    }
}

pub(super) fn parse(text: &str) -> Option<Numbers> {
    let digits = text.trim().trim_start_matches(['v', 'V']);
    let mut numbers = [0; 3];
    let mut parts = digits.split('.');
    for number in &mut numbers {
        match parts.next() {
            Some(part) => *number = part.parse().ok()?,
            None => break,
        }
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn versions_have_up_to_three_numbers() {
        assert_eq!(parse("v1.2"), Some([1, 2, 0]));
        assert_eq!(parse("3"), Some([3, 0, 0]));
        for text in ["", "a", "1.2.3.4", "1..2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
