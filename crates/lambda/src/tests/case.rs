//! Calls and their answers, as data.

use super::*;

/// A call and the answer it must have.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) method: &'static str,
    pub(super) uri: String,
    pub(super) body: Value,
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

pub(super) async fn check(world: &World, cases: Vec<Case>) {
    for case in cases {
        let answer = world.call(case.method, &case.uri, case.body).await;
        assert_error(answer, case.status, case.code, &case.message, case.what);
    }
}

pub(super) fn functions(path: &str) -> String {
    format!("/2015-03-31/functions{path}")
}

pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";
pub(super) const INVALID: &str = "InvalidParameterValueException";

pub(super) fn get(what: &'static str, path: &str, status: u16, code: &'static str, message: String) -> Case {
    Case {
        what,
        method: "GET",
        uri: functions(path),
        body: Value::Null,
        status,
        code,
        message,
    }
}

pub(super) fn delete(
    what: &'static str,
    path: &str,
    status: u16,
    code: &'static str,
    message: impl Into<String>,
) -> Case {
    Case {
        method: "DELETE",
        ..get(what, path, status, code, message.into())
    }
}

pub(super) fn create(what: &'static str, members: Value, message: impl Into<String>) -> Case {
    Case {
        what,
        method: "POST",
        uri: functions(""),
        body: create_with("new", members),
        status: 400,
        code: INVALID,
        message: message.into(),
    }
}

pub(super) fn put(what: &'static str, path: &str, body: Value, message: impl Into<String>) -> Case {
    Case {
        what,
        method: "PUT",
        uri: functions(path),
        body,
        status: 400,
        code: INVALID,
        message: message.into(),
    }
}
