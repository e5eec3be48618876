//! The panel "brokers": the workers, the brokers in them, and what each leads.

use std::rc::Rc;

use yew::prelude::*;

use super::banner::{recovery_ms, state_text};
use super::fields::{SelectField, button, head, plain};
use crate::state::{Action, Broker, HostState, MAX_WORKERS, Status, Workers};
use crate::{format, strings};

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct BrokersProps {
    pub(super) workers: Rc<Workers>,
    pub(super) status: Rc<Status>,
    pub(super) act: Callback<Action>,
}

/// The brokers in a table, and how many workers they get.
#[component]
pub(super) fn BrokersPanel(props: &BrokersProps) -> Html {
    let workers = &props.workers;
    html! {
        <section class="panel" aria-labelledby="brokers-title">
            <h2 id="brokers-title">{ strings::brokers() }</h2>
            { worker_count(workers, &props.act) }
            <div class="scroll" role="group" tabindex="0" aria-labelledby="brokers-title">
                <table class="brokers" data-testid="broker-list" data-count={workers.brokers.len().to_string()}>
                    <thead>
                        <tr>
                            { head("", strings::broker()) }
                            { head("number", strings::worker()) }
                            { head("", strings::broker_state()) }
                            { head("number", strings::leads()) }
                            { head("number", strings::recovery()) }
                        </tr>
                    </thead>
                    <tbody>{ for workers.brokers.iter().map(|broker| row(workers, &props.status, broker, &props.act)) }</tbody>
                </table>
            </div>
        </section>
    }
}

fn worker_count(workers: &Workers, act: &Callback<Action>) -> Html {
    if workers.is_guest() {
        return plain("p", "hint", strings::workers_hint_guest());
    }
    let options: Vec<(AttrValue, AttrValue)> =
        (1..=MAX_WORKERS).map(|count| (count.to_string().into(), count.to_string().into())).collect();
    let on_change = act.reform(|count: String| Action::SetWorkers(count.parse().unwrap_or(1)));
    html! {
        <>
            <SelectField id="worker-count" label={strings::workers()} {options} {on_change}
                value={workers.wanted.to_string()} disabled={workers.is_clearing()} />
            { plain("p", "hint", strings::workers_hint()) }
        </>
    }
}

fn row(workers: &Workers, status: &Status, broker: &Broker, act: &Callback<Action>) -> Html {
    let node_id = broker.node_id;
    let host = workers.host_of(node_id);
    let leads = status.led.iter().find(|(led_by, _)| *led_by == node_id).map_or(0, |(_, count)| *count);
    let recovery = recovery_ms(broker).map(format::duration).unwrap_or_default();
    // A worker with several brokers has its button at the first of them.
    let first = host.filter(|host| *host as i32 == node_id);
    html! {
        <tr key={node_id} data-testid={format!("broker-row-{node_id}")} data-state={broker.state.name()}
            data-leads={leads.to_string()}>
            <th scope="row">{ node_id }</th>
            { plain("td", "number", host.map(|host| host.to_string())) }
            { plain("td", "", state_text(&broker.state)) }
            { plain("td", "number", leads.to_string()) }
            { plain("td", "number", recovery) }
            <td>{ first.map(|host| host_button(workers, host, act)) }</td>
        </tr>
    }
}

fn host_button(workers: &Workers, host: u32, act: &Callback<Action>) -> Html {
    let clearing = workers.is_clearing();
    match workers.hosts.get(host as usize).map(|host| &host.state) {
        Some(HostState::Loaded) => {
            let (id, label) = (format!("terminate-worker-{host}"), strings::terminate_worker(host));
            button(id, "quiet", label, clearing, &act.reform(Action::StopWorker), host)
        }
        Some(HostState::Stopped | HostState::Failed(_)) => {
            let (id, label) = (format!("start-worker-{host}"), strings::start_worker(host));
            button(id, "quiet", label, clearing, &act.reform(Action::StartWorker), host)
        }
        Some(HostState::Starting) | None => Html::default(),
    }
}
