//! The panel "consumer groups".

use std::rc::Rc;

use headwater_worker_protocol::{Assignor, OffsetReset};
use yew::prelude::*;

use super::fields::{SelectField, TextField, on_submit, plain, submit, topic_options};
use super::group::group_view;
use crate::state::{Action, Groups, GroupsAction, TopicName};
use crate::strings;

/// Under Kafka's names.
const ASSIGNORS: [(&str, Assignor); 4] = [
    ("range", Assignor::Range),
    ("roundrobin", Assignor::RoundRobin),
    ("sticky", Assignor::Sticky),
    ("cooperative-sticky", Assignor::CooperativeSticky),
];
const RESETS: [(&str, OffsetReset); 2] =
    [("earliest", OffsetReset::Earliest), ("latest", OffsetReset::Latest)];

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct GroupsProps {
    pub(super) groups: Rc<Groups>,
    pub(super) topics: Rc<Vec<TopicName>>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
}

/// A form that starts consumers, and all groups.
#[component]
pub(super) fn GroupsPanel(props: &GroupsProps) -> Html {
    let GroupsProps { groups, topics, can_act, act } = props;
    html! {
        <section class="panel" aria-labelledby="groups-title">
            <h2 id="groups-title">{ strings::groups() }</h2>
            { form(groups, topics, *can_act, &act.reform(Action::Groups)) }
            if let Some(report) = &groups.problem {
                <p class="problem" role="alert" data-testid="consume-problem">{ strings::error(report) }</p>
            }
            <div data-testid="group-list" data-count={groups.list.len().to_string()}>
                if groups.list.is_empty() {
                    { plain("p", "empty", if groups.known { strings::no_groups() } else { strings::groups_unknown() }) }
                }
                { for groups.list.iter().map(|group| group_view(groups, group, *can_act, act)) }
            </div>
        </section>
    }
}

fn form(groups: &Groups, topics: &[TopicName], can_act: bool, act: &Callback<GroupsAction>) -> Html {
    let topic = groups.topic_among(topics).map_or(String::new(), |topic| topic.name.clone());
    let can_start = can_act && groups.can_start(topics);
    html! {
        <form class="line consume" onsubmit={on_submit(act, GroupsAction::Start)} aria-label={strings::start_consumers()}>
            { TextField::new("consume-group", strings::group(), &groups.group, act.reform(GroupsAction::Group)).view() }
            <SelectField id="consume-topic" label={strings::topic()} options={topic_options(topics)} value={topic}
                disabled={topics.is_empty()} on_change={act.reform(GroupsAction::Topic)} />
            { TextField::new("consume-count", strings::consumers(), &groups.count, act.reform(GroupsAction::Count)).kind("number").problem(groups.count_problem()).view() }
            { choice("consume-assignor", strings::assignor(), &ASSIGNORS, groups.assignor, &act.reform(GroupsAction::Assignor)) }
            { choice("consume-from", strings::consume_from(), &RESETS, groups.reset, &act.reform(GroupsAction::Reset)) }
            { TextField::new("consume-rate", strings::consume_rate(), &groups.rate_limit, act.reform(GroupsAction::RateLimit)).kind("number").problem(groups.rate_problem()).placeholder(strings::no_limit()).view() }
            { TextField::new("consume-instance", strings::instance_id(), &groups.instance_id, act.reform(GroupsAction::InstanceId)).placeholder(strings::dynamic()).view() }
            { submit("consume-start", "primary", strings::start(), !can_start) }
        </form>
    }
}

/// A choice among values that have names.
fn choice<T: Copy + Default + PartialEq + 'static, const N: usize>(
    id: &'static str,
    label: &'static str,
    all: &'static [(&'static str, T); N],
    chosen: T,
    on_change: &Callback<T>,
) -> Html {
    let options = all.iter().map(|(name, _)| ((*name).into(), (*name).into())).collect::<Vec<_>>();
    let value = all.iter().find(|(_, value)| *value == chosen).map_or("", |(name, _)| name);
    let on_change = on_change.reform(move |text: String| {
        all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).unwrap_or_default()
    });
    html! { <SelectField {id} {label} {options} {value} {on_change} /> }
}
