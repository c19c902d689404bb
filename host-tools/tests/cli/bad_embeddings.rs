//! Embeddings and labels that cannot be used.

use crate::support::{Bench, export};

/// Every command that reads embeddings, given `bad.npy`.
fn each_command_fails(bench: &Bench, texts: &[&str]) {
    bench.fail(
        &["split", "bad.npy", "--subjects", "a", "--first", "1", "--enroll-out", "e.npy", "--probes-out", "p.npy"],
        texts,
    );
    bench.fail(
        &["calibrate", "bad.npy", "--enroll", "1", "--fmr", "0.5", "-o", "out.json", "--model", "model.onnx"],
        texts,
    );
    bench.fail(&export("bad.npy", "out.bundle"), texts);
    bench.fail(
        &["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "x", "--embeddings", "bad.npy"],
        texts,
    );
    bench.fail(&["simulate", "digits.bundle", "bad.npy"], texts);
    bench.fail(&["simulate", "digits.bundle", "probes.npy", "--enrolled", "bad.npy"], texts);
}

#[test]
fn embeddings_that_are_no_embeddings() {
    let bench = Bench::with_bundle();
    let good = [1.0f32; 64];
    for (place, value, text) in [
        (0, f32::NAN, "bad.npy: row 0 (counted from 0, bad.npy#0) is NaN or infinite at element 0"),
        (37, f32::INFINITY, "row 2 (counted from 0, bad.npy#2) is NaN or infinite at element 5"),
        (63, f32::NEG_INFINITY, "row 3 (counted from 0, bad.npy#3) is NaN or infinite at element 15"),
    ] {
        let mut values = good;
        values[place] = value;
        bench.write_embeddings("bad", 16, &values, &["a", "a", "b", "b"]);
        each_command_fails(&bench, &[text, "check this sample and the model"]);
    }
    let mut values = good;
    values[16..32].fill(-0.0);
    bench.write_embeddings("bad", 16, &values, &["a", "a", "b", "b"]);
    each_command_fails(&bench, &["bad.npy: row 1 (counted from 0, bad.npy#1) is zero at every element"]);
}

#[test]
fn arrays_and_tables_that_do_not_fit() {
    let bench = Bench::with_bundle();
    bench.fail(&["simulate", "digits.bundle", "missing.npy"], &["missing.npy: there is no such file"]);
    bench.write_embeddings("bad", 16, &[1.0; 64], &["a", "a", "b"]);
    each_command_fails(&bench, &["bad.csv: it has 3 rows where 4 are needed, one for each row of bad.npy"]);
    bench.write_embeddings("bad", 16, &[], &["a"]);
    each_command_fails(&bench, &["bad.npy: it has no embeddings"]);
    bench.write("bad.npy", b"");
    each_command_fails(&bench, &["bad.npy: this is not an .npy file"]);
}

#[test]
fn rows_need_a_subject_where_it_matters() {
    let bench = Bench::with_bundle();
    bench.write_embeddings("bare", 16, &[1.0; 64], &[]);
    let text = "bare.npy: row 0 (counted from 0) has no subject";
    bench.fail(&["calibrate", "bare.npy", "--enroll", "1", "--fmr", "0.5", "-o", "out.json"], &[text, "--labels"]);
    bench.fail(&export("bare.npy", "o.bundle"), &[text]);
    let outcome = bench.succeed(&["simulate", "digits.bundle", "bare.npy", "--json"]);
    assert!(outcome.lines().next().unwrap().contains(r#""label":null"#), "{outcome}");
}

#[test]
fn embeddings_of_another_model_or_dimension() {
    let bench = Bench::with_bundle();
    let table = String::from_utf8(bench.read("probes.csv")).unwrap();
    let digest = table.lines().nth(1).unwrap().split(',').nth(2).unwrap();
    bench.write("bad.npy", &bench.read("probes.npy"));
    bench.write("bad.csv", table.replace(digest, &"0".repeat(32)).as_bytes());
    let texts = [&*format!("bad.npy: the embeddings were made by model {}, not by {digest}", "0".repeat(32))];
    bench.fail(&["simulate", "digits.bundle", "bad.npy"], &texts);
    bench.fail(
        &["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "x", "--embeddings", "bad.npy"],
        &texts,
    );
    bench.fail(
        &["calibrate", "bad.npy", "--enroll", "1", "--fmr", "0.5", "-o", "o.json", "--model", "model.onnx"],
        &texts,
    );
    bench.write_embeddings("short", 15, &[1.0; 60], &["5", "5", "6", "6"]);
    let text = "the embeddings have 15 elements where 16 are expected";
    bench.fail(&["simulate", "digits.bundle", "short.npy"], &["short.npy: ", text]);
    bench.fail(&export("short.npy", "o.bundle"), &["short.npy: ", text]);
    bench.fail(
        &["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "x", "--embeddings", "short.npy"],
        &["digits.bundle: the bundle has templates of 16 elements where the embeddings have 15"],
    );
}

#[test]
fn a_subject_with_one_sample() {
    let bench = Bench::with_bundle();
    bench.write_embeddings("bad", 16, &[1.0; 48], &["a", "a", "b"]);
    let text = "subject `b` has 1 of the at least 2 samples that an enrollment needs";
    bench.fail(&export("bad.npy", "o.bundle"), &["bad.npy: ", text]);
    bench.write_embeddings("one", 16, &[1.0; 16], &[]);
    bench.fail(
        &["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "b", "--embeddings", "one.npy"],
        &["digits.bundle: ", text, "add samples"],
    );
    bench.fail(
        &["calibrate", "bad.npy", "--enroll", "1", "--fmr", "0.5", "-o", "o.json", "--model", "model.onnx"],
        &["bad.npy: subject `b` has 1 samples, and at least 2 are needed"],
    );
}

#[test]
fn splits_that_cannot_be() {
    let bench = Bench::with_bundle();
    let split = |subjects: &str, first: &str, probes: &str, text: &str| {
        bench.fail(
            &[
                "split",
                "digits.npy",
                "--subjects",
                subjects,
                "--first",
                first,
                "--enroll-out",
                "e.npy",
                "--probes-out",
                probes,
            ],
            &[text],
        );
    };
    split("5,42", "1", "p.npy", "digits.npy: it has no subject `42`");
    split("5,5", "1", "p.npy", "names `5` twice");
    split("5", "21", "p.npy", "subject `5` has 20 samples, fewer than the 21 of --first");
    split("4,5,6,7", "20", "p.npy", "nothing is left for probes");
    split("5", "1", "e.npy", "name the same file");
    split("5", "1", "digits.npy", "would destroy an input");
}
