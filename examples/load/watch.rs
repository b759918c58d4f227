//! What a running process needs, and whether that grows.

use super::{GROWTH, MOST_MEMORY_KIB};
use std::fs;
use std::time::Instant;

/// What a process needs at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Resident memory.
    resident_kib: u64,
    /// The most that it ever was.
    peak_kib: u64,
    /// Open descriptors.
    files: usize,
    /// Threads.
    threads: u64,
}

impl Usage {
    /// As `/proc` tells; `None` for a process that is ending.
    pub(crate) fn of(id: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            resident_kib: number("VmRSS:")?,
            peak_kib: number("VmHWM:")?,
            files: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count(),
            threads: number("Threads:")?,
        })
    }

    fn most(self, other: Self) -> Self {
        Self {
            resident_kib: self.resident_kib.max(other.resident_kib),
            peak_kib: self.peak_kib.max(other.peak_kib),
            files: self.files.max(other.files),
            threads: self.threads.max(other.threads),
        }
    }
}

/// The most that was needed in each part of a run.
pub(crate) struct Samples {
    photos: u32,
    rows: u32,
    allowed_files: usize,
    began: Instant,
    /// The parts that are over.
    parts: Vec<Usage>,
    now: Usage,
    row_began: Instant,
}

impl Samples {
    pub(crate) const HEAD: &str = "  photos   seconds  photos/s  resident  files  threads";

    /// A run over so many photos, in so many parts, that may open so many files.
    pub(crate) fn new(photos: u32, rows: u32, allowed_files: usize) -> Self {
        let now = Instant::now();
        Self {
            photos,
            rows,
            allowed_files,
            began: now,
            parts: Vec::new(),
            now: Usage::default(),
            row_began: now,
        }
    }

    /// One look after so many photos; gives a line when a part is over.
    pub(crate) fn take(&mut self, done: u32, usage: Usage) -> Option<String> {
        self.now = self.now.most(usage);
        let part = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        let end = u64::from(self.photos) * u64::from(part + 1) / u64::from(self.rows);
        (part + 1 < self.rows && u64::from(done) >= end).then(|| self.close(end))
    }

    /// The line of what is left.
    pub(crate) fn last(&mut self) -> Option<String> {
        let end = u64::from(self.photos);
        (self.now.resident_kib > 0).then(|| self.close(end))
    }

    fn close(&mut self, end: u64) -> String {
        let usage = std::mem::take(&mut self.now);
        let seconds = self.row_began.elapsed().as_secs_f64();
        self.row_began = Instant::now();
        self.parts.push(usage);
        format!(
            "{end:>8}  {:>8.0}  {:>8.1}  {:>5.1} MB  {:>5}  {:>7}",
            self.began.elapsed().as_secs_f64(),
            f64::from(self.photos) / f64::from(self.rows) / seconds,
            usage.resident_kib as f64 / 1024.0,
            usage.files,
            usage.threads,
        )
    }

    /// After the first tenth: the second one, and the most of any later one.
    fn compared(&self) -> Option<(Usage, Usage)> {
        let first = *self.parts.get(1)?;
        let later = self.parts.get(2..)?.iter().copied();
        Some((first, later.fold(Usage::default(), Usage::most)))
    }

    fn ratio(&self) -> f64 {
        self.compared().map_or(1.0, |(first, later)| {
            later.resident_kib as f64 / first.resident_kib.max(1) as f64
        })
    }

    fn most_files(&self) -> usize {
        let files = self.parts.iter().map(|part| part.files);
        files.max().unwrap_or(0)
    }

    fn peak_kib(&self) -> u64 {
        let peaks = self.parts.iter().map(|part| part.peak_kib);
        peaks.max().unwrap_or(0)
    }

    /// Whether nothing grew.
    pub(crate) fn are_flat(&self) -> bool {
        self.ratio() <= GROWTH
            && self.most_files() <= self.allowed_files
            && self.peak_kib() <= MOST_MEMORY_KIB
    }

    /// The same in words.
    pub(crate) fn verdict(&self) -> String {
        format!(
            "peak {:.1} MB; memory after the first tenth grew by a factor of {:.2}; at most {} open \
             files, {} are allowed: {}",
            self.peak_kib() as f64 / 1024.0,
            self.ratio(),
            self.most_files(),
            self.allowed_files,
            if self.are_flat() { "flat" } else { "IT GROWS" }
        )
    }
}
