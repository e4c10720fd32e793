//! Where the audit is kept.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::PracticeId;
use crate::domain::audit::Audited;

/// The place of an entry in the audit of its practice, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPlace(pub u64);

/// The audit of every practice. What is entered stays: there is no call that changes or removes it.
#[async_trait]
pub trait Audits: Send + Sync + 'static {
    /// Enters what was done behind everything that was entered before.
    async fn enter(&self, entry: Audited) -> Result<(), StoreError>;

    /// Entries of a practice after a place, in the order in which they were entered.
    async fn audited(
        &self,
        practice: &PracticeId,
        after: AuditPlace,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, Audited)>, StoreError>;
}
