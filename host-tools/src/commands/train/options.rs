//! What decides a run, as it is written on the command line.

use anyhow::{Context, bail};
use cognate_host::preprocessing::Preprocessing;
use cognate_host::training::{Data, Parts};
use cognate_train::{
    Augment, BatchConfig, Budget, Family, Head, ImageAugment, Loss, NetConfig, SeriesAugment, Shape, TrainConfig,
};

/// Views in a batch, where nothing else is asked for and the data have so many.
const VIEWS: usize = 128;

/// The loss
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Loss")]
pub struct LossArgs {
    /// contrastive, triplet, n-pair, nt-xent, supervised or debiased: docs/losses.md defines each
    #[arg(long, value_name = "NAME", default_value = "supervised", value_parser = named(Loss::NAMED))]
    loss: Loss,
    /// Of contrastive (1) and triplet (0.2): the distance that impostors are pushed to
    #[arg(long, value_name = "DISTANCE")]
    margin: Option<f32>,
    /// Of nt-xent (0.2), supervised (0.1) and debiased (0.2): lower ones look at the nearest impostors more
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Of debiased (0.1): the chance that two samples are of the same subject
    #[arg(long, value_name = "CHANCE")]
    prior: Option<f32>,
    /// Of n-pair (0.002): the weight of the embeddings' squared lengths
    #[arg(long, value_name = "WEIGHT")]
    regularization: Option<f32>,
}

impl LossArgs {
    fn loss(&self) -> anyhow::Result<Loss> {
        let mut loss = self.loss;
        let values = [
            ("margin", self.margin),
            ("temperature", self.temperature),
            ("prior", self.prior),
            ("regularization", self.regularization),
        ];
        for (name, value) in values.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            *parameter(&mut loss, name).with_context(|| {
                format!("--{name} is no parameter of this loss: leave it out, or name another --loss")
            })? = value;
        }
        Ok(loss)
    }
}

fn parameter<'a>(loss: &'a mut Loss, name: &str) -> Option<&'a mut f32> {
    match (loss, name) {
        (Loss::Contrastive { margin } | Loss::Triplet { margin }, "margin") => Some(margin),
        (
            Loss::NtXent { temperature } | Loss::Supervised { temperature } | Loss::Debiased { temperature, .. },
            "temperature",
        ) => Some(temperature),
        (Loss::Debiased { prior, .. }, "prior") => Some(prior),
        (Loss::NPair { regularization }, "regularization") => Some(regularization),
        _ => None,
    }
}

/// The encoder
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Encoder")]
pub struct EncoderArgs {
    /// plain (3×3 convolutions), ds-cnn (depthwise-separable), mobilenet-v2 (inverted residuals) or resnet
    #[arg(long, value_name = "NAME", default_value = "plain", value_parser = named(Family::NAMED))]
    family: Family,
    /// Channels of the first layer; each halving of the sample makes half as many more
    #[arg(long, value_name = "CHANNELS", default_value_t = 16, conflicts_with_all = ["max_weights", "max_ram", "max_mmacs"],
        value_parser = clap::value_parser!(u16).range(1..=512))]
    width: u16,
    /// Elements of an embedding
    #[arg(long, value_name = "ELEMENTS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    dimension: u16,
    /// What the last layer sees of the convolutions: flatten (every place) or pool (the mean of each channel)
    #[arg(long, value_name = "HEAD", default_value = "flatten", value_parser = named(HEADS))]
    head: Head,
    /// The widest encoder whose int8 weights fit into this: bytes, or as 60kB
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_weights: Option<usize>,
    /// … whose activations fit into this
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_ram: Option<usize>,
    /// … that multiplies at most so many million times a sample
    #[arg(long, value_name = "MILLIONS")]
    max_mmacs: Option<f64>,
}

const HEADS: [(&str, Head); 2] = [("flatten", Head::Flatten), ("pool", Head::Pool)];

impl EncoderArgs {
    /// The encoder for samples of this shape.
    pub fn net(&self, shape: Shape) -> anyhow::Result<NetConfig> {
        let dimension = usize::from(self.dimension);
        let limits = (self.max_weights, self.max_ram, self.max_mmacs);
        if limits == (None, None, None) {
            return Ok(self.family.config(shape, self.width.into(), self.head, dimension));
        }
        if self.max_mmacs.is_some_and(|millions| !(millions.is_finite() && millions > 0.0)) {
            bail!("--max-mmacs: a number of millions above 0");
        }
        let none = usize::MAX;
        let budget = Budget {
            weights: self.max_weights.unwrap_or(none),
            ram: self.max_ram.unwrap_or(none),
            macs: self.max_mmacs.map_or(none, |millions| (millions * 1e6) as usize),
        };
        self.family.within(&budget, shape, self.head, dimension).with_context(|| {
            let least = self.family.config(shape, 1, self.head, dimension).cost(shape);
            format!(
                "no encoder of this family is within the budget: with one channel it takes {least}; raise the limit, or lower \
                 --dimension"
            )
        })
    }
}

/// The batches, and what is done to samples
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Batches")]
pub struct BatchArgs {
    /// Learn from the samples alone: each is a class of its own, of which a batch has two views
    #[arg(long)]
    ignore_labels: bool,
    /// Subjects in a batch [default: as many as make 128 views]
    #[arg(long, value_name = "P")]
    classes: Option<usize>,
    /// Samples of each of them [default: 2 where the loss is one of pairs, otherwise 4, or as many as every subject has]
    #[arg(long, value_name = "K")]
    per_class: Option<usize>,
    /// Samples in a batch, where there are no labels [default: 64]
    #[arg(long, value_name = "N")]
    instances: Option<usize>,
    /// Count subjects turned by 90°, 180° and 270° as subjects of their own: handwriting of other alphabets, say
    #[arg(long)]
    turned: bool,
    /// Where no augmentation is known: blend each view with another sample, of which it takes at least this share of itself, from
    /// 0.5 to below 1; without labels
    #[arg(long, value_name = "SHARE")]
    mixup: Option<f32>,
    /// How views differ: image, series or none [default: image for pictures, series for arrays]
    #[arg(long, value_name = "KIND", value_parser = ["image", "series", "none"])]
    augment: Option<String>,
}

impl BatchArgs {
    /// Whether training sees labels.
    pub fn with_labels(&self, data: &Data) -> bool {
        data.has_labels() && !self.ignore_labels
    }

    fn batch(&self, loss: Loss, parts: &Parts) -> anyhow::Result<BatchConfig> {
        let turned = self.turned;
        let none = BatchConfig { classes: 0, samples: 0, instances: 0, turned, mixup: self.mixup };
        let sizes = class_sizes(parts.labeled.classes());
        if sizes.is_empty() {
            for (name, given) in
                [("classes", self.classes.is_some()), ("per-class", self.per_class.is_some()), ("turned", turned)]
            {
                if given {
                    bail!("--{name} goes with labels, and there are none here: leave it out");
                }
            }
            let instances = self.instances.unwrap_or((VIEWS / 2).min(parts.instances.count()));
            return Ok(BatchConfig { instances, ..none });
        }
        for (name, given) in [("instances", self.instances.is_some()), ("mixup", self.mixup.is_some())] {
            if given {
                bail!("--{name} goes with samples without labels: give --ignore-labels, or leave it out");
            }
        }
        let of_pairs = matches!(loss, Loss::NPair { .. } | Loss::NtXent { .. } | Loss::Debiased { .. });
        let fewest = sizes.iter().copied().min().unwrap_or_default();
        let samples = self.per_class.unwrap_or(if of_pairs { 2 } else { fewest.clamp(2, 4) });
        let most = sizes.len() * if turned { 4 } else { 1 };
        let classes = self.classes.unwrap_or((VIEWS / samples.max(1)).min(most));
        Ok(BatchConfig { classes, samples, ..none })
    }

    fn augment(&self, data: &Data) -> anyhow::Result<Augment> {
        let default = if matches!(data.preprocessing, Preprocessing::Image(_)) { "image" } else { "series" };
        Ok(match self.augment.as_deref().unwrap_or(default) {
            "image" if !data.is_bounded() => {
                bail!(
                    "--augment image is for values from 0 to 1: let the preprocessing make such, or name another augmentation"
                )
            }
            "image" => Augment::Image(ImageAugment::default()),
            "series" => Augment::Series(SeriesAugment::default()),
            _ => Augment::None,
        })
    }
}

/// How many samples each class has.
fn class_sizes(classes: &[usize]) -> Vec<usize> {
    let mut sizes = std::collections::BTreeMap::new();
    classes.iter().for_each(|class| *sizes.entry(class).or_insert(0) += 1);
    sizes.into_values().collect()
}

/// The run
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Decides weights, batches, augmentation and who is held out: the same gives the same encoder on the same machine
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Batches, one step each
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// The highest learning rate
    #[arg(long, value_name = "RATE", default_value_t = 2e-3)]
    rate: f64,
    /// Steps until it is reached; from there it falls to zero as a cosine
    #[arg(long, value_name = "STEPS", default_value_t = 50)]
    warm_up: u32,
    /// Weight decay
    #[arg(long, value_name = "SHARE", default_value_t = 1e-4)]
    weight_decay: f32,
    /// So many of the last steps round weights and activations as an int8 device does (quantization-aware training): the encoder
    /// that is written is of one of them
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    quantization_aware: u32,
}

/// All of it.
pub fn config(
    loss: &LossArgs,
    net: NetConfig,
    batch: &BatchArgs,
    run: &RunArgs,
    data: &Data,
    parts: &Parts,
) -> anyhow::Result<TrainConfig> {
    let loss = loss.loss()?;
    if !(run.weight_decay.is_finite() && run.weight_decay >= 0.0) {
        bail!("--weight-decay {}: a weight decay is 0 or more", run.weight_decay);
    }
    if run.quantization_aware >= run.steps {
        bail!(
            "--quantization-aware {}: it follows training in floats: fewer steps than --steps {}",
            run.quantization_aware,
            run.steps
        );
    }
    Ok(TrainConfig {
        seed: run.seed,
        steps: run.steps as usize,
        rate: run.rate,
        warm_up: run.warm_up as usize,
        weight_decay: run.weight_decay,
        quantization_aware: run.quantization_aware as usize,
        loss,
        net,
        batch: batch.batch(loss, parts)?,
        augment: batch.augment(data)?,
    })
}

/// Reads one of these names.
fn named<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [(&'static str, T); N],
) -> impl clap::builder::TypedValueParser<Value = T> {
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(all.map(|(name, _)| name)).map(move |text| {
        let found = all.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).expect("only these names are accepted")
    })
}

/// Reads a size: `60000`, `60kB`, or `64KiB`.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => Some(1),
        "kB" => Some(1000),
        "KiB" => Some(1024),
        "MB" => Some(1_000_000),
        "MiB" => Some(1 << 20),
        _ => None,
    };
    let bytes = number.parse::<usize>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| "a size is bytes, as in 60000, 60kB or 64KiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_bytes("60000"), Ok(60_000));
        assert_eq!(parse_bytes("60kB"), Ok(60_000));
        assert_eq!(parse_bytes("64KiB"), Ok(65_536));
        assert_eq!(parse_bytes("2MB"), Ok(2_000_000));
        for wrong in ["", "kB", "60 kB", "1.5kB", "-1", "60kb", "99999999999999999999MB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_parameter_goes_with_its_losses_alone() {
        for (name, loss) in Loss::NAMED {
            let takes = |parameter_name| parameter(&mut loss.clone(), parameter_name).is_some();
            let found = ["margin", "temperature", "prior", "regularization"].map(takes);
            let expected = match name {
                "contrastive" | "triplet" => [true, false, false, false],
                "n-pair" => [false, false, false, true],
                "debiased" => [false, true, true, false],
                _ => [false, true, false, false],
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}
