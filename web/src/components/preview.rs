//! What a source looks like.

use yew::prelude::*;

use super::fields::plain;

use crate::state::Preview;
use crate::strings;

/// The format, the fields and the first rows; or why they cannot be had.
pub(super) fn source_preview(preview: &Preview) -> Html {
    match preview {
        Preview::None => Html::default(),
        Preview::Loading(_) => plain("p", "hint", strings::preview_loading()),
        Preview::Failed(report) => html! {
            <p class="problem" data-testid="preview-problem">{ strings::error(report) }</p>
        },
        Preview::Shown(preview) => html! {
            <details class="preview" data-testid="preview">
                { plain("summary", "", strings::preview()) }
                { plain("p", "hint", strings::preview_shown(&preview.format, &preview.fields.join(", "))) }
                <ol class="rows">{ for preview.rows.iter().map(|row| plain("li", "", row)) }</ol>
            </details>
        },
    }
}
