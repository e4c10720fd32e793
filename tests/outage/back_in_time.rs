//! A store that lacks what it had: nothing is sent, nothing is acknowledged, and everybody who asks is told why.

use std::time::Duration;

use super::clinic::{Clinic, is_refused};
use super::daemon::{NUMBER, SharedStore, eventually, serve_to_the_end};
use super::servers::Redis;

const ROSA: &str = "+13035550123";
const ROLLED_BACK: &str = "store-rolled-back";
/// A text that were to be sent or acknowledged would be by then.
const SETTLED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_noticed_by_a_daemon_that_runs() {
    let mut redis = Redis::start().await;
    let clinic = Clinic::on(&SharedStore::at(redis.url())).await;
    rosa_stops_after_a_backup(&mut redis, &clinic).await;
    is_quarantined(&clinic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_refused_by_a_daemon_that_starts() {
    let mut redis = Redis::start().await;
    let clinic = Clinic::on(&SharedStore::at(redis.url())).await;
    rosa_stops_after_a_backup(&mut redis, &clinic).await;
    has_noticed(&clinic).await;
    let Clinic { site, daemon, .. } = clinic;
    daemon.kill().await;
    let (code, stderr) = serve_to_the_end(&site.config()).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("went back in time"), "{stderr}");
}

/// Her STOP was answered, and the store that is put in the place of this one has never heard of it.
async fn rosa_stops_after_a_backup(redis: &mut Redis, clinic: &Clinic) {
    redis.stop().await;
    let backup = redis.keep_copy();
    redis.start_again().await;
    clinic.daemon.is_ready().await;
    clinic.simulator.phone(ROSA).text(NUMBER, "STOP").await;
    redis.stop().await;
    redis.restore(&backup);
    redis.start_again().await;
}

async fn has_noticed(clinic: &Clinic) {
    eventually("the daemon says what is wrong", async || match clinic.daemon.readiness().await {
        Err(reasons) if reasons.contains("went back in time") => Ok(()),
        Err(reasons) => Err(reasons),
        Ok(()) => Err("it says that it is ready".to_owned()),
    })
    .await;
}

async fn is_quarantined(clinic: &Clinic) {
    has_noticed(clinic).await;
    let submits = clinic.simulator.counts().submits;
    let typed = clinic.simulator.phone(ROSA).send(NUMBER, "are you there?");
    for patient in ["rosa", "sam"] {
        is_refused(|| clinic.drafts(patient, "must not go out")).await;
        let answer = clinic.drafts(patient, "must not go out").await.is(503);
        assert_eq!(answer["code"], ROLLED_BACK);
        let answer = clinic.asks(&format!("/patients/{patient}")).await.is(503);
        assert_eq!(answer["code"], ROLLED_BACK);
    }
    // That nothing happens is seen by waiting, and by nothing else.
    tokio::time::sleep(SETTLED).await;
    assert_eq!(clinic.simulator.counts().submits, submits, "something was sent");
    let shown = clinic.simulator.phone(ROSA).texts();
    assert!(shown.iter().any(|text| text.id == typed.id && !text.answered), "a text was acknowledged");
    assert!(clinic.daemon.readiness().await.is_err());
}
