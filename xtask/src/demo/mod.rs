//! `cargo xtask demo`: from a model and pictures to decisions on an emulated Cortex-M4, which encodes the pictures itself, each
//! compared with the host's.
//!
//! The host's part is done by the `cognate` command, called as a person would.

mod device;
mod figures;
mod host;
pub mod pictures;
pub mod tool;

use crate::board::Board;
use crate::cargo::Packages;
use crate::{in_repository, setup};
use anyhow::{Context, Result, bail};
use device::Device;
use figures::Figures;
use std::fs;
use tool::Tool;

/// The board that the demo runs on unless another is asked for.
pub const BOARD: Board = Board::Mps2An386;

/// Where everything that it makes is put.
const FOLDER: &str = "target/demo";
/// The bundle that it exports.
pub const BUNDLE: &str = "target/demo/digits.bundle";
/// The probes as the firmware reads them: the pixels of one picture after the other.
pub const PROBES: &str = "target/demo/probes.pixels";

const MODEL: &str = "models/glyphs.onnx";
/// The model in int8, which host and device run.
const ENCODER: &str = "target/demo/glyphs.encoder";
const CALIBRATION_SAMPLES: &str = "data/calibration/samples.csv";
const CALIBRATION: &str = "target/demo/calibration.npy";
/// The pictures, in sheets.
const SHEETS: &str = "data/digits";
const DIGITS: &str = "target/demo/digits.npy";
const THRESHOLDS: &str = "target/demo/thresholds.json";
const ENROLLED: &str = "target/demo/enroll.npy";
const PROBES_NPY: &str = "target/demo/probes.npy";
/// What `cognate` writes beside them: where in the sheets each is, and whose.
const PROBES_CSV: &str = "target/demo/probes.csv";

/// The page with drawings that it ends with.
const REPORT: &str = "target/demo/report.html";

/// Digits that the model was not trained on. 9, and 0 to 4, stay strangers.
const SUBJECTS: &str = "5,6,7,8";
/// Samples that each of them is enrolled with.
const SAMPLES: &str = "5";
/// The false match rate that the threshold is chosen for: a stranger is compared with four subjects, and is taken for one
/// of them at a rate of 1 − (1 − 0.0025)⁴, about 1 %.
const FMR: &str = "0.0025";

/// Runs it and prints the figures, with `json` also as one JSON object on the last line. What it built and wrote is left
/// for `cargo xtask firmware` and `run`.
///
/// # Errors
/// When a step fails, or a decision of the device differs from the host's.
pub fn run(board: Board, json: bool, packages: Packages) -> Result<()> {
    setup::ensure(board)?;
    let tool = Tool::build(packages)?;
    fs::create_dir_all(in_repository(FOLDER)).with_context(|| format!("cannot make {FOLDER}"))?;
    export(&tool, board)?;
    let host = host::simulate(&tool)?;
    pictures::write_probes()?;
    let device = Device::run(board)?;
    let figures = Figures::new(&host, &device)?;
    // Of every sample, those enrolled too: pairs, not decisions.
    tool.run(&["report", BUNDLE, DIGITS, "--pictures", "data/digits", "-o", REPORT])?;
    println!("\n{figures}\nthe report: {REPORT}");
    if json {
        println!("{}", serde_json::to_string(&figures)?);
    }
    match figures.host_device_mismatches {
        0 => Ok(()),
        mismatches => bail!("{mismatches} decisions of the device differ from the host's: this must never happen"),
    }
}

/// Quantizes the model, encodes the samples, chooses the threshold and writes the bundle.
fn export(tool: &Tool, board: Board) -> Result<()> {
    // All in int8: the firmware links nothing for int16.
    tool.run(&["quantize", MODEL, CALIBRATION_SAMPLES, "-o", ENCODER, "--int16", "0"])?;
    tool.run(&["encode", ENCODER, CALIBRATION_SAMPLES, "-o", CALIBRATION])?;
    tool.run(&["encode", ENCODER, "data/digits/samples.csv", "-o", DIGITS])?;
    tool.run(&["calibrate", CALIBRATION, "--enroll", SAMPLES, "--fmr", FMR, "-o", THRESHOLDS])?;
    let split = ["split", DIGITS, "--subjects", SUBJECTS, "--first", SAMPLES];
    tool.run(&[&split[..], &["--enroll-out", ENROLLED, "--probes-out", PROBES_NPY]].concat())?;
    let export = ["export", "--model", ENCODER, "--thresholds", THRESHOLDS, "--gallery", ENROLLED, "-o", BUNDLE];
    tool.run(&[&export[..], &["--board", board.name()]].concat())
}
