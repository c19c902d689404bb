//! The device's end of a link.

use super::frame::{MAX_FRAME, MAX_PAYLOAD, Reader};
use super::message::{About, Answer, Command, Refusal};
use super::session::{Nonce, Session, Side};
use super::{Key, MAX_PIECE, MESSAGE, Payload, VERSION, kind, parts};

/// What a device does with commands: the application.
pub trait Service {
    /// What it says of itself.
    fn about(&self) -> About;

    /// A number that was never used before, even before a reset: random, or from a counter in flash. Without one there is no
    /// session.
    fn nonce(&mut self) -> Option<Nonce>;

    /// Carries a command out. It comes once, however often it was sent. Bytes of the answer can be put into `room`.
    fn carry_out<'a>(&mut self, command: Command<'_>, room: &'a mut [u8; MAX_PIECE]) -> Answer<'a>;
}

/// A session that a host has begun.
#[derive(Clone, Copy)]
struct Current {
    session: Session,
    host: Nonce,
    device: Nonce,
    /// The last command that was carried out.
    counter: u32,
}

/// Answers commands that come over a link, for a [`Service`].
pub struct Server<S> {
    service: S,
    key: Key,
    current: Option<Current>,
    reader: Reader,
    room: [u8; MAX_PIECE],
    payload: [u8; MAX_PAYLOAD],
    /// The answer to the last command, to be sent again.
    answer: [u8; MAX_FRAME],
    answer_bytes: usize,
    /// Whatever else is said.
    other: [u8; MAX_FRAME],
}

impl<S: Service> Server<S> {
    /// A server without a session.
    #[must_use]
    pub const fn new(service: S, key: Key) -> Self {
        Self {
            service,
            key,
            current: None,
            reader: Reader::new(),
            room: [0; MAX_PIECE],
            payload: [0; MAX_PAYLOAD],
            answer: [0; MAX_FRAME],
            answer_bytes: 0,
            other: [0; MAX_FRAME],
        }
    }

    /// The application.
    pub const fn service(&self) -> &S {
        &self.service
    }

    /// Takes a byte from the link; what it returns goes back over it.
    pub fn receive(&mut self, byte: u8) -> Option<&[u8]> {
        let Self { service, key, current, reader, room, payload, answer, answer_bytes, other } = self;
        let (head, rest) = reader.push(byte)?.split_first_chunk::<2>()?;
        match *head {
            [VERSION, kind::HELLO] => {
                let host: Nonce = *rest.as_array()?;
                let current = match current {
                    // The answer was lost: nothing begins anew.
                    Some(current) if current.host == host => current,
                    _ => {
                        let device = service.nonce()?;
                        let session = Session::new(key, &host, &device);
                        current.insert(Current { session, host, device, counter: 0 })
                    }
                };
                let length = welcome(current, &service.about(), payload, other)?;
                other.get(..length)
            }
            [VERSION, kind::COMMAND] => {
                let proved = parts(rest).zip(current.as_mut()).filter(|((counter, message, tag), current)| {
                    current.session.verifies(Side::Host, *counter, message, tag)
                });
                let Some(((counter, message, _), current)) = proved else { return sorry(payload, other) };
                if counter == current.counter && counter != 0 {
                    return answer.get(..*answer_bytes);
                }
                if Some(counter) != current.counter.checked_add(1) {
                    // One that was overtaken: it was answered, or never will be.
                    return None;
                }
                current.counter = counter;
                let said = match postcard::from_bytes(message) {
                    Ok(command) => service.carry_out(command, room),
                    Err(_) => Answer::Refused(Refusal::Unsupported),
                };
                *answer_bytes = 0;
                *answer_bytes = reply(current, &said, payload, answer)?;
                answer.get(..*answer_bytes)
            }
            [VERSION, _] => None,
            _ => sorry(payload, other),
        }
    }
}

fn welcome(
    current: &Current,
    about: &About,
    payload: &mut [u8; MAX_PAYLOAD],
    frame: &mut [u8; MAX_FRAME],
) -> Option<usize> {
    let mut payload = Payload::new(payload, kind::WELCOME);
    payload.put(&current.device)?;
    payload.put_message(about)?;
    let tag = current.session.tag(Side::Device, 0, payload.message(2));
    payload.put(&tag)?;
    payload.finish(frame)
}

fn reply(
    current: &Current,
    answer: &Answer<'_>,
    payload: &mut [u8; MAX_PAYLOAD],
    frame: &mut [u8; MAX_FRAME],
) -> Option<usize> {
    let mut payload = Payload::new(payload, kind::ANSWER);
    payload.put(&current.counter.to_le_bytes())?;
    payload.put_message(answer)?;
    let tag = current.session.tag(Side::Device, current.counter, payload.message(MESSAGE));
    payload.put(&tag)?;
    payload.finish(frame)
}

/// There is no session, or another version is spoken: nothing can be proved, and nothing more is said.
fn sorry<'a>(payload: &mut [u8; MAX_PAYLOAD], frame: &'a mut [u8; MAX_FRAME]) -> Option<&'a [u8]> {
    let length = Payload::new(payload, kind::SORRY).finish(frame)?;
    frame.get(..length)
}
