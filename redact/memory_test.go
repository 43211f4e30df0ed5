package redact_test

import (
	"crypto/rand"
	"encoding/base64"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

// All that Add keeps, 16,384 forms, took 3.6 MiB; the bot's goal is 64 MiB.
func TestTheValuesThatAreKnownTakeLittleMemory(t *testing.T) { //nolint:paralleltest // it measures the heap
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	r := redact.New()
	for range 10 {
		values := make([][]byte, 300)
		for i := range values {
			b := make([]byte, 24)
			_, _ = rand.Read(b)
			values[i] = []byte(base64.StdEncoding.EncodeToString(b))
		}
		r.Add(values...)
	}
	require.Less(t, heap(), before+8<<20)
	runtime.KeepAlive(r)
}
