//! Reads the body of a request whole, within bounds of size, time and memory.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};

use super::pace::Pace;

/// How many bodies of the largest size are in memory at once.
const LARGEST_AT_ONCE: usize = 16;

/// What each body may have without being asked.
const FREE: usize = 16 << 10;

/// How much of a body is read only to throw it away, so that its sender comes to read the answer.
const DRAINED: usize = 1 << 20;

/// For how long that is done once the answer was given.
const LINGERED: Duration = Duration::from_secs(2);

/// Room for bodies.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    size: usize,
}

/// Room that is taken, until this is dropped.
pub(super) struct Lease {
    room: Arc<Room>,
    bytes: usize,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// It is longer than it may be.
    TooLong,
    /// It did not arrive in time.
    Late,
    /// There is no room for it at the moment.
    NoRoom,
    /// The connection broke, or it is not framed as HTTP wants it.
    Broken,
}

impl Room {
    pub(super) fn new(max_body: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            size: max_body.saturating_mul(LARGEST_AT_ONCE),
        }
    }

    pub(super) fn lease(self: &Arc<Self>) -> Lease {
        Lease {
            room: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Lease {
    /// Makes it large enough for so many bytes of a body.
    fn grow(&mut self, length: usize) -> Result<(), NoBody> {
        let wanted = length.saturating_sub(FREE);
        let Some(more) = wanted.checked_sub(self.bytes).filter(|more| *more > 0) else {
            return Ok(());
        };
        let before = self.room.taken.fetch_add(more, Relaxed);
        self.bytes = wanted;
        if before.saturating_add(more) > self.room.size {
            return Err(NoBody::NoRoom);
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.room.taken.fetch_sub(self.bytes, Relaxed);
        }
    }
}

/// Reads a body of at most `most` bytes.
pub(super) async fn read(
    body: &mut Incoming,
    most: usize,
    pace: &Pace,
    lease: &mut Lease,
) -> Result<Bytes, NoBody> {
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(NoBody::TooLong);
    }
    let Some(first) = part(body, pace).await? else {
        return Ok(Bytes::new());
    };
    let mut length = first.len();
    if length > most {
        return Err(NoBody::TooLong);
    }
    // What most requests are: one part, which is not copied.
    if body.is_end_stream() {
        lease.grow(length)?;
        return Ok(first);
    }
    let announced = usize::try_from(announced).unwrap_or(0);
    lease.grow(announced.max(length))?;
    // What is announced and does not come has cost address space, and no memory.
    let mut whole = Vec::with_capacity(announced.max(length));
    whole.extend_from_slice(&first);
    drop(first);
    while let Some(part) = part(body, pace).await? {
        length += part.len();
        if length > most {
            return Err(NoBody::TooLong);
        }
        lease.grow(length)?;
        whole.extend_from_slice(&part);
    }
    Ok(whole.into())
}

/// Whether a body says of itself that it is longer than what would be drained.
pub(super) fn is_too_long_to_drain(body: &Incoming) -> bool {
    body.size_hint().lower() > DRAINED as u64
}

/// Throws away what comes of a body whose request is answered already, for a little while: the answer
/// would not reach a sender that finds nobody there who reads (RFC 9112 section 9.6).
pub(super) fn linger(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let mut left = DRAINED;
        let drained = async {
            while let Some(Ok(frame)) = poll_fn(|c| Pin::new(&mut body).poll_frame(c)).await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let Some(less) = left.checked_sub(length) else {
                    return;
                };
                left = less;
            }
        };
        // The connection ends with the body, whichever comes first.
        let _ = tokio::time::timeout(LINGERED, drained).await;
    });
}

/// Throws away what comes, for a while. Says whether that was all of it.
pub(super) async fn drain(body: &mut Incoming, pace: &Pace) -> bool {
    let mut length = 0;
    loop {
        match part(body, pace).await {
            Ok(None) => return true,
            Ok(Some(part)) => length += part.len(),
            Err(_) => return false,
        }
        if length > DRAINED {
            return false;
        }
    }
}

/// The next part of a body; `None` at its end.
async fn part(body: &mut Incoming, pace: &Pace) -> Result<Option<Bytes>, NoBody> {
    poll_fn(|context| {
        loop {
            match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Ok(frame))) => {
                    // What else there is, trailers, has no meaning here.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(NoBody::Broken)),
                // The connection is woken when the time is up, and asks again.
                Poll::Pending if pace.is_late() => return Poll::Ready(Err(NoBody::Late)),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_need_no_room_and_large_ones_give_it_back() {
        let room = Arc::new(Room::new(100_000));
        let mut large: Vec<_> = (0..LARGEST_AT_ONCE).map(|_| room.lease()).collect();
        for lease in &mut large {
            assert_eq!(lease.grow(50_000), Ok(()));
            assert_eq!(lease.grow(100_000), Ok(()));
        }
        // What is free for each is room for two more of them.
        let mut more = [room.lease(), room.lease(), room.lease(), room.lease()];
        let got = more.each_mut().map(|lease| lease.grow(100_000));
        assert!(got.contains(&Err(NoBody::NoRoom)), "{got:?}");
        let mut small = room.lease();
        assert_eq!(small.grow(FREE), Ok(()));
        assert_eq!(small.grow(FREE + 1), Err(NoBody::NoRoom));
        drop((large, more, small));
        assert_eq!(room.taken.load(Relaxed), 0);
    }
}
