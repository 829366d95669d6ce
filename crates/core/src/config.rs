//! Settings in layers: default, file, environment, flag, each stronger than the one before.
//!
//! A setting remembers where its value came from, so that `hearth config show` can say so.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    Environment(&'static str),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// The built-in value.
    pub const fn default(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }

    /// Replaces the value when a stronger layer gives one.
    pub fn overlay(&mut self, value: Option<T>, origin: Origin) {
        if let Some(value) = value {
            self.value = value;
            self.origin = origin;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_layer_that_speaks_wins() {
        let mut setting = Setting::default(1);
        setting.overlay(Some(2), Origin::File("hearth.toml".into()));
        setting.overlay(None, Origin::Environment("HEARTH_X"));
        assert_eq!(setting.value, 2);
        assert_eq!(setting.origin.to_string(), "hearth.toml");
    }
}
