//! The ways in which two pictures of the same thing differ.
//!
//! In order: stroke width, an affine map together with an elastic one (one resampling, so that nothing is blurred
//! twice), gain, noise. The ranges of the default were found by trying, on handwriting of 28 × 28 pixels; stroke and
//! elastic mattered most.

use crate::rng::Rng;

/// Control points of the elastic map along each side of the image.
const GRID: usize = 5;

/// How far each kind of change of a picture may go; zero turns it off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageAugment {
    /// Largest blend toward the 3 × 3 maximum (thicker) or minimum (thinner), 0..=1.
    pub stroke: f32,
    /// Largest rotation either way, degrees.
    pub rotation: f32,
    /// Largest natural logarithm of the scale, each axis by itself.
    pub log_scale: f32,
    /// Largest horizontal shear either way, pixels a row.
    pub shear: f32,
    /// Largest shift either way, pixels, each axis by itself.
    pub shift: f32,
    /// Standard deviation of the elastic map at its control points, pixels.
    pub elastic: f32,
    /// Least and greatest factor on the brightness.
    pub gain: [f32; 2],
    /// Largest standard deviation of the noise, as a share of full brightness.
    pub noise: f32,
}

impl Default for ImageAugment {
    fn default() -> Self {
        Self {
            stroke: 0.8,
            rotation: 15.0,
            log_scale: 0.2,
            shear: 0.25,
            shift: 2.5,
            elastic: 1.0,
            gain: [0.7, 1.2],
            noise: 0.08,
        }
    }
}

/// A gray image of values in 0..=1, by rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

impl Plane {
    /// The value at a position, zero (black) outside.
    fn at(&self, x: isize, y: isize) -> f32 {
        let inside = (0..self.width as isize).contains(&x) && (0..self.height as isize).contains(&y);
        if inside { self.values[y as usize * self.width + x as usize] } else { 0.0 }
    }

    /// Bilinear interpolation; whole numbers are pixel centers.
    fn between(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, bottom_share) = (x - left, y - top);
        let (left, top) = (left as isize, top as isize);
        let row = |y| {
            let (a, b) = (self.at(left, y), self.at(left + 1, y));
            a + (b - a) * right_share
        };
        let (upper, lower) = (row(top), row(top + 1));
        upper + (lower - upper) * bottom_share
    }

    /// The image turned by 90° counterclockwise, `turns` times.
    pub(crate) fn turned(self, turns: usize) -> Self {
        (0..turns).fold(self, |plane, _| {
            let (width, height) = (plane.height, plane.width);
            let value = |index| plane.values[index % width * plane.width + (height - 1 - index / width)];
            let values = (0..width * height).map(value).collect();
            Self { width, height, values }
        })
    }
}

/// Makes one augmented view; `rng` decides everything.
pub(super) fn augment(plane: &Plane, config: &ImageAugment, rng: &mut Rng) -> Plane {
    let pen = stroke(plane, config, rng);
    let mut view = warp(&pen, config, rng);
    tone(&mut view.values, config, rng);
    view
}

/// Makes the pen wider or narrower: a blend toward the maximum or minimum of each 3 × 3 neighborhood.
fn stroke(plane: &Plane, config: &ImageAugment, rng: &mut Rng) -> Plane {
    let share = rng.within(0.0, config.stroke);
    let pick = if rng.below(2) == 0 { f32::max } else { f32::min };
    let extreme = |index: usize| {
        let (x, y) = ((index % plane.width) as isize, (index / plane.width) as isize);
        let row = |y| pick(pick(plane.at(x - 1, y), plane.at(x, y)), plane.at(x + 1, y));
        pick(pick(row(y - 1), row(y)), row(y + 1))
    };
    let blend = |(index, value): (usize, &f32)| value + (extreme(index) - value) * share;
    Plane { values: plane.values.iter().enumerate().map(blend).collect(), ..*plane }
}

/// Resamples through a random affine map about the center, and a random elastic one.
///
/// The maps go from the view to the source. Their ranges are symmetric, so it is all the same as the other way round.
fn warp(plane: &Plane, config: &ImageAugment, rng: &mut Rng) -> Plane {
    let affine = Affine::random(config, rng);
    let elastic = Elastic::random(config.elastic, rng);
    let middle = [plane.width, plane.height].map(|side| (side as f32 - 1.0) / 2.0);
    let value = |index: usize| {
        let (x, y) = ((index % plane.width) as f32, (index / plane.width) as f32);
        let [affine_x, affine_y] = affine.map([x - middle[0], y - middle[1]]);
        let [elastic_x, elastic_y] =
            elastic.at(x / (plane.width as f32 - 1.0).max(1.0), y / (plane.height as f32 - 1.0).max(1.0));
        plane.between(affine_x + elastic_x + middle[0], affine_y + elastic_y + middle[1])
    };
    Plane { values: (0..plane.values.len()).map(value).collect(), ..*plane }
}

/// Shift, scale, shear, then rotation.
struct Affine {
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
}

impl Affine {
    fn random(config: &ImageAugment, rng: &mut Rng) -> Self {
        let (sin, cos) = rng.around(config.rotation).to_radians().sin_cos();
        let [scale_x, scale_y] = [(); 2].map(|()| rng.around(config.log_scale).exp());
        let shear = rng.around(config.shear);
        let shift = [(); 2].map(|()| rng.around(config.shift));
        let matrix = [[cos * scale_x, (cos * shear - sin) * scale_y], [sin * scale_x, (sin * shear + cos) * scale_y]];
        Self { matrix, shift }
    }

    fn map(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = (x + self.shift[0], y + self.shift[1]);
        self.matrix.map(|[a, b]| a * x + b * y)
    }
}

/// Displacements at a grid of control points over the whole image, interpolated between them.
struct Elastic([[[f32; 2]; GRID]; GRID]);

impl Elastic {
    fn random(deviation: f32, rng: &mut Rng) -> Self {
        let mut points = [[[0.0; 2]; GRID]; GRID];
        for offset in points.as_flattened_mut().as_flattened_mut() {
            *offset = deviation * rng.normal();
        }
        Self(points)
    }

    /// The displacement at a place of the image, 0..=1 along each side.
    fn at(&self, x: f32, y: f32) -> [f32; 2] {
        let cell = |place: f32| {
            let place = place * (GRID - 1) as f32;
            let index = (place as usize).min(GRID - 2);
            (index, place - index as f32)
        };
        let ((column, right), (row, bottom)) = (cell(x), cell(y));
        let along = |row: usize, axis: usize| {
            let points = &self.0[row];
            points[column][axis] * (1.0 - right) + points[column + 1][axis] * right
        };
        [0, 1].map(|axis| along(row, axis) * (1.0 - bottom) + along(row + 1, axis) * bottom)
    }
}

/// Brightness and noise, kept within 0..=1.
fn tone(values: &mut [f32], config: &ImageAugment, rng: &mut Rng) {
    let gain = rng.within(config.gain[0], config.gain[1]);
    let noise = rng.within(0.0, config.noise);
    for value in values {
        *value = (*value * gain + noise * rng.normal()).clamp(0.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No change at all.
    const OFF: ImageAugment = ImageAugment {
        stroke: 0.0,
        rotation: 0.0,
        log_scale: 0.0,
        shear: 0.0,
        shift: 0.0,
        elastic: 0.0,
        gain: [1.0; 2],
        noise: 0.0,
    };

    fn random(width: usize, height: usize) -> Plane {
        let mut rng = Rng::keyed(&[1]);
        Plane { width, height, values: (0..width * height).map(|_| rng.unit()).collect() }
    }

    /// One bright pixel in the middle of 9 × 9.
    fn dot() -> Plane {
        let mut values = vec![0.0; 81];
        values[40] = 1.0;
        Plane { width: 9, height: 9, values }
    }

    #[test]
    fn values_stay_in_range_and_repeat() {
        let plane = random(13, 8);
        for seed in 0..50 {
            let view = || augment(&plane, &ImageAugment::default(), &mut Rng::keyed(&[seed]));
            assert!(view().values.iter().all(|value| (0.0..=1.0).contains(value)));
            assert_eq!(view(), view());
            assert_ne!(view(), plane);
        }
    }

    #[test]
    fn nothing_changes_when_all_is_off() {
        let plane = random(7, 5);
        assert_eq!(augment(&plane, &OFF, &mut Rng::keyed(&[2])), plane);
    }

    #[test]
    fn stroke_widens_or_narrows_the_pen() {
        let config = ImageAugment { stroke: 0.8, ..OFF };
        let ink = |seed| augment(&dot(), &config, &mut Rng::keyed(&[seed])).values.iter().sum::<f32>();
        let inks: Vec<f32> = (0..20).map(ink).collect();
        // A dot grows into its 3 × 3 neighborhood or fades.
        assert!(inks.iter().any(|ink| *ink > 2.0), "{inks:?}");
        assert!(inks.iter().any(|ink| *ink < 0.8), "{inks:?}");
        assert!(inks.iter().all(|ink| (0.2..=7.4).contains(ink)), "{inks:?}");
    }

    #[test]
    fn affine_map_has_the_documented_matrix() {
        let degrees = 15f32;
        let config = ImageAugment { rotation: degrees, log_scale: 0.2, shear: 0.25, shift: 2.5, ..OFF };
        for seed in 0..100 {
            let Affine { matrix: [[a, b], [c, d]], shift } = Affine::random(&config, &mut Rng::keyed(&[seed]));
            // The first column is the turned x axis times its scale; the determinant is the product of both scales.
            let (scale_x, turn) = (a.hypot(c), c.atan2(a).to_degrees());
            let scale_y = (a * d - b * c) / scale_x;
            let shear = (a * b + c * d) / (scale_x * scale_y);
            assert!(scale_x.ln().abs() < 0.2001 && scale_y.ln().abs() < 0.2001);
            assert!(turn.abs() < 15.01 && shear.abs() < 0.2501);
            assert!(shift.iter().all(|shift| shift.abs() <= 2.5));
        }
    }

    #[test]
    fn shift_moves_by_whole_pixels() {
        let affine = Affine { matrix: [[1.0, 0.0], [0.0, 1.0]], shift: [2.0, -1.0] };
        assert_eq!(affine.map([3.0, 3.0]), [5.0, 2.0]);
        assert_eq!(dot().between(4.0, 4.0), 1.0);
        assert_eq!(dot().between(4.5, 4.25), 0.375);
        assert_eq!(dot().between(-3.0, 20.0), 0.0);
    }

    #[test]
    fn elastic_map_passes_through_its_control_points() {
        let elastic = Elastic::random(1.0, &mut Rng::keyed(&[6]));
        for (row, points) in elastic.0.iter().enumerate() {
            for (column, point) in points.iter().enumerate() {
                let last = (GRID - 1) as f32;
                assert_eq!(elastic.at(column as f32 / last, row as f32 / last), *point);
            }
        }
    }

    #[test]
    fn a_quarter_turn_is_counterclockwise_and_four_are_none() {
        let plane = Plane { width: 2, height: 2, values: vec![1.0, 2.0, 3.0, 4.0] };
        assert_eq!(plane.clone().turned(1).values, [2.0, 4.0, 1.0, 3.0]);
        assert_eq!(plane.clone().turned(4), plane);
        assert_eq!(random(3, 2).turned(1).width, 2);
    }
}
