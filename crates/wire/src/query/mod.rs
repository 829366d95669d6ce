//! The query protocol: a form names its operation (`Action=CreateRole&Version=2010-05-08`), and the
//! answer is XML in the service's namespace.
//!
//! Used by IAM and STS. Source: fact sheet "Neighbouring services", sections 0.2 to 0.4. The form
//! is a POST's body; parameters in the query string count as well, so that a presigned GET works.

mod form;
mod xml;

use std::collections::HashMap;

use http::StatusCode;
use thiserror::Error;

pub use form::Form;
pub use xml::Xml;

use crate::Handler;
use crate::error::ApiError;
use crate::response::Response;

/// The XML namespace of IAM.
pub const IAM: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// The XML namespace of STS.
pub const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// One operation.
#[derive(Clone)]
pub struct Operation {
    /// E.g. `CreateRole`.
    pub name: &'static str,
    pub handler: Handler,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A table of operations that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{namespace}: operation {name} is given twice; give it once")]
pub struct TwiceGiven {
    pub namespace: &'static str,
    pub name: &'static str,
}

/// The operations of one service.
#[derive(Debug)]
pub struct QueryService {
    namespace: &'static str,
    version: &'static str,
    operations: HashMap<&'static str, Operation>,
}

impl QueryService {
    /// `version` is the one that forms have to name.
    ///
    /// # Errors
    /// An operation is given twice.
    pub fn new(
        namespace: &'static str,
        version: &'static str,
        operations: impl IntoIterator<Item = Operation>,
    ) -> Result<Self, TwiceGiven> {
        let mut table = HashMap::new();
        for operation in operations {
            let name = operation.name;
            if table.insert(name, operation).is_some() {
                return Err(TwiceGiven { namespace, name });
            }
        }
        Ok(Self {
            namespace,
            version,
            operations: table,
        })
    }

    /// The XML namespace of its answers.
    #[must_use]
    pub fn namespace(&self) -> &'static str {
        self.namespace
    }

    /// Finds the operation that a form names.
    ///
    /// # Errors
    /// A 400 `MissingAction` or `InvalidAction`.
    pub fn find(&self, query: &[(String, String)], body: &[u8]) -> Result<&Operation, ApiError> {
        let form = Form::parse(query, body);
        let Some(action) = form.get("Action") else {
            let text = "expected the parameter Action, which names the operation, found none";
            return Err(ApiError::user(StatusCode::BAD_REQUEST, "MissingAction", text));
        };
        let version = form.get("Version").unwrap_or(self.version);
        let found = self.operations.get(action).filter(|_| version == self.version);
        found.ok_or_else(|| {
            let text = format!("Could not find operation {action} for version {version}");
            ApiError::user(StatusCode::BAD_REQUEST, "InvalidAction", text)
        })
    }
}

/// The answer of an operation: `<NameResponse><NameResult>...`, and the request's id. Operations
/// that answer nothing have no `result`.
#[must_use]
pub fn answer(namespace: &str, operation: &str, result: Option<&Xml>, request_id: &str) -> Response {
    let result = result.map_or_else(String::new, |xml| format!("<{operation}Result>{xml}</{operation}Result>"));
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    );
    Response::bytes(StatusCode::OK, "text/xml", body.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn operation(name: &'static str) -> Operation {
        Operation {
            name,
            handler: Arc::new(|_| Box::pin(async { Ok(Response::empty(StatusCode::OK)) })),
        }
    }

    #[track_caller]
    fn check(query: &[(&str, &str)], body: &str, expected: Result<&str, &str>) {
        let service = QueryService::new(IAM, "2010-05-08", [operation("A"), operation("B")]).expect("two names");
        let query: Vec<_> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = service.find(&query, body.as_bytes()).map(|found| found.name).map_err(|e| e.code.into_owned());
        assert_eq!(found, expected.map_err(str::to_owned), "{query:?} {body}");
    }

    #[test]
    fn forms_name_their_operation() {
        check(&[], "Action=A&Version=2010-05-08", Ok("A"));
        check(&[("Action", "B"), ("Version", "2010-05-08")], "", Ok("B"));
        check(&[], "Action=B", Ok("B"));
        check(&[], "Action=C&Version=2010-05-08", Err("InvalidAction"));
        check(&[], "Action=A&Version=2011-06-15", Err("InvalidAction"));
        check(&[], "Version=2010-05-08", Err("MissingAction"));
        check(&[], "\u{0}%ff", Err("MissingAction"));
    }

    #[test]
    fn an_operation_given_twice_is_a_defect() {
        let twice = QueryService::new(STS, "v", [operation("A"), operation("A")]);
        let expected = TwiceGiven { namespace: STS, name: "A" };
        assert_eq!(twice.unwrap_err(), expected);
    }

    #[test]
    fn answers_carry_result_and_request_id() {
        let mut xml = Xml::new();
        xml.text("A", "<1>");
        let body = |response: Response| String::from_utf8(response.body.to_vec()).expect("text");
        assert_eq!(
            body(answer("urn:n", "Get", Some(&xml), "id")),
            "<GetResponse xmlns=\"urn:n\"><GetResult><A>&lt;1&gt;</A></GetResult><ResponseMetadata>\
             <RequestId>id</RequestId></ResponseMetadata></GetResponse>"
        );
        assert!(!body(answer("urn:n", "Put", None, "id")).contains("Result"));
    }
}
