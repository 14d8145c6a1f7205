//! Borrowed text.

use std::marker::PhantomData;
use std::str::Utf8Error;

use abi_stable::StableAbi;

/// UTF-8 text lent for `'a`: a pointer and a length in bytes, with no terminator. A null pointer
/// says that there is no text, which is not the same as an empty one.
///
/// In C: `struct op_listener_text { const uint8_t *data; size_t length; }`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Text<'a> {
    data: *const u8,
    length: usize,
    lent: PhantomData<&'a u8>,
}

// SAFETY: a `Text` is a shared borrow of immutable bytes, as `&[u8]` is.
unsafe impl Send for Text<'_> {}
// SAFETY: as above.
unsafe impl Sync for Text<'_> {}

impl<'a> Text<'a> {
    /// No text.
    pub const ABSENT: Self = Self {
        data: std::ptr::null(),
        length: 0,
        lent: PhantomData,
    };

    /// Lends `text`.
    #[inline]
    pub const fn new(text: &'a str) -> Self {
        Self {
            data: text.as_ptr(),
            length: text.len(),
            lent: PhantomData,
        }
    }

    /// Lends bytes that are no text, where the number that they go with says that it takes some: the
    /// input of [`service::QUEUE_PUSH`](crate::service::QUEUE_PUSH), for one. No other text is made so.
    #[inline]
    pub const fn of_bytes(bytes: &'a [u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            length: bytes.len(),
            lent: PhantomData,
        }
    }

    /// Lends `text`, if there is one.
    #[inline]
    pub const fn from_option(text: Option<&'a str>) -> Self {
        match text {
            Some(text) => Self::new(text),
            None => Self::ABSENT,
        }
    }

    /// The bytes, if there is a text.
    #[inline]
    pub const fn bytes(self) -> Option<&'a [u8]> {
        if self.data.is_null() {
            None
        } else {
            // SAFETY: `new` and `of_bytes` took pointer and length from a borrow for `'a`; a value that
            // came from the other side of the FFI keeps the same promise by the contract of this crate.
            Some(unsafe { std::slice::from_raw_parts(self.data, self.length) })
        }
    }

    /// The text, if there is one, checked to be UTF-8: for what comes from a listener, which may
    /// be written in a language that does not check.
    pub fn checked(self) -> Option<Result<&'a str, Utf8Error>> {
        self.bytes().map(std::str::from_utf8)
    }

    /// The text, if there is one, without a check.
    ///
    /// # Safety
    ///
    /// The text was made by [`Text::new`] or by somebody who promises UTF-8, as the host does for
    /// everything that it hands to listeners.
    #[inline]
    pub const unsafe fn trusted(self) -> Option<&'a str> {
        match self.bytes() {
            // SAFETY: the caller promises UTF-8.
            Some(bytes) => Some(unsafe { std::str::from_utf8_unchecked(bytes) }),
            None => None,
        }
    }
}
