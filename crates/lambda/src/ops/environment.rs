//! The rules of environment variables that are the service code's own.
//!
//! Source: fact sheets "Lambda control-plane API", section 4 (texts, the 4 KB rule as recorded),
//! and "Runtime API" (reserved keys).

use serde_json::{Map, Value};

use crate::error::Error;
use crate::record::Variables;

/// Bytes of the variables as compact JSON.
const MAX_BYTES: usize = 4_096;

/// What the execution environment itself sets and a function cannot.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
];

pub(crate) fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key)
}

/// # Errors
/// Reserved keys, a NUL (which no process environment can hold), or too much in all.
pub(crate) fn check(variables: &Variables) -> Result<(), Error> {
    let keys = variables.0.iter().map(|(key, _)| key.as_str());
    let reserved: Vec<_> = keys.filter(|key| is_reserved(key)).collect();
    if !reserved.is_empty() {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    if let Some((key, _)) = variables.0.iter().find(|(_, value)| value.contains('\0')) {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the value of {key} contains a NUL \
             character."
        )));
    }
    let json = compact_json(variables);
    if json.len() > MAX_BYTES {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {json}"
        )));
    }
    Ok(())
}

fn compact_json(variables: &Variables) -> String {
    let map: Map<String, Value> = variables.0.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
    Value::Object(map).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn the_limit_counts_the_json_bytes() {
        // {"KEY":"..."} is ten bytes around the value.
        let room = MAX_BYTES - r#"{"KEY":""}"#.len();
        assert!(check(&variables(&[("KEY", &"x".repeat(room))])).is_ok());
        let error = check(&variables(&[("KEY", &"x".repeat(room + 1))])).err().map(|e| e.to_string());
        let error = error.unwrap_or_default();
        assert!(error.contains("exceeded the 4KB limit. String measured: {\"KEY\":\"xxx"), "{error}");
        assert!(check(&variables(&[("KEY", &"é".repeat(room / 2))])).is_ok());
        assert!(check(&variables(&[("KEY", &"é".repeat(room / 2 + 1))])).is_err());
    }

    #[test]
    fn reserved_keys_are_named() {
        let error = check(&variables(&[("OK", ""), ("AWS_REGION", "x"), ("LAMBDA_TASK_ROOT", "y")]));
        let error = error.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.ends_with("Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT"), "{error}");
        assert!(check(&variables(&[("PATH", "/x"), ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/w")])).is_ok());
    }
}
