//! `cognate device` against a device on this machine, and against what is none.

mod fake;

use crate::support::Bench;
use cognate_firmware::device::Keys;
use fake::{CAPACITY, device_over_tcp, keys, over_tcp};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// The first that a device enrolls.
const FIRST: u64 = 1 << 31;

/// A bundle with the digits 5 and 6, signed, and the keys of a device for it.
fn signed() -> (Bench, Keys) {
    let bench = Bench::with_bundle();
    bench.succeed(&["keygen", "-o", "my.key"]);
    bench.succeed(&["keygen", "-o", "link.key"]);
    bench.succeed(&["sign", "digits.bundle", "--key", "my.key", "--as-version", "3", "-o", "signed.bundle"]);
    let keys = keys(key(&bench, "my.pub"), key(&bench, "link.key"));
    (bench, keys)
}

/// 64 hexadecimal digits of a file.
fn key(bench: &Bench, name: &str) -> [u8; 32] {
    let text = String::from_utf8(bench.read(name)).unwrap();
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..][..2], 16).unwrap())
}

/// A host of one device.
struct Host {
    bench: Bench,
    port: String,
}

impl Host {
    /// The device uses the signed bundle; `anna.npy` has three samples of somebody who is in no bundle.
    fn new(connect: impl FnOnce(Keys) -> String) -> Self {
        let (bench, keys) = signed();
        let sample = |time: usize| {
            (0..16).map(move |index| {
                let own = if index % 2 == 0 { 1.0 } else { -0.5 };
                own + 0.03 * ((index * 7 + time * 13) % 5) as f32
            })
        };
        bench.write_embeddings("anna", 16, &(0..3).flat_map(sample).collect::<Vec<_>>(), &[]);
        let host = Self { bench, port: connect(keys) };
        assert!(host.says(&["update", "signed.bundle"]).contains("version 3 is in use, before it was 0"));
        host
    }

    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["device", "--port", &self.port, "--key", "link.key"], arguments].concat()
    }

    fn says(&self, arguments: &[&str]) -> String {
        self.bench.succeed(&self.arguments(arguments))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.says(&[arguments, &["--json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    }

    fn refuses(&self, arguments: &[&str], texts: &[&str]) {
        self.bench.refuse(&self.arguments(arguments), texts);
    }

    fn fails(&self, arguments: &[&str], texts: &[&str]) {
        self.bench.fail(&self.arguments(arguments), texts);
    }
}

#[test]
fn a_device_is_updated_and_says_how_it_is() {
    let (bench, keys) = signed();
    let host = Host { bench, port: device_over_tcp(keys) };
    let said = host.says(&["status"]);
    assert!(said.starts_with("no bundle: send a signed one with `cognate device update`\n"), "{said}");
    assert!(said.contains(&format!("0 of {CAPACITY} templates of 16 elements")), "{said}");
    host.refuses(&["list"], &["the device has no bundle yet"]);
    host.fails(&["update", "digits.bundle"], &["digits.bundle: the bundle is not signed: sign it with `cognate sign`"]);

    let bytes = host.bench.read("signed.bundle").len();
    let updated = host.json(&["update", "signed.bundle"]);
    assert_eq!(updated, json!({ "before": 0, "version": 3, "bytes": bytes, "resumed_at": 0 }));
    host.refuses(&["update", "signed.bundle"], &["the device does not trust it", "a newer version"]);
    host.bench.succeed(&["keygen", "-o", "other.key"]);
    host.bench.succeed(&["sign", "digits.bundle", "--key", "other.key", "--as-version", "4", "-o", "other.bundle"]);
    host.refuses(&["update", "other.bundle"], &["the device does not trust it"]);

    let said = host.says(&["status"]);
    assert!(said.starts_with("bundle: version 3, model "), "{said}");
    assert!(said.ends_with("0 wrong attempts in a row: the next one can be made now\nthe flash is well\n"), "{said}");
    let mut status = host.json(&["status"]);
    assert_eq!(status["model"].take().as_str().map(str::len), Some(32));
    let expected = json!({
        "bundle": 3, "model": null, "dimension": 16, "templates": 0, "capacity": CAPACITY,
        "wrong_attempts": 0, "wait_seconds": 0, "damaged": 0, "worn": 0,
    });
    assert_eq!(status, expected);
}

#[test]
fn a_subject_is_enrolled_recognized_kept_removed_and_put_back() {
    everything(&Host::new(device_over_tcp));
}

#[test]
#[cfg(target_os = "linux")]
fn the_same_over_a_serial_port() {
    everything(&Host::new(fake::device_over_serial));
}

fn everything(host: &Host) {
    let of_bundle = [json!({ "id": 1, "templates": 3 }), json!({ "id": 2, "templates": 3 })];
    assert_eq!(host.says(&["list"]), "subject 1: 3 templates\nsubject 2: 3 templates\n");
    host.refuses(&["enroll", "--embeddings", "anna.npy", "--row", "0"], &["these samples should not be enrolled"]);
    assert_eq!(host.json(&["enroll", "--embeddings", "anna.npy"]), json!({ "id": FIRST, "samples": 3 }));
    let anna = json!({ "id": FIRST, "templates": 3 });
    assert_eq!(host.json(&["list"]), json!({ "subjects": [of_bundle[0], of_bundle[1], anna] }));

    let own = host.says(&["verify", "2147483648", "--embeddings", "anna.npy", "--row", "1"]);
    assert!(own.starts_with("subject 2147483648: accepted, raw score "), "{own}");
    let other = host.json(&["verify", "2", "--embeddings", "anna.npy", "--row", "1"]);
    assert_eq!((&other["subject"], &other["accepted"]), (&json!(2), &json!(false)));
    assert!(other["score"].is_i64());
    let found = host.says(&["identify", "--embeddings", "anna.npy", "--row", "0"]);
    assert!(found.starts_with("subject 2147483648, raw score "), "{found}");
    let found = host.json(&["identify", "--embeddings", "enroll.npy", "--row", "0"]);
    assert_eq!(found["subject"], 1);
    host.refuses(&["verify", "9", "--embeddings", "anna.npy"], &["nobody who is enrolled has this id"]);
    host.refuses(&["remove", "9"], &["nobody who is enrolled has this id"]);
    host.fails(&["identify", "--embeddings", "anna.npy", "--row", "3"], &["there are 3 rows, and row 3 is not among"]);

    let watched = host.says(&["watch", "--count", "2"]);
    let lines: Vec<Vec<&str>> = watched.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["1", "accepted", "2147483648"]);
    assert_eq!(lines[1][..3], ["2", "rejected", "2"]);
    let watched = host.says(&["watch", "--count", "4", "--json"]);
    let last: Value = serde_json::from_str(watched.lines().last().unwrap()).unwrap();
    assert_eq!((&last["number"], &last["verdict"], &last["subject"]), (&json!(4), &json!("known"), &json!(1)));

    let kept = host.json(&["backup", "-o", "kept.backup"]);
    assert_eq!(kept["bytes"], host.bench.read("kept.backup").len());
    let counted = host.json(&["statistics", "-o", "counted.stats"]);
    assert_eq!(counted["bytes"], host.bench.read("counted.stats").len());

    let receipt = host.json(&["remove", "2147483648"]);
    assert_eq!((&receipt["templates"], &receipt["stubborn"]), (&json!(3), &json!(0)));
    assert!(receipt["erased"][0].as_u64() < receipt["erased"][1].as_u64());
    assert!(host.says(&["remove", "2"]).contains("its templates stay in the bundle until the next one"));
    assert_eq!(host.json(&["list"]), json!({ "subjects": [of_bundle[0]] }));
    let restored = host.json(&["restore", "kept.backup"]);
    assert_eq!(restored, json!({ "backup": "kept.backup", "bytes": kept["bytes"] }));
    // A backup does not bring back whom the owner took out of the bundle.
    assert_eq!(host.json(&["list"]), json!({ "subjects": [of_bundle[0], anna] }));
    let mut backup = host.bench.read("kept.backup");
    backup[40] ^= 1;
    host.bench.write("bad.backup", &backup);
    host.refuses(&["restore", "bad.backup"], &["the device does not trust it"]);
    host.fails(&["restore", "no.backup"], &["no.backup"]);
}

#[test]
fn whoever_tries_too_often_has_to_wait() {
    let host = Host::new(device_over_tcp);
    for _ in 0..5 {
        host.says(&["verify", "1", "--embeddings", "anna.npy", "--row", "0"]);
    }
    host.refuses(&["verify", "1", "--embeddings", "enroll.npy", "--row", "0"], &["too many attempts were wrong: wait"]);
    let status = host.json(&["status"]);
    assert_eq!(status["wrong_attempts"], 5);
    assert!((1..=30).contains(&status["wait_seconds"].as_u64().unwrap()), "{status}");
    assert!(host.says(&["status"]).contains("5 wrong attempts in a row: locked for another "));
}

#[test]
fn embeddings_of_another_model_are_refused() {
    let host = Host::new(device_over_tcp);
    host.bench.write_embeddings("other", 3, &[0.1, 0.2, 0.3], &[]);
    for command in [&["verify", "1"][..], &["identify"], &["enroll"]] {
        host.refuses(&[command, &["--embeddings", "other.npy"]].concat(), &["it is of another model or dimension"]);
    }
}

/// A host with a key, and no device of it.
fn host(port: impl Into<String>) -> Host {
    let bench = Bench::new();
    bench.succeed(&["keygen", "-o", "link.key"]);
    Host { bench, port: port.into() }
}

#[test]
fn a_port_that_cannot_be_opened_is_named_with_the_reason() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let there = "check that the device is there and that no other program has the port";
    host(format!("tcp:{free}")).fails(&["status"], &[&format!("tcp:{free} cannot be opened"), "refused", there]);
    host("/dev/there-is-none").fails(&["status"], &["/dev/there-is-none cannot be opened", "No such file", there]);
    // A file is no port, and stays as it is.
    host("link.key").fails(&["status"], &["link.key cannot be opened", there]);
    for name in ["tcp:", "tcp:127.0.0.1", "tcp::4000", "tcp:127.0.0.1:port", "tcp:127.0.0.1:70000"] {
        let host = host(name);
        let output = host.bench.run(&host.arguments(&["status"]));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("give tcp:HOST:PORT, such as tcp:127.0.0.1:4000"), "{errors}");
    }
}

#[test]
fn a_key_that_is_none_is_said_before_anything_is_opened() {
    let host = host("tcp:127.0.0.1:1");
    host.bench.write("bad.key", b"12\n");
    for (key, text) in [("no.key", "no.key"), ("bad.key", "bad.key: this is no key")] {
        host.bench.fail(&["device", "--port", &host.port, "--key", key, "status"], &[text]);
    }
}

#[test]
fn a_device_that_never_answers_is_given_up() {
    let port = over_tcp(|| |mut stream: TcpStream| while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {});
    host(port).fails(&["status"], &["the device does not answer: check that it runs"]);
}

#[test]
fn a_device_that_answers_anything_is_given_up() {
    let port = over_tcp(|| {
        |mut stream: TcpStream| {
            let mut random = fastrand::Rng::with_seed(1);
            // Frames of all lengths, a zero behind each.
            while stream.write_all(&(0..random.usize(0..300)).map(|_| random.u8(..)).collect::<Vec<_>>()).is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    host(port).fails(&["status"], &["the device does not answer: check that it runs"]);
}

#[test]
fn a_device_with_another_key_is_not_understood() {
    let port = device_over_tcp(keys([1; 32], [2; 32]));
    host(port).fails(&["status"], &["the device does not answer", "that the key is the device's"]);
}

#[test]
fn a_device_that_hangs_up_has_closed_the_link() {
    host(over_tcp(|| drop)).fails(&["status"], &["the link"]);
}
