//! The processes that a process has started, and those that they have started, as Linux tells.

use std::fs;

use rustix::process::Pid;

/// All of them, but for those that have ended and only wait for their parent to notice. One whose own parent has
/// ended is no longer found.
pub fn descendants(of: Pid) -> Vec<Pid> {
    let living: Vec<(Pid, Pid)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| parse_stat(&fs::read_to_string(entry.ok()?.path().join("stat")).ok()?))
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = living.iter().filter(|(_, known)| *known == parent);
        found.extend(children.map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// A living process and its parent, from `/proc/PID/stat`: the second field, in parentheses, may hold anything.
fn parse_stat(stat: &str) -> Option<(Pid, Pid)> {
    let pid = stat.split(' ').next()?.parse().ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if ["Z", "X"].contains(&fields.next()?) {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    Some((Pid::from_raw(pid)?, Pid::from_raw(parent)?))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::process::{Group, Process};

    #[test]
    fn a_process_and_its_parent_are_read_whatever_the_program_is_called() {
        let parsed = parse_stat("4711 (a (b) c) S 42 4711 4711 0 -1").unwrap();
        assert_eq!((parsed.0.as_raw_pid(), parsed.1.as_raw_pid()), (4711, 42));
        assert_eq!(
            parse_stat("1 (init) S 0 1"),
            None,
            "the first process has no parent"
        );
        assert_eq!(parse_stat("4711 (gone) Z 42 4711"), None, "it has ended");
    }

    #[test]
    fn descendants_are_found_through_generations() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sh -c 'sleep 600 & echo ready; wait'; :"]);
        shell.stdout(Stdio::piped());
        let mut shell = Process::start("a shell", &mut shell, Group::Shared).unwrap();
        let stdout = shell.child().stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut String::new()).unwrap();
        let found = descendants(Pid::from_child(shell.child()));
        let [inner, sleeper] = found[..] else {
            panic!("a shell and a sleeper: {found:?}")
        };
        assert_eq!(descendants(inner), [sleeper]);
        rustix::process::kill_process(sleeper, rustix::process::Signal::TERM).unwrap();
    }
}
