//! One writer: takes requests in the order in which they came, makes those that wait durable together, then answers each.
//!
//! While one group is being synced the next one gathers by itself, so one caller waits for one sync and many
//! callers share one.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use crate::ports::StoreError;

/// Requests that may wait for the writer; whoever comes then waits to be let in.
pub const WAITING_MAX: usize = 1_024;
/// Requests that are made durable together: enough to share a sync, few enough that the first does not wait long.
pub const GROUP_MAX: usize = 256;

/// What makes a group of requests durable.
pub trait Backend: Send + 'static {
    type Request: Send + 'static;
    type Answer: Send + 'static;

    /// Makes a group durable and answers each request of it, in order. When it returns, what the answers say is on disk.
    fn commit(&mut self, group: Vec<Self::Request>) -> Result<Vec<Self::Answer>, Broken>;

    /// Called after each group was answered. A chance to tidy up; the next group waits for it.
    fn rest(&mut self) -> Result<(), Broken>;
}

/// A group was not made durable, or nobody knows whether it was.
#[derive(Debug, Clone)]
pub enum Broken {
    /// The next group may fare better.
    ForNow(Arc<str>),
    /// Nothing may be written any more. After a failed fsync the kernel may have dropped the pages that it could
    /// not write, and a second fsync would say that all is well.
    ForGood(Arc<str>),
}

type Asked<B> = (<B as Backend>::Request, oneshot::Sender<Result<<B as Backend>::Answer, StoreError>>);

/// The way to the writer thread. Dropping it waits until what was asked is done.
pub struct Writer<B: Backend> {
    requests: Option<mpsc::Sender<Asked<B>>>,
    broken: watch::Receiver<Option<Arc<str>>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Backend> Writer<B> {
    pub fn start(backend: B) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let (tell_broken, broken) = watch::channel(None);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(backend, waiting, &tell_broken))?;
        Ok(Self { requests: Some(requests), broken, thread: Some(thread) })
    }

    /// Hands in a request and waits until it is durable. One that is not waited for any more is carried out all the same.
    pub async fn ask(&self, request: B::Request) -> Result<B::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().expect("the way to the writer is there until it is dropped");
        if requests.send((request, answer)).await.is_err() {
            return Err(self.gone());
        }
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Why the writer stopped for good, if it did.
    pub fn is_broken(&self) -> Option<StoreError> {
        self.broken.borrow().clone().map(StoreError::Unavailable)
    }

    /// Waits until the writer stops for good.
    pub async fn broken(&self) -> StoreError {
        let mut broken = self.broken.clone();
        let reason = broken.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.map_or_else(|| self.gone(), StoreError::Unavailable)
    }

    fn gone(&self) -> StoreError {
        self.is_broken().unwrap_or_else(|| StoreError::Unavailable("writer thread ended".into()))
    }
}

impl<B: Backend> Drop for Writer<B> {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was answered and logged where it happened.
            let _ = thread.join();
        }
    }
}

fn run<B: Backend>(mut backend: B, mut waiting: mpsc::Receiver<Asked<B>>, broken: &watch::Sender<Option<Arc<str>>>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    let mut callers = Vec::with_capacity(GROUP_MAX);
    while let Some((request, caller)) = waiting.blocking_recv() {
        group.push(request);
        callers.push(caller);
        while group.len() < GROUP_MAX
            && let Ok((request, caller)) = waiting.try_recv()
        {
            group.push(request);
            callers.push(caller);
        }
        let reason = match backend.commit(std::mem::take(&mut group)) {
            Ok(answers) => {
                debug_assert_eq!(answers.len(), callers.len(), "each request has its answer");
                for (caller, answer) in callers.drain(..).zip(answers) {
                    // Whoever asked may have gone; what was asked is done nevertheless.
                    let _ = caller.send(Ok(answer));
                }
                match backend.rest() {
                    Ok(()) => continue,
                    Err(Broken::ForNow(reason)) => {
                        tracing::warn!(%reason, "store could not tidy up");
                        continue;
                    }
                    Err(Broken::ForGood(reason)) => reason,
                }
            }
            Err(Broken::ForNow(reason)) => {
                tracing::error!(%reason, "store could not commit");
                refuse(callers.drain(..), &reason);
                continue;
            }
            Err(Broken::ForGood(reason)) => reason,
        };
        tracing::error!(%reason, "store stopped for good");
        broken.send_replace(Some(reason.clone()));
        // Closing the files would write to them again. They and their lock end with the process.
        std::mem::forget(backend);
        refuse(callers.drain(..), &reason);
        waiting.close();
        while let Some((_, caller)) = waiting.blocking_recv() {
            refuse([caller], &reason);
        }
        return;
    }
}

fn refuse<A>(callers: impl IntoIterator<Item = oneshot::Sender<Result<A, StoreError>>>, reason: &Arc<str>) {
    for caller in callers {
        // Whoever asked may have gone.
        let _ = caller.send(Err(StoreError::Unavailable(Arc::clone(reason))));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc as gate;

    use futures_util::future::join_all;

    use super::*;

    /// Doubles numbers; a group waits at the gate, and breaks as it is told.
    struct Scripted {
        gate: gate::Receiver<Result<(), Broken>>,
        groups: Arc<Mutex<Vec<Vec<u32>>>>,
        dropped: Arc<AtomicUsize>,
    }

    impl Backend for Scripted {
        type Request = u32;
        type Answer = u32;

        fn commit(&mut self, group: Vec<u32>) -> Result<Vec<u32>, Broken> {
            self.gate.recv().unwrap_or(Ok(()))?;
            self.groups.lock().unwrap().push(group.clone());
            Ok(group.iter().map(|number| number * 2).collect())
        }

        fn rest(&mut self) -> Result<(), Broken> {
            Ok(())
        }
    }

    impl Drop for Scripted {
        fn drop(&mut self) {
            self.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Scene {
        writer: Writer<Scripted>,
        open: gate::Sender<Result<(), Broken>>,
        groups: Arc<Mutex<Vec<Vec<u32>>>>,
        dropped: Arc<AtomicUsize>,
    }

    fn scene() -> Scene {
        let (open, gate) = gate::channel();
        let (groups, dropped) = (Arc::default(), Arc::default());
        let backend = Scripted { gate, groups: Arc::clone(&groups), dropped: Arc::clone(&dropped) };
        Scene { writer: Writer::start(backend).unwrap(), open, groups, dropped }
    }

    #[tokio::test]
    async fn what_comes_during_a_commit_goes_together_in_the_next() {
        let Scene { writer, open, groups, .. } = scene();
        // Unconstrained, so that every caller gets to the door before tokio lets anybody else run.
        let asked = tokio::task::unconstrained(join_all((0..600).map(|number| writer.ask(number))));
        let opening = async {
            // Every caller is at the door before the first group may go.
            tokio::task::yield_now().await;
            drop(open);
        };
        let (answers, ()) = tokio::join!(asked, opening);
        let answers: Vec<u32> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..600).map(|number| number * 2).collect::<Vec<_>>());
        let groups = groups.lock().unwrap();
        assert!(groups.len() <= 5, "{} groups", groups.len());
        assert!(groups.iter().all(|group| group.len() <= GROUP_MAX));
        let mut asked = groups.concat();
        asked.sort_unstable();
        assert_eq!(asked, (0..600).collect::<Vec<_>>(), "each of them once");
    }

    #[tokio::test]
    async fn what_fails_for_now_may_work_later() {
        let Scene { writer, open, .. } = scene();
        open.send(Err(Broken::ForNow("disk is full".into()))).unwrap();
        assert!(matches!(writer.ask(1).await, Err(StoreError::Unavailable(reason)) if &*reason == "disk is full"));
        open.send(Ok(())).unwrap();
        assert_eq!(writer.ask(2).await.unwrap(), 4);
        assert!(writer.is_broken().is_none());
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_is_written_again() {
        let Scene { writer, open, groups, dropped } = scene();
        open.send(Err(Broken::ForGood("fsync failed".into()))).unwrap();
        for number in 0..3 {
            assert!(
                matches!(writer.ask(number).await, Err(StoreError::Unavailable(reason)) if &*reason == "fsync failed")
            );
        }
        assert!(matches!(writer.broken().await, StoreError::Unavailable(_)));
        assert!(groups.lock().unwrap().is_empty());
        drop(writer);
        assert_eq!(dropped.load(Ordering::SeqCst), 0, "closing the files would write to them");
    }

    #[tokio::test]
    async fn dropping_the_writer_waits_for_what_was_asked() {
        let Scene { writer, open, groups, dropped } = scene();
        let gave_up = tokio::time::timeout(std::time::Duration::ZERO, writer.ask(1)).await;
        assert!(gave_up.is_err());
        drop(open);
        drop(writer);
        assert_eq!(*groups.lock().unwrap(), [[1]]);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
}
