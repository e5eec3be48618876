//! How the brokers stand, and what to do when they cannot go on.

use yew::prelude::*;

use super::fields::{button, plain};
use crate::state::{Action, Broker, BrokerState, Confirm, Workers};
use crate::{format, strings};

/// The brokers' state in a word or two.
pub(super) fn broker_badge(workers: &Workers) -> Html {
    let (state, text) = state_of(workers);
    html! {
        <p class="badge" data-testid="broker-state" data-state={state} data-guest={workers.is_guest().to_string()}>
            <span class="dot" aria-hidden="true" />
            <span class="visually-hidden">{ strings::brokers() }{ " " }</span>{ text }
        </p>
    }
}

fn state_of(workers: &Workers) -> (&'static str, String) {
    if !workers.missing.is_empty() {
        return ("unsupported", strings::state_unsupported().to_owned());
    }
    if workers.owner_is_silent() {
        return ("silent", strings::state_silent().to_owned());
    }
    let running = workers.brokers.iter().filter(|broker| is_running(broker)).count();
    // What is furthest from running says how it stands.
    match workers.brokers.iter().find(|broker| !is_running(broker)) {
        Some(other) if running > 0 => {
            (other.state.name(), strings::some_running(running, workers.brokers.len()))
        }
        Some(other) => (other.state.name(), state_text(&other.state).to_owned()),
        None if running == 0 => ("starting", strings::state_starting().to_owned()),
        None if workers.is_guest() => ("running", strings::state_guest().to_owned()),
        None => {
            let slowest = workers.brokers.iter().filter_map(recovery_ms).fold(0.0, f64::max);
            ("running", strings::state_running(&format::duration(slowest)))
        }
    }
}

fn is_running(broker: &Broker) -> bool {
    matches!(broker.state, BrokerState::Running { .. })
}

/// How long a broker took to come up.
pub(super) fn recovery_ms(broker: &Broker) -> Option<f64> {
    match broker.state {
        BrokerState::Running { recovery_ms, .. } => Some(recovery_ms),
        _ => None,
    }
}

/// A state for people.
pub(super) fn state_text(state: &BrokerState) -> &'static str {
    match state {
        BrokerState::Running { .. } => strings::state_is_running(),
        BrokerState::Starting => strings::state_starting(),
        BrokerState::Recovering => strings::state_recovering(),
        BrokerState::Waiting => strings::state_waiting(),
        BrokerState::Clearing => strings::state_clearing(),
        BrokerState::Stopped => strings::state_stopped(),
        BrokerState::Failed(_) => strings::state_failed(),
    }
}

/// Says what stands in the way, when something does.
pub(super) fn banner(workers: &Workers, act: &Callback<Action>) -> Html {
    if let Some(message) = workers.failure() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                { plain("p", "", strings::worker_failed(message)) }
                <div class="buttons">
                    { button("restart", "", strings::restart(), false, &act.reform(|()| Action::Restart), ()) }
                    { button("clear-failed", "danger", strings::clear_all(), false, &act.reform(Action::Ask), Confirm::ClearAll) }
                </div>
            </div>
        };
    }
    if !workers.missing.is_empty() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                { plain("p", "", strings::unsupported()) }
                <ul>{ for workers.missing.iter().map(|&missing| plain("li", "", strings::missing(missing))) }</ul>
            </div>
        };
    }
    if workers.owner_is_silent() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                { plain("p", "", strings::silent()) }
                { button("take-over", "", strings::take_over(), false, &act.reform(|()| Action::TakeOver), ()) }
            </div>
        };
    }
    let said = if workers.is_guest() {
        strings::guest()
    } else if workers.brokers.iter().any(|broker| broker.state == BrokerState::Waiting) {
        strings::waiting()
    } else {
        return Html::default();
    };
    html! { <div class="banner" role="status" data-testid="banner">{ plain("p", "", said) }</div> }
}
