// franz-go: admin, every codec, idempotent producing, a group of two members, transactions with a group's offsets.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater/clients/judge"
)

var (
	servers []string
	ctx     context.Context
)

func client(more ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(servers...)}, more...)...)
	judge.Must(err)
	return c
}

func main() {
	var first bool
	servers, first = judge.Arguments()
	var cancel context.CancelFunc
	ctx, cancel = context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	c := client()
	defer c.Close()
	adm := kadm.NewClient(c)
	if first {
		admin(adm)
		codecs()
		group(adm)
		transactions(adm)
	}
	checkCodecs()
	checkTransactions()
	fmt.Println("franz ok")
}

func admin(adm *kadm.Client) {
	made, err := adm.CreateTopics(ctx, 3, 1, nil, "franz-codecs", "franz-group", "franz-txn", "franz-order")
	judge.Must(err)
	judge.Must(made.Error())
	_, err = adm.CreateTopic(ctx, 3, 1, nil, "franz-order")
	judge.Check(err != nil && strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS"), "made twice", err)
	val := "-1"
	_, err = adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &val}}, "franz-codecs")
	judge.Must(err)
	cfg, err := adm.DescribeTopicConfigs(ctx, "franz-codecs")
	judge.Must(err)
	found := false
	for _, k := range cfg[0].Configs {
		found = found || k.Key == "retention.ms" && k.MaybeValue() == "-1"
	}
	judge.Check(found, "retention")
	parts, err := adm.UpdatePartitions(ctx, 4, "franz-codecs")
	judge.Must(err)
	judge.Must(parts.Error())
	_, err = adm.DeleteTopics(ctx, "franz-order")
	judge.Must(err)
	if _, err = adm.DescribeAllLogDirs(ctx, nil); err != nil {
		judge.Must(err)
	}
	_, err = adm.ListEndOffsets(ctx, "franz-codecs")
	judge.Must(err)
	_, err = adm.ApiVersions(ctx)
	judge.Must(err)
	_, err = adm.Metadata(ctx)
	judge.Must(err)
}

var all = map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}

func codecs() {
	for name, codec := range all {
		c := client(kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic("franz-codecs"))
		for i := range judge.Each {
			c.Produce(ctx, &kgo.Record{Key: []byte(name), Value: []byte(judge.Text(name, i)), Headers: []kgo.RecordHeader{{Key: "codec", Value: []byte(name)}}}, func(_ *kgo.Record, err error) { judge.Must(err) })
		}
		judge.Must(c.Flush(ctx))
		c.Close()
	}
}

func read(c *kgo.Client, want int) []*kgo.Record {
	var records []*kgo.Record
	for len(records) < want {
		fs := c.PollFetches(ctx)
		judge.Must(fs.Err())
		records = append(records, fs.Records()...)
	}
	return records
}

func checkCodecs() {
	c := client(kgo.ConsumeTopics("franz-codecs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	next := judge.Codecs{}
	for _, r := range read(c, 100) {
		next.Saw(r.Key, r.Value, []byte(r.Headers[0].Value))
	}
}

func group(adm *kadm.Client) {
	p := client()
	for i := range 300 {
		p.Produce(ctx, &kgo.Record{Topic: "franz-group", Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)}, func(_ *kgo.Record, err error) { judge.Must(err) })
	}
	judge.Must(p.Flush(ctx))
	p.Close()
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for m := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if m == 1 {
				time.Sleep(500 * time.Millisecond)
			}
			c := client(kgo.ConsumerGroup("franz-group"), kgo.ConsumeTopics("franz-group"), kgo.HeartbeatInterval(300*time.Millisecond), kgo.DisableAutoCommit(), kgo.FetchMaxWait(300*time.Millisecond))
			defer c.Close()
			for {
				mu.Lock()
				done := len(seen) == 300
				mu.Unlock()
				if done {
					desc, err := adm.DescribeGroups(ctx, "franz-group")
					judge.Must(err)
					if m == 1 || len(desc["franz-group"].Members) >= 1 {
						judge.Must(c.CommitUncommittedOffsets(ctx))
						return
					}
				}
				short, cancel := context.WithTimeout(ctx, time.Second)
				fs := c.PollFetches(short)
				cancel()
				fs.EachRecord(func(r *kgo.Record) { mu.Lock(); seen[string(r.Value)]++; mu.Unlock() })
				err := c.CommitUncommittedOffsets(ctx)
				if err != nil {
					fmt.Println("commit", err)
				}
			}
		}()
	}
	wg.Wait()
	for i := range 300 {
		judge.Check(seen[fmt.Sprint(i)] >= 1, "not seen", i)
	}
	lags, err := adm.Lag(ctx, "franz-group")
	judge.Must(err)
	judge.Check(lags["franz-group"].Lag.Total() == 0, "lag", lags["franz-group"].Lag.Total())
}

func transactions(adm *kadm.Client) {
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(servers...), kgo.TransactionalID("franz-txn"), kgo.ConsumerGroup("franz-eos"), kgo.ConsumeTopics("franz-group"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.FetchMaxWait(300*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	judge.Must(err)
	copied, turn := 0, 0
	for copied < 300 {
		fs := s.PollRecords(ctx, 50)
		judge.Must(fs.Err())
		judge.Must(s.Begin())
		n := 0
		fs.EachRecord(func(r *kgo.Record) {
			n++
			s.Produce(ctx, &kgo.Record{Topic: "franz-txn", Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) {
				if err != nil && !errors.Is(err, kgo.ErrAborting) {
					judge.Must(err)
				}
			})
		})
		turn++
		done, err := s.End(ctx, kgo.TransactionEndTry(turn%2 == 0))
		judge.Must(err)
		if done {
			copied += n
		}
	}
	s.Close()
	txns, err := adm.ListTransactions(ctx, nil, nil)
	judge.Must(err)
	judge.Check(len(txns) >= 1, "transactions")
}

func checkTransactions() {
	c := client(kgo.ConsumeTopics("franz-txn"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	seen := map[string]int{}
	for _, r := range read(c, 300) {
		seen[string(r.Value)]++
	}
	judge.Check(len(seen) == 300, "copied", len(seen))
}
