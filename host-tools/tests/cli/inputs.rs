//! Inputs as users have them: pictures, recordings, arrays and tables of several forms.

use crate::model_file::ImageModel;
use crate::support::Bench;
use cognate_host::embeddings::Embeddings;
use cognate_host::npy::matrix_bytes;
use image::{GrayImage, ImageFormat, Luma};
use std::f32::consts::TAU;
use std::io::{Cursor, Write};

const ENCODE: [&str; 5] = ["encode", "model.onnx", "samples", "-o", "out.npy"];

#[test]
fn pictures_of_every_form_are_the_same_picture() {
    let bench = Bench::with_model();
    let picture = GrayImage::from_fn(28, 28, |x, y| Luma([(x * 9 + y) as u8]));
    for (name, form) in [("1.png", ImageFormat::Png), ("2.bmp", ImageFormat::Bmp), ("3.pgm", ImageFormat::Pnm)] {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, form).unwrap();
        bench.write(&format!("samples/anna/{name}"), bytes.get_ref());
    }
    bench.succeed(&ENCODE);
    let encoded = Embeddings::read(&bench.path("out.npy"), None).unwrap();
    assert_eq!(encoded.len(), 3);
    assert!(encoded.rows().all(|row| row == encoded.row(0)));
}

/// A WAV file with half a second of a tone.
fn tone(rate: u32, frequency: f32, channels: u16) -> Vec<u8> {
    let spec =
        hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for point in 0..rate / 2 {
        let value = (TAU * frequency * point as f32 / rate as f32).sin() * 16_000.0;
        (0..channels).for_each(|_| writer.write_sample(value as i16).unwrap());
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A bench whose model takes 784 points of a waveform at 8 kHz.
fn audio_bench(fit: &str) -> Bench {
    let bench = Bench::new();
    bench.write("model.onnx", &ImageModel { waveform: true, ..ImageModel::default() }.bytes());
    let text = format!(
        "kind = \"audio\"\ninput = \"image\"\noutput = \"embedding\"\nshape = [784]\nrate = 8000\nscale = 32768.0\n\
         fit = \"{fit}\"\nnormalize = true\n"
    );
    bench.write("model.toml", text.as_bytes());
    bench
}

#[test]
fn recordings_of_any_rate_become_the_waveform() {
    let bench = audio_bench("start");
    bench.write("samples/high/1.wav", &tone(8_000, 1000.0, 1));
    bench.write("samples/high/2.wav", &tone(8_000, 1000.0, 2));
    bench.write("samples/low/1.wav", &tone(8_000, 200.0, 1));
    bench.write("samples/low/2.wav", &tone(16_000, 200.0, 1));
    bench.succeed(&ENCODE);
    let encoded = Embeddings::read(&bench.path("out.npy"), None).unwrap();
    let cosine = |a: usize, b: usize| encoded.row(a).iter().zip(encoded.row(b)).map(|(x, y)| x * y).sum::<f32>();
    assert!(cosine(0, 1) > 0.9999, "two channels of one tone are that tone: {}", cosine(0, 1));
    assert!(cosine(2, 3) > 0.95, "resampled it is the same tone: {}", cosine(2, 3));
    assert!(cosine(0, 2) < 0.9, "another tone is another: {}", cosine(0, 2));
}

#[test]
fn an_int8_encoder_says_which_sound_it_takes_and_no_other_is_given_to_it() {
    let bench = Bench::new();
    bench.write("model.onnx", &ImageModel { side: 32, ..ImageModel::default() }.bytes());
    let features = "kind = \"audio\"\ninput = \"image\"\noutput = \"embedding\"\nshape = [32, 32]\nrate = 8000\n\
                    scale = 0.1\nfit = \"center\"\nnormalize = true\n\n[log_mel]\nwindow = 256\nhop = 128\nbands = 32\n\
                    low = 60\nhigh = 3900\n";
    bench.write("model.toml", features.as_bytes());
    for (subject, frequency) in [("low", 200.0), ("high", 1000.0)] {
        for time in 0..8_u8 {
            let sound = tone(8_000, frequency + 15.0 * f32::from(time), 1);
            bench.write(&format!("samples/{subject}/{time}.wav"), &sound);
        }
    }
    bench.succeed(&["quantize", "model.onnx", "samples", "-o", "model.encoder", "--limit", "100"]);
    let encode = ["encode", "model.encoder", "samples", "-o", "out.npy"];
    bench.succeed(&encode);
    let beside = String::from_utf8(bench.read("model.encoder.toml")).unwrap();
    for (own, other) in [("hop = 128", "hop = 120"), ("\"center\"", "\"start\""), ("rate = 8000", "rate = 7999")] {
        assert!(beside.contains(own), "{beside}");
        bench.write("model.encoder.toml", beside.replace(own, other).as_bytes());
        bench.fail(&encode, &["model.encoder: ", "other features of sound", "[log_mel]"]);
    }
}

#[test]
fn recordings_that_cannot_be_used() {
    let bench = audio_bench("exact");
    bench.write("samples/low/1.wav", &tone(8_000, 200.0, 1));
    bench.fail(
        &ENCODE,
        &["samples/low/1.wav: it has 4000 points at the model's rate where the model takes 784", "`fit`"],
    );
    let bench = audio_bench("center");
    bench.write("samples/low/1.wav", &tone(8_000, 200.0, 1));
    for bad in [&tone(8_000, 200.0, 1)[..100], b"RIFF....WAVE", b""] {
        bench.write("samples/low/2.wav", bad);
        bench.fail(&ENCODE, &["samples/low/2.wav: this is not a WAV file of integers or floats"]);
    }
    let toml = String::from_utf8(bench.read("model.toml")).unwrap();
    bench.write("model.toml", toml.replace("rate = 8000", "rate = 0").as_bytes());
    bench.fail(&ENCODE, &["model.toml: line 5: `rate` has to be 1 to 1,000,000"]);
    bench.write("model.toml", toml.replace("[784]", "[28, 28]").as_bytes());
    bench.fail(&ENCODE, &["model.toml: line 4: `shape` has to have one axis"]);
    bench.write("model.toml", toml.replace("rate = 8000", "rate = \"8k\"").as_bytes());
    bench.fail(&ENCODE, &["model.toml: ", "line 5, column 8", "rate = \"8k\""]);
}

/// An `.npz` file of these arrays.
fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn embeddings_in_archives_and_tables_are_those_in_an_array() {
    let bench = Bench::new();
    let values: Vec<f32> = (0..18).map(|value| (value as f32 * 1.7).sin() * 1e-3).collect();
    bench.write_embeddings("all", 3, &values, &["a", "a", "a", "b", "b", "b"]);
    let enrolled = |file: &str| {
        let outputs = ["--enroll-out", "e.npy", "--probes-out", "p.npy"];
        bench.succeed(&[&["split", file, "--subjects", "a,b", "--first", "1"][..], &outputs].concat());
        (bench.read("e.npy"), bench.read("p.npy"))
    };
    let expected = enrolled("all.npy");
    bench.write("packed.npz", &archive(&[("embeddings.npy", matrix_bytes(&values, 3))]));
    bench.write("packed.csv", &bench.read("all.csv"));
    assert_eq!(enrolled("packed.npz"), expected);
    let row = |(row, values): (usize, &[f32])| {
        format!("{},{},{},{},room {row}\n", values[0], ["a", "b"][row / 3], values[1], values[2])
    };
    let rows: String = values.chunks_exact(3).enumerate().map(row).collect();
    bench.write("table.csv", format!("e0,subject,e1,e2,session\n{rows}").as_bytes());
    assert_eq!(enrolled("table.csv"), expected);
    let labels = String::from_utf8(bench.read("p.csv")).unwrap();
    assert!(labels.starts_with("file,subject,session\ntable.csv#1,a,room 1\n"), "{labels}");
}

#[test]
fn archives_and_tables_that_have_no_embeddings() {
    let bench = Bench::new();
    let split =
        |file| ["split", file, "--subjects", "a", "--first", "1", "--enroll-out", "e.npy", "--probes-out", "p.npy"];
    let matrix = || matrix_bytes(&[1.0, 2.0], 2);
    bench.write("bad.npz", &archive(&[("x.npy", matrix()), ("y.npy", matrix())]));
    bench.fail(&split("bad.npz"), &["bad.npz: it has 2 arrays (x, y), and not just one"]);
    bench.write("bad.npz", b"PK\x03\x04 half of an archive");
    bench.fail(&split("bad.npz"), &["bad.npz: this is not an .npz file"]);
    for (text, message) in [
        ("subject,name\na,b\n", "bad.csv: it has no embeddings: name the columns"),
        ("subject,e0,e1\na,1,2\nb,1\n", "line: 3"),
        ("subject,e0,e1\na,1,2\nb,1,x\n", "line 3 has `x` in the column `e1`"),
        ("subject,e0,e1\na,1,2\nb,1,NaN\n", "row 1 (counted from 0, bad.csv#1) is NaN or infinite at element 1"),
        ("subject,e0,e1\n", "bad.csv: it has no embeddings: encode some samples"),
    ] {
        bench.write("bad.csv", text.as_bytes());
        bench.fail(&split("bad.csv"), &[message]);
    }
    bench.write("bad.parquet", b"PAR1 half of a table");
    bench.fail(&split("bad.parquet"), &["bad.parquet: this"]);
}

#[test]
fn a_manifest_keeps_its_columns() {
    let bench = Bench::with_model();
    let picture = GrayImage::from_fn(28, 28, |x, y| Luma([(x * 9 + y) as u8]));
    picture.save(bench.path("a.png")).unwrap();
    bench.write("visits.csv", b"path,subject,group,session\na.png,anna,tall,1\na.png,anna,tall,2\n");
    bench.succeed(&["encode", "model.onnx", "visits.csv", "-o", "out.npy"]);
    let encoded = Embeddings::read(&bench.path("out.npy"), None).unwrap();
    let column = |name| encoded.labels().column(&bench.path("out.npy"), name).unwrap();
    assert_eq!(
        (column("group"), column("session"), column("file")),
        (vec!["tall"; 2], vec!["1", "2"], vec!["a.png"; 2])
    );
    bench.write("visits.csv", b"path,subject\na.png,anna\n\n,ben\n");
    bench.fail(
        &["encode", "model.onnx", "visits.csv", "-o", "out.npy"],
        &["visits.csv: it has no column `file`, or line"],
    );
}
