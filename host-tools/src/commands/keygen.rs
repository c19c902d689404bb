//! `cognate keygen`

use super::output::print;
use cognate_host::file::{FileError, Unwritable, create_private, write_all};
use cognate_host::signing::{generate, public_key, to_line};
use serde_json::json;
use std::io;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate keygen -o door.key              # writes door.pub too: pin it in the firmware";

/// Makes a pair of keys: the secret one signs bundles, the public one goes into the firmware
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The secret key to write, readable to you alone; the public one goes beside it, as .pub
    #[arg(short, long, value_name = "FILE.key")]
    output: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let public_path = args.output.with_extension("pub");
    if public_path == args.output {
        anyhow::bail!("{}: the public key is written as .pub: choose another name", args.output.display());
    }
    // A key that is lost is a device that can never be updated again: nothing is written over.
    if public_path.exists() {
        return Err(FileError::new(public_path, Unwritable(io::ErrorKind::AlreadyExists.into())).into());
    }
    let key = generate()?;
    let public = public_key(&key);
    create_private(&args.output, to_line(&key.to_bytes()).as_bytes())?;
    write_all(&[(&public_path, to_line(public.as_bytes()).as_bytes())])?;
    if args.json {
        let object = json!({ "secret": args.output, "public": public_path, "key": public.id().to_string() });
        return print(&format!("{object}\n"));
    }
    let bytes: Vec<String> = public.as_bytes().iter().map(|byte| format!("{byte:#04x}")).collect();
    print(&format!(
        "{}: the secret key; whoever has it can sign for every device that pins the public one\n\
         {}: the public key, {}\nconst KEY: PublicKey = PublicKey::new([{}]);\n",
        args.output.display(),
        public_path.display(),
        public.id(),
        bytes.join(", "),
    ))
}
