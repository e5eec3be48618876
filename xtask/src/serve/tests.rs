use std::net::Ipv4Addr;
use std::sync::OnceLock;

use super::*;

fn folder() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let folder = std::env::temp_dir().join(format!("headwater-serve-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub dir")).unwrap();
        fs::write(folder.join("index.html"), "<p>here").unwrap();
        fs::write(folder.join("sub dir/a.wasm"), [0, 1, 2]).unwrap();
        folder
    };
    MADE.get_or_init(make).clone()
}

fn ask(request: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder();
    thread::spawn(move || forever(&listener, &folder));
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn files_come_with_their_types() {
    let page = ask("GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{page}");
    assert!(page.ends_with("\r\n\r\n<p>here"), "{page}");
    let wasm = ask("GET /sub%20dir/a.wasm HTTP/1.1\r\n\r\n");
    assert!(wasm.contains("application/wasm") && wasm.ends_with("\0\u{1}\u{2}"), "{wasm:?}");
    let head = ask("HEAD / HTTP/1.1\r\n\r\n");
    assert!(head.contains("Content-Length: 7") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn nothing_outside_the_folder() {
    for target in
        ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/a%00b", "/%zz", "/%", "etc/passwd"]
    {
        let answer = ask(&format!("GET {target} HTTP/1.1\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
    }
    assert!(ask("GET /missing.js HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
}

#[test]
fn a_request_that_never_ends_is_cut_off() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder();
    thread::spawn(move || forever(&listener, &folder));
    let mut connection = TcpStream::connect(address).unwrap();
    // The server closes with some of this unread, so that a write or the read may fail with a reset.
    let sent = (0..1000).take_while(|_| connection.write_all(&[b'a'; 4096]).is_ok()).count();
    let ended = connection.read_to_end(&mut Vec::new());
    assert!(
        sent < 1000
            || ended.is_ok()
            || ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    );
}
