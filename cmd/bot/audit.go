package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/words"
)

const (
	// headMessage is the message of the log line that holds the end of the audit. It is never changed: people's log stores look for it.
	headMessage = "audit head"
	// headEvery is how often the end of the audit is logged. Lines younger than the last head have no anchor yet.
	headEvery = time.Hour
	// maxLogLine bounds a line of a log that is searched for heads; a longer one is none.
	maxLogLine = 1 << 20
)

// exitBroken is the exit code of an audit that was changed, apart from 1 for what could not be checked.
const exitBroken = 2

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

// Unwrap is the error itself.
func (e exitError) Unwrap() error { return e.error }

// exitCode is the code of an error; 1 where it has none of its own.
func exitCode(err error) int {
	if coded, ok := errors.AsType[exitError](err); ok {
		return coded.code
	}
	return 1
}

// auditHeads logs the end of the audit, so that the log, which is kept elsewhere, is the anchor of the chain.
type auditHeads struct {
	head func(context.Context) (store.Head, error)
	log  *zap.Logger
}

// run logs the end of the audit now and then every hour, until ctx ends.
func (a auditHeads) run(ctx context.Context) {
	if !a.log.Core().Enabled(zap.InfoLevel) {
		a.log.Warn("this log level leaves out the audit head; without it nobody can prove later that the audit wasn't rewritten")
	}
	tick := time.NewTicker(headEvery)
	defer tick.Stop()
	for {
		if head, err := a.head(ctx); err == nil {
			// The hash is bytes, so that no rule of the redactor takes it for a secret.
			a.log.Info(headMessage, zap.Int64("seq", head.Seq), zap.ByteString("hash", []byte(head.Hash)))
		} else if ctx.Err() == nil {
			a.log.Error("the audit head could not be read", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// auditCommand holds the commands for people who have to trust the audit.
func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Check the audit"}
	cmd.AddCommand(auditVerifyCommand())
	return cmd
}

// verification is what `bot audit verify` is asked.
type verification struct {
	config, store string
	heads, logs   []string
}

func auditVerifyCommand() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that nobody changed the audit",
		Long: `Reads the store without changing it, also while a bot works on it, and checks that each line of the audit follows from the one
before. Someone who can write the file can rebuild the whole chain, or cut off its end, and only a head from outside shows
that: the bot logs the end of its audit when it starts and every hour ("` + headMessage + `", with seq and hash). Pass one with
--head, or the log itself with --log.

The exit code is 0 if the audit is intact, 2 if it was changed, and 1 if it couldn't be checked.`,
		Example: `  bot audit verify --config /etc/algesta/config.yaml --head 1204:5f3a…
  kubectl logs deployment/algesta --since 720h | bot audit verify --store file:./algesta.db --log -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return v.answer(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&v.config, "config", "", "the configuration, for its store")
	flags.StringVar(&v.store, "store", "", "the store, if not the configuration's, such as file:/var/lib/algesta/algesta.db")
	flags.StringArrayVar(&v.heads, "head", nil, "a head that the bot logged, SEQ:HASH; repeat for more")
	flags.StringArrayVar(&v.logs, "log", nil, "a file with the bot's log, - for standard input; repeat for more")
	return cmd
}

// answer verifies the audit and says what is certain about it then.
func (v verification) answer(ctx context.Context, in io.Reader, out io.Writer) error {
	address := v.store
	if address == "" {
		if v.config == "" {
			return errors.New("name the store with --store, or a configuration with --config")
		}
		cfg, err := loadConfigWithoutSlack(v.config)
		if err != nil {
			return err
		}
		address = cfg.Store
	}
	anchors, err := v.anchors(in)
	if err != nil {
		return err
	}
	head, err := store.VerifyAudit(ctx, address, anchors...)
	if errors.Is(err, store.ErrAuditBroken) {
		return exitError{err, exitBroken}
	}
	if err != nil {
		return err
	}
	return v.report(out, head, anchors)
}

func (v verification) report(out io.Writer, head store.Head, anchors []store.Head) error {
	said := fmt.Sprintf("The audit has %s, and each follows from the one before. It ends with %s.\n", words.Count(head.Seq, "line"), head)
	var newest store.Head
	for _, a := range anchors {
		if a.Seq > newest.Seq {
			newest = a
		}
	}
	switch {
	case newest.Seq > 0:
		said += fmt.Sprintf("Up to line %d it is what it was when that head was logged.\n", newest.Seq)
	default:
		said += "It was compared with nothing from outside: an audit that was rewritten, or cut off at its end, looks the " +
			"same.\nPass a head that the bot logged with --head, or its log with --log.\n"
	}
	if _, err := io.WriteString(out, said); err != nil {
		return fmt.Errorf("printing the answer: %w", err)
	}
	return nil
}

// anchors are the heads that were given, as they are and in logs.
func (v verification) anchors(in io.Reader) ([]store.Head, error) {
	var all []store.Head
	for _, text := range v.heads {
		head, err := store.ParseHead(text)
		if err != nil {
			return nil, err
		}
		all = append(all, head)
	}
	for _, path := range v.logs {
		found, err := headsOfFile(path, in)
		if err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf(
				"the log %s has no line with the message %q: is it the bot's log, as JSON, with the level info?", path, headMessage,
			)
		}
		all = append(all, found...)
	}
	return all, nil
}

func headsOfFile(path string, in io.Reader) ([]store.Head, error) {
	if path == "-" {
		return headsOf(in)
	}
	f, err := os.Open(path) //nolint:gosec // the operator's own path
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return headsOf(f)
}

// headsOf finds the heads in a log of JSON lines. What is before the first brace of a line is not the bot's: container runtimes and
// kubectl put times and names there.
func headsOf(in io.Reader) ([]store.Head, error) {
	var heads []store.Head
	lines := bufio.NewReaderSize(in, maxLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) { // it is no line of ours
			_, err = lines.ReadSlice('\n')
		}
		if !tooLong {
			head, ok, wrong := headOf(line)
			if wrong != nil {
				return nil, wrong
			}
			if ok {
				heads = append(heads, head)
			}
		}
		if errors.Is(err, io.EOF) {
			return heads, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// headOf is the head in one line of a log; ok is false for all other lines. A head that cannot be read is an error: leaving it out
// would hide what it proves.
func headOf(line []byte) (head store.Head, ok bool, err error) {
	start := bytes.IndexByte(line, '{')
	if start < 0 {
		return head, false, nil
	}
	var l struct {
		Message string `json:"msg"`
		Seq     int64  `json:"seq"`
		Hash    string `json:"hash"`
	}
	if json.Unmarshal(line[start:], &l) != nil || l.Message != headMessage {
		return head, false, nil //nolint:nilerr // it is a line of something else
	}
	head, err = store.ParseHead(store.Head{Seq: l.Seq, Hash: l.Hash}.String())
	return head, err == nil, err
}
