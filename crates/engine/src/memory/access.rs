//! Tokens and the audit in memory.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_access::{
    Actor, ApiToken, AuditEntry, AuditHead, AuditRow, NewToken, Revocation, StoredToken, TokenId,
    TokenPrefix, Tokens, TokensError, create_token_entry, revoke_token_entry,
};

use super::{MemoryStore, Tables};
use crate::ports::{AuditFilter, AuditOrder, AuditTrail, StoreError};

impl Tables {
    /// Writes the row of a change. Nobody sees the tables before the change is made, too.
    pub(super) fn note(&mut self, at: DateTime<Utc>, entry: &AuditEntry) {
        let row = AuditRow::after(&self.audit_head(), at, entry);
        self.audit.push(row);
    }

    fn audit_head(&self) -> AuditHead {
        self.audit.last().map_or_else(AuditHead::start, AuditRow::head)
    }
}

#[async_trait]
impl AuditTrail for MemoryStore {
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let tables = self.tables();
        let mut rows: Vec<AuditRow> = tables
            .audit
            .iter()
            .filter(|row| filter.holds_for(row))
            .cloned()
            .collect();
        match filter.order {
            AuditOrder::NewestFirst => rows.reverse(),
            AuditOrder::OldestFirst => {}
        }
        rows.truncate(filter.limit);
        Ok(rows)
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(self.tables().audit_head())
    }
}

#[async_trait]
impl Tokens for MemoryStore {
    async fn create_token(&self, token: &NewToken, by: &Actor) -> Result<ApiToken, TokensError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut others = tables.tokens.iter().filter(|t| t.token.revoked_at.is_none());
        if others.any(|other| other.token.name == token.name) {
            return Err(TokensError::NameTaken(token.name.clone()));
        }
        let made = token.made_by(by);
        tables.tokens.push(StoredToken {
            token: made.clone(),
            hash: token.hash.clone(),
        });
        tables.note(now, &create_token_entry(&made, by));
        Ok(made)
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, TokensError> {
        let mut tokens: Vec<ApiToken> = self.tables().tokens.iter().map(|t| t.token.clone()).collect();
        tokens.sort_by_key(|token| (token.created_at, token.id));
        Ok(tokens)
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        at: DateTime<Utc>,
        by: &Actor,
    ) -> Result<Revocation, TokensError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let Some(found) = tables.tokens.iter_mut().find(|t| t.token.id == *id) else {
            return Ok(Revocation::NoSuchToken);
        };
        if found.token.revoked_at.is_some() {
            return Ok(Revocation::Already);
        }
        found.token.revoked_at = Some(at);
        let entry = revoke_token_entry(&found.token, by);
        tables.note(now, &entry);
        Ok(Revocation::Revoked)
    }

    async fn token_of_prefix(&self, prefix: &TokenPrefix) -> Result<Option<StoredToken>, TokensError> {
        let tables = self.tables();
        let mut tokens = tables.tokens.iter();
        Ok(tokens.find(|t| t.token.prefix == prefix.as_str()).cloned())
    }

    async fn note_use(&self, id: &TokenId, at: DateTime<Utc>) -> Result<(), TokensError> {
        let mut tables = self.tables();
        let found = tables.tokens.iter_mut().find(|t| t.token.id == *id);
        let long_ago = |last: DateTime<Utc>| last <= at - TimeDelta::minutes(1);
        if let Some(found) = found.filter(|t| t.token.last_used_at.is_none_or(long_ago)) {
            found.token.last_used_at = Some(at);
        }
        Ok(())
    }
}
