use super::*;
use proptest::prelude::*;
use std::io::{BufReader, Read};

/// Number and bytes, or `None` for a line that is too long.
type Read1 = (u64, Option<Vec<u8>>);

fn lines(bytes: &[u8], limit: usize, buffer: usize) -> Vec<Read1> {
    let mut lines = Lines::new(BufReader::with_capacity(buffer, bytes), limit);
    let mut read = Vec::new();
    while let Some(line) = lines.next_line().unwrap() {
        read.push((line.number, line.bytes.ok().map(<[u8]>::to_vec)));
    }
    assert!(lines.next_line().unwrap().is_none());
    read
}

fn line(number: u64, text: &str) -> Read1 {
    (number, Some(text.into()))
}

#[test]
fn lines_end_as_they_may() {
    for buffer in [1, 2, 3, 5, 64] {
        let read = lines(b"a\r\n\n \t \r\nb\r\r\n  c\nlast", 10, buffer);
        let expected = [
            line(1, "a"),
            line(4, "b\r"),
            line(5, "  c"),
            line(6, "last"),
        ];
        assert_eq!(read, expected, "{buffer}");
        assert_eq!(lines(b"last\r", 10, buffer), [line(1, "last")]);
        assert_eq!(lines(b"", 10, buffer), []);
        assert_eq!(lines(b"\n\n", 10, buffer), []);
    }
}

#[test]
fn a_byte_order_mark_is_dropped_at_the_very_start_only() {
    for buffer in [1, 2, 4, 64] {
        let read = lines("\u{feff}a\n\u{feff}b".as_bytes(), 4, buffer);
        assert_eq!(read, [line(1, "a"), line(2, "\u{feff}b")], "{buffer}");
        assert_eq!(lines("\u{feff}".as_bytes(), 4, buffer), []);
        assert_eq!(lines("\u{feff}\r\nb".as_bytes(), 4, buffer), [line(2, "b")]);
    }
}

#[test]
fn a_line_that_is_too_long_is_one_error_and_the_next_is_read() {
    for buffer in [1, 2, 3, 4, 5, 6, 64] {
        let read = lines(b"1234\r\n12345\n1234\n12345\r\nx", 4, buffer);
        let expected = [
            line(1, "1234"),
            (2, None),
            line(3, "1234"),
            (4, None),
            line(5, "x"),
        ];
        assert_eq!(read, expected, "{buffer}");
        assert_eq!(
            lines("\u{feff}1234".as_bytes(), 4, buffer),
            [line(1, "1234")]
        );
        assert_eq!(lines("\u{feff}12345".as_bytes(), 4, buffer), [(1, None)]);
        assert_eq!(lines(b"12345678901234567890", 4, buffer), [(1, None)]);
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let endless = std::io::repeat(b'x').take(50_000_000);
    let mut lines = Lines::new(BufReader::with_capacity(4096, endless), 10_000);
    assert_eq!(
        lines.next_line().unwrap().unwrap().bytes,
        Err(TooLong { limit: 10_000 })
    );
    assert!(lines.crossing.capacity() < 40_000);
    assert!(lines.next_line().unwrap().is_none());
}

#[test]
fn invalid_utf8_is_left_to_who_reads_the_line() {
    let read = lines(b"\xff\xfe\nb", 10, 64);
    assert_eq!(read, [(1, Some(vec![0xff, 0xfe])), line(2, "b")]);
}

#[test]
fn a_failing_reader_ends_the_stream_and_an_interrupted_one_does_not() {
    struct Failing(Vec<io::Result<&'static [u8]>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let mut bytes = self.0.remove(0)?;
            bytes.read(buffer)
        }
    }
    let reader = Failing(vec![
        Ok(b"a\nb"),
        Err(ErrorKind::Interrupted.into()),
        Ok(b"c\nd"),
        Err(ErrorKind::BrokenPipe.into()),
    ]);
    let mut lines = Lines::new(BufReader::new(reader), 10);
    assert_eq!(lines.next_line().unwrap().unwrap().bytes, Ok(&b"a"[..]));
    assert_eq!(lines.next_line().unwrap().unwrap().bytes, Ok(&b"bc"[..]));
    assert_eq!(lines.next_line().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(lines.next_line().unwrap().is_none());
}

#[test]
fn a_line_within_the_buffer_is_borrowed_from_it() {
    let mut lines = Lines::new(&b"abc\ndef\nrest"[..], 10);
    lines.next_line().unwrap();
    lines.next_line().unwrap();
    assert_eq!(lines.crossing.capacity(), 0);
}

proptest! {
    #[test]
    fn the_buffer_makes_no_difference(
        bytes in prop::collection::vec(
            prop::sample::select(b"ab \t\r\n\n\xEF\xBB\xBF".to_vec()), 0..60),
        buffer in 1..20_usize, limit in 0..8_usize,
    ) {
        let mut expected = Vec::new();
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        for (n, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > limit {
                expected.push((n as u64 + 1, None));
            } else if !line.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
                expected.push((n as u64 + 1, Some(line.to_vec())));
            }
        }
        prop_assert_eq!(lines(&bytes, limit, buffer), expected);
    }
}
