//! `cognate export`

use super::output::{check_output, print, refused, show_score, warn};
use anyhow::bail;
use cognate::BundleView;
use cognate::encoder::FilterLayout;
use cognate::kernel::Layout;
use cognate::policy::Rate;
use cognate_host::budget::{Board, Budget, Place, parse_board};
use cognate_host::bundle::{Bundle, BundleProblem, Enrolled, Settings, with_search};
use cognate_host::choices::{margin, parse_layout};
use cognate_host::embeddings::Embeddings;
use cognate_host::file::{FileError, write_all};
use cognate_host::model::Model;
use cognate_host::preprocessing::Preprocessing;
use cognate_host::quantization::relayout::to_layout;
use cognate_host::thresholds::{Thresholds, fraction, parse_rate};
use serde_json::json;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate export --model face.onnx --thresholds thresholds.json -o door.bundle
  cognate export --model face.onnx --thresholds thresholds.json --gallery staff.npy --layout pairs -o door.bundle";

/// Writes the bundle for the device: thresholds with their evidence, and the enrolled subjects
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model, with its preprocessing beside it: an ONNX file, or an int8 encoder, which goes into the bundle
    #[arg(long)]
    model: PathBuf,
    /// The board that the bundle is for: an encoder's constants are laid out for its core, and what does not fit is refused
    #[arg(long, value_name = "NAME", value_parser = parse_board)]
    board: Option<Board>,
    /// What `cognate calibrate` wrote
    #[arg(long, value_name = "FILE.json")]
    thresholds: PathBuf,
    /// The bundle to write
    #[arg(short, long, value_name = "FILE.bundle")]
    output: PathBuf,
    /// Embeddings to enroll, every row under its subject; without them nobody is enrolled
    #[arg(long, value_name = "FILE.npy")]
    gallery: Option<PathBuf>,
    /// The labels of the gallery, where they are not in the CSV file beside it
    #[arg(long, value_name = "CSV", requires = "gallery")]
    labels: Option<PathBuf>,
    /// The false match rate of verification, one of those calibrated; otherwise the one that was asked for first
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    fmr: Option<Rate>,
    /// How often a stranger may be taken for anybody enrolled: identification takes the threshold that holds this with as many
    /// subjects as there are
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0.01")]
    fpir: Rate,
    /// How far ahead of every other subject a known one has to be, as a difference of scores; closer is ambiguous
    #[arg(long, value_name = "DIFFERENCE", default_value_t = 0.0)]
    margin: f64,
    /// How templates lie: rows (any core), pairs (fastest on Cortex-M4, M7 and M33), lanes (M55) or halfwords (M0 and M3,
    /// norm-limited templates)
    #[arg(long, value_name = "LAYOUT", default_value_t = Layout::Rows, value_parser = parse_layout)]
    layout: Layout,
    /// Add a filter plane, a byte an element: identification then passes over most templates of a large gallery
    #[arg(long)]
    filter: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    check_inputs_are_kept(args)?;
    let model = Model::open(&args.model)?;
    let digest = model.digest();
    let thresholds = Thresholds::read(&args.thresholds)?;
    if thresholds.source.model != digest {
        bail!(
            "{}: the thresholds are of model {}, not of {digest} ({}): calibrate with embeddings of this model",
            args.thresholds.display(),
            thresholds.source.model,
            args.model.display()
        );
    }
    if model.leaves_out_length() && !thresholds.coder().space().form.is_cosine() {
        bail!(
            "{}: the model's embeddings have unit length, and its int8 encoder leaves that out, so distances between Euclidean \
             templates are others than the model's: calibrate with --form full or norm-limited, or quantize the model without \
             its normalization",
            args.model.display()
        );
    }
    let mut bundle = Bundle::new(Settings { encoder: encoder(args, &model)?, ..settings(args, &thresholds)? });
    if let Some(gallery) = &args.gallery {
        enroll_all(&mut bundle, gallery, args.labels.as_deref())?;
    }
    check_nobody_is_lost(&args.output, &bundle)?;
    let of_bundle = |problem| FileError::new(&args.output, problem);
    let bytes = bundle.to_bytes().map_err(|error| of_bundle(BundleProblem::Write(error)))?;
    for (name, refusal) in bundle.doubtful().map_err(|error| of_bundle(BundleProblem::Write(error)))? {
        warn(&format!("subject `{name}`: {refusal}"));
    }
    let view = BundleView::new_checked(&bytes).map_err(|error| of_bundle(BundleProblem::Refused(error)))?;
    let policy = with_search(&view, |search| view.identification(search));
    let policy = policy.map_err(|error| refused(of_bundle(BundleProblem::Policy(error))))?;
    if let (Some(encoder), Some(board)) = (view.encoder_section(), &args.board) {
        let budget = Budget::new(encoder, bytes.len() - encoder.len(), args.board)?;
        let place = budget.check(board).map_err(|problem| refused(FileError::new(&args.output, problem)))?;
        if place != Place::default() {
            warn(&format!("{}: {place}", args.output.display()));
        }
    }
    write_all(&[(&args.output, &bytes)])?;
    let (point, form) = (bundle.operating_point(), bundle.coder().space().form);
    if args.json {
        let object = json!({
            "output": args.output,
            "bytes": bytes.len(),
            "subjects": bundle.subjects().len(),
            "verification_threshold": point.threshold.raw(),
            "fmr": fraction(point.fmr),
            "identification_threshold": policy.threshold().raw(),
            "fpir": fraction(args.fpir),
        });
        return print(&format!("{object}\n"));
    }
    print(&format!(
        "{}: {} bytes, {} subjects\nverification: threshold {} for a false match rate of {}\n\
         identification: threshold {} for a stranger to be taken for anybody at a rate of {}\n",
        args.output.display(),
        bytes.len(),
        bundle.subjects().len(),
        show_score(point.threshold, form),
        point.fmr,
        show_score(policy.threshold(), form),
        args.fpir,
    ))
}

/// The encoder that goes into the bundle, its constants as the board's core streams them.
fn encoder(args: &Args, model: &Model) -> anyhow::Result<Option<Vec<u8>>> {
    let layout = args.board.map_or(FilterLayout::Plain, |board| board.layout);
    let encoder = model.int8().map(|file| to_layout(file.bytes(), layout));
    Ok(encoder.transpose().map_err(|problem| FileError::new(&args.model, problem))?)
}

fn check_inputs_are_kept(args: &Args) -> anyhow::Result<()> {
    let preprocessing = Preprocessing::path_for(&args.model);
    let gallery_labels = args.gallery.as_ref().map(|gallery| Embeddings::labels_path(gallery));
    let optional = args.gallery.iter().chain(&gallery_labels).chain(&args.labels);
    let inputs = [&args.model, &preprocessing, &args.thresholds].into_iter().chain(optional);
    check_output(&args.output, &inputs.map(PathBuf::as_path).collect::<Vec<_>>())
}

fn settings(args: &Args, thresholds: &Thresholds) -> anyhow::Result<Settings> {
    let operating_point = thresholds.index_of(args.fmr).map_err(|problem| FileError::new(&args.thresholds, problem))?;
    let (coder, cohort) = (thresholds.coder(), thresholds.cohort());
    let Some(margin) = margin(args.margin, coder.space().form) else {
        bail!("--margin {}: a margin is a difference of scores, 0 or more: of cosines at most 2", args.margin);
    };
    Ok(Settings {
        margin,
        coder,
        dimension: thresholds.dimension(),
        layout: args.layout,
        filter: args.filter,
        thresholds: thresholds.to_bundle(),
        operating_point,
        fpir: args.fpir,
        fusion: thresholds.source.fusion,
        calibrated_templates: thresholds.templates_a_subject(),
        cohort,
        encoder: None,
    })
}

/// Refuses to write over a bundle that has somebody enrolled who is not in the new one.
fn check_nobody_is_lost(output: &Path, new: &Bundle) -> anyhow::Result<()> {
    let Ok(old) = Bundle::read(output) else { return Ok(()) };
    let is_lost = |enrolled: &&Enrolled| new.subjects().iter().all(|subject| subject.name != enrolled.name);
    match old.subjects().iter().find(is_lost) {
        Some(lost) => bail!(
            "{}: `{}` is enrolled in this bundle and would be lost: choose another name, or delete the file first",
            output.display(),
            lost.name
        ),
        None => Ok(()),
    }
}

/// Enrolls every row of a file of embeddings, subjects in the order in which they appear.
fn enroll_all(bundle: &mut Bundle, path: &Path, labels: Option<&Path>) -> anyhow::Result<()> {
    let embeddings = Embeddings::read(path, labels)?;
    embeddings.labels().require_subjects(path)?;
    embeddings.require_model(path, bundle.encoder())?;
    embeddings.require_dimension(path, bundle.embedding_dimension())?;
    let codes = bundle.coder().codes(&embeddings).map_err(|problem| FileError::new(path, problem))?;
    let calibrated = usize::from(bundle.settings().calibrated_templates);
    for (name, rows) in embeddings.labels().by_subject() {
        let codes = rows.iter().map(|&row| codes[row].clone()).collect();
        bundle.enroll(name, codes).map_err(|problem| FileError::new(path, problem))?;
        let templates = bundle.subjects().last().map_or(0, |subject| subject.codes.len());
        if templates > calibrated {
            warn(&format!(
                "subject `{name}` gets {templates} templates, and the thresholds were chosen with {calibrated}: \
                 for identification it counts as several, in verification false matches become likelier"
            ));
        }
    }
    Ok(())
}
