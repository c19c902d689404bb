//! Augmentation: how two views of the same sample may differ.

mod image;
mod series;

pub use image::ImageAugment;
pub use series::SeriesAugment;

use crate::net::Shape;
use crate::rng::Rng;
use image::Plane;

/// What is done to a sample before the network sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Augment {
    /// Nothing.
    None,
    /// What happens to pictures, of values in 0..=1: the same in every channel.
    Image(ImageAugment),
    /// What happens to series and to features over time.
    Series(SeriesAugment),
}

impl Default for Augment {
    fn default() -> Self {
        Self::Image(ImageAugment::default())
    }
}

/// Makes one view of a sample; `rng` decides everything.
pub(crate) fn augment(values: Vec<f32>, shape: Shape, config: &Augment, rng: &mut Rng) -> Vec<f32> {
    match config {
        Augment::None => values,
        Augment::Image(config) => by_channel(&values, shape, |plane| image::augment(&plane, config, &mut rng.clone())),
        Augment::Series(config) => series::augment(values, shape, config, rng),
    }
}

/// A sample turned by 90° counterclockwise, `turns` times; for shapes as high as they are wide.
pub(crate) fn turned(values: Vec<f32>, shape: Shape, turns: usize) -> Vec<f32> {
    if turns == 0 { values } else { by_channel(&values, shape, |plane| plane.turned(turns)) }
}

fn by_channel(values: &[f32], shape: Shape, change: impl Fn(Plane) -> Plane) -> Vec<f32> {
    let Shape { height, width, .. } = shape;
    let planes = values.chunks_exact(height * width);
    planes.flat_map(|plane| change(Plane { width, height, values: plane.to_vec() }).values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_changed_alike() {
        let shape = Shape { channels: 3, height: 6, width: 6 };
        let plane: Vec<f32> = (0..36).map(|index| index as f32 / 36.0).collect();
        let view = augment(plane.repeat(3), shape, &Augment::default(), &mut Rng::keyed(&[3]));
        assert_ne!(view[..36], plane[..]);
        assert_eq!((&view[36..72], &view[72..]), (&view[..36], &view[..36]));
        let quarter = turned(plane.repeat(3), shape, 1);
        assert_eq!(quarter[..36], quarter[36..72]);
        assert_eq!(turned(quarter, shape, 3), plane.repeat(3));
    }
}
