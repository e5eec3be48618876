//! The configs that there are, and what is said of one that is none.

use headwater_engine::{BrokerConfig, ConfigError, KnownConfig};

use crate::limits;

/// How alike a name has to be to be offered instead, from 0 to 1.
const ALIKE: f64 = 0.8;

/// All that `--config` takes by their names: each with its default, and below it what it does.
pub(crate) fn table() -> String {
    let mut all: Vec<_> = all().collect();
    all.sort_unstable_by_key(|config| config.name);
    let shown = |config: &KnownConfig| {
        let default = if config.default.is_empty() { "none" } else { config.default };
        format!("{} ({default})\n    {}\n", config.name, config.documentation)
    };
    all.iter().map(shown).collect()
}

/// A sentence about a config that is refused; of an unknown one, with the name that may have been meant.
pub(crate) fn explained(error: &ConfigError) -> String {
    let ConfigError::UnknownKey { key } = error else { return error.to_string() };
    let alike = all().map(|config| (strsim::jaro_winkler(config.name, key), config.name));
    match alike.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((alike, name)) if alike >= ALIKE => {
            format!("{error} Is {name} meant? `headwater configs` names all.")
        }
        _ => format!("{error} `headwater configs` names all."),
    }
}

fn all() -> impl Iterator<Item = KnownConfig> {
    BrokerConfig::known().chain(limits::CONFIGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_offered_where_one_is_alike() {
        let said = |key: &str| explained(&ConfigError::UnknownKey { key: key.to_owned() });
        assert!(said("num.partition").contains("Is num.partitions meant?"));
        assert!(said("max.conections").contains("Is max.connections meant?"));
        assert!(!said("colour").contains("meant"));
    }

    #[test]
    fn each_config_is_told_once() {
        let mut names: Vec<_> = all().map(|config| config.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(names.iter().all(|name| table().contains(&format!("{name} ("))));
    }

    #[test]
    fn the_defaults_that_are_told_are_those_that_hold() {
        let mut limits = limits::Limits::default();
        for config in limits::CONFIGS {
            assert_eq!(limits.set(config.name, config.default), Ok(true), "{}", config.name);
        }
        assert_eq!(limits, limits::Limits::default());
    }
}
