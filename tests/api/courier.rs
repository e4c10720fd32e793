//! How one event travels: to addresses that were looked at, over TLS that holds, and with an end to every patience.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use assent::domain::WebhookUrl;
use assent::ports::{Heard, Silence};
use assent::webhooks::{Allowed, Courier, Letter, Reply};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::receiver::Receiver;
use crate::tls::Authority;

fn courier(allow: &[&str], authorities: Option<&Path>) -> Courier {
    let hosts = allow.iter().map(|host| host.parse().unwrap()).collect();
    Courier::new(Allowed::new(hosts), authorities).unwrap()
}

async fn take(courier: &Courier, url: &str, patience: Duration) -> Reply {
    let letter = Letter {
        url: WebhookUrl::parse(url).unwrap(),
        id: "msg_1".into(),
        second: 1_790_000_000,
        signatures: "v1,x".into(),
        body: "{}".into(),
    };
    courier.take(&letter, patience, Timestamp::from_second(1_790_000_000).unwrap()).await
}

async fn heard(courier: &Courier, url: &str) -> Heard {
    take(courier, url, Duration::from_secs(5)).await.heard
}

fn nothing(silence: Silence) -> Heard {
    Heard::Nothing(silence)
}

/// Answers every request with these octets, and then does what it is told.
async fn server<F>(then: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"{}") {
                socket.read_buf(&mut asked).await.unwrap();
            }
            tokio::spawn(then(socket));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_leads_nowhere_inside_that_is_not_allowed() {
    let mut receiver = Receiver::start().await;
    let port = receiver.url.split([':', '/']).nth(4).unwrap().to_owned();
    let named = format!("http://localhost:{port}/");
    assert_eq!(heard(&courier(&["localhost"], None), &named).await, Heard::Status(204));
    receiver.next().await;
    // A URL that was taken once, and is not allowed any more.
    for url in [named, receiver.url.clone(), format!("https://127.0.0.1:{port}/")] {
        assert_eq!(heard(&courier(&[], None), &url).await, nothing(Silence::NotAllowed), "{url}");
    }
    // The name of this machine is a name like any other, and may lead inside like any other.
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let found = heard(&courier(&[], None), &format!("https://{}:{port}/", own.trim())).await;
    assert!([nothing(Silence::NotAllowed), nothing(Silence::Unresolved)].contains(&found), "{found:?}");
    assert!(receiver.left().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receivers_certificate_has_to_be_good() {
    let mut receiver = Receiver::start().await;
    let inside: SocketAddr = receiver.url.split('/').nth(2).unwrap().parse().unwrap();
    let (authority, another) = (Authority::new(), Authority::new());
    authority.vouches("good", "IP:127.0.0.1");
    authority.vouches("other-name", "DNS:hooks.example");
    authority.vouches_from_to("expired", "IP:127.0.0.1", "20200101000000Z", "20210101000000Z");
    another.vouches("unknown", "IP:127.0.0.1");
    let file = authority.file("authority.crt");
    let courier = courier(&["127.0.0.0/8"], Some(&file));
    let good = authority.door("good", inside);
    assert_eq!(heard(&courier, &format!("https://{good}/")).await, Heard::Status(204));
    receiver.next().await;
    for door in [
        authority.door("other-name", inside),
        authority.door("expired", inside),
        another.door("unknown", inside),
        inside,
    ] {
        assert_eq!(heard(&courier, &format!("https://{door}/")).await, nothing(Silence::NoTls));
    }
    assert!(receiver.left().is_empty());
    let missing = Courier::new(Allowed::default(), Some(Path::new("/no/such/file"))).err().unwrap();
    assert!(missing.to_string().starts_with("webhooks.ca_file: /no/such/file: "), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_none_and_what_takes_too_long_has_an_end() {
    let courier = courier(&["127.0.0.0/8"], None);
    let never = server(|socket| async move {
        let _is_held = socket;
        std::future::pending().await
    })
    .await;
    let reply = take(&courier, &format!("http://{never}/"), Duration::from_millis(200)).await;
    assert_eq!(reply, Reply { heard: nothing(Silence::TimedOut), retry_after: None });

    let hangs_up = server(|_socket| async { Ok(()) }).await;
    let babbles = server(|mut socket| async move { socket.write_all(b"220 smtp.example ready\r\n\r\n").await }).await;
    let endless_head = server(|mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\n").await?;
        loop {
            socket.write_all(b"x-more: and more\r\n").await?;
        }
    });
    for address in [hangs_up, babbles, endless_head.await] {
        assert_eq!(heard(&courier, &format!("http://{address}/")).await, nothing(Silence::NoAnswer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_counts_whatever_becomes_of_the_words_after_it() {
    let courier = courier(&["127.0.0.0/8"], None);
    let endless = server(|mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        loop {
            socket.write_all(b"4\r\nmore\r\n").await?;
        }
    });
    let slow = server(|mut socket| async move {
        socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\nhalf").await?;
        std::future::pending().await
    });
    let cut_short = server(|mut socket| async move {
        socket.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\nhalf").await
    });
    for (address, status) in [(endless.await, 200), (slow.await, 201), (cut_short.await, 202)] {
        assert_eq!(heard(&courier, &format!("http://{address}/")).await, Heard::Status(status));
    }
}
