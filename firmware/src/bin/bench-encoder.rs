//! Counts what a whole encoder costs in instructions, and says what it gives, to be compared with the host.
//!
//! `cargo xtask bench` loads the encoder and its samples: [`cognate_firmware::encoder_workload`].
#![no_std]
#![no_main]

use cognate::encoder::{Encoder, EncoderError, InputForm, RunError, Sample};
use cognate::kernel;
use cognate_firmware::Meter;
use cognate_firmware::board::{self, Counter};
use cognate_firmware::encoder_workload::{EncoderWorkload, sum_of};
use cortex_m::Peripherals;

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
    Arena,
    NoWorkload,
    Encoder(EncoderError),
    Run(RunError),
    Sample,
}

#[cortex_m_rt::entry]
fn main() -> ! {
    board::finish(run())
}

fn run() -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let mut counter = Counter::start(peripherals.SYST);
    let k = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, k);
    let arena = board::arena().ok_or(Failure::Arena)?;
    let workload = EncoderWorkload::read(board::model()).ok_or(Failure::NoWorkload)?;
    let encoder = <Encoder<'_>>::new_checked(workload.encoder).map_err(Failure::Encoder)?;
    for sample in workload.samples() {
        let sample = match encoder.input_form() {
            InputForm::Int16 { .. } => Sample::Int16(bytemuck::try_cast_slice(sample).map_err(|_| Failure::Sample)?),
            _ => Sample::Uint8(sample),
        };
        let before = counter.instructions();
        counter.begin();
        // A whole run can be more than SysTick counts in a round: step by step it is not.
        let output = encoder.run_observed(sample, arena, |_, _| {
            counter.end();
            counter.begin();
        });
        let output = output.map_err(Failure::Run)?;
        let sum = sum_of(output.values());
        defmt::info!("encoder instructions {=u64} sum {=u32}", counter.instructions() - before, sum);
    }
    defmt::info!("peak_stack {=u32}", board::peak_stack());
    Ok(())
}
