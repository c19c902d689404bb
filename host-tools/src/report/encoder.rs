//! What an int8 encoder takes of a device, and what it loses, layer by layer: drawn.

use super::charts::Chart;
use super::figure::{Axis, Figure};
use super::table::Table;
use crate::budget::{Budget, LayerBudget};
use crate::file::{self, FileError, Unreadable};
use crate::quantization::flips::Beginning;
use serde::Deserialize;
use std::fmt;
use std::path::Path;

/// What part of the whole a step takes.
type Share<'a> = &'a dyn Fn(&LayerBudget) -> f64;

/// How much of flash, memory and time each step takes. `None` without steps.
#[must_use]
pub fn budget(found: &Budget) -> Option<Chart> {
    let steps = found.layers.len();
    let whole = |total: usize| total.max(1) as f64;
    let flash = |layer: &LayerBudget| layer.flash_bytes as f64 / whole(found.encoder_bytes);
    let memory = |layer: &LayerBudget| layer.memory_bytes as f64 / whole(found.arena_bytes);
    let time = |layer: &LayerBudget| layer.instructions as f64 / found.instructions.max(1) as f64;
    let shares: [(&str, Share<'_>); 3] =
        [("of the encoder's flash", &flash), ("of the arena", &memory), ("of the instructions", &time)];
    let all = shares.iter().flat_map(|(_, share)| found.layers.iter().map(share));
    let highest = all.fold(0.0, f64::max);
    let mut figure = Figure::new(
        "What each step takes of the device",
        Axis::linear("step", -0.5, steps as f64 - 0.5),
        Axis::linear("share", 0.0, highest * 1.05).percent(),
    );
    let width = 0.8 / shares.len() as f64;
    for (color, (name, share)) in shares.iter().enumerate() {
        let bar = |layer: &LayerBudget| {
            let from = layer.step as f64 - 0.4 + color as f64 * width;
            (from, from + width, share(layer))
        };
        figure.bars(color, name, &found.layers.iter().map(bar).collect::<Vec<_>>());
    }
    let mut table =
        Table::new(&["step", "operator", "shape", "flash_bytes", "memory_bytes", "macs", "instructions_estimated"]);
    for layer in &found.layers {
        let numbers = [layer.flash_bytes as u64, layer.memory_bytes as u64, layer.macs, layer.instructions];
        let head = [layer.step.to_string(), layer.operator.to_owned(), shape(&layer.shape)];
        table.row(head.into_iter().chain(numbers.map(|number| number.to_string())));
    }
    let costliest = found.layers.iter().max_by_key(|layer| layer.instructions)?;
    let caption = format!(
        "On {}: {} bytes of flash, {} of them the encoder; {} bytes of arena, beside {} that an application takes; about {} \
         instructions, {:.0} % of them in step {}, {}.",
        found.board.unwrap_or("any core, the portable way"),
        found.flash_bytes,
        found.encoder_bytes,
        found.arena_bytes,
        found.application_bytes,
        found.instructions,
        time(costliest) * 100.0,
        costliest.step,
        costliest.operator
    );
    Some(Chart { name: "budget".to_owned(), caption, figure, table })
}

/// What `cognate quantize --json` says of the layers of an encoder.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Quantization {
    /// The encoder's digest.
    pub digest: String,
    layers: Vec<Layer>,
    flips: Vec<Beginning>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
struct Layer {
    name: String,
    operator: String,
    shape: [usize; 3],
    bits: usize,
    sqnr_db: f64,
    cut: f64,
}

impl Quantization {
    /// Reads what `cognate quantize --json` has printed.
    ///
    /// # Errors
    /// [`QuantizationProblem`] when it is something else.
    pub fn read(path: &Path) -> Result<Self, FileError<QuantizationProblem>> {
        let bytes =
            file::read(path).map_err(|error| FileError::new(path, QuantizationProblem::Unreadable(error.problem)))?;
        let found: Self =
            serde_json::from_slice(&bytes).map_err(|error| FileError::new(path, QuantizationProblem::Json(error)))?;
        if found.layers.is_empty() { Err(FileError::new(path, QuantizationProblem::Empty)) } else { Ok(found) }
    }

    /// Signal to quantization noise behind each layer.
    #[must_use]
    pub fn chart(&self) -> Chart {
        let ratios = self.layers.iter().map(|layer| layer.sqnr_db);
        let (least, greatest) = (ratios.clone().fold(0.0, f64::min), ratios.fold(10.0, f64::max));
        let mut figure = Figure::new(
            "Quantization by layer",
            Axis::linear("layer", 0.0, self.layers.len() as f64 - 1.0),
            Axis::linear("signal to quantization noise, dB", least, greatest * 1.05),
        );
        let places: Vec<(f64, f64)> =
            self.layers.iter().enumerate().map(|(place, layer)| (place as f64, layer.sqnr_db)).collect();
        figure.line(0, "", &places);
        figure.points(0, "", &places);
        let mut table =
            Table::new(&["layer", "tensor", "operator", "shape", "bits", "sqnr_db", "cut", "flips_beginning"]);
        for (place, layer) in self.layers.iter().enumerate() {
            let head = [place.to_string(), layer.name.clone(), layer.operator.clone(), shape(&layer.shape)];
            let flips = self.flips.iter().find(|flips| flips.layer.as_ref() == Some(&layer.name));
            let flips = flips.map_or(0, |flips| flips.decisions);
            let numbers = [layer.bits.to_string(), layer.sqnr_db.to_string(), layer.cut.to_string(), flips.to_string()];
            table.row(head.into_iter().chain(numbers));
        }
        let mut caption = "The tensor behind each layer against that of the f32 model; higher is better.".to_owned();
        if let Some((place, fall)) = self.greatest_fall() {
            let Layer { name, operator, .. } = &self.layers[place];
            caption += &format!(" The greatest fall, of {fall:.1} dB, is at layer {place}, {operator} to {name}.");
        }
        if !self.flips.is_empty() {
            let name = |layer: &Option<String>| layer.clone().unwrap_or_else(|| "no layer but the template".to_owned());
            let flips: Vec<String> =
                self.flips.iter().map(|flips| format!("{} at {}", flips.decisions, name(&flips.layer))).collect();
            caption += &format!(" Decisions that int8 changes begin to differ: {}.", flips.join(", "));
        }
        Chart { name: "quantization".to_owned(), caption, figure, table }
    }

    /// The layer behind which most is lost against the one before it, and how many dB.
    fn greatest_fall(&self) -> Option<(usize, f64)> {
        let falls = self.layers.windows(2).map(|pair| pair[0].sqnr_db - pair[1].sqnr_db);
        (1..).zip(falls).max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, fall)| *fall > 0.0)
    }
}

fn shape(sizes: &[usize; 3]) -> String {
    sizes.map(|size| size.to_string()).join("×")
}

/// A file is not what `cognate quantize --json` prints.
#[derive(Debug)]
pub enum QuantizationProblem {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It is no such object.
    Json(serde_json::Error),
    /// It has no layers.
    Empty,
}

impl fmt::Display for QuantizationProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(problem) => problem.fmt(f),
            Self::Json(problem) => {
                write!(f, "it is not what `cognate quantize --json` prints ({problem}): give the file that holds that")
            }
            Self::Empty => f.write_str("it has no layers: quantize a model that has some"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, sqnr_db: f64) -> Layer {
        Layer { name: name.to_owned(), operator: "dense".to_owned(), shape: [1, 1, 4], bits: 8, sqnr_db, cut: 0.0 }
    }

    #[test]
    fn the_layer_where_most_is_lost_is_named() {
        let layers = vec![layer("a", 40.0), layer("b", 38.0), layer("c", 25.0), layer("d", 27.0)];
        let begins = |layer: Option<&str>| Beginning { layer: layer.map(str::to_owned), decisions: 2 };
        let found = Quantization { digest: String::new(), layers, flips: vec![begins(Some("c")), begins(None)] };
        assert_eq!(found.greatest_fall(), Some((2, 13.0)));
        let chart = found.chart();
        let end = "of 13.0 dB, is at layer 2, dense to c. Decisions that int8 changes begin to differ: 2 at c, 2 at no layer but \
                   the template.";
        assert!(chart.caption.ends_with(end), "{}", chart.caption);
        assert_eq!(String::from_utf8(chart.table.to_csv()).unwrap().lines().nth(3), Some("2,c,dense,1×1×4,8,25,0,2"));
        let single = Quantization { digest: String::new(), layers: vec![layer("a", 40.0)], flips: Vec::new() };
        assert_eq!(single.greatest_fall(), None);
        assert!(!single.chart().figure.svg().contains("NaN"));
    }

    #[test]
    fn the_shares_of_a_budget_are_of_the_whole() {
        let layer = |step, flash_bytes, memory_bytes, instructions| LayerBudget {
            step,
            operator: "dense",
            shape: [1, 1, 4],
            flash_bytes,
            memory_bytes,
            macs: 7,
            instructions,
        };
        let mut found = Budget {
            board: Some("mps2-an386"),
            encoder_bytes: 1000,
            flash_bytes: 1500,
            arena_bytes: 200,
            application_bytes: 11,
            template_bytes: 8,
            macs: 14,
            instructions: 400,
            layers: vec![layer(0, 250, 100, 100), layer(1, 500, 200, 300)],
        };
        let chart = budget(&found).unwrap();
        assert!(chart.caption.contains("1500 bytes of flash") && chart.caption.contains("75 % of them in step 1"));
        assert_eq!(chart.figure.svg().matches("<rect class=\"pale").count(), 6);
        assert_eq!(
            String::from_utf8(chart.table.to_csv()).unwrap().lines().nth(2),
            Some("1,dense,1×1×4,500,200,7,300")
        );
        found.layers.clear();
        assert!(budget(&found).is_none());
    }
}
