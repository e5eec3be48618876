//! `cargo xtask test bucket`: the library on real object stores, which it starts itself.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::setup::object_stores::{self, ObjectStores};
use crate::setup::wasm_target::TARGET;
use crate::{build, paths, setup, shell};

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);
/// How long processes race on each.
const RACE_SECONDS: &str = "15";
/// Azurite's own account, the same everywhere; the key is encoded for a URL.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq%2FK1SZFPTOtr%2FKBHBeksoGMGw%3D%3D";

/// Gates each server, races on it, and has the same library run in Node.
///
/// # Errors
///
/// When a server cannot be started or does not do what it should, or a test fails.
pub(crate) fn test() -> Result<()> {
    setup::wasm_target::ensure()?;
    let stores = object_stores::ensure()?;
    let program = compile()?;
    let wasm = compile_for_node(&stores.folder)?;
    for start in [Server::ministack, Server::azurite] {
        let server = start(&stores)?;
        let run = |label: &str, arguments: &[&str]| {
            let mut command = Command::new(&program);
            let (first, rest) = arguments.split_first().context("no command")?;
            command.arg(first).arg(server.url("race")).args(rest);
            shell::run(&format!("{label} on {}", server.name), command)
        };
        run("bucket", &["prepare"])?;
        run("gate", &["gate"])?;
        run("conformance of logs", &["conform"])?;
        run("race of processes under kill -9", &["race", "--seconds", RACE_SECONDS])?;
        if server.name == MINISTACK {
            in_node(&wasm, &server)?;
        }
    }
    Ok(())
}

fn compile() -> Result<PathBuf> {
    let example = ["--package", "headwater-cloud-storage", "--example", "bucket"];
    let mut cargo = shell::cargo(["build", "--quiet", "--locked"]);
    cargo.args(example);
    shell::run("compiling what runs on object stores", cargo)?;
    let name = format!("bucket{}", std::env::consts::EXE_SUFFIX);
    Ok(paths::target()?.join("debug/examples").join(name))
}

/// The library as a module for Node, and the folder it is in.
fn compile_for_node(folder: &Path) -> Result<PathBuf> {
    let mut cargo = shell::cargo(["build", "--quiet", "--locked", "--target", TARGET]);
    cargo.args(["--package", "headwater-cloud-storage", "--example", "node"]);
    shell::run("compiling the library to wasm", cargo)?;
    let wasm = paths::target()?.join(TARGET).join("debug/examples/node.wasm");
    let folder = folder.join("wasm");
    fs::create_dir_all(&folder)?;
    build::bind(&wasm, "bucket", &folder)?;
    fs::write(folder.join("package.json"), "{\"type\": \"module\"}\n")?;
    Ok(folder)
}

fn in_node(wasm: &Path, server: &Server) -> Result<()> {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).arg(paths::e2e().join("bucket/wasm.test.mjs"));
    node.env("HEADWATER_WASM", wasm).env("HEADWATER_BUCKET", server.url("race"));
    shell::run("the library on wasm32 in Node", node)
}

const MINISTACK: &str = "ministack (S3)";
const AZURITE: &str = "azurite (Azure)";

/// A server on a port of its own, with data of its own. It ends, and its data goes, when this is dropped.
struct Server {
    name: &'static str,
    process: Child,
    port: u16,
    data: PathBuf,
}

impl Server {
    fn ministack(stores: &ObjectStores) -> Result<Server> {
        let (port, data) = place(stores)?;
        let mut command = Command::new(&stores.ministack);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command.env("S3_PERSIST", "1").env("PERSIST_STATE", "1");
        command.env("S3_DATA_DIR", data.join("s3")).env("STATE_DIR", data.join("state"));
        Server::start(MINISTACK, command, port, data)
    }

    fn azurite(stores: &ObjectStores) -> Result<Server> {
        let (port, data) = place(stores)?;
        let mut command = Command::new("node");
        command.arg(&stores.azurite).arg("--location").arg(&data);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        command.args(["--disableTelemetry", "--skipApiVersionCheck", "--silent"]);
        Server::start(AZURITE, command, port, data)
    }

    fn start(name: &'static str, mut command: Command, port: u16, data: PathBuf) -> Result<Server> {
        let log = data.join("log");
        let output = File::create(&log)?;
        command.current_dir(&data).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let process = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let mut server = Server { name, process, port, data };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = server.process.try_wait()? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("{name} ended at once ({status}):\n{said}");
            }
            if began.elapsed() > START {
                bail!("{name} does not answer");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// A bucket of it, as the library takes it.
    fn url(&self, bucket: &str) -> String {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        match self.name {
            MINISTACK => format!(
                "s3://{bucket}/p?endpoint={endpoint}&region=us-east-1&access_key_id=test\
                 &secret_access_key=test&allow_http=true"
            ),
            _ => format!(
                "az://{bucket}/p?endpoint={endpoint}/{AZURITE_ACCOUNT}&account_name={AZURITE_ACCOUNT}\
                 &access_key={AZURITE_KEY}&allow_http=true"
            ),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whether it had ended already makes no difference.
        drop(self.process.kill());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.data));
    }
}

/// A free port, and a folder for what is written there.
fn place(stores: &ObjectStores) -> Result<(u16, PathBuf)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let data = stores.folder.join(format!("data-{port}"));
    fs::create_dir_all(&data)?;
    Ok((port, data))
}
