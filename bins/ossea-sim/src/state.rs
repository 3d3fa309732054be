//! The cloud as a file.

use std::fs;
use std::path::Path;

use anyhow::Context;
use ossea_sim::Cloud;

/// Reads a saved cloud.
pub(crate) fn load(file: &Path) -> anyhow::Result<Cloud> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Cloud::load(&text).with_context(|| format!("cannot go on with {}", file.display()))
}

/// Writes the cloud beside the file first, so that an earlier one is never half overwritten.
pub(crate) fn save(cloud: &Cloud, file: &Path) -> anyhow::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, cloud.save())
        .and_then(|()| fs::rename(&beside, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use ossea_sim::{SimContents, SimSettings};

    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_a_bad_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cloud.json");
        let cloud = Cloud::new(&SimContents::sample(), SimSettings::default(), Default::default());
        save(&cloud, &file).unwrap();
        save(&load(&file).unwrap(), &file).unwrap();
        assert_eq!(load(&file).unwrap().save(), cloud.save());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::write(&file, "{}").unwrap();
        let error = format!("{:#}", load(&file).unwrap_err());
        assert!(
            error.contains("cloud.json") && error.contains("format"),
            "{error}"
        );
        assert!(load(&directory.path().join("nothing")).is_err());
    }
}
