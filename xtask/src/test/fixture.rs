//! The bundles and the samples that the test firmware gets.

use super::encoders::Pictures;
use crate::firmware::probe_rows;
use anyhow::{Context, Result};
use cognate::bundle::{BundleContents, CohortContents, EnrolledTemplate, Subject};
use cognate::kernel::Layout;
use cognate::normalization::{Method, Statistics, Top};
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{
    BackEnd, CodeForm, Embedding, Fusion, ModelDigest, Score, Space, SubjectId, Template, template::quantize,
};

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
/// [`MODEL`] with a back end.
const MODEL_AND_BACK_END: ModelDigest = ModelDigest::new(*b"model + back end");

/// Whose sample it is.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// [`ANNA`].
    Anna,
    /// [`BORIS`].
    Boris,
    /// Never enrolled.
    Stranger,
    /// As much like ANNA as like BORIS.
    Between,
}

/// A sample of somebody, a little different each of five times. Samples of two people have little in common.
pub fn sample(who: Who, time: usize) -> [f32; DIMENSION] {
    std::array::from_fn(|index| {
        let own = match who {
            Who::Between => index % 3 < 2,
            _ => index % 3 == who as usize,
        };
        let noise = ((index * 7 + time * 13) % 5) as f32;
        f32::from(u8::from(own)) + 0.02 * noise
    })
}

/// Samples as [`cognate_firmware::Rows`] reads them.
pub fn rows(samples: impl IntoIterator<Item = [f32; DIMENSION]>) -> Vec<u8> {
    probe_rows(MODEL, samples.into_iter().flatten())
}

/// A bundle with a threshold of 0.6 and three templates a subject.
#[derive(Clone, Copy, Debug)]
pub struct Bundle {
    /// Elements of a template.
    pub dimension: usize,
    /// What made the embeddings.
    pub encoder: ModelDigest,
    /// Who is enrolled.
    pub subjects: &'static [(SubjectId, Who)],
    /// The form of the codes.
    pub form: CodeForm,
    /// How they lie.
    pub layout: Layout,
    /// The rate of strangers that is asked for, in parts per billion. One subject is taken for another at 1 %.
    pub fpir: u32,
    /// Whether there is a mean to subtract, and a map that turns embeddings around.
    pub back_end: bool,
    /// Whether scores are normalized.
    pub cohort: bool,
    /// Whether there is a filter plane.
    pub filter: bool,
    /// The encoder that makes the embeddings on the device.
    pub pictures: Option<Pictures>,
}

impl Bundle {
    /// The one that the firmware is built with: ANNA alone.
    pub const ANNA: Self = Self {
        dimension: DIMENSION,
        encoder: MODEL,
        subjects: &[(ANNA, Who::Anna)],
        form: CodeForm::Full,
        layout: Layout::Rows,
        fpir: 500_000_000,
        back_end: false,
        cohort: false,
        filter: false,
        pictures: None,
    };
    /// A longer one, with BORIS too.
    pub const ANNA_AND_BORIS: Self = Self { subjects: &[(ANNA, Who::Anna), (BORIS_ON_HOST, Who::Boris)], ..Self::ANNA };
    /// One with nobody.
    pub const NOBODY: Self = Self { subjects: &[], ..Self::ANNA };
    /// One of another dimension.
    pub const OTHER_DIMENSION: Self = Self { dimension: DIMENSION - 4, ..Self::ANNA };
    /// One for another encoder.
    pub const OTHER_ENCODER: Self = Self { encoder: OTHER_MODEL, ..Self::ANNA };
    /// One whose threshold is good for three templates, and not for more.
    pub const STRICT: Self = Self { fpir: 30_000_000, ..Self::ANNA };

    /// Its bytes.
    ///
    /// # Errors
    /// When the core's writer refuses it.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let rate = |parts| Rate::from_parts_per_billion(parts).context("more than a whole");
        let threshold = match self.form {
            // In standard deviations.
            _ if self.cohort => Score::from_raw(2 << 23),
            CodeForm::Full | CodeForm::NormLimited => Score::from_ratio(6, 10),
            // In steps of the code.
            CodeForm::Euclidean(_) => Score::from_squared_distance(60_000),
        };
        let fmr = rate(10_000_000)?;
        let threshold = ThresholdEntry { fmr, threshold, comparisons: 1000, fmr_upper_bound: fmr };
        let (mean, map) = map();
        let back_end = BackEnd::new(self.encoder, [20, -20], 14, &mean, &map).context("it is in range")?;
        let back_end = self.back_end.then_some(back_end);
        let space = Space { model: if self.back_end { MODEL_AND_BACK_END } else { self.encoder }, form: self.form };
        let codes = self.codes(space, back_end.as_ref())?;
        let subjects: Vec<_> = self.subjects.iter().map(|(id, _)| Subject { id: *id, name: "" }).collect();
        let templates: Vec<_> =
            codes.iter().map(|(subject, code)| EnrolledTemplate { subject: *subject, code }).collect();
        let members: Vec<_> = (0..5).map(|member| self.code(&stranger(member), space, None)).collect::<Result<_>>()?;
        let members: Vec<_> = members.iter().map(Vec::as_slice).collect();
        // Any numbers do: host and device have the same.
        let statistics = vec![Statistics::new(Score::from_ratio(1, 10), 1 << 21); subjects.len()];
        let method = Method::AdaptiveSNorm(Top::new(3).context("three are at least two")?);
        let encoder = self.pictures.map(|pictures| pictures.encode(self.encoder)).transpose()?;
        let cohort = CohortContents { codes: &members, method, statistics: &statistics };
        let contents = BundleContents {
            dimension: self.dimension,
            space,
            layout: self.layout,
            thresholds: &[threshold],
            operating_point: 0,
            fpir: rate(self.fpir)?,
            margin: 1 << 18,
            fusion: Fusion::Maximum,
            calibrated_templates: 1,
            subjects: &subjects,
            next_subject: SubjectId::new(9),
            templates: &templates,
            back_end,
            cohort: self.cohort.then_some(cohort),
            revealed: None,
            filter: self.filter,
            encoder: encoder.as_deref(),
        };
        let mut bytes = vec![0; contents.encoded_len()?];
        contents.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Three templates of each subject.
    fn codes(&self, space: Space, back_end: Option<&BackEnd<'_>>) -> Result<Vec<(SubjectId, Vec<i8>)>> {
        let mut codes = Vec::new();
        for (subject, who) in self.subjects {
            for time in 0..3 {
                let values = match self.pictures {
                    Some(pictures) => pictures.embedding(*who, time)?,
                    None => sample(*who, time),
                };
                codes.push((*subject, self.code(&values, space, back_end)?));
            }
        }
        Ok(codes)
    }

    fn code(&self, values: &[f32; DIMENSION], space: Space, back_end: Option<&BackEnd<'_>>) -> Result<Vec<i8>> {
        if let Some(back_end) = back_end {
            let template: Template<DIMENSION> = back_end.template(&Embedding::new(*values)?, space)?;
            return Ok(template.code().to_vec());
        }
        let mut code = vec![0; self.dimension];
        quantize(&values[..self.dimension], space.form, &mut code)?;
        Ok(code)
    }
}

/// Somebody of the cohort.
fn stranger(member: usize) -> [f32; DIMENSION] {
    std::array::from_fn(|index| ((index * (member + 2) + member * member) % 11) as f32 - 4.0)
}

/// A mean, and a map that moves every element to another place and turns some around.
fn map() -> ([[u8; 4]; DIMENSION], Vec<[u8; 2]>) {
    let mean = std::array::from_fn(|index| ((index as i32 % 7 - 3) << 15).to_le_bytes());
    let mut map = vec![[0; 2]; DIMENSION * DIMENSION];
    for output in 0..DIMENSION {
        let weight: i16 = if output % 5 == 0 { -(1 << 14) } else { 1 << 14 };
        map[output * DIMENSION + (output * 13 + 5) % DIMENSION] = weight.to_le_bytes();
    }
    (mean, map)
}
