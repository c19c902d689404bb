//! Batches: P classes × K samples with labels, and instances of which each is a class of its own.

use std::collections::BTreeMap;

use crate::augment::{Augment, augment, turned};
use crate::error::TrainError;
use crate::rng::Rng;
use crate::samples::{Labeled, Samples};

/// Quarter turns that make a class four classes.
const TURNS: usize = 4;
/// Views of an instance in a batch: the least that has a positive.
const VIEWS: usize = 2;

/// What one batch holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchConfig {
    /// Labeled classes in a batch (P); zero leaves labeled samples out.
    pub classes: usize,
    /// Distinct samples of each of these classes (K), at least two.
    pub samples: usize,
    /// Instances in a batch, each with two views; zero leaves instances out.
    pub instances: usize,
    /// Whether each class turned by 90°, 180° and 270° makes three more classes; the images must be square.
    pub turned: bool,
    /// Where nobody knows how two views of a sample may differ: each view of an instance is first blended with another
    /// instance, of which it takes at least this share of itself, from 0.5 to below 1 (mixup noise of domain-agnostic
    /// contrastive learning, Verma et al., 2021, section 4.1). `None` leaves it out.
    pub mixup: Option<f32>,
}

impl Default for BatchConfig {
    /// 256 views: 48 classes × 4 samples, and 32 instances × 2 views.
    fn default() -> Self {
        Self { classes: 48, samples: 4, instances: 32, turned: true, mixup: None }
    }
}

impl BatchConfig {
    /// Views in a batch.
    #[must_use]
    pub fn views(&self) -> usize {
        self.classes * self.samples + self.instances * VIEWS
    }

    /// How many classes each labeled class makes.
    fn turns(&self) -> usize {
        if self.turned { TURNS } else { 1 }
    }
}

/// One batch, ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    /// Shape `[views, 1, height, width]`, values in 0..=1.
    pub(crate) values: Vec<f32>,
    /// The class of each view; only whether two are equal means something.
    pub(crate) classes: Vec<usize>,
}

/// One view before augmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pick {
    source: Source,
    /// Quarter turns.
    turns: usize,
    class: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Labeled(usize),
    Instance(usize),
}

/// Makes every batch of a run: each depends on nothing but the data, the configuration, the seed and its step.
pub(crate) struct Batcher<'a> {
    labeled: &'a Labeled,
    instances: &'a Samples,
    config: BatchConfig,
    augment: &'a Augment,
    seed: u64,
    /// The samples of each class.
    members: Vec<Vec<usize>>,
}

impl<'a> Batcher<'a> {
    /// Checks that the data can fill a batch.
    pub(crate) fn new(
        labeled: &'a Labeled,
        instances: &'a Samples,
        config: BatchConfig,
        augment: &'a Augment,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let members = members(labeled);
        check(&members, labeled, instances, config)?;
        Ok(Self { labeled, instances, config, augment, seed, members })
    }

    /// The batch of one step.
    pub(crate) fn batch(&self, step: usize) -> Batch {
        let picks = self.picks(&mut Rng::keyed(&[self.seed, step as u64]));
        let view = |(place, pick): (usize, &Pick)| {
            let mut rng = Rng::keyed(&[self.seed, step as u64, place as u64]);
            let sample = self.mixed(self.sample(*pick), pick.source, &mut rng);
            augment(sample, self.instances.shape(), self.augment, &mut rng)
        };
        Batch {
            values: picks.iter().enumerate().flat_map(view).collect(),
            classes: picks.iter().map(|pick| pick.class).collect(),
        }
    }

    /// Chooses classes, their samples and instances, each without repetition.
    fn picks(&self, rng: &mut Rng) -> Vec<Pick> {
        let turns = self.config.turns();
        let classes = self.members.len() * turns;
        let mut picks = Vec::with_capacity(self.config.views());
        for class in rng.choose(self.config.classes, classes) {
            let members = &self.members[class / turns];
            for member in rng.choose(self.config.samples, members.len()) {
                picks.push(Pick { source: Source::Labeled(members[member]), turns: class % turns, class });
            }
        }
        for instance in rng.choose(self.config.instances, self.instances.count()) {
            picks.extend([Pick { source: Source::Instance(instance), turns: 0, class: classes + instance }; VIEWS]);
        }
        picks
    }

    /// The view of an instance, blended with a little of another one if that is asked for.
    fn mixed(&self, mut sample: Vec<f32>, source: Source, rng: &mut Rng) -> Vec<f32> {
        if let (Some(least), Source::Instance(index)) = (self.config.mixup, source) {
            let share = rng.within(least, 1.0);
            let other = (index + 1 + rng.below(self.instances.count() - 1)) % self.instances.count();
            for (value, other) in sample.iter_mut().zip(self.instances.values(other)) {
                *value = share * *value + (1.0 - share) * other;
            }
        }
        sample
    }

    /// The sample of a pick, turned.
    fn sample(&self, pick: Pick) -> Vec<f32> {
        let (samples, index) = match pick.source {
            Source::Labeled(index) => (self.labeled.samples(), index),
            Source::Instance(index) => (self.instances, index),
        };
        turned(samples.values(index).to_vec(), samples.shape(), pick.turns)
    }
}

/// The samples of each class, classes in ascending order.
fn members(labeled: &Labeled) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, class) in labeled.classes().iter().enumerate() {
        members.entry(*class).or_default().push(index);
    }
    members.into_values().collect()
}

/// Says what a batch lacks.
fn check(
    members: &[Vec<usize>],
    labeled: &Labeled,
    instances: &Samples,
    config: BatchConfig,
) -> Result<(), TrainError> {
    let shapes = [labeled.samples().shape(), instances.shape()];
    if config.views() == 0 {
        return Err(TrainError::EmptyBatch);
    }
    if shapes[0] != shapes[1] {
        return Err(TrainError::ShapesDiffer { labeled: shapes[0], instances: shapes[1] });
    }
    if config.instances > instances.count() {
        return Err(TrainError::TooFewInstances { have: instances.count(), need: config.instances });
    }
    if let Some(least) = config.mixup {
        if !(0.5..1.0).contains(&least) {
            return Err(TrainError::Setting { name: "mixup", need: "at least 0.5 and below 1" });
        }
        if instances.count() < 2 {
            return Err(TrainError::TooFewInstances { have: instances.count(), need: 2 });
        }
    }
    if config.classes == 0 {
        return Ok(());
    }
    if config.samples < 2 {
        return Err(TrainError::NoPositive);
    }
    if config.turned && shapes[0].width != shapes[0].height {
        return Err(TrainError::NotSquare { shape: shapes[0] });
    }
    let (have, need) = (members.len() * config.turns(), config.classes);
    if have < need {
        return Err(TrainError::TooFewClasses { have, need });
    }
    let need = config.samples;
    match members.iter().find(|members| members.len() < need) {
        Some(members) => {
            Err(TrainError::TooFewSamples { class: labeled.classes()[members[0]], have: members.len(), need })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Six classes, numbered in tens, of three samples each; every pixel is the sample's index.
    fn labeled() -> Labeled {
        let pixels: Vec<u8> = (0..18).flat_map(|index| [index; 4]).collect();
        let classes = (0..18).map(|index| index / 3 * 10).collect();
        Labeled::new(Samples::of_pixels(2, 2, &pixels).unwrap(), classes).unwrap()
    }

    fn instances() -> Samples {
        Samples::of_pixels(2, 2, &[200; 5 * 4]).unwrap()
    }

    const CONFIG: BatchConfig = BatchConfig { classes: 10, samples: 3, instances: 4, turned: true, mixup: None };

    #[test]
    fn a_batch_is_p_classes_of_k_distinct_samples_and_pairs_of_instances() {
        let (labeled, instances, augment) = (labeled(), instances(), Augment::default());
        let batcher = Batcher::new(&labeled, &instances, CONFIG, &augment, 1).unwrap();
        for seed in 0..20 {
            let picks = batcher.picks(&mut Rng::keyed(&[seed]));
            assert_eq!(picks.len(), CONFIG.views());
            let (with_labels, without) = picks.split_at(30);
            let classes: HashSet<usize> = with_labels.iter().map(|pick| pick.class).collect();
            assert_eq!(classes.len(), 10);
            for group in with_labels.chunks(3) {
                let sources: HashSet<usize> = group.iter().map(labeled_index).collect();
                assert_eq!(sources.len(), 3, "samples of a class repeat");
                assert!(group.iter().all(|pick| pick.class == group[0].class));
                assert!(group.iter().all(|pick| pick.turns == group[0].turns));
                let own: HashSet<usize> = sources.iter().map(|i| labeled.classes()[*i]).collect();
                assert_eq!(own.len(), 1, "a class mixes subjects");
            }
            let instances: HashSet<usize> = without.iter().map(|pick| pick.class).collect();
            assert_eq!(instances.len(), 4);
            assert!(instances.is_disjoint(&classes));
            assert!(without.chunks(2).all(|pair| pair[0] == pair[1]));
        }
    }

    fn labeled_index(pick: &Pick) -> usize {
        match pick.source {
            Source::Labeled(index) => index,
            Source::Instance(_) => panic!("an instance among the labeled"),
        }
    }

    #[test]
    fn every_class_and_turn_gets_its_turn() {
        let (labeled, instances, augment) = (labeled(), instances(), Augment::default());
        let batcher = Batcher::new(&labeled, &instances, CONFIG, &augment, 1).unwrap();
        let picks = (0..40).flat_map(|seed| batcher.picks(&mut Rng::keyed(&[seed])));
        let classes: HashSet<usize> = picks.map(|pick| pick.class).collect();
        assert_eq!(classes.len(), 6 * TURNS + 5);
    }

    #[test]
    fn batches_repeat_by_seed_and_step_and_differ_between_them() {
        let (labeled, instances, augment) = (labeled(), instances(), Augment::default());
        let batch = |seed, step| Batcher::new(&labeled, &instances, CONFIG, &augment, seed).unwrap().batch(step);
        assert_eq!(batch(1, 5), batch(1, 5));
        assert_ne!(batch(1, 5), batch(1, 6));
        assert_ne!(batch(1, 5), batch(2, 5));
    }

    #[test]
    fn mixup_blends_each_view_of_an_instance_with_another_one_and_nothing_else() {
        // Five instances of one gray value each, far enough apart to tell who was blended.
        let grays = [10u8, 60, 110, 160, 210];
        let instances = Samples::of_pixels(2, 2, &grays.map(|gray| [gray; 4]).concat()).unwrap();
        let (labeled, augment) = (labeled(), Augment::None);
        let config = BatchConfig { mixup: Some(0.75), turned: false, classes: 2, ..CONFIG };
        let batcher = Batcher::new(&labeled, &instances, config, &augment, 1).unwrap();
        let mut blended = 0;
        for step in 0..20 {
            let batch = batcher.batch(step);
            let views: Vec<&[f32]> = batch.values.chunks(4).collect();
            for (view, class) in views.iter().zip(&batch.classes) {
                let is_instance = *class >= 6;
                let own = if is_instance { f32::from(grays[class - 6]) } else { view[0] * 255.0 };
                let share = |other: &u8| (view[0] * 255.0 - f32::from(*other)) / (own - f32::from(*other));
                let can_be =
                    |other: &u8| f32::from(*other) != own && (0.75 - 1e-4..=1.0 + 1e-4).contains(&share(other));
                if is_instance {
                    assert!(grays.iter().any(can_be), "{view:?} of {own}");
                    blended += usize::from((view[0] * 255.0 - own).abs() > 0.5);
                } else {
                    assert!((own - own.round()).abs() < 1e-3, "a labeled sample was blended");
                }
            }
        }
        assert!(blended > 100, "{blended} of 160 views differ from their instance");
    }

    #[test]
    fn the_two_views_of_an_instance_differ() {
        let (labeled, instances, augment) = (labeled(), instances(), Augment::default());
        let batch = Batcher::new(&labeled, &instances, CONFIG, &augment, 1).unwrap().batch(0);
        let views: Vec<&[f32]> = batch.values.chunks(4).collect();
        assert_ne!(views[30], views[31]);
    }
}
