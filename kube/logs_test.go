package kube

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
)

func TestTheLastLinesAreKeptWhateverComesBefore(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 1<<20) // 5 MiB
	for name, tt := range map[string]struct {
		text  string
		lines []string
		cut   bool
	}{
		"nothing":             {"", nil, false},
		"no end of line":      {"a\nb", []string{"a", "b"}, false},
		"an empty line":       {"a\n\nb\n", []string{"a", "", "b"}, false},
		"more than wanted":    {"1\n2\n3\n4\n5\n", []string{"3", "4", "5"}, false},
		"5 MiB, then two":     {long + "\nx\ny\n", []string{long[:len(long[:logLineBytes])/5*5-1] + " …", "x", "y"}, false},
		"one word of 5 MiB":   {strings.Repeat("x", 5<<20) + "\ny", []string{" …", "y"}, false},
		"more than is read":   {"x\n" + strings.Repeat("y", logReadBytes), []string{"x"}, true},
		"bytes of no meaning": {"\x00\xff\n\x1b[31m\r\n", []string{"\x00\xff", "\x1b[31m"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, cut, err := lastLines(strings.NewReader(tt.text), 3)
			require.NoError(t, err)
			require.Equal(t, tt.cut, cut)
			require.Equal(t, tt.lines, lines)
		})
	}
	lines, cut, err := lastLines(io.MultiReader(strings.NewReader("a\nhalf a sec"), iotest.ErrReader(io.ErrUnexpectedEOF)), 3)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.True(t, cut)
	require.Equal(t, []string{"a"}, lines)
}

func FuzzLastLines(f *testing.F) {
	f.Add([]byte("a\nb\n"), uint8(2))
	f.Add(bytes.Repeat([]byte("x y"), logLineBytes), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, most uint8) {
		lines, _, err := lastLines(bytes.NewReader(text), int(most))
		require.NoError(t, err)
		require.LessOrEqual(t, len(lines), int(most))
		for _, line := range lines {
			require.LessOrEqual(t, len(line), logLineBytes+len(" …"))
			require.NotContains(t, line, "\n")
		}
	})
}

func TestALogThatCannotBeReadIsASentence(t *testing.T) {
	t.Parallel()
	for code, tt := range map[int]struct {
		kind error
		says string
	}{
		http.StatusBadRequest:          {algesta.ErrNotFound, "Container web of pod p has no such log."},
		http.StatusNotFound:            {algesta.ErrNotFound, "There's no pod p in namespace production."},
		http.StatusForbidden:           {algesta.ErrForbidden, "I don't have permission to get pods/log in production (403)."},
		http.StatusInternalServerError: {algesta.ErrUnreachable, "The node of pod p doesn't return its log."},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(code)
				_, _ = fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","message":"body of the server","code":%d}`, code)
			}))
			t.Cleanup(server.Close)
			c, err := OpenREST("aks", &rest.Config{Host: server.URL}, "production")
			require.NoError(t, err)
			_, _, err = c.GetLogs(t.Context(), "production", "p", corev1.PodLogOptions{Container: "web"})
			require.ErrorIs(t, err, tt.kind)
			var e *algesta.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.says, e.Message.String())
			require.NotContains(t, err.Error(), "body of the server")
		})
	}
}

// A kubelet's limit of bytes keeps the oldest of the lines that are asked for.
func TestADiagnosisReadsTheNewestLinesBehindALongOne(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limitBytes"))
		if err != nil {
			limit = 1 << 30
		}
		log := strings.Repeat("x", 300<<10) + "\npanic: no route to the database\n"
		_, _ = io.WriteString(w, log[:min(limit, len(log))])
	}))
	t.Cleanup(server.Close)
	c, err := OpenREST("aks", &rest.Config{Host: server.URL}, "production")
	require.NoError(t, err)
	log, err := c.Log(t.Context(), "production", "p", "web", true)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(log), "panic: no route to the database"), "the newest line is what a diagnosis is about")
}

func TestWhatIsAskedOfAKubeletIsBounded(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Encode()
		_, _ = io.WriteString(w, "x\n")
	}))
	t.Cleanup(server.Close)
	c, err := OpenREST("aks", &rest.Config{Host: server.URL}, "production")
	require.NoError(t, err)
	lines, _, err := c.GetLogs(t.Context(), "production", "p", corev1.PodLogOptions{
		Container: "web", Previous: true, Timestamps: true, Follow: true, TailLines: new(int64(1 << 40)), SinceSeconds: new(int64(60)),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, lines)
	require.Equal(t, "container=web&limitBytes=16777216&previous=true&sinceSeconds=60&tailLines=2000&timestamps=true", <-asked)
}
