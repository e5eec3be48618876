//! How the brokers stand, and what to do when they cannot go on.

use yew::prelude::*;

use super::fields::button;
use crate::state::{Action, Broker, BrokerState, Confirm, Workers};
use crate::{format, strings};

/// The brokers' state in a word or two.
pub(super) fn broker_badge(workers: &Workers) -> Html {
    let (state, text) = state_of(workers);
    html! {
        <p class="badge" data-testid="broker-state" data-state={state} data-guest={workers.is_guest().to_string()}>
            <span class="dot" aria-hidden="true" />
            <span class="visually-hidden">{ strings::BROKERS }{ " " }</span>{ text }
        </p>
    }
}

fn state_of(workers: &Workers) -> (&'static str, String) {
    if !workers.missing.is_empty() {
        return ("unsupported", strings::STATE_UNSUPPORTED.to_owned());
    }
    if workers.owner_is_silent() {
        return ("silent", strings::STATE_SILENT.to_owned());
    }
    let running = workers.brokers.iter().filter(|broker| is_running(broker)).count();
    // What is furthest from running says how it stands.
    match workers.brokers.iter().find(|broker| !is_running(broker)) {
        Some(other) if running > 0 => {
            (state_name(&other.state), strings::some_running(running, workers.brokers.len()))
        }
        Some(other) => (state_name(&other.state), state_text(&other.state).to_owned()),
        None if running == 0 => ("starting", strings::STATE_STARTING.to_owned()),
        None if workers.is_guest() => ("running", strings::STATE_GUEST.to_owned()),
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

/// A state for style sheets and tests.
pub(super) fn state_name(state: &BrokerState) -> &'static str {
    match state {
        BrokerState::Running { .. } => "running",
        BrokerState::Starting => "starting",
        BrokerState::Recovering => "recovering",
        BrokerState::Waiting => "waiting",
        BrokerState::Clearing => "clearing",
        BrokerState::Stopped => "stopped",
        BrokerState::Failed(_) => "failed",
    }
}

/// A state for people.
pub(super) fn state_text(state: &BrokerState) -> &'static str {
    match state {
        BrokerState::Running { .. } => strings::STATE_RUNNING,
        BrokerState::Starting => strings::STATE_STARTING,
        BrokerState::Recovering => strings::STATE_RECOVERING,
        BrokerState::Waiting => strings::STATE_WAITING,
        BrokerState::Clearing => strings::STATE_CLEARING,
        BrokerState::Stopped => strings::STATE_STOPPED,
        BrokerState::Failed(_) => strings::STATE_FAILED,
    }
}

/// Says what stands in the way, when something does.
pub(super) fn banner(workers: &Workers, act: &Callback<Action>) -> Html {
    if let Some(message) = workers.failure() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                <p>{ strings::worker_failed(message) }</p>
                <div class="buttons">
                    { button("restart", "", strings::RESTART, false, &act.reform(|()| Action::Restart), ()) }
                    { button("clear-failed", "danger", strings::CLEAR_ALL, false, &act.reform(Action::Ask), Confirm::ClearAll) }
                </div>
            </div>
        };
    }
    if !workers.missing.is_empty() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                <p>{ strings::UNSUPPORTED }</p>
                <ul>{ for workers.missing.iter().map(|&missing| html! { <li>{ strings::missing(missing) }</li> }) }</ul>
            </div>
        };
    }
    if workers.owner_is_silent() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                <p>{ strings::SILENT }</p>
                { button("take-over", "", strings::TAKE_OVER, false, &act.reform(|()| Action::TakeOver), ()) }
            </div>
        };
    }
    let said = if workers.is_guest() {
        strings::GUEST
    } else if workers.brokers.iter().any(|broker| broker.state == BrokerState::Waiting) {
        strings::WAITING
    } else {
        return Html::default();
    };
    html! { <div class="banner" role="status" data-testid="banner"><p>{ said }</p></div> }
}
