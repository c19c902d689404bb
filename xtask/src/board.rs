//! The boards that the firmware runs on.

use clap::ValueEnum;

/// A board that QEMU emulates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Board {
    /// Arm MPS2+ with the AN386 image: Cortex-M4F
    #[value(name = "mps2-an386")]
    Mps2An386,
}

impl Board {
    /// Every board.
    pub const ALL: [Self; 1] = [Self::Mps2An386];

    /// Its name: on the command line, of its feature in `firmware/Cargo.toml`, and of its QEMU machine.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mps2An386 => "mps2-an386",
        }
    }

    /// The core that it has.
    pub const fn core(self) -> &'static str {
        match self {
            Self::Mps2An386 => "Cortex-M4F",
        }
    }

    /// The core as QEMU calls it.
    pub const fn qemu_cpu(self) -> &'static str {
        match self {
            Self::Mps2An386 => "cortex-m4",
        }
    }

    /// The Rust target.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Mps2An386 => "thumbv7em-none-eabihf",
        }
    }
}
