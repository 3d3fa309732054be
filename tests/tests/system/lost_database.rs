//! A database that goes down like in a power cut, and the API with it: what it had promised is there afterwards.

use serde_json::json;

use crate::database::server_of_its_own;
use crate::site::Site;

#[test]
fn an_accepted_job_survives_database_and_api() {
    let Some((mut postgres, database)) = server_of_its_own() else {
        return;
    };
    let mut site = Site::start_without_worker(&database);
    let job = site.api.start_live(&site.vm, &json!({})).unwrap();

    site.stack.kill_api().unwrap();
    postgres.kill().unwrap();
    postgres.start_again().unwrap();
    site.stack.start_api().unwrap();
    site.api = site.stack.api().unwrap();
    site.stack.start_worker().unwrap();

    let job = site.ended_as(&job, "completed");
    site.moved_once(&job);
}
