//! The clocks and the entropy of a worker.
//!
//! Time is virtual: the page may have it run slower or faster, stand still, or go on by a moment, for all workers alike. Whatever has
//! a time-out takes its time from here, so nothing is late because time stood still.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use headwater_engine::Now;
use headwater_engine::sorted::SortedMap;
use headwater_worker_protocol::Time;
use js_sys::{Date, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Crypto, Performance};

/// Who sleeps looks up that often in real time, to see that it should stop.
const LOOK_UP_MS: f64 = 200.0;
/// Who waits for a step looks up that often.
const TURN_MS: u32 = 100;
/// A message that says what time it is has not been under way for longer.
const MAX_LATENCY_MS: f64 = 1_000.0;

/// How real time becomes virtual time.
struct Clock {
    /// Virtual milliseconds in a real one.
    rate: f64,
    /// The real monotonic time since which it has this rate.
    since_ms: f64,
    /// The virtual monotonic time then.
    monotonic_ms: f64,
    /// By how much virtual time was behind real time then.
    lag_ms: f64,
    /// Whether the page has ever said something.
    is_set: bool,
    /// How often the page has said something.
    changes: u64,
    timers: SortedMap<u64, Entry>,
    next: u64,
    /// Hears when the next timer is due, while time stands still, if that changes.
    tell_due: Option<TellDue>,
    told_due: Option<f64>,
}

struct Entry {
    due_ms: f64,
    /// None: somebody sleeps, who wakes up without it.
    callback: Option<Rc<dyn Fn()>>,
    /// None while time stands still.
    timeout: Option<Timeout>,
}

thread_local! {
    static CLOCK: RefCell<Clock> = const {
        RefCell::new(Clock {
            rate: 1.0,
            since_ms: 0.0,
            monotonic_ms: 0.0,
            lag_ms: 0.0,
            is_set: false,
            changes: 0,
            timers: SortedMap::new(),
            next: 0,
            tell_due: None,
            told_due: None,
        })
    };
}

/// Is told when the next timer is due, by the wall clock; nothing when there is none.
type TellDue = Rc<dyn Fn(Option<f64>)>;

impl Clock {
    fn elapsed_ms(&self) -> f64 {
        real_monotonic_ms() - self.since_ms
    }

    fn monotonic_ms(&self) -> f64 {
        self.monotonic_ms + self.elapsed_ms() * self.rate
    }

    fn wall_ms(&self) -> f64 {
        Date::now() - self.lag_ms - self.elapsed_ms() * (1.0 - self.rate)
    }

    /// Sets a timer off when its time has come in real time.
    fn arm(&mut self, id: u64) {
        let (now_ms, rate) = (self.monotonic_ms(), self.rate);
        let Some(entry) = self.timers.get_mut(&id).filter(|entry| entry.callback.is_some()) else { return };
        let left_ms = (entry.due_ms - now_ms).max(0.0);
        entry.timeout = (left_ms == 0.0 || rate > 0.0).then(|| {
            let wait_ms = if left_ms == 0.0 { 0.0 } else { (left_ms / rate).ceil().min(f64::from(i32::MAX)) };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to i32::MAX")]
            Timeout::new(wait_ms as u32, move || go_off(id))
        });
    }

    /// When the next timer is due, while time stands still, if that was not told; and to whom it is.
    fn due(&mut self) -> Option<(TellDue, Option<f64>)> {
        let tell = self.tell_due.clone().filter(|_| self.rate == 0.0)?;
        let due_ms = self.timers.values().map(|entry| entry.due_ms).reduce(f64::min);
        let due_ms = due_ms.map(|due_ms| (due_ms - self.monotonic_ms() + self.wall_ms()).ceil());
        if self.told_due == due_ms {
            return None;
        }
        self.told_due = due_ms;
        Some((tell, due_ms))
    }
}

/// The page says what time it is, and how fast it goes.
pub(crate) fn set(time: Time) {
    with(|clock| {
        let real_ms = real_monotonic_ms();
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
        let (said_ms, virtual_ms) = (time.real_ms as f64, time.virtual_ms as f64);
        let rate = f64::from(time.rate) / 1_000.0;
        let latency_ms = (Date::now() - said_ms).clamp(0.0, MAX_LATENCY_MS);
        let lag_ms = said_ms - virtual_ms + latency_ms * (1.0 - rate);
        let before_ms = clock.lag_ms + clock.elapsed_ms() * (1.0 - clock.rate);
        // A step: time goes on without any having passed. It never goes back.
        let step_ms = if clock.is_set { (before_ms - lag_ms).max(0.0) } else { 0.0 };
        clock.monotonic_ms = clock.monotonic_ms() + step_ms;
        (clock.since_ms, clock.rate, clock.lag_ms, clock.is_set) = (real_ms, rate, lag_ms, true);
        clock.changes += 1;
        let ids: Vec<u64> = clock.timers.keys().copied().collect();
        ids.into_iter().for_each(|id| clock.arm(id));
        clock.told_due = None;
    });
    tell_due();
}

/// Whether time stands still.
#[must_use]
pub(crate) fn is_paused() -> bool {
    with(|clock| clock.rate == 0.0)
}

/// How often the page has said what time it is: while time stands still, each is a step.
#[must_use]
pub(crate) fn changes() -> u64 {
    with(|clock| clock.changes)
}

/// Hears when the next timer of this worker is due, in milliseconds since 1970, while time stands still.
pub(crate) fn on_due(tell: impl Fn(Option<f64>) + 'static) {
    with(|clock| clock.tell_due = Some(Rc::new(tell)));
}

/// Goes off once, unless it is dropped before.
pub(crate) struct Timer(u64);

impl Drop for Timer {
    fn drop(&mut self) {
        with(|clock| clock.timers.remove(&self.0));
        tell_due();
    }
}

/// Calls back when the monotonic clock shows `due_ms`.
pub(crate) fn timer(due_ms: f64, callback: impl Fn() + 'static) -> Timer {
    add(due_ms, Some(Rc::new(callback)))
}

/// Waits for so many milliseconds, or somewhat less where time is slow: who sleeps looks whether there is something else to do.
pub(crate) async fn sleep(ms: f64) {
    let _due = add(monotonic_ms() + ms, None);
    let rate = with(|clock| clock.rate);
    let real_ms = (ms / rate).clamp(1.0, LOOK_UP_MS);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most LOOK_UP_MS")]
    TimeoutFuture::new(real_ms as u32).await;
}

/// While time stands still, one turn for each step: waits a while if this one was had, and says whether it was.
pub(crate) async fn waits_for_a_step(had: &mut u64) -> bool {
    let waits = is_paused() && *had == changes();
    *had = changes();
    if waits {
        TimeoutFuture::new(TURN_MS).await;
    }
    waits
}

/// Ends when time has stood still for so long in real time.
pub(crate) async fn stands_still_for(ms: u32) {
    let mut stood_ms = 0;
    while stood_ms < ms {
        TimeoutFuture::new(TURN_MS).await;
        stood_ms = if is_paused() { stood_ms + TURN_MS } else { 0 };
    }
}

fn add(due_ms: f64, callback: Option<Rc<dyn Fn()>>) -> Timer {
    let id = with(|clock| {
        let id = clock.next;
        clock.next += 1;
        clock.timers.insert(id, Entry { due_ms, callback, timeout: None });
        clock.arm(id);
        id
    });
    tell_due();
    Timer(id)
}

fn go_off(id: u64) {
    let callback = with(|clock| {
        let now_ms = clock.monotonic_ms();
        let entry = clock.timers.get_mut(&id)?;
        if let Some(timeout) = entry.timeout.take() {
            // It has gone off; there is nothing to cancel.
            timeout.forget();
        }
        if entry.due_ms > now_ms {
            clock.arm(id);
            return None;
        }
        clock.timers.remove(&id)?.callback
    });
    if let Some(callback) = callback {
        callback();
    }
}

fn tell_due() {
    if let Some((tell, due_ms)) = with(Clock::due) {
        tell(due_ms);
    }
}

fn with<T>(act: impl FnOnce(&mut Clock) -> T) -> T {
    CLOCK.with_borrow_mut(act)
}

/// Milliseconds since the worker started, with fractions; never goes back.
#[must_use]
pub(crate) fn monotonic_ms() -> f64 {
    with(|clock| clock.monotonic_ms())
}

/// Milliseconds since 1970, with fractions.
#[must_use]
pub(crate) fn wall_ms() -> f64 {
    with(|clock| clock.wall_ms())
}

/// Both clocks, as the broker and the clients want them.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive and far below 2^53"
)]
pub(crate) fn now() -> Now {
    with(|clock| Now { monotonic_ms: clock.monotonic_ms() as u64, wall_ms: clock.wall_ms() as i64 })
}

/// Milliseconds since 1970 as the browser has it.
#[must_use]
pub(crate) fn real_ms() -> f64 {
    Date::now()
}

fn real_monotonic_ms() -> f64 {
    property::<Performance>("performance").map_or_else(Date::now, |performance| performance.now())
}

/// A random number from the platform's generator.
///
/// # Errors
///
/// When the platform has none.
pub(crate) fn entropy() -> Result<u64, JsValue> {
    let crypto = property::<Crypto>("crypto").ok_or("there is no source of entropy")?;
    let mut bytes = [0; 8];
    crypto.get_random_values_with_u8_array(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn property<T: JsCast>(name: &str) -> Option<T> {
    Reflect::get(&js_sys::global(), &name.into()).ok()?.dyn_into().ok()
}
