//! The panel "produce".

use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{File, HtmlInputElement};
use yew::prelude::*;

use super::fields::{SelectField, TextField, button, checkbox, on_submit, plain, submit};
use super::import_status::import_status;
use super::preview::source_preview;
use crate::state::{Action, Produce, ProduceAction, Source};
use crate::{format, strings};

/// Of the panel.
#[derive(Properties, PartialEq)]
pub(super) struct ProduceProps {
    pub(super) produce: Rc<Produce>,
    pub(super) can_act: bool,
    pub(super) act: Callback<Action>,
    pub(super) choose_file: Callback<File>,
}

/// What to produce, into what, and how it goes.
#[component]
pub(super) fn ProducePanel(props: &ProduceProps) -> Html {
    let produce = &props.produce;
    let act = props.act.reform(Action::Produce);
    let active = produce.import.is_active();
    let can_produce = props.can_act && produce.can_produce();
    html! {
        <section class="panel" aria-labelledby="produce-title">
            <h2 id="produce-title">{ strings::produce() }</h2>
            { plain("p", "hint", strings::produce_intro()) }
            <form onsubmit={on_submit(&act, ProduceAction::Start { again: false })}>
                { source_fields(produce, &act, &props.choose_file) }
                { source_preview(&produce.preview) }
                { topic_fields(produce, &act) }
                { options(produce, &act) }
                <div class="buttons">
                    { submit("produce", "primary", strings::produce(), !can_produce) }
                    { button("stop", "", strings::stop(), !active, &act, ProduceAction::Stop) }
                </div>
            </form>
            { import_status(produce, props.can_act, &act) }
        </section>
    }
}

fn source_fields(produce: &Produce, act: &Callback<ProduceAction>, choose_file: &Callback<File>) -> Html {
    let options = vec![
        ("vehicles".into(), strings::source_vehicles().into()),
        ("file".into(), strings::source_file().into()),
        ("synthetic".into(), strings::source_synthetic().into()),
    ];
    let value = match produce.source {
        Source::Vehicles => "vehicles",
        Source::File => "file",
        Source::Synthetic => "synthetic",
    };
    let on_change = act.reform(|value: String| {
        ProduceAction::Source(match value.as_str() {
            "file" => Source::File,
            "synthetic" => Source::Synthetic,
            _ => Source::Vehicles,
        })
    });
    html! {
        <>
            <SelectField id="source-select" label={strings::source()} {options} {value} {on_change} />
            if produce.source == Source::File {
                { file_field(produce, choose_file) }
            }
            if produce.source == Source::Synthetic {
                <div class="pair">
                    { TextField::new("synthetic-records", strings::synthetic_records(), &produce.synthetic_records, act.reform(ProduceAction::SyntheticRecords)).kind("number").problem(produce.synthetic_records_problem()).view() }
                    { TextField::new("synthetic-value-size", strings::synthetic_value_size(), &produce.synthetic_value_size, act.reform(ProduceAction::SyntheticValueSize)).kind("number").problem(produce.synthetic_value_size_problem()).view() }
                </div>
            }
        </>
    }
}

fn file_field(produce: &Produce, choose_file: &Callback<File>) -> Html {
    let choose_file = choose_file.clone();
    let on_change = Callback::from(move |event: Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        if let Some(file) = input.and_then(|input| input.files()).and_then(|files| files.get(0)) {
            choose_file.emit(file);
        }
    });
    html! {
        <div class="field">
            <label for="file-input">{ strings::file() }</label>
            <input id="file-input" data-testid="file-input" type="file" onchange={on_change}
                accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,.gz" aria-describedby="file-input-note" />
            <p class="hint" id="file-input-note">{ strings::file_hint() }</p>
            if let Some((name, size)) = &produce.file {
                <p class="chosen" data-testid="file-chosen">{ strings::file_chosen(name, &format::bytes(*size)) }</p>
            }
        </div>
    }
}

fn topic_fields(produce: &Produce, act: &Callback<ProduceAction>) -> Html {
    // An empty value is "no key": no field of a row has an empty name.
    let mut options = vec![("".into(), strings::no_key().into())];
    options.extend(produce.fields().into_iter().map(|field| (field.clone().into(), field.into())));
    let value = produce.key_field.clone().unwrap_or_default();
    let on_change =
        act.reform(|field: String| ProduceAction::KeyField(Some(field).filter(|field| !field.is_empty())));
    html! {
        <div class="pair">
            { TextField::new("topic-name", strings::topic(), &produce.topic, act.reform(ProduceAction::Topic)).problem(produce.topic_problem()).view() }
            <SelectField id="key-field" label={strings::key()} {options} {value} {on_change}
                disabled={produce.source == Source::Synthetic} />
        </div>
    }
}

fn options(produce: &Produce, act: &Callback<ProduceAction>) -> Html {
    html! {
        <>
            <div class="pair">
                { TextField::new("partition-count", strings::partitions(), &produce.partitions, act.reform(ProduceAction::Partitions)).kind("number").hint(strings::partitions_hint()).problem(produce.partitions_problem()).view() }
                { TextField::new("rate-limit", strings::rate_limit(), &produce.rate_limit, act.reform(ProduceAction::RateLimit)).kind("number").hint(strings::rate_limit_hint()).problem(produce.rate_limit_problem()).view() }
            </div>
            { checkbox("strict", strings::strict(), Some(strings::strict_hint()), produce.strict, &act.reform(ProduceAction::Strict)) }
        </>
    }
}
