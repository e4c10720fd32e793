//! What leaves the daemon for its operator: log lines, and the list of metrics. Never a name, a phone or a text.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("journal can't be reached: {0}")]
    Journal(#[from] std::io::Error),
    #[error(transparent)]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging: to the journal when systemd connected standard error to it, else to standard error.
pub fn start_logging(filter: &str) -> Result<(), LogError> {
    let filter: EnvFilter = filter.parse()?;
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let output = if under_systemd {
        tracing_journald::layer()?.with_syslog_identifier("assent".into()).boxed()
    } else {
        let colors = std::io::stderr().is_terminal();
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colors).with_target(false).boxed()
    };
    tracing_subscriber::registry().with(output.with_filter(filter)).try_init()?;
    report_panics_without_their_words();
    Ok(())
}

/// A panic's message may quote what was being worked on, so only its place is reported.
fn report_panics_without_their_words() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// The metrics of this process, as Prometheus reads them.
pub fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let handle = PrometheusBuilder::new().install_recorder().expect("no other recorder was installed");
        describe();
        handle
    })
}

/// Every metric, with what it counts.
fn describe() {
    describe_counter!("assent_drafts_total", "Drafts by answer: accepted, refused, repeated");
    describe_counter!("assent_http_requests_total", "Requests by status");
    describe_counter!("assent_submit_total", "Texts submitted to carriers, by link and answer");
    describe_counter!("assent_deliver_total", "deliver_sm by link and whether they were made durable");
    describe_counter!(
        "assent_receipt_spelled_oddly_total",
        "Receipts that spell their id in another way than most of their link's do"
    );
    describe_counter!("assent_no_link_total", "Places asked for a number that no link serves");
    describe_counter!("assent_link_reconnects_total", "Reconnects by link");
    describe_counter!(
        "assent_link_throttled_total",
        "Texts that the carrier refused because they came too fast, by link"
    );
    describe_counter!(
        "assent_answered_late_total",
        "Texts whose answer went out later than the carrier waits for one, so that they may come again"
    );
    describe_counter!("assent_dead_letters_total", "Deliveries set aside for a person to look at, by reason");
    describe_counter!("assent_dead_letters_dropped_total", "Oldest deliveries set aside that made room for newer ones");
    describe_counter!("assent_store_unreadable_total", "Stored records that could not be read");
    describe_counter!("assent_conversation_panics_total", "Panics while deciding");
    describe_counter!("assent_postponed_total", "Texts that the day's budget was too small for, by practice");
    describe_counter!("assent_webhook_attempts_total", "Events posted to webhooks, by outcome");
    describe_gauge!("assent_store_up", "1 while the store takes what it is given");
    describe_gauge!("assent_segments_today", "Segments sent since midnight US Pacific, by practice, when last drawn");
    describe_counter!("assent_listener_refused_total", "Connections of carriers that got no session, by link");
    describe_gauge!("assent_link_bound", "1 while the link is bound");
    describe_gauge!("assent_window_in_use", "Unanswered submit_sm, by link");
    describe_gauge!("assent_live_conversations", Unit::Count, "Conversations in memory");
}
