//! What carries bytes: TCP to an emulator, or a serial port.

use crate::LinkError;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

/// How long a read waits for something. Whoever reads has a deadline of its own.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long a connection over TCP may take to be there, and how long the other side may take nothing.
const TCP_PATIENCE: Duration = Duration::from_secs(5);

/// Bits a second of serial ports.
#[cfg(feature = "serial")]
const BAUD: u32 = 115_200;

/// The name of a port: `tcp:HOST:PORT`, or a serial port as the system names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PortName {
    /// Host and port.
    Tcp(String),
    /// A path or a name.
    Serial(String),
}

/// What is no name of a port.
#[derive(Debug, thiserror::Error)]
#[error("this is no TCP port: give tcp:HOST:PORT, such as tcp:127.0.0.1:4000")]
pub struct PortNameError;

impl FromStr for PortName {
    type Err = PortNameError;

    fn from_str(text: &str) -> Result<Self, PortNameError> {
        let Some(address) = text.strip_prefix("tcp:") else { return Ok(Self::Serial(text.to_owned())) };
        match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(address.to_owned())),
            _ => Err(PortNameError),
        }
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Serial(name) => f.write_str(name),
        }
    }
}

/// An open port.
pub enum Port {
    /// TCP.
    Tcp(TcpStream),
    /// A serial port.
    #[cfg(feature = "serial")]
    Serial(serial2::SerialPort),
}

impl Port {
    /// Opens a port.
    ///
    /// # Errors
    /// [`LinkError::Open`] and [`LinkError::NoSerial`].
    pub fn open(name: &PortName) -> Result<Self, LinkError> {
        let failed = |error| LinkError::Open { port: name.clone(), error };
        match name {
            PortName::Tcp(address) => {
                let stream = connect(address).map_err(failed)?;
                stream.set_write_timeout(Some(TCP_PATIENCE)).map_err(failed)?;
                stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                Ok(Self::Tcp(stream))
            }
            #[cfg(feature = "serial")]
            PortName::Serial(path) => {
                let mut port = serial2::SerialPort::open(path, BAUD).map_err(failed)?;
                port.set_read_timeout(PATIENCE).map_err(failed)?;
                Ok(Self::Serial(port))
            }
            #[cfg(not(feature = "serial"))]
            PortName::Serial(_) => Err(LinkError::NoSerial { port: name.clone() }),
        }
    }
}

/// To the first of a name's addresses that answers. The system would wait for minutes for one that does not.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::new(ErrorKind::NotFound, "the name has no address"));
    for address in address.to_socket_addrs()? {
        outcome = TcpStream::connect_timeout(&address, TCP_PATIENCE);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Whether a read only found nothing yet.
pub fn is_patient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl Read for Port {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(bytes),
            #[cfg(feature = "serial")]
            Self::Serial(port) => port.read(bytes),
        }
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(feature = "serial")]
            Self::Serial(port) => port.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            #[cfg(feature = "serial")]
            Self::Serial(port) => port.flush(),
        }
    }
}
