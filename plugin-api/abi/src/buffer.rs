//! Bytes that change hands.

use abi_stable::StableAbi;

/// Bytes made by one side for the other, released by the function that its maker put in. So each
/// side only ever frees what its own allocator made.
///
/// In C: `struct op_listener_buffer { uint8_t *data; size_t length; size_t capacity; void
/// (*release)(uint8_t *data, size_t length, size_t capacity); }`. A null `release` says that there
/// is nothing to release.
#[repr(C)]
#[derive(StableAbi)]
pub struct Buffer {
    data: *mut u8,
    length: usize,
    capacity: usize,
    release: Option<unsafe extern "C" fn(data: *mut u8, length: usize, capacity: usize)>,
}

// SAFETY: the bytes belong to the buffer alone, and `release` may be called on any thread.
unsafe impl Send for Buffer {}

impl Buffer {
    /// A buffer of no bytes, which owns nothing. What a caller passes to be filled.
    pub const EMPTY: Self = Self {
        data: std::ptr::null_mut(),
        length: 0,
        capacity: 0,
        release: None,
    };

    /// Whether there is nothing in it, neither bytes nor something to release.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.data.is_null() && self.release.is_none()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        if self.data.is_null() {
            &[]
        } else {
            // SAFETY: whoever filled the buffer promises `length` initialised bytes at `data`,
            // which stay until `release`.
            unsafe { std::slice::from_raw_parts(self.data, self.length) }
        }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self {
            data: bytes.as_mut_ptr(),
            length: bytes.len(),
            capacity: bytes.capacity(),
            release: Some(release_vec),
        }
    }
}

impl From<String> for Buffer {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            // SAFETY: the arguments are those that the maker put in, and `take` makes this the
            // only call.
            unsafe { release(self.data, self.length, self.capacity) }
        }
    }
}

unsafe extern "C" fn release_vec(data: *mut u8, length: usize, capacity: usize) {
    // SAFETY: the three came out of a `Vec<u8>` in this same library, in `From<Vec<u8>>` above.
    drop(unsafe { Vec::from_raw_parts(data, length, capacity) });
}
