//! Each crate depends only on crates of lower layers; services never on each other.

use std::process::Command;

use serde_json::Value;

/// Layer by crate, lowest first. A crate may use those with a smaller number alone, so that
/// crates of one layer never meet.
const LAYERS: &[(&str, u8)] = &[
    ("model", 0),
    ("core", 1),
    ("wire", 2),
    ("store", 2),
    ("sandbox", 3),
    ("runtimes", 3),
    ("image", 3),
    ("lambda", 4),
    ("invoke", 4),
    ("asynchronous", 4),
    ("observe", 4),
    ("iam", 4),
    ("gateway", 4),
    ("node", 5),
    ("hearth", 6),
    ("fuzzing", 6),
    ("testkit", 6),
    ("bench", 6),
];

/// Crates that must not even know of some lower ones: who, whom, why.
const STRANGERS: &[(&str, &[&str], &str)] = &[
    ("sandbox", &["model", "wire", "store"], "isolation knows nothing of AWS"),
    ("runtimes", &["wire", "store"], "finding interpreters needs neither requests nor state"),
    ("invoke", &["store"], "a warm invocation never reads the store"),
    ("gateway", &["store"], "a URL's function is found in memory"),
    ("store", &["wire"], "stored forms are not wire forms"),
];

struct Package {
    name: String,
    /// Of ours, in builds and in tests.
    uses: Vec<String>,
    /// All that goes into the program.
    shipped: Vec<String>,
}

#[test]
fn each_crate_depends_on_lower_layers_alone() {
    let mut broken = Vec::new();
    for package in packages() {
        let layer = layer(&package.name);
        for used in package.uses.iter().filter(|used| self::layer(used) >= layer) {
            broken.push(format!("{} uses {used}, which is not below it", package.name));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn strangers_stay_strangers() {
    let packages = packages();
    for (who, whom, why) in STRANGERS {
        let package = packages.iter().find(|package| package.name == *who).unwrap();
        let met: Vec<_> = package.shipped.iter().filter(|used| whom.contains(&used.as_str())).collect();
        assert!(met.is_empty(), "{who} uses {met:?}: {why}");
    }
}

#[test]
fn the_model_has_no_wire_forms() {
    let packages = packages();
    let model = packages.iter().find(|package| package.name == "model").unwrap();
    let forms: Vec<_> = model.shipped.iter().filter(|name| name.starts_with("serde")).collect();
    assert!(forms.is_empty(), "model depends on {forms:?}; convert at the edge instead");
}

#[track_caller]
fn layer(name: &str) -> u8 {
    let found = LAYERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("crate {name} has no layer yet: give it one here and in ARCHITECTURE.md")).1
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(cargo).args(arguments).current_dir(super::tree::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(json: &Value) -> Package {
    let short = |json: &Value| {
        let name = json["name"].as_str().unwrap();
        name.strip_prefix("hearth-").unwrap_or(name).to_owned()
    };
    let all = json["dependencies"].as_array().unwrap();
    Package {
        name: short(json),
        uses: all.iter().filter(|dependency| dependency["path"].is_string()).map(short).collect(),
        shipped: all.iter().filter(|dependency| dependency["kind"].is_null()).map(short).collect(),
    }
}
