//! The parameters of a form.

use std::collections::BTreeMap;

use crate::request::Request;

/// More members than any list of these services may have.
const LIST_MAX: usize = 1_000;

/// Parameters by name. Reading one takes it out, so that what is left was not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    parameters: BTreeMap<String, String>,
}

impl Form {
    /// Of a request, without what names the operation or signs it.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let mut form = Self::parse(&request.query, &request.body);
        form.parameters.retain(|name, _| name != "Action" && name != "Version" && !name.starts_with("X-Amz-"));
        form
    }

    /// Of a query string and a body. The first of two values of one name counts.
    pub(super) fn parse(query: &[(String, String)], body: &[u8]) -> Self {
        let mut parameters = BTreeMap::new();
        let body = form_urlencoded::parse(body).into_owned();
        for (name, value) in query.iter().cloned().chain(body) {
            parameters.entry(name).or_insert(value);
        }
        Self { parameters }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// One parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.parameters.remove(name)
    }

    /// A list of texts: `<name>.member.1`, `<name>.member.2` ... An empty list is sent as `<name>=`.
    /// `None` when there is nothing of it.
    pub fn take_list(&mut self, name: &str) -> Option<Vec<String>> {
        let members = self.take_structures(name)?;
        Some(members.into_iter().map(|mut member| member.take("").unwrap_or_default()).collect())
    }

    /// A list of structures: `<name>.member.1.<Member>` ...; a plain member's name is empty.
    pub fn take_structures(&mut self, name: &str) -> Option<Vec<Self>> {
        let is_empty = self.parameters.get(name).is_some_and(String::is_empty);
        if is_empty {
            self.parameters.remove(name);
        }
        let prefix = format!("{name}.member.");
        let mut members: BTreeMap<usize, Self> = BTreeMap::new();
        self.parameters.retain(|key, value| {
            let Some(rest) = key.strip_prefix(&prefix) else { return true };
            let (index, member) = rest.split_once('.').unwrap_or((rest, ""));
            let Some(index) = index.parse().ok().filter(|index| (1..=LIST_MAX).contains(index)) else { return true };
            members.entry(index).or_default().parameters.insert(member.to_owned(), std::mem::take(value));
            false
        });
        (is_empty || !members.is_empty()).then(|| members.into_values().collect())
    }

    /// The name of a parameter that nobody took.
    #[must_use]
    pub fn left_over(&self) -> Option<&str> {
        self.parameters.keys().next().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form {
        Form::parse(&[], body.as_bytes())
    }

    #[test]
    fn lists_come_in_order_of_their_numbers() {
        let mut form = form("T.member.10=c&T.member.2=b&T.member.1=a+%26&U=1&V=&W.member.0=x&W.member.y=z");
        assert_eq!(form.take_list("T"), Some(vec!["a &".to_owned(), "b".to_owned(), "c".to_owned()]));
        assert_eq!(form.take_list("V"), Some(Vec::new()));
        assert_eq!(form.take_list("W"), None);
        assert_eq!(form.take_list("absent"), None);
        assert_eq!((form.take("U"), form.take("U")), (Some("1".to_owned()), None));
        assert_eq!(form.left_over(), Some("W.member.0"));
    }

    #[test]
    fn structures_keep_their_members_together() {
        let mut form = form("Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b");
        let mut tags = form.take_structures("Tags").unwrap();
        assert_eq!(tags.len(), 2);
        assert_eq!((tags[0].take("Key").as_deref(), tags[0].take("Value").as_deref()), (Some("a"), Some("1")));
        assert_eq!((tags[1].take("Key").as_deref(), tags[1].take("Value")), (Some("b"), None));
        assert_eq!(form.left_over(), None);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_forms_never_panic(body: Vec<u8>, name in "[a-z.]{0,8}") {
            let mut form = Form::parse(&[], &body);
            let _ = (form.take_structures(&name), form.take_list(""), form.take(&name));
        }
    }
}
