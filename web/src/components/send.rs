//! The panel "send one record".

use std::rc::Rc;

use headwater_worker_protocol::ErrorReport;
use yew::prelude::*;

use super::fields::{Checkbox, SelectField, TextField, on_submit};
use super::read::{partition_options, topic_options};
use crate::state::{Action, Send, SendAction, Sent, TopicName};
use crate::{format, strings};

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct SendProps {
    pub(super) send: Rc<Send>,
    pub(super) topics: Rc<Vec<TopicName>>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
}

/// A record typed by hand, and where it went.
#[component]
pub(super) fn SendPanel(props: &SendProps) -> Html {
    let SendProps { send, topics, can_act, act } = props;
    let act = act.reform(Action::Send);
    let can_send = *can_act && !topics.is_empty() && !send.is_asking();
    html! {
        <section class="panel" aria-labelledby="send-title">
            <h2 id="send-title">{ strings::SEND }</h2>
            if topics.is_empty() {
                <p class="hint">{ strings::SEND_NO_TOPICS }</p>
            }
            <form onsubmit={on_submit(&act, SendAction::Go)}>
                { where_fields(send, topics, &act) }
                <TextField id="send-key" label={strings::KEY} value={send.key.clone()} hint={strings::KEY_HINT}
                    on_input={act.reform(SendAction::Key)} />
                <TextField id="send-value" label={strings::VALUE} value={send.value.clone()} long=true
                    disabled={send.null_value} on_input={act.reform(SendAction::Value)} />
                <Checkbox id="send-null" label={strings::NULL_VALUE} checked={send.null_value}
                    on_change={act.reform(SendAction::NullValue)} />
                { for send.headers.iter().enumerate().map(|(index, header)| header_fields(index, header, &act)) }
                <div class="buttons">
                    <button type="submit" class="primary" data-testid="send-go" disabled={!can_send}>{ strings::SEND_GO }</button>
                    <button type="button" data-testid="send-header-add" onclick={act.reform(|_| SendAction::AddHeader)}>
                        { strings::ADD_HEADER }
                    </button>
                </div>
            </form>
            if let Some(outcome) = &send.outcome {
                { outcome_view(outcome) }
            }
        </section>
    }
}

fn where_fields(send: &Send, topics: &[TopicName], act: &Callback<SendAction>) -> Html {
    let chosen = send.topic_among(topics);
    let partitions = chosen.map_or(0, |topic| topic.partitions);
    let mut options = vec![("auto".into(), strings::AUTO.into())];
    options.extend(partition_options(partitions));
    let partition = send.partition.filter(|&partition| partition < partitions);
    html! {
        <div class="pair">
            <SelectField id="send-topic" label={strings::TOPIC} options={topic_options(topics)}
                value={chosen.map_or(String::new(), |topic| topic.name.clone())} disabled={topics.is_empty()}
                on_change={act.reform(SendAction::Topic)} />
            <SelectField id="send-partition" label={strings::PARTITION} {options} disabled={topics.is_empty()}
                value={partition.map_or("auto".to_owned(), |partition| partition.to_string())}
                on_change={act.reform(|text: String| SendAction::Partition(text.parse().ok()))} />
        </div>
    }
}

fn header_fields(index: usize, (name, value): &(String, String), act: &Callback<SendAction>) -> Html {
    html! {
        <div class="line header-line" key={index}>
            <TextField id={format!("send-header-name-{index}")} label={strings::HEADER_NAME} value={name.clone()}
                on_input={act.reform(move |text| SendAction::HeaderName(index, text))} />
            <TextField id={format!("send-header-value-{index}")} label={strings::HEADER_VALUE} value={value.clone()}
                on_input={act.reform(move |text| SendAction::HeaderValue(index, text))} />
            <button type="button" class="quiet" data-testid={format!("send-header-remove-{index}")}
                onclick={act.reform(move |_| SendAction::RemoveHeader(index))}>{ strings::REMOVE }</button>
        </div>
    }
}

fn outcome_view(outcome: &Result<Sent, ErrorReport>) -> Html {
    match outcome {
        Ok(sent) => html! {
            <p class="good" data-testid="send-result" data-partition={sent.partition.to_string()}
                data-offset={sent.offset.to_string()}>
                { strings::sent(&sent.topic, sent.partition, &format::offset(sent.offset)) }
            </p>
        },
        Err(report) => html! { <p class="problem" data-testid="send-problem">{ strings::error(report) }</p> },
    }
}
