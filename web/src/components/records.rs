//! A page of records.

use headwater_worker_protocol::{Payload, RecordView};
use yew::prelude::*;

use super::fields::plain;

use super::payload::PayloadView;
use super::time::local_iso;
use crate::state::PageShown;
use crate::{format, strings};

/// A table of records. On a narrow screen each row is a card, so the roles are said outright.
pub(super) fn records_table(shown: &PageShown) -> Html {
    let page = &shown.page;
    let (start, end) = (format::offset(page.log_start_offset), format::offset(page.high_watermark));
    let range = page.records.first().zip(page.records.last());
    let range = range.map(|(first, last)| (format::offset(first.offset), format::offset(last.offset)));
    let range = range.as_ref().map(|(first, last)| (first.as_str(), last.as_str()));
    let caption = strings::records_shown(&shown.topic, shown.partition, range, &start, &end);
    let heads =
        [strings::offset(), strings::timestamp(), strings::key(), strings::value(), strings::headers()];
    html! {
        <>
            <p class="hint" id="records-caption" data-testid="records-caption">{ caption }</p>
            if page.records.is_empty() {
                <p class="empty" data-testid="read-empty">
                    { if page.log_start_offset == page.high_watermark {
                        strings::read_empty_partition().to_owned()
                    } else {
                        strings::read_empty(&end)
                    } }
                </p>
            } else {
                <table class="records" role="table" aria-describedby="records-caption">
                    <thead role="rowgroup">
                        <tr role="row">{ for heads.into_iter().map(|head| html! { <th scope="col" role="columnheader">{ head }</th> }) }</tr>
                    </thead>
                    <tbody role="rowgroup">{ for page.records.iter().map(row) }</tbody>
                </table>
            }
        </>
    }
}

fn row(record: &RecordView) -> Html {
    html! {
        <tr role="row" key={record.offset.to_string()} data-testid="record-row" data-offset={record.offset.to_string()}>
            <td role="cell" class="number" data-label={strings::offset()}>{ format::offset(record.offset) }</td>
            <td role="cell" class="time" data-label={strings::timestamp()}>{ local_iso(record.timestamp) }</td>
            <td role="cell" class="key" data-label={strings::key()}><PayloadView payload={record.key.clone()} /></td>
            <td role="cell" class="value" data-label={strings::value()}><PayloadView payload={record.value.clone()} /></td>
            <td role="cell" class="headers" data-label={strings::headers()}>{ headers(&record.headers) }</td>
        </tr>
    }
}

fn headers(headers: &[(String, Option<Payload>)]) -> Html {
    html! {
        if !headers.is_empty() {
            <ul>
                { for headers.iter().map(|(name, value)| html! {
                    <li>{ plain("code", "name", name) }{ " " }<PayloadView payload={value.clone()} /></li>
                }) }
            </ul>
        }
    }
}
