//! What staff look at: threads, the list of conversations, what is unread, and the feed of what happens.

mod expected;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::conversations::{Change, Directory};
use crate::domain::note::Note;
use crate::domain::{Conversation, ConversationKey, Message, MessageId, OtherDaemons, PracticeId, Seq};
use crate::ports::{
    InboxCursor, InboxFilter, InboxRow, Occurrence, OccurrenceId, Occurrences, Store, StoreError, Typing, Unread,
};

/// Occurrences that are read from the store at once.
const FEED_PAGE: usize = 100;
/// How often a feed looks by itself, where other daemons write too and news of them may be lost.
const FEED_LOOKS_AGAIN: Duration = Duration::from_secs(10);

/// Parts of the inbox that one page is looked for in. Whoever wants more asks for the next page.
const PARTS_MAX: usize = 10;
/// Conversations that are read at once where not every one is kept.
const PART: usize = 100;

/// Reads what the conversations have written.
pub struct Inbox {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
}

/// A part of a list, and where the next part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    pub items: Vec<T>,
    pub next: Option<C>,
}

/// One thing that the feed tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Occurred(Occurrence),
    /// Somebody is writing, until then. It has no place in the stream.
    Typing {
        typing: Typing,
        until: Timestamp,
    },
    /// What was missed is not kept any more: whoever listens has to look at everything again. The feed goes on from here.
    Reset(OccurrenceId),
}

impl Inbox {
    pub fn new(store: Arc<dyn Store>, directory: Arc<Directory>) -> Arc<Self> {
        Arc::new(Self { store, directory })
    }

    /// Messages of a conversation, newest first.
    pub async fn thread(
        &self,
        key: &ConversationKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Page<Message, Seq>, StoreError> {
        let items = self.store.thread(key, before, limit + 1).await?;
        Ok(page(items, limit, |message| message.id.seq))
    }

    /// The message at a place of a conversation.
    pub async fn message_at(&self, key: &ConversationKey, seq: Seq) -> Result<Option<Message>, StoreError> {
        let found = self.store.thread(key, Some(seq.next()), 1).await?;
        Ok(found.into_iter().find(|message| message.id.seq == seq))
    }

    pub async fn message(&self, key: &ConversationKey, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.store.message(key, id).await
    }

    /// A conversation as it stands; `None` while nothing has happened in it.
    pub async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        Ok(self.store.load(key).await?.map(|stored| stored.conversation))
    }

    /// Conversations of a practice, those first in which something was said last: of those that the store finds, the ones
    /// that are to be kept. Where few are, a page may have fewer than were asked for, and more pages after it.
    pub async fn conversations(
        &self,
        practice: &PracticeId,
        filter: &InboxFilter,
        keep: impl Fn(&InboxRow) -> bool,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<Page<InboxRow, InboxCursor>, StoreError> {
        let (mut items, mut before) = (Vec::new(), before);
        for _ in 0..PARTS_MAX {
            let wanted = (limit + 1).max(if items.is_empty() { 0 } else { PART });
            let part = self.store.inbox(practice, filter, before, wanted).await?;
            before = match part.rows.last() {
                Some(last) if part.rows.len() == wanted => Some(last.cursor),
                Some(_) | None => part.cut_at,
            };
            items.extend(part.rows.into_iter().filter(&keep));
            if items.len() > limit {
                return Ok(page(items, limit, |row| row.cursor));
            }
            if before.is_none() {
                break;
            }
        }
        Ok(Page { items, next: before })
    }

    /// Notes of a conversation, newest first.
    pub async fn notes(
        &self,
        key: &ConversationKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Note, u64>, StoreError> {
        let items = self.store.notes(key, before, limit + 1).await?;
        Ok(page(items, limit, |note| note.id.number))
    }

    /// The note of a number.
    pub async fn note(&self, key: &ConversationKey, number: u64) -> Result<Option<Note>, StoreError> {
        let found = self.store.notes(key, Some(number.saturating_add(1)), 1).await?;
        Ok(found.into_iter().find(|note| note.id.number == number))
    }

    pub async fn unread(&self, practice: &PracticeId) -> Result<Unread, StoreError> {
        self.store.unread(practice).await
    }

    /// Where a feed that begins at this moment begins.
    pub async fn newest(&self, practice: &PracticeId) -> Result<OccurrenceId, StoreError> {
        self.store.newest_occurrence(practice).await
    }

    /// What happens in a practice after a place in the stream: everything, in order, once.
    pub fn feed(
        self: &Arc<Self>,
        practice: PracticeId,
        after: OccurrenceId,
    ) -> impl Stream<Item = Result<Told, StoreError>> + Send + use<> {
        // Listening begins before the first look, so that nothing falls in between.
        let changes = self.directory.changes();
        let feed = Feed { inbox: Arc::clone(self), practice, after, changes, read: Vec::new() };
        stream::unfold(Some(feed), |feed| async {
            let mut feed = feed?;
            match feed.next().await {
                Ok(Some(told)) => Some((Ok(told), Some(feed))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// Cuts a list that was read one item too far.
fn page<T, C>(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> C) -> Page<T, C> {
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(cursor);
    Page { items, next }
}

/// One listener's way through the stream of a practice.
struct Feed {
    inbox: Arc<Inbox>,
    practice: PracticeId,
    after: OccurrenceId,
    changes: broadcast::Receiver<Change>,
    /// Read and not told yet, the next one last.
    read: Vec<Occurrence>,
}

impl Feed {
    /// `None` when nothing will happen any more.
    async fn next(&mut self) -> Result<Option<Told>, StoreError> {
        loop {
            if let Some(occurrence) = self.read.pop() {
                self.after = occurrence.id;
                return Ok(Some(Told::Occurred(occurrence)));
            }
            match self.inbox.store.occurrences(&self.practice, self.after, FEED_PAGE).await? {
                Occurrences::Gone => {
                    self.after = self.inbox.newest(&self.practice).await?;
                    return Ok(Some(Told::Reset(self.after)));
                }
                Occurrences::Page(page) if page.is_empty() => match self.something_changes().await {
                    Woken::ToLook => {}
                    Woken::Typing { typing, until } => return Ok(Some(Told::Typing { typing, until })),
                    Woken::Never => return Ok(None),
                },
                Occurrences::Page(page) => self.read = page.into_iter().rev().collect(),
            }
        }
    }

    /// Waits until there may be more to read, or there is something to tell that nobody wrote down.
    async fn something_changes(&mut self) -> Woken {
        let look_again = async {
            match self.inbox.store.other_daemons() {
                OtherDaemons::Impossible => std::future::pending().await,
                OtherDaemons::Possible { .. } => tokio::time::sleep(FEED_LOOKS_AGAIN).await,
            }
        };
        let told = async {
            loop {
                match self.changes.recv().await {
                    Ok(Change::In(practice)) if practice == self.practice => return Woken::ToLook,
                    Ok(Change::Typing { typing, until }) if typing.key.practice == self.practice => {
                        return Woken::Typing { typing, until };
                    }
                    Ok(Change::In(_) | Change::Typing { .. }) => {}
                    Ok(Change::Anywhere) | Err(RecvError::Lagged(_)) => return Woken::ToLook,
                    Err(RecvError::Closed) => return Woken::Never,
                }
            }
        };
        tokio::select! {
            told = told => told,
            () = look_again => Woken::ToLook,
        }
    }
}

/// Why a feed goes on.
enum Woken {
    ToLook,
    Typing {
        typing: Typing,
        until: Timestamp,
    },
    /// Nothing will happen any more.
    Never,
}
