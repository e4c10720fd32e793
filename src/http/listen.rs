//! Takes connections and serves the router on them. Everything about a connection has a bound: how many there are, how
//! large and how slow the head of a request may be, and how long an end may take.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once: every request in flight, every event stream, and the idle ones of the callers' pools.
/// Whoever comes then waits to be accepted.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Octets of the head of a request.
const HEAD_MAX: usize = 16 * 1024;
/// From the end of an answer to the end of the next head, so that an idle connection lasts as long too.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long requests that are under way at the end may take.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// The pause after an error that says nothing about one connection, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Answers requests until `stopping`, and then those that are under way.
pub async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await.expect("nobody closes the semaphore");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    attend(stream, peer, router, stopping).await;
                    drop(place);
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_MAX, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections were left at the end");
    }
    Ok(())
}

async fn attend(stream: TcpStream, peer: SocketAddr, router: Router, stopping: CancellationToken) {
    // Events are small, and should not wait for more to go with them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_header_size(HEAD_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What ends a connection early is the caller's affair, or their network's.
        _ = connection.as_mut() => {}
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(DRAIN_MAX, connection).await;
        }
    }
}

/// The caller went away before the connection stood.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
