//! Dot products of many rows with many others.
//!
//! Each is summed in the order of its elements, so a pair has the same one wherever it is among the rows, and whichever of the
//! two comes first. A library's matrix product does as much arithmetic as this, but is compiled as every dependency is, for
//! debugging, and arranges both sides for each product; here one side is arranged once for all that it is multiplied with.

use super::wide::{self, Loops, multiply_add};

/// Rows that lie side by side in a panel.
const WIDTH: usize = 32;

/// Rows arranged to be multiplied with others.
#[derive(Debug)]
pub(super) struct Panel {
    dimension: usize,
    rows: usize,
    /// By [`WIDTH`] rows the first element of each, then the second; zeros behind the last.
    values: Vec<f32>,
}

impl Panel {
    /// Arranges rows that lie one after the other.
    pub(super) fn new(values: &[f32], dimension: usize) -> Self {
        let rows = values.len() / dimension.max(1);
        let mut arranged = vec![0.0; rows.next_multiple_of(WIDTH) * dimension];
        arrange::<WIDTH>(values, dimension, &mut arranged);
        Self { dimension, rows, values: arranged }
    }

    /// How many rows it has.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// From one probe's dot products to the next one's: the rows and what is behind them.
    pub(super) const fn stride(&self) -> usize {
        self.rows.next_multiple_of(WIDTH)
    }

    /// The dot products of probes, which lie one after the other, with each row. There must be room for a stride of each.
    pub(super) fn dots(&self, probes: &[f32], dots: &mut Vec<f32>) {
        let count = probes.len() / self.dimension.max(1);
        dots.resize(count * self.stride(), 0.0);
        if !dots.is_empty() {
            wide::run(Product { panel: self, probes, dots });
        }
    }
}

struct Product<'a> {
    panel: &'a Panel,
    probes: &'a [f32],
    dots: &'a mut [f32],
}

impl Loops for Product<'_> {
    #[inline(always)]
    fn run<const LANES: usize>(self) {
        // As many sums as fit the registers, beside a row's elements: of 32 registers with AVX-512, else of 16.
        match LANES {
            16 => self.by::<12, LANES>(),
            8 => self.by::<3, LANES>(),
            _ => self.by::<1, LANES>(),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn by<const HEIGHT: usize, const LANES: usize>(self) {
        let (dimension, stride) = (self.panel.dimension, self.panel.stride());
        let count = self.probes.len() / dimension;
        let mut arranged = vec![0.0; count.next_multiple_of(HEIGHT) * dimension];
        arrange::<HEIGHT>(self.probes, dimension, &mut arranged);
        // Some rows of the panel stay in the nearest cache for all probes.
        for (group, panel) in self.panel.values.chunks_exact(WIDTH * dimension).enumerate() {
            let blocks = arranged.chunks_exact(HEIGHT * dimension).zip(self.dots.chunks_mut(HEIGHT * stride));
            for (probes, dots) in blocks {
                let sums = sums::<HEIGHT, LANES>(probes, panel);
                for (sums, dots) in sums.iter().zip(dots.chunks_exact_mut(stride)) {
                    dots[group * WIDTH..][..WIDTH].copy_from_slice(sums);
                }
            }
        }
    }
}

/// By so many rows the first element of each, then the second.
fn arrange<const ROWS: usize>(values: &[f32], dimension: usize, arranged: &mut [f32]) {
    let size = ROWS * dimension.max(1);
    for (group, arranged) in values.chunks(size).zip(arranged.chunks_exact_mut(size)) {
        for (place, row) in group.chunks_exact(dimension).enumerate() {
            for (&value, elements) in row.iter().zip(arranged.as_chunks_mut::<ROWS>().0) {
                elements[place] = value;
            }
        }
    }
}

/// Sums that stay in registers. By index: iterators over the array of sums would leave it in memory, and so would an index
/// that has to be checked.
#[inline(always)]
fn sums<const HEIGHT: usize, const LANES: usize>(probes: &[f32], panel: &[f32]) -> [[f32; WIDTH]; HEIGHT] {
    let mut sums = [[0.0; WIDTH]; HEIGHT];
    for (factors, values) in probes.as_chunks::<HEIGHT>().0.iter().zip(panel.as_chunks::<WIDTH>().0) {
        for row in 0..HEIGHT {
            for place in 0..WIDTH {
                sums[row][place] = multiply_add::<LANES>(factors[row], values[place], sums[row][place]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// The loops for registers of so many, whatever the processor has; slow where it has less.
    fn product<const LANES: usize>(panel: &Panel, probes: &[f32]) -> Vec<f32> {
        let mut dots = vec![f32::NAN; probes.len() / panel.dimension * panel.stride()];
        Product { panel, probes, dots: &mut dots }.run::<LANES>();
        dots
    }

    fn check<const LANES: usize>(panel: &Panel, probes: &[f32], rows: &[f32]) {
        let dots = product::<LANES>(panel, probes);
        for (probe, dots) in probes.chunks_exact(panel.dimension).zip(dots.chunks_exact(panel.stride())) {
            let in_order = |row: &[f32]| {
                let products = probe.iter().zip(row);
                products.fold(0.0, |sum, (&a, &b)| multiply_add::<LANES>(a, b, sum))
            };
            let expected: Vec<f32> = rows.chunks_exact(panel.dimension).map(in_order).collect();
            assert_eq!(bits(&dots[..panel.rows()]), bits(&expected), "{LANES} lanes, dimension {}", panel.dimension);
        }
    }

    #[test]
    fn every_dot_product_is_summed_in_order() {
        let mut chance = fastrand::Rng::with_seed(3);
        for (dimension, rows, probes) in [(1, 1, 1), (7, 31, 5), (20, 33, 12), (128, 64, 25), (3, 100, 1)] {
            let mut values = |rows: usize| (0..rows * dimension).map(|_| chance.f32() - 0.5).collect::<Vec<f32>>();
            let (rows, probes) = (values(rows), values(probes));
            let panel = Panel::new(&rows, dimension);
            check::<4>(&panel, &probes, &rows);
            check::<8>(&panel, &probes, &rows);
            check::<16>(&panel, &probes, &rows);
            // Room that was used before.
            let mut dots = vec![f32::NAN; 5000];
            panel.dots(&probes, &mut dots);
            let ways = [product::<4>(&panel, &probes), product::<16>(&panel, &probes)];
            assert!(ways.iter().any(|way| bits(way) == bits(&dots)), "as one of the ways, on this processor");
        }
    }

    #[test]
    fn nothing_has_no_dot_products() {
        let mut dots = vec![1.0];
        Panel::new(&[], 4).dots(&[1.0; 8], &mut dots);
        assert!(dots.is_empty());
        dots.push(1.0);
        Panel::new(&[1.0; 8], 4).dots(&[], &mut dots);
        assert!(dots.is_empty());
    }
}
