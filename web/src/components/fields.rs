//! Fields of forms, each with its label, its hint and what is wrong with it.

use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

/// Of a field for text or a number.
#[derive(Properties, PartialEq)]
pub(super) struct TextFieldProps {
    /// Its id, by which tests find it too.
    pub(super) id: AttrValue,
    pub(super) label: AttrValue,
    pub(super) value: AttrValue,
    pub(super) on_input: Callback<String>,
    /// The input's type.
    #[prop_or("text".into())]
    pub(super) kind: AttrValue,
    #[prop_or_default]
    pub(super) hint: Option<AttrValue>,
    #[prop_or_default]
    pub(super) problem: Option<AttrValue>,
    #[prop_or_default]
    pub(super) disabled: bool,
    /// Several lines.
    #[prop_or_default]
    pub(super) long: bool,
}

/// A field for text or a number.
#[component]
pub(super) fn TextField(props: &TextFieldProps) -> Html {
    let TextFieldProps { id, label, value, kind, hint, problem, disabled, long, on_input } = props;
    let on_input = on_input.reform(text_of);
    let describes = note_id(id, hint.as_ref(), problem.as_ref());
    let invalid = problem.is_some().then_some("true");
    let numeric = kind == "number";
    html! {
        <div class="field">
            <label for={id}>{ label }</label>
            if *long {
                <textarea {id} data-testid={id} rows="3" value={value} oninput={on_input} disabled={*disabled}
                    aria-describedby={describes} spellcheck="false" />
            } else {
                <input {id} data-testid={id} type={kind} value={value} oninput={on_input} disabled={*disabled}
                    inputmode={numeric.then_some("numeric")} min={numeric.then_some("0")}
                    step={(kind == "datetime-local").then_some("1")} aria-invalid={invalid}
                    aria-describedby={describes} autocomplete="off" autocapitalize="off" spellcheck="false" />
            }
            { note(id, hint.as_ref(), problem.as_ref()) }
        </div>
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

/// Of something to tick.
#[derive(Properties, PartialEq)]
pub(super) struct CheckboxProps {
    /// Its id, by which tests find it too.
    pub(super) id: AttrValue,
    pub(super) label: AttrValue,
    pub(super) checked: bool,
    pub(super) on_change: Callback<bool>,
    #[prop_or_default]
    pub(super) hint: Option<AttrValue>,
}

/// Something to tick.
#[component]
pub(super) fn Checkbox(props: &CheckboxProps) -> Html {
    let CheckboxProps { id, label, checked, on_change, hint } = props;
    let on_change = on_change.reform(|event: Event| {
        event
            .target()
            .and_then(|target| target.dyn_into::<HtmlInputElement>().ok())
            .is_some_and(|input| input.checked())
    });
    html! {
        <div class="field check">
            <input {id} data-testid={id} type="checkbox" checked={*checked} onchange={on_change}
                aria-describedby={note_id(id, hint.as_ref(), None)} />
            <label for={id}>{ label }</label>
            { note(id, hint.as_ref(), None) }
        </div>
    }
}

fn note(id: &AttrValue, hint: Option<&AttrValue>, problem: Option<&AttrValue>) -> Html {
    let class = if problem.is_some() { "problem" } else { "hint" };
    html! {
        if let Some(text) = problem.or(hint) {
            <p {class} id={format!("{id}-note")}>{ text }</p>
        }
    }
}

fn note_id(id: &AttrValue, hint: Option<&AttrValue>, problem: Option<&AttrValue>) -> Option<String> {
    problem.or(hint).map(|_| format!("{id}-note"))
}

fn text_of(event: InputEvent) -> String {
    let Some(target) = event.target() else { return String::new() };
    match target.dyn_into::<HtmlInputElement>() {
        Ok(input) => input.value(),
        Err(other) => {
            other.dyn_ref::<HtmlTextAreaElement>().map_or(String::new(), HtmlTextAreaElement::value)
        }
    }
}

/// A form that does something instead of loading another page.
pub(super) fn on_submit<T: Clone + 'static>(act: &Callback<T>, action: T) -> Callback<SubmitEvent> {
    act.reform(move |event: SubmitEvent| {
        event.prevent_default();
        action.clone()
    })
}
