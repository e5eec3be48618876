//! One owner at a time: the browser's lock on a broker's database.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use headwater_worker_protocol::locks::{Ask, LockNews, request};
use wasm_bindgen::JsValue;

/// Takes a lock and keeps it until the worker ends, or somebody else takes it by force: `lost` is called then. `wait` is
/// called when somebody else has it and it is not to be stolen.
///
/// # Errors
///
/// When the browser has no locks, or refuses.
pub(super) async fn take(
    name: &str,
    steal: bool,
    wait: impl FnOnce(),
    lost: impl Fn() + 'static,
) -> Result<(), JsValue> {
    let lost = Rc::new(lost);
    if ask(name, if steal { Ask::Steal } else { Ask::IfAvailable }, lost.clone()).await? {
        return Ok(());
    }
    wait();
    ask(name, Ask::Wait, lost).await.map(drop)
}

/// Whether the lock was given.
async fn ask(name: &str, how: Ask, lost: Rc<impl Fn() + 'static>) -> Result<bool, JsValue> {
    let (sender, answer) = oneshot::channel();
    let sender = Cell::new(Some(sender));
    let answer_with = move |result| {
        if let Some(sender) = sender.take() {
            // Nobody waits when the broker was given up meanwhile.
            let _ = sender.send(result);
        }
    };
    request(name, how, move |news| match news {
        LockNews::Given => answer_with(Ok(true)),
        LockNews::Taken => answer_with(Ok(false)),
        LockNews::Refused(error) => answer_with(Err(error)),
        LockNews::Stolen => lost(),
    })?;
    answer.await.unwrap_or(Ok(false))
}
