//! Asks before something is deleted.

use web_sys::HtmlDialogElement;
use yew::prelude::*;

use super::fields::button;
use crate::state::{Action, Confirm};
use crate::strings;

/// Of the dialog.
#[derive(Properties, PartialEq)]
pub(super) struct ConfirmProps {
    pub(super) confirm: Confirm,
    pub(super) act: Callback<Action>,
}

/// A modal dialog: Esc is "cancel", and the focus goes back to where it was.
#[component]
pub(super) fn ConfirmDialog(props: &ConfirmProps) -> Html {
    let dialog = use_node_ref();
    use_effect_with(dialog.clone(), |dialog| {
        let dialog = dialog.cast::<HtmlDialogElement>();
        if let Some(dialog) = &dialog {
            // Refused only where it is open already.
            let _open_already = dialog.show_modal().is_err();
        }
        move || {
            if let Some(dialog) = dialog {
                dialog.close();
            }
        }
    });
    let (title, warning) = match &props.confirm {
        Confirm::DeleteTopic(name) => (strings::delete_topic(name), strings::delete_topic_warning(name)),
        Confirm::DeleteGroup(name) => (strings::delete_group(name), strings::delete_group_warning(name)),
        Confirm::ClearAll => (strings::clear_all().to_owned(), strings::clear_all_warning().to_owned()),
    };
    let act = &props.act;
    html! {
        <dialog ref={dialog} aria-labelledby="confirm-title" aria-describedby="confirm-text"
            oncancel={act.reform(|event: Event| { event.prevent_default(); Action::Cancelled })}>
            <h2 id="confirm-title">{ &title }</h2>
            <p id="confirm-text">{ warning }</p>
            <div class="buttons">
                { button("cancel", "", strings::cancel(), false, &act.reform(|()| Action::Cancelled), ()) }
                { button("confirm", "danger", title, false, &act.reform(|()| Action::Confirmed), ()) }
            </div>
        </dialog>
    }
}
