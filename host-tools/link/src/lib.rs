//! The host's end of the link to a device: [`Port`] carries bytes, [`Link`] sends commands until they are answered, and what
//! takes several of them, such as an update, is a function of its own.
//!
//! A command that was not answered is sent again as it is; the device carries it out once (`docs/protocol.md`).

mod error;
mod port;
mod tasks;

pub use error::{LinkError, advice};
pub use port::{Port, PortName, PortNameError};
pub use tasks::{Subject, Update};

use cognate::protocol::client::Heard;
use cognate::protocol::{About, Answer, Client, Command, Key};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// How long an answer is waited for before a frame is sent again.
const WAIT: Duration = Duration::from_millis(700);

/// How often a frame is sent.
const TRIES: u32 = 12;

/// A session with a device.
pub struct Link<P> {
    port: P,
    client: Client,
    about: About,
}

impl<P: Read + Write> Link<P> {
    /// Begins a session over a port. Reading from it has to end after a while when nothing comes.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn connect(mut port: P, key: Key) -> Result<Self, LinkError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| LinkError::NoRandom(error.to_string()))?;
        let mut client = Client::new(key, nonce);
        client.hello();
        // Whatever was half sent before ends here.
        port.write_all(&[0])?;
        // Who does not have the key gets an answer that proves nothing, and hears nothing.
        let about = exchange(&mut port, &mut client, |heard| match heard {
            Heard::Welcome(about) => Some(Ok(about)),
            Heard::Answer(_) | Heard::Sorry => None,
        })?;
        Ok(Self { port, client, about })
    }

    /// What the device said of itself when the session began.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// Sends a command until it is answered, and gives the answer to `read`.
    ///
    /// # Errors
    /// [`LinkError::Refused`] when the device does not carry it out, [`LinkError::Unexpected`] when `read` can make nothing of the
    /// answer, and those of the link.
    pub fn ask<T>(&mut self, command: &Command<'_>, read: impl Fn(&Answer<'_>) -> Option<T>) -> Result<T, LinkError> {
        self.client.command(command)?;
        exchange(&mut self.port, &mut self.client, |heard| match heard {
            Heard::Answer(Answer::Refused(refusal)) => Some(Err(LinkError::Refused(refusal))),
            Heard::Answer(answer) => Some(read(&answer).ok_or(LinkError::Unexpected)),
            Heard::Sorry => Some(Err(LinkError::Lost)),
            Heard::Welcome(_) => None,
        })
    }

    /// The same for an answer of which only [`Answer::Done`] is expected.
    ///
    /// # Errors
    /// As for [`Link::ask`].
    pub fn order(&mut self, command: &Command<'_>) -> Result<(), LinkError> {
        self.ask(command, |answer| (*answer == Answer::Done).then_some(()))
    }

    /// The port, for another session.
    pub fn into_port(self) -> P {
        self.port
    }

    /// The port, to send anything over.
    pub const fn port(&mut self) -> &mut P {
        &mut self.port
    }
}

/// Sends the client's last frame until `look` makes something of what is heard.
fn exchange<P: Read + Write, T>(
    port: &mut P,
    client: &mut Client,
    mut look: impl FnMut(Heard<'_>) -> Option<Result<T, LinkError>>,
) -> Result<T, LinkError> {
    for _ in 0..TRIES {
        port.write_all(client.last())?;
        port.flush()?;
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            let mut bytes = [0; 256];
            let read = match port.read(&mut bytes) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(read) => read,
                Err(error) if port::is_patient(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            for byte in &bytes[..read] {
                if let Some(found) = client.receive(*byte).and_then(&mut look) {
                    return found;
                }
            }
        }
    }
    Err(LinkError::NoAnswer)
}
