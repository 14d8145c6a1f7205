//! `trust = "permissions"`, the default: nobody else could have written the file.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{Gid, Uid, XattrFlags, chown};

use crate::stage::{Stage, VERSION, is_root, set_mode};

#[test]
fn what_nobody_else_can_write_is_loaded_and_the_log_says_which_bytes() {
    let stage = Stage::new();
    stage.loads("permissions");
    let listed = stage.listed();
    assert_eq!(listed["trust"], "permissions");
    assert_eq!(listed["trusted"], true);
    assert_eq!(listed["loads"], true);
    let sha256 = listed["sha256"].as_str().unwrap();
    let line = stage.run().line("OPL0101");
    assert_eq!(
        line,
        format!(
            "Plugin 'audit-log' {VERSION} is loaded from {:?}: sha256 {}…, trust: permissions",
            stage.file("audit").canonicalize().unwrap(),
            &sha256[..12]
        )
    );
}

#[test]
fn a_file_that_everybody_can_write_is_refused() {
    let stage = Stage::new();
    set_mode(&stage.file("audit"), 0o666);
    stage.refuses("is not trusted: the file can be written by everybody: `chmod o-w`");
}

#[test]
fn so_is_any_file_in_a_directory_that_everybody_can_write_sticky_or_not() {
    for mode in [0o777, 0o1777] {
        let stage = Stage::new();
        set_mode(&stage.plugins(), mode);
        stage.refuses("is not trusted: its directory can be written by everybody: `chmod o-w`");
    }
}

#[test]
fn directories_further_up_do_not_count() {
    let stage = Stage::new();
    let upper = stage.plugins();
    let upper = upper.parent().unwrap();
    set_mode(upper, 0o777);
    stage.loads("permissions");
}

#[test]
fn what_other_users_own_is_refused() {
    if !is_root() {
        return;
    }
    let nobody = Some(Uid::from_raw(65534));
    let belongs = "belongs to user 65534; it must belong to root or to the host's user: `chown`";
    let stage = Stage::new();
    chown(stage.file("audit"), nobody, None).unwrap();
    stage.refuses(&format!("is not trusted: the file {belongs}"));
    let stage = Stage::new();
    chown(stage.plugins(), nobody, None).unwrap();
    stage.refuses(&format!("is not trusted: its directory {belongs}"));
}

#[test]
fn what_a_group_of_others_can_write_is_refused() {
    if !is_root() {
        return;
    }
    let stage = Stage::new();
    let file = stage.file("audit");
    chown(&file, None, Some(Gid::from_raw(65534))).unwrap();
    set_mode(&file, 0o644);
    stage.loads("permissions");
    fs::remove_dir_all(stage.path("op-listener-data")).unwrap();
    set_mode(&file, 0o664);
    stage.refuses("is not trusted: the file can be written by group 65534: `chmod g-w`");
    chown(&file, None, Some(Gid::ROOT)).unwrap();
    // The group of the host's user alone, as a umask of 002 leaves it.
    set_mode(&file, 0o664);
    stage.loads("permissions");
}

#[test]
#[cfg(target_os = "linux")]
fn what_an_access_control_list_lets_others_write_is_refused() {
    // Version 2: owner rw, user 65534 rw, group r, mask rw, others r.
    let list = |mask: u8| {
        let mut bytes = vec![2, 0, 0, 0];
        let nobody = 65534_u32.to_le_bytes();
        let nothing = u32::MAX.to_le_bytes();
        for (tag, permissions, id) in [
            (0x01, 6, nothing),
            (0x02, 6, nobody),
            (0x04, 4, nothing),
            (0x10, mask, nothing),
            (0x20, 4, nothing),
        ] {
            bytes.extend([tag, 0, permissions, 0]);
            bytes.extend(id);
        }
        bytes
    };
    let stage = Stage::new();
    let file = stage.file("audit");
    let set = |mask| {
        let name = "system.posix_acl_access";
        rustix::fs::setxattr(&file, name, &list(mask), XattrFlags::empty())
    };
    if let Err(rustix::io::Errno::OPNOTSUPP) = set(6) {
        eprintln!("no access control lists in {file:?}: that they count was not tried");
        return;
    }
    let refused = "is not trusted: the file can be written by those in its access control list: `setfacl -b`, or `chmod g-w`";
    stage.refuses(refused);
    set(4).unwrap();
    stage.loads("permissions");
}

#[test]
fn a_linked_plugin_is_judged_where_it_is_and_where_it_is_linked() {
    let stage = Stage::new();
    let elsewhere = stage.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    set_mode(&elsewhere, 0o755);
    let target = elsewhere.join("audit.bin");
    fs::rename(stage.file("audit"), &target).unwrap();
    // By way of another link.
    symlink("elsewhere/audit.bin", stage.path("hop")).unwrap();
    symlink("../hop", stage.file("audit")).unwrap();
    stage.loads("permissions");
    fs::remove_dir_all(stage.path("op-listener-data")).unwrap();

    set_mode(&elsewhere, 0o777);
    stage.refuses(
        "is not trusted: the directory that its link leads to can be written by everybody: `chmod o-w`",
    );
    set_mode(&elsewhere, 0o755);
    set_mode(&target, 0o646);
    stage.refuses("is not trusted: the file can be written by everybody: `chmod o-w`");
    set_mode(&target, 0o644);
    set_mode(&stage.plugins(), 0o757);
    stage.refuses("is not trusted: its directory can be written by everybody: `chmod o-w`");
}

#[test]
fn with_skip_the_host_starts_without_what_is_not_trusted() {
    let stage = Stage::trusting("on_failure = \"skip\"");
    set_mode(&stage.file("audit"), 0o666);
    let done = stage.run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done.line("OPL0102");
    done.line("OPL0107");
    assert!(!done.stderr.contains("[OPL0101]"), "{}", done.stderr);
}

#[test]
fn with_off_all_is_loaded() {
    let stage = Stage::trusting("trust = \"off\"");
    set_mode(&stage.file("audit"), 0o666);
    set_mode(&stage.plugins(), 0o777);
    stage.loads("off");
    assert_eq!(stage.listed()["trust"], "off");
}
