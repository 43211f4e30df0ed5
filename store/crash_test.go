package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// crashFile names the file that a child process of these tests writes until it is killed.
const crashFile = "ALGESTA_STORE_CRASH_TEST"

// crashing reports whether this process is that child, after it has played its part.
func crashing() bool {
	path := os.Getenv(crashFile)
	if path == "" {
		return false
	}
	go func() { // its parent is gone: so is it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	if err := writeForEver(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// writeForEver receives, updates and delivers at once, and prints what was acknowledged, after it was.
func writeForEver(path string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, "file:"+path, zapNop())
	if err != nil {
		return err
	}
	s.Work(map[algesta.JobKind]store.Handler{
		algesta.ExecuteJob: func(context.Context, string) (time.Duration, error) { return 0, nil },
	})
	if err := s.Start(ctx); err != nil {
		return err
	}
	var mu sync.Mutex
	acknowledge := func(what, id string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(os.Stdout, what, id)
	}
	ends := make(chan error)
	for range 4 {
		go func() {
			for {
				v := typed(algesta.NewOfferID())
				if _, err := s.Receive(ctx, v); err != nil {
					ends <- err
				}
				acknowledge("inbox", v.Key)
			}
		}()
		go func() {
			for v := range s.Arrivals() {
				if err := s.Update(ctx, func(tx *store.Tx) error { return askedAndAnswered(tx, v) }); err != nil {
					ends <- err
				}
				acknowledge("request", v.Key)
			}
		}()
	}
	return <-ends
}

// askedAndAnswered writes to every table that belongs to one invocation.
func askedAndAnswered(tx *store.Tx, v algesta.Invocation) error {
	r := pending(v.Key)
	r.Status = algesta.Succeeded
	if err := tx.Create(r); err != nil {
		return err
	}
	if err := tx.Append(algesta.Entry{Request: r.ID, Kind: "requested", Actor: dana.ID.String(), At: noon}); err != nil {
		return err
	}
	if err := tx.Post(algesta.Post{Command: r.ID, Kind: algesta.CardPost}); err != nil {
		return err
	}
	if err := tx.Schedule(algesta.ExecuteJob, r.ID, time.Now()); err != nil {
		return err
	}
	return tx.Answered(v.Key)
}

// child is a process that writes to path.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, path string) child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe() // closed when this process ends, however it ends
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return child{cmd, bufio.NewScanner(out)}
}

// kill kills the child as a power cut would, and returns everything that it had acknowledged.
func (c child) kill(t *testing.T, after time.Duration, acknowledged map[string]bool) {
	t.Helper()
	require.True(t, c.lines.Scan(), "the child writes")
	acknowledged[c.lines.Text()] = true
	timer := time.AfterFunc(after, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	for c.lines.Scan() {
		acknowledged[c.lines.Text()] = true
	}
	require.ErrorContains(t, c.cmd.Wait(), "killed")
}

func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	acknowledged := map[string]bool{}
	for range 10 {
		startChild(t, path).kill(t, time.Duration(rand.IntN(150))*time.Millisecond, acknowledged)

		s, err := store.Open(context.Background(), "file:"+path, zapNop())
		require.NoError(t, err)
		var integrity string
		require.NoError(t, s.Reader().QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&integrity))
		require.Equal(t, "ok", integrity)
		audit, err := s.Verify(context.Background())
		require.NoError(t, err)
		for _, table := range []string{
			`SELECT COUNT(*) FROM requests`, `SELECT COUNT(*) FROM posts`, `SELECT COUNT(*) FROM inbox WHERE done_at > 0`,
		} {
			require.Equal(t, int(audit.Seq), count(t, s, table), "a transaction is there as a whole or not at all")
		}
		for line := range acknowledged {
			what, id, _ := strings.Cut(line, " ")
			if what == "inbox" {
				require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM inbox WHERE key = '`+id+`'`), line)
				continue
			}
			_, err := s.Request(context.Background(), id)
			require.NoError(t, err, line)
		}
		closeStore(t, s)
	}
	t.Logf("%d acknowledged writes survived 10 kills", len(acknowledged))
}

func TestASecondProcessIsRefusedWhileTheFirstLives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	first := startChild(t, path)
	require.True(t, first.lines.Scan())
	_, err := store.Open(context.Background(), "file:"+path, zapNop())
	require.ErrorIs(t, err, store.ErrInUse)
	require.ErrorContains(t, err, fmt.Sprintf("held by process %d", first.cmd.Process.Pid))
	if runtime.GOOS == "linux" { // whatever path leads to the file, and without the lock file, too
		symbolic, hard := filepath.Join(filepath.Dir(path), "symbolic.db"), filepath.Join(filepath.Dir(path), "hard.db")
		require.NoError(t, os.Symlink(path, symbolic))
		require.NoError(t, os.Link(path, hard))
		require.NoError(t, os.Remove(path+".lock"))
		for _, other := range []string{symbolic, hard, path} {
			_, err = store.Open(context.Background(), "file:"+other, zapNop())
			require.ErrorIs(t, err, store.ErrInUse, other)
		}
	}
	first.kill(t, 0, map[string]bool{})
	open(t, path)
}
