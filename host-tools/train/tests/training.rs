//! Whole runs on small data: what they learn, that they repeat, and what they refuse.

use cognate_train::{
    Augment, BatchConfig, Encoder, Filters, HeldOut, ImageAugment, Labeled, Layer, Loss, NetConfig, Recipe, Samples,
    Shape, TrainConfig, TrainError, equal_error_rate, train, train_held_out,
};

/// Side of the test images.
const SIDE: usize = 8;
/// Images of each class.
const MEMBERS: usize = 4;

/// Bars at different places: upright ones, then level ones.
fn bars(classes: usize) -> Labeled {
    let mut pixels = Vec::new();
    for class in 0..classes {
        let place = 1 + class / 2 * 2;
        for member in 0..MEMBERS {
            let pixel = |index: usize| {
                let across = if class % 2 == 0 { index % SIDE } else { index / SIDE };
                if across == place { 180 + 20 * member as u8 } else { 5 * member as u8 }
            };
            pixels.extend((0..SIDE * SIDE).map(pixel));
        }
    }
    let classes = (0..classes * MEMBERS).map(|index| index / MEMBERS).collect();
    Labeled::new(images(pixels), classes).unwrap()
}

fn images(pixels: Vec<u8>) -> Samples {
    Samples::of_pixels(SIDE, SIDE, &pixels).unwrap()
}

fn config(steps: usize) -> TrainConfig {
    let block = |channels, stride| Layer::full(channels, [3; 2], [stride; 2]).into();
    TrainConfig {
        steps,
        warm_up: 2,
        batch: BatchConfig { classes: 4, samples: 3, instances: 0, turned: false, mixup: None },
        augment: Augment::Image(ImageAugment { shift: 0.5, ..ImageAugment::default() }),
        net: NetConfig {
            blocks: vec![block(6, 2), block(8, 1)],
            embedding: 8,
            batch_norm_momentum: 0.8,
            ..Default::default()
        },
        ..TrainConfig::default()
    }
}

fn quiet(labeled: &Labeled, instances: &Samples, config: &TrainConfig) -> Result<Encoder, TrainError> {
    train(labeled, instances, config, &mut |_| ())
}

/// The least cosine within a class, and the greatest of two classes.
fn spread(encoder: &Encoder, labeled: &Labeled) -> (f32, f32) {
    let embeddings = encoder.embed(labeled.samples());
    let embeddings: Vec<&[f32]> = embeddings.chunks(8).collect();
    let cosine = |a: &[f32], b: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let (mut least_own, mut greatest_other) = (f32::MAX, f32::MIN);
    for (i, a) in embeddings.iter().enumerate() {
        for (j, b) in embeddings.iter().enumerate() {
            if i / MEMBERS == j / MEMBERS {
                least_own = least_own.min(cosine(a, b));
            } else {
                greatest_other = greatest_other.max(cosine(a, b));
            }
        }
    }
    (least_own, greatest_other)
}

#[test]
fn training_by_every_loss_brings_a_class_together_and_keeps_classes_apart() {
    let labeled = bars(4);
    for (loss, samples) in [
        (Loss::Supervised { temperature: 0.1 }, 3),
        (Loss::Contrastive { margin: 1.0 }, 3),
        (Loss::Triplet { margin: 0.5 }, 3),
        (Loss::NPair { regularization: 0.002 }, 2),
        (Loss::NtXent { temperature: 0.1 }, 2),
        (Loss::Debiased { temperature: 0.2, prior: 0.05 }, 2),
    ] {
        let mut config = config(200);
        config.loss = loss;
        config.batch.samples = samples;
        let encoder = quiet(&labeled, &images(vec![]), &config).unwrap();
        let (least_own, greatest_other) = spread(&encoder, &labeled);
        assert!(least_own > greatest_other + 0.1, "{loss:?}: {least_own} against {greatest_other}");
    }
}

#[test]
fn progress_tells_every_step() {
    let mut steps = Vec::new();
    let mut tell = |progress: cognate_train::Progress| {
        assert!(progress.loss.is_finite() && progress.rate > 0.0);
        steps.push((progress.step, progress.steps));
    };
    train(&bars(4), &images(vec![]), &config(3), &mut tell).unwrap();
    assert_eq!(steps, [(1, 3), (2, 3), (3, 3)]);
}

#[test]
fn the_same_seed_gives_the_same_file_and_another_seed_another() {
    let (labeled, instances) = (bars(4), images((0..=255).collect()));
    let onnx = |seed| {
        let mut config = config(4);
        config.seed = seed;
        config.batch.instances = 3;
        config.batch.turned = true;
        let encoder = quiet(&labeled, &instances, &config).unwrap();
        encoder.to_onnx(&Recipe::new(&labeled, &instances, &config))
    };
    assert!(onnx(1) == onnx(1), "two runs differ");
    assert!(onnx(1) != onnx(2), "the seed changes nothing");
}

#[test]
fn instances_alone_are_enough() {
    let mut config = config(2);
    config.batch.classes = 0;
    config.batch.instances = 4;
    let none = Labeled::new(images(vec![]), vec![]).unwrap();
    assert!(quiet(&none, &images((0..=255).collect()), &config).is_ok());
}

#[test]
fn a_run_ends_when_what_was_held_out_gets_no_better_and_gives_the_best() {
    let (labeled, none) = (bars(4), images(vec![]));
    let held_out = HeldOut { samples: &labeled, every: 5, patience: 3 };
    let mut looks = Vec::new();
    let mut last = 0;
    let mut tell = |progress: cognate_train::Progress| {
        assert_eq!(progress.eer.is_some(), progress.step.is_multiple_of(5));
        looks.extend(progress.eer);
        last = progress.step;
    };
    let encoder = train_held_out(&labeled, &none, &held_out, &config(400), &mut tell).unwrap();
    // It gets to no errors soon, and cannot get better.
    let best = looks.iter().copied().fold(f64::INFINITY, f64::min);
    let first = looks.iter().position(|eer| *eer == best).unwrap();
    assert_eq!(looks.len(), first + 1 + 3);
    assert_eq!(last, looks.len() * 5);
    assert_eq!(equal_error_rate(&encoder.embed(labeled.samples()), labeled.classes()), Some(best));
}

#[test]
fn what_cannot_be_held_out_is_refused() {
    let (labeled, none) = (bars(4), images(vec![]));
    let refused = |samples: &Labeled, every, patience| {
        let held_out = HeldOut { samples, every, patience };
        train_held_out(&labeled, &none, &held_out, &config(2), &mut |_| ()).unwrap_err()
    };
    assert_eq!(refused(&bars(1), 1, 1), TrainError::HeldOut);
    assert_eq!(refused(&labeled, 0, 1), TrainError::Setting { name: "every", need: "above zero" });
    assert_eq!(refused(&labeled, 1, 0), TrainError::Setting { name: "patience", need: "above zero" });
    let other = Labeled::new(Samples::of_pixels(2, 2, &[]).unwrap(), vec![]).unwrap();
    assert!(matches!(refused(&other, 1, 1), TrainError::ShapesDiffer { .. }));
}

/// The error of a run whose configuration was changed.
fn refusal(change: impl Fn(&mut TrainConfig)) -> TrainError {
    let mut config = config(2);
    change(&mut config);
    quiet(&bars(4), &images(vec![0; 2 * SIDE * SIDE]), &config).expect_err("the run was not refused")
}

#[test]
fn a_batch_that_the_data_cannot_fill_is_refused() {
    let few = refusal(|config| config.batch.classes = 5);
    assert_eq!(few, TrainError::TooFewClasses { have: 4, need: 5 });
    let few = refusal(|config| config.batch.samples = 5);
    assert_eq!(few, TrainError::TooFewSamples { class: 0, have: 4, need: 5 });
    let few = refusal(|config| config.batch.instances = 3);
    assert_eq!(few, TrainError::TooFewInstances { have: 2, need: 3 });
    assert_eq!(refusal(|config| config.batch.classes = 0), TrainError::EmptyBatch);
    assert_eq!(refusal(|config| config.batch.samples = 1), TrainError::NoPositive);
    let pairs = refusal(|config| config.loss = Loss::NtXent { temperature: 0.1 });
    assert_eq!(pairs, TrainError::NotPairs { samples: 3 });
    assert_eq!(refusal(|config| config.batch.classes = 1), TrainError::NoNegative);
}

#[test]
fn impossible_settings_are_refused() {
    let name = |change: fn(&mut TrainConfig)| match refusal(change) {
        TrainError::Setting { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(name(|config| config.steps = 0), "steps");
    assert_eq!(name(|config| config.rate = 0.0), "rate");
    assert_eq!(name(|config| config.loss = Loss::NtXent { temperature: f32::NAN }), "temperature");
    assert_eq!(name(|config| config.net.embedding = 0), "embedding");
    assert_eq!(name(|config| config.net.blocks[1].layers[0].filters = Filters::Full(0)), "channels");
    assert_eq!(name(|config| config.net.blocks[0].layers[0].stride = [1, 0]), "stride");
    assert_eq!(name(|config| config.net.blocks[0].layers[0].kernel = [2, 3]), "kernel");
    assert_eq!(name(|config| config.net.blocks[0].layers.clear()), "layers");
    assert_eq!(name(|config| config.net.batch_norm_momentum = 1.5), "batch_norm_momentum");
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let other = Samples::of_pixels(SIDE, SIDE + 1, &[]).unwrap();
    let refused = quiet(&bars(4), &other, &config(2)).unwrap_err();
    let shape = |height| Shape { channels: 1, height, width: 8 };
    assert_eq!(refused, TrainError::ShapesDiffer { labeled: shape(8), instances: shape(9) });

    let mut config = config(2);
    config.batch.turned = true;
    config.batch.classes = 1;
    let wide = Labeled::new(Samples::of_pixels(4, 2, &[0; 24]).unwrap(), vec![0; 3]).unwrap();
    let none = Samples::of_pixels(4, 2, &[]).unwrap();
    let refused = quiet(&wide, &none, &config).unwrap_err();
    assert_eq!(refused, TrainError::NotSquare { shape: Shape { channels: 1, height: 2, width: 4 } });
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let diverged = refusal(|config| {
        config.steps = 20;
        config.warm_up = 0;
        config.rate = 1e38;
    });
    assert!(matches!(diverged, TrainError::Diverged { .. }), "{diverged:?}");
}

#[test]
fn errors_say_what_to_do() {
    let error = TrainError::TooFewSamples { class: 3, have: 2, need: 4 };
    assert_eq!(
        error.to_string(),
        "class 3 has 2 samples, but a batch takes 4; add samples, take fewer or leave it out"
    );
}
