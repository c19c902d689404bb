//! Decides about every recording in flash: points of a microphone in, features, an embedding by the bundle's encoder, a decision
//! out, and what each of them costs.
//!
//! Exit code 0 says that the bundle was good and that every recording got a decision. README.md describes the log lines.
#![no_std]
#![no_main]

use cognate::encoder::{Arena, EncoderError, RunError, operators};
use cognate::frontend::{LogMel, LogMelTables};
use cognate::{BundleError, BundleView, Decision, kernel};
use cognate_firmware::board::{self, Counter};
use cognate_firmware::parity::Checksum;
use cognate_firmware::{
    App, AppError, EncodeError, Encoding, Event, HearError, Hearing, Recognizer, Recordings, RecordingsError,
    UnheardEncoder, UnusableBundle,
};
use cortex_m::Peripherals;

/// Elements of an embedding: what the model makes.
const DIMENSION: usize = 64;
/// Templates that can be enrolled on the device, beside the bundle's.
const CAPACITY: usize = 1;
/// What the encoder is made of. One with more is refused, with the name of what is not linked.
const OPERATORS: u32 = operators::CONVOLUTION;

/// What the encoder hears by, as `docs/spoken-words.md` trains one: of 8 kHz a row of 32 bands every 128 points, from 256, less
/// its mean. An
/// encoder of other features is refused with what it takes.
const WINDOW: usize = 256;
const HOP: usize = 128;
const HALF: usize = 128;
const BANDS: usize = 32;
const ROWS: usize = 48;
static TABLES: LogMelTables<WINDOW, HALF, BANDS> = LogMelTables::new(8_000, 60, 3_900).relative();

type FrontEnd = LogMel<'static, WINDOW, HOP, HALF, BANDS>;

/// What would be too much for a stack.
struct Memory {
    front_end: FrontEnd,
    rows: [[i16; BANDS]; ROWS],
    arena: Arena<{ board::ARENA_BYTES }>,
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory =
        Memory { front_end: LogMel::new(&TABLES), rows: [[0; BANDS]; ROWS], arena: Arena::new() };
    board::finish(run(MEMORY))
}

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
    Bundle(BundleError),
    Unusable(UnusableBundle),
    Encoder(EncoderError),
    NoEncoder,
    Unheard(UnheardEncoder),
    Arena(RunError),
    NoRecordings,
    Undecided(Event),
    App(AppError<EncodeError<HearError<RecordingsError>>>),
}

fn run(memory: &'static mut Memory) -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let ticks = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, ticks);
    let bundle = BundleView::new_checked(board::bundle()).map_err(Failure::Bundle)?;
    let recognizer = Recognizer::<DIMENSION, CAPACITY>::new(&bundle).map_err(Failure::Unusable)?;
    let encoder = bundle.int8_encoder::<OPERATORS>().map_err(Failure::Encoder)?.ok_or(Failure::NoEncoder)?;
    let Memory { front_end, rows, arena } = memory;
    let recordings = Recordings::new(board::probes());
    let hearing = Hearing::new(&encoder, recordings, front_end, rows, counter.another()).map_err(Failure::Unheard)?;
    let encoding = Encoding::new(encoder, arena.bytes(), hearing, counter.another()).map_err(Failure::Arena)?;
    let mut app = App::new(recognizer, board::pins(), encoding, counter).map_err(Failure::Unusable)?;
    let mut recording = 0;
    loop {
        let decision = match app.step().map_err(Failure::App)? {
            Event::Decided(decision) => decision,
            Event::Ambiguous(evidence) => Decision::Ambiguous(evidence),
            Event::End => break,
            // Nobody is enrolled, or a button was pressed, which QEMU never does.
            event => return Err(Failure::Undecided(event)),
        };
        defmt::info!("features {=u32} {}", recording, Checksum::of(app.source().sensor().features()));
        board::log_decision(recording, &decision);
        recording += 1;
    }
    if recording == 0 {
        return Err(Failure::NoRecordings);
    }
    defmt::info!("instructions_per_recording {=u32}", app.source().sensor().meter().instructions_each());
    defmt::info!("instructions_per_embedding {=u32}", app.source().meter().instructions_each());
    defmt::info!("instructions_per_decision {=u32}", app.meter().instructions_each());
    defmt::info!("peak_stack {=u32}", board::peak_stack());
    Ok(())
}
