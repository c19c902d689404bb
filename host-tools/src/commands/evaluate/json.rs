//! The figures as one JSON object. The figures of the float path are at the top, those of the device in `device`; every rate is a
//! fraction, a threshold a cosine or, where distances are measured, minus a squared distance in steps of the code.

use super::Source;
use cognate_host::evaluation::bootstrap::Intervals;
use cognate_host::evaluation::groups::{Group, Groups, Ratio};
use cognate_host::evaluation::identification::AtThreshold;
use cognate_host::evaluation::interval::Interval;
use cognate_host::evaluation::verification::Moments;
use cognate_host::evaluation::{AtFmr, COSINE_ONE, Evaluation, Identification, Side};
use cognate_host::thresholds::fraction;
use serde_json::{Map, Value, json};

/// The object.
pub fn object(source: &Source, evaluation: &Evaluation) -> Value {
    let embeddings = &source.embeddings;
    let mut object = json!({
        "source": source.name.display().to_string(),
        "samples": embeddings.len(),
        "subjects": embeddings.labels().by_subject().len(),
        "dimension": embeddings.dimension(),
    });
    let side = side(&evaluation.float);
    let top = object.as_object_mut().into_iter();
    top.for_each(|top| top.extend(side.as_object().cloned().unwrap_or_default()));
    object["device"] = self::side(&evaluation.device);
    object["device"]["template"] = json!({
        "dimension": evaluation.device.rows.dimension(),
        "form": source.coder.space().form.to_string(),
    });
    if let Some(in_use) = super::in_use(source, evaluation) {
        object["device"]["bundle_threshold"] = at_fmr(&in_use, &evaluation.device);
    }
    object["float_against_device"] = parity(evaluation);
    object["losses"] = json!(evaluation.losses);
    object
}

/// The figures of one path.
fn side(side: &Side) -> Value {
    let verification = &side.verification;
    let by_rate = |value: &dyn Fn(usize, &AtFmr) -> Value| {
        let entry = |(place, at): (usize, &AtFmr)| (rate_key(at), value(place, at));
        Value::Object(verification.at_fmr.iter().enumerate().map(entry).collect::<Map<_, _>>())
    };
    let pairs = verification.genuine_pairs + verification.impostor_pairs;
    let intervals = side.intervals.as_ref();
    let identification = side.identification.as_ref();
    json!({
        "genuine_pairs": verification.genuine_pairs,
        "impostor_pairs": verification.impostor_pairs,
        "pairs_per_second": pairs as f64 / side.scores.took.as_secs_f64().max(1e-9),
        "eer": verification.eer.interpolated,
        "eer_nearest_threshold": verification.eer.nearest,
        "eer_interval": intervals.map(|found| interval(found.eer)),
        "auc": verification.auc,
        "auc_interval": intervals.map(|found| interval(found.auc)),
        "d_prime": verification.d_prime,
        "genuine_scores": moments(verification.genuine, side),
        "impostor_scores": moments(verification.impostor, side),
        "fnmr_at_fmr": by_rate(&|_, at| json!(at.fnmr())),
        "threshold_at_fmr": by_rate(&|_, at| json!(shown(at.threshold, side))),
        "at_fmr": by_rate(&|place, at| with_intervals(at, place, intervals, side)),
        "bootstrap": intervals.map(|found| json!({ "subjects": found.subjects, "replicates": found.replicates })),
        "rank1": identification.map(|found| found.cmc[0]),
        "identification": identification.map(|found| self::identification(found, side)),
        "groups": side.groups.iter().map(|found| groups(found, side)).collect::<Vec<_>>(),
    })
}

fn with_intervals(at: &AtFmr, place: usize, intervals: Option<&Intervals>, side: &Side) -> Value {
    let mut value = at_fmr(at, side);
    value["fnmr_interval_over_subjects"] = json!(intervals.map(|found| interval(found.fnmr_at_fmr[place])));
    value["fmr_interval_over_subjects"] = json!(intervals.map(|found| interval(found.fmr[place])));
    value
}

fn at_fmr(at: &AtFmr, side: &Side) -> Value {
    json!({
        "fmr_asked": fraction(at.asked),
        "threshold": shown(at.threshold, side),
        "raw_threshold": at.threshold,
        "fmr": at.fmr(),
        "false_matches": at.false_matches,
        "fmr_interval_exact": interval(at.fmr_interval()),
        "fnmr": at.fnmr(),
        "false_non_matches": at.false_non_matches,
        "fnmr_interval_exact": interval(at.fnmr_interval()),
        "supported": at.is_supported(),
        "impostor_pairs_needed": at.needed(),
    })
}

fn identification(found: &Identification, side: &Side) -> Value {
    json!({
        "probes": found.probes,
        "subjects": found.subjects,
        "cmc": found.cmc,
        "rank1_interval_exact": interval(found.rank1_interval),
        "by_threshold": found.by_threshold.iter().map(|at| open_set(at, side)).collect::<Vec<_>>(),
    })
}

fn open_set(at: &AtThreshold, side: &Side) -> Value {
    let by_gallery = at.by_gallery.iter().map(|at| {
        json!({
            "subjects": at.subjects,
            "fpir": at.fpir,
            "fpir_by_formula": at.fpir_by_formula,
            "fnir": at.fnir,
            "within_data": at.is_within_data,
        })
    });
    json!({
        "threshold": shown(at.threshold, side),
        "fmr_of_subjects": at.fmr,
        "by_gallery": by_gallery.collect::<Vec<_>>(),
    })
}

fn groups(found: &Groups, side: &Side) -> Value {
    let ratio = |ratio: Option<Ratio>| {
        ratio.map(|found| json!({ "worst_to_best": found.ratio, "interval": found.interval.map(interval) }))
    };
    let group = |group: &Group| {
        let mut value = at_fmr(&group.at, side);
        value["value"] = json!(group.value);
        value["samples"] = json!(group.samples);
        value["subjects"] = json!(group.subjects);
        value["genuine_pairs"] = json!(group.at.genuine_pairs);
        value["impostor_pairs"] = json!(group.at.impostor_pairs);
        value["too_small"] = json!(group.too_small);
        // A group without pairs of a kind has no rate.
        value["fmr"] = json!((group.at.impostor_pairs > 0).then(|| group.at.fmr()));
        value["fnmr"] = json!((group.at.genuine_pairs > 0).then(|| group.at.fnmr()));
        value
    };
    json!({
        "column": found.column,
        "groups": found.groups.iter().map(group).collect::<Vec<_>>(),
        "fmr_ratio": ratio(found.fmr_ratio),
        "fnmr_ratio": ratio(found.fnmr_ratio),
    })
}

fn parity(evaluation: &Evaluation) -> Value {
    let parity = &evaluation.parity;
    let unit = unit(&evaluation.float);
    let flips = evaluation.float.verification.at_fmr.iter().zip(&parity.flips).map(|(at, flips)| {
        let value = json!({
            "refused_by_device_alone": flips.to_refused,
            "accepted_by_device_alone": flips.to_accepted,
        });
        (rate_key(at), value)
    });
    json!({
        "pairs": parity.pairs,
        "mean_score_difference": parity.mean / unit,
        "root_mean_square_score_difference": parity.root_mean_square / unit,
        "greatest_score_difference": f64::from(parity.greatest) / unit,
        "decisions_flipped": flips.collect::<Map<_, _>>(),
    })
}

fn moments(found: Moments, side: &Side) -> Value {
    json!({ "mean": found.mean / unit(side), "standard_deviation": found.deviation / unit(side) })
}

fn interval(found: Interval) -> Value {
    json!([found.low, found.high])
}

/// What a raw score is divided by to be shown.
pub fn unit(side: &Side) -> f64 {
    if side.rows.form().is_cosine() { f64::from(COSINE_ONE) } else { 1.0 }
}

fn shown(score: i32, side: &Side) -> f64 {
    f64::from(score) / unit(side)
}

/// A rate as people write it: `0.001`.
fn rate_key(at: &AtFmr) -> String {
    fraction(at.asked).to_string()
}
