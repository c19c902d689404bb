//! Encoders trained by the command, and what it refuses. In `.ci/run` alone, since the trainer takes minutes to compile.

use crate::support::Bench;
use cognate_host::npy::matrix_bytes;
use image::{GrayImage, Luma};
use serde_json::Value;
use std::time::{Duration, Instant};

/// What makes a run short.
const SHORT: [&str; 10] = ["--steps", "12", "--warm-up", "2", "--width", "4", "--dimension", "8", "--look-every", "4"];

/// A folder of subjects with six samples each: bars at places of their own, on 12 × 12 pixels.
fn bars(bench: &Bench, subjects: usize) {
    for subject in 0..subjects {
        for sample in 0..6 {
            picture(bench, &format!("bars/s{subject:02}/{sample}.png"), subject, sample, 12);
        }
    }
}

fn picture(bench: &Bench, name: &str, subject: usize, sample: u32, side: u32) {
    let gray = |x: u32, y: u32| {
        let across = if subject.is_multiple_of(2) { x } else { y };
        let is_bar = across == subject as u32 / 2 + 1;
        Luma([if is_bar { 150 + 15 * sample as u8 } else { (7 * (x + sample) % 20) as u8 }])
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    GrayImage::from_fn(side, side, gray).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bench.write(name, &bytes.into_inner());
}

fn arguments<'a>(output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "bars", "-o", output], &SHORT[..], more].concat()
}

fn text_of(bench: &Bench, file: &str) -> String {
    String::from_utf8(bench.read(file)).unwrap()
}

#[test]
fn a_trained_encoder_is_one_like_others() {
    let bench = Bench::new();
    bars(&bench, 12);
    let losses = ["contrastive", "triplet", "n-pair", "nt-xent", "supervised", "debiased"];
    for loss in losses {
        let text = bench.succeed(&arguments("bars.onnx", &["--loss", loss, "--json"]));
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["steps"], 12);
        assert_eq!(result["looks"].as_array().unwrap().len(), 3);
        let recipe = &result["recipe"];
        assert!(recipe["loss"].as_str().unwrap().to_lowercase().starts_with(&loss[..5]), "{recipe}");
        assert_eq!((&recipe["seed"], &recipe["held_out_count"]), (&"1".into(), &"12".into()));
        assert_eq!(recipe["labeled_values_sha256"].as_str().unwrap().len(), 64);
        let onnx = bench.read("bars.onnx");
        let digest = recipe["labels_sha256"].as_str().unwrap().as_bytes();
        assert!(onnx.windows(64).any(|window| window == digest), "the recipe is not in the file");
        assert!(!bench.path("bars.checkpoint").exists());
        let page = text_of(&bench, "bars.html");
        assert_eq!(page.matches("<figure>").count(), 4, "loss, error rate, and the embeddings before and after");
        assert!(
            page.contains("<h1>bars.onnx</h1>") && page.contains(recipe["labeled_values_sha256"].as_str().unwrap())
        );
    }
    bench.succeed(&["encode", "bars.onnx", "bars", "-o", "embeddings.npy"]);
    let report = bench.succeed(&["quantize", "bars.onnx", "bars", "-o", "bars.encoder", "--force", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["macs"].as_u64().unwrap() > 0);
}

#[test]
fn a_budget_is_kept_and_arrays_are_trained_on_without_labels() {
    let bench = Bench::new();
    let values: Vec<f32> = (0..80 * 64).map(|index| ((index * index) as f32 * 0.37).sin()).collect();
    bench.write("series.npy", &matrix_bytes(&values, 64));
    let run = |family| {
        let budget = ["--max-weights", "6kB", "--max-ram", "2KiB", "--max-mmacs", "0.05", "--family", family];
        let run = ["train", "series.npy", "-o", "series.onnx", "--steps", "2", "--dimension", "16", "--head", "pool"];
        let loss = ["--loss", "nt-xent", "--temperature", "0.3", "--mixup", "0.6", "--augment", "none", "--json"];
        let result: Value = serde_json::from_str(&bench.succeed(&[&run[..], &loss, &budget].concat())).unwrap();
        let of = |name: &str| result[name].as_u64().unwrap();
        assert!(of("weight_bytes") <= 6000 && of("ram_bytes") <= 2048 && of("macs") <= 50_000, "{result}");
        assert!(of("weight_bytes") > 1500, "{family} is far from the budget: {result}");
        assert_eq!(result["held_out_eer"], Value::Null);
        let page = text_of(&bench, "series.html");
        assert_eq!(page.matches("<figure>").count(), 3, "nobody is held out, so that there is no error rate");
        assert!(page.contains("of samples it was trained on"));
    };
    ["plain", "ds-cnn", "mobilenet-v2", "resnet"].into_iter().for_each(run);
    bench.succeed(&["encode", "series.onnx", "series.npy", "-o", "embeddings.npy"]);
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bytes() {
    let bench = Bench::new();
    bars(&bench, 12);
    let long = ["--steps", "200", "--patience", "100", "--look-every", "2"];
    let call = |output, more: &[&'static str]| {
        let short = SHORT.iter().skip(2).take(6);
        ["train", "bars", "-o", output]
            .into_iter()
            .chain(short.copied())
            .chain(long)
            .chain(more.iter().copied())
            .collect()
    };
    let whole: Vec<&str> = call("whole.onnx", &[]);
    bench.succeed(&whole);
    let cut: Vec<&str> = call("cut.onnx", &[]);
    let mut running = bench.command(env!("CARGO_BIN_EXE_cognate")).args(&cut).arg("--quiet").spawn().unwrap();
    let begin = Instant::now();
    while !bench.path("cut.checkpoint").exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(2));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(!bench.path("cut.onnx").exists(), "it was done before it was killed");
    // What is there is not written over.
    bench.fail(&cut, &["cut.checkpoint", "--resume"]);
    let other: Vec<&str> = call("cut.onnx", &["--resume", "--seed", "2"]);
    bench.fail(&other, &["another run", "seed was 1 and is 2"]);
    let go_on: Vec<&str> = call("cut.onnx", &["--resume"]);
    bench.succeed(&go_on);
    assert!(bench.read("cut.onnx") == bench.read("whole.onnx"), "the run went on to another encoder");
    let page = text_of(&bench, "cut.html").replace("cut.onnx", "whole.onnx");
    assert!(page == text_of(&bench, "whole.html"), "its page is of another run");
    assert!(!bench.path("cut.checkpoint").exists());
    bench.fail(&go_on, &["cut.checkpoint", "nothing to resume"]);
    let mut damaged = b"cognate checkpoint 2\n".to_vec();
    damaged.extend_from_slice(&[0; 200]);
    bench.write("cut.checkpoint", &damaged);
    bench.fail(&go_on, &["damaged"]);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_leaves_the_last_good_checkpoint() {
    let bench = Bench::new();
    bars(&bench, 12);
    let wild =
        ["train", "bars", "-o", "wild.onnx", "--steps", "12", "--width", "4", "--rate", "5e19", "--look-every", "1"];
    let output = bench.run(&wild);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("the loss is no number any more at step"), "{errors}");
    assert!(errors.contains("is kept in wild.checkpoint") && bench.path("wild.checkpoint").exists(), "{errors}");
    assert!(!bench.path("wild.onnx").exists());
}

#[test]
#[cfg(unix)]
fn a_full_disk_loses_no_checkpoint() {
    let bench = Bench::new();
    bars(&bench, 12);
    let run = |blocks: &str, more: &[&str]| {
        let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
        let mut command = bench.command("sh");
        command.args(["-c", script, "sh", blocks, env!("CARGO_BIN_EXE_cognate")]).args(arguments("full.onnx", more));
        command.output().unwrap()
    };
    // Files of no bytes: not even the first checkpoint is kept.
    let output = run("0", &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("its checkpoint could not be kept") && errors.contains("full.checkpoint"), "{errors}");
    assert!(!bench.path("full.checkpoint").exists());
    assert_eq!(std::fs::read_dir(bench.path("")).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let bench = Bench::new();
    bars(&bench, 12);
    let fail = |more: &[&'static str], texts: &[&str]| bench.fail(&arguments("x.onnx", more), texts);
    fail(&["--classes", "40"], &["10 classes, but a batch takes 40"]);
    fail(&["--per-class", "9"], &["subject `s", "takes 9 samples of each subject, and it has 6"]);
    fail(&["--per-class", "1"], &["a class needs two samples"]);
    fail(&["--classes", "1"], &["a batch has a single class"]);
    fail(&["--loss", "n-pair", "--per-class", "3"], &["one of pairs", "take 2"]);
    fail(&["--loss", "triplet", "--temperature", "1"], &["--temperature is no parameter of this loss"]);
    fail(&["--temperature=-1"], &["temperature must be above zero"]);
    fail(&["--loss", "debiased", "--prior", "1"], &["prior must be at least 0 and below 1"]);
    fail(&["--mixup", "0.6"], &["--mixup", "--ignore-labels"]);
    fail(&["--ignore-labels", "--mixup", "0.3"], &["mixup must be at least 0.5"]);
    fail(&["--ignore-labels", "--instances", "400"], &["60 instances, but a batch takes 400"]);
    fail(&["--ignore-labels", "--turned"], &["--turned goes with labels"]);
    fail(&["--hold-out", "1"], &["at least two subjects"]);
    fail(&["--hold-out", "12"], &["there are 12"]);
    fail(&["--rate", "0"], &["rate must be above zero"]);
    fail(&["--quantization-aware", "12"], &["--quantization-aware 12", "fewer steps than --steps 12"]);
    bench.fail(&["train", "bars", "-o", "x.onnx", "--max-ram", "100"], &["no encoder of this family", "one channel"]);
    bench.fail(&["train", "bars", "-o", "x.bin"], &[".onnx"]);
    picture(&bench, "bars/s13/0.png", 13, 0, 12);
    fail(&["--hold-out", "0"], &["subject `s13`", "takes 2 samples of each subject, and it has 1"]);
    picture(&bench, "bars/s13/1.png", 13, 0, 14);
    fail(&[], &["s13", "14×14", "12×12", "--resize"]);
}
