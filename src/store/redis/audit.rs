//! The audit on Redis: a list of sealed entries, each pushed by one script. A daemon seals their places, as it does with the
//! evidence ledger.

use async_trait::async_trait;

use super::super::ledger::AuditLine;
use super::keys::Of;
use super::scripts::ENTER;
use super::{Redis, SCHEMA};
use crate::domain::PracticeId;
use crate::domain::audit::Audited;
use crate::ports::{AuditPlace, Audits, StoreError};

#[async_trait]
impl Audits for Redis {
    async fn enter(&self, entry: Audited) -> Result<(), StoreError> {
        let practice = &entry.practice;
        self.register(practice).await?;
        let (of, store, AuditLine(sealed)) = (Of(practice), &self.store, AuditLine::of(&self.cipher, &entry));
        let (audit, totals) = (of.audit(), of.totals());
        self.line
            .ask(|mut wire| async move {
                ENTER.key(audit).key(totals).arg(store).arg(SCHEMA).arg(sealed).invoke_async::<()>(&mut wire).await
            })
            .await?;
        self.unsealed.note(practice);
        Ok(())
    }

    async fn audited(
        &self,
        practice: &PracticeId,
        after: AuditPlace,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, Audited)>, StoreError> {
        let Some(more) = i64::try_from(limit).unwrap_or(i64::MAX).checked_sub(1).filter(|more| *more >= 0) else {
            return Ok(Vec::new());
        };
        let first = i64::try_from(after.0).unwrap_or(i64::MAX);
        let (audit, last) = (Of(practice).audit(), first.saturating_add(more));
        let lines: Vec<Vec<u8>> =
            self.line
                .ask(|mut wire| async move {
                    redis::cmd("LRANGE").arg(audit).arg(first).arg(last).query_async(&mut wire).await
                })
                .await?;
        let placed = (after.0 + 1..).map(AuditPlace).zip(lines);
        placed.map(|(place, line)| Ok((place, AuditLine(line).open(&self.cipher, practice)?))).collect()
    }
}
