//! The host's end of a link. How bytes go over it, how long to wait and how often to send again is the caller's matter.

use super::frame::{MAX_FRAME, MAX_PAYLOAD, Reader};
use super::message::{About, Answer, Command};
use super::session::{NONCE_BYTES, Nonce, Session, Side, TAG_BYTES};
use super::{Key, MESSAGE, Payload, VERSION, kind, parts};
use core::fmt;

/// Says hello, sends commands and checks answers.
pub struct Client {
    key: Key,
    nonce: Nonce,
    session: Option<Session>,
    counter: u32,
    reader: Reader,
    payload: [u8; MAX_PAYLOAD],
    frame: [u8; MAX_FRAME],
    frame_bytes: usize,
}

/// What came over the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// The session has begun.
    Welcome(About),
    /// The answer to the command that was sent last.
    Answer(Answer<'a>),
    /// The device has no session with this host, or another version: say hello anew.
    Sorry,
}

impl Client {
    /// A client that has said nothing. The nonce is random, and new for each client.
    #[must_use]
    pub const fn new(key: Key, nonce: Nonce) -> Self {
        Self {
            key,
            nonce,
            session: None,
            counter: 0,
            reader: Reader::new(),
            payload: [0; MAX_PAYLOAD],
            frame: [0; MAX_FRAME],
            frame_bytes: 0,
        }
    }

    /// The frame that begins a session.
    pub fn hello(&mut self) -> &[u8] {
        let mut payload = Payload::new(&mut self.payload, kind::HELLO);
        let put = payload.put(&self.nonce);
        self.frame_bytes = put.and_then(|()| payload.finish(&mut self.frame)).unwrap_or(0);
        self.last()
    }

    /// The frame of a new command.
    ///
    /// # Errors
    /// [`ClientError::NoSession`] before a session has begun, and when as many commands were sent as it can have;
    /// [`ClientError::TooLong`].
    pub fn command(&mut self, command: &Command<'_>) -> Result<&[u8], ClientError> {
        let session = self.session.ok_or(ClientError::NoSession)?;
        let counter = self.counter.checked_add(1).ok_or(ClientError::NoSession)?;
        let mut payload = Payload::new(&mut self.payload, kind::COMMAND);
        let write = |payload: &mut Payload<'_>| {
            payload.put(&counter.to_le_bytes())?;
            payload.put_message(command)?;
            let tag = session.tag(Side::Host, counter, payload.message(MESSAGE));
            payload.put(&tag)
        };
        write(&mut payload).ok_or(ClientError::TooLong)?;
        self.frame_bytes = payload.finish(&mut self.frame).ok_or(ClientError::TooLong)?;
        self.counter = counter;
        Ok(self.last())
    }

    /// The last frame, to be sent again when no answer comes.
    #[must_use]
    pub fn last(&self) -> &[u8] {
        self.frame.get(..self.frame_bytes).unwrap_or_default()
    }

    /// Takes a byte from the link. What is damaged, not proved, or the answer to something else, is passed over.
    pub fn receive(&mut self, byte: u8) -> Option<Heard<'_>> {
        let (head, rest) = self.reader.push(byte)?.split_first_chunk::<2>()?;
        match *head {
            [VERSION, kind::WELCOME] => {
                let (message, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
                let (device, about) = message.split_first_chunk::<NONCE_BYTES>()?;
                let session = Session::new(&self.key, &self.nonce, device);
                // A welcome that comes late, or twice, does not begin the session anew.
                let is_new = self.session.is_none() && session.verifies(Side::Device, 0, message, tag);
                let about = postcard::from_bytes(about).ok().filter(|_| is_new)?;
                (self.session, self.counter) = (Some(session), 0);
                Some(Heard::Welcome(about))
            }
            [VERSION, kind::ANSWER] => {
                let (counter, message, tag) = parts(rest)?;
                let proved = self.session?.verifies(Side::Device, counter, message, tag);
                let answer = postcard::from_bytes(message).ok().filter(|_| proved && counter == self.counter)?;
                Some(Heard::Answer(answer))
            }
            [_, kind::SORRY] => Some(Heard::Sorry),
            _ => None,
        }
    }
}

/// Why a command was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientError {
    /// Nobody has said welcome yet.
    NoSession,
    /// It does not fit into a frame.
    TooLong,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession => f.write_str("there is no session with the device: say hello first"),
            Self::TooLong => f.write_str("the command does not fit into a frame: send smaller pieces"),
        }
    }
}

impl core::error::Error for ClientError {}
