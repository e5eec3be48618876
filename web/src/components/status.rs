//! The panel "status".

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_worker_protocol::ErrorCount;
use yew::prelude::*;

use super::fields::{self, button, plain};
use super::time::{local_clock, local_iso};
use crate::state::{Action, BrokerState, Confirm, LogEntry, Status, StorageFigures, Workers};
use crate::{format, strings};

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct StatusProps {
    pub(super) status: Rc<Status>,
    pub(super) workers: Rc<Workers>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
}

/// Figures of the broker, refusals, events, storage.
#[component]
pub(super) fn StatusPanel(props: &StatusProps) -> Html {
    let status = &props.status;
    html! {
        <section class="panel" aria-labelledby="status-title">
            <h2 id="status-title">{ strings::status() }</h2>
            { figures(status, logs_found(&props.workers)) }
            { plain("h3", "", strings::storage_label()) }
            <p data-testid="storage-status" data-persisted={status.storage.persisted.map(|kept| kept.to_string())}>
                { storage(&status.storage) }
            </p>
            { plain("h3", "", strings::errors()) }
            { errors(&status.errors) }
            <h3 id="events-title">{ strings::events() }</h3>
            { event_log(&status.events) }
            <div class="buttons">
                { button("clear-all", "danger", strings::clear_all(), !props.can_act || props.workers.is_guest(), &props.act.reform(Action::Ask), Confirm::ClearAll) }
            </div>
        </section>
    }
}

/// How many logs the brokers found that run.
fn logs_found(workers: &Workers) -> u32 {
    let found = workers.brokers.iter().map(|broker| match broker.state {
        BrokerState::Running { logs, .. } => logs,
        _ => 0,
    });
    found.sum()
}

fn figures(status: &Status, logs: u32) -> Html {
    let Some(figures) = &status.figures else { return Html::default() };
    let list = vec![
        (strings::requests(), format::integer(figures.requests)),
        (strings::commits(), format::integer(figures.commits)),
        (strings::connections(), format::integer(figures.connections.into())),
        (strings::memory(), format::bytes(figures.memory_bytes)),
    ];
    html! {
        <>
            { plain("p", "hint", strings::logs_found(logs)) }
            { fields::figures(list) }
        </>
    }
}

fn storage(figures: &StorageFigures) -> String {
    let Some(usage) = figures.usage_bytes else { return strings::storage_unknown().to_owned() };
    let quota = figures.quota_bytes.map(format::bytes);
    strings::storage(&format::bytes(usage), quota.as_deref(), figures.persisted)
}

fn errors(errors: &[ErrorCount]) -> Html {
    if errors.is_empty() {
        return plain("p", "hint", strings::no_errors());
    }
    html! {
        <ul class="errors">
            { for errors.iter().map(|error| html! {
                <li key={error.error.as_str()} data-testid={format!("error-count-{}", error.error)} data-count={error.count.to_string()}>
                    { plain("code", "", &error.error) }{ " " }{ plain("b", "", strings::error_count(&format::integer(error.count))) }
                    { plain("span", "", &error.last_message) }
                </li>
            }) }
        </ul>
    }
}

/// What happened, the newest first.
fn event_log(events: &VecDeque<(u64, LogEntry)>) -> Html {
    html! {
        <div class="events" role="log" tabindex="0" aria-labelledby="events-title" data-testid="event-log">
            if events.is_empty() {
                <p key="none" class="hint">{ strings::no_events() }</p>
            }
            { for events.iter().map(|(number, event)| html! {
                <p key={*number} class={event.warning.then_some("warning")}>
                    <time datetime={local_iso(event.wall_ms)}>{ local_clock(event.wall_ms) }</time>{ " " }{ &event.message }
                </p>
            }) }
        </div>
    }
}
