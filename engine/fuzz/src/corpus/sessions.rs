//! What a client does from its first request to its last: each request holds what the answer before it said.

use bytes::Bytes;
use headwater_engine::{ConnectionId, Uuid};
use kafka_protocol::messages::{
    ApiKey, DescribeGroupsRequest, InitProducerIdResponse, JoinGroupResponse, ProducerId,
};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::{SampleWorld, put_frame};
use crate::requests::groups::{self, GROUP};
use crate::requests::transactions::{self, TRANSACTIONAL_ID};
use crate::requests::{self, TOPIC, Topic};
use crate::targets::COMPLETE;

/// A sample's world, and what was asked in it.
struct Session {
    sample: SampleWorld,
    actions: Vec<u8>,
}

impl Session {
    fn new() -> Session {
        Session { sample: SampleWorld::new(), actions: Vec::new() }
    }

    fn send<Q: Encodable>(&mut self, api: ApiKey, version: i16, request: &Q) -> Bytes {
        let frame = requests::frame(api, version, 1, request).expect("it can be encoded");
        put_frame(&mut self.actions, &frame);
        self.actions.push(COMPLETE);
        let world = &mut self.sample.world;
        world.request(ConnectionId(0), frame);
        world.settle();
        let (_, answer) = world.answers.pop_front().expect("it is answered");
        answer
    }

    fn ask<Q: Encodable, R: Decodable>(&mut self, api: ApiKey, version: i16, request: &Q) -> R {
        let answer = self.send(api, version, request);
        requests::answer(api, version, answer)
    }

    fn whole(&self) -> Vec<u8> {
        self.sample.after_setup(&self.actions)
    }
}

/// A member joins, commits and leaves; its group is deleted.
pub(super) fn group() -> Vec<u8> {
    let mut session = Session::new();
    session.send(ApiKey::FindCoordinator, 6, &groups::find_coordinator(6, GROUP, 0));
    // The last version that makes a member of whoever has no id yet.
    let joined: JoinGroupResponse = session.ask(ApiKey::JoinGroup, 3, &groups::join_group(""));
    let (member, generation) = (&joined.member_id[..], joined.generation_id);
    assert_eq!((joined.error_code, generation), (0, 1));
    session.send(ApiKey::SyncGroup, 5, &groups::sync_group(5, member));
    session.send(ApiKey::Heartbeat, 4, &groups::heartbeat(member));
    session.send(ApiKey::OffsetCommit, 9, &groups::offset_commit(member, generation));
    session.send(ApiKey::OffsetFetch, 9, &groups::offset_fetch(9));
    let described = DescribeGroupsRequest::default().with_groups(vec![groups::group()]);
    session.send(ApiKey::DescribeGroups, 6, &described);
    session.send(ApiKey::LeaveGroup, 5, &groups::leave_group(5, member));
    let delete =
        kafka_protocol::messages::DeleteGroupsRequest::default().with_groups_names(vec![groups::group()]);
    session.send(ApiKey::DeleteGroups, 2, &delete);
    session.whole()
}

/// Records and an offset are written in a transaction, which ends; the next one is left open.
pub(super) fn transaction(committed: bool) -> Vec<u8> {
    let mut session = Session::new();
    session.send(ApiKey::FindCoordinator, 6, &groups::find_coordinator(6, GROUP, 0));
    session.send(ApiKey::FindCoordinator, 6, &groups::find_coordinator(6, TRANSACTIONAL_ID, 1));
    let begun: InitProducerIdResponse = session.ask(ApiKey::InitProducerId, 5, &transactions::init());
    assert_eq!(begun.error_code, 0);
    let ProducerId(id) = begun.producer_id;
    let producer = (id, begun.producer_epoch);
    let topic = Topic { name: TOPIC, id: Uuid::nil() };
    let produce = |sequence| requests::produce(9, topic, 0, transactions::batch(producer, sequence));
    session.send(ApiKey::AddPartitionsToTxn, 3, &transactions::add_partitions(producer));
    session.send(ApiKey::Produce, 9, &produce(0).with_transactional_id(Some(transactions::id())));
    session.send(ApiKey::AddOffsetsToTxn, 4, &transactions::add_offsets(producer));
    session.send(ApiKey::TxnOffsetCommit, 4, &transactions::commit_offsets(producer));
    session.send(ApiKey::EndTxn, 4, &transactions::end(producer, committed));
    session.send(ApiKey::AddPartitionsToTxn, 3, &transactions::add_partitions(producer));
    session.send(ApiKey::Produce, 9, &produce(1).with_transactional_id(Some(transactions::id())));
    session.send(ApiKey::Fetch, 11, &requests::fetch(11, topic, 0, 0).with_isolation_level(1));
    session.whole()
}
