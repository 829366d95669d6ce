//! The members that name a function's code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_model::Architecture;
use hearth_wire::validation::{self, Violations};

use crate::api::members::Members;
use crate::error::Error;
use crate::record::Text;

/// An object of a bucket, as the client names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct S3Source {
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) version: Option<String>,
}

/// Where the code comes from, as the client has it.
#[derive(Debug, Default)]
pub(crate) struct CodeSource {
    pub(crate) zip: Option<Bytes>,
    pub(crate) s3: Option<S3Source>,
    pub(crate) image: Option<String>,
    pub(crate) source_kms_key_arn: Option<String>,
}

impl CodeSource {
    /// Takes the members of `Code`, which stand at the top in UpdateFunctionCode.
    pub(crate) fn take(members: &mut Members<'_>) -> Result<Self, Error> {
        Ok(Self {
            image: members.take::<String>("ImageUri")?.filter(|uri| !uri.is_empty()),
            source_kms_key_arn: members.take("SourceKMSKeyArn")?,
            ..Self::take_of_layer(members)?
        })
    }

    /// Takes the members of a layer version's `Content`.
    pub(crate) fn take_of_layer(members: &mut Members<'_>) -> Result<Self, Error> {
        let s3 = S3Source {
            bucket: members.take("S3Bucket")?,
            key: members.take("S3Key")?,
            version: members.take("S3ObjectVersion")?,
        };
        Ok(Self {
            zip: members.take_raw("ZipFile").map(|raw| decode(raw.get())).transpose()?,
            s3: (s3 != S3Source::default()).then_some(s3),
            ..Self::default()
        })
    }

    /// Notes what the model refuses. `path` is where the members stand: empty, `code.` or `content.`.
    pub(crate) fn check(&self, violations: &mut Violations, path: &str) {
        let Some(s3) = &self.s3 else { return };
        if let Some(bucket) = &s3.bucket {
            let path = format!("{path}s3Bucket");
            violations.length(&path, bucket, 3..=63);
            violations.pattern(&path, bucket, BUCKET_NAME, is_bucket_name(bucket));
        }
        for (name, value) in [("s3Key", &s3.key), ("s3ObjectVersion", &s3.version)] {
            if let Some(value) = value {
                violations.length(&format!("{path}{name}"), value, 1..=1_024);
            }
        }
    }
}

/// Printed only: `regex_lite` does not look behind.
const BUCKET_NAME: &str = r"[0-9A-Za-z\.\-_]*(?<!\.)";

fn is_bucket_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) && !name.ends_with('.')
}

/// A JSON string of base64.
fn decode(json: &str) -> Result<Bytes, Error> {
    let wrong = |detail: String| Error::WrongShape(format!("ZipFile: expected base64 text: {detail}"));
    // Base64 without escapes, which is what clients send, is decoded where it lies.
    let plain = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|text| !text.contains('\\'));
    let owned: String;
    let text = match plain {
        Some(text) => text,
        None => {
            owned = serde_json::from_str(json).map_err(|e| wrong(e.to_string()))?;
            &owned
        }
    };
    STANDARD.decode(text).map(Bytes::from).map_err(|e| wrong(e.to_string()))
}

pub(crate) const ARCHITECTURES: &[&str] = &["x86_64", "arm64"];

/// Takes and checks `Architectures`; `None` when the client leaves it open.
pub(crate) fn take_architectures(members: &mut Members<'_>) -> Result<Option<Vec<String>>, Error> {
    members.take("Architectures")
}

/// Notes what the model refuses.
pub(crate) fn check_architectures(violations: &mut Violations, list: Option<&[String]>) {
    let Some(list) = list else {
        return;
    };
    violations.size("architectures", &validation::list(list), list.len(), 1..=1);
    let constraints = [validation::one_of(ARCHITECTURES), "Member must not be null".to_owned()];
    let all_good = list.iter().all(|item| ARCHITECTURES.contains(&item.as_str()));
    violations.items("architectures", list, &constraints, all_good);
}

/// The one architecture of a list that passed [`check_architectures`].
pub(crate) fn architecture(list: Option<&[String]>) -> Option<Architecture> {
    list.and_then(<[String]>::first).and_then(|text| Architecture::of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets() {
        for good in ["bucket", "hot-reload", "a.b_C", ""] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["bucket.", "a/b", "a b", "\u{fc}"] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }

    #[test]
    fn base64_with_and_without_escapes() {
        assert_eq!(decode("\"aGk=\"").ok(), Some(Bytes::from_static(b"hi")));
        assert_eq!(decode(r#""\/\/\/\/""#).ok(), Some(Bytes::from_static(&[0xff; 3])));
        assert_eq!(decode("\"\"").ok(), Some(Bytes::new()));
        for bad in ["3", "\"a\"", "\"a b=\"", "{}"] {
            assert!(matches!(decode(bad), Err(Error::WrongShape(_))), "{bad}");
        }
    }
}
