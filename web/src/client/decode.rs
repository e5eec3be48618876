//! Messages of the workers out of JavaScript values.
//!
//! The workers write them by serde ([`headwater_worker_protocol::js::encode`]). Reading them by serde would be a sixth
//! of the page, because it is ready for any order, any type and any error; here each field is looked up by its name,
//! and what is missing or of another type makes the message unreadable.

use headwater_worker_protocol::tabs::BetweenTabs;
use headwater_worker_protocol::{
    Assignor, BrokerEvent, BrokerSnapshot, ClientsSnapshot, ConsumedRecord, ConsumerPartition,
    ConsumerRequest, ConsumerSnapshot, ConsumerState, ErrorCount, ErrorReport, FromBroker, FromClients,
    GroupEvent, GroupMember, GroupOffset, GroupSnapshot, ImportSnapshot, ImportState, OffsetReset,
    PartitionSnapshot, Preview, Reply, TopicSnapshot, Trace,
};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// What can be read out of a JavaScript value.
pub(super) trait FromJs: Sized {
    /// None when the value is something else.
    fn from_js(value: &JsValue) -> Option<Self>;
}

/// The message in what a `postMessage` carried: the first of two elements, the other is its attachment.
pub(super) fn message<T: FromJs>(data: &JsValue) -> Option<T> {
    T::from_js(&data.dyn_ref::<Array>()?.get(0))
}

fn field<T: FromJs>(object: &JsValue, name: &str) -> Option<T> {
    T::from_js(&Reflect::get(object, &JsValue::from_str(name)).ok()?)
}

/// A variant's name and what is in it: a string, or an object with one key.
fn variant(value: &JsValue) -> Option<(String, JsValue)> {
    if let Some(name) = value.as_string() {
        return Some((name, JsValue::UNDEFINED));
    }
    let entry: Array = Object::entries(value.dyn_ref::<Object>()?).get(0).dyn_into().ok()?;
    Some((entry.get(0).as_string()?, entry.get(1)))
}

macro_rules! structs {
    ($($name:ident { $($field:ident),* $(; $rest:expr)? })*) => {
        $(impl FromJs for $name {
            fn from_js(value: &JsValue) -> Option<Self> {
                Some($name { $($field: field(value, stringify!($field))?,)* $(..$rest)? })
            }
        })*
    };
}

structs! {
    BrokerEvent { node_id, wall_ms, warning, message; BrokerEvent::default() }
    BrokerSnapshot { node_id, brokers, topics, errors, requests, connections, memory_bytes, commits }
    ClientsSnapshot { imports, consumers, groups; ClientsSnapshot::default() }
    ConsumedRecord { partition, offset, value }
    ConsumerPartition { topic, partition, position; ConsumerPartition::default() }
    ConsumerRequest { group, topic, assignor, reset, records_per_s, instance_id; ConsumerRequest::default() }
    ConsumerSnapshot { consumer, client_id, request, state, member_id, generation, partitions, records, bytes, last_records }
    ErrorCount { error, count, last_message }
    ErrorReport { kind, code, message, retriable }
    GroupEvent { wall_ms, group, message; GroupEvent::default() }
    GroupMember { member_id, instance_id, client_id, partitions }
    GroupOffset { topic, partition, committed, log_start_offset, end_offset }
    GroupSnapshot { group, state, assignor, members, offsets }
    ImportSnapshot {
        import, source, topic, state, rows_read, acknowledged, already_there, broken, broken_rows, bytes_read,
        bytes_total, elapsed_ms; ImportSnapshot::default()
    }
    PartitionSnapshot { partition, log_start_offset, high_watermark, size_bytes, segments }
    Preview { format, fields, rows, suggested_key }
    TopicSnapshot { name, leaders, partitions, configs }
}

impl FromJs for FromBroker {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        Some(match name.as_str() {
            "loaded" => FromBroker::Loaded,
            "waiting" => FromBroker::Waiting { node_id: field(&content, "node_id")? },
            "ready" => FromBroker::Ready {
                node_id: field(&content, "node_id")?,
                brokers: field(&content, "brokers")?,
                logs: field(&content, "logs")?,
                recovery_ms: field(&content, "recovery_ms")?,
            },
            "snapshot" => FromBroker::Snapshot(FromJs::from_js(&content)?),
            "event" => FromBroker::Event(FromJs::from_js(&content)?),
            // Only JavaScript reads what is in them.
            "trace" | "log" | "held" => FromBroker::Trace(Trace::default()),
            "needs-peer" => {
                FromBroker::NeedsPeer { node_id: field(&content, "node_id")?, peer: field(&content, "peer")? }
            }
            "destroyed" => FromBroker::Destroyed { node_id: field(&content, "node_id")? },
            "broker-failed" => FromBroker::BrokerFailed {
                node_id: field(&content, "node_id")?,
                report: field(&content, "report")?,
            },
            "failed" => FromBroker::Failed(FromJs::from_js(&content)?),
            _ => return None,
        })
    }
}

impl FromJs for FromClients {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        Some(match name.as_str() {
            "loaded" => FromClients::Loaded,
            "needs-broker" => FromClients::NeedsBroker { node_id: field(&content, "node_id")? },
            "reply" => FromClients::Reply { id: field(&content, "id")?, result: field(&content, "result")? },
            "snapshot" => FromClients::Snapshot(FromJs::from_js(&content)?),
            "group-event" => FromClients::GroupEvent(FromJs::from_js(&content)?),
            "failed" => FromClients::Failed(FromJs::from_js(&content)?),
            _ => return None,
        })
    }
}

impl FromJs for BetweenTabs {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        Some(match name.as_str() {
            "hello" => BetweenTabs::Hello { tab: field(&content, "tab")? },
            "here" => BetweenTabs::Here { tab: field(&content, "tab")? },
            "down" => BetweenTabs::Down { node_id: field(&content, "node_id")? },
            "open" => BetweenTabs::Open {
                tab: field(&content, "tab")?,
                node_id: field(&content, "node_id")?,
                channel: field(&content, "channel")?,
            },
            _ => return None,
        })
    }
}

impl FromJs for Reply {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        Some(match name.as_str() {
            "done" => Reply::Done,
            "preview" => Reply::Preview(FromJs::from_js(&content)?),
            "import-started" => Reply::ImportStarted { import: field(&content, "import")? },
            "consumer-started" => Reply::ConsumerStarted { consumer: field(&content, "consumer")? },
            _ => return None,
        })
    }
}

impl FromJs for ImportState {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        Some(match name.as_str() {
            "resuming" => ImportState::Resuming,
            "running" => ImportState::Running,
            "done" => ImportState::Done,
            "stopped" => ImportState::Stopped,
            "failed" => ImportState::Failed(FromJs::from_js(&content)?),
            _ => return None,
        })
    }
}

impl FromJs for ConsumerState {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        Some(match name.as_str() {
            "joining" => ConsumerState::Joining,
            "assigned" => ConsumerState::Assigned,
            "leaving" => ConsumerState::Leaving,
            "left" => ConsumerState::Left,
            "killed" => ConsumerState::Killed,
            "failed" => ConsumerState::Failed(FromJs::from_js(&content)?),
            _ => return None,
        })
    }
}

impl FromJs for Assignor {
    fn from_js(value: &JsValue) -> Option<Self> {
        Some(match value.as_string()?.as_str() {
            "range" => Assignor::Range,
            "round-robin" => Assignor::RoundRobin,
            "sticky" => Assignor::Sticky,
            "cooperative-sticky" => Assignor::CooperativeSticky,
            _ => return None,
        })
    }
}

impl FromJs for OffsetReset {
    fn from_js(value: &JsValue) -> Option<Self> {
        Some(match value.as_string()?.as_str() {
            "earliest" => OffsetReset::Earliest,
            "latest" => OffsetReset::Latest,
            _ => return None,
        })
    }
}

impl<T: FromJs> FromJs for Result<T, ErrorReport> {
    fn from_js(value: &JsValue) -> Option<Self> {
        let (name, content) = variant(value)?;
        match name.as_str() {
            "Ok" => T::from_js(&content).map(Ok),
            "Err" => ErrorReport::from_js(&content).map(Err),
            _ => None,
        }
    }
}

impl<T: FromJs> FromJs for Option<T> {
    fn from_js(value: &JsValue) -> Option<Self> {
        if value.is_undefined() || value.is_null() { Some(None) } else { T::from_js(value).map(Some) }
    }
}

impl<T: FromJs> FromJs for Vec<T> {
    fn from_js(value: &JsValue) -> Option<Self> {
        let array = value.dyn_ref::<Array>()?;
        let mut items = Vec::with_capacity(array.length() as usize);
        for index in 0..array.length() {
            items.push(T::from_js(&array.get(index))?);
        }
        Some(items)
    }
}

impl<A: FromJs, B: FromJs> FromJs for (A, B) {
    fn from_js(value: &JsValue) -> Option<Self> {
        let array = value.dyn_ref::<Array>()?;
        Some((A::from_js(&array.get(0))?, B::from_js(&array.get(1))?))
    }
}

impl FromJs for String {
    fn from_js(value: &JsValue) -> Option<Self> {
        value.as_string()
    }
}

impl FromJs for bool {
    fn from_js(value: &JsValue) -> Option<Self> {
        value.as_bool()
    }
}

impl FromJs for f64 {
    fn from_js(value: &JsValue) -> Option<Self> {
        value.as_f64()
    }
}

macro_rules! small_integers {
    ($($name:ident)*) => {
        $(impl FromJs for $name {
            fn from_js(value: &JsValue) -> Option<Self> {
                value.as_f64().map(|number| number as $name)
            }
        })*
    };
}

small_integers! { i16 i32 u32 }

impl FromJs for i64 {
    fn from_js(value: &JsValue) -> Option<Self> {
        value.clone().try_into().ok()
    }
}

impl FromJs for u64 {
    fn from_js(value: &JsValue) -> Option<Self> {
        value.clone().try_into().ok()
    }
}
