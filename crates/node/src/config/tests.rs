#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use super::*;

fn host(variables: &[(&'static str, &'static str)], cwd: &Path) -> Host {
    Host::of(variables.iter().copied(), cwd.to_owned(), false)
}

fn with_file(text: &str) -> (tempfile::TempDir, Flags) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hearth.toml");
    std::fs::write(&file, text).unwrap();
    (
        dir,
        Flags {
            file: Some(file),
            values: Vec::new(),
        },
    )
}

/// The message of a file's defect, the folder's path taken out.
#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let (dir, flags) = with_file(text);
    let error = Config::load(&host(&[], dir.path()), &flags).expect_err(text);
    let shown = error.to_string().replace(&format!("{}/", dir.path().display()), "");
    assert_eq!(shown, expected);
}

#[track_caller]
fn check_value(text: &str, key: &str, expected: &str) {
    let (dir, flags) = with_file(text);
    let config = Config::load(&host(&[], dir.path()), &flags).unwrap();
    let row = show::rows(&config).into_iter().find(|row| row.key == key).unwrap();
    assert_eq!(row.text().replace(&dir.path().display().to_string(), "DIR"), expected);
}

#[test]
fn layers_grow_in_strength() {
    let (dir, mut flags) = with_file("listen = \"127.0.0.1:1\"\nregion = \"eu-west-1\"\n[log]\nfilter = \"debug\"\n");
    let host = host(&[("HEARTH_LISTEN", "127.0.0.1:2"), ("HEARTH_LOG", "trace"), ("HEARTH_DATA", "")], dir.path());
    flags.values.push(("listen", "127.0.0.1:3".into()));
    let config = Config::load(&host, &flags).unwrap();
    assert_eq!(config.listen.value.port(), 3);
    assert_eq!(config.listen.origin, Origin::Flag("--listen"));
    assert_eq!(config.log_filter.origin, Origin::Environment("HEARTH_LOG"));
    assert_eq!(config.region.origin, Origin::File(dir.path().join("hearth.toml")));
    assert_eq!(config.data.origin, Origin::Default);
}

#[test]
fn the_first_file_found_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path().join("cwd");
    let home = dir.path().join("home/.config/hearth");
    std::fs::create_dir_all(&cwd).unwrap();
    std::fs::create_dir_all(&home).unwrap();
    let home_text = dir.path().join("home").display().to_string();
    let host = Host::of([("HOME", home_text.as_str())], cwd.clone(), false);
    std::fs::write(home.join("hearth.toml"), "").unwrap();
    assert_eq!(file::locate(&host, None), Some(home.join("hearth.toml")));
    std::fs::write(cwd.join("hearth.toml"), "").unwrap();
    assert_eq!(file::locate(&host, None), Some(cwd.join("hearth.toml")));
    assert_eq!(file::locate(&host, Some(Path::new("other.toml"))), Some("other.toml".into()));
}

#[test]
fn the_data_folder_follows_the_user() {
    let at = |variables: &[(&'static str, &'static str)], root| Host::of(variables.iter().copied(), "/c".into(), root);
    assert_eq!(at(&[("HOME", "/h")], true).data_dir(), Path::new("/var/lib/hearth"));
    assert_eq!(at(&[("HOME", "/h")], false).data_dir(), Path::new("/h/.local/share/hearth"));
    assert_eq!(at(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")], false).data_dir(), Path::new("/x/hearth"));
}

#[test]
fn values_are_read_in_every_form() {
    check_value("data = \"state\"", "data", "DIR/state");
    check_value("listen = \"localhost:80\"", "listen", "127.0.0.1:80");
    check_value("concurrency = 2_000", "concurrency", "2000");
    check_value("[runtimes]\nsearch = [\"a\", \"/b\"]", "runtimes.search", "DIR/a, /b");
    check_value("[runtimes.aliases]\n\"python3.14\" = \"python3.13\"", "runtimes.aliases", "python3.14=python3.13");
    check_value("sandbox.network = \"nat\"", "sandbox.network", "nat");
    check_value("http.url_base = \"https://fn.example/\"", "http.url_base", "https://fn.example");
    check_value("http.url_base = \"\"", "http.url_base", "");
}

#[test]
fn unknown_keys_are_named_with_their_line_and_the_nearest_key() {
    check_refused(
        "region = \"us-east-1\"\n\nlistn = 1\n",
        "hearth.toml, line 3: unknown key \"listn\"; the nearest known key is \"listen\"",
    );
    check_refused(
        "[sandbox]\nnetwrok = \"nat\"\n",
        "hearth.toml, line 2: unknown key \"sandbox.netwrok\"; the nearest known key is \"sandbox.network\"",
    );
    check_refused(
        "[kubernetes]\nx = 1\n",
        "hearth.toml, line 1: unknown key \"kubernetes\"; `hearth config show` lists the known ones",
    );
}

#[test]
fn bad_values_say_what_was_expected_and_found() {
    check_refused(
        "\nlisten = \"4566\"",
        "hearth.toml, line 2: listen: expected an address and port such as 127.0.0.1:4566, found \"4566\"",
    );
    check_refused(
        "concurrency = 0",
        "hearth.toml, line 1: concurrency: expected a whole number from 1 to 100000, found 0",
    );
    check_refused(
        "drain_s = 1.5",
        "hearth.toml, line 1: drain_s: expected a whole number from 0 to 900, found the float 1.5",
    );
    check_refused(
        "auth.mode = true",
        "hearth.toml, line 1: auth.mode: expected `open` or `enforce`, found the boolean true",
    );
    check_refused(
        "http.url_base = \"fn.example\"",
        "hearth.toml, line 1: http.url_base: expected a URL without a path such as https://fn.example, found \"fn.example\"",
    );
    check_refused(
        "account = 123",
        "hearth.toml, line 1: account: expected an account id of 12 digits, in quotes, found 123",
    );
    check_refused(
        "[runtimes]\nsearch = [\n \"a\",\n 1.5,\n]",
        "hearth.toml, line 4: runtimes.search: expected a path, found the float 1.5",
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(listen|data|keys|log|runtimes|auth|sandbox|[a-z]|[\\[\\]={}.\"0-9, \n\u{e9}-])*") {
        if let Ok(found) = file::parse(Path::new("hearth.toml"), &text) {
            let lines = text.lines().count();
            proptest::prop_assert!(found.iter().all(|(_, node)| (1..=lines).contains(&node.line)));
        }
    }
}

#[test]
fn toml_defects_name_their_line() {
    let (dir, flags) = with_file("listen = \"127.0.0.1:1\"\nregion = \n");
    let error = Config::load(&host(&[], dir.path()), &flags).expect_err("a key without a value");
    assert!(matches!(error, ConfigError::Syntax { line: 2, .. }), "{error}");
}

#[test]
fn variables_and_flags_are_named_in_refusals() {
    let dir = tempfile::tempdir().unwrap();
    let error = Config::load(&host(&[("HEARTH_AUTH", "maybe")], dir.path()), &Flags::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "environment variable HEARTH_AUTH: auth.mode: expected `open` or `enforce`, found \"maybe\""
    );
    let flags = Flags {
        file: None,
        values: vec![("region", "moon".into())],
    };
    let error = Config::load(&host(&[], dir.path()), &flags).unwrap_err();
    assert_eq!(error.to_string(), "flag --region: region: expected a region name such as us-east-1, found \"moon\"");
}

const KEY: &str = "[[keys]]\naccess_key_id = \"AKIDEXAMPLE\"\n";

#[test]
fn keys_keep_their_secrets() {
    let text = format!(
        "auth.mode = \"enforce\"\n{KEY}secret_access_key = \"hush\"\naccount = \"123456789012\"\nuser = \"ci\"\n"
    );
    check_value(&text, "keys", "access_key_id=AKIDEXAMPLE account=123456789012 user=ci");
    let (dir, flags) = with_file(&format!("{KEY}secret_access_key_file = \"s\"\n"));
    std::fs::write(dir.path().join("s"), "hush\n").unwrap();
    let config = Config::load(&host(&[], dir.path()), &flags).unwrap();
    assert_eq!(config.keys.value[0].secret_access_key, "hush");
    assert!(!format!("{config:?}").contains("hush"));
    assert!(!serde_json::to_string(&show::rows(&config)).unwrap().contains("hush"));
}

#[test]
fn keys_are_checked() {
    let form = "a table with access_key_id and secret_access_key or secret_access_key_file";
    check_refused(KEY, &format!("hearth.toml, line 1: keys: expected {form}, found neither"));
    check_refused(
        &format!("{KEY}secret_access_key = \"a\"\nsecret_access_key_file = \"b\""),
        &format!("hearth.toml, line 1: keys: expected {form}, found both"),
    );
    check_refused(
        &format!("{KEY}secret = \"a\""),
        "hearth.toml, line 3: keys: expected one of access_key_id, secret_access_key, secret_access_key_file, account, \
         user, found \"secret\"",
    );
}

#[test]
fn beyond_loopback_signatures_are_enforced() {
    let (dir, flags) = with_file("listen = \"0.0.0.0:4566\"");
    let error = Config::load(&host(&[], dir.path()), &flags).unwrap_err();
    assert_eq!(
        error,
        ConfigError::OpenToTheNetwork {
            listen: ([0, 0, 0, 0], 4566).into()
        }
    );
    let (dir, flags) = with_file("listen = \"0.0.0.0:4566\"\nauth.mode = \"enforce\"");
    assert_eq!(Config::load(&host(&[], dir.path()), &flags).unwrap_err(), ConfigError::NoKeys);
}

#[test]
fn every_setting_has_its_own_names() {
    let mut seen = std::collections::HashSet::new();
    for entry in ENTRIES {
        assert!(seen.insert(entry.key), "{}", entry.key);
        assert!(entry.env.is_none_or(|name| name.starts_with("HEARTH_") && seen.insert(name)), "{}", entry.key);
        assert!(entry.flag.is_none_or(|name| name.starts_with("--") && seen.insert(name)), "{}", entry.key);
        assert!(entry.help.ends_with('.'), "{}", entry.key);
    }
}

#[test]
fn the_manual_has_the_table_of_settings() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operate/configuration.md");
    let (begin, end) = ("<!-- settings: begin -->\n", "<!-- settings: end -->");
    let text = std::fs::read_to_string(manual).unwrap();
    let (before, rest) = text.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    if std::env::var_os("HEARTH_RENEW").is_some() {
        return std::fs::write(manual, format!("{before}{begin}{}{end}{after}", show::manual())).unwrap();
    }
    assert_eq!(found, show::manual(), "renew with HEARTH_RENEW=1 cargo test -p hearth-node");
}
