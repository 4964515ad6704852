//! Who a program runs as: a name of the system, and the groups it is in, as its files have them.

use rustix::process::{Gid, Uid, geteuid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub uid: Uid,
    pub gid: Gid,
    /// All of them, `gid` too.
    pub groups: Vec<Gid>,
}

/// `None`: that is who we are. The error is a sentence.
pub(super) fn identity(name: &str) -> Result<Option<Identity>, String> {
    let read = |path: &str| {
        std::fs::read_to_string(path).map_err(|error| format!("{path} can not be read: {error}"))
    };
    let identity = parse(name, &read("/etc/passwd")?, &read("/etc/group")?)?;
    let own = geteuid();
    match own {
        own if own.is_root() => Ok(Some(identity)),
        own if own == identity.uid => Ok(None),
        own => Err(format!(
            "it is to run as `{name}`, which only root may ask for, and Evenkeel runs as user {}",
            own.as_raw()
        )),
    }
}

fn parse(name: &str, passwd: &str, group: &str) -> Result<Identity, String> {
    let line = passwd.lines().map(fields).find(|fields| fields.first() == Some(&name));
    let line = line.ok_or_else(|| format!("the user `{name}` is not in /etc/passwd"))?;
    let ids = id(line.get(2)).zip(id(line.get(3)));
    let (uid, gid) = ids.ok_or_else(|| format!("the user `{name}` has no numbers in /etc/passwd"))?;
    let member = |fields: &Vec<&str>| fields.get(3).is_some_and(|all| all.split(',').any(|one| one == name));
    let others = group.lines().map(fields).filter(member).filter_map(|fields| id(fields.get(2)));
    let mut groups: Vec<u32> = others.chain([gid]).collect();
    groups.sort_unstable();
    groups.dedup();
    let groups = groups.into_iter().map(Gid::from_raw).collect();
    Ok(Identity { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), groups })
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').map(str::trim).collect()
}

/// The highest number means "as it is" to the kernel.
fn id(text: Option<&&str>) -> Option<u32> {
    text?.parse().ok().filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nops:x:1001:1002:Ops,,,:/home/ops:/bin/sh\nbad:x:-1:0::/:\n";
    const GROUP: &str = "root:x:0:\nops:x:1002:\nwheel:x:10:root,ops\nother:x:11:opsy\n";

    #[test]
    fn a_name_is_its_numbers_and_all_of_its_groups() {
        let groups = [10, 1002].map(Gid::from_raw).to_vec();
        let ops = Identity { uid: Uid::from_raw(1001), gid: Gid::from_raw(1002), groups };
        assert_eq!(parse("ops", PASSWD, GROUP), Ok(ops));
        assert_eq!(parse("op", PASSWD, GROUP).unwrap_err(), "the user `op` is not in /etc/passwd");
        assert!(parse("bad", PASSWD, GROUP).is_err());
        assert!(parse("", PASSWD, GROUP).is_err());
    }
}
