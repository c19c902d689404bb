//! Bundles whose templates are protected by a key.

use crate::support::Bench;

#[test]
fn protection_comes_changes_and_goes_and_nothing_else_does() {
    let bench = Bench::with_bundle();
    let plain = bench.read("digits.bundle");
    assert!(bench.succeed(&["protect", "digits.bundle", "--key", "a.key"]).contains("protected"));
    let first = bench.read("digits.bundle");
    assert_ne!(first, plain);
    bench.succeed(&["protect", "digits.bundle", "--old-key", "a.key", "--key", "b.key", "-o", "b.bundle"]);
    bench.succeed(&["protect", "b.bundle", "--old-key", "b.key", "--key", "a.key"]);
    assert_eq!(bench.read("b.bundle"), first, "a key gives one protection");
    assert!(bench.succeed(&["list", "digits.bundle"]).contains("verification"));
    // Whoever is enrolled can be removed without the key, too.
    bench.succeed(&["remove", "b.bundle", "5"]);
    bench.succeed(&["protect", "digits.bundle", "--old-key", "a.key", "--reveal"]);
    assert_eq!(bench.read("digits.bundle"), plain);
}

#[test]
fn what_needs_the_templates_says_so() {
    let bench = Bench::with_bundle();
    bench.succeed(&["protect", "digits.bundle", "--key", "a.key"]);
    bench.succeed(&["keygen", "-o", "other.key"]);
    let enroll = ["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "x", "--embeddings", "probes.npy"];
    bench.fail(&enroll, &["digits.bundle: the templates are protected by a key", "--reveal"]);
    bench.fail(&["simulate", "digits.bundle", "probes.npy"], &["the templates are protected by a key"]);
    bench.fail(&["protect", "digits.bundle", "--key", "b.key"], &["it is protected already: give its key"]);
    bench.fail(
        &["protect", "digits.bundle", "--old-key", "other.key", "--key", "b.key"],
        &["digits.bundle: ", "the key that it was protected with"],
    );
    bench.fail(
        &["protect", "digits.bundle", "--old-key", "a.key", "--key", "model.toml"],
        &["model.toml: this is no key"],
    );
}
