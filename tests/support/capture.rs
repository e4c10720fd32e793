//! A network that keeps what goes over it, and writes it down as a capture that Wireshark reads.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Where the server listens, in a capture.
pub const PORT: u16 = 2775;
/// The client's first connection comes from here, the next from the port after it.
const CLIENT_PORT: u16 = 40_000;
/// Octets of one TCP segment, if nothing else was agreed (RFC 9293 §3.7.1): longer PDUs have to be put together.
const SEGMENT_OCTETS: usize = 536;
/// Packets that are IP from their first octet on: `LINKTYPE_RAW`.
const LINK_TYPE: u32 = 101;

/// Which way octets went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// What went over each connection, in its order.
#[derive(Default)]
pub struct Tape(Vec<(u16, Way, Vec<u8>)>);

/// Takes connections for a server, and keeps what both sides say.
pub struct Recorder {
    address: SocketAddr,
    tape: Arc<Mutex<Tape>>,
    /// Ends with the recorder, and all connections with it.
    _tasks: JoinSet<()>,
}

impl Recorder {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let tape = Arc::<Mutex<Tape>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, Arc::clone(&tape)));
        Self { address, tape, _tasks: tasks }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said so far.
    pub fn tape(&self) -> Tape {
        Tape(self.tape.lock().unwrap().0.clone())
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, tape: Arc<Mutex<Tape>>) {
    let mut connections = JoinSet::new();
    for connection in 0.. {
        let (client, _) = listener.accept().await.unwrap();
        let tape = Arc::clone(&tape);
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            [&client, &server].into_iter().for_each(|stream| stream.set_nodelay(true).unwrap());
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            tokio::join!(
                pass(connection, Way::ToServer, from_client, to_server, &tape),
                pass(connection, Way::ToClient, from_server, to_client, &tape),
            );
        });
    }
}

async fn pass(connection: u16, way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, tape: &Mutex<Tape>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(octets @ 1..) = from.read(&mut buffer).await {
        tape.lock().unwrap().add(connection, way, &buffer[..octets]);
        if to.write_all(&buffer[..octets]).await.is_err() {
            return;
        }
    }
}

impl Tape {
    pub fn add(&mut self, connection: u16, way: Way, octets: &[u8]) {
        self.0.push((connection, way, octets.to_vec()));
    }

    /// What another recorder kept, as one more connection.
    pub fn append(&mut self, connection: u16, other: &Tape) {
        assert!(other.connections().len() == 1, "one connection was recorded");
        self.0.extend(other.0.iter().map(|(_, way, octets)| (connection, *way, octets.clone())));
    }

    /// Everything that went one way over one connection.
    pub fn said(&self, connection: u16, way: Way) -> Vec<u8> {
        let of_it = self.0.iter().filter(|said| (said.0, said.1) == (connection, way));
        of_it.flat_map(|said| said.2.clone()).collect()
    }

    /// In the order in which they began.
    pub fn connections(&self) -> Vec<u16> {
        let mut connections: Vec<u16> = self.0.iter().map(|said| said.0).collect();
        connections.sort_unstable();
        connections.dedup();
        connections
    }

    /// Writes it down in the format of libpcap: a header, then each packet behind one of its own.
    pub fn write(&self, file: &Path) {
        let mut capture = Vec::new();
        capture.extend(0xA1B2_C3D4_u32.to_le_bytes());
        // Version 2.4, times in UTC, their accuracy unsaid, packets of any length.
        capture.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        capture.extend(u32::from(u16::MAX).to_le_bytes());
        capture.extend(LINK_TYPE.to_le_bytes());
        let mut packets = self.packets().into_iter().zip(0_u32..);
        packets
            .try_for_each(|(packet, micros)| {
                let length = u32::try_from(packet.len())?;
                [0, micros, length, length].iter().for_each(|word| capture.extend(word.to_le_bytes()));
                capture.extend(packet);
                Ok::<_, std::num::TryFromIntError>(())
            })
            .unwrap();
        std::fs::write(file, capture).unwrap();
    }

    fn packets(&self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for connection in self.connections() {
            let mut socket = Socket { connection, next: [0, 0] };
            packets.push(socket.packet(Way::ToServer, SYN, &[]));
            packets.push(socket.packet(Way::ToClient, SYN | ACK, &[]));
        }
        let mut sockets: Vec<Socket> = self.connections().into_iter().map(Socket::established).collect();
        for (connection, way, octets) in &self.0 {
            let socket = sockets.iter_mut().find(|socket| socket.connection == *connection).unwrap();
            packets.extend(octets.chunks(SEGMENT_OCTETS).map(|octets| socket.packet(*way, PSH | ACK, octets)));
        }
        for socket in &mut sockets {
            packets.extend([Way::ToServer, Way::ToClient].map(|way| socket.packet(way, FIN | ACK, &[])));
        }
        packets
    }
}

/// Flags of TCP (RFC 9293 §3.1).
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// One connection as its packets tell of it.
struct Socket {
    connection: u16,
    /// The next sequence number of the client, and of the server.
    next: [u32; 2],
}

impl Socket {
    fn established(connection: u16) -> Self {
        Self { connection, next: [1, 1] }
    }

    /// IPv4 (RFC 791 §3.1) with TCP (RFC 9293 §3.1). Nobody verifies the checksums of a capture: most are taken before
    /// the network card has computed them.
    fn packet(&mut self, way: Way, flags: u8, octets: &[u8]) -> Vec<u8> {
        const HEADERS: usize = 20 + 20;
        let (from, to) = match way {
            Way::ToServer => (0, 1),
            Way::ToClient => (1, 0),
        };
        let ports = [CLIENT_PORT + self.connection, PORT];
        let mut packet = vec![0x45, 0];
        packet.extend(u16::try_from(HEADERS + octets.len()).unwrap().to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        [from, to].into_iter().for_each(|side| packet.extend([127, 0, 0, [1, 2][side]]));
        [from, to].into_iter().for_each(|side| packet.extend(ports[side].to_be_bytes()));
        packet.extend(self.next[from].to_be_bytes());
        packet.extend(self.next[to].to_be_bytes());
        packet.extend([0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
        packet.extend(octets);
        let length = octets.len() + usize::from(flags & (SYN | FIN) != 0);
        self.next[from] += u32::try_from(length).unwrap();
        packet
    }
}
