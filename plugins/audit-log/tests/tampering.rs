//! Whatever is done to a log afterwards, its verification names the first record concerned.
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use op_listener_audit_log::chain::{Body, Hash, Link, Sealed};
use op_listener_audit_log::record::Format;
use op_listener_audit_log::verify::{Finding, FindingKind};
use support::{append, assert_intact, body, open, report, settings};

const RECORDS: usize = 12;

/// Twelve records in four files, three each.
struct Sample {
    dir: tempfile::TempDir,
    path: PathBuf,
    files: Vec<PathBuf>,
    lines: Vec<Vec<u8>>,
}

impl Sample {
    fn new(format: Format) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.ndjson");
        let one = body(format, "e-10", r#"{"sub":"alice"}"#).len() as u64 + 200;
        let settings = op_listener_audit_log::config::FileSettings {
            format,
            max_size: Some(one * 3 + one / 2),
            ..settings()
        };
        let log = open(&path, &settings).unwrap();
        for number in 0..RECORDS {
            append(&log, &format!("e-{}", number + 10)).unwrap();
        }
        drop(log);
        let mut files = support::rotated(&path);
        files.push(path.clone());
        let per_file: Vec<usize> = files.iter().map(|file| lines_of(file).len()).collect();
        assert_eq!(per_file, [3, 3, 3, 3]);
        let lines = files.iter().flat_map(|file| lines_of(file)).collect();
        Self {
            dir,
            path,
            files,
            lines,
        }
    }

    /// Writes these lines in place of the original ones, `counts` to each file.
    fn write(&self, lines: &[Vec<u8>], counts: [usize; 4]) {
        let mut rest = lines;
        for (file, count) in self.files.iter().zip(counts) {
            let (now, later) = rest.split_at(count);
            let text: Vec<u8> = now
                .iter()
                .flat_map(|line| [line, &b"\n"[..]].concat())
                .collect();
            fs::write(file, text).unwrap();
            rest = later;
        }
        assert!(rest.is_empty());
    }

    fn finding(&self) -> Finding {
        report(&self.path, &[]).finding.expect("something is wrong")
    }

    #[track_caller]
    fn assert_finds(&self, kind: FindingKind, index: usize, seq: usize) {
        let finding = self.finding();
        let expected = (
            kind,
            &self.files[index / 3],
            index as u64 % 3 + 1,
            Some(seq as u64),
        );
        let found = (finding.kind, &finding.file, finding.line, finding.seq);
        assert_eq!(found, expected, "{finding}");
    }
}

fn lines_of(file: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(file).unwrap();
    let lines = text
        .strip_suffix(b"\n")
        .unwrap()
        .split(|byte| *byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

const FORMATS: [Format; 3] = [Format::Native, Format::CloudEvents, Format::Ocsf];
const EVEN: [usize; 4] = [3, 3, 3, 3];

#[test]
fn an_untouched_log_is_intact() {
    for format in FORMATS {
        let sample = Sample::new(format);
        assert_intact(&sample.path, RECORDS as u64);
        sample.write(&sample.lines, EVEN);
        assert_intact(&sample.path, RECORDS as u64);
    }
}

/// What is changed stands where the needle does; the record keeps its hash.
#[test]
fn a_changed_record_is_named() {
    for format in FORMATS {
        let sample = Sample::new(format);
        let needles: [&[u8]; 4] = [b"alice", b"op.example", b"rev", b"hash\":\""];
        for (index, needle) in (0..RECORDS).flat_map(|index| needles.map(|needle| (index, needle)))
        {
            let mut lines = sample.lines.clone();
            let at = lines[index]
                .windows(needle.len())
                .rposition(|part| part == needle)
                .unwrap();
            let byte = &mut lines[index][at + needle.len() - 1];
            *byte = if *byte == b'"' { b'x' } else { *byte ^ 1 };
            sample.write(&lines, EVEN);
            sample.assert_finds(FindingKind::Changed, index, index + 1);
        }
    }
}

#[test]
fn a_changed_number_or_link_is_named() {
    let sample = Sample::new(Format::Native);
    for index in 0..RECORDS {
        let sealed = Sealed::read(&sample.lines[index]).unwrap();
        let text = String::from_utf8(sample.lines[index].clone()).unwrap();
        let prev = sealed.prev.to_string();
        for changed in [
            text.replace(&format!("\"seq\":{}", sealed.seq), "\"seq\":99"),
            text.replace(&prev, &prev.replace(['0', '5'], "7")),
        ] {
            assert_ne!(changed, text);
            let mut lines = sample.lines.clone();
            lines[index] = changed.into_bytes();
            sample.write(&lines, EVEN);
            sample.assert_finds(FindingKind::Changed, index, index + 1);
        }
    }
}

/// A record with other content, in the chain as far as that is possible without the next ones.
fn forged(seq: u64, prev: Hash) -> Vec<u8> {
    let mut forged = body(Format::Native, "forged", r#"{"sub":"mallory"}"#);
    let head = Link {
        seq: seq - 1,
        hash: prev,
    };
    Body::new(&mut forged, Format::Native).seal(head);
    forged.pop();
    forged
}

#[test]
fn a_record_rewritten_with_its_hash_is_named() {
    let sample = Sample::new(Format::Native);
    for index in 0..RECORDS - 1 {
        let mut lines = sample.lines.clone();
        let sealed = Sealed::read(&lines[index]).unwrap();
        lines[index] = forged(sealed.seq, sealed.prev);
        sample.write(&lines, EVEN);
        sample.assert_finds(FindingKind::Changed, index, index + 1);
    }
}

#[test]
fn a_removed_record_is_named() {
    let sample = Sample::new(Format::Native);
    for index in 0..RECORDS - 1 {
        let mut lines = sample.lines.clone();
        lines.remove(index);
        let mut counts = EVEN;
        counts[index / 3] -= 1;
        sample.write(&lines, counts);
        let finding = sample.finding();
        assert_eq!(finding.kind, FindingKind::Removed, "{finding}");
        assert_eq!(finding.seq, Some(index as u64 + 1), "{finding}");
        // The line where it should be; in the next file where the file ends before it.
        let (file, line) = if index % 3 == 2 {
            (index / 3 + 1, 1)
        } else {
            (index / 3, index % 3 + 1)
        };
        assert_eq!(
            (&finding.file, finding.line),
            (&sample.files[file], line as u64),
            "{finding}"
        );
    }
}

#[test]
fn several_records_and_whole_files_that_were_removed_are_named() {
    let sample = Sample::new(Format::Native);
    fs::remove_file(&sample.files[1]).unwrap();
    sample.assert_finds(FindingKind::Removed, 6, 4);
    assert!(
        sample
            .finding()
            .message
            .contains("records 4 to 6 were removed")
    );

    let sample = Sample::new(Format::Native);
    fs::remove_file(&sample.path).unwrap();
    assert_intact(&sample.path, 9);
    let head = Sealed::read(&sample.lines[RECORDS - 1]).unwrap().link();
    let finding = report(&sample.path, &[head]).finding.unwrap();
    assert_eq!(
        (finding.kind, finding.seq),
        (FindingKind::Removed, Some(12))
    );
}

#[test]
fn a_set_without_its_oldest_files_says_so() {
    let sample = Sample::new(Format::Native);
    fs::remove_file(&sample.files[0]).unwrap();
    let report = report(&sample.path, &[]);
    assert!(report.intact);
    assert_eq!(report.records, 9);
    assert_eq!(report.first.unwrap().seq, 4);
    assert!(
        report.notes[0].contains("begins with record 4"),
        "{:?}",
        report.notes
    );
}

#[test]
fn an_inserted_line_is_named() {
    let sample = Sample::new(Format::Native);
    for index in 0..RECORDS {
        let sealed = Sealed::read(&sample.lines[index]).unwrap();
        for (inserted, seq) in [
            (b"{}".to_vec(), None),
            (Vec::new(), None),
            (forged(sealed.seq, sealed.prev), Some(sealed.seq)),
            (forged(500, sealed.prev), Some(500)),
        ] {
            if index == 0 && seq.is_some() {
                continue;
            }
            let mut lines = sample.lines.clone();
            lines.insert(index, inserted);
            let mut counts = EVEN;
            counts[index / 3] += 1;
            sample.write(&lines, counts);
            let finding = sample.finding();
            let place = (finding.kind, &finding.file, finding.line, finding.seq);
            let mut line = index as u64 % 3 + 1;
            if index == RECORDS - 1 && seq == Some(sealed.seq) {
                // Of two last records with one number either may be the original.
                line += 1;
            }
            let expected = (FindingKind::Inserted, &sample.files[index / 3], line, seq);
            assert_eq!(place, expected, "{finding}");
        }
    }
}

#[test]
fn a_copy_of_a_record_is_named() {
    let sample = Sample::new(Format::Native);
    for index in 0..RECORDS {
        let mut lines = sample.lines.clone();
        lines.push(lines[index].clone());
        sample.write(&lines, [3, 3, 3, 4]);
        let finding = sample.finding();
        assert_eq!(finding.kind, FindingKind::Inserted, "{finding}");
        assert_eq!(
            (finding.line, finding.seq),
            (4, Some(index as u64 + 1)),
            "{finding}"
        );
    }
}

#[test]
fn reordered_records_are_named() {
    let sample = Sample::new(Format::Native);
    for index in 0..RECORDS - 1 {
        let mut lines = sample.lines.clone();
        lines.swap(index, index + 1);
        sample.write(&lines, EVEN);
        let finding = sample.finding();
        assert_eq!(finding.kind, FindingKind::Reordered, "{finding}");
        assert_eq!(finding.file, sample.files[index / 3], "{finding}");
        assert_eq!(finding.line, index as u64 % 3 + 1, "{finding}");
        assert_eq!(finding.seq, Some(index as u64 + 2), "{finding}");
    }
    let mut lines = sample.lines.clone();
    lines.swap(1, 10);
    sample.write(&lines, EVEN);
    sample.assert_finds(FindingKind::Reordered, 1, 11);
}

#[test]
fn an_expected_record_that_was_rewritten_is_found() {
    let sample = Sample::new(Format::Native);
    let last = Sealed::read(&sample.lines[RECORDS - 1]).unwrap();
    assert!(report(&sample.path, &[last.link()]).intact);
    let mut lines = sample.lines.clone();
    lines[RECORDS - 1] = forged(last.seq, last.prev);
    sample.write(&lines, EVEN);
    assert!(
        report(&sample.path, &[]).intact,
        "the end can be rewritten by who can write"
    );
    assert!(!report(&sample.path, &[last.link()]).intact);
}

#[test]
fn an_unfinished_line_is_passed_over_at_the_end_alone() {
    let sample = Sample::new(Format::Native);
    let add = |file: &Path, text: &[u8]| fs::write(file, [&fs::read(file).unwrap(), text].concat());
    add(&sample.path, b"{\"event\":{").unwrap();
    let report = report(&sample.path, &[]);
    assert!(report.intact && report.records == 12);
    assert!(
        report.notes[0].contains("does not end"),
        "{:?}",
        report.notes
    );
    add(&sample.files[0], b"{\"event\":{").unwrap();
    let finding = sample.finding();
    assert_eq!((finding.kind, finding.line), (FindingKind::Unfinished, 4));
}

#[test]
fn files_may_be_given_in_any_order_or_by_their_directory() {
    let sample = Sample::new(Format::Native);
    let mut files = sample.files.clone();
    files.reverse();
    let sets = op_listener_audit_log::verify::find(&files).unwrap();
    assert_eq!(sets[0].files, sample.files);
    fs::write(sample.dir.path().join("notes.txt"), "nothing of ours").unwrap();
    let sets = op_listener_audit_log::verify::find(&[sample.dir.path().to_owned()]).unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].files, sample.files);
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_op-listener-audit-verify");
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_command_says_what_is_so() {
    let sample = Sample::new(Format::Native);
    let path = sample.path.to_str().unwrap();
    let (code, out, _) = run(&[path]);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("12 records (1 to 12) in 4 files, head 12:"),
        "{out}"
    );
    let head = out.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(run(&["--expect", &head, path]).0, 0);

    let mut lines = sample.lines.clone();
    lines[4][20] ^= 1;
    sample.write(&lines, EVEN);
    let (code, out, _) = run(&[path]);
    assert_eq!(code, 1);
    let place = format!("{}:2: record 5 was changed", sample.files[1].display());
    assert!(out.starts_with("BROKEN ") && out.contains(&place), "{out}");

    let (code, out, _) = run(&["--json", path]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    assert_eq!(json["intact"], false);
    let finding = &json["logs"][0]["finding"];
    assert_eq!(
        (&finding["kind"], &finding["seq"]),
        (&"changed".into(), &5.into())
    );
    assert_eq!(finding["line"], 2);
}

#[test]
fn a_log_that_was_emptied_is_named_with_what_that_may_mean() {
    let sample = Sample::new(Format::Native);
    let dir = sample.dir.path();
    let other = dir.join("other.log");
    append(&open(&other, &settings()).unwrap(), "1").unwrap();
    // No log ever was at that.
    fs::write(dir.join("notes.txt"), "").unwrap();
    let (code, out, _) = run(&[dir.to_str().unwrap()]);
    assert_eq!((code, out.matches("intact ").count()), (0, 2), "{out}");

    fs::write(&other, "").unwrap();
    let (code, out, _) = run(&[dir.to_str().unwrap()]);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 3), "{out}");
    assert!(lines[0].starts_with("intact "), "{out}");
    let note = format!("note: {}: there is no record in it: ", other.display());
    assert!(lines[1].starts_with(&note), "{out}");
    assert!(lines[1].contains("`--expect`"), "{out}");
    let empty = format!("empty {}: no records in 1 file", other.display());
    assert_eq!(lines[2], empty);
    let (_, out, _) = run(&["--json", other.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["logs"][0]["records"], 0);
    assert_eq!(json["logs"][0]["notes"].as_array().unwrap().len(), 1);

    // Where that is all there is, it is no proof of anything.
    let copied = tempfile::tempdir().unwrap();
    let log = copied.path().join("audit.ndjson");
    fs::write(&log, "").unwrap();
    let (code, out, error) = run(&[copied.path().to_str().unwrap()]);
    assert_eq!((code, &*out), (2, ""));
    let said = format!("{} is empty", log.display());
    assert!(
        error.contains(&said) && error.contains("emptied"),
        "{error}"
    );
}

#[test]
fn the_command_refuses_what_it_cannot_do() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = dir.path().to_str().unwrap();
    for (arguments, because) in [
        (&[][..], "name a log"),
        (&["--nonsense"], "unknown option"),
        (&["--expect", "12", "x"], "SEQ:HASH"),
        (&[nothing], "there is no audit log"),
        (&["/no/such/log.ndjson"], "there is no audit log"),
    ] {
        let (code, out, error) = run(arguments);
        assert_eq!((code, &*out), (2, ""), "{arguments:?}");
        assert!(error.contains(because), "{arguments:?}: {error}");
    }
    let (code, out, _) = run(&["--help"]);
    assert!(code == 0 && out.contains("Exit codes"));
}
