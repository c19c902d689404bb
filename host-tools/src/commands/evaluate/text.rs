//! The figures for people.

use super::super::output::percent;
use super::Source;
use super::json::unit;
use cognate_host::evaluation::groups::{Groups, Ratio};
use cognate_host::evaluation::interval::Interval;
use cognate_host::evaluation::{AtFmr, Evaluation, Identification, Side};
use cognate_host::thresholds::fraction;
use std::fmt::Write;

/// All of it.
pub fn text(source: &Source, evaluation: &Evaluation) -> String {
    let parts = [
        head(source, evaluation),
        overview(evaluation),
        thresholds(evaluation),
        in_use(source, evaluation),
        identification(&evaluation.device),
        evaluation.device.groups.iter().map(|found| groups(found, &evaluation.device)).collect(),
        parity(evaluation),
        losses(evaluation),
    ];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn head(source: &Source, evaluation: &Evaluation) -> String {
    let (embeddings, verification) = (&source.embeddings, &evaluation.float.verification);
    let pairs = (verification.genuine_pairs + verification.impostor_pairs) as f64;
    format!(
        "{}: {} samples of {} subjects, {} elements\n{} genuine and {} impostor pairs, each scored; {} million a second\n",
        source.name.display(),
        grouped(embeddings.len() as u64),
        grouped(embeddings.labels().by_subject().len() as u64),
        embeddings.dimension(),
        grouped(verification.genuine_pairs),
        grouped(verification.impostor_pairs),
        (pairs / evaluation.float.scores.took.as_secs_f64().max(1e-9) / 1e6).round(),
    )
}

/// The two paths side by side.
fn overview(evaluation: &Evaluation) -> String {
    let sides = [&evaluation.float, &evaluation.device];
    let mut text = format!("{:<24}{:<36}on the device, {}\n", "", "in f32", evaluation.device.rows.form());
    let mut row = |name: &str, value: &dyn Fn(&Side) -> String| {
        let [float, device] = sides.map(value);
        writeln!(text, "{name:<24}{float:<36}{device}").expect("a string takes it");
    };
    row("equal error rate", &|side| {
        with_interval(side.verification.eer.interpolated, side.intervals.as_ref().map(|found| found.eer))
    });
    row("area under the ROC", &|side| format!("{:.6}", side.verification.auc));
    row("d′", &|side| format!("{:.3}", side.verification.d_prime));
    row("first among all", &|side| {
        side.identification
            .as_ref()
            .map_or_else(|| "no probes".to_owned(), |found| with_interval(found.cmc[0], Some(found.rank1_interval)))
    });
    text
}

/// The thresholds of both paths, and what they cost.
fn thresholds(evaluation: &Evaluation) -> String {
    let mut text = format!("{:<24}{:<36}{}\n", "one false match in", "threshold, FNMR", "threshold, FNMR");
    let places = 0..evaluation.float.verification.at_fmr.len();
    for place in places {
        let [float, device] = [&evaluation.float, &evaluation.device].map(|side| {
            let at = &side.verification.at_fmr[place];
            let interval = side.intervals.as_ref().map(|found| found.fnmr_at_fmr[place]);
            format!("{}  {}", score(at.threshold, side), with_interval(at.fnmr(), interval))
        });
        let at = &evaluation.float.verification.at_fmr[place];
        if at.is_supported() {
            writeln!(text, "{:<24}{float:<36}{device}", one_in(at)).expect("a string takes it");
        } else {
            let (needed, found) = (grouped(at.needed()), grouped(at.impostor_pairs));
            writeln!(text, "{:<24}needs {needed} impostor pairs, and there are {found}", one_in(at))
                .expect("a string takes it");
        }
    }
    let note = match &evaluation.float.intervals {
        Some(found) => format!(
            "intervals: 95 %, {} subjects drawn anew {} times; the first by what is exact for {} independent probes\n",
            found.subjects,
            found.replicates,
            evaluation.float.identification.as_ref().map_or(0, |found| found.probes),
        ),
        None => String::new(),
    };
    text + &note
}

fn in_use(source: &Source, evaluation: &Evaluation) -> String {
    let Some(at) = super::in_use(source, evaluation) else { return String::new() };
    format!(
        "the bundle's threshold, {}, for one false match in {}: here FMR {}, FNMR {}\n",
        score(at.threshold, &evaluation.device),
        one_in(&at),
        with_interval(at.fmr(), Some(at.fmr_interval())),
        with_interval(at.fnmr(), Some(at.fnmr_interval())),
    )
}

/// Strangers and those enrolled, by gallery.
fn identification(side: &Side) -> String {
    let Some(Identification { probes, subjects, by_threshold, .. }) = &side.identification else {
        return String::new();
    };
    let mut text = format!(
        "identification on the device, {} probes among up to {} subjects: strangers who are taken for\n\
         somebody (FPIR; by FMR: if all were equally alike), and those enrolled who are refused or not first (FNIR)\n",
        grouped(*probes as u64),
        grouped(*subjects as u64),
    );
    // What pairs do not support, identification does not either.
    for (at, _) in by_threshold.iter().zip(&side.verification.at_fmr).filter(|(_, at)| at.is_supported()) {
        writeln!(text, "  threshold {}", score(at.threshold, side)).expect("a string takes it");
        for gallery in &at.by_gallery {
            writeln!(
                text,
                "{:>12} enrolled  FPIR {:>9}  by FMR {:>9}  FNIR {:>9}{}",
                grouped(gallery.subjects as u64),
                percent(gallery.fpir),
                percent(gallery.fpir_by_formula),
                percent(gallery.fnir),
                if gallery.is_within_data { "" } else { "  more than there are: drawn with replacement" },
            )
            .expect("a string takes it");
        }
    }
    text
}

fn groups(found: &Groups, side: &Side) -> String {
    let at = found.groups.first().map(|group| group.at);
    let mut text = format!(
        "by `{}`, at the threshold {} on the device\n{:>20}  {:>8}  {:>8}  {:>28}  {:>28}\n",
        found.column,
        at.map_or_else(String::new, |at| score(at.threshold, side)),
        "",
        "subjects",
        "samples",
        "FMR",
        "FNMR",
    );
    for group in &found.groups {
        let rate = |pairs: u64, rate: f64, interval: Interval| {
            if pairs == 0 { "no pairs".to_owned() } else { with_interval(rate, Some(interval)) }
        };
        let at = &group.at;
        writeln!(
            text,
            "{:>20}  {:>8}  {:>8}  {:>28}  {:>28}{}",
            group.value,
            group.subjects,
            group.samples,
            rate(at.impostor_pairs, at.fmr(), at.fmr_interval()),
            rate(at.genuine_pairs, at.fnmr(), at.fnmr_interval()),
            group.too_small.as_ref().map_or_else(String::new, |why| format!("  too small to say: {why}")),
        )
        .expect("a string takes it");
    }
    let ratio = |ratio: Option<Ratio>| match ratio {
        Some(Ratio { ratio, interval: Some(Interval { low, high }) }) => format!("{ratio:.2} ({low:.2} to {high:.2})"),
        Some(Ratio { ratio, interval: None }) => format!("{ratio:.2} (too few errors for an interval)"),
        None => "none: a group has no errors".to_owned(),
    };
    let (fmr, fnmr) = (ratio(found.fmr_ratio), ratio(found.fnmr_ratio));
    writeln!(text, "worst to best: FMR {fmr}, FNMR {fnmr}").expect("a string takes it");
    text
}

fn parity(evaluation: &Evaluation) -> String {
    let parity = &evaluation.parity;
    let unit = unit(&evaluation.float);
    let mut text = format!(
        "float against device, {} pairs: scores differ by {:.6} (root mean square), {:.6} at most\n",
        grouped(parity.pairs),
        parity.root_mean_square / unit,
        f64::from(parity.greatest) / unit,
    );
    let flips = evaluation.float.verification.at_fmr.iter().zip(&parity.flips);
    for (at, flips) in flips.filter(|(at, _)| at.is_supported()) {
        writeln!(
            text,
            "  decisions flipped at one false match in {}: {} ({} to refused, {} to accepted)",
            one_in(at),
            grouped(flips.to_refused + flips.to_accepted),
            flips.to_refused,
            flips.to_accepted,
        )
        .expect("a string takes it");
    }
    text
}

fn losses(evaluation: &Evaluation) -> String {
    let Some(found) = &evaluation.losses else { return String::new() };
    let values = [
        ("contrastive", found.contrastive),
        ("triplet", found.triplet),
        ("N-pair", found.n_pair),
        ("NT-Xent", found.nt_xent),
        ("debiased", found.debiased),
        ("alignment", found.alignment),
        ("uniformity", found.uniformity),
    ];
    let values: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    format!("losses of {} samples in f32 (less is better): {}\n", found.samples, values.join(", "))
}

/// A score as people read it.
fn score(score: i32, side: &Side) -> String {
    if side.rows.form().is_cosine() { format!("{:.4}", f64::from(score) / unit(side)) } else { score.to_string() }
}

fn with_interval(rate: f64, interval: Option<Interval>) -> String {
    let decimals = |fraction: f64| format!("{:.2}", fraction * 100.0);
    match interval {
        Some(Interval { low, high }) => format!("{} ({} to {})", percent(rate), decimals(low), decimals(high)),
        None => percent(rate),
    }
}

fn one_in(at: &AtFmr) -> String {
    grouped((1.0 / fraction(at.asked)).round() as u64)
}

/// A number with its thousands apart: `12,968`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
