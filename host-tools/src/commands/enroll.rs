//! `cognate enroll`

use super::output::{print, refused, warn};
use cognate::BundleView;
use cognate_host::bundle::{Bundle, BundleProblem, with_search};
use cognate_host::embeddings::Embeddings;
use cognate_host::encoding::encode;
use cognate_host::file::{FileError, write_all};
use cognate_host::model::Model;
use cognate_host::samples::SampleSet;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate enroll door.bundle --model face.onnx --subject Anna anna-1.jpg anna-2.jpg
  cognate enroll door.bundle --model face.onnx --subject Anna --add anna-3.jpg
  cognate enroll door.bundle --model face.onnx --subject Ben --embeddings ben.npy";

/// Enrolls a subject in a bundle, or adds samples to one
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle to change
    bundle: PathBuf,
    /// The subject's samples, in files of what the model takes: at least two for a new subject
    #[arg(required_unless_present = "embeddings", conflicts_with = "embeddings")]
    samples: Vec<PathBuf>,
    /// The bundle's model, with its preprocessing beside it
    #[arg(long)]
    model: PathBuf,
    /// The subject's name
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// Enroll every row of a file of embeddings, in place of samples
    #[arg(long, value_name = "FILE.npy")]
    embeddings: Option<PathBuf>,
    /// Add to the subject of this name, who is enrolled already
    #[arg(long)]
    add: bool,
    /// Enroll samples that are unlike each other, one sample twice, or too much like somebody else
    #[arg(long)]
    force: bool,
    /// Stretch pictures of another size to the model's, instead of refusing them
    #[arg(long, conflicts_with = "embeddings")]
    resize: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let of_bundle = |problem| FileError::new(&args.bundle, problem);
    let mut bundle = Bundle::read(&args.bundle)?;
    if bundle.is_protected() {
        return Err(of_bundle(BundleProblem::Protected).into());
    }
    let model = Model::open(&args.model)?;
    let (expected, found) = (model.digest(), bundle.encoder());
    if expected != found {
        return Err(of_bundle(BundleProblem::Model { expected, found }).into());
    }
    let embeddings = embeddings(args, &model)?;
    let (expected, found) = (embeddings.dimension(), bundle.embedding_dimension());
    if expected != found {
        return Err(of_bundle(BundleProblem::Dimension { expected, found }).into());
    }
    let codes = bundle.coder().codes(&embeddings)?;
    let (count, added_to) = (codes.len(), args.add.then_some(args.subject.as_str()));
    let quality = bundle.assess(&codes, added_to).map_err(|error| of_bundle(BundleProblem::Write(error)))?;
    let id = if args.add { bundle.add(&args.subject, codes) } else { bundle.enroll(&args.subject, codes) };
    let id = id.map_err(|error| of_bundle(BundleProblem::Enroll(error)))?;
    match quality {
        Err(refusal) if args.force => warn(&refusal.to_string()),
        Err(refusal) => return Err(refused(of_bundle(BundleProblem::Quality(refusal)))),
        Ok(_) => {}
    }
    let bytes = bundle.to_bytes().map_err(|error| of_bundle(BundleProblem::Write(error)))?;
    let view = BundleView::new_checked(&bytes).map_err(|error| of_bundle(BundleProblem::Refused(error)))?;
    // With one more subject there may be no threshold that is strict enough.
    let policy = with_search(&view, |search| view.identification(search).map(|_| ()));
    policy.map_err(|error| refused(of_bundle(BundleProblem::Policy(error))))?;
    write_all(&[(&args.bundle, &bytes)])?;
    if args.json {
        let object = json!({ "bundle": args.bundle, "id": id.number(), "name": args.subject, "samples": count });
        return print(&format!("{object}\n"));
    }
    print(&format!("{}: {count} samples for subject {id}, `{}`\n", args.bundle.display(), args.subject))
}

fn embeddings(args: &Args, model: &Model) -> anyhow::Result<Embeddings> {
    if let Some(path) = &args.embeddings {
        let embeddings = Embeddings::read(path, None)?;
        embeddings.require_model(path, model.digest())?;
        return Ok(embeddings);
    }
    let samples = SampleSet::of_files(&args.samples, &args.subject);
    Ok(encode(model, &*model.encoder()?, &samples, args.resize, &|_| ())?)
}
