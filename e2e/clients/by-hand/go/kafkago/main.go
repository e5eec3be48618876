// kafka-go: admin, every codec, a group of two members.
package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"headwater/clients/judge"
)

var servers []string
var ctx = context.Background()

func main() {
	var first bool
	servers, first = judge.Arguments()
	if first {
		admin()
		codecs()
		group()
	}
	checkCodecs()
	fmt.Println("kafka-go ok")
}

func admin() {
	c := &kafka.Client{Addr: kafka.TCP(servers...)}
	var topics []kafka.TopicConfig
	for _, name := range []string{"codecs", "group", "order"} {
		topics = append(topics, kafka.TopicConfig{Topic: "kafkago-" + name, NumPartitions: 3, ReplicationFactor: 1})
	}
	made, err := c.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: topics})
	judge.Must(err)
	for _, err := range made.Errors {
		judge.Must(err)
	}
	altered, err := c.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: "kafkago-codecs", Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "-1", ConfigOperation: kafka.ConfigOperationSet}}}}})
	judge.Must(err)
	judge.Must(altered.Resources[0].Error)
	_, err = c.Metadata(ctx, &kafka.MetadataRequest{})
	judge.Must(err)
	_, err = c.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"kafkago-order"}})
	judge.Must(err)
}

func codecs() {
	for _, codec := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		w := &kafka.Writer{Addr: kafka.TCP(servers...), Topic: "kafkago-codecs", Compression: codec, RequiredAcks: kafka.RequireAll, BatchTimeout: 10 * time.Millisecond, Balancer: &kafka.Hash{}}
		var msgs []kafka.Message
		for i := range judge.Each {
			msgs = append(msgs, kafka.Message{Key: []byte(codec.String()), Value: []byte(judge.Text(codec.String(), i)), Headers: []kafka.Header{{Key: "codec", Value: []byte(codec.String())}}})
		}
		judge.Must(w.WriteMessages(ctx, msgs...))
		judge.Must(w.Close())
	}
}

func checkCodecs() {
	next := judge.Codecs{}
	for p := range 3 {
		c := &kafka.Client{Addr: kafka.TCP(servers...)}
		offsets, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{"kafkago-codecs": {kafka.LastOffsetOf(p), kafka.FirstOffsetOf(p)}}})
		judge.Must(err)
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: servers, Topic: "kafkago-codecs", Partition: p, MaxWait: 100 * time.Millisecond})
		for range offsets.Topics["kafkago-codecs"][0].LastOffset {
			m, err := r.ReadMessage(ctx)
			judge.Must(err)
			next.Saw(m.Key, m.Value, []byte(m.Headers[0].Value))
		}
		judge.Must(r.Close())
	}
	judge.Check(len(next) == 5, next)
}

func group() {
	w := &kafka.Writer{Addr: kafka.TCP(servers...), Topic: "kafkago-group", RequiredAcks: kafka.RequireAll, BatchTimeout: 10 * time.Millisecond}
	for i := range 30 {
		var msgs []kafka.Message
		for j := range 10 {
			msgs = append(msgs, kafka.Message{Value: fmt.Append(nil, i*10+j)})
		}
		judge.Must(w.WriteMessages(ctx, msgs...))
	}
	judge.Must(w.Close())
	var mu sync.Mutex
	seen := map[string]int{}
	reading, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := kafka.NewReader(kafka.ReaderConfig{Brokers: servers, GroupID: "kafkago-group", Topic: "kafkago-group", HeartbeatInterval: 300 * time.Millisecond, MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset})
			for {
				m, err := r.ReadMessage(reading)
				if err != nil {
					break
				}
				mu.Lock()
				seen[string(m.Value)]++
				mu.Unlock()
			}
			judge.Must(r.Close())
		}()
	}
	c := &kafka.Client{Addr: kafka.TCP(servers...)}
	for {
		time.Sleep(100 * time.Millisecond)
		mu.Lock()
		n := len(seen)
		mu.Unlock()
		groups, err := c.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{"kafkago-group"}})
		judge.Must(err)
		if n == 300 && len(groups.Groups[0].Members) == 2 {
			break
		}
	}
	cancel()
	wg.Wait()
	offsets, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "kafkago-group", Topics: map[string][]int{"kafkago-group": {0, 1, 2}}})
	judge.Must(err)
	sum := int64(0)
	for _, p := range offsets.Topics["kafkago-group"] {
		sum += p.CommittedOffset
	}
	judge.Check(sum == 300, "committed", sum)
}
