//! The page.

use super::charts::Chart;
use super::figure::{STYLE, escaped};
use super::hardest::{Hardest, address, picture};
use crate::embeddings::Embeddings;
use crate::evaluation::groups::{Group, Groups, Ratio};
use crate::evaluation::interval::Interval;
use crate::evaluation::{COSINE_ONE, Evaluation, Rows, ScoredPair, Side};
use std::fmt::Write;
use std::path::Path;

/// Readable on a phone, in the dark, and printed.
const PAGE_STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--paper:#fff;--line:#d4d8dd;--card:#f5f7f9}\
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b1;--paper:#12161c;--line:#3a414b;--card:#1b212a}}\
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--line:#ccc;--card:#fff}section,figure{break-inside:avoid}\
.downloads{display:none}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
main{max-width:60rem;margin:0 auto;padding:1rem}\
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
p{margin:.4rem 0}.soft,figcaption{color:var(--soft);font-size:.9rem}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0}\
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}\
.card b{display:block;font-size:1.25rem}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\
th:first-child,td:first-child,.text{text-align:left}\
figure{margin:1rem 0}figure svg{width:100%;height:auto;display:block;border:1px solid var(--line);border-radius:.5rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:0 1rem}\
.pairs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:.6rem}\
.pair{border:1px solid var(--line);border-radius:.5rem;padding:.5rem;font-size:.8rem}\
.pair img{width:6rem;height:6rem;object-fit:contain;background:var(--card);margin-right:.4rem;image-rendering:auto}\
a{color:inherit}";

/// The page of an evaluation. `name` is what was evaluated; the samples' files are looked for in `folder`.
#[must_use]
pub fn page(name: &str, embeddings: &Embeddings, folder: &Path, evaluation: &Evaluation, charts: &[Chart]) -> String {
    let mut page = begin(name);
    let verification = &evaluation.device.verification;
    let _ = writeln!(
        page,
        "<p class=\"soft\">{} samples of {} subjects, {} elements; {} genuine and {} impostor pairs. Figures are those of the device's \
         templates ({}); f32 stands beside where they differ.</p>",
        embeddings.len(),
        embeddings.labels().by_subject().len(),
        embeddings.dimension(),
        verification.genuine_pairs,
        verification.impostor_pairs,
        evaluation.device.rows.form(),
    );
    page += &cards(evaluation);
    page += &thresholds(evaluation);
    page += &drawings(charts);
    evaluation.device.groups.iter().for_each(|found| page += &groups(found));
    page += &pairs(embeddings, folder, evaluation);
    page += &device(evaluation);
    page + END
}

/// What a page begins with: its title, in words that mean nothing in HTML yet, and all styles.
pub(super) fn begin(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title} · cognate</title><link rel=\"icon\" href=\"data:,\">\
         <style>{PAGE_STYLE}{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n"
    )
}

/// What a page ends with.
pub(super) const END: &str = "</main></body></html>\n";

/// A section of drawings.
pub(super) fn drawings(charts: &[Chart]) -> String {
    let charts: String = charts.iter().map(drawing).collect();
    format!("<section><h2>Drawings</h2><div class=\"charts\">\n{charts}</div></section>\n")
}

/// A figure that counts, with what to read it by.
pub(super) fn card(name: &str, value: &str, note: &str) -> String {
    format!("<div class=\"card\">{name}<b>{value}</b><span class=\"soft\">{note}</span></div>")
}

fn cards(evaluation: &Evaluation) -> String {
    let (device, float) = (&evaluation.device, &evaluation.float);
    let eer = |side: &Side| percent(side.verification.eer.interpolated);
    let interval = device.intervals.as_ref().map_or_else(String::new, |found| within(found.eer));
    let mut text = format!(
        "<div class=\"cards\">{}{}{}",
        card("equal error rate", &eer(device), &format!("{interval} f32 {}", eer(float))),
        card(
            "area under the ROC",
            &format!("{:.6}", device.verification.auc),
            &format!("f32 {:.6}", float.verification.auc)
        ),
        card("d′", &format!("{:.3}", device.verification.d_prime), &format!("f32 {:.3}", float.verification.d_prime)),
    );
    if let (Some(device), Some(float)) = (&device.identification, &float.identification) {
        let note = format!("{} f32 {}", within(device.rank1_interval), percent(float.cmc[0]));
        text += &card("first among all", &percent(device.cmc[0]), &note);
    }
    text + "</div>\n"
}

/// Every threshold that was asked for, or why there is none.
fn thresholds(evaluation: &Evaluation) -> String {
    let side = &evaluation.device;
    let mut text = "<section><h2>Thresholds</h2><div class=\"scroll\"><table><tr><th>FMR at most</th><th>threshold</th><th>FMR</th>\
                    <th>95 % over subjects</th><th>FNMR</th><th>95 % over subjects</th><th>flips against f32</th></tr>\n"
        .to_owned();
    for (place, at) in side.verification.at_fmr.iter().enumerate() {
        if !at.is_supported() {
            let _ = writeln!(
                text,
                "<tr><td>{}</td><td class=\"text\" colspan=\"6\">needs {} impostor pairs, and there are {}</td></tr>",
                at.asked,
                at.needed(),
                at.impostor_pairs
            );
            continue;
        }
        let over_subjects = side.intervals.as_ref().map_or([String::new(), String::new()], |found| {
            [within(found.fmr[place]), within(found.fnmr_at_fmr[place])]
        });
        let [fmr, fnmr] = over_subjects;
        let flips = evaluation.parity.flips.get(place).map_or(0, |flips| flips.to_refused + flips.to_accepted);
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{fmr}</td><td>{}</td><td>{fnmr}</td><td>{flips}</td></tr>",
            at.asked,
            shown(at.threshold, &side.rows),
            percent(at.fmr()),
            percent(at.fnmr()),
        );
    }
    text + "</table></div><p class=\"soft\">Chosen on these samples: others can differ. <code>cognate calibrate</code> judges \
            thresholds on subjects that they were not chosen on.</p></section>\n"
}

fn drawing(chart: &Chart) -> String {
    let svg = address("image/svg+xml", chart.figure.file().as_bytes());
    let csv = address("text/csv", &chart.table.to_csv());
    let name = &chart.name;
    format!(
        "<figure>{}<figcaption>{} <span class=\"downloads\"><a download=\"{name}.svg\" href=\"{svg}\">SVG</a> <a \
         download=\"{name}.csv\" href=\"{csv}\">CSV</a></span></figcaption></figure>\n",
        chart.figure.svg(),
        escaped(&chart.caption)
    )
}

fn groups(found: &Groups) -> String {
    let asked = found.groups.first().map_or_else(String::new, |group| group.at.asked.to_string());
    let mut text = format!(
        "<section><h2>By {}</h2><p class=\"soft\">At one threshold, that for a false match rate of {asked} over all.</p><div \
         class=\"scroll\"><table><tr><th></th><th>subjects</th><th>samples</th><th>FMR</th><th>95 %</th><th>FNMR</th><th>95 \
         %</th><th></th></tr>\n",
        escaped(&found.column)
    );
    let rate = |pairs: u64, rate: f64, interval: Interval| {
        if pairs == 0 {
            "<td colspan=\"2\">no pairs</td>".to_owned()
        } else {
            format!("<td>{}</td><td>{}</td>", percent(rate), within(interval))
        }
    };
    for Group { value, samples, subjects, at, too_small } in &found.groups {
        let why = too_small.as_ref().map_or_else(String::new, |why| format!("too small to say: {}", escaped(why)));
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{subjects}</td><td>{samples}</td>{}{}<td>{why}</td></tr>",
            escaped(value),
            rate(at.impostor_pairs, at.fmr(), at.fmr_interval()),
            rate(at.genuine_pairs, at.fnmr(), at.fnmr_interval()),
        );
    }
    let ratio = |ratio: Option<Ratio>| match ratio {
        None => "none: a group has no errors".to_owned(),
        Some(Ratio { ratio, interval: Some(found) }) => format!("{ratio:.2} ({:.2} to {:.2})", found.low, found.high),
        Some(Ratio { ratio, interval: None }) => format!("{ratio:.2}, too few errors for an interval"),
    };
    let (fmr, fnmr) = (ratio(found.fmr_ratio), ratio(found.fnmr_ratio));
    let _ = writeln!(text, "</table></div><p>Worst to best: FMR {fmr}; FNMR {fnmr}.</p></section>");
    text
}

/// The hardest pairs, with their pictures where they can still be read.
fn pairs(embeddings: &Embeddings, folder: &Path, evaluation: &Evaluation) -> String {
    let rows = &evaluation.device.rows;
    let hardest = Hardest::of(rows);
    let sample = |row: u32| {
        let origin = rows.origin(row as usize);
        let label = &embeddings.labels().rows[origin];
        let (subject, file) = (escaped(&label.subject), escaped(&label.file));
        let image = picture(embeddings.labels(), origin, folder)
            .map_or_else(String::new, |source| format!("<img alt=\"{subject}: {file}\" src=\"{source}\">"));
        (image, format!("{subject} <span class=\"soft\">{file}</span>"))
    };
    let list = |pairs: &[ScoredPair]| {
        let pair = |pair: &ScoredPair| {
            let ((a, of_a), (b, of_b)) = (sample(pair.probe), sample(pair.template));
            format!("<div class=\"pair\"><b>{}</b><div>{a}{b}</div>{of_a}<br>{of_b}</div>\n", shown(pair.score, rows))
        };
        pairs.iter().map(pair).collect::<String>()
    };
    format!(
        "<section><h2>Hardest genuine pairs</h2><p class=\"soft\">The same subject, and least alike: look for a wrong label, a bad crop \
         or a bad sample.</p><div class=\"pairs\">{}</div></section>\n<section><h2>Hardest impostor pairs</h2><p class=\"soft\">Two \
         subjects, and most alike: look for one who is there under two names.</p><div class=\"pairs\">{}</div></section>\n",
        list(&hardest.genuine),
        list(&hardest.impostor)
    )
}

/// What templates cost, in accuracy and in bytes.
fn device(evaluation: &Evaluation) -> String {
    let parity = &evaluation.parity;
    let rows = &evaluation.device.rows;
    let unit = if rows.form().is_cosine() { f64::from(COSINE_ONE) } else { 1.0 };
    let flips: u64 = parity.flips.iter().map(|flips| flips.to_refused + flips.to_accepted).sum();
    let losses = evaluation.losses.map_or_else(String::new, |found| {
        format!(
            "<p class=\"soft\">Losses in f32, of {} samples, less is better: contrastive {:.4}, triplet {:.4}, N-pair {:.4}, NT-Xent \
             {:.4}, debiased {:.4}; alignment {:.4}, uniformity {:.4}.</p>",
            found.samples,
            found.contrastive,
            found.triplet,
            found.n_pair,
            found.nt_xent,
            found.debiased,
            found.alignment,
            found.uniformity
        )
    });
    format!(
        "<section><h2>On the device</h2><p>A template is {} bytes of code, and 4 to 8 beside it. Over {} pairs its scores differ from \
         those in f32 by {:.6} (root mean square), {:.6} at most; {flips} decisions flip over all thresholds above.</p>{losses}\
         </section>\n",
        rows.dimension(),
        parity.pairs,
        parity.root_mean_square / unit,
        f64::from(parity.greatest) / unit,
    )
}

fn shown(score: i32, rows: &Rows) -> String {
    if rows.form().is_cosine() { format!("{:.4}", f64::from(score) / f64::from(COSINE_ONE)) } else { score.to_string() }
}

pub(super) fn percent(rate: f64) -> String {
    format!("{:.3} %", rate * 100.0)
}

fn within(found: Interval) -> String {
    format!("{:.2} to {:.2} %", found.low * 100.0, found.high * 100.0)
}
