//! What a source looks like.

use yew::prelude::*;

use crate::state::Preview;
use crate::strings;

/// Of the preview.
#[derive(Properties, PartialEq)]
pub(super) struct PreviewProps {
    pub(super) preview: Preview,
}

/// The format, the fields and the first rows; or why they cannot be had.
#[component]
pub(super) fn SourcePreview(props: &PreviewProps) -> Html {
    match &props.preview {
        Preview::None => Html::default(),
        Preview::Loading(_) => html! { <p class="hint">{ strings::PREVIEW_LOADING }</p> },
        Preview::Failed(report) => html! {
            <p class="problem" data-testid="preview-problem">{ strings::error(report) }</p>
        },
        Preview::Shown(preview) => html! {
            <details class="preview" data-testid="preview">
                <summary>{ strings::PREVIEW }</summary>
                <p class="hint">{ strings::preview_shown(&preview.format, &preview.fields.join(", ")) }</p>
                <ol class="rows">{ for preview.rows.iter().map(|row| html! { <li>{ row }</li> }) }</ol>
            </details>
        },
    }
}
