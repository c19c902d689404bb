//! The drawings of an evaluation, each with its numbers. Scores are those of the device, unless a name says otherwise.

use super::figure::{Axis, COLORS, Figure};
use super::groups::groups;
use super::table::Table;
use crate::evaluation::bootstrap::{Intervals, PairSample};
use crate::evaluation::histogram::Histogram;
use crate::evaluation::{COSINE_ONE, Evaluation, PairScores, Rows, Side, Verification};
use crate::thresholds::{fraction, parse_rate};
use cognate::policy::Rate;
use nalgebra::{DMatrix, SymmetricEigen};

/// Bars of the histograms.
const BARS: usize = 80;
/// The most points of the map.
const MOST_POINTS: usize = 1500;

/// A drawing and its numbers.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The name of its files.
    pub name: String,
    /// What it says.
    pub caption: String,
    /// The drawing.
    pub figure: Figure,
    /// The numbers.
    pub table: Table,
}

/// The drawings that this evaluation has numbers for.
#[must_use]
pub fn charts(evaluation: &Evaluation, replicates: u32, seed: u64) -> Vec<Chart> {
    let device = &evaluation.device;
    [
        Some(scores(device)),
        Some(det(evaluation, replicates, seed)),
        cmc(evaluation),
        galleries(device),
        Some(map("map", "Embeddings in two dimensions", &evaluation.float.rows)),
    ]
    .into_iter()
    .flatten()
    .chain(device.groups.iter().filter_map(groups))
    .collect()
}

fn unit(side: &Side) -> f64 {
    if side.rows.form().is_cosine() { f64::from(COSINE_ONE) } else { 1.0 }
}

fn score_axis(side: &Side) -> &'static str {
    if side.rows.form().is_cosine() { "cosine" } else { "minus squared distance, in steps of the code" }
}

/// Genuine and impostor scores, each kind's bars together one.
fn scores(side: &Side) -> Chart {
    let PairScores { genuine, impostor, .. } = &side.scores;
    let unit = unit(side);
    let ends = |counts: &Histogram| {
        let mut counts = counts.counts().map(|(score, _)| score);
        let first = counts.next().unwrap_or(0);
        (first, counts.last().unwrap_or(first))
    };
    let (a, b) = (ends(genuine), ends(impostor));
    let (from, to) = (f64::from(a.0.min(b.0)) / unit, f64::from(a.1.max(b.1)) / unit);
    let step = ((to - from) / BARS as f64).max(f64::MIN_POSITIVE);
    let parts = |counts: &Histogram| {
        let mut bars = vec![0u64; BARS];
        for (score, count) in counts.counts() {
            let place = ((f64::from(score) / unit - from) / step) as usize;
            bars[place.min(BARS - 1)] += count;
        }
        let total = bars.iter().sum::<u64>().max(1) as f64;
        bars.into_iter().map(|count| count as f64 / total).collect::<Vec<f64>>()
    };
    let (genuine, impostor) = (parts(genuine), parts(impostor));
    let highest = genuine.iter().chain(&impostor).copied().fold(0.0, f64::max);
    let mut figure = Figure::new(
        "Scores of genuine and impostor pairs",
        Axis::linear(score_axis(side), from, to),
        Axis::linear("part of the pairs of its kind", 0.0, highest * 1.05).percent(),
    );
    let mut table = Table::new(&["score_from", "score_to", "genuine", "impostor"]);
    let bars = |parts: &[f64]| {
        let bar = |(place, part): (usize, &f64)| (from + place as f64 * step, from + (place + 1) as f64 * step, *part);
        parts.iter().enumerate().map(bar).collect::<Vec<_>>()
    };
    figure.bars(1, "impostor", &bars(&impostor));
    figure.bars(0, "genuine", &bars(&genuine));
    for ((from, to, genuine), impostor) in bars(&genuine).into_iter().zip(&impostor) {
        table.row([from, to, genuine, *impostor].map(|value| value.to_string()));
    }
    let mut caption = "A threshold accepts what lies to its right.".to_owned();
    if let Some(at) = side.verification.at_fmr.iter().find(|at| at.is_supported()) {
        let threshold = f64::from(at.threshold) / unit;
        figure.mark(2, &format!("threshold for FMR {}", at.asked), threshold);
        caption += &format!(
            " The one drawn, {threshold:.4}, takes {} of {} impostor pairs and refuses {} of {} genuine ones.",
            at.false_matches, at.impostor_pairs, at.false_non_matches, at.genuine_pairs
        );
    }
    Chart { name: "scores".to_owned(), caption, figure, table }
}

/// Rates that a band is drawn at: three a decade, as far as the pairs support them.
fn rates_of_band(impostor_pairs: u64) -> Vec<Rate> {
    let decades = 1..=9;
    let rates = decades.flat_map(|decade| ["5", "2", "1"].map(|digit| format!("{digit}e-{decade}")));
    let rates = rates.filter_map(|text| parse_rate(&text).ok());
    rates.take_while(|rate| fraction(*rate) * impostor_pairs as f64 >= 3.0).collect()
}

/// False non-matches by false matches, of both paths, with a band over subjects.
fn det(evaluation: &Evaluation, replicates: u32, seed: u64) -> Chart {
    let sides = [("device", &evaluation.device), ("f32", &evaluation.float)];
    let least = |of: &dyn Fn(&Verification) -> u64| 1.0 / of(&evaluation.device.verification) as f64;
    let decade = |rate: f64| 10f64.powf(rate.log10().floor());
    let (from_x, from_y) = (decade(least(&|all| all.impostor_pairs)), decade(least(&|all| all.genuine_pairs)));
    let mut figure = Figure::new(
        "Detection error tradeoff",
        Axis::logarithmic("false match rate", from_x, 1.0).percent(),
        Axis::logarithmic("false non-match rate", from_y, 1.0).percent(),
    );
    let mut table = Table::new(&["path", "threshold", "fmr", "fnmr", "fnmr_low", "fnmr_high"]);
    let band = (replicates > 0).then(|| band(&evaluation.device, replicates, seed)).flatten();
    if let Some((rates, found)) = &band {
        let bounds = rates.iter().zip(&found.fnmr_at_fmr).rev();
        let bounds: Vec<_> = bounds.map(|(rate, interval)| (fraction(*rate), interval.low, interval.high)).collect();
        figure.band(0, &bounds);
        for &(fmr, low, high) in &bounds {
            let [fmr, low, high] = [fmr, low, high].map(|value| value.to_string());
            table.row(["band".to_owned(), String::new(), fmr, String::new(), low, high]);
        }
    }
    for (color, (name, side)) in sides.into_iter().enumerate() {
        let curve = &side.verification.curve;
        // Where a rate is none, the line leaves the drawing.
        let points: Vec<(f64, f64)> = curve.iter().map(|point| (point.fmr, point.fnmr)).collect();
        figure.line(color, name, &points);
        for point in curve {
            let threshold = f64::from(point.threshold) / unit(side);
            let [threshold, fmr, fnmr] = [threshold, point.fmr, point.fnmr].map(|value| value.to_string());
            table.row([name.to_owned(), threshold, fmr, fnmr, String::new(), String::new()]);
        }
    }
    let caption = match band {
        Some((_, found)) => format!(
            "Lower is better. The band holds 95 % of {} draws of {} subjects, on the device.",
            found.replicates, found.subjects
        ),
        None => "Lower is better.".to_owned(),
    };
    Chart { name: "det".to_owned(), caption, figure, table }
}

fn band(side: &Side, replicates: u32, seed: u64) -> Option<(Vec<Rate>, Intervals)> {
    let rates = rates_of_band(side.verification.impostor_pairs);
    let figures = Verification::new(&side.scores, &rates)?;
    let found = PairSample::of(&side.rows, seed).intervals(&figures, &rates, replicates, seed)?;
    Some((rates, found))
}

/// How far down the list the right subject is.
fn cmc(evaluation: &Evaluation) -> Option<Chart> {
    let (device, float) = (evaluation.device.identification.as_ref()?, evaluation.float.identification.as_ref()?);
    let lowest = device.cmc.iter().chain(&float.cmc).copied().fold(1.0, f64::min);
    let floor = ((lowest - 0.02) * 20.0).floor().max(0.0) / 20.0;
    let mut figure = Figure::new(
        "Cumulative match characteristic",
        Axis::linear("rank", 1.0, device.cmc.len() as f64),
        Axis::linear("probes whose subject is among the first", floor, 1.0).percent(),
    );
    let mut table = Table::new(&["rank", "device", "f32"]);
    let points = |cmc: &[f64]| cmc.iter().zip(1..).map(|(rate, rank)| (f64::from(rank), *rate)).collect::<Vec<_>>();
    figure.line(0, "device", &points(&device.cmc));
    figure.line(1, "f32", &points(&float.cmc));
    for ((rank, device), (_, float)) in points(&device.cmc).into_iter().zip(points(&float.cmc)) {
        table.row([rank, device, float].map(|value| value.to_string()));
    }
    let caption = format!("{} probes, each among {} subjects.", device.probes, device.subjects);
    Some(Chart { name: "cmc".to_owned(), caption, figure, table })
}

/// Strangers who are taken for somebody, by how many are enrolled.
fn galleries(side: &Side) -> Option<Chart> {
    let identification = side.identification.as_ref()?;
    let supported = identification.by_threshold.iter().zip(&side.verification.at_fmr);
    let supported: Vec<_> = supported.filter(|(_, at)| at.is_supported()).collect();
    let sizes: Vec<f64> = supported.first()?.0.by_gallery.iter().map(|at| at.subjects as f64).collect();
    let (first, last) = (*sizes.first()?, *sizes.last()?);
    let values = supported.iter().flat_map(|(at, _)| &at.by_gallery).flat_map(|at| [at.fpir, at.fpir_by_formula]);
    let least = values.filter(|rate| *rate > 0.0).fold(1.0, f64::min);
    let mut figure = Figure::new(
        "Strangers taken for somebody",
        Axis::logarithmic("subjects enrolled", first, last.max(first * 10.0)),
        Axis::logarithmic("FPIR", 10f64.powf(least.log10().floor()).min(0.1), 1.0).percent(),
    );
    let mut table =
        Table::new(&["fmr_asked", "threshold", "subjects", "fpir", "fpir_by_formula", "fnir", "within_data"]);
    for (color, (at, asked)) in supported.iter().enumerate() {
        let drawn: Vec<(f64, f64)> = at.by_gallery.iter().map(|at| (at.subjects as f64, at.fpir)).collect();
        let formula: Vec<(f64, f64)> =
            at.by_gallery.iter().map(|at| (at.subjects as f64, at.fpir_by_formula)).collect();
        figure.line(color, &format!("FMR {}", asked.asked), &drawn);
        figure.points(color, "", &formula);
        for row in &at.by_gallery {
            let threshold = f64::from(at.threshold) / unit(side);
            let rates = [row.fpir, row.fpir_by_formula, row.fnir].map(|value| value.to_string());
            let [fpir, formula, fnir] = rates;
            let head = [fraction(asked.asked).to_string(), threshold.to_string(), row.subjects.to_string()];
            table.row(head.into_iter().chain([fpir, formula, fnir, row.is_within_data.to_string()]));
        }
    }
    let caption = format!(
        "Lines: galleries drawn from these {} subjects, with replacement beyond. Points: 1 − (1 − FMR)^N, as if all were equally \
         alike.",
        identification.subjects
    );
    Some(Chart { name: "fpir".to_owned(), caption, figure, table })
}

/// Embeddings in the plane of their greatest variance.
pub(super) fn map(name: &str, title: &str, rows: &Rows) -> Chart {
    let step = rows.len().div_ceil(MOST_POINTS).max(1);
    let shown: Vec<usize> = (0..rows.len()).step_by(step).collect();
    let points = plane(rows, &shown);
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(of);
        let (least, greatest) = (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max));
        let edge = (greatest - least) * 0.04;
        (least - edge, greatest + edge)
    };
    let ((left, right), (bottom, top)) = (bounds(|point| point.0), bounds(|point| point.1));
    let mut figure =
        Figure::new(title, Axis::linear("first principal component", left, right), Axis::linear("second", bottom, top));
    let mut table = Table::new(&["row", "subject", "x", "y"]);
    for color in 0..COLORS {
        let of_color = shown.iter().zip(&points).filter(|(row, _)| rows.subjects()[**row] as usize % COLORS == color);
        figure.points(color, "", &of_color.map(|(_, point)| *point).collect::<Vec<_>>());
    }
    for (&row, point) in shown.iter().zip(&points) {
        let subject = rows.names()[rows.subjects()[row] as usize].clone();
        table.row([rows.origin(row).to_string(), subject, point.0.to_string(), point.1.to_string()]);
    }
    let caption = format!(
        "{} of {} samples at unit length, in f32, one color a subject, again and again. Two dimensions of {}: what lies apart here is \
         apart, what lies together need not be.",
        shown.len(),
        rows.len(),
        rows.dimension()
    );
    Chart { name: name.to_owned(), caption, figure, table }
}

/// Rows in the plane of their greatest variance (Pearson, 1901).
fn plane(rows: &Rows, shown: &[usize]) -> Vec<(f64, f64)> {
    let dimension = rows.dimension();
    let values = rows.values(0..rows.len());
    let value = |row: usize, column: usize| f64::from(values[shown[row] * dimension + column]);
    let mut centered = DMatrix::from_fn(shown.len(), dimension, value);
    let mean = centered.row_mean();
    centered.row_iter_mut().for_each(|mut row| row -= &mean);
    let eigen = SymmetricEigen::new(centered.transpose() * &centered);
    let mut order: Vec<usize> = (0..dimension).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let along = |place: usize| {
        order.get(place).map_or_else(
            || vec![0.0; shown.len()],
            |&column| (&centered * eigen.eigenvectors.column(column)).iter().copied().collect::<Vec<f64>>(),
        )
    };
    along(0).into_iter().zip(along(1)).collect()
}
