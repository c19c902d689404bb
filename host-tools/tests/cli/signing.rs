//! Keys, signatures, and what of both is refused.

use crate::support::Bench;

const SIGN: [&str; 6] = ["sign", "digits.bundle", "--key", "my.key", "--as-version", "3"];

fn signed() -> Bench {
    let bench = Bench::with_bundle();
    assert!(bench.succeed(&["keygen", "-o", "my.key"]).contains("PublicKey::new([0x"));
    bench.succeed(&SIGN);
    bench
}

#[test]
fn a_bundle_is_signed_and_verified_and_still_a_bundle() {
    let bench = signed();
    let shown = bench.succeed(&["verify", "digits.bundle", "--key", "my.pub", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["version"], 3);
    assert_eq!(shown["bytes"].as_u64().unwrap(), bench.read("digits.bundle").len() as u64);
    bench.succeed(&["verify", "digits.bundle", "--key", "my.pub", "--least", "3"]);
    assert!(bench.succeed(&["list", "digits.bundle"]).contains("threshold"));
    bench.succeed(&["sign", "digits.bundle", "--key", "my.key", "--as-version", "4", "-o", "newer.bundle"]);
    assert!(bench.succeed(&["verify", "newer.bundle", "--key", "my.pub"]).contains("version 4"));
    // A change takes the signature away.
    bench.succeed(&["remove", "digits.bundle", "5"]);
    bench.fail(&["verify", "digits.bundle", "--key", "my.pub"], &["digits.bundle: the bundle is not signed"]);
}

#[test]
#[cfg(unix)]
fn a_secret_key_is_readable_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = signed();
    let mode = |name| std::fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode("my.key"), 0);
}

#[test]
fn what_is_not_right_is_refused_with_the_reason() {
    let bench = signed();
    bench.fail(&["keygen", "-o", "my.key"], &["my.pub: it exists, and is not written over: choose another name"]);
    bench.fail(&["keygen", "-o", "my.pub"], &["my.pub: the public key is written as .pub: choose another name"]);
    bench.fail(&["keygen", "-o", "no/my.key"], &["my.key: its folder does not exist"]);
    bench.fail(&SIGN, &["digits.bundle: it is signed as version 3 already", "give a newer version"]);
    bench.fail(&["verify", "digits.bundle", "--key", "my.pub", "--least", "4"], &["version 3 is too old"]);
    bench.fail(&["verify", "digits.bundle", "--key", "model.toml"], &["model.toml: this is no key"]);
    bench.fail(&["sign", "model.toml", "--key", "my.key", "--as-version", "1"], &["model.toml: this is not a cognate"]);
    bench.fail(
        &["sign", "digits.bundle", "--key", "my.key", "--as-version", "9", "-o", "my.key"],
        &["writing here would destroy an input"],
    );
    bench.succeed(&["keygen", "-o", "other.key"]);
    bench.fail(&["verify", "digits.bundle", "--key", "other.pub"], &["the bundle was signed with key"]);
    let mut bytes = bench.read("digits.bundle");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bench.write("bad.bundle", &bytes);
    bench.fail(&["verify", "bad.bundle", "--key", "my.pub"], &["bad.bundle: the signature is not of these bytes"]);
}
