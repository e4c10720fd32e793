//! A network between a daemon and a server, with faults that a test chooses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the network does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Through,
    /// Connections end, and so does each that is begun.
    Cut,
    /// Connections stand and are taken, and nothing passes in either direction.
    Stall,
    /// What is asked passes, what is answered does not.
    StallAnswers,
}

/// Which way octets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Requests,
    Answers,
}

/// Takes connections for a server. Octets that it kept back go on when it is mended, unless their connection was cut.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
    /// Ends with the proxy, and all connections with it.
    _tasks: JoinSet<()>,
}

struct Network {
    mode: watch::Sender<Mode>,
    /// How often it was cut. Every connection from before the last time has ended, however soon it was mended.
    cuts: watch::Sender<usize>,
    /// So many more octets of requests pass; then the connection that they are on ends.
    left: Mutex<Option<usize>>,
    connections: AtomicUsize,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, super::free_port())).await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(Network {
            mode: watch::Sender::new(Mode::Through),
            cuts: watch::Sender::new(0),
            left: Mutex::default(),
            connections: 0.into(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&network).accept(listener, server));
        Self { address, network, _tasks: tasks }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As the store's configuration wants it.
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// How many connections it has taken, for a test to see that there was another.
    pub fn connections(&self) -> usize {
        self.network.connections.load(Ordering::SeqCst)
    }

    /// Ends every connection, and each that is begun.
    pub fn cut(&self) {
        self.network.mode.send_replace(Mode::Cut);
        self.network.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Nothing passes any more, and nobody is told.
    pub fn stall(&self) {
        self.network.mode.send_replace(Mode::Stall);
    }

    /// Whatever is asked from here on is done, and nobody hears of it.
    pub fn stall_answers(&self) {
        self.network.mode.send_replace(Mode::StallAnswers);
    }

    /// After so many more octets of requests the connection that they are on ends. Once; then all is well again.
    pub fn drop_after(&self, octets: usize) {
        *self.network.left.lock().unwrap() = Some(octets);
    }

    /// All is well.
    pub fn mend(&self) {
        *self.network.left.lock().unwrap() = None;
        self.network.mode.send_replace(Mode::Through);
    }
}

impl Network {
    async fn accept(self: Arc<Self>, listener: TcpListener, server: SocketAddr) {
        let mut connections = JoinSet::new();
        loop {
            let Ok((client, _)) = listener.accept().await else { continue };
            while connections.try_join_next().is_some() {}
            if *self.mode.borrow() != Mode::Cut {
                self.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(Arc::clone(&self).connect(client, server, self.cuts.subscribe()));
            }
        }
    }

    /// Until either side ends, or the network is cut.
    async fn connect(self: Arc<Self>, client: TcpStream, server: SocketAddr, mut cuts: watch::Receiver<usize>) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = self.pass(Way::Requests, from_client, to_server) => {}
            () = self.pass(Way::Answers, from_server, to_client) => {}
            _ = cuts.changed() => {}
        }
    }

    async fn pass(&self, way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        let mut mode = self.mode.subscribe();
        loop {
            let Ok(octets @ 1..) = from.read(&mut buffer).await else { return };
            // What was read in a stall stays here until it is over.
            if mode.wait_for(|mode| mode.lets_pass(way)).await.is_err() {
                return;
            }
            let allowed = self.allowed(way, octets);
            if to.write_all(&buffer[..allowed]).await.is_err() || allowed < octets {
                return;
            }
        }
    }

    /// How many of these octets may pass before the connection ends.
    fn allowed(&self, way: Way, octets: usize) -> usize {
        let mut left = self.left.lock().unwrap();
        match (way, *left) {
            (Way::Answers, _) | (Way::Requests, None) => octets,
            (Way::Requests, Some(enough)) if enough >= octets => {
                *left = Some(enough - octets);
                octets
            }
            (Way::Requests, Some(few)) => {
                *left = None;
                few
            }
        }
    }
}

impl Mode {
    fn lets_pass(self, way: Way) -> bool {
        match self {
            Self::Through => true,
            Self::Cut | Self::Stall => false,
            Self::StallAnswers => way == Way::Requests,
        }
    }
}
