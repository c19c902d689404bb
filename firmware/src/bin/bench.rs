//! Counts what searches cost in instructions, and compares what they find with the definition, on the device itself.
//!
//! `cargo xtask bench` flashes a bundle and, behind it, what to do with it: [`cognate_firmware::workload`].
#![no_std]
#![no_main]

use cognate::kernel::{self, Finish, Lane, Rows as KernelRows, Seek, portable};
use cognate::signature::{BundleVersion, PublicKey, TRAILER_HEAD_BYTES, trailer_head};
use cognate::similarity::{self, Probe};
use cognate::{
    AsTemplate, BundleError, BundleView, Decision, Embedding, GalleryView, Match, Policy, Scan, Score, Search,
    SubjectId, Template,
};
use cognate_firmware::board::{self, Counter};
use cognate_firmware::workload::{Task, Workload};
use cognate_firmware::{Rows, RowsError, SampleSource};
use core::hint::black_box;
use cortex_m::Peripherals;
use heapless::Vec;

const DIMENSION: usize = 128;
/// Repetitions of what takes a few hundred instructions.
const MANY: u32 = 1000;
/// Rows of `f32`, which are kept in RAM, as a user would keep them: 8 KiB.
const FLOAT_ROWS: usize = 16;
/// Bytes of a bundle, of any.
const BUNDLE: usize = 16384;
const THRESHOLD: Score = Score::from_ratio(1, 2);

#[cortex_m_rt::entry]
fn main() -> ! {
    board::finish(run())
}

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
    Bundle(BundleError),
    NoWorkload,
    Probes(RowsError),
    TooFewProbes,
}

fn run() -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let k = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, k);
    let bundle = BundleView::new_checked(board::bundle()).map_err(Failure::Bundle)?;
    let workload = Workload::behind(bundle.len(), board::bundle()).ok_or(Failure::NoWorkload)?;
    let mut bench = Bench { counter, gallery: bundle.gallery(), lines: [None; LINES] };
    match workload.task {
        Task::Signature => bench.signature(),
        Task::Scan | Task::Best | Task::Naive => bench.probes(&workload, &bundle)?,
    }
    bench.report();
    Ok(())
}

/// Kinds of measurements that one task makes at most.
const LINES: usize = 5;

struct Bench {
    counter: Counter,
    gallery: GalleryView<'static>,
    lines: [Option<Line>; LINES],
}

/// A measurement over all probes.
#[derive(Clone, Copy)]
struct Line {
    kernel: &'static str,
    /// Templates that each run looks for the answer among.
    templates: usize,
    runs: u32,
    ticks: u64,
    /// Templates whose exact score was computed, over all runs.
    refined: u64,
    equal: bool,
}

impl Bench {
    /// What is measured with probes. Apart, because a signature's check has no room beside the rows of floats on a small stack.
    #[inline(never)]
    fn probes(&mut self, workload: &Workload, bundle: &BundleView<'_>) -> Result<(), Failure> {
        let mut rows = Rows::<DIMENSION>::new(board::probes()).map_err(Failure::Probes)?;
        let mut floats: Vec<[f32; DIMENSION], FLOAT_ROWS> = Vec::new();
        for number in 0.. {
            let Some(embedding) = rows.next_sample().map_err(Failure::Probes)? else { break };
            let _ = floats.push(*embedding.as_array());
            if workload.has(number) {
                let probe = Template::new(&embedding, bundle.space());
                match workload.task {
                    Task::Scan => self.scan(&probe),
                    Task::Best => self.best(&probe),
                    Task::Naive => self.naive_i8(&probe),
                    Task::Signature => {}
                }
            }
        }
        if workload.task == Task::Naive {
            self.naive_f32(floats.as_array().ok_or(Failure::TooFewProbes)?);
        }
        Ok(())
    }

    /// Runs something for one probe so often, and compares what it comes to. Not inlined, so that what it adds to each run is
    /// but a few instructions, whatever is around it.
    #[inline(never)]
    fn count<T: PartialEq>(
        &mut self,
        kernel: &'static str,
        templates: usize,
        runs: u32,
        mut run: impl FnMut() -> T,
        expected: T,
    ) {
        let (ticks, result) = self.counter.ticks(|| {
            for _ in 1..runs {
                black_box(run());
            }
            run()
        });
        self.add(Line { kernel, templates, runs, ticks: ticks.into(), refined: 0, equal: result == expected });
    }

    fn add(&mut self, line: Line) {
        let known = |place: &&mut Option<Line>| place.is_none_or(|other| other.kernel == line.kernel);
        let Some(place) = self.lines.iter_mut().find(known) else { return };
        let before = place.unwrap_or(Line { runs: 0, ticks: 0, refined: 0, equal: true, ..line });
        *place = Some(Line {
            runs: before.runs + line.runs,
            ticks: before.ticks + line.ticks,
            refined: before.refined + line.refined,
            equal: before.equal && line.equal,
            ..line
        });
    }

    fn report(&self) {
        for Line { kernel, templates, runs, ticks, refined, equal } in self.lines.into_iter().flatten() {
            defmt::info!(
                "bench {=str} templates {=usize} runs {=u32} ticks {=u64} refined {=u64} equal {=bool}",
                kernel,
                templates,
                runs,
                ticks,
                refined,
                equal
            );
        }
    }

    fn scan(&mut self, probe: &Template<DIMENSION>) {
        let (gallery, templates) = (self.gallery, self.gallery.len());
        let definition = Definition { gallery: &gallery };
        let policy = Policy::new(THRESHOLD);
        let leaders = definition.leaders(probe);
        let best = leaders[0].map(|leader| (leader.subject, leader.key));
        self.count("scan_all", templates, 1, || scan_all(&gallery, black_box(probe)), best);
        let matches = leaders.map(|leader| leader.map(|leader| leader.with_score(probe)));
        self.count("identify", templates, 1, || identify(&gallery, black_box(probe), &policy), matches);
        let row = definition.best_dot(probe);
        self.count("scan_dot", templates, 1, || scan_dot(gallery.rows(), black_box(probe)), row);
        // The first one, as it is stored.
        let mut code = [0; DIMENSION];
        code.iter_mut().zip(gallery.rows().codes().row(0)).for_each(|(place, element)| *place = element);
        let Ok(template) = Template::from_code(code, probe.space()) else { return };
        let score = definition.score(probe, 0);
        let accepted = Some(score >= THRESHOLD);
        self.count("verify", 1, MANY, || verify(black_box(probe), black_box(&template)), accepted);
        let claimed = definition.owner(0);
        self.count(
            "search_verify",
            1,
            MANY,
            || search_verify(&gallery, black_box(probe), claimed, &policy),
            Some(score),
        );
    }

    fn best(&mut self, probe: &Template<DIMENSION>) {
        let gallery = self.gallery;
        let policy = Policy::new(THRESHOLD);
        let [best, _] = Definition { gallery: &gallery }.leaders(probe);
        let best = best.map(|best| best.with_score(probe)).filter(|best| best.score >= THRESHOLD);
        self.count("scan_best", gallery.len(), 1, || known(&gallery, black_box(probe), &policy), best);
        let refined = refined(&gallery, probe) as u64;
        if let Some(line) = self.lines.iter_mut().flatten().find(|line| line.kernel == "scan_best") {
            line.refined += refined;
        }
    }

    fn naive_i8(&mut self, probe: &Template<DIMENSION>) {
        let gallery = self.gallery;
        let (rows, expected) = (gallery.rows().codes().bytes(), Definition { gallery: &gallery }.best_dot(probe));
        self.count("naive_i8", gallery.len(), 1, || naive_i8(black_box(rows), black_box(probe.code())), expected);
    }

    /// A published signature (RFC 8032, 7.1, SHA(abc)), which is of as many bytes as that of a bundle; and what the bundle itself
    /// costs, its digest.
    #[inline(never)]
    fn signature(&mut self) {
        const KEY: PublicKey = PublicKey::new(*include_bytes!("../rfc8032/public_key"));
        const SIGNATURE: &[u8; 64] = include_bytes!("../rfc8032/signature");
        const MESSAGE: &[u8; TRAILER_HEAD_BYTES] = include_bytes!("../rfc8032/message");
        self.count("signature", MESSAGE.len(), 1, || KEY.verifies(black_box(MESSAGE), black_box(SIGNATURE)), true);
        let bundle = board::probes().get(..BUNDLE).unwrap_or_default();
        let head = || trailer_head(black_box(bundle), BundleVersion::NONE, KEY.id());
        let expected = head();
        self.count("signature_digest", bundle.len(), 1, head, expected);
    }

    /// The first row is the probe, and so the answer but for itself is another.
    fn naive_f32(&mut self, rows: &[[f32; DIMENSION]; FLOAT_ROWS]) {
        let [probe, rows @ ..] = rows;
        let cosine = |row: &[f32; DIMENSION]| Some(Embedding::new(*probe).ok()?.cosine(&Embedding::new(*row).ok()?));
        let best = |best: usize, row: usize| if cosine(&rows[row]) > cosine(&rows[best]) { row } else { best };
        let expected = (0..rows.len()).fold(0, best);
        self.count("naive_f32", rows.len(), 4, || naive_f32(black_box(rows), black_box(probe), libm_rsqrt), expected);
        let quick = micromath::F32Ext::invsqrt;
        self.count(
            "naive_f32_micromath",
            rows.len(),
            4,
            || naive_f32(black_box(rows), black_box(probe), quick),
            expected,
        );
    }
}

#[inline(never)]
fn scan_all(gallery: &dyn Scan, probe: &Template<DIMENSION>) -> Option<(SubjectId, i32)> {
    probe.with_probe(|probe| {
        let mut best: Option<(SubjectId, i32)> = None;
        gallery.find(probe, i32::MIN, &mut |subject, key| match best {
            Some((_, greatest)) if key <= greatest => greatest,
            _ => {
                best = Some((subject, key));
                key
            }
        });
        best
    })
}

#[inline(never)]
fn identify(gallery: &dyn Scan, probe: &Template<DIMENSION>, policy: &Policy<'_>) -> [Option<Match>; 2] {
    let decision = Search::new(&[gallery]).identify(probe, policy).ok();
    let evidence = decision.as_ref().and_then(Decision::evidence);
    [evidence.map(|evidence| evidence.best), evidence.and_then(|evidence| evidence.runner_up)]
}

/// Who it is, and how sure.
#[inline(never)]
fn known(gallery: &dyn Scan, probe: &Template<DIMENSION>, policy: &Policy<'_>) -> Option<Match> {
    match Search::new(&[gallery]).identify(probe, policy) {
        Ok(Decision::Known(evidence)) => Some(evidence.best),
        _ => None,
    }
}

#[repr(align(4))]
struct Lanes([Lane; DIMENSION]);

#[inline(never)]
fn scan_dot(rows: &KernelRows<'_>, probe: &Template<DIMENSION>) -> (usize, i32) {
    let mut lanes = Lanes([Lane::default(); DIMENSION]);
    let probe = kernel::Probe::spread(probe.code(), &mut lanes.0, Finish::Dot);
    let mut seek = Seek::new(rows, &probe, 0..rows.codes().rows());
    let mut best = (0, i32::MIN);
    while let Some(group) = seek.next(best.1.saturating_add(1)) {
        for (row, dot) in group.keys() {
            if dot > best.1 {
                best = (row, dot);
            }
        }
    }
    best
}

#[inline(never)]
fn verify(probe: &Template<DIMENSION>, template: &Template<DIMENSION>) -> Option<bool> {
    similarity::cosine(probe, template).ok().map(|score| score >= THRESHOLD)
}

#[inline(never)]
fn search_verify(
    gallery: &dyn Scan,
    probe: &Template<DIMENSION>,
    claimed: SubjectId,
    policy: &Policy<'_>,
) -> Option<Score> {
    Search::new(&[gallery]).verify(probe, claimed, policy).ok().map(|verification| verification.score)
}

/// How many templates a filtered search for the best has to score exactly.
fn refined(gallery: &dyn Scan, probe: &Template<DIMENSION>) -> usize {
    probe.with_probe(|probe| {
        let least = least_key(probe, THRESHOLD);
        let mut floor = least;
        gallery.find(probe, least, &mut |_, key| {
            floor = floor.max(key);
            floor
        })
    })
}

/// The least key above 0 with this score.
fn least_key(probe: &Probe<'_>, score: Score) -> i32 {
    let (mut low, mut high) = (0, i32::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if probe.score(middle) >= score { high = middle } else { low = middle + 1 }
    }
    low
}

#[inline(never)]
fn naive_i8(rows: &[i8], probe: &[i8; DIMENSION]) -> (usize, i32) {
    let mut best = (0, i32::MIN);
    for (index, row) in rows.chunks_exact(DIMENSION).enumerate() {
        let dot = row.iter().zip(probe).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum();
        if dot > best.1 {
            best = (index, dot);
        }
    }
    best
}

#[inline(never)]
fn naive_f32(rows: &[[f32; DIMENSION]], probe: &[f32; DIMENSION], reciprocal_root: impl Fn(f32) -> f32) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, row) in rows.iter().enumerate() {
        let (mut dot, mut row_squared, mut probe_squared) = (0.0, 0.0, 0.0);
        for (x, y) in row.iter().zip(probe) {
            dot += x * y;
            row_squared += x * x;
            probe_squared += y * y;
        }
        let cosine = dot * reciprocal_root(row_squared * probe_squared);
        if cosine > best.1 {
            best = (index, cosine);
        }
    }
    best.0
}

fn libm_rsqrt(x: f32) -> f32 {
    1.0 / libm::sqrtf(x)
}

/// What searches have to find, computed row by row as [`portable`] defines it.
struct Definition<'a> {
    gallery: &'a GalleryView<'static>,
}

/// A subject and the greatest key of its templates.
#[derive(Clone, Copy)]
struct Leader {
    subject: SubjectId,
    key: i32,
}

impl Leader {
    fn with_score(self, probe: &Template<DIMENSION>) -> Match {
        Match { subject: self.subject, score: probe.with_probe(|probe| probe.score(self.key)) }
    }
}

impl Definition<'_> {
    fn owner(&self, row: usize) -> SubjectId {
        self.gallery.templates().nth(row).map_or(SubjectId::FIRST, |(subject, _)| subject)
    }

    fn key(&self, probe: &kernel::Probe<'_>, row: usize) -> i32 {
        let rows = self.gallery.rows();
        portable::key(portable::row_dot(rows.codes(), row, probe), rows.factor(row), probe.finish())
    }

    fn score(&self, probe: &Template<DIMENSION>, row: usize) -> Score {
        probe.with_probe(|probe| probe.score(self.key(probe.kernel(), row)))
    }

    fn best_dot(&self, probe: &Template<DIMENSION>) -> (usize, i32) {
        let probe = kernel::Probe::new(probe.code(), Finish::Dot);
        let keys = (0..self.gallery.len()).map(|row| (row, self.key(&probe, row)));
        keys.fold((0, i32::MIN), |best, other| if other.1 > best.1 { other } else { best })
    }

    /// The two subjects with the greatest keys. Templates lie by ascending subject.
    fn leaders(&self, probe: &Template<DIMENSION>) -> [Option<Leader>; 2] {
        let finish = probe.with_probe(|probe| probe.kernel().finish());
        let probe = kernel::Probe::new(probe.code(), finish);
        let mut leaders: [Option<Leader>; 2] = [None; 2];
        let mut current: Option<Leader> = None;
        for (row, (subject, _)) in self.gallery.templates().enumerate() {
            let key = self.key(&probe, row);
            match &mut current {
                Some(same) if same.subject == subject => same.key = same.key.max(key),
                _ => insert(&mut leaders, current.replace(Leader { subject, key })),
            }
        }
        insert(&mut leaders, current);
        leaders
    }
}

fn insert([best, runner_up]: &mut [Option<Leader>; 2], candidate: Option<Leader>) {
    let key = |leader: &Option<Leader>| leader.map(|leader| leader.key);
    if key(&candidate) > key(best) {
        *runner_up = core::mem::replace(best, candidate);
    } else if key(&candidate) > key(runner_up) {
        *runner_up = candidate;
    }
}
