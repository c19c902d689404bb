//! Samples that are not what the model takes.

use crate::model_file::{ImageModel, PREPROCESSING};
use crate::support::Bench;
use cognate_host::npy::matrix_bytes;
use image::{GrayImage, Luma};

fn picture(side: u32, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = GrayImage::from_fn(side, side, |x, y| Luma([value.wrapping_add((x * y) as u8)]));
    pixels.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

const ENCODE: [&str; 5] = ["encode", "model.onnx", "samples", "-o", "out.npy"];

#[test]
fn one_bad_sample_in_a_folder_is_named_and_nothing_is_written() {
    for (name, bytes, texts) in [
        ("large.png", picture(30, 3), vec!["30×30 pixels where the model takes 28×28", "--resize"]),
        ("text.png", b"hello".to_vec(), vec!["this is not a PNG, JPEG, BMP or PGM picture"]),
        ("empty.jpg", Vec::new(), vec!["this is not a PNG, JPEG, BMP or PGM picture"]),
        ("cut.png", picture(28, 3)[..60].to_vec(), vec!["this is not a PNG, JPEG, BMP or PGM picture"]),
        (
            "notes.txt",
            b"remember".to_vec(),
            vec!["this is not a PNG, JPEG, BMP or PGM picture", "replace or remove it"],
        ),
    ] {
        let bench = Bench::with_model();
        bench.write("samples/anna/good.png", &picture(28, 1));
        bench.write(&format!("samples/ben/{name}"), &bytes);
        bench.fail(&ENCODE, &[&[&*format!("samples/ben/{name}: ")], &*texts].concat());
        bench.write("out.npy", b"what was there before");
        bench.fail(&ENCODE, &texts);
    }
}

#[test]
fn a_picture_of_another_size_is_taken_when_asked() {
    let bench = Bench::with_model();
    bench.write("samples/anna/large.png", &picture(30, 3));
    bench.succeed(&[&ENCODE[..], &["--resize"]].concat());
    assert_eq!(bench.read("out.csv").iter().filter(|&&byte| byte == b'\n').count(), 2);
}

#[test]
fn a_picture_that_the_model_sees_nothing_in() {
    let bench = Bench::with_model();
    let mut black = Vec::new();
    GrayImage::new(28, 28).write_to(&mut std::io::Cursor::new(&mut black), image::ImageFormat::Png).unwrap();
    bench.write("samples/anna/1.png", &picture(28, 1));
    bench.write("samples/anna/2.png", &black);
    bench.fail(&ENCODE, &["row 1 (counted from 0, anna/2.png) is zero at every element", "check this sample"]);
    bench.write("model.onnx", &ImageModel { first_weight: f32::NAN, ..ImageModel::default() }.bytes());
    bench.fail(&ENCODE, &["row 0 (counted from 0, anna/1.png) is NaN or infinite at element 0", "check this sample"]);
}

#[test]
fn places_without_samples() {
    let bench = Bench::with_model();
    bench.fail(&ENCODE, &["samples: there is no such file"]);
    std::fs::create_dir(bench.path("samples")).unwrap();
    bench.fail(&ENCODE, &["samples: there are no samples in it"]);
    bench.write("samples/stray.png", &picture(28, 1));
    bench.fail(&ENCODE, &["stray.png: this is not in a subject's folder"]);
    bench.write("samples.zip", b"PK");
    bench.fail(&["encode", "model.onnx", "samples.zip", "-o", "out.npy"], &["samples.zip: samples are a folder"]);
    bench.write("samples.csv", b"file,who\na.png,anna\n");
    bench.fail(&["encode", "model.onnx", "samples.csv", "-o", "out.npy"], &["samples.csv: it has no column `subject`"]);
}

#[test]
fn arrays_that_are_not_samples() {
    let bench = Bench::with_model();
    let encode = ["encode", "model.onnx", "samples.npy", "-o", "out.npy"];
    bench.write("samples.npy", &matrix_bytes(&[0.5; 784], 784));
    bench.fail(&encode, &["samples.npy: it holds float32 where the model takes pictures"]);
    bench.write("samples.npy", b"\x93NUMPY");
    bench.fail(&encode, &["samples.npy: this is not an .npy file"]);
    bench.write("samples.npy", &byte_array("(2, 28, 14)", 2 * 28 * 14));
    bench.fail(&encode, &["samples.npy: it is 14×28 pixels where the model takes 28×28"]);
    bench.write("samples.npy", &byte_array("(2, 28, 28, 4)", 2 * 28 * 28 * 4));
    bench.fail(&encode, &["samples have shape [28, 28, 4] where the model takes [28, 28, 1]"]);
    bench.write("samples.npy", &byte_array("(2, 28, 28)", 28 * 28));
    bench.fail(&encode, &["its header promises 1568 bytes of elements, but 784 follow"]);
    bench.write("samples.npy", &byte_array("(2, 28, 28, 1)", 2 * 28 * 28));
    bench.write("labels.csv", b"subject\nanna\n");
    let labels = [&encode[..], &["--labels", "labels.csv"]].concat();
    bench.fail(&labels, &["labels.csv: it has 1 rows where 2 are needed, one for each row of samples.npy"]);
    bench.write("labels.csv", b"subject\nanna\nben\n");
    bench.succeed(&labels);
    let table = String::from_utf8(bench.read("out.csv")).unwrap();
    assert!(table.starts_with("file,subject,model\nsamples.npy#0,anna,"), "{table}");
}

#[test]
fn outputs_never_replace_inputs() {
    let bench = Bench::with_model();
    bench.write("samples.csv", b"file,subject\na.png,anna\n");
    let text = "samples.csv: writing here would destroy an input";
    bench.fail(&["encode", "model.onnx", "samples.csv", "-o", "samples.npy"], &[text]);
    bench.fail(&["encode", "model.onnx", "samples.csv", "-o", "out.bin"], &["out.bin: ", "end the name in .npy"]);
    bench.fail(&["encode", "model.onnx", "samples.csv", "-o", "no/out.npy"], &["a.png: there is no such file"]);
}

/// An array of pixels with this shape in its header.
fn byte_array(shape: &str, count: usize) -> Vec<u8> {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(117 - header.len());
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend((0..count).map(|index| (index * 7) as u8));
    bytes
}

#[test]
fn samples_of_a_tensor_model_are_arrays() {
    let bench = Bench::with_model();
    let text = "input = \"image\"\noutput = \"embedding\"\nkind = \"tensor\"\nshape = [1, 28, 28]\nnormalize = false\n";
    assert_ne!(text, PREPROCESSING);
    bench.write("model.toml", text.as_bytes());
    let values: Vec<f32> = (0..2 * 784).map(|index| (index % 11) as f32 - 5.0).collect();
    bench.write("samples/anna/1.npy", &matrix_bytes(&values[..784], 28));
    bench.write("samples/ben/1.npy", &matrix_bytes(&values[784..], 28));
    bench.succeed(&ENCODE);
    let folder = bench.read("out.npy");
    bench.write("all.npy", &matrix_bytes(&values, 784));
    bench.fail(
        &["encode", "model.onnx", "all.npy", "-o", "out.npy"],
        &["all.npy: its samples have shape [784] where the model takes [1, 28, 28]"],
    );
    bench.write("samples/ben/2.png", &picture(28, 1));
    bench.fail(&ENCODE, &["samples/ben/2.png: this is not an .npy file"]);
    assert_eq!(bench.read("out.npy"), folder);
}
