//! The panel "send one record".

use std::rc::Rc;

use headwater_worker_protocol::ErrorReport;
use yew::prelude::*;

use super::fields::{SelectField, TextField, button, checkbox, on_submit, plain, submit, topic_options};
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
            <h2 id="send-title">{ strings::send() }</h2>
            if topics.is_empty() {
                { plain("p", "hint", strings::send_no_topics()) }
            }
            <form onsubmit={on_submit(&act, SendAction::Go)}>
                { where_fields(send, topics, &act) }
                { TextField::new("send-key", strings::key(), &send.key, act.reform(SendAction::Key)).hint(strings::key_hint()).view() }
                { TextField::new("send-value", strings::value(), &send.value, act.reform(SendAction::Value)).kind("lines").disabled(send.null_value).view() }
                { checkbox("send-null", strings::null_value(), None, send.null_value, &act.reform(SendAction::NullValue)) }
                { for send.headers.iter().enumerate().map(|(index, header)| header_fields(index, header, &act)) }
                <div class="buttons">
                    { submit("send-go", "primary", strings::send_go(), !can_send) }
                    { button("send-header-add", "", strings::add_header(), false, &act, SendAction::AddHeader) }
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
    let mut options = vec![("auto".into(), strings::auto().into())];
    options.extend(
        (0..partitions).map(|partition| (partition.to_string().into(), partition.to_string().into())),
    );
    let partition = send.partition.filter(|&partition| partition < partitions);
    html! {
        <div class="pair">
            <SelectField id="send-topic" label={strings::topic()} options={topic_options(topics)}
                value={chosen.map_or(String::new(), |topic| topic.name.clone())} disabled={topics.is_empty()}
                on_change={act.reform(SendAction::Topic)} />
            <SelectField id="send-partition" label={strings::partition()} {options} disabled={topics.is_empty()}
                value={partition.map_or("auto".to_owned(), |partition| partition.to_string())}
                on_change={act.reform(|text: String| SendAction::Partition(text.parse().ok()))} />
        </div>
    }
}

fn header_fields(index: usize, (name, value): &(String, String), act: &Callback<SendAction>) -> Html {
    html! {
        <div class="line header-line" key={index}>
            { TextField::new(format!("send-header-name-{index}"), strings::header_name(), name, act.reform(move |text| SendAction::HeaderName(index, text))).view() }
            { TextField::new(format!("send-header-value-{index}"), strings::header_value(), value, act.reform(move |text| SendAction::HeaderValue(index, text))).view() }
            { button(format!("send-header-remove-{index}"), "quiet", strings::remove(), false, act, SendAction::RemoveHeader(index)) }
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
