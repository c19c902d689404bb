//! Pictures from a camera that gives lines.

use crate::arithmetic::root;

/// The part of a picture that is looked at, in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crop {
    /// The first row.
    pub top: usize,
    /// The first column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Makes a small picture of a large one, line by line: `ROWS` rows of `ELEMENTS`, a pixel's channels side by side.
///
/// Each pixel is the mean, rounded, of those of the picture that lie in its place: rows ⌊r·height/ROWS⌋ up to the one before
/// ⌊(r+1)·height/ROWS⌋, and columns likewise. So it does not enlarge.
///
/// ```
/// use cognate::frontend::{Crop, Shrink};
/// let crop = Crop { top: 1, left: 0, height: 2, width: 4 };
/// let mut shrink = Shrink::<1, 2>::new(crop, 1).unwrap();
/// let mut picture = Vec::new();
/// for line in [[99; 4], [10, 20, 30, 40], [30, 20, 30, 41]] {
///     if let Some((_, row)) = shrink.push(&line) {
///         picture.extend_from_slice(row);
///     }
/// }
/// assert_eq!(picture, [20, 35]);
/// ```
#[derive(Clone, Debug)]
pub struct Shrink<const ROWS: usize, const ELEMENTS: usize> {
    crop: Crop,
    channels: usize,
    sums: [u32; ELEMENTS],
    row: [u8; ELEMENTS],
    /// Lines that came.
    line: usize,
    /// Lines in the sums.
    taken: u32,
    /// Rows that were made.
    made: usize,
}

impl<const ROWS: usize, const ELEMENTS: usize> Shrink<ROWS, ELEMENTS> {
    /// Before the first line; `None` where the crop is smaller than the small picture, has more than 4096 rows or columns, or the
    /// elements of a row are not whole pixels.
    #[must_use]
    pub const fn new(crop: Crop, channels: usize) -> Option<Self> {
        const { assert!(ROWS >= 1 && ELEMENTS >= 1, "a picture has pixels") }
        if channels == 0 || !ELEMENTS.is_multiple_of(channels) {
            return None;
        }
        let Some(columns) = ELEMENTS.checked_div(channels) else { return None };
        let fits = crop.height >= ROWS && crop.width >= columns && crop.height <= 4096 && crop.width <= 4096;
        if !fits || crop.left > 1 << 16 || crop.top > 1 << 16 {
            return None;
        }
        Some(Self { crop, channels, sums: [0; ELEMENTS], row: [0; ELEMENTS], line: 0, taken: 0, made: 0 })
    }

    /// Takes the picture's next line, of `channels` elements a pixel, and hands out the row that it completes, with its number.
    /// Columns that a line does not have are 0. Lines behind the crop do nothing; [`Shrink::restart`] begins the next picture.
    pub fn push(&mut self, line: &[u8]) -> Option<(usize, &[u8; ELEMENTS])> {
        let number = self.line;
        self.line = self.line.saturating_add(1);
        let inside = number.checked_sub(self.crop.top).filter(|row| *row < self.crop.height)?;
        let columns = ELEMENTS.checked_div(self.channels)?;
        for (index, sum) in self.sums.iter_mut().enumerate() {
            let (column, channel) = (index.checked_div(self.channels)?, index.checked_rem(self.channels)?);
            let [begin, end] = [column, column + 1].map(|column| border(column, self.crop.width, columns));
            for pixel in begin..end {
                let place = (self.crop.left + pixel).wrapping_mul(self.channels).wrapping_add(channel);
                *sum = sum.wrapping_add(u32::from(line.get(place).copied().unwrap_or_default()));
            }
        }
        self.taken += 1;
        if inside + 1 < border(self.made + 1, self.crop.height, ROWS) {
            return None;
        }
        for (index, (place, sum)) in self.row.iter_mut().zip(&mut self.sums).enumerate() {
            let column = index.checked_div(self.channels)?;
            let pixels = border(column + 1, self.crop.width, columns) - border(column, self.crop.width, columns);
            let count = self.taken.wrapping_mul(pixels as u32);
            *place = sum.wrapping_add(count / 2).checked_div(count)? as u8;
            *sum = 0;
        }
        let made = self.made;
        (self.made, self.taken) = (made + 1, 0);
        Some((made, &self.row))
    }

    /// Begins the next picture.
    pub const fn restart(&mut self) {
        (self.sums, self.line, self.taken, self.made) = ([0; ELEMENTS], 0, 0, 0);
    }
}

/// ⌊index · length / count⌋; both are at most 4096.
fn border(index: usize, length: usize, count: usize) -> usize {
    index.wrapping_mul(length).checked_div(count).unwrap_or_default()
}

/// Brings pixels to a mean of 128 and a standard deviation as given, so that the light of the scene matters less. Pixels that are
/// all alike become 128. At most 2¹⁶ pixels; more are left as they are, and so are none.
///
/// With μ the mean in 1/256, rounded down, and σ the standard deviation in 1/256, rounded down and at least 1, a pixel p becomes
/// 128 + ((256·p − μ) · 256·deviation / σ, rounded half up to whole numbers), within 0 to 255.
pub fn standardize(pixels: &mut [u8], deviation: u8) {
    let count = match u32::try_from(pixels.len()) {
        Ok(count @ 1..=0x1_0000) => count,
        _ => return,
    };
    let sum: u32 = pixels.iter().map(|pixel| u32::from(*pixel)).sum();
    let mean = (u64::from(sum) << 8).checked_div(u64::from(count)).unwrap_or_default() as i32;
    let centered = |pixel: u8| (i32::from(pixel) << 8) - mean;
    let squares: u64 = pixels.iter().map(|pixel| u64::from(centered(*pixel).unsigned_abs()).pow(2)).sum();
    let sigma = root(squares.checked_div(u64::from(count)).unwrap_or_default()).max(1) as i32;
    for pixel in pixels {
        let scaled = centered(*pixel).wrapping_mul(i32::from(deviation)).wrapping_mul(2);
        let value = 128 + scaled.wrapping_add(sigma).div_euclid(sigma.wrapping_mul(2));
        *pixel = value.clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn each_pixel_is_the_mean_of_its_place() {
        let (height, width, channels) = (23, 31, 3);
        let picture: Vec<Vec<u8>> = (0..height + 2)
            .map(|y| (0..(width + 4) * channels).map(|x| ((x * x + 31 * y) % 251) as u8).collect())
            .collect();
        let crop = Crop { top: 1, left: 2, height, width };
        let mut shrink = Shrink::<5, 21>::new(crop, channels).unwrap();
        for _ in 0..2 {
            shrink.restart();
            let mut rows = 0;
            for line in &picture {
                let Some((number, row)) = shrink.push(line) else { continue };
                assert_eq!(number, rows);
                for (index, found) in row.iter().enumerate() {
                    let (column, channel) = (index / channels, index % channels);
                    let ys = number * height / 5..(number + 1) * height / 5;
                    let xs = column * width / 7..(column + 1) * width / 7;
                    let place: Vec<f64> = ys
                        .flat_map(|y| xs.clone().map(move |x| (y + 1, (x + 2) * channels + channel)))
                        .map(|(y, x)| f64::from(picture[y][x]))
                        .collect();
                    let mean = place.iter().sum::<f64>() / place.len() as f64;
                    assert!((f64::from(*found) - mean).abs() <= 0.5, "{number} {column}: {found} for {mean}");
                }
                rows += 1;
            }
            assert_eq!(rows, 5);
        }
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let crop = Crop { top: 0, left: 0, height: 4, width: 4 };
        assert!(Shrink::<5, 4>::new(crop, 1).is_none());
        assert!(Shrink::<4, 5>::new(crop, 1).is_none());
        assert!(Shrink::<4, 4>::new(crop, 3).is_none());
        assert!(Shrink::<4, 4>::new(crop, 0).is_none());
        assert!(Shrink::<4, 4>::new(crop, 1).unwrap().push(&[]).is_some());
    }

    #[test]
    fn pixels_get_the_mean_and_the_deviation_whatever_the_light() {
        let dark: Vec<u8> = (0..256).map(|n| (n * 37 % 61) as u8).collect();
        let mut pixels = dark.clone();
        standardize(&mut pixels, 50);
        let mean = dark.iter().map(|x| f64::from(*x)).sum::<f64>() / 256.0;
        let deviation = (dark.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / 256.0).sqrt();
        for (before, after) in dark.iter().zip(&pixels) {
            let expected = (128.0 + (f64::from(*before) - mean) * 50.0 / deviation).clamp(0.0, 255.0);
            assert!((f64::from(*after) - expected).abs() <= 0.6, "{before}: {after} for {expected}");
        }
        let mut same = [7; 16];
        standardize(&mut same, 50);
        assert_eq!(same, [128; 16]);
        standardize(&mut [], 50);
    }
}
