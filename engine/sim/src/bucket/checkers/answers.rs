//! Every append is answered once, and in time.

use std::collections::BTreeMap;

use headwater_journal::AppendId;

/// How late an answer may be.
const LATE_MS: u64 = 50;

#[derive(Default)]
pub(super) struct Answers(BTreeMap<AppendId, (u64, bool)>);

impl Answers {
    pub(super) fn asked(&mut self, id: AppendId, deadline_ms: u64) {
        self.0.insert(id, (deadline_ms, false));
    }

    pub(super) fn answered(&mut self, now_ms: u64, id: AppendId, awake: bool) -> Result<(), String> {
        let Some((deadline, answered)) = self.0.get_mut(&id) else {
            return Err(format!("{id:?} was answered and never asked"));
        };
        if std::mem::replace(answered, true) {
            return Err(format!("{id:?} was answered twice"));
        }
        if awake && now_ms > *deadline + LATE_MS {
            return Err(format!("{id:?} was answered at {now_ms}, after its deadline at {deadline}"));
        }
        Ok(())
    }

    pub(super) fn gone(&mut self, id: AppendId) {
        if let Some((_, answered)) = self.0.get_mut(&id) {
            *answered = true;
        }
    }

    pub(super) fn at_last(&self) -> Result<(), String> {
        match self.0.iter().find(|(_, (_, answered))| !answered) {
            Some((id, _)) => Err(format!("{id:?} was never answered")),
            None => Ok(()),
        }
    }
}
