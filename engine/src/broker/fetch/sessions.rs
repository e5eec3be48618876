//! Fetch sessions: the broker remembers which partitions a consumer fetches, so that a request names only those of which it wants
//! something else, and an answer only those of which there is news (KIP-227).
//!
//! A session that does not fit is not begun; the consumer then names all partitions each time, as before. One that is forgotten is
//! begun again by the consumer: nothing of it has to be kept.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, TopicName};
use uuid::Uuid;

use crate::error::ApiError;
use crate::sorted::SortedMap;
use crate::types::Offset;

/// The epoch of a request outside of a session, which also ends the one that it names.
const FINAL_EPOCH: i32 = -1;
/// The epoch of a request that begins a session.
const INITIAL_EPOCH: i32 = 0;

/// How long a session is kept though another wants its place (`min.incremental.fetch.session.eviction.ms` in Kafka).
const MIN_IDLE_MS: u64 = 120_000;

/// The most partitions of all sessions together: some hundred bytes each.
const MAX_PARTITIONS: usize = 100_000;

/// The first version that names topics by their ids.
const FIRST_WITH_IDS: i16 = 13;

#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: SortedMap<i32, Session>,
    /// Of all of them.
    partitions: usize,
}

#[derive(Debug)]
struct Session {
    /// That of the next request.
    epoch: i32,
    used_ms: u64,
    by_id: bool,
    /// In the order in which they are served: what has given records goes behind the others.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    topic: TopicName,
    id: Uuid,
    wanted: FetchPartition,
    /// High watermark and log start, as they were told last.
    told: Option<(Offset, Offset)>,
}

type Key = (Uuid, TopicName, i32);

/// The session that a fetch is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SessionUse {
    pub(super) id: i32,
    /// Whether all partitions are answered, not only those with news.
    pub(super) is_whole: bool,
}

impl Sessions {
    /// Takes a request into its session. Its topics become all those of the session. `new_id` is the id of a session that it
    /// may begin, of which there are at most `slots`.
    pub(super) fn begin(
        &mut self,
        now_ms: u64,
        version: i16,
        request: &mut FetchRequest,
        (slots, new_id): (usize, i32),
    ) -> Result<Option<SessionUse>, ApiError> {
        match request.session_epoch {
            FINAL_EPOCH => {
                self.end(request.session_id);
                Ok(None)
            }
            INITIAL_EPOCH => {
                self.end(request.session_id);
                Ok(self.open(now_ms, version, request, (slots, new_id)))
            }
            _ => self.go_on(now_ms, version, request),
        }
    }

    fn end(&mut self, id: i32) {
        if let Some(session) = self.open.remove(&id) {
            self.partitions -= session.kept.len();
        }
    }

    fn open(
        &mut self,
        now_ms: u64,
        version: i16,
        request: &mut FetchRequest,
        (slots, new_id): (usize, i32),
    ) -> Option<SessionUse> {
        let mut session =
            Session { epoch: 1, used_ms: now_ms, by_id: version >= FIRST_WITH_IDS, kept: Vec::new() };
        session.update(&request.topics, &[]);
        let count = session.kept.len();
        if count == 0 || slots == 0 || self.open.contains_key(&new_id) {
            return None;
        }
        if self.open.len() >= slots || self.partitions + count > MAX_PARTITIONS {
            self.make_room(now_ms);
        }
        if self.open.len() >= slots || self.partitions + count > MAX_PARTITIONS {
            return None;
        }
        // What was named twice is fetched once.
        request.topics = session.topics();
        self.partitions += count;
        self.open.insert(new_id, session);
        Some(SessionUse { id: new_id, is_whole: true })
    }

    /// Ends the session that was not used for longest, if that is long ago.
    fn make_room(&mut self, now_ms: u64) {
        let oldest = self.open.iter().min_by_key(|(_, session)| session.used_ms);
        let idle = oldest.filter(|(_, session)| session.used_ms + MIN_IDLE_MS <= now_ms);
        if let Some(id) = idle.map(|(id, _)| *id) {
            self.end(id);
        }
    }

    fn go_on(
        &mut self,
        now_ms: u64,
        version: i16,
        request: &mut FetchRequest,
    ) -> Result<Option<SessionUse>, ApiError> {
        let id = request.session_id;
        let session = self.open.get_mut(&id).ok_or_else(not_found)?;
        if session.epoch != request.session_epoch {
            let message = format!(
                "Fetch session {id} is at epoch {}, the request at {}.",
                session.epoch, request.session_epoch
            );
            return Err(ApiError::new(ResponseError::InvalidFetchSessionEpoch, message));
        }
        if session.by_id != (version >= FIRST_WITH_IDS) {
            let message = "A session names its topics either by their ids or by their names.";
            return Err(ApiError::new(ResponseError::FetchSessionTopicIdError, message));
        }
        let before = session.kept.len();
        session.update(&request.topics, &request.forgotten_topics_data);
        session.used_ms = now_ms;
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        self.partitions = self.partitions - before + session.kept.len();
        request.topics = session.topics();
        if session.kept.is_empty() {
            self.end(id);
            return Ok(None);
        }
        if self.partitions > MAX_PARTITIONS {
            self.end(id);
            return Err(not_found());
        }
        Ok(Some(SessionUse { id, is_whole: false }))
    }

    /// Which partitions of an answer have news for the session, in their order. They count as told.
    pub(super) fn answered(&mut self, used: SessionUse, answers: &[(Key, &PartitionData)]) -> Vec<bool> {
        let Some(session) = self.open.get_mut(&used.id) else {
            return vec![true; answers.len()];
        };
        let places = session.places();
        let mut has_given = vec![false; session.kept.len()];
        let news = answers.iter().map(|(key, answer)| {
            let Some((place, kept)) =
                places.get(key).and_then(|place| Some((*place, session.kept.get_mut(*place)?)))
            else {
                return true;
            };
            let told = (answer.high_watermark, answer.log_start_offset);
            let has_records = answer.records.as_ref().is_some_and(|records| !Bytes::is_empty(records));
            let has_failed = answer.error_code != 0;
            let is_news = has_records || has_failed || kept.told != Some(told);
            has_given[place] = has_records;
            // After an error the next answer is told in any case.
            kept.told = Some(told).filter(|_| !has_failed);
            is_news || used.is_whole
        });
        let news = news.collect();
        session.serve_last(&has_given);
        news
    }
}

impl Session {
    /// Where each partition is in the order.
    fn places(&self) -> SortedMap<Key, usize> {
        let keys = self.kept.iter().map(|kept| (kept.id, kept.topic.clone(), kept.wanted.partition));
        keys.zip(0..).collect()
    }

    fn update(&mut self, changed: &[FetchTopic], forgotten: &[ForgottenTopic]) {
        if changed.is_empty() && forgotten.is_empty() {
            return;
        }
        let mut places = self.places();
        for topic in changed {
            for wanted in &topic.partitions {
                let key = (topic.topic_id, topic.topic.clone(), wanted.partition);
                match places.get(&key).and_then(|place| self.kept.get_mut(*place)) {
                    Some(kept) => kept.wanted = wanted.clone(),
                    None => {
                        places.insert(key, self.kept.len());
                        let (topic, id) = (topic.topic.clone(), topic.topic_id);
                        self.kept.push(Kept { topic, id, wanted: wanted.clone(), told: None });
                    }
                }
            }
        }
        let mut is_gone = vec![false; self.kept.len()];
        for topic in forgotten {
            for partition in &topic.partitions {
                if let Some(place) = places.get(&(topic.topic_id, topic.topic.clone(), *partition)) {
                    is_gone[*place] = true;
                }
            }
        }
        let mut gone = is_gone.into_iter();
        self.kept.retain(|_| gone.next() != Some(true));
    }

    /// Puts partitions behind the others, so that none waits for ever behind one that always has records.
    fn serve_last(&mut self, has_given: &[bool]) {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (kept, has_given) in self.kept.drain(..).zip(has_given) {
            if *has_given { last.push(kept) } else { first.push(kept) }
        }
        first.append(&mut last);
        self.kept = first;
    }

    /// What is fetched, in the form of a request.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for kept in &self.kept {
            match topics.last_mut() {
                Some(last) if (last.topic_id, &last.topic) == (kept.id, &kept.topic) => {
                    last.partitions.push(kept.wanted.clone());
                }
                _ => topics.push(
                    FetchTopic::default()
                        .with_topic(kept.topic.clone())
                        .with_topic_id(kept.id)
                        .with_partitions(vec![kept.wanted.clone()]),
                ),
            }
        }
        topics
    }
}

fn not_found() -> ApiError {
    ApiError::new(ResponseError::FetchSessionIdNotFound, "There is no such fetch session.")
}
