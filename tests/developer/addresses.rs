//! A caller with many addresses: each connection to the daemon comes from another one, so that the wrong tokens that are tried
//! on purpose are not counted together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

/// Listens, and passes each connection on from an address of its own.
pub struct Addresses {
    pub listen: SocketAddr,
    passing: JoinHandle<()>,
}

impl Addresses {
    pub async fn before(daemon: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = listener.local_addr().unwrap();
        let passing = tokio::spawn(async move {
            for number in 1_u16.. {
                let Ok((mut caller, _)) = listener.accept().await else { return };
                let [high, low] = number.to_be_bytes();
                tokio::spawn(async move {
                    let socket = TcpSocket::new_v4().unwrap();
                    socket.bind((IpAddr::V4(Ipv4Addr::new(127, 2, high, low)), 0).into()).unwrap();
                    if let Ok(mut connection) = socket.connect(daemon).await {
                        // Whoever hangs up ends it.
                        let _ = copy_bidirectional(&mut caller, &mut connection).await;
                    }
                });
            }
        });
        Self { listen, passing }
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        self.passing.abort();
    }
}
