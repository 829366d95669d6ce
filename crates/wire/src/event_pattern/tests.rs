#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// A pattern, events that match it and events that do not.
#[track_caller]
fn check(pattern: &str, good: &[&str], bad: &[&str]) {
    let parsed = EventPattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    for (events, expected) in [(good, true), (bad, false)] {
        for event in events {
            let value = serde_json::from_str(event).unwrap();
            assert_eq!(parsed.matches(&value), expected, "{pattern} and {event}");
        }
    }
}

#[test]
fn values() {
    check(r#"{"a":["x"]}"#, &[r#"{"a":"x","b":1}"#, r#"{"a":["y","x"]}"#], &[r#"{"a":"X"}"#, r#"{"A":"x"}"#, "{}"]);
    check(r#"{"a":[null]}"#, &[r#"{"a":null}"#], &[r#"{"a":"null"}"#, "{}"]);
    check(r#"{"a":[""]}"#, &[r#"{"a":""}"#], &[r#"{"a":" "}"#]);
    check(r#"{"a":[true,300]}"#, &[r#"{"a":true}"#, r#"{"a":300}"#, r#"{"a":300.0}"#], &[r#"{"a":"true"}"#]);
    check(r#"{"a":[9007199254740993]}"#, &[r#"{"a":9007199254740993}"#], &[r#"{"a":9007199254740992}"#]);
    check("{}", &["{}", r#"{"a":1}"#], &[]);
    // Text that is JSON is not looked into.
    check(r#"{"a":{"b":["x"]}}"#, &[r#"{"a":{"b":"x"}}"#], &[r#"{"a":"{\"b\":\"x\"}"}"#]);
}

#[test]
fn paths() {
    for pattern in
        [r#"{"a":{"b":["x"],"c":["y"]}}"#, r#"{"a.b":["x"],"a.c":["y"]}"#, r#"{"a":{"b":["x"]},"a.c":["y"]}"#]
    {
        check(
            pattern,
            &[r#"{"a":{"b":"x","c":"y"}}"#, r#"{"a.b":"x","a.c":"y"}"#, r#"{"a":[{"b":1},{"b":"x","c":"y"}]}"#],
            &[r#"{"a":{"b":"x"}}"#, r#"{"a":[{"b":"x"},{"c":"y"}]}"#, r#"{"a":"x"}"#],
        );
    }
}

#[test]
fn text_operators() {
    check(r#"{"a":[{"prefix":"ab"}]}"#, &[r#"{"a":"abc"}"#], &[r#"{"a":"ABC"}"#, r#"{"a":1}"#, "{}"]);
    check(r#"{"a":[{"prefix":{"equals-ignore-case":"aB"}}]}"#, &[r#"{"a":"AbC"}"#], &[r#"{"a":"b"}"#]);
    check(r#"{"a":[{"suffix":".png"}]}"#, &[r#"{"a":"x.png"}"#], &[r#"{"a":"x.PNG"}"#]);
    check(r#"{"a":[{"prefix":""}]}"#, &[r#"{"a":""}"#, r#"{"a":"x"}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":[{"equals-ignore-case":"ab"}]}"#, &[r#"{"a":"AB"}"#], &[r#"{"a":"ABC"}"#]);
    check(
        r#"{"a":[{"wildcard":"a*b*c"}]}"#,
        &[r#"{"a":"abc"}"#, r#"{"a":"a-b-bc"}"#],
        &[r#"{"a":"ab"}"#, r#"{"a":"xabc"}"#],
    );
    check(r#"{"a":[{"wildcard":"*"}]}"#, &[r#"{"a":""}"#, r#"{"a":"x"}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":[{"wildcard":""}]}"#, &[r#"{"a":""}"#], &[r#"{"a":"x"}"#]);
    check(r#"{"a":[{"wildcard":"a\\*b\\\\"}]}"#, &[r#"{"a":"a*b\\"}"#], &[r#"{"a":"axb\\"}"#]);
    check(r#"{"a":[{"wildcard":"aa*aa"}]}"#, &[r#"{"a":"aaaa"}"#], &[r#"{"a":"aaa"}"#]);
}

#[test]
fn anything_but() {
    check(r#"{"a":[{"anything-but":"x"}]}"#, &[r#"{"a":"y"}"#, r#"{"a":1}"#, r#"{"a":null}"#], &[r#"{"a":"x"}"#, "{}"]);
    check(r#"{"a":[{"anything-but":["x","y"]}]}"#, &[r#"{"a":"z"}"#], &[r#"{"a":"y"}"#]);
    check(r#"{"a":[{"anything-but":[1,2]}]}"#, &[r#"{"a":3}"#, r#"{"a":"1"}"#], &[r#"{"a":2}"#]);
    check(r#"{"a":[{"anything-but":{"prefix":"x"}}]}"#, &[r#"{"a":"y"}"#, r#"{"a":1}"#], &[r#"{"a":"xy"}"#, "{}"]);
    check(r#"{"a":[{"anything-but":{"suffix":["x","y"]}}]}"#, &[r#"{"a":"z"}"#], &[r#"{"a":"zy"}"#]);
    check(r#"{"a":[{"anything-but":{"wildcard":"*/x"}}]}"#, &[r#"{"a":"x"}"#], &[r#"{"a":"y/x"}"#]);
    check(r#"{"a":[{"anything-but":{"equals-ignore-case":"X"}}]}"#, &[r#"{"a":"y"}"#], &[r#"{"a":"x"}"#]);
}

#[test]
fn numbers_and_addresses() {
    check(
        r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#,
        &[r#"{"a":5}"#, r#"{"a":0.1}"#],
        &[r#"{"a":0}"#, r#"{"a":6}"#, r#"{"a":"3"}"#, r#"{"a":null}"#],
    );
    check(r#"{"a":[{"numeric":["=",3]}]}"#, &[r#"{"a":3.0}"#], &[r#"{"a":4}"#]);
    check(
        r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#,
        &[r#"{"a":"10.0.0.255"}"#],
        &[r#"{"a":"10.0.1.0"}"#, r#"{"a":"::1"}"#, r#"{"a":"x"}"#],
    );
    check(r#"{"a":[{"cidr":"2001:db8::/32"}]}"#, &[r#"{"a":"2001:db8::1"}"#], &[r#"{"a":"2001:db9::1"}"#]);
    check(r#"{"a":[{"cidr":"0.0.0.0/0"}]}"#, &[r#"{"a":"255.1.2.3"}"#], &[r#"{"a":"::1"}"#]);
}

#[test]
fn existence_is_of_leaves() {
    check(r#"{"a":[{"exists":true}]}"#, &[r#"{"a":null}"#, r#"{"a":[1]}"#], &["{}", r#"{"a":{"b":1}}"#, r#"{"a":[]}"#]);
    check(r#"{"a":[{"exists":false}]}"#, &["{}", r#"{"a":{"b":1}}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":{"b":[{"exists":false}]}}"#, &["{}", r#"{"a":1}"#, r#"{"a":{}}"#], &[r#"{"a":{"b":0}}"#]);
    check(r#"{"a":["x",{"exists":false}]}"#, &["{}", r#"{"a":"x"}"#], &[r#"{"a":"y"}"#]);
}

#[test]
fn alternatives_go_with_their_siblings() {
    check(
        r#"{"k":["v"],"$or":[{"a":["x"]},{"b":{"c":[1]}}]}"#,
        &[r#"{"k":"v","a":"x"}"#, r#"{"k":"v","b":{"c":1}}"#],
        &[r#"{"k":"v"}"#, r#"{"a":"x"}"#],
    );
}

#[test]
fn what_is_no_pattern() {
    for bad in [
        "",
        "null",
        "\"x\"",
        "[]",
        "1",
        "{",
        r#"{"a":"x"}"#,
        r#"{"a":null}"#,
        r#"{"a":[]}"#,
        r#"{"a":[[1]]}"#,
        r#"{"a":[{"NUMERIC":["=",1]}]}"#,
        r#"{"a":[{"prefix":1}]}"#,
        r#"{"a":[{"wildcard":"a**"}]}"#,
        r#"{"a":[{"wildcard":"a\\x"}]}"#,
        r#"{"a":[{"numeric":[]}]}"#,
        r#"{"a":[{"numeric":["<",5,">",0]}]}"#,
        r#"{"a":[{"numeric":[">",5,"<",0]}]}"#,
        r#"{"a":[{"numeric":[">","5"]}]}"#,
        r#"{"a":[{"numeric":["=",6e9]}]}"#,
        r#"{"a":[{"cidr":"10.0.0.0"}]}"#,
        r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#,
        r#"{"a":[{"exists":"true"}]}"#,
        r#"{"a":[{"anything-but":[]}]}"#,
        r#"{"a":[{"anything-but":["x",1]}]}"#,
        r#"{"a":[{"anything-but":true}]}"#,
        r#"{"a":[{"prefix":"x","suffix":"y"}]}"#,
        r#"{"a":[{}]}"#,
        r#"{"$or":[]}"#,
        r#"{"$or":{"a":["x"]}}"#,
        r#"{"a":["x"],"a.b":["y"]}"#,
    ] {
        assert!(EventPattern::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_leaf_at_the_top_is_known() {
    let pattern = EventPattern::parse(r#"{"body":["x"],"data":{"a":[1]},"$or":[{"deep":[1]}]}"#).unwrap();
    assert_eq!(pattern.leaf("body").map(<[_]>::len), Some(1));
    assert_eq!(pattern.leaf("data"), None);
    assert_eq!(["body", "data", "deep", "other"].map(|name| pattern.mentions(name)), [true, true, true, false]);
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_none(text in "\\PC{0,60}", event in "\\PC{0,20}") {
        if let Ok(pattern) = EventPattern::parse(&text) {
            let _ = pattern.matches(&Value::String(event));
        }
    }

    #[test]
    fn a_wildcard_of_its_pieces_matches(pieces in proptest::collection::vec("[a-z]{0,3}", 2..5), filler in "[a-z]{0,3}") {
        prop_assume!(pieces[1..pieces.len() - 1].iter().all(|piece| !piece.is_empty()));
        let pattern = format!(r#"{{"a":[{{"wildcard":"{}"}}]}}"#, pieces.join("*"));
        let event = serde_json::json!({"a": pieces.join(&filler)});
        prop_assert!(EventPattern::parse(&pattern).unwrap().matches(&event));
    }
}
