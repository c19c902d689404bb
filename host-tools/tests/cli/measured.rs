//! Real encoders against embeddings that onnxruntime made, where `COGNATE_DATA` names the folder that has them.

use crate::support::{Bench, recorded_data};
use cognate_host::embeddings::Embeddings;
use cognate_host::npy::{self, Numbers};
use std::path::Path;

/// The largest difference of an element that is allowed, after bringing both embeddings to unit length.
const TOLERANCE: f32 = 1e-4;

/// The same for the recorded keyword embeddings: their inputs were rounded to 16-bit floats when they were stored,
/// after the embeddings were computed. From the stored inputs onnxruntime 1.32 itself comes out 1.7e-3 away.
const ROUNDED_INPUT_TOLERANCE: f32 = 2e-3;

/// What onnxruntime 1.32 makes of the stored keyword inputs: the row, and its first elements at unit length. Made with
/// `r = InferenceSession("embedding_model.onnx").run(None, {"input_1": melspec[..., None]})[0].reshape(600, 96)`,
/// `r /= numpy.linalg.norm(r, axis=1, keepdims=True)`.
const KEYWORDS: [(usize, [f32; 8]); 3] = [
    (0, [-0.06866936, 0.06001056, 0.0292614, -0.05435159, -0.06282998, 0.17925607, 0.1432289, -0.00195958]),
    (299, [0.02859665, 0.08870334, 0.04209029, -0.06563883, 0.05567165, 0.053882, -0.01719152, -0.09718618]),
    (422, [-0.12132749, 0.06030269, 0.13015926, 0.01873333, -0.01392151, 0.1982317, -0.00801937, 0.05832737]),
];

fn compare(bench: &Bench, recorded: &Path, tolerance: f32) -> Embeddings {
    let encoded = Embeddings::read(&bench.path("encoded.npy"), None).unwrap();
    let Numbers::F32(recorded) = npy::read(recorded).unwrap() else { panic!("embeddings are f32") };
    assert_eq!(recorded.shape, [encoded.len(), encoded.dimension()]);
    let mut largest = 0.0f32;
    for (row, expected) in encoded.rows().zip(recorded.values.chunks(encoded.dimension())) {
        let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
        largest = row.iter().zip(expected).map(|(a, b)| (a - b / length).abs()).fold(largest, f32::max);
    }
    println!("{} embeddings, largest difference {largest:e}", encoded.len());
    assert!(largest <= tolerance, "{largest}");
    encoded
}

#[test]
fn faces_are_encoded_as_onnxruntime_encodes_them() {
    let Some(data) = recorded_data("faces_are_encoded_as_onnxruntime_encodes_them") else { return };
    let bench = Bench::new();
    let model = std::fs::read(data.join("faces/MobileFaceNet.onnx")).unwrap();
    bench.write("faces.onnx", &model);
    bench.write(
        "faces.toml",
        b"input = \"input0\"\noutput = \"output0\"\nkind = \"image\"\nwidth = 112\nheight = 112\nchannels = \"rgb\"\n\
          layout = \"nchw\"\nscale = 0.00392156862745098\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n\
          normalize = true\n",
    );
    let images = data.join("faces/lfw_10x10_images_u8_nhwc.npy");
    bench.succeed(&["encode", "faces.onnx", images.to_str().unwrap(), "-o", "encoded.npy"]);
    compare(&bench, &data.join("faces/lfw_10x10_f32_embeddings_onnxruntime.npy"), TOLERANCE);
    let report = bench.succeed(&["inspect", "faces.onnx", "--json"]);
    assert!(report.contains(r#""Conv":51"#) && report.contains(r#""macs":233810432"#), "{report}");
}

#[test]
fn keywords_are_encoded_as_onnxruntime_encodes_them() {
    let Some(data) = recorded_data("keywords_are_encoded_as_onnxruntime_encodes_them") else { return };
    let bench = Bench::new();
    bench.write("keyword.onnx", &std::fs::read(data.join("keyword/embedding_model.onnx")).unwrap());
    bench.write(
        "keyword.toml",
        b"input = \"input_1\"\noutput = \"conv2d_19\"\nkind = \"tensor\"\nshape = [76, 32, 1]\nnormalize = true\n",
    );
    let spectrograms = data.join("keyword/fsdd_idx0-9_melspec_f32_n76x32.npy");
    bench.succeed(&["encode", "keyword.onnx", spectrograms.to_str().unwrap(), "-o", "encoded.npy"]);
    let recorded = data.join("keyword/fsdd_idx0-9_f32_embeddings_onnxruntime.npy");
    let encoded = compare(&bench, &recorded, ROUNDED_INPUT_TOLERANCE);
    for (row, expected) in KEYWORDS {
        for (found, expected) in encoded.row(row).iter().zip(expected) {
            assert!((found - expected).abs() <= TOLERANCE, "row {row}: {found}, not {expected}");
        }
    }
    let report = bench.succeed(&["inspect", "keyword.onnx", "--json"]);
    assert!(report.contains(r#""Conv":20"#) && report.contains(r#""macs":41955840"#), "{report}");
}
