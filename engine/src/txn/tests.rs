use kafka_protocol::ResponseError as E;

use super::record::{decode_key, encode_key};
use super::*;
use crate::fields::RecordError;

const ID: ProducerId = 40;
const OTHER_ID: ProducerId = 41;
const TIMEOUT_MS: i32 = 1_000;

/// A transactional id and the time.
struct World {
    txn: Transaction,
    now_ms: i64,
}

/// What became of a request: its error, or the state that was stored; none if nothing had to be.
type Outcome = Result<Option<TxnState>, E>;

impl World {
    /// A producer of epoch 0 is there.
    fn new() -> World {
        let mut world = World { txn: Transaction::default(), now_ms: 5_000 };
        assert_eq!(world.ask(None, None).unwrap(), Init::NewProducerId);
        assert_eq!(world.init(None, Some(ID)), Ok((ID, 0)));
        world
    }

    /// The same with a transaction that is in a certain state.
    fn in_state(state: TxnState) -> World {
        let mut world = World::new();
        if state != TxnState::Empty {
            assert_eq!(world.add((ID, 0), &[("t", 1)]), Ok(Some(TxnState::Ongoing)));
        }
        let is_commit = matches!(state, TxnState::PrepareCommit | TxnState::CompleteCommit);
        if !matches!(state, TxnState::Empty | TxnState::Ongoing) {
            world.end((ID, 0), is_commit).unwrap();
        }
        if matches!(state, TxnState::CompleteCommit | TxnState::CompleteAbort) {
            world.complete();
        }
        assert_eq!(world.current().state, state);
        world
    }

    fn current(&self) -> &TxnMetadata {
        self.txn.current().unwrap()
    }

    fn ask(&self, asked: Option<Identity>, new_producer_id: Option<ProducerId>) -> Result<Init, E> {
        let request = InitRequest { asked, timeout_ms: TIMEOUT_MS, new_producer_id };
        self.txn.init(request, self.now_ms).map_err(|error| error.error)
    }

    fn init(&mut self, asked: Option<Identity>, new_id: Option<ProducerId>) -> Result<Identity, E> {
        match self.ask(asked, new_id)? {
            Init::Store(change) => self.store(change),
            other => panic!("{other:?}"),
        }
        Ok((self.current().producer_id, self.current().producer_epoch))
    }

    fn store(&mut self, change: Change) {
        self.txn.begin(change);
        assert!(self.txn.is_pending());
        self.txn.stored(true);
    }

    fn store_if_any(&mut self, change: Result<Option<Change>, ApiError>) -> Outcome {
        let change = change.map_err(|error| error.error)?;
        Ok(change.map(|change| {
            self.store(change);
            self.current().state
        }))
    }

    fn add(&mut self, producer: Identity, wanted: &[(&str, i32)]) -> Outcome {
        let change = self.txn.add(producer, &partitions(wanted), self.now_ms);
        self.store_if_any(change)
    }

    fn end(&mut self, producer: Identity, is_commit: bool) -> Outcome {
        let change = self.txn.end(producer, is_commit, self.now_ms);
        self.store_if_any(change)
    }

    fn complete(&mut self) {
        assert_eq!(self.txn.completed(self.now_ms), None, "a partition has no marker yet");
        let unmarked = self.txn.unmarked().clone();
        for (topic, indexes) in unmarked.iter() {
            indexes.iter().for_each(|index| self.txn.marked(topic, *index));
        }
        let change = self.txn.completed(self.now_ms).unwrap();
        self.store(change);
        assert!(self.current().partitions.is_empty());
    }
}

fn partitions(wanted: &[(&str, i32)]) -> Partitions {
    let mut partitions = Partitions::new();
    for (topic, index) in wanted {
        partitions.or_default((*topic).to_owned()).insert(*index);
    }
    partitions
}

#[test]
fn every_request_in_every_state() {
    use TxnState::*;
    let busy = Err(E::ConcurrentTransactions);
    let invalid = Err(E::InvalidTxnState);
    // InitProducerId gives the epoch; an Err(None) is an abort that has to come first.
    type Row = (TxnState, Result<Identity, Option<E>>, Outcome, Outcome, Outcome);
    let table: [Row; 6] = [
        (Empty, Ok((ID, 1)), Ok(Some(Ongoing)), invalid, invalid),
        (Ongoing, Err(None), Ok(Some(Ongoing)), Ok(Some(PrepareCommit)), Ok(Some(PrepareAbort))),
        (PrepareCommit, Err(Some(E::ConcurrentTransactions)), busy, busy, invalid),
        (PrepareAbort, Err(Some(E::ConcurrentTransactions)), busy, invalid, busy),
        (CompleteCommit, Ok((ID, 1)), Ok(Some(Ongoing)), Ok(None), invalid),
        (CompleteAbort, Ok((ID, 1)), Ok(Some(Ongoing)), invalid, Ok(None)),
    ];
    for (state, init, add, commit, abort) in table {
        let mut world = World::in_state(state);
        let asked = world.ask(None, None);
        let got = match asked {
            Ok(Init::Abort(Change::To { metadata, previous })) => {
                assert_eq!((metadata.state, metadata.producer_epoch, previous), (PrepareAbort, 1, None));
                assert_eq!(metadata.partitions, world.current().partitions);
                Err(None)
            }
            Ok(_) => world.init(None, None).map_err(Some),
            Err(error) => Err(Some(error)),
        };
        assert_eq!(got, init, "InitProducerId in {state:?}");
        assert_eq!(World::in_state(state).add((ID, 0), &[("t", 2)]), add, "AddPartitionsToTxn in {state:?}");
        assert_eq!(World::in_state(state).end((ID, 0), true), commit, "a commit in {state:?}");
        assert_eq!(World::in_state(state).end((ID, 0), false), abort, "an abort in {state:?}");

        let mut world = World::in_state(state);
        for (stranger, error) in [
            ((ID, 1), E::ProducerFenced),
            ((ID, -1), E::ProducerFenced),
            ((3, 0), E::InvalidProducerIdMapping),
        ] {
            assert_eq!(world.add(stranger, &[("t", 1)]), Err(error));
            assert_eq!(world.end(stranger, true), Err(error));
        }
    }
}

#[test]
fn nothing_else_happens_until_a_change_is_stored() {
    for state in TxnState::ALL {
        let mut world = World::in_state(state);
        let before = world.current().clone();
        world.txn.begin(Change::Removal);
        let busy = E::ConcurrentTransactions;
        assert_eq!(world.ask(None, None), Err(busy));
        assert_eq!(world.add((ID, 0), &[("t", 1)]), Err(busy));
        assert_eq!(world.end((ID, 0), true), Err(busy));
        world.now_ms += 1_000_000;
        assert_eq!(world.txn.timed_out(world.now_ms), None);
        assert_eq!(world.txn.completed(world.now_ms), None);
        assert!(!world.txn.is_expired(world.now_ms, 1));
        assert_eq!(world.txn.next(), None);
        world.txn.stored(false);
        assert_eq!(world.txn.next(), Some(&before), "nothing of it was stored");
    }
}

#[test]
fn partitions_add_up_and_each_transaction_begins_without() {
    let mut world = World::in_state(TxnState::Ongoing);
    assert_eq!(world.add((ID, 0), &[("t", 1)]), Ok(None), "it is there already");
    world.now_ms += 10;
    assert_eq!(world.add((ID, 0), &[("t", 0), ("u", 3)]), Ok(Some(TxnState::Ongoing)));
    assert_eq!(world.current().partitions, partitions(&[("t", 0), ("t", 1), ("u", 3)]));
    assert_eq!((world.current().started_ms, world.current().updated_ms), (5_000, 5_010));
    world.end((ID, 0), true).unwrap();
    assert_eq!(world.txn.unmarked(), &partitions(&[("t", 0), ("t", 1), ("u", 3)]));
    world.txn.marked("t", 1);
    world.txn.marked("u", 3);
    world.txn.marked("u", 3);
    world.txn.marked("none", 0);
    assert_eq!(world.txn.unmarked(), &partitions(&[("t", 0)]));
    world.complete();
    assert_eq!(world.add((ID, 0), &[("v", 0)]), Ok(Some(TxnState::Ongoing)));
    assert_eq!(world.current().partitions, partitions(&[("v", 0)]));
    assert_eq!(world.current().started_ms, 5_010);
}

#[test]
fn a_producer_that_goes_on_gets_the_next_epoch_once() {
    let mut world = World::new();
    assert_eq!(world.init(Some((ID, 0)), None), Ok((ID, 1)));
    assert_eq!(world.init(Some((ID, 0)), None), Ok((ID, 1)), "the answer was lost");
    assert_eq!(world.init(Some((ID, 1)), None), Ok((ID, 2)));
    assert_eq!(world.init(Some((ID, 0)), None), Err(E::ProducerFenced));
    // Another producer has come, so that a repetition is one of a fenced producer.
    assert_eq!(world.init(None, None), Ok((ID, 3)));
    assert_eq!(world.init(Some((ID, 1)), None), Err(E::ProducerFenced));
    assert_eq!(world.init(Some((ID, 2)), None), Err(E::ProducerFenced));
    assert_eq!(world.init(Some((OTHER_ID, 3)), None), Err(E::ProducerFenced));
    // A fenced one aborts nobody's transaction.
    world.add((ID, 3), &[("t", 1)]).unwrap();
    assert_eq!(world.ask(Some((ID, 2)), None), Err(E::ProducerFenced));
    assert!(matches!(world.ask(Some((ID, 3)), None), Ok(Init::Abort(_))));
}

#[test]
fn when_the_epochs_are_used_up_there_is_another_id() {
    let mut world = World::new();
    for epoch in 1..=LAST_EPOCH {
        assert_eq!(world.init(None, None), Ok((ID, epoch)));
    }
    let last = (ID, LAST_EPOCH);
    assert_eq!(world.ask(Some((ID, LAST_EPOCH - 1)), None), Err(E::ProducerFenced));
    assert_eq!(world.ask(Some(last), None), Ok(Init::NewProducerId));
    // The last one can be fenced still.
    world.add(last, &[("t", 1)]).unwrap();
    let Ok(Init::Abort(change)) = world.ask(None, None) else { panic!() };
    world.store(change);
    assert_eq!((world.current().state, world.current().producer_epoch), (TxnState::PrepareAbort, i16::MAX));
    world.complete();
    assert_eq!(world.ask(None, None), Ok(Init::NewProducerId));
    assert_eq!(world.init(None, Some(OTHER_ID)), Ok((OTHER_ID, 0)));
    // Nor does an epoch that nobody was given run over.
    let mut world = World::new();
    let recovered = TxnMetadata { producer_epoch: i16::MAX, ..world.current().clone() };
    world.txn = Transaction::recovered(recovered);
    world.add((ID, i16::MAX), &[("t", 1)]).unwrap();
    assert!(matches!(world.ask(None, None), Ok(Init::Abort(_))));
}

#[test]
fn a_lost_answer_with_a_new_id_is_given_again() {
    let mut world = World::new();
    world.txn = Transaction::recovered(TxnMetadata { producer_epoch: LAST_EPOCH, ..world.current().clone() });
    let last = (ID, LAST_EPOCH);
    assert_eq!(world.init(Some(last), Some(OTHER_ID)), Ok((OTHER_ID, 0)));
    assert_eq!(world.init(Some(last), None), Ok((OTHER_ID, 0)));
    assert_eq!(world.init(Some((ID, 3)), None), Err(E::ProducerFenced));
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut world = World::in_state(TxnState::Ongoing);
    let begun = world.now_ms;
    world.now_ms += 700;
    world.add((ID, 0), &[("t", 2)]).unwrap();
    world.now_ms = begun + i64::from(TIMEOUT_MS);
    assert_eq!(world.txn.timed_out(world.now_ms), None);
    world.now_ms += 1;
    let change = world.txn.timed_out(world.now_ms).unwrap();
    world.store(change);
    assert_eq!(world.end((ID, 0), true), Err(E::ProducerFenced));
    world.complete();
    assert_eq!(world.current().state, TxnState::CompleteAbort);
    assert_eq!(world.add((ID, 0), &[("t", 1)]), Err(E::ProducerFenced));
    assert_eq!(world.init(None, None), Ok((ID, 2)));
}

#[test]
fn what_is_not_used_is_forgotten_unless_it_has_a_transaction() {
    for state in TxnState::ALL {
        let world = World::in_state(state);
        let has_none = matches!(state, TxnState::Empty | TxnState::CompleteCommit | TxnState::CompleteAbort);
        assert!(!world.txn.is_expired(5_099, 100));
        assert_eq!(world.txn.is_expired(5_100, 100), has_none, "{state:?}");
    }
    let mut world = World::new();
    world.store(Change::Removal);
    assert_eq!(world.txn.current(), None);
}

#[test]
fn after_a_restart_it_is_as_it_was_stored() {
    for state in TxnState::ALL {
        let world = World::in_state(state);
        let stored = world.current().encode();
        let recovered = Transaction::recovered(TxnMetadata::decode(&stored).unwrap());
        assert_eq!(recovered.current(), world.txn.current());
        assert_eq!(recovered.unmarked(), world.txn.unmarked(), "a restart goes on with {state:?}");
    }
}

#[test]
fn records_are_kafkas() {
    assert_eq!(encode_key("tx"), b"\0\0\0\x02tx");
    assert_eq!(decode_key(b"\0\0\0\x02tx"), Ok("tx".to_owned()));
    let mut metadata = TxnMetadata {
        producer_id: 7,
        producer_epoch: 2,
        timeout_ms: 60_000,
        state: TxnState::PrepareCommit,
        partitions: partitions(&[("a", 1), ("a", 0)]),
        updated_ms: 9,
        started_ms: 8,
    };
    // TransactionLogValue.json: version, producer id, epoch, time-out, status, partitions by topic, last update, start.
    let mut expected = b"\0\0\0\0\0\0\0\0\0\x07\0\x02\0\0\xea\x60\x02".to_vec();
    expected.extend(b"\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x01");
    expected.extend(b"\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x08");
    assert_eq!(metadata.encode(), expected);
    assert_eq!(TxnMetadata::decode(&expected), Ok(metadata.clone()));
    metadata.state = TxnState::Empty;
    metadata.partitions.clear();
    let encoded = metadata.encode();
    assert_eq!(encoded[17..21], [0xff; 4], "no partitions are null");
    assert_eq!(TxnMetadata::decode(&encoded), Ok(metadata));
}

#[test]
fn bytes_that_are_no_record_are_told_from_one() {
    let whole = World::in_state(TxnState::Ongoing).current().encode();
    for length in 0..whole.len() {
        assert_eq!(TxnMetadata::decode(&whole[..length]), Err(RecordError::Malformed));
    }
    let mut changed = whole.clone();
    changed[1] = 1;
    assert_eq!(TxnMetadata::decode(&changed), Err(RecordError::Unknown(1)));
    for state in [-1_i8, 6, 7] {
        let mut changed = whole.clone();
        changed[16] = state as u8;
        assert_eq!(TxnMetadata::decode(&changed), Err(RecordError::Malformed));
    }
    // More partitions than there are bytes.
    let mut changed = whole;
    changed[17..21].copy_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(TxnMetadata::decode(&changed), Err(RecordError::Malformed));
    assert_eq!(decode_key(b"\0"), Err(RecordError::Malformed));
    assert_eq!(decode_key(b"\0\x01\0\0"), Err(RecordError::Unknown(1)));
}

#[test]
fn a_producer_that_has_its_own_transaction_aborted_goes_on_in_the_epoch_that_its_markers_have() {
    let mut world = World::in_state(TxnState::Ongoing);
    let Ok(Init::Abort(change)) = world.ask(Some((ID, 0)), None) else { panic!() };
    world.store(change);
    assert_eq!(world.ask(Some((ID, 0)), None), Err(E::ConcurrentTransactions));
    world.complete();
    assert_eq!(world.current().producer_epoch, 1);
    assert_eq!(world.init(Some((ID, 0)), None), Ok((ID, 1)));
    assert_eq!(world.ask(Some((ID, 7)), None), Err(E::ProducerFenced));
}
