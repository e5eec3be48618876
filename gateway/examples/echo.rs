//! What TCP costs without a broker: sends back what comes. The bench takes its latency for the floor.

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("headwater is ready on {}", listener.local_addr()?);
    let mut buffer = [0; 4096];
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..length])?;
        }
    }
    Ok(())
}
