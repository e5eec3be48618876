//! Fields of forms, each with its label, its hint and what is wrong with it.

use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::state::TopicName;

/// A field for text or a number. Not a component: it keeps nothing, and components are a kilobyte each.
pub(super) struct TextField {
    id: AttrValue,
    label: &'static str,
    value: AttrValue,
    on_input: Callback<String>,
    kind: &'static str,
    hint: Option<&'static str>,
    problem: Option<&'static str>,
    placeholder: Option<&'static str>,
}

impl TextField {
    /// A field for a line of text. Tests find it by its id too.
    pub(super) fn new(
        id: impl Into<AttrValue>,
        label: &'static str,
        value: &str,
        on_input: Callback<String>,
    ) -> Self {
        let value = value.to_owned().into();
        TextField {
            id: id.into(),
            label,
            value,
            on_input,
            kind: "text",
            hint: None,
            problem: None,
            placeholder: None,
        }
    }

    /// The input's type.
    pub(super) fn kind(self, kind: &'static str) -> Self {
        TextField { kind, ..self }
    }

    /// What is good to know about it.
    pub(super) fn hint(self, hint: &'static str) -> Self {
        TextField { hint: Some(hint), ..self }
    }

    /// What is wrong with it, shown in place of the hint.
    pub(super) fn problem(self, problem: Option<&'static str>) -> Self {
        TextField { problem, ..self }
    }

    /// What nothing in it means.
    pub(super) fn placeholder(self, placeholder: &'static str) -> Self {
        TextField { placeholder: Some(placeholder), ..self }
    }

    /// The field with its label and its note.
    pub(super) fn view(&self) -> Html {
        let TextField { id, label, value, kind, .. } = self;
        let on_input = self.on_input.reform(|event| text_of(&event));
        let describes = self.problem.or(self.hint).map(|_| format!("{id}-note"));
        let numeric = *kind == "number";
        html! {
            <div class="field">
                <label for={id}>{ *label }</label>
                    <input {id} data-testid={id} type={*kind} value={value} oninput={on_input}
                        placeholder={self.placeholder} inputmode={numeric.then_some("numeric")} min={numeric.then_some("0")}
                        step={(*kind == "datetime-local").then_some("1")}
                        aria-invalid={self.problem.map(|_| "true")} aria-describedby={describes}
                        autocomplete="off" autocapitalize="off" spellcheck="false" />
                { note(id, self.hint, self.problem) }
            </div>
        }
    }
}

/// Of a choice.
#[derive(Properties, PartialEq)]
pub(super) struct SelectFieldProps {
    /// Its id, by which tests find it too.
    pub(super) id: AttrValue,
    pub(super) label: AttrValue,
    /// Values and their labels.
    pub(super) options: Vec<(AttrValue, AttrValue)>,
    pub(super) value: AttrValue,
    pub(super) on_change: Callback<String>,
    #[prop_or_default]
    pub(super) disabled: bool,
}

/// A choice.
#[component]
pub(super) fn SelectField(props: &SelectFieldProps) -> Html {
    let SelectFieldProps { id, label, options, value, on_change, disabled } = props;
    let select = use_node_ref();
    // An attribute `selected` counts only until a person chooses: the property always does.
    use_effect_with((value.clone(), options.clone(), select.clone()), |(value, _, select)| {
        if let Some(select) = select.cast::<HtmlSelectElement>() {
            select.set_value(value);
        }
    });
    let on_change = on_change.reform(|event: Event| {
        event
            .target()
            .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok())
            .map_or(String::new(), |select| select.value())
    });
    html! {
        <div class="field">
            <label for={id}>{ label }</label>
            <select ref={select} {id} data-testid={id} onchange={on_change} disabled={*disabled}>
                { for options.iter().map(|(option, text)| html! {
                    <option key={option.as_str()} value={option} selected={option == value}>{ text }</option>
                }) }
            </select>
        </div>
    }
}

/// Topics to choose from.
pub(super) fn topic_options(topics: &[TopicName]) -> Vec<(AttrValue, AttrValue)> {
    topics.iter().map(|topic| (topic.name.clone().into(), topic.name.clone().into())).collect()
}

/// Something to tick. Tests find it by its id too.
pub(super) fn checkbox(
    id: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
    checked: bool,
    on_change: &Callback<bool>,
) -> Html {
    let on_change = on_change.reform(|event: Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        input.is_some_and(|input| input.checked())
    });
    html! {
        <div class="field check">
            <input {id} data-testid={id} type="checkbox" {checked} onchange={on_change}
                aria-describedby={hint.map(|_| format!("{id}-note"))} />
            <label for={id}>{ label }</label>
            { note(id, hint, None) }
        </div>
    }
}

/// A button. Tests find it by `test_id`.
pub(super) fn button<T: Clone + 'static>(
    test_id: impl Into<AttrValue>,
    class: &'static str,
    label: impl Into<AttrValue>,
    disabled: bool,
    act: &Callback<T>,
    action: T,
) -> Html {
    let test_id: AttrValue = test_id.into();
    let label: AttrValue = label.into();
    clickable(test_id, class, label, disabled, act.reform(move |_| action.clone()))
}

fn clickable(
    test_id: AttrValue,
    class: &'static str,
    label: AttrValue,
    disabled: bool,
    onclick: Callback<MouseEvent>,
) -> Html {
    html! {
        <button type="button" {class} data-testid={test_id} {disabled} {onclick}>{ label }</button>
    }
}

/// The button that sends a form off. Tests find it by `test_id`.
pub(super) fn submit(
    test_id: impl Into<AttrValue>,
    class: &'static str,
    label: &'static str,
    disabled: bool,
) -> Html {
    let test_id: AttrValue = test_id.into();
    html! {
        <button type="submit" {class} data-testid={test_id} {disabled}>{ label }</button>
    }
}

/// Figures with their names.
pub(super) fn figures(figures: Vec<(&'static str, String)>) -> Html {
    html! {
        <dl class="figures">
            { for figures.into_iter().map(|(name, figure)| html! { <div>{ plain("dt", "", name) }{ plain("dd", "", figure) }</div> }) }
        </dl>
    }
}

fn note(id: &str, hint: Option<&'static str>, problem: Option<&'static str>) -> Html {
    let class = if problem.is_some() { "problem" } else { "hint" };
    html! {
        if let Some(text) = problem.or(hint) {
            <p {class} id={format!("{id}-note")}>{ text }</p>
        }
    }
}

fn text_of(event: &InputEvent) -> String {
    let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
    input.map_or(String::new(), |input| input.value())
}

/// A form that does something instead of loading another page.
pub(super) fn on_submit<T: Clone + 'static>(act: &Callback<T>, action: T) -> Callback<SubmitEvent> {
    act.reform(move |event: SubmitEvent| {
        event.prevent_default();
        action.clone()
    })
}

/// An element with text in it and nothing else. Most elements are such; by `html!` each would be half a kilobyte of code.
pub(super) fn plain(tag: &'static str, class: &'static str, text: impl Words) -> Html {
    element_of(tag, class, None, text.words())
}

/// The head of a column.
pub(super) fn head(class: &'static str, text: impl Words) -> Html {
    element_of("th", class, Some("col"), text.words())
}

#[inline(never)]
fn element_of(tag: &'static str, class: &'static str, scope: Option<&'static str>, text: AttrValue) -> Html {
    let class = (!class.is_empty()).then_some(class);
    html! { <@{tag} {class} {scope}>{ text }</@> }
}

/// What can stand in an element as text.
pub(super) trait Words {
    /// The text.
    fn words(self) -> AttrValue;
}

impl Words for &'static str {
    fn words(self) -> AttrValue {
        AttrValue::Static(self)
    }
}

impl Words for String {
    #[inline(never)]
    fn words(self) -> AttrValue {
        self.into()
    }
}

impl Words for &String {
    #[inline(never)]
    fn words(self) -> AttrValue {
        AttrValue::Rc(self.as_str().into())
    }
}

impl<T: Words> Words for Option<T> {
    fn words(self) -> AttrValue {
        self.map_or(AttrValue::Static(""), T::words)
    }
}
