//! Elements of an answer, written one after the other.

use std::fmt;

use jiff::Timestamp;

use crate::render::escaped;

/// XML content without its enclosing element. Lists stand as `<Name><member>...</member></Name>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xml(String);

impl Xml {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `<name>value</name>`, escaped.
    pub fn text(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        let value = escaped(&value.to_string());
        self.raw(name, &value)
    }

    /// As [`Xml::text`]; no element at all when there is no value.
    pub fn maybe(&mut self, name: &str, value: Option<impl fmt::Display>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// A time of Unix milliseconds, as `2024-01-01T00:00:00Z`.
    pub fn time(&mut self, name: &str, unix_ms: i64) -> &mut Self {
        let time = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
        self.raw(name, &time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// An element of elements.
    pub fn element(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::new();
        fill(&mut inner);
        self.raw(name, &inner.0)
    }

    /// A list; an empty one is an empty element.
    pub fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.element(name, |list| {
            for item in items {
                list.element("member", |member| fill(member, item));
            }
        })
    }

    /// A list of texts.
    pub fn texts<T: fmt::Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) -> &mut Self {
        self.element(name, |list| {
            for item in items {
                list.text("member", item);
            }
        })
    }

    fn raw(&mut self, name: &str, content: &str) -> &mut Self {
        for part in ["<", name, ">", content, "</", name, ">"] {
            self.0.push_str(part);
        }
        self
    }
}

impl fmt::Display for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let mut xml = Xml::new();
        xml.text("A", "a&b").maybe("B", None::<&str>).maybe("C", Some(1)).time("D", 1_704_067_200_123);
        xml.list("E", [1, 2], |member, n| {
            member.text("N", n);
        })
        .texts("F", ["x"])
        .element("G", |_| {});
        assert_eq!(
            xml.to_string(),
            "<A>a&amp;b</A><C>1</C><D>2024-01-01T00:00:00Z</D><E><member><N>1</N></member><member><N>2</N></member>\
             </E><F><member>x</member></F><G></G>"
        );
    }
}
