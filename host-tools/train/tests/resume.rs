//! Runs that were cut short, and what goes on from their checkpoints.

use core::ops::ControlFlow;

use cognate_train::{
    Augment, BatchConfig, Checkpoint, CheckpointError, HeldOut, ImageAugment, Labeled, Layer, NetConfig, Samples,
    TrainConfig, TrainError, Training,
};

/// Four classes of noise around a gray of their own, 8 × 8, and a few without labels.
fn data() -> (Labeled, Samples) {
    let pixel = |index: usize| (index / 256 * 60 + index * index * 31 % 97) as u8;
    let labeled = Samples::of_pixels(8, 8, &(0..4 * 256).map(pixel).collect::<Vec<_>>()).unwrap();
    let instances = Samples::of_pixels(8, 8, &(0..5 * 64).map(|index| (index * 7 % 251) as u8).collect::<Vec<_>>());
    (Labeled::new(labeled, (0..16).map(|index| index / 4).collect()).unwrap(), instances.unwrap())
}

fn config(seed: u64) -> TrainConfig {
    let block = |channels, stride| Layer::full(channels, [3; 2], [stride; 2]).into();
    TrainConfig {
        seed,
        steps: 12,
        warm_up: 2,
        batch: BatchConfig { classes: 3, samples: 2, instances: 2, turned: true, mixup: Some(0.6) },
        augment: Augment::Image(ImageAugment::default()),
        net: NetConfig { blocks: vec![block(6, 2), block(8, 1)], embedding: 8, ..Default::default() },
        ..TrainConfig::default()
    }
}

/// The checkpoint after a step, of a run that ends there.
fn cut(training: &Training<'_>, step: usize) -> Checkpoint {
    let mut kept = None;
    let ended = training.run(None, &mut |progress, state| {
        if progress.step < step {
            return ControlFlow::Continue(());
        }
        kept = Some(state.checkpoint().unwrap());
        ControlFlow::Break(())
    });
    assert_eq!(ended.unwrap_err(), TrainError::Ended { step });
    Checkpoint::from_bytes(&kept.unwrap().to_bytes()).unwrap()
}

fn whole(training: &Training<'_>, from: Option<&Checkpoint>) -> (Vec<u8>, usize) {
    let mut steps = 0;
    let encoder = training.run(from, &mut |_, _| {
        steps += 1;
        ControlFlow::Continue(())
    });
    let encoder = encoder.unwrap();
    (encoder.to_onnx(&training.recipe()), steps)
}

#[test]
fn a_run_goes_on_to_the_same_bytes_wherever_it_was_cut() {
    let (labeled, instances) = data();
    let held_out = Some(HeldOut { samples: &labeled, every: 3, patience: 2 });
    for (held_out, quantization_aware) in [(None, 0), (held_out, 0), (None, 8), (held_out, 8)] {
        let config = TrainConfig { quantization_aware, ..config(1) };
        let training = Training { labeled: &labeled, instances: &instances, held_out, config: &config };
        let (expected, steps) = whole(&training, None);
        for step in [1, 5, steps] {
            let checkpoint = cut(&training, step);
            assert_eq!((checkpoint.step(), checkpoint.losses().len()), (step, step));
            let (found, rest) = whole(&training, Some(&checkpoint));
            assert_eq!(rest, steps - step);
            assert!(found == expected, "cut after {step} of {steps} steps, {} looks", checkpoint.looks().len());
        }
    }
}

#[test]
fn another_run_does_not_go_on() {
    let ((labeled, instances), first, second) = (data(), config(1), config(2));
    let training = Training { labeled: &labeled, instances: &instances, held_out: None, config: &first };
    let checkpoint = cut(&training, 2);
    let differs =
        |other: Training<'_>| match other.run(Some(&checkpoint), &mut |_, _| panic!("a step was done")).unwrap_err() {
            TrainError::Checkpoint(CheckpointError::OtherRun { name, .. }) => name,
            other => panic!("{other}"),
        };
    assert_eq!(differs(Training { config: &second, ..training }), "seed");
    let held_out = Some(HeldOut { samples: &labeled, every: 3, patience: 2 });
    assert_eq!(differs(Training { held_out, ..training }), "held_out_count");
    let other = Labeled::new(labeled.samples().clone(), (0..16).map(|index| index % 4).collect()).unwrap();
    assert_eq!(differs(Training { labeled: &other, ..training }), "labels_sha256");
    let mut wider = first.clone();
    wider.net.blocks[0] = Layer::full(7, [3; 2], [2; 2]).into();
    assert_eq!(differs(Training { config: &wider, ..training }), "network");
}

#[test]
fn weights_that_are_no_numbers_are_not_kept() {
    let ((labeled, instances), mut config) = (data(), config(1));
    (config.warm_up, config.rate) = (0, 1e38);
    let training = Training { labeled: &labeled, instances: &instances, held_out: None, config: &config };
    let mut kept = Vec::new();
    let error = training.run(None, &mut |_, state| {
        kept.push(state.checkpoint());
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(TrainError::Diverged { .. })), "{:?}", error.map(|_| ()));
    // Whatever was kept, a run can go on from.
    for checkpoint in kept.into_iter().flatten() {
        let next = training.run(Some(&checkpoint), &mut |_, _| ControlFlow::Break(()));
        assert!(matches!(next, Err(TrainError::Ended { .. } | TrainError::Diverged { .. })));
    }
}

#[test]
fn the_encoder_before_the_first_step_is_that_of_the_seed() {
    let (labeled, instances) = data();
    let embed = |config: &TrainConfig| {
        let training = Training { labeled: &labeled, instances: &instances, held_out: None, config };
        training.untrained().unwrap().embed(&instances)
    };
    assert_eq!(embed(&config(1)), embed(&config(1)));
    assert_ne!(embed(&config(1)), embed(&config(2)));
}
