//! The links as the conversations see them: a number goes in, a place in some window comes out.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::link::{Link, LinkStatus};
use super::listener::{Listener, ListenerConfig, OnOutbind};
use super::room::Room;
use super::{LinkConfig, preference, submit};
use crate::domain::{Answer, Cleared, Phone};
use crate::ports::{Carrier, CarrierClosed, Clock, Place, Reception};

/// Numbers without a link that are logged, each once. More than that are counted only.
const UNSERVED_MAX: usize = 1_000;

/// All links of the daemon.
pub struct Links {
    links: Vec<Arc<Link>>,
    /// Numbers that no link serves and that were asked for.
    unserved: Mutex<HashSet<Phone>>,
    status: watch::Sender<Vec<LinkStatus>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Links {
    /// Starts every link that we open. What `earlier_session_ended` says goes for each until it has had a session of its own.
    pub fn start(
        configs: Vec<LinkConfig>,
        reception: Arc<dyn Reception>,
        clock: Arc<dyn Clock>,
        earlier_session_ended: Option<Timestamp>,
    ) -> Arc<Self> {
        Self::start_with(configs, Vec::new(), reception, clock, earlier_session_ended)
    }

    /// Starts every link: those that we open, and those that carriers open on the sockets that come with them.
    pub fn start_with(
        configs: Vec<LinkConfig>,
        listeners: Vec<(ListenerConfig, TcpListener)>,
        reception: Arc<dyn Reception>,
        clock: Arc<dyn Clock>,
        earlier_session_ended: Option<Timestamp>,
    ) -> Arc<Self> {
        let all: Vec<LinkConfig> =
            configs.iter().chain(listeners.iter().map(|(listener, _)| &listener.link)).cloned().collect();
        let at_start = all.iter().map(|config| LinkStatus::at_start(config, clock.now())).collect();
        let status = watch::Sender::new(at_start);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let link = |(index, config)| {
            let (reception, clock) = (Arc::clone(&reception), Arc::clone(&clock));
            Arc::new(Link::new(config, index, status.clone(), stop.clone(), reception, clock))
        };
        let links: Vec<Arc<Link>> = all.into_iter().enumerate().map(link).collect();
        let (ours, theirs) = links.split_at(configs.len());
        for link in ours {
            tasks.spawn(Arc::clone(link).live(earlier_session_ended));
        }
        for (link, (config, socket)) in theirs.iter().zip(listeners) {
            let dials = match &config.on_outbind {
                OnOutbind::Dial(name) => ours.iter().find(|link| link.config.name == *name).cloned(),
                OnOutbind::BindBack(_) => None,
            };
            let listener = Listener::new(config, Arc::clone(link), dials, tasks.clone(), earlier_session_ended);
            tasks.spawn(Arc::new(listener).live(socket));
        }
        tasks.close();
        Arc::new(Self { links, unserved: Mutex::default(), status, stop, tasks })
    }

    /// How each link is, in the order of the configuration.
    pub fn status(&self) -> Vec<LinkStatus> {
        self.status.borrow().clone()
    }

    /// Tells of every change of what [`status`](Self::status) says, but for how much of a window is in use.
    pub fn changes(&self) -> watch::Receiver<Vec<LinkStatus>> {
        self.status.subscribe()
    }

    /// Grants no more places, waits a while for the carriers' answers, and parts from each.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    /// The links that name the number, else those that name none.
    fn links_for(&self, number: &Phone) -> Vec<&Link> {
        let all = || self.links.iter().map(AsRef::as_ref);
        let named: Vec<&Link> = all().filter(|link| link.serves(number)).collect();
        if named.is_empty() { all().filter(|link| link.config.numbers.is_empty()).collect() } else { named }
    }

    /// Texts from this number wait for ever, unless an operator learns of it.
    fn no_link(&self, number: &Phone) {
        metrics::counter!("assent_no_link_total").increment(1);
        let mut unserved = self.unserved.lock().unwrap_or_else(PoisonError::into_inner);
        if unserved.len() < UNSERVED_MAX && unserved.insert(number.clone()) {
            warn!(number = ?number, "no carrier link serves this number");
        }
    }
}

#[async_trait]
impl Carrier for Links {
    async fn place(&self, number: &Phone, segments: u32) -> Result<Box<dyn Place>, CarrierClosed> {
        let links = self.links_for(number);
        if links.is_empty() {
            self.no_link(number);
        }
        let room = preference::room(&links, segments).await.ok_or(CarrierClosed)?;
        Ok(Box::new(room))
    }
}

impl Place for Room {
    fn submit(
        self: Box<Self>,
        cleared: Cleared,
        write_by: Instant,
        recalled: CancellationToken,
    ) -> BoxFuture<'static, Answer> {
        let segments = submit::submit_sms(&cleared, &self.profile, self.clock.now());
        Box::pin((*self).submit(segments, write_by, recalled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Delivery, NotTaken};

    struct Nothing;

    #[async_trait]
    impl Reception for Nothing {
        async fn deliver(&self, _: Delivery, _: Instant) -> Result<(), NotTaken> {
            Err(NotTaken)
        }

        async fn session_ended(&self, _: Timestamp) {}
    }

    impl Clock for Nothing {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn a_number_without_a_link_is_told_to_the_operator_once() {
        let links = Links::start(Vec::new(), Arc::new(Nothing), Arc::new(Nothing), None);
        for (number, told) in [("+13035550100", 1), ("+13035550100", 1), ("+13035550101", 2)] {
            let number = Phone::parse(number).unwrap();
            assert_eq!(links.place(&number, 1).await.err(), Some(CarrierClosed));
            assert_eq!(links.unserved.lock().unwrap().len(), told);
        }
    }
}
