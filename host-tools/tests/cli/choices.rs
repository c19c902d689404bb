//! What a calibration can choose, all the way to decisions.

use crate::support::{Bench, export};
use serde_json::Value;

fn bench() -> Bench {
    let bench = Bench::with_bundle();
    let cohort = bench.manifest("digits", 8..10, 20);
    bench.succeed(&["encode", "model.onnx", &cohort, "-o", "cohort.npy"]);
    bench
}

/// Calibrates and exports anew, and returns what `list` and `simulate` say.
fn run(bench: &Bench, calibration: &[&str], exported: &[&str]) -> (Value, Vec<Value>) {
    let calibrate = ["calibrate", "calibration.npy", "--enroll", "3", "--fmr", "0.05", "-o", "thresholds.json"];
    bench.succeed(&[&calibrate[..], calibration].concat());
    bench.succeed(&[&export("enroll.npy", "digits.bundle")[..], exported].concat());
    let listed = serde_json::from_str(&bench.succeed(&["list", "digits.bundle", "--json"])).unwrap();
    let printed = bench.succeed(&["simulate", "digits.bundle", "probes.npy", "--json"]);
    (listed, printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn every_choice_reaches_the_decisions() {
    let bench = bench();
    let (plain, decided) = run(&bench, &["--no-comparison"], &[]);
    assert_eq!((&plain["form"], &plain["fusion"]), (&Value::from("full"), &Value::from("max")));
    assert_eq!((&plain["normalization"], &plain["back_end"]), (&Value::Null, &Value::from(false)));
    let shown = |calibration: &[&str], expected: &[(&str, Value)]| {
        let (listed, other) = run(&bench, &[&["--no-comparison"], calibration].concat(), &[]);
        for (name, value) in expected {
            assert_eq!(&listed[*name], value, "{calibration:?}: {name}");
        }
        assert!(other != decided, "{calibration:?} changes nothing");
        assert!(
            bench.succeed(&["list", "digits.bundle"]).contains("identification: false positives at a rate of 10 %")
        );
    };
    shown(&["--form", "norm-limited"], &[("form", "norm-limited".into())]);
    shown(&["--fusion", "mean:2"], &[("fusion", "mean:2".into()), ("calibrated_templates", 3.into())]);
    shown(&["--fusion", "centroid"], &[("fusion", "centroid".into()), ("calibrated_templates", 1.into())]);
    shown(&["--back-end", "mean"], &[("back_end", true.into()), ("dimension", 16.into())]);
    shown(&["--back-end", "pca:3"], &[("dimension", 3.into()), ("embedding_dimension", 16.into())]);
    let cohort = ["--normalize", "as:2", "--cohort", "cohort.npy"];
    shown(&cohort, &[("normalization", "as:2".into()), ("cohort", 2.into())]);
    let euclidean = bench.succeed(&["list", "digits.bundle"]);
    assert!(euclidean.contains("normalized by as:2 against a cohort of 2"), "{euclidean}");
    let (listed, _) = run(&bench, &["--no-comparison", "--form", "euclidean"], &["--margin", "100"]);
    assert!(listed["form"].as_str().unwrap().starts_with("Euclidean") && listed["margin"] == 100, "{listed}");
    assert!(listed["thresholds"][0]["threshold"].as_i64().unwrap() < -100, "squared distances: {listed}");
}

#[test]
fn layout_and_filter_change_no_decision() {
    let bench = bench();
    let arguments = ["--no-comparison", "--form", "norm-limited"];
    let (_, plain) = run(&bench, &arguments, &[]);
    for layout in ["pairs", "lanes", "halfwords"] {
        let (listed, decided) = run(&bench, &arguments, &["--layout", layout]);
        assert_eq!(listed["layout"], Value::from(layout));
        assert!(decided == plain, "{layout}");
    }
    let (listed, decided) = run(&bench, &arguments, &["--filter"]);
    assert_eq!(listed["filter"], Value::from(true));
    for (filtered, whole) in decided.iter().zip(&plain) {
        assert_eq!((&filtered["verdict"], &filtered["own_score"]), (&whole["verdict"], &whole["own_score"]));
        let known = whole["verdict"] == "known";
        assert!(!known || (&filtered["subject"], &filtered["score"]) == (&whole["subject"], &whole["score"]));
        assert!(known || filtered["subject"].is_null(), "nobody is named who is not known: {filtered}");
    }
}

#[test]
fn close_calls_are_ambiguous_where_a_margin_is_asked_for() {
    let bench = bench();
    let (_, plain) = run(&bench, &["--no-comparison"], &[]);
    let (_, careful) = run(&bench, &["--no-comparison"], &["--margin", "0.1"]);
    let count = |decided: &[Value], verdict: &str| decided.iter().filter(|line| line["verdict"] == verdict).count();
    assert_eq!(count(&plain, "ambiguous"), 0);
    let ambiguous = count(&careful, "ambiguous");
    assert!(ambiguous > 0 && count(&careful, "known") + ambiguous == count(&plain, "known"), "{ambiguous}");
    assert_eq!(careful.last().unwrap()["summary"]["ambiguous"], Value::from(ambiguous));
    for line in careful.iter().filter(|line| line["verdict"] == "ambiguous") {
        let ahead = line["score"].as_i64().unwrap() - line["runner_up_score"].as_i64().unwrap();
        assert!(ahead < 838_861, "{line}");
    }
}

#[test]
fn back_ends_are_compared_on_subjects_that_they_were_not_fitted_on() {
    let bench = bench();
    let calibrate = ["calibrate", "calibration.npy", "--enroll", "3", "--fmr", "0.1", "-o", "thresholds.json"];
    let output = bench.run(&[&calibrate[..], &["--back-end", "pca:4"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    for row in [
        "      none        16  ",
        "      mean        16  ",
        "     pca:4         4  ",
        "       lda         1  ",
        "      wccn        16  ",
    ] {
        assert!(text.contains(row), "{row}: {text}");
    }
    // The model of these tests brings embeddings to unit length.
    let warning = "warning: every embedding has unit length, and a back end is best fitted on what the encoder gave";
    assert!(String::from_utf8(output.stderr).unwrap().starts_with(warning));
    let thresholds: Value = serde_json::from_slice(&bench.read("thresholds.json")).unwrap();
    let eers: Vec<f64> =
        thresholds["back_ends"].as_array().unwrap().iter().map(|entry| entry["eer"].as_f64().unwrap()).collect();
    assert!(eers.len() == 7 && eers.iter().all(|eer| *eer > 0.0 && *eer < 0.6), "{eers:?}");
}

#[test]
fn choices_that_cannot_be() {
    let bench = bench();
    let calibrate = |more: &[&'static str]| {
        let first = ["calibrate", "calibration.npy", "--enroll", "3", "--fmr", "0.05", "-o", "out.json"];
        [&first[..], more].concat()
    };
    for (more, text) in [
        (&["--back-end", "svd"][..], "a back end is none, mean, wccn, pca, whiten or lda"),
        (&["--form", "half"], "a form is full, norm-limited or euclidean"),
        (&["--fusion", "mean:9"], "a fusion is max, centroid, or mean:K"),
        (&["--normalize", "q", "--cohort", "cohort.npy"], "a normalization is z, t, s, or as:N"),
        (&["--normalize", "z"], "--cohort"),
        (&["--cohort", "cohort.npy"], "--normalize"),
    ] {
        let output = bench.run(&calibrate(more));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.contains(text), "{more:?}: {errors}");
    }
    let of_calibration = "`0` is among those to calibrate on";
    bench
        .fail(&calibrate(&["--normalize", "t", "--cohort", "calibration.npy"]), &["calibration.npy: ", of_calibration]);
    bench.fail(&calibrate(&["--back-end", "pca:17"]), &["calibration.npy: 17 dimensions are asked for"]);
    bench.fail(&calibrate(&["--back-end", "lda:4"]), &["4 dimensions are asked for, and this data gives "]);
    bench.write_embeddings("one", 16, &[1.0; 16], &[]);
    bench.fail(&calibrate(&["--normalize", "t", "--cohort", "one.npy"]), &["the cohort has 1 members"]);
    let exported = export("enroll.npy", "out.bundle");
    bench
        .fail(&[&exported[..], &["--margin", "2000"]].concat(), &["--margin 2000: a margin is a difference of scores"]);
    run(&bench, &["--no-comparison", "--back-end", "pca:5"], &[]);
    let uneven = "out.bundle: codes of 5 elements cannot lie as pairs";
    bench.fail(&[&exported[..], &["--layout", "pairs"]].concat(), &[uneven, "use the layout rows"]);
    bench.fail(&[&exported[..], &["--filter"]].concat(), &["out.bundle: a filter is for cosines of dimensions"]);
}

#[test]
fn a_gallery_grows_only_as_far_as_its_thresholds_reach() {
    let bench = Bench::with_bundle();
    let strict = ["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "strict.bundle"];
    bench.succeed(&strict);
    let samples = |axis: usize| -> Vec<f32> {
        (0..32).map(|place| if place % 16 == axis { 1.0 } else { 0.01 * (place % 7) as f32 }).collect()
    };
    bench.write_embeddings("five", 16, &samples(5), &[]);
    bench.write_embeddings("six", 16, &samples(6), &[]);
    let enroll = ["enroll", "strict.bundle", "--model", "model.onnx", "--subject"];
    bench.succeed(&[&enroll[..], &["5", "--embeddings", "five.npy"]].concat());
    let too_many =
        "strict.bundle: there is no threshold for a false-positive identification rate of 1 % with 2 subjects";
    bench.refuse(&[&enroll[..], &["6", "--embeddings", "six.npy"]].concat(), &[too_many]);
    assert!(bench.succeed(&["list", "strict.bundle"]).contains("  5\n"));
}
