//! `hearth.toml`: where it is looked for, and what stands in it, with line numbers.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::host::Host;
use super::nearest::nearest;
use super::node::{Node, Raw};
use super::table::ENTRIES;

/// Where the whole machine's file lies.
const SYSTEM_FILE: &str = "/etc/hearth/hearth.toml";

/// The one file to read: `--config`, `HEARTH_CONFIG`, `./hearth.toml`, the user's
/// (`~/.config/hearth/hearth.toml`), the machine's (`/etc/hearth/hearth.toml`). The first that
/// exists is read and no other; one that was named is read even when it does not exist, so that
/// the mistake shows.
#[must_use]
pub fn locate(host: &Host, flag: Option<&Path>) -> Option<PathBuf> {
    let named = flag.map(PathBuf::from).or_else(|| {
        let text = host.variable("HEARTH_CONFIG").filter(|text| !text.is_empty())?;
        Some(PathBuf::from(text))
    });
    named.or_else(|| places(host).into_iter().find(|path| path.is_file()))
}

fn places(host: &Host) -> Vec<PathBuf> {
    let mut places = vec![host.cwd().join("hearth.toml")];
    places.extend(host.config_dir().map(|dir| dir.join("hearth.toml")));
    places.push(PathBuf::from(SYSTEM_FILE));
    places
}

/// The file's settings by dotted key, in the order of the file.
///
/// # Errors
/// When it cannot be read, is not TOML, or has a key that no setting has.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Node)>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Unreadable {
        path: path.to_owned(),
        cause: e.to_string(),
    })?;
    parse(path, &text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<(String, Node)>, ConfigError> {
    let document = DeTable::parse(text).map_err(|e| ConfigError::Syntax {
        path: path.to_owned(),
        line: e.span().map_or(1, |span| line_of(text, span.start)),
        detail: e.message().to_owned(),
    })?;
    let mut found = Vec::new();
    flatten(path, text, "", document.get_ref(), &mut found)?;
    found.sort_by_key(|(_, node)| node.line);
    Ok(found)
}

fn flatten(
    path: &Path,
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    found: &mut Vec<(String, Node)>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
        if ENTRIES.iter().any(|entry| entry.key == key) {
            found.push((key, node(text, value)));
        } else if let (true, DeValue::Table(inner)) = (is_section(&key), value.get_ref()) {
            flatten(path, text, &key, inner, found)?;
        } else {
            let place = format!("{}, line {}", path.display(), line_of(text, name.span().start));
            let nearest = nearest(&key, ENTRIES.iter().map(|entry| entry.key)).map(ToOwned::to_owned);
            return Err(ConfigError::UnknownKey { place, key, nearest });
        }
    }
    Ok(())
}

fn is_section(key: &str) -> bool {
    ENTRIES.iter().any(|entry| entry.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let line = line_of(text, value.span().start);
    let raw = match value.get_ref() {
        DeValue::String(string) => Raw::Text(string.to_string()),
        DeValue::Integer(integer) => integer_of(integer),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::Table(table) => {
            Raw::Table(table.iter().map(|(name, value)| (name.get_ref().to_string(), node(text, value))).collect())
        }
        other => Raw::Other {
            kind: other.type_str(),
            text: text.get(value.span()).unwrap_or_default().to_owned(),
        },
    };
    Node { line, raw }
}

fn integer_of(integer: &toml::de::DeInteger<'_>) -> Raw {
    // `_` separates digits in TOML.
    let digits = integer.as_str().replace('_', "");
    i64::from_str_radix(&digits, integer.radix()).map_or(Raw::Other { kind: "number", text: digits }, Raw::Integer)
}

/// 1-based.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}
