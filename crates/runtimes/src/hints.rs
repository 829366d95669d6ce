//! The command that installs a missing interpreter, for this host's distribution.

use std::path::Path;

use crate::table::{Definition, Language};

/// Distribution releases, and the version of each language that their own packages have; of Java they have several.
const PACKAGED: [(&str, &str, &str, &str, &[&str]); 7] = [
    // VERSION_CODENAME, Python, Node.js, Ruby, Java
    ("bullseye", "3.9", "12", "2.7", &["11", "17"]),
    ("bookworm", "3.11", "18", "3.1", &["17"]),
    ("trixie", "3.13", "20", "3.3", &["21", "25"]),
    ("jammy", "3.10", "12", "3.0", &["11", "17", "21"]),
    ("noble", "3.12", "18", "3.2", &["11", "17", "21"]),
    ("plucky", "3.13", "20", "3.3", &["11", "17", "21", "25"]),
    ("questing", "3.13", "20", "3.3", &["11", "17", "21", "25"]),
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
        Language::Node if packaged.is_some_and(|(_, _, node, ..)| *node == version) => {
            Some("apt-get install nodejs".into())
        }
        Language::Node => Some(format!("nvm install {version}")),
        Language::Ruby if packaged.is_some_and(|(_, _, _, ruby, _)| *ruby == version) => {
            Some("apt-get install ruby".into())
        }
        // rbenv and SDKMAN want a version to its last number, which their own lists have.
        Language::Ruby => {
            let branch = version.replace('.', "[.]");
            Some(format!("rbenv install $(rbenv install --list | grep -m1 '^ *{branch}[.]')"))
        }
        // The bootstrap needs Java 11.
        Language::Java if version == "8" => None,
        Language::Java if packaged.is_some_and(|(.., java)| java.contains(&version)) => {
            Some(format!("apt-get install openjdk-{version}-jdk-headless"))
        }
        Language::Java => Some(format!("sdk install java $(sdk list java | grep -om1 ' {version}[.][0-9.]*-tem')")),
        Language::Dotnet => Some(crate::dotnet::install(version, codename)),
        Language::Provided => None,
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
        check("ruby3.3", debian, Some("rbenv install $(rbenv install --list | grep -m1 '^ *3[.]3[.]')"));
        check("java17", debian, Some("apt-get install openjdk-17-jdk-headless"));
        check("java21", debian, Some("sdk install java $(sdk list java | grep -om1 ' 21[.][0-9.]*-tem')"));
        check("java8.al2", debian, None);
    }
}
