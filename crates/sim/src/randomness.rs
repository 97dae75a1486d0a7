//! Seeded randomness for the libraries: the crates that ask the operating system find our `getrandom` first.
//!
//! Only threads that called [`seed`] get seeded bytes; all others, and all other programs, get the kernel's.

// Replacing a C function cannot be said in safe Rust; this crate never ships.
#![allow(unsafe_code)]

use crate::dice::Dice;
use std::cell::RefCell;
use std::ffi::{c_long, c_uint, c_void};

thread_local! {
    static DICE: RefCell<Option<Dice>> = const { RefCell::new(None) };
}

/// From now on this thread draws its randomness from `seed`. Run each world on a thread of its own: the generators of
/// the libraries are seeded once a thread.
pub fn seed(seed: u64) {
    DICE.with(|dice| *dice.borrow_mut() = Some(Dice::new(seed)));
}

/// `getrandom(2)`.
///
/// # Safety
/// `buffer` must be valid for writes of `length` bytes, as the C function demands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    let seeded = DICE.try_with(|dice| {
        let mut dice = dice.try_borrow_mut().ok()?;
        let dice = dice.as_mut()?;
        for offset in 0..length {
            let byte = dice.next().to_le_bytes()[0];
            // SAFETY: offset < length, for which the caller vouches.
            unsafe { buffer.cast::<u8>().add(offset).write(byte) };
        }
        isize::try_from(length).ok()
    });
    if let Ok(Some(written)) = seeded {
        return written;
    }
    // SAFETY: the arguments are passed through unchanged.
    unsafe {
        libc::syscall(
            c_long::from(libc::SYS_getrandom as i32),
            buffer,
            length,
            flags,
        ) as isize
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_randomness_crates_of_a_seeded_thread_repeat() {
        let draw = || {
            std::thread::spawn(|| {
                super::seed(7);
                let (mut a, mut b) = ([0u8; 16], [0u8; 16]);
                getrandom::fill(&mut a).unwrap();
                securechat_crypto::primitives::random::<16>()
                    .map(|bytes| b = bytes)
                    .ok();
                (a, b)
            })
            .join()
            .unwrap()
        };
        let first = draw();
        assert_eq!(first, draw());
        assert_ne!(first.0, [0; 16]);
        assert_ne!(first.1, [0; 16]);
    }
}
