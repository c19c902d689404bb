//! What carries bytes: TCP to an emulator, or a serial port.

use crate::LinkError;
use std::convert::Infallible;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::str::FromStr;
use std::time::Duration;

/// How long a read waits for something. Whoever reads has a deadline of its own.
const PATIENCE: Duration = Duration::from_millis(50);

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

impl FromStr for PortName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("tcp:") {
            Some(address) => Self::Tcp(address.to_owned()),
            None => Self::Serial(text.to_owned()),
        })
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
                let stream = TcpStream::connect(address).map_err(failed)?;
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
