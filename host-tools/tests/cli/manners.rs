//! How the command behaves towards people and scripts, and what an interruption or a full disk leaves.

use crate::support::{Bench, export};
use cognate_host::embeddings::Embeddings;
use serde_json::Value;
use std::process::Stdio;

#[test]
fn without_arguments_it_says_what_to_do_first() {
    let text = Bench::new().succeed(&[]);
    assert!(text.contains("cognate inspect face.onnx --write") && text.contains("cognate --help"), "{text}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_apart() {
    let bench = Bench::new();
    for arguments in [&["encode"][..], &["fly"], &["list", "x.bundle", "--colour"]] {
        let output = bench.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    let help = bench.succeed(&["--help"]);
    for line in ["0    done", "1    failed", "2    the command line", "3    refused", "130  interrupted"] {
        assert!(help.contains(line), "{help}");
    }
}

#[test]
fn no_color_reaches_a_file() {
    let bench = Bench::new();
    for arguments in [&["list", "no.bundle"][..], &["--help"], &["fly"]] {
        let output = bench.run(arguments);
        assert!(![output.stdout, output.stderr].concat().contains(&0x1b), "{arguments:?}");
    }
}

#[test]
fn shells_get_a_script_that_knows_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.succeed(&["completions", shell]);
        for command in ["encode", "calibrate", "export", "--no-cache"] {
            assert!(script.contains(command.trim_start_matches('-')), "{shell} does not complete {command}");
        }
    }
}

#[test]
fn every_result_can_be_had_as_json_and_quietly() {
    let bench = Bench::with_model();
    let manifests =
        [("calibration", bench.manifest("calibration", 0..5, 20)), ("digits", bench.manifest("digits", 4..8, 20))];
    let encode = |(name, manifest): &(&str, String)| {
        vec!["encode".to_owned(), "model.onnx".to_owned(), manifest.clone(), "-o".to_owned(), format!("{name}.npy")]
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut calls: Vec<Vec<String>> = vec![words("inspect model.onnx")];
    calls.extend(manifests.iter().map(encode));
    calls.extend(
        [
            "calibrate calibration.npy --enroll 3 --fmr 0.05 -o thresholds.json",
            "split digits.npy --subjects 5,6 --first 3 --enroll-out enroll.npy --probes-out probes.npy",
        ]
        .map(words),
    );
    calls.push(export("enroll.npy", "digits.bundle").map(str::to_owned).to_vec());
    calls.extend(
        [
            "remove digits.bundle 6",
            "split digits.npy --subjects 7 --first 3 --enroll-out seven.npy --probes-out rest.npy",
            "enroll digits.bundle --model model.onnx --subject seven --embeddings seven.npy --force",
            "list digits.bundle",
            "simulate digits.bundle probes.npy",
            "protect digits.bundle --key device.key",
            "protect digits.bundle --old-key device.key --reveal",
            "keygen -o my.key",
            "sign digits.bundle --key my.key --as-version 1",
            "verify digits.bundle --key my.pub",
            "cache",
        ]
        .map(words),
    );
    for call in calls {
        let arguments: Vec<&str> = call.iter().map(String::as_str).chain(["--json", "--quiet"]).collect();
        let output = bench.run(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert!(errors.lines().all(|line| line.starts_with("warning: ")), "{arguments:?} is not quiet: {errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        let objects = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        let objects: Vec<Value> =
            objects.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert!(!objects.is_empty() && objects.iter().all(Value::is_object), "{arguments:?}: {text}");
    }
}

/// How many embeddings a run had from the cache.
fn from_cache(bench: &Bench, arguments: &[&str]) -> u64 {
    let printed = bench.succeed(&[arguments, &["--json"]].concat());
    serde_json::from_str::<Value>(&printed).unwrap()["from_cache"].as_u64().unwrap()
}

#[test]
fn a_second_run_encodes_nothing_and_models_do_not_mix() {
    let bench = Bench::with_model();
    let (few, all) = (bench.manifest("digits", 4..5, 20), bench.manifest("calibration", 0..5, 20));
    let encode = |manifest| ["encode", "model.onnx", manifest, "-o", "out.npy"];
    assert_eq!(from_cache(&bench, &encode(&few)), 0);
    assert_eq!(from_cache(&bench, &encode(&few)), 20);
    assert_eq!(from_cache(&bench, &[&encode(&few)[..], &["--no-cache"]].concat()), 0);
    let first = bench.read("out.npy");
    assert_eq!(from_cache(&bench, &encode(&all)), 0);
    // A change of the preprocessing alone makes another model.
    let preprocessing = String::from_utf8(bench.read("model.toml")).unwrap();
    bench.write("model.toml", preprocessing.replace("mean = [0.0]", "mean = [0.5]").as_bytes());
    assert_eq!(from_cache(&bench, &encode(&few)), 0);
    assert_ne!(bench.read("out.npy"), first);
    bench.write("model.toml", preprocessing.as_bytes());

    let listed: Value = serde_json::from_str(&bench.succeed(&["cache", "--json"])).unwrap();
    assert_eq!(listed["models"].as_array().unwrap().len(), 2);
    bench.succeed(&["cache", "--clear", "--model", "model.onnx"]);
    assert_eq!(from_cache(&bench, &encode(&few)), 0);
    bench.succeed(&["cache", "--clear"]);
    assert_eq!(std::fs::read_dir(bench.cache()).unwrap().count(), 0);
}

#[test]
fn damage_in_the_cache_is_found() {
    let bench = Bench::with_model();
    let manifest = bench.manifest("digits", 4..5, 20);
    let encode = ["encode", "model.onnx", &manifest, "-o", "out.npy"];
    bench.succeed(&encode);
    let expected = bench.read("out.npy");
    let file = std::fs::read_dir(bench.cache()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.len() - 30;
    bytes[place] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let output = bench.run(&encode);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("warning: ") && errors.contains("1 damaged embeddings in the cache are not used"),
        "{errors}"
    );
    assert!(errors.contains("19 of them from the cache"), "{errors}");
    assert_eq!(bench.read("out.npy"), expected);
}

/// Twenty thousand pictures of noise, enough to be interrupted among.
fn write_noise(bench: &Bench) {
    let count = 20_000;
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, 28, 28), }}");
    header += &" ".repeat(117 - header.len());
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend_from_slice(header.as_bytes());
    let mut chance = fastrand::Rng::with_seed(3);
    bytes.extend((0..count * 28 * 28).map(|_| chance.u8(..)));
    bench.write("noise.npy", &bytes);
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_nothing_and_is_gone_on_from() {
    let bench = Bench::with_model();
    write_noise(&bench);
    let encode = ["encode", "model.onnx", "noise.npy", "-o", "out.npy"];
    for signal in ["INT", "KILL"] {
        let mut command = bench.command(env!("CARGO_BIN_EXE_cognate"));
        let mut running = command.args(encode).stderr(Stdio::null()).spawn().unwrap();
        let before = cached_bytes(&bench);
        while cached_bytes(&bench) < before + 100_000 {
            assert!(running.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            std::thread::yield_now();
        }
        let kill = bench.command("sh").args(["-c", &format!("kill -{signal} {}", running.id())]).status().unwrap();
        assert!(kill.success());
        let status = running.wait().unwrap();
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(by_signal, Some(if signal == "INT" { 2 } else { 9 }), "{status}");
        let mut left: Vec<_> =
            std::fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["model.onnx", "model.toml", "noise.npy"]);
    }
    let found = from_cache(&bench, &encode);
    assert!((1_000..20_000).contains(&found), "{found}");
    let resumed = bench.read("out.npy");
    bench.succeed(&[&encode[..], &["--no-cache"]].concat());
    assert!(bench.read("out.npy") == resumed, "the two runs together give what one gives");
    assert_eq!(Embeddings::read(&bench.path("out.npy"), None).unwrap().len(), 20_000);
}

fn cached_bytes(bench: &Bench) -> u64 {
    let sizes = std::fs::read_dir(bench.cache()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    sizes.sum()
}

/// A disk that is full, as a limit on the size of files: writing beyond it fails in the same way.
#[test]
#[cfg(unix)]
fn a_full_disk_leaves_what_was_there() {
    let bench = Bench::with_model();
    let manifest = bench.manifest("digits", 4..8, 20);
    bench.write("out.npy", b"what was there before");
    let script = format!(
        "trap '' XFSZ; ulimit -f 3; exec {} encode model.onnx {manifest} -o out.npy",
        env!("CARGO_BIN_EXE_cognate")
    );
    let before = std::fs::read_dir(bench.path("")).unwrap().count();
    let output = bench.command("sh").args(["-c", &script]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("warning: ") && errors.contains("the cache keeps nothing"), "{errors}");
    assert!(errors.contains("out.npy: it cannot be written"), "{errors}");
    assert_eq!(bench.read("out.npy"), b"what was there before");
    assert_eq!(std::fs::read_dir(bench.path("")).unwrap().count(), before);
}
