use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Change {
    Insert(u8, u16),
    OrInsert(u8, u16),
    Remove(u8),
    PopFirst,
    RetainOdd,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (any::<u8>(), any::<u16>()).prop_map(|(key, value)| Change::Insert(key, value)),
        (any::<u8>(), any::<u16>()).prop_map(|(key, value)| Change::OrInsert(key, value)),
        any::<u8>().prop_map(Change::Remove),
        Just(Change::PopFirst),
        Just(Change::RetainOdd),
    ];
    prop::collection::vec(change, 0..60)
}

proptest! {
    #[test]
    fn it_does_what_a_btree_map_does(changes in changes(), probe in any::<u8>()) {
        let mut map = SortedMap::new();
        let mut model = BTreeMap::new();
        for change in changes {
            match change {
                Change::Insert(key, value) => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                Change::OrInsert(key, value) => {
                    let made = *map.or_insert_with(key, || value);
                    prop_assert_eq!(made, *model.entry(key).or_insert(value));
                }
                Change::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                Change::PopFirst => prop_assert_eq!(map.pop_first(), model.pop_first()),
                Change::RetainOdd => {
                    map.retain(|key, _| key % 2 == 1);
                    model.retain(|key, _| key % 2 == 1);
                }
            }
        }
        prop_assert!(map.iter().eq(model.iter()));
        prop_assert!(map.keys().eq(model.keys()) && map.values().eq(model.values()));
        prop_assert!(map.iter_from(&probe).eq(model.range(probe..)));
        prop_assert_eq!((map.get(&probe), map.contains_key(&probe)), (model.get(&probe), model.contains_key(&probe)));
        prop_assert_eq!(map.last().map(|(key, _)| key), model.keys().next_back());
        prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
    }
}
