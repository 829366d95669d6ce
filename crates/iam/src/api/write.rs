//! Pieces of answers that several operations write.

use hearth_wire::query::Xml;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Answer;

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The one element that a result consists of.
pub(super) fn element(name: &str, fill: impl FnOnce(&mut Xml)) -> Answer {
    let mut xml = Xml::new();
    xml.element(name, fill);
    Answer::Result(xml)
}

/// A document as answers carry it: percent-encoded.
pub(super) fn encoded(document: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(document, UNRESERVED)
}

/// `Tags`, in order of their keys.
pub(super) fn tags<'a>(xml: &mut Xml, tags: impl IntoIterator<Item = (&'a String, &'a String)>) {
    xml.list("Tags", tags, |member, (key, value)| {
        member.text("Key", key).text("Value", value);
    });
}
