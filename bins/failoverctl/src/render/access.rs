//! Tokens and the audit.

use failover_access::{AuditHead, AuditRow, ChainBreak};
use failover_api::dto::{AuditPage, TokenCreated, TokenList, TokenView};

use super::event::word;
use super::{figures, or_dash, table};

/// A token that was just made, with its secret.
pub(crate) fn created(created: &TokenCreated) -> String {
    let token = &created.token;
    let until = token.expires_at.map(figures::instant);
    let vms = match token.vms.only() {
        None => "all source VMs".to_owned(),
        Some(vms) => figures::count(vms.len(), "source VM"),
    };
    format!(
        "Token {} ({}) is made: {}, {vms}, {}.\nThis is its secret. It is shown now and never again:\n\n  {}\n",
        token.name,
        token.id,
        token.role,
        until.map_or_else(|| "without an end".to_owned(), |until| format!("until {until}")),
        created.secret
    )
}

/// All tokens.
pub(crate) fn tokens(list: &TokenList) -> String {
    if list.tokens.is_empty() {
        return "no tokens; make one: failoverctl token create NAME --role ROLE\n".to_owned();
    }
    let row = |view: &TokenView| {
        let token = &view.token;
        [
            token.name.to_string(),
            token.id.to_string(),
            token.prefix.clone(),
            token.role.to_string(),
            token
                .vms
                .only()
                .map_or_else(|| "all".to_owned(), |vms| vms.len().to_string()),
            word(&view.status),
            or_dash(token.expires_at.map(figures::instant)),
            or_dash(token.last_used_at.map(figures::instant)),
            token.created_by.clone(),
        ]
    };
    let header = [
        "NAME",
        "TOKEN ID",
        "BEGINS WITH",
        "ROLE",
        "VMS",
        "STATUS",
        "EXPIRES",
        "LAST USED",
        "MADE BY",
    ];
    table(0, header, list.tokens.iter().map(row))
}

/// A page of the audit.
pub(crate) fn rows(page: &AuditPage) -> String {
    let row = |row: &AuditRow| {
        [
            row.seq.to_string(),
            figures::instant(row.at),
            row.actor.clone(),
            row.action.clone(),
            row.object.clone(),
            row.reason.clone(),
        ]
    };
    let header = ["ROW", "AT", "WHO", "WHAT", "OBJECT", "WHY"];
    let mut text = table(0, header, page.entries.iter().map(row));
    if let Some(cursor) = page.next_cursor {
        text += &format!("There are more: failoverctl audit --cursor {cursor}\n");
    }
    text
}

/// What a check of the audit has found.
pub(crate) fn verdict(last: &AuditHead, broken: Option<&ChainBreak>) -> String {
    match broken {
        None => format!(
            "The audit is whole: {}. Note its end where nobody who can write to the database can change it, and give it \
             to the next check:\n  failoverctl audit verify --head {}:{}\n",
            figures::count(usize::try_from(last.seq).unwrap_or(usize::MAX), "row"),
            last.seq,
            last.hash
        ),
        Some(broken) => format!(
            "THE AUDIT WAS CHANGED: {broken}.\nRows 1 to {} fit. Compare the rest with an export or a backup.\n",
            last.seq
        ),
    }
}
