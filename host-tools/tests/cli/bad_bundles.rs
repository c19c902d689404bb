//! Bundles that cannot be used, and changes that cannot be made.

use crate::model_file::ImageModel;
use crate::support::Bench;
use cognate_host::bundle::Bundle;

/// Every command that reads a bundle, given `bad.bundle`.
fn each_command_fails(bench: &Bench, texts: &[&str]) {
    bench.fail(&["list", "bad.bundle"], texts);
    bench.fail(&["list", "bad.bundle", "--json"], texts);
    bench.fail(&["remove", "bad.bundle", "5"], texts);
    bench.fail(&["simulate", "bad.bundle", "probes.npy"], texts);
    bench.fail(
        &["enroll", "bad.bundle", "--model", "model.onnx", "--subject", "x", "--embeddings", "probes.npy"],
        texts,
    );
}

#[test]
fn bytes_that_are_no_bundle() {
    let bench = Bench::with_bundle();
    let good = bench.read("digits.bundle");
    each_command_fails(&bench, &["bad.bundle: there is no such file, or it is a link to none: check the path"]);
    bench.write("bad.bundle", b"PK\x03\x04 something else entirely");
    each_command_fails(&bench, &["bad.bundle: this is not a cognate bundle: write one with `cognate export`"]);
    bench.write("bad.bundle", &good[..good.len() - 1]);
    each_command_fails(&bench, &["bad.bundle: the bundle is cut short", "copy it again"]);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    bench.write("bad.bundle", &flipped);
    each_command_fails(&bench, &["bad.bundle: the bundle is damaged, checksum", "copy it again"]);
    let mut version = good;
    version[8] = 1;
    bench.write("bad.bundle", &version);
    each_command_fails(
        &bench,
        &["bad.bundle: the bundle has format version 1, this program reads 2", "export it again"],
    );
}

#[test]
fn a_real_bundle_cut_or_flipped_anywhere_is_refused() {
    let bytes = Bench::with_bundle().read("digits.bundle");
    for length in 0..bytes.len() {
        assert!(Bundle::parse(&bytes[..length]).is_err(), "{length} of {} bytes were accepted", bytes.len());
    }
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0xff;
        assert!(Bundle::parse(&flipped).is_err(), "byte {place} was flipped, and accepted");
    }
}

#[test]
fn a_bundle_of_another_model() {
    let bench = Bench::with_bundle();
    bench.write("other.onnx", &ImageModel { first_weight: 0.25, ..ImageModel::default() }.bytes());
    bench.write("other.toml", &bench.read("model.toml"));
    bench.fail(
        &["enroll", "digits.bundle", "--model", "other.onnx", "--subject", "x", "a.png", "b.png"],
        &["digits.bundle: the bundle is of model ", "use the model that it was exported with"],
    );
    let manifest = bench.manifest("digits", 5..6, 3);
    bench.succeed(&["encode", "other.onnx", &manifest, "-o", "other.npy"]);
    bench.fail(&["simulate", "digits.bundle", "other.npy"], &["other.npy: the embeddings were made by model "]);
    bench.fail(
        &["simulate", "digits.bundle", "probes.npy", "--enrolled", "other.npy"],
        &["other.npy: the embeddings were made by model "],
    );
}

#[test]
fn subjects_that_cannot_be_changed() {
    let bench = Bench::with_bundle();
    let enroll = ["enroll", "digits.bundle", "--model", "model.onnx", "--embeddings", "enroll.npy", "--subject"];
    bench.fail(&[&enroll[..], &["5"]].concat(), &["digits.bundle: a subject with the name `5` is enrolled", "--add"]);
    bench.fail(&[&enroll[..], &["7", "--add"]].concat(), &["no subject with the name `7` is enrolled"]);
    bench.fail(&[&enroll[..], &[" "]].concat(), &["a subject needs a name"]);
    bench.fail(
        &["remove", "digits.bundle", "9"],
        &["digits.bundle: no subject with the name `9` is enrolled", "cognate list"],
    );
    bench.fail(&["remove", "digits.bundle", "--id", "5"], &["no subject with id 5 is enrolled"]);
}

#[test]
fn nobody_to_compare_with() {
    let bench = Bench::with_bundle();
    bench.succeed(&["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "empty.bundle"]);
    bench.fail(
        &["simulate", "empty.bundle", "probes.npy"],
        &["empty.bundle: nobody is enrolled in it", "cognate enroll"],
    );
}

#[test]
fn usage_errors_have_their_own_code() {
    let bench = Bench::with_bundle();
    for arguments in [
        &["remove", "digits.bundle"][..],
        &["remove", "digits.bundle", "5", "--id", "1"],
        &["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "x"],
        &["encode", "model.onnx"],
        &["calibrate", "digits.npy", "--enroll", "0", "--fmr", "0.1", "-o", "x.json"],
        &["calibrate", "digits.npy", "--enroll", "1", "--fmr", "1.5", "-o", "x.json"],
        &["frobnicate"],
    ] {
        assert_eq!(bench.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
