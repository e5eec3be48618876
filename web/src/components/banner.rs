//! How the broker stands, and what to do when it cannot go on.

use yew::prelude::*;

use super::fields::button;
use crate::state::{Action, BrokerState, Workers};
use crate::{format, strings};

/// The broker's state in a word or two.
pub(super) fn broker_badge(workers: &Workers) -> Html {
    let (state, text) = state_of(workers);
    html! {
        <p class="badge" data-testid="broker-state" data-state={state}>
            <span class="dot" aria-hidden="true" />
            <span class="visually-hidden">{ strings::BROKER }{ " " }</span>{ text }
        </p>
    }
}

fn state_of(workers: &Workers) -> (&'static str, String) {
    let (state, text) = match &workers.broker {
        BrokerState::Running { recovery_ms, .. } => {
            return ("running", strings::state_running(&format::duration(*recovery_ms)));
        }
        BrokerState::Starting => ("starting", strings::STATE_STARTING),
        BrokerState::Recovering => ("recovering", strings::STATE_RECOVERING),
        BrokerState::Waiting => ("waiting", strings::STATE_WAITING),
        BrokerState::Clearing => ("clearing", strings::STATE_CLEARING),
        BrokerState::Failed(_) => ("failed", strings::STATE_FAILED),
        BrokerState::Unsupported => ("unsupported", strings::STATE_UNSUPPORTED),
    };
    (state, text.to_owned())
}

/// Says what stands in the way, when something does.
pub(super) fn banner(workers: &Workers, act: &Callback<Action>) -> Html {
    if let Some(message) = workers.failure() {
        return html! {
                    <div class="banner bad" role="alert" data-testid="banner">
                        <p>{ strings::worker_failed(message) }</p>
        { button("restart", "", strings::RESTART, false, act, Action::Restart) }
                    </div>
                };
    }
    match workers.broker {
        BrokerState::Waiting => html! {
            <div class="banner" role="status" data-testid="banner"><p>{ strings::WAITING }</p></div>
        },
        BrokerState::Unsupported => html! {
            <div class="banner bad" role="alert" data-testid="banner">
                <p>{ strings::UNSUPPORTED }</p>
                <ul>{ for workers.missing.iter().map(|&missing| html! { <li>{ strings::missing(missing) }</li> }) }</ul>
            </div>
        },
        _ => Html::default(),
    }
}
