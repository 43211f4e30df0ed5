package redact_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

func TestAddedValuesAreHiddenFromThenOn(t *testing.T) {
	t.Parallel()
	r := redact.New()
	const line = "signing with kestrel over a quiet field"
	require.Equal(t, line, r.String(line))
	r.Add([]byte("kestrel over"), []byte("kestrel over a quiet field"), []byte("quiet field at noon"))
	require.Equal(t, "signing with ‹redacted›", r.String(line), "a secret inside a longer secret goes with it")
	require.Equal(t, "‹redacted› and", r.String("kestrel over a quiet field at noon and"), "of two that overlap nothing stays")
	require.Equal(t, "‹redacted›‹redacted›", r.String("kestrel overkestrel over"))
}

func TestValuesOfEveryLengthAreFound(t *testing.T) {
	t.Parallel()
	r := redact.New()
	const text = "q7Xz" // no part of it repeats what is around it
	var values [][]byte
	for n := 6; n < 130; n++ {
		value := []byte(fmt.Sprintf("%03d!%s", n, strings.Repeat(text, 40))[:n])
		values = append(values, value)
	}
	r.Add(values...)
	for _, value := range values {
		require.Equal(t, "a ‹redacted› b", r.String("a "+string(value)+" b"))
		require.Equal(t, "‹redacted›", r.String(string(value)))
	}
}

func TestAddKeepsSoMuchAndForgetsTheOldest(t *testing.T) {
	t.Parallel()
	r := redact.New([]byte("the bot's own token"))
	value := func(n int) string { return fmt.Sprintf("invented-%06d", n) }
	hidden := func(n int) bool { return r.String(value(n)) == redact.Mask }
	const often = 7
	for hundred := range 50 {
		values := [][]byte{[]byte(value(often))}
		for n := range 100 {
			values = append(values, []byte(value(hundred*100+n)))
		}
		r.Add(values...)
		require.True(t, hidden(hundred*100), "what was just added is hidden, however much came before")
	}
	require.True(t, hidden(4999))
	require.True(t, hidden(often), "it was given all the time")
	require.False(t, hidden(0), "that was long ago")
	require.Equal(t, redact.Mask, r.String("the bot's own token"))
}

func TestALongFileDoesNotCrowdOutTheRest(t *testing.T) {
	t.Parallel()
	r := redact.New()
	var file strings.Builder
	for n := range 20000 {
		fmt.Fprintf(&file, "line number %d of a file\n", n)
	}
	r.Add([]byte("another secret"), []byte(file.String()))
	require.Equal(t, "‹redacted›, ‹redacted›", r.String("another secret, line number 5 of a file"))
	require.NotContains(t, r.String("it was\n"+strings.TrimSpace(file.String())), "line number 19999", "the whole is known as well")
}

func TestARedactorIsUsedWhileItLearns(t *testing.T) {
	t.Parallel()
	r := redact.New([]byte("always hidden"))
	var work sync.WaitGroup
	for n := range 4 {
		work.Go(func() {
			for i := range 50 {
				value := fmt.Sprintf("invented %d of %d", i, n)
				r.Add([]byte(value))
				if got := r.String(value + ", always hidden"); got != "‹redacted›, ‹redacted›" {
					t.Errorf("it says %q", got) // FailNow is for the test's own goroutine
				}
			}
		})
	}
	work.Wait()
}

// BenchmarkRedactorKnows says what a log costs by how many values are known.
func BenchmarkRedactorKnows(b *testing.B) {
	line := `{"level":30,"time":1763820000000,"msg":"request completed","path":"/orders/5f1e","status":200,"ms":12}` + "\n"
	text := strings.Repeat(line, 256*1024/len(line))
	for _, n := range []int{1, 100, 800} {
		var values [][]byte
		for i := range n {
			values = append(values, []byte(fmt.Sprintf("%04d-invented-%s", i, strings.Repeat("x7", i%60))))
		}
		r := redact.New(values...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.String(text)
			}
		})
	}
}

// BenchmarkRedactorAddsWhatItKnows is what every further read of a Secret costs.
func BenchmarkRedactorAddsWhatItKnows(b *testing.B) {
	r := redact.New()
	values := [][]byte{[]byte("mongodb://app:invented@db.example.net/orders"), []byte("lgt-invented-5f0c77d1e9b24a6c")}
	for b.Loop() {
		r.Add(values...)
	}
}

func TestValuesAloneLeaveTheFormsAsTheyAre(t *testing.T) {
	t.Parallel()
	const value = "kestrel over a quiet field"
	r := redact.New([]byte(value))
	require.Equal(t, `secret "orders" not found, password=x1 in ‹redacted›`, r.Values(`secret "orders" not found, password=x1 in `+value))
	require.Equal(t, value, (*redact.Redactor)(nil).Values(value))
}

// TestTheFirstLinesOfAValueAreHidden: a file is hidden as a whole, and its first 128 lines one by one.
func TestTheFirstLinesOfAValueAreHidden(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 129 {
		lines = append(lines, fmt.Sprintf("setting number %d of the file", i+1))
	}
	r := redact.New()
	r.Add([]byte(strings.Join(lines, "\n")))
	for _, line := range lines[:128] {
		require.Equal(t, "said: ‹redacted›", r.String("said: "+line))
	}
	require.Equal(t, "said: "+lines[128], r.String("said: "+lines[128]), "what follows is not")
	require.NotContains(t, r.String(strings.Join(lines, "\n")), lines[128], "but in the whole file")
}
