use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{MemoryDisk, MemoryStorage};
use crate::conformance::{CASES, Harness, run};

struct MemoryHarness {
    disk: MemoryDisk,
}

impl Harness for MemoryHarness {
    type Storage = MemoryStorage;

    async fn open(&mut self) -> Result<MemoryStorage, String> {
        Ok(MemoryStorage::open(&self.disk))
    }

    async fn wait(&mut self, _storage: &mut MemoryStorage) {}

    async fn limit_room(&mut self, bytes: Option<u64>) -> bool {
        self.disk.limit(bytes.map(|bytes| self.disk.used() + bytes));
        true
    }
}

/// Nothing here ever has to wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("memory had to wait"),
    }
}

#[test]
fn passes_the_conformance_suite() {
    let mut failed = Vec::new();
    for case in CASES {
        if let Err(error) = ready(run(case, &mut MemoryHarness { disk: MemoryDisk::new() })) {
            failed.push(format!("{case}: {error}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
