//! A key, a value or a header's value.

use headwater_worker_protocol::Payload;
use yew::prelude::*;

use super::fields::plain;

use crate::{format, strings};

/// Characters that are shown before a person asks for all.
const SHORT_CHARACTERS: usize = 240;

/// Of a payload.
#[derive(Properties, PartialEq)]
pub(super) struct PayloadProps {
    pub(super) payload: Option<Payload>,
}

/// The text of a payload, shortened when it is long, with a button that shows all.
#[component]
pub(super) fn PayloadView(props: &PayloadProps) -> Html {
    let expanded = use_state(|| false);
    let Some(payload) = &props.payload else {
        return plain("span", "null", strings::null());
    };
    let short = format::shortened(&payload.text, SHORT_CHARACTERS);
    let text = short.filter(|_| !*expanded).unwrap_or(&payload.text);
    let size = format::bytes(payload.length);
    let shown_bytes = if payload.hex { payload.text.len() / 2 } else { payload.text.len() } as u64;
    let toggle = {
        let expanded = expanded.clone();
        Callback::from(move |_: MouseEvent| expanded.set(!*expanded))
    };
    html! {
        <>
            if payload.hex {
                { plain("span", "tag", strings::hex()) }
            }
            <code class="payload">{ text }{ if short.is_some() && !*expanded { "…" } else { "" } }</code>
            if short.is_some() {
                <button type="button" class="quiet small" aria-expanded={expanded.to_string()} onclick={toggle}>
                    { if *expanded { strings::show_less().to_owned() } else { strings::show_all(&size) } }
                </button>
                if *expanded && shown_bytes < payload.length {
                    { plain("span", "hint", strings::only_first_of(&size)) }
                }
            }
        </>
    }
}
