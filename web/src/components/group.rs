//! One consumer group: its members, and how far it is.

use headwater_worker_protocol::{ConsumerPartition, OffsetReset};
use yew::prelude::*;

use super::fields::{button, head, plain};
use super::time::{local_clock, local_iso};
use crate::state::{Action, Confirm, Group, GroupPartition, Groups, GroupsAction, Member, MemberState};
use crate::{format, strings};

/// Rows of the table at the most.
const MAX_ROWS: usize = 100;
/// Partitions of a member that are named.
const MAX_NAMED: usize = 12;
const MAX_EVENTS: usize = 20;

/// A group with a list of its members and a table of its offsets.
pub(super) fn group_view(groups: &Groups, group: &Group, can_act: bool, act: &Callback<Action>) -> Html {
    let name = &group.name;
    let state = group.state.as_deref().unwrap_or_default();
    html! {
        <article class="group" key={name.as_str()} data-testid={format!("group-{name}")} aria-labelledby={format!("group-title-{name}")}
            data-state={state.to_owned()} data-lag={group.is_lag_known.then(|| group.lag.to_string())}
            data-generation={group.generation.map(|generation| generation.to_string())}>
            <header>
                <h3 id={format!("group-title-{name}")}>{ name }</h3>
                <span class="badge" data-state={state.to_owned()}><span class="dot" aria-hidden="true" />{ state_text(group) }</span>
                { plain("p", "hint", summary(group)) }
                { lag(group) }
            </header>
            { actions(group, can_act, act) }
            if let Some(report) = groups.problem_of(name) {
                <p class="problem" role="alert" data-testid={format!("group-problem-{name}")}>{ strings::error(report) }</p>
            }
            if !group.members.is_empty() {
                <ul class="members">{ for group.members.iter().map(|member| member_view(group, member, can_act, &act.reform(Action::Groups))) }</ul>
            }
            { table(group) }
            { last_records(group) }
            { events(groups, name) }
        </article>
    }
}

fn state_text(group: &Group) -> &str {
    group.state.as_deref().unwrap_or(strings::state_joining())
}

fn summary(group: &Group) -> String {
    let members = group.members.iter().filter(|member| member.is_in_group()).count();
    strings::group_summary(members, &group.assignor, group.generation)
}

fn lag(group: &Group) -> Html {
    let all_read = group.is_lag_known && group.lag == 0;
    html! {
        if !group.partitions.is_empty() {
            <p class={classes!("lag", all_read.then_some("good"))}>
                { plain("b", "", format::integer(group.lag)) }{ " " }{ if all_read { strings::lag_none() } else { strings::lag() } }
            </p>
        }
    }
}

fn actions(group: &Group, can_act: bool, act: &Callback<Action>) -> Html {
    let name = &group.name;
    let ask = act.reform(Action::Ask);
    let act = act.reform(Action::Groups);
    let action = |test_id: &str, label, action| {
        button(format!("{test_id}-{name}"), "small", label, !can_act, &act, action)
    };
    let reset = |to| GroupsAction::ResetOffsets { group: name.clone(), to };
    html! {
        <div class="buttons">
            { action("add-consumer", strings::add_consumer(), GroupsAction::Add(name.clone())) }
            if group.has_members() {
                { plain("span", "hint", strings::group_in_use()) }
            } else {
                { action("reset-earliest", strings::reset_earliest(), reset(OffsetReset::Earliest)) }
                { action("reset-latest", strings::reset_latest(), reset(OffsetReset::Latest)) }
                { button(format!("delete-group-{name}"), "small", strings::delete_group_go(), !can_act, &ask, Confirm::DeleteGroup(name.clone())) }
            }
        </div>
    }
}

fn member_view(group: &Group, member: &Member, can_act: bool, act: &Callback<GroupsAction>) -> Html {
    let (state, text) = member_state(&member.state);
    let stop = |id: u64, leave| GroupsAction::Stop { group: group.name.clone(), consumer: id, leave };
    html! {
        <li key={format!("{}/{}", member.client_id, member.member_id)} data-state={state} data-records={member.records.to_string()}
            data-partitions={member.partitions.iter().map(|read| read.partition.to_string()).collect::<Vec<_>>().join(",")}
            data-testid={member.client_id.clone()}>
            <p class="who" title={member.member_id.clone()}>
                { plain("b", "", &member.client_id) }
                if let Some(instance_id) = &member.instance_id {
                    { " " }{ plain("code", "tag", instance_id) }
                }
                <span class={classes!("phase", state)}>{ text }</span>
            </p>
            <p class="reads">{ for member.partitions.iter().take(MAX_NAMED).map(read) }{ more(member.partitions.len()) }</p>
            if member.consumer.is_some() {
                <p class="number">{ strings::records_counted(&format::integer(member.records)) }<br />{ strings::per_second(&format::rate(member.rate)) }</p>
            }
            if let Some(id) = member.consumer.filter(|_| member.is_running()) {
                <p class="buttons">
                    { button(format!("stop-consumer-{id}"), "small", strings::stop(), !can_act, act, stop(id, true)) }
                    { button(format!("kill-consumer-{id}"), "small danger", strings::kill(), !can_act, act, stop(id, false)) }
                </p>
            }
        </li>
    }
}

/// A word that tests and styles rely on, and what is said.
fn member_state(state: &MemberState) -> (&'static str, String) {
    let (state, text) = match state {
        MemberState::Joining => ("joining", strings::state_joining()),
        MemberState::Assigned => ("assigned", strings::state_assigned()),
        MemberState::Leaving => ("leaving", strings::state_leaving()),
        MemberState::Left => ("left", strings::state_left()),
        MemberState::Killed(true) => ("killed", strings::state_killed_awaited()),
        MemberState::Killed(false) => ("killed", strings::state_killed()),
        MemberState::Elsewhere => ("elsewhere", strings::state_elsewhere()),
        MemberState::Failed(report) => return ("failed", strings::error(report)),
    };
    (state, text.to_owned())
}

/// A partition, and the offset of the record that is read next.
fn read(read: &ConsumerPartition) -> Html {
    let name = format!("{}-{}", read.topic, read.partition);
    let position = read.position.map(|position| strings::at_offset(&format::offset(position)));
    html! { <code class="tag" key={name.as_str()}>{ &name }{ plain("span", "hint", position) }</code> }
}

fn more(partitions: usize) -> Option<String> {
    let more = partitions.saturating_sub(MAX_NAMED);
    (more > 0).then(|| strings::and_more(more))
}

fn table(group: &Group) -> Html {
    let heads = [strings::committed(), strings::end_offset(), strings::lag_head()];
    let more = group.partitions.len().saturating_sub(MAX_ROWS);
    html! {
        if !group.partitions.is_empty() {
            <div class="scroll" role="region" tabindex="0" aria-label={strings::offsets_of(&group.name)}>
                <table class="partitions offsets">
                    <thead>
                        <tr>
                            { head("", strings::partition()) }
                            { head("", strings::member()) }
                            { for heads.into_iter().map(|name| head("number", name)) }
                        </tr>
                    </thead>
                    <tbody>{ for group.partitions.iter().take(MAX_ROWS).map(|partition| row(group, partition)) }</tbody>
                </table>
                if more > 0 {
                    { plain("p", "hint", strings::and_more(more)) }
                }
            </div>
        }
    }
}

fn row(group: &Group, partition: &GroupPartition) -> Html {
    let GroupPartition { topic, partition: number, committed, end, .. } = partition;
    let text = |offset: Option<i64>| offset.map_or("–".to_owned(), format::offset);
    let name = format!("{topic}-{number}");
    let member = partition.member.and_then(|index| group.members.get(index));
    html! {
        <tr key={name.as_str()} data-testid={format!("group-partition-{}-{name}", group.name)}
            data-committed={committed.map(|offset| offset.to_string())} data-end={end.map(|offset| offset.to_string())}
            data-lag={partition.lag().map(|lag| lag.to_string())}>
            <th scope="row">{ name }</th>
            { plain("td", "", member.map(|member| member.client_id.clone())) }
            { plain("td", "number", text(*committed)) }
            { plain("td", "number", text(*end)) }
            <td class="number lag-cell">
                { partition.lag().map_or("–".to_owned(), format::integer) }
                { bar(partition) }
            </td>
        </tr>
    }
}

/// How much of what the partition holds is read.
fn bar(partition: &GroupPartition) -> Html {
    let GroupPartition { start, committed, end, .. } = partition;
    let (Some(committed), Some(end)) = (committed, end) else { return Html::default() };
    html! {
        <progress max={(end - start).max(1).to_string()} value={if end > start { committed - start } else { 1 }.to_string()} aria-hidden="true" />
    }
}

fn last_records(group: &Group) -> Html {
    let members = group.members.iter().filter(|member| !member.last_records.is_empty());
    let records = members.flat_map(|member| member.last_records.iter().map(move |record| (member, record)));
    html! {
        if group.members.iter().any(|member| !member.last_records.is_empty()) {
            <details>
                { plain("summary", "", strings::last_records()) }
                <ul class="rows seen">
                    { for records.map(|(member, record)| html! {
                        <li>{ plain("b", "", &member.client_id) }{ strings::record_at(record.partition, &format::offset(record.offset)) }{ plain("code", "", &record.value) }</li>
                    }) }
                </ul>
            </details>
        }
    }
}

/// What happened, the newest first.
fn events(groups: &Groups, name: &str) -> Html {
    let mut events = groups.events_of(name).take(MAX_EVENTS).peekable();
    html! {
        if events.peek().is_some() {
            <div class="events" role="log" tabindex="0" aria-label={strings::events_of(name)} data-testid={format!("group-events-{name}")}>
                { for events.map(|(number, event)| html! {
                    <p key={*number}>
                        <time datetime={local_iso(event.wall_ms)}>{ local_clock(event.wall_ms) }</time>{ " " }{ &event.message }
                    </p>
                }) }
            </div>
        }
    }
}
