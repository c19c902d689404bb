//! A device on this machine: the firmware's own, on flash in memory, behind a TCP port or a pseudo-terminal.

use cognate::guard::Limits;
use cognate::protocol::{Key, Server};
use cognate::signature::PublicKey;
use cognate_firmware::device::{Device, InPlace, Keys, Layout, backup_bytes};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// Elements of a template of the tests' model.
const DIMENSION: usize = 16;
/// Templates that can be enrolled.
pub const CAPACITY: usize = 6;

const PAGE: usize = 512;
const PAGES: usize = 64;
const STORE_PAGES: u32 = 8;

type Application = Device<'static, Flash, fn() -> u64, DIMENSION, CAPACITY>;

/// Flash in memory. Whether its words are written as flash allows is what the firmware's own tests look at.
struct Flash(Vec<u8>);

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.0[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.0[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

impl InPlace<'static> for Flash {
    fn look(&self, range: Range<u32>) -> Option<&[u8]> {
        self.0.get(range.start as usize..range.end as usize)
    }

    fn lend(&mut self, range: Range<u32>) -> Option<&'static [u8]> {
        self.look(range).map(|bytes| &*bytes.to_vec().leak())
    }
}

/// The device, with nothing in its flash at first.
pub struct Fake {
    keys: Keys,
    flash: &'static RefCell<Flash>,
    server: Box<Server<Application>>,
}

impl Fake {
    pub fn new(keys: Keys) -> Self {
        let (flash, server) = start(vec![0xff; PAGE * PAGES], keys);
        Self { keys, flash, server }
    }

    /// Answers until the host has gone, or an update makes the device start anew.
    pub fn serve(&mut self, link: &mut (impl Read + Write)) {
        let mut chunk = [0; 64];
        loop {
            let read = match link.read(&mut chunk) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::TimedOut => continue,
                Err(_) => return,
            };
            for byte in &chunk[..read] {
                if let Some(frame) = self.server.receive(*byte)
                    && link.write_all(frame).and_then(|()| link.flush()).is_err()
                {
                    return;
                }
            }
            if self.server.service().wants_restart() {
                let bytes = std::mem::take(&mut self.flash.borrow_mut().0);
                (self.flash, self.server) = start(bytes, self.keys);
            }
        }
    }
}

fn start(flash: Vec<u8>, keys: Keys) -> (&'static RefCell<Flash>, Box<Server<Application>>) {
    let flash = &*Box::leak(Box::new(RefCell::new(Flash(flash))));
    let layout = Layout::new(PAGE * PAGES, PAGE, STORE_PAGES).expect("the flash is large enough");
    let buffer = Box::leak(Box::new([0; backup_bytes(CAPACITY, DIMENSION)]));
    let clock: fn() -> u64 = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let device = Device::open(flash, layout, keys, Limits::ANDROID, clock, buffer).expect("the flash is good");
    (flash, Box::new(Server::new(device, keys.link)))
}

/// The keys of a device.
pub fn keys(bundles: [u8; 32], link: [u8; 32]) -> Keys {
    Keys { bundles: PublicKey::new(bundles), link: Key::new(link) }
}

/// Gives each connection to a TCP port of this machine, one after the other, to what `make` makes; the port's name.
pub fn over_tcp<Serve: FnMut(TcpStream)>(make: impl FnOnce() -> Serve + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let name = format!("tcp:{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || listener.incoming().map_while(io::Result::ok).for_each(make()));
    name
}

/// A device over TCP; its port's name.
pub fn device_over_tcp(keys: Keys) -> String {
    over_tcp(move || {
        let mut fake = Fake::new(keys);
        move |mut stream: TcpStream| fake.serve(&mut stream)
    })
}

/// A device behind a pseudo-terminal; its name, as of a serial port.
#[cfg(target_os = "linux")]
pub fn device_over_serial(keys: Keys) -> String {
    use std::os::fd::AsRawFd;
    let (mut device, host) = serial2::SerialPort::pair().expect("there are pseudo-terminals");
    let name = std::fs::read_link(format!("/proc/self/fd/{}", host.as_raw_fd())).expect("it has a name");
    thread::spawn(move || {
        // It stays open, so that one host can come after the other.
        let _host = host;
        Fake::new(keys).serve(&mut device);
    });
    name.to_str().expect("it is ASCII").to_owned()
}
