//! How connections begin: a gateway comes to the port, or the carrier goes to a gateway that listens.

use std::sync::Arc;
use std::time::Duration;

use smpp::pdus::{BindTransceiver, Outbind};
use smpp::types::COctetString;
use smpp::values::InterfaceVersion;
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::Shared;
use super::connection::{Connection, Role};
use super::verbs::Callee;

/// How long a gateway may take to be reached, to agree on TLS, and to hear the end of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the carrier goes to a gateway for.
pub(super) enum Call {
    /// It says that there is something to fetch, and the gateway binds (SMPP 3.4 §2.2.1).
    Outbind(Callee),
    /// It binds itself.
    Bind(Callee),
}

/// Takes connections until told to stop.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let connection = Connection::new(Arc::clone(&shared), Role::Carrier);
        shared.tasks.spawn(connection.last(|connection| Box::pin(take(connection, stream))));
    }
}

/// Makes calls until told to stop.
pub(super) async fn call(shared: Arc<Shared>, mut calls: mpsc::Receiver<Call>) {
    loop {
        let call = tokio::select! {
            call = calls.recv() => call,
            () = shared.stop.cancelled() => return,
        };
        let Some(call) = call else { return };
        shared.tasks.spawn(make(Arc::clone(&shared), call));
    }
}

/// A gateway came: with TLS, if that is what is spoken here.
async fn take(connection: &mut Connection, mut stream: TcpStream) {
    // Without it answers would be late, which is all that can be wrong about that.
    let _ = stream.set_nodelay(true);
    let Some(tls) = connection.shared.config.tls.clone() else {
        return connection.talk(&mut stream).await;
    };
    let read = tokio::task::spawn_blocking(move || tls.read()).await.expect("reading certificates does not panic");
    let acceptor = match read {
        Ok(config) => TlsAcceptor::from(Arc::new(config)),
        Err(error) => return warn!(%error, "there is no TLS to speak"),
    };
    match timeout(PATIENCE, acceptor.accept(stream).into_fallible()).await {
        Ok(Ok(mut stream)) => {
            connection.talk(&mut stream).await;
            if connection.unbound {
                // Who parted in order hears that this is the end (RFC 8446 §6.1), unless they are gone.
                let _ = timeout(PATIENCE, stream.shutdown()).await;
            }
        }
        Ok(Err((_, mut refused))) => {
            // Closing with something unread would take our last words with it.
            let hears_us_out = async {
                refused.shutdown().await?;
                copy(&mut refused, &mut sink()).await
            };
            let _ = timeout(PATIENCE, hears_us_out).await;
        }
        Err(_) => {}
    }
}

async fn make(shared: Arc<Shared>, call: Call) {
    let (Call::Outbind(callee) | Call::Bind(callee)) = &call;
    let connected = tokio::select! {
        connected = timeout(PATIENCE, TcpStream::connect(&callee.address)) => connected,
        () = shared.stop.cancelled() => return,
    };
    let Ok(Ok(mut stream)) = connected else {
        warn!(address = callee.address, "nobody took the call");
        return;
    };
    let _ = stream.set_nodelay(true);
    let role = match &call {
        Call::Outbind(_) => Role::Carrier,
        Call::Bind(Callee { system_id, .. }) => Role::Client { system_id: system_id.clone() },
    };
    let mut connection = Connection::new(shared, role);
    connection.greet(&call);
    connection.last(|connection| Box::pin(async move { connection.talk(&mut stream).await })).await;
}

impl Connection {
    /// The first words of a call.
    fn greet(&mut self, call: &Call) {
        let sequence = self.next_sequence();
        let (Call::Outbind(Callee { system_id, password, .. }) | Call::Bind(Callee { system_id, password, .. })) = call;
        let system_id = COctetString::from_string(system_id.clone()).expect("a verb was checked for its length");
        let password = COctetString::from_string(password.clone()).expect("a verb was checked for its length");
        match call {
            Call::Outbind(_) => self.ask(sequence, Outbind::new(system_id, password)),
            Call::Bind(_) => {
                let bind = BindTransceiver::builder().system_id(system_id).password(password);
                self.ask(sequence, bind.interface_version(InterfaceVersion::Smpp3_4).build());
            }
        }
    }
}
