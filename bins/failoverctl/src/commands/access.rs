//! `token` and `audit`.

use failover_access::{AuditHead, ChainBreak, ChainCheck, Role, TokenId, TokenName};
use failover_api::dto::{AuditPage, TokenCreated, TokenList, TokenRequest, TokenStatus};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, lookup};
use crate::cli::{AuditArgs, AuditCommand, AuditFilterArgs, AuditListArgs, Output, TokenCommand};
use crate::exit::{CtlError, End};
use crate::render;

/// How many rows are asked for at once.
const PAGE: &str = "500";

pub(super) async fn token(session: &Session<'_>, command: TokenCommand) -> Result<End, CtlError> {
    match command {
        TokenCommand::Create {
            name,
            role,
            expires_in,
            vm,
        } => create(session, name, role, expires_in, &vm).await,
        TokenCommand::List => list_tokens(session).await,
        TokenCommand::Revoke { token } => revoke(session, &token).await,
    }
}

async fn create(
    session: &Session<'_>,
    name: TokenName,
    role: Role,
    expires_in: Option<String>,
    vms: &[String],
) -> Result<End, CtlError> {
    let mut ids = Vec::with_capacity(vms.len());
    for vm in vms {
        ids.push(lookup::vm(session, vm).await?.id);
    }
    let request = TokenRequest {
        name,
        role,
        expires_in,
        vms: (!ids.is_empty()).then(|| ids.into_iter().collect()),
    };
    let answer = session
        .api
        .send::<TokenCreated>(Method::POST, &["tokens"], &[], &request)
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::access::created(&answer.value))?;
    Ok(End::Done)
}

async fn list_tokens(session: &Session<'_>) -> Result<End, CtlError> {
    let answer = session.api.get::<TokenList>(&["tokens"], &[]).await?;
    session
        .terminal
        .answer(&answer.body, || render::access::tokens(&answer.value))?;
    Ok(End::Done)
}

async fn revoke(session: &Session<'_>, wanted: &str) -> Result<End, CtlError> {
    let id = match wanted.parse::<TokenId>() {
        Ok(id) => id,
        Err(_) => named(session, wanted).await?,
    };
    let body = session.api.delete(&["tokens", &id.to_string()], &[]).await?;
    session.terminal.answer(&body, || {
        format!("The token {wanted} is revoked: it is worth nothing any more.")
    })?;
    Ok(End::Done)
}

/// The token of a name. Revoked ones may have the same.
async fn named(session: &Session<'_>, wanted: &str) -> Result<TokenId, CtlError> {
    let answer = session.api.get::<TokenList>(&["tokens"], &[]).await?;
    let mut tokens = answer.value.tokens.into_iter();
    let found = tokens.find(|view| view.token.name.as_str() == wanted && view.status != TokenStatus::Revoked);
    found.map(|view| view.token.id).ok_or_else(|| {
        CtlError::Lookup(format!(
            "no token that is not revoked is called {wanted:?}; see `failoverctl token list`"
        ))
    })
}

pub(super) async fn audit(session: &Session<'_>, args: AuditArgs) -> Result<End, CtlError> {
    match args.command {
        None => list_rows(session, args.list).await,
        Some(AuditCommand::List(list)) => list_rows(session, list).await,
        Some(AuditCommand::Export(filter)) => export(session, filter).await,
        Some(AuditCommand::Verify { head }) => verify(session, head).await,
    }
}

async fn list_rows(session: &Session<'_>, args: AuditListArgs) -> Result<End, CtlError> {
    let mut query = filter(session, args.filter).await?;
    query.push(("limit", args.limit.to_string()));
    query.extend(args.cursor.map(|cursor| ("cursor", cursor.to_string())));
    let answer = session.api.get::<AuditPage>(&["audit"], &query).await?;
    session
        .terminal
        .answer(&answer.body, || render::access::rows(&answer.value))?;
    Ok(End::Done)
}

async fn filter(
    session: &Session<'_>,
    args: AuditFilterArgs,
) -> Result<Vec<(&'static str, String)>, CtlError> {
    let mut query = Vec::new();
    if let Some(vm) = &args.vm {
        query.push(("vm_id", lookup::vm(session, vm).await?.id.to_string()));
    }
    for (name, value) in [
        ("actor", args.actor),
        ("action", args.action),
        ("since", args.since),
        ("until", args.until),
    ] {
        query.extend(value.map(|value| (name, value)));
    }
    Ok(query)
}

/// A page whose rows are printed as they came, with fields that this version does not know.
#[derive(Debug, Deserialize)]
struct RawPage {
    entries: Vec<Value>,
    next_cursor: Option<u64>,
}

async fn export(session: &Session<'_>, args: AuditFilterArgs) -> Result<End, CtlError> {
    let filter = filter(session, args).await?;
    let mut cursor = 0;
    loop {
        let mut query = filter.clone();
        query.extend(page_after(cursor));
        let page = session.api.get::<RawPage>(&["audit"], &query).await?.value;
        let lines: Vec<String> = page.entries.iter().map(Value::to_string).collect();
        if !lines.is_empty() {
            session.terminal.print(&lines.join("\n"))?;
        }
        match page.next_cursor {
            Some(next) => cursor = next,
            None => return Ok(End::Done),
        }
    }
}

fn page_after(cursor: u64) -> [(&'static str, String); 3] {
    [
        ("order", "oldest_first".to_owned()),
        ("limit", PAGE.to_owned()),
        ("cursor", cursor.to_string()),
    ]
}

/// Reads every row from the first one on and makes the chain again, here and not where the rows are kept.
async fn verify(session: &Session<'_>, noted: Option<AuditHead>) -> Result<End, CtlError> {
    let mut check = ChainCheck::default();
    let verdict = loop {
        let query = page_after(check.last().seq);
        let page = session.api.get::<AuditPage>(&["audit"], &query).await?.value;
        if page.entries.is_empty() {
            break check.end(&page.head);
        }
        if let Err(broken) = page.entries.iter().try_for_each(|row| {
            check.follow(row)?;
            held_against(noted.as_ref(), check.last())
        }) {
            break Err(broken);
        }
    };
    let verdict = verdict.and_then(|()| noted.map_or(Ok(()), |noted| reached(&noted, check.last())));
    tell(session, check.last(), verdict.as_ref().err())?;
    Ok(match verdict {
        Ok(()) => End::Done,
        Err(_) => End::ChainBroken,
    })
}

/// A row with the number that was noted has the hash that was noted.
fn held_against(noted: Option<&AuditHead>, row: &AuditHead) -> Result<(), ChainBreak> {
    match noted {
        Some(noted) if noted.seq == row.seq && noted.hash != row.hash => {
            Err(ChainBreak::Changed { seq: row.seq })
        }
        Some(_) | None => Ok(()),
    }
}

/// The audit is at least as long as it was.
fn reached(noted: &AuditHead, last: &AuditHead) -> Result<(), ChainBreak> {
    if noted.seq <= last.seq {
        return Ok(());
    }
    Err(ChainBreak::Cut {
        seq: last.seq + 1,
        last: noted.seq,
    })
}

fn tell(session: &Session<'_>, last: &AuditHead, broken: Option<&ChainBreak>) -> Result<(), CtlError> {
    match session.terminal.output {
        Output::Json => {
            let broken = broken.map(|broken| json!({"seq": broken.seq(), "detail": broken.to_string()}));
            let verdict = json!({"is_whole": broken.is_none(), "last": last, "broken": broken});
            session.terminal.print(&verdict.to_string())
        }
        Output::Table => session.terminal.print(&render::access::verdict(last, broken)),
    }
}
