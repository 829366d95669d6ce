//! Which runtimes a function may name.
//!
//! Source: fact sheet "Lambda control-plane API", section 4, recorded in January 2026: the texts,
//! the set and its order.

use crate::error::Error;

/// In the order in which the service prints them. The data plane says which are on the host.
const SUPPORTED: &[&str] = &[
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
];

/// Refused with a text of their own.
const DEPRECATED: &[&str] =
    &["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "nodejs12.x", "python3.7", "dotnetcore3.1"];

/// # Errors
/// The refusal of a runtime that is deprecated or unknown.
pub(crate) fn check(runtime: &str) -> Result<(), Error> {
    if SUPPORTED.contains(&runtime) {
        return Ok(());
    }
    Err(Error::InvalidParameter(if DEPRECATED.contains(&runtime) {
        format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )
    } else {
        format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or \
             be a valid ARN",
            SUPPORTED.join(", ")
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_runtime_is_both_supported_and_deprecated() {
        assert!(SUPPORTED.iter().all(|runtime| !DEPRECATED.contains(runtime)));
        assert!(SUPPORTED.iter().all(|runtime| check(runtime).is_ok()));
        assert!(DEPRECATED.iter().all(|runtime| check(runtime).is_err()));
    }

    #[test]
    fn names_are_case_sensitive() {
        let error = check("Python3.12").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.starts_with("Value Python3.12 at 'runtime' failed"), "{error}");
        assert!(error.ends_with("provided.al2, java8.al2] or be a valid ARN"), "{error}");
    }
}
