use super::*;

#[test]
fn rates_are_read_exactly() {
    for (text, parts) in [("0.01", 10_000_000), ("1e-3", 1_000_000), ("1", 1_000_000_000), ("1e-9", 1)] {
        assert_eq!(parse_rate(text).unwrap().parts_per_billion(), parts);
    }
    for text in ["0", "-0.1", "1.1", "nan", "inf", "1e-12", "1%", ""] {
        assert!(parse_rate(text).is_err(), "{text}");
    }
}

fn entry(fmr: u32, threshold: i32) -> Entry {
    Entry {
        fmr: Rate::from_parts_per_billion(fmr).unwrap(),
        threshold: Score::from_raw(threshold),
        observed_fmr: 0.009,
        observed_fnmr: 0.02,
        comparisons: 1900,
        genuine_comparisons: 475,
        fmr_upper_bound: Rate::from_parts_per_billion(14_638_972).unwrap(),
        claimed: false,
        cross_validated: None,
        held_out: None,
    }
}

fn thresholds(entries: Vec<Entry>) -> Thresholds {
    let subjects = vec!["a".to_owned(), "b".to_owned()];
    let model = ModelDigest::new([7; 16]);
    let fusion = Fusion::Maximum;
    let back_end = "none".to_owned();
    let source = Source { model, dimension: 4, back_end, fusion, subjects, samples: 9, enroll: 2, draws: 3, seed: 0 };
    let method = cognate::normalization::Method::TNorm;
    let cohort = Some(CohortCodes { method, codes: vec![vec![127, 0, 0, 1], vec![1, 2, 3, 127]] });
    let coder = Coder::new(Space::norm_limited(model), None);
    Thresholds::new(source, Calibration { coder, dimension: 4, cohort, entries }, Vec::new())
}

#[test]
fn a_file_comes_back_with_the_first_rate_as_operating_point() {
    let thresholds = thresholds(vec![entry(1_000_000, 20), entry(10_000_000, 10)]);
    assert_eq!((thresholds.operating_point, thresholds.entries[0].threshold.raw()), (1, 10));
    assert_eq!(Thresholds::parse(thresholds.to_json().as_bytes()).unwrap(), thresholds);
    assert_eq!((thresholds.coder().space().form, thresholds.dimension()), (CodeForm::NormLimited, 4));
    assert_eq!(thresholds.cohort().unwrap().codes[1], [1, 2, 3, 127]);
    assert_eq!(thresholds.index_of(parse_rate("0.01").ok()).unwrap(), 0);
    let error = thresholds.index_of(parse_rate("0.5").ok()).unwrap_err().to_string();
    assert!(error.contains("50 %, only for 1 %, 0.1 %"), "{error}");
}

#[test]
fn edited_files_are_refused() {
    let text = thresholds(vec![entry(10_000_000, 10), entry(1_000_000, 20)]).to_json();
    for (from, to) in [
        ("\"format\": 3", "\"format\": 2"),
        ("\"threshold\": 20", "\"threshold\": 9"),
        ("\"threshold\": 20", "\"threshold\": 20.5"),
        ("\"fusion\": \"max\"", "\"fusion\": \"mean:9\""),
        ("\"method\": \"t\"", "\"method\": \"u\""),
        ("\"operating_point\": 0", "\"operating_point\": 2"),
        ("\"fmr\": 0.01", "\"fmr\": 1.5"),
        ("\"seed\": 0", "\"seed\": 0, \"extra\": 1"),
        ("07070707", "0707070"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Thresholds::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
}
