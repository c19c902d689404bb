//! How cargo is called for a board.

use crate::board::Board;
use crate::cargo;
use std::process::Command;
use std::{env, fmt};

/// The compiler of Debian's package, whatever else is first on the path.
pub const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Where the board's `core` comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Toolchain {
    /// The toolchain in use has it.
    Installed,
    /// Debian's cargo builds it from Debian's source.
    Debian,
}

impl Toolchain {
    /// `cargo build` for a board in a profile, in the root of the repository.
    pub fn build(self, board: Board, profile: &str) -> Command {
        let mut command = self.cargo("build", board);
        command.args(["--profile", profile]);
        command
    }

    /// A command of cargo for a board's target, in the root of the repository.
    pub fn cargo(self, what: &str, board: Board) -> Command {
        let mut command = match self {
            Self::Installed => {
                let mut command = cargo::host();
                command.arg(what);
                command
            }
            Self::Debian => debian_cargo(what, board),
        };
        // What someone set for the host's code must not reach the board's.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            command.env_remove(variable);
        }
        if let Some(flags) = board.rustflags() {
            command.env(variable(board, "RUSTFLAGS"), flags);
        }
        command.args(["--target", board.target()]);
        command
    }
}

/// The variable by which cargo is told something about the board's target alone.
fn variable(board: Board, what: &str) -> String {
    // Cargo reads the dot of `thumbv8m.main-none-eabihf` as an underscore, too.
    format!("CARGO_TARGET_{}_{what}", board.target().to_uppercase().replace(['-', '.'], "_"))
}

/// Debian's cargo and compiler, which build `core` first. `RUSTC_BOOTSTRAP` allows a stable compiler to do so.
fn debian_cargo(what: &str, board: Board) -> Command {
    let mut command = Command::new(DEBIAN_CARGO);
    command.args([what, "-Z", "build-std=core"]).current_dir(crate::in_repository(""));
    // This program was started by a cargo, perhaps of rustup, that tells its children which compiler to use.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("RUST") || (name.starts_with("CARGO") && !is_kept(&name)) {
            command.env_remove(&variable);
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once("/usr/bin".into()).chain(env::split_paths(&path));
    if let Ok(path) = env::join_paths(folders) {
        command.env("PATH", path);
    }
    command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env(variable(board, "LINKER"), "arm-none-eabi-ld");
    command
}

/// Variables that say where things are or how to reach a registry, and not which compiler to use.
fn is_kept(name: &str) -> bool {
    ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_TERM_"]
        .iter()
        .any(|kept| name.starts_with(kept))
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "the installed target",
            Self::Debian => "Debian's Rust with core from source",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_told_the_core_where_the_target_does_not_say_it() {
        for toolchain in [Toolchain::Installed, Toolchain::Debian] {
            let told = |board| {
                let command = toolchain.build(board, "release");
                let flags = command.get_envs().find(|(name, _)| *name == variable(board, "RUSTFLAGS").as_str());
                flags.and_then(|(_, value)| Some(value?.to_str()?.to_owned()))
            };
            assert_eq!(told(Board::Mps2An386), None);
            assert_eq!(told(Board::Mps2An505).as_deref(), Some("-Ctarget-cpu=cortex-m33"));
            assert_eq!(told(Board::Mps3An547).as_deref(), Some("-Ctarget-cpu=cortex-m55"));
        }
        assert_eq!(variable(Board::Mps3An547, "RUSTFLAGS"), "CARGO_TARGET_THUMBV8M_MAIN_NONE_EABIHF_RUSTFLAGS");
    }
}
