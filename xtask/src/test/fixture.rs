//! The bundle and the samples that the test firmware gets.

use crate::firmware::probe_rows;
use anyhow::{Context, Result};
use cognate::bundle::{BundleContents, EnrolledTemplate, Rate, Subject, ThresholdEntry};
use cognate::{ModelDigest, Score, SubjectId, template};

/// Elements of an embedding, as the firmware's binaries are built for.
pub const DIMENSION: usize = 64;

/// Enrolled in the bundle.
pub const ANNA: SubjectId = SubjectId::new(4);
/// Enrolled on the device, as the first there.
pub const BORIS: SubjectId = SubjectId::FIRST_ON_DEVICE;
/// BORIS in a bundle, enrolled on the host.
const BORIS_ON_HOST: SubjectId = SubjectId::new(5);

/// The model that makes the samples.
const MODEL: ModelDigest = ModelDigest::new(*b"a model of tests");
/// One that does not.
const OTHER_MODEL: ModelDigest = ModelDigest::new(*b"some other model");

/// Whose sample it is.
#[derive(Clone, Copy)]
pub enum Who {
    /// [`ANNA`].
    Anna,
    /// [`BORIS`].
    Boris,
    /// Never enrolled.
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
    probe_rows(MODEL, samples.into_iter().flatten())
}

/// A bundle with a threshold of 0.9.
pub struct Bundle {
    dimension: usize,
    model: ModelDigest,
    subjects: &'static [(SubjectId, Who)],
}

impl Bundle {
    /// The one that the firmware is built with: ANNA alone.
    pub const ANNA: Self = Self { dimension: DIMENSION, model: MODEL, subjects: &[(ANNA, Who::Anna)] };
    /// A longer one, with BORIS too.
    pub const ANNA_AND_BORIS: Self = Self { subjects: &[(ANNA, Who::Anna), (BORIS_ON_HOST, Who::Boris)], ..Self::ANNA };
    /// One with nobody.
    pub const NOBODY: Self = Self { subjects: &[], ..Self::ANNA };
    /// One of another dimension.
    pub const OTHER_DIMENSION: Self = Self { dimension: DIMENSION - 4, ..Self::ANNA };
    /// One of another model.
    pub const OTHER_MODEL: Self = Self { model: OTHER_MODEL, ..Self::ANNA };

    /// Its bytes.
    ///
    /// # Errors
    /// When the core's writer refuses it.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let rate = Rate::from_parts_per_billion(10_000_000).context("one percent is a rate")?;
        let threshold =
            ThresholdEntry { fmr: rate, threshold: Score::from_ratio(9, 10), comparisons: 1000, fmr_upper_bound: rate };
        let codes = self.codes()?;
        let subjects: Vec<_> = self.subjects.iter().map(|(id, _)| Subject { id: *id, name: "" }).collect();
        let templates: Vec<_> =
            codes.iter().map(|(subject, code)| EnrolledTemplate { subject: *subject, code }).collect();
        let contents = BundleContents {
            dimension: self.dimension,
            model: self.model,
            thresholds: &[threshold],
            operating_point: 0,
            subjects: &subjects,
            next_subject: SubjectId::new(9),
            templates: &templates,
        };
        let mut bytes = vec![0; contents.encoded_len()?];
        contents.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Three templates of each subject.
    fn codes(&self) -> Result<Vec<(SubjectId, Vec<i8>)>> {
        let mut codes = Vec::new();
        for (subject, who) in self.subjects {
            for time in 0..3 {
                let mut code = vec![0; self.dimension];
                template::quantize(&sample(*who, time)[..self.dimension], &mut code)?;
                codes.push((*subject, code));
            }
        }
        Ok(codes)
    }
}
