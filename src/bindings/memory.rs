//! An allocator and an end for panics: what the standard library has, in less.

#![allow(unsafe_code, reason = "an allocator is unsafe by nature")]

use talc::{OomHandler, Span, Talc, Talck, locking::AssumeUnlockable};

/// A page of wasm memory.
const PAGE: usize = 64 * 1024;

/// Grows the memory by what is asked for. talc's own handler keeps code that formats its errors.
struct Grow;

impl OomHandler for Grow {
    fn handle_oom(talc: &mut Talc<Self>, layout: core::alloc::Layout) -> Result<(), ()> {
        let pages = (layout.size() + layout.align()) / PAGE + 2;
        let before = core::arch::wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return Err(());
        }
        let base = (before * PAGE) as *mut u8;
        // SAFETY: the pages were added just now, so nothing else uses them.
        unsafe { talc.claim(Span::from_base_size(base, pages * PAGE)).map(|_| ()) }
    }
}

/// Small, and enough for one page's client: the standard allocator costs the wasm 5 KB more.
// SAFETY: a page's wasm has one thread.
#[global_allocator]
static ALLOCATOR: Talck<AssumeUnlockable, Grow> = Talc::new(Grow).lock();

/// A panic is a bug of ours and ends the engine, not the page: the client catches the trap. Without the standard
/// library's handler the wasm needs no code that formats messages nobody would see.
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
