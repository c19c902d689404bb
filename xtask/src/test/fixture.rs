//! The bundle and the samples that the test firmware gets.

use anyhow::{Context, Result};
use cognate::bundle::{BundleContents, EnrolledTemplate, Rate, Subject, ThresholdEntry};
use cognate::{ModelDigest, Score, SubjectId, template};

/// Elements of an embedding, as the firmware's binaries are built for.
pub const DIMENSION: usize = 64;

/// Enrolled in the bundle.
pub const ANNA: SubjectId = SubjectId::new(4);
/// Enrolled on the device: gets the bundle's next id.
pub const BORIS: SubjectId = SubjectId::new(9);

/// Whose sample it is.
#[derive(Clone, Copy)]
pub enum Who {
    Anna,
    Boris,
    Stranger,
}

/// A sample of somebody, a little different each time. Samples of two people have little in common.
pub fn sample(who: Who, time: usize) -> [f32; DIMENSION] {
    std::array::from_fn(|index| {
        let own = if index % 3 == who as usize { 1.0 } else { 0.0 };
        let noise = ((index * 7 + time * 13) % 5) as f32;
        own + 0.02 * noise
    })
}

/// Samples as [`cognate_firmware::Rows`] reads them.
pub fn rows(samples: impl IntoIterator<Item = [f32; DIMENSION]>) -> Vec<u8> {
    samples.into_iter().flatten().flat_map(f32::to_le_bytes).collect()
}

/// A bundle with [`ANNA`] and a threshold of 0.9.
///
/// # Errors
/// When the core's writer refuses it.
pub fn bundle(dimension: usize) -> Result<Vec<u8>> {
    let rate = Rate::from_parts_per_billion(10_000_000).context("one percent is a rate")?;
    let threshold =
        ThresholdEntry { fmr: rate, threshold: Score::from_ratio(9, 10), comparisons: 1000, fmr_upper_bound: rate };
    let mut codes = vec![vec![0; dimension]; 3];
    for (time, code) in codes.iter_mut().enumerate() {
        template::quantize(&sample(Who::Anna, time)[..dimension], code)?;
    }
    let templates: Vec<_> = codes.iter().map(|code| EnrolledTemplate { subject: ANNA, code }).collect();
    let contents = BundleContents {
        dimension,
        model: ModelDigest::new(*b"a model of tests"),
        thresholds: &[threshold],
        operating_point: 0,
        subjects: &[Subject { id: ANNA, name: "Anna" }],
        next_subject: BORIS,
        templates: &templates,
    };
    let mut bytes = vec![0; contents.encoded_len()?];
    contents.encode(&mut bytes)?;
    Ok(bytes)
}
