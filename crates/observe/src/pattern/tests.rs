use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(pattern: &str, matching: &[&str], others: &[&str]) {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for message in matching {
        assert!(parsed.matches(message), "{pattern} should match {message:?}");
    }
    for message in others {
        assert!(!parsed.matches(message), "{pattern} should not match {message:?}");
    }
}

#[track_caller]
fn check_refused(pattern: &str, expected: &str) {
    assert_eq!(Pattern::parse(pattern).map(|_| ()).unwrap_err().to_string(), expected, "{pattern}");
}

#[test]
fn blank_matches_everything() {
    check("", &["", "anything"], &[]);
    check("  ", &["anything"], &[]);
    assert!(Pattern::parse(" ").unwrap().is_all());
}

#[test]
fn terms() {
    check("ERROR", &["[ERROR 400] BAD REQUEST"], &["error", "ok"]);
    check("ERROR ARGUMENTS", &["[ERROR 419] MISSING ARGUMENTS"], &["ERROR", "ARGUMENTS"]);
    check("?ERROR ?ARGUMENTS", &["an ERROR", "the ARGUMENTS"], &["neither"]);
    check("ERROR -ARGUMENTS", &["[ERROR 400]"], &["[ERROR 419] MISSING ARGUMENTS", "x"]);
    check("-ERROR", &["fine"], &["ERROR"]);
    check("\"INTERNAL SERVER ERROR\"", &["[ERROR 500] INTERNAL SERVER ERROR"], &["ERROR SERVER INTERNAL"]);
    check(r#"-"a b" c"#, &["c b a"], &["c a b", "a"]);
    check(r#""say \"hi\" \n""#, &[r#"they say "hi" \n"#], &["say hi"]);
    check("under_score é1", &["under_score é1"], &["under"]);
}

#[test]
fn optional_terms_count_only_by_themselves() {
    check("ERROR ?WARN", &["ERROR"], &["WARN"]);
}

#[test]
fn terms_refused() {
    check_refused("a@b.c", "Invalid character(s) in term 'a@b.c'");
    check_refused("?", "Invalid character(s) in term ''");
    check_refused("\"open", "Invalid filter pattern: a quotation mark is not closed");
    check_refused(&"x".repeat(1025), "Invalid filter pattern: it has 1025 characters, 1024 are allowed");
}

#[test]
fn regular_expressions() {
    check("%AUTHORIZED%", &["[ERROR 401] UNAUTHORIZED REQUEST", "[SUCCESS 200] AUTHORIZED REQUEST"], &["authorized"]);
    check(r"%^[hc]at%", &["hat", "cat nap"], &["a hat"]);
    check(r"%\d{1,3}\.\d{1,3}$%", &["at 10.0"], &["10.x"]);
    check(r"%a\x28b\x29%", &["a(b)"], &["ab"]);
    check(r"%gray|grey%", &["grey"], &["gry"]);
    check_refused("%(a)%", "Invalid character(s) in term '%(a)%'");
    check_refused("%a!%", "Invalid character(s) in term '%a!%'");
    check_refused("%a", "If a filter pattern starts with '%' it must end with '%'");
    assert!(Pattern::parse("%a{5000}{5000}%").is_err());
    assert!(Pattern::parse("%[a%").is_err());
}

const EVENT: &str = r#"{
  "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another"],
  "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "cluster.name": "c",
  "latency": 12.5, "errors": 1, "ok": true, "user": {"id": 1, "email": "John.Doe@example.com"}}"#;

#[test]
fn json_comparisons() {
    for yes in [
        r#"{ $.eventType = "UpdateTrail" }"#,
        r#"{ $.sourceIPAddress != 123.123.* }"#,
        r#"{ $.sourceIPAddress = 111.111.* }"#,
        r#"{ $.arrayKey[0] = "value" }"#,
        r#"{ $.arrayKey[*] = "another" }"#,
        r#"{ $.objectList[1].id = 2 }"#,
        r#"{ $.objectList[*].name = "b" }"#,
        r#"{ $.user.* = 1 }"#,
        r#"{ $.SomeObject IS NULL }"#,
        r#"{ $.SomeOtherObject NOT EXISTS }"#,
        r#"{ $.eventType EXISTS }"#,
        r#"{ $.ok IS TRUE }"#,
        r#"{ $.latency > 12 && $.latency <= 12.5 }"#,
        r#"{ $.latency = 1.25e1 }"#,
        r#"{ $.errors >= 1e0 }"#,
        r#"{ $.['cluster.name'] = "c" }"#,
        r#"{ $["cluster.name"] = c }"#,
        r#"{ $.eventType = %Update[A-Z]% }"#,
        r#"{ $.eventType = "*Trail" }"#,
        r#"{ ($.user.id = 1) && ($.user.email = "John.Doe@example.com") }"#,
        r#"{ $.user.id = 2 && $.nope = 3 || $.user.id = 1 }"#,
        r#"{ $.user.email = "*" }"#,
        r#"{$.user.id=1&&$.ok IS TRUE}"#,
    ] {
        check(yes, &[EVENT], &["not json", "", "[]"].map(|text| if yes.contains("NOT EXISTS") { "x" } else { text }));
    }
    for no in [
        r#"{ $.eventType = "updatetrail" }"#,
        r#"{ $.eventType != "UpdateTrail" }"#,
        r#"{ $.missing != "x" }"#,
        r#"{ $.missing IS NULL }"#,
        r#"{ $.SomeObject NOT EXISTS }"#,
        r#"{ $.arrayKey[2] EXISTS }"#,
        r#"{ $.ok IS FALSE }"#,
        r#"{ $.latency > 12.5 }"#,
        r#"{ $.eventType > 1 }"#,
        r#"{ $.user = "*" }"#,
        r#"{ $.user.id = 1 && ($.user.id = 2 || $.user.id = 3) }"#,
    ] {
        check(no, &[], &[EVENT]);
    }
}

#[test]
fn json_refused() {
    check_refused("{ $.a = 1", "If a filter pattern starts with '{' it must end with '}'");
    check_refused("{ a = 1 }", "Invalid filter pattern: a selector that starts with $ was expected at \"a = 1 \"");
    check_refused("{ $.a }", "Invalid filter pattern: an operator was expected at \"\"");
    check_refused("{ $.a < x }", "Invalid filter pattern: < compares numbers, its right side is none");
    check_refused("{ $.a IS x }", "Invalid filter pattern: NULL, TRUE or FALSE was expected after IS");
    check_refused("{ ($.a = 1 }", "Invalid filter pattern: a parenthesis is not closed");
    check_refused("{ $.a = 1 $.b = 2 }", "Invalid filter pattern: nothing was expected at \"$.b = 2 \"");
    check_refused(
        "{ $.a = %a% || $.a = %b% || $.a = %c% }",
        "Invalid filter pattern: it has more than 2 regular expressions",
    );
    assert!(Pattern::parse(&format!("{{{}$.a = 1{}}}", "(".repeat(500), ")".repeat(500))).is_err());
}

const LINE: &str = r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;

#[test]
fn delimited_fields() {
    for yes in [
        "[ip, server, username, timestamp, request, status_code, bytes]",
        "[ip, server, username, timestamp, request, status_code, bytes > 1000]",
        "[ip=%127\\.0\\.0\\.[1-9]%, server, username, timestamp, request =*.html*, status_code = 4*, bytes]",
        "[ip, server, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]",
        "[..., request =*.html*, status_code = 4*, bytes]",
        "[ip=127.0.0.1, ...]",
        "[ip, ..., bytes=1534.0]",
        "[...]",
        "[ip, server, ..., timestamp=\"10/Oct/2000:13:25:15 -0700\", r, s, b]",
        "[ip, server!=Dev&&server!=Test, ...]",
    ] {
        check(yes, &[LINE], &[]);
    }
    for no in [
        "[ip, server, username]",
        "[ip, server, username, timestamp, request, status_code, bytes, more]",
        "[..., a, b, c, d, e, f, g, h]",
        "[..., status_code = 5*, bytes]",
        "[..., bytes < 1000]",
        "[ip, server!=Dev&&server!=Prod, ...]",
        "[ip > 1, ...]",
    ] {
        check(no, &[], &[LINE]);
    }
    check("[w1=ERROR, w2]", &["ERROR x\n"], &["ERROR", "x ERROR"]);
    check("[a, b]", &["[open text", "\"quoted text\" x"], &["[closed text] \"a b\" c"]);
}

#[test]
fn delimited_refused() {
    check_refused("[a, b", "If a filter pattern starts with '[' it must end with ']'");
    check_refused("[..., a, ...]", "Invalid filter pattern: ... can stand once");
    check_refused("[]", "Invalid filter pattern: a field's name was expected at \"\"");
    check_refused(
        "[a = 4* && b > 1000]",
        "Invalid filter pattern: the conditions of field a are about it, not about b",
    );
    check_refused("[a = ]", "Invalid filter pattern: a value was expected after the operator");
}

/// Text that is likely to come near the grammar.
fn likely() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("$.a"),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("("),
        Just(")"),
        Just("&&"),
        Just("||"),
        Just("="),
        Just("!="),
        Just("<"),
        Just("%a+%"),
        Just("%"),
        Just("\""),
        Just("\\"),
        Just("..."),
        Just(","),
        Just("*"),
        Just("IS"),
        Just("NULL"),
        Just("NOT"),
        Just("EXISTS"),
        Just("1e3"),
        Just("x"),
        Just("é"),
        Just(" "),
        Just("$"),
        Just("."),
        Just("?"),
        Just("-"),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn nothing_panics(
        pattern in prop_oneof![likely(), any::<String>()],
        message in prop_oneof![likely(), any::<String>()],
    ) {
        for pattern in [pattern.clone(), format!("{{{pattern}}}"), format!("[{pattern}]"), format!("%{pattern}%")] {
            if let Ok(parsed) = Pattern::parse(&pattern) {
                let _ = parsed.matches(&message);
                let _ = parsed.matches(EVENT);
            }
        }
    }

    #[test]
    fn wildcards_agree_with_regular_expressions(pattern in "[ab*]{0,8}", text in "[ab]{0,12}") {
        let regex = format!("^{}$", pattern.replace('*', ".*"));
        let expected = regex_lite::Regex::new(&regex).unwrap().is_match(&text);
        prop_assert_eq!(value::Wildcard::new(&pattern).matches(&text), expected);
    }

    #[test]
    fn a_quoted_phrase_is_found_where_it_stands(before: String, phrase in "[^\"\\\\]{1,20}", after: String) {
        let pattern = Pattern::parse(&format!("\"{phrase}\"")).unwrap();
        let message = format!("{before}{phrase}{after}");
        prop_assert!(pattern.matches(&message));
    }
}
