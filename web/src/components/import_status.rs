//! How an import goes.

use headwater_worker_protocol::ImportSnapshot;
use yew::prelude::*;

use super::fields::{button, figures, head, plain};
use crate::state::{Import, Phase, Produce, ProduceAction};
use crate::{format, strings};

/// Figures, broken rows, and "produce all again" where nothing was new.
pub(super) fn import_status(produce: &Produce, can_act: bool, act: &Callback<ProduceAction>) -> Html {
    let import = &produce.import;
    let phase = import.phase();
    let (acknowledged, already_there, broken) = import.counts();
    html! {
            <div class="import" data-testid="import-status" data-state={phase.name()}
                data-acknowledged={acknowledged.to_string()} data-already-there={already_there.to_string()}
                data-broken={broken.to_string()}>
                if phase != Phase::Idle {
                    <p class={classes!("phase", phase.name())}>{ phase_text(import) }</p>
                    { progress(import) }
                    { import_figures(import) }
                }
                if let Some(report) = &produce.stop_problem {
                    { plain("p", "problem", strings::error(report)) }
                }
                if import.can_repeat() {
                    { plain("p", "", strings::all_there()) }
    { button("produce-again", "", strings::produce_again(), !can_act, act, ProduceAction::Start { again: true }) }
                }
                if let Some(snapshot) = &import.snapshot {
                    { broken_rows(snapshot) }
                }
            </div>
        }
}

fn phase_text(import: &Import) -> String {
    let text = match import.phase() {
        Phase::Idle => "",
        Phase::Resuming => strings::resuming(),
        Phase::Running => strings::running(),
        Phase::Done => strings::done(),
        Phase::Stopped => strings::stopped(),
        Phase::Failed => return import.failure().map_or(strings::failed().to_owned(), strings::error),
    };
    text.to_owned()
}

fn progress(import: &Import) -> Html {
    let per_mille = import.read_per_mille().map(|per_mille| per_mille.to_string());
    html! {
        if import.is_active() {
            <progress max="1000" value={per_mille} aria-label={strings::progress()} />
        }
    }
}

fn import_figures(import: &Import) -> Html {
    let (acknowledged, already_there, broken) = import.counts();
    let elapsed_ms = import.snapshot.as_ref().map_or(0.0, |snapshot| snapshot.elapsed_ms);
    let rate = if import.is_active() { import.rate } else { import.mean_rate() };
    figures(vec![
        (strings::acknowledged(), format::integer(acknowledged)),
        (strings::already_there(), format::integer(already_there)),
        (strings::broken(), format::integer(broken)),
        (strings::rate(), format::rate(rate)),
        (strings::elapsed(), format::duration(elapsed_ms)),
    ])
}

fn broken_rows(snapshot: &ImportSnapshot) -> Html {
    let shown = snapshot.broken_rows.len();
    html! {
        if shown > 0 {
            <details class="broken" open=true data-testid="broken-rows">
                { plain("summary", "", strings::broken_rows()) }
                <table>
                    <thead><tr>{ head("", strings::line()) }{ head("", strings::reason()) }</tr></thead>
                    <tbody>
                        { for snapshot.broken_rows.iter().map(|(line, reason)| html! {
                            <tr data-line={line.to_string()}>{ plain("td", "number", format::integer(*line)) }{ plain("td", "", reason) }</tr>
                        }) }
                    </tbody>
                </table>
                if (shown as u64) < snapshot.broken {
                    { plain("p", "hint", strings::broken_rows_more(shown, &format::integer(snapshot.broken))) }
                }
            </details>
        }
    }
}
