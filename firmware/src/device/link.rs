//! Bytes of a link into a server, and answers back.

use cognate::protocol::{Server, Service};
use embedded_io::{Read, Write};

/// Bytes that are read at once.
const CHUNK: usize = 64;

/// Serves a link until `stop` says that it is enough, which it is asked after whatever was read is answered.
///
/// # Errors
/// Those of the link.
pub fn serve<S: Service, Link: Read + Write>(
    server: &mut Server<S>,
    link: &mut Link,
    mut stop: impl FnMut(&S) -> bool,
) -> Result<(), Link::Error> {
    let mut chunk = [0; CHUNK];
    loop {
        let read = link.read(&mut chunk)?;
        for byte in chunk.iter().take(read) {
            if let Some(frame) = server.receive(*byte) {
                link.write_all(frame)?;
                link.flush()?;
            }
        }
        if stop(server.service()) || read == 0 {
            return Ok(());
        }
    }
}
