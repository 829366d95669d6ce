//! Lists in pages: `Marker`, `MaxItems`, `IsTruncated`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_wire::query::Xml;

use super::input::Reader;
use super::rules;
use crate::error::{Error, Result};

const DEFAULT: u32 = 100;

/// Which part of a list is asked for.
pub(super) struct Page {
    marker: Option<String>,
    max: usize,
}

/// A part of a list, and the marker of the next.
pub(super) struct Part<T> {
    pub(super) items: Vec<T>,
    next: Option<String>,
}

impl Page {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let marker = reader.text("Marker", &rules::MARKER);
        Self {
            marker,
            max: reader.number("MaxItems", 1..=1_000).unwrap_or(DEFAULT) as usize,
        }
    }

    /// The part of `items`, put in order of `key`, that begins behind the marker. Keys differ, and
    /// are at most 200 bytes long.
    pub(super) fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> Result<Part<T>> {
        let after = self.marker.as_deref().map(read_marker).transpose()?;
        let mut keyed: Vec<(String, T)> = items.into_iter().map(|item| (key(&item), item)).collect();
        keyed.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_truncated = keyed.len() > self.max;
        keyed.truncate(self.max);
        let last = keyed.last().filter(|_| is_truncated);
        let next = last.map(|(key, _)| URL_SAFE_NO_PAD.encode(key));
        Ok(Part {
            items: keyed.into_iter().map(|(_, item)| item).collect(),
            next,
        })
    }
}

impl<T> Part<T> {
    /// Writes `IsTruncated` and `Marker`.
    pub(super) fn end(&self, xml: &mut Xml) {
        xml.text("IsTruncated", self.next.is_some()).maybe("Marker", self.next.as_ref());
    }
}

fn read_marker(marker: &str) -> Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::Validation(format!("Invalid Marker: {marker}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let items = || (0..25).rev().map(|n| format!("{n:02}")).collect::<Vec<_>>();
        let (mut marker, mut seen) = (None, Vec::new());
        loop {
            let page = Page { marker, max: 10 };
            let part = page.cut(items(), Clone::clone).unwrap();
            seen.extend(part.items);
            marker = part.next;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(seen, items().into_iter().rev().collect::<Vec<_>>());
        let page = Page {
            marker: Some("!".to_owned()),
            max: 1,
        };
        assert!(page.cut(items(), Clone::clone).is_err());
    }
}
