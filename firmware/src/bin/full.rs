//! All of the core that a device uses, to see how large it is and that nothing in it can panic: what `match-only` has, and a
//! bundle in flash with its back end, its cohort, its filter and its encoder, the quality of samples, adaptation, and sums of
//! templates. No log; `cargo xtask size` measures it, `cargo xtask test` looks at its symbols.
#![no_std]
#![no_main]

use cognate::encoder::Arena;
use cognate::gallery::{Adaptation, Kind};
use cognate::normalization::{StatisticsList, SubjectStatistics};
use cognate::policy::Rate;
use cognate::quality::{self, LEAST_SAMPLES};
use cognate::{
    BundleView, Decision, Embedding, FilteredGallery, Fusion, GalleryView, Match, Normalization, Query, Scan, Score,
    Search, SubjectId, Template,
};
use cognate_firmware::board::{self, Port};
use cognate_firmware::{Encoding, Frames, SampleSource};
use heapless::Vec;

const DIMENSION: usize = 128;
const CAPACITY: usize = 16;

/// Where an encoder outside of the bundle would put its output.
static VALUES: [Port<f32>; DIMENSION] = [const { Port::new(0.0) }; DIMENSION];
/// What to do: see [`Device::run`].
static COMMAND: Port<u32> = Port::new(0);
/// Whom to remove, or who the sample is claimed to be.
static SUBJECT: Port<u32> = Port::new(0);
/// What came of it.
static RESULT: [Port<u32>; 4] = [const { Port::new(0) }; 4];

#[cortex_m_rt::entry]
fn main() -> ! {
    let device = BundleView::new_checked(board::bundle()).ok().and_then(|bundle| {
        let ram = FilteredGallery::filtered(bundle.space(), SubjectId::FIRST_ON_DEVICE);
        let (flash, statistics, samples) = (bundle.gallery(), StatisticsList::new(), Vec::new());
        let encoding = encoding(&bundle);
        cortex_m::singleton!(: Device = Device { bundle, flash, ram, statistics, samples, encoding })
    });
    let Some(device) = device else {
        RESULT.iter().for_each(|place| place.write(u32::MAX));
        loop {
            cortex_m::asm::wfi();
        }
    };
    loop {
        let result = device.run().unwrap_or([u32::MAX; 4]);
        RESULT.iter().zip(result).for_each(|(place, word)| place.write(word));
    }
}

/// The bundle's encoder over samples in flash, if it has one.
fn encoding(bundle: &BundleView<'static>) -> Option<Encoding<'static, 'static, Frames<'static>>> {
    let encoder = bundle.int8_encoder().ok()??;
    let arena = cortex_m::singleton!(: Arena<{ board::ARENA_BYTES }> = Arena::new())?;
    Encoding::new(encoder, arena.bytes(), Frames::new(&encoder, board::probes()), ()).ok()
}

struct Device {
    bundle: BundleView<'static>,
    flash: GalleryView<'static>,
    ram: FilteredGallery<DIMENSION, CAPACITY>,
    statistics: StatisticsList<CAPACITY>,
    samples: Vec<Template<DIMENSION>, LEAST_SAMPLES>,
    encoding: Option<Encoding<'static, 'static, Frames<'static>>>,
}

impl Device {
    /// One command; `None` when it failed.
    fn run(&mut self) -> Option<[u32; 4]> {
        let subject = SubjectId::new(SUBJECT.read());
        match COMMAND.read() {
            0 => self.samples.push(self.template()?).ok().map(|()| [0; 4]),
            1 => self.enroll(),
            2 => self.remove(subject),
            3 => self.verify(subject),
            4 => self.identify().map(|(_, result)| result),
            5 => self.adapt(),
            6 => self.ram.revert(subject).ok().map(|reverted| [u32::from(reverted), 0, 0, 0]),
            7 => self.rank(),
            8 => self.encode(),
            _ => None,
        }
    }

    fn template(&self) -> Option<Template<DIMENSION>> {
        let mut values = [0.0; DIMENSION];
        values.iter_mut().zip(&VALUES).for_each(|(value, port)| *value = port.read());
        self.template_of(&Embedding::new(values).ok()?)
    }

    fn template_of(&self, embedding: &Embedding<DIMENSION>) -> Option<Template<DIMENSION>> {
        match self.bundle.back_end() {
            Some(back_end) => back_end.template(embedding, self.bundle.space()).ok(),
            None => Some(Template::new(embedding, self.bundle.space())),
        }
    }

    /// Adds the next raw sample to those to be enrolled.
    fn encode(&mut self) -> Option<[u32; 4]> {
        let embedding = self.encoding.as_mut()?.next_sample().ok()??;
        self.samples.push(self.template_of(&embedding)?).ok().map(|()| [0; 4])
    }

    fn fusion(&self) -> Fusion {
        self.bundle.thresholds().calibration().fusion
    }

    fn search<T>(&self, use_search: impl FnOnce(&Search<'_>) -> Option<T>) -> Option<T> {
        let galleries: [&dyn Scan; 2] = [&self.flash, &self.ram];
        let mut search = Search::new(&galleries).fused_by(self.fusion());
        let (normalization, lists): (_, [&dyn SubjectStatistics; 2]);
        if let Some((cohort, method, of_bundle)) = self.bundle.cohort() {
            lists = [of_bundle, &self.statistics];
            normalization = Normalization::new(cohort, method, &lists);
            search = search.normalized_by(&normalization);
        }
        use_search(&search)
    }

    fn enroll(&mut self) -> Option<[u32; 4]> {
        let samples = core::mem::take(&mut self.samples);
        let limits = self.bundle.quality_limits();
        self.search(|search| quality::assess(&samples, search, None, &limits).ok())?;
        let subject = match self.fusion() {
            Fusion::Centroid => self.ram.enroll_centroid(&samples),
            Fusion::Maximum | Fusion::MeanOfBest(_) => self.ram.enroll(&samples),
        };
        let subject = subject.ok()?;
        if let Some((cohort, method, _)) = self.bundle.cohort() {
            let statistics = cohort.of_subject(&self.ram, subject, self.fusion(), method)?;
            self.statistics.set(subject, statistics);
        }
        Some([subject.number(), 0, 0, 0])
    }

    fn remove(&mut self, subject: SubjectId) -> Option<[u32; 4]> {
        let removed = self.ram.remove(subject).ok()?;
        self.statistics.forget(subject);
        Some([removed as u32, 0, 0, 0])
    }

    fn verify(&self, claimed: SubjectId) -> Option<[u32; 4]> {
        let (probe, policy) = (self.template()?, self.bundle.verification().ok()?);
        let found = self.search(|search| search.verify(&probe, claimed, &policy).ok())?;
        let rate = found.false_match_rate.map_or(u32::MAX, Rate::parts_per_billion);
        Some([u32::from(found.accepted), found.score.raw().cast_unsigned(), rate, 0])
    }

    fn identify(&self) -> Option<(Decision, [u32; 4])> {
        let probe = self.template()?;
        let decision = self.search(|search| {
            let policy = self.bundle.identification(search).ok()?;
            search.identify(&probe, &policy).ok()
        })?;
        let verdict = match decision {
            Decision::Known(_) => 0,
            Decision::Ambiguous(_) => 1,
            Decision::Unknown(_) => 2,
        };
        let Some(evidence) = decision.evidence() else { return Some((decision, [verdict, 0, 0, 0])) };
        let rate = evidence.false_positive_rate.map_or(u32::MAX, Rate::parts_per_billion);
        let Match { subject, score } = evidence.best;
        Some((decision, [verdict, subject.number(), score.raw().cast_unsigned(), rate]))
    }

    /// Lets the template of whoever is known follow the sample.
    fn adapt(&mut self) -> Option<[u32; 4]> {
        const LIMITS: Adaptation = Adaptation {
            least_score: Score::from_ratio(9, 10),
            least_margin: 1 << 20,
            inertia: 4,
            least_likeness: Score::from_ratio(8, 10),
        };
        let (probe, (decision, _)) = (self.template()?, self.identify()?);
        let adapted = self.ram.adapt(decision.evidence()?, &probe, &LIMITS).ok()?;
        let templates = self.ram.templates().filter(|(_, kind, _)| *kind == Kind::Adapted).count();
        Some([adapted.subject.number(), adapted.likeness.raw().cast_unsigned(), templates as u32, 0])
    }

    /// Who is most like the samples so far, without the one that is shown now.
    fn rank(&self) -> Option<[u32; 4]> {
        let mut sum = Query::new(self.bundle.space());
        for sample in &self.samples {
            sum = sum.plus(sample).ok()?;
        }
        let probe = sum.minus(&self.template()?).and_then(|sum| sum.template()).ok()?;
        let ranked = self.search(|search| search.rank::<4>(&probe).ok())?;
        let mut subjects = [0; 4];
        subjects.iter_mut().zip(&ranked).for_each(|(place, found)| *place = found.subject.number());
        Some(subjects)
    }
}
