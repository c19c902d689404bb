//! Early stopping: subjects that training does not see say when it has learned enough.

use burn::module::Module;

use crate::eer::equal_error_rate;
use crate::error::TrainError;
use crate::net::{Net, Range, Shape};
use crate::samples::Labeled;
use crate::train::embed;

/// Samples of subjects that training does not see, which say when it has learned enough.
#[derive(Debug, Clone, Copy)]
pub struct HeldOut<'a> {
    /// At least two classes, one of them with two samples.
    pub samples: &'a Labeled,
    /// Steps from one look to the next, above 0.
    pub every: usize,
    /// Looks without a lower equal error rate after which a run ends, above 0.
    pub patience: usize,
}

impl HeldOut<'_> {
    /// Refuses what says nothing about samples of this shape.
    pub(crate) fn check(&self, instances: Shape) -> Result<(), TrainError> {
        let labeled = self.samples.samples().shape();
        if labeled != instances {
            return Err(TrainError::ShapesDiffer { labeled, instances });
        }
        for (name, value) in [("every", self.every), ("patience", self.patience)] {
            if value == 0 {
                return Err(TrainError::Setting { name, need: "above zero" });
            }
        }
        Ok(())
    }
}

/// The network that did best on what was held out.
pub(crate) struct Best<'a> {
    held_out: HeldOut<'a>,
    /// Steps done before each look, and the equal error rate that it found.
    looks: Vec<(usize, f64)>,
    /// Steps done before the looks that count, where not all do: a run that is to end rounded is judged rounded.
    from: Option<usize>,
    net: Option<Net>,
}

impl<'a> Best<'a> {
    /// What was found until now, and the network that did best, if any.
    pub(crate) fn new(held_out: HeldOut<'a>, from: Option<usize>, looks: Vec<(usize, f64)>, net: Option<Net>) -> Self {
        Self { held_out, looks, from, net }
    }

    /// The equal error rate now, when it is time for a look: behind the last step, too.
    pub(crate) fn look(
        &mut self,
        done: usize,
        steps: usize,
        net: &Net,
        ranges: Option<&[Range]>,
    ) -> Result<Option<f64>, TrainError> {
        if !done.is_multiple_of(self.held_out.every) && done != steps {
            return Ok(None);
        }
        let net = net.valid();
        let embeddings = embed(&net, ranges, self.held_out.samples.samples());
        let eer = equal_error_rate(&embeddings, self.held_out.samples.classes()).ok_or(TrainError::HeldOut)?;
        if self.counts(done) && self.counted().all(|other| eer < other) {
            self.net = Some(net);
        }
        self.looks.push((done, eer));
        Ok(Some(eer))
    }

    /// Whether there were so many looks without a lower rate that the run ends.
    pub(crate) fn is_over(&self) -> bool {
        let best = self.counted().fold(f64::INFINITY, f64::min);
        let first = self.counted().position(|eer| eer == best);
        first.is_some_and(|first| self.counted().count() - first > self.held_out.patience)
    }

    fn counts(&self, done: usize) -> bool {
        self.from.is_none_or(|from| done > from)
    }

    fn counted(&self) -> impl Iterator<Item = f64> {
        self.looks.iter().filter(|(done, _)| self.counts(*done)).map(|(_, eer)| *eer)
    }

    pub(crate) fn looks(&self) -> &[(usize, f64)] {
        &self.looks
    }

    pub(crate) fn net(&self) -> Option<&Net> {
        self.net.as_ref()
    }
}
