//! The import that was asked for last, and how far it is.

use std::rc::Rc;

use headwater_worker_protocol::{ErrorReport, ImportSnapshot, ImportState};

use super::rates::RateMeter;
use crate::{format, strings};

/// An import on its way.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Import {
    /// The question that began it, until it is answered.
    asked: Option<u64>,
    /// Its name, as the clients' worker said.
    id: Option<u64>,
    /// Why it was not begun, or why nothing more will be heard of it.
    refused: Option<ErrorReport>,
    /// How it stood last.
    pub(crate) snapshot: Option<Rc<ImportSnapshot>>,
    /// Acknowledged records a second, now.
    pub(crate) rate: f64,
    meter: RateMeter,
    /// The form has not changed to another source since.
    pub(super) same_source: bool,
}

/// How an import stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Idle,
    Resuming,
    Running,
    Done,
    Stopped,
    Failed,
}

impl Phase {
    /// A word for it that tests can rely on.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Resuming => "resuming",
            Phase::Running => "running",
            Phase::Done => "done",
            Phase::Stopped => "stopped",
            Phase::Failed => "failed",
        }
    }
}

impl Import {
    /// The import that request `id` asks for.
    pub(super) fn asked(id: u64) -> Self {
        Import { asked: Some(id), same_source: true, ..Import::default() }
    }

    /// How it stands. What was asked for but not yet heard of counts as resuming.
    pub(crate) fn phase(&self) -> Phase {
        if self.refused.is_some() {
            return Phase::Failed;
        }
        match self.snapshot.as_ref().map(|snapshot| &snapshot.state) {
            Some(ImportState::Resuming) => Phase::Resuming,
            Some(ImportState::Running) => Phase::Running,
            Some(ImportState::Done) => Phase::Done,
            Some(ImportState::Stopped) => Phase::Stopped,
            Some(ImportState::Failed(_)) => Phase::Failed,
            None if self.asked.is_some() || self.id.is_some() => Phase::Resuming,
            None => Phase::Idle,
        }
    }

    /// Why it failed.
    pub(crate) fn failure(&self) -> Option<&ErrorReport> {
        match (&self.refused, self.snapshot.as_ref().map(|snapshot| &snapshot.state)) {
            (Some(report), _) | (None, Some(ImportState::Failed(report))) => Some(report),
            _ => None,
        }
    }

    /// Records acknowledged, rows that the topic already had, broken rows.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let snapshot = self.snapshot.as_ref();
        snapshot
            .map_or((0, 0, 0), |snapshot| (snapshot.acknowledged, snapshot.already_there, snapshot.broken))
    }

    /// Whether it still goes on.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.phase(), Phase::Resuming | Phase::Running)
    }

    /// Its name, while it can be stopped.
    pub(super) fn to_stop(&self) -> Option<u64> {
        self.id.filter(|_| self.is_active())
    }

    /// Whether all was there before, so that a person may want it all once more.
    pub(crate) fn can_repeat(&self) -> bool {
        let (acknowledged, already_there, _) = self.counts();
        self.same_source && self.phase() == Phase::Done && acknowledged == 0 && already_there > 0
    }

    /// Records a second from its start until now or its end.
    pub(crate) fn mean_rate(&self) -> f64 {
        let snapshot = self.snapshot.as_ref().filter(|snapshot| snapshot.elapsed_ms > 0.0);
        snapshot.map_or(0.0, |snapshot| snapshot.acknowledged as f64 * 1000.0 / snapshot.elapsed_ms)
    }

    /// The part of the source that is read, in thousandths; none where its length is not known.
    pub(crate) fn read_per_mille(&self) -> Option<u64> {
        let snapshot = self.snapshot.as_ref()?;
        let total = snapshot.bytes_total.filter(|&total| total > 0)?;
        Some((snapshot.bytes_read as f64 * 1000.0 / total as f64).min(1000.0) as u64)
    }

    /// The request of this id was taken, or not.
    pub(super) fn started(&mut self, request: u64, result: Result<u64, ErrorReport>) {
        if self.asked.take_if(|asked| *asked == request).is_none() {
            return;
        }
        match result {
            Ok(id) => self.id = Some(id),
            Err(report) => self.refused = Some(report),
        }
    }

    /// The worker that runs it is gone.
    pub(super) fn gone(&mut self, report: ErrorReport) {
        if self.is_active() {
            self.refused = Some(report);
            self.rate = 0.0;
        }
    }

    /// Takes its figures out of a snapshot. When it ended with that, what to say about it.
    pub(super) fn update(&mut self, now_ms: f64, imports: &[ImportSnapshot]) -> Option<String> {
        let id = self.id?;
        let snapshot = imports.iter().find(|import| import.import == id)?;
        let was_active = self.is_active();
        self.meter.push(now_ms, snapshot.acknowledged);
        self.snapshot = Some(Rc::new(snapshot.clone()));
        self.refresh_rate(now_ms);
        (was_active && !self.is_active()).then(|| self.ending())
    }

    /// Whether the rate changed by time going on.
    pub(super) fn refresh_rate(&mut self, now_ms: f64) -> bool {
        let rate = if self.is_active() { self.meter.per_second(now_ms) } else { 0.0 };
        std::mem::replace(&mut self.rate, rate) != rate
    }

    fn ending(&self) -> String {
        let (acknowledged, already_there, broken) = self.counts();
        match self.failure() {
            Some(report) => strings::error(report),
            None => strings::import_ended(
                self.phase() == Phase::Stopped,
                &format::integer(acknowledged),
                &format::integer(already_there),
                &format::integer(broken),
            ),
        }
    }
}
