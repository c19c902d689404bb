//! The written file, read and run by tract, against the network under burn.

use cognate_train::{
    BatchConfig, Encoder, Family, Head, Labeled, Layer, NetConfig, Recipe, Samples, Shape, TrainConfig, train,
};
use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

/// Pixels without pattern, the same at every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 12345u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn random(width: usize, height: usize, count: usize) -> Samples {
    Samples::of_pixels(width, height, &noise(width * height * count)).unwrap()
}

/// A few steps, so that BatchNorm's statistics and scales are neither zero nor one.
fn trained(net: NetConfig, width: usize, height: usize) -> (Encoder, Vec<u8>) {
    let labeled = Labeled::new(random(width, height, 6), vec![0, 0, 1, 1, 2, 2]).unwrap();
    let instances = random(width, height, 4);
    let config = TrainConfig {
        steps: 4,
        warm_up: 1,
        rate: 0.05,
        batch: BatchConfig { classes: 3, samples: 2, instances: 2, turned: false, mixup: None },
        net: NetConfig { batch_norm_momentum: 0.5, ..net },
        ..TrainConfig::default()
    };
    let encoder = train(&labeled, &instances, &config, &mut |_| ()).unwrap();
    let onnx = encoder.to_onnx(&Recipe::new(&labeled, &instances, &config));
    (encoder, onnx)
}

/// Runs the file on all images at once.
fn run(onnx: &[u8], images: &Samples) -> TractResult<Vec<f32>> {
    let Shape { channels, height, width } = images.shape();
    let shape = [images.count(), channels, height, width];
    let model = tract_onnx::onnx()
        .model_for_read(&mut &onnx[..])?
        .with_input_fact(0, f32::fact(shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let values: Vec<f32> = (0..images.count()).flat_map(|index| images.values(index)).copied().collect();
    let output = model.run(tvec!(Tensor::from_shape(&shape, &values)?.into()))?;
    let view = output[0].to_plain_array_view::<f32>()?;
    Ok(view.iter().copied().collect())
}

fn assert_equal_outputs(encoder: &Encoder, onnx: &[u8], images: &Samples) {
    let (burn, tract) = (encoder.embed(images), run(onnx, images).unwrap());
    assert_eq!(burn.len(), tract.len());
    let length = burn.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!(length > 1e-2, "the outputs are nearly zero, so equality says nothing");
    for (a, b) in burn.iter().zip(&tract) {
        assert!((a - b).abs() <= 1e-4 * a.abs().max(1.0), "{a} against {b}");
    }
}

#[test]
fn default_encoder_gives_the_same_outputs_in_tract() {
    let (encoder, onnx) = trained(NetConfig::default(), 28, 28);
    assert_equal_outputs(&encoder, &onnx, &random(28, 28, 5));
}

#[test]
fn other_shapes_give_the_same_outputs_in_tract() {
    let block = |channels, stride| Layer::full(channels, [3; 2], [stride; 2]).into();
    let net = NetConfig { blocks: vec![block(5, 3), block(7, 1)], embedding: 6, ..NetConfig::default() };
    let (encoder, onnx) = trained(net, 13, 10);
    assert_equal_outputs(&encoder, &onnx, &random(13, 10, 3));
}

#[test]
fn every_family_gives_the_same_outputs_in_tract() {
    for (name, family) in Family::NAMED {
        for (width, height, head) in [(13, 16, Head::Flatten), (15, 12, Head::Pool), (40, 1, Head::Flatten)] {
            let net = family.config(Shape { channels: 1, height, width }, 4, head, 6);
            let (encoder, onnx) = trained(net, width, height);
            println!("{name}, {width} × {height}");
            assert_equal_outputs(&encoder, &onnx, &random(width, height, 3));
        }
    }
}

#[test]
fn the_default_file_has_the_documented_form() {
    let (_, onnx) = trained(NetConfig::default(), 28, 28);
    let model = ModelProto::decode(&onnx[..]).unwrap();
    assert_eq!((model.ir_version, model.opset_import[0].version), (7, 13));
    assert_eq!(model.producer_name, "cognate-train");
    let value = |key: &str| {
        let entry = model.metadata_props.iter().find(|entry| entry.key == key);
        entry.map(|entry| entry.value.as_str())
    };
    assert_eq!(value("seed"), Some("1"));
    assert_eq!(value("temperature"), Some("0.1"));
    let digest = random(28, 28, 4).digest();
    assert_eq!(value("instance_values_sha256"), Some(digest.as_str()));

    let graph = model.graph.unwrap();
    let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    let expected = ["Conv", "Relu", "Conv", "Relu", "Conv", "Relu", "Conv", "Relu", "Flatten", "Gemm"];
    assert_eq!(operators, expected);
    assert_eq!((graph.input[0].name.as_str(), graph.output[0].name.as_str()), ("sample", "embedding"));
    let parameters: i64 = graph.initializer.iter().map(|t| t.dims.iter().product::<i64>()).sum();
    assert_eq!(parameters, 89_784);
}
