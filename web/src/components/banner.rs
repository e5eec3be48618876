//! How the broker stands, and what to do when it cannot go on.

use std::rc::Rc;

use yew::prelude::*;

use crate::state::{Action, BrokerState, Workers};
use crate::{format, strings};

/// Of the badge.
#[derive(Properties, PartialEq)]
pub(super) struct BadgeProps {
    pub(super) workers: Rc<Workers>,
}

/// The broker's state in a word or two.
#[component]
pub(super) fn BrokerBadge(props: &BadgeProps) -> Html {
    let (state, text) = state_of(&props.workers);
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

/// Of the banner.
#[derive(Properties, PartialEq)]
pub(super) struct BannerProps {
    pub(super) workers: Rc<Workers>,
    pub(super) act: Callback<Action>,
}

/// Says what stands in the way, when something does.
#[component]
pub(super) fn Banner(props: &BannerProps) -> Html {
    let workers = &props.workers;
    if let Some(message) = workers.failure() {
        return html! {
            <div class="banner bad" role="alert" data-testid="banner">
                <p>{ strings::worker_failed(message) }</p>
                <button type="button" data-testid="restart" onclick={props.act.reform(|_| Action::Restart)}>
                    { strings::RESTART }
                </button>
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
