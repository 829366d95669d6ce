//! The command that installs a missing interpreter, for this host's distribution.

use std::path::Path;

use crate::table::{Definition, Language};

/// Distribution releases, and the one version of each language that their own packages have.
const PACKAGED: [(&str, &str, &str, &str); 7] = [
    // VERSION_CODENAME, Python, Node.js, Ruby
    ("bullseye", "3.9", "12", "2.7"),
    ("bookworm", "3.11", "18", "3.1"),
    ("trixie", "3.13", "20", "3.3"),
    ("jammy", "3.10", "12", "3.0"),
    ("noble", "3.12", "18", "3.2"),
    ("plucky", "3.13", "20", "3.3"),
    ("questing", "3.13", "20", "3.3"),
];

/// How to install what this runtime needs; `None` where nothing would help.
pub(crate) fn install(definition: &Definition) -> Option<String> {
    let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    // The distribution's package is no help where another Node.js has its place already.
    let taken = definition.language == Language::Node && Path::new("/usr/bin/node").exists();
    command(definition, codename(&os_release).filter(|_| !taken))
}

fn codename(os_release: &str) -> Option<&str> {
    os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).map(|name| name.trim_matches('"'))
}

fn command(definition: &Definition, codename: Option<&str>) -> Option<String> {
    let packaged = PACKAGED.iter().find(|(name, ..)| Some(*name) == codename);
    let version = definition.version;
    match definition.language {
        Language::Python if packaged.is_some_and(|(_, python, ..)| *python == version) => {
            Some(format!("apt-get install python{version}"))
        }
        Language::Python => Some(format!("pyenv install {version}")),
        Language::Node if packaged.is_some_and(|(_, _, node, _)| *node == version) => {
            Some("apt-get install nodejs".into())
        }
        Language::Node => Some(format!("nvm install {version}")),
        Language::Ruby if packaged.is_some_and(|(.., ruby)| *ruby == version) => Some("apt-get install ruby".into()),
        Language::Ruby => Some(format!("rbenv install {version}")),
        Language::Java | Language::Dotnet | Language::Provided => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::definition;

    #[track_caller]
    fn check(id: &str, os_release: &str, expected: Option<&str>) {
        let definition = definition(id).unwrap_or_else(|| panic!("{id} is not known"));
        assert_eq!(command(definition, codename(os_release)).as_deref(), expected);
    }

    #[test]
    fn the_distribution_is_preferred_where_it_has_the_version() {
        let debian = "ID=debian\nVERSION_CODENAME=bookworm\n";
        check("python3.11", debian, Some("apt-get install python3.11"));
        check("python3.12", debian, Some("pyenv install 3.12"));
        check("nodejs18.x", debian, Some("apt-get install nodejs"));
        check("nodejs22.x", debian, Some("nvm install 22"));
        check("python3.12", "VERSION_CODENAME=\"noble\"\n", Some("apt-get install python3.12"));
        check("python3.12", "ID=fedora\n", Some("pyenv install 3.12"));
        check("ruby3.2", "VERSION_CODENAME=noble\n", Some("apt-get install ruby"));
        check("ruby3.3", debian, Some("rbenv install 3.3"));
        check("java21", debian, None);
    }
}
