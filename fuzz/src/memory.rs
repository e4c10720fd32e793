//! Holds the decoders to memory that grows with what came, and never with what it claims.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static COUNTING: Counting = Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// What a check may take for each octet that it is given: it keeps several copies of everything, to compare them.
const PER_OCTET: usize = 256;
/// What it may take however little it is given: sessions and their tables.
const BESIDES: usize = 256 * 1024;

/// Runs a check, and fails when at any moment it held more than its part.
pub fn bounded(data: &[u8], check: fn(&[u8])) {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    check(data);
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    let allowed = BESIDES + PER_OCTET * data.len();
    assert!(taken <= allowed, "{} octets made it take {taken}, and {allowed} are allowed", data.len());
}

/// The system's allocator, counted.
struct Counting;

impl Counting {
    fn took(octets: usize) {
        let in_use = IN_USE.fetch_add(octets, Ordering::Relaxed) + octets;
        PEAK.fetch_max(in_use, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::took(layout.size());
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `place` came from `alloc` above, with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}
