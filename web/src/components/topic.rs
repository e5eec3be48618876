//! One topic: its partitions in figures.

use std::rc::Rc;

use headwater_worker_protocol::ErrorReport;
use yew::prelude::*;

use super::fields::{TextField, head, on_submit, plain, submit};
use crate::state::{Action, Confirm, Partition, Topic, TopicsAction};
use crate::{format, strings};

/// Rows of a table at the most: a table of thousands could not be drawn five times a second.
const MAX_ROWS: usize = 100;

/// Of a topic.
#[derive(Properties, PartialEq)]
pub(super) struct TopicProps {
    pub(super) topic: Rc<Topic>,
    pub(super) problem: Option<ErrorReport>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
}

/// A topic with a table of its partitions.
#[component]
pub(super) fn TopicView(props: &TopicProps) -> Html {
    let topic = &props.topic;
    let name = &topic.name;
    let delete = {
        let name = name.clone();
        props.act.reform(move |_| Action::Ask(Confirm::DeleteTopic(name.clone())))
    };
    let total = Total::of(&topic.partitions);
    html! {
        <article class="topic" data-testid={format!("topic-{name}")} aria-labelledby={format!("title-{name}")}>
            <header>
                <h3 id={format!("title-{name}")}>{ name }</h3>
                <p class="hint">
                    { strings::topic_summary(topic.partitions.len(), &format::integer(total.records), &format::bytes(total.bytes)) }
                </p>
                <button type="button" class="quiet" data-testid={format!("delete-topic-{name}")} disabled={!props.can_act}
                    aria-label={strings::delete_topic(name)} onclick={delete}>{ strings::delete() }</button>
            </header>
            { configs(topic) }
            if let Some(report) = &props.problem {
                <p class="problem" role="alert">{ strings::error(report) }</p>
            }
            { table(topic, &total) }
            <AddPartitions name={name.clone()} can_act={props.can_act} act={&props.act} />
        </article>
    }
}

fn configs(topic: &Topic) -> Html {
    html! {
        if !topic.configs.is_empty() {
            <p class="configs">
                { for topic.configs.iter().map(|(key, value)| html! { { plain("code", "", format!("{key}={value}")) } }) }
            </p>
        }
    }
}

struct Total {
    records: u64,
    bytes: u64,
    rate: f64,
}

impl Total {
    fn of(partitions: &[Partition]) -> Self {
        Total {
            records: partitions.iter().map(Partition::records).sum(),
            bytes: partitions.iter().map(|partition| partition.figures.size_bytes).sum(),
            rate: partitions.iter().map(|partition| partition.rate).sum(),
        }
    }
}

fn table(topic: &Topic, total: &Total) -> Html {
    let heads = [
        strings::leader(),
        strings::records(),
        strings::bytes(),
        strings::start_offset(),
        strings::end_offset(),
        strings::rate(),
    ];
    let more = topic.partitions.len().saturating_sub(MAX_ROWS);
    html! {
        <div class="scroll" role="region" tabindex="0" aria-label={strings::partitions_of(&topic.name)}>
            <table class="partitions">
                <thead>
                    <tr>
                        { head("", strings::partition()) }
                        { for heads.into_iter().map(|name| head("number", name)) }
                    </tr>
                </thead>
                <tbody>{ for topic.partitions.iter().take(MAX_ROWS).map(|partition| row(&topic.name, partition)) }</tbody>
                <tfoot>
                    <tr>
                        <th scope="row">{ strings::total() }</th>
                        <td />
                        { plain("td", "number", format::integer(total.records)) }
                        { plain("td", "number", format::bytes(total.bytes)) }
                        <td /><td />
                        { plain("td", "number", format::rate(total.rate)) }
                    </tr>
                </tfoot>
            </table>
            if more > 0 {
                { plain("p", "hint", strings::partitions_more(more)) }
            }
        </div>
    }
}

fn row(topic: &str, partition: &Partition) -> Html {
    let figures = &partition.figures;
    html! {
        <tr key={figures.partition} data-testid={format!("partition-row-{topic}-{}", figures.partition)}
            data-start={figures.log_start_offset.to_string()} data-end={figures.high_watermark.to_string()}
            data-bytes={figures.size_bytes.to_string()} data-leader={partition.leader.to_string()}>
            <th scope="row">{ figures.partition }</th>
            { plain("td", "number", partition.leader.to_string()) }
            { plain("td", "number", format::integer(partition.records())) }
            { plain("td", "number", format::bytes(figures.size_bytes)) }
            { plain("td", "number", format::offset(figures.log_start_offset)) }
            { plain("td", "number", format::offset(figures.high_watermark)) }
            { plain("td", "number", format::rate(partition.rate)) }
        </tr>
    }
}

/// Of the form.
#[derive(Properties, PartialEq)]
struct AddPartitionsProps {
    name: String,
    can_act: bool,
    act: Callback<Action>,
}

/// A form, folded away, that gives a topic more partitions.
#[component]
fn AddPartitions(props: &AddPartitionsProps) -> Html {
    let text = use_state(String::new);
    let on_input = {
        let text = text.clone();
        Callback::from(move |value| text.set(value))
    };
    let count = text.trim().parse().ok();
    let name = props.name.clone();
    let action = TopicsAction::SetPartitions { name: name.clone(), count: count.unwrap_or_default() };
    html! {
        <details class="add-partitions">
            <summary data-testid={format!("add-partitions-open-{name}")}>{ strings::add_partitions() }</summary>
            <form class="line" onsubmit={on_submit(&props.act.reform(Action::Topics), action)}>
                { TextField::new(format!("add-partitions-count-{name}"), strings::new_count(), &text, on_input).kind("number").view() }
                { submit(format!("add-partitions-{name}"), "", strings::set(), !props.can_act || count.is_none()) }
            </form>
        </details>
    }
}
