//! An allocator and an end for panics: what the standard library has, in less.
//!
//! The allocator hands out blocks of powers of two and keeps a list of free ones for each size. Blocks are never split
//! nor joined: what a page needed once it needs again, and so there is no search and no header. The standard library's
//! costs the wasm 5 KB more, talc 1 KB.
//!
//! What is given back is overwritten at once, and so is the stack after each call: identifiers and what they are found
//! in pass through many strings, and no memory dump is to hold them.

#![allow(unsafe_code, reason = "an allocator is unsafe by nature")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, unreachable},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// A page of wasm memory.
const PAGE: usize = 64 * 1024;
/// The smallest block. All begin at a multiple of it, so nothing may be aligned to more.
const LEAST: usize = 16;

struct Blocks {
    /// The first free block of each size, by the power of two; each holds the address of the next.
    free: [*mut u8; usize::BITS as usize],
    /// Where memory begins that was never handed out, and where it ends.
    fresh: usize,
    end: usize,
}

impl Blocks {
    /// The list for a layout, and the size of its blocks.
    fn list(&mut self, layout: Layout) -> Option<(&mut *mut u8, usize)> {
        let size = layout.size().max(LEAST).checked_next_power_of_two().filter(|_| layout.align() <= LEAST)?;
        Some((self.free.get_mut(size.trailing_zeros() as usize)?, size))
    }

    /// A block that was never handed out; null if the browser grants no more memory.
    fn fresh(&mut self, size: usize) -> *mut u8 {
        if self.end - self.fresh < size {
            let pages = size.div_ceil(PAGE);
            let before = memory_grow(0, pages);
            if before == usize::MAX {
                return null_mut();
            }
            if before * PAGE != self.end {
                self.fresh = before * PAGE;
            }
            self.end = (before + pages) * PAGE;
        }
        self.fresh += size;
        (self.fresh - size) as *mut u8
    }
}

struct Allocator(UnsafeCell<Blocks>);

// SAFETY: a page's wasm has one thread.
unsafe impl Sync for Allocator {}

#[global_allocator]
static ALLOCATOR: Allocator =
    Allocator(UnsafeCell::new(Blocks { free: [null_mut(); usize::BITS as usize], fresh: 0, end: 0 }));

// SAFETY: a block is handed out, or in the list of its size, or was never handed out; it holds what its list says, and
// is aligned to `LEAST`.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is one thread, and nothing below comes back here.
        let blocks = unsafe { &mut *self.0.get() };
        let Some((free, size)) = blocks.list(layout) else { return null_mut() };
        let block = *free;
        if block.is_null() {
            return blocks.fresh(size);
        }
        // SAFETY: it was put into the list by `dealloc`, which wrote the next one's address into it.
        *free = unsafe { *block.cast() };
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let blocks = unsafe { &mut *self.0.get() };
        if let Some((free, size)) = blocks.list(layout) {
            // SAFETY: the block came from `alloc` with this layout, nobody uses it any more, and it has room for an address.
            unsafe {
                block.write_bytes(0, size);
                *block.cast() = *free;
            }
            *free = block;
        }
    }
}

/// More than the deepest call takes of the stack; a test looks for what is left.
const STACK: usize = 16 * 1024;

/// Overwrites what returned functions have left on the stack, such as the input of a hash.
#[inline(never)]
pub fn wipe_stack() {
    core::hint::black_box([0u8; STACK]);
}

/// A panic is a bug of ours and ends the engine, not the page: the client catches the trap. Without the standard
/// library's handler the wasm needs no code that formats messages nobody would see.
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    unreachable()
}
