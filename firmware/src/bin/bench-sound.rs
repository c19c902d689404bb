//! Counts what log-mel features of a second of sound cost in instructions: [`cognate_firmware::parity::Sound`].
#![no_std]
#![no_main]

use cognate::kernel;
use cognate_firmware::board::{self, Counter};
use cognate_firmware::parity::Sound;
use cortex_m::Peripherals;

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut SOUND: Sound = Sound::new();
    board::finish(run(SOUND))
}

fn run(sound: &mut Sound) -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let k = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, k);
    let (ticks, (rows, features)) = counter.ticks(|| sound.hear());
    defmt::info!("sound rows {=u32} ticks {=u32} {}", rows, ticks, features);
    Ok(())
}
