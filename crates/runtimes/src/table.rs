//! The runtime identifiers of AWS Lambda, and what stands behind each.

use std::fmt;

/// What runs the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Python,
    Node,
    Java,
    Dotnet,
    Ruby,
    /// An executable of the function's own, named `bootstrap`.
    Provided,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "Python",
            Self::Node => "Node.js",
            Self::Java => "Java",
            Self::Dotnet => ".NET",
            Self::Ruby => "Ruby",
            Self::Provided => "OS-only",
        })
    }
}

impl Language {
    /// Whether this build has a bootstrap for it (OS-only functions bring their own).
    #[must_use]
    pub fn is_supported(self) -> bool {
        matches!(self, Self::Python | Self::Node | Self::Ruby | Self::Java | Self::Dotnet | Self::Provided)
    }
}

/// One runtime identifier.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// As in `CreateFunction`: `python3.12`, `nodejs20.x`, `provided.al2023`.
    pub id: &'static str,
    pub language: Language,
    /// The version of the language that it stands for, as precise as the identifier is: `3.12`, `20`, `al2023`.
    pub version: &'static str,
}

impl Definition {
    /// Whether an interpreter of this exact version serves this runtime.
    #[must_use]
    pub fn accepts(&self, version: &str) -> bool {
        version.strip_prefix(self.version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

const fn define(id: &'static str, language: Language, version: &'static str) -> Definition {
    Definition { id, language, version }
}

static DEFINITIONS: [Definition; 22] = [
    define("python3.9", Language::Python, "3.9"),
    define("python3.10", Language::Python, "3.10"),
    define("python3.11", Language::Python, "3.11"),
    define("python3.12", Language::Python, "3.12"),
    define("python3.13", Language::Python, "3.13"),
    define("python3.14", Language::Python, "3.14"),
    define("nodejs18.x", Language::Node, "18"),
    define("nodejs20.x", Language::Node, "20"),
    define("nodejs22.x", Language::Node, "22"),
    define("nodejs24.x", Language::Node, "24"),
    define("java8.al2", Language::Java, "8"),
    define("java11", Language::Java, "11"),
    define("java17", Language::Java, "17"),
    define("java21", Language::Java, "21"),
    define("java25", Language::Java, "25"),
    define("dotnet8", Language::Dotnet, "8"),
    define("dotnet10", Language::Dotnet, "10"),
    define("ruby3.2", Language::Ruby, "3.2"),
    define("ruby3.3", Language::Ruby, "3.3"),
    define("ruby3.4", Language::Ruby, "3.4"),
    define("provided.al2", Language::Provided, "al2"),
    define("provided.al2023", Language::Provided, "al2023"),
];

/// Versions that AWS has no runtime for, or no longer, but that can stand in for one that it has: the targets of aliases,
/// beside the identifiers above.
static STAND_INS: [Definition; 4] = [
    define("dotnetcore3.1", Language::Dotnet, "3.1"),
    define("dotnet6", Language::Dotnet, "6"),
    define("dotnet9", Language::Dotnet, "9"),
    define("ruby3.1", Language::Ruby, "3.1"),
];

/// Every identifier that is known, those of languages without a bootstrap included.
#[must_use]
pub fn definitions() -> &'static [Definition] {
    &DEFINITIONS
}

/// What an alias may name beside [`definitions`].
pub(crate) fn stand_ins() -> &'static [Definition] {
    &STAND_INS
}

/// The runtime or the stand-in of this name.
pub(crate) fn definition_or_stand_in(id: &str) -> Option<&'static Definition> {
    definition(id).or_else(|| STAND_INS.iter().find(|definition| definition.id == id))
}

#[must_use]
pub fn definition(id: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, version: &str, expected: bool) {
        assert_eq!(definition(id).is_some_and(|definition| definition.accepts(version)), expected, "{id} {version}");
    }

    #[test]
    fn a_runtime_accepts_its_own_version_only() {
        check("python3.9", "3.9.18", true);
        check("python3.9", "3.90.1", false);
        check("python3.1", "3.1.0", false);
        check("python3.12", "3.1.2", false);
        check("nodejs20.x", "20.20.2", true);
        check("nodejs20.x", "2.0.0", false);
        check("nodejs20.x", "200.1.0", false);
    }

    #[test]
    fn identifiers_are_unique() {
        let all: Vec<_> = definitions().iter().chain(stand_ins()).collect();
        for (index, one) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other.id != one.id), "{}", one.id);
        }
    }
}
