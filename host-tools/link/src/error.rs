//! What goes wrong on a link, and what to do about it.

use crate::PortName;
use cognate::protocol::{ClientError, Refusal};
use std::io;

/// Why a device did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The port cannot be opened.
    #[error("{port} cannot be opened ({error}): check that the device is there and that no other program has the port")]
    Open {
        /// The port.
        port: PortName,
        /// Why.
        error: io::Error,
    },
    /// Serial ports are not compiled in.
    #[error("{port}: this build speaks over tcp:HOST:PORT alone: build with the feature `serial`")]
    NoSerial {
        /// The port.
        port: PortName,
    },
    /// The port failed.
    #[error("the link failed ({0}): check the cable, and try again")]
    Io(#[from] io::Error),
    /// The other side has closed the link.
    #[error("the device has closed the link: it was stopped, or another program is on it")]
    Closed,
    /// Nothing that could be understood has come.
    #[error("the device does not answer: check that it runs, the port's speed, and that the key is the device's")]
    NoAnswer,
    /// The device has no session with this host any more.
    #[error(
        "the device has started anew, or speaks with another host: try again; `cognate device list` shows what was done"
    )]
    Lost,
    /// It was not carried out.
    #[error("{}", advice(*.0))]
    Refused(Refusal),
    /// The answer is of another kind.
    #[error("the device answers something else than was asked: host and firmware are of different versions")]
    Unexpected,
    /// A command was not sent.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// No random numbers.
    #[error("the system has no random numbers for a session: {0}")]
    NoRandom(String),
}

/// What a refusal means, and what to do.
#[must_use]
pub const fn advice(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unsupported => "the device does not do this: its firmware is another version",
        Refusal::UnknownSubject => "nobody who is enrolled has this id: `cognate device list` shows who has which",
        Refusal::Template => {
            "it is of another model or dimension than the device's bundle: use samples, backups and bundles of its model"
        }
        Refusal::Full => "there is no room for it on the device: remove somebody first",
        Refusal::Quality => {
            "these samples should not be enrolled: they are too few, unlike each other, one twice, or too much like \
             somebody else; take at least three others"
        }
        Refusal::Policy => {
            "with one subject more no threshold holds the promised rate: remove somebody, or calibrate with more data"
        }
        Refusal::Locked => "too many attempts were wrong: wait; `cognate device status` says how long",
        Refusal::Piece => "what was sent is not whole: send it again",
        Refusal::Untrusted => {
            "the device does not trust it: a bundle has to be signed with the device's key and a newer version than the one \
             in use, a backup has to be sealed with the link's key"
        }
        Refusal::Flash => {
            "the device's flash failed, and it starts anew: try again; `cognate device list` shows what was done"
        }
        Refusal::NoBundle => "the device has no bundle yet: send a signed one with `cognate device update`",
        Refusal::OtherModel => {
            "templates of another model are stored on the device: bridge a backup of them to this model and restore it, or \
             sign the bundle before as a newer version"
        }
    }
}
