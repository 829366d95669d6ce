//! Markers: where the next page of a list begins, in a form that clients cannot mistake for data.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

/// `kind` says what the list is of, so that another list's marker is refused.
pub(crate) fn encode(kind: &str, last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{last}"))
}

/// # Errors
/// A marker that `operation` did not give.
pub(crate) fn decode(kind: &str, marker: &str, operation: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let last = text.as_deref().and_then(|text| text.strip_prefix(kind)).and_then(|rest| rest.strip_prefix(':'));
    last.map(ToOwned::to_owned)
        .ok_or_else(|| Error::InvalidParameter(format!("Marker is not one that {operation} gave.")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn markers_lead_back_to_where_they_were(last in "\\PC{0,40}") {
            prop_assert_eq!(decode("layer", &encode("layer", &last), "ListLayers").ok(), Some(last));
        }

        #[test]
        fn other_text_is_refused(text in "\\PC{0,40}") {
            let _ = decode("layer", &text, "ListLayers");
            let spoiled = text + "!";
            prop_assert!(decode("layer", &spoiled, "ListLayers").is_err());
        }
    }

    #[test]
    fn another_lists_marker_is_refused() {
        assert!(decode("layer", &encode("layer-version", "7"), "ListLayers").is_err());
    }
}
