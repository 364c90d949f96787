//! Memory from the system: zeroed, aligned, and on large pages if there is much of it.
//!
//! A processor caches the addresses of one or two thousand pages. With pages of 4 KB, these are
//! fewer bytes than the operands of one layer. So large buffers request pages of 2 MB. See
//! docs/design/memory.md.

#![allow(unsafe_code)]

use super::WORD;

/// Buffers start on a cache line, so that no vector load crosses one.
const ALIGN_WORDS: usize = 64 / WORD;

/// Size of a large page: 2 MB. This is the size on x86-64, and on aarch64 if small pages have 4 KB.
const LARGE_PAGE_WORDS: usize = (2 << 20) / WORD;

/// The memory of a buffer: `class` words that start on a cache line, or on a large page if they
/// fill one.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Storage {
    memory: Vec<u64>,
    start: usize,
    class: usize,
}

impl Storage {
    /// Allocates zeroed storage of a size class.
    pub(super) fn allocate(class: usize) -> Self {
        let align = if class < LARGE_PAGE_WORDS { ALIGN_WORDS } else { LARGE_PAGE_WORDS };
        // The system clears the pages of a large allocation when they are first used. So the words
        // before the start and after the end need no memory.
        let mut memory = vec![0; class + align];
        let start = memory.as_ptr().align_offset(align * WORD).min(align);
        if align == LARGE_PAGE_WORDS {
            prefer_large_pages(&mut memory[start..start + class]);
        }
        Storage { memory, start, class }
    }

    /// Returns the number of words.
    pub(super) fn class(&self) -> usize {
        self.class
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.memory[self.start..][..self.class]
    }

    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.memory[self.start..][..self.class]
    }
}

/// Advises the system to use large pages for the part of `memory` that fills such pages. `memory`
/// starts on one. Pages that were used before stay small. Without support by the system, this has
/// no effect.
fn prefer_large_pages(memory: &mut [u64]) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        use std::ffi::{c_int, c_void};
        unsafe extern "C" {
            fn madvise(start: *mut c_void, bytes: usize, advice: c_int) -> c_int;
        }
        /// `MADV_HUGEPAGE`
        const USE_LARGE_PAGES: c_int = 14;
        let bytes = memory.len() / LARGE_PAGE_WORDS * LARGE_PAGE_WORDS * WORD;
        // SAFETY: the bytes are inside `memory`. This advice changes neither their contents nor
        // their validity, and an error has no effect.
        unsafe { madvise(memory.as_mut_ptr().cast(), bytes, USE_LARGE_PAGES) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = memory;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_zeroed_and_aligned() {
        for (class, align) in [
            (64, 64),
            (LARGE_PAGE_WORDS - 8, 64),
            (LARGE_PAGE_WORDS, 2 << 20),
            (3 * LARGE_PAGE_WORDS + 8, 2 << 20),
        ] {
            let mut storage = Storage::allocate(class);
            assert_eq!(storage.words().len(), class);
            assert_eq!(storage.class(), class);
            assert_eq!(storage.words().as_ptr().addr() % align, 0, "{class} words");
            assert!(storage.words().iter().all(|&word| word == 0), "{class} words");
            storage.words_mut().fill(1);
        }
    }

    /// The kernel reports the advice as the flag `hg` of the mapping.
    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn large_storage_has_the_advice() {
        let storage = Storage::allocate(5 * LARGE_PAGE_WORDS);
        let address = storage.words().as_ptr().addr() + LARGE_PAGE_WORDS * WORD;
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("the mappings of this process");
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        let mut inside = false;
        for line in smaps.lines() {
            let mut ends = line.split(' ').next().into_iter().flat_map(|range| range.split('-'));
            let ends = [ends.next(), ends.next()].map(|end| usize::from_str_radix(end?, 16).ok());
            if let [Some(start), Some(end)] = ends {
                inside = (start..end).contains(&address);
            } else if inside && line.starts_with("VmFlags:") {
                return assert!(line.split_whitespace().any(|flag| flag == "hg"), "{line}");
            }
        }
        panic!("no mapping of the storage in {smaps}");
    }
}
