//! quinn: QUIC datagrams, as it is configured by default. The server's whole runtime is on the measured thread, all
//! clients are on another.

use anyhow::{Context, Result};
use bytes::Bytes;
use measure::echo::host::Host;
use measure::echo::load::{self, Answers, Figures, Plan, Players};
use measure::echo::local;
use mio::Registry;
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime};
use rudp::Now;
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use throng::edge::clock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// How often the server looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Clients that share one socket: each endpoint of quinn sets 2 MiB aside to receive into. The server sees connections.
const CLIENTS_PER_SOCKET: usize = 64;
/// The name in the certificate.
const SERVER_NAME: &str = "localhost";

/// Measures it.
///
/// # Errors
/// Not all got in; the system gives no sockets or no randomness.
pub fn measure(plan: Plan) -> Result<Figures> {
    let certified = rcgen::generate_simple_self_signed(vec![SERVER_NAME.to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let server_config = ServerConfig::with_single_cert(vec![certificate.clone()], key.into())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let client_config = ClientConfig::with_root_certificates(Arc::new(roots))?;
    let socket = measure::echo::bound_socket(local())?;
    let host = Host::start(socket.local_addr()?, move |stop| serve(socket, server_config, &stop))?;
    let mut clients = Clients::start(host.address, client_config)?;
    let figures = load::run(&mut clients, plan, &host);
    clients.stop();
    host.stop()?;
    figures
}

/// A runtime that lives on the thread that blocks on it, and nowhere else.
fn new_runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("the system gives no runtime")
}

fn serve(socket: UdpSocket, config: ServerConfig, stop: &AtomicBool) -> Result<()> {
    new_runtime()?.block_on(async {
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))?;
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(echo(incoming));
            }
        });
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
        endpoint.close(0_u32.into(), b"");
        Ok(())
    })
}

async fn echo(incoming: Incoming) {
    let Ok(connection) = incoming.await else { return };
    while let Ok(question) = connection.read_datagram().await {
        // Refused only when the connection is over.
        let _ = connection.send_datagram(question);
    }
}

/// Clients on a runtime of their own; what they hear comes back through one queue, with the time at which it came.
struct Clients {
    server: SocketAddr,
    config: ClientConfig,
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    endpoints: Vec<Endpoint>,
    /// Empty until the handshake is done.
    seats: Vec<Arc<OnceLock<Connection>>>,
    tell: mpsc::Sender<(Now, Bytes)>,
    told: mpsc::Receiver<(Now, Bytes)>,
}

impl Clients {
    fn start(server: SocketAddr, config: ClientConfig) -> Result<Self> {
        let runtime = new_runtime()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("clients".to_owned()).spawn(move || {
            // An error means that the other side is gone, which is an end as well.
            let _ = runtime.block_on(ended);
        })?;
        let (tell, told) = mpsc::channel();
        Ok(Self {
            server,
            config,
            handle,
            end: Some(end),
            thread: Some(thread),
            endpoints: Vec::new(),
            seats: Vec::new(),
            tell,
            told,
        })
    }

    fn stop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Players for Clients {
    fn join(&mut self, index: usize, _now: Now, _registry: &Registry) -> Result<()> {
        let _inside = self.handle.enter();
        if index.is_multiple_of(CLIENTS_PER_SOCKET) {
            let socket = UdpSocket::bind(local())?;
            self.endpoints.push(Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))?);
        }
        let endpoint = self.endpoints.last().context("the first client opens an endpoint")?;
        let connecting = endpoint.connect_with(self.config.clone(), self.server, SERVER_NAME)?;
        let seat = Arc::new(OnceLock::new());
        self.seats.push(seat.clone());
        let tell = self.tell.clone();
        self.handle.spawn(async move {
            let Ok(connection) = connecting.await else { return };
            let connection = seat.get_or_init(|| connection);
            while let Ok(answer) = connection.read_datagram().await {
                if tell.send((clock::now(), answer)).is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.get().is_some())
    }

    /// Nothing is registered: the clients' own thread reads.
    fn handle_readable(&mut self, _index: usize, _now: Now, _answers: &mut Answers) {}

    fn tick(&mut self, index: usize, _now: Now, question: Option<&[u8]>, answers: &mut Answers) {
        for (at, answer) in self.told.try_iter() {
            answers.on_answer(at, &answer);
        }
        if let (Some(question), Some(connection)) = (question, self.seats[index].get()) {
            // Refused only when the connection is over.
            let _ = connection.send_datagram(Bytes::copy_from_slice(question));
        }
    }

    fn leave(&mut self, index: usize, _now: Now) {
        if let Some(connection) = self.seats[index].get() {
            connection.close(0_u32.into(), b"");
        }
    }
}
