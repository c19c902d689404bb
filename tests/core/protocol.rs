//! The link: what is sent arrives once and whole, over a link that loses, repeats, swaps and damages frames; and whatever
//! bytes come, the device still answers.

use crate::support::hmac_sha256;
use cognate::protocol::backup::{SEAL_BYTES, open, seal};
use cognate::protocol::client::Heard;
use cognate::protocol::frame::{MAX_FRAME, MAX_PAYLOAD, Reader, encode};
use cognate::protocol::session::{Nonce, Session, Side};
use cognate::protocol::{About, Answer, Client, ClientError, Command, Key, MAX_PIECE, Refusal, Server, Service};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const KEY: Key = Key::new([7; 32]);

/// Keeps templates and an update in std collections.
#[derive(Default)]
struct Device {
    nonces: u8,
    subjects: BTreeMap<u32, Vec<Vec<u8>>>,
    update: Vec<u8>,
    carried_out: usize,
}

impl Service for Device {
    fn about(&self) -> About {
        About { model: [1; 16], dimension: 3, capacity: 200, templates: self.subjects.len() as u16, bundle: 4 }
    }

    fn nonce(&mut self) -> Option<Nonce> {
        self.nonces += 1;
        Some([self.nonces; 16])
    }

    fn carry_out<'a>(&mut self, command: Command<'_>, room: &'a mut [u8; MAX_PIECE]) -> Answer<'a> {
        self.carried_out += 1;
        match command {
            Command::Template { subject: 0, code, .. } => {
                let id = self.subjects.keys().last().map_or(1, |last| last + 1);
                self.subjects.insert(id, vec![code.to_vec()]);
                Answer::Enrolled { id }
            }
            Command::List { after } => match self.subjects.range(after + 1..).next() {
                Some((id, templates)) => Answer::Subject { id: *id, templates: templates.len() as u16 },
                None => Answer::End,
            },
            Command::Remove { subject } => match self.subjects.remove(&subject) {
                Some(templates) => Answer::Removed { templates: templates.len() as u16, from: 0, to: 64, stubborn: 0 },
                None => Answer::Refused(Refusal::UnknownSubject),
            },
            Command::UpdateResume => Answer::Next { offset: self.update.len() as u32 },
            Command::UpdatePiece { offset, piece } if offset as usize == self.update.len() => {
                self.update.extend(piece);
                Answer::Next { offset: self.update.len() as u32 }
            }
            Command::UpdatePiece { .. } => Answer::Refused(Refusal::Piece),
            Command::Statistics { .. } => {
                room.fill(0x5a);
                Answer::Piece { length: 512, bytes: room }
            }
            _ => Answer::Refused(Refusal::Unsupported),
        }
    }
}

/// A link that does to a frame what the numbers say.
struct Link {
    random: u64,
    /// Of a thousand frames, so many get each of the faults.
    faults: u64,
    /// Frames that were overtaken.
    held: VecDeque<Vec<u8>>,
    hit: [usize; 4],
}

impl Link {
    fn new(seed: u64, faults: u64) -> Self {
        Self { random: seed | 1, faults, held: VecDeque::new(), hit: [0; 4] }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }

    /// What arrives of a frame, with what was held back.
    fn carry(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        let fault = if self.next() % 1000 < self.faults { Some((self.next() % 4) as usize) } else { None };
        let mut arrives = Vec::new();
        match fault {
            Some(0) => frame.clear(),
            Some(1) => arrives.extend(frame.clone()),
            Some(2) => {
                self.held.push_back(std::mem::take(&mut frame));
            }
            Some(3) => {
                let bit = self.next() as usize % (frame.len() * 8);
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            _ => {}
        }
        if let Some(fault) = fault {
            self.hit[fault] += 1;
        }
        arrives.extend(frame);
        if fault != Some(2) && self.next().is_multiple_of(2) {
            arrives.extend(self.held.pop_front().unwrap_or_default());
        }
        arrives
    }
}

/// Both ends and the link between them.
struct Wire {
    client: Client,
    server: Server<Device>,
    link: Link,
    sent: usize,
}

impl Wire {
    fn new(seed: u64, faults: u64) -> Self {
        let (client, server) = (Client::new(KEY, [0xaa; 16]), Server::new(Device::default(), KEY));
        Self { client, server, link: Link::new(seed, faults), sent: 0 }
    }

    /// Sends the client's last frame until it hears something, and gives that to `look`.
    fn until<T>(&mut self, mut look: impl FnMut(Heard<'_>) -> Option<T>) -> T {
        for _ in 0..100 {
            self.sent += 1;
            let there = self.link.carry(self.client.last());
            let mut back = Vec::new();
            for byte in there {
                if let Some(frame) = self.server.receive(byte) {
                    back.extend(self.link.carry(frame));
                }
            }
            for byte in back {
                if let Some(found) = self.client.receive(byte).and_then(&mut look) {
                    return found;
                }
            }
        }
        panic!("no answer in a hundred tries")
    }

    fn connect(&mut self) -> About {
        self.client.hello();
        self.until(|heard| match heard {
            Heard::Welcome(about) => Some(about),
            _ => None,
        })
    }

    fn ask<T>(&mut self, command: &Command<'_>, look: impl Fn(&Answer<'_>) -> T) -> T {
        self.client.command(command).unwrap();
        self.until(|heard| match heard {
            Heard::Answer(answer) => Some(look(&answer)),
            _ => None,
        })
    }
}

#[test]
fn a_hundred_templates_arrive_whole_and_none_twice_over_a_bad_link() {
    let (mut hit, mut again) = ([0; 4], 0);
    for seed in 1..=50 {
        let mut wire = Wire::new(seed * 0x9e37_79b9, 100);
        wire.connect();
        for number in 0..100u32 {
            let code = number.to_le_bytes();
            let command = Command::Template { subject: 0, model: [1; 16], code: &code };
            assert!(wire.ask(&command, |answer| *answer == Answer::Enrolled { id: number + 1 }));
        }
        let mut after = 0;
        while let Some(id) = wire.ask(&Command::List { after }, |answer| match answer {
            Answer::Subject { id, templates: 1 } => Some(*id),
            _ => None,
        }) {
            assert_eq!(id, after + 1);
            after = id;
        }
        assert_eq!(after, 100);
        let device = wire.server.service();
        let expected: BTreeMap<u32, Vec<Vec<u8>>> =
            (0..100u32).map(|number| (number + 1, vec![number.to_le_bytes().to_vec()])).collect();
        assert_eq!(device.subjects, expected);
        assert_eq!(device.carried_out, 100 + 101, "each command once");
        hit.iter_mut().zip(wire.link.hit).for_each(|(all, hit)| *all += hit);
        again += wire.sent - 1 - 201;
    }
    println!("dropped, repeated, swapped, flipped: {hit:?}; {again} frames were sent again");
    assert!(hit.iter().all(|hit| *hit > 300), "{hit:?}");
}

#[test]
fn an_update_in_pieces_is_whole_over_a_bad_link() {
    let bundle: Vec<u8> = (0..10_000u32).map(|index| (index * 7) as u8).collect();
    let mut wire = Wire::new(99, 100);
    wire.connect();
    let mut from =
        wire.ask(&Command::UpdateResume, |answer| *answer == Answer::Next { offset: 0 }).then_some(0).unwrap();
    while from < bundle.len() {
        let piece = &bundle[from..bundle.len().min(from + MAX_PIECE)];
        let command = Command::UpdatePiece { offset: from as u32, piece };
        from = wire.ask(&command, |answer| match answer {
            Answer::Next { offset } => *offset as usize,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(wire.server.service().update, bundle);
}

#[test]
fn who_has_not_the_key_is_not_heard() {
    let mut wire = Wire::new(1, 0);
    wire.client = Client::new(Key::new([8; 32]), [1; 16]);
    wire.client.hello();
    let mut heard = 0;
    for byte in wire.client.last().to_vec() {
        for byte in wire.server.receive(byte).unwrap_or_default().to_vec() {
            heard += usize::from(wire.client.receive(byte).is_some());
        }
    }
    assert_eq!(heard, 0, "the device proves that it has another key");
    assert_eq!(wire.client.command(&Command::Statistics { offset: 0 }), Err(ClientError::NoSession));
    // What was recorded in one session is worth nothing in the next.
    let mut wire = Wire::new(1, 0);
    wire.connect();
    let recorded = wire.client.command(&Command::Template { subject: 0, model: [1; 16], code: &[1] }).unwrap().to_vec();
    let deliver =
        |wire: &mut Wire, frame: &[u8]| frame.iter().filter(|byte| wire.server.receive(**byte).is_some()).count();
    assert_eq!(deliver(&mut wire, &recorded), 1);
    assert_eq!(deliver(&mut wire, &recorded), 1, "answered again");
    assert_eq!(wire.server.service().carried_out, 1, "and carried out once");
    wire.client = Client::new(KEY, [3; 16]);
    wire.connect();
    deliver(&mut wire, &recorded);
    assert_eq!(wire.server.service().carried_out, 1);
    // Nor is a device's answer a command, or one of its own sent back to it.
    wire.client.command(&Command::Statistics { offset: 0 }).unwrap();
    let frame = wire.client.last().to_vec();
    assert_eq!(frame.iter().filter(|byte| wire.client.receive(**byte).is_some()).count(), 0);
}

#[test]
fn the_largest_commands_and_answers_fit() {
    let mut wire = Wire::new(1, 0);
    let about = wire.connect();
    assert_eq!((about.dimension, about.bundle), (3, 4));
    let piece = [0xff; MAX_PIECE];
    let next =
        wire.ask(&Command::UpdatePiece { offset: 0, piece: &piece }, |answer| *answer == Answer::Next { offset: 512 });
    assert!(next);
    let whole = wire.ask(&Command::Statistics { offset: 0 }, |answer| {
        *answer == Answer::Piece { length: 512, bytes: &[0x5a; 512] }
    });
    assert!(whole);
    let too_long = Command::UpdatePiece { offset: 0, piece: &[0; MAX_PAYLOAD] };
    assert_eq!(wire.client.command(&too_long), Err(ClientError::TooLong));
    assert_eq!(encode(&[0; MAX_PAYLOAD + 1], &mut [0; MAX_FRAME]), None);
}

/// Of the definition, another implementation: CRC and COBS by hand, HMAC by its definition.
#[test]
fn the_bytes_are_those_of_the_document() {
    let mut frame = [0; MAX_FRAME];
    // CRC-32C of "123456789" is 0xe3069283 (RFC 3720).
    assert_eq!(encode(b"123456789", &mut frame), Some(&b"\x0e123456789\x83\x92\x06\xe3\x00"[..]));
    assert_eq!(encode(&[0, 1], &mut frame).map(|frame| frame[..4].to_vec()), Some(vec![1, 6, 1, frame[3]]));
    let session = hmac_sha256(&[7; 32], &[b"cognate session", &[1], &[2; 16], &[3; 16]]);
    let expected = hmac_sha256(&session, &[&[1], &5u32.to_le_bytes(), b"message"]);
    assert_eq!(Session::new(&KEY, &[2; 16], &[3; 16]).tag(Side::Device, 5, b"message")[..], expected);
    let mut wire = Wire::new(1, 0);
    wire.connect();
    wire.client.command(&Command::Remove { subject: 300 }).unwrap();
    let mut reader = Reader::new();
    let payload = wire.client.last().iter().find_map(|byte| reader.push(*byte).map(<[u8]>::to_vec)).unwrap();
    // Version 1, a command, counter 1; the seventh variant, 300 as a varint of two bytes.
    assert_eq!(payload[..9], [1, 1, 1, 0, 0, 0, 6, 0xac, 0x02]);
    assert_eq!(payload.len(), 9 + 32);
}

#[test]
fn a_backup_is_opened_by_its_key_alone_and_every_byte_counts() {
    let secret = b"whoever is enrolled, with all that is known of them";
    let mut sealed = vec![0; secret.len() + SEAL_BYTES];
    sealed[16..16 + secret.len()].copy_from_slice(secret);
    assert!(seal(&KEY, &[9; 16], &mut sealed));
    assert!(!sealed.windows(8).any(|window| secret.windows(8).any(|part| part == window)), "hidden");
    assert_eq!(open(&KEY, &mut sealed.clone()), Some(&secret[..]));
    assert_eq!(open(&Key::new([8; 32]), &mut sealed.clone()), None);
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&KEY, &mut changed), None, "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(open(&KEY, &mut sealed.clone()[..length]), None, "{length} bytes");
    }
    assert!(!seal(&KEY, &[9; 16], &mut [0; SEAL_BYTES - 1]));
}

proptest! {
    #[test]
    fn every_payload_comes_through_and_noise_before_it_costs_one_frame(
        payload in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..=MAX_PAYLOAD),
        noise in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut frame = [0; MAX_FRAME];
        let frame = encode(&payload, &mut frame).unwrap();
        prop_assert!(!frame[..frame.len() - 1].contains(&0));
        let mut reader = Reader::new();
        noise.iter().for_each(|byte| { reader.push(*byte); });
        reader.push(0);
        let (last, before) = frame.split_last().unwrap();
        before.iter().for_each(|byte| assert!(reader.push(*byte).is_none()));
        prop_assert_eq!(reader.push(*last), Some(&payload[..]));
    }

    /// Frames that are whole and say anything, with or without a proof: the device does not panic, and still answers.
    #[test]
    fn a_device_answers_after_whatever_comes(
        payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 0u8..6, any::<bool>()), 1..20),
    ) {
        let mut wire = Wire::new(1, 0);
        wire.connect();
        let session = Session::new(&KEY, &[0xaa; 16], &[1; 16]);
        let mut counter = 0u32;
        for (rest, kind, proved) in payloads {
            let mut payload = vec![1, kind];
            if proved {
                counter += 1;
                payload.extend(counter.to_le_bytes());
                payload.extend(&rest);
                payload.extend(session.tag(Side::Host, counter, &rest));
            } else {
                payload.extend(&rest);
            }
            let mut frame = [0; MAX_FRAME];
            for byte in encode(&payload, &mut frame).unwrap() {
                wire.server.receive(*byte);
            }
        }
        wire.client = Client::new(KEY, [0xbb; 16]);
        prop_assert_eq!(wire.connect().dimension, 3);
        let is_piece = wire.ask(&Command::Statistics { offset: 0 }, |answer| matches!(answer, Answer::Piece { .. }));
        prop_assert!(is_piece);
    }
}
