//! Whole encoders as the quantizer writes them, and real samples; made up where there is no data.

use super::networks::{ENCODERS, Network};
use super::pseudo_random;
use crate::cargo::Packages;
use crate::demo::pictures;
use crate::demo::tool::Tool;
use crate::in_repository;
use crate::relayout::shape_of;
use anyhow::{Context, Result, ensure};
use cognate::encoder::{Encoder, FilterLayout, Tensor};
use npyz::NpyFile;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// An encoder that is measured, and samples for it.
pub struct Workload {
    /// Its row.
    pub name: &'static str,
    /// Its file, the constants plain.
    pub encoder: Vec<u8>,
    /// As the device takes them: pixels, or int16 in bytes.
    pub samples: Vec<Vec<u8>>,
    /// Multiply-accumulates of its convolutions.
    pub macs: u64,
    /// Where weights and samples are from.
    pub data: String,
}

/// Where everything is put.
const FOLDER: &str = "target/bench";

/// The preprocessing of `faces/MobileFaceNet.onnx`.
const FACES: &str = r#"input = "input0"
output = "output0"
kind = "image"
width = 112
height = 112
channels = "rgb"
layout = "nchw"
scale = 0.00392156862745098
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
normalize = true
"#;

/// The same of `keyword/embedding_model.onnx`.
const KEYWORD: &str = r#"input = "input_1"
output = "conv2d_19"
kind = "tensor"
shape = [76, 32, 1]
normalize = true
"#;

/// The three encoders with so many samples each: that of glyphs from this repository, the others from the folder that
/// `COGNATE_DATA` names, or made up.
///
/// # Errors
/// When the tool does not build or quantize, or the data cannot be read.
pub fn all(samples: usize) -> Result<Vec<Workload>> {
    let tool = Tool::build(Packages::default())?;
    fs::create_dir_all(in_repository(FOLDER)).with_context(|| format!("cannot make {FOLDER}"))?;
    let [glyphs, keyword, faces] = ENCODERS;
    let mut workloads = vec![of_glyphs(&tool, glyphs, samples)?];
    if let Some(data) = env::var_os("COGNATE_DATA").map(PathBuf::from) {
        workloads.push(of_keywords(&tool, keyword, &data.join("keyword"), samples)?);
        workloads.push(of_faces(&tool, faces, &data.join("faces"), samples)?);
    } else {
        workloads.push(Workload::made_up(keyword, samples)?);
        workloads.push(Workload::made_up(faces, samples)?);
    }
    Ok(workloads)
}

impl Workload {
    fn new(name: &'static str, encoder: Vec<u8>, samples: Vec<Vec<u8>>, data: &str) -> Result<Self> {
        ensure!(!samples.is_empty(), "there are no samples for {name}");
        let view = <Encoder<'_>>::new_checked(&encoder)?;
        let tensors: Vec<Tensor> = view.tensors().collect();
        let macs = view.steps().filter_map(|step| Some(shape_of(&step, &tensors)?.macs())).sum();
        Ok(Self { name, encoder, samples, macs, data: data.to_owned() })
    }

    /// In the shape of an encoder, with made-up weights and samples.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn made_up(name: &'static str, samples: usize) -> Result<Self> {
        let encoder = Network::new(name, FilterLayout::Plain)?.encode()?;
        let elements = <Encoder<'_>>::new_checked(&encoder)?.input().extent.elements();
        let mut state = 7;
        let mut sample = || (0..elements).map(|_| pseudo_random(&mut state) as u8).collect();
        let samples = (0..samples).map(|_| sample()).collect();
        Self::new(name, encoder, samples, "made-up weights in the shapes of the encoder, made-up samples")
    }
}

fn of_glyphs(tool: &Tool, name: &'static str, count: usize) -> Result<Workload> {
    let output = format!("{FOLDER}/glyphs.encoder");
    tool.run(&["quantize", "models/glyphs.onnx", "data/calibration/samples.csv", "-o", &output])?;
    let folder = in_repository("data/digits");
    let pixels = pictures::pixels(&read(&folder.join("samples.csv"))?, &folder)?;
    let samples = evenly(pixels.chunks(28 * 28), count).map(<[u8]>::to_vec).collect();
    Workload::new(
        name,
        read(&in_repository(&output))?,
        samples,
        "models/glyphs.onnx as quantized, digits of data/digits",
    )
}

fn of_faces(tool: &Tool, name: &'static str, folder: &Path, count: usize) -> Result<Workload> {
    let labels: Vec<i64> = array(&folder.join("lfw_10x10_labels_i64.npy"))?;
    let pictures = folder.join("lfw_10x10_images_u8_nhwc.npy");
    let labels = labels.iter().map(i64::to_string);
    let encoder = quantized(tool, "faces", &folder.join("MobileFaceNet.onnx"), FACES, &pictures, labels)?;
    let pixels: Vec<u8> = array(&pictures)?;
    let samples = evenly(pixels.chunks(112 * 112 * 3), count).map(<[u8]>::to_vec).collect();
    Workload::new(name, encoder, samples, "MobileFaceNet as quantized, faces (LFW)")
}

fn of_keywords(tool: &Tool, name: &'static str, folder: &Path, count: usize) -> Result<Workload> {
    let mut table = csv::Reader::from_path(folder.join("fsdd_idx0-9_labels.csv"))?;
    let words: Vec<String> = table.records().map(|row| Ok(row?[1].to_owned())).collect::<Result<_>>()?;
    let spectrograms = folder.join("fsdd_idx0-9_melspec_f32_n76x32.npy");
    let encoder = quantized(tool, "keyword", &folder.join("embedding_model.onnx"), KEYWORD, &spectrograms, words)?;
    let text = fs::read_to_string(in_repository(&format!("{FOLDER}/keyword.encoder.toml")))?;
    let step = text.lines().find_map(|line| line.strip_prefix("step = ")).context("no step of int16 samples")?;
    let step: f64 = step.trim().parse()?;
    let values: Vec<f32> = array(&spectrograms)?;
    let bytes = |sample: &[f32]| {
        let series = sample.iter().map(|&value| (f64::from(value) / step).round() as i16);
        series.flat_map(i16::to_le_bytes).collect()
    };
    let samples = evenly(values.chunks(76 * 32), count).map(bytes).collect();
    Workload::new(name, encoder, samples, "the keyword encoder as quantized, spoken digits (FSDD)")
}

/// Quantizes a model of the data, on samples in an array.
fn quantized(
    tool: &Tool,
    name: &str,
    model: &Path,
    preprocessing: &str,
    samples: &Path,
    labels: impl IntoIterator<Item = String>,
) -> Result<Vec<u8>> {
    let file = |end: &str| format!("{FOLDER}/{name}{end}");
    // Not a copy, which would be read-only where the data are, and could not be written again.
    fs::write(in_repository(&file(".onnx")), read(model)?)?;
    fs::write(in_repository(&file(".toml")), preprocessing)?;
    let mut table = "subject\n".to_owned();
    labels.into_iter().try_for_each(|label| writeln!(table, "{label}"))?;
    fs::write(in_repository(&file(".csv")), table)?;
    let samples = fs::canonicalize(samples).with_context(|| format!("cannot find {}", samples.display()))?;
    let samples = samples.to_str().context("a path that is not text")?;
    tool.run(&["quantize", &file(".onnx"), samples, "--labels", &file(".csv"), "-o", &file(".encoder")])?;
    read(&in_repository(&file(".encoder")))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn array<T: npyz::Deserialize>(path: &Path) -> Result<Vec<T>> {
    let bytes = read(path)?;
    let file = NpyFile::new(&*bytes).with_context(|| path.display().to_string())?;
    Ok(file.into_vec()?)
}

/// So many of all, from the first on.
fn evenly<'a, T: 'a>(all: impl ExactSizeIterator<Item = T> + 'a, count: usize) -> impl Iterator<Item = T> + 'a {
    let every = (all.len() / count.max(1)).max(1);
    all.step_by(every).take(count)
}
