//! What quantization-aware training computes, against the integers that the core computes of the encoder that it gives.

use crate::support::Bench;
use cognate_host::int8::EncoderFile;
use cognate_host::onnx::OnnxFile;
use cognate_host::preprocessing::Preprocessing;
use cognate_host::quantization::lower::lower;
use cognate_host::quantization::network::{Convolution, Operator, Pooling};
use cognate_host::quantization::prepare::Prepared;
use cognate_host::quantization::ranges::{Choice, observe};
use cognate_host::quantization::scheme::{Scheme, Settings};
use cognate_host::quantization::verdict::cosine;
use cognate_train::{
    Augment, BatchConfig, Encoder, Family, Head, Labeled, NetConfig, Recipe, Samples, Shape, TrainConfig, train,
};

const SIDE: usize = 12;
const SUBJECTS: usize = 8;
const EACH: usize = 4;

/// Pictures of bars, a place and a brightness for each subject, with something else on every one.
fn pixels() -> Vec<u8> {
    let pixel = |index: usize| {
        let (sample, place) = (index / (SIDE * SIDE), index % (SIDE * SIDE));
        let subject = sample / EACH;
        let bar = if subject.is_multiple_of(2) { place % SIDE } else { place / SIDE };
        let noise = ((index * 2_654_435_761) >> 13) % 60;
        if bar.abs_diff(subject + 2) < 2 { (190 + noise) as u8 } else { noise as u8 }
    };
    (0..SUBJECTS * EACH * SIDE * SIDE).map(pixel).collect()
}

/// An encoder that learned from these, and its file.
fn trained(pixels: &[u8], net: NetConfig) -> (Encoder, Vec<u8>) {
    let subjects = (0..SUBJECTS * EACH).map(|sample| sample / EACH).collect();
    let labeled = Labeled::new(Samples::of_pixels(SIDE, SIDE, pixels).unwrap(), subjects).unwrap();
    let nobody = Samples::of_pixels(SIDE, SIDE, &[]).unwrap();
    let config = TrainConfig {
        steps: 40,
        warm_up: 2,
        quantization_aware: 15,
        batch: BatchConfig { classes: SUBJECTS, samples: EACH, instances: 0, turned: false, mixup: None },
        augment: Augment::None,
        net: NetConfig { batch_norm_momentum: 0.8, ..net },
        ..TrainConfig::default()
    };
    let encoder = train(&labeled, &nobody, &config, &mut |_| ()).unwrap();
    let onnx = encoder.to_onnx(&Recipe::new(&labeled, &nobody, &config));
    (encoder, onnx)
}

const PREPROCESSING: &str = "input = \"sample\"\noutput = \"embedding\"\nkind = \"image\"\nwidth = 12\nheight = 12\n\
    channels = \"gray\"\nlayout = \"nchw\"\nscale = 0.00392156862745098\nmean = [0.0]\nstd = [1.0]\nnormalize = true\n";

/// How far each tensor of the device is from what the trainer makes of the device's tensors before it, in steps: the greatest
/// distance, and the share of elements that differ.
fn distance(bench: &Bench, family: Family, head: Head) -> (i64, f64) {
    let pixels = pixels();
    let shape = Shape { channels: 1, height: SIDE, width: SIDE };
    let (encoder, onnx) = trained(&pixels, family.config(shape, 6, head, 8));
    bench.write("encoder.onnx", &onnx);
    let preprocessing = Preprocessing::parse(PREPROCESSING).unwrap();
    let file = OnnxFile::open(&bench.path("encoder.onnx")).unwrap();
    let prepared = Prepared::new(&file, &preprocessing, "embedding").unwrap();
    let network = &prepared.network;

    // The tensors that the encoder was trained for, over the ranges of then.
    let samples: Vec<Vec<f32>> =
        pixels.chunks(SIDE * SIDE).map(|sample| sample.iter().map(|&pixel| pixel.into()).collect()).collect();
    let inputs: Vec<Vec<f32>> = samples.iter().map(|sample| prepared.sample(sample)).collect();
    let mut observed = observe(network, &inputs);
    let ranges = encoder.ranges().unwrap();
    let mut known = Vec::new();
    for (id, node) in network.nodes.iter().enumerate().filter(|(id, _)| *id != network.output) {
        let clip = match &node.operator {
            Operator::Convolution(Convolution { clip, .. }) | Operator::Add(clip) => Some(clip),
            Operator::Pool(_, Pooling::Mean) => None,
            _ => continue,
        };
        let [low, high] = ranges[known.len()];
        if let Some(clip) = clip {
            assert_eq!([clip.low, clip.high], [low, high], "the range of {} in the file", node.name);
        }
        (observed[id].least, observed[id].greatest) = (low, high);
        known.push(id);
    }
    assert_eq!(known.len(), ranges.len(), "tensors with a range");
    let settings = Settings { choice: Choice::MinMax, corrects_bias: false, wide: &[] };
    let scheme = Scheme::new(network, &observed, prepared.input, settings);
    let lowered = lower(&scheme, &prepared.form(&scheme.scales[0], 1.0)).unwrap();
    let device = prepared.device.int8_encoder(EncoderFile::new(lowered.bytes.clone()).unwrap());

    let (mut greatest, mut other, mut all) = (0, 0, 0);
    for (sample, pixels) in samples.iter().zip(pixels.chunks(SIDE * SIDE)) {
        let mut tensors = vec![Vec::new(); network.nodes.len()];
        let embedding = device.encode_one(sample, |step, bytes| {
            if let Some(id) = lowered.nodes[step] {
                tensors[id] = scheme.scales[id].values(bytes).map(|value| value as f32).collect();
            }
        });
        let found: Vec<Vec<f32>> = known.iter().map(|id| tensors[*id].clone()).collect();
        let expected = encoder.tensors(&Samples::of_pixels(SIDE, SIDE, pixels).unwrap(), &found).unwrap();
        assert_eq!(expected.len(), known.len() + 1, "tensors that the trainer knows, and the embedding");
        for ((id, found), expected) in known.iter().zip(&found).zip(&expected) {
            let steps = |value: &f32| (f64::from(*value) / scheme.scales[*id].step).round() as i64;
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let distance = (steps(found) - steps(expected)).abs();
                greatest = greatest.max(distance);
                other += u32::from(distance > 0);
                all += 1;
            }
        }
        let cosine = cosine(&embedding.unwrap(), expected.last().unwrap());
        assert!(cosine > 0.99999, "{family:?}: the embeddings' cosine is {cosine}");
    }
    (greatest, f64::from(other) / f64::from(all))
}

#[test]
fn each_layer_is_the_devices_within_one_step() {
    let bench = Bench::new();
    for (name, family) in Family::NAMED {
        for head in [Head::Flatten, Head::Pool] {
            let (greatest, share) = distance(&bench, family, head);
            assert!(greatest <= 1, "{name}, {head:?}: {greatest} steps apart");
            assert!(share < 0.005, "{name}, {head:?}: {share} of the elements differ");
        }
    }
}

#[test]
fn an_encoder_trained_for_int8_is_quantized_as_others_are() {
    let bench = Bench::new();
    let (_, onnx) = trained(&pixels(), NetConfig { embedding: 8, ..NetConfig::default() });
    bench.write("encoder.onnx", &onnx);
    bench.write("encoder.toml", PREPROCESSING.as_bytes());
    for (sample, pixels) in pixels().chunks(SIDE * SIDE).enumerate() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::GrayImage::from_vec(SIDE as u32, SIDE as u32, pixels.to_vec()).unwrap();
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bench.write(&format!("bars/s{}/{sample}.png", sample / EACH), &bytes.into_inner());
    }
    let report = bench.succeed(&["quantize", "encoder.onnx", "bars", "-o", "bars.encoder", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let mean = report["all"]["mean_cosine"].as_f64().unwrap();
    assert!(mean > 0.999, "{mean}");
}
