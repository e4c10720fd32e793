//! The templates of a practice.

use std::sync::Arc;

use super::{Over, Put, Records, RecordsError, finished};
use crate::domain::{PracticeId, Template, TemplateId};
use crate::ports::{Record, RecordKey};

/// Templates of one practice: more than staff look through, and few enough to be listed whole. Two daemons that add the last
/// one at the same moment may both do so.
pub const TEMPLATES_MAX: usize = 200;

impl Records {
    pub fn template(&self, practice: &PracticeId, id: &TemplateId) -> Option<Template> {
        self.read().templates.get(practice)?.get(id).cloned()
    }

    /// The templates of a practice, by their names.
    pub fn templates(&self, practice: &PracticeId) -> Vec<Template> {
        let mut templates: Vec<Template> =
            self.read().templates.get(practice).into_iter().flat_map(|known| known.values().cloned()).collect();
        templates.sort_by_cached_key(|template| (super::search::fold(&template.name), template.id.clone()));
        templates
    }

    pub async fn put_template(
        self: &Arc<Self>,
        practice: &PracticeId,
        template: Template,
        over: Over,
    ) -> Result<Put, RecordsError> {
        let (records, practice) = (Arc::clone(self), practice.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            records.practice(&practice).ok_or(RecordsError::UnknownPractice)?;
            let found = records.find(over, &RecordKey::Template(practice.clone(), template.id.clone())).await?;
            let known = records.template(&practice, &template.id);
            let count = records.read().templates.get(&practice).map_or(0, |known| known.len());
            if known.is_none() && count >= TEMPLATES_MAX {
                return Err(RecordsError::TooManyTemplates);
            }
            records.write_down(&mut memory, found, Record::Template(practice, template)).await?;
            Ok(if known.is_some() { Put::Changed } else { Put::Created })
        })
        .await
    }

    pub async fn remove_template(
        self: &Arc<Self>,
        practice: &PracticeId,
        id: &TemplateId,
        over: Over,
    ) -> Result<(), RecordsError> {
        let (records, key) = (Arc::clone(self), RecordKey::Template(practice.clone(), id.clone()));
        let id = id.clone();
        finished(async move {
            let mut memory = records.begin().await?;
            records.template(key.practice(), &id).ok_or(RecordsError::UnknownTemplate)?;
            records.find(over, &key).await?;
            records.strike_out(&mut memory, &key).await
        })
        .await
    }
}
