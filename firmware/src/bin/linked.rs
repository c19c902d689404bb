//! The device's end of the link, and nothing else, to see how large it is. No log.
#![no_std]
#![no_main]

use cognate::protocol::{About, Answer, Command, Key, MAX_PIECE, Refusal, Server, Service, Verdict};
use cognate_firmware::board::Port;

/// A byte from the link and a byte to it, where a UART would be.
static RECEIVED: Port<u32> = Port::new(0);
static SENT: Port<u32> = Port::new(0);
/// What the application would know and do.
static WORDS: [Port<u32>; 8] = [const { Port::new(0) }; 8];

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut key = [0; Key::BYTES];
    key.as_chunks_mut().0.iter_mut().zip(&WORDS).for_each(|(bytes, word)| *bytes = word.read().to_le_bytes());
    let server = cortex_m::singleton!(: Server<Application> = Server::new(Application, Key::new([0; Key::BYTES])));
    let Some(server) = server else {
        loop {
            cortex_m::asm::wfi();
        }
    };
    *server = Server::new(Application, Key::new(key));
    loop {
        let answer = server.receive(RECEIVED.read() as u8).unwrap_or_default();
        answer.iter().for_each(|byte| SENT.write(u32::from(*byte)));
    }
}

/// Puts the parts of commands out, and answers of every kind back.
struct Application;

impl Service for Application {
    fn about(&self) -> About {
        let [dimension, capacity, templates, bundle, ..] = WORDS.each_ref().map(Port::read);
        About {
            model: [dimension as u8; 16],
            dimension: dimension as u16,
            capacity: capacity as u16,
            templates: templates as u16,
            bundle,
        }
    }

    fn nonce(&mut self) -> Option<[u8; 16]> {
        let mut nonce = [0; 16];
        nonce.as_chunks_mut().0.iter_mut().zip(&WORDS).for_each(|(bytes, word)| *bytes = word.read().to_le_bytes());
        Some(nonce)
    }

    fn carry_out<'a>(&mut self, command: Command<'_>, room: &'a mut [u8; MAX_PIECE]) -> Answer<'a> {
        let put = |numbers: [u32; 2], bytes: &[u8]| {
            numbers.into_iter().zip(&WORDS).for_each(|(number, word)| word.write(number));
            bytes.iter().for_each(|byte| SENT.write(u32::from(*byte)));
        };
        let [id, score, ..] = WORDS.each_ref().map(Port::read);
        match command {
            Command::List { after } => {
                put([after, 0], &[]);
                if id == 0 { Answer::End } else { Answer::Subject { id, templates: score as u16 } }
            }
            Command::Sample { embedding } => {
                put([0, 0], embedding);
                Answer::Done
            }
            Command::Enroll => Answer::Enrolled { id },
            Command::Template { subject, model, code } => {
                put([subject, u32::from(model[0])], code);
                Answer::Enrolled { id }
            }
            Command::Verify { subject, embedding } => {
                put([subject, 1], embedding);
                Answer::Verified { accepted: id != 0, score: score.cast_signed() }
            }
            Command::Identify { embedding } => {
                put([0, 2], embedding);
                Answer::Identified { id, score: score.cast_signed() }
            }
            Command::Remove { subject } => {
                put([subject, 3], &[]);
                Answer::Removed { templates: id as u16, from: id, to: score, stubborn: 0 }
            }
            Command::Restore { offset, length, piece } => {
                put([offset, length], piece);
                Answer::Next { offset: id }
            }
            Command::UpdatePiece { offset, piece } => {
                put([offset, 4], piece);
                Answer::Next { offset: id }
            }
            Command::Backup { .. } | Command::Statistics { .. } => {
                room.iter_mut().for_each(|byte| *byte = id as u8);
                Answer::Piece { length: score, bytes: room }
            }
            Command::Status => Answer::Status { wrong: id, wait: score, damaged: id, worn: score },
            Command::Decision { after } => {
                Answer::Decision { number: after, verdict: Verdict::Known, id, score: score.cast_signed() }
            }
            Command::UpdateResume | Command::UpdateBegin | Command::UpdateEnd => Answer::Refused(Refusal::Untrusted),
        }
    }
}
