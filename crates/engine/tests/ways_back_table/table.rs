//! The table as Markdown.

use std::fmt::Write;

use failover_domain::StrategyRequest;
use failover_engine::plan::StepKind;

use crate::run::{LASTS, Plan, Row};

const HEAD: &str = "# Every way back, tried

For each step of each plan: a failure there, and for each step of the way back that follows, a second failure that lasts
for LASTS minutes until somebody mends it. One row is one run of the engine against the simulated cloud on virtual time,
with a VM of three disks; where a step comes once a disk, disk 1 stands for all. `cargo xtask ways-back` runs them all and
compares; `cargo xtask ways-back --write` renews this page.

While the second failure lasts, nothing is given up: the engine goes on trying and tells people. \"Left\" is what the ledger
still holds and what differs between the inventories of the cloud before and after. Stops fail gracefully and by force here
until the host answers again. A host that stays away leaves a VM that is stopped by force, and its replicas return in
quarantine ([test-failover.md](test-failover.md)).
";

pub(crate) fn render(sections: &[(Plan, Vec<Row>)]) -> String {
    let mut page = HEAD.replace("LASTS", &(LASTS.as_secs() / 60).to_string());
    for (plan, rows) in sections {
        let (title, none) = title(*plan);
        let _ = write!(
            page,
            "\n## {title}\n\n{} runs.\n\n\
             | fails on the way there | fails on the way back too | meanwhile: replicas | meanwhile: attention | job ends | \
             replicas then | left | attention then |\n|---|---|---|---|---|---|---|---|\n",
            rows.len()
        );
        for row in rows {
            let name = |kind: Option<StepKind>, none: &str| {
                kind.map_or(none.to_owned(), |k| format!("`{}`", k.name()))
            };
            let (custody, attention) = row.meanwhile.as_ref().map_or(("", ""), |(c, a)| (c, a));
            let _ = writeln!(
                page,
                "| {} | {} | {custody} | {attention} | {} | {} | {} | {} |",
                name(row.there, none),
                name(row.back, "nothing"),
                row.end,
                row.custody,
                row.left,
                row.attention
            );
        }
    }
    page
}

fn title(plan: Plan) -> (&'static str, &'static str) {
    match plan {
        Plan::Live => ("Live failover", ""),
        Plan::Test(StrategyRequest::VmSnapshot) => {
            ("Test failover with a VM snapshot", "nothing: the window is over")
        }
        Plan::Test(StrategyRequest::VolumeSnapshots | StrategyRequest::Auto) => (
            "Test failover with volume snapshots",
            "nothing: the window is over",
        ),
        Plan::Rollback => (
            "Rollback of a completed live failover",
            "nothing: it was completed",
        ),
    }
}
