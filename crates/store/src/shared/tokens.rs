//! [`Tokens`] on a database. Making and revoking commit together with their row of the audit.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_access::{
    Actor, ApiToken, NewToken, Revocation, StoredToken, TokenHash, TokenId, TokenPrefix, Tokens, TokensError,
    VmScope, create_token_entry, revoke_token_entry,
};
use failover_engine::ports::StoreError;

use super::audit::append;
use super::database::{Database, OrStoreError};
use super::dialect::Conn;
use super::schema::api_tokens;
use crate::row::{RowId, stored_text};
use crate::tx::Abort;
use crate::types::{JsonText, Ts};

/// A row of `api_tokens`.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_tokens)]
struct TokenRow {
    id: String,
    name: String,
    prefix: String,
    hash: String,
    role: String,
    vms: Option<JsonText>,
    created_at: Ts,
    created_by: String,
    expires_at: Option<Ts>,
    revoked_at: Option<Ts>,
    last_used_at: Option<Ts>,
}
impl TokenRow {
    fn new(token: &NewToken, by: &Actor) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.to_string(),
            prefix: token.prefix.to_string(),
            hash: token.hash.to_stored(),
            role: token.role.as_str().to_owned(),
            vms: token.vms.only().map(JsonText::of),
            created_at: token.created_at.into(),
            created_by: stored_text(&by.name),
            expires_at: token.expires_at.map(Ts::from),
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn into_stored(self) -> Result<StoredToken, StoreError> {
        let row = RowId {
            table: "api_tokens",
            id: &self.id,
        };
        // The value stays out of the message: it is nobody's business.
        let hash = TokenHash::from_stored(&self.hash);
        let hash = hash.ok_or_else(|| row.corrupt("hash", "it is not 64 hexadecimal digits"))?;
        let vms = self.vms.as_ref().map(|vms| row.json("vms", vms)).transpose()?;
        let token = ApiToken {
            id: row.parse("id", &self.id)?,
            name: row.parse("name", &self.name)?,
            role: row.parse("role", &self.role)?,
            vms: VmScope::from(vms),
            created_at: self.created_at.instant(),
            expires_at: self.expires_at.map(Ts::instant),
            revoked_at: self.revoked_at.map(Ts::instant),
            last_used_at: self.last_used_at.map(Ts::instant),
            prefix: self.prefix,
            created_by: self.created_by,
        };
        Ok(StoredToken { token, hash })
    }
}

#[async_trait]
impl Tokens for Database {
    async fn create_token(&self, token: &NewToken, by: &Actor) -> Result<ApiToken, TokensError> {
        let now = self.now();
        self.write("api_tokens", async |c: &mut Conn| {
            let row: Option<TokenRow> = diesel::insert_into(api_tokens::table)
                .values(TokenRow::new(token, by))
                .on_conflict_do_nothing()
                .returning(TokenRow::as_returning())
                .get_result(c)
                .await
                .optional()?;
            let Some(row) = row else {
                return Err(Abort::Refused(taken(c, token).await?));
            };
            let made = row.into_stored().map_err(|e| Abort::Refused(e.into()))?.token;
            append(c, now, &create_token_entry(&made, by)).await?;
            Ok::<_, Abort<TokensError>>(made)
        })
        .await
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, TokensError> {
        let mut c = self.reader().await?;
        let rows: Vec<TokenRow> = api_tokens::table
            .order((api_tokens::created_at, api_tokens::id))
            .select(TokenRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("api_tokens")?;
        let token = |row: TokenRow| Ok(row.into_stored()?.token);
        rows.into_iter().map(token).collect()
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        at: DateTime<Utc>,
        by: &Actor,
    ) -> Result<Revocation, TokensError> {
        let now = self.now();
        self.write("api_tokens", async |c: &mut Conn| {
            let token = api_tokens::table.find(id.to_string());
            let row: Option<TokenRow> =
                diesel::update(token.clone().filter(api_tokens::revoked_at.is_null()))
                    .set(api_tokens::revoked_at.eq(Ts::from(at)))
                    .returning(TokenRow::as_returning())
                    .get_result(c)
                    .await
                    .optional()?;
            let Some(row) = row else {
                let found: Option<String> = token.select(api_tokens::id).first(c).await.optional()?;
                return Ok(found.map_or(Revocation::NoSuchToken, |_| Revocation::Already));
            };
            let revoked = row.into_stored().map_err(|e| Abort::Refused(e.into()))?.token;
            append(c, now, &revoke_token_entry(&revoked, by)).await?;
            Ok::<_, Abort<TokensError>>(Revocation::Revoked)
        })
        .await
    }

    async fn token_of_prefix(&self, prefix: &TokenPrefix) -> Result<Option<StoredToken>, TokensError> {
        let mut c = self.reader().await?;
        let row: Option<TokenRow> = api_tokens::table
            .filter(api_tokens::prefix.eq(prefix.as_str()))
            .select(TokenRow::as_select())
            .first(&mut c)
            .await
            .optional()
            .or_store_error("api_tokens")?;
        Ok(row.map(TokenRow::into_stored).transpose()?)
    }

    async fn note_use(&self, id: &TokenId, at: DateTime<Utc>) -> Result<(), TokensError> {
        self.write("api_tokens", async |c: &mut Conn| {
            let long_ago = Ts::from(at - TimeDelta::minutes(1));
            let unused = api_tokens::last_used_at
                .is_null()
                .or(api_tokens::last_used_at.le(long_ago).assume_not_null());
            // No row is no failure: a use was noted just now, or somebody has removed the token.
            diesel::update(api_tokens::table.find(id.to_string()).filter(unused))
                .set(api_tokens::last_used_at.eq(Ts::from(at)))
                .execute(c)
                .await?;
            Ok::<_, Abort<TokensError>>(())
        })
        .await
    }
}

/// Why a token could not be inserted.
async fn taken(c: &mut Conn, token: &NewToken) -> QueryResult<TokensError> {
    let name: Option<String> = api_tokens::table
        .filter(api_tokens::name.eq(token.name.as_str()))
        .filter(api_tokens::revoked_at.is_null())
        .select(api_tokens::name)
        .first(c)
        .await
        .optional()?;
    Ok(match name {
        Some(_) => TokensError::NameTaken(token.name.clone()),
        None => TokensError::Broken(format!(
            "another token has the id {} or the prefix {}; try again",
            token.id, token.prefix
        )),
    })
}
