//! The page of a training run: how its loss and its error rate went, and where its embeddings were before and are after it.

use super::charts::{Chart, map};
use super::figure::{Axis, Figure, escaped};
use super::page::{END, begin, card, drawings, percent};
use super::table::Table;
use crate::evaluation::Rows;
use std::fmt::Write;

/// The parts of a run over each of which its loss is averaged.
const PARTS: usize = 100;

/// A run.
#[derive(Debug)]
pub struct Run<'a> {
    /// What it made.
    pub name: &'a str,
    /// The loss of each step.
    pub losses: &'a [f32],
    /// Steps done before each look at subjects held out, and the equal error rate that it found.
    pub looks: &'a [(usize, f64)],
    /// Steps before the first one that rounds as a device does, where some do: looks from there on choose the encoder.
    pub float_steps: Option<usize>,
    /// The embeddings of the same samples before the first step and after the last; whose these are, in words.
    pub embeddings: [&'a Rows; 2],
    /// Whose these are.
    pub whose: &'a str,
    /// Names and values: what it was made of.
    pub recipe: &'a [(String, String)],
}

impl Run<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = begin(self.name);
        let _ = writeln!(page, "<div class=\"cards\">{}</div>", self.cards());
        let [before, after] = self.embeddings;
        let title = |when: &str| format!("Embeddings {when}, of {}", self.whose);
        let maps = [map("before", &title("before"), before), map("after", &title("after"), after)];
        let charts: Vec<Chart> = self.loss().into_iter().chain(self.error_rate()).chain(maps).collect();
        page += &drawings(&charts);
        page += "<section><h2>Recipe</h2><div class=\"scroll\"><table>\n";
        for (name, value) in self.recipe {
            let _ = writeln!(page, "<tr><td>{}</td><td class=\"text\">{}</td></tr>", escaped(name), escaped(value));
        }
        page + "</table></div></section>\n" + END
    }

    fn cards(&self) -> String {
        let mut text = card("steps", &self.losses.len().to_string(), "");
        if let (Some(first), Some(last)) = (self.means().first(), self.means().last()) {
            text += &card("loss", &format!("{:.4}", last.1), &format!("at the beginning {:.4}", first.1));
        }
        let counts = |look: &&(usize, f64)| self.float_steps.is_none_or(|steps| look.0 > steps);
        let best = self.looks.iter().filter(counts).min_by(|a, b| a.1.total_cmp(&b.1));
        if let (Some((step, eer)), Some((_, first))) = (best, self.looks.first()) {
            let note = format!("on subjects held out, after step {step}; at the first look {}", percent(*first));
            text += &card("equal error rate", &percent(*eer), &note);
        }
        text
    }

    /// The middle of each part of the run, in steps, and its mean loss.
    fn means(&self) -> Vec<(f64, f64)> {
        let length = self.losses.len().div_ceil(PARTS).max(1);
        let mean = |(part, losses): (usize, &[f32])| {
            let sum: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
            ((part * length) as f64 + (losses.len() as f64 + 1.0) / 2.0, sum / losses.len() as f64)
        };
        self.losses.chunks(length).enumerate().map(mean).collect()
    }

    fn steps(&self) -> Axis {
        Axis::linear("step", 0.0, self.losses.len().max(1) as f64)
    }

    /// `None` before the first step.
    fn loss(&self) -> Option<Chart> {
        let means = self.means();
        let greatest = means.iter().map(|mean| mean.1).fold(f64::MIN, f64::max);
        let least = means.iter().map(|mean| mean.1).fold(0.0, f64::min);
        means.first()?;
        let mut figure = Figure::new("Loss", self.steps(), Axis::linear("loss, nats", least, greatest * 1.05));
        figure.line(0, "", &means);
        let mut table = Table::new(&["step", "loss"]);
        for (step, loss) in self.losses.iter().enumerate() {
            table.row([(step + 1).to_string(), loss.to_string()]);
        }
        let caption = format!(
            "Of the batches that it was trained on; the mean of {} steps each.",
            self.losses.len().div_ceil(PARTS)
        );
        Some(Chart { name: "loss".to_owned(), caption, figure, table })
    }

    /// `None` where nobody was held out.
    fn error_rate(&self) -> Option<Chart> {
        let greatest = self.looks.iter().map(|look| look.1).fold(0.0, f64::max);
        self.looks.first()?;
        let mut figure = Figure::new(
            "Equal error rate of subjects held out",
            self.steps(),
            Axis::linear("equal error rate", 0.0, greatest * 1.05 + 1e-3).percent(),
        );
        let points: Vec<(f64, f64)> = self.looks.iter().map(|&(step, eer)| (step as f64, eer)).collect();
        figure.line(1, "", &points);
        figure.points(1, "", &points);
        let mut table = Table::new(&["step", "eer"]);
        for (step, eer) in self.looks {
            table.row([step.to_string(), eer.to_string()]);
        }
        let after =
            self.float_steps.map_or(String::new(), |steps| format!(" after step {steps}, where rounding begins"));
        let caption = format!(
            "The encoder that is written is that of the lowest point{after}. Chosen by it, it is a little better there \
             than on others."
        );
        Some(Chart { name: "eer".to_owned(), caption, figure, table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::Coder;
    use crate::embeddings::Embeddings;
    use crate::labels::{Label, Labels};
    use cognate::{ModelDigest, Space};

    fn rows() -> Rows {
        let label = |row: usize| Label { subject: format!("s{}", row / 2), ..Label::default() };
        let labels = Labels { rows: (0..6).map(label).collect(), ..Labels::default() };
        let values = (0..24).map(|value| ((value * 7 % 11) as f32) - 5.5).collect();
        let coder = Coder::new(Space::full(ModelDigest::new([0; ModelDigest::BYTES])), None);
        Rows::of_embeddings(&Embeddings::new(4, values, labels).unwrap(), &coder)
    }

    fn run<'a>(
        rows: &'a Rows,
        losses: &'a [f32],
        looks: &'a [(usize, f64)],
        recipe: &'a [(String, String)],
    ) -> Run<'a> {
        Run {
            name: "a<b",
            losses,
            looks,
            float_steps: None,
            embeddings: [rows, rows],
            whose: "subjects held out",
            recipe,
        }
    }

    #[test]
    fn a_page_says_where_the_run_was_best_and_what_it_was_made_of() {
        let (rows, recipe) = (rows(), [("loss".to_owned(), "<script>".to_owned())]);
        let losses: Vec<f32> = (0..250).map(|step| 5.0 - step as f32 / 100.0).collect();
        let page = run(&rows, &losses, &[(100, 0.25), (200, 0.125), (250, 0.2)], &recipe).page();
        assert!(page.contains("12.500 %") && page.contains("after step 200") && page.contains("25.000 %"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>") && page.contains("a&lt;b"));
        assert_eq!(page.matches("<figure>").count(), 4);
    }

    #[test]
    fn a_look_before_rounding_began_is_not_the_best_one() {
        let (rows, looks) = (rows(), [(100, 0.125), (200, 0.25), (250, 0.1875)]);
        let page = Run { float_steps: Some(150), ..run(&rows, &[1.0; 250], &looks, &[]) }.page();
        assert!(page.contains("after step 250") && page.contains("after step 150, where rounding begins"), "{page}");
        let page = Run { float_steps: None, ..run(&rows, &[1.0; 250], &looks, &[]) }.page();
        assert!(page.contains("after step 100") && !page.contains("where rounding begins"), "{page}");
    }

    #[test]
    fn a_run_with_nobody_held_out_has_no_error_rate() {
        let rows = rows();
        let page = run(&rows, &[1.0, 2.0], &[], &[]).page();
        assert_eq!(page.matches("<figure>").count(), 3);
        assert!(!page.contains("NaN") && !page.contains("equal error rate"));
    }

    #[test]
    fn a_loss_is_averaged_over_parts_of_the_run() {
        let rows = rows();
        let losses: Vec<f32> = (1..=201).map(|step| step as f32).collect();
        let means = run(&rows, &losses, &[], &[]).means();
        assert_eq!(means.len(), 67);
        assert!(means.iter().all(|(step, loss)| step == loss), "{means:?}");
    }
}
