//! The contents of the cloud: a file, or the built-in sample.

use std::path::Path;

use anyhow::Context;
use ossea_sim::SimContents;

pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<SimContents> {
    let Some(file) = file else {
        return Ok(SimContents::sample());
    };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.parse().with_context(|| file.display().to_string())
}
