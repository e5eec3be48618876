// sarama: admin, every codec, idempotent producing, a group of two members, transactions.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"headwater/clients/judge"
)

var servers []string

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	if v := os.Getenv("SARAMA_VERSION"); v != "" {
		parsed, err := sarama.ParseKafkaVersion(v)
		judge.Must(err)
		c.Version = parsed
	}
	c.Producer.Return.Successes = true
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Net.MaxOpenRequests = 1
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

func main() {
	var first bool
	servers, first = judge.Arguments()
	if first {
		admin()
		codecs()
		group()
		transactions()
	}
	checkCodecs()
	judge.Check(len(read("sarama-txn", sarama.ReadCommitted, 305)) == 305, "committed")
	fmt.Println("sarama ok")
}

func admin() {
	a, err := sarama.NewClusterAdmin(servers, config())
	judge.Must(err)
	for _, name := range []string{"codecs", "group", "txn", "order"} {
		judge.Must(a.CreateTopic("sarama-"+name, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	}
	judge.Check(a.CreateTopic("sarama-order", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false) != nil, "made twice")
	v := "-1"
	judge.Must(a.IncrementalAlterConfig(sarama.TopicResource, "sarama-codecs", map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &v}}, false))
	entries, err := a.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "sarama-codecs", ConfigNames: []string{"retention.ms"}})
	judge.Must(err)
	judge.Check(entries[0].Value == "-1", entries)
	judge.Must(a.CreatePartitions("sarama-codecs", 4, nil, false))
	judge.Must(a.DeleteTopic("sarama-order"))
	_, _, err = a.DescribeCluster()
	judge.Must(err)
	_, err = a.DescribeLogDirs([]int32{0})
	judge.Must(err)
	judge.Must(a.Close())
}

func codecs() {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		c := config()
		c.Producer.Compression = codec
		p, err := sarama.NewSyncProducer(servers, c)
		judge.Must(err)
		var msgs []*sarama.ProducerMessage
		for i := range judge.Each {
			msgs = append(msgs, &sarama.ProducerMessage{Topic: "sarama-codecs", Key: sarama.StringEncoder(codec.String()), Value: sarama.StringEncoder(judge.Text(codec.String(), i)), Headers: []sarama.RecordHeader{{Key: []byte("codec"), Value: []byte(codec.String())}}})
		}
		judge.Must(p.SendMessages(msgs))
		judge.Must(p.Close())
	}
}

func read(topic string, isolation sarama.IsolationLevel, want int) []*sarama.ConsumerMessage {
	c := config()
	c.Consumer.IsolationLevel = isolation
	consumer, err := sarama.NewConsumer(servers, c)
	judge.Must(err)
	parts, err := consumer.Partitions(topic)
	judge.Must(err)
	all := make(chan *sarama.ConsumerMessage)
	for _, p := range parts {
		pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		judge.Must(err)
		go func() {
			for m := range pc.Messages() {
				all <- m
			}
		}()
	}
	var got []*sarama.ConsumerMessage
	for len(got) < want {
		got = append(got, <-all)
	}
	return got
}

func checkCodecs() {
	next := judge.Codecs{}
	for _, m := range read("sarama-codecs", sarama.ReadUncommitted, 100) {
		next.Saw(m.Key, m.Value, []byte(m.Headers[0].Value))
	}
}

type member struct {
	mu   *sync.Mutex
	seen map[string]int
}

func (m member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (m member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case msg, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.mu.Lock()
			m.seen[string(msg.Value)]++
			m.mu.Unlock()
			s.MarkMessage(msg, "")
		case <-s.Context().Done():
			return nil
		}
	}
}

func group() {
	p, err := sarama.NewSyncProducer(servers, config())
	judge.Must(err)
	for i := range 300 {
		_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "sarama-group", Key: sarama.StringEncoder(fmt.Sprint(i)), Value: sarama.StringEncoder(fmt.Sprint(i))})
		judge.Must(err)
	}
	judge.Must(p.Close())
	m := member{&sync.Mutex{}, map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := config()
			c.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
			g, err := sarama.NewConsumerGroup(servers, "sarama-group", c)
			judge.Must(err)
			for ctx.Err() == nil {
				if err := g.Consume(ctx, []string{"sarama-group"}, m); err != nil {
					fmt.Println("consume", err)
				}
			}
			judge.Must(g.Close())
		}()
	}
	a, err := sarama.NewClusterAdmin(servers, config())
	judge.Must(err)
	for {
		time.Sleep(100 * time.Millisecond)
		m.mu.Lock()
		n := len(m.seen)
		m.mu.Unlock()
		groups, err := a.DescribeConsumerGroups([]string{"sarama-group"})
		judge.Must(err)
		if n == 300 && len(groups[0].Members) == 2 {
			break
		}
	}
	cancel()
	wg.Wait()
	offsets, err := a.ListConsumerGroupOffsets("sarama-group", nil)
	judge.Must(err)
	sum := int64(0)
	for _, b := range offsets.Blocks["sarama-group"] {
		sum += b.Offset
	}
	judge.Check(sum == 300, "committed", sum)
	judge.Must(a.DeleteConsumerGroup("sarama-group"))
}

func transactions() {
	c := config()
	c.Producer.Transaction.ID = "sarama-txn"
	p, err := sarama.NewSyncProducer(servers, c)
	judge.Must(err)
	send := func(n int) {
		for i := range n {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "sarama-txn", Key: sarama.StringEncoder(fmt.Sprint(i)), Value: sarama.StringEncoder(fmt.Sprint(i))})
			judge.Must(err)
		}
	}
	judge.Must(p.BeginTxn())
	send(300)
	judge.Must(p.CommitTxn())
	judge.Must(p.BeginTxn())
	send(7)
	judge.Must(p.AbortTxn())
	judge.Must(p.BeginTxn())
	send(5)
	judge.Must(p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{"sarama-group": {{Partition: 0, Offset: 5}}}, "sarama-eos"))
	judge.Must(p.CommitTxn())
	judge.Must(p.Close())
}
