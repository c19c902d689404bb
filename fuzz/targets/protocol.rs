//! [`Server`] and [`Client`]: whatever comes over the link, proved or not, both go on, and a device still answers.
#![no_main]

use cognate::protocol::backup;
use cognate::protocol::client::Heard;
use cognate::protocol::frame::{MAX_FRAME, encode};
use cognate::protocol::session::{Session, Side};
use cognate::protocol::{About, Answer, Client, Command, Key, MAX_PIECE, Refusal, Server, Service};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const KEY: Key = Key::new([7; 32]);
const NONCES: [[u8; 16]; 2] = [[1; 16], [2; 16]];

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Bytes as they come.
    Raw(&'a [u8]),
    /// A whole frame that says anything.
    Payload(&'a [u8]),
    /// A command that says anything, and is proved.
    Proved(&'a [u8]),
}

struct Device;

impl Service for Device {
    fn about(&self) -> About {
        About { model: [0; 16], dimension: 3, capacity: 8, templates: 0, bundle: 1 }
    }

    fn nonce(&mut self) -> Option<[u8; 16]> {
        Some(NONCES[1])
    }

    fn carry_out<'a>(&mut self, command: Command<'_>, room: &'a mut [u8; MAX_PIECE]) -> Answer<'a> {
        match command {
            Command::Statistics { .. } => Answer::Piece { length: 9, bytes: room },
            Command::UpdatePiece { offset, piece } => Answer::Next { offset: offset.wrapping_add(piece.len() as u32) },
            _ if command.changes() => Answer::Done,
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

fuzz_target!(|inputs: Vec<Input<'_>>| {
    let mut server = Server::new(Device, KEY);
    let mut client = Client::new(KEY, NONCES[0]);
    let hello = client.hello().to_vec();
    assert!(deliver(&mut server, &mut client, &hello));
    let session = Session::new(&KEY, &NONCES[0], &NONCES[1]);
    let mut counter = 0u32;
    for input in inputs {
        let mut frame = [0; MAX_FRAME];
        match input {
            Input::Raw(bytes) => {
                let _ = backup::open(&KEY, &mut bytes.to_vec());
                deliver(&mut server, &mut client, bytes);
                hear(&mut client, bytes);
            }
            Input::Payload(bytes) => {
                let Some(frame) = encode(bytes, &mut frame) else { continue };
                deliver(&mut server, &mut client, frame);
                hear(&mut client, frame);
            }
            Input::Proved(message) => {
                counter += 1;
                let tag = session.tag(Side::Host, counter, message);
                let payload = [&[1, 1][..], &counter.to_le_bytes(), message, &tag].concat();
                let Some(frame) = encode(&payload, &mut frame) else { continue };
                deliver(&mut server, &mut client, frame);
            }
        }
    }
    // Whatever came, the next host is heard.
    deliver(&mut server, &mut client, &[0]);
    let mut client = Client::new(KEY, [3; 16]);
    let hello = client.hello().to_vec();
    assert!(deliver(&mut server, &mut client, &hello));
    let command = client.command(&Command::Statistics { offset: 0 }).expect("there is a session").to_vec();
    assert!(deliver(&mut server, &mut client, &command));
});

fn hear(client: &mut Client, bytes: &[u8]) {
    for byte in bytes {
        let _ = client.receive(*byte);
    }
}

/// Whether a client hears something of what a device says to these bytes.
fn deliver(server: &mut Server<Device>, client: &mut Client, bytes: &[u8]) -> bool {
    let mut heard = false;
    for byte in bytes {
        for byte in server.receive(*byte).unwrap_or_default() {
            heard |= matches!(client.receive(*byte), Some(Heard::Welcome(_) | Heard::Answer(_)));
        }
    }
    heard
}
