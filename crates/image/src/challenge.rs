//! How a registry asks for credentials: the `WWW-Authenticate` header.

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    /// A token from elsewhere.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

pub(crate) fn parse(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service) = (None, None);
    let mut left = rest;
    // name="value", with commas inside the quotes.
    while let Some((name, behind)) = left.split_once('=') {
        let name = name.trim_matches([' ', ',']);
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => behind.split_once(',').unwrap_or((behind, "")),
        };
        match name.to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            _ => {}
        }
        left = behind;
    }
    realm.map(|realm| Challenge::Bearer { realm, service })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        let header = r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull,push""#;
        assert_eq!(parse(header), bearer("https://auth.example/token", Some("registry")));
        assert_eq!(parse(r#"bearer scope="a,b", realm="https://x""#), bearer("https://x", None));
        assert_eq!(parse("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(parse("BASIC"), Some(Challenge::Basic));
        for bad in ["", "Negotiate x", "Bearer", "Bearer realm=\"open", "Bearer service=\"x\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "(Bearer )?[a-z=\", ]{0,60}") {
            let _ = parse(&text);
        }
    }
}
