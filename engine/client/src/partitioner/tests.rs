use super::*;

/// Hashes and partitions as Kafka's own library computes them.
#[test]
fn murmur2_is_kafkas() {
    let golden = include_str!("../../tests/golden/murmur2.txt");
    let mut lines = 0;
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(' ');
        let key = match fields.next().unwrap() {
            "-" => Vec::new(),
            hex => {
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
            }
        };
        assert_eq!(murmur2(&key), fields.next().unwrap().parse::<i32>().unwrap(), "{line}");
        for partitions in [1, 3, 4, 12, 100] {
            let expected: i32 = fields.next().unwrap().parse().unwrap();
            assert_eq!(partition_for_key(&key, partitions), expected, "{line}");
        }
        lines += 1;
    }
    assert!(lines > 100, "only {lines} golden hashes");
}

#[test]
fn no_partitions_is_no_panic() {
    assert_eq!(partition_for_key(b"a", 0), 0);
    let mut sticky = StickyPartitioner::new(0);
    assert_eq!(sticky.current(&[], 0, &mut Random::new(1)), 0);
}

#[test]
fn stays_until_a_full_batch_went_there() {
    let mut random = Random::new(7);
    let mut sticky = StickyPartitioner::new(100);
    let all: Vec<i32> = (0..1000).collect();
    let first = sticky.current(&all, 1000, &mut random);
    sticky.appended(99, true, &all, 1000, &mut random);
    assert_eq!(sticky.current(&all, 1000, &mut random), first);
    sticky.appended(1, true, &all, 1000, &mut random);
    assert_ne!(sticky.current(&all, 1000, &mut random), first);
}

#[test]
fn waits_for_the_batch_to_fill_up_to_twice_its_size() {
    let mut random = Random::new(7);
    let mut sticky = StickyPartitioner::new(100);
    let all: Vec<i32> = (0..1000).collect();
    let first = sticky.current(&all, 1000, &mut random);
    sticky.appended(199, false, &all, 1000, &mut random);
    assert_eq!(sticky.current(&all, 1000, &mut random), first);
    sticky.appended(1, false, &all, 1000, &mut random);
    assert_ne!(sticky.current(&all, 1000, &mut random), first);
}

#[test]
fn draws_only_partitions_with_a_leader() {
    let mut random = Random::new(3);
    let mut sticky = StickyPartitioner::new(1);
    for _ in 0..100 {
        assert!([2, 5].contains(&sticky.current(&[2, 5], 6, &mut random)));
        sticky.appended(1, true, &[2, 5], 6, &mut random);
    }
}

/// Queues of 0, 3 and 1 batches are drawn 4, 1 and 3 times out of 8.
#[test]
fn short_queues_are_drawn_more_often() {
    let mut random = Random::new(11);
    let mut sticky = StickyPartitioner::new(1);
    sticky.update_load([(0, 0), (1, 3), (2, 1)].into_iter(), 3);
    let mut drawn = [0; 3];
    for _ in 0..80_000 {
        drawn[sticky.next(&[0, 1, 2], 3, &mut random) as usize] += 1;
    }
    for (count, share) in drawn.into_iter().zip([4, 1, 3]) {
        assert!((count - share * 10_000_i32).abs() < 1_000, "{drawn:?}");
    }
    sticky.update_load([(0, 2), (1, 2), (2, 2)].into_iter(), 3);
    assert!(sticky.load.is_none());
}

#[test]
fn draws_are_uniform_without_load() {
    let mut random = Random::new(5);
    let sticky = StickyPartitioner::new(1);
    let mut drawn = [0; 4];
    for _ in 0..40_000 {
        drawn[sticky.next(&[0, 1, 2, 3], 4, &mut random) as usize] += 1;
    }
    assert!(drawn.iter().all(|count| (9_500..10_500).contains(count)), "{drawn:?}");
}
