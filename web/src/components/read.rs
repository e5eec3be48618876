//! The panel "read".

use std::rc::Rc;

use yew::prelude::*;

use super::fields::{SelectField, TextField, button, on_submit, submit};
use super::records::records_table;
use super::time::parse_local;
use crate::state::{Action, Confirm, Read, ReadAction, ReadOrigin, TopicName};
use crate::{format, strings};

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct ReadProps {
    pub(super) read: Rc<Read>,
    pub(super) topics: Rc<Vec<TopicName>>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
}

/// Records of one partition, page by page.
#[component]
pub(super) fn ReadPanel(props: &ReadProps) -> Html {
    let ReadProps { read, topics, can_act, act } = props;
    let (act, ask) = (act.reform(Action::Read), act.reform(Action::Ask));
    html! {
        <section class="panel" aria-labelledby="read-title">
            <h2 id="read-title">{ strings::read() }</h2>
            { form(read, topics, *can_act, &act) }
            if let Some(report) = &read.problem {
                <p class="problem" data-testid="read-problem">{ strings::error(report) }</p>
            }
            <div class="stack" aria-busy={read.is_asking().to_string()}>
                if let Some(page) = &read.page {
                    { records_table(page) }
                    { turn_buttons(read, *can_act, &act, &ask) }
                } else if topics.is_empty() {
                    <p class="empty" data-testid="read-empty">{ strings::read_no_topics() }</p>
                } else if read.problem.is_none() {
                    <p class="empty" data-testid="read-empty">
                        { if read.is_asking() { strings::reading() } else { strings::read_nothing_yet() } }
                    </p>
                }
            </div>
        </section>
    }
}

fn form(read: &Read, topics: &[TopicName], can_act: bool, act: &Callback<ReadAction>) -> Html {
    let can_go = can_act && !read.is_asking() && read.can_go(topics);
    html! {
        <form class="line" onsubmit={on_submit(act, ReadAction::Go)}>
            { where_fields(read, topics, act) }
            { origin_fields(read, act) }
            { submit("read-go", "primary", strings::read_go(), !can_go) }
        </form>
    }
}

fn where_fields(read: &Read, topics: &[TopicName], act: &Callback<ReadAction>) -> Html {
    let chosen = read.topic_among(topics);
    let partitions = chosen.map_or(0, |topic| topic.partitions);
    let partition = read.partition.clamp(0, partitions.max(1) - 1);
    html! {
        <>
            <SelectField id="read-topic" label={strings::topic()} options={topic_options(topics)}
                value={chosen.map_or(String::new(), |topic| topic.name.clone())} disabled={topics.is_empty()}
                on_change={act.reform(ReadAction::Topic)} />
            <SelectField id="read-partition" label={strings::partition()} options={partition_options(partitions)}
                value={partition.to_string()} disabled={topics.is_empty()}
                on_change={act.reform(|text: String| ReadAction::Partition(text.parse().unwrap_or(0)))} />
        </>
    }
}

fn origin_fields(read: &Read, act: &Callback<ReadAction>) -> Html {
    let options = vec![
        ("start".into(), strings::from_start().into()),
        ("offset".into(), strings::from_offset().into()),
        ("timestamp".into(), strings::from_timestamp().into()),
        ("last".into(), strings::from_last().into()),
    ];
    let value = match read.origin {
        ReadOrigin::Start => "start",
        ReadOrigin::Offset => "offset",
        ReadOrigin::Timestamp => "timestamp",
        ReadOrigin::Last => "last",
    };
    let on_change = act.reform(|text: String| {
        ReadAction::Origin(match text.as_str() {
            "offset" => ReadOrigin::Offset,
            "timestamp" => ReadOrigin::Timestamp,
            "last" => ReadOrigin::Last,
            _ => ReadOrigin::Start,
        })
    });
    html! {
        <>
            <SelectField id="read-from" label={strings::from()} {options} {value} {on_change} />
            if read.origin == ReadOrigin::Offset {
                { TextField::new("read-offset", strings::offset(), &read.offset, act.reform(ReadAction::Offset)).kind("number").problem(read.offset_problem()).view() }
            }
            if read.origin == ReadOrigin::Timestamp {
                { TextField::new("read-time", strings::time(), &read.time.0, act.reform(|text: String| {
                        let wall_ms = parse_local(&text);
                        ReadAction::Time(text, wall_ms)
                    })).kind("datetime-local").problem(read.time_problem()).view() }
            }
        </>
    }
}

fn turn_buttons(read: &Read, can_act: bool, act: &Callback<ReadAction>, ask: &Callback<Confirm>) -> Html {
    let can_turn = can_act && !read.is_asking();
    html! {
        <div class="buttons">
            { button("read-previous", "", strings::previous(), !can_turn || read.previous().is_none(), act, ReadAction::Previous) }
            { button("read-next", "", strings::next(), !can_turn || read.next().is_none(), act, ReadAction::Next) }
            if let Some((name, before)) = read.deletable() {
                { button("delete-records", "quiet", strings::delete_records(&format::offset(before)), !can_turn, ask, Confirm::DeleteRecords { name, before }) }
            }
        </div>
    }
}

/// Topics to choose from.
pub(super) fn topic_options(topics: &[TopicName]) -> Vec<(AttrValue, AttrValue)> {
    topics.iter().map(|topic| (topic.name.clone().into(), topic.name.clone().into())).collect()
}

/// Partitions to choose from.
pub(super) fn partition_options(partitions: i32) -> Vec<(AttrValue, AttrValue)> {
    (0..partitions).map(|partition| (partition.to_string().into(), partition.to_string().into())).collect()
}
