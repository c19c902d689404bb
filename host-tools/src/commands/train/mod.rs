//! `cognate train`

mod options;

use super::output::{check_output, note, percent, print_if, progress_bar};
use anyhow::{Context, anyhow, bail};
use cognate::{ModelDigest, Space};
use cognate_host::coder::Coder;
use cognate_host::embeddings::Embeddings;
use cognate_host::evaluation::Rows;
use cognate_host::file::{self, write_all};
use cognate_host::labels::{Label, Labels};
use cognate_host::preprocessing::Preprocessing;
use cognate_host::report::training::Run;
use cognate_host::samples::SampleSet;
use cognate_host::training::{Data, Parts};
use cognate_train::{
    Checkpoint, Encoder, HeldOut, Progress, State, TrainConfig, TrainError, Training, equal_error_rate,
};
use options::{BatchArgs, EncoderArgs, LossArgs, RunArgs, config};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate train photos/ -o face.onnx --max-weights 60kB --max-ram 32kB --max-mmacs 2
  cognate train visits.csv -o face.onnx --loss triplet --margin 0.3 --family ds-cnn --width 24 --seed 7
  cognate train features.npy -o machine.onnx --ignore-labels --loss nt-xent --mixup 0.6 --augment none
  cognate train photos/ -o face.onnx --resume";

/// Trains an encoder on samples, by a contrastive loss, and writes it as ONNX with the preprocessing beside it
///
/// Some subjects are held out: their equal error rate tells when to stop, and which step's encoder is written. Where the
/// run is, is kept beside the output (FILE.checkpoint) until it is done. How it went is drawn in a page (FILE.html).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Samples as for `cognate encode`: bright on black where they are pictures. Arrays of one axis are series, of two they are
    /// times × features, of three channels × height × width
    samples: PathBuf,
    /// The ONNX file to write, and beside it how samples are read for it (FILE.toml)
    #[arg(short, long, value_name = "FILE.onnx")]
    output: PathBuf,
    /// The labels of the samples of an .npy array: a CSV file with a column subject
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// How samples are read, as a file beside a model says [default: gray pictures of the first one's size, or arrays as they are]
    #[arg(long, value_name = "TOML")]
    preprocessing: Option<PathBuf>,
    /// Stretch pictures of another size, instead of refusing them
    #[arg(long)]
    resize: bool,
    #[command(flatten)]
    loss: LossArgs,
    #[command(flatten)]
    encoder: EncoderArgs,
    #[command(flatten)]
    batch: BatchArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Subjects that training does not see; 0 for a run to its last step [default: a fifth, if that is at least two]
    #[arg(long, value_name = "N")]
    hold_out: Option<usize>,
    /// Steps from one look at them to the next, and from one checkpoint to the next
    #[arg(long, value_name = "STEPS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    look_every: u32,
    /// Looks without a lower equal error rate after which the run ends; with --quantization-aware, looks in its steps alone
    #[arg(long, value_name = "LOOKS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    patience: u32,
    /// Go on from the checkpoint that an interrupted run left, to the encoder that it would have given
    #[arg(long)]
    resume: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let checkpoint_path = args.output.with_extension("checkpoint");
    check(args, &checkpoint_path)?;
    let from = checkpoint(args, &checkpoint_path)?;
    let samples = SampleSet::open(&args.samples, args.labels.as_deref())?;
    let data = Data::load(&args.samples, &samples, args.preprocessing.as_deref(), args.resize)?;
    let net = args.encoder.net(data.shape)?;
    let cost = net.cost(data.shape);
    let parts = data.parts(held_out(args, &data)?, args.run.seed, args.batch.with_labels(&data))?;
    let config = config(&args.loss, net, &args.batch, &args.run, &data, &parts)?;
    let training = training(args, &config, &parts);
    note(&format!("samples             {} of {} subjects, {}", data.len(), data.subjects.len(), data.shape));
    note(&format!("encoder             {}", config.net));
    note(&format!("                    {cost}"));
    let (encoder, curves) = go(&training, from, args.look_every as usize, &checkpoint_path)
        .map_err(|failure| explained(failure, &data, &checkpoint_path))?;
    let page = page(&args.output, &encoder, &curves, &training, &data)?;
    write(&args.output, &encoder.to_onnx(&training.recipe()), &data.preprocessing, &page)?;
    let _removed_if_there = std::fs::remove_file(&checkpoint_path);
    let eer = parts.held_out.as_ref().and_then(|set| equal_error_rate(&encoder.embed(set.samples()), set.classes()));
    let rate = eer.map_or(String::new(), |eer| format!(", EER {} on subjects held out", percent(eer)));
    note(&format!("{}: after {} steps{rate}", args.output.display(), curves.losses.len()));
    let object = json!({
        "output": args.output,
        "report": page_path(&args.output),
        "steps": curves.losses.len(),
        "loss": curves.losses.last(),
        "held_out_eer": eer,
        "looks": curves.looks,
        "weight_bytes": cost.weights,
        "ram_bytes": cost.ram,
        "macs": cost.macs,
        "recipe": training.recipe().entries().iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    });
    print_if(args.json, &object)
}

fn check(args: &Args, checkpoint: &Path) -> anyhow::Result<()> {
    if args.output.extension().is_none_or(|extension| extension != "onnx") {
        bail!("{}: an encoder is written as ONNX: end its name in .onnx", args.output.display());
    }
    let inputs: Vec<&Path> = [Some(&args.samples), args.labels.as_ref(), args.preprocessing.as_ref()]
        .into_iter()
        .flatten()
        .map(|path| &**path)
        .collect();
    check_output(&args.output, &inputs)?;
    check_output(checkpoint, &inputs)?;
    check_output(&page_path(&args.output), &inputs)?;
    // What was given as preprocessing may stay where it is: what is written there says the same.
    let others: Vec<&Path> = inputs.into_iter().filter(|path| Some(*path) != args.preprocessing.as_deref()).collect();
    check_output(&Preprocessing::path_for(&args.output), &others)
}

/// The checkpoint to go on from; one that nobody asked to go on from is not written over.
fn checkpoint(args: &Args, path: &Path) -> anyhow::Result<Option<Checkpoint>> {
    if !args.resume {
        if path.exists() {
            bail!("{}: a run that was interrupted left this: go on with --resume, or remove it", path.display());
        }
        return Ok(None);
    }
    let bytes = file::read(path).with_context(|| "there is nothing to resume: start without --resume".to_owned())?;
    let checkpoint = Checkpoint::from_bytes(&bytes).with_context(|| path.display().to_string())?;
    note(&format!("{}: going on after step {}", path.display(), checkpoint.step()));
    Ok(Some(checkpoint))
}

/// How many subjects are held out.
fn held_out(args: &Args, data: &Data) -> anyhow::Result<usize> {
    let subjects = if data.has_labels() { data.subjects.len() } else { 0 };
    match args.hold_out {
        Some(0) => Ok(0),
        Some(count) if count >= 2 && count < subjects => Ok(count),
        Some(count) => bail!(
            "--hold-out {count}: at least two subjects are held out and at least one is not, and there are {subjects}"
        ),
        None if subjects / 5 >= 2 => Ok(subjects / 5),
        None => {
            note(
                "nobody is held out of so few subjects: the run goes to its last step, and nothing tells how good it is",
            );
            Ok(0)
        }
    }
}

fn training<'a>(args: &Args, config: &'a TrainConfig, parts: &'a Parts) -> Training<'a> {
    let (every, patience) = (args.look_every as usize, args.patience as usize);
    let held_out = parts.held_out.as_ref().map(|samples| HeldOut { samples, every, patience });
    Training { labeled: &parts.labeled, instances: &parts.instances, held_out, config }
}

/// How a run went.
struct Curves {
    /// The loss of each step.
    losses: Vec<f32>,
    /// Steps done before each look, and the equal error rate that it found.
    looks: Vec<(usize, f64)>,
}

/// What ended a run: itself, or a checkpoint that could not be kept.
enum Failure {
    Run(TrainError),
    Kept(anyhow::Error),
}

/// Trains, showing how it goes and keeping a checkpoint at every look.
fn go(
    training: &Training<'_>,
    from: Option<Checkpoint>,
    every: usize,
    path: &Path,
) -> Result<(Encoder, Curves), Failure> {
    let mut curves = Curves { losses: Vec::new(), looks: Vec::new() };
    if let Some(checkpoint) = &from {
        curves = Curves { losses: checkpoint.losses().to_vec(), looks: checkpoint.looks().to_vec() };
    }
    let bar = progress_bar(training.config.steps, "steps");
    let mut failure = None;
    let mut after = |progress: Progress, state: &State<'_>| {
        bar.set_position(progress.step as u64);
        curves.losses.push(progress.loss);
        curves.looks.extend(progress.eer.map(|eer| (progress.step, eer)));
        if !progress.step.is_multiple_of(every) {
            return ControlFlow::Continue(());
        }
        bar.suspend(|| note(&line(&progress)));
        let kept = state.checkpoint().map_err(Failure::Run).and_then(|checkpoint| {
            write_all(&[(path, &checkpoint.to_bytes())]).map_err(|error| Failure::Kept(error.into()))
        });
        failure = kept.err();
        if failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let trained = training.run(from.as_ref(), &mut after);
    bar.finish_and_clear();
    match (trained, failure) {
        (_, Some(failure)) => Err(failure),
        (Err(error), None) => Err(Failure::Run(error)),
        (Ok(encoder), None) => Ok((encoder, curves)),
    }
}

fn line(progress: &Progress) -> String {
    let Progress { step, steps, loss, eer, .. } = progress;
    let rate = eer.map_or(String::new(), |eer| format!(", EER {} on subjects held out", percent(eer)));
    format!("step {step} of {steps}: loss {loss:.4}{rate}")
}

/// What went wrong, in the words of the command line.
fn explained(failure: Failure, data: &Data, checkpoint: &Path) -> anyhow::Error {
    let last = file::read(checkpoint).ok().and_then(|bytes| Checkpoint::from_bytes(&bytes).ok());
    let kept = last.map_or(String::new(), |last| {
        format!("; the checkpoint of step {} is kept in {}", last.step(), checkpoint.display())
    });
    match failure {
        Failure::Kept(error) => error.context(format!("the run stopped, since its checkpoint could not be kept{kept}")),
        Failure::Run(TrainError::TooFewSamples { class, have, need }) => anyhow!(
            "subject `{}`: a batch takes {need} samples of each subject, and it has {have}; add some, leave it out, lower \
             --per-class where the loss allows, or give --ignore-labels",
            data.subjects[class]
        ),
        Failure::Run(error @ TrainError::Diverged { .. }) => anyhow!("{error}{kept}"),
        Failure::Run(error) => error.into(),
    }
}

/// How the run went, drawn.
fn page(
    output: &Path,
    encoder: &Encoder,
    curves: &Curves,
    training: &Training<'_>,
    data: &Data,
) -> anyhow::Result<String> {
    let (samples, classes, whose) = match training.held_out {
        Some(HeldOut { samples, .. }) => (samples.samples(), Some(samples.classes()), "subjects held out"),
        None if training.instances.count() > 0 => (training.instances, None, "samples it was trained on"),
        None => (training.labeled.samples(), Some(training.labeled.classes()), "subjects it was trained on"),
    };
    let subject = |row: usize| classes.map_or("unlabeled", |classes| &data.subjects[classes[row]]).to_owned();
    let label = |row: usize| Label { subject: subject(row), ..Label::default() };
    let labels = Labels { rows: (0..samples.count()).map(label).collect(), ..Labels::default() };
    let coder = Coder::new(Space::full(ModelDigest::new([0; ModelDigest::BYTES])), None);
    let rows = |encoder: &Encoder| -> anyhow::Result<Rows> {
        let values = encoder.embed(samples);
        let embeddings = Embeddings::new(values.len() / samples.count().max(1), values, labels.clone())?;
        Ok(Rows::of_embeddings(&embeddings, &coder))
    };
    let recipe = training.recipe();
    let run = Run {
        name: &output.display().to_string(),
        losses: &curves.losses,
        looks: &curves.looks,
        float_steps: training.config.float_steps(),
        embeddings: [&rows(&training.untrained()?)?, &rows(encoder)?],
        whose,
        recipe: recipe.entries(),
    };
    Ok(run.page())
}

/// Writes the encoder and, beside it, how its samples are read and how the run went.
fn write(output: &Path, onnx: &[u8], preprocessing: &Preprocessing, page: &str) -> anyhow::Result<()> {
    let beside = Preprocessing::path_for(output);
    let text = preprocessing.canonical_text();
    write_all(&[(output, onnx), (&beside, text.as_bytes()), (&page_path(output), page.as_bytes())])?;
    Ok(())
}

fn page_path(output: &Path) -> PathBuf {
    output.with_extension("html")
}
