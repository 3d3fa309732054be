//! Packages of Debian that the tests need and this machine lacks.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use rustix::process::geteuid;

use crate::foreground;
use crate::interrupt::Interrupt;

/// Installs packages if this is Debian and we are root; else `what` says what is missing.
pub(crate) fn install(packages: &[&str], what: &str, interrupt: &Interrupt) -> anyhow::Result<()> {
    let (debian, all) = (Path::new("/etc/debian_version").exists(), packages.join(" "));
    ensure!(
        debian && geteuid().is_root(),
        "the tests need {what}; install it (Debian and Ubuntu: `apt-get install {all}`)"
    );
    println!("installing Debian's `{all}`, because the tests need {what}");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        foreground::succeed(&mut command, interrupt)
    };
    apt(&["update"])?;
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(packages);
    apt(&args)
}
