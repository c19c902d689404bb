//! What it takes from the firmware's start until the device is ready: with nothing in its flash, with a signed bundle, with as
//! many templates as it can hold, and with a bundle whose cohort each subject is compared with.

use super::frames::{KEY, signed, signing_key};
use super::{BOARD, COUNTING, Device, Maker};
use crate::test::fixture::{Bundle, DIMENSION};
use anyhow::{Context, Result, ensure};
use cognate::protocol::{Answer, Command};
use cognate::{BundleView, Embedding, Template};
use cognate_link::{Link, Port};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Templates of each subject that is enrolled.
const OF_SUBJECT: u16 = 10;

/// It takes a moment, even where a core is shared.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// One start of the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Figure {
    board: &'static str,
    kernel: &'static str,
    /// Bytes of the signed bundle, 0 for none.
    bundle_bytes: usize,
    /// Whether scores are normalized against a cohort: each subject is then compared with it at the start.
    pub cohort: bool,
    /// Templates in the store.
    pub templates: u16,
    /// From opening the flash until the link is served.
    pub instructions: u64,
}

/// Starts it with nothing, with a bundle, with everything that it can hold, enrolled over its link, and with a cohort.
///
/// # Errors
/// When it does not start, refuses somebody, or is ready with others than were enrolled.
pub fn measure(folder: &Path) -> Result<[Figure; 4]> {
    let maker = Maker::build(folder, &signing_key().pk, &KEY)?;
    maker.erase()?;
    let nothing = started_twice(&maker, Signed::NOTHING)?;
    // One that lets in whoever comes: with so many people, chance alone takes some strangers for one of them.
    let bundle = Bundle { fpir: 999_000_000, ..Bundle::ANNA };
    let (bundle, with_cohort) = (bundle.encode()?, Bundle { cohort: true, ..bundle }.encode()?);
    let plain = Signed::update(&maker, &bundle, 1)?;
    let with_bundle = started_twice(&maker, plain)?;
    let device = maker.start(COUNTING)?;
    let enrolled = fill(&mut device.connect(&KEY)?, &bundle)?;
    drop(device);
    let full = ready(&mut maker.start(COUNTING)?, plain)?;
    let normalized = Signed { cohort: true, ..Signed::update(&maker, &with_cohort, 2)? };
    let normalized = started_twice(&maker, normalized)?;
    for figure in [full, normalized] {
        ensure!(figure.templates == enrolled, "{enrolled} templates were enrolled, and it has {}", figure.templates);
    }
    Ok([nothing, with_bundle, full, normalized])
}

/// The bundle in use.
#[derive(Clone, Copy)]
struct Signed {
    bytes: usize,
    cohort: bool,
}

impl Signed {
    const NOTHING: Self = Self { bytes: 0, cohort: false };

    /// Gives the device a bundle, which it takes into use.
    fn update(maker: &Maker, bundle: &[u8], version: u32) -> Result<Self> {
        let signed = signed(bundle.to_vec(), version);
        maker.start(COUNTING)?.connect(&KEY)?.update(&signed, |_| ())?;
        Ok(Self { bytes: signed.len(), cohort: false })
    }
}

/// The first start begins what is kept in flash; the next one is as every later one.
fn started_twice(maker: &Maker, bundle: Signed) -> Result<Figure> {
    ready(&mut maker.start(COUNTING)?, bundle)?;
    ready(&mut maker.start(COUNTING)?, bundle)
}

/// What it says when it is ready.
fn ready(device: &mut Device, bundle: Signed) -> Result<Figure> {
    let began = Instant::now();
    loop {
        let lines = device.running.lines()?;
        if let Some((templates, instructions)) = lines.iter().find_map(|line| parse(&line.message)) {
            let Signed { bytes: bundle_bytes, cohort } = bundle;
            return Ok(Figure { board: BOARD.name(), kernel: "boot", bundle_bytes, cohort, templates, instructions });
        }
        device.require_running()?;
        ensure!(began.elapsed() < READY_WITHIN, "it is not ready after {} s", READY_WITHIN.as_secs());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Templates and instructions of `ready with 16 templates after 4680000 instructions, …`.
fn parse(message: &str) -> Option<(u16, u64)> {
    let (templates, rest) = message.strip_prefix("ready with ")?.split_once(" templates after ")?;
    let (instructions, _) = rest.split_once(" instructions")?;
    Some((templates.parse().ok()?, instructions.parse().ok()?))
}

/// Enrolls made-up people until there is no more room; how many templates that are.
fn fill(link: &mut Link<Port>, bundle: &[u8]) -> Result<u16> {
    let space = BundleView::new_checked(bundle)?.space();
    let (capacity, mut random, mut subject) = (link.about().capacity, 1, 0);
    for number in 0..capacity {
        let values: [f32; DIMENSION] =
            std::array::from_fn(|_| (crate::bench::pseudo_random(&mut random) >> 8) as f32 / (1 << 23) as f32 - 1.0);
        let template = Template::new(&Embedding::new(values)?, space);
        let code = template.code().map(i8::cast_unsigned);
        let of = if number.is_multiple_of(OF_SUBJECT) { 0 } else { subject };
        let command = Command::Template { subject: of, model: *space.model.as_bytes(), code: &code };
        let enrolled = link.ask(&command, |answer| match answer {
            Answer::Enrolled { id } => Some(*id),
            _ => None,
        });
        subject = enrolled.with_context(|| format!("template {number}"))?;
    }
    Ok(capacity)
}

/// The figures for a person to read.
pub fn table(figures: &[Figure]) -> String {
    let mut table = format!("{}: instructions until the device is ready\n", BOARD.name());
    for Figure { bundle_bytes, cohort, templates, instructions, .. } in figures {
        let cohort = if *cohort { ", a cohort" } else { "" };
        let what = match bundle_bytes {
            0 => "nothing in its flash".to_owned(),
            _ => format!("a signed bundle of {bundle_bytes} B{cohort} and {templates} templates"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(table, "{instructions:>9}  {what}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_firmware_says_is_read() {
        let said = "ready with 16 templates after 4680000 instructions, peak_stack 9000";
        assert_eq!(parse(said), Some((16, 4_680_000)));
        assert_eq!(parse("board mps2-an386, kernels dsp"), None);
    }
}
