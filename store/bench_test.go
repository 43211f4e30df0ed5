package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// openBench opens an empty store without a log.
func openBench(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(context.Background(), "file:"+filepath.Join(b.TempDir(), "algesta.db"), zapNop())
	require.NoError(b, err)
	b.Cleanup(func() { closeStore(b, s) })
	return s
}

// BenchmarkAck is the stated budget: envelopes at 200 a second, each with an answer and its delivery. It reports the time
// from Receive to its return (goal: p99 at most 25 ms), the CPU per envelope, and whether the answers kept up.
func BenchmarkAck(b *testing.B) {
	const perSecond = 200
	s := openBench(b)
	ctx := context.Background()
	acks := make([]time.Duration, b.N)
	var work sync.WaitGroup
	answers := make(chan struct{}, b.N)
	work.Go(func() { // the dispatcher: each invocation on a goroutine of its own, as in commands
		for range b.N {
			v := <-s.Arrivals()
			work.Go(func() {
				require.NoError(b, s.Update(ctx, func(tx *store.Tx) error {
					if err := tx.Post(algesta.Post{
						Command: v.Key, Kind: algesta.AnswerPost, OnlyFor: "U0DANA", Reply: v.Reply,
						Report: algesta.Report{Title: algesta.Say("This is what I can do: {}", helpText)},
					}); err != nil {
						return err
					}
					return tx.Answered(v.Key)
				}))
				answers <- struct{}{}
			})
		}
	})
	work.Go(func() { sendAll(b, s, b.N) })
	usage := cpu(b)
	began := time.Now()
	b.ResetTimer()
	var senders sync.WaitGroup
	for i := range b.N {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / perSecond)))
		senders.Go(func() {
			at := time.Now()
			_, err := s.Receive(ctx, typed(fmt.Sprint("cmd:", i)))
			require.NoError(b, err)
			acks[i] = time.Since(at)
		})
	}
	senders.Wait()
	b.StopTimer()
	behind := b.N - len(answers)
	work.Wait()
	slices.Sort(acks)
	b.ReportMetric(float64(acks[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(acks[b.N*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(acks[b.N-1].Microseconds())/1000, "max-ms")
	b.ReportMetric(float64((cpu(b)-usage).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(behind), "behind")
	b.ReportMetric(time.Since(began).Seconds(), "drain-s")
}

// helpText is about as long as a real answer.
var helpText = strings.Repeat("help ", 160)

// sendAll is the sender of the outbox until n posts are delivered.
func sendAll(b *testing.B, s *store.Store, n int) {
	b.Helper()
	for sent := 0; sent < n; {
		<-s.OutboxWake()
		for {
			all, err := s.Due(context.Background(), 50)
			require.NoError(b, err)
			if len(all) == 0 {
				break
			}
			ids, done := make([]int64, len(all)), make([]algesta.Delivery, len(all))
			for i, o := range all {
				ids[i], done[i] = o.ID, algesta.Delivery{ID: o.ID, Rev: o.Rev}
			}
			require.NoError(b, s.Attempting(context.Background(), ids))
			require.NoError(b, s.Delivered(context.Background(), done))
			sent += len(all)
		}
	}
}

// cpu is the processor time this process has used.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkUpdate is how many transactions a second go through, alone and from 32 callers that share commits.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprint(callers, "-callers"), func(b *testing.B) {
			s := openBench(b)
			usage := cpu(b)
			var all sync.WaitGroup
			for c := range callers {
				all.Go(func() {
					for i := c; i < b.N; i += callers {
						id := fmt.Sprint("c-", i)
						require.NoError(b, s.Update(context.Background(), func(tx *store.Tx) error {
							if err := tx.Create(pending(id)); err != nil {
								return err
							}
							if err := tx.Append(algesta.Entry{Request: id, Kind: "requested", At: noon}); err != nil {
								return err
							}
							if err := tx.Post(algesta.Post{Command: id, Kind: algesta.CardPost}); err != nil {
								return err
							}
							return tx.Schedule(algesta.ExpireJob, id, noon.Add(1000*time.Hour))
						}))
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
			b.ReportMetric(float64((cpu(b)-usage).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkWake is the time from the call of Update to the handler of the job it scheduled (goal: under 20 ms).
func BenchmarkWake(b *testing.B) {
	s := openBench(b)
	calls := make(chan time.Time, 1)
	s.Work(map[algesta.JobKind]store.Handler{algesta.ExecuteJob: func(context.Context, string) (time.Duration, error) {
		calls <- time.Now()
		return 0, nil
	}})
	require.NoError(b, s.Start(context.Background()))
	waits := make([]time.Duration, b.N)
	for i := range b.N {
		began := time.Now()
		schedule(b, s, algesta.ExecuteJob, fmt.Sprint("c-", i), began)
		waits[i] = (<-calls).Sub(began)
	}
	slices.Sort(waits)
	b.ReportMetric(float64(waits[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[b.N*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkDue asks for 100 posts of 5,000 that wait, as after Slack was away for half a minute.
func BenchmarkDue(b *testing.B) {
	s := openBench(b)
	require.NoError(b, s.Update(context.Background(), func(tx *store.Tx) error {
		for i := range 5000 {
			if err := tx.Post(algesta.Post{
				Command: fmt.Sprint("c-", i), Kind: algesta.AnswerPost, OnlyFor: "U0DANA",
				Report: algesta.Report{Title: algesta.Say("{}", helpText)},
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	for b.Loop() {
		all, err := s.Due(context.Background(), 100)
		require.NoError(b, err)
		require.Len(b, all, 100)
	}
}

// BenchmarkIdle is a time in which nothing happens while ten approvals wait (goal: at most 0.4 % of a core).
// Run it once: go test -run xxx -bench Idle -benchtime 1x ./store.
func BenchmarkIdle(b *testing.B) {
	const length = 20 * time.Second
	s := openBench(b)
	for range 10 {
		id := algesta.NewCommandID()
		update(b, s, func(tx *store.Tx) error {
			require.NoError(b, tx.Create(pending(id)))
			return tx.Schedule(algesta.ExpireJob, id, time.Now().Add(time.Hour))
		})
	}
	s.Work(map[algesta.JobKind]store.Handler{algesta.ExpireJob: func(context.Context, string) (time.Duration, error) { return 0, nil }})
	require.NoError(b, s.Start(context.Background()))
	<-time.After(time.Second)
	before := cpu(b)
	for range b.N {
		<-time.After(length)
	}
	b.ReportMetric(100*float64(cpu(b)-before)/float64(length)/float64(b.N), "%-of-a-core")
}
