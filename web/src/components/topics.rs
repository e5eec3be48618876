//! The panel "topics".

use std::rc::Rc;

use yew::prelude::*;

use super::fields::{TextField, on_submit, plain, submit};
use super::topic::TopicView;
use crate::state::{Action, RETENTION_BYTES, RETENTION_MS, Topics, TopicsAction};
use crate::strings;

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct TopicsProps {
    pub(super) topics: Rc<Topics>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
}

/// All topics, and a form for a new one.
#[component]
pub(super) fn TopicsPanel(props: &TopicsProps) -> Html {
    let topics = &props.topics;
    let can_act = props.can_act;
    html! {
        <section class="panel" aria-labelledby="topics-title">
            <h2 id="topics-title">{ strings::topics() }</h2>
            <div data-testid="topic-list" data-count={topics.list.len().to_string()}>
                if topics.list.is_empty() {
                    { plain("p", "empty", if topics.known { strings::no_topics() } else { strings::topics_unknown() }) }
                }
                { for topics.list.iter().map(|topic| html! {
                    <TopicView key={topic.name.as_str()} topic={topic.clone()} act={&props.act}
                        problem={topics.problem(&topic.name).cloned()}
                        can_act={can_act && !topics.busy.contains(&topic.name)} />
                }) }
            </div>
            { create_form(topics, can_act, &props.act.reform(Action::Topics)) }
        </section>
    }
}

fn create_form(topics: &Topics, can_act: bool, act: &Callback<TopicsAction>) -> Html {
    html! {
        <form class="create" onsubmit={on_submit(act, TopicsAction::Create)} aria-labelledby="create-title">
            <h3 id="create-title">{ strings::create_topic() }</h3>
            <div class="line">
                { TextField::new("create-topic-name", strings::name(), &topics.new_name, act.reform(TopicsAction::NewName)).view() }
                { TextField::new("create-topic-partitions", strings::partitions(), &topics.new_partitions, act.reform(TopicsAction::NewPartitions)).kind("number").problem(topics.new_partitions_problem()).view() }
                { TextField::new("create-topic-retention-ms", RETENTION_MS, &topics.new_retention_ms, act.reform(TopicsAction::NewRetentionMs)).placeholder(strings::default()).view() }
                { TextField::new("create-topic-retention-bytes", RETENTION_BYTES, &topics.new_retention_bytes, act.reform(TopicsAction::NewRetentionBytes)).placeholder(strings::default()).view() }
                { submit("create-topic", "", strings::create(), !can_act || topics.new_partitions_problem().is_some()) }
            </div>
            if let Some(report) = &topics.create_problem {
                <p class="problem" data-testid="create-topic-problem">{ strings::error(report) }</p>
            }
        </form>
    }
}
