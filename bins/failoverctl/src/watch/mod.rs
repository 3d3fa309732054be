//! Follows a job to its end. The view may end at any time; the job goes on without it.

mod screen;

use std::collections::VecDeque;
use std::time::Duration;

use failover_api::dto::{EventPage, JobDetail};
use failover_domain::{JobId, JobStatus};
use tokio::time::Instant;

use crate::cli::Output;
use crate::commands::Session;
use crate::exit::{CtlError, End};
use crate::render::watch::RECENT;
use crate::render::{self, Paint};
use screen::Screen;

/// How often the API is asked.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long the API may stay away before the view gives up: longer than a restart, an upgrade or a failed-over
/// database takes.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10 * 60);

/// Follows a job to its end, or until Ctrl-C.
pub(crate) async fn follow(session: &Session<'_>, job: &JobId) -> Result<End, CtlError> {
    let mut watch = Watch::new(session, job);
    tokio::select! {
        ended = watch.show_until_end() => ended,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            eprintln!(
                "\nThe view is ended; job {job} goes on.\n  see it again:  failoverctl jobs show {job} --watch\n  \
                 stop the job:  failoverctl jobs cancel {job}"
            );
            Ok(End::Interrupted)
        }
    }
}

struct Watch<'a> {
    session: &'a Session<'a>,
    job: &'a JobId,
    screen: Screen,
    recent: VecDeque<String>,
    /// The number of the last journal entry that was seen.
    after: u64,
    last: Option<JobDetail>,
    silent_since: Option<Instant>,
}

/// What one look at the API has shown.
struct Look {
    body: String,
    detail: JobDetail,
    lines: Vec<String>,
}

impl<'a> Watch<'a> {
    fn new(session: &'a Session<'a>, job: &'a JobId) -> Self {
        let screen = match (session.terminal.output, session.terminal.is_live) {
            (Output::Json, _) => Screen::Silent,
            (Output::Table, true) => Screen::live(),
            (Output::Table, false) => Screen::Appended,
        };
        let recent = VecDeque::with_capacity(RECENT);
        Self {
            session,
            job,
            screen,
            recent,
            after: 0,
            last: None,
            silent_since: None,
        }
    }

    async fn show_until_end(&mut self) -> Result<End, CtlError> {
        loop {
            match self.look().await {
                Ok(look) => {
                    self.silent_since = None;
                    if let Some(end) = self.show(look)? {
                        return Ok(end);
                    }
                }
                Err(error) => self.bear(error)?,
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Reads the job, then what was added to its journal: a job that is seen to have ended has its whole journal.
    async fn look(&mut self) -> Result<Look, CtlError> {
        let api = &self.session.api;
        let path = ["failover", "jobs", self.job.as_str()];
        let answer = api.get::<JobDetail>(&path, &[]).await?;
        let mut lines = Vec::new();
        loop {
            let query = [("after", self.after.to_string()), ("limit", "1000".to_owned())];
            let page = api
                .get::<EventPage>(&[&path[..], &["events"]].concat(), &query)
                .await?
                .value;
            if page.events.is_empty() {
                break;
            }
            lines.extend(
                page.events
                    .iter()
                    .map(|e| render::event::line(e, Some(&answer.value.plan))),
            );
            self.after = page.next_after;
        }
        Ok(Look {
            body: answer.body,
            detail: answer.value,
            lines,
        })
    }

    /// Shows what is new; says how it ended, once it has.
    fn show(&mut self, look: Look) -> Result<Option<End>, CtlError> {
        let paint = self.session.terminal.paint;
        self.screen.add(&look.lines, &mut self.recent)?;
        let ended = look.detail.summary.status.is_final();
        self.screen.draw(&look.detail, &self.recent, None, paint)?;
        if !ended {
            self.last = Some(look.detail);
            return Ok(None);
        }
        let summary = || format!("\n{}", render::job::summary(&look.detail, paint));
        self.session.terminal.answer(&look.body, summary)?;
        Ok(Some(if look.detail.summary.status != JobStatus::Completed {
            End::JobFailed
        } else if render::job::is_clean(&look.detail) {
            End::Done
        } else {
            End::NotClean
        }))
    }

    /// Bears with an API that is away; anything else ends the view.
    fn bear(&mut self, error: CtlError) -> Result<(), CtlError> {
        let is_away = match &error {
            CtlError::Unreachable(_) => true,
            CtlError::Problem { problem, .. } => problem.status >= 500,
            CtlError::Usage(_) | CtlError::Lookup(_) | CtlError::Output(_) => false,
        };
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        if !is_away || since.elapsed() > GIVE_UP_AFTER {
            return Err(error);
        }
        let first_line = error.to_string().lines().next().unwrap_or_default().to_owned();
        let note = format!("{first_line}; trying again, the job goes on meanwhile");
        match &self.last {
            Some(detail) => {
                self.screen
                    .draw(detail, &self.recent, Some(&note), self.session.terminal.paint)?
            }
            None => self.screen.draw_note(&note, Paint::Plain)?,
        }
        if since.elapsed() < POLL_INTERVAL {
            self.screen.append_note(&note)?;
        }
        Ok(())
    }
}
