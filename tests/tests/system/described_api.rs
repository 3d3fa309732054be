//! The running API does what its description says, as schemathesis sees it: it tries every operation with what the
//! description allows and with what it does not, and checks each answer (`tests/schemathesis`).
//!
//! It needs `FAILOVER_TEST_SCHEMATHESIS_PYTHON`, a Python interpreter with what `tests/schemathesis/requirements.txt`
//! lists; `cargo xtask test` sets it. Without it the test says that it was left out.

use std::path::Path;
use std::process::Command;

use crate::database::TestDatabase;
use crate::site::Site;

/// The variable with the interpreter.
const PYTHON: &str = "FAILOVER_TEST_SCHEMATHESIS_PYTHON";

#[test]
fn the_api_answers_as_described_whatever_it_is_asked() {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("left out: {PYTHON} is not set");
        return;
    };
    // Without a worker, jobs wait where they are: what is asked of them does not depend on how fast the machine is.
    let site = Site::start_without_worker(&TestDatabase::Sqlite);
    let url = site.stack.api_url().unwrap();
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis/schemathesis.toml");
    let output = Command::new(python)
        .args(["-I", "-B", "-m", "schemathesis.cli", "--config-file"])
        .arg(settings)
        .args(["run", "--no-color", "--checks", "all"])
        .arg(format!("{url}/api/v1/openapi.json"))
        .current_dir(site.stack.directory())
        .env("FAILOVER_API_TOKEN", &site.stack.secrets().token)
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "schemathesis ended with {}:\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
}
