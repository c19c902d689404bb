//! A session of random frames against the device: whatever comes, it still answers.

use super::{FAST, Maker};
use crate::test::fixture::{Bundle, DIMENSION, Who, sample};
use anyhow::{Result, ensure};
use cognate::protocol::frame::{MAX_FRAME, MAX_PAYLOAD, encode};
use cognate::protocol::session::{Session, Side};
use cognate::protocol::{Answer, Command};
use cognate::signature::{BundleVersion, PublicKey, trailer_head, trailer_offset};
use cognate_link::{Link, LinkError, Port};
use ed25519_compact::{KeyPair, Seed};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

/// Frames of a whole session.
pub const FRAMES: u32 = 10_000;

/// The link's key.
pub const KEY: [u8; 32] = [0x11; 32];

/// The key that the device's bundles are signed with.
pub fn signing_key() -> KeyPair {
    KeyPair::from_seed(Seed::new([0x22; 32]))
}

/// A bundle with a trailer.
pub fn signed(mut bundle: Vec<u8>, version: u32) -> Vec<u8> {
    let key = signing_key();
    bundle.resize(trailer_offset(bundle.len()), 0);
    let head = trailer_head(&bundle, BundleVersion::new(version), PublicKey::new(*key.pk).id());
    bundle.extend(head);
    bundle.extend(*key.sk.sign(head, None));
    bundle
}

/// xorshift64 (Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }
}

/// Sends so many frames from a seed, a quarter of them bytes as they come, a quarter whole frames that say anything, a quarter
/// commands of another session, and a quarter commands that are proved; then does with the device what it is for.
///
/// # Errors
/// When it answers no more, or otherwise than it should.
pub fn run(folder: &Path, frames: u32, seed: u64) -> Result<()> {
    let maker = Maker::build(folder, &signing_key().pk, &KEY)?;
    maker.erase()?;
    let mut device = maker.start(FAST)?;
    let mut link = device.connect(&KEY)?;
    link.update(&signed(Bundle::ANNA.encode()?, 1), |_| ())?;
    drop(link);
    let mut random = Random(seed | 1);
    let mut link = device.connect(&KEY)?;
    let mut heard = BTreeMap::new();
    for number in 0..frames {
        match random.below(4) {
            0 => {
                let mut bytes = random.bytes(MAX_FRAME);
                bytes.push(0);
                link.port().write_all(&bytes)?;
                *heard.entry("bytes").or_insert(0) += 1;
            }
            1 => {
                let mut payload = random.bytes(MAX_PAYLOAD);
                // Half of them begin as a payload does.
                if random.below(2) == 0 {
                    // Not many are a hello, each of which begins another session.
                    let kind = if random.below(16) == 0 { 0 } else { 1 + random.below(5) as u8 };
                    payload.splice(0..payload.len().min(2), [1, kind]);
                }
                send(link.port(), &payload)?;
                *heard.entry("frames").or_insert(0) += 1;
            }
            2 => {
                let session = Session::new(&cognate::protocol::Key::new(KEY), &[random.next() as u8; 16], &[0; 16]);
                let message = random.bytes(64);
                let counter = random.next() as u32;
                let tag = session.tag(Side::Host, counter, &message);
                send(link.port(), &[&[1, 1][..], &counter.to_le_bytes(), &message, &tag].concat())?;
                *heard.entry("others' commands").or_insert(0) += 1;
            }
            _ => {
                let outcome = command(&mut link, &mut random);
                let what = match outcome {
                    Ok(()) => "commands that were carried out",
                    Err(LinkError::Refused(_)) => "commands that were refused",
                    // A random hello has begun another session, or an update was good: another one is begun.
                    Err(LinkError::Lost) => {
                        drop(link);
                        link = device.connect(&KEY)?;
                        "sessions that were begun anew"
                    }
                    Err(error) => return Err(anyhow::Error::new(error).context(format!("at frame {number}"))),
                };
                *heard.entry(what).or_insert(0) += 1;
            }
        }
        drain(link.port(), number)?;
    }
    drop(link);
    device.require_running()?;
    println!("{frames} frames from seed {seed}: {heard:?}");
    still_works(&device)
}

/// Reads what the device says, so that neither side waits for the other.
fn drain(port: &mut Port, number: u32) -> Result<()> {
    // Often would take long: each waits for a moment.
    if number.is_multiple_of(64) {
        let mut bytes = [0; 4096];
        while port.read(&mut bytes).is_ok_and(|read| read > 0) {}
    }
    Ok(())
}

fn send(port: &mut Port, payload: &[u8]) -> Result<()> {
    let mut frame = [0; MAX_FRAME];
    if let Some(frame) = encode(payload, &mut frame) {
        port.write_all(frame)?;
    }
    Ok(())
}

/// Any command with anything in it, proved; none erases more than it has to.
fn command(link: &mut Link<Port>, random: &mut Random) -> Result<(), LinkError> {
    let bytes = random.bytes(512);
    let (number, small) = (random.next() as u32, random.below(8) as u32);
    let embedding: Vec<u8> =
        sample(Who::Boris, random.below(40)).iter().flat_map(|value| value.to_le_bytes()).collect();
    let command = match random.below(16) {
        0 => Command::List { after: small },
        1 => Command::Sample { embedding: &bytes },
        2 => Command::Sample { embedding: &embedding },
        3 => Command::Enroll,
        4 => Command::Template { subject: small, model: [7; 16], code: &bytes },
        5 => Command::Verify { subject: small, embedding: &bytes },
        6 => Command::Verify { subject: 4, embedding: &embedding },
        7 => Command::Identify { embedding: &embedding },
        8 => Command::Remove { subject: number },
        9 => Command::Backup { offset: small * 100 },
        10 => Command::Restore { offset: small, length: number, piece: &bytes },
        11 => Command::UpdatePiece { offset: small * 8, piece: &bytes },
        12 => Command::UpdateEnd,
        13 => Command::Statistics { offset: number % 600 },
        14 => Command::Status,
        _ => Command::Decision { after: small },
    };
    link.ask(&command, |_| Some(()))
}

/// Enrolls, verifies and removes.
fn still_works(device: &super::Device) -> Result<()> {
    let mut link = device.connect(&KEY)?;
    for subject in link.list()? {
        if subject.id >= 1 << 31 {
            link.ask(&Command::Remove { subject: subject.id }, |answer| {
                matches!(answer, Answer::Removed { .. }).then_some(())
            })?;
        }
    }
    // Samples may have been left, of which no three belong together.
    let _ = link.ask(&Command::Enroll, |_| Some(()));
    for subject in link.list()? {
        if subject.id >= 1 << 31 {
            link.ask(&Command::Remove { subject: subject.id }, |answer| {
                matches!(answer, Answer::Removed { .. }).then_some(())
            })?;
        }
    }
    let samples: Vec<[f32; DIMENSION]> = (0..3).map(|time| sample(Who::Boris, time)).collect();
    let id = link.enroll(samples.iter().map(<[f32; DIMENSION]>::as_slice))?;
    // Delays after wrong attempts pass in a moment here.
    let accepted = loop {
        match link.verify(id, &sample(Who::Boris, 4)) {
            Err(LinkError::Refused(cognate::protocol::Refusal::Locked)) => {
                std::thread::sleep(std::time::Duration::from_millis(100))
            }
            outcome => break outcome?.0,
        }
    };
    ensure!(accepted, "it does not know whom it has enrolled");
    Ok(())
}
