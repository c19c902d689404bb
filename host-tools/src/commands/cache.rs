//! `cognate cache`

use super::output::{note, print};
use anyhow::{Context, bail};
use cognate_host::cache::{self, CachedModel};
use serde_json::json;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate cache                    # where it is, and what is in it
  cognate cache --clear
  cognate cache --clear --model face.onnx

The environment variable COGNATE_CACHE names another folder; `cognate encode --no-cache` uses none.";

/// Shows or clears the embeddings that are kept, so that no sample is encoded twice
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Remove what is kept
    #[arg(long)]
    clear: bool,
    /// Of this model alone
    #[arg(long)]
    model: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Some(folder) = cache::folder() else {
        bail!("this system has no folder for caches: name one in the environment variable {}", cache::VARIABLE);
    };
    let models = models(args, &folder)?;
    if args.clear {
        for model in &models {
            cache::remove(model).with_context(|| format!("{}: {} cannot be removed", folder.display(), model.model))?;
        }
        note(&format!("{}: the embeddings of {} models removed", folder.display(), models.len()));
    }
    if args.json {
        let model = |model: &CachedModel| json!({ "model": model.model, "bytes": model.bytes });
        let models: Vec<_> = models.iter().map(model).collect();
        return print(&format!("{}\n", json!({ "folder": folder, "cleared": args.clear, "models": models })));
    }
    if args.clear {
        return Ok(());
    }
    let rows: String = models.iter().map(|model| format!("{}  {:>12} bytes\n", model.model, model.bytes)).collect();
    print(&format!("{}: embeddings of {} models\n{rows}", folder.display(), models.len()))
}

/// The models that are asked for and have embeddings in the cache.
fn models(args: &Args, folder: &Path) -> anyhow::Result<Vec<CachedModel>> {
    let mut models = cache::models(folder).with_context(|| format!("{}: it cannot be read", folder.display()))?;
    if let Some(path) = &args.model {
        let digest = cognate_host::model::Model::open(path)?.digest().to_string();
        models.retain(|model| model.model == digest);
    }
    Ok(models)
}
