//! What a daemon logs while patients are added, searched, texted and get it wrong, down to the last level of detail.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::world::{OPERATOR, World};
use crate::receiver::{Answer, Receiver};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_names_a_patient_a_phone_a_text_or_a_token() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_max_level(LevelFilter::TRACE).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let world = World::start().await;
    world.put_patient("canary", "Zebulon", "Quagmire", "+13035557391").await;
    world.get("/patients?search=quagmire%207391").await;
    world.receive("+13035557391", "my xylophone knee").await;
    world.draft("canary", "your xylophone result").await.expect(202);
    world.get("/conversations").await;
    world.tex(Method::POST, "/conversations/%2B13035557391/read").send().await.expect(200);
    world.receive("+13035557391", "get my xylophone number off your list").await;
    let release = json!({"decision": "release"});
    world.tex(Method::POST, "/conversations/%2B13035557391/hold").json(&release).send().await.expect(200);
    let mut receiver = Receiver::start().await;
    let hook = json!({"url": receiver.url});
    let made = world.acting("ada", Method::PUT, "/v1/practices/riverside/webhooks/ehr").json(&hook).send().await;
    let signs = made.expect(201)["secret"].as_str().unwrap()["whsec_".len()..].to_lowercase();
    receiver.answer([Answer::Words(500, "the xylophone of Quagmire"), Answer::Status(410)]);
    world.receive("+13035557391", "STOP").await;
    receiver.take(2).await;
    let reason = json!({"reason": "xylophone by voice"});
    world.tex(Method::POST, "/patients/canary/opt-out").json(&reason).send().await.expect(200);
    world.draft("canary", "another xylophone").await.problem(409, "opted-out");
    world
        .tex(Method::PUT, "/patients/canary")
        .raw("{\"first_name\":\"Zebulon\"")
        .send()
        .await
        .problem(400, "malformed-json");
    let body = json!({"first_name": "Zebulon", "Quagmire": 1, "mobile_phone": "+3035557391"});
    world.tex(Method::PUT, "/patients/canary").json(&body).send().await.problem(422, "invalid");
    world.call_from_elsewhere(Method::GET, "/v1/practices").token("wrong-token-7391").send().await.expect(401);
    world.store.fail();
    world.tex(Method::GET, "/patients/canary").send().await.problem(503, "unavailable");
    world.store.work();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("staff were put"), "the log is kept");
    let secret = world.token["assent_0123456789ab_".len()..].to_lowercase();
    for private in
        ["zebulon", "quagmire", "5557391", "xylophone", "wrong-token", OPERATOR, &secret, "hush-8842", &signs]
    {
        let found = log.lines().find(|line| line.to_lowercase().contains(private));
        assert_eq!(found, None, "{private}");
    }
}
