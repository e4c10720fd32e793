//! The posts of webhooks, as they are kept: by look-up, sixteen digits of the version and what is sealed.

use async_trait::async_trait;

use super::super::cipher::Lookup;
use super::super::record;
use super::super::sealed::Cipher;
use super::keys::{self, Of};
use super::scripts::KEEP;
use super::{Redis, SCHEMA, reads};
use crate::domain::PracticeId;
use crate::ports::{KeepError, Post, Posts, StoreError, Version, WebhookKey};

/// Digits of a version.
const VERSION_DIGITS: usize = 16;

impl Redis {
    /// Writes or, with nothing, removes. Whether it was as expected.
    async fn keep_sealed(
        &self,
        practice: &PracticeId,
        look_up: Lookup,
        expected: Version,
        sealed: Vec<u8>,
    ) -> Result<bool, StoreError> {
        self.register(practice).await?;
        let (posts, totals, store) = (Of(practice).posts(), Of(practice).totals(), &self.store);
        let kept: u8 = self
            .line
            .ask(|mut wire| async move {
                let mut script = KEEP.key(posts);
                script.key(totals).arg(store).arg(SCHEMA).arg(keys::hex(look_up)).arg(expected.0).arg(sealed);
                script.invoke_async(&mut wire).await
            })
            .await?;
        Ok(kept == 1)
    }
}

#[async_trait]
impl Posts for Redis {
    async fn post(&self, key: &WebhookKey) -> Result<Option<(Post, Version)>, StoreError> {
        let look_up = self.cipher.lookups.post(key);
        let posts = Of(&key.practice).posts();
        let written: Option<Vec<u8>> = self
            .line
            .ask(|mut wire| async move {
                redis::cmd("HGET").arg(posts).arg(keys::hex(look_up)).query_async(&mut wire).await
            })
            .await?;
        let opened = written.map(|written| open(&self.cipher, look_up, &written)).transpose()?;
        Ok(opened.map(|(_, post, version)| (post, version)))
    }

    async fn keep(&self, key: &WebhookKey, expected: Version, post: &Post) -> Result<Version, KeepError> {
        let look_up = self.cipher.lookups.post(key);
        let next = Version(expected.0 + 1);
        let sealed = self.cipher.ring.seal(&Cipher::post(look_up, next.0), &record::write_post(key, post));
        match self.keep_sealed(&key.practice, look_up, expected, sealed).await? {
            true => Ok(next),
            false => Err(KeepError::Conflict { expected }),
        }
    }

    async fn forget(&self, key: &WebhookKey) -> Result<(), StoreError> {
        let look_up = self.cipher.lookups.post(key);
        self.keep_sealed(&key.practice, look_up, Version(0), Vec::new()).await.map(drop)
    }
}

/// A post from what is written under its look-up.
pub fn open(cipher: &Cipher, look_up: Lookup, written: &[u8]) -> Result<(WebhookKey, Post, Version), StoreError> {
    let whole = written.split_at_checked(VERSION_DIGITS);
    let (version, sealed) = whole.ok_or_else(|| reads::unreadable("a post is not whole"))?;
    let version: u64 = reads::number(version)?;
    let (key, post) = record::read_post(&cipher.open(&Cipher::post(look_up, version), sealed)?)?;
    Ok((key, post, Version(version)))
}
